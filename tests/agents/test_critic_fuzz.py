"""Whatever a model says in CRITIC's roles: nothing breaks, nothing is accepted that was not found right in the end."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from revet.agents.critic import ProgramAgent, ProgramCritic, QuestionAgent, QuestionCritic, TextAgent, TextCritic
from revet.agents.critic.turns import spoken
from revet.models import Finish, Reply
from revet.policy import Case, Policy, decide
from revet.schema import DecisionKind, Draft, Outcome, Verdict
from tests.models import fuzz

from .critic_support import Looked, Shelf, Told, attempt, program, run_of, view

COUNT = 1500
ENDS = (
    "", "\nVerdict: correct", "\nVerdict: wrong: so", "\n**Verdict:** correct.", "\nverdict : correct \n ",
    "\nVerdict: correct\nor not", "\n> Search Query: more", "\nSo the answer is: six", "\n```python\nanswer = 6\n```",
)  # fmt: skip


def replies(seed: int) -> list[Reply]:
    rng = random.Random(seed)
    said = [Reply(text=each.text + rng.choice(ENDS), finish=each.finish) for each in fuzz.answers(fuzz.critique, COUNT)]
    return [*said, *[Reply(text=text) for text in HOSTILE]]


HOSTILE = (
    "\n" * 100_000 + "verdict",
    "answer" + " " * 100_000,
    "> " * 50_000,
    "```" * 30_000,
    "(" * 50_000,
    "answer = " + "1+" * 50_000 + "1",
    "verdict:" + " *" * 50_000,
    "<think>" * 10_000,
    "\0\ud800\u2028" * 100,
    "a" * 200_000,
)


async def told(reply: Reply, kind: type[Any], **more: Any) -> Any:
    return kind(Told(*[reply] * 9).model, **more)


async def test_a_critique_of_a_program_accepts_only_in_its_last_line_and_never_a_failure() -> None:
    good, bad = program("answer = 6"), program("answer = x")
    ran, broke = run_of(good, "it ran to its end: answer = 6", 6), run_of(bad, "NameError: x")
    failed = broke.model_copy(update={"required": True})
    seen = set()
    for reply in replies(1):
        critic = await told(reply, ProgramCritic)
        critique = await critic.criticise(view(draft=good, evidence=(ran,)))
        seen.add(critique.verdict)
        if critique.verdict is Verdict.accept:
            last = reply.text.strip().splitlines()[-1]
            assert reply.finish is not Finish.length
            assert re.search("verdict.*correct", last, re.IGNORECASE), reply.text[-200:]
        again = await critic.criticise(view(draft=bad, evidence=(failed,)))
        assert again.verdict in (Verdict.revise, Verdict.abstain)
        case = Case(attempt=attempt(2, bad, failed, critiques=[again]), repeated=5)
        assert decide(Policy(stable=1), case).kind is DecisionKind.revise
    assert seen == {Verdict.accept, Verdict.revise, Verdict.abstain}


async def test_a_critique_of_an_answer_ends_after_its_searches() -> None:
    draft = Draft(author="a", answer="Kim Lee")
    for reply in replies(2):
        looked = Looked(view(draft=draft), [Shelf(("Park", "Nick Park made it."))])
        critique = await (await told(reply, QuestionCritic)).criticise(looked.view)
        assert len(looked.calls) <= 7 and critique.verdict is not Verdict.reject
        cited = {e.id for e in looked.evidence if e.outcome is Outcome.passed}
        assert all(set(finding.evidence) <= cited for finding in critique.findings)


@pytest.mark.parametrize("kind", [ProgramAgent, QuestionAgent, TextAgent])
async def test_a_draft_is_one_or_says_why_not(kind: type[Any]) -> None:
    for reply in replies(3):
        draft = await (await told(reply, kind)).propose(view())
        assert (draft.answer is None) is (draft.problem is not None) and not draft.gives_up
        if reply.finish in (Finish.length, Finish.refusal):
            assert draft.problem is not None


async def test_a_critique_of_a_text_without_tools() -> None:
    for reply in replies(4):
        critic = await told(reply, TextCritic, tools=False)
        assert (await critic.criticise(view(draft=Draft(author="a", answer="The sea.")))).verdict is not Verdict.reject


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>Verdict: wrong</think>\nVerdict: correct", "\nVerdict: correct"),
        ("it was begun for it</think>Yes.", "Yes."),
        ("<think>and so on", ""),
        ("No reasoning. 1 < 2 > 0", "No reasoning. 1 < 2 > 0"),
    ],
)
def test_reasoning_is_passed_over(text: str, left: str) -> None:
    assert spoken(text) == left
