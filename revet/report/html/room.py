"""How much of each text of a run fits on one page, and which of its pictures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from revet.report.html.seen import pictures_of
from revet.report.html.shelf import PICTURES, Shelf, fair_limit, weight
from revet.report.text import again_command
from revet.schema import Critique, Evidence, Run

__all__ = ["shelf_for"]

SMALL = 2_000
"""Texts of less weight are not counted: they are never cut."""


def shelf_for(run: Run, *, prefix: str = "", folder: str | None = None) -> Shelf:
    """A shelf on which the texts of the run have room, each as much as it needs or as all others of its size get.

    `folder` is the store's where it is not the usual one, quoted for a shell.
    """
    distinct = {text for text in _texts(run) if len(text) > SMALL}
    return Shelf(
        prefix=prefix,
        limit=max(SMALL, fair_limit(weight(text) for text in distinct)),
        pictures=_pictures(run),
        whole=f"{again_command(shlex.quote(run.id), 'show', folder)} --json",
    )


def _texts(run: Run) -> Iterator[str]:
    for note in run.notes:
        yield note.text
    for evidence in _evidence(run):
        yield evidence.observation
        tests = evidence.data.get("tests")
        for test in tests if isinstance(tests, list) else []:
            if isinstance(test, dict):
                yield from (text for name in ("traceback", "message") if isinstance(text := test.get(name), str))
    for critique in _critiques(run):
        yield critique.possible_result
        for finding in critique.findings:
            yield from (text for text in (finding.claim, finding.suggestion) if text)
    for attempt in run.attempts:
        yield attempt.diff
        yield from (attempt.draft.answer or "", attempt.draft.notes, *attempt.draft.steps)
        for command in attempt.changes.commands if attempt.changes else ():
            yield from (command.stdout, command.stderr)
        for action in attempt.draft.actions:
            yield from (value for value in dict(action).values() if isinstance(value, str))


def _evidence(run: Run) -> Iterator[Evidence]:
    yield from run.baseline
    for attempt in run.attempts:
        yield from attempt.evidence


def _critiques(run: Run) -> Iterator[Critique]:
    if run.diagnosis is not None:
        yield run.diagnosis
    for attempt in run.attempts:
        yield from attempt.critiques


def _pictures(run: Run) -> frozenset[str]:
    """Those of the best draft first, then of the last, then the others from the first on, while there is room."""
    last = run.attempts[-1].evidence if run.attempts else ()
    order = [*run.evidence, *last, *_evidence(run)]
    kept: dict[str, None] = {}
    left = PICTURES
    for picture in (picture for each in order for picture in pictures_of(each)):
        if picture not in kept and len(picture) <= left:
            kept[picture] = None
            left -= len(picture)
    return frozenset(kept)
