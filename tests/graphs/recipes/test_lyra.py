"""Lyra: tools first, in their order and without the model; then the conjecture, by the error; afresh every so often."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from revet.agents.evidence import EvidenceCritic
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.parts.correcting import CONJECTURE, PLACE, TOOL
from revet.graphs.parts.replacing import failing, replaced, spots_in
from revet.graphs.recipes.lyra import CALL, ISABELLE
from revet.policy import Policy
from revet.schema import (
    Attempt,
    Check,
    Draft,
    EditFile,
    Evidence,
    Finding,
    Location,
    Outcome,
    Replacement,
    Run,
    RunCommand,
    RunOutcome,
    Task,
    WriteFile,
)
from revet.tools import ToolCall, View
from revet.tools.base import evidence_for
from revet.tools.problems import Problem
from tests.agents.chat_support import said_action, said_draft, view
from tests.graphs.recipes.casting_support import Cast, answer, broken_off_everywhere, played

PROVED = Check(command="prove")


class Prover:
    """Checks a file line by line: `by X` in line n passes if that is what goal n needs. `tells` which line fails."""

    name = "prover"
    arguments: type[BaseModel] | None = None

    def __init__(self, *needs: str, tells: bool = True) -> None:
        self.needs, self.tells = needs, tells

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request=c.command, check=c.id, required=True) for c in view.task.checks]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        file = (view.layer.root if view.layer else view.workspace or Path()) / "a.thy"
        lines = file.read_text().splitlines() if file.is_file() else []
        for number, need in enumerate(self.needs, 1):
            if number > len(lines) or not lines[number - 1].endswith(f"by {need}"):
                where = Location(path="a.thy", line=number) if self.tells else None
                problem = Problem(claim=f"goal {number} is not proved", location=where)
                return evidence_for(call, view, Outcome.failed, problem.claim, problems=[problem])
        return evidence_for(call, view, Outcome.passed, "QED")


def proof(*tools: str) -> dict[str, Any]:
    text = "".join(f"have {n}: by {tool}\n" for n, tool in enumerate(tools))
    return said_draft(actions=[said_action("write_file", path="a.thy", content=text)])


async def proved(cast: Cast, folder: Path, prover: Prover, **options: Any) -> tuple[Run, list[str]]:
    """The run, and the tools in each draft."""
    place = folder / "place"
    place.mkdir(parents=True)
    task = Task(goal="Prove it.", workspace=str(place), edit=("*.thy",), checks=(PROVED,))
    run = await played(cast, "lyra", folder, task, tools=[prover], options=options)
    drafts = [a.draft.actions[0] for a in run.attempts if a.draft.actions]
    texts = [re.findall(r"by (.+)", d.content or "") for d in drafts if isinstance(d, WriteFile)]
    return run, [" ".join(found) for found in texts]


async def test_the_failing_tool_is_replaced_in_order_without_asking_the_model(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: proof("auto", "metis", "simp"))
    tools = ["by auto", "by simp", "by blast", "by eval"]
    run, drafts = await proved(cast, tmp_path, Prover("auto", "blast", "simp"), tools=tools)
    assert run.outcome is RunOutcome.committed and cast.order == "p"
    assert drafts == ["auto metis simp", "auto auto simp", "auto simp simp", "auto blast simp"]
    last = run.attempts[-1].draft
    assert (last.data[CONJECTURE], last.data[PLACE], last.data[TOOL]) == (0, 1, "by blast")


async def test_a_place_that_is_mended_stays_and_the_next_one_is_gone_on_with(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: proof("metis", "metis"))
    tools = ["by auto", "by simp", "by blast"]
    run, drafts = await proved(cast, tmp_path, Prover("simp", "blast"), tools=tools)
    assert run.ok and cast.order == "p"
    assert drafts == ["metis metis", "auto metis", "simp metis", "simp auto", "simp simp", "simp blast"]


async def test_what_fails_and_is_no_call_is_left_to_the_model_with_the_mended_places(tmp_path: Path) -> None:
    text = "have 0: by metis\nhave 1: apply induct\n"
    first = said_draft(actions=[said_action("write_file", path="a.thy", content=text)])
    cast = Cast(proposer=lambda n, _: first, reviser=lambda n, _: proof("simp", "eval"))
    run, drafts = await proved(cast, tmp_path, Prover("simp", "eval"), tools=["by auto", "by simp", "by blast"])
    assert run.ok and cast.order == "pr" and drafts == ["metis", "auto", "simp", "simp eval"]
    (told,) = cast.asked("reviser")
    assert "have 0: by simp" in told and "goal 2 is not proved" in told


async def test_where_nobody_knows_the_line_each_call_is_tried_in_turn(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: proof("auto", "metis"))
    run, drafts = await proved(cast, tmp_path, Prover("auto", "simp", tells=False), tools=["by blast", "by simp"])
    assert run.ok and drafts == ["auto metis", "blast metis", "simp metis", "auto blast", "auto simp"]


async def test_the_conjecture_is_corrected_by_the_error_when_no_tool_is_left(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n, _: proof("auto", "metis"),
        reviser=lambda n, _: proof("auto", "induct") if n == 0 else proof("auto", "algebra"),
    )
    run, drafts = await proved(cast, tmp_path, Prover("auto", "algebra"), tools=["by simp", "by blast"])
    assert run.ok and cast.order == "prr"
    assert drafts == ["auto metis", "auto simp", "auto blast", "auto induct", "auto algebra"]
    first, second = cast.asked("reviser")
    assert "have 1: by metis" in first and "goal 2 is not proved" in first
    assert "blast" not in first and "metis" not in second  # the last conjecture and its error, nothing before it
    assert set(cast.temperatures("reviser")) == {0.7}


async def test_each_fifth_conjecture_is_made_from_nothing(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n, _: proof(f"p{n}"),
        reviser=lambda n, _: proof(f"r{n}"),
    )
    run, drafts = await proved(cast, tmp_path, Prover("auto"), attempts=12, corrections=0)
    assert run.outcome is RunOutcome.abstained and cast.order == "p" + "rrrr" + "p" + "rrrr" + "p" + "r"
    assert len(set(cast.asked("proposer"))) == 1
    assert [a.draft.data.get(CONJECTURE) for a in run.attempts] == [*range(12)] and len(drafts) == 12


async def test_a_conjecture_has_so_many_corrections_and_no_more(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: proof("metis"), reviser=lambda n, _: proof("smt"))
    _, drafts = await proved(cast, tmp_path, Prover("nothing"), attempts=2, corrections=3)
    assert drafts == ["metis", "auto", "simp", "blast", "smt", "fastforce", "force", "eval"]


async def test_an_answer_is_mended_at_the_line_of_its_program(tmp_path: Path) -> None:
    class Runs:
        """Fails at the line of the program that calls `slow`."""

        name = "runs"
        arguments: type[BaseModel] | None = None

        def plan(self, view: View) -> Sequence[ToolCall]:
            return [ToolCall(tool=self.name, request="run it", required=True)] if view.draft else []

        async def run(self, call: ToolCall, view: View) -> Evidence:
            assert view.draft is not None
            lines = (view.draft.answer or "").split("```python\n")[1].splitlines()
            bad = next((n for n, line in enumerate(lines, 1) if line.startswith("b = slow")), None)
            if bad is None:
                return evidence_for(call, view, Outcome.passed, "it ran")
            return evidence_for(call, view, Outcome.failed, f"NameError (line {bad})")

    said = "Here it is: slow(1)\n\n```python\na = slow(1)\nb = slow(2)\nanswer = a + b\n```"
    cast = Cast(proposer=lambda n, _: answer(said))
    options = {"calls": r"slow\(", "tools": ["slow(", "quick("]}
    run = await played(cast, "lyra", tmp_path, tools=[Runs()], options=options)
    assert run.ok and cast.order == "p"
    assert run.answer == said.replace("b = slow(", "b = quick(")


async def test_nothing_is_mended_that_is_no_draft_or_cannot_be_staged(tmp_path: Path) -> None:
    bad = said_draft(
        actions=[said_action("edit_file", path="a.thy", replacements=[{"search": "none", "replace": "by metis"}])]
    )
    cast = Cast(proposer=lambda n, _: "no shape", reviser=lambda n, _: [bad, proof("auto")][n])
    run, _ = await proved(cast, tmp_path, Prover("auto"))
    assert run.ok and cast.order == "pprr" and run.attempts[0].draft.problem is not None


async def test_a_failing_check_is_never_committed(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: proof("auto"), reviser=lambda n, _: proof("simp"))
    run, _ = await proved(cast, tmp_path, Prover("impossible"), attempts=2)
    assert run.outcome is RunOutcome.abstained and not [*(tmp_path / "place").glob("*.thy")]


@pytest.mark.sandbox
async def test_a_real_program_is_mended_by_known_good_functions_and_proved_by_its_tests(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "middle.py").write_text("def middle(xs):\n    raise NotImplementedError\n")
    (place / "check.py").write_text("from middle import middle\n\nassert middle([1, 2, 90]) == 2\n")
    text = "import statistics\n\n\ndef middle(xs):\n    return statistics.average(xs)\n"
    write = said_draft(actions=[said_action("write_file", path="middle.py", content=text)])
    cast = Cast(proposer=lambda n, _: write)
    options = {"calls": r"statistics\.\w+", "tools": ["statistics.mean", "statistics.median", "statistics.mode"]}
    task = Task(
        goal="The middle.",
        workspace=str(place),
        checks=(Check(command="python3 check.py"),),
        edit=("middle.py",),
        protect=("check.py",),
    )
    agent = Agent(cast.model, recipe="lyra", options=options, store=tmp_path / "store")
    run = await agent.arun(task)
    assert run.outcome is RunOutcome.committed and cast.order == "p" and run.usage.rounds == 2
    assert "statistics.median(xs)" in (place / "middle.py").read_text()
    run.undo()
    assert "NotImplementedError" in (place / "middle.py").read_text()


class Wants:
    """Examines an answer: it must say `by sos`, and be no first conjecture."""

    name = "wants"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request="prove it", required=True)] if view.draft else []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        right = view.draft is not None and view.draft.answer == "1 by sos"
        return evidence_for(call, view, Outcome.passed if right else Outcome.failed, "seen")


async def test_a_run_that_broke_off_goes_on_with_the_same_drafts(tmp_path: Path) -> None:
    def make() -> Cast:
        return Cast(proposer=lambda n, _: answer("x by metis"), reviser=lambda n, _: answer(f"{n} by smt"))

    options = {"attempts": 3, "tools": ["by simp", "by sos"]}
    run = await broken_off_everywhere(make, "lyra", tmp_path, options=options, rounds=9, tools=[Wants()])
    assert [a.draft.answer for a in run.attempts] == [
        *("x by metis", "x by simp", "x by sos"),
        *("0 by smt", "0 by simp", "0 by sos"),
        *("1 by smt", "1 by simp", "1 by sos"),
    ]
    assert run.ok


EDITS = Draft(
    author="a",
    actions=(
        WriteFile(path="a.thy", content="x by auto\ny by (simp add: f)\n"),
        EditFile(path="b.thy", replacements=(Replacement(search="s", replace="by blast"),)),
        RunCommand(command="echo by force"),
    ),
    answer="by eval",
)


def test_every_text_of_a_draft_is_searched_in_order() -> None:
    spots = spots_in(EDITS, re.compile(CALL))
    assert [s.text for s in spots] == ["by auto", "by (simp add: f)", "by blast", "by force", "by eval"]
    assert [(s.path, s.line) for s in spots] == [
        ("a.thy", 1), ("a.thy", 2), ("b.thy", None), (None, 1), (None, 1)
    ]  # fmt: skip
    for number, spot in enumerate(spots):
        changed = spots_in(replaced(EDITS, spot, "by sos"), re.compile(CALL))
        assert [s.text for n, s in enumerate(changed) if n != number] == [
            s.text for n, s in enumerate(spots) if n != number
        ]
        assert changed[number].text == "by sos"


async def test_the_failing_spots_are_those_that_evidence_names() -> None:
    spots = spots_in(EDITS, re.compile(CALL))
    call = ToolCall(tool="t", request="r", required=True)
    told = evidence_for(
        call, view(), Outcome.failed, "no", problems=[Problem(claim="x", location=Location(path="a.thy", line=2))]
    )  # fmt: skip
    critique = await EvidenceCritic().criticise(view(draft=EDITS, evidence=(told,)))
    attempt = Attempt(round=0, draft=EDITS, evidence=(told,), critiques=(critique,))
    assert [s.text for s in failing(attempt, spots)] == ["by (simp add: f)"]
    assert failing(Attempt(round=0, draft=EDITS), spots) is None
    located = [Location(path=path, line=line) for path, line in (("a.thy", 9), ("b.thy", 4), ("test_a.py", 1))]
    for where, meant in zip(located, ([], ["by blast"], None), strict=True):
        said = critique.model_copy(update={"findings": (Finding(claim="x", location=where),)})
        found = failing(Attempt(round=0, draft=EDITS, critiques=(said,)), spots)
        assert (None if found is None else [s.text for s in found]) == meant


TACTICS = st.sampled_from([*ISABELLE, "by (metis a(1) b)", "apply auto", "", "\n", "by", "(by)"])


@settings(deadline=None)
@given(st.lists(TACTICS, max_size=6), st.sampled_from(ISABELLE))
def test_a_replacement_changes_its_spot_and_nothing_else(parts: list[str], tool: str) -> None:
    text = "; ".join(parts)
    draft = Draft(author="a", answer=text)
    for spot in spots_in(draft, re.compile(CALL)):
        assert text[spot.start : spot.end] == spot.text
        assert replaced(draft, spot, tool).answer == text[: spot.start] + tool + text[spot.end :]


def test_bad_options_are_named(tmp_path: Path) -> None:
    for options in ({"attempts": 0}, {"fresh": 0}, {"calls": "("}, {"calls": "x*"}, {"corrections": -1}, {"tools": 3}):
        with pytest.raises(InputError, match=next(iter(options))):
            Agent(Cast().model, recipe="lyra", options=options, store=tmp_path)
    with pytest.raises(InputError, match="at least"):
        Agent(Cast().model, recipe="lyra", policy=Policy(rounds=0), store=tmp_path)
    assert Agent(Cast().model, recipe="lyra", store=tmp_path, sandbox=None).policy.rounds == 1299
