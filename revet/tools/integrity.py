"""The candidate cannot grade itself: when a run of the tests counts as a pass, and what speaks against it.

Pure functions on facts. Every violation is a sentence. What the untouched workspace does as well (its
`baseline`) is not held against a draft. The rules see most of what ordinary Python code does to fake a result,
not all of it (``docs/tests.md`` lists what is left): the runner shares a process with the code under test, so a
human still reads the diff.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Sequence

from revet.protected import is_test_or_build, named
from revet.schema import Outcome
from revet.tools.facts import TestFacts

__all__ = ["judge", "violations"]

BEFORE_TESTS = ("*.pth", "sitecustomize.py", "usercustomize.py", "*.pyc")
ENVIRONMENTS = (".venv", "venv", "site-packages")
IGNORED = (
    "__pycache__",
    ".pytest_cache",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
    ".coverage",
    ".coverage.*",
    "*.egg-info",
    "htmlcov",
)


def violations(
    facts: TestFacts,
    baseline: TestFacts | None,
    *,
    touched: Collection[str] = (),
    changed: Collection[str] = (),
    allows: Callable[[str], bool] = lambda path: True,
    edit: Sequence[str] = (),
) -> tuple[str, ...]:
    """Sentences that say why this run must not count as a pass, most telling first; empty if nothing speaks
    against.

    `touched` are the paths that the run itself wrote, `changed` those that the draft changes, `edit` the task's
    patterns: a file that decides the tests may be changed only where one of them is its very path.
    """
    found = [*_unfinished(facts), *facts.integrity]
    if facts.kind in ("pytest", "unittest", "script"):
        found += _fewer(facts, baseline)
    found += _unfamiliar(facts, baseline)
    found += _touched(facts, baseline, touched, allows)
    found += _changed(facts, baseline, changed, edit)
    known = set(baseline.integrity) if baseline is not None else set()
    return tuple(sentence for sentence in dict.fromkeys(found) if sentence not in known)


def _unfinished(facts: TestFacts) -> Iterable[str]:
    if facts.kind == "command" or facts.missing or facts.complete or facts.verdict in ("timeout", "output_limit"):
        return
    if facts.exit_code == 0:
        yield "the process ended with status 0 before the test runner had finished"
    else:
        yield "the process ended before the test runner had finished"


def _fewer(facts: TestFacts, baseline: TestFacts | None) -> Iterable[str]:
    if facts.complete and not facts.failing and facts.collected > len(facts.tests):
        yield f"{facts.collected} tests were collected, but only {len(facts.tests)} ran"
    if baseline is None or not baseline.collected:
        return
    if facts.complete and facts.collected < baseline.collected:
        yield f"{facts.collected} tests were collected, {baseline.collected} before the draft"
    now = facts.by_id
    gone = [t.id for t in baseline.tests if t.id not in now and t.outcome not in ("skipped", "xfailed")]
    if gone and facts.complete and not facts.failing:
        yield f"{_name(gone)} did not run any more"
    dodged = [
        test.id
        for test in baseline.tests
        if test.outcome not in ("skipped", "xfailed")
        and test.id in now
        and now[test.id].outcome in ("skipped", "xfailed", "xpassed")
        and now[test.id].outcome != test.outcome
    ]
    if dodged:
        yield f"{_name(dodged)} is skipped or expected to fail now, but ran before the draft"


def _unfamiliar(facts: TestFacts, baseline: TestFacts | None) -> Iterable[str]:
    """What is odd only because it is new: nothing can be said without a baseline in which the tests ran."""
    if baseline is not None and baseline.tests:
        return [sentence for sentence in facts.unfamiliar if sentence not in baseline.unfamiliar]
    return []


def _changed(
    facts: TestFacts, baseline: TestFacts | None, changed: Collection[str], edit: Sequence[str]
) -> Iterable[str]:
    deciding = _deciding(facts, baseline)
    for path in changed:
        if _early(path):
            yield f"the draft changes {path}, which Python runs before the tests"
        elif (path in deciding or is_test_or_build(path)) and not named(path, edit):
            yield f"the draft changes {path}, which decides the tests"


def _deciding(facts: TestFacts, baseline: TestFacts | None) -> set[str]:
    return {*facts.files.all, *(baseline.files.all if baseline is not None else ())}


def _touched(
    facts: TestFacts, baseline: TestFacts | None, touched: Collection[str], allows: Callable[[str], bool]
) -> Iterable[str]:
    files = _deciding(facts, baseline)
    for path in sorted(touched):
        if any(fnmatch.fnmatchcase(part, pattern) for part in path.split("/") for pattern in IGNORED):
            continue
        # Tests may keep data beside them: what a run writes there is code only if it is Python's or the build's.
        code = path.endswith(".py") or is_test_or_build(path.rpartition("/")[2])
        if path in files or (code and is_test_or_build(path) and not allows(path)):
            yield f"the protected file {path} was written while the tests ran"


def _early(path: str) -> bool:
    parts = path.split("/")
    if any(part in ENVIRONMENTS for part in parts[:-1]):
        return True
    return any(fnmatch.fnmatchcase(parts[-1], pattern) for pattern in BEFORE_TESTS)


def _name(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{ids[0]} (and {len(ids) - 1} more)"


def judge(facts: TestFacts, against: Sequence[str]) -> Outcome:
    """The outcome of a run, given what `violations` said of it. `passed` needs everything to be as it
    should.
    """
    if facts.missing:
        return Outcome.error
    if facts.verdict == "timeout":
        return Outcome.timeout
    if facts.kind == "command":
        return Outcome.passed if facts.exit_code == 0 and facts.verdict == "ok" and not against else Outcome.failed
    if facts.collect_errors and not facts.tests:
        return Outcome.error
    if facts.complete and not facts.tests:
        return Outcome.error
    clean = facts.complete and facts.exit_code == 0 and facts.verdict == "ok" and not facts.collect_errors
    if clean and facts.counts.get("passed", 0) > 0 and not facts.failing and not against:
        return Outcome.passed
    return Outcome.failed
