"""The critics and the judge: what becomes of what they say, and that they never accept by accident."""

from __future__ import annotations

import json
from typing import Any

import pytest

from revet.agents import ChatCritic, ChatJudge, ChecklistCritic, StepCritic
from revet.agents.chat.checklist import Requirements, SaidItems
from revet.agents.chat.critic import SaidCritique
from revet.agents.chat.drafting import SaidDraft
from revet.agents.chat.judge import SaidPreference
from revet.agents.chat.steps import SaidSteps
from revet.errors import AnswerUnusable, BudgetSpent, ModelFailed
from revet.models import Account, Finish, Reply, Request
from revet.models.shapes import schema_of
from revet.policy import Case, Policy, decide
from revet.schema import (
    Attempt,
    Check,
    Critique,
    DecisionKind,
    Draft,
    EditFile,
    Location,
    Outcome,
    Replacement,
    Severity,
    Task,
    Verdict,
)
from tests.agents.chat_support import (
    Kept,
    Talker,
    changed,
    check_seen,
    inside_fences,
    outside_fences,
    said_critique,
    said_finding,
    seen,
    view,
)

EDIT = EditFile(path="a.py", replacements=(Replacement(search="-", replace="+"),))
DRAFT = Draft(author="chat", actions=(EDIT,), steps=("read it", "mend it"), notes="a minus was wrong")
EVIDENCE = seen("assert 1 == 2")


async def criticised(said: Any, **more: Any) -> Critique:
    known: dict[str, Any] = {"draft": DRAFT, "changes": changed(), "evidence": (EVIDENCE,)}
    return await ChatCritic(Talker(said).model).criticise(view(**{**known, **more}))


async def test_what_a_critique_leaves_out_is_nothing() -> None:
    finding = {"claim": "x", "severity": "major", "category": "logic", "confidence": 1}
    whole = {"possible_result": "it works", "verdict": "accept", "score": 1, "confidence": 1}
    assert (await criticised(whole)).verdict is Verdict.accept
    assert (await criticised({**whole, "findings": [finding]})).verdict is Verdict.revise
    for key in whole:
        critique = await criticised({name: value for name, value in whole.items() if name != key})
        assert critique.verdict is Verdict.abstain


async def test_an_answer_that_was_closed_for_want_of_tokens_approves_of_nothing() -> None:
    whole = said_critique(verdict="accept", findings=[])
    for finish, verdict in ((Finish.stop, Verdict.accept), (Finish.length, Verdict.abstain)):
        critique = await criticised(Reply(text=json.dumps(whole), finish=finish))
        assert critique.verdict is verdict


# --- ChatCritic ----------------------------------------------------------------------------------------------


async def test_a_critique_has_located_findings_that_cite_evidence() -> None:
    finding = said_finding(
        "adds wrongly",
        severity="critical",
        path="a.py",
        line=3,
        action=0,
        step=1,
        evidence=[f"[{EVIDENCE.id}]", "e-00000000"],
        suggestion="use +",
    )
    critique = await criticised(said_critique("revise", finding, score=0.2))
    (found,) = critique.findings
    assert (critique.verdict, critique.score, critique.possible_result) == (Verdict.revise, 0.2, "it runs")
    assert found.location == Location(path="a.py", line=3, action=0, step=1)
    assert found.evidence == (EVIDENCE.id,) and not found.opinion
    assert (found.severity, found.suggestion) == (Severity.critical, "use +")


async def test_a_citation_of_nothing_is_an_opinion_and_a_place_that_is_none_is_dropped() -> None:
    critique = await criticised(said_critique("revise", said_finding("odd", evidence=["e-made-up"], action=7, line=-1)))
    assert critique.findings[0].opinion and critique.findings[0].location is None


@pytest.mark.parametrize(
    ("said", "verdict", "findings"),
    [
        (said_critique("accept", said_finding("it deletes all", severity="major")), Verdict.revise, 1),
        (said_critique("accept", said_finding("a long name", severity="minor")), Verdict.accept, 1),
        (said_critique("accept"), Verdict.accept, 0),
        (said_critique("revise", possible_result="it hangs"), Verdict.revise, 1),
        (said_critique("reject", said_finding("  ")), Verdict.reject, 1),
        (said_critique("abstain"), Verdict.abstain, 0),
    ],
)
async def test_contradictions_are_read_on_the_safe_side(said: Any, verdict: Verdict, findings: int) -> None:
    critique = await criticised(said)
    assert (critique.verdict, len(critique.findings)) == (verdict, findings)


