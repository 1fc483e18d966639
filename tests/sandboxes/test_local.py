"""The local sandbox: what a program sees of the host, and what is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import pytest

import revet.sandboxes.local.probe as probe
import revet.sandboxes.local.seccomp as seccomp
from revet.errors import InputError, SandboxUnavailable, WorkspaceError
from revet.sandboxes import ExecVerdict, Layer, Local, get
from revet.sandboxes.local import LocalSession, features
from revet.sandboxes.local.harvest import legible
from revet.sandboxes.local.python import find_interpreter
from revet.sandboxes.view import View
from tests.sandboxes.inside import SHORT, python, shell

pytestmark = pytest.mark.sandbox


async def test_runs_a_program_and_tells_its_output(session: LocalSession) -> None:
    ended = await shell(session, "echo out; echo err >&2; exit 3")
    assert (ended.verdict, ended.exit_code) == (ExecVerdict.exception, 3)
    assert (ended.stdout, ended.stderr) == (b"out\n", b"err\n")
    assert not ended.ok and not ended.truncated and ended.touched == ()
    assert (await shell(session, "true")).ok


async def test_output_bytes_are_kept_as_they_are(overlaid: LocalSession) -> None:
    ended = await shell(overlaid, r"printf '\377\000\200x'")
    assert ended.stdout == b"\xff\x00\x80x"


async def test_workspace_is_at_its_own_path_and_the_way_it_is(session: LocalSession, workspace: Path) -> None:
    ended = await shell(session, "pwd; cat a.txt pkg/one.py; cd pkg && pwd")
    assert ended.stdout.decode() == f"{workspace}\na\none = 1\n{workspace}/pkg\n"
    ended = await shell(session, "pwd", cwd="pkg/sub")
    assert ended.stdout.decode() == f"{workspace}/pkg/sub\n"


async def test_no_network(overlaid: LocalSession) -> None:
    source = """
import socket
for family, address in ((socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET, ("169.254.169.254", 80))):
    try:
        socket.create_connection(address, timeout=2)
    except OSError as error:
        print(type(error).__name__, error.errno)
try:
    socket.getaddrinfo("example.com", 80)
