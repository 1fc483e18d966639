"""Putting known-good text in the place of what failed: where a draft's text matches a pattern, and where it fails.

Pure functions over drafts and evidence. The texts of a draft are what it writes (whole files, replacements in files,
commands, SQL) and its answer, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from revet.schema import Attempt, Draft, Evidence, Outcome, Severity, Verdict
from revet.tools.python import program_of

__all__ = ["Spot", "failing", "replaced", "spots_in"]

Where = tuple[str | int, ...]
"""A text of a draft: ``("answer",)``, or the way to it from ``("actions", number, …)``."""

_TEXTS = {"write_file": "content", "run_command": "command", "execute_sql": "sql"}
_LINE = re.compile(r"\bline (\d+)\b")


class Spot(NamedTuple):
    """One match in one text. `line` counts from 1 in the file, in the program that an answer holds, or in the text.

    `path` is that of the file, None outside files; `line` is None where the place in the file is not known.
    """

    where: Where
    start: int
    end: int
    text: str
    path: str | None
    line: int | None


def spots_in(draft: Draft, pattern: re.Pattern[str]) -> list[Spot]:
    """Everything in the draft's texts that the pattern matches, in order."""
    found = []
    for where, path, text, lined in _texts(draft):
        first = _first_line(draft, text) if where == ("answer",) else 0
        for match in pattern.finditer(text):
            if match.end() > match.start():
                line = text.count("\n", 0, match.start()) + 1 - first if lined else None
                found.append(Spot(where, match.start(), match.end(), match[0], path, line))
    return found


def failing(attempt: Attempt, spots: Sequence[Spot]) -> list[Spot] | None:
    """The spots that stand where the evidence says that it fails; None where it names no line of what the draft writes.

    A grave finding of a critic who objects names a path and a line; outside files, a tool that failed names the line
    of the program. In a file of which the draft writes only parts, every spot may be meant.
    """
    places: set[tuple[str | None, int | None]] = {
        (finding.location.path, finding.location.line)
        for critique in attempt.critiques
        if critique.verdict in (Verdict.revise, Verdict.reject)
        for finding in critique.findings
        if finding.severity.rank >= Severity.major.rank
        if finding.location is not None and finding.location.line is not None
    }
    places |= {(None, line) for evidence in attempt.evidence for line in _lines_of(evidence)}
    named = {path for path, _ in places}
    if not any(path in named for _, path, _, _ in _texts(attempt.draft)):
        return None
    return [s for s in spots if (s.path, s.line) in places or (s.line is None and s.path in named)]


def replaced(draft: Draft, spot: Spot, text: str) -> Draft:
    """The draft with `text` in the place of the spot, which is one of its own."""
    told: dict[str, Any] = draft.model_dump()
    holder: Any = told
    *way, last = spot.where
    for step in way:
        holder = holder[step]
    holder[last] = holder[last][: spot.start] + text + holder[last][spot.end :]
    return Draft.model_validate(told)


def _texts(draft: Draft) -> Iterator[tuple[Where, str | None, str, bool]]:
    """Each text with the way to it, its file, and whether its lines are counted as whoever reports them counts."""
    for number, action in enumerate(draft.actions):
        told = action.model_dump()
        name = _TEXTS.get(action.kind)
        if name is not None and isinstance(told[name], str):
            yield ("actions", number, name), told.get("path"), told[name], True
        for part, pair in enumerate(told.get("replacements") or ()):
            yield ("actions", number, "replacements", part, "replace"), told["path"], pair["replace"], False
    if draft.answer is not None:
        yield ("answer",), None, draft.answer, True


def _first_line(draft: Draft, text: str) -> int:
    """How many lines of the answer stand before the program that is run."""
    code = program_of(draft)
    start = text.find(code.strip()) if code and code.strip() else -1
    return text.count("\n", 0, start) if start > 0 else 0


def _lines_of(evidence: Evidence) -> Iterator[int]:
    """The line at which a tool says that it failed: in its data, or else in the first line of what it says."""
    if evidence.outcome is Outcome.passed:
        return
    error = evidence.data.get("error")
    line = error.get("line") if isinstance(error, Mapping) else None
    if isinstance(line, int):
        yield line
        return
    said = _LINE.search(evidence.observation.partition("\n")[0])
    if said:
        yield int(said[1])
