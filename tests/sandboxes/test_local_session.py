"""What a local session keeps, what it demands, and how it answers bad input and a bad host."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError

import revet.sandboxes.local.places as places
import revet.sandboxes.local.probe as probe
from revet.errors import (
    DiskFull,
    InputError,
    SandboxBroken,
    SandboxUnavailable,
    WorkspaceChanged,
    WorkspaceError,
)
from revet.sandboxes import ExecVerdict, Feature, Layer, Limits, Local, Network, get
from revet.sandboxes.local import LocalSession
from revet.sandboxes.trees import remove_tree
from revet.sandboxes.view import View
from tests.sandboxes.inside import MIB, SHORT, descriptors, python, shell, snapshot

pytestmark = pytest.mark.sandbox


async def test_what_a_run_keeps_later_runs_see(session: LocalSession, workspace: Path) -> None:
    before = snapshot(workspace)
    script = (
        "echo b >a.txt; rm pkg/one.py; mkdir -p new/deep; echo x >new/deep/x; chmod 750 new/deep/x; ln -s new/deep l"
    )
    ended = await shell(session, script, keep=True)
    assert ended.ok and ended.refused == ()
    assert ended.touched == ("a.txt", "l", "new", "new/deep", "new/deep/x", "pkg/one.py")
    assert (await shell(session, "cat a.txt l/x; ls pkg; echo lost >a.txt")).stdout == b"b\nx\nsub\n"
    assert (await shell(session, "cat a.txt")).stdout == b"b\n"
    assert await session.read("l/x") == b"x\n"
    assert [(entry.name, entry.kind, entry.mode & 0o777) for entry in await session.list("new/deep")] == [
        ("x", "file", 0o750)
    ]
    assert (await session.changes()).deleted == ("pkg/one.py",)
    again = await shell(session, "rm -r new pkg; echo c >>a.txt; mkdir pkg; echo >pkg/q", keep=True)
    assert again.refused == () and await session.read("a.txt") == b"b\nc\n"
    assert [entry.name for entry in await session.list("pkg")] == ["q"]
    assert (await shell(session, "find . | sort")).stdout.split() == [b".", b"./a.txt", b"./l", b"./pkg", b"./pkg/q"]
    assert snapshot(workspace) == before


async def test_a_run_without_keep_or_change_keeps_nothing(session: LocalSession) -> None:
    await shell(session, "echo x >x; rm a.txt")
    await shell(session, "cat a.txt >/dev/null; touch -r a.txt pkg; : >>a.txt", keep=True)
    layer = await session.changes()
    assert not layer.deleted and not [p for p in layer.root.rglob("*") if p.is_file() and p.read_bytes() != b"a\n"]


@pytest.mark.parametrize("end", ["exit 3", "kill -9 $$", "sleep 60", "yes"])
async def test_what_was_changed_is_kept_however_the_run_ends(session: LocalSession, end: str) -> None:
    limits = Limits(wall_seconds=1.5, output=1000)
    ended = await shell(session, f"echo kept >k; {end}", keep=True, limits=limits)
    assert not ended.ok and await session.read("k") == b"kept\n"


async def test_hostile_leavings_are_refused_with_reasons(session: LocalSession, workspace: Path) -> None:
    source = r"""
