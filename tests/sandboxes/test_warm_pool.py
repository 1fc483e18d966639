"""The pool of warm interpreters: turns, replacement, cancellation, and that nothing is left, whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from revet.errors import SandboxBroken, SandboxUnavailable
from revet.sandboxes import ExecVerdict, Limits, Local
from revet.sandboxes.local import LocalSession
from revet.sandboxes.local.warm import WarmPool
from tests.sandboxes.inside import children, descriptors

pytestmark = pytest.mark.sandbox

LIMITS = Limits(wall_seconds=30)
GENEROUS = 30.0


@pytest.fixture
async def session() -> AsyncIterator[LocalSession]:
    async with await Local(workers=2).open(limits=LIMITS) as opened:
        yield opened


def below(pid: int) -> Iterator[int]:
    """A process's descendants, those that end meanwhile left out."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in found:
        yield int(child)
        yield from below(int(child))


def living(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.append(pid)
    return found


async def gone(pids: list[int]) -> bool:
    until = time.monotonic() + GENEROUS
    while living(pids) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return not living(pids)


def server_of() -> int:
    """The first fork server, as the host sees it: below the process that bwrap started."""
    found = []
    for pid in below(os.getpid()):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2:3] == [b"/revet/start.py"]:
                found.append(pid)
        except OSError:
            continue
    return found[1]


async def test_interpreters_are_started_when_needed_and_shared(session: LocalSession) -> None:
    assert session._pool.workers == 0
    for number in range(5):
        assert (await session.run_python("result = data", number)).value == number
    assert session._pool.workers == 1
    begun = time.monotonic()
    ends = await asyncio.gather(
        *(session.run_python("import time; time.sleep(0.2); result = data", n) for n in range(6))
    )
    assert [ended.value for ended in ends] == list(range(6))
    assert session._pool.workers == 2
    assert time.monotonic() - begun >= 0.6


async def test_turns_are_taken_in_order(session: LocalSession) -> None:
    done: list[int] = []

    async def run(number: int) -> None:
        await session.run_python("import time; time.sleep(0.05)")
        done.append(number)

    await asyncio.gather(*(run(number) for number in range(12)))
    assert all(abs(place - number) <= 1 for place, number in enumerate(done))


async def test_a_dead_server_is_a_crash_and_is_replaced(session: LocalSession) -> None:
    await session.run_python("pass")
    running = asyncio.ensure_future(session.run_python("print('on', flush=True)\nimport time; time.sleep(60)"))
    await asyncio.sleep(0.3)
    os.kill(server_of(), signal.SIGKILL)
    ended = await running
    assert (ended.verdict, ended.stdout, ended.exit_code) == (ExecVerdict.crash, b"on\n", None)
    assert (await session.run_python("result = 1")).value == 1
    os.kill(server_of(), signal.SIGKILL)  # while it is idle
    for _ in range(3):
        assert (await session.run_python("result = 1")).verdict in (ExecVerdict.ok, ExecVerdict.crash)
    assert (await session.run_python("result = 1")).value == 1


async def test_waiting_forks_that_die_are_replaced(session: LocalSession) -> None:
    await session.run_python("pass")
    for _ in range(3):
        for fork in below(server_of()):
            with suppress(ProcessLookupError):  # it died with its namespace
                os.kill(fork, signal.SIGKILL)
        await asyncio.sleep(0.3)
        assert (await session.run_python("result = 1")).value == 1


async def test_interpreters_are_replaced_after_so_many_runs(session: LocalSession) -> None:
    pool = WarmPool(session._site(borrowed=False), workers=1, runs=5)
    session._pool = pool
    seen = set()
    for number in range(17):
        assert (await session.run_python("result = data", number)).value == number
        seen.add(server_of())
    assert len(seen) == 4


async def test_cancelling_kills_the_code_and_keeps_the_interpreter(session: LocalSession) -> None:
    session._pool._size = 1
    await session.run_python("pass")
    server = server_of()
    for delay in (0.0, 0.001, 0.05, 0.2):
        before = set(below(server))
        running = asyncio.ensure_future(session.run_python("import os\nos.fork()\nwhile True: pass"))
        await asyncio.sleep(delay)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        started = [pid for pid in below(server) if pid not in before]
        assert (await session.run_python("result = 1")).value == 1
        if delay:
            assert await gone([pid for pid in started if pid not in set(below(server))])
    assert server_of() == server and session._pool.workers == 1


