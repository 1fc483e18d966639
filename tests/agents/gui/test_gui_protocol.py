"""The protocol: decide, be criticised, decide again, and in the end a person. And steps as actions of a draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.actions.registry import _handlers
from revet.agents import Scripted
from revet.agents.gui import GuiCritic, GuiProtocol, GuiSituation, perform_with
from revet.agents.gui.protocol import GuiAdvice, GuiDecision
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Critique, Draft, Finding, Gui, RunOutcome, Task, Verdict
from tests.agents.chat_support import Talker

PLACE = GuiSituation(instruction="Buy milk")
PAY, BACK = Gui(operation="click", target="Pay"), Gui(operation="back")


class Says:
    """A critic that says these verdicts, one after another."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = [*verdicts]

    async def judge(self, situation: GuiSituation, action: Gui) -> Critique:
        verdict = self.verdicts.pop(0)
        wrong = Finding(claim="too early", suggestion="Tap 'Address'.")
        findings = (wrong,) if verdict is Verdict.revise else ()
        return Critique(critic="says", verdict=verdict, possible_result="paid", findings=findings)


class Clicks:
    """An agent that decides on these steps, and keeps what it was told."""

    def __init__(self, *steps: Gui) -> None:
        self.steps, self.told = [*steps], list[GuiAdvice | None]()

    def __call__(self, situation: GuiSituation, advice: GuiAdvice | None) -> Gui:
        self.told.append(advice)
        return self.steps[min(len(self.told), len(self.steps)) - 1]


async def test_a_refused_step_is_decided_again_with_the_suggestion() -> None:
    agent = Clicks(PAY, BACK)
    decision = await GuiProtocol(Says(Verdict.revise, Verdict.accept)).decide(agent, PLACE)
    assert (decision.outcome, decision.action, decision.by) == ("act", BACK, "critic")
    first, advice = agent.told
    assert first is None and advice is not None and advice.refused == PAY
    assert "consider adhering to the suggestion: Tap 'Address'." in advice.text and "too early" in advice.text
    assert [each.action for each in decision.tries] == [PAY, BACK]


@pytest.mark.parametrize("tries", [0, 1, 3])
async def test_it_is_decided_again_at_most_so_often_and_then_a_person_is_asked(tries: int) -> None:
    agent = Clicks(PAY)
    decision = await GuiProtocol(Says(*[Verdict.revise] * 9), tries=tries).decide(agent, PLACE)
    assert (decision.outcome, decision.by, len(decision.tries), len(agent.told)) == (
        "ask",
        "nobody",
        tries + 1,
        tries + 1,
    )
    assert decision.reason == f"the critic refused {tries + 1} decisions"


@pytest.mark.parametrize(("answer", "outcome", "step"), [(True, "act", PAY), (False, "stop", PAY), (BACK, "act", BACK)])
async def test_the_person_has_the_last_word(answer: Any, outcome: str, step: Gui) -> None:
    shown: list[GuiDecision] = []

    async def person(waiting: GuiDecision) -> Any:
        shown.append(waiting)
        return answer

    decision = await GuiProtocol(Says(Verdict.revise), tries=0).decide(Clicks(PAY), PLACE, person=person)
    assert (decision.outcome, decision.action, decision.by) == (outcome, step, "person")
    assert shown[0].outcome == "ask" and len(shown) == 1


async def test_what_the_critic_cannot_tell_is_asked_or_done_as_was_chosen() -> None:
    asked = await GuiProtocol(Says(Verdict.abstain)).decide(Clicks(PAY), PLACE)
    assert (asked.outcome, asked.reason, len(asked.tries)) == ("ask", "the critic cannot tell", 1)
    done = await GuiProtocol(Says(Verdict.abstain), unsure="act").decide(Clicks(PAY), PLACE)
    assert (done.outcome, done.by) == ("act", "nobody")


async def test_what_is_no_step_and_no_number_of_tries_is_refused() -> None:
    with pytest.raises(InputError, match="no Gui action"):
        await GuiProtocol(Says(Verdict.accept)).decide(lambda s, a: "click", PLACE)  # type: ignore[arg-type, return-value]
    with pytest.raises(InputError, match="tries is -1"):
        GuiProtocol(Says(), tries=-1)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[Gui]:
    """The steps that were taken on the screen."""
    monkeypatch.setattr("revet.actions.registry._handlers", dict(_handlers))
    taken: list[Gui] = []
    perform_with(taken.append)
    return taken


def answered(score: str) -> dict[str, str]:
    return {"observation": "o", "possible_result": "p", "critique": "c", "score": score, "suggestion": "go back"}


def looped(tmp_path: Path, score: str, **more: Any) -> Agent:
    critic = GuiCritic(Talker(answered(score)).model)
    draft = Draft(author="s", actions=(PAY,))
    given = {"critics": [critic], "tools": [], "sandbox": None, "store": tmp_path / "store"}
    return Agent(Scripted([draft]), **{**given, **more})


def task(tmp_path: Path) -> Task:
    (tmp_path / "work").mkdir()
    return Task(goal="Buy milk", workspace=str(tmp_path / "work"))


def test_in_the_loop_a_step_waits_for_a_person_and_is_taken_once(screen: list[Gui], tmp_path: Path) -> None:
    waiting = looped(tmp_path, "Correct").run(task(tmp_path))
    assert waiting.outcome is RunOutcome.asked and screen == []
    assert any("cannot be tried" in reason for reason in waiting.decision.reasons)
    critique = waiting.attempts[0].critiques[0]
    assert "predicted by talker: p" in critique.possible_result and "read from the text:" in critique.possible_result
    run = waiting.resume(True)
    assert run.outcome is RunOutcome.committed and screen == [PAY]


def test_a_step_that_the_critic_refuses_is_not_taken(screen: list[Gui], tmp_path: Path) -> None:
    run = looped(tmp_path, "Incorrect", policy=Policy(unproven="commit")).run(task(tmp_path))
    assert run.outcome is RunOutcome.abstained and screen == []


def test_rules_can_allow_steps_and_then_the_critic_alone_may_hold_them_back(screen: list[Gui], tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[gate.rule]]\ncommand = ["gui click", "gui type"]\ndecision = "allow"\n')
    run = looped(tmp_path, "Correct", policy=Policy(unproven="commit"), rules=rules).run(task(tmp_path))
    assert run.outcome is RunOutcome.committed and screen == [PAY]


def test_a_step_that_fails_commits_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from revet.errors import CommitError

    monkeypatch.setattr("revet.actions.registry._handlers", dict(_handlers))

    async def fails(step: Gui) -> None:
        raise OSError("no screen")

    perform_with(fails)
    waiting = looped(tmp_path, "Correct").run(task(tmp_path))
    with pytest.raises(CommitError, match="no screen"):
        waiting.resume(True)
