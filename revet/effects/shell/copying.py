"""rsync, scp and sftp: each side may be here or on another machine, and rsync may delete on either."""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.effects.model import Effect
from revet.effects.shell.call import Call
from revet.effects.shell.model import Word
from revet.effects.shell.paths import Where

__all__ = ["examine"]

_REMOTE = re.compile(
    r"^(?:rsync|scp|sftp|ssh)://|^(?:[^/:@\s]+@)(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.${}-]+):|^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.${}-]{2,}):"
)
_DELETES = (
    "--delete",
    "--del",
    "--delete-before",
    "--delete-during",
    "--delete-after",
    "--delete-delay",
    "--delete-excluded",
    "--delete-missing-args",
)
_SHELLS = re.compile(
    r"^(?:/usr/bin/)?(?:ssh|rsh)(?:\s+-[46CqvTx]+|\s+-[pilFJoc]\s*(?!\S*(?:Proxy|Local)Command)\S+)*\s*$"
)


def examine(call: Call) -> Sequence[Effect] | None:
    """What is written, deleted and read, here and there."""
    if call.name == "sshfs":
        return (call.effect("device", "mounts a folder of another machine", place="system"),)
    shell = call.value("-e", "--rsh") if "rsync" in call.name else call.value("-S", "-D")
    if shell is not None and not _SHELLS.match(shell.text):
        return (call.effect("unknown", "has {target} run to connect", shell, id="program"),)
    if any("ProxyCommand" in (option.value.text if option.value else "") for option in call.find("-o")):
        return (call.effect("unknown", "runs a command of its own to connect", id="program"),)
    if call.name in ("sftp", "psftp"):
        return _session(call)
    if not call.operands:
        return (call.effect("read", "copies nothing"),)
    *sources, target = call.operands
    if not sources:
        return (call.effect("fetch" if _remote(target) else "read", "lists {target}", target),)
    return (*_sources(call, sources), *_written(call, sources, target))


def _session(call: Call) -> Sequence[Effect]:
    if call.has("-b"):
        return (call.effect("unknown", "carries out the commands of {target} on another machine", call.value("-b")),)
    return (call.effect("remote_write", "opens a session in which files can be copied", possible=True),)


def _sources(call: Call, sources: Sequence[Word]) -> Sequence[Effect]:
    found: list[Effect] = []
    for source in sources:
        there = _remote(source)
        if call.has("--remove-source-files", "--remove-sent-files"):
            kind = "remote_delete" if there else "delete"
            found.append(
                call.effect(kind, "deletes the files of {target} once they are copied", source, wide=True, id="forced")
            )
        else:
            found.append(call.effect("fetch" if there else "read", "reads {target}", source, id="source"))
    return found


def _written(call: Call, sources: Sequence[Word], target: Word) -> Sequence[Effect]:
    there = _remote(target)
    if call.has(*_DELETES, exact=True) or any(
        option.name.startswith(("--del", "--delete")) and option.name != "--delay-updates" for option in call.options
    ):
        claim = "deletes from {target} whatever the source does not have"
        return (
            call.effect(
                "remote_delete" if there else "delete",
                claim,
                target,
                wide=True,
                reversible=False if there else None,
                id="forced",
            ),
        )
    if not there:
        return (call.effect("write", "writes into {target}", target),)
    path = re.sub(r"^(?:\w+://)?[^:/]*[:/]", "", target.text) if "://" not in target.text else target.text
    located = Where(cwd=".", workspace=None).locate(Word(path, target.known)) if path else None
    served = re.match(r"/(?:var/www|srv|opt)/[^/]", path)  # where what is deployed lies
    if located is not None and located.place == "system" and located.within is None and not served and path[:1] != "~":
        claim = "writes among the system's files of another machine: {target}"
        return (call.effect("service", claim, target, place="remote", wide=call.has("-r", "-a"), id="remote-system"),)
    return (call.effect("remote_write", "writes to {target}", target),)


def _remote(word: Word) -> bool:
    text = word.text
    return (bool(_REMOTE.match(text)) and "/" not in text.split(":", 1)[0]) or "://" in text or "::" in text
