"""Which lines each test runs: what fault localisation starts from."""

from __future__ import annotations

from pydantic import Field

from revet.sandboxes.base import Limits
from revet.schema import Check, Model
from revet.tools.base import View
from revet.tools.commands import parse_command
from revet.tools.facts import TestFacts, collect_facts, facts_of, lines_of
from revet.tools.guest import limits_for, run_guest

__all__ = ["IMPORT", "Trace", "TracedTest", "trace"]

IMPORT = "<import>"
HUNG = 0.25


class TracedTest(Model):
    """One test's lines by path, editable files only."""

    id: str
    passed: bool
    outcome: str
    seconds: float
    lines: dict[str, tuple[int, ...]]


class Trace(Model):
    """The coverage of a check. `imported` are the lines that ran while the tests were collected.

    `complete` is False where the run was cut short; what was seen until then is kept. `facts` hold each
    failure's exception, message, expected and actual value.
    """

    tests: tuple[TracedTest, ...] = ()
    imported: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    complete: bool = False
    facts: TestFacts | None = None

    @property
    def failing(self) -> tuple[TracedTest, ...]:
        return tuple(t for t in self.tests if t.outcome in ("failed", "error", "timeout"))


async def trace(view: View, check: Check, *, limits: Limits | None = None, test_timeout: float = 5.0) -> Trace:
    """Run `check` on the staged state and record which lines of the editable files each test runs.

    Skipped tests are left out. A check of kind `command` cannot be traced: the result is empty and not
    complete. A test that is known to hang gets a quarter of a second (a loop shows its lines at once), one that is
    known to end gets twenty times its time (2 s or more).
    """
    command = parse_command(check)
    if command.kind == "command":
        return Trace()
    known: dict[str, float] = {}
    now = next((e for e in view.evidence if e.check == check.id), None)
    evidence = now or view.baseline.get(check.id)
    facts = facts_of(evidence) if evidence is not None else None
    for test in facts.tests if facts is not None else ():
        known[test.id] = HUNG if test.outcome == "timeout" else min(check.timeout, max(2.0, 20 * test.seconds))
    run = await run_guest(
        view,
        check,
        command,
        mode="trace",
        settings={"test_timeout": min(check.timeout, test_timeout), "limits": dict(known)},
        limits=limits_for(view, check.timeout, limits),
    )
    found = collect_facts(command.kind, run.report, verdict=run.result.verdict.value, exit_code=run.result.exit_code)
    tests: list[TracedTest] = []
    imported: dict[str, tuple[int, ...]] = {}
    for name, outcome, seconds, lines in lines_of(run.report):
        covered = {path: tuple(numbers) for path, numbers in lines.items()}
        if outcome == "import":
            imported = covered
        elif outcome not in ("skipped",):
            tests.append(
                TracedTest(id=name, passed=outcome == "passed", outcome=outcome, seconds=seconds, lines=covered)
            )
    return Trace(tests=tuple(tests), imported=imported, complete=found.complete, facts=found)
