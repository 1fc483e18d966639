"""The spans of a run: the whole tree of it, what is said of each span, and how each ends, whatever ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from revet import traces
from revet.agents import Scripted
from revet.errors import ModelFailed
from revet.graphs import Agent
from revet.graphs.state import initial_state
from revet.graphs.tracing import called
from revet.models import Reply, Request
from revet.models.tracing import asked, told
from revet.models.wire import Finish, Image, Message, Tokens, ToolUse
from revet.policy import Policy
from revet.schema import Draft, Evidence, Outcome, RunOutcome, Task
from revet.tools import ToolCall, View
from revet.traces.spans import CAPTURE, LONGEST
from tests.graphs.speaking import RIGHT, Checker, Teller, agent, draft, story, task_in
from tests.traced import Spans, recorded, unconfigured

TREE = """
invoke_agent revet
  prepare
    execute_tool checker
    invoke_agent evidence
    invoke_agent ann
    invoke_agent bob
  propose
    invoke_agent writer
      chat teller
      execute_tool library
      chat teller
  stage
  examine
    execute_tool checker
  criticise
    invoke_agent evidence
    invoke_agent ann
      chat teller
    invoke_agent bob
      chat teller
  gate
  revise
    invoke_agent writer
      chat teller
  stage
  examine
    execute_tool checker
  criticise
    invoke_agent evidence
    invoke_agent ann
      chat teller
    invoke_agent bob
      chat teller
  gate
  commit
  finish
"""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    monkeypatch.delenv(CAPTURE, raising=False)
    with recorded(monkeypatch) as found:
        yield found


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return task_in(tmp_path / "work")


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def quiet(store: Path, *drafts: Draft, **more: Any) -> Agent:
    given: dict[str, Any] = {"critics": [], "tools": [Checker()], "sandbox": None, "store": store}
    return Agent(Scripted(list(drafts)), **{**given, **more})


async def test_the_whole_tree_of_a_run(spans: Spans, task: Task, tmp_path: Path) -> None:
    run = await agent(Teller(story), tmp_path / "store").arun(task)
    assert run.outcome is RunOutcome.committed and run.receipt is not None
    assert spans.tree() == TREE.strip("\n").splitlines()
    assert spans.failed == {}
    whole = about(spans.one("invoke_agent revet"))
    assert whole["gen_ai.operation.name"] == "invoke_agent" and whole["gen_ai.conversation.id"] == run.id
    assert whole["revet.outcome"] == "committed" and whole["revet.receipt"] == run.receipt.id
    assert whole["gen_ai.usage.input_tokens"] + whole["gen_ai.usage.output_tokens"] == run.usage.tokens
    first, second = (about(each) for each in spans.named("gate"))
    assert (first["revet.decision"], second["revet.decision"]) == ("revise", "commit")
    assert (first["revet.round"], second["revet.round"]) == (0, 1)
    assert about(spans.one("commit"))["revet.fingerprint"] == run.receipt.fingerprint
    said = {about(each)["revet.verdict"] for each in spans.named("invoke_agent ann")}
    assert said == {"abstain", "revise", "accept"}
    chat = about(spans.named("chat teller")[0])
    assert chat["gen_ai.operation.name"] == "chat" and chat["gen_ai.request.model"] == "teller"
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (10, 2)
    assert chat["gen_ai.response.finish_reasons"] == ("stop",) and chat["revet.role"] == "proposer"
    tool = about(spans.named("execute_tool checker")[0])
    assert tool["gen_ai.tool.name"] == "checker" and tool["revet.outcome"] == "failed"


async def test_undo_has_a_span_of_the_same_run(spans: Spans, task: Task, tmp_path: Path) -> None:
    run = await quiet(tmp_path / "store", draft(RIGHT)).arun(task)
    run.undo()
    undo = about(spans.one("undo"))
    assert run.receipt is not None
    assert (undo["revet.run"], undo["revet.receipt"]) == (run.id, run.receipt.id)


async def test_content_is_left_out_unless_it_is_asked_for(
    spans: Spans, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agent(Teller(story), tmp_path / "store").arun(task)
    for content in ("where to look", "answer = 41", "the answer", "says that it is wrong", str(tmp_path)):
        assert content not in spans.text()
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")
    await agent(Teller(story), tmp_path / "other").arun(task_in(tmp_path / "more"))
    chats = [about(each) for each in spans.named("chat teller") if "gen_ai.input.messages" in about(each)]
    (asking,) = json.loads(chats[0]["gen_ai.input.messages"])
    assert asking == {"role": "user", "parts": [{"type": "text", "content": "where to look for the answer"}]}
    (saying,) = json.loads(chats[0]["gen_ai.output.messages"])
    assert saying["finish_reason"] == "stop" and saying["parts"][0]["content"] == "the shelf"
    assert "the answer" in about(spans.named("invoke_agent revet")[1])["gen_ai.input.messages"]
    assert any("gen_ai.tool.call.arguments" in about(each) for each in spans.named("execute_tool library"))
    assert any("revet.reasons" in about(each) for each in spans.named("gate"))


async def test_concurrent_runs_do_not_mix(spans: Spans, tmp_path: Path) -> None:
    writer = agent(Teller(story), tmp_path / "store")
    runs = await asyncio.gather(*(writer.arun(task_in(tmp_path / f"work{n}")) for n in range(4)))
    whole = {about(each)["revet.run"]: each for each in spans.named("invoke_agent revet")}
    assert set(whole) == {run.id for run in runs}
    assert len({each.context.trace_id for each in whole.values() if each.context}) == 4
    for gate in spans.named("gate"):
        assert spans.parent_of(gate) is whole[str(about(gate)["revet.run"])]
    assert len(spans.all) == 4 * len(TREE.split("\n")[1:-1])


async def test_a_run_is_a_child_of_what_runs_it_and_not_of_its_reader(spans: Spans, tmp_path: Path) -> None:
    """Between two events the reader is in its own span, not in the run's."""
    with traces.span("mine") as mine:
        async for _ in quiet(tmp_path / "store", draft(RIGHT)).astream(task_in(tmp_path / "work")):
            assert trace.get_current_span() is mine
            with traces.span("reading"):
                pass
    assert all(spans.parent_of(each) is spans.one("mine") for each in spans.named("reading"))
    assert spans.parent_of(spans.one("invoke_agent revet")) is spans.one("mine")


