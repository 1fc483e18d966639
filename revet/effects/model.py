"""The vocabulary of effects: what an action would do, where, how surely that is known, and what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

__all__ = ["Analysis", "Basis", "Effect", "EffectKind", "Place"]


class EffectKind(StrEnum):
    """What is done to the target. An action has as many effects as it does things."""

    read = "read"  # looks, changes nothing
    create = "create"  # makes something new; nothing is lost
    write = "write"  # changes or replaces what is there
    delete = "delete"  # what is there is gone
    discard = "discard"  # uncommitted work or history of a version control system is lost or rewritten
    run = "run"  # other code is carried out: a script of the workspace, a build, a test
    fetch = "fetch"  # asks a machine elsewhere and changes nothing there
    remote_create = "remote_create"  # makes something on a machine elsewhere
    remote_write = "remote_write"  # changes something on a machine elsewhere
    remote_delete = "remote_delete"  # something elsewhere is gone
    send = "send"  # reaches people or money: mail, messages, payments, publishing
    leak = "leak"  # secrets or local data go elsewhere, or are shown
    install = "install"  # a package manager changes what is installed
    service = "service"  # a service, machine or cluster is started, stopped, reconfigured
    process = "process"  # processes are ended or changed
    privilege = "privilege"  # more rights: sudo, setuid, owners, permissions wide open
    device = "device"  # raw devices, file systems, partitions, boot
    schema = "schema"  # the shape of a database changes
    lock = "lock"  # others are kept waiting: a statement that blocks a table
    style = "style"  # legal, and against the rules of good migrations
    unknown = "unknown"  # nobody can tell; `claim` says why


Place = Literal["workspace", "temporary", "home", "system", "elsewhere", "remote", "database", "unknown"]
"""Where the target lies. `temporary`: /tmp, /var/tmp, $TMPDIR. `home`: below a home folder, outside the workspace.
`system`: /, /etc, /usr, … and home folders as a whole. `elsewhere`: any other path outside the workspace."""

Basis = Literal["text", "dry run", "declared", "model"]
"""How it is known: read from the text, measured when it was tried, declared by the tool's author, predicted."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that an action does.

    `target` names it as a person would: a path, ``origin/main``, a table, a URL; empty where there is none.
    `reversible`: True if what is lost can be had again without a backup (from version control, say, or by `undo`),
    None if that cannot be told. `wide`: it concerns many or unboundedly many things (recursive, a glob, no WHERE).
    `count` is how many things, where it was counted. `possible` means that it may happen, not that it will.
    `command` is the place of the invocation in `Analysis.commands`; `word` the rule or table entry that says so.
    """

    kind: EffectKind
    claim: str
    target: str = ""
    place: Place = "unknown"
    reversible: bool | None = None
    wide: bool = False
    count: int | None = None
    possible: bool = False
    basis: Basis = "text"
    command: int | None = None
    word: str = ""

    def at(self, command: int) -> Effect:
        """The effect, of the command at that place."""
        return replace(self, command=command)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of an action before it is decided on.

    `doubts` are sentences for what the text does not let one tell (a word that is computed, an unknown program, a
    text that cannot be parsed): with a doubt that no dry run has settled, the answer is never "allow".
    `commands` are the simple commands in the text, as one would type them, quotes removed; SQL statements for SQL.
    """

    effects: tuple[Effect, ...] = ()
    doubts: tuple[str, ...] = ()
    commands: tuple[str, ...] = field(default=())

    def __add__(self, other: Analysis) -> Analysis:
        shift = len(self.commands)
        moved = tuple(e if e.command is None else e.at(e.command + shift) for e in other.effects)
        return Analysis(self.effects + moved, self.doubts + other.doubts, self.commands + other.commands)
