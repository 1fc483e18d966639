"""E2B through its real SDK, against a service on loopback that speaks the same protocol and runs what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError, SandboxBroken, SandboxUnavailable, WorkspaceChanged
from revet.sandboxes import packs
from revet.sandboxes.base import Entry, ExecVerdict, Feature, Layer, Limits, Network
from revet.sandboxes.e2b import E2B, E2BSession
from revet.sandboxes.e2b.owner import HOST
from revet.sandboxes.owners import OWNER, SESSION
from tests.sandboxes.e2b_server import E2BService, e2b_service

pytestmark = pytest.mark.sandbox

SHORT = Limits(wall_seconds=20, cpu_seconds=20)


@pytest.fixture
def service() -> Iterator[E2BService]:
    with e2b_service() as running:
        yield running


@pytest.fixture
async def session(service: E2BService, workspace: Path) -> AsyncIterator[E2BSession]:
    async with await E2B(**service.options).open(workspace, limits=SHORT) as opened:
        yield opened


def asked(service: E2BService, what: str) -> list[bytes]:
    return [body for name, body in service.seen if name.endswith(what)]


async def test_what_is_asked_of_the_service(service: E2BService, workspace: Path) -> None:
    async with await E2B("base", timeout=77, **service.options).open(workspace):
        (body,) = asked(service, "POST /v2/sandboxes")
        wanted = json.loads(body)
        assert (wanted["templateID"], wanted["timeout"], wanted["allow_internet_access"]) == ("base", 77, False)
        assert wanted["metadata"].keys() == {HOST, OWNER, SESSION}
        assert str(workspace) not in body.decode()
        assert wanted["envVars"] == {}
    assert any(name.startswith("DELETE /sandboxes/") for name, _ in service.seen)
    assert service.machines == []


async def test_a_network_is_asked_for(service: E2BService) -> None:
    async with await E2B(**service.options).open(network=Network.full):
        assert json.loads(asked(service, "POST /v2/sandboxes")[0])["allow_internet_access"] is True


async def test_output_comes_back_byte_for_byte(session: E2BSession) -> None:
    source = "import os; os.write(1, bytes(range(256)) * 9); os.write(2, b'\\xff\\xc3'); raise SystemExit(3)"
    done = await session.exec(["python", "-c", source], stdin=b"")
    assert done.verdict is ExecVerdict.exception
    assert (done.exit_code, done.signal) == (3, None)
    assert (done.stdout, done.stderr) == (bytes(range(256)) * 9, b"\xff\xc3")


async def test_input_goes_in_byte_for_byte(session: E2BSession) -> None:
    given = bytes(range(256)) * 4000
    done = await session.exec(["cat"], stdin=given)
    assert done.stdout == given


async def test_a_run_sees_the_workspace_at_its_path_and_leaves_nothing(session: E2BSession, workspace: Path) -> None:
    before = {place: place.read_bytes() for place in workspace.rglob("*") if place.is_file()}
    script = "pwd; cat a.txt; echo new > pkg/new; rm a.txt; echo left > /tmp/left; mkdir -p .revet; id -u"
    for _ in range(2):
        done = await session.exec(["sh", "-c", script])
        assert done.verdict is ExecVerdict.ok, done.stderr
        assert done.stdout.decode().splitlines()[:2] == [str(workspace), "a"]
        assert done.touched == ("a.txt", "pkg/new")
        assert (await session.exec(["cat", "/tmp/left"])).exit_code == 1
    assert {place: place.read_bytes() for place in workspace.rglob("*") if place.is_file()} == before


async def test_the_environment_is_minimal(session: E2BSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    done = await session.exec(["env"], env={"MINE": "1"})
    names = {line.split("=")[0] for line in done.stdout.decode().splitlines()}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "MINE"}


async def test_there_is_no_way_out(session: E2BSession) -> None:
    source = """
import os, socket
for address in (("192.0.2.1", 80), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, 2)
        print("reached", address)
    except OSError as error:
        print(error.errno)
for path in ("/usr/x", "/var/x", "/home/user/x", "/x", "/revet/x", "/root/x"):
    try:
        open(path, "w")
        print("wrote", path)
    except OSError as error:
        print(error.errno)
