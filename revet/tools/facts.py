"""The guest's report, read: signed records become typed facts, and anything that does not fit is noted.

The host trusts no line that is not signed and in sequence. What the facts mean is decided in `integrity`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from revet.schema import Evidence, Model

__all__ = ["Report", "TestFact", "TestFacts", "TestFiles", "facts_of", "read_report"]

TestOutcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "timeout"]
BAD = ("failed", "error", "timeout")
DETAILED = 40


class TestFact(Model):
    """One test. `path` and `line` are those of the innermost frame in the workspace where it failed."""

    __test__ = False

    id: str
    outcome: TestOutcome
    seconds: float = 0.0
    message: str = ""
    exception: str | None = None
    path: str | None = None
    line: int | None = None
    phase: str | None = None
    traceback: str = ""
    expected: str | None = None
    actual: str | None = None
    stdout: str = ""
    stderr: str = ""

    @property
    def bad(self) -> bool:
        return self.outcome in BAD


class TestFiles(Model):
    """The files that decide what is tested, relative to the workspace."""

    __test__ = False

    tests: tuple[str, ...] = ()
    conftest: tuple[str, ...] = ()
    ini: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(sorted({*self.tests, *self.conftest, *([self.ini] if self.ini else [])}))


class TestFacts(Model):
    """What is known of one run of a check; the shape of `Evidence.data` of the tests tool."""

    __test__ = False

    kind: Literal["pytest", "unittest", "script", "command"]
    complete: bool = False
    exit_code: int | None = None
    collected: int = 0
    deselected: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    tests: tuple[TestFact, ...] = ()
    collect_errors: tuple[TestFact, ...] = ()
    files: TestFiles = TestFiles()
    integrity: tuple[str, ...] = ()
    unfamiliar: tuple[str, ...] = Field(default=(), description="what speaks against a run if the baseline lacks it")
    verdict: str = "ok"
    missing: str | None = None

    @property
    def by_id(self) -> dict[str, TestFact]:
        return {test.id: test for test in self.tests}

    @property
    def failing(self) -> tuple[str, ...]:
        return tuple(test.id for test in self.tests if test.bad)

    @property
    def passing(self) -> tuple[str, ...]:
        return tuple(test.id for test in self.tests if test.outcome == "passed")


class Report(Model):
    """The records of one run, checked: `intact` if none is missing, altered or foreign up to the last one
    read.
    """

    records: tuple[dict[str, Any], ...] = ()
    intact: bool = True
    problems: tuple[str, ...] = ()


def read_report(raw: bytes, key: bytes) -> Report:
    """Check and decode the lines of a report. A last line that was cut off is dropped, not a problem."""
    records: list[dict[str, Any]] = []
    foreign = 0
    lines = raw.split(b"\n")
    for line in lines[:-1]:
        record = decode_line(line, key, len(records))
        if record is None:
            foreign += 1
        else:
            records.append(record)
    problems = []
    if foreign:
        problems.append(f"{foreign} lines on the report channel were not written by the test runner")
    return Report(records=tuple(records), intact=not foreign, problems=tuple(problems))


def decode_line(line: bytes, key: bytes, expected: int) -> dict[str, Any] | None:
    """The record in `line`, None unless it is signed and numbered `expected`."""
    number, _, rest = line.partition(b" ")
    signature, _, body = rest.partition(b" ")
    if number != str(expected).encode("ascii"):
        return None
    good = hmac.new(key, number + b" " + body, hashlib.sha256).hexdigest()[:32].encode("ascii")
    if not hmac.compare_digest(good, signature):
        return None
    record = json.loads(body)
    return record if isinstance(record, dict) else None


def collect_facts(kind: Any, report: Report, *, verdict: str, exit_code: int | None) -> TestFacts:
    """The facts in `report`, before the rules of `integrity` are applied."""
    tests: dict[str, TestFact] = {}
    started: list[str] = []
    errors: list[TestFact] = []
    said: list[str] = list(report.problems)
    strange: list[str] = []
    fields: dict[str, Any] = {}
    for record in report.records:
        match record.get("t"):
            case "start":
                started.append(str(record["id"]))
            case "test" if record.get("outcome") != "import":
                fact = _fact(record)
                tests[fact.id] = fact
            case "collect_error":
                errors.append(_fact({**record, "outcome": "error", "seconds": 0.0}))
            case "collected":
                fields["collected"] = len(record["ids"])
                fields["deselected"] = record["deselected"]
                fields["files"] = TestFiles(
                    tests=tuple(record["tests"]), conftest=tuple(record["conftest"]), ini=record["ini"]
                )
            case "tamper":
                said.append(str(record["what"]))
            case "unfamiliar":
                strange.append(str(record["what"]))
            case "missing":
                fields["missing"] = str(record["what"])
            case "end":
                fields["complete"] = report.intact
                exit_code = exit_code if exit_code else int(record["status"])
    for test in started:
        if test not in tests:
            outcome: Any = "timeout" if verdict == "timeout" or _stuck(report, test) else "error"
            message = "did not end" if outcome == "timeout" else "the process ended during this test"
            tests[test] = TestFact(id=test, outcome=outcome, message=message)
    ordered = tuple(_brief(list(tests.values())))
    counts = dict(Counter(test.outcome for test in ordered))
    return TestFacts(
        kind=kind,
        verdict=verdict,
        exit_code=exit_code,
        tests=ordered,
        collect_errors=tuple(errors),
        counts=counts,
        integrity=tuple(said),
        unfamiliar=tuple(strange),
        **fields,
    )


def _brief(tests: list[TestFact]) -> Iterator[TestFact]:
    """The tests, only the first `DETAILED` bad ones with their tracebacks and output: evidence is kept for ever."""
    bad = 0
    for test in tests:
        bad += test.bad
        yield test if bad <= DETAILED else test.model_copy(update={"traceback": "", "stdout": "", "stderr": ""})


def _stuck(report: Report, test: str) -> bool:
    return any(r.get("t") == "stuck" and r.get("id") == test for r in report.records)


def _fact(record: Mapping[str, Any]) -> TestFact:
    return TestFact(**{name: record[name] for name in TestFact.model_fields if record.get(name) is not None})


def lines_of(report: Report) -> Iterator[tuple[str, str, float, dict[str, list[int]]]]:
    """Test id, outcome, seconds and covered lines of each test of a traced run."""
    for record in report.records:
        if record.get("t") == "test":
            yield record["id"], record["outcome"], record["seconds"], record.get("lines", {})


def facts_of(evidence: Evidence) -> TestFacts | None:
    """The typed facts of evidence from the tests tool; None for other evidence."""
    if evidence.tool != "tests" or "kind" not in evidence.data:
        return None
    try:
        return TestFacts.model_validate(evidence.data)
    except ValidationError:
        return None
