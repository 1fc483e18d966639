"""The suites by name: what each is, and how its cases are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from revet.errors import InputError
from revet.evals.bugfix import Bug, Shown, load_bugs
from revet.evals.compare.case import BugCase, Suite
from revet.evals.source import Source

__all__ = ["SUITES", "Known", "embedded_bugs", "spread", "suite_named"]

ROUNDS, SECONDS = 8, 60.0
"""The budget of a run on a bug: rounds enough for every recipe to do what it is for, and an end to a search in vain."""


class Known(NamedTuple):
    """`data` says that its rows are read from the folder of the data sets."""

    about: str
    data: bool


SUITES = {
    "bugs": Known("twelve small bugs that come with Revet; hidden tests judge", data=False),
    "quixbugs": Known("QuixBugs; the tests that are shown judge, for it has no others", data=True),
    "humanevalfix": Known("HumanEvalFix; the docstring's examples are shown, the hidden tests judge", data=True),
    "codet": Known("20 recorded samples for each HumanEval task; the visible tests are shown", data=True),
    "ldb": Known("recorded attempts of repair runs on HumanEval and MBPP; the visible tests are shown", data=True),
}


def suite_named(name: str, data: Path | None = None, split: str = "dev") -> Suite:
    """The suite. Raises `InputError` for one that is not there, or whose data are not."""
    if name not in SUITES:
        near = get_close_matches(name.casefold(), SUITES, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"there is no suite {name!r}", hint=f"{guess}the suites: {', '.join(SUITES)}; or a task file")
    if not SUITES[name].data:
        return Suite(name, [BugCase(bug) for bug in embedded_bugs()], rounds=ROUNDS, seconds=SECONDS)
    if data is None:
        raise InputError(f"the suite {name} reads published data", hint="name their folder with --data")
    if not data.is_dir():
        raise InputError(f"--data: there is no folder {data}", hint="name the folder that holds the data sets")
    return _readers()[name](Source(data, split))


def spread(suite: Suite, limit: int | None) -> Suite:
    """The suite with at most `limit` of its cases, spread evenly over it: neighbours are often alike."""
    count = len(suite.cases)
    if limit is None or limit >= count:
        return suite
    return replace(suite, cases=[suite.cases[number * count // limit] for number in range(limit)])


def embedded_bugs() -> list[Bug]:
    """The bugs that come with Revet: ``bugs.yaml`` beside this file."""
    import yaml

    rows = yaml.safe_load((Path(__file__).parent / "bugs.yaml").read_text(encoding="utf-8"))
    return [
        Bug(
            id=row["id"],
            module=row["id"].replace("-", "_") + "_impl",  # no function has the name of its module
            buggy=row["buggy"],
            fixed=row["fixed"],
            hidden_tests=row["hidden"],
            visible_tests=row["visible"],
        )
        for row in rows
    ]


def _readers() -> dict[str, Callable[[Source], Suite]]:
    from revet.evals.compare.samples import codet, ldb

    return {
        "quixbugs": lambda source: _bug_suite("quixbugs", source, "quixbugs_py", "hidden"),
        "humanevalfix": lambda source: _bug_suite("humanevalfix", source, "humanevalfix_py", "visible"),
        "codet": codet,
        "ldb": ldb,
    }


def _bug_suite(name: str, source: Source, file: str, shown: Shown) -> Suite:
    rows: Sequence[Bug] = load_bugs(source.path("bugfix_tasks", file))
    bugs = [bug for bug in rows if shown == "hidden" or bug.visible_tests is not None]
    lost = [f"{bug.id}: it has no tests that may be shown" for bug in rows if bug not in bugs]
    if not bugs:
        raise InputError(f"no row of {source.path('bugfix_tasks', file)} has tests that may be shown")
    return Suite(name, [BugCase(bug, shown) for bug in bugs], rounds=ROUNDS, seconds=SECONDS, left_out=tuple(lost))
