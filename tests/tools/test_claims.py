"""Claims held against passages: supported, refuted, not found; where passages come from; the loop; odd input."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from revet.agents import EvidenceCritic
from revet.agents.chat import ChatAgent
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, Evidence, Outcome, RunOutcome, Severity, Task
from revet.tools import Claims, CorpusSearch, ToolCall, View, problems_of
from tests.agents.chat_support import Talker, said_draft

PARK = (
    "Nicholas Wulstan Park (born 6 December 1958) is a British animator who created Wallace and Gromit. Park has been "
    "nominated for an Academy Award a total of six times and won four with Creature Comforts (1989), The Wrong "
    "Trousers (1993) and A Close Shave (1995). He was born in Preston, Lancashire."
)
ELBE = (
    "The river Elbe is 1,094 km long. It rises in the Giant Mountains of the Czech Republic. The capital of Saxony is "
    "Dresden, with 563,311 inhabitants. Sales of the city's works increased by 12% in 2020."
)
SOURCES = [{"title": "Nick Park", "url": "https://example.org/park", "text": PARK}, ELBE]


def view(answer: str | None, sources: Any = SOURCES, goal: str = "Tell me.", **more: Any) -> View:
    inputs = {} if sources is None else {"sources": sources}
    draft = Draft(author="a", answer=answer) if answer is not None else None
    return View(**{"task": Task(goal=goal, inputs=inputs), "run": "r", "draft": draft, **more})


async def looked(answer: str, tool: Claims | None = None, **more: Any) -> Evidence:
    tool, now = tool or Claims(), view(answer, **more)
    (call,) = tool.plan(now)
    return await tool.run(call, now)


def standings(evidence: Evidence) -> list[tuple[str, str]]:
    claims: Any = evidence.data["claims"]
    return [(each["standing"], each["text"]) for each in claims]


# --- what is supported, refuted, not found ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "standing"),
    [
        ("Nick Park was born on 6 December 1958.", "supported"),
        ("Nick Park was born in 1958.", "supported"),
        ("Park was born in the 1950s.", "supported"),
        ("N. Park was born on December 6, 1958.", "supported"),
        ("Nick Park was born on 1958-12-06.", "supported"),
        ("Nick Park was born on 6 December 1957.", "refuted"),
        ("Nick Park was born in 1968.", "refuted"),
        ("Nick Park was born at 10:30 on 6 December 1958.", "not found"),
        ("Nick Park is a British animator.", "supported"),
        ("Nick Park is not a British animator.", "not found"),
        ("Nick Park was born in Preston.", "supported"),
        ("Nick Park sings in a choir.", "not found"),
        ("The Elbe is 1094 kilometres long.", "supported"),
        ("The Elbe is about 680 miles long.", "supported"),
        ("The Elbe is 1,200 km long.", "refuted"),
        ("The Elbe is 1,094 miles long.", "refuted"),
        ("The Rhine is 1,230 km long.", "not found"),
        ("Dresden is the capital of Saxony.", "supported"),
        ("Leipzig is the capital of Saxony.", "refuted"),
        ("Dresden has 563311 inhabitants.", "supported"),
        ("Dresden has 653,311 inhabitants.", "refuted"),
        ("Dresden has more than 500,000 inhabitants.", "supported"),
        ("Sales of the city's works increased by 12 percent in 2020.", "supported"),
        ("Sales of the city's works increased by 15 percent in 2020.", "refuted"),
        ("Sales of the city's works decreased by 12 percent in 2020.", "not found"),
        ("The moon is made of green cheese.", "not found"),
    ],
)
async def test_a_claim_stands_as_the_passages_say(claim: str, standing: str) -> None:
    evidence = await looked(claim)
    assert standings(evidence) == [(standing, claim)], evidence.observation


async def test_a_refuted_claim_is_a_problem_with_the_passage_and_what_to_write() -> None:
    answer = "He makes films. Nick Park was born in 1968."
    evidence = await looked(answer)
    assert evidence.outcome is Outcome.failed
    assert evidence.source == "https://example.org/park"
    (problem,) = [p for p in problems_of(evidence) if p.severity is Severity.major]
    assert problem.category == "fact/refuted"
    assert problem.location is not None and problem.location.span is not None
    start, end = problem.location.span
    assert answer[start:end] == "Nick Park was born in 1968."
    assert "1968" in problem.claim and "https://example.org/park" in problem.claim
    assert (
        problem.suggestion is not None and "'6 December 1958'" in problem.suggestion and "Wulstan" in problem.suggestion
    )
    assert 0.5 < problem.confidence < 1
    assert json.dumps(evidence.data)


async def test_it_passes_when_all_is_supported_and_tells_what_is_trivial() -> None:
    good = await looked("Nick Park was born in Preston. The Elbe rises in the Czech Republic.")
    assert good.outcome is Outcome.passed and not list(problems_of(good))
    open_ = await looked("The weather was fine and everybody stayed happy. Nick Park sings in Paris.")
    assert open_.outcome is Outcome.inconclusive
    assert [p.severity for p in problems_of(open_)] == [Severity.info, Severity.minor]


async def test_passages_that_contradict_each_other_refute_nothing() -> None:
    two = ["Nick Park was born in 1958.", "Nick Park was born in 1968."]
    assert standings(await looked("Nick Park was born in 1968.", sources=two))[0][0] == "supported"
    assert standings(await looked("Nick Park was born in 1978.", sources=two))[0][0] in ("refuted", "not found")


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("Ann Lee won the Oslo prize in 1999.", "Ann Lee won the Oslo prize in 2004."),
        ("Ann Lee played 12 games for Ajax.", "Ann Lee scored 15 goals for Ajax."),
        ("Bob Lee was born in 1950.", "Ann Lee was born in 1960."),
        ("Ann Lee wrote four books.", "Ann Lee wrote three songs."),
        ("Ann Lee visited Oslo.", "Ann Lee visited Rome."),
        ("The film opened in Rome.", "Ann Lee was born in Paris."),
        ("Ann Lee wrote Blue Hour.", "Ann Lee wrote Red Dawn."),
        ("Ann Lee was born in 1950.", "Ann Lee's daughter was born in 1980."),
        ("The population of Oslo is 700,000.", "The population of Oslo's metropolitan area is 1,500,000."),
        ("The population of Oslo is 700,123.", "The population of Oslo metropolitan area is 1,500,321."),
        ("Henry VIII was born in 1491.", "Henry VII was born in 1457."),
        ("World War II began in 1939.", "World War I began in 1914."),
        ("Niger was founded in 1960.", "Nigeria was founded in 1914."),
        ("The Zed 8 was released in 2007.", "The Zed 3G was released in 2008."),
        ("The Zed was released in 2007.", "The Zed 3 was released in 2008."),
        ("The Zed was released in 2007.", "The Zed was originally planned to be released in 2005."),
        ("Acme was founded in 1998.", "Acme founded Bolt in 2013."),
        ("Sales of Acme were $5 million in 2019.", "Sales of Acme were $6 million in 2020."),
        ("Sales of Acme were $5 million in Q1.", "Sales of Acme were $6 million in Q2."),
        ("The town of Ada was founded in 1890.", "In 1857, the Chickasaw Nation formed its own government near Ada."),
    ],
)
async def test_another_fact_of_the_kind_is_no_refutation(claim: str, passage: str) -> None:
    evidence = await looked(claim, sources=[passage])
    assert standings(evidence) == [("not found", claim)], evidence.observation


@pytest.mark.parametrize(
    ("goal", "answer", "standing"),
    [
        ("In which year was Nick Park born?", "1958", "supported"),
        ("In which town was Nick Park born?", "Preston", "supported"),
        ("In which year was Nick Park born?", "1971", "not found"),
        ("When was Creature Comforts by Nick Park?", "1993", "not found"),
    ],
)
async def test_a_mere_answer_is_read_with_its_question(goal: str, answer: str, standing: str) -> None:
    assert standings(await looked(answer, goal=goal)) == [(standing, answer)]


# --- where the passages come from -----------------------------------------------------------------------------------


def found(text: str, **more: Any) -> Evidence:
    passage = {"text": text, "path": "a.md", "line": 7, "title": "A"}
    known: dict[str, Any] = {"tool": "corpus", "request": "q", "outcome": "passed", "data": {"passages": [passage]}}
    return Evidence(**{**known, **more})


async def test_passages_come_from_the_evidence_with_their_place() -> None:
    evidence = await looked("Ann Lee was born in 1951.", sources=None, evidence=(found("Ann Lee was born in 1950."),))
    assert evidence.outcome is Outcome.failed and evidence.source == "a.md:7"
    claims: Any = evidence.data["claims"]
    assert claims[0]["evidence"] == found("Ann Lee was born in 1950.").id


async def test_what_the_draft_printed_vouches_for_nothing() -> None:
    printed = Evidence(tool="python", request="run", outcome=Outcome.passed, observation="Ann Lee was born in 1950.")
    now = view("Ann Lee was born in 1950.", sources=None, evidence=(printed,))
    assert not Claims().plan(now)
    assert (
        standings(
            await looked("Ann Lee was born in 1950.", Claims(also=["python"]), sources=None, evidence=(printed,))
        )[0][0]
        == "supported"
    )


async def test_sources_may_be_files_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "facts.md").write_text("# Lee\n\nAnn Lee was born in 1950.\n")
    evidence = await looked("Ann Lee was born in 1951.", sources=["facts.md"], workspace=tmp_path)
    assert evidence.source == "facts.md:3"
    for bad in ("gone.md", "../facts.md", "/etc/passwd.txt"):
        with pytest.raises(InputError, match="no file"):
            Claims().plan(view("Ann Lee was born.", sources=[bad], workspace=tmp_path))
    with pytest.raises(InputError, match="entry 1 is no source"):
        Claims().plan(view("Ann Lee was born.", sources=[3]))


async def test_it_searches_for_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "lee.md").write_text("# Ann Lee\n\nAnn Lee was born in 1950 in Oslo.\n")
    tool = Claims(CorpusSearch(tmp_path), searches=1)
    evidence = await looked("Ann Lee was born in 1955.", tool, sources=None)
    assert evidence.outcome is Outcome.failed and evidence.source == "lee.md:3"
    assert "1 claims searched for" in evidence.observation
    with pytest.raises(InputError, match="no tool 'web'"):
        await looked("Ann Lee was born in 1955.", Claims("web"), sources=None)


async def test_a_required_check_is_not_passed_over() -> None:
    needed = Claims(required=True)
    evidence = await looked("Ann Lee was born in 1955.", needed, sources=None)
    assert evidence.outcome is Outcome.inconclusive and evidence.required
    assert evidence.observation.startswith("inconclusive: nothing to hold the claims against: ")
    assert not needed.plan(view("Yes.", sources=None))


async def test_nothing_to_check_and_nothing_to_check_it_with() -> None:
    tool = Claims()
    assert not tool.plan(view(None)) and not tool.plan(view("  ")) and not tool.plan(view("A fact.", sources=None))
    call = ToolCall(tool="claims", request="x")
    assert (await tool.run(call, view(None))).outcome is Outcome.inconclusive
    assert (await tool.run(call, view("Nick Park sings.", sources=None))).outcome is Outcome.inconclusive
    wrong = ToolCall(tool="claims", request="x", arguments={"texts": "?"})
    assert (await tool.run(wrong, view("Nick Park sings."))).outcome is Outcome.error
    given_text = ToolCall(tool="claims", request="x", arguments={"text": "Nick Park was born in 1968."})
    told = await tool.run(given_text, view("Something else that is long enough."))
    assert told.outcome is Outcome.failed
    assert all(p.location is None for p in problems_of(told))
    with pytest.raises(InputError):
        Claims(most=0)


# --- odd and huge input --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200), st.text(max_size=200))
async def test_no_text_and_no_passage_crash_it(text: str, passage: str) -> None:
    now = view(text, sources=[{"text": passage or "x", "title": passage[:20]}] if passage.strip() else None)
    for call in Claims().plan(now):
        evidence = await Claims().run(call, now)
        json.loads(evidence.model_dump_json()) if text.isascii() and passage.isascii() else None
        assert len(evidence.observation) < 9_000


@pytest.mark.parametrize(
    "text",
    [
        "." * 60_000 + "a",
        "1" * 60_000,
        "1,1" * 20_000,
        "A " * 30_000,
        "[1](" * 15_000,
        '"a' * 30_000,
        "a-" * 30_000,
        "(" * 60_000,
        "| " * 30_000,
        "\n>" * 20_000,
        "; and it " * 8_000,
        "and " * 16_000,
        "one hundred " * 6_000,
    ],
    ids=range(13),
)
async def test_no_text_takes_more_than_its_length_allows(text: str) -> None:
    start = time.monotonic()
    await looked(text)
    assert time.monotonic() - start < 30


async def test_a_book_against_ten_thousand_passages_ends() -> None:
    passages = [f"Item {n} of the list was founded in {1500 + n % 500} by Ann Lee{n}." for n in range(10_000)]
    text = " ".join(f"Item {n} of the list was founded in {1500 + n % 500} by Ann Lee{n}." for n in range(16_000))
    assert len(text) > 900_000
    evidence = await looked(text, Claims(most=50), sources=passages)
    assert evidence.data["left"] and evidence.outcome is Outcome.inconclusive
    assert evidence.data["standings"] == {"supported": 50, "refuted": 0, "not found": 0}


# --- in the loop ---------------------------------------------------------------------------------------------------


class Shelf:
    """A tool that models use: it always finds the same passage."""

    name = "shelf"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        return found("Ann Lee was born in 1950.", tool="shelf", request=call.request)


async def test_a_wrong_year_is_sent_back_with_the_passage_and_then_answered(tmp_path: Path) -> None:
    talker = Talker(
        said_draft(answer="Ann Lee was born in 1951 in Norway."),
        said_draft(answer="Ann Lee was born in 1950."),
    )
    task = Task(goal="When was Ann Lee born?", inputs={"sources": ["Ann Lee was born in 1950, in Oslo in Norway."]})
    agent = Agent(
        ChatAgent(talker.model),
        critics=[EvidenceCritic()],
        tools=[Claims()],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=2),
    )
    run = await agent.arun(task)
    assert run.outcome is RunOutcome.answered
    assert [a.draft.answer for a in run.attempts] == [
        "Ann Lee was born in 1951 in Norway.",
        "Ann Lee was born in 1950.",
    ]
    (critique,) = run.attempts[0].critiques
    finding = critique.findings[0]
    assert finding.category == "fact/refuted" and not finding.opinion
    assert "1950" in (finding.suggestion or "")
    assert "Ann Lee was born in 1950, in Oslo" in talker.prompts[1]


async def test_it_searches_with_the_tools_of_the_run(tmp_path: Path) -> None:
    talker = Talker(said_draft(answer="Ann Lee was born in 1951."), said_draft(answer="Ann Lee was born in 1950."))
    agent = Agent(
        ChatAgent(talker.model),
        critics=[EvidenceCritic()],
        tools=[Claims("shelf"), Shelf()],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=2),
    )
    run = await agent.arun(Task(goal="When was Ann Lee born?"))
    assert run.outcome is RunOutcome.answered and len(run.attempts) == 2
    assert {e.tool for e in run.attempts[0].evidence} == {"claims", "shelf"}


@pytest.mark.parametrize("order", [1, -1])
async def test_without_a_search_it_searches_the_corpus_of_the_run(tmp_path: Path, order: int) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "lee.md").write_text("# Ann Lee\n\nAnn Lee was born in 1950 in Oslo.\n")
    talker = Talker(said_draft(answer="Ann Lee was born in 1951."), said_draft(answer="Ann Lee was born in 1950."))
    agent = Agent(
        ChatAgent(talker.model),
        critics=[EvidenceCritic()],
        tools=[CorpusSearch(tmp_path / "notes"), Claims(required=True)][::order],
        sandbox=None,
        store=tmp_path / "store",
        policy=Policy(rounds=2),
    )
    run = await agent.arun(Task(goal="When was Ann Lee born?"))
    assert run.outcome is RunOutcome.answered and len(run.attempts) == 2
    assert {e.tool for e in run.attempts[0].evidence} == {"claims", "corpus"}


class Planned(Shelf):
    """A shelf that the task requires to be looked at."""

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool="shelf", request="Ann Lee")]


@pytest.mark.parametrize(("shelf", "outcome"), [(Planned(), "answered"), (Shelf(), "abstained")])
async def test_a_required_check_waits_for_what_others_find_but_not_for_ever(
    tmp_path: Path, shelf: Shelf, outcome: str
) -> None:
    agent = Agent(
        ChatAgent(Talker(said_draft(answer="Ann Lee was born in 1950.")).model),
        critics=[EvidenceCritic()],
        tools=[Claims(required=True), shelf],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=1),
    )
    run = await agent.arun(Task(goal="When was Ann Lee born?"))
    assert run.outcome == outcome
    assert "claims" in {e.tool for e in run.attempts[0].evidence}
