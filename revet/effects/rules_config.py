"""Where rules come from: ``revet.toml`` of the project, that of the user, and the built-in defaults.

A file that cannot be used is the user's mistake to mend, and raises `RulesError` with file, line, field and what to do;
nothing is decided by half of a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

from revet.effects.model import Basis, EffectKind, Place
from revet.effects.patterns import usable
from revet.effects.rules import Decision, Rule, Rules
from revet.effects.rules_default import DEFAULTS
from revet.errors import InputError

__all__ = ["NAME", "RulesError", "load_rules", "project_file", "read_rules", "user_file"]

NAME = "revet.toml"
LARGEST = 1024 * 1024
"""Bytes of a file of rules; a larger one is none."""


class RulesError(InputError):
    """A file of rules is at fault. `line` counts from 1; `field` is a dotted path such as ``gate.rule[2].effect``."""

    def __init__(
        self, problem: str, *, file: str, line: int | None = None, field: str | None = None, hint: str | None = None
    ) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {problem if field is None else f'{field}: {problem}'}", hint=hint)
        self.file, self.line, self.field, self.problem = file, line, field, problem


def load_rules(cwd: str, workspace: str = "", *, file: str | None = None) -> Rules:
    """The rules that hold for an action in `cwd`. `file` is read in place of the project's own.

    Raises RulesError. Files are read again only when they have changed.
    """
    project = file if file is not None else project_file(cwd, workspace or cwd)
    user = user_file()
    if file is None and project == user:
        project = None
    ours, said = _read(project)
    theirs, holds = _read(user)
    # What the user's file sets holds over what a project sets, and a project cannot ask to be trusted.
    said = {name: value for name, value in said.items() if name != "trust_project"} | holds
    made = Rules(project=ours, user=theirs, defaults=DEFAULTS, files=tuple(each for each in (project, user) if each))
    return replace(made, **said)


def read_rules(file: str | Path) -> Rules:
    """The rules of one file before the built-in ones, and its settings. Raises RulesError."""
    rules, said = _read(str(file))
    return replace(Rules(project=rules, defaults=DEFAULTS, files=(str(file),)), **said)


def project_file(cwd: str, workspace: str) -> str | None:
    """The outermost ``revet.toml`` from `cwd` up to `workspace`: what came with a dependency makes no rules."""
    found = None
    for folder in (Path(cwd), *Path(cwd).parents):
        if folder != Path(workspace) and Path(workspace) not in folder.parents:
            break
        if os.path.lexists(folder / NAME):
            found = str(folder / NAME)
    return found


def user_file() -> str | None:
    """``revet.toml`` in the user's configuration, if there is one."""
    base = os.environ.get("XDG_CONFIG_HOME")
    try:
        path = (Path(base) if base else Path.home() / ".config") / "revet" / NAME
    except RuntimeError:
        return None
    return str(path) if os.path.lexists(path) else None


_Read = tuple[tuple[Rule, ...], dict[str, Any]]
_kept: dict[str, tuple[tuple[int, int, int], _Read]] = {}


def _read(path: str | None) -> _Read:
    """The rules of a file and the settings that it states; nothing of no file."""
    if path is None:
        return (), {}
    try:
        stat = Path(path).stat()
        mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        kept = _kept.get(path)
        if kept is not None and kept[0] == mark:
            return kept[1]
        if stat.st_size > LARGEST:
            raise RulesError(f"{stat.st_size:,} bytes are too many for a file of rules", file=path)
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise RulesError("there is no such file", file=path, hint="give the path of a revet.toml") from None
    except (OSError, ValueError) as error:
        raise RulesError(f"cannot be read: {getattr(error, 'strerror', None) or error}", file=path) from None
    found = _File(path, data).rules()
    _kept[path] = (mark, found)
    return found


