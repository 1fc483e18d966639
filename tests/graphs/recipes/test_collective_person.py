"""A person in any seat of the collective: the run waits, goes on with what they say, and asks no model twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs import events as said
from revet.policy import Policy
from revet.schema import Run, RunOutcome, Task
from tests.agents.chat_support import said_action
from tests.graphs.recipes.loop_support import Cast, drafted, workspace_task
from tests.graphs.recipes.test_collective import of, story

TASK = Task(goal="Write a line.")


def agent(cast: Cast, store: Path, seat: str, **more: Any) -> Agent:
    options = {
        "person": seat,
        "rounds": 2,
        **({} if seat == "judge" else {"choose": "last"}),
        **more.pop("options", {}),
    }
    return Agent(cast.model, recipe="collective", store=store, options=options, **{"sandbox": None, **more})


def undisturbed(seat: str) -> list[str]:
    """Whom the models play where a person has that seat."""
    critics = ["critic"] * (2 if seat == "critic" else 3)
    leader = [] if seat == "leader" else ["leader"]
    one = ["persona", *critics, *leader, *([] if seat == "writer" else ["reviser"])]
    return [*([] if seat == "writer" else ["proposer"]), *one * 2]


ANSWERS: dict[str, list[Any]] = {
    "leader": [3, "1"],
    "critic": ["more salt", {"points": ["less", "more pepper"], "pick": 2}],
    "writer": ["my version 0", "my version 1", {"answer": "my version 2", "actions": []}],
    "judge": ["2"],
}


@pytest.mark.parametrize("seat", list(ANSWERS))
def test_a_run_waits_for_the_person_and_asks_no_model_twice(seat: str, tmp_path: Path) -> None:
    cast = Cast(**story())
    run: Run = agent(cast, tmp_path / "s", seat).run(TASK)
    for answer in ANSWERS[seat]:
        assert run.outcome is RunOutcome.asked and run.question["seat"] == seat and run.question["asks"]
        # Another process: an agent of its own, with nothing but the store.
        run = agent(cast, tmp_path / "s", seat).resume(run.id, answer)
    assert run.outcome is RunOutcome.answered and not run.question
    assert cast.order == undisturbed(seat), "every model is asked once"
    assert run.usage.roles["critic"].calls == cast.order.count("critic")


def test_the_leader_is_shown_what_the_critics_picked_and_picks_by_number(tmp_path: Path) -> None:
    cast = Cast(**story())
    speaker = agent(cast, tmp_path / "s", "leader")
    waiting = speaker.run(TASK)
    assert waiting.question["choices"] == ["point 0.2", "point 1.2", "point 2.2"]
    assert waiting.question["draft"] == "version 0" and waiting.question["problem"] is None
    run = waiting.resume(3)
    assert of(run).findings[0].claim == "point 2.2" and "point 2.2" in cast.prompt("reviser")


def test_a_critic_is_asked_when_the_others_have_spoken_and_does_not_see_what_they_said(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "leader": lambda n: {"reason": "so", "pick": 3}})
    speaker = agent(cast, tmp_path / "s", "critic")
    waiting = speaker.run(TASK)
    assert cast.order == ["proposer", "persona", "critic", "critic"] and waiting.question["choices"] == []
    run = waiting.resume("more salt")
    assert "more salt" in cast.prompt("leader") and "more salt" in cast.prompt("reviser")
    assert of(run).findings[0].category == "point/person"


def test_the_writer_hears_the_point_that_was_picked_and_no_other(tmp_path: Path) -> None:
    speaker = agent(Cast(**story()), tmp_path / "s", "writer")
    waiting = speaker.run(TASK).resume("my version 0")
    assert "point 1.2" in str(waiting.question["critique"]) and "point 0" not in str(waiting.question["critique"])
    assert waiting.attempts[0].draft.author == "person"


@pytest.mark.parametrize("answer", [4, 0, "third", True, {"pick": "x"}])
def test_an_answer_that_is_none_is_asked_for_again_and_passing_leaves_the_seat(answer: Any, tmp_path: Path) -> None:
    cast = Cast(**story())
    speaker = agent(cast, tmp_path / "s", "leader")
    waiting = speaker.run(TASK).resume(answer)
    if answer is True:  # no word at all
        assert of(waiting).findings[0].claim == "point 0.2", "the first critic's pick is heard"
        return
    assert waiting.outcome is RunOutcome.asked and "from 1 to 3" in str(waiting.question["problem"])
    assert cast.order == ["proposer", "persona", "critic", "critic", "critic"]
    assert of(waiting.resume(2)).findings[0].claim == "point 1.2"


@pytest.mark.parametrize("answer", [{}, object(), {"pick": object()}, None])
def test_what_can_be_no_answer_at_all_is_refused_and_the_run_waits_on(answer: Any, tmp_path: Path) -> None:
    speaker = agent(Cast(**story()), tmp_path / "s", "leader")
    waiting = speaker.run(TASK)
    with pytest.raises(InputError, match="no answer") as refused:
        speaker.resume(waiting.id, answer)
    assert "a number" in str(refused.value.hint)
    again = speaker.store.get(waiting.id)
    assert again.outcome is RunOutcome.asked and again.question["seat"] == "leader"
    assert of(speaker.resume(waiting.id, 2)).findings[0].claim == "point 1.2"


def test_who_never_makes_sense_is_done_without(tmp_path: Path) -> None:
    asked: list[said.Asked] = []

    def approve(question: said.Asked) -> str:
        asked.append(question)
        return "the best"

    run = agent(Cast(**story()), tmp_path / "s", "leader").run(TASK, approve=approve)
    assert run.outcome is RunOutcome.answered and len(asked) == 10
    assert asked[0].question["seat"] == "leader"


def test_who_takes_too_long_is_done_without(tmp_path: Path) -> None:
    def late(question: said.Asked) -> None:
        time.sleep(0.2)

    run = agent(Cast(**story()), tmp_path / "s", "leader", policy=Policy(ask_seconds=0.05)).run(TASK, approve=late)
    assert run.outcome is RunOutcome.answered and of(run).findings[0].claim == "point 0.2"


def test_a_writer_who_has_nothing_to_write_ends_the_run(tmp_path: Path) -> None:
    run = agent(Cast(**story()), tmp_path / "s", "writer").run(TASK, approve=lambda asked: {"type": "pass"})
    assert run.outcome is RunOutcome.abstained and "nothing to write" in run.decision.reasons[0]


@pytest.mark.sandbox
def test_what_a_person_writes_is_proved_like_any_other_draft(tmp_path: Path) -> None:
    task = workspace_task(tmp_path)
    bodies = iter(["n + 1", "n - 1", "n * 2"])

    told: list[str] = []

    def write(question: said.Asked) -> dict[str, Any]:
        told.append(str(question.question["critique"]))
        code = f"def twice(n):\n    return {next(bodies)}\n"
        return {"actions": [{"kind": "write_file", "path": "twice.py", "content": code}]}

    run = agent(Cast(**story()), tmp_path / "s", "writer", sandbox="local").run(task, approve=write)
    assert run.outcome is RunOutcome.committed and len(run.attempts) == 4
    assert "return n * 2" in (tmp_path / "work" / "twice.py").read_text()
    assert "check_twice.py" in told[0], "what fails before anything is written"
    assert "check_twice.py" in told[1] and "point 1.2" in told[1], "the check that failed, and the leader's point"


def test_a_person_and_the_gate_ask_in_turn(tmp_path: Path) -> None:
    """The leader's seat, and then the gate's own question about changes that nothing proves."""
    place = tmp_path / "place"
    place.mkdir()

    def write(n: int) -> Any:
        return drafted(actions=[said_action("write_file", path="a.txt", content=f"{n}\n")])

    cast = Cast(**{**story(), "proposer": write, "reviser": lambda n: write(n + 1)})
    speaker = agent(cast, tmp_path / "s", "leader", options={"rounds": 1}, policy=Policy())
    waiting = speaker.run(Task(goal="Write.", workspace=str(place)))
    assert waiting.question["seat"] == "leader" and waiting.asked_at is None
    at_gate = waiting.resume(1)
    assert at_gate.outcome is RunOutcome.asked and not at_gate.question and at_gate.asked_at is not None
    assert at_gate.resume(answer=True).outcome is RunOutcome.committed
    assert (place / "a.txt").read_text() == "1\n"