import os, socket
os.mkfifo("fifo")
s = socket.socket(socket.AF_UNIX); s.bind("sock")
os.symlink("/etc/passwd", "absolute"); os.symlink("../../x", "up"); os.symlink("a.txt", "fine")
for name in (b"new\nline", b"\xff", b"esc\x1b[2J"): open(name, "w").close()
with open("sparse", "wb") as f: f.truncate(40 << 20)
with open("big", "wb") as f: f.write(bytes(3 << 20))
open("suid", "w").write("x"); os.chmod("suid", 0o6755)
os.makedirs(".git/hooks"); open(".git/hooks/pre-commit", "w").write("x"); open("sitecustomize.py", "w").write("x")
os.makedirs(".revet", exist_ok=True)
try: open(".revet/journal", "w").write("x")
except OSError: pass
os.link("suid", "hard"); os.mkdir("shut"); open("shut/in", "w").write("y"); os.chmod("shut/in", 0); os.chmod("shut", 0)
"""
    (workspace / ".revet").mkdir()
    limits = Limits(wall_seconds=20, file_size=50 * MIB, disk=64 * MIB)
    ended = await python(session, source, keep=True, limits=limits)
    assert ended.ok, ended.stderr
    refused = {one.path: one.reason for one in ended.refused}
    assert refused.keys() == {"fifo", "sock", "absolute", "up", "new\\nline", "\\xff", "esc\\x1b[2J"}
    names = {entry.name for entry in await session.list()}
    assert names == {"a.txt", "pkg", "fine", "sparse", "big", "suid", ".git", "sitecustomize.py", "hard", "shut"}
    root = (await session.changes()).root
    assert (root / "suid").stat().st_mode & 0o7777 == 0o755 and (root / "suid").stat().st_uid == os.geteuid()
    assert await session.read(".git/hooks/pre-commit") == b"x" and await session.read("shut/in") == b"y"
    assert ".revet/journal" not in ended.touched
    ended = await shell(session, "truncate -s 1M a; truncate -s 2M b", keep=True, limits=Limits(disk=2 * MIB))
    assert [(one.path, "limit on the disk" in one.reason) for one in ended.refused] in ([("a", True)], [("b", True)])


async def test_a_layer_and_own_changes_do_not_mix(session: LocalSession, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    root.mkdir()
    (root / "a.txt").write_text("layer")
    layer = Layer(root=root)
    assert (await shell(session, "cat a.txt", layer=layer)).stdout == b"layer"
    await session.write("b", b"1")
    with pytest.raises(InputError, match="layer cannot be combined"):
        await shell(session, "true", layer=layer)


async def test_runs_at_once_keep_what_each_changed(session: LocalSession) -> None:
    await session.write("shared", b"0")
    ends = await asyncio.gather(
        *(shell(session, f"cat shared; echo {n} >f{n}; mkdir -p d; echo {n} >d/{n}", keep=True) for n in range(5))
    )
    assert all(ended.ok and ended.stdout == b"0" for ended in ends), [ended.stderr for ended in ends]
    assert sorted([entry.name for entry in await session.list("d")]) == list("01234")
    assert [await session.read(f"f{n}") for n in range(5)] == [f"{n}\n".encode() for n in range(5)]


async def test_an_empty_workspace_can_be_written(sandbox: Local) -> None:
    async with await sandbox.open() as session:
        await session.write("d/x.py", b"print(6 * 7)")
        assert (await session.exec(["python", "d/x.py"], limits=SHORT)).stdout == b"42\n"
        assert [entry.name for entry in await session.list()] == ["d"]


async def test_default_limits_are_the_sessions(workspace: Path) -> None:
    async with await Local().open(workspace, limits=Limits(output=10)) as session:
        ended = await session.exec(["sh", "-c", "echo 0123456789012345"])
        assert ended.verdict is ExecVerdict.output_limit and ended.stdout == b"0123456789"
        assert (await session.exec(["sh", "-c", "echo 0123456789012345"], limits=SHORT)).ok


async def test_closed_sessions_say_so(workspace: Path) -> None:
    session = await Local().open(workspace)
    await session.close()
    for call in (session.read("a.txt"), session.write("b", b""), session.list(), session.changes(),
                 session.exec(["true"]), session.run_python("1")):  # fmt: skip
        with pytest.raises(SandboxBroken, match="closed"):
            await call


async def test_a_workspace_that_is_gone_is_told(sandbox: Local, workspace: Path) -> None:
    async with await sandbox.open(workspace) as session:
        remove_tree(workspace)
        with pytest.raises(WorkspaceError, match="gone"):
            await session.exec(["true"])


async def test_no_program_reaches_the_sandboxs_first_process(overlaid: LocalSession) -> None:
    source = """
import os
for path in ("/proc/1/mem", "/proc/1/fd", "/proc/1/root", "/proc/1/task/1/mem"):
    try: os.open(path, os.O_RDONLY); print(path, "open")
    except OSError as error: print(error.strerror)
try: os.mkdir("/proc/1/x")
except OSError as error: print(error.strerror)
"""
    ended = await python(overlaid, source)
    assert ended.stdout.decode().splitlines() == ["No such file or directory"] * 4 + ["Read-only file system"]


async def test_sigsys_is_a_denial(overlaid: LocalSession) -> None:
    ended = await python(overlaid, "import os; os.kill(os.getpid(), 31)")
    assert (ended.verdict, ended.signal) == (ExecVerdict.denied, 31)


async def test_a_shared_network_reaches_loopback_and_no_local_socket(workspace: Path) -> None:
    source = """
import asyncio, socket, sys
a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1))
for family in (socket.AF_UNIX, socket.AF_NETLINK, 40):
    try: socket.socket(family, socket.SOCK_DGRAM); print("made")
    except OSError as error: print(error.errno)
print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).recv(10))
async def run():
    process = await asyncio.create_subprocess_exec("echo", "1", stdout=-1)
    return (await process.communicate())[0]
