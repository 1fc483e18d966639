"""The candidate cannot grade itself: when a run of the tests counts as a pass, and what speaks against it.

Pure functions on facts. Every violation is a sentence. What the untouched workspace does as well (its
`baseline`) is not held against a draft. The rules see what ordinary Python code can do to fake a result;
code that searches the heap of its own process for the signing key can still forge a record, so a human
still reads the diff.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Sequence

from revet.schema import Outcome
from revet.tools.facts import TestFacts

__all__ = ["is_test_or_build", "judge", "violations"]

TEST_FILES = ("test_*.py", "*_test.py", "tests.py", "conftest.py")
BUILD_FILES = (
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "setup.cfg",
    "setup.py",
    "pyproject.toml",
    "noxfile.py",
    "Makefile",
    "makefile",
    "requirements*.txt",
    "*.pth",
    "sitecustomize.py",
    "usercustomize.py",
)
TEST_FOLDERS = ("test", "tests", "testing")
ENVIRONMENTS = (".venv", "venv", "site-packages")
BEFORE_TESTS = ("*.pth", "sitecustomize.py", "usercustomize.py", "*.pyc")
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


def is_test_or_build(path: str) -> bool:
    """True for a file that decides what is tested or how the project is built, by its name."""
    parts = path.split("/")
    name = parts[-1]
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in (*TEST_FILES, *BUILD_FILES)):
        return True
    return name.endswith(".py") and any(part in TEST_FOLDERS for part in parts[:-1])


def violations(
    facts: TestFacts,
    baseline: TestFacts | None,
    *,
    touched: Collection[str] = (),
    changed: Collection[str] = (),
    allows: Callable[[str], bool] = lambda path: True,
) -> tuple[str, ...]:
    """Sentences that say why this run must not count as a pass, most telling first; empty if nothing speaks
    against.

    `touched` are the paths that the run itself wrote, `changed` those that the draft changes.
    """
    found = [*_unfinished(facts), *facts.integrity]
    if facts.kind in ("pytest", "unittest", "script"):
        found += _fewer(facts, baseline)
    found += _touched(facts, baseline, touched, allows)
    found += [f"the draft changes {path}, which Python runs before the tests" for path in changed if _early(path)]
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


def _touched(
    facts: TestFacts, baseline: TestFacts | None, touched: Collection[str], allows: Callable[[str], bool]
) -> Iterable[str]:
    files = {*facts.files.all, *(baseline.files.all if baseline is not None else ())}
    for path in sorted(touched):
        if any(fnmatch.fnmatchcase(part, pattern) for part in path.split("/") for pattern in IGNORED):
            continue
        if path in files or (is_test_or_build(path) and not allows(path)):
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