async def test_numbers_out_of_range_are_brought_into_it() -> None:
    critique = await criticised(said_critique("accept", score=85, confidence=-3))
    assert (critique.score, critique.confidence) == (1.0, 0.0)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "I accept this.",
        '{"verdict": "accept"}',
        Reply(text='{"possible_result": "", "findings": [], "verdict": "accept", ', finish=Finish.length),
        Reply(text="I cannot help with that.", finish=Finish.refusal),
        AnswerUnusable("two answers", why="ambiguous"),
    ],
)
async def test_a_critic_that_is_not_understood_abstains(said: Any) -> None:
    critique = await criticised(said)
    assert critique.verdict is Verdict.abstain and "could not be used" in critique.possible_result
    assert critique.confidence == 0.0


async def test_without_a_draft_nothing_is_asked() -> None:
    for kind in (ChatCritic, StepCritic, ChecklistCritic):
        talker = Talker(said_critique("accept"))
        assert (await kind(talker.model).criticise(view())).verdict is Verdict.abstain
        assert talker.requests == []


@pytest.mark.parametrize("error", [ModelFailed("401"), BudgetSpent("spent")])
async def test_a_model_that_cannot_be_asked_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        await criticised(error)


async def test_the_critic_sees_the_change_and_all_evidence_last() -> None:
    talker = Talker(said_critique("accept"))
    passed = seen("3 passed", Outcome.passed)
    changes = changed(diff="--- a/a.py\n+++ b/a.py\n-a - b\n+a + b\n")
    await ChatCritic(talker.model).criticise(view(draft=DRAFT, changes=changes, evidence=(passed, EVIDENCE)))
    (prompt,) = talker.prompts
    places = [prompt.index(text) for text in ("## Task", "+a + b", EVIDENCE.id, passed.id)]
    assert places == sorted(places) and "a minus was wrong" in prompt
    for text in ("a minus was wrong", "+a + b", "assert 1 == 2", "mend it"):
        assert text not in outside_fences(prompt)
    assert talker.requests[0].role == "critic"


async def test_the_word_of_a_critic_moves_no_failed_check() -> None:
    check = Check(command="pytest -q")
    changes = changed()
    for outcome, kind in ((Outcome.failed, DecisionKind.revise), (Outcome.passed, DecisionKind.commit)):
        evidence = check_seen(check, outcome, changes=changes)
        critique = await criticised(said_critique("accept", score=1, confidence=1), evidence=(evidence,))
        attempt = Attempt(round=0, draft=DRAFT, changes=changes, evidence=(evidence,), critiques=(critique,))
        assert decide(Policy(), Case(attempt=attempt, required=(check,))).kind is kind


# --- StepCritic ----------------------------------------------------------------------------------------------


def said_step(step: int, right: bool, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"mistake": None, "suggestion": None, "confidence": 0.9, "reason": f"step {step}"}
    return {"step": step, "right": right, **known, **fields}


async def stepped(*steps: dict[str, Any], draft: Draft | None = None) -> Critique:
    shown = draft or Draft(author="chat", answer="7", steps=("a", "b", "c", "d"))
    return await StepCritic(Talker({"steps": list(steps)}).model).criticise(view(draft=shown))


async def test_the_first_wrong_step_is_located() -> None:
    wrong = said_step(2, False, mistake="incorrect_numbers", suggestion="take 3", reason="2 + 2 is 4")
    critique = await stepped(said_step(3, False), said_step(0, True), wrong, said_step(1, True))
    (finding,) = critique.findings
    assert finding.location == Location(step=2) and finding.category == "step/incorrect_numbers"
    assert "2 + 2 is 4" in finding.claim and finding.suggestion == "take 3"
    assert (critique.verdict, critique.score) == (Verdict.revise, 0.5)


async def test_it_accepts_only_when_every_step_was_judged_right() -> None:
    right = [said_step(n, True) for n in range(4)]
    assert (await stepped(*right)).verdict is Verdict.accept
    assert (await stepped(*right[:3])).verdict is Verdict.abstain
    assert (await stepped(*right[:3], said_step(9, True))).verdict is Verdict.abstain
    assert (await stepped(*right, said_step(1, False))).verdict is Verdict.revise
    assert (await stepped()).verdict is Verdict.abstain


