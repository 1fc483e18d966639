"""Where words come from: language models, hosted and local, recorded and scripted.

A model is named ``provider:name``. The built-in proposers need no language model. Nothing heavy is imported until a
model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revet.models.account import Account, Replies
from revet.models.language import Backend, FormUnsupported, LanguageModel
from revet.models.library import Library, as_model
from revet.models.limits import ProviderLimits
from revet.models.prices import Prices
from revet.models.purse import Purse
from revet.models.retry import Retries
from revet.models.spec import BUILTIN, ModelSpec, check, parse
from revet.models.wire import Finish, Form, Image, Message, Reply, Request, Tokens, ToolSpec, ToolUse

if TYPE_CHECKING:
    from revet.models.chat import LangChainBackend
    from revet.models.scripted import ScriptedModel
    from revet.models.tape import Recorder, Replay

__all__ = [
    "BUILTIN",
    "Account",
    "Backend",
    "Finish",
    "Form",
    "FormUnsupported",
    "Image",
    "LangChainBackend",
    "LanguageModel",
    "Library",
    "Message",
    "ModelSpec",
    "Prices",
    "ProviderLimits",
    "Purse",
    "Recorder",
    "Replay",
    "Replies",
    "Reply",
    "Request",
    "Retries",
    "ScriptedModel",
    "Tokens",
    "ToolSpec",
    "ToolUse",
    "as_model",
    "check",
    "parse",
]

_LATER = {
    "LangChainBackend": "revet.models.chat",
    "Recorder": "revet.models.tape",
    "Replay": "revet.models.tape",
    "ScriptedModel": "revet.models.scripted",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LATER[name]), name)
