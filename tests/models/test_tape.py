"""Recordings: what is written, what is played back, what is alike, and what is told of a miss or a bad file."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from revet.errors import DiskFull, InputError, ModelNotFound, ReplayMiss
from revet.models import Backend, Finish, Form, Image, LanguageModel, Message, Reply, Request, Tokens, ToolUse
from revet.models.account import Account
from revet.models.answers import schema_of
from revet.models.language import FormUnsupported
from revet.models.scripted import ScriptedModel
from revet.models.tape import Recorder, Replay


def request(text: str = "Hello.", *, role: str = "critic", **settings: object) -> Request:
    messages = (Message(role="system", text="Be short."), Message(role="user", text=text))
    return Request(role=role, messages=messages, **settings)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def record(path: Path, *exchanges: tuple[Request, str]) -> Replay:
    recorder = Recorder(path)
    for asked, text in exchanges:
        recorder.add(asked, Reply(text=text))
    return Replay(path)


async def said(replay: Replay, asked: Request) -> str:
    return (await replay.reply(asked)).text


# --- Writing and playing back ------------------------------------------------------------------------------


async def test_what_was_answered_is_answered_again(path: Path) -> None:
    whole = Reply(
        text="naïve 🙂\n\u2028",
        tool_uses=(ToolUse(id="1", name="search", arguments={"q": [1, None]}),),
        finish=Finish.tools,
        tokens=Tokens(input=10, output=5, cached=3),
        model="some-model",
        seconds=1.5,
        cost=0.25,
    )
    asked = request("Hi", temperature=0.5, max_tokens=9, stop=("x",), seed=3)
    Recorder(path).add(asked, whole, (Form.schema,))
    replay: Backend = Replay(path)
    assert isinstance(replay, Backend)
    assert replay.name == f"replay:{path}"
    assert await replay.reply(asked) == whole
    await replay.close()
    header, line = path.read_text(encoding="utf-8").splitlines()[:1][0], path.read_text(encoding="utf-8").split("\n")[1]
    assert json.loads(header) == {"revet_recording": 1}
    exchange = json.loads(line)
    assert exchange["digest"] == asked.digest
    assert exchange["role"] == "critic"
    assert exchange["request"]["messages"][1] == {"role": "user", "text": "Hi"}
    assert exchange["reply"]["tokens"] == {"input": 10, "output": 5, "cached": 3}
    assert exchange["at"].startswith("20")


async def test_an_existing_recording_is_continued(path: Path) -> None:
    record(path, (request("a"), "A"))
    replay = record(path, (request("b"), "B"))
    assert [await said(replay, request(text)) for text in "ab"] == ["A", "B"]
    assert path.read_text().count("revet_recording") == 1


async def test_the_same_request_gets_its_replies_in_order_and_then_from_the_first(path: Path) -> None:
    replay = record(path, (request(), "1"), (request(), "2"), (request("other"), "x"))
    assert [await said(replay, request()) for _ in range(5)] == ["1", "2", "1", "2", "1"]


async def test_requests_with_other_settings_are_others(path: Path) -> None:
    replay = record(path, (request(seed=1), "1"), (request(seed=2), "2"), (request(role="judge", seed=1), "3"))
    assert await said(replay, request(seed=2)) == "2"
    assert await said(replay, request(role="judge", seed=1)) == "3"
    with pytest.raises(ReplayMiss, match="they differ in seed: “1” there, “3” here"):
        await replay.reply(request(seed=3))


async def test_images_are_kept_as_digests(path: Path) -> None:
    def shown(data: str) -> Request:
        return Request(role="critic", messages=(Message(role="user", text="?", images=(Image(data=data),)),))

    replay = record(path, (shown("aGVsbG8="), "hello"), (shown("d29ybGQ="), "world"))
    assert "aGVsbG8=" not in path.read_text()
    assert await said(replay, shown("d29ybGQ=")) == "world"
    with pytest.raises(ReplayMiss, match="images"):
        await replay.reply(shown("eHg="))


def test_many_threads_and_processes_record_to_one_file(path: Path) -> None:
    program = (
        "import sys\nfrom revet.models.tape import Recorder\nfrom revet.models import Message, Reply, Request\n"
        "recorder = Recorder(sys.argv[1])\n"
        "for n in range(50):\n"
        "    asked = Request(role='critic', messages=(Message(role='user', text=sys.argv[2] * 20_000 + str(n)),))\n"
        "    recorder.add(asked, Reply(text=str(n)))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "ab"]
    recorder = Recorder(path)

    def add(name: str) -> None:
        for number in range(50):
            recorder.add(request(f"{name} {number}"), Reply(text="x" * 9_000))

    threads = [threading.Thread(target=add, args=(name,)) for name in "cd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert len(Replay(path).recorded) == 200


@pytest.fixture
def _small_files() -> Iterator[None]:
    """No file may grow beyond 2,000 bytes."""
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.usefixtures("_small_files")
def test_an_exchange_that_finds_no_room_leaves_no_half_of_it(path: Path) -> None:
    recorder = Recorder(path)
    recorder.add(request("a"), Reply(text="A"))
    with pytest.raises(DiskFull, match="no room"):
        recorder.add(request("b"), Reply(text="B" * 5_000))
    assert [one.exchange.reply.text for one in Replay(path).recorded] == ["A"]


def test_half_a_line_is_told_and_left_out_and_removed_when_it_goes_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(path, (request("a"), "A"), (request("b"), "B"))
    os.truncate(path, path.stat().st_size - 20)
    with caplog.at_level(logging.WARNING):
        assert len(Replay(path).recorded) == 1
    assert "left out a line that was half-written" in caplog.text
    with caplog.at_level(logging.WARNING):
        replay = record(path, (request("c"), "C"))
    assert "removed a line that was half-written" in caplog.text
    assert [one.exchange.reply.text for one in replay.recorded] == ["A", "C"]


def test_a_whole_last_line_needs_no_line_break(path: Path) -> None:
    record(path, (request("a"), "A"))
    path.write_text(path.read_text().rstrip("\n"))
    assert len(Replay(path).recorded) == 1


# --- Alike -------------------------------------------------------------------------------------------------

HERE = (
    "Evidence e-0a1b2c3d:\n⟦data 0123456789abcdef e-0a1b2c3d⟧\nFile /tmp/x1/shop/late_fee.py, line 3\n"
    "1 failed in 0.53s at 0x7f0011223344\n⟦end 0123456789abcdef⟧"
)
THERE = (
    "Evidence e-ffffffff:\n⟦data fedcba9876543210 e-ffffffff⟧\nFile /home/ada/work/shop/late_fee.py, line 3\n"
    "1 failed in 12.10s at 0x7fffffffffff\n⟦end fedcba9876543210⟧"
)


async def test_another_run_in_another_folder_gets_the_answer_in_its_own_names(path: Path) -> None:
    text = json.dumps({"evidence": ["e-0a1b2c3d"], "claim": "/tmp/x1/shop/late_fee.py is wrong", "other": "e-12345678"})
    recorder = Recorder(path)
    use = ToolUse(name="read", arguments={"paths": ["/tmp/x1/shop/late_fee.py"], "n": 1})
    recorder.add(request(HERE), Reply(text=text, tool_uses=(use,)))
    reply = await Replay(path).reply(request(THERE))
    assert json.loads(reply.text) == {
        "evidence": ["e-ffffffff"],
        "claim": "/home/ada/work/shop/late_fee.py is wrong",
        "other": "e-12345678",
    }
    assert reply.tool_uses[0].arguments == {"paths": ["/home/ada/work/shop/late_fee.py"], "n": 1}
    assert (await Replay(path).reply(request(HERE))).text == text


async def test_what_is_exactly_the_same_is_preferred(path: Path) -> None:
    replay = record(path, (request("it took 0.5 s"), "a"), (request("it took 0.7 s"), "b"))
    assert await said(replay, request("it took 0.7 s")) == "b"
    assert await said(replay, request("it took 0.6 s")) == "a"
    assert await said(replay, request("it took 0.6 s")) == "a"


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ("He runs for 5 s.", "He runs for 6 s."),
        ("cat /etc/passwd", "cat /etc/shadow"),
        ("cat /etc/ssh/config", "cat /etc/ssl/config"),
        ("/usr/lib/a", "/usr/bin/a"),
        ("see /tmp/a/x and /tmp/a/y", "see /tmp/b/x and /tmp/c/y"),
        ("e-11111111 and e-22222222", "e-33333333 and e-33333333"),
        ("0.5 s", "0.5 m"),
        ("http://a.org/x/y", "http://b.org/x/y"),
        ("deadbeefdeadbeef", "0123456789abcdef"),
    ],
)
async def test_what_is_not_alike(recorded: str, asked: str, path: Path) -> None:
    with pytest.raises(ReplayMiss):
        await record(path, (request(recorded), "x")).reply(request(asked))


# --- Forms -------------------------------------------------------------------------------------------------


class Said(BaseModel):
    verdict: str


class Other(BaseModel):
    name: str


async def test_forms_are_those_that_worked_when_it_was_recorded(path: Path) -> None:
    """A provider that takes one schema and rejects another, recorded and played back through the whole parsing."""

    async def answers(asked: Request) -> str:
        assert asked.answer is not None
        if asked.form is Form.schema and asked.answer["title"] == "Other":
            raise FormUnsupported("not this one")
        return '{"verdict": "revise"}' if asked.answer["title"] == "Said" else '{"name": "x"}'

    asked = request("?")
    forms = (Form.schema, Form.tool)
    live = LanguageModel(ScriptedModel(answers, forms=forms), recorder=Recorder(path))
    assert await live.parse(asked, Said, Account()) == Said(verdict="revise")
    assert await live.parse(asked, Other, Account()) == Other(name="x")
    assert [one.exchange.request.form for one in Replay(path).recorded] == [Form.schema, Form.tool]
    played = LanguageModel(Replay(path))
    assert await played.parse(asked, Other, Account()) == Other(name="x")
    assert await played.parse(asked, Said, Account()) == Said(verdict="revise")


async def test_an_answer_that_was_never_recorded_is_a_miss_in_any_form(path: Path) -> None:
    replay = record(path, (request(answer=schema_of(Said), form=Form.schema), "{}"))
    assert replay.forms == (Form.schema,)
    with pytest.raises(ReplayMiss):
        await replay.reply(request(answer=schema_of(Other), form=Form.schema))
    with pytest.raises(FormUnsupported):
        await replay.reply(request(answer=schema_of(Said), form=Form.tool))


def test_without_structured_answers_there_are_no_forms(path: Path) -> None:
    assert record(path, (request(), "x")).forms == ()


# --- Misses and bad files ----------------------------------------------------------------------------------


async def test_a_miss_names_the_nearest_and_where_they_differ(path: Path) -> None:
    near = "The task:\nadd a fee\n\nEvidence e-11111111\nit failed with 3\nand so on"
    replay = record(
        path,
        (request("something else", role="judge"), "x"),
        (request("quite another\nthing"), "x"),
        (request(near), "x"),
        (request(near, role="judge"), "x"),
    )
    with pytest.raises(ReplayMiss) as caught:
        await replay.reply(request(near.replace("with 3", "with 4").replace("e-1", "e-2")))
    told = str(caught.value)
    assert told.startswith(
        f"no answer was recorded to the critic's request that ends “and so on”\n  in the recording {path}"
    )
    assert "the nearest is in line 4 (of the critic)" in told
    assert "they first differ in message 2 (user), line 5:" in told
    assert "recorded: “it failed with 3”" in told
    assert "asked:    “it failed with 4”" in told
    with pytest.raises(ReplayMiss, match="no request of the proposer was recorded"):
        await replay.reply(request(role="proposer"))
    with pytest.raises(ReplayMiss, match="it has 2 messages, and this one 3"):
        asked = request(near)
        more = (*asked.messages, Message(role="user", text="And?"))
        await replay.reply(asked.model_copy(update={"messages": more}))
    with pytest.raises(ReplayMiss, match="line 7:\n    recorded: \\(nothing\\)"):
        await replay.reply(request(near + "\nmore"))
    with pytest.raises(ReplayMiss, match="names"):
        await record(path, (request("e-11111111 e-22222222"), "x")).reply(request("e-33333333 e-33333333"))


async def test_an_empty_recording_misses_everything(path: Path) -> None:
    with pytest.raises(ReplayMiss, match="no answers at all"):
        await record(path).reply(request())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "FILE:1: this is no recording"),
        ("tasks: []\n", "FILE:1: this is no recording"),
        ('{"id": 1}\n', "FILE:1: this is no recording"),
        ("[1]\n", "FILE:1: this is no recording"),
        ('{"revet_recording": 2}\n', "FILE:1: the recording is of version 2, and this Revet reads version 1"),
        ('{"revet_recording": 1}\n{"digest": \n', "FILE:2: not valid JSON"),
        ('{"revet_recording": 1}\n\n[]\n', "FILE:3: the line: Input should be"),
        ('{"revet_recording": 1}\n{"digest": "x", "role": "critic"}\n', "FILE:2: request: Field required"),
        ('{"revet_recording": 1}\n\xff\n', "FILE:2: not valid JSON"),
    ],
)
def test_a_bad_recording_is_told_with_its_line(text: str, told: str, path: Path) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        Replay(path)
    assert told.replace("FILE", str(path)) in str(caught.value)


def test_a_file_that_is_no_recording_is_not_recorded_to(path: Path, tmp_path: Path) -> None:
    path.write_text("tasks: []\n")
    with pytest.raises(InputError, match="no recording"):
        Recorder(path)
    assert path.read_text() == "tasks: []\n"
    with pytest.raises(InputError, match="no folder"):
        Recorder(tmp_path / "none" / "x.jsonl")
    with pytest.raises(InputError, match="is a folder"):
        Recorder(tmp_path)


def test_a_recording_that_is_not_there(path: Path) -> None:
    with pytest.raises(ModelNotFound, match="does not exist"):
        Replay(path)
    with pytest.raises(ModelNotFound, match="is a folder"):
        Replay(path.parent)


def test_it_plays_back_in_one_event_loop_after_another(path: Path) -> None:
    replay = record(path, (request(), "x"))
    assert [asyncio.run(said(replay, request())) for _ in range(2)] == ["x", "x"]


@pytest.mark.parametrize("place", ["file/tape.jsonl", "x" * 300, "."])
def test_a_place_where_nothing_can_be_recorded_is_bad_input(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        Recorder(tmp_path / place)
