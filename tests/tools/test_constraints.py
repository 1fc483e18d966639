"""Constraints on a text: every rule with its span, scores, scorers that misbehave, and the gate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.policy import Case, Policy, decide
from revet.schema import Answer, Attempt, DecisionKind, Draft, Evidence, Outcome, Task
from revet.tools import Constraints, ToolCall, View
from revet.tools.constraints import Rules, Scorer, rules_of, violations


def view(text: str | None, **constraints: Any) -> View:
    inputs = {"constraints": constraints} if constraints else {}
    draft = Draft(author="a", answer=text) if text is not None else None
    return View(task=Task(goal="Write.", inputs=inputs), run="r", draft=draft)


async def looked(text: str, scorer: Scorer | None = None, **constraints: Any) -> Evidence:
    tool, now = Constraints(scorer), view(text, **constraints)
    (call,) = tool.plan(now)
    return await tool.run(call, now)


# --- rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("A red boat.", {"must_include": ["boat", "RED"]}, []),
        ("A red boat.", {"must_include": "sea"}, [("must_include: sea", None)]),
        ("Boating, boats.", {"must_include": "boat"}, [("must_include: boat", None)]),
        ("red\n boat", {"must_include": "red boat"}, []),
        (
            "Bad, so bad!",
            {"must_not_include": "bad"},
            [("must_not_include: bad", (0, 3)), ("must_not_include: bad", (8, 11))],
        ),
        ("C++ is it", {"must_include": "C++"}, []),
        ("one two three", {"max_words": 2}, [("max_words", (8, 13))]),
        ("one two", {"max_words": 2, "min_words": 2}, []),
        ("one", {"min_words": 2}, [("min_words", None)]),
        ("", {"min_words": 1}, [("min_words", None)]),
        ("It costs 3.5 dollars. Yes!", {"max_sentences": 2}, []),
        ("One. Two? Three", {"max_sentences": 2}, [("max_sentences", (10, 15))]),
        ('He said "stop." Then he left.', {"min_sentences": 2, "max_sentences": 2}, []),
        ("One.", {"min_sentences": 2}, [("min_sentences", None)]),
        ("abcdef", {"max_characters": 4}, [("max_characters", (4, 6))]),
        ("Dear Ann", {"regex": ["^Dear", r"\d"]}, [(r"regex: \d", None)]),
        ("call 555-1234", {"not_regex": r"\d{3}"}, [(r"not_regex: \d{3}", (5, 8)), (r"not_regex: \d{3}", (9, 12))]),
    ],
)
def test_what_breaks_which_rule_and_where(
    text: str, rules: Mapping[str, Any], expected: list[tuple[str, tuple[int, int] | None]]
) -> None:
    assert [(v.rule, v.span) for v in violations(text, Rules.model_validate(rules))] == expected


@given(st.text(max_size=200) | st.text(alphabet="a. !?\n…\"'", max_size=80), st.integers(min_value=0, max_value=5))
@settings(deadline=None, max_examples=300)
def test_spans_lie_in_the_text_and_cut_to_fit(text: str, most: int) -> None:
    rules = Rules(max_words=most, max_sentences=most, max_characters=most, not_regex=(r"\s",), must_not_include=("a",))
    for violation in violations(text, rules):
        assert violation.span is not None
        start, end = violation.span
        assert 0 <= start < end <= len(text)
        if violation.rule == "max_words":
            assert not violations(text[:start], Rules(max_words=most))


def test_a_hostile_text_takes_no_time() -> None:
    rules = Rules(max_sentences=1, max_words=1, must_not_include=("a b",))
    assert violations("." * 200_000 + "x", rules) == []
    assert len(violations("a  " * 50_000, rules)) == 1


@pytest.mark.parametrize(
    ("constraints", "names"),
    [
        ({"max_word": 3}, "max_word"),
        ({"max_words": -1}, "max_words"),
        ({"regex": "("}, "no regular expression"),
        ({"min_words": 3, "max_words": 2}, "no text fits"),
        ({"must_include": [" "]}, "blank"),
    ],
)
def test_bad_constraints_are_named(constraints: dict[str, Any], names: str) -> None:
    with pytest.raises(InputError, match=names):
        rules_of(Task(goal="Write.", inputs={"constraints": constraints}))


# --- evidence ----------------------------------------------------------------------------------------------------


async def test_the_score_is_the_fraction_of_rules_that_are_broken() -> None:
    evidence = await looked("bad bad boat", must_include=["boat", "sea"], must_not_include=["bad"], max_words=9)
    assert evidence.outcome is Outcome.failed and evidence.required
    assert evidence.data["score"] == 0.5
    assert "failed: 2 of 4 rules are broken" in evidence.observation and "'sea'" in evidence.observation
    good = await looked("A boat at sea.", must_include=["boat", "sea"])
    assert good.outcome is Outcome.passed and good.data["score"] == 0 and good.required


async def test_a_scorer_is_asked_plain_or_asynchronous_or_for_several_attributes() -> None:
    async def slowly(text: str) -> float:
        return 0.05

    assert (await looked("x", lambda text: 0.4)).outcome is Outcome.failed
    assert (await looked("x", slowly)).outcome is Outcome.passed
    several = await looked("x", lambda text: {"insult": 0.3, "threat": 0.02})
    assert several.data["score"] == 0.3 and several.data["worst"] == "insult"
    assert "insult scores 0.300" in several.observation


async def test_a_broken_rule_is_not_outweighed_by_a_good_score() -> None:
    evidence = await looked("x", lambda text: 0.0, must_include=["boat"])
    assert evidence.outcome is Outcome.failed and evidence.data["score"] == 1.0


@pytest.mark.parametrize("wrong", [float("nan"), 2.0, -0.1, "high", {}, None])
async def test_a_scorer_that_misbehaves_is_told(wrong: Any) -> None:
    evidence = await looked("x", lambda text: wrong)
    assert evidence.outcome is Outcome.error and "scorer failed" in evidence.observation
    assert "score" not in evidence.data

    def broken(text: str) -> float:
        raise OSError("no such service")

    assert "no such service" in (await looked("x", broken)).observation


def test_calls_are_planned_where_there_is_something_to_hold_a_text_against() -> None:
    assert not Constraints().plan(view("text"))
    assert not Constraints().plan(view(None, max_words=3))
    assert Constraints().plan(view("text", max_words=3))[0].required
    assert Constraints(lambda text: 0.0).plan(view("text"))[0].required
    with pytest.raises(InputError):
        Constraints(below=0)


async def test_a_draft_without_a_text_is_inconclusive() -> None:
    call = ToolCall(tool="constraints", request="x")
    assert (await Constraints().run(call, view(None))).outcome is Outcome.inconclusive
    acting = View(task=Task(), run="r", draft=Draft(author="a", actions=(Answer(text="Hello there."),)))
    assert (await Constraints(lambda text: 0.0).run(call, acting)).outcome is Outcome.passed


async def test_the_gate_lets_no_text_through_that_breaks_a_constraint() -> None:
    draft = Draft(author="a", answer="far too long a text")
    evidence = await looked(draft.answer or "", max_words=2)
    attempt = Attempt(round=3, draft=draft, evidence=(evidence,))
    decision = decide(Policy(stable=1), Case(attempt=attempt, repeated=3))
    assert decision.kind is DecisionKind.revise
    fine = await looked("short text", max_words=2)
    assert decide(Policy(), Case(attempt=attempt.model_copy(update={"evidence": (fine,)}))).kind is DecisionKind.answer


async def test_what_is_kept_of_many_violations_is_bounded() -> None:
    task = Task(goal="g", inputs={"constraints": {"must_not_include": ["x"]}})
    view = View(task=task, run="r", draft=Draft(author="a", answer="x " * 50_000))
    evidence = await Constraints().run(ToolCall(tool="constraints", request="r"), view)
    assert evidence.data["score"] == 1.0 and len(evidence.model_dump_json()) < 50_000


async def test_a_scorer_that_takes_for_ever_ends_with_the_budget_of_time() -> None:
    async def slow(text: str) -> float:
        await asyncio.sleep(600)
        return 0.0

    view = View(task=Task(goal="g"), run="r", draft=Draft(author="a", answer="x"), deadline=time.monotonic() + 0.2)
    evidence = await Constraints(slow).run(ToolCall(tool="constraints", request="r"), view)
    assert evidence.outcome is Outcome.error and "TimeoutError" in evidence.observation
