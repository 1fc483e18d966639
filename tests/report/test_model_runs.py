"""Runs that language models drove: their answers, what tools were asked, what it took."""

from __future__ import annotations

import json

import pytest

from revet.errors import ModelFailed
from revet.graphs.events import Criticised, Decided, Event, Examined, Progressed, Proposed
from revet.report import Ended, json_line, print_run, print_summary
from revet.report.spent import dollars, role_lines, spent_line
from revet.report.terminal import print_ended
from revet.report.text import why
from revet.report.watch import Watch
from revet.schema import (
    Attempt,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    Finding,
    Outcome,
    Run,
    RunOutcome,
    Severity,
    Spent,
    Task,
    Usage,
    Verdict,
    WriteFile,
)
from tests.report.samples import WHEN, committed
from tests.report.test_terminal import CONTROLS, EVIL, log

QUESTION = Task(id="moon", goal="Which is the largest moon of Saturn?")
SPENT = {
    "proposer": Spent(calls=2, input_tokens=1200, output_tokens=34, cost=0.0123),
    "critic": Spent(calls=1, input_tokens=800, output_tokens=60),
}


def lookup(text: str = "[titan.md:3] Titan is the largest moon of Saturn.") -> Evidence:
    return Evidence(tool="search", request="search: largest moon of Saturn", outcome=Outcome.passed, observation=text)


def refuted() -> Critique:
    findings = (
        Finding(claim="a small thing", severity=Severity.minor),
        Finding(claim="Rhea is the second largest", evidence=(lookup().id,), suggestion="answer Titan"),
    )
    return Critique(critic="critic", verdict=Verdict.revise, possible_result="a wrong answer", findings=findings)


def question(answer: str = "Titan") -> Run:
    """The first answer was refuted by a search; the second stands."""
    first = Attempt(
        round=0,
        draft=Draft(author="chat", answer="Rhea", steps=("Saturn has many moons.", "Rhea is large.")),
        evidence=(lookup(),),
        critiques=(refuted(),),
        decision=Decision(kind=DecisionKind.revise, reasons=("critic: Rhea is the second largest",)),
    )
    accepted = Critique(critic="critic", verdict=Verdict.accept, score=1.0)
    decision = Decision(kind=DecisionKind.answer, reasons=("the answer was accepted by critic",))
    second = Attempt(
        round=1, draft=Draft(author="chat", answer=answer), critiques=(accepted,), decision=decision
    )  # fmt: skip
    return Run(
        id="moon-abc234",
        task=QUESTION,
        outcome=RunOutcome.answered,
        decision=decision,
        attempts=(first, second),
        best=second,
        usage=Usage(rounds=1, tool_calls=1, seconds=2.0, roles=SPENT),
        started_at=WHEN,
    )


def told(run: Run) -> list[str]:
    console, out = log(width=200)
    print_run(console, run)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_log_of_a_question_says_what_was_answered_seen_and_said() -> None:
    watch = Watch(QUESTION)
    run = question()
    first, second = run.attempts
    events: list[Event] = [
        Proposed(round=0, draft=first.draft),
        Examined(round=0, evidence=lookup()),
        Criticised(round=0, critique=refuted()),
        Decided(round=0, decision=first.decision or run.decision),
        Progressed(kind="shortened", data={}),
        Proposed(round=1, draft=second.draft),
        Criticised(round=1, critique=second.critiques[0]),
        Decided(round=1, decision=run.decision),
    ]
    assert [note for event in events for note in watch.hear(event)] == [
        "draft 1: answers: Rhea",
        "search: largest moon of Saturn → [titan.md:3] Titan is the largest moon of Saturn.",
        "critic: revise: Rhea is the second largest",
        "draft 1 does not pass; looks for a better one",
        "the evidence was shortened to fit into the model's context",
        "draft 2: answers: Titan",
        "critic: accept",
        "the answer stands",
    ]


def test_a_draft_that_could_not_be_understood_is_told() -> None:
    draft = Draft(author="chat", problem="no JSON in the answer")
    assert Watch(QUESTION).hear(Proposed(round=0, draft=draft)) == ["draft 1: no draft: no JSON in the answer"]
    attempt = Attempt(round=0, draft=draft, decision=Decision(kind=DecisionKind.revise))
    run = question().model_copy(update={"attempts": (attempt,)})
    assert "it could not be understood: no JSON in the answer" in told(run)


