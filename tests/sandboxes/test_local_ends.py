"""The local sandbox: limits, verdicts, the report channel, and that nothing is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from revet.errors import SandboxBroken
from revet.sandboxes import ExecVerdict, Limits, Local
from revet.sandboxes.local import LocalSession, features
from revet.sandboxes.local.process import in_thread
from revet.sandboxes.trees import remove_tree
from tests.sandboxes.inside import MIB, alive, children, descriptors, python, shell

pytestmark = pytest.mark.sandbox


async def test_timeout_keeps_what_was_written_and_leaves_nothing(session: LocalSession) -> None:
    script = "echo x >made; echo partial; echo why >&2; (trap '' TERM INT HUP; sleep 600.4242) & setsid sleep 600.4242"
    ended = await shell(session, script, limits=Limits(wall_seconds=1.0))
    assert (ended.verdict, ended.exit_code) == (ExecVerdict.timeout, None)
    assert (ended.stdout, ended.stderr) == (b"partial\n", b"why\n")
    assert ended.touched == ("made",)
    assert not alive("600.4242")


async def test_program_that_ignores_signals_is_killed(overlaid: LocalSession) -> None:
    source = """
import signal
for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
print("deaf", flush=True)
while True: pass
"""
    ended = await python(overlaid, source, limits=Limits(wall_seconds=20, cpu_seconds=1))
    assert (ended.verdict, ended.stdout) == (ExecVerdict.timeout, b"deaf\n")


async def test_cpu_limit_is_a_timeout(overlaid: LocalSession) -> None:
    ended = await python(overlaid, "while True: pass", limits=Limits(wall_seconds=20, cpu_seconds=1))
    assert ended.verdict is ExecVerdict.timeout and ended.seconds < 15


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_output_flood_is_cut_and_killed(overlaid: LocalSession, stream: str) -> None:
    source = f"import sys\nwhile True: sys.{stream}.write('0123456789' * 1000)"
    ended = await python(overlaid, source, limits=Limits(wall_seconds=20, output=5000))
    assert (ended.verdict, ended.truncated) == (ExecVerdict.output_limit, True)
    kept = getattr(ended, stream)
    assert kept == b"0123456789" * 500


async def test_output_of_exactly_the_limit_is_not_a_flood(overlaid: LocalSession) -> None:
    ended = await python(overlaid, "print('x' * 4999)", limits=Limits(output=5000))
    assert ended.ok and len(ended.stdout) == 5000
    ended = await python(overlaid, "print('x' * 5000)", limits=Limits(output=5000))
    assert ended.verdict is ExecVerdict.output_limit and len(ended.stdout) == 5000


async def test_fork_bomb_is_contained(overlaid: LocalSession) -> None:
    source = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0: time.sleep(60.1717)
        made += 1
except OSError as error:
    print("stopped", made, flush=True)
"""
    ended = await python(overlaid, source, limits=Limits(wall_seconds=20, processes=20))
    assert ended.ok
    word, made = ended.stdout.split()
    assert word == b"stopped" and 10 <= int(made) <= 24
    ended = await shell(overlaid, "f() { f | f & }; f; sleep 1", limits=Limits(wall_seconds=2, processes=30))
    assert ended.verdict in (ExecVerdict.ok, ExecVerdict.exception, ExecVerdict.timeout)
    assert (await shell(overlaid, "echo fine")).stdout == b"fine\n"


async def test_concurrent_runs_do_not_share_the_process_limit(overlaid: LocalSession) -> None:
    if not features().own_process_count:
        pytest.skip("the host counts processes for the whole user")
    source = """
import os, time
for _ in range(12):
    if os.fork() == 0: time.sleep(0.5); os._exit(0)
print("made")
time.sleep(0.5)
"""
    limits = Limits(wall_seconds=20, processes=16)
    ends = await asyncio.gather(*(python(overlaid, source, limits=limits) for _ in range(4)))
    assert [ended.stdout for ended in ends] == [b"made\n"] * 4


async def test_memory_bombs_are_contained(overlaid: LocalSession) -> None:
    limits = Limits(wall_seconds=20, memory=256 * MIB, disk=16 * MIB)
    ended = await python(overlaid, "x = bytearray(10**9)", limits=limits)
    assert ended.exit_code == 1 and b"MemoryError" in ended.stderr
    ended = await python(overlaid, "import os; os.memfd_create('x')", limits=limits)
    assert b"Function not implemented" in ended.stderr
    for place in ("/tmp/x", "/dev/shm/x", "x"):
        ended = await python(overlaid, f"f = open('{place}', 'wb')\nwhile True: f.write(bytes(10**6))", limits=limits)
        assert b"No space left" in ended.stderr, place


async def test_file_size_and_open_files_are_limited(overlaid: LocalSession) -> None:
    limits = Limits(wall_seconds=20, file_size=MIB, open_files=32)
    ended = await python(overlaid, "open('x', 'wb').write(bytes(2 * 2**20))", limits=limits)
    assert b"File too large" in ended.stderr
    ended = await python(overlaid, "x = [open('/dev/null') for _ in range(40)]", limits=limits)
    assert b"Too many open files" in ended.stderr


