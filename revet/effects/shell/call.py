"""One call of a program as its own option parser would read it: options with their values, and operands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from revet.effects.model import Effect, EffectKind, Place
from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.paths import Located, Where
from revet.effects.shell.table import Program

__all__ = ["Call", "Option", "read_call"]

REMOTE = frozenset({"fetch", "remote_create", "remote_write", "remote_delete", "send"})
"""Kinds whose targets lie elsewhere unless a rule says otherwise."""
PATHS = frozenset({"read", "create", "write", "delete", "discard", "run", "leak", "device", "privilege", "unknown"})
"""Kinds whose targets are paths of this machine unless a rule says otherwise."""
_ADDS = ("create", "write", "read")
_ABBREVIATED = 5
"""``--for`` is taken for ``--force``; fewer letters than three are nobody's habit."""


@dataclass(frozen=True, slots=True)
class Option:
    """`name` with its dashes; `value` as one word, None without one; `at` is its place among the words."""

    name: str
    value: Word | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """What a program was asked to do. `leading` is how many operands stand before the first option, `dashes` how
    many before ``--`` (all of them without it)."""

    invocation: Invocation
    name: str
    where: Where
    options: tuple[Option, ...]
    operands: tuple[Word, ...]
    leading: int
    dashes: int
    known: frozenset[str] = frozenset()

    def has(self, *names: str, exact: bool = False) -> bool:
        """Whether one of the options is there: in a cluster, with a value, or (unless `exact`) abbreviated, too."""
        return next(self.find(*names, exact=exact), None) is not None

    def value(self, *names: str) -> Word | None:
        """The last value that one of the options was given."""
        found = [option.value for option in self.find(*names) if option.value is not None]
        return found[-1] if found else None

    def find(self, *names: str, exact: bool = False) -> Iterator[Option]:
        """Each occurrence of the options. ``--no-x`` is no occurrence of ``--x``; nor is ``--x=false``."""
        for option in self.options:
            said = option.value.text if option.value is not None and option.name.startswith("--") else ""
            for name in names:
                asked, _, wanted = name.partition("=")
                if option.name != asked and (exact or not self._abbreviates(option.name, asked)):
                    continue
                if wanted and (option.value is None or option.value.text != wanted):
                    continue
                if wanted or not (said == "false" or (said == "none" and asked == "--dry-run")):
                    yield option
                    break

    def _abbreviates(self, given: str, asked: str) -> bool:
        long = given.startswith("--") and asked.startswith("--") and len(given) >= _ABBREVIATED
        return long and given not in self.known and asked.startswith(given)

    def effect(
        self,
        kind: EffectKind | str,
        claim: str,
        target: Word | str | None = None,
        *,
        place: Place | None = None,
        reversible: bool | None = None,
        wide: bool = False,
        possible: bool = False,
        id: str = "",
    ) -> Effect:
        """An effect of this call; its place is that of the target (the README of the table has the defaults)."""
        kind = EffectKind(kind)
        word = Word(target) if isinstance(target, str) else target
        name = word.text if word is not None else ""
        if place is None:
            where = self.locate(word, kind)
            wide = wide or where.wide or (kind == "delete" and where.inside == ".")
            # To put something into a home folder, or into /tmp, is not to change it as a whole.
            place = where.within if where.within and kind in _ADDS and not wide and id != "source" else where.place
        return Effect(
            kind=kind,
            claim=claim.replace("{target}", shown(name)),
            target=name[:1000],
            place=place,
            reversible=reversible,
            wide=wide,
            possible=possible,
            word=f"{self.name}:{id}" if id else self.name,
        )

    def locate(self, word: Word | None, kind: EffectKind | str) -> Located:
        """Where the target of an effect of this kind lies."""
        if kind in REMOTE:
            return Located("", "remote")
        if kind not in PATHS:
            return Located("", "system")
        if word is None:
            cwd = self.where.locate(Word(".")).place if self.where.cwd is not None else "unknown"
            return Located(".", cwd)
        return self.where.locate(word)


def shown(text: str, limit: int = 120) -> str:
    """A target as it is put into a sentence."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def read_call(invocation: Invocation, name: str, program: Program | None, where: Where) -> Call:
    """The call, read with what the table knows of the program's options."""
    valued = program.valued if program is not None else frozenset()
    more = program.valued_in if program is not None else {}
    long = program is not None and program.single_dash == "long"
    options: list[Option] = []
    operands: list[Word] = []
    leading: int | None = None
    dashes: int | None = None
    words = list(invocation.argv[1:])
    if program is not None and program.bundled and words and words[0].text[:1] not in ("-", ""):
        words[0] = Word("-" + words[0].text, words[0].known)
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        text = word.text
        if text == "--":
            dashes = len(operands)
            operands += words[place:]
            break
        if not _is_option(word):
            operands.append(word)
            if len(operands) <= 2 and more:
                valued |= more.get(" ".join(w.text for w in operands), frozenset())
            continue
        if leading is None:
            leading = len(operands)
        following = words[place] if place < len(words) else None
        read, taken = _option(word, following, valued, long)
        options += [Option(o.name, o.value, place) for o in read]
        place += taken
    return Call(
        invocation=invocation,
        name=name,
        where=where,
        options=tuple(options),
        operands=tuple(operands),
        leading=len(operands) if leading is None else leading,
        dashes=len(operands) if dashes is None else dashes,
        known=program.known if program is not None else frozenset(),
    )


def _is_option(word: Word) -> bool:
    text = word.text
    return len(text) > 1 and text[0] == "-"


def _option(word: Word, following: Word | None, valued: frozenset[str], long: bool) -> tuple[Sequence[Option], int]:
    """The options that one word holds, and how many words after it are a value."""
    text = word.text
    name, equals, rest = text.partition("=")
    if text.startswith("--") or long or (equals and name in valued):
        if equals:
            return [Option(name, Word(rest, word.known, word.glob, word.split))], 0
        if name in valued and following is not None:
            return [Option(name, following)], 1
        return [Option(name)], 0
    if text in valued:
        return [Option(text, following)], 1 if following is not None else 0
    found = [Option(text)] if len(text) > 2 else []
    for at, letter in enumerate(text[1:], 1):
        short = text[0] + letter
        if short in valued:
            if at + 1 < len(text):
                return [*found, Option(short, Word(text[at + 1 :].removeprefix("="), word.known))], 0
            return [*found, Option(short, following)], 1 if following is not None else 0
        found.append(Option(short))
    return found, 0
