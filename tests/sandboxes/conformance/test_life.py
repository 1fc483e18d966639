"""Sessions side by side, at their end, and after it: nothing is left. And what a sandbox says of itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from pathlib import Path

import pytest

from revet.errors import InputError, SandboxBroken, SandboxUnavailable, WorkspaceError
from revet.sandboxes.base import ExecVerdict, Feature, Layer, Network, Sandbox, Session, Support
from tests.sandboxes.conformance.host import left_over, traces
from tests.sandboxes.conformance.running import LONG, python, shell, snippet

PATIENT = 60.0
"""Seconds within which what was cancelled or closed must have ended, on a busy machine."""


async def test_programs_run_side_by_side(session: Session) -> None:
    script = "echo $0 >mine; sleep 0.3; cat mine; ls | wc -l"
    ends = await asyncio.gather(
        *(session.exec(["/bin/sh", "-c", script, f"run{number}"], limits=LONG) for number in range(8))
    )
    assert [ended.stdout.split() for ended in ends] == [[b"run%d" % number, b"6"] for number in range(8)]


async def test_pieces_of_python_run_side_by_side(session: Session) -> None:
    code = (
        "import time\nopen('/tmp/mine', 'x').write(str(data))\ntime.sleep(0.1)\nresult = int(open('/tmp/mine').read())"
    )
    ends = await asyncio.gather(*(snippet(session, code, number) for number in range(8)))
    assert [ended.value for ended in ends] == list(range(8)), ends


async def test_two_sessions_do_not_see_each_other(sandbox: Sandbox, workspace: Path) -> None:
    one, two = await sandbox.open(workspace), await sandbox.open(workspace)
    try:
        await one.write("mine", b"one\n")
        await shell(two, "echo two >mine; echo x >/tmp/x", keep=True)
        ends = await asyncio.gather(*(shell(session, "cat mine; cat /tmp/x") for session in (one, two)))
        assert [ended.stdout for ended in ends] == [b"one\n", b"two\n"]
        await one.close()
        assert (await shell(two, "cat mine")).stdout == b"two\n"
    finally:
        await one.close()
        await two.close()


async def test_no_workspace_is_an_empty_one(sandbox: Sandbox) -> None:
    session = await sandbox.open(None)
    try:
        ended = await shell(session, "ls -A; echo x >x; cat x")
        assert ended.stdout == b"x\n" and ended.touched == ("x",), ended.stderr
        assert (await shell(session, "ls -A")).stdout == b""
        await session.write("kept", b"y")
        assert (await shell(session, "cat kept")).stdout == b"y"
    finally:
        await session.close()


async def test_a_cancelled_run_leaves_a_session_that_works(session: Session, backend: str, temporary: Path) -> None:
    assert (await shell(session, "true")).ok
    for delay in (0.0, 0.05, 0.5):
        for work in (shell(session, "sleep 70 & sleep 70"), snippet(session, "import time; time.sleep(70)")):
            task = asyncio.ensure_future(work)
            await asyncio.sleep(delay)
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < PATIENT
    assert (await shell(session, "echo fine")).stdout == b"fine\n"
    assert (await snippet(session, "result = 1")).value == 1
    await session.close()
    await asyncio.sleep(0)
    assert not [line for line in traces(temporary, backend)["process"] if " 70" in line]


@pytest.mark.parametrize("delay", [0.0, 0.05, 1.0])
async def test_closing_ends_what_runs(sandbox: Sandbox, workspace: Path, delay: float) -> None:
    session = await sandbox.open(workspace)
    tasks = [
        asyncio.ensure_future(shell(session, "sleep 70")),
        asyncio.ensure_future(snippet(session, "import time; time.sleep(70)")),
    ]
    await asyncio.sleep(delay)
    started = time.monotonic()
    await asyncio.wait_for(session.close(), PATIENT)
    await asyncio.wait_for(session.close(), PATIENT)
    for task in tasks:
        with pytest.raises(SandboxBroken, match="closed"):
            await task
    assert time.monotonic() - started < PATIENT


async def test_a_closed_session_says_so(sandbox: Sandbox, workspace: Path) -> None:
    session = await sandbox.open(workspace)
    await session.close()
    for work in (
        lambda: shell(session, "true"),
        lambda: snippet(session, "pass"),
        lambda: session.read("a.txt"),
        lambda: session.write("a.txt", b"x"),
        lambda: session.list(),
        lambda: session.changes(),
    ):
        with pytest.raises(SandboxBroken, match="closed"):
            await work()
    await session.close()


async def test_nothing_is_left(sandbox: Sandbox, backend: str, workspace: Path, temporary: Path) -> None:
    await use(sandbox, workspace, backend, temporary)
    before, descriptors = traces(temporary, backend), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    tasks = len(asyncio.all_tasks())
    for _ in range(2):
        await use(sandbox, workspace, backend, temporary)
    assert await left_over(before, temporary, backend, descriptors) == []
    assert len(asyncio.all_tasks()) == tasks


async def use(sandbox: Sandbox, workspace: Path, backend: str, temporary: Path) -> None:
    """Open a session, do some of everything, and close it."""
    session = await sandbox.open(workspace)
    try:
        await session.write("new", b"x")
        await asyncio.gather(
            shell(session, "setsid sleep 70 >/dev/null 2>&1 & mkdir -p a/b; chmod 0 a", keep=True),
            shell(session, "sleep 70", limits=LONG.model_copy(update={"wall_seconds": 0.5})),
            snippet(session, "import os\nif os.fork() == 0:\n    os.setsid(); import time; time.sleep(70)"),
        )
        await session.changes()
        assert any(traces(temporary, backend).values()), "they would not be noticed"
    finally:
        await session.close()


async def test_without_a_network_nothing_is_reached(session: Session) -> None:
    source = """
