"""Whatever the rules say and a person answers: no way leads to the commit of what is denied, or asked about and not
approved; and there is one question for each decision to ask."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import EFFECTS, Policy
from revet.schema import DecisionKind, Draft, Evidence, ExecuteSQL, Outcome, RunOutcome, Task, WriteFile
from revet.tools.base import Terms, ToolCall, View, evidence_for

RULINGS = ("allow", "ask", "deny")


def writes(content: str) -> dict[str, Any]:
    return WriteFile(path="a.txt", content=content).model_dump(mode="json")


def ruling(draft: Draft) -> str:
    (action,) = draft.actions
    assert isinstance(action, WriteFile) and action.content is not None
    return action.content.split()[0]


class Ruling:
    """In the place of `Effects`: rules as the first word of what a draft writes says."""

    name = EFFECTS
    arguments = None
    terms = Terms()

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [] if view.draft is None else [ToolCall(tool=self.name, request="effects", required=True)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        assert view.draft is not None
        said = ruling(view.draft)
        outcome = Outcome.failed if said == "deny" else Outcome.passed
        return evidence_for(call, view, outcome, said, data={"gate": {"decision": said, "reasons": [f"says {said}"]}})


contents = st.builds(lambda said, n: f"{said} {n}", st.sampled_from(RULINGS), st.integers(0, 9))
answers = st.one_of(
    st.booleans(),
    st.just({"type": "respond", "message": "otherwise"}),
    st.builds(lambda content: {"type": "edit", "actions": [writes(content)]}, contents),
    st.just({"type": "expire"}),
)
policies = st.builds(
    Policy, rounds=st.integers(0, 3), approve=st.sampled_from(["auto", "ask", "never"]), unproven=st.just("commit")
)


@given(st.lists(contents, min_size=1, max_size=4), st.lists(answers, max_size=5), policies)
@settings(deadline=None, max_examples=40)
def test_no_way_leads_round_the_rules_or_the_person(drafts: list[str], said: list[Any], policy: Policy) -> None:
    left, given_to = list(said), list[tuple[str, Any]]()

    def person(asked: Any) -> Any:
        content = asked.question["actions"][0]["content"]
        given_to.append((content, left.pop(0) if left else None))
        return given_to[-1][1]

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        work.mkdir()
        script = Scripted([Draft(author="s", actions=(WriteFile(path="a.txt", content=each),)) for each in drafts])
        agent = Agent(script, tools=[Ruling()], critics=[], sandbox=None, policy=policy, store=Path(folder) / "store")
        run = agent.run(Task(goal="Write a.txt.", workspace=str(work)), approve=person)
        written = work / "a.txt"
        content = written.read_text() if written.exists() else None

    assert (run.outcome is RunOutcome.committed) == (content is not None)
    asked = [a for a in run.attempts if a.round == run.attempts[-1].round or a.decision is not None]
    responded = sum(isinstance(a, dict) and a["type"] == "respond" for _, a in given_to)
    asks = sum(a.decision is not None and a.decision.kind is DecisionKind.ask for a in asked)
    assert asks <= len(given_to) <= asks + responded, "one question for each decision to ask"
    if content is None:
        return
    assert not content.startswith("deny") and policy.approve != "never"
    edited = [a["actions"][0]["content"] for _, a in given_to if isinstance(a, dict) and a["type"] == "edit"]
    approved = given_to and given_to[-1] == (content, True)
    by_itself = content.startswith("allow") and policy.approve == "auto"
    assert by_itself or approved or content in edited


DELETE = ExecuteSQL(sql="DELETE FROM customer WHERE id = 2")
KEEP = ExecuteSQL(sql="UPDATE customer SET name = 'gone' WHERE id = 2")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    with closing(sqlite3.connect(tmp_path / "work" / "shop.db")) as database, database:
        database.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("INSERT INTO customer VALUES (1, 'Ada'), (2, 'Bo')")
    return tmp_path


def names(shop: Path) -> list[str]:
    with closing(sqlite3.connect(shop / "work" / "shop.db")) as database:
        return [name for (name,) in database.execute("SELECT name FROM customer ORDER BY id")]


def agent_of(shop: Path, *sql: ExecuteSQL, **policy: Any) -> Agent:
    drafts = [Draft(author="s", actions=(each,)) for each in sql]
    given: dict[str, Any] = {"tools": [], "critics": [], "sandbox": None, "store": shop / "store"}
    return Agent(Scripted(drafts), policy=Policy(**policy), database="sqlite:///shop.db", **given)


@pytest.mark.parametrize(
    ("answer", "outcome", "left"),
    [
        (True, "committed", ["Ada"]),
        (False, "rejected", ["Ada", "Bo"]),
        ({"type": "respond", "message": "keep the row"}, "asked", ["Ada", "Bo"]),
        ({"type": "edit", "actions": [KEEP.model_dump(mode="json")]}, "committed", ["Ada", "gone"]),
    ],
)
def test_each_answer_to_rows_that_would_go(shop: Path, answer: Any, outcome: str, left: list[str]) -> None:
    task = Task(goal="Delete customer 2.", workspace=str(shop / "work"))
    asked: list[Any] = []
    waiting = agent_of(shop, DELETE, KEEP).run(task, approve=lambda each: asked.append(each))
    assert waiting.outcome is RunOutcome.asked and waiting.asked_at is not None and names(shop) == ["Ada", "Bo"]
    (table,) = asked[0].question["changes"]["tables"]
    assert (table["table"], table["deleted"]) == ("customer", 1)
    with pytest.raises(InputError, match="no answer"):
        waiting.resume({"type": "perhaps"})
    run = waiting.resume(answer)
    assert (run.outcome.value, names(shop)) == (outcome, left)
    if outcome == "committed":
        with pytest.raises(InputError, match="does not wait"):
            run.resume(True)
        run.undo()
        assert names(shop) == ["Ada", "Bo"]


def test_a_statement_without_a_condition_is_asked_about_however_few_rows_there_are(shop: Path) -> None:
    every = ExecuteSQL(sql="UPDATE customer SET name = 'x'")
    task = Task(goal="Look after the shop.", workspace=str(shop / "work"))
    run = agent_of(shop, every, unproven="commit").run(task)
    assert run.outcome is RunOutcome.asked and "all rows" in " ".join(run.decision.reasons), run.decision
    assert names(shop) == ["Ada", "Bo"]
    named = task.model_copy(update={"goal": "Rename customer 2."})
    one = agent_of(shop, KEEP, unproven="allowed").run(named)
    assert one.outcome is RunOutcome.committed and names(shop) == ["Ada", "gone"]
