"""Names of models, what is checked before anything is run, and the library that loads and shares them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from revet.errors import InputError, MissingDependency, ModelNotFound
from revet.models import Account, LanguageModel, Library, Prices, Reply, ScriptedModel, Tokens, as_model, check, parse
from revet.models.prices import Listed
from revet.models.providers import PROVIDERS
from tests.models.servers import Fault, ModelServer
from tests.models.support import MODELS, QUICK, request


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in (*provider.keys, *provider.instead):
            monkeypatch.delenv(name, raising=False)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "provider", "name"),
    [
        ("openai:gpt-5-mini", "openai", "gpt-5-mini"),
        ("ollama:llama3.2:3b", "ollama", "llama3.2:3b"),
        ("transformers:Qwen/Qwen3-0.6B", "transformers", "Qwen/Qwen3-0.6B"),
        ("replay:a/b.jsonl", "replay", "a/b.jsonl"),
        ("builtin:repair", "builtin", "repair"),
    ],
)
def test_a_name_has_two_parts(text: str, provider: str, name: str) -> None:
    spec = parse(text)
    assert (spec.provider, spec.name, str(spec)) == (provider, name, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gpt-5", "write provider:name"),
        (":x", "write provider:name"),
        ("openai:", "write provider:name"),
        ("openai: ", "write provider:name"),
        ("opnai:gpt-5", "did you mean openai?"),
        ("google-genai:gemini", "did you mean google_genai?"),
        ("zzzzzz:x", "the providers: anthropic"),
        ("vllm:x", "openai:NAME with --base-url"),
        ("lm-studio:x", "openai:NAME with --base-url"),
        ("llama.cpp:x", "openai:NAME with --base-url"),
        ("llamacpp:x", "openai:NAME with --base-url"),
        ("localai:x", "openai:NAME with --base-url"),
        ("builtin:repare", "builtin:repair"),
    ],
)
def test_a_name_that_cannot_be_says_what_can(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert says in str(caught.value)


def test_the_table_of_providers_is_langchains() -> None:
    from langchain.chat_models.base import _BUILTIN_PROVIDERS

    theirs = {name: entry[:2] for name, entry in _BUILTIN_PROVIDERS.items()}
    ours = {name: (provider.module, provider.chat_model) for name, provider in PROVIDERS.items()}
    assert ours == theirs


def test_prices_are_listed_for_the_providers_that_say_so() -> None:
    from genai_prices.data import providers

    listed = {provider.id for provider in providers}
    assert {provider.prices for provider in PROVIDERS.values() if provider.prices} <= listed


# --- checks ----------------------------------------------------------------------------------------------------------


def test_a_missing_package_is_told_with_the_line_that_installs_it() -> None:
    with pytest.raises(MissingDependency) as caught:
        check("mistralai:mistral-large-latest")
    assert caught.value.hint == "pip install langchain-mistralai"
    with pytest.raises(MissingDependency) as caught:
        check("bedrock_mantle_openai:x")
    assert caught.value.hint == 'pip install "langchain-aws[openai]"'


@pytest.mark.parametrize(("text", "key"), [("openai:gpt-5", "OPENAI_API_KEY"), ("anthropic:x", "ANTHROPIC_API_KEY")])
def test_a_missing_key_is_named(text: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelNotFound, match=key):
        check(text)
    monkeypatch.setenv(key, "k")
    assert str(check(text)) == text


def test_an_endpoint_of_ones_own_needs_no_key() -> None:
    check("openai:anything", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(ModelNotFound, match="ANTHROPIC_API_KEY"):
        check("anthropic:x", base_url="http://127.0.0.1:1/v1")


@pytest.mark.parametrize("provider", ["replay", "scripted"])
def test_a_missing_file_is_told(provider: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no file"):
        check(f"{provider}:{tmp_path / 'none.jsonl'}")
    (tmp_path / "some.jsonl").touch()
    check(f"{provider}:{tmp_path / 'some.jsonl'}")


def test_local_models_are_folders_or_names_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    check("transformers:Qwen/Qwen3-0.6B")
    check("transformers:gpt2")
    for name in (str(tmp_path / "none"), "./none", "../a/b", "~/none", "a/b/c"):
        with pytest.raises(ModelNotFound, match="no folder"):
            check(f"transformers:{name}")
    with pytest.raises(ModelNotFound, match="holds no model"):
        check(f"transformers:{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    check(f"transformers:{tmp_path}")


def test_local_models_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "xgrammar" else object())
    with pytest.raises(MissingDependency, match="xgrammar") as caught:
        check("transformers:gpt2")
    assert caught.value.hint == "pip install 'revet[local]'"


# --- the library -----------------------------------------------------------------------------------------------------


async def test_a_model_is_loaded_once(library: Library) -> None:
    first = library.get("openai:gpt-4o-mini")
    assert library.get("openai:gpt-4o-mini") is first
    assert library.get("openai:gpt-4o") is not first
    assert as_model("openai:gpt-4o", library).name == "openai:gpt-4o"
    await library.close()
    assert library.get("openai:gpt-4o-mini") is not first


async def test_the_clients_do_not_try_again_by_themselves(library: Library) -> None:
    backend: Any = library.get("openai:gpt-4o-mini").backend
    assert backend.model.max_retries == 0
    assert backend.model.root_async_client.max_retries == 0


async def test_an_endpoint_in_the_environment_needs_no_key_either(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    library = Library()
    assert (await library.get("openai:gpt-4o-mini").ask(request(), Account())).text == "you said: Hello."
    headers = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert headers["authorization"] == "Bearer no-key-needed"
    await library.close()


async def test_an_anthropic_model_by_name(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.root)
    library = Library(base_url="http://127.0.0.1:1/v1", retries=QUICK)
    model = library.get("anthropic:claude-opus-4-6")
    reply = await model.ask(request(), Account())
    assert reply.text == "you said: Hello."
    assert model.priced
    assert reply.cost is not None and reply.cost > 0
    assert server.asked[0].protocol == "messages"
    await library.close()


async def test_fallbacks_by_name(server: ModelServer, tmp_path: Path) -> None:
    script = tmp_path / "answers.yaml"
    script.write_text(json.dumps([{"reply": "from the script"}]))
    library = Library(base_url="http://127.0.0.1:1/v1", retries=QUICK, fallbacks=(f"scripted:{script}",))
    reply = await library.get("openai:gpt-4o-mini").ask(request(), Account())
    assert reply.text == "from the script"
    itself = library.get(f"scripted:{script}")
    assert not itself.fallbacks
    assert library.get("openai:gpt-4o-mini").fallbacks[0].backend is itself.backend
    await library.close()


async def test_a_chat_model_or_a_backend_has_the_fallbacks_too(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("- reply: from the script")
    library = Library(fallbacks=(f"scripted:{tmp_path / 'one.yaml'}",))
    assert (await as_model(ScriptedModel([]), library).ask(request(), Account())).text == "from the script"
    await library.close()


def test_the_limits_hold_for_all_models_of_a_provider_in_all_their_uses(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.yaml").write_text("- reply: x")
    one, two, three = (f"scripted:{tmp_path / name}.yaml" for name in ("one", "two", "three"))
    library = Library(fallbacks=(one,), concurrency=2)
    limits = library.get(two).fallbacks[0].limits
    assert library.get(three).fallbacks[0].limits is limits
    assert library.get(one).limits is limits
    assert library.get(two).limits is limits
    assert as_model(ScriptedModel([], name="other:one"), library).limits is not limits


async def test_all_is_closed_though_some_of_it_fails() -> None:
    closed = []

    class Closes(ScriptedModel):
        async def close(self) -> None:
            closed.append(self.name)
            if self.name == "one":
                raise OSError("it was gone")

    library = Library()
    for name in ("one", "two"):
        as_model(Closes([], name=name), library)
    with pytest.raises(OSError, match="gone"):
        await library.close()
    assert closed == ["one", "two"]
    await library.close()


def test_options_of_local_models(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `local` is not installed")
    (tmp_path / "config.json").write_text("{}")
    spec = f"transformers:{tmp_path}"
    backend: Any = Library(local={"dtype": "bfloat16", "max_batch": 3}).get(spec).backend
    assert (backend.model.dtype, backend.model.max_batch, backend.model.model) == ("bfloat16", 3, str(tmp_path))
    for wrong, says in (
        ({"max_bach": 3}, "did you mean 'max_batch'"),
        ({"model": "other"}, "no option 'model'"),
        ({"max_batch": 0}, "max_batch: Input should be greater than 0"),
    ):
        with pytest.raises(InputError) as caught:
            Library(local=wrong).get(spec)
        assert says in str(caught.value)


async def test_a_recording_is_not_recorded_to_while_it_is_played_back(tmp_path: Path) -> None:
    library = Library(record=tmp_path / "tape.jsonl")
    with pytest.raises(InputError, match="at once"):
        library.get(f"replay:{tmp_path}/../{tmp_path.name}/tape.jsonl")


async def test_what_is_recorded_can_be_replayed(server: ModelServer, tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    library = Library(base_url=server.url, record=tape)
    said = await library.get("openai:gpt-4o-mini").ask(request(), Account())
    await library.close()
    library = Library()
    replayed = await library.get(f"replay:{tape}").ask(request(), Account())
    assert (replayed.text, replayed.tokens) == (said.text, said.tokens)
    assert len(server.asked) == 1
    await library.close()


def test_what_can_be_a_model(server: ModelServer) -> None:
    library = Library()
    scripted = ScriptedModel([{"reply": "x"}])
    model = as_model(scripted, library)
    assert as_model(scripted, library) is model
    assert as_model(model, library) is model
    chat = MODELS["chat"](server)
    assert as_model(chat, library) is as_model(chat, library)
    for wrong in (3, object(), chat.bind(stop=["x"]), chat.with_retry()):
        with pytest.raises(InputError, match="no language model"):
            as_model(wrong, library)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no language model"):
        library.get("builtin:repair")


async def test_any_chat_model_will_do() -> None:
    model = as_model(GenericFakeChatModel(messages=iter([AIMessage("hi")])), Library())
    assert tuple(model.backend.forms) == ()
    assert (await model.ask(request(temperature=0.5, seed=1), Account())).text == "hi"
    assert not model.priced


def test_a_constructor_that_fails_is_told_as_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    with pytest.raises(ModelNotFound, match="azure_openai:gpt-4o cannot be loaded"):
        Library().get("azure_openai:gpt-4o")


@pytest.mark.parametrize("address", ["", "localhost:8000", "ftp://host", "http://", "http://[bad"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(InputError, match="not the address"):
        Library(base_url=address)
    with pytest.raises(InputError, match="not the address"):
        check("openai:gpt-4o", base_url=address)


# --- prices ----------------------------------------------------------------------------------------------------------


def test_listed_prices() -> None:
    listed = Listed("gpt-4o", "openai")
    tokens = Tokens(input=1_000_000, output=1_000_000, cached=500_000)
    assert listed.known
    assert listed.cost(Reply(tokens=tokens)) == pytest.approx(2.5 / 2 + 1.25 / 2 + 10)
    assert not Listed("nothing-of-the-kind", "openai").known
    assert Listed("nothing-of-the-kind", "openai").cost(Reply(tokens=tokens)) is None
    assert Listed("nothing-of-the-kind", "openai").cost(Reply(tokens=tokens, model="gpt-4o")) == listed.cost(
        Reply(tokens=tokens)
    )


def test_an_endpoint_that_is_not_openais_has_not_openais_prices() -> None:
    assert not Listed("gpt-4o", "openai", "http://127.0.0.1:8000/v1").known
    assert Listed("gpt-4o", "openai", "https://api.openai.com/v1").known


def test_given_prices() -> None:
    reply = Reply(tokens=Tokens(input=1_000_000, output=2_000_000, cached=500_000))
    assert Prices(input=2, output=3).cost(reply) == pytest.approx(8)
    assert Prices(input=2, output=3, cached=1).cost(reply) == pytest.approx(7.5)


async def test_which_models_have_a_price(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not library.get("openai:gpt-4o").priced, "it is served by somebody else"
    assert as_model(ScriptedModel([{"reply": "x"}]), library).priced
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    others = Library()
    assert others.get("openai:gpt-4o").priced
    assert not others.get("openai:unheard-of").priced
    given = Library(prices=Prices(input=1, output=1))
    assert given.get("openai:unheard-of").priced
    for each in (others, given):
        await each.close()


def test_a_model_is_priced_only_with_its_fallbacks() -> None:
    priced = LanguageModel(ScriptedModel([]), prices=Prices(input=0, output=0))
    assert LanguageModel(ScriptedModel([]), prices=Prices(input=0, output=0), fallbacks=[priced]).priced
    unpriced = LanguageModel(ScriptedModel([]))
    assert not LanguageModel(ScriptedModel([]), prices=Prices(input=0, output=0), fallbacks=[unpriced]).priced


# --- what is imported, and the server itself -------------------------------------------------------------------------


def test_models_are_imported_without_their_libraries() -> None:
    heavy = ["langchain", "langchain_core", "langchain_openai", "openai", "torch", "transformers", "genai_prices"]
    program = (
        "import sys, json, revet.models as m\n"
        "m.parse('openai:gpt-5'), m.Library(), m.as_model\n"
        f"print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_process_that_asked_a_model_ends_cleanly(server: ModelServer) -> None:
    program = (
        "import asyncio, sys\n"
        "from revet.models import Account, Library, Message, Request\n"
        f"library = Library(base_url={server.url!r})\n"
        "asked = Request(role='critic', messages=(Message(role='user', text='Hello.'),))\n"
        "print(asyncio.run(library.get('openai:gpt-4o-mini').ask(asked, Account())).text)\n"
        "asyncio.run(library.close())\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("you said: Hello.\n", "", 0)


def test_a_process_that_ends_while_a_model_is_asked_does_not_hang(server: ModelServer) -> None:
    server.fail(Fault("slow", seconds=60))
    program = (
        "import asyncio, sys, threading\n"
        "from revet.models import Account, Library, Message, Request\n"
        f"library = Library(base_url={server.url!r})\n"
        "asked = Request(role='critic', messages=(Message(role='user', text='Hello.'),))\n"
        "def ask(): asyncio.run(library.get('openai:gpt-4o-mini').ask(asked, Account()))\n"
        "threading.Thread(target=ask, daemon=True).start()\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, text=True) as process:
        limit = time.monotonic() + 60
        while not server.asked and time.monotonic() < limit:
            time.sleep(0.02)
        process.communicate("end\n", timeout=30)
    assert process.returncode == 0
    assert len(server.asked) == 1


def test_the_server_can_be_started_by_hand() -> None:
    command = [sys.executable, "-m", "tests.models.servers"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("http://127.0.0.1:")
        finally:
            process.terminate()
