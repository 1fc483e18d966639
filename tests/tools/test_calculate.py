"""Calculations recomputed: what is right and wrong however it is written, where, and what the loop does with it."""

from __future__ import annotations

from typing import Any

import pytest

from revet.agents import EvidenceCritic
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Answer, Draft, Evidence, Outcome, Severity, Task
from revet.tools import Calculate, ToolCall, View, problems_of

QUESTION = "A shop sells 12 boxes of 3 pens and 5 single pens. How many pens does it sell?"


def view(answer: str | None, *steps: str, goal: str = "Say something.") -> View:
    return View(task=Task(goal=goal), run="r", draft=Draft(author="a", answer=answer, steps=steps))


async def looked(answer: str | None, *steps: str, goal: str = "Say something.", **options: Any) -> Evidence:
    tool, now = Calculate(**options), view(answer, *steps, goal=goal)
    (call,) = tool.plan(now)
    return await tool.run(call, now)


async def asked(expression: str) -> Evidence:
    now = View(task=Task(goal="?"), run="r")
    call = ToolCall(tool="calculate", request=expression, arguments={"expression": expression})
    return await Calculate().run(call, now)


# --- single calculations -----------------------------------------------------------------------------------------

RIGHT = [
    "<<40*4=160>>",
    "12 * 3 = 36",
    "12 x 3 = 36 and 12×3=36",
    "$1,200 ÷ 4 = $300",
    "5 − 7 = −2",
    "20% of 50 = 10",
    "50 increased by 10% = 55",
    "50 - 20% = 40",
    "10/40 = 25%",
    "10/40*100 = 25%",
    "2 1/2 * 4 = 10",
    "half of 16 - 3 = 5",
    "10/3 = 3.33, and 3.33 * 3 = 10",
    "2/3 = 0.66",
    "2/3 ≈ 0.7",
    "15 - 3 = 12 = 6 * 2",
    "5 + 3 = 8 * 2 = 16",
    "2 hours = 120 minutes",
    "1 hour + 30 minutes = 90 minutes",
    "50 cents * 4 = $2",
    "3 km = 3000 meters",
    "12 cups/pitcher * 3 pitchers = 36 cups",
    "She has 16 eggs and eats 3, so 16 - 3 = 13 eggs - she sells them.",
    "twenty-two friends made a total of 20 + 25 = 45 calls",
    "Total: 3 + 4\n= 7",
    r"\frac{1}{2} \times 6 = \boxed{3}",
    r"$1\frac{1}{2} \cdot 2 = 3$",
    r"5 \text{ pounds} \times 2 = 10 \text{ pounds}",
    "2 * 10^3 = 2,000",
    "sqrt(16) + 1 = 5, √2 = 1.41",
    "4! = 24",
    "**12 * 3 = 36**",
    "3 < 4 and 2 + 2 >= 4",
    "20% of 50 is 10",
    "2x + 3 = 11\n2x = 8\nx = 4",
    "x^2 - 5x + 6 = 0, so x = 2 or x = 3",
]

WRONG = [
    ("So <<40*4=170>>170.", "40*4=170", "160"),
    ("12 * 3 = 35", "12 * 3 = 35", "36"),
    ("so 12 x 3 = 35 pens", "12 x 3 = 35 pens", "36"),
    ("we get 20% of 50 = 11.", "20% of 50 = 11", "10"),
    ("10/3 = 3.34", "10/3 = 3.34", "10/3 (about 3.33333)"),
    ("0.2 * 50 = 11", "0.2 * 50 = 11", "10"),
    ("2 hours = 100 minutes", "2 hours = 100 minutes", "120"),
    ("2 + 2 = 4 = 5 * 1", "2 + 2 = 4 = 5 * 1", None),
    ("3 + 4\n= 8", "3 + 4\n= 8", "7"),
    (r"\frac{1}{2} \times 6 = \boxed{4}", r"\frac{1}{2} \times 6 = \boxed{4}", "3"),
    ("7 - 4 * -5 = 20", "7 - 4 * -5 = 20", "27"),
    ("4 times 3 equals 13", "4 times 3 equals 13", "12"),
    ("5 < 2 + 2", "5 < 2 + 2", "5"),
    ("2x + 3 = 11, so x = 5", "x = 5", "x = 4"),
    ("2x + 3 = 11\n2x = 9\nx = 4.5", "2x = 9", "x = 4"),
    ("x^2 - 5x + 6 = 0, so x = 4", "x = 4", "x = 2 or 3"),
    ("16 - 7 = $<<16-7=9>>90", "<<16-7=9>>90", "9"),
]


