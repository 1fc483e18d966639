"""Recorded drafts in the real loop: what becomes of them, what is told of it, and that verdicts stay outside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Replay
from revet.errors import InputError, SandboxBroken
from revet.evals.replay.playing import (
    Answers,
    Once,
    Playback,
    Recorded,
    Replayed,
    Shared,
    choices,
    drafts_of,
    trial_of,
)
from revet.evals.trial import Trial
from revet.graphs import persistence
from revet.policy import Policy
from revet.sandboxes.scratch import sweep
from revet.schema import Draft, Evidence, Model, Outcome, Run, Task, WriteFile
from revet.store import Store
from revet.tools.base import Tool, ToolCall, View, evidence_for


class Says:
    """A required tool that passes drafts with "good" in them and cannot tell of those with "odd"."""

    name, arguments = "says", None

    def __init__(self, required: bool = True) -> None:
        self.required, self.asked = required, 0
        self.views: list[View] = []

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request="is it good?", required=self.required)] if view.draft else []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        self.asked += 1
        self.views.append(view)
        await asyncio.sleep(0)
        answer = (view.draft.answer if view.draft else None) or ""
        cut = Outcome.timeout if "slow" in answer else Outcome.inconclusive
        outcome = cut if "odd" in answer or "slow" in answer else Outcome.passed if "good" in answer else Outcome.failed
        return evidence_for(call, view, outcome, f"the answer is {answer[:10]}")


def case(*answers: str, correct: Sequence[bool | None] = (), name: str = "a/1") -> Recorded:
    drafts = drafts_of(answers, "somebody")
    return Recorded(name, Task(goal="Say something good."), drafts, tuple(correct) or (None,) * len(drafts), "a")


async def played(recorded: Recorded, tool: Tool | None = None, **how: Any) -> tuple[Trial, Run]:
    playback = Playback(sandbox=None)
    try:
        run = await playback.run(recorded, tools=[tool or Says()], **how)
    finally:
        await playback.close()
    assert not playback.store.folder.exists()
    return trial_of(recorded, run), run


async def test_the_loop_ends_at_the_first_draft_that_the_evidence_lets_through() -> None:
    trial, run = await played(case("bad", "bad", "good", "good too", correct=(False, False, True, False)))
    assert [t.accepted for t in trial.turns] == [False, False, True]
    assert [t.correct for t in trial.turns] == [False, False, True]
    assert [t.round for t in trial.turns] == [0, 1, 2]
    assert (trial.chosen, trial.correct, trial.committed, trial.over_budget) == (2, True, True, False)
    assert (trial.turns[0].confidence, trial.turns[2].confidence, trial.turns[2].score) == (0.0, 1.0, 1.0)
    assert (run.outcome, trial.tokens, trial.data["recorded"], trial.task) == ("answered", 0, 4, "a")
    assert trial.why and trial.seconds > 0 and trial.tool_calls == 2  # the second draft is the first once more


async def test_a_loop_that_has_no_further_draft_abstains() -> None:
    trial, _ = await played(case("bad", "worse", correct=(True, False)))
    assert (trial.chosen, trial.correct, len(trial.turns), trial.over_budget) == (None, None, 2, False)
    assert "no draft number 3" in trial.why
    trial, _ = await played(case("bad", "worse"), policy=Policy(rounds=1))
    assert trial.over_budget
    trial, _ = await played(case())
    assert (trial.turns, trial.chosen) == ((), None)


async def test_nobody_could_say() -> None:
    trial, _ = await played(case("odd", correct=(True,)), Says(required=False))
    assert (trial.turns[0].accepted, trial.turns[0].confidence, trial.chosen, trial.correct) == (None, None, 0, True)
    trial, _ = await played(case("slow", correct=(True,)))
    assert (trial.turns[0].accepted, trial.turns[0].failed_tool, trial.chosen) == (False, True, None)


async def test_a_draft_that_cannot_be_staged_is_a_turn() -> None:
    drafts = (Draft(author="m", actions=(WriteFile(path="x", content=""),)), Draft(author="m", problem="no idea"))
    recorded = Recorded("a", Task(goal="Do."), drafts, (True, False), "a")
    trial, _ = await played(recorded)
    assert [t.accepted for t in trial.turns] == [False, False]


async def test_a_choice_points_at_the_draft_that_was_chosen() -> None:
    recorded = case("good one", "bad", "good two", "good two", correct=(False, False, True, True))
    trial, _ = await played(recorded, recipe="vote", options={"samples": 4, "confidence": None})
    assert (trial.chosen, trial.correct, len(trial.turns)) == (2, True, 4)
    assert [t.accepted for t in trial.turns] == [True, False, True, True]


async def test_a_suite_may_tell_more_of_a_turn() -> None:
    recorded = case("bad", "good", correct=(False, True))
    _, run = await played(recorded)
    trial = trial_of(recorded, run, lambda attempt, number: {"located": attempt.round == number, "suggested": False})
    assert [(t.located, t.suggested) for t in trial.turns] == [(True, False), (True, False)]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=5))
@settings(deadline=None, max_examples=20)
def test_whatever_was_recorded_is_played_in_order_up_to_the_first_that_passes(told: list[tuple[bool, bool]]) -> None:
    answers = [f"{'good' if good else 'bad'} {n}" for n, (good, _) in enumerate(told)]
    right = tuple(right for _, right in told)
    trial, _ = asyncio.run(played(case(*answers, correct=right)))
    first = next((n for n, (good, _) in enumerate(told) if good), None)
    seen = told if first is None else told[: first + 1]
    assert [(t.accepted, t.correct) for t in trial.turns] == seen
    assert trial.chosen == first
    assert trial.correct == (None if first is None else right[first])


async def test_no_verdict_reaches_the_loop() -> None:
    said = Says()
    recorded = case("bad", "good", correct=(True, False))
    _, run = await played(recorded, said)
    assert "correct" not in run.model_dump_json()
    assert all(view.draft and view.draft.data == {"recorded": n} for n, view in enumerate(said.views))


# --- what cases share ----------------------------------------------------------------------------------------


class Session:
    def __init__(self, workspace: Path | None) -> None:
        self.workspace, self.closed = workspace, 0

    async def close(self) -> None:
        self.closed += 1


class Sandboxes:
    name = "counted"

    def __init__(self) -> None:
        self.opened: list[Session] = []

    async def support(self) -> Any:
        return "as it is"

    async def open(self, workspace: Path | None = None, **more: Any) -> Session:
        self.opened.append(Session(workspace))
        return self.opened[-1]


async def test_one_session_serves_all_runs_without_a_workspace(tmp_path: Path) -> None:
    inner: Any = Sandboxes()
    shared = Shared(inner)
    assert (shared.name, await shared.support()) == ("counted", "as it is")
    first, second = await asyncio.gather(shared.open(), shared.open())
    await first.close()
    assert len(inner.opened) == 1 and inner.opened[0].closed == 0
    own = await shared.open(tmp_path)
    await own.close()
    assert (own.workspace, inner.opened[1].closed, second.workspace) == (tmp_path, 1, None)
    await shared.close()
    await shared.close()
    assert inner.opened[0].closed == 1


def view(answer: str, evidence: tuple[Evidence, ...] = ()) -> View:
    return View(task=Task(), run="r", draft=Draft(author="m", answer=answer), evidence=evidence)


async def test_the_same_is_asked_once_unless_the_answer_was_cut_short() -> None:
    said = Says()
    once = Once(said, Answers(), lambda call, view: view.draft.answer if view.draft else None)
    call = once.plan(view("good"))[0]
    found = await asyncio.gather(*(once.run(call, view("good")) for _ in range(3)))
    assert said.asked == 1 and {each.outcome for each in found} == {Outcome.passed}
    again = await once.run(call.model_copy(update={"required": False, "check": "c"}), view("good"))
    assert (again.required, again.check, said.asked) == (False, "c", 1)
    for _ in range(2):
        await once.run(call, view("slow"))
    assert said.asked == 3


async def test_a_tool_waits_for_the_evidence_of_another() -> None:
    once = Once(Says(), Answers(), lambda call, view: None, after="tests")

    def seen(outcome: Outcome) -> View:
        return view("x", (Evidence(tool="tests", request="t", outcome=outcome),))

    assert [len(once.plan(v)) for v in (view("x"), seen(Outcome.failed), seen(Outcome.passed))] == [0, 0, 1]


async def test_a_case_that_breaks_off_is_told_and_a_wrong_one_refused() -> None:
    async def play(recorded: Recorded) -> Trial:
        raise SandboxBroken("gone") if recorded.case == "a/1" else InputError("mend it")

    async with Replayed([case(), case(name="b/1")], Playback(sandbox=None), play, lambda trials: []) as player:
        assert player.cases == ("a/1", "b/1") and player.figures([]) == []
        trial = await player.play("a/1")
        assert (trial.error, trial.turns, trial.task) == ("SandboxBroken: gone", (), "a")
        for name, said in (("b/1", "mend it"), ("c/1", "no case 'c/1'")):
            with pytest.raises(InputError, match=said):
                await player.play(name)
    with pytest.raises(InputError, match="same id"):
        Replayed([case(), case()], Playback(sandbox=None), play, lambda trials: [])


@pytest.mark.parametrize("runs", ["{}/runs", "~/runs"])
async def test_runs_are_kept_where_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    playback = Playback(sandbox=None, runs=runs.format(tmp_path))
    run = await playback.run(case("good"), tools=[Says()])
    await playback.close()
    assert Store(tmp_path / "runs").get(run.id).outcome == "answered"


async def test_the_budget_does_not_tell_how_many_drafts_were_recorded(tmp_path: Path) -> None:
    playback = Playback(sandbox=None, runs=tmp_path)
    ran = [await playback.run(case(*answers), tools=[Says()]) for answers in (["good"], ["bad", "worse", "good"])]
    await playback.close()
    one, other = ({**Store(tmp_path).get(run.id).model_dump()["setup"]} for run in ran)
    assert one == other


async def test_the_store_is_opened_once_for_all_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    real = persistence.open_checkpoints

    def counted(path: Path) -> Any:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(persistence, "open_checkpoints", counted)
    playback = Playback(sandbox=None)
    for name in ("a", "b", "c"):
        await playback.run(case("good", name=name), tools=[Says()])
    await playback.close()
    assert len(opened) == 1


def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import asyncio, os; from revet.evals.replay import Playback, Recorded; from revet.schema import Task;"
        "recorded = Recorded('a', Task(goal='Do.'), (), (), 'a'); playback = Playback(sandbox=None);"
        "asyncio.run(playback.run(recorded)); print(playback.store.folder, flush=True); os.kill(os.getpid(), 9)"
    )
    told = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=PIPE)
    left = Path(told.stdout.decode().strip())
    assert told.returncode == -9 and left.is_dir() and left.is_relative_to(tmp_path)
    sweep(tmp_path, grace=0)
    assert list(tmp_path.iterdir()) == []


def test_options_are_checked() -> None:
    class Options(Model):
        inputs: int = 3

    assert choices("x", Options, {}).inputs == 3
    with pytest.raises(InputError, match=r"suite x: input: there is no such option\n.*its options: inputs"):
        choices("x", Options, {"input": 4})
    with pytest.raises(InputError, match="inputs: Input should be a valid integer"):
        choices("x", Options, {"inputs": "many"})


# --- a log of one's own --------------------------------------------------------------------------------------


def test_drafts_are_read_from_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    drafts = [Draft(author="m", answer="one"), Draft(author="m", actions=(WriteFile(path="x", content="y"),))]
    log.write_text("".join(d.model_dump_json() + "\n" for d in drafts) + '\n"three"\n{"answer": "four"}\n')
    read = Replay.read(log)
    assert [*read.drafts[:2]] == drafts
    assert [(d.author, d.answer) for d in read.drafts[2:]] == [("replay", "three"), ("replay", "four")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":2: no JSON"),
        ("3", ":2: must be an object or a text, but is int"),
        ('{"answer": 3}', ":2: answer: Input should be a valid string"),
        ('{"anser": "x"}', ":2: anser: Extra inputs are not permitted"),
    ],
)
def test_a_log_that_cannot_be_read_is_told_by_line(tmp_path: Path, line: str, said: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(f'"one"\n{line}\n')
    with pytest.raises(InputError) as error:
        Replay.read(log)
    assert f"{log}{said}" in str(error.value)


def test_a_log_that_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Replay.read(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match="holds no drafts"):
        Replay.read(tmp_path / "empty.jsonl")
