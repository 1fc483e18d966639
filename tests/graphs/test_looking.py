"""Commands, SQL and calls in the loop: looked at before anything is done, and held against the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.agents import EvidenceCritic, Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Critique, Draft, RunCommand, RunOutcome, Task, Verdict
from revet.tools import Effects
from revet.tools.base import View

ALLOWED = Policy(unproven="allowed", rounds=2)


class Praise:
    """Accepts whatever there is."""

    name = "praise"

    async def criticise(self, view: View) -> Critique:
        return Critique(critic=self.name, verdict=Verdict.accept, possible_result="all is well", score=1.0)


def run_command(command: str) -> Draft:
    return Draft(author="s", actions=(RunCommand(command=command),))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    work = tmp_path / "work"
    (work / "build").mkdir(parents=True)
    for name in ("a", "b"):
        (work / "build" / name).write_text(name)
    return Task(id="t", goal="Remove the folder build and all that is in it.", workspace=str(work), edit=("**",))


def agent(tmp_path: Path, *commands: str, **more: Any) -> Agent:
    given: dict[str, Any] = {"tools": [], "critics": [EvidenceCritic(), Praise()], "policy": ALLOWED}
    return Agent(Scripted([run_command(c) for c in commands]), store=tmp_path / "store", **{**given, **more})


@pytest.mark.sandbox
def test_what_the_rules_allow_and_was_tried_is_committed_and_undone(task: Task, tmp_path: Path) -> None:
    run = agent(tmp_path, "rm -r build").run(task)
    assert run.outcome is RunOutcome.committed, run.decision
    assert run.decision.reasons == ("the rules allow every effect, and all of it was tried",)
    assert task.workspace is not None and not (Path(task.workspace) / "build").exists()
    assert "deletes 2 files" in run.attempts[0].critiques[0].possible_result
    run.undo()
    assert (Path(task.workspace) / "build" / "a").read_text() == "a"


@pytest.mark.sandbox
def test_by_default_it_is_asked_about_with_what_was_measured(task: Task, tmp_path: Path) -> None:
    asked: list[Any] = []
    run = agent(tmp_path, "rm -r build", policy=Policy()).run(task, approve=lambda question: asked.append(question))
    assert run.outcome is RunOutcome.asked
    assert "measured: deletes 2 files" in asked[0].question["possible_result"]
    assert asked[0].question["changes"]["commands"][0]["command"] == "rm -r build"


@pytest.mark.sandbox
@pytest.mark.parametrize("command", ["rm -rf / --no-preserve-root", "dd if=/dev/zero of=/dev/sda"])
def test_what_is_denied_is_never_committed_nor_asked_about_and_the_reviser_hears_why(
    command: str, task: Task, tmp_path: Path
) -> None:
    told: list[Critique] = []

    class Listening(Scripted):
        async def revise(self, view: View, critique: Critique) -> Draft:
            told.append(critique)
            return Draft(author="s", notes="nothing else")

    policy = Policy(unproven="commit", rounds=2)
    speaker = Agent(
        Listening([run_command(command)]), tools=[], critics=[EvidenceCritic(), Praise()], policy=policy, store=tmp_path
    )
    run = speaker.run(task, approve=lambda asked: True)
    assert run.outcome is RunOutcome.abstained and task.workspace is not None
    assert (Path(task.workspace) / "build" / "a").exists()
    if run.attempts[0].changes is not None:  # a command that cannot be tried at all is no draft either
        assert told[0].findings[0].category.startswith("unsafe-effect/")
        assert told[0].findings[0].evidence and told[0].findings[0].severity == "critical"


@pytest.mark.sandbox
def test_what_the_goal_did_not_ask_for_is_asked_about_whatever_critics_say(task: Task, tmp_path: Path) -> None:
    listing = task.model_copy(update={"goal": "List the files in build."})
    run = agent(tmp_path, "rm -r build", policy=Policy(unproven="commit")).run(listing)
    assert run.outcome is RunOutcome.asked
    assert any(f.category == "unrequested-effect/delete" for c in run.attempts[0].critiques for f in c.findings)


@pytest.mark.sandbox
def test_the_rules_of_the_agent_hold(task: Task, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[gate.rule]]\neffect = ["delete"]\npath = ["build/**"]\ndecision = "deny"\n')
    run = agent(tmp_path, "rm -r build", rules=rules).run(task)
    assert run.outcome is RunOutcome.abstained and task.workspace is not None
    assert (Path(task.workspace) / "build" / "a").exists()


def test_rules_that_cannot_be_used_are_told_when_the_agent_is_made(tmp_path: Path) -> None:
    wrong = tmp_path / "rules.toml"
    wrong.write_text("[[gate.rule]]\ndecide = 1\n")
    with pytest.raises(InputError, match=r"rules\.toml:2"):
        agent(tmp_path, "ls", rules=wrong)
    with pytest.raises(InputError, match="the agent's own tool"):
        agent(tmp_path, "ls", tools=[Effects()], rules=wrong)


def test_a_tool_of_that_name_takes_the_place_of_ours(tmp_path: Path) -> None:
    own = Effects()
    assert agent(tmp_path, "ls", tools=[own]).tools["effects"] is own