@pytest.mark.parametrize("text", RIGHT)
async def test_what_is_right_is_called_right(text: str) -> None:
    evidence = await looked(text)
    assert evidence.outcome is Outcome.passed, evidence.observation
    assert not list(problems_of(evidence))


@pytest.mark.parametrize(("text", "where", "true"), WRONG)
async def test_what_is_wrong_is_located_with_the_true_value(text: str, where: str, true: str | None) -> None:
    evidence = await looked(text)
    assert evidence.outcome is Outcome.failed
    problem = next(iter(problems_of(evidence)))
    assert problem.location is not None and problem.location.span is not None
    start, end = problem.location.span
    assert text[start:end] in where and (true is None or text[start:end] == where)
    assert problem.severity is Severity.major and problem.confidence > 0.9
    if true is not None:
        assert problem.suggestion == true


@pytest.mark.parametrize(
    "text",
    [
        "15 people / 4 = 3 cars",
        "9**9**9 = 3",
        "factorial(10**9) = 3",
        "10^(10^10) = 1",
        "1/0 = 5",
        "Step 1 - the 5 - 3",
        "version 2.0 = the best",
        "at 5:00 - 2 = 3",
        "f(2) = 7 and x_1 = 5",
        "\\sin 30 = 1/2",
        "y = 2z + 4",
        "log(4) = 2",
        "a = b = c",
    ],
)
async def test_what_nobody_can_tell_is_no_alarm(text: str) -> None:
    evidence = await looked(text)
    assert evidence.outcome is Outcome.inconclusive, evidence.observation
    assert not list(problems_of(evidence))


async def test_the_first_wrong_step_is_named_by_step_line_and_span() -> None:
    evidence = await looked(
        "The answer is 41.", "12 boxes: 12 * 3 = 36", "Then\n36 + 5 = 42", "2 + 2 = 5", goal=QUESTION
    )
    assert evidence.data["first_wrong"] == {"step": 1, "line": 2, "span": [5, 16]}
    assert evidence.observation.splitlines()[1] == "- step 1: `36 + 5 = 42` is wrong: it is 41"
    assert evidence.data["calculations"] == 3


# --- solutions as a whole ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "answer", "kind"),
    [
        (QUESTION, "15 / 2 = 7.5\nA: 7.5", "calculation/part"),
        (QUESTION, "12 * 3 = 36\n36 + 5 = 41\nA: 44", "calculation/unsupported"),
        (QUESTION, "12 - 3 = 9\n5 - 9 = -4\nA: -4", "calculation/negative"),
        ("Ann has $20 and buys 3 pens for $4 each. How much is left?", "3 * 4 = 12\nA: 12", "calculation/ignored"),
        (QUESTION, "12 * 3 = 36\n5 + 1 = 6\nA: 6", "calculation/dropped"),
        ("A bill of $10 is shared by 3. How much does each pay?", "10 / 3 = 3.3333\nA: 3.3333", "calculation/part"),
    ],
)
async def test_what_a_solution_cannot_be(goal: str, answer: str, kind: str) -> None:
    evidence = await looked(answer, goal=goal, solutions="strict")
    assert evidence.outcome is Outcome.failed and evidence.data["wrong"] is True
    assert kind in {problem.category for problem in problems_of(evidence) if problem.severity is Severity.major}
    usual = await looked(answer, goal=goal)
    assert usual.outcome is Outcome.passed and usual.data["wrong"] is False
    assert {problem.severity for problem in problems_of(usual)} == {Severity.minor}
    assert all(problem.confidence < 0.5 for problem in problems_of(usual))
    alone = await looked(answer, goal=goal, solutions=False)
    assert not [problem for problem in problems_of(alone) if problem.category == kind]


@pytest.mark.parametrize(
    ("goal", "answer"),
    [
        (QUESTION, "12 * 3 = 36 pens in boxes\n36 + 5 = 41\nA: 41"),
        ("Joe was born in 1990 and turns 30 at 5 pm. How many candles, if 2 cakes hold 15 each?", "2 * 15 = 30\nA: 30"),
        ("It is 5 degrees and falls by 8. What is the temperature?", "5 - 8 = -3\nA: -3"),
        ("Find the slope of $y = 2x - 5$.", "The slope is 2.\nA: -0.5"),
        ("Make the tests pass, all 12 of them, in 3 files.", "1 + 1 = 2"),
    ],
)
async def test_sound_solutions_raise_no_doubt(goal: str, answer: str) -> None:
    evidence = await looked(answer, goal=goal, solutions="strict")
    assert evidence.outcome is not Outcome.failed, evidence.observation
    assert not list(problems_of(evidence))