print(sorted(name for name in os.listdir("/proc") if name.isdigit()).__len__())
print(any("CapEff" in line and int(line.split()[1], 16) for line in open("/proc/self/status")))
"""
    done = await session.exec(["python", "-c", source])
    lines = done.stdout.decode().split()
    assert lines == ["101", "101", *["30"] * 6, "2", "False"]


async def test_loopback_is_the_run_s_own(session: E2BSession) -> None:
    source = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: server.accept()[0].send(b"heard")).start()
print(socket.create_connection(server.getsockname()).recv(9))
"""
    done = await session.exec(["python", "-c", source])
    assert done.stdout == b"b'heard'\n", done.stderr


async def test_verdicts(session: E2BSession) -> None:
    async def verdict(*argv: str, limits: Limits = SHORT) -> ExecVerdict:
        return (await session.exec(argv, limits=limits)).verdict

    assert await verdict("true") is ExecVerdict.ok
    assert await verdict("sh", "-c", "kill -SEGV $$") is ExecVerdict.signal
    assert await verdict("sh", "-c", "exit 139") is ExecVerdict.exception
    assert await verdict("sleep", "60", limits=Limits(wall_seconds=0.5)) is ExecVerdict.timeout
    assert await verdict("yes", limits=Limits(output=1000)) is ExecVerdict.output_limit
    assert await verdict("sh", "-c", "while :; do :; done", limits=Limits(cpu_seconds=1)) is ExecVerdict.timeout
    missing = await session.exec(["no-such-program"])
    assert (missing.verdict, missing.exit_code) == (ExecVerdict.exception, 127)


async def test_what_a_program_leaves_running_is_dead(session: E2BSession, service: E2BService) -> None:
    done = await session.exec(["sh", "-c", "setsid sh -c 'setsid sleep 987654 & sleep 987654' & echo started"])
    assert done.verdict is ExecVerdict.ok
    assert done.seconds < 15
    assert b"987654" not in await processes(session)


async def processes(session: E2BSession) -> bytes:
    """The command lines of the machine, seen by its own interpreter, which no room confines."""
    code = "import glob\nprint([open(p, 'rb').read() for p in glob.glob('/proc/[0-9]*/cmdline')])"
    return (await session.run_code(code)).stdout.encode()


async def test_read_only_paths(session: E2BSession, workspace: Path) -> None:
    (workspace / "link").symlink_to("pkg")
    script = "echo x > pkg/one.py; mv pkg other; rm -rf pkg; echo y >> link/sub/two.py; cat pkg/one.py pkg/sub/two.py"
    done = await session.exec(["sh", "-c", script], read_only=["link"])
    assert done.stdout == b"one = 1\ntwo = 2\n"
    assert done.touched == ()


async def test_files_and_the_report(session: E2BSession) -> None:
    heard: list[bytes] = []
    script = "echo one >&$REVET_REPORT; sleep 0.2; cat /revet/deep/extra >&$REVET_REPORT; echo z > /revet/deep/extra"
    content = bytes(range(256))
    done = await session.exec(["sh", "-c", script], files={"/revet/deep/extra": content}, on_report=heard.append)
    assert done.report == b"one\n" + content == b"".join(heard)
    assert len(heard) >= 2
    assert b"Read-only" in done.stderr or b"denied" in done.stderr


async def test_an_error_in_the_callback_ends_the_run(session: E2BSession) -> None:
    def refuse(_: bytes) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await session.exec(["sh", "-c", "echo x >&$REVET_REPORT; sleep 123456"], on_report=refuse)
    assert b"123456" not in await processes(session)


async def test_a_layer_lies_over_the_workspace(session: E2BSession, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "one.py").write_text("one = 2\n")
    layer = Layer(root=root, deleted=("a.txt", "pkg/sub"))
    done = await session.exec(["sh", "-c", "find . -type f | sort; cat pkg/one.py"], layer=layer)
    assert done.stdout == b"./pkg/one.py\none = 2\n"
    again = await session.exec(["sh", "-c", "find . -type f | sort"])
    assert again.stdout == b"./a.txt\n./pkg/one.py\n./pkg/sub/two.py\n"


