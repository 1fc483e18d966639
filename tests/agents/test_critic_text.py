"""CRITIC's constrained-text task, the oracle, and which answer stands in the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from revet.agents.critic import LastAnswer, OracleCritic, ProgramCritic, TextAgent, TextCritic
from revet.agents.critic.question import gives_answer
from revet.errors import InputError
from revet.models import Finish, Reply
from revet.policy import Case, Policy, decide
from revet.schema import Attempt, Critique, DecisionKind, Draft, Evidence, Location, Task, Verdict
from revet.tools import Constraints, View

from .critic_support import Told, attempt, program, run_of, view

TASK = Task(goal="Praise the sea.", inputs={"constraints": {"must_not_include": ["awful", "grim"], "max_words": 5}})


def text(words: str) -> Draft:
    return Draft(author="critic/text", answer=words)


async def scored(draft: Draft, scorer: Callable[[str], float] | None = None, task: Task = TASK) -> Evidence:
    tool, now = Constraints(scorer), View(task=task, run="r", draft=draft)
    return await tool.run(tool.plan(now)[0], now)


# --- writing -----------------------------------------------------------------------------------------------------


async def test_a_text_is_asked_for_warmly() -> None:
    told = Told("The sea is wide.\n")
    draft = await TextAgent(told.model).propose(view(task=TASK))
    assert draft.answer == "The sea is wide." and told.last.temperature == 0.9
    assert "Praise the sea." in told.text() and "max_words" in told.text()
    refused = await TextAgent(Told(Reply(finish=Finish.refusal)).model).propose(view(task=TASK))
    assert refused.problem is not None


# --- criticising -------------------------------------------------------------------------------------------------


async def test_the_tools_word_is_the_critique_and_no_model_is_asked() -> None:
    told, draft = Told(), text("An awful and grim sea, so wide.")
    evidence = await scored(draft)
    critique = await TextCritic(told.model).criticise(view(task=TASK, draft=draft, evidence=(evidence,)))
    assert told.requests == [] and critique.verdict is Verdict.revise
    assert [f.location for f in critique.findings] == [
        Location(span=(3, 8)),
        Location(span=(13, 17)),
        Location(span=(23, 31)),
    ]
    assert all(f.evidence == (evidence.id,) for f in critique.findings)
    assert critique.score == pytest.approx(0.0)
    good = await scored(text("The sea is wide."))
    critique = await TextCritic(told.model).criticise(view(task=TASK, draft=draft, evidence=(good,)))
    assert critique.verdict is Verdict.accept and critique.score == 1.0


@pytest.mark.parametrize(("score", "verdict"), [(0.0999, Verdict.accept), (0.1, Verdict.revise), (0.7, Verdict.revise)])
async def test_a_score_below_a_tenth_is_good_enough(score: float, verdict: Verdict) -> None:
    draft, task = text("The sea."), Task(goal="Praise the sea.")
    evidence = await scored(draft, lambda words: score, task)
    critique = await TextCritic(Told().model).criticise(view(task=task, draft=draft, evidence=(evidence,)))
    assert critique.verdict is verdict and critique.score == pytest.approx(1 - score)
    if verdict is Verdict.revise:
        assert f"scores {score:.3f}" in critique.findings[0].claim


async def test_without_a_score_or_with_a_broken_scorer_the_critic_abstains() -> None:
    nothing = Draft(author="a", problem="nothing was said")
    assert (await TextCritic(Told().model).criticise(view(draft=nothing))).verdict is Verdict.abstain
    draft, task = text("The sea."), Task(goal="Praise the sea.")
    broken = await scored(draft, lambda words: 1 / 0, task)
    critique = await TextCritic(Told().model).criticise(view(task=task, draft=draft, evidence=(broken,)))
    assert critique.verdict is Verdict.abstain
    held = decide(Policy(), Case(attempt=attempt(0, draft, broken, critiques=[critique])))
    assert held.kind is DecisionKind.revise  # what nobody could score does not pass


async def test_without_tools_a_model_is_asked() -> None:
    told = Told("It is harsh.\nVerdict: wrong: harsh", "Verdict: correct", "")
    draft = text("An awful sea.")
    now = view(task=TASK, draft=draft, evidence=(await scored(draft),))
    critic = TextCritic(told.model, tools=False)
    first = await critic.criticise(now)
    assert first.verdict is Verdict.revise and first.findings[0].opinion and told.last.temperature == 0.9
    assert "rules are broken" not in told.text()
    assert [(await critic.criticise(now)).verdict for _ in range(2)] == [Verdict.accept, Verdict.abstain]


# --- correcting --------------------------------------------------------------------------------------------------


async def test_only_a_text_that_scores_better_is_built_upon() -> None:
    critic, told = TextCritic(Told().model), Told("The sea is calm.", "The wide sea.")
    best, worse = text("A grim sea."), text("An awful and grim sea.")
    attempts: list[Attempt] = []
    for number, draft in enumerate((best, worse)):
        evidence = await scored(draft)
        now = view(task=TASK, draft=draft, evidence=(evidence,), round=number, attempts=tuple(attempts))
        critique = await critic.criticise(now)
        attempts.append(attempt(number, draft, evidence, critiques=[critique]))
    now = view(task=TASK, draft=worse, evidence=attempts[1].evidence, round=1, attempts=tuple(attempts))
    await TextAgent(told.model).revise(now, critique)
    assert "A grim sea." in told.text() and "awful and grim" not in told.text()
    assert "it holds 'grim'" in told.text() and "it holds 'awful'" not in told.text()
    assert (told.last.role, told.last.temperature) == ("reviser", 0.9)
    await TextAgent(told.model, tools=False).revise(now, critique)
    assert "awful and grim" in told.text()  # without a tool there is no score to keep the better one by


async def test_of_equal_scores_the_first_is_kept() -> None:
    one, two = text("A grim sea."), text("A grim lake.")
    attempts = (attempt(0, one, await scored(one)), attempt(1, two, await scored(two)))
    told = Told("x")
    critique = Critique(critic="critic/text", verdict=Verdict.revise)
    await TextAgent(told.model).revise(view(task=TASK, draft=two, round=1, attempts=attempts), critique)
    assert "A grim sea." in told.text() and "lake" not in told.text()


# --- the oracle --------------------------------------------------------------------------------------------------


def right(answer: str) -> bool:
    return answer == "6"


async def test_an_oracle_lets_only_wrong_answers_be_corrected_and_says_so() -> None:
    good, bad = program("answer = 6"), program("answer = 5")
    told = Told("All is well.\nVerdict: correct", "It is small.\nVerdict: wrong: small")
    critic = OracleCritic(ProgramCritic(told.model), right)
    known = await critic.criticise(view(draft=good, evidence=(run_of(good, "ran", 6),)))
    assert known.verdict is Verdict.accept and told.requests == []
    mistaken = await critic.criticise(view(draft=bad, evidence=(run_of(bad, "ran", 5),)))
    assert mistaken.verdict is Verdict.revise and "oracle" in mistaken.findings[0].claim
    agreed = await critic.criticise(view(draft=bad, evidence=(run_of(bad, "ran", 5),)))
    assert agreed.verdict is Verdict.revise and agreed.findings[0].claim == "small"
    assert {c.critic for c in (known, mistaken, agreed)} == {"critic/program+oracle"}


async def test_an_oracle_does_not_turn_a_critic_that_could_not_tell_into_a_witness() -> None:
    bad = program("answer = 5")
    critique = await OracleCritic(ProgramCritic(Told("").model), right).criticise(
        view(draft=bad, evidence=(run_of(bad, "ran", 5),))
    )
    assert critique.verdict is Verdict.revise and critique.findings[0].category == "oracle"


# --- which answer stands -----------------------------------------------------------------------------------------


async def test_the_newest_answer_stands() -> None:
    drafts = (Draft(author="a", answer="x"), Draft(author="a", answer="y"), Draft(author="a", problem="none"))
    attempts = [attempt(n, draft) for n, draft in enumerate(drafts)]
    judge = LastAnswer(gives_answer)
    assert await judge.choose(view(), attempts) == 1
    assert await judge.choose(view(), attempts[2:]) is None
    assert await judge.choose(view(), attempts[::-1]) == 1


async def test_a_text_with_nothing_to_hold_it_against_is_not_passed_in_silence() -> None:
    with pytest.raises(InputError, match="nothing to hold the text"):
        await TextCritic(Told().model).criticise(view(draft=text("The sea.")))
