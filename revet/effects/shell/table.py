"""The table of effects: what programs do, read from ``revet/effects/table/*.toml``, one file for one command.

``README.md`` beside those files says what the fields mean. Here they are checked and made ready for matching. Files are
part of the package: a mistake in one is a mistake of the program, and raises `TableError` with file, entry and field.
Run as a program (``python -m revet.effects.shell.table``), this module writes the index anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from revet.effects.model import EffectKind, Place

__all__ = ["FOLDER", "Program", "Rule", "TableError", "Targets", "index", "index_text", "load", "lookup"]

FOLDER = Path(__file__).resolve().parent.parent / "table"
_INDEX = "_index.json"
_LONGEST = 60
"""No program that the table knows by the beginning of its name has a longer one."""

Named = Literal["operands", "first", "last", "rest", "sources", "leading", "after", "none"]
Targets = Named | tuple[Literal["option", "prefix"], tuple[str, ...]]
"""Which words of a call are what it is done to."""


class TableError(ValueError):
    """An entry of the table that is not well-formed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: when it matches (the fields up to `most`), and what is done then."""

    words: tuple[tuple[str, ...], ...] = ()
    any: tuple[str, ...] = ()
    all: tuple[tuple[str, ...], ...] = ()
    none: tuple[str, ...] = ()
    argument: str | None = None
    first: str | None = None
    last: str | None = None
    option_value: tuple[tuple[str, str], ...] = ()
    dashes: bool = False
    least: int = 0
    most: int | None = None
    also: bool = False
    effect: EffectKind = EffectKind.unknown
    targets: Targets = "none"
    place: Place | None = None
    reversible: bool | None = None
    wide: bool = False
    possible: bool = False
    claim: str = ""
    suggestion: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """What is known of one program."""

    names: tuple[str, ...]
    default: Rule
    rules: tuple[Rule, ...] = ()
    valued: frozenset[str] = frozenset()
    valued_in: Mapping[str, frozenset[str]] = None  # type: ignore[assignment]  # set by `_program`
    known: frozenset[str] = frozenset()
    dry_run: tuple[str, ...] = ()
    single_dash: Literal["cluster", "long"] = "cluster"
    bundled: bool = False
    code: str | None = None

    def rules_for(self, text: str) -> bool:
        """Whether a rule speaks of this word or option by name."""
        return any((rule.words and text in rule.words[0]) or text in rule.any for rule in self.rules)


def lookup(name: str) -> Program | None:
    """What the table knows of the program `name` (no folder before it); None if it is not in the table."""
    file = index().get(name)
    if file is None and len(name) <= _LONGEST:
        file, name = _starred(name)
    return None if file is None else load(FOLDER / file).get(name)


def _starred(name: str) -> tuple[str | None, str]:
    """The entry whose names end in a star that `name` begins with: the longest."""
    for end in range(len(name), 0, -1):
        file = index().get(name[:end] + "*")
        if file is not None:
            return file, name[:end] + "*"
    return None, name


@cache
def index() -> Mapping[str, str]:
    """The file that each program is in."""
    import json

    found: dict[str, str] = json.loads((FOLDER / _INDEX).read_text(encoding="utf-8"))
    return found


@cache
def load(path: Path) -> Mapping[str, Program]:
    """The programs of one file by each of their names. Raises `TableError`."""
    import tomllib

    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{path.name}: {error}") from None
    if set(raw) - {"program"} or not isinstance(raw.get("program"), list):
        raise TableError(f"{path.name}: holds [[program]] entries and nothing else")
    programs: dict[str, Program] = {}
    for entry in raw["program"]:
        where = f"{path.name}: {(entry.get('names') or ['?'])[0]}"
        try:
            program = _program(dict(entry))
        except (KeyError, TypeError, ValueError) as error:
            raise TableError(f"{where}: {error}") from None
        for name in program.names:
            if name in programs:
                raise TableError(f"{where}: {name} has two entries")
            programs[name] = program
    return programs


def _program(raw: dict[str, Any]) -> Program:
    names = _strings(raw.pop("names"))
    if not names:
        raise ValueError("names is empty")
    rules = tuple(_rule(dict(r)) for r in raw.pop("rule", []))
    default = raw.pop("default")
    valued = frozenset(_strings(raw.pop("valued", [])))
    valued_in = {sub: frozenset(_strings(options)) for sub, options in raw.pop("valued_in", {}).items()}
    dry_run = _strings(raw.pop("dry_run", []))
    single = raw.pop("single_dash", "cluster")
    if single not in ("cluster", "long"):
        raise ValueError(f"single_dash is {single!r}; it is 'long' or left out")
    code = raw.pop("code", None)
    if code is not None and not str(code).startswith("revet.effects."):
        raise ValueError("code names a module below revet.effects")
    known = set(_strings(raw.pop("options", []))) | valued | set(dry_run)
    known.update(o for options in valued_in.values() for o in options)
    for rule in rules:
        known.update(rule.any, rule.none, (name for name, _ in rule.option_value), *rule.all)
    bundled = bool(raw.pop("bundled", False))
    if raw:
        raise ValueError(f"unknown field {sorted(raw)[0]!r}")
    return Program(
        names=names,
        default=_rule(dict(default) if isinstance(default, dict) else {"effect": default}),
        rules=rules,
        valued=valued,
        valued_in=valued_in,
        known=frozenset(o for o in known if o.startswith("--")),
        dry_run=dry_run,
        single_dash=single,
        bundled=bundled,
        code=code,
    )


def _rule(raw: dict[str, Any]) -> Rule:
    raw["effect"] = EffectKind(raw.pop("effect"))
    raw["words"] = tuple(tuple(word.split("|")) for word in _strings(raw.pop("words", [])))
    raw["all"] = tuple(tuple(each.split("|")) for each in _strings(raw.pop("all", [])))
    raw["any"], raw["none"] = _strings(raw.pop("any", [])), _strings(raw.pop("none", []))
    for option in (*raw["any"], *raw["none"], *(option for each in raw["all"] for option in each)):
        if not option.startswith("-"):
            raise ValueError(f"{option!r} is no option")
    raw["option_value"] = tuple(raw.pop("option_value", {}).items())
    raw["targets"] = _targets(raw.pop("targets", "none"))
    if raw.get("place") is not None and raw["place"] not in get_args(Place):
        raise ValueError(f"place {raw['place']!r} is none")
    for name, kinds in _TYPES.items():
        if name in raw and not isinstance(raw[name], kinds):
            raise ValueError(f"{name} must be {kinds.__name__}")
    return Rule(**raw)


_TYPES: Mapping[str, type] = {
    "also": bool,
    "argument": str,
    "claim": str,
    "dashes": bool,
    "first": str,
    "id": str,
    "last": str,
    "least": int,
    "most": int,
    "possible": bool,
    "reversible": bool,
    "suggestion": str,
    "wide": bool,
}


def _targets(raw: Any) -> Targets:
    if isinstance(raw, dict):
        ((how, names),) = raw.items()
        if how not in ("option", "prefix"):
            raise ValueError(f"targets {how!r} is neither option nor prefix")
        return how, (names,) if isinstance(names, str) else _strings(names)
    if raw not in get_args(Named):
        raise ValueError(f"targets {raw!r} is not one of {', '.join(get_args(Named))}")
    found: Named = raw
    return found


def _strings(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise ValueError(f"{raw!r} is no list of strings")
    return tuple(raw)


def index_text() -> str:
    """The text of the index for the files as they are now. Raises `TableError` for a program in two files."""
    import json

    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name in load(path):
            if name in found:
                raise TableError(f"{name} is in {found[name]} and in {path.name}")
            found[name] = path.name
    return json.dumps(dict(sorted(found.items())), indent=0, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (FOLDER / _INDEX).write_text(index_text(), encoding="utf-8")