async def test_what_is_kept_is_the_session_s(session: E2BSession, workspace: Path, tmp_path: Path) -> None:
    await session.write("notes/first.txt", b"\x00first")
    script = "cat notes/first.txt; echo b > b.txt; rm -r pkg/sub; ln -s /etc/passwd out; mkfifo pipe; chmod 4755 b.txt"
    done = await session.exec(["sh", "-c", script], keep=True)
    assert done.stdout == b"\x00first"
    assert {refusal.path for refusal in done.refused} == {"out", "pipe"}
    listed = {entry.name: entry for entry in await session.list()}
    assert listed["b.txt"] == Entry(name="b.txt", kind="file", size=2, mode=0o755)
    assert await session.read("b.txt") == b"b\n"
    seen = await session.exec(["sh", "-c", "cat b.txt; ls pkg"])
    assert seen.stdout == b"b\none.py\n"
    changes = await session.changes()
    assert changes.deleted == ("pkg/sub",)
    assert (changes.root / "b.txt").read_bytes() == b"b\n"
    assert not (workspace / "b.txt").exists()
    assert (workspace / "pkg" / "sub" / "two.py").exists()
    with pytest.raises(InputError, match="cannot be combined"):
        await session.exec(["true"], layer=Layer(root=tmp_path))


async def test_the_workspace_is_staged_once_and_followed(service: E2BService, workspace: Path) -> None:
    for number in range(300):
        (workspace / f"f{number}").write_text(str(number))
    async with await E2B(**service.options).open(workspace, limits=SHORT) as session:

        async def count() -> tuple[bytes, int]:
            return (await session.exec(["sh", "-c", "ls | wc -l; cat f7"])).stdout.split()[-1], staged()

        def staged() -> int:
            return sum(b" stage " in body for body in asked(service, "/process.Process/Start"))

        assert await count() == (b"7", 1)
        assert await count() == (b"7", 1)
        (workspace / "f7").write_text("changed")
        assert await count() == (b"changed", 1)
        for number in range(300):
            (workspace / f"f{number}").write_text(f"again{number}")
        assert await count() == (b"again7", 2)
        done = await session.exec(["sh", "-c", "echo > f8; rm f9; echo x > new"])
        assert done.touched == ("f8", "f9", "new")
        (workspace / "f9").unlink()
        assert b"No such file" in (await session.exec(["cat", "f9"])).stderr


async def test_run_python(session: E2BSession) -> None:
    code = "import os\nprint('hé')\nresult = {'data': data, 'here': os.getcwd()}"
    done = await session.run_python(code, [1, None, "x"])
    assert done.verdict is ExecVerdict.ok, done
    assert done.value == {"data": [1, None, "x"], "here": str(session.workspace)}
    assert done.stdout.decode() == "hé\n"
    failed = await session.run_python("x = 1\n1 / 0")
    assert failed.error is not None
    assert (failed.verdict, failed.error.type, failed.error.line) == (ExecVerdict.exception, "ZeroDivisionError", 2)
    assert (await session.run_python("import os; os._exit(0)")).verdict is ExecVerdict.exception
    assert (await session.run_python("result = 'x' in globals()")).value is False


async def test_run_code_is_the_code_interpreter_s(session: E2BSession) -> None:
    assert (await session.run_code("x = 20\nprint('hé')")).stdout == "hé\n"
    shown = await session.run_code("x + 1")
    assert (shown.results, shown.error, shown.count) == (({"text": "21"},), None, 2)
    failed = await session.run_code("x / 0")
    assert failed.error is not None
    assert failed.error.type == "ZeroDivisionError"
    with pytest.raises(TimeoutError):
        await session.run_code("while True: pass", seconds=0.5)
    with pytest.raises(SandboxBroken, match="no kernel"):
        await session.run_code("1", language="cobol")


async def test_a_snapshot_is_a_template(service: E2BService, session: E2BSession) -> None:
    await session.exec(["true"])
    await session.run_code("open('/home/user/installed', 'w').write('yes')")
    taken = await session.snapshot()
    assert service.snapshots == [taken]
    async with await E2B(taken, **service.options).open(session.workspace) as second:
        assert (await second.exec(["cat", "/home/user/installed", "a.txt"])).stdout == b"yesa\n"


