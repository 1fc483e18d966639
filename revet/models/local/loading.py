"""Loading a model of the transformers library, and saying plainly why one cannot be loaded.

This module imports torch and transformers: `revet.models.local` imports it only when a model is used.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from revet.errors import HostError, ModelNotFound, RevetError

__all__ = ["Loaded", "is_path", "load", "local_path", "no_progress", "out_of_memory"]

MEMORY = (
    "load it in fewer bits (quantization_config=…, or dtype='bfloat16'), spread it over more devices "
    "(device_map='auto'), or take a smaller model"
)


@dataclass
class Loaded:
    """A model that is ready, with what is needed to speak to it. `context` is in tokens, None where unknown."""

    name: str
    model: Any
    tokenizer: Any
    context: int | None
    vocabulary: int
    """How many logits there are for each token; often more than the tokenizer has tokens."""
    stops: frozenset[int]
    """The tokens that end an answer."""
    takes: frozenset[str]
    """Which of the optional arguments the model's forward pass has."""

    @property
    def device(self) -> torch.device:
        """Where token ids go."""
        found: torch.device = self.model.get_input_embeddings().weight.device
        if found.type != "meta":
            return found
        # Weights that are kept elsewhere come to where accelerate's hooks compute.
        hooks = (getattr(module, "_hf_hook", None) for module in self.model.modules())
        places = (getattr(hook, "execution_device", None) for hook in hooks)
        return torch.device(next(place for place in places if place is not None))


def is_path(name: str) -> bool:
    """Whether a name can only be meant as a folder: the names on a hub are NAME or OWNER/NAME."""
    return name.startswith(("/", "./", "../", "~", ".\\")) or name in (".", "..") or name.count("/") > 1


def local_path(name: str) -> Path | None:
    """The folder of a model, None for the name of one on a hub. Raises `ModelNotFound` for a folder without one."""
    path = Path(name).expanduser()
    if not path.exists():
        if is_path(name):
            raise ModelNotFound(f"there is no model at {name}", hint="give the folder that holds its config.json")
        return None
    if not path.is_dir():
        raise ModelNotFound(
            f"{name} is a file, not a model's folder", hint="give the folder that holds its config.json"
        )
    if not (path / "config.json").is_file():
        raise ModelNotFound(
            f"{name} is not a model's folder: it has no config.json",
            hint="give a folder written by save_pretrained() or downloaded from a hub",
        )
    return path


def out_of_memory(error: BaseException) -> bool:
    """Whether this is memory running out, on any kind of device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def load(name: str, options: Mapping[str, Any], *, tokenizer: str | None = None, context: int | None = None) -> Loaded:
    """Load a model and its tokenizer from a folder, the cache, or the hub.

    `options` go to ``AutoModelForCausalLM.from_pretrained``. Raises `ModelNotFound` if there is no such model or none
    that this version of transformers knows, and `HostError` if there is no memory for it or it is damaged.
    """
    source = str(local_path(name) or name)
    origin = {key: options[key] for key in ("revision", "trust_remote_code", "token", "cache_dir") if key in options}
    others = origin if tokenizer is None else {key: origin[key] for key in origin if key != "revision"}
    try:
        config = AutoConfig.from_pretrained(source, **origin)
        if getattr(config, "is_encoder_decoder", False):
            raise ModelNotFound(f"{name} is an encoder-decoder, not a chat model", hint="take a decoder-only model")
        words = AutoTokenizer.from_pretrained(tokenizer or source, **others)
        with no_progress():
            model = AutoModelForCausalLM.from_pretrained(
                source, **{"device_map": device_map(), "dtype": "auto", **options}
            )
    except RevetError:
        raise
    except Exception as error:  # damaged files and wrong options raise whatever is below: safetensors, torch, the model
        traceback.clear_frames(error.__traceback__)  # else the error keeps what was loaded by then
        raise explained(name, error) from error
    parameters = inspect.signature(model.forward).parameters
    if "past_key_values" not in parameters:
        raise ModelNotFound(
            f"{name} keeps its state in a way that cannot be used here ({type(model).__name__})",
            hint="take a model with attention layers",
        )
    model.eval()  # type: ignore[no-untyped-call]
    return Loaded(
        name=name,
        model=model,
        tokenizer=words,
        context=context or context_of(config.get_text_config(), words),
        vocabulary=model.get_output_embeddings().weight.shape[0],  # type: ignore[no-untyped-call]
        stops=stops_of(model, words),
        takes=frozenset(parameters) & {"position_ids", "logits_to_keep"},
    )


@contextmanager
def no_progress() -> Iterator[None]:
    """Without the library's bar on the terminal, which is not ours to write on."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def device_map() -> str:
    """Where a model goes by default: over the accelerators, if there are any."""
    return "auto" if torch.accelerator.is_available() else "cpu"


def explained(name: str, error: Exception) -> Exception:
    """What transformers said, as the error of whoever has to react."""
    if out_of_memory(error):
        return HostError(f"there is not enough memory to load {name}", hint=MEMORY)
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if isinstance(error, ImportError):
        return HostError(f"{name} needs a package that is not installed: {first}", hint="install the package it names")
    if "model type" in str(error) or "architecture" in str(error) or "Unrecognized" in str(error):
        return ModelNotFound(
            f"{name} is of a kind that this version of transformers does not know: {first}",
            hint="update transformers, or take another model",
        )
    if isinstance(error, OSError):
        return ModelNotFound(
            f"{name} cannot be loaded: {first}",
            hint="check the name; without a network only models in the cache and local folders can be loaded",
        )
    return HostError(
        f"{name} cannot be loaded: {first}", hint="the folder may be damaged, or an option is wrong for it"
    )


def context_of(config: Any, tokenizer: Any) -> int | None:
    """The model's own limit first: the tokenizer's is often a placeholder."""
    for key in ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length"):
        found = getattr(config, key, None)
        if isinstance(found, int) and found > 0:
            return found
    length = tokenizer.model_max_length
    return int(length) if isinstance(length, int) and length < 10_000_000 else None


def stops_of(model: Any, tokenizer: Any) -> frozenset[int]:
    given = model.generation_config.eos_token_id
    ids = list(given) if isinstance(given, (list, tuple)) else [given]
    return frozenset(token for token in [*ids, tokenizer.eos_token_id] if isinstance(token, int))
