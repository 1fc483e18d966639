"""What is Docker's own, on a real engine. What all sandboxes promise is tested in `conformance` and `hostile`."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.transport.unixconn import UnixHTTPConnection

from revet.errors import (
    DiskFull,
    InputError,
    MissingDependency,
    SandboxBroken,
    SandboxUnavailable,
    WorkspaceChanged,
)
from revet.sandboxes import ExecResult, ExecVerdict, Feature, Layer, Limits, packs
from revet.sandboxes.docker import Docker, DockerSession, connect, default_tag, sweep
from revet.sandboxes.docker import engine as engines
from revet.sandboxes.docker import session as sessions
from revet.sandboxes.docker.container import USER
from revet.sandboxes.docker.stream import Stream, plain_socket
from revet.sandboxes.owners import OWNER, SESSION
from tests.sandboxes.engines import Wire, engine, ours

SPARE = 3  # a container and its two volumes
LONG = Limits(wall_seconds=40, cpu_seconds=40)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with engine() as found:
        yield found
        assert not ours(found), "a container or a volume was left"


@pytest.fixture
async def session(client: Any, workspace: Path) -> AsyncIterator[DockerSession]:
    async with await Docker().open(workspace) as opened:
        yield opened


async def shell(session: DockerSession, script: str, **options: Any) -> ExecResult:
    return await session.exec(["/bin/sh", "-c", script], **{"limits": LONG, **options})


async def running(client: Any, session: DockerSession) -> dict[str, Any]:
    """The container that runs the session's program, as the engine sees it, once the program has begun."""
    while not any(container.account.began for container in session._running):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.02)
    return dict(client.api.inspect_container(next(iter(session._running)).id))


async def test_nothing_is_given_that_is_not_needed(client: Any, session: DockerSession) -> None:
    limits = Limits(memory=200 << 20, processes=17, disk=8 << 20, wall_seconds=40)
    task = asyncio.ensure_future(shell(session, "sleep 1; cat /proc/self/status; id; mount", limits=limits))
    seen = await running(client, session)
    config, host = seen["Config"], seen["HostConfig"]
    assert config["User"] == f"{USER}:{USER}" and "LANG=C.UTF-8" in config["Env"]
    assert config["Labels"][OWNER].startswith(f"{os.getpid()}/") and config["Labels"][SESSION]
    assert host["NetworkMode"] == "none" and host["ReadonlyRootfs"] and not host["Privileged"]
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] == 18 and host["LogConfig"]["Type"] == "none" and not host["Binds"]
    assert host["Memory"] == host["MemorySwap"] and limits.memory < host["Memory"] < limits.memory + (40 << 20)
    ended = await task
    told = ended.stdout.decode()
    assert "CapEff:\t0000000000000000" in told and "CapBnd:\t0000000000000000" in told
    assert "NoNewPrivs:\t1" in told and "Seccomp:\t2" in told and "Seccomp_filters:\t2" in told
    assert f"uid={USER}(user)" in told and "/var/run/docker.sock" not in told
    assert all("size=" in line for line in told.splitlines() if line.startswith("tmpfs on") and "rw" in line)


async def test_the_supervisor_is_out_of_reach(session: DockerSession) -> None:
    ended = await shell(
        session, "for f in environ mem maps fd/1; do cat /proc/1/$f; done; kill -9 1; kill -STOP 1; exit 0"
    )
    assert ended.ok and ended.stdout == b"" and ended.stderr.count(b"denied") == 4


async def test_its_processor_time_is_counted_together(session: DockerSession) -> None:
    script = "for i in 1 2 3 4; do (while :; do :; done) & done; wait"
    ended = await shell(session, script, limits=Limits(cpu_seconds=1, wall_seconds=40))
    assert ended.verdict is ExecVerdict.timeout and ended.seconds < 20