async def test_runs_at_the_same_time_do_not_meet(session: E2BSession) -> None:
    script = "echo $0 > mine; sleep 0.3; cat mine; ls"
    done = await asyncio.gather(*(session.exec(["sh", "-c", script, str(number)]) for number in range(4)))
    assert [result.stdout.split()[0] for result in done] == [b"0", b"1", b"2", b"3"]


async def test_a_long_run_is_given_its_time(service: E2BService) -> None:
    async with await E2B(timeout=40, **service.options).open() as session:
        await session.exec(["true"], limits=Limits(wall_seconds=1))
        await session.exec(["true"], limits=Limits(wall_seconds=1000))
        times = [json.loads(body)["timeout"] for body in asked(service, "/timeout")]
        assert times[-1] >= 1040


async def test_a_machine_that_is_gone_is_replaced(service: E2BService, session: E2BSession) -> None:
    await session.write("kept", b"here")
    service.vanish()
    done = await session.exec(["cat", "kept"])
    assert done.stdout == b"here"
    assert len(service.machines) == 1


async def test_a_machine_that_dies_in_the_middle_is_a_crash(service: E2BService, session: E2BSession) -> None:
    heard = asyncio.Event()
    task = asyncio.create_task(
        session.exec(["sh", "-c", "echo out; echo x >&$REVET_REPORT; sleep 60"], on_report=lambda _: heard.set())
    )
    await heard.wait()
    service.vanish()
    done = await task
    assert (done.verdict, done.stdout, done.exit_code) == (ExecVerdict.crash, b"out\n", None)
    assert (await session.exec(["true"])).ok


async def test_a_broken_connection_raises_and_the_next_run_is_clean(service: E2BService, session: E2BSession) -> None:
    heard = asyncio.Event()
    task = asyncio.create_task(
        session.exec(["sh", "-c", "echo x >&$REVET_REPORT; sleep 123457"], on_report=lambda _: heard.set())
    )
    await heard.wait()
    service.cut()
    with pytest.raises(SandboxBroken, match="E2B"):
        await task
    assert (await session.exec(["true"])).ok
    assert b"123457" not in await processes(session)


async def test_cancelling_leaves_nothing(service: E2BService, session: E2BSession) -> None:
    for wait in (0.0, 0.05, 0.5):
        task = asyncio.create_task(session.exec(["sleep", "123458"]))
        await asyncio.sleep(wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert b"123458" not in await processes(session)
    assert (await session.exec(["true"])).ok


async def test_cancelling_the_start_leaves_no_machine(service: E2BService) -> None:
    for wait in (0.02, 0.06, 0.1):
        task = asyncio.create_task(E2B(**service.options).open())
        await asyncio.sleep(wait)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await task).close()  # it was too late
        assert service.machines == []


async def test_closing_ends_what_runs(service: E2BService, workspace: Path) -> None:
    session = await E2B(**service.options).open(workspace)
    task = asyncio.create_task(session.exec(["sleep", "60"]))
    await asyncio.sleep(0.5)
    await session.close()
    await session.close()
    with pytest.raises(SandboxBroken, match="closed"):
        await task
    with pytest.raises(SandboxBroken, match="closed"):
        await session.exec(["true"])
    with pytest.raises(SandboxBroken, match="closed"):
        await session.read("a.txt")
    assert service.machines == []


async def test_closing_while_a_run_waits_for_its_machine(service: E2BService) -> None:
    session = await E2B(**service.options).open()
    service.vanish()
    tasks = [asyncio.create_task(session.exec(["sleep", "60"])) for _ in range(3)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(60):
        await session.close()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, SandboxBroken) for end in ends)
    assert service.machines == []


