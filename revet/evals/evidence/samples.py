"""What the measurements on code share: how a row becomes a specification and candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revet.errors import InputError
from revet.evals import source as rows
from revet.evals.source import Row, Source
from revet.tools.behaviour import Candidate, Spec, spec_of

__all__ = ["PRELUDE", "candidate", "field", "specs_of", "texts"]

PRELUDE = "import math, re\nfrom typing import *\n"
"""What the published evaluations of these sets execute above every candidate."""


def specs_of(source: Source, *names: str) -> dict[str, Spec]:
    """The specifications of the code tasks by their ids: prompt and visible tests, never hidden ones."""
    found = {}
    for name in names:
        where = str(source.path("code_tasks", name))
        for number, row in enumerate(source.rows("code_tasks", name), 1):
            prompt = field(row, "prompt", str, where, number)
            tests = texts(row, "visible_tests", where, number)
            entry = field(row, "entry_point", str, where, number)
            found[field(row, "task_id", str, where, number)] = spec_of(prompt, tests, entry=entry)
    return found


def candidate(name: str, code: str, spec: Spec) -> Candidate:
    """A candidate as the published evaluations run it."""
    return Candidate(name, PRELUDE + code, spec.entry)


def field(row: Mapping[str, Any] | Row, name: str, kind: type, where: str, number: int) -> Any:
    """A field of a row. Raises `InputError` that names file, row and field if it is missing or of another type."""
    return rows.field(row, name, kind, f"{where}: row {number}")


def texts(row: Mapping[str, Any], name: str, where: str, number: int) -> list[str]:
    """A field that is a list of texts."""
    values = field(row, name, list, where, number)
    if not all(isinstance(each, str) for each in values):
        raise InputError(f"{where}: row {number}: {name} must be a list of texts")
    return [str(each) for each in values]