def test_an_answer_is_shown_whole_where_a_task_ends() -> None:
    console, out = log()
    print_ended(console, Ended(QUESTION, question("one\ntwo\n\nthree")))
    assert out.getvalue().splitlines() == ["✓ answered  moon", "    one", "    two", "", "    three"]


def test_a_long_answer_is_cut_in_the_batch_and_whole_in_show() -> None:
    run = question("\n".join(f"line {n}" for n in range(100)))
    console, out = log()
    print_ended(console, Ended(QUESTION, run))
    assert out.getvalue().splitlines()[-1] == "    … 40 more lines"
    lines = told(run)
    assert lines[lines.index("The answer") + 100] == "    line 99"


def test_show_tells_what_each_role_took() -> None:
    lines = told(question())
    assert "spent       2 drafts, 2.0 s, 1 tool call, 3 model calls, 2,094 tokens, $0.01" in lines
    assert "            critic: 1 call, 800 tokens in, 60 out" in lines
    assert "            proposer: 2 calls, 1,200 tokens in, 34 out, $0.01" in lines


def test_show_tells_steps_evidence_and_critique_of_an_answer() -> None:
    lines = told(question())
    assert "  1. Saturn has many moons." in lines
    assert any(line.startswith("search: largest moon of Saturn") and "Titan" in line for line in lines)
    assert "  major: Rhea is the second largest" in lines and "    answer Titan" in lines
    assert lines[-3:] == ["    Titan", "", "It stands: the answer was accepted by critic"]
    head = lines[: lines.index("")]
    assert not any(line.startswith(("may change", "checks")) for line in head), "nothing to change, nothing to examine"


def test_the_summary_adds_up_what_models_took() -> None:
    console, out = log()
    results = [Ended(QUESTION, question()), Ended(QUESTION, question())]
    print_summary(console, results, 4.0, None)
    assert "2 tasks in 4.0 s: 2 answered. 6 model calls, 4,188 tokens, $0.02." in " ".join(out.getvalue().split())
    console, out = log()
    print_summary(console, [Ended(QUESTION, committed())], 4.0, None)
    assert "model call" not in out.getvalue()


def test_json_has_the_answer_and_the_cost() -> None:
    line = json.loads(json_line(Ended(QUESTION, question())))
    assert (line["answer"], line["tokens"], line["cost"]) == ("Titan", 2094, 0.0123)


def test_a_computed_answer_counts_for_the_program_that_computes_it() -> None:
    seen = Evidence(tool="python", request="run", outcome=Outcome.passed, data={"answer": 18})
    run = question("print(18)")
    assert run.best is not None
    best = run.best.model_copy(update={"evidence": (seen,)})
    assert json.loads(json_line(Ended(QUESTION, run.model_copy(update={"best": best}))))["answer"] == "18"


@pytest.mark.parametrize(
    ("cost", "words"),
    [(0.0, "$0.00"), (0.00001, "less than $0.0001"), (0.0012, "$0.0012"), (1.5, "$1.50"), (1234.5, "$1,234.50")],
)
def test_dollars(cost: float, words: str) -> None:
    assert dollars(cost) == words


def test_nothing_is_said_where_no_model_was_asked() -> None:
    assert spent_line([Usage()]) == "" and role_lines(Usage()) == []


def test_nothing_that_a_model_wrote_acts_on_the_terminal() -> None:
    draft = Draft(author=EVIL, answer=EVIL, steps=(EVIL,), notes=EVIL, problem=EVIL)
    critique = Critique(critic=EVIL, verdict=Verdict.revise, findings=(Finding(claim=EVIL, suggestion=EVIL),))
    attempt = Attempt(round=0, draft=draft, evidence=(lookup(EVIL),), critiques=(critique,))
    roles = {EVIL: Spent(calls=1, input_tokens=1)}
    run = question(EVIL).model_copy(update={"attempts": (attempt,), "best": attempt, "usage": Usage(roles=roles)})
    console, out = log()
    print_run(console, run)
    print_ended(console, Ended(QUESTION, run))
    for event in (
        Proposed(round=0, draft=draft),
        Proposed(round=0, draft=Draft(author="x", answer=EVIL)),
        Proposed(round=0, draft=Draft(author="x", actions=(WriteFile(path="x", content=""),), notes=EVIL)),
        Examined(round=0, evidence=lookup(EVIL)),
        Criticised(round=0, critique=critique),
    ):
        out.write("\n".join(Watch(QUESTION).hear(event)) + "\n")
    assert not CONTROLS.search(out.getvalue().replace("\n", "")) and "[bold red]x[/]" in out.getvalue()