async def test_bad_requests_are_refused_before_anything_is_sent(session: E2BSession, service: E2BService) -> None:
    before = len(service.seen)
    for bad in (
        {"argv": []},
        {"argv": ["a\0b"]},
        {"argv": ["true"], "cwd": "../x"},
        {"argv": ["true"], "cwd": "nowhere"},
        {"argv": ["true"], "files": {"/etc/x": b""}},
        {"argv": ["true"], "env": {"A=B": "c"}},
        {"argv": ["true"], "read_only": ["/etc"]},
        {"argv": ["true"], "layer": Layer(root=Path("/nowhere"))},
    ):
        with pytest.raises(InputError):
            await session.exec(**bad)  # type: ignore[arg-type]
    assert len(service.seen) == before


async def test_what_is_not_there_can_be_demanded(service: E2BService) -> None:
    sandbox = E2B(**service.options)
    with pytest.raises(SandboxUnavailable, match="memory_total"):
        await sandbox.open(require=[Feature.memory_total])
    with pytest.raises(InputError, match="no sandbox has a feature"):
        await sandbox.open(require=["magic"])
    with pytest.raises(SandboxUnavailable, match="private_network"):
        await sandbox.open(network=Network.full, require=["private_network"])
    assert service.machines == []
    support = await sandbox.support()
    assert support.available
    assert support.features.isdisjoint(support.missing)
    assert support.features | support.missing.keys() == set(Feature)


SURVIVOR = """
import asyncio, sys
from revet.sandboxes.e2b import E2B
async def main():
    async with await E2B().open():
        print("open", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_the_machines_of_a_killed_process_are_swept(service: E2BService, tmp_path: Path) -> None:
    environment = {**os.environ, **service.environment, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", SURVIVOR], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"open\n"
        (left,) = service.machines
        async with await E2B(**service.options).open():
            assert left in service.machines  # its process lives
        process.send_signal(signal.SIGKILL)
        process.wait()
    others = await E2B(**service.options).open()
    assert left not in service.machines
    (mine,) = service.machines
    mine.metadata[HOST], mine.metadata[OWNER] = "another", "1:1"
    assert await E2B(**service.options).sweep() == []
    await others.close()


async def rewrite(session: E2BSession, part: str, old: str, new: str) -> None:
    """Change a part of what runs on the session's machine."""
    machine = (await session._placed()).machine._sandbox
    place = f"/var/lib/revet/revet_guest/{part}.py"
    source = await machine.files.read(place, user="root")
    assert old in source
    await machine.files.write(place, source.replace(old, new), user="root")


async def test_without_overlays_each_run_gets_a_copy(session: E2BSession, workspace: Path) -> None:
    for number in range(250):
        (workspace / f"f{number}").write_text("x")
    (workspace / "link").symlink_to("pkg")
    (workspace / "pkg").chmod(0o750)
    await rewrite(session, "room", '"overlay", MS_NOSUID', '"no-such-thing", MS_NOSUID')
    script = "rm f7; echo y > f8; cat f8 f9 link/one.py; stat -c '%a %u' pkg; grep -c ^overlay /proc/mounts"
    for _ in range(2):
        done = await session.exec(["sh", "-c", script])
        lines = done.stdout.decode().splitlines()
        assert (lines[:2], lines[-1], done.touched) == (["y", "xone = 1"], "0", ("f7", "f8"))
        assert lines[2].split()[0] == "750"


async def test_what_is_not_the_supervisor_s_is_a_crash_and_never_a_result(
    session: E2BSession, service: E2BService
) -> None:
    (first,) = service.machines
    forged = "def main() -> None:\n    os.write(1, b'E' + bytes(400))\n    os._exit(0)\n"
    await rewrite(session, "supervisor", "def main() -> None:\n", forged)
    assert (await session.exec(["true"])).ok, "nothing had begun: another machine did it"
    assert first not in service.machines


async def test_what_is_not_the_supervisor_s_after_the_start(session: E2BSession, service: E2BService) -> None:
    (first,) = service.machines
    await rewrite(session, "supervisor", "        run.watch(wakeup)\n", "        os.write(1, b'E' + bytes(400))\n")
    done = await session.exec(["sh", "-c", "echo x > new"], keep=True)
    assert (done.verdict, done.exit_code) == (ExecVerdict.crash, None)
    assert [refusal.path for refusal in done.refused] == ["*"]
    assert first not in service.machines
    assert (await session.exec(["true"])).ok
    assert (await session.changes()).deleted == ()