async def test_the_lines_of_an_answer_are_steps_where_a_draft_gives_none() -> None:
    draft = Draft(author="chat", answer="first\n\nsecond\n")
    talker = Talker({"steps": [said_step(0, True), said_step(1, True)]})
    assert (await StepCritic(talker.model).criticise(view(draft=draft))).verdict is Verdict.accept
    assert inside_fences(talker.prompts[0]) == ["0. first\n1. second"]
    critique = await StepCritic(Talker("?").model).criticise(view(draft=Draft(author="chat", actions=(EDIT,))))
    assert critique.verdict is Verdict.abstain


async def test_a_step_critic_that_is_not_understood_abstains() -> None:
    critique = await StepCritic(Talker("all fine").model).criticise(view(draft=DRAFT))
    assert critique.verdict is Verdict.abstain


# --- ChecklistCritic -----------------------------------------------------------------------------------------


def said_item(number: int, verdict: str, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"requirement": "r", "analysis": "looked", "evidence": [], "suggestion": None}
    return {"id": number, "verdict": verdict, "confidence": 0.7, **known, **fields}


def listing(*items: dict[str, Any], wanted: tuple[str, ...] = ("is short", "rhymes")) -> Talker:
    def say(request: Request) -> Any:
        makes = "requirements" in str((request.answer or {}).get("properties"))
        return {"requirements": list(wanted)} if makes else {"items": list(items)}

    return Talker(by=say)


async def test_a_finding_for_every_requirement_that_is_not_met() -> None:
    talker = listing(said_item(1, "met"), said_item(2, "unmet", evidence=[EVIDENCE.id], suggestion="rhyme"))
    critique = await ChecklistCritic(talker.model).criticise(view(draft=DRAFT, evidence=(EVIDENCE,)))
    (finding,) = critique.findings
    assert "rhymes" in finding.claim and finding.evidence == (EVIDENCE.id,) and finding.suggestion == "rhyme"
    assert (critique.verdict, critique.score, critique.confidence) == (Verdict.revise, 0.5, 0.7)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([said_item(1, "met"), said_item(2, "met")], Verdict.accept),
        ([said_item(1, "met")], Verdict.abstain),
        ([said_item(1, "met"), said_item(2, "unclear")], Verdict.abstain),
        ([said_item(1, "met"), said_item(2, "met"), said_item(2, "unmet")], Verdict.revise),
        ([said_item(0, "met"), said_item(3, "met")], Verdict.abstain),
        ([], Verdict.abstain),
    ],
)
async def test_a_checklist_accepts_only_when_every_item_is_met(items: list[dict[str, Any]], verdict: Verdict) -> None:
    critique = await ChecklistCritic(listing(*items).model).criticise(view(draft=DRAFT))
    assert critique.verdict is verdict


async def test_the_checklist_is_made_once_in_a_run() -> None:
    talker, kept = listing(said_item(1, "met"), said_item(2, "met")), Kept()
    critic = ChecklistCritic(talker.model)
    spent = []
    for number in range(3):
        account = Account(f"run-1/{number}/criticise", replies=kept)
        await critic.criticise(view(draft=DRAFT, round=number, account=account))
        spent.append(account.usage.roles["critic"].calls)
    assert len(talker.requests) == 4 and spent == [2, 1, 1]
    other = Account("run-2/0/criticise", replies=kept)
    await critic.criticise(view(draft=DRAFT, run="run-2", account=other))
    assert other.usage.roles["critic"].calls == 2


async def test_an_empty_checklist_is_no_checklist() -> None:
    critique = await ChecklistCritic(listing(wanted=("  ",)).model).criticise(view(draft=DRAFT))
    assert critique.verdict is Verdict.abstain


# --- ChatJudge -----------------------------------------------------------------------------------------------


def judging(prefer: Any) -> Talker:
    """A model that sees the answers in their order and says what `prefer(first, second)` says."""

    def say(request: Request) -> Any:
        shown = [part for part in inside_fences(request.messages[-1].text) if part.startswith("answer ")]
        return {"first": "", "second": "", "better": prefer(*(int(part.split()[1]) for part in shown))}

    return Talker(by=say)


ATTEMPTS = [Attempt(round=n, draft=Draft(author="chat", answer=f"answer {n}")) for n in range(4)]


def bigger(first: int, second: int) -> str:
    return "first" if first > second else "second"


