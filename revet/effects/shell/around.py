"""What stands around a call and changes what it does: redirections, variables, another machine, a special target."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from revet.effects.model import Effect, EffectKind
from revet.effects.shell.call import Call, shown
from revet.effects.shell.model import Redirection
from revet.effects.shell.paths import harmless_sink, is_device

__all__ = ["from_afar", "of_environment", "of_redirection", "special"]

_AFAR = {
    EffectKind.read: EffectKind.fetch,
    EffectKind.create: EffectKind.remote_create,
    EffectKind.write: EffectKind.remote_write,
    EffectKind.delete: EffectKind.remote_delete,
    EffectKind.discard: EffectKind.remote_delete,
}
_LOADERS = frozenset({"LD_LIBRARY_PATH", "PYTHONPATH", "PERL5LIB", "RUBYLIB", "CLASSPATH", "JAVA_TOOL_OPTIONS"})
"""Folders that programs carry out code from. (Variables that hold a command or options are read by the parser.)"""


def special(effect: Effect) -> Effect:
    """What the target makes of an effect: a repository's own folder holds history, a device is no file."""
    if effect.kind in (EffectKind.delete, EffectKind.write, EffectKind.create) and effect.place != "remote":
        if is_device(effect.target):
            return replace(effect, kind=EffectKind.device, claim=f"writes to the raw device {shown(effect.target)}")
        if harmless_sink(effect.target) and effect.kind is not EffectKind.delete:
            return replace(effect, kind=EffectKind.read, claim="writes where nothing is kept")
    if effect.kind is EffectKind.delete and re.search(r"(?:^|/)\.(?:git|hg|jj|svn)(?:/|$)", effect.target):
        claim = f"deletes {shown(effect.target)}, where the history of the repository is kept"
        return replace(effect, kind=EffectKind.discard, claim=claim, reversible=False, wide=True)
    return effect


def of_redirection(redirection: Redirection, call: Call) -> Iterator[Effect]:
    """What a redirection does to its file; word `redirection`, `append`, or `PROGRAM:input`."""
    operator, target = redirection.operator.lstrip("0123456789"), redirection.target
    if operator in ("<<", "<<<", "<<-") or (operator in (">&", "<&") and re.fullmatch(r"\d*-?", target.text)):
        return
    if target.known and harmless_sink(target.text):
        return
    if re.match(r"/dev/(?:tcp|udp)/", target.text):
        kind = "fetch" if operator.startswith("<") and operator != "<>" else "leak"
        yield call.effect(kind, "opens a connection to {target}", target, place="remote", id="connection")
        return
    if operator == "<":
        yield call.effect("read", "reads {target}", target, id="input")
        return
    claim = "adds to {target}" if operator.endswith(">>") else "creates or replaces {target}"
    id = "append" if operator.endswith(">>") else "redirection"
    yield special(replace(call.effect("write", claim, target, id=id), word=id))


def of_environment(call: Call) -> Iterator[Effect]:
    """What the variables before a command have it run."""
    if call.invocation.kind == "assignment":
        return
    for name, value in call.invocation.env:
        if name in _LOADERS and value.text:
            yield call.effect("run", f"{name} has code from {{target}} carried out", value, id="environment")


def from_afar(effect: Effect, via: str) -> Effect:
    """The same on another machine, where nothing of ours can take it back."""
    if effect.place == "remote":
        return effect
    kind = _AFAR.get(effect.kind, effect.kind)
    return replace(effect, kind=kind, place="remote", claim=f"{effect.claim}, through {via}", reversible=None)