def test_run_from_synchronous_code_and_from_a_thread_beside_a_loop(spans: Spans, tmp_path: Path) -> None:
    with traces.span("mine"):
        quiet(tmp_path / "store", draft(RIGHT)).run(task_in(tmp_path / "work"))

    async def inside_a_loop() -> None:
        with traces.span("notebook"):
            quiet(tmp_path / "store", draft(RIGHT)).run(task_in(tmp_path / "other"))

    asyncio.run(inside_a_loop())
    parents = [spans.parent_of(each) for each in spans.named("invoke_agent revet")]
    assert [each.name for each in parents if each] == ["mine", "notebook"]


class Broken(Checker):
    name = "broken"

    async def run(self, call: ToolCall, view: View) -> Evidence:
        raise ZeroDivisionError("of /home/me/secret.txt")


async def test_a_tool_that_raises_ends_its_span_in_an_error(spans: Spans, task: Task, tmp_path: Path) -> None:
    run = await quiet(tmp_path / "store", draft(RIGHT), tools=[Broken()], policy=Policy(rounds=1)).arun(task)
    assert run.outcome is RunOutcome.abstained
    assert spans.failed == {"execute_tool broken": "ZeroDivisionError"}
    assert "secret.txt" not in spans.text()
    assert about(spans.one("invoke_agent revet"))["revet.outcome"] == "abstained"


async def test_a_model_that_fails_ends_its_span_and_those_around_it(spans: Spans, task: Task, tmp_path: Path) -> None:
    def fails(request: Request) -> str:
        raise ModelFailed("401 for key sk-12345")

    with pytest.raises(ModelFailed):
        await agent(Teller(fails), tmp_path / "store").arun(task)
    assert spans.failed == dict.fromkeys(
        ("chat teller", "invoke_agent writer", "propose", "invoke_agent revet"), "ModelFailed"
    )
    assert "sk-12345" not in spans.text()


