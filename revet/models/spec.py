"""Names of models: ``provider:name``."""

from __future__ import annotations

from difflib import get_close_matches

from revet.errors import InputError
from revet.schema import Model

__all__ = ["BUILTIN", "ModelSpec", "parse"]

BUILTIN = ("builtin:repair",)
"""The proposers that work with no language model, no key and no network."""


class ModelSpec(Model):
    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"


def parse(text: str) -> ModelSpec:
    """The parts of ``provider:name``. Raises `InputError` for one that this version cannot run, saying what it can."""
    provider, colon, name = text.partition(":")
    known = ", ".join(BUILTIN)
    if not colon or not provider or not name:
        raise InputError(f"{text!r} is not a model's name", hint=f"write provider:name, for example {known}")
    if text in BUILTIN:
        return ModelSpec(provider=provider, name=name)
    near = get_close_matches(text, BUILTIN, n=1)
    hint = f"did you mean {near[0]}?" if near else f"this version runs {known}, or any object given as Agent(model=…)"
    raise InputError(f"there is no model {text!r}", hint=hint)
