"""Warm Python: what a piece of code gives and gets, its limits, and that nothing of it meets the next one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.sandboxes import ExecVerdict, Limits, Local, PythonResult
from revet.sandboxes.local import LocalSession, features
from tests.sandboxes.inside import MIB

pytestmark = pytest.mark.sandbox

SHORT = Limits(wall_seconds=20, cpu_seconds=20)


@pytest.fixture
async def warm() -> AsyncIterator[LocalSession]:
    """A session with one interpreter, so that each piece of code comes after another in the same."""
    async with await Local(workers=1).open(limits=SHORT) as session:
        yield session
        assert session._pool.workers <= 1


async def value(session: LocalSession, code: str, data: object = None, **options: object) -> object:
    ended = await session.run_python(code, data, **options)  # type: ignore[arg-type]
    assert ended.verdict is ExecVerdict.ok, ended
    return ended.value


async def test_value_output_and_errors_come_back(warm: LocalSession) -> None:
    ended = await warm.run_python("print('a'); import sys; print('b', file=sys.stderr); result = [data, 1.5]", {"ü": 1})
    assert (ended.verdict, ended.exit_code, ended.value) == (ExecVerdict.ok, 0, [{"ü": 1}, 1.5])
    assert (ended.stdout, ended.stderr, ended.report, ended.truncated) == (b"a\n", b"b\n", b"", False)
    assert ended.error is None and ended.seconds < 20
    assert PythonResult.model_validate(ended.model_dump()) == ended
    ended = await warm.run_python("x = 1\ndef f():\n    raise KeyError('k')\nprint('before')\nf()")
    assert (ended.verdict, ended.exit_code, ended.stdout) == (ExecVerdict.exception, 1, b"before\n")
    assert ended.error is not None and (ended.error.type, ended.error.line) == ("KeyError", 3)
    assert "line 5, in <module>" in ended.error.traceback
    assert await value(warm, "answer = 42", returns="answer") == 42
    assert await value(warm, "pass") is None


async def test_source_as_bytes_and_what_cannot_be_compiled(warm: LocalSession) -> None:
    assert await value(warm, "# coding: latin-1\nresult = 'ü'".encode("latin-1")) == "ü"  # type: ignore[arg-type]
    for code in ("x =", "\0", "def f(:", "result = " + "(" * 5000, "é" * 10 + "\ud800"):
        ended = await warm.run_python(code)
        assert ended.verdict in (ExecVerdict.exception, ExecVerdict.oom) and ended.error is not None, code[:20]


async def test_bad_arguments_are_refused(warm: LocalSession) -> None:
    with pytest.raises(InputError, match="JSON"):
        await warm.run_python("pass", {1, 2})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="name"):
        await warm.run_python("pass", returns="a b")
    async with await Local(preload=("json", "no_such_module")).open() as session:
        with pytest.raises(InputError, match="no_such_module"):
            await session.run_python("pass")


@pytest.mark.parametrize("made", ["{1}", "object()", "float('nan')", "'\\ud800'", "[[]] * 3 + [b'x']", "10 ** 5000"])
async def test_only_json_comes_back(warm: LocalSession, made: str) -> None:
    ended = await warm.run_python(f"result = {made}\nprint('ran')")
    assert ended.verdict is ExecVerdict.exception and ended.value is None
    assert ended.error is not None and "result" in ended.error.message
    assert ended.stdout == b"ran\n"


async def test_large_code_data_and_results(warm: LocalSession) -> None:
    text = "x" * (3 * MIB)
    assert await value(warm, f"a = {text!r}\nresult = [len(a), data]", text) == [len(text), text]
    ended = await warm.run_python("result = 'x' * 2_000_000", limits=Limits(report=MIB))
    assert ended.verdict is ExecVerdict.output_limit and ended.truncated


async def test_standard_input(warm: LocalSession) -> None:
    read = "import sys; result = len(sys.stdin.buffer.read())"
    assert await value(warm, read) == 0
    for size in (1, 70_000, 3 * MIB):
        assert await value(warm, read, stdin=b"\xff" * size) == size
    write = "import os; result = []\nfor act in (lambda: os.write(0, b'x'), lambda: os.ftruncate(0, 9)):\n"
    write += "    try: act(); result.append(1)\n    except OSError: pass"
    assert await value(warm, write, stdin=b"abc") == []


async def test_ends_are_told_as_they_were(warm: LocalSession) -> None:
    cases: dict[str, tuple[ExecVerdict, int | None, int | None]] = {
        "import os; os._exit(139)": (ExecVerdict.exception, 139, None),
        "import os; os._exit(0)": (ExecVerdict.exception, 0, None),
        "import os; os.abort()": (ExecVerdict.signal, None, 6),
        "import os; os.kill(os.getpid(), 9)": (ExecVerdict.signal, None, 9),
        "import os; os.kill(os.getpid(), 15)": (ExecVerdict.signal, None, 15),
        "import ctypes; ctypes.string_at(0)": (ExecVerdict.signal, None, 11),
        "import os; os.kill(os.getpid(), 31)": (ExecVerdict.denied, None, 31),
        "raise SystemExit(0)": (ExecVerdict.exception, 1, None),
        "raise KeyboardInterrupt": (ExecVerdict.exception, 1, None),
        "open('/etc/passwd', 'w')": (ExecVerdict.denied, 1, None),
        "import os; os.mount": (ExecVerdict.exception, 1, None),
        "def f(): f()\nf()": (ExecVerdict.exception, 1, None),
    }
    for code, wanted in cases.items():
        ended = await warm.run_python(code)
        assert (ended.verdict, ended.exit_code, ended.signal) == wanted, code


async def test_clocks(warm: LocalSession) -> None:
    for code in ("while True: pass", "import time; time.sleep(99)", "import time; time.time = time.monotonic = int"):
        spin = f"import signal\nfor n in (2, 15, 24): signal.signal(n, signal.SIG_IGN)\nprint('on', flush=True)\n{code}"
        ended = await warm.run_python(f"{spin}\nwhile True: pass", limits=Limits(wall_seconds=0.4))
        assert (ended.verdict, ended.exit_code, ended.stdout) == (ExecVerdict.timeout, None, b"on\n")
    for code in ("while True: pass", "import signal; signal.signal(24, signal.SIG_IGN)\nwhile True: pass"):
        ended = await warm.run_python(code, limits=Limits(wall_seconds=30, cpu_seconds=1))
        assert ended.verdict is ExecVerdict.timeout and ended.seconds < 25
    if features().own_process_count and warm._groups is not None:
        many = "import os\nfor _ in range(6): os.fork()\nwhile True: pass"
        ended = await warm.run_python(many, limits=Limits(wall_seconds=30, cpu_seconds=2))
        assert ended.verdict is ExecVerdict.timeout and ended.seconds < 25
    assert await value(warm, "result = 1") == 1


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_floods_are_cut_and_killed(warm: LocalSession, stream: str) -> None:
    flood = f"import sys\nwhile True: sys.{stream}.write('0123456789' * 1000)"
    ended = await warm.run_python(flood, limits=Limits(wall_seconds=20, output=5000))
    assert (ended.verdict, ended.truncated) == (ExecVerdict.output_limit, True)
    assert getattr(ended, stream) == b"0123456789" * 500
    ended = await warm.run_python("print('x' * 4999)", limits=Limits(output=5000))
    assert ended.ok and len(ended.stdout) == 5000
    ended = await warm.run_python("print('x' * 5000)", limits=Limits(output=5000))
    assert ended.verdict is ExecVerdict.output_limit and len(ended.stdout) == 5000
    slow = "import os, time\nfor _ in range(50): os.write(1, b'x' * 4000); time.sleep(0.002)\nresult = 1"
    ended = await warm.run_python(slow)
    assert ended.ok and len(ended.stdout) == 200_000


async def test_memory_processes_files_and_disk_are_limited(warm: LocalSession) -> None:
    ended = await warm.run_python("x = bytearray(10 ** 9)", limits=Limits(memory=256 * MIB))
    assert ended.verdict is ExecVerdict.oom
    fork = (
        "import os, time\nn = 0\ntry:\n    while n < 99:\n        if os.fork() == 0: time.sleep(99)\n        n += 1\n"
    )
    fork += "except OSError: pass\nresult = n"
    for most in (10, 20):
        made = await value(warm, fork, limits=Limits(processes=most, wall_seconds=20))
        assert isinstance(made, int) and most - 4 <= made <= most
    ended = await warm.run_python("open('x', 'wb').write(bytes(2 * 2**20))", limits=Limits(file_size=MIB))
    assert ended.error is not None and "File too large" in ended.error.message
    ended = await warm.run_python("x = [open('/dev/null') for _ in range(40)]", limits=Limits(open_files=32))
    assert ended.error is not None and "Too many open files" in ended.error.message
    async with await Local(workers=1).open(limits=Limits(disk=16 * MIB)) as small:
        for place in ("/tmp/x", "/dev/shm/x", "x"):
            ended = await small.run_python(f"f = open('{place}', 'wb')\nwhile True: f.write(bytes(10**6))")
            assert ended.error is not None and "No space left" in ended.error.message, place


async def test_memory_of_all_processes_together(warm: LocalSession) -> None:
    if warm._groups is None:
        pytest.skip("no control groups can be made here")
    many = "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(b'x') * (60 << 20)\n"
    many += "        time.sleep(20)\nx = bytearray(b'x') * (60 << 20)\ntime.sleep(3)\nresult = 1"
    ended = await warm.run_python(many, limits=Limits(memory=128 * MIB, wall_seconds=20))
    assert ended.verdict in (ExecVerdict.oom, ExecVerdict.ok)
    assert await value(warm, "result = 2", limits=Limits(memory=512 * MIB)) == 2


LEAVES = """
import builtins, json, os, sys, time, subprocess
builtins.print = json.dumps = None
sys.modules["json"] = sys.modules["poison"] = sys
os.environ["POISON"] = "1"
open("/tmp/poison", "w").write("x"); open("/dev/shm/poison", "w").write("x"); open("poison", "w").write("x")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
time.sleep(0.05)
"""
LOOKS = """
import os, sys, json
result = {
    "modules": "poison" in sys.modules, "environment": "POISON" in os.environ,
    "files": [os.path.exists(p + "poison") for p in ("/tmp/", "/dev/shm/", "")],
    "processes": sorted(int(p) for p in os.listdir("/proc") if p.isdigit()), "me": [os.getpid(), os.getppid()],
    "json": json.dumps([1]),
    "tmp": [p for p in os.listdir("/tmp") if not p.startswith("revet-scratch") and p not in sys.prefix],
    "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd")),
}
print("here")
"""


async def test_nothing_meets_the_next_one(warm: LocalSession) -> None:
    await warm.run_python(LEAVES)
    found = await value(warm, LOOKS)
    assert found == {
        "modules": False,
        "environment": False,
        "files": [False] * 3,
        "processes": [1, 2],
        "me": [2, 0],
        "json": "[1]",
        "tmp": [],
        "descriptors": [0, 1, 2, 3, 4],  # the fourth is the listing's own
    }


REACHES = """
import os, signal
result = []
def attempt(act):
    try: act(); result.append("done")
    except (OSError, ProcessLookupError) as error: result.append(error.errno)