except OSError as error:
    print("no name")
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
print("loopback works")
"""
    ended = await python(overlaid, source)
    lines = ended.stdout.decode().splitlines()
    assert lines == ["OSError 101", "OSError 101", "no name", "loopback works"], ended.stderr


async def test_environment_holds_nothing_of_the_host(overlaid: LocalSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVET_TEST_SECRET", "hush-4711")
    ended = await shell(overlaid, "env; cat /proc/*/environ /proc/1/cmdline", env={"GIVEN": "yes"})
    text = ended.stdout.decode()
    assert "hush-4711" not in text
    names = {line.split("=")[0] for line in text.split("\0")[0].splitlines() if "=" in line}
    assert {"PATH", "HOME", "LANG", "TMPDIR", "GIVEN"} <= names <= {
        "PATH", "HOME", "LANG", "TMPDIR", "GIVEN", "PWD", "OLDPWD", "_", "SHLVL"
    }  # fmt: skip
    one = await shell(overlaid, "tr '\\0' '\\n' </proc/1/environ")
    assert one.stdout == b""


async def test_inherits_no_descriptor(overlaid: LocalSession, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    with secret.open() as stream:
        os.set_inheritable(stream.fileno(), True)
        ended = await python(overlaid, "import os; print(sorted(os.listdir('/proc/self/fd')))")
    assert ended.stdout == b"['0', '1', '2', '3']\n"  # 3 is the listing itself


async def test_private_files_of_the_host_are_not_there(overlaid: LocalSession) -> None:
    home = Path.home()
    ended = await shell(
        overlaid,
        f"cat /etc/shadow; ls -A {home} | grep -vx .pyenv | head; ls /run /var; cat /proc/sysrq-trigger",
    )
    assert b"root:" not in ended.stdout
    assert b"No such file" in ended.stderr
    assert ".ssh" not in ended.stdout.decode()
    assert {word for word in ended.stdout.decode().split() if "/" not in word} <= {"bin", "tmp", "var", "run"}


async def test_runs_as_an_ordinary_user_without_capabilities(overlaid: LocalSession) -> None:
    ended = await shell(overlaid, "id -u; id -g; id -un; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status")
    lines = ended.stdout.decode().split()
    assert lines[:3] == ["1000", "1000", "user"]
    pairs = dict(zip(lines[3::2], lines[4::2], strict=True))
    assert pairs == {"CapEff:": "0" * 16, "CapBnd:": "0" * 16, "NoNewPrivs:": "1", "Seccomp:": "2"}


async def test_the_hosts_uid_is_dropped(overlaid: LocalSession) -> None:
    task = asyncio.create_task(shell(overlaid, "sleep 20.8151"))
    try:
        uids = set()
        for _ in range(200):
            await asyncio.sleep(0.02)
            for entry in Path("/proc").iterdir():
                try:
                    if entry.name.isdigit() and b"sleep\x0020.8151" in (entry / "cmdline").read_bytes():
                        uids.add(entry.stat().st_uid)
                except OSError:
                    continue
            if uids:
                break
        assert uids and 0 not in uids
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_system_is_read_only(overlaid: LocalSession) -> None:
    places = (
        "/usr/x",
        "/etc/x",
        "/x",
        "/dev/x",
        "/var/x",
        "/run/x",
        f"{sys.prefix}/x",
        "/etc/passwd",
        "/proc/sys/kernel/hostname",
    )
    ended = await shell(overlaid, "; ".join(f"echo x 2>/dev/null >{place} && echo {place}" for place in places))
    assert ended.stdout == b""
    ended = await shell(overlaid, "echo x >/tmp/x && echo y >/dev/shm/y && cat /tmp/x /var/tmp/x /dev/shm/y")
    assert ended.stdout == b"x\nx\ny\n"
    again = await shell(overlaid, "ls -A /tmp/x /dev/shm")
    assert again.stdout == b"/dev/shm:\n"


async def test_own_interpreter_and_its_packages_work(overlaid: LocalSession) -> None:
    source = "import sys, pydantic, pytest, sqlite3, ssl, ctypes; print(sys.executable, sys.prefix)"
    ended = await overlaid.exec(["python", "-c", source])
    executable, prefix = ended.stdout.decode().split()
    assert prefix == sys.prefix, ended.stderr
    assert Path(executable).parent == Path(sys.executable).parent


async def test_environment_in_the_workspace_works(sandbox: Local, workspace: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", workspace / ".venv"], check=True)
    site = next((workspace / ".venv" / "lib").glob("python3*")) / "site-packages"
    (site / "only_here.py").write_text("x = 'found'\n")
    async with await sandbox.open(workspace, python=workspace / ".venv" / "bin" / "python") as session:
        ended = await session.exec(["python", "-c", "import sys, only_here; print(sys.prefix, only_here.x)"])
    assert ended.stdout.decode().split() == [str(workspace / ".venv"), "found"], ended.stderr


async def test_environment_elsewhere_behind_links_works(sandbox: Local, workspace: Path, tmp_path: Path) -> None:
    real = tmp_path / "real env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", real], check=True)
    (tmp_path / "env").symlink_to("real env")
    chosen = tmp_path / "env" / "bin" / "python"
    async with await sandbox.open(workspace, python=chosen) as session:
        ended = await session.exec([str(chosen), "-c", "import sys; print(sys.executable)"])
        assert ended.stdout.decode().strip() == str(chosen), ended.stderr
        ended = await session.exec(["python", "-c", "import json; print(json.dumps('ok'))"])
        assert ended.stdout == b'"ok"\n'


def test_interpreter_links_show_no_other_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "bin").mkdir(parents=True)
    (private / "bin" / "python").write_text("#!/bin/sh\n")
    (private / "secret").write_text("hush")
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text(f"home = {private}/bin\n")
    (tmp_path / "env" / "bin" / "python").symlink_to(private / "bin" / "python")
    found = find_interpreter(tmp_path / "env" / "bin" / "python")
    assert private not in found.shown
    with pytest.raises(InputError, match="not part of a Python"):
        find_interpreter(private / "bin" / "python")
    with pytest.raises(InputError, match="no such interpreter"):
        find_interpreter(tmp_path / "none")


async def test_threads_processes_and_sockets_work(overlaid: LocalSession) -> None:
    source = """
import asyncio, multiprocessing, socket, subprocess, sys, tempfile, threading
def double(x): return 2 * x
async def run():
    p = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=-1)
    return (await p.communicate())[0]
