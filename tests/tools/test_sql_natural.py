"""Right queries to questions as people ask them are not sent back; obvious faults in such queries are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from revet.schema import Outcome, Severity
from revet.tools import Sql

from .sql_natural import LATER, RIGHT, WORLDS, WRONG
from .sql_worlds import ask, found


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, Sql]]:
    made = {name: Sql(":memory:", script=script) for name, script in WORLDS.items()}
    yield made
    for tool in made.values():
        tool.close()


@pytest.mark.parametrize(
    ("world", "question", "sql"), [*RIGHT, *LATER], ids=[each[1][:60] for each in [*RIGHT, *LATER]]
)
async def test_a_right_query_passes(tools: dict[str, Sql], world: str, question: str, sql: str) -> None:
    evidence = await ask(tools[world], sql, question)
    assert evidence.outcome is Outcome.passed and "rules_failed" not in evidence.data, evidence.observation
    sent_back = [each.claim for each in found(evidence).values() if each.severity is not Severity.minor]
    assert not sent_back, sent_back


@pytest.mark.parametrize(("world", "question", "sql", "category"), WRONG, ids=[each[1][:60] for each in WRONG])
async def test_a_wrong_query_does_not(
    tools: dict[str, Sql], world: str, question: str, sql: str, category: str
) -> None:
    evidence = await ask(tools[world], sql, question)
    assert evidence.outcome is Outcome.failed
    assert found(evidence)[category].severity is Severity.major, evidence.observation
