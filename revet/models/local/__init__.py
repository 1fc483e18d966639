"""Language models that run here: ``transformers:NAME_OR_PATH``, with the packages of the extra ``local``.

Nothing heavy is imported before `ChatTransformers` is used.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from revet.errors import MissingDependency

if TYPE_CHECKING:
    from revet.models.local.chat import ChatTransformers

__all__ = ["ChatTransformers", "require"]

PACKAGES = ("accelerate", "torch", "transformers", "xgrammar")


def require() -> None:
    """Raise `MissingDependency` if a package of the extra ``local`` is not installed. Imports none of them."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f"local models need {' and '.join(missing)}", hint="install the extra: pip install 'revet[local]'"
        )


def __getattr__(name: str) -> object:
    if name == "ChatTransformers":
        require()
        from revet.models.local.chat import ChatTransformers

        return ChatTransformers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