async def test_cancelling_who_waits_gives_the_turn_to_the_next() -> None:
    async with await Local(workers=1).open(limits=LIMITS) as session:
        await session.run_python("pass")
        first = asyncio.ensure_future(session.run_python("import time; time.sleep(0.5)"))
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(session.run_python("result = data", n)) for n in range(4)]
        await asyncio.sleep(0.1)
        waiting[0].cancel()
        waiting[2].cancel()
        await first
        assert [(await waiting[n]).value for n in (1, 3)] == [1, 3]


async def test_closing_ends_what_runs_and_what_waits() -> None:
    before = set(below(os.getpid()))  # a server of other tests, say
    session = await Local(workers=1).open(limits=LIMITS)
    await session.run_python("pass")
    running = [asyncio.ensure_future(session.run_python("while True: pass")) for _ in range(3)]
    await asyncio.sleep(0.2)
    started = [each for each in below(os.getpid()) if each not in before]
    assert started
    await session.close()
    for ended in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(ended, SandboxBroken)
    assert await gone(started)
    await session.close()
    with pytest.raises(SandboxBroken, match="closed"):
        await session.run_python("pass")


async def test_nothing_is_left_and_nothing_grows() -> None:
    before = children(), descriptors()
    async with await Local(workers=2).open(limits=LIMITS) as session:
        await asyncio.gather(*(session.run_python("import time; time.sleep(0.2)") for _ in range(4)))
        await asyncio.sleep(0.3)
        held = children(), descriptors()
        server = server_of()
        inside = len(list(Path(f"/proc/{server}/fd").iterdir())), len(list(below(server)))
        for code in ("print(1)", "1/0", "import os; os._exit(3)", "import os; os.close(1); os.fork()") * 10:
            await session.run_python(code)
        await session.run_python("while True: pass", limits=Limits(wall_seconds=0.1))
        await asyncio.sleep(0.2)
        assert (children(), descriptors()) == held
        assert (len(list(Path(f"/proc/{server}/fd").iterdir())), len(list(below(server)))) == inside
    assert (children(), descriptors()) == before


def test_a_loop_that_ends_without_closing_leaves_nothing() -> None:
    program = "import asyncio, sys\nsys.path.insert(0, sys.argv[1])\n"
    program += "from tests.sandboxes.test_warm_pool import forgotten\nforgotten()"
    before = children()
    ended = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parents[2])], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    pids = [int(word) for word in ended.stdout.split()]
    assert pids and asyncio.run(gone(pids)) and children() == before


def forgotten() -> None:
    """Leave a session open, and its loop too; say which processes there are."""
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(Local(workers=2).open(limits=LIMITS))
    tasks = [loop.create_task(session.run_python("while True: pass")) for _ in range(2)]
    loop.run_until_complete(asyncio.sleep(1.0))
    assert not any(task.done() for task in tasks)
    print(*below(os.getpid()))
    loop.close()


SPINS = """
import asyncio
from revet.sandboxes import Limits, Local

async def main():
    session = await Local(workers=1).open(limits=Limits(wall_seconds=99))
    await session.run_python("pass")
    spinning = asyncio.ensure_future(session.run_python("import os\\nos.fork()\\nwhile True: pass"))
    await asyncio.sleep(0.5)
    print("spins", flush=True)
    await spinning

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_killed_host_leaves_no_process(number: signal.Signals) -> None:
    host = subprocess.Popen([sys.executable, "-c", SPINS], stdout=subprocess.PIPE)
    try:
        assert host.stdout is not None and host.stdout.readline() == b"spins\n"
        started = list(below(host.pid))
        assert len(living(started)) >= 6
        host.send_signal(number)
        assert await gone(started)
    finally:
        host.kill()
        host.wait()
        if host.stdout is not None:
            host.stdout.close()


async def test_an_interpreter_of_the_workspace_is_not_kept_warm(tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    workspace.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", workspace / ".venv"], check=True)
    own = workspace / ".venv" / "bin" / "python"
    async with await Local().open(workspace, python=own, limits=LIMITS) as session:
        ended = await session.run_python("import sys; result = sys.prefix")
        assert ended.value == str(workspace / ".venv") and session._pool.workers == 0
    async with await Local(require=["warm_python"]).open(workspace, python=own) as session:
        with pytest.raises(SandboxUnavailable, match="interpreter"):
            await session.run_python("pass")
