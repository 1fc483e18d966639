"""What a critic looks up before it judges: calls with its own arguments, bounded, fenced, and cited in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

import revet
from revet.agents import ChatCritic
from revet.agents.chat.looking import specs_of
from revet.errors import ModelFailed
from revet.models import Reply, Request, ToolUse
from revet.schema import Draft, Evidence, Outcome, RunOutcome, Verdict
from revet.tools import Tool, ToolCall, View, evidence_for
from tests.agents.chat_support import Talker, inside_fences, said_critique, said_draft, said_finding, view


class Term(BaseModel):
    """Look a word up in the lexicon."""

    word: str = Field(min_length=1)


class Lexicon:
    """Knows what is in `words`."""

    name = "lexicon"
    arguments: type[BaseModel] | None = Term

    def __init__(self, **words: str) -> None:
        self.words, self.asked = words, list[str]()

    def plan(self, view: View) -> list[ToolCall]:
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        word = str(call.arguments["word"])
        self.asked.append(word)
        found = self.words.get(word)
        outcome = Outcome.passed if found else Outcome.inconclusive
        return evidence_for(call, view, outcome, found or f"{word} is not in the lexicon")


def wants(*words: str, ids: bool = True) -> Reply:
    uses = (ToolUse(id=f"use-{w}" if ids else "", name="lexicon", arguments={"word": w}) for w in words)
    return Reply(tool_uses=tuple(uses))


async def criticised(critic: ChatCritic, *tools: Tool, **more: Any) -> tuple[revet.Critique, list[Evidence]]:
    found: list[Evidence] = []
    known: dict[str, Tool] = {tool.name: tool for tool in tools}

    async def use(call: ToolCall) -> Evidence:
        found.append(await known[call.tool].run(call, now))
        return found[-1]

    now = view(draft=Draft(author="chat", answer="Titan circles Jupiter."), tools=known, use=use, **more)
    return await critic.criticise(now), found


async def test_what_it_looks_up_is_shown_fenced_and_can_be_cited() -> None:
    def answer(request: Request) -> Any:
        results = [m for m in request.messages if m.role == "tool"]
        if request.tools and not results:
            return wants("Titan")
        if request.tools:
            return "READY"
        shown = "\n".join(inside_fences(request.messages[-1].text))
        assert "the largest moon of Saturn" in shown
        cited = next(line for line in request.messages[-1].text.splitlines() if line.startswith("Evidence e-"))
        return said_critique("revise", said_finding("wrong planet", evidence=[cited.split()[1].rstrip(":")]))

    talker = Talker(by=answer)
    critique, found = await criticised(ChatCritic(talker.model), Lexicon(Titan="the largest moon of Saturn"))
    assert critique.verdict is Verdict.revise
    assert [f.evidence for f in critique.findings] == [(found[0].id,)]
    asked, answered, judged = talker.requests
    assert [spec.name for spec in asked.tools] == ["lexicon"]
    assert asked.tools[0].description == "Look a word up in the lexicon."
    assert asked.tools[0].arguments["properties"]["word"]["minLength"] == 1
    (result,) = [m for m in answered.messages if m.role == "tool"]
    assert result.tool_use == "use-Titan"
    assert "the largest moon of Saturn" in "\n".join(inside_fences(result.text))
    assert not judged.tools


async def test_no_tool_for_models_means_no_question_more() -> None:
    class Silent(Lexicon):
        name = "silent"
        arguments = None

    for tools, lookups in (((), 4), ((Silent(),), 4), ((Lexicon(),), 0)):
        talker = Talker(said_critique("accept"))
        critique, found = await criticised(ChatCritic(talker.model, lookups=lookups), *tools)
        assert critique.verdict is Verdict.accept
        assert len(talker.requests) == 1 and not found


@pytest.mark.parametrize("ids", [True, False])
async def test_calls_are_bounded_and_each_is_answered(ids: bool) -> None:
    talker = Talker(by=lambda request: wants("a", "b", "c", ids=ids) if request.tools else said_critique("accept"))
    lexicon = Lexicon(a="first")
    _, found = await criticised(ChatCritic(talker.model, lookups=4), lexicon)
    assert lexicon.asked == ["a", "b", "c", "a"]
    assert len(found) == 4
    assert len(talker.requests) == 3
    for request in talker.requests:
        named = [use.id for m in request.messages for use in m.tool_uses]
        assert named == [m.tool_use for m in request.messages if m.role == "tool"]
        assert all(named)


async def test_a_tool_that_is_not_there_is_named_and_counts() -> None:
    def answer(request: Request) -> Any:
        if not request.tools:
            return said_critique("accept")
        return Reply(tool_uses=(ToolUse(id="1", name="lexikon", arguments={}),))

    talker = Talker(by=answer)
    critique, found = await criticised(ChatCritic(talker.model, lookups=2), Lexicon())
    assert critique.verdict is Verdict.accept and not found
    assert "there is no tool 'lexikon'; the tools: lexicon" in talker.requests[1].messages[-1].text
    assert len(talker.requests) == 3


async def test_a_model_that_refuses_tools_judges_without_and_that_is_told() -> None:
    heard: list[Any] = []

    def answer(request: Request) -> Any:
        if request.tools:
            raise ModelFailed("this model does not support tools", status=400)
        return said_critique("accept")

    critique, _ = await criticised(ChatCritic(Talker(by=answer).model), Lexicon(), heard=heard)
    assert critique.verdict is Verdict.accept
    assert [(kind, data["role"]) for kind, data in heard] == [("tools-refused", "critic")]


async def test_a_failure_that_may_pass_is_not_taken_for_a_refusal() -> None:
    def answer(request: Request) -> Any:
        raise ModelFailed("connection reset", retryable=True)

    talker = Talker(by=answer)
    talker.model.retries = type(talker.model.retries)(attempts=1)
    with pytest.raises(ModelFailed, match="connection reset"):
        await criticised(ChatCritic(talker.model), Lexicon())


def test_names_are_made_fit_to_be_called() -> None:
    tools: dict[str, Tool] = {"files.read": Lexicon(), "files read": Lexicon(), "": Lexicon(), "ok-1": Lexicon()}
    assert {name: spec.name for name, spec in specs_of(tools).items()} == {"files.read": "files_read", "ok-1": "ok-1"}


async def test_in_the_loop_what_was_looked_up_is_kept_and_the_answer_is_mended(tmp_path: Path) -> None:
    """The first answer is sent back on what the critic found with the tool; the second stands."""

    def criticise(request: Request) -> Any:
        right = "Titan circles Saturn" in request.messages[1].text
        if request.tools:
            return "READY" if any(m.role == "tool" for m in request.messages) else wants("Titan")
        cited = next(line for line in request.messages[-1].text.splitlines() if line.startswith("Evidence e-"))
        finding = said_finding("wrong planet", evidence=[cited.split()[1].rstrip(":")])
        return said_critique("accept") if right else said_critique("revise", finding)

    said = iter(["Titan circles Jupiter", "Titan circles Saturn"])
    writer = Talker(by=lambda request: said_draft(answer=next(said)))
    lexicon = Lexicon(Titan="the largest moon of Saturn")
    agent = revet.Agent(
        writer.model,
        critic=Talker(by=criticise).model,
        tools=[lexicon],
        sandbox="local",
        store=tmp_path / "store",
    )
    run = await agent.arun(revet.Task(goal="What does Titan circle?"))
    assert run.outcome is RunOutcome.answered
    assert run.answer == "Titan circles Saturn"
    first = run.attempts[0]
    (found,) = [e for e in first.evidence if e.tool == "lexicon"]
    assert any(found.id in finding.evidence for critique in first.critiques for finding in critique.findings)
    assert lexicon.asked == ["Titan", "Titan"]