async def test_the_judge_asks_in_both_orders() -> None:
    talker = judging(bigger)
    assert await ChatJudge(talker.model).choose(view(), ATTEMPTS[:2]) == 1
    assert len(talker.requests) == 2 and {r.role for r in talker.requests} == {"judge"}
    assert "answer 1" not in outside_fences(talker.prompts[0])
    assert await ChatJudge(judging(lambda a, b: "first").model).choose(view(), ATTEMPTS[:2]) is None
    assert await ChatJudge(judging(lambda a, b: "tie").model).choose(view(), ATTEMPTS[:2]) is None
    assert await ChatJudge(Talker("hm").model).choose(view(), ATTEMPTS[:2]) is None


async def test_of_many_the_one_that_beats_all_it_meets() -> None:
    talker = judging(bigger)
    assert await ChatJudge(talker.model).choose(view(), ATTEMPTS) == 3
    assert len(talker.requests) == 6
    assert await ChatJudge(judging(lambda a, b: bigger(-a, -b)).model).choose(view(), ATTEMPTS) == 0

    def alike(first: int, second: int) -> str:
        return "tie" if {first, second} == {0, 1} else bigger(first, second)

    talker = judging(alike)
    assert await ChatJudge(talker.model).choose(view(), ATTEMPTS[:3]) == 2
    assert len(talker.requests) == 1 + 2 + 2
    assert await ChatJudge(judging(alike).model).choose(view(), ATTEMPTS[:2]) is None


async def test_a_judge_without_a_budget_cannot_tell() -> None:
    heard: list[Any] = []
    judge = ChatJudge(judging(bigger).model)
    assert await judge.choose(view(account=Account(tokens=0), heard=heard), ATTEMPTS) is None
    assert heard[0][0] == "undecided"
    with pytest.raises(ModelFailed):
        await ChatJudge(Talker(ModelFailed("500")).model).choose(view(), ATTEMPTS)


async def test_every_critic_shows_the_inputs_fenced() -> None:
    task = Task(goal="Sum up.", inputs={"text": "INPUT-TEXT"})
    for kind in (ChatCritic, StepCritic, ChecklistCritic):
        talker = Talker("?")
        await kind(talker.model).criticise(view(task=task, draft=DRAFT))
        assert "INPUT-TEXT" in talker.prompts[0] and "INPUT-TEXT" not in outside_fences(talker.prompts[0])


# --- the shapes ----------------------------------------------------------------------------------------------


def unbounded(schema: Any) -> list[Any]:
    """The texts and lists of a schema that have no largest size."""
    if isinstance(schema, list):
        return [found for each in schema for found in unbounded(each)]
    if not isinstance(schema, dict):
        return []
    bound = {"string": "maxLength", "array": "maxItems", "integer": "maximum", "number": "maximum"}.get(
        str(schema.get("type")), "type"
    )
    own = [schema] if "type" in schema and "enum" not in schema and bound not in schema else []
    return own + [found for each in schema.values() for found in unbounded(each)]


def test_what_critics_say_is_bounded_and_what_agents_draft_is_not() -> None:
    for shape in (SaidCritique, SaidSteps, Requirements, SaidItems, SaidPreference):
        assert unbounded(schema_of(shape)) == []
    assert unbounded(schema_of(SaidDraft))


async def test_what_exceeds_a_bound_is_taken_and_cut() -> None:
    critique = await criticised(said_critique("revise", said_finding("x" * 50_000), possible_result="y" * 50_000))
    assert critique.verdict is Verdict.revise
    assert len(critique.findings[0].claim) < 3_000 and "characters cut" in critique.possible_result


@pytest.mark.parametrize(
    "findings",
    [
        [{"claim": " ", "severity": "critical"}],
        [*[{"claim": "a trifle", "severity": "info"}] * 150, {"claim": "it deletes all", "severity": "critical"}],
    ],
)
def test_a_grave_finding_is_never_dropped(findings: list[dict[str, str]]) -> None:
    rest = {"category": "logic", "path": None, "line": None, "action": None, "step": None, "evidence": []}
    told = [{**rest, "suggestion": None, "confidence": 1.0, **finding} for finding in findings]
    said = {"possible_result": "fine", "findings": told, "verdict": "accept", "score": 1.0, "confidence": 1.0}
    critique = SaidCritique.model_validate(said).critique("c", Draft(author="a", answer="x"), set())
    assert critique.verdict is Verdict.revise and critique.findings[0].severity is Severity.critical