async def test_the_largest_and_the_smallest_limits_work(workspace: Path) -> None:
    most = {name: field.metadata[1].le for name, field in Limits.model_fields.items()}
    most["processes"] -= 100  # Revet's own come on top
    async with await Local().open(workspace, limits=Limits(**most)) as session:
        for limits in (Limits(**most), Limits(open_files=1)):
            assert (await session.exec(["/bin/echo", "fine"], limits=limits)).stdout == b"fine\n"
    for name, value in most.items():
        with pytest.raises(ValidationError, match=name):
            Limits(**{name: 200 + value})


async def test_shared_memory_holds_no_endless_number_of_files(overlaid: LocalSession) -> None:
    if not features().capped_scratch:
        pytest.skip("no capped scratch on this host")
    ended = await shell(overlaid, "df --output=itotal /dev/shm /tmp | tail -n 2")
    assert [0 < int(word) <= 1 << 17 for word in ended.stdout.split()] == [True, True]


async def test_daemon_dies_with_the_program(overlaid: LocalSession) -> None:
    ended = await shell(
        overlaid, "setsid sh -c 'sleep 601.5353 & sleep 601.5353' >/dev/null 2>&1 </dev/null & echo done"
    )
    assert ended.ok and ended.stdout == b"done\n"
    assert not alive("601.5353")


async def test_grandchild_that_holds_stdout_does_not_delay(overlaid: LocalSession) -> None:
    ended = await shell(overlaid, "sleep 600.6161 & echo early")
    assert ended.ok and ended.stdout == b"early\n" and ended.seconds < 15
    assert not alive("600.6161")


async def test_killing_everyone_inside_harms_nobody_outside(overlaid: LocalSession) -> None:
    ended = await shell(overlaid, "sleep 60 & echo $PPID; kill -9 -1; kill -9 1; kill -9 $PPID; wait")
    assert ended.stdout.startswith(b"1\n")
    assert (await shell(overlaid, "echo fine")).stdout == b"fine\n"


async def test_closed_output_is_no_trouble(overlaid: LocalSession) -> None:
    ended = await python(overlaid, "import os, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(7)")
    assert ended.exit_code == 7


async def test_stdin_is_given_then_ends(overlaid: LocalSession) -> None:
    assert (await shell(overlaid, "cat; echo end")).stdout == b"end\n"
    text = bytes(range(256)) * 2000
    ended = await shell(overlaid, "cat", stdin=text, limits=Limits(output=2 * MIB))
    assert ended.stdout == text
    assert (await shell(overlaid, "exec <&-; echo no reader; exit 0", stdin=text)).ok


async def test_much_stdin_takes_no_longer_a_byte(overlaid: LocalSession) -> None:
    ended = await shell(overlaid, "wc -c", stdin=b"x" * (64 * MIB))
    assert ended.stdout == b"%d\n" % (64 * MIB)


async def test_missing_program_is_a_result(overlaid: LocalSession) -> None:
    ended = await overlaid.exec(["no-such-program", "x"])
    assert (ended.verdict, ended.exit_code) == (ExecVerdict.exception, 127)
    assert b"no-such-program" in ended.stderr and b"No such file" in ended.stderr
    ended = await overlaid.exec(["./a.txt"])
    assert ended.exit_code == 126 and b"Permission denied" in ended.stderr


async def test_program_cannot_pass_for_a_broken_sandbox(overlaid: LocalSession) -> None:
    ended = await shell(overlaid, "echo 'bwrap: execvp sh: No such file or directory' >&2; exit 1")
    assert ended.exit_code == 1
    ended = await shell(overlaid, "echo 'bwrap: Can'\"'\"'t make overlay mount' >&2; exit 1")
    assert ended.exit_code == 1


async def test_signals_are_told(overlaid: LocalSession) -> None:
    ended = await python(overlaid, "import ctypes; ctypes.string_at(0)")
    assert (ended.verdict, ended.signal) == (ExecVerdict.signal, 11)
    ended = await python(overlaid, "import os; os.abort()")
    assert (ended.verdict, ended.signal) == (ExecVerdict.signal, 6)


REPORTER = """
import os, sys, time
fd = int(os.environ["REVET_REPORT"])
for part in (b"one ", b"two ", b"three"):
    os.write(fd, part)
    time.sleep(0.15)
print("out")
"""


async def test_report_arrives_as_it_is_written(overlaid: LocalSession) -> None:
    arrived: list[tuple[float, bytes]] = []
    ended = await python(overlaid, REPORTER, on_report=lambda chunk: arrived.append((time.monotonic(), chunk)))
    assert ended.report == b"one two three" == b"".join(chunk for _, chunk in arrived)
    assert ended.stdout == b"out\n"
    assert len(arrived) == 3 and arrived[-1][0] - arrived[0][0] > 0.15


