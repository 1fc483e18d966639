"""Loading a local model: what reaches it, and what is said of a name, folder, template or machine that will not do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from revet.errors import HostError, InputError, MissingDependency, ModelNotFound
from revet.models import local
from revet.models.local import loading
from revet.models.local.loading import Loaded
from tests.models.local.tiny import TEMPLATE, make_model

Chat = Callable[..., Any]


async def test_a_model_without_a_template_says_what_to_do(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "base", template=None)
    model = local.ChatTransformers(model=str(folder), max_tokens=3)
    with pytest.raises(ModelNotFound, match=r"(?s)base has no chat template.*chat_template=FILE"):
        await model.ainvoke("Look")
    model.close()
    file = tmp_path / "template.jinja"
    file.write_text(TEMPLATE)
    for template in (TEMPLATE, str(file)):
        given = local.ChatTransformers(model=str(folder), chat_template=template, max_tokens=3)
        assert (await given.ainvoke("Look")).usage_metadata["output_tokens"] == 3
        given.close()
    missing = local.ChatTransformers(model=str(folder), chat_template=str(tmp_path / "none.jinja"))
    with pytest.raises(InputError, match=r"none\.jinja cannot be read"):
        await missing.ainvoke("Look")
    missing.close()


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("./nowhere", ModelNotFound, "there is no model at ./nowhere"),
        ("/no/such/folder", ModelNotFound, "there is no model at"),
        ("nobody/nothing", ModelNotFound, "(?s)nobody/nothing cannot be loaded.*local folders"),
    ],
)
async def test_names_that_lead_nowhere(name: str, error: type[Exception], says: str) -> None:
    model = local.ChatTransformers(model=name)
    with pytest.raises(error, match=says):
        await model.ainvoke("Look")
    model.close()


async def test_folders_that_hold_no_model(tmp_path: Path, folder: Callable[..., Path]) -> None:
    from revet.models.local.loading import load

    with pytest.raises(ModelNotFound, match=r"it has no config\.json"):
        load(str(tmp_path), {})
    file = tmp_path / "weights.bin"
    file.write_bytes(b"")
    with pytest.raises(ModelNotFound, match="is a file"):
        load(str(file), {})
    (tmp_path / "config.json").write_text('{"model_type": "never-heard-of"}')
    with pytest.raises(ModelNotFound, match="does not know"):
        load(str(tmp_path), {})
    (tmp_path / "config.json").write_text("{")
    with pytest.raises((ModelNotFound, HostError), match="cannot be loaded"):
        load(str(tmp_path), {})
    (tmp_path / "config.json").write_bytes((folder("llama") / "config.json").read_bytes())
    with pytest.raises((ModelNotFound, HostError), match="cannot be loaded"):
        load(str(tmp_path), {})
    with pytest.raises(ModelNotFound, match="take a model with attention layers"):
        load(str(folder("mamba")), {})
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ModelNotFound, match="encoder-decoder"):
        load(str(tmp_path), {})


async def test_damaged_folders_and_wrong_options_are_told_as_such(tmp_path: Path) -> None:
    place = make_model(tmp_path / "damaged")
    for options in ({"nonsense": 1}, {"dtype": "no_such_type"}):
        with pytest.raises(HostError, match=r"(?s)cannot be loaded.*an option is wrong"):
            loading.load(str(place), options)
    about = (place / "config.json").read_text()
    (place / "config.json").write_text(about.replace('"hidden_size": 64', '"hidden_size": "many"'))
    with pytest.raises(HostError, match="hidden_size"):
        loading.load(str(place), {})
    (place / "config.json").write_text(about)
    weights = place / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(HostError, match="may be damaged"):
        loading.load(str(place), {})


async def test_weights_may_lie_elsewhere(chat: Chat, tmp_path: Path) -> None:
    offloaded = chat(device_map={"": "disk"}, load_options={"offload_folder": str(tmp_path)})
    assert (await offloaded.ainvoke("Look")).content == (await chat().ainvoke("Look")).content
    assert offloaded.engine.ready().result().loaded.device == torch.device("cpu")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
async def test_memory_that_runs_out_while_loading(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from transformers import AutoModelForCausalLM

    def fail(*_: Any, **__: Any) -> None:
        raise error

    model = chat()
    with monkeypatch.context() as patch:
        patch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
        with pytest.raises(HostError, match=r"(?s)not enough memory to load.*quantization_config"):
            await model.ainvoke("Look")
    assert (await model.ainvoke("Look")).content


async def test_options_reach_the_model(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    seen: dict[str, Any] = {}
    real = AutoModelForCausalLM.from_pretrained

    def spy(source: str, **options: Any) -> Any:
        seen.update(options)
        return real(source, **{key: value for key, value in options.items() if key != "quantization_config"})

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", spy)
    model = chat(
        dtype="bfloat16",
        device_map="cpu",
        quantization_config="four bits",
        load_options={"attn_implementation": "eager"},
    )
    said = await model.ainvoke("Look")
    loaded: Loaded = model.engine.ready().result().loaded
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.model.config._attn_implementation == "eager"
    assert seen["quantization_config"] == "four bits"
    assert said.content


def test_the_models_own_settings_are_the_default(folder: Callable[..., Path], tmp_path: Path) -> None:
    place = make_model(tmp_path / "own")
    about = json.loads((place / "generation_config.json").read_text())
    about.update(do_sample=True, temperature=0.6, top_k=20, top_p=0.9, max_new_tokens=7, repetition_penalty=1.1)
    (place / "generation_config.json").write_text(json.dumps(about))
    model = local.ChatTransformers(model=str(place), seed=1)
    ready = model.engine.ready().result()
    sampling = model._sampling(ready, {})
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.repetition_penalty) == (0.6, 20, 0.9, 1.1)
    assert model._sampling(ready, {"temperature": 0.0}).temperature == 0.0
    assert model.invoke("Look").usage_metadata["output_tokens"] == 7
    model.close()
    plain = local.ChatTransformers(model=str(folder()))
    assert plain._sampling(plain.engine.ready().result(), {}).temperature == 0.0
    plain.close()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PACKAGES", ("torch", "no_such_package_anywhere"))
    with pytest.raises(MissingDependency, match=r"(?s)no_such_package_anywhere.*pip install 'revet\[local\]'"):
        _ = local.ChatTransformers


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    program = (
        "import sys, revet.models.local\n"
        "print([name for name in ('torch', 'transformers', 'langchain_core', 'xgrammar') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
