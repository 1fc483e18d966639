"""The edge to the E2B SDK: how it is imported, and what its errors mean here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from revet.errors import DiskFull, HostError, InputError, MissingDependency, SandboxBroken, SandboxUnavailable

__all__ = ["KEY_HINT", "MachineGone", "OutOfTime", "sdk", "typed_errors"]

KEY_HINT = "set E2B_API_KEY to a key from https://e2b.dev/dashboard, or pass E2B(api_key=…)"
# The control plane says that there is no such thing: of a new machine, its template.
NOT_FOUND = 404


class MachineGone(SandboxBroken):
    """The virtual machine is not there any more: killed, out of time, or lost by the service."""


class OutOfTime(Exception):
    """A command took longer than it was given, and was killed."""


def sdk() -> Any:
    """The SDK. MissingDependency if it is not installed."""
    try:
        return importlib.import_module("e2b_code_interpreter")
    except ImportError as error:
        raise MissingDependency(
            f"the E2B sandbox needs the package e2b-code-interpreter, which is not installed ({error})",
            hint="pip install e2b-code-interpreter, or: pip install 'revet[e2b]'",
        ) from None


@contextmanager
def typed_errors(doing: str, *, opening: bool = False, template: str | None = None) -> Iterator[None]:
    """Errors of the SDK as errors of Revet. `doing` completes "E2B: … failed"; `opening`: nothing has run yet."""
    try:
        yield
    except (HostError, OutOfTime):
        raise
    except Exception as error:
        raise translated(error, doing, opening, template) from error


def translated(error: Exception, doing: str, opening: bool, template: str | None) -> Exception:
    """What an error of the SDK is here; the error itself if it is not the SDK's, nor the network's."""
    # By name: their classes are not all of one family, and the newer ones are missing in older releases.
    names = {kind.__name__ for kind in type(error).__mro__}
    words = f"E2B: {doing} failed: {str(error).strip() or type(error).__name__}"
    usual = SandboxUnavailable if opening else SandboxBroken
    if "AuthenticationException" in names:
        return SandboxUnavailable(words, hint=KEY_HINT)
    if "RateLimitException" in names:
        return usual(words, hint="wait a little, run fewer tasks at once (--jobs), or ask E2B for a higher limit")
    if "NotEnoughSpaceException" in names:
        return DiskFull(words, hint="use a template with a larger disk, or a smaller workspace")
    if names & {"SandboxNotRunningException", "SandboxNotFoundException"}:
        return MachineGone(words, hint="open the sandbox again, with a longer timeout if its time was up")
    if "ServiceBusyException" in names:
        return usual(words, hint="the service is busy: try again in a minute")
    if "InvalidArgumentException" in names:
        return InputError(words)
    if template is not None and getattr(error, "status_code", None) == NOT_FOUND:
        return InputError(
            f"there is no E2B template or snapshot {template!r}", hint="list them with: e2b template list"
        )
    if "TimeoutException" in names or isinstance(error, TimeoutError):
        return usual(words, hint="look at https://status.e2b.dev, or try again")
    # The SDK raises a bare Exception for answers that break off in the middle.
    plain = type(error) is Exception or isinstance(error, OSError)
    if plain or names & {"SandboxException", "HTTPError", "ConnectError", "InvalidURL"}:
        return usual(words, hint="check the network and https://status.e2b.dev, and try again")
    return error
