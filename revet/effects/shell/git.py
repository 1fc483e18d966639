"""git with configuration on its command line or in its environment: settings that have git run other programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from revet.effects.model import Effect
from revet.effects.shell.call import Call
from revet.effects.shell.model import Parsed, Word
from revet.effects.shell.table import lookup

__all__ = ["examine"]

_RUNS = re.compile(
    r"^(?:alias\.[^=]+=!|core\.(?:pager|editor|sshcommand|fsmonitor|hookspath|askpass|gitproxy|worktree)="
    r"|sequence\.editor=|pager\.[^=]+=|credential\.[^=]*helper=|diff\.external=|gpg\.(?:[^=]*\.)?program="
    r"|(?:diff|merge|filter|difftool|mergetool|remote|protocol)\.[^=]+=|uploadpack\.|include(?:if)?\.)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"=(?:cat|less|more|true|:|false|)$|^core\.(?:hooksPath|fsmonitor)=/dev/null$|^protocol\.[^=]+=", re.IGNORECASE
)
_RENAMES = re.compile(r"^alias\.[^=]+=", re.IGNORECASE)


def examine(call: Call) -> Sequence[Effect] | None:
    """What the settings do, if they have other programs run; None where the table says all."""
    for option in call.find("-c", "--config-env"):
        value = option.value.text if option.value is not None else ""
        if (_RUNS.search(value) and not _HARMLESS.search(value)) or _RENAMES.search(value):
            return (call.effect("unknown", "has git run a program by the setting {target}", value, id="setting"),)
    from revet.effects.shell.classify import effects_of

    subcommand = call.operands[0].text if call.operands else ""
    if subcommand in ("clone", "fetch", "pull", "push", "ls-remote", "archive"):
        for word in call.operands[1:]:
            if word.text.startswith("ext::") or "-oProxyCommand" in word.text:
                return (call.effect("unknown", "has git run a program by the address {target}", word, id="address"),)
        for option in call.find("--upload-pack", "--receive-pack", "--exec", exact=True):
            if option.value is not None:
                return (call.effect("unknown", "has git run {target}", option.value, id="program"),)
    if lookup("git-" + subcommand) is not None:  # `git lfs` is the program `git-lfs`
        at = next(n for n, word in enumerate(call.invocation.argv) if n and word is call.operands[0])
        words = (Word("git-" + subcommand), *call.invocation.argv[at + 1 :])
        inner = replace(call.invocation, argv=words, redirections=(), via=(), env=(), conditional=False)
        return effects_of(inner, call.where, Parsed((inner,)))[0]
    if subcommand == "difftool" and call.has("-x", "--extcmd"):
        return (call.effect("unknown", "has git run {target}", call.value("-x", "--extcmd"), id="program"),)
    if subcommand == "grep" and call.has("-O", "--open-files-in-pager"):
        return (call.effect("unknown", "has git run a pager of its own", id="program"),)
    if subcommand == "bisect" and len(call.operands) > 1 and call.operands[1].text == "run":
        return (call.effect("run", "runs a command for each commit that is tried", id="bisect-run"),)
    if any(option.name == "--exec-path" and option.value is not None for option in call.options):
        return (call.effect("unknown", "takes git's own programs from another folder", id="exec-path"),)
    return None