async def test_a_run_that_waits_and_goes_on_makes_two_linked_traces(spans: Spans, task: Task, tmp_path: Path) -> None:
    asking = quiet(tmp_path / "store", draft(RIGHT), policy=Policy(approve="ask"))
    run = await asking.arun(task)
    assert run.outcome is RunOutcome.asked
    assert about(spans.one("ask"))["revet.waits"] is True and spans.failed == {}
    async for _ in asking.aresume(run.id, True):
        pass
    before, after = spans.named("invoke_agent revet")
    assert before.context and after.context and before.context.trace_id != after.context.trace_id
    (link,) = after.links
    assert (link.context.trace_id, link.context.span_id) == (before.context.trace_id, before.context.span_id)
    assert about(before)["revet.outcome"] == "asked" and about(after)["revet.outcome"] == "committed"
    assert about(before)["gen_ai.conversation.id"] == about(after)["gen_ai.conversation.id"]
    assert spans.failed == {}


async def test_a_run_of_a_checkpoint_without_a_trace_goes_on(
    spans: Spans, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As versions wrote it that made no spans."""
    older = initial_state

    def without(*about: Any) -> Any:
        return {name: value for name, value in older(*about).items() if name != "trace"}

    monkeypatch.setattr("revet.graphs.agent.initial_state", without)
    asking = quiet(tmp_path / "store", draft(RIGHT), policy=Policy(approve="ask"))
    run = await asking.arun(task)
    async for _ in asking.aresume(run.id, True):
        pass
    after = spans.named("invoke_agent revet")[-1]
    assert about(after)["revet.outcome"] == "committed" and not after.links


class Told(Checker):
    name = "told"

    async def run(self, call: ToolCall, view: View) -> Evidence:
        return (await super().run(call, view)).model_copy(
            update={"outcome": Outcome.error, "data": {"error": "no login with the key sk-12345"}}
        )


async def test_what_a_tool_says_of_its_error_is_content(spans: Spans, task: Task, tmp_path: Path) -> None:
    await quiet(tmp_path / "store", draft(RIGHT), tools=[Told()], policy=Policy(rounds=1)).arun(task)
    assert spans.failed == {"execute_tool told": "error"}
    assert "sk-12345" not in spans.text()


async def test_a_check_is_what_a_tool_is_told(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ToolCall(tool="shell", request="KEY=sk-12345 make check", check="KEY=sk-12345 make check", required=True)

    async def runs() -> Evidence:
        return Evidence(tool=call.tool, request=call.request, outcome=Outcome.passed, observation="ok")

    await called(call, runs())
    assert "sk-12345" not in spans.text()
    monkeypatch.setenv(CAPTURE, "true")
    await called(call, runs())
    assert about(spans.all[-1])["revet.check"] == "KEY=sk-12345 make check"


async def test_every_operation_says_of_which_run_it_is(spans: Spans, task: Task, tmp_path: Path) -> None:
    run = await agent(Teller(story), tmp_path / "store").arun(task)
    operations = [about(each) for each in spans.all if "gen_ai.operation.name" in about(each)]
    assert {each["gen_ai.operation.name"] for each in operations} == {"invoke_agent", "chat", "execute_tool"}
    assert {each.get("gen_ai.conversation.id") for each in operations} == {run.id}


class Slow(Checker):
    name = "slow"

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def run(self, call: ToolCall, view: View) -> Evidence:
        self.begun.set()
        await asyncio.sleep(60)
        raise AssertionError


async def test_a_cancelled_run_ends_all_its_spans(spans: Spans, task: Task, tmp_path: Path) -> None:
    slow = Slow()
    running = asyncio.ensure_future(quiet(tmp_path / "store", draft(RIGHT), tools=[slow]).arun(task))
    await slow.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert set(spans.failed) == {"execute_tool slow", "prepare", "invoke_agent revet"}
    assert set(spans.failed.values()) == {"CancelledError"}


async def test_a_stream_that_is_left_ends_its_span(spans: Spans, task: Task, tmp_path: Path) -> None:
    stream = quiet(tmp_path / "store", draft(RIGHT)).astream(task)
    async for event in stream:
        if event.type == "staged":
            break
    await stream.aclose()
    assert spans.failed["invoke_agent revet"] == "GeneratorExit"


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("openai:gpt-5-mini", "openai", "gpt-5-mini"),
        ("bedrock_converse:a.b:1", "aws.bedrock", "a.b:1"),
        ("google_genai:gemini", "gcp.gemini", "gemini"),
        ("replay:/home/me/private/tape.jsonl", "replay", "tape.jsonl"),
        ("transformers:Qwen/Qwen3", "transformers", "Qwen3"),
        ("mine", "revet", "mine"),
    ],
)
def test_models_are_named_as_the_conventions_name_them(spans: Spans, name: str, provider: str, model: str) -> None:
    with asked(name, Request(role="critic", messages=(), temperature=0.5, stop=("###",), answer={"title": "x"})):
        pass
    known = about(spans.one(f"chat {model}"))
    assert (known["gen_ai.provider.name"], known["gen_ai.request.model"]) == (provider, model)
    assert known["gen_ai.request.temperature"] == 0.5 and known["gen_ai.request.stop_sequences"] == ("###",)
    assert known["gen_ai.output.type"] == "json"


@pytest.mark.parametrize("model", ["llama3.1:8b", "ft:gpt-5-mini:mine::abc", "Qwen/Qwen3"])
def test_the_model_that_answered_is_named_as_its_provider_names_it(spans: Spans, model: str) -> None:
    with asked("ollama:llama3.1:8b", Request(role="critic", messages=())) as opened:
        told(opened, Reply(text="ok", model=model))
    known = about(spans.one("chat llama3.1:8b"))
    assert known["gen_ai.response.model"] == model and "gen_ai.output.type" not in known


def test_arguments_stay_json_when_they_are_cut_and_cleaned() -> None:
    value = {"password": "hunter2", "deep": [{"api_token": 7, "query": "token=abc' x", "n": 1.5}], "long": "x" * 30_000}
    kept = json.loads(json.dumps(traces.cleaned(value)))
    assert kept["password"] == "***" and kept["deep"][0]["api_token"] == "***" and kept["deep"][0]["n"] == 1.5
    assert "abc" not in kept["deep"][0]["query"] and len(kept["long"]) < LONGEST + 50


def test_messages_of_every_kind_are_captured_without_passwords(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPTURE, "true")
    use = ToolUse(id="u1", name="look", arguments={"at": "postgres://me:hunter2@db/x"})
    messages = (
        Message(role="system", text="be brief, password=hunter2"),
        Message(role="user", text="x" * (LONGEST + 7), images=(Image(data="AAAA"),)),
        Message(role="assistant", tool_uses=(use,)),
        Message(role="tool", text="seen", tool_use="u1"),
    )
    with asked("openai:m", Request(role="critic", messages=messages)) as opened:
        told(opened, Reply(text="ok", finish=Finish.length, tokens=Tokens(input=3, cached=2), model="m-1"))
    known = about(spans.one("chat m"))
    said = json.loads(known["gen_ai.input.messages"])
    assert [each["role"] for each in said] == ["user", "assistant", "tool"]
    assert said[0]["parts"][0]["content"].endswith("… (7 characters left out)")
    assert said[1]["parts"][0]["arguments"] == {"at": "postgres://me@db/x"}
    assert said[1]["parts"][0]["name"] == "look" and said[2]["parts"][0]["id"] == "u1"
    assert "be brief" in known["gen_ai.system_instructions"]
    assert "hunter2" not in spans.text() and "AAAA" not in spans.text()
    assert known["gen_ai.usage.cache_read.input_tokens"] == 2 and known["gen_ai.response.model"] == "m-1"


@pytest.mark.parametrize("value", ["", "false", "NO_CONTENT", "EVENT_ONLY", "1"])
def test_only_the_values_of_the_conventions_turn_content_on(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPTURE, value)
    assert not traces.captures()


@settings(deadline=None)
@given(st.text(), st.text(max_size=80))
def test_any_text_can_be_said_of_a_span_and_linked_to(text: str, traceparent: str) -> None:
    with pytest.MonkeyPatch.context() as patch, recorded(patch) as found:
        with traces.span(text or "x", {"revet.text": text + "\ud800", "revet.none": None}) as opened:
            traces.note(opened, {"revet.more": (text, "\udfff")})
            traces.link(opened, traceparent)
        (span,) = found.all
        assert json.loads(span.to_json()) and not span.links and "revet.none" not in about(span)


def test_without_a_provider_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    unconfigured(monkeypatch)
    assert traces.parent() is None and traces.whole() is None
    with traces.span("x") as opened:
        assert not opened.is_recording() and traces.parent() is None
