"""Where programs run: `Local` (bubblewrap), Docker and E2B; see `get`. All names are loaded when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from revet.errors import InputError

if TYPE_CHECKING:
    from revet.sandboxes.base import (
        Entry,
        ExecResult,
        ExecVerdict,
        Feature,
        Layer,
        Limits,
        Network,
        PythonError,
        PythonResult,
        Refusal,
        Sandbox,
        Session,
        Support,
    )
    from revet.sandboxes.local import Local

__all__ = [
    "Entry",
    "ExecResult",
    "ExecVerdict",
    "Feature",
    "Layer",
    "Limits",
    "Local",
    "Network",
    "PythonError",
    "PythonResult",
    "Refusal",
    "Sandbox",
    "Session",
    "Support",
    "get",
]

# Where the class is, and what its first argument is, if users may write one after a colon.
_KNOWN = {
    "local": ("revet.sandboxes.local", "Local", None),
    "docker": ("revet.sandboxes.docker", "Docker", "IMAGE"),
    "e2b": ("revet.sandboxes.e2b", "E2B", "TEMPLATE"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "local" if name == "Local" else "base"
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def get(name: str) -> Sandbox:
    """The sandbox that users call `name`, with its defaults: ``local``, ``docker``, ``docker:IMAGE``, ``e2b:TEMPLATE``.

    InputError names the known ones, the nearest first.
    """
    kind, colon, argument = name.partition(":")
    if kind not in _KNOWN:
        import difflib

        near = difflib.get_close_matches(kind, _KNOWN, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"no sandbox is called {kind!r}", hint=f"{guess}known: {', '.join(sorted(_KNOWN))}")
    module, class_name, takes = _KNOWN[kind]
    if colon and (takes is None or not argument):
        form = f"{kind}:{takes}" if takes else kind
        raise InputError(f"{name!r} is not how a sandbox is written", hint=f"write {form}")
    make = cast("Callable[..., Sandbox]", getattr(importlib.import_module(module), class_name))
    return make(argument) if colon else make()