async def test_a_program_that_is_not_started_has_no_verdict(session: E2BSession) -> None:
    await rewrite(session, "supervisor", '        host.send(b"B")\n', "        os._exit(0)\n")
    with pytest.raises(SandboxBroken, match="did not come to start"):
        await session.exec(["true"])


async def test_a_cancellation_waits_for_what_is_being_kept(
    session: E2BSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()
    take = session._kept.take

    def slowly(*given: Any) -> Any:
        begun.set()
        time.sleep(0.3)
        done = take(*given)
        ended.set()
        return done

    monkeypatch.setattr(session._kept, "take", slowly)
    task = asyncio.create_task(session.exec(["sh", "-c", "echo x > new"], keep=True))
    assert await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert await session.read("new") == b"x\n"


async def test_time_that_a_program_slept_is_no_processor_time(session: E2BSession) -> None:
    done = await session.exec(["sh", "-c", "sleep 1.5; kill -9 $$"], limits=Limits(cpu_seconds=1, wall_seconds=20))
    assert (done.verdict, done.signal) == (ExecVerdict.signal, 9)


async def test_a_command_that_is_too_long_is_refused(session: E2BSession) -> None:
    with pytest.raises(InputError, match="arguments and environment"):
        await session.exec(["echo", "x" * (1 << 20)])


async def test_a_supervisor_that_dies_is_a_crash(session: E2BSession) -> None:
    await rewrite(session, "supervisor", "        run.watch(wakeup)\n", "        os.abort()\n")
    assert (await session.exec(["true"])).verdict is ExecVerdict.crash


async def test_a_supervisor_that_does_not_start_is_no_result(session: E2BSession) -> None:
    await rewrite(session, "supervisor", "def main() -> None:\n", "def main() -> None:\n    raise KeyError('here')\n")
    with pytest.raises(SandboxBroken, match="KeyError: 'here'"):
        await session.exec(["true"])


async def test_a_supervisor_that_hangs_is_killed_from_outside(
    session: E2BSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revet.sandboxes.e2b.session.GRACE", 0.5)
    await rewrite(session, "supervisor", "        run.watch(wakeup)\n", "        time.sleep(123459)\n")
    done = await session.exec(["sh", "-c", "echo 123459; sleep 123459"], limits=Limits(wall_seconds=0.5))
    assert done.verdict is ExecVerdict.timeout
    assert b"123459" not in await processes(session)


async def test_a_workspace_that_changes_while_it_is_sent(session: E2BSession, monkeypatch: pytest.MonkeyPatch) -> None:
    real, troubles = packs.pack, 1

    def pack(difference: packs.Delta) -> Iterator[bytes]:
        nonlocal troubles
        troubles -= 1
        if troubles >= 0:
            raise WorkspaceChanged("it changed")
        return real(difference)

    monkeypatch.setattr(packs, "pack", pack)
    assert (await session.exec(["true"])).ok
    troubles = 2
    with pytest.raises(WorkspaceChanged):
        await session.exec(["true"])


@pytest.mark.skipif(not os.environ.get("E2B_API_KEY"), reason="set E2B_API_KEY to run this against the real service")
async def test_the_real_service(workspace: Path) -> None:
    async with await E2B(timeout=120).open(workspace, limits=SHORT) as session:
        done = await session.exec(["sh", "-c", "pwd; cat a.txt; id -u; echo x > new"], keep=True)
        assert done.stdout.decode().split() == [str(workspace), "a", "1000"]
        assert done.touched == ("new",)
        assert await session.read("new") == b"x\n"
        assert (await session.exec(["sleep", "60"], limits=Limits(wall_seconds=1))).verdict is ExecVerdict.timeout
        assert (await session.run_python("result = 6 * 7")).value == 42
        assert (await session.run_code("6 * 7")).results[0]["text"] == "42"
        probe = "import socket; socket.create_connection(('1.1.1.1', 53), 3)"
        assert (await session.exec(["python3", "-c", probe])).exit_code == 1
    assert await E2B().sweep() == []
