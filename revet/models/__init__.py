"""Where words come from. A model is named ``provider:name``; the built-in proposers need no language model."""

from revet.models.spec import BUILTIN, ModelSpec, parse

__all__ = ["BUILTIN", "ModelSpec", "parse"]
