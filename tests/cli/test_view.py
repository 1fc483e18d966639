"""`revet view` as a process: what it says, how it ends, and answers that are carried out by the real agent."""

from __future__ import annotations

import asyncio
import http.client
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet import Agent, Policy, Task
from revet.agents import Scripted
from revet.batch.agents import SharedAgents
from revet.cli.view import Answering
from revet.errors import InputError
from revet.report.view import Refused
from revet.schema import Draft, Run, RunOutcome, Setup, WriteFile
from revet.store import Store
from revet.taskfile import load
from tests.cli.test_process import command, environment
from tests.cli.test_waiting import customers, shop
from tests.cli.test_waiting_roles import write
from tests.report.samples import asked, committed

__all__ = ["shop"]

Revet = Callable[..., Result]


@contextmanager
def viewing(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it printed."""
    process = subprocess.Popen(
        command("view", "--port", "0", *words, scripted=False),
        env=environment(PYTHONUNBUFFERED="1"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
        assert found is not None, line + process.stdout.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_it_listens_on_loopback_alone_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    Store(tmp_path / ".revet").save(committed())
    with viewing(tmp_path) as (process, url):
        port = int(url.split(":")[2].partition("/")[0])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as opened:
            opened.request("GET", "/?" + url.partition("?")[2])
            told = opened.getresponse()
            assert told.status == 200 and "server" not in {name.lower() for name in told.headers}
            told.read()
        addresses = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
        assert f"0100007F:{port:04X}" in addresses and f"00000000:{port:04X}" not in addresses
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0 and said.endswith("Stopped.\n") and "Traceback" not in said


def test_what_stands_in_its_way(tmp_path: Path, revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = revet("view", "--out", "none")
    assert told.exit_code == 2 and "there are no runs in none yet" in told.stderr and "revet fix PATH" in told.stderr
    assert not (tmp_path / "none").exists()
    Store(tmp_path / ".revet").save(committed())
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = revet("view", "--port", port)
        assert told.exit_code == 2 and f"--port: {port} is in use" in told.stderr and "--port 0" in told.stderr
    assert revet("view", "--port", 70000).exit_code == 2


# --- answers -------------------------------------------------------------------------------------------------


def waiting(folder: Path, **settings: Any) -> tuple[Store, Run]:
    """A run of the shop that waits, as the command line begins it."""
    entries = load(folder / "tasks.json", settings)
    store = Store(folder / ".revet")

    async def begin() -> None:
        agents = SharedAgents()
        agent: Any = agents(entries[0].settings, store)
        async for _ in agent.astream(entries[0].task):
            pass
        await agents.close()

    with ThreadPoolExecutor(1) as apart:  # for this thread may be the one that a browser is driven from
        apart.submit(asyncio.run, begin()).result()
    run = store.get(store.rows()[0].id)
    assert run.outcome is RunOutcome.asked and run.setup is not None and run.setup.settings is not None
    return store, run


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("reply", "left", "outcome"),
    [
        ({"type": "approve"}, ["Ada", "Caro"], RunOutcome.committed),
        ({"type": "reject", "reason": "keep him"}, ["Ada", "Bo", "Caro"], RunOutcome.rejected),
        ("edit", ["Bo", "Caro"], RunOutcome.committed),
        ({"type": "respond", "message": "Caro is meant"}, ["Ada", "Bo", "Caro"], RunOutcome.asked),
        ({"type": "expire"}, ["Ada", "Bo", "Caro"], RunOutcome.abstained),
    ],
)
def test_the_agent_is_made_again_and_goes_on(
    shop: Path, monkeypatch: pytest.MonkeyPatch, reply: Any, left: list[str], outcome: RunOutcome
) -> None:
    store, run = waiting(shop, database=f"sqlite:///{shop}/shop/shop.db", unproven="allowed")
    monkeypatch.chdir(shop.parent)
    answering = Answering(store)
    assert answering.refusal(run) is None and answering.seconds_left(run) is None
    if reply == "edit":
        text = answering.written(run)
        assert "DELETE FROM customer WHERE id = 2" in text
        reply = {"type": "edit", "actions": answering.read(text.replace("id = 2", "id = 1"))}
    asyncio.run(answering.answer(run, reply))
    ended = store.get(run.id)
    assert (ended.outcome, customers(shop)) == (outcome, left)
    if outcome is RunOutcome.asked:
        assert len(ended.attempts) == 2 and ended.attempts[0].critiques[0].findings[0].claim == "Caro is meant"
        asyncio.run(answering.answer(ended, {"type": "approve"}))
        assert customers(shop) == ["Ada", "Bo"]
    with pytest.raises(InputError, match="does not wait for an answer"):
        asyncio.run(answering.answer(run, True))


@pytest.mark.sandbox
def test_an_answer_to_what_was_seen_before_is_not_taken(shop: Path) -> None:
    """Two processes answer: the second one's answer is to a question that is over."""
    store, run = waiting(shop, database=f"sqlite:///{shop}/shop/shop.db", unproven="allowed")
    with store.alone(run.id), pytest.raises(Exception, match="another process is at work"):
        asyncio.run(Answering(store).answer(run, True))
    assert customers(shop) == ["Ada", "Bo", "Caro"] and store.get(run.id) == run


def test_what_cannot_be_answered_from_here_says_where(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    draft = Draft(author="me", actions=(WriteFile(path="a.txt", content="a\n"),))
    agent = Agent(
        Scripted([draft]),
        tools=[],
        sandbox=None,
        policy=Policy(ask_seconds=60),
        store=tmp_path / ".revet",
    )
    run = agent.run(Task(goal="?", workspace=str(tmp_path / "work")))
    answering = Answering(agent.store)
    assert "Python program" in str(answering.refusal(run)) and f"agent.resume('{run.id}', answer)" in str(
        answering.refusal(run)
    )
    left = answering.seconds_left(run)
    assert left is not None and 0 < left <= 60
    assert "did not keep how runs are set up" in str(answering.refusal(asked()))
    secret = asked().model_copy(update={"setup": Setup(settings={"database": "postgresql://me:***@host/db"})})
    assert "not kept" in str(answering.refusal(secret))
    wrong = asked().model_copy(update={"setup": Setup(settings={"recipe": "gone"})})
    assert "there is no recipe 'gone'" in str(answering.refusal(wrong))
    assert answering.refusal(asked().model_copy(update={"setup": Setup(settings={"rounds": 2})})) is None


def test_drafts_and_words_are_read_as_in_a_terminal(tmp_path: Path) -> None:
    answering = Answering(Store(tmp_path))
    assert answering.read('[{"kind": "delete_file", "path": "a"}]') == [{"kind": "delete_file", "path": "a"}]
    assert answering.read("# nothing") == []
    with pytest.raises(Refused, match=r"draft\.yaml:2: \[0\]\.path: is missing"):
        answering.read("# one\n- kind: delete_file\n")
    for seat, text, reply in (
        ("critic", "{points: [late], pick: 1}", {"points": ["late"], "pick": 1}),
        ("critic", "{answer: 1}", "{answer: 1}"),
        ("writer", "{answer: x}", {"answer": "x"}),
        ("judge", "2", "2"),
    ):
        assert answering.role_reply(text, asked().model_copy(update={"question": {"seat": seat}})) == reply


@pytest.mark.sandbox
def test_a_role_is_answered_as_often_as_it_asks(tmp_path: Path) -> None:
    """A method that gives a person a role asks them in the middle of a run, and again after an answer that is none."""
    write(tmp_path, "leader")
    store, run = waiting(tmp_path)
    assert run.question["seat"] == "leader"
    answering = Answering(store)
    asyncio.run(answering.answer(run, answering.role_reply("seven", run)))
    run = store.get(run.id)
    assert run.outcome is RunOutcome.asked and "a number from 1 to 2" in str(run.question["problem"])
    asyncio.run(answering.answer(run, answering.role_reply("2", run)))
    run = store.get(run.id)
    assert (run.outcome, run.answer, run.question) == (RunOutcome.answered, "a salty line", {})
