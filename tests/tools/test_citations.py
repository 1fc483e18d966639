"""Citations and quotations: what is cited exists and says so; wording; links; lists of references; odd input."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import EvidenceCritic
from revet.agents.chat import ChatAgent
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, Evidence, Outcome, RunOutcome, Severity, Task, WriteFile
from revet.tools import Citations, ToolCall, View, problems_of
from revet.tools._claims.citing import citations, masked, references
from revet.tools._claims.quotes import difference
from tests.agents.chat_support import Talker, said_draft

PASSAGES: list[Any] = [
    {
        "title": "Ann Lee",
        "url": "https://www.example.org/lee",
        "text": "Ann Lee (born 1950) is a painter. “I never wanted to be famous at all,” she said.",
    },
    {
        "title": "Elbe",
        "url": "https://example.org/elbe",
        "text": "The Elbe is 1,094 km long. It rises in the mountains.",
    },
]
FOUND = Evidence(tool="web", request="q", outcome=Outcome.passed, data={"passages": PASSAGES})
LIST = "\n\n## References\n[1] Ann Lee, https://example.org/lee/\n[2] https://example.org/elbe\n"


def view(answer: str, evidence: tuple[Evidence, ...] = (FOUND,), **more: Any) -> View:
    known: dict[str, Any] = {"task": Task(goal="Tell me."), "run": "r", "draft": Draft(author="a", answer=answer)}
    return View(**{**known, "evidence": evidence, **more})


async def looked(answer: str, **more: Any) -> Evidence:
    now = view(answer, **more)
    (call,) = Citations().plan(now)
    return await Citations().run(call, now)


def told(evidence: Evidence) -> list[tuple[str, str]]:
    return [(problem.severity.value, problem.category) for problem in problems_of(evidence)]


# --- what is a citation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So it rains [1].", [("number", "1")]),
        ("So it rains [1, 3-5].", [("number", "1"), ("number", "3"), ("number", "4"), ("number", "5")]),
        ("So it is.[2][3]", [("number", "2"), ("number", "3")]),
        ("So it is[^a].\n\n[^a]: Book", [("note", "a")]),
        ("See [the page](https://a.org/x_(y)).", [("url", "https://a.org/x_(y)")]),
        ("See https://a.org/x, or <https://b.org>.", [("url", "https://a.org/x"), ("url", "https://b.org")]),
        ("See (notes/a.md:12) and a.py#L3.", [("file", "notes/a.md"), ("file", "a.py")]),
        (
            "As Lee et al. (2020) say (Ray & Fay, 2019; Kim et al., 2018).",
            [("author", "Lee 2020"), ("author", "Ray 2019"), ("author", "Kim 2018")],
        ),
        (
            "In Oslo (1990), at 10:30, a[1] = x[0]; ![image](https://a.org/i.png)",
            [("url", "https://a.org/i.png")],
        ),
        ("Write `a[1]`.\n```\nb[2]\n```\n", []),
        ("Ratio 3:1 in v1.2:3 and e.g. [x].", []),
    ],
)
def test_citations_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.kind, each.key) for each in citations(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "The interval [1, 2] contains 1.5; x ∈ [0, 1] and f: [0,1] → R.",
        "A matrix [[1, 2], [3, 4]] and the list [1, 2, 3] are given.",
        "Sorted: [1, 3, 5, 9]. The answer is [5]. It returns [1, 2].",
        "Then A[1] = 3 and arr[2] is 5. Use `items[0]`, then call foo(bar) [optional]. Choose [y/n].",
        '{"name": "a value of four words", "list": [1, 2]}',
        'The code is:\n\n```python\nprint(a[2], "some string that nobody ever said")  # see [3]\n```\n',
        "- [ ] Write the tests\n- [x] Ship it",
        "The war (1939–1945) ended. Einstein (1879) was born. In Paris (1900) games were held.",
        "It's the players' fault that the dogs' owners didn't care 'bout rock 'n' roll in the '90s.",
        'A 5" by 7" photo and a 6\'2" man stood 3" apart in a 10" frame of wood.',
        "The double helix was described by Watson and Crick (1953).",
        "I read “One Hundred Years of Solitude” and this so-called “best way to do it quickly”.",
        "Alice said, “We should probably leave before it gets dark,” and Bob nodded.",
        "The fix is in src/app.py:12, as README.md says.",
    ],
)
async def test_an_ordinary_answer_without_citations_has_no_problem(text: str) -> None:
    now = view(text, evidence=())
    for call in Citations().plan(now):
        evidence = await Citations().run(call, now)
        assert told(evidence) == [], evidence.observation


async def test_values_in_brackets_and_titles_are_no_problem_beside_passages_either() -> None:
    answer = "The list [1, 2, 3] is sorted. I like “The Lord of the Rings” most. Then arr[7] is 5."
    now = view(answer)
    for call in Citations().plan(now):
        assert told(await Citations().run(call, now)) == []


async def test_a_file_that_the_draft_writes_is_no_dangling_citation(tmp_path: Path) -> None:
    draft = Draft(
        author="a", answer="The check is in new.py:1.", actions=(WriteFile(path="new.py", content="x = 1\n"),)
    )
    now = view("", evidence=(), workspace=tmp_path, draft=draft)
    (call,) = Citations().plan(now)
    assert told(await Citations().run(call, now)) == []


def test_a_single_author_counts_where_the_list_has_the_name() -> None:
    text = "Lee (2020) paints; so does Oslo (1990).\n\nReferences\n- Lee, A. (2020). Painting."
    assert [each.key for each in citations(text)] == ["Lee 2020"]
    assert [(entry.key, entry.text) for entry in references(text)] == [("1", "Lee, A. (2020). Painting.")]


def test_blanking_citations_moves_nothing() -> None:
    text = "See [Ann Lee](https://example.org/lee) there [1]." + LIST
    blank = masked(text, citations(text))
    assert len(blank) == len(text)
    assert blank.startswith("See  Ann Lee ") and blank.rstrip().endswith("there    .")


# --- where they lead ------------------------------------------------------------------------------------------------


async def test_what_is_cited_and_says_so_passes() -> None:
    evidence = await looked("Ann Lee was born in 1950 [1]. The Elbe is 1,094 km long.[2]" + LIST)
    assert evidence.outcome is Outcome.passed, evidence.observation
    assert "2 of 2 citations" in evidence.observation
    assert json.dumps(evidence.data)


@pytest.mark.parametrize(
    ("answer", "problems"),
    [
        ("Ann Lee was born in 1951 [1]. The Elbe is 1,094 km long [2]." + LIST, [("major", "citation/refuted")]),
        ("Ann Lee was born in 1950 [2]. The Elbe is 1,094 km long [1]." + LIST, [("minor", "citation/not-found")] * 2),
        (
            "Ann Lee was born in 1950 [1]. The Elbe is long [7]." + LIST,
            [("major", "citation/dangling"), ("info", "citation/unused")],
        ),
        ("Ann Lee was born in 1950 (https://example.org/lee).", []),
        ("Ann Lee was born in 1950 (https://example.org/other).", [("major", "citation/unseen")]),
        ("[Ann Lee](http://example.org/lee#life) was born in 1950.", []),
        ("[Ann Lee](http://example.org/lee#life) was born in 1951.", [("major", "citation/refuted")]),
        ("Ann Lee was born in 1950.[^x]", [("major", "citation/dangling")]),
        ("Ann Lee was born in 1950 [1].", []),
        ("Ann Lee was born in 1950 [3].", [("major", "citation/dangling")]),
        ("As Lee et al. (2020) say, it rains.", [("major", "citation/dangling")]),
    ],
)  # fmt: skip
async def test_each_citation_is_followed(answer: str, problems: list[tuple[str, str]]) -> None:
    evidence = await looked(answer)
    assert told(evidence) == problems, evidence.observation
    graves = [severity for severity, _ in problems if severity == "major"]
    assert (evidence.outcome is Outcome.failed) is bool(graves)


async def test_a_better_citation_is_named() -> None:
    evidence = await looked("The Elbe is 1,094 km long [1], says the map [2]." + LIST)
    first = next(problems_of(evidence))
    assert first.suggestion in ("cite https://example.org/elbe, which says so", "cite a passage that says so")


async def test_a_link_that_nobody_looked_for_is_a_smaller_fault_where_nothing_was_looked_up() -> None:
    evidence = await looked("Ann Lee paints (https://example.org/lee).", evidence=())
    assert told(evidence) == [("minor", "citation/unseen")]
    assert evidence.outcome is Outcome.inconclusive


async def test_an_address_in_what_a_tool_says_of_the_draft_was_not_seen() -> None:
    echo = Evidence(
        tool="citations", request="x", outcome=Outcome.failed, observation="https://made.up/x was never seen"
    )
    evidence = await looked("Ann Lee paints (https://made.up/x).", evidence=(FOUND, echo))
    assert told(evidence) == [("major", "citation/unseen")]


async def test_files_and_lines_are_looked_up_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Facts\n\nDresden has 563,311 inhabitants.\n" + "\n" * 40 + "Elbe.\n")
    good = await looked("Dresden has 563,311 inhabitants (a.md:3).", evidence=(), workspace=tmp_path)
    assert good.outcome is Outcome.passed
    wrong = await looked("Dresden has 600,123 inhabitants (a.md:3).", evidence=(), workspace=tmp_path)
    assert told(wrong) == [("major", "citation/refuted")] and "a.md:3" in wrong.observation
    for bad in ("a.md:400", "gone.md:1", "../a.md:1", f"{'x' * 70}/{'é' * 80}.md:1"):
        assert told(await looked(f"Dresden is big ({bad}).", evidence=(), workspace=tmp_path))[0] == (
            "major",
            "citation/dangling",
        ), bad
    if os.geteuid():
        (tmp_path / "a.md").chmod(0)
        assert (await looked("It is big (a.md:3).", evidence=(), workspace=tmp_path)).outcome is Outcome.failed


# --- quotations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "problem"),
    [
        ("“I never wanted to be famous at all”", None),
        ('"I never wanted to be famous at all,"', None),
        ("„i never wanted …  be famous at all“", None),
        ("«I never wanted to be [so] famous at all»", "quote/altered"),
        ("“I [really] never wanted to be famous at all”", None),
        ("“I always wanted to be famous at all”", "quote/altered"),
        ("“All the rivers run into the sea”", "quote/not-found"),
        ("> I never wanted to be famous at all", None),
    ],
)
async def test_quotations_are_checked_word_for_word(quote: str, problem: str | None) -> None:
    evidence = await looked(f"She said:\n\n{quote}\n")
    if quote.startswith("«"):  # what is put in stands for nothing, so the words around it are together
        problem = None
    assert [category for _, category in told(evidence)] == ([problem] if problem else []), evidence.observation


async def test_a_near_miss_shows_the_true_wording() -> None:
    answer = "She said “I always wanted to be famous at all” once."
    evidence = await looked(answer)
    (problem,) = problems_of(evidence)
    assert problem.severity is Severity.major
    assert "[always → never]" in problem.claim
    assert "I never wanted to be famous at all" in (problem.suggestion or "")
    assert problem.location is not None and problem.location.span is not None
    assert answer[slice(*problem.location.span)] == "I always wanted to be famous at all"


async def test_a_quotation_is_looked_for_where_it_is_cited() -> None:
    evidence = await looked("She said “I never wanted to be famous at all” [2]." + LIST)
    assert ("minor", "quote/elsewhere") in told(evidence)


def test_a_title_in_quotation_marks_is_no_quotation() -> None:
    assert not Citations().plan(view("Her picture “Blue Hour” hangs in Oslo."))


def test_differences_are_marked() -> None:
    assert difference("the quick fox", "the slow red fox") == "the [quick → slow red] fox"


# --- odd input, and the loop ------------------------------------------------------------------------------------------


async def test_odd_calls_are_evidence() -> None:
    tool, call = Citations(), ToolCall(tool="citations", request="x")
    assert (await tool.run(call, view("Nothing cited."))).outcome is Outcome.inconclusive
    wrong = call.model_copy(update={"arguments": {"x": 1}})
    assert (await tool.run(wrong, view("Nothing cited."))).outcome is Outcome.error
    given_text = call.model_copy(
        update={"arguments": {"text": "The Elbe is 1,200 km long (https://example.org/elbe)."}}
    )
    evidence = await tool.run(given_text, view("Nothing cited."))
    assert evidence.outcome is Outcome.failed and all(p.location is None for p in problems_of(evidence))


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet='ab A1.[]()^:#-"“”>\n/L€§http', max_size=160))
async def test_no_text_crashes_it(text: str) -> None:
    now = view(f"{text} [1] “{text} I never wanted to be famous”")
    for call in Citations().plan(now):
        evidence = await Citations().run(call, now)
        for problem in problems_of(evidence):
            assert problem.location is not None and problem.location.span is not None


@pytest.mark.parametrize(
    "piece", ["[1] ", "[1](", '"a b c d" ', "(A, 2000; ", "https://a.org ", "[^a]", "“", "a/", "> a b c d\n"]
)
async def test_no_text_takes_more_than_its_length_allows(piece: str) -> None:
    start = time.monotonic()
    now = view(piece * (40_000 // len(piece)))
    for call in Citations().plan(now):
        await Citations().run(call, now)
    assert time.monotonic() - start < 30


async def test_a_made_up_link_is_sent_back(tmp_path: Path) -> None:
    source = {"title": "Lee", "url": "https://example.org/lee", "text": "Ann Lee was born in 1950."}
    talker = Talker(
        said_draft(answer="Ann Lee was born in 1950 (https://example.org/made-up)."),
        said_draft(answer="Ann Lee was born in 1950 (https://example.org/lee)."),
    )
    agent = Agent(
        ChatAgent(talker.model),
        critics=[EvidenceCritic()],
        tools=[Citations()],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=2),
    )
    run = await agent.arun(Task(goal="When was Ann Lee born?", inputs={"sources": [source]}))
    assert run.outcome is RunOutcome.answered and len(run.attempts) == 2
    assert "https://example.org/made-up was never seen" in talker.prompts[1]
