"""The sql tool: which queries a draft holds, which database is meant, what the evidence says; and in the loop."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import revet
from revet.agents import EvidenceCritic
from revet.errors import InputError
from revet.models import LanguageModel, Message, Request
from revet.schema import Answer, Critique, Draft, ExecuteSQL, Outcome, Task
from revet.tools import Sql, ToolCall, View
from revet.tools.sql import SqlQuery, queries_of
from tests.graphs.speaking import Teller

from .sql_worlds import SCRIPT, ask, database, found, view


@pytest.fixture
def cars(tmp_path: Path) -> Iterator[Sql]:
    tool = Sql(str(database(tmp_path)))
    yield tool
    tool.close()


# --- which queries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "queries"),
    [
        (Draft(author="a", answer="Here:\n```sql\nSELECT 1\n```\nDone."), ["SELECT 1"]),
        (Draft(author="a", answer="```sqlite\nSELECT 1;\nSELECT ';\n';\n```"), ["SELECT 1;", "SELECT ';\n';"]),
        (Draft(author="a", answer="```sql\nSELECT 1"), ["SELECT 1"]),
        (Draft(author="a", answer="```\nselect a from b\n```"), ["select a from b"]),
        (Draft(author="a", answer="SELECT name\nFROM maker;"), ["SELECT name\nFROM maker;"]),
        (Draft(author="a", answer="-- names\nWITH m AS (SELECT 1) SELECT * FROM m"), None),
        (Draft(author="a", answer="With regard to your question: 42."), []),
        (Draft(author="a", answer="```python\nselect = 1\n```"), []),
        (Draft(author="a", answer="The answer is 42."), []),
        (Draft(author="a", actions=(ExecuteSQL(sql="DELETE FROM maker"),)), ["DELETE FROM maker"]),
        (
            Draft(author="a", actions=(Answer(text="```sql\nSELECT 2\n```"),), answer="```sql\nSELECT 2\n```"),
            ["SELECT 2"],
        ),
        (Draft(author="a", problem="nothing"), []),
    ],
)
def test_the_queries_of_a_draft(draft: Draft, queries: list[str] | None) -> None:
    expected = [str(draft.answer)] if queries is None else queries
    assert [sql for sql, _ in queries_of(draft)] == expected


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM maker",
        "delete from main.maker as m where m.id = 3;",
        "DELETE FROM car WHERE price IS NULL",
        "UPDATE maker SET name = 'x'",
        'update "car" c set weight=1 where id in (1, 2)',
        "-- more\nINSERT INTO maker (id, name) VALUES (9, 'Lada')",
        "INSERT OR IGNORE INTO maker SELECT * FROM maker",
        "REPLACE INTO maker VALUES (1, 'a', 'b')",
        "DROP TABLE IF EXISTS maker;",
        "ALTER TABLE maker ADD COLUMN since INTEGER",
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "create table if not exists t(a, b)",
        "CREATE TABLE t AS SELECT 1 AS a",
        "CREATE VIEW v AS SELECT name FROM maker",
        "CREATE UNIQUE INDEX i ON maker (name)",
        "TRUNCATE TABLE maker",
    ],
)
async def test_an_answer_that_would_write_is_a_query_that_is_not_run(cars: Sql, statement: str) -> None:
    seen = View(task=Task(), run="r", draft=Draft(author="a", answer=statement))
    (call,) = cars.plan(seen)
    evidence = await cars.run(call, seen)
    assert evidence.outcome in (Outcome.inconclusive, Outcome.error), evidence.observation
    if statement == "DELETE FROM maker":
        assert evidence.outcome is Outcome.inconclusive and evidence.observation.startswith("not run")


@pytest.mark.parametrize(
    "prose",
    [
        "Delete the file from the folder.",
        "Delete from the list what you do not need.",
        "Delete from memory where possible.",
        "Update: it works",
        "Update the settings, set the limit to 3.",
        "Update settings set to dark.",
        "Insert into the form what you have (see below).",
        "Insert the coin into the slot.",
        "Replace into with in.",
        "Drop table reservations by calling the restaurant.",
        "Drop by.",
        "Create table reservations (if you can) for four.",
        "Create table of contents as soon as possible.",
        "Create a table with two columns.",
        "Alter table layout to fit.",
        "Truncate table names after 30 letters.",
    ],
)
def test_prose_that_begins_as_a_statement_does_is_none(prose: str) -> None:
    assert not list(queries_of(Draft(author="a", answer=prose)))


def test_an_action_is_where_its_query_is() -> None:
    draft = Draft(author="a", actions=(Answer(text="see"), ExecuteSQL(sql="SELECT 1", database="cars")))
    ((sql, place),) = queries_of(draft)
    assert (sql, place.action, place.named) == ("SELECT 1", 1, "cars")


@given(st.text(alphabet=st.sampled_from("`sqlectSELECT ;\n'\"-with()*1\0é"), max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_text_holds_queries_or_none(text: str) -> None:
    assert all(sql.strip() for sql, _ in queries_of(Draft(author="a", answer=text)))


# --- which database ----------------------------------------------------------------------------------------------


def test_without_a_database_the_user_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match="no database is named"):
        Sql().plan(view("SELECT 1"))


@pytest.mark.parametrize(
    "named", ["gone.db", "/nowhere/gone.db", "mysql://host/db", ":memory:", "~nobody-here/x.db", "a\0b", "/"]
)
def test_a_database_that_is_not_there_is_the_users_to_mend(named: str) -> None:
    with pytest.raises(InputError):
        Sql(named).plan(view("SELECT 1"))


@pytest.mark.parametrize("given", [{"seconds": 0}, {"seconds": float("nan")}, {"rows": 0}, {"memory": 1}])
def test_bounds_must_bound(given: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Sql(":memory:", script="", **given)


async def test_the_task_names_the_database_in_its_workspace(tmp_path: Path) -> None:
    database(tmp_path)
    tool = Sql()
    task = Task(workspace=str(tmp_path), inputs={"database": "sqlite:cars.db"})
    seen = View(task=task, run="r", workspace=tmp_path, draft=Draft(author="a", answer="SELECT COUNT(*) FROM maker"))
    evidence = await tool.run(tool.plan(seen)[0], seen)
    assert evidence.outcome is Outcome.passed and evidence.data["first"] == [["4"]]
    assert evidence.source == "cars.db"
    tool.close()


async def test_a_script_makes_a_database(tmp_path: Path) -> None:
    (tmp_path / "cars.sql").write_text(SCRIPT)
    for tool in (Sql(str(tmp_path / "cars.sql")), Sql(":memory:", script=SCRIPT)):
        assert (await ask(tool, "SELECT name FROM maker")).data["rows"] == 4
        tool.close()
    broken = Sql(":memory:", script="CREATE TABLE t (a); INSERT INTO u VALUES (1)")
    evidence = await ask(broken, "SELECT 1")
    assert evidence.outcome is Outcome.inconclusive and "no such table" in evidence.observation
    broken.close()


async def test_a_query_for_another_database_is_not_run(cars: Sql) -> None:
    for named, outcome in (("cars", Outcome.passed), ("cars.db", Outcome.passed), ("/etc/x", Outcome.inconclusive)):
        draft = Draft(author="a", actions=(ExecuteSQL(sql="SELECT name FROM maker", database=named),))
        seen = View(task=Task(), run="r", draft=draft)
        assert (await cars.run(cars.plan(seen)[0], seen)).outcome is outcome, named


# --- what it says ------------------------------------------------------------------------------------------------


async def test_a_result_is_told_bounded(cars: Sql) -> None:
    evidence = await ask(cars, "SELECT id, name, NULL AS n, x'00ff' AS b FROM maker ORDER BY id")
    assert evidence.outcome is Outcome.passed
    assert evidence.data["columns"] == ["id", "name", "n", "b"]
    assert evidence.data["types"] == ["integer", "text", "null", "blob"]
    assert evidence.data["rows"] == 4 and evidence.data["complete"] is True
    assert evidence.data["first"][0] == ["1", "Volvo", "NULL", "x'00ff' (2 bytes)"]  # type: ignore[index]
    turned = await ask(cars, "SELECT id, name, NULL AS n, x'00ff' AS b FROM maker ORDER BY id DESC")
    assert turned.data["digest"] == evidence.data["digest"], "the order of rows does not count"
    other = await ask(cars, "SELECT id, country, NULL AS n, x'00ff' AS b FROM maker")
    assert other.data["digest"] != evidence.data["digest"]


@pytest.mark.parametrize(
    ("sql", "category", "claim", "suggestion"),
    [
        ("SELECT nmae FROM maker", "sql/unknown-column", "no column nmae", "maker.name"),
        ("SELECT name FROM makers", "sql/unknown-table", "no table makers", "use maker"),
        ("SELECT weight FROM maker", "sql/unknown-column", "no column weight in maker", "car.weight"),
        ("SELECT m.name FROM maker", "sql/unknown-table", "nothing in FROM is called m", "maker"),
        (
            "SELECT id FROM car JOIN maker ON maker.id = car.maker",
            "sql/ambiguous-column",
            "id is ambiguous",
            "maker.id",
        ),
        ("SELECT name FROM other.maker", "sql/unknown-table", "no schema other", "maker by itself"),
        ("SELECT GETDATE()", "sql/function", "no such function: GETDATE", "CURRENT_TIMESTAMP"),
        ("SELECT FROM WHERE", "sql/invalid", "syntax error", None),
    ],
)
async def test_what_the_database_refuses_is_told_with_what_it_has(
    cars: Sql, sql: str, category: str, claim: str, suggestion: str | None
) -> None:
    evidence = await ask(cars, sql)
    assert evidence.outcome is Outcome.failed, evidence.observation
    problem = found(evidence)[category]
    assert claim in problem.claim
    assert suggestion is None or suggestion in str(problem.suggestion)
    assert problem.confidence == 1.0 and problem.severity.value == "major"
    assert problem.location is not None and problem.location.action == 0


async def test_the_database_has_the_last_word(cars: Sql) -> None:
    """Of names that the parser does not know, and of strings in double quotes."""
    for sql in ("SELECT rowid FROM maker", 'SELECT name FROM maker WHERE country = "Sweden"', "VALUES (1), (2)"):
        assert (await ask(cars, sql)).outcome is Outcome.passed, sql


async def test_a_critic_asks_without_a_question_held_against_it(cars: Sql) -> None:
    seen = View(task=Task(goal="Which maker has the most cars?"), run="r")
    call = ToolCall(tool="sql", request="x", arguments={"query": "SELECT * FROM maker"})
    evidence = await cars.run(call, seen)
    assert evidence.outcome is Outcome.passed and not found(evidence)
    wrong = await cars.run(call.model_copy(update={"arguments": {"query": "SELECT nmae FROM maker"}}), seen)
    assert wrong.outcome is Outcome.failed and "maker.name" in wrong.observation
    assert not found(wrong), "what a critic asked wrongly is no fault of the draft"
    assert issubclass(SqlQuery, BaseModel) and cars.arguments is SqlQuery


async def test_a_call_that_cannot_be_used_is_told(cars: Sql) -> None:
    for arguments in ({}, {"query": ""}, {"query": 3}, {"query": "SELECT 1", "more": 1}, {"query": "x" * 200_000}):
        call = ToolCall(tool="sql", request="x", arguments=arguments)  # type: ignore[arg-type]
        assert (await cars.run(call, View(task=Task(), run="r"))).outcome is Outcome.error


async def test_several_calls_at_a_time_take_turns(cars: Sql) -> None:
    sqls = [f"SELECT {number} AS n FROM maker" for number in range(12)]
    told = await asyncio.gather(*(ask(cars, sql) for sql in sqls))
    assert [each.data["first"][0] for each in told] == [[str(n)] for n in range(12)]  # type: ignore[index]


async def test_the_process_ends_with_the_tool(tmp_path: Path) -> None:
    tool = Sql(str(database(tmp_path)))
    await ask(tool, "SELECT 1")
    process = tool._child._process
    assert process is not None and process.poll() is None
    del tool
    for _ in range(100):  # the thread that asked may hold on to its last call for a moment
        gc.collect()
        if process.poll() is not None:
            break
        await asyncio.sleep(0.05)
    assert process.poll() is not None


async def test_what_is_written_since_is_seen(cars: Sql, tmp_path: Path) -> None:
    assert (await ask(cars, "SELECT name FROM maker")).data["rows"] == 4
    connection = sqlite3.connect(tmp_path / "cars.db")
    connection.executescript("INSERT INTO maker VALUES (5, 'Skoda', NULL)")
    connection.close()
    assert (await ask(cars, "SELECT name FROM maker")).data["rows"] == 5


@given(
    st.text(max_size=80) | st.from_regex(r"(SELECT|WITH|DROP|PRAGMA|INSERT) [\w *(),.'\"=;%-]{0,60}", fullmatch=True)
)
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_raises_or_changes_the_database(cars: Sql, tmp_path: Path, text: str) -> None:
    before = (tmp_path / "cars.db").read_bytes()
    call = ToolCall(tool="sql", request="x", arguments={"query": text})
    asyncio.run(cars.run(call, View(task=Task(), run="r")))
    assert (tmp_path / "cars.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cars.db"]


# --- in the loop -------------------------------------------------------------------------------------------------


class Asker:
    """Answers with what the model says; a revision is shown what the critic found."""

    name = "asker"

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    async def propose(self, view: View) -> Draft:
        return await self._said(view, "proposer", view.task.goal)

    async def revise(self, view: View, critique: Critique) -> Draft:
        told = "; ".join(f"{each.claim}: {each.suggestion}" for each in critique.findings)
        return await self._said(view, "reviser", told)

    async def _said(self, view: View, role: str, text: str) -> Draft:
        request = Request(role=role, messages=(Message(role="user", text=text),))
        reply = await self.model.ask(request, view.account)
        return Draft(author=self.name, answer=reply.text)


async def test_a_wrong_column_is_sent_back_with_the_nearest_name(tmp_path: Path) -> None:
    def tell(request: Request) -> str:
        wrong = request.role == "proposer"
        return f"```sql\nSELECT {'nmae' if wrong else 'name'} FROM maker\n```"

    teller = Teller(tell)
    tool = Sql(str(database(tmp_path)), required=True)
    agent = revet.Agent(
        Asker(LanguageModel(teller)), critics=[EvidenceCritic()], tools=[tool], sandbox=None, store=tmp_path / "store"
    )
    run = await agent.arun(Task(goal="What are the names of the makers?"))
    tool.close()
    assert [request.role for request in teller.asked] == ["proposer", "reviser"]
    assert "there is no column nmae in maker: use maker.name" in teller.asked[1].messages[-1].text
    assert run.best is not None and run.best.draft.answer == "```sql\nSELECT name FROM maker\n```"
    first, last = run.attempts
    assert [each.outcome for each in first.evidence] == [Outcome.failed]
    assert [each.outcome for each in last.evidence] == [Outcome.passed]