print(asyncio.run(run()))
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        argv = ["python", "-c", source, str(server.getsockname()[1])]
        async with await Local().open(workspace, network=Network.full) as session:
            task = asyncio.create_task(session.exec(argv, limits=SHORT))
            client, _ = await asyncio.get_running_loop().run_in_executor(None, server.accept)
            client.sendall(b"hello")
            client.close()
            ended = await task
            refused = str(errno.EAFNOSUPPORT)
            assert ended.stdout.decode().split() == ["b'x'", *[refused] * 3, "b'hello'", "b'1\\n'"], ended.stderr
            ended = await shell(session, "cat /etc/nsswitch.conf /etc/resolv.conf")
            assert b"hosts: files dns" in ended.stdout
        server.settimeout(0.2)
        async with await Local().open(workspace) as session:
            assert b"refused" in (await session.exec(argv, limits=SHORT)).stderr


async def test_no_pair_of_sockets_sends_to_the_hosts(workspace: Path) -> None:
    source = """
import socket, sys
for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    try:
        a, b = socket.socketpair(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
        print("pair")
        a.sendto(b"out", "\\0" + sys.argv[1])
    except OSError as error: print(error.errno)
"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("")
        server.setblocking(False)
        argv = ["python", "-c", source, server.getsockname()[1:].decode()]
        async with await Local().open(workspace, network=Network.full) as session:
            ended = await session.exec(argv, limits=SHORT)
        refused = str(errno.ESOCKTNOSUPPORT)
        assert ended.stdout.decode().split()[:3] == [refused, refused, "pair"], ended.stderr
        with pytest.raises(BlockingIOError):
            server.recv(10)


async def test_every_feature_is_there_or_its_absence_explained(sandbox: Local) -> None:
    support = await sandbox.support()
    assert support.available and support.about.startswith("bubblewrap ")
    assert support.features.isdisjoint(support.missing) and support.features | support.missing.keys() == set(Feature)
    assert all(support.missing.values()) and Feature.own_kernel in support.missing
    assert {Feature.private_network, Feature.private_processes, Feature.syscall_filter} <= support.features


async def test_features_can_be_demanded(workspace: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=r"lacks own_kernel.*host's kernel"):
        await Local().open(workspace, require=[Feature.own_kernel])
    with pytest.raises(SandboxUnavailable, match=r"lacks no_copy.*switched off"):
        await Local(overlay=False, require=["no_copy"]).open(workspace)
    with pytest.raises(InputError, match="no sandbox has a feature 'speed'"):
        await Local().open(workspace, require=["speed"])
    session = await Local(require=[Feature.syscall_filter]).open(workspace, require=["private_network"])
    await session.close()


async def test_support_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    support = await Local(bwrap=tmp_path / "none").support()
    assert not support.available and "No such file" in support.reason and support.hint
    assert support.missing.keys() == set(Feature)

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(probe, "_known", {})
    monkeypatch.setattr(tempfile, "gettempdir", none)
    support = await Local().support()
    assert not support.available and "No usable temporary" in support.reason and "TMPDIR" in support.hint
    with pytest.raises(SandboxUnavailable, match="No usable temporary"):
        await Local().open()
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="needs Linux"):
        await Local().open()


async def test_hosts_without_control_groups_say_so(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> None:
    monkeypatch.setattr(probe, "_known", {})
    monkeypatch.setattr(probe, "find_place", lambda: "nobody handed one down")
    support = await Local().support()
    assert support.missing[Feature.memory_total] == "nobody handed one down"
    assert {Feature.memory_total, Feature.cpu_total} <= support.missing.keys()
    async with await Local().open(workspace) as session:
        assert (await shell(session, "echo fine")).stdout == b"fine\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [("dockr", "did you mean docker"), ("", "known: docker, e2b, local"), ("local:x", "write local"),
     ("docker:", "write docker:IMAGE"), ("LOCAL", "known")],
)  # fmt: skip
def test_unknown_sandboxes_are_input_errors(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        get(name)


@pytest.mark.parametrize("field", sorted(Limits.model_fields))
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_must_be_positive(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        Limits(**{field: value})


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_full_disk_is_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await Local(overlay=False).open(workspace) as session:
        counts = descriptors()
        with monkeypatch.context() as patch:
            patch.setattr(places, "build_tree", full)
            with pytest.raises(DiskFull, match="the disk is full under"):
                await shell(session, "true")
        assert descriptors() == counts and (await shell(session, "true")).ok
    async with await Local().open(workspace) as session:
        with monkeypatch.context() as patch:
            patch.setattr(places, "give", full)
            patch.setattr("revet.sandboxes.local.session.make_files", full)
            with pytest.raises(DiskFull) as caught:
                await shell(session, "true", files={"/revet/x": b""})
        assert "TMPDIR" in str(caught.value.hint)
    with monkeypatch.context() as patch:
        patch.setattr(places, "Scratch", full)
        with pytest.raises(DiskFull):
            await Local().open(workspace)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
@pytest.mark.parametrize("overlay", [True, False])
async def test_a_really_full_disk(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlay: bool
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    await Local(overlay=overlay).support()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=1777", "tmpfs", small], check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        # pytest's own folders are shut to the user that programs run as.
        monkeypatch.setattr(places, "passable", lambda _: True)
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        async with await Local(overlay=overlay).open() as session:
            with pytest.raises(DiskFull, match="small"):
                await session.write("big", bytes(MIB))
            with pytest.raises(DiskFull):
                await session.exec(["true"], files={"/revet/big": bytes(MIB)})
        (small / "fill").write_bytes(bytes(400 * 1024))
        try:
            (small / "more").write_bytes(bytes(MIB))
        except OSError:
            pass
        with pytest.raises(DiskFull):
            await Local(overlay=overlay).open()
        assert sorted(place.name for place in small.iterdir()) == ["fill", "more"]
    finally:
        subprocess.run(["umount", small], check=True)


async def test_a_workspace_that_changes_while_it_is_copied(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, changes = places.build_tree, [0]

    def building(view: View, target: Path, owner: int | None) -> list[tuple[Path, int]]:
        shut = build(view, target, owner)
        if changes[0]:
            changes[0] -= 1
            (workspace / "a.txt").write_text(f"now {changes[0]}\n")
        return shut

    monkeypatch.setattr(places, "build_tree", building)
    async with await Local(overlay=False).open(workspace) as session:
        changes[0] = 1
        assert (await shell(session, "cat a.txt")).stdout == b"now 0\n"
        changes[0] = 9
        with pytest.raises(WorkspaceChanged, match=r"a\.txt"):
            await shell(session, "cat a.txt")
        changes[0] = 0
        assert (await shell(session, "cat a.txt")).ok

    def vanishing(view: View, target: Path, owner: int | None) -> list[tuple[Path, int]]:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(workspace / "b"))

    monkeypatch.setattr(places, "build_tree", vanishing)
    async with await Local(overlay=False).open(workspace) as session:
        with pytest.raises(WorkspaceChanged, match="b"):
            await shell(session, "true")


async def test_a_copy_is_capped_too(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    support = await Local(overlay=False).support()
    if Feature.capped_disk not in support.features:
        pytest.skip(support.missing[Feature.capped_disk])
    (workspace / "large").write_bytes(bytes(3 * MIB))
    limits = Limits(wall_seconds=20, disk=4 * MIB)
    async with await Local(overlay=False).open(workspace, require=[Feature.capped_disk]) as session:
        ended = await shell(session, "head -c 3M /dev/zero >x && echo fits; head -c 9M /dev/zero >y", limits=limits)
        assert ended.stdout == b"fits\n" and b"No space left" in ended.stderr
        monkeypatch.setattr("revet.sandboxes.local.session.fits_in_memory", lambda _: False)
        with pytest.raises(DiskFull, match="must be capped"):
            await shell(session, "true")
    async with await Local(overlay=False).open(workspace) as session:
        assert (await shell(session, "cat a.txt")).stdout == b"a\n"


async def test_cancelling_a_copy_leaves_nothing(workspace: Path) -> None:
    for number in range(400):
        (workspace / f"f{number}").write_text("x")
    async with await Local(overlay=False).open(workspace) as session:
        assert (await shell(session, "true")).ok
        counts = descriptors()
        for delay in (0.0, 0.02, 0.05):
            task = asyncio.create_task(shell(session, "sleep 60"))
            await asyncio.sleep(delay)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert descriptors() == counts
        assert (await shell(session, "ls | wc -l")).stdout.split() == [b"402"]


async def test_python_runs_and_returns_json(session: LocalSession, workspace: Path) -> None:
    done = await session.run_python("import os; result = {'data': data, 'here': os.getcwd()}", [1, None])
    assert done.ok and done.value == {"data": [1, None], "here": str(workspace)}, done
    assert sys.executable
    await session.write("a.txt", b"own")
    done = await session.run_python("answer = open('a.txt').read()", returns="answer")
    assert done.value == "own"
    done = await session.run_python("x = 1\nraise ValueError('no')")
    assert done.verdict is ExecVerdict.exception and done.error is not None and done.error.line == 2
