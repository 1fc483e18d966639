"""The syntax tree of a shell text (POSIX.1-2017 XCU 2, and the additions of bash)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "AndOr",
    "Arithmetic",
    "Case",
    "Command",
    "Coproc",
    "Evaluation",
    "Function",
    "Group",
    "If",
    "Item",
    "Literal",
    "Loop",
    "Node",
    "Parameter",
    "Part",
    "Pipeline",
    "Redirect",
    "Sequence",
    "Simple",
    "Substitution",
    "SyntaxWord",
    "Test",
    "Unreadable",
    "Walk",
]


class Unreadable(Exception):
    """The text cannot be read as a shell would; the message is a sentence that says where and why."""


@dataclass(slots=True, eq=False, match_args=False)
class Literal:
    """Characters. `quoted`: by quotes or a backslash, so that nothing more is done to them."""

    text: str
    quoted: bool = False


@dataclass(slots=True, eq=False, match_args=False)
class Parameter:
    """``$name`` or ``${…}``. `prefix` is ``!`` or ``#``; `index` the subscript as written and `subscript` its parts;
    `operator` and `argument` what follows the name; `second` the replacement of ``/`` or the length of ``:``."""

    name: str
    raw: str
    quoted: bool
    prefix: str = ""
    index: str | None = None
    subscript: tuple[Part, ...] = ()
    operator: str = ""
    argument: tuple[Part, ...] = ()
    second: tuple[Part, ...] | None = None


@dataclass(slots=True, eq=False, match_args=False)
class Substitution:
    """``$(…)``, backquotes (`kind` ``$``), ``<(…)`` or ``>(…)`` (`kind` ``<`` or ``>``)."""

    body: Sequence
    raw: str
    quoted: bool
    kind: str = "$"


@dataclass(slots=True, eq=False, match_args=False)
class Arithmetic:
    """``$((…))`` or ``$[…]``: the parts of the expression."""

    parts: tuple[Part, ...]
    raw: str
    quoted: bool


Part: TypeAlias = Literal | Parameter | Substitution | Arithmetic


@dataclass(slots=True, eq=False, match_args=False)
class SyntaxWord:
    """A word before its expansion. `raw` is how it was written; `array` the elements of ``name=( … )``."""

    parts: tuple[Part, ...]
    raw: str
    array: tuple[SyntaxWord, ...] | None = None

    @property
    def plain(self) -> str | None:
        """The text, if the word is written without any quote or expansion."""
        if not self.parts:
            return ""
        first = self.parts[0]
        if len(self.parts) == 1 and isinstance(first, Literal) and not first.quoted:
            return first.text
        return None


@dataclass(slots=True, eq=False, match_args=False)
class Redirect:
    """`target` is the file's word, or the text of a heredoc (filled in when its lines have been read)."""

    operator: str
    target: SyntaxWord
    fd: str | None = None


@dataclass(slots=True, eq=False, match_args=False)
class Simple:
    """Assignments, words and redirections."""

    assignments: list[SyntaxWord] = field(default_factory=list)
    words: list[SyntaxWord] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Pipeline:
    commands: list[Command]
    negated: bool = False
    timed: bool = False


@dataclass(slots=True, eq=False, match_args=False)
class AndOr:
    """`rest` holds ``&&`` or ``||`` and what follows it."""

    first: Pipeline
    rest: list[tuple[str, Pipeline]] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Item:
    node: AndOr
    background: bool = False


@dataclass(slots=True, eq=False, match_args=False)
class Sequence:
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Group:
    """``{ …; }`` or ``( … )``."""

    body: Sequence
    subshell: bool
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class If:
    branches: list[tuple[Sequence, Sequence]]
    otherwise: Sequence | None = None
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Loop:
    """``while`` and ``until``."""

    condition: Sequence
    body: Sequence
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Walk:
    """``for`` and ``select``; `words` is None for the positional parameters, `header` the parts of ``((;;))``."""

    name: str
    words: list[SyntaxWord] | None
    body: Sequence
    header: tuple[Part, ...] | None = None
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Case:
    """`falls` says of each branch whether the next may follow it (``;&`` and ``;;&``)."""

    subject: SyntaxWord
    branches: list[tuple[list[SyntaxWord], Sequence]]
    falls: list[bool]
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Function:
    name: str
    body: Command


@dataclass(slots=True, eq=False, match_args=False)
class Test:
    """``[[ … ]]``: its words, operators among them."""

    words: list[SyntaxWord]
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Evaluation:
    """``(( … ))``."""

    parts: tuple[Part, ...]
    raw: str
    redirects: list[Redirect] = field(default_factory=list)


@dataclass(slots=True, eq=False, match_args=False)
class Coproc:
    body: Command


Command: TypeAlias = Simple | Group | If | Loop | Walk | Case | Function | Test | Evaluation | Coproc
Node: TypeAlias = Command | Pipeline | AndOr | Sequence