import socket
for address in (("192.0.2.1", 80), ("169.254.169.254", 80)):
    try: socket.create_connection(address, timeout=2).close(); print("reached", address)
    except OSError: pass
try: print("found", socket.getaddrinfo("example.com", 80))
except OSError: pass
print("tried")
"""
    assert (await python(session, source)).stdout == b"tried\n"


async def test_the_hosts_loopback_is_not_reached_where_promised(session: Session, support: Support) -> None:
    if Feature.private_network not in support.features:
        assert support.missing[Feature.private_network]
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        source = f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=2)"
        assert (await python(session, source)).verdict is not ExecVerdict.ok
        with pytest.raises(TimeoutError):
            server.accept()


async def test_other_processes_are_not_seen_where_promised(session: Session, support: Support) -> None:
    if Feature.private_processes not in support.features:
        assert support.missing[Feature.private_processes]
        return
    other = await asyncio.create_subprocess_exec("sleep", "73.125")
    try:
        source = f"""
import os
seen = []
for name in os.listdir("/proc"):
    try: seen.append(open("/proc/" + name + "/cmdline").read())
    except OSError: pass
print(any("73" + ".125" in words for words in seen), len(seen) < 10)
try: os.kill({other.pid}, 9)
except OSError as error: print(type(error).__name__)
"""
        assert (await python(session, source)).stdout.startswith(b"False True\n")
        assert (await snippet(session, source)).stdout.startswith(b"False True\n")
        assert other.returncode is None
    finally:
        other.kill()
        await other.wait()


async def test_a_session_with_the_network_opens(sandbox: Sandbox, workspace: Path) -> None:
    session = await sandbox.open(workspace, network=Network.full)
    try:
        source = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
        assert (await python(session, source)).ok
        assert (await shell(session, "cat a.txt")).stdout == b"a\n"
    finally:
        await session.close()


async def test_support_names_every_feature_or_says_why_not(sandbox: Sandbox) -> None:
    found = await sandbox.support()
    assert found.available and found.about and not found.reason
    assert found.features | found.missing.keys() == set(Feature)
    assert not found.features & found.missing.keys()
    assert all(reason.strip() for reason in found.missing.values())


async def test_what_is_demanded_and_missing_keeps_it_shut(sandbox: Sandbox, support: Support, workspace: Path) -> None:
    session = await sandbox.open(workspace, require=support.features)
    await session.close()
    for feature in support.missing:
        with pytest.raises(SandboxUnavailable, match=str(feature)):
            await sandbox.open(workspace, require=[feature])
    with pytest.raises(InputError, match="no sandbox has a feature"):
        await sandbox.open(workspace, require=["perfection"])


async def test_bad_workspaces_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("none", "file", "dangling"):
        with pytest.raises(WorkspaceError):
            await sandbox.open(tmp_path / name)
    for place in ("/", "/usr", "/etc/ssl", "/proc/self"):
        with pytest.raises(WorkspaceError):
            await sandbox.open(Path(place))


async def test_a_bad_interpreter_is_told(sandbox: Sandbox, workspace: Path) -> None:
    with pytest.raises(InputError):
        await sandbox.open(workspace, python=Path("/nowhere/bin/python"))


async def test_a_workspace_that_vanishes_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    top = tmp_path / "vanishing"
    top.mkdir()
    session = await sandbox.open(top)
    try:
        shutil.rmtree(top)
        with pytest.raises((WorkspaceError, SandboxBroken)):
            await shell(session, "true")
    finally:
        await session.close()


async def test_a_workspace_behind_a_link_is_seen_at_its_own_path(
    sandbox: Sandbox, workspace: Path, tmp_path: Path
) -> None:
    link = tmp_path / "to the workspace"
    link.symlink_to(workspace)
    session = await sandbox.open(link)
    try:
        assert session.workspace == workspace.resolve()
        assert (await shell(session, f"cat {workspace}/a.txt")).stdout == b"a\n"
    finally:
        await session.close()


async def test_an_empty_layer_changes_nothing(session: Session, tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    ended = await shell(session, "cat a.txt", layer=Layer(root=tmp_path / "layer"))
    assert ended.stdout == b"a\n" and ended.touched == ()