async def test_what_is_locked_stays(session: DockerSession, workspace: Path) -> None:
    (workspace / "pkg" / "link.py").symlink_to("one.py")
    attempts = {
        "pkg/one.py": "echo x >pkg/one.py; rm -f pkg/one.py; mv pkg p; chmod 777 pkg/one.py; mv pkg/one.py x",
        "pkg": "echo x >pkg/one.py; touch pkg/new; rm -rf pkg; mv pkg p; rm pkg/link.py",
        "pkg/link.py": "echo x >pkg/one.py; rm -f pkg/one.py",
        ".": "touch new; rm a.txt; echo x >pkg/one.py",
    }
    for path, script in attempts.items():
        ended = await shell(session, f"{script}; cat pkg/one.py", read_only=[path])
        assert ended.stdout == b"one = 1\n" and ended.touched == (), path
    for _ in range(2):  # the second finds a spare that is locked already
        script = (
            "echo 2 >pkg/sub/two.py && rm a.txt && echo n >pkg/new && mkdir d && touch d/f && rm -r d && cat pkg/new"
        )
        ended = await shell(session, script, read_only=["pkg/one.py"])
        assert ended.ok and ended.stdout == b"n\n", ended.stderr
        assert ended.touched == ("a.txt", "pkg/new", "pkg/sub/two.py")
    assert (await shell(session, "echo 2 >pkg/one.py")).ok, "a lock is for one run"


async def test_a_lock_holds_what_a_layer_brought(session: DockerSession, tmp_path: Path) -> None:
    (tmp_path / "layer" / "pkg").mkdir(parents=True)
    (tmp_path / "layer" / "pkg" / "one.py").write_text("one = 2\n")
    layer = Layer(root=tmp_path / "layer", deleted=("a.txt",))
    for _ in range(2):
        ended = await shell(session, "cat pkg/one.py; ls; rm pkg/one.py", layer=layer, read_only=["pkg"])
        assert ended.stdout == b"one = 2\npkg\n" and ended.stderr
    ended = await shell(session, "cat pkg/one.py; ls", read_only=["pkg"])
    assert ended.stdout == b"one = 1\na.txt\npkg\n"


async def test_a_spare_is_used_only_for_what_it_fits(session: DockerSession, workspace: Path) -> None:
    files = {"/revet/one": b"1"}
    assert (await shell(session, "cat /revet/one", files=files)).stdout == b"1"
    await session._supply.ready()
    assert (await shell(session, "cat /revet/one", files={"/revet/one": b"2"})).stdout == b"2"
    await session._supply.ready()
    assert (await shell(session, "ls /revet")).stdout == b""
    await session._supply.ready()
    (workspace / "a.txt").write_text("changed\n")
    (workspace / "pkg" / "one.py").unlink()
    assert (await shell(session, "cat a.txt; ls pkg")).stdout == b"changed\nsub\n"
    await session._supply.ready()
    ended = await shell(session, "ulimit -a >/dev/null; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max; true",
                        limits=Limits(processes=5, wall_seconds=40))  # fmt: skip
    assert ended.stdout == b"6\n"


async def test_the_spare_makes_it_quick(session: DockerSession) -> None:
    """What is waited for without one is the engine, and most of that is hidden."""
    quick, slow = [], []
    for _ in range(4):
        await session._supply.ready()
        started = time.monotonic()
        assert (await shell(session, "true")).ok
        quick.append(time.monotonic() - started)
        await session._supply._give_up_spare()
        started = time.monotonic()
        assert (await shell(session, "true")).ok
        slow.append(time.monotonic() - started)
    assert min(quick) < min(slow)