for path in ("mem", "environ", "fd/3", "root/", "ns/mnt"):
    attempt(lambda: os.close(os.open(f"/proc/1/{path}", os.O_RDONLY)))
attempt(lambda: open("/proc/self/mem", "rb"))
attempt(lambda: open("/proc/1/oom_score_adj", "w").write("0"))
for number in (2, 9, 15, 19): os.kill(1, number)
os.kill(0, 18)
"""


async def test_the_server_is_out_of_reach(warm: LocalSession) -> None:
    before = (await warm.run_python("pass"), warm._pool.workers)
    assert before[0].ok
    worker = next(iter(warm._pool._workers))
    for code in ("import os; os.kill(-1, 9)", "import os; os.kill(os.getppid(), 9)", "import os; os.killpg(0, 9)"):
        ended = await warm.run_python(code)
        assert ended.verdict in (ExecVerdict.exception, ExecVerdict.signal), code  # nobody is there, or itself
    assert await value(warm, REACHES) == [13] * 7
    assert (await warm.run_python("result = 1")).value == 1
    assert warm._pool._workers == {worker}


async def test_rights_are_gone(warm: LocalSession) -> None:
    status = await value(warm, "result = open('/proc/self/status').read()")
    lines = dict(line.split(":\t", 1) for line in str(status).splitlines() if ":\t" in line)
    assert {lines[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert (lines["NoNewPrivs"], lines["Seccomp"]) == ("1", "2")
    calls = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nresult = []\n"
    calls += "for act in (lambda: libc.unshare(0x10000000), lambda: libc.mount(b'x', b'/tmp', b'tmpfs', 0, None),\n"
    calls += "            lambda: libc.syscall(56, 0x20000011, 0, 0, 0, 0), lambda: libc.setns(0, 0),\n"
    calls += "            lambda: libc.ptrace(0, 0, 0, 0), lambda: libc.umount2(b'/tmp', 2)):\n"
    calls += "    result.append([act(), ctypes.get_errno()])"
    assert await value(warm, calls) == [[-1, 1]] * 6


async def test_workspace_is_seen_and_not_changed(workspace: Path) -> None:
    (workspace / ".revet").mkdir()
    (workspace / ".revet" / "secret").write_text("x")
    async with await Local(workers=1).open(workspace) as session:
        look = "import os; result = [os.getcwd(), sorted(os.listdir('.')), os.listdir('.revet')]"
        seen = [str(workspace), [".revet", "a.txt", "pkg"], []]
        assert await value(session, look) == seen
        change = "import os, shutil; open('a.txt', 'w').write('b'); shutil.rmtree('pkg'); open('new', 'w')"
        change += "\nos.chmod('.', 0o700); result = [sorted(os.listdir('.')), open('a.txt').read()]"
        assert await value(session, change) == [[".revet", "a.txt", "new"], "b"]
        assert await value(session, look) == seen
        assert (workspace / "a.txt").read_text() == "a\n" and (workspace / "pkg" / "one.py").exists()
        assert await value(session, "import pkg.one; result = pkg.one.one") == 1
        (workspace / "b.txt").write_text("new")
        await value(session, "pass")
        assert await value(session, "result = open('b.txt').read()") == "new"


async def test_changes_of_the_session_and_other_disks_are_run_cold(workspace: Path) -> None:
    async with await Local(workers=1).open(workspace) as session:
        assert await value(session, "result = open('a.txt').read()") == "a\n"
        assert await value(session, "result = 1", limits=Limits(disk=8 * MIB)) == 1
        await session.write("a.txt", b"session")
        assert await value(session, "result = open('a.txt').read()") == "session"


async def test_preloaded_modules_are_there() -> None:
    async with await Local(preload=("fractions", "concurrent.futures"), workers=1).open() as session:
        code = "import sys; result = ['fractions' in sys.modules, 'concurrent.futures' in sys.modules]"
        assert await value(session, code) == [True, True]
        draws = [await value(session, "import random; result = random.random()") for _ in range(3)]
        assert len(set(map(str, draws))) == 3


def test_any_bytes_as_code_input_and_output() -> None:
    """Whatever it is, it comes back, and the next piece of code runs."""
    runner = asyncio.Runner()
    session = runner.run(Local(workers=1).open(limits=Limits(wall_seconds=5)))
    echo = "import sys, os; os.write(1, sys.stdin.buffer.read()); os.write(2, bytes.fromhex(data)); result = data"

    @given(st.binary(max_size=2000), st.binary(max_size=2000), st.text(max_size=200))
    @settings(deadline=None, max_examples=40)
    def check(first: bytes, second: bytes, text: str) -> None:
        ended = runner.run(session.run_python(first))
        assert ended.verdict in ExecVerdict and ended.verdict is not ExecVerdict.crash
        ended = runner.run(session.run_python(echo, second.hex(), stdin=first))
        assert (ended.ok, ended.stdout, ended.stderr) == (True, first, second)
        try:
            json.dumps(text, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return
        assert runner.run(session.run_python("result = data", text)).value == text

    try:
        check()
    finally:
        runner.run(session.close())
        runner.close()


def test_runs_under_the_oldest_python_that_is_promised() -> None:
    """Guest code is parsed as Python 3.8 here; it is run under others where they are."""
    import ast

    folder = Path(sys.modules["revet"].__file__ or "").parent / "sandboxes" / "_guest"
    for name in ("start.py", "forkserver.py", "ground.py", "snippet.py", "orders.py"):
        ast.parse((folder / name).read_text(), feature_version=(3, 8))
