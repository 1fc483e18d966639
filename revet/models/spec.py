"""Names of models, ``provider:name``, and the cheap checks that can be made before anything is run."""

from __future__ import annotations

import importlib.util
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from revet.errors import InputError, MissingDependency, ModelNotFound
from revet.models import providers
from revet.schema import Model

__all__ = ["BUILTIN", "OWN", "ModelSpec", "check", "check_address", "parse"]

BUILTIN = ("builtin:repair",)
"""The proposers that work with no language model, no key and no network."""

OWN = ("builtin", "replay", "scripted", "transformers")
"""The providers that are part of Revet: what follows the colon is a file for `replay` and `scripted`, and a folder or
a name on the Hugging Face hub for `transformers`."""

SERVERS = ("vllm", "lmstudio", "llamacpp", "llamafile", "localai", "sglang", "tgi")
"""Servers that speak OpenAI's protocol, which are no providers of their own."""

LOCAL = ("torch", "transformers", "accelerate", "xgrammar")


class ModelSpec(Model):
    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"


def parse(text: str) -> ModelSpec:
    """The parts of ``provider:name``. Raises `InputError` if it is no such name, or its provider is not known.

    Neither the network nor the file system is asked; `check` looks further.
    """
    provider, colon, name = text.partition(":")
    if not colon or not provider or not name.strip():
        hint = f"write provider:name, for example openai:gpt-5-mini or {BUILTIN[0]}"
        raise InputError(f"{text!r} is not a model's name", hint=hint)
    if provider == "builtin" and text not in BUILTIN:
        raise ModelNotFound(f"there is no model {text!r}", hint=f"the built-in ones: {', '.join(BUILTIN)}")
    if provider not in OWN and providers.find(provider) is None:
        raise ModelNotFound(f"there is no provider {provider!r} (in {text!r})", hint=_nearest(provider))
    return ModelSpec(provider=provider, name=name)


def check(text: str, base_url: str | None = None) -> ModelSpec:
    """`parse`, and what can be told without loading the model or reaching for the network.

    Raises `ModelNotFound` if a file, a folder or a key is missing, and `MissingDependency` if the provider's package
    is not installed; `InputError` if `base_url` is no address. That is an OpenAI-compatible endpoint, for which
    ``openai:`` needs no key.
    """
    spec = parse(text)
    check_address(base_url)
    if spec.provider in ("replay", "scripted"):
        if not Path(spec.name).expanduser().is_file():
            raise ModelNotFound(f"{text}: there is no file {spec.name}", hint="give the path of the file")
    elif spec.provider == "transformers":
        _check_local(spec)
    elif spec.provider != "builtin":
        _check_hosted(spec, base_url)
    return spec


def check_address(base_url: str | None) -> None:
    """Raise `InputError` if this cannot be the address of a server."""
    if base_url is None:
        return
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        raise InputError(f"{base_url!r} is not the address of a server", hint="for example http://localhost:8000/v1")


def looks_like_path(name: str) -> bool:
    """True for what can only be a folder, not a name on the hub (``name`` or ``owner/name``)."""
    return name.startswith(("/", "./", "../", "~")) or name in (".", "..") or name.count("/") > 1


def _check_local(spec: ModelSpec) -> None:
    missing = [name for name in LOCAL if not _present(name)]
    if missing:
        raise MissingDependency(f"{spec} needs {', '.join(missing)}", hint="pip install 'revet[local]'")
    folder = Path(spec.name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelNotFound(
                f"{spec}: the folder {folder} holds no model",
                hint="name the folder that holds config.json, the weights and the tokenizer",
            )
    elif looks_like_path(spec.name):
        raise ModelNotFound(
            f"{spec}: there is no folder {folder}", hint="give the path of a folder, or owner/name for one on the hub"
        )


def _check_hosted(spec: ModelSpec, base_url: str | None) -> None:
    provider = providers.find(spec.provider)
    assert provider is not None
    if not _present(provider.module.partition(".")[0]):
        raise MissingDependency(f"{spec} needs the package {provider.package}", hint=provider.install)
    if spec.provider == "openai" and base_url:
        return
    if not provider.signed_in():
        usual, *others = provider.keys
        also = f" (or {', '.join(others)})" if others else ""
        raise ModelNotFound(f"{spec}: the environment variable {usual} is not set", hint=f"set {usual}{also}")


def _present(module: str) -> bool:
    """Whether a top-level module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def _nearest(provider: str) -> str:
    if "".join(letter for letter in provider.lower() if letter.isalpha()) in SERVERS:
        return "for a server that speaks OpenAI's protocol, openai:NAME with --base-url URL (in Python, base_url)"
    known = (*OWN, *providers.names())
    near = get_close_matches(provider.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"the providers: {', '.join(sorted(known))}"
