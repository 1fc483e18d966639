"""The example of the tools ends as its page says: a tool refutes each first answer, and each second one stands."""

from __future__ import annotations

import pytest

from revet.schema import Attempt, Run, RunOutcome, Severity
from revet.store import Store
from tests.docs_support import copy_examples, start

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("evidence")
    copy_examples(folder)
    done = start("-m", "revet", "run", "examples/evidence/tasks.yaml", folder=folder)
    assert done.returncode == 0, done.stdout
    store = Store(folder / ".revet")
    return {run.task.id: run for run in (store.get(row.id) for row in store.rows(10))}


def objections(attempt: Attempt, tool: str) -> list[str]:
    """What was found gravely wrong on the evidence of `tool`."""
    seen = {e.id for e in attempt.evidence if e.tool == tool}
    grave = [f for critique in attempt.critiques for f in critique.findings if f.severity.rank >= Severity.major.rank]
    return [f.claim for f in grave if seen & set(f.evidence)]


@pytest.mark.parametrize(
    ("task", "tool", "said"),
    [("purchases", "sql", "customers"), ("paint", "calculate", "28"), ("bridge", "claims", "1886")],
)
def test_the_first_answer_is_refuted_and_the_second_stands(
    runs: dict[str, Run], task: str, tool: str, said: str
) -> None:
    run = runs[task]
    assert run.outcome is RunOutcome.answered
    first, second = run.attempts
    assert any(said in claim for claim in objections(first, tool))
    assert not objections(second, tool)
