"""What would happen: measured where it was tried, predicted where not, and said which."""

from __future__ import annotations

from typing import Any

import pytest

from revet.agents import EvidenceCritic
from revet.agents.chat import ChatCritic
from revet.agents.preoperative import PreOperative, foretold, possible_result
from revet.policy import EFFECTS
from revet.schema import (
    CallPlan,
    CallTool,
    Changes,
    CommandRun,
    Critique,
    Draft,
    Evidence,
    ExecuteSQL,
    Gui,
    Outcome,
    RunCommand,
    TableChange,
    Verdict,
    WriteFile,
)
from tests.agents.chat_support import Talker, changed, outside_fences, view

RUN, PAY = RunCommand(command="make clean"), CallTool(name="pay")
RAN = CommandRun(command="make clean", exit_code=0)


def looked(*effects: tuple[str, str], complete: bool = False) -> Evidence:
    told = [{"claim": claim, "basis": basis} for claim, basis in effects]
    return Evidence(
        tool=EFFECTS, request="effects", outcome=Outcome.passed, data={"effects": told, "complete": complete}
    )


def draft(*actions: Any) -> Draft:
    return Draft(author="a", actions=actions)


async def said(critic: PreOperative, *actions: Any, changes: Changes | None = None, **more: Any) -> str:
    critique = await critic.criticise(view(draft=draft(*actions), changes=changes, **more))
    assert (critique.verdict, critique.findings) == (Verdict.abstain, ())
    return critique.possible_result


async def test_what_was_measured_is_told_with_its_counts() -> None:
    table = TableChange(
        database="sqlite:///a.db",
        table="users",
        inserted=1,
        deleted=1200,
        ddl=("DROP INDEX i",),
        reversible=False,
        why="DDL",
    )
    changes = changed("a.py").model_copy(update={"commands": (RAN,), "tables": (table,)})
    told = await said(PreOperative(), RUN, ExecuteSQL(sql="…"), changes=changes)
    assert told == (
        "measured: changes 1 file (a.py); in table users: inserts 1 row, deletes 1,200 rows, changes its shape "
        "(DROP INDEX i); this cannot be undone: DDL; `make clean` succeeds"
    )


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"exit_code": 2, "stderr": "a\nno rule\n"}, "fails with status 2: no rule"),
        ({"exit_code": None, "verdict": "timeout"}, "did not end by itself (timeout)"),
        ({"network": ("a:1", "b:2")}, "it tries to reach the network (a:1, b:2)"),
        ({"refused": ("write /etc/x",)}, "outside the workspace, where nothing is carried out: write /etc/x"),
    ],
)
async def test_how_a_trial_ended_is_told(run: dict[str, Any], told: str) -> None:
    changes = Changes(commands=(CommandRun(command="make", **{"exit_code": 0, **run}),))
    assert told in await said(PreOperative(), RunCommand(command="make"), changes=changes)


async def test_what_the_text_says_is_told_as_that_and_what_nobody_knows_is_named() -> None:
    evidence = (looked(("calls pay, which is declared to send", "declared"), ("deletes a", "dry run")),)
    told = await said(PreOperative(), PAY, changes=Changes(calls=(CallPlan(name="pay"),)), evidence=evidence)
    assert told == "read from the text: calls pay, which is declared to send\nnot tried: action 0"


async def test_a_model_predicts_only_what_was_not_measured_and_is_named() -> None:
    results = [{"action": 1, "result": "5 euros go"}, {"action": 0, "result": "no"}, {"action": 7, "result": "no"}]
    talker = Talker({"results": results})
    changes = Changes(commands=(RAN,), calls=(CallPlan(name="pay"),))
    told = await said(PreOperative(talker.model), RUN, PAY, changes=changes)
    assert told.splitlines() == ["measured: `make clean` succeeds", "predicted by talker: action 1: 5 euros go"]
    assert "carried out: 1." in outside_fences(talker.prompts[0])


async def test_a_model_is_not_asked_about_what_was_measured_as_a_whole() -> None:
    talker = Talker({"results": []})
    dry = Changes(
        commands=(RAN,),
        calls=(CallPlan(name="pay", result="would pay 5"),),
        tables=(TableChange(database="d", table="t"),),
    )
    told = await said(PreOperative(talker.model), RUN, PAY, ExecuteSQL(sql="x"), changes=dry)
    assert "pay says of a dry run: would pay 5" in told and not talker.requests
    await said(PreOperative(talker.model), RUN, changes=Changes(), evidence=(looked(complete=True),))
    assert not talker.requests


async def test_an_answer_that_cannot_be_used_predicts_nothing() -> None:
    told = await said(PreOperative(Talker("well").model), Gui(operation="click"), changes=Changes())
    assert told.startswith("predicted by talker: nothing, for its answer could not be used")
    critique = await PreOperative().criticise(view())
    assert critique.verdict is Verdict.abstain


def test_every_critique_of_what_acts_beyond_files_says_what_would_happen() -> None:
    changes = Changes(commands=(RAN,))
    seen = view(draft=draft(RUN), changes=changes)
    own = Critique(critic="c", verdict=Verdict.accept, possible_result="the required check passes")
    told = foretold(own, EvidenceCritic(), seen).possible_result
    assert told == "measured: `make clean` succeeds\nthe required check passes"
    model = ChatCritic(Talker("").model)
    predicted = foretold(own.model_copy(update={"possible_result": "harm"}), model, seen).possible_result
    assert predicted == "measured: `make clean` succeeds\npredicted by talker: harm"
    assert foretold(own, model, view(draft=draft(WriteFile(path="a", content="x")), changes=changed())) == own
    unheard = own.model_copy(update={"heard": False})
    assert foretold(unheard, model, seen) == unheard


def test_the_result_for_a_person_has_each_way_of_knowing_once() -> None:
    critiques = [Critique(critic=n, verdict=Verdict.abstain, possible_result="x\npredicted by m: harm") for n in "ab"]
    told = possible_result(Changes(commands=(RAN,)), [looked(("runs make", "text"))], critiques)
    assert told.splitlines() == [
        "measured: `make clean` succeeds",
        "read from the text: runs make",
        "predicted by m: harm",
    ]
    assert possible_result(None, []) == ""