async def test_a_result_that_an_unread_equation_uses_is_used() -> None:
    goal = "A tank holds 24 liters. Two girls take 1/6 of it each and a boy takes 6 liters. How many liters are left?"
    steps = "1/6 * 24 = 4\n2 * 4 = 8 liters\n8 (for the girls) + 6 (for the boy) = 14\n24 - 14 = 10\nA: 10"
    assert not [p for p in problems_of(await looked(steps, goal=goal, solutions="strict")) if "dropped" in p.category]


@pytest.mark.parametrize(
    ("goal", "answer"),
    [
        ("Write a report on the 3 shops and their 12 clerks: what do they sell?", "3 - 5 = -2\nThe answer is 7.25"),
        ("How does the function split 12 rows into 5 parts?", "12 / 5 = 2.4\nThe answer is 2.4"),
        ("Explain how 100 grams of salt become 25 %.", "7 * 8 = 56\nThe answer is 1"),
    ],
)
async def test_what_is_no_word_problem_is_no_solution(goal: str, answer: str) -> None:
    assert not list(problems_of(await looked(answer, goal=goal, solutions="strict")))


def test_solutions_are_checked_in_one_of_three_ways() -> None:
    with pytest.raises(InputError, match="true, false or 'strict'"):
        Calculate(solutions="lax")  # type: ignore[arg-type]


# --- expressions that a model asks about --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "outcome", "told"),
    [
        ("12 * 3", Outcome.passed, "passed: 12 * 3 = 36"),
        ("0.1 + 0.2", Outcome.passed, "passed: 0.1 + 0.2 = 0.3"),
        ("20% of 50", Outcome.passed, "passed: 20% of 50 = 10"),
        ("2 hours = 120 minutes", Outcome.passed, "passed: 2 hours = 120 minutes holds"),
        ("10/3 = 3.4", Outcome.failed, "failed: 10/3 = 3.4 does not hold: the left side is 10/3 (about 3.33333)"),
        ("2x + 3 = 11", Outcome.passed, "passed: 2x + 3 = 11 is solved by 4"),
        ("x^2 - 5x + 6 = 0", Outcome.passed, "passed: x^2 - 5x + 6 = 0 is solved by 2 and 3"),
        ("x^2 + 1 = 0", Outcome.failed, "failed: no real number solves x^2 + 1 = 0"),
        ("x/0 = 1", Outcome.error, "error: 'x/0 = 1' is not solved: it divides by zero"),
        ("x^2/0 = 1", Outcome.error, "error: 'x^2/0 = 1' is not solved: it divides by zero"),
        ("9**9**9", Outcome.error, "error: '9**9**9' cannot be computed: its value is too large to compute"),
        (
            "factorial(10**9)",
            Outcome.error,
            "error: 'factorial(10**9)' cannot be computed: its value is too large to compute",
        ),
        ("__import__('os')", Outcome.error, None),
        ("", Outcome.error, None),
    ],
)
async def test_an_expression_is_computed_checked_or_solved(expression: str, outcome: Outcome, told: str | None) -> None:
    evidence = await asked(expression)
    assert evidence.outcome is outcome
    assert told is None or evidence.observation == told


# --- in the loop -------------------------------------------------------------------------------------------------


async def test_a_wrong_sum_is_sent_back_and_answered(tmp_path: Any) -> None:
    seen: list[str] = []
    drafts = iter(["12 * 3 = 35\nA: 40", "12 * 3 = 36\n36 + 5 = 41\nA: 41"])

    class Solver:
        name = "solver"

        async def propose(self, view: View) -> Draft:
            return Draft(author="solver", answer=next(drafts))

        async def revise(self, view: View, critique: Any) -> Draft:
            seen.extend(f"{f.location.line if f.location else None}: {f.suggestion}" for f in critique.findings)
            return Draft(author="solver", answer=next(drafts))

    agent = Agent(
        Solver(), critics=[EvidenceCritic()], tools=[Calculate(required=True)], sandbox=None, store=tmp_path,
        policy=Policy(rounds=3),
    )  # fmt: skip
    run = await agent.arun(Task(goal=QUESTION))
    assert seen[0] == "1: 36"
    assert run.best is not None and run.best.draft.answer == "12 * 3 = 36\n36 + 5 = 41\nA: 41"
    assert run.decision.kind == "answer" and len(run.attempts) == 2


async def test_answers_given_as_actions_are_read_and_nothing_is_planned_for_prose() -> None:
    draft = Draft(author="a", actions=(Answer(text="2 + 2 = 5"),))
    now = View(task=Task(goal="x"), run="r", draft=draft)
    (call,) = Calculate().plan(now)
    assert (await Calculate().run(call, now)).outcome is Outcome.failed
    assert Calculate().plan(view("No numbers here.")) == []
    assert Calculate().plan(View(task=Task(goal="x"), run="r")) == []