def test_why_a_draft_does_not_pass_is_said_where_nothing_else_said_it() -> None:
    watch = Watch(QUESTION)
    refused = Decision(kind=DecisionKind.revise, reasons=("`apply draft` error: the text is not there",))
    assert watch.hear(Proposed(round=0, draft=Draft(author="chat", answer="x\ny"))) == ["draft 1: answers in 2 lines"]
    said = "draft 1 does not pass: `apply draft` error: the text is not there; looks for a better one"
    assert watch.hear(Decided(round=0, decision=refused)) == [said]


def test_a_critic_that_abstains_says_why_and_hides_no_reason() -> None:
    watch = Watch(QUESTION)
    silent = Critique(critic="steps", verdict=Verdict.abstain, possible_result="its answer could not be used")
    assert watch.hear(Criticised(round=0, critique=silent, baseline=True)) == []
    watch.hear(Proposed(round=0, draft=Draft(author="chat", answer="Rhea")))
    assert watch.hear(Criticised(round=0, critique=silent)) == ["steps: abstain: its answer could not be used"]
    refused = Decision(kind=DecisionKind.revise, reasons=("`apply draft` error", "evidence: `apply draft` error"))
    lines = watch.hear(Decided(round=0, decision=refused))
    assert lines == ["draft 1 does not pass: `apply draft` error; looks for a better one"]
    attempt = Attempt(round=0, draft=Draft(author="chat", answer="Rhea"), decision=refused, critiques=(silent,))
    text = "\n".join(told(question().model_copy(update={"attempts": (attempt,)})))
    assert "because `apply draft` error" in text and "because evidence: `apply draft`" not in text


def test_a_commit_is_told_with_what_the_model_made_of_it() -> None:
    best = committed().best
    assert best is not None
    best = best.model_copy(update={"draft": best.draft.model_copy(update={"data": {}, "notes": "the last day counts"})})
    assert why(committed().model_copy(update={"best": best})) == "changes late.py: the last day counts"


def test_an_error_is_told_with_its_remedy_however_long_it_is() -> None:
    error = ModelFailed("no rule answers" + "\n  rule 1: role is critic" * 40, hint="add a rule")
    told_as = Ended(QUESTION, error=error).why
    assert told_as.endswith("… → add a rule") and len(told_as) < 430


def test_a_report_of_several_lines_is_told_once_and_stays_readable() -> None:
    error = ModelFailed("no rule answers:\n  rule 1: role is critic\n  rule 2: is used up", hint="add a rule")
    ended = Ended(QUESTION, error=error)
    assert ended.why == "no rule answers; rule 1: role is critic; rule 2: is used up → add a rule"
    console, out = log()
    print_ended(console, ended)
    print_summary(console, [ended], 1.0, None)
    text = out.getvalue()
    assert "    no rule answers:\n      rule 1: role is critic\n      rule 2: is used up\n      → add a rule\n" in text
    assert text.count("rule 1") == 1 and text.count("no rule answers") == 2
    broken = question().model_copy(update={"outcome": RunOutcome.failed, "error": f"ModelFailed: {error}"})
    assert why(broken) == f"ModelFailed: {ended.why}"


def test_a_spent_budget_is_told_with_the_last_objection() -> None:
    reasons = ("critic: Rhea is the second largest (opinion)", "budget spent: 3 of 3 rounds of revision")
    decision = Decision(kind=DecisionKind.abstain, reasons=reasons)
    told_as = "budget spent: 3 of 3 rounds of revision; critic: Rhea is the second largest (opinion)"
    run = question().model_copy(update={"outcome": RunOutcome.abstained, "decision": decision})
    assert why(run) == told_as
    assert why(run.model_copy(update={"best": run.attempts[0]})) == told_as, "also where tools saw something"


def test_the_table_tells_of_tests_where_a_task_has_checks() -> None:
    for results, shown in (([Ended(QUESTION, question())], False), ([Ended(committed().task, committed())], True)):
        console, out = log()
        print_summary(console, results, 4.0, None)
        assert ("failing tests" in out.getvalue()) is shown and results[0].outcome.value in out.getvalue()


def test_what_had_ended_before_took_nothing_now() -> None:
    console, out = log()
    print_summary(console, [Ended(QUESTION, question(), again=True)], 0.1, None)
    assert "1 answered. All had ended before; nothing was run." in " ".join(out.getvalue().split())
    assert "model call" not in out.getvalue()