class _File:
    """One file of rules while it is read: its text is kept to tell lines."""

    def __init__(self, path: str, data: bytes) -> None:
        import tomllib

        self.path = path
        try:
            self.text = data.decode("utf-8")
            self.raw = tomllib.loads(self.text)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise RulesError("is not UTF-8 text", file=path, line=line) from None
        except tomllib.TOMLDecodeError as error:
            told = re.search(r"\(at line (\d+)", str(error))
            line = int(told[1]) if told else self.text.count("\n") + 1
            raise RulesError(f"is not TOML: {error}", file=path, line=line, hint="mend the line") from None
        except RecursionError:
            raise RulesError("is nested too deeply", file=path) from None

    def rules(self) -> _Read:
        for name in self.raw:
            if name != "gate":
                self._wrong(f"nothing here reads [{name}]", name, name, _known(name, ("gate",)))
        gate = self.raw.get("gate", {})
        if not isinstance(gate, dict):
            self._wrong("must be a table", "gate", "gate", "write [gate]")
        stated: dict[str, Any] = {}
        for name, value in gate.items():
            if name == "rule":
                continue
            check = _SETTINGS.get(name)
            if check is None:
                self._wrong("is no setting", f"gate.{name}", name, _known(name, (*_SETTINGS, "rule")))
            problem = check(value)
            if problem:
                self._wrong(problem, f"gate.{name}", name)
            stated["otherwise" if name == "default" else name] = value
        listed = gate.get("rule", [])
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            self._wrong("must be tables", "gate.rule", "rule", "write each rule as [[gate.rule]]")
        return tuple(self._rule(number, each) for number, each in enumerate(listed)), stated

    def _rule(self, number: int, raw: dict[str, Any]) -> Rule:
        field = f"gate.rule[{number}]"
        values: dict[str, Any] = {}
        for name, value in raw.items():
            check = _FIELDS.get(name)
            if check is None:
                self._wrong("is no field of a rule", f"{field}.{name}", name, _known(name, _FIELDS), rule=number)
            problem = check(value)
            if problem:
                self._wrong(problem, f"{field}.{name}", name, rule=number)
            many = name in _LISTS
            values[name] = (tuple(value) if isinstance(value, list) else (value,)) if many else value
        if "decision" not in values:
            self._wrong("has no decision", field, "", 'add decision = "allow", "ask" or "deny"', rule=number)
        return Rule(source=f"{self.path}:{self._line('', number) or 1}", **values)

    def _wrong(self, problem: str, field: str, name: str, hint: str | None = None, rule: int | None = None) -> NoReturn:
        raise RulesError(problem, file=self.path, line=self._line(name, rule), field=field, hint=hint)

    def _line(self, name: str, rule: int | None) -> int | None:
        """The line of a field (or table), within the `rule`-th rule if that is given; None if it cannot be told."""
        lines = self.text.splitlines()
        start, end = 0, len(lines)
        if rule is not None:
            heads = [at for at, line in enumerate(lines) if _HEAD.match(line)]
            if rule >= len(heads):
                return None
            start = heads[rule]
            end = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
            if not name:
                return start + 1
        key = re.compile(rf"""\s*(?:\[+\s*)?["']?{re.escape(name)}["']?\s*(?:[.=\]]|$)""")
        return next((at + 1 for at in range(start, end) if key.match(lines[at])), start + 1)


_HEAD = re.compile(r"\s*\[\[\s*gate\s*\.\s*rule\s*\]\]")
_Check = Callable[[Any], str | None]


def _known(name: str, names: Any) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(names))}"


def _one_of(*allowed: str) -> _Check:
    def check(value: Any) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        return f"{value!r} is none of {', '.join(allowed)}"

    return check


def _some_of(*allowed: str) -> _Check:
    one = _one_of(*allowed)

    def check(value: Any) -> str | None:
        if value == []:
            return "is an empty list, so the rule would hold for nothing"
        return next(filter(None, map(one, value if isinstance(value, list) else [value])), None)

    return check


def _texts(value: Any) -> str | None:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        return "is an empty list, so the rule would hold for nothing"
    for each in listed:
        if not isinstance(each, str) or not each.strip():
            return f"{each!r} is no text"
        problem = usable(each)
        if problem:
            return f"{each!r} is no pattern: {problem}"
    return None


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else f"must be text, not {value!r}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def _whole(value: Any) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if good else f"must be a whole number from 0, not {value!r}"


def _number(value: Any) -> str | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    return None if good else f"must be a number from 0, not {value!r}"


def _seconds(value: Any) -> str | None:
    return _number(value) or (None if 0 < value <= 600 else f"must lie between 0 and 600 seconds, not {value!r}")


_FIELDS: dict[str, _Check] = {
    "decision": _one_of(*get_args(Decision)),
    "effect": _some_of(*EffectKind),
    "place": _some_of(*get_args(Place)),
    "path": _texts,
    "table": _texts,
    "command": _texts,
    "count": _whole,
    "at_most": _whole,
    "cost": _number,
    "reversible": _flag,
    "wide": _flag,
    "requested": _flag,
    "basis": _one_of(*get_args(Basis)),
    "reason": _text,
}
_LISTS = frozenset({"effect", "place", "path", "table", "command"})
_SETTINGS: dict[str, _Check] = {
    "dry_run": _flag,
    "timeout": _seconds,
    "doubt": _one_of("ask", "deny"),
    "unrequested": _one_of("ask", "deny"),
    "default": _one_of(*get_args(Decision)),
    "trust_project": _flag,
}
