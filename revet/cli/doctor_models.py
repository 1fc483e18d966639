"""The part of `revet doctor` about models: which providers can be asked from here, and what the others need."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Found", "models_found", "unlisted"]

SHOWN = ("openai", "anthropic", "google_genai", "ollama")
"""The providers that are always listed; of the others, only those that can be asked."""
LOCAL = ("torch", "transformers", "accelerate", "xgrammar")


@dataclass(frozen=True)
class Found:
    """Whether models of one kind can be asked from here. `hint` says what to do if not."""

    works: bool
    name: str
    words: str
    hint: str = ""


def models_found() -> Iterator[Found]:
    """Every kind of model worth telling about. Nothing is reached over the network, and no key is ever shown."""
    from revet.models.providers import PROVIDERS

    yield Found(True, "builtin:repair", "search-based repair of Python; needs no key and no network")
    yield Found(True, "scripted:FILE", "answers by the rules in a file; no model")
    yield Found(True, "replay:FILE", "plays back what --record wrote; no model")
    yield _local()
    hosted = [_hosted(name) for name in (*SHOWN, *(n for n in PROVIDERS if n not in SHOWN))]
    yield from (found for found in hosted if found.works or found.name.partition(":")[0] in SHOWN)


def unlisted() -> list[str]:
    """The providers that `models_found` leaves out: their packages are not installed, or their keys not set."""
    from revet.models.providers import PROVIDERS

    return [name for name in PROVIDERS if name not in SHOWN and not _hosted(name).works]


def _hosted(name: str) -> Found:
    from revet.errors import InputError, MissingDependency
    from revet.models.providers import PROVIDERS
    from revet.models.spec import check

    known = f"{name}:NAME"
    try:
        check(known)
    except (InputError, MissingDependency) as error:
        words = str(error).partition("\n")[0].removeprefix(known).lstrip(": ")
        base = "; an OpenAI-compatible server (--base-url) needs no key" if name == "openai" else ""
        return Found(False, known, words, f"{error.hint}{base}")
    key = "a key is set" if PROVIDERS[name].keys else "it needs no key, or signs in by itself"
    return Found(True, known, f"{PROVIDERS[name].package} is installed; {key}")


def _local() -> Found:
    """What is installed for `transformers:`, and what it would run on."""
    from importlib.metadata import version

    missing = [name for name in LOCAL if importlib.util.find_spec(name) is None]
    if missing:
        return Found(False, "transformers:NAME", f"not installed: {', '.join(missing)}", "pip install 'revet[local]'")
    versions = ", ".join(f"{name} {version(name)}" for name in LOCAL)
    return Found(True, "transformers:NAME", f"{versions}; on {_device()}")


def _device() -> str:
    """The accelerators that torch sees; the processor if there are none."""
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return ", ".join(names)
    return "Apple's GPU" if torch.backends.mps.is_available() else "the processor (no GPU is seen)"