async def test_the_hosts_interpreter_stands_for_the_images(client: Any, workspace: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "bin" / "python"
    elsewhere.parent.mkdir()
    elsewhere.write_text("")
    async with await Docker().open(workspace, python=elsewhere) as session:
        ended = await session.exec([str(elsewhere), "-c", "import sys; print(sys.executable)"], limits=LONG)
        assert ended.ok and b"python3" in ended.stdout
        assert (await session.run_python("result = 6 * 7")).value == 42
    with pytest.raises(InputError, match="no such interpreter"):
        await Docker().open(workspace, python=tmp_path / "missing")


async def test_both_spellings_of_the_workspace_lead_there(client: Any, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(workspace)
    async with await Docker().open(tmp_path / "other") as session:
        ended = await shell(session, f"echo x >{tmp_path}/other/new; cat {workspace}/new; pwd")
        assert ended.stdout.decode() == f"x\n{workspace}\n" and ended.touched == ("new",)
        assert any(name.startswith("revet-") for name in ours(client))
    assert not ours(client)


async def test_a_container_that_is_killed_is_a_crash(client: Any, session: DockerSession) -> None:
    task = asyncio.ensure_future(shell(session, "echo begun; sleep 77"))
    seen = await running(client, session)
    await asyncio.to_thread(client.api.kill, seen["Id"])
    ended = await task
    assert ended.verdict is ExecVerdict.crash and ended.exit_code is None and ended.touched == ()
    assert (await shell(session, "echo next")).stdout == b"next\n"


async def test_a_container_that_is_paused_runs_out_of_time(
    client: Any, session: DockerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "GRACE", 0.5)
    task = asyncio.ensure_future(shell(session, "echo begun; sleep 77", limits=Limits(wall_seconds=2)))
    seen = await running(client, session)
    await asyncio.to_thread(client.api.pause, seen["Id"])
    ended = await task
    assert ended.verdict is ExecVerdict.timeout and ended.seconds < 30
    await session._supply.settle()
    assert seen["Id"] not in ours(client)


async def test_files_on_tmpfs_are_memory(session: DockerSession) -> None:
    """They belong to no process, so the supervisor may be the one that dies of it: that is told by the engine."""
    for script in ("exec dd if=/dev/zero of=/tmp/b bs=1M count=200", "exec dd if=/dev/zero of=b bs=1M count=200"):
        ended = await shell(session, script, limits=Limits(memory=64 << 20, disk=256 << 20, file_size=1 << 30))
        assert ended.verdict is ExecVerdict.oom
    ended = await shell(session, "dd if=/dev/zero of=/tmp/b bs=1M count=9", limits=Limits(disk=8 << 20))
    assert ended.verdict is ExecVerdict.exception and b"No space left" in ended.stderr


def connect_or_close(self: Any) -> None:
    """As the SDK's, which leaves the socket open when nobody listens."""
    self.sock = socket.socket(socket.AF_UNIX)
    try:
        self.sock.connect(self.unix_socket)
    except OSError:
        self.sock.close()
        raise


async def test_an_engine_that_stops_is_told(
    client: Any, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnixHTTPConnection, "connect", connect_or_close)
    wire = Wire(tmp_path / "docker.sock")
    monkeypatch.setenv("DOCKER_HOST", wire.url)
    try:
        session = await Docker().open(workspace)
        names = set(session._supply.names)
        task = asyncio.ensure_future(shell(session, "echo begun; sleep 77"))
        await running(client, session)
        names |= session._supply.names
    finally:
        await asyncio.to_thread(wire.cut)
    with pytest.raises(SandboxBroken, match="it went away") as told:
        await task
    assert "systemctl start docker" in str(told.value)
    with pytest.raises(SandboxBroken):
        await shell(session, "true")
    with pytest.raises(SandboxBroken):
        await session.close()
    await session.close()
    for name in names:
        state = await asyncio.to_thread(client.api.wait, name, 20)
        assert state["StatusCode"] == 0, "the supervisors have ended by themselves"
    deadline = time.monotonic() + 20
    while (left := ours(client)) or time.monotonic() < deadline - 18:  # one may still be in the making
        for name in left:
            engines.remove(client, name)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


KILLED = """
import asyncio, sys
from pathlib import Path
from revet.sandboxes.docker import Docker
from revet.sandboxes import Limits

async def main():
    session = await Docker().open(Path(sys.argv[1]))
    await session.exec(["/bin/sh", "-c", "echo >&$REVET_REPORT; sleep 77"], report=True,
                       on_report=lambda data: print(next(iter(session._running)).id, flush=True))

asyncio.run(main())
"""


def test_what_a_killed_process_left_is_swept(client: Any, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(workspace)  # so that there is a volume with a name
    command = [sys.executable, "-c", KILLED, str(tmp_path / "other")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        assert process.stdout is not None
        name = process.stdout.readline().decode().strip()
        label = f"{process.pid}/"
        assert name in ours(client, label)
        assert name not in sweep(client), "its process lives"
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while client.api.inspect_container(name)["State"]["Running"]:
        assert time.monotonic() < deadline, "the supervisor did not notice that its host is gone"
        time.sleep(0.1)
    assert name in sweep(client)
    assert not ours(client, label)


FORGOTTEN = """
import asyncio, sys
from pathlib import Path
from revet.sandboxes.docker import Docker

async def main():
    global session
    session = await Docker().open(Path(sys.argv[1]))

asyncio.run(main())
"""


def test_a_session_that_nobody_closes_is_removed_at_exit(client: Any, workspace: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", FORGOTTEN, str(workspace)]) as process:
        assert process.wait(60) == 0
    assert not ours(client, f"{process.pid}/")


async def test_a_cancelled_run_leaves_nothing(client: Any, session: DockerSession) -> None:
    for delay in (0.0, 0.02, 0.2, 0.6):
        task = asyncio.ensure_future(shell(session, "sleep 77"))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await session._supply.settle()
    assert len(ours(client)) <= SPARE
    assert (await shell(session, "echo next")).stdout == b"next\n"


async def test_descriptors_and_containers_do_not_pile_up(client: Any, session: DockerSession) -> None:
    before = 0
    for turn in range(6):
        assert (await shell(session, "true", files={"/revet/x": b"x"}, read_only=["a.txt"])).ok
        await session._supply.ready()
        await session._supply.settle()
        assert len(ours(client)) == SPARE
        now = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        before = max(before, now) if turn < 2 else before
        assert now <= before + 2


async def test_a_workspace_that_changes_is_read_again_once(
    session: DockerSession, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = iter([True, False])
    original = packs.content

    def content(stamp: packs.Stamp) -> Iterator[bytes]:
        if next(changes, False):
            raise packs.changed(stamp.source)
        return original(stamp)

    await session._supply._give_up_spare()
    monkeypatch.setattr(packs, "content", content)
    assert (await shell(session, "cat a.txt")).stdout == b"a\n"
    changes = iter([True] * 50)
    await session._supply._give_up_spare()
    with pytest.raises(WorkspaceChanged, match="let nothing else write"):
        await shell(session, "cat a.txt")


# What cannot be had


async def test_an_image_that_is_not_there(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SandboxUnavailable, match="docker pull nothing:here"):
        await Docker("nothing:here").open()
    monkeypatch.setattr("revet.sandboxes.docker.default_tag", lambda: "revet-sandbox:none")
    with pytest.raises(SandboxUnavailable, match="revet sandbox image"):
        await Docker().open()
    found = await Docker().support()
    assert not found.available and "no image" in found.reason and found.hint.endswith("revet sandbox image")


async def test_an_image_without_python(client: Any) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    tag = f"revet-test-empty-{os.getpid()}"
    client.api.import_image_from_data(stream.getvalue(), repository=tag, tag="1")
    try:
        with pytest.raises(SandboxUnavailable, match="has no python3"):
            await Docker(f"{tag}:1").open()
    finally:
        client.images.remove(f"{tag}:1")


async def test_features_and_runtimes(client: Any) -> None:
    found = await Docker().support()
    assert found.available and default_tag() in found.about
    assert found.features.isdisjoint(found.missing) and found.features | set(found.missing) == set(Feature)
    assert {Feature.private_network, Feature.memory_total, Feature.sealed_result} <= found.features
    with pytest.raises(SandboxUnavailable, match="lacks warm_python"):
        await Docker().open(require=["warm_python"])
    with pytest.raises(SandboxUnavailable, match=r"(?s)no runtime 'kata'.*known: .*runc"):
        await Docker(runtime="kata").open()
    async with await Docker(runtime="runc", cpus=0.5, client=client).open() as session:
        assert (await shell(session, "echo hello")).stdout == b"hello\n"
        seen = client.api.inspect_container(next(iter(session._supply.names)))
        assert seen["HostConfig"]["NanoCpus"] == 500_000_000 and seen["HostConfig"]["Runtime"] == "runc"
    assert client.ping(), "a client that was given stays open"
    assert Docker()._choose({"Runtimes": {"runc": {}, "runsc": {}}}) == "runsc"
    assert Docker()._choose({"Runtimes": {"runc": {}}}) is None
    with pytest.raises(InputError, match="cpus"):
        Docker(cpus=0)


def test_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in (f"unix://{tmp_path}/missing", "tcp://127.0.0.1:9"):
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(SandboxUnavailable, match=r"no Docker engine answers\n.*apt install docker\.io"):
            connect()
    monkeypatch.setenv("DOCKER_HOST", "nonsense")
    with pytest.raises(SandboxUnavailable, match="cannot be used"):
        connect()
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(MissingDependency, match=r"pip install 'revet\[docker\]'"):
        connect()


def test_without_the_right_to_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import docker

    def refused(**_: Any) -> Any:
        try:
            raise PermissionError(13, "Permission denied")
        except PermissionError as error:
            raise docker.errors.DockerException(f"Error while fetching server API version: {error}") from error

    monkeypatch.setattr("revet.sandboxes.docker.engine.knock", lambda address: None)  # as if an engine were there
    monkeypatch.setattr(docker, "from_env", refused)
    with pytest.raises(SandboxUnavailable, match="usermod -aG docker"):
        connect()


def test_an_engine_without_room() -> None:
    import docker

    full = docker.errors.APIError("x", explanation="mkdir /var/lib/docker/x: no space left on device")
    with pytest.raises(DiskFull, match="docker system prune"), engines.explained("make a container"):
        raise full
    slow = __import__("requests").exceptions.ReadTimeout("60 s")
    with pytest.raises(SandboxBroken, match="it does not answer"), engines.explained("make a container"):
        raise slow


# The stream


async def test_streams_are_told_apart() -> None:
    near, far = socket.socketpair()
    stream = await Stream.open(near)
    sent = b"\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x03err\x01\0\0\0\0\0\0\x00\x01\0\0\0\0\0\0\x01!"
    heard = b""
    await stream.send(b"there")
    assert far.recv(10) == b"there"
    for byte in sent:
        far.sendall(bytes([byte]))
    far.shutdown(socket.SHUT_WR)
    while data := await stream.receive():
        heard += data
    assert heard == b"hello!" and stream.words() == ": err"
    await stream.send(b"more")  # nobody is there to take it
    stream.close()
    far.close()
    await asyncio.sleep(0)


def test_a_socket_that_is_not_plain_is_relayed() -> None:
    near, far = socket.socketpair()
    closed = threading.Event()
    wrapped = SimpleNamespace(recv=near.recv, sendall=near.sendall, shutdown=near.shutdown, close=near.close)
    ours_ = plain_socket(SimpleNamespace(_sock=wrapped, close=closed.set))
    with ours_, far:
        far.sendall(b"there")
        assert ours_.recv(10) == b"there"
        ours_.sendall(b"back")
        assert far.recv(10) == b"back"
        far.shutdown(socket.SHUT_RDWR)
        assert ours_.recv(10) == b""
    assert closed.wait(10)