if __name__ == "__main__":
    a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
    t = threading.Thread(target=print, args=("thread",)); t.start(); t.join()
    with multiprocessing.Pool(2) as pool: print(pool.map(double, [1, 2]))
    with multiprocessing.Manager() as m: print(list(m.list([1])))
    print(asyncio.run(run()), subprocess.check_output(["echo", "sub"]))
"""
    ended = await overlaid.exec(["python", "/revet/m.py"], files={"/revet/m.py": source.encode()}, limits=SHORT)
    assert ended.stdout.decode().splitlines() == ["thread", "[2, 4]", "[1]", "b'1\\n' b'sub\\n'"], ended.stderr


async def test_pytest_runs_inside(overlaid: LocalSession, workspace: Path) -> None:
    (workspace / "test_it.py").write_text("from pkg.one import one\ndef test_it(tmp_path):\n    assert one == 1\n")
    ended = await overlaid.exec(["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"], limits=SHORT)
    assert ended.ok and b"1 passed" in ended.stdout, ended.stdout + ended.stderr


async def test_dangerous_calls_are_refused(overlaid: LocalSession) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are x86_64's")
    source = """
import ctypes, errno, fcntl, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    result = libc.syscall(*[ctypes.c_long(a) for a in args])
    print(name, errno.errorcode[ctypes.get_errno()] if result < 0 else "done")
call("unshare_user", 272, 0x10000000)
call("setns", 308, 0, 0)
call("clone_newuser", 56, 0x10000000 | 17, 0, 0, 0, 0)
call("clone3", 435, 0, 0)
call("ptrace", 101, 0, 0, 0, 0)
call("keyctl", 250, 0, -3, 1)
call("io_uring", 425, 1, 0)
call("bpf", 321, 0, 0, 0)
call("mount", 165, 0, 0, 0, 0, 0)
call("userfaultfd", 323, 0)
call("memfd", 319, 0, 0)
call("shmget", 29, 0, 4096, 0o1600)
call("semget", 64, 0, 32000, 0o1600)
call("msgget", 68, 0, 0o1600)
call("mq_open", 240, ctypes.addressof(ctypes.create_string_buffer(b"q")), 0o102, 0o600, 0)
call("x32_getpid", 0x40000000 | 39)
call("tiocsti", 16, 0, 0x5412, 0)
call("tiocsti_high", 16, 0, 0x100005412, 0)
for family in (16, 17, 38, 40):
    try: socket.socket(family, socket.SOCK_DGRAM); print(family, "done")
    except OSError as error: print(family, errno.errorcode[error.errno])
