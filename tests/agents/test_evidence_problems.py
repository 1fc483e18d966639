"""What the evidence critic, and then the gate, make of the problems that tools tell of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from revet.agents import EvidenceCritic, Scripted
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Attempt, Draft, Evidence, Outcome, RunOutcome, Severity, Task, Verdict
from revet.tools import Problem, ToolCall, View, evidence_for

ANSWERED, ABSTAINED = RunOutcome.answered, RunOutcome.abstained


class Says:
    """A tool that always says the same."""

    arguments = None

    def __init__(self, outcome: str, *problems: tuple[str, float], required: bool = False, name: str = "says") -> None:
        self.name, self.outcome, self.required = name, Outcome(outcome), required
        self.problems = [Problem(claim=f"{s} {c:g}", severity=Severity(s), confidence=c) for s, c in problems]

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request=self.name, required=self.required)] if view.draft else []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        return evidence_for(call, view, self.outcome, "said", problems=self.problems)


async def ran(store: Path, tools: Sequence[Any], *, cast: bool = False, **policy: Any) -> tuple[RunOutcome, Attempt]:
    """`cast`: with the critics of the recipe, else with one of the user's own."""
    critics = None if cast else [EvidenceCritic()]
    limits = Policy(rounds=0, **policy)
    draft = Draft(author="s", answer="42")
    agent = Agent(Scripted([draft]), critics=critics, tools=tools, sandbox=None, store=store, policy=limits)
    run = await agent.arun(Task(goal="How many?"))
    return run.outcome, run.attempts[0]


@pytest.mark.parametrize(
    ("tools", "outcome", "verdict"),
    [
        ([Says("failed", ("major", 0.9))], ABSTAINED, "revise"),
        ([Says("failed", ("critical", 0.51))], ABSTAINED, "revise"),
        ([Says("failed", ("major", 0.5))], ANSWERED, "abstain"),
        ([Says("failed", ("minor", 1.0), ("info", 1.0))], ANSWERED, "abstain"),
        ([Says("inconclusive")], ANSWERED, "abstain"),
        ([Says("error")], ANSWERED, "abstain"),
        ([Says("timeout")], ANSWERED, "abstain"),
        ([Says("inconclusive", required=True)], ABSTAINED, "revise"),
        ([Says("failed", ("minor", 0.2), required=True)], ABSTAINED, "revise"),
        ([Says("passed", ("critical", 0.9), required=True)], ABSTAINED, "revise"),
        ([Says("passed", required=True), Says("inconclusive", name="b")], ANSWERED, "accept"),
        ([Says("passed", required=True), Says("failed", ("minor", 0.9), name="b")], ANSWERED, "accept"),
        ([Says("passed", required=True), Says("failed", ("major", 0.9), name="b")], ABSTAINED, "revise"),
    ],
)
async def test_severity_confidence_and_need_decide(
    tools: list[Any], outcome: RunOutcome, verdict: str, tmp_path: Path
) -> None:
    for cast in (True, False):
        ended, attempt = await ran(tmp_path / str(cast), tools, cast=cast)
        assert (ended, attempt.critiques[0].verdict) == (outcome, Verdict(verdict))
        assert all(finding.evidence for finding in attempt.critiques[0].findings)
        assert attempt.critiques[0].possible_result


@pytest.mark.parametrize(
    ("veto_from", "problems", "outcome", "verdict"),
    [
        ("minor", [("minor", 0.9)], ABSTAINED, "revise"),
        ("minor", [("minor", 0.4)], ANSWERED, "abstain"),
        ("critical", [("major", 0.9)], ANSWERED, "abstain"),
        ("critical", [("major", 0.9), ("critical", 0.3)], ANSWERED, "abstain"),
        ("critical", [("critical", 0.9)], ABSTAINED, "revise"),
    ],
)
async def test_the_recipes_critic_revises_from_what_the_policy_vetoes(
    veto_from: str, problems: list[tuple[str, float]], outcome: RunOutcome, verdict: str, tmp_path: Path
) -> None:
    ended, attempt = await ran(tmp_path, [Says("failed", *problems)], cast=True, veto_from=veto_from)
    assert (ended, attempt.critiques[0].verdict) == (outcome, Verdict(verdict))


async def test_a_policy_lifts_no_required_check_and_opinions_matter_not(tmp_path: Path) -> None:
    failed = Says("failed", ("major", 0.9), required=True)
    for number, policy in enumerate([{"veto_from": "critical"}, {"opinions": "note"}, {"stable": 1}]):
        ended, _ = await ran(tmp_path / str(number), [failed], cast=True, **policy)
        assert ended is ABSTAINED
    ended, _ = await ran(tmp_path / "a", [Says("failed", ("major", 0.9))], opinions="note")
    assert ended is ABSTAINED


async def test_a_problem_in_what_a_role_looked_up_is_not_held_against_its_draft(tmp_path: Path) -> None:
    class Checker(Says):
        """Is only asked by roles."""

        def plan(self, view: View) -> Sequence[ToolCall]:
            return []

    class Careful(Scripted):
        """Has a wrong calculation checked, and answers with the right one."""

        async def propose(self, view: View) -> Draft:
            self.found = await view.use(ToolCall(tool="says", request="2 + 2 = 5"))
            return await super().propose(view)

    writer = Careful([Draft(author="s", answer="2 + 2 = 4")])
    agent = Agent(writer, tools=[Checker("failed", ("major", 1.0))], sandbox=None, store=tmp_path)
    run = await agent.arun(Task(goal="2 + 2?"))
    assert writer.found.outcome is Outcome.failed and "problems" in writer.found.data
    assert run.outcome is ANSWERED and len(run.attempts) == 1