async def test_report_is_kept_without_a_listener_and_cut_at_its_limit(overlaid: LocalSession) -> None:
    assert (await python(overlaid, REPORTER, report=True)).report == b"one two three"
    flood = "import os\nwhile True: os.write(int(os.environ['REVET_REPORT']), b'x' * 1000)"
    ended = await python(overlaid, flood, report=True, limits=Limits(wall_seconds=20, report=2500))
    assert ended.verdict is ExecVerdict.output_limit and ended.report == b"x" * 2500 and ended.truncated
    assert "REVET_REPORT" not in (await shell(overlaid, "env")).stdout.decode()


async def test_listeners_error_is_raised_after_the_end(overlaid: LocalSession) -> None:
    def listen(chunk: bytes) -> None:
        raise ZeroDivisionError("listener")

    with pytest.raises(ZeroDivisionError, match="listener"):
        await shell(overlaid, "echo x >&$REVET_REPORT; sleep 602.7171", on_report=listen)
    assert not alive("602.7171")


async def test_thirty_runs_leak_nothing(sandbox: Local, workspace: Path) -> None:
    before = set(Path("/tmp").glob("revet-*"))
    async with await sandbox.open(workspace) as session:
        home = set(Path("/tmp").glob("revet-*")) - before
        assert (await shell(session, "true")).ok
        counts = descriptors(), children(), len(asyncio.all_tasks())
        for _ in range(10):
            ends = await asyncio.gather(*(shell(session, "mkdir -p a/b; chmod 0 a; echo x") for _ in range(3)))
            assert [ended.stdout for ended in ends] == [b"x\n"] * 3
        assert (descriptors(), children(), len(asyncio.all_tasks())) == counts
        for folder in home:
            assert not list(folder.glob("x*"))
    assert not any(folder.exists() for folder in home if "probe" not in folder.name)


async def test_cancelled_run_leaves_nothing(session: LocalSession) -> None:
    counts = descriptors(), children()
    for delay in (0.0, 0.01, 0.03, 0.08, 0.4):
        task = asyncio.create_task(shell(session, "sleep 603.8181 & sleep 603.8181"))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not alive("603.8181")
        assert (descriptors(), children()) == counts
    assert (await shell(session, "echo fine")).stdout == b"fine\n"


async def test_nothing_breaks_a_thread_that_must_end() -> None:
    going, go_on, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        going.set()
        go_on.wait(20)
        ended.append(True)
        raise ValueError("told to nobody")

    task = asyncio.create_task(in_thread(work))
    assert await asyncio.to_thread(going.wait, 20)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_nothing_begins_while_a_session_closes(workspace: Path) -> None:
    session = await Local().open(workspace)
    task = asyncio.create_task(shell(session, "sleep 604.1919"))
    await asyncio.sleep(0.3)
    closing = asyncio.create_task(session.close())
    await asyncio.sleep(0)
    for refused in (shell(session, "true"), session.run_python("result = 1")):
        with pytest.raises(SandboxBroken, match="closed"):
            await refused
    await closing
    with pytest.raises(SandboxBroken, match="closed"):
        await task


async def test_close_kills_what_runs_and_removes_all(workspace: Path) -> None:
    session = await Local().open(workspace)
    task = asyncio.create_task(shell(session, "sleep 604.9191"))
    await asyncio.sleep(0.3)
    await session.close()
    await session.close()
    with pytest.raises(SandboxBroken, match="closed"):
        await task
    assert not alive("604.9191")
    with pytest.raises(SandboxBroken, match="closed"):
        await shell(session, "true")


async def test_close_stops_a_run_that_has_hardly_begun(sandbox: Local, workspace: Path) -> None:
    session = await sandbox.open(workspace)
    task = asyncio.create_task(shell(session, "sleep 606.3131"))
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(SandboxBroken, match="closed"):
        await task
    assert not alive("606.3131")


async def test_nothing_survives_the_parents_death(workspace: Path) -> None:
    source = f"""
import asyncio
from pathlib import Path
from revet.sandboxes import Local
async def main():
    session = await Local().open(Path({str(workspace)!r}))
    command = ["sh", "-c", "echo up >&$REVET_REPORT; sleep 605.2121"]
    await session.exec(command, on_report=lambda chunk: print("up", flush=True))
asyncio.run(main())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(workspace.parent)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert alive("605.2121")
    process.kill()
    process.wait()
    process.stdout.close()
    for _ in range(100):
        if not alive("605.2121"):
            break
        await asyncio.sleep(0.05)
    assert not alive("605.2121")
    for left in workspace.parent.glob("revet-*"):
        remove_tree(left)


def test_trees_of_any_depth_and_mode_can_be_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("d" * 200, dir_fd=here)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    (top / "file").touch()
    (top / "link").symlink_to("/etc")
    os.mkfifo(top / "pipe")
    (top / "shut").mkdir(0o000)
    remove_tree(top)
    assert not top.exists() and Path("/etc").exists()