"""
    ended = await python(overlaid, source)
    got = dict(line.split() for line in ended.stdout.decode().splitlines())
    missing = {"clone3", "io_uring", "memfd", "shmget", "semget", "msgget", "mq_open"}
    families = {"16", "17", "38", "40"}
    assert len(got) == 22, ended.stderr
    assert {name for name, end in got.items() if end == "ENOSYS"} == missing
    assert {name for name, end in got.items() if end == "EAFNOSUPPORT"} == families
    assert {name for name, end in got.items() if end == "EPERM"} == got.keys() - missing - families


def test_filters_are_well_formed_for_both_machines() -> None:
    for machine, local_sockets in product(("x86_64", "aarch64"), (True, False)):
        program = seccomp.filter_program(machine, local_sockets=local_sockets)
        assert len(program) % 8 == 0 and len(program) // 8 < 4096
        assert program[-8:] == seccomp.step(seccomp.RETURN, seccomp.ALLOW)
        steps = [program[at : at + 8] for at in range(0, len(program), 8)]
        for at, step in enumerate(steps):
            if step[0] & 0x07 == 0x05:
                assert at + 1 + max(step[2], step[3]) < len(steps)
    assert not seccomp.supported("riscv64")


async def test_bad_arguments_are_input_errors(overlaid: LocalSession, tmp_path: Path) -> None:
    for options in (
        {"cwd": "../x"},
        {"cwd": "/etc"},
        {"cwd": "missing"},
        {"cwd": "a.txt"},
        {"read_only": ["../x"]},
        {"files": {"/etc/passwd": b""}},
        {"files": {"/revet/../etc/passwd": b""}},
        {"files": {"relative": b""}},
        {"files": {"/revet/a\0b": b""}},
        {"files": {"/revet/a/b/c": b"", "/revet/a": b""}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x\0"}},
        {"layer": Layer(root=tmp_path / "none")},
        {"layer": Layer(root=tmp_path, deleted=("../x",))},
    ):
        with pytest.raises(InputError):
            await shell(overlaid, "true", **options)
    for argv in ([], [""], ["a\0b"]):
        with pytest.raises(InputError):
            await overlaid.exec(argv)


async def test_bad_workspaces_are_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for place, words in (
        (tmp_path / "none", "no such"),
        (file, "not a folder"),
        (tmp_path / "dangling", "not a folder"),
    ):
        with pytest.raises(WorkspaceError, match=words):
            await Local().open(place)
    for name in ("/", "/usr", "/etc/ssl", "/proc/self"):
        with pytest.raises(WorkspaceError, match="folder of the system"):
            await Local().open(Path(name))


async def test_bwrap_that_does_not_work_makes_the_sandbox_unavailable(tmp_path: Path, workspace: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    for place, words in (
        (broken, "No permissions to create new namespace"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(SandboxUnavailable, match=words) as caught:
            await Local(bwrap=place).open(workspace)
        assert "sandbox" in str(caught.value.hint)


async def test_bwrap_that_hangs_or_is_mended_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bwrap"
    place.write_text("#!/bin/sh\nexec sleep 60\n")
    place.chmod(0o755)
    monkeypatch.setattr(probe, "PROBE_SECONDS", 0.3)
    sandbox = Local(bwrap=place)
    support = await sandbox.support()
    assert not support.available and "did not answer" in support.reason
    monkeypatch.undo()
    working = features()
    assert working.available, working.reason
    place.unlink()
    place.symlink_to(working.bwrap)
    support = await sandbox.support()
    assert support.available, support.reason


@pytest.mark.parametrize("chosen", [True, False])
async def test_var_tmp_can_hold_everything(chosen: bool, sandbox: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr("tempfile.tempdir", folder)
        async with await sandbox.open(Path(folder) if chosen else None) as session:
            ended = await shell(session, "cd -P . && pwd; echo x >x && cat x", cwd=".")
            assert ended.stdout.decode() == f"{session.workspace}\nx\n", ended.stderr
            assert (await session.run_python("import os; result = os.getcwd()")).value == str(session.workspace)


async def test_a_narrow_umask_shuts_nobody_out(sandbox: Local, workspace: Path) -> None:
    (workspace / ".revet").mkdir()
    before = os.umask(0o077)
    try:
        async with await sandbox.open(workspace) as session:
            ended = await shell(session, "cat a.txt /revet/d/f; id -un; umask", files={"/revet/d/f": b"f\n"})
        async with await sandbox.open(None) as session:
            assert (await shell(session, "echo x >x && cat x")).stdout == b"x\n"
    finally:
        os.umask(before)
    assert ended.stdout == b"a\nf\nuser\n0022\n", ended.stderr


async def test_unavailable_hosts_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert "needs Linux" in (probe.refusal() or ("",))[0]
    monkeypatch.undo()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(probe, "has_capabilities", lambda *_: False)
    assert "CAP_SYS_ADMIN" in (probe.refusal() or ("",))[0]
    monkeypatch.setattr(probe, "setting", lambda name: {"user/max_user_namespaces": "0"}.get(name))
    assert "user.max_user_namespaces" in probe.advice(True)
    monkeypatch.setattr(probe, "setting", lambda name: {"kernel/unprivileged_userns_clone": "0"}.get(name))
    assert "kernel.unprivileged_userns_clone=1" in probe.advice(True)


def test_features_say_what_works() -> None:
    found = features()
    assert found.available and found.seccomp and Path(found.bwrap).exists() and found.version[0].isdigit()


def test_get_knows_local_and_names_what_it_knows() -> None:
    assert get("local").name == "local"
    with pytest.raises(InputError, match="did you mean local"):
        get("locl")


def test_view_agrees_with_itself(workspace: Path, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "new").touch()
    (workspace / "out").symlink_to("/etc")
    (workspace / "loop").symlink_to("loop")
    view = View(workspace, Layer(root=root, deleted=("pkg/sub", "out/passwd")))
    assert sorted(view.below(".")) == ["a.txt", "loop", "out", "pkg", "pkg/new", "pkg/one.py"]
    assert view.find("out/passwd") is None and view.resolve("out/passwd") is None
    assert view.resolve("loop") is None and view.resolve("pkg/../a.txt") == "a.txt"
    assert view.resolve("pkg/../../x") is None
    assert view.deleted == {"pkg/sub"}
    assert legible({"b", os.fsdecode(b"\xff")}) == ("\\xff", "b")
