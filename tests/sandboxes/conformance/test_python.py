"""`run_python`: values in and out, how it fails, and that each piece of code is alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.sandboxes.base import ExecVerdict, Layer, Limits, Session
from tests.sandboxes.conformance.running import LONG, MIB, snippet

VALUES: list[Any] = [None, True, 0, -(2**53), 1.5, "", "☃ \x00\ud7ff", [], [1, [2]], {"a": {"b": [None]}}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_data_goes_in_and_a_value_comes_out(session: Session, value: Any) -> None:
    ended = await snippet(session, "result = [data, data]", value)
    assert (ended.verdict, ended.exit_code, ended.value) == (ExecVerdict.ok, 0, [value, value]), ended.stderr
    assert ended.error is None and ended.report == b""


async def test_the_variable_that_comes_back_can_be_named(session: Session) -> None:
    assert (await snippet(session, "answer = 42; result = 1", returns="answer")).value == 42
    ended = await snippet(session, "answer = 42", returns="other")
    assert ended.ok and ended.value is None
    assert (await snippet(session, "pass")).value is None
    for name in ("a b", "", "1a", "a.b"):
        with pytest.raises(InputError):
            await session.run_python("pass", returns=name)


@pytest.mark.parametrize("data", [{1}, b"x", object(), float("nan"), float("inf")], ids=repr)
async def test_data_that_is_not_json_is_refused(session: Session, data: Any) -> None:
    with pytest.raises(InputError):
        await session.run_python("pass", data)


@pytest.mark.parametrize("code", ["{1, 2}", "b'x'", "object()", "float('nan')", "lambda: 1", "{(1, 2): 3}", "1j"])
async def test_a_value_that_is_not_json_is_an_exception(session: Session, code: str) -> None:
    ended = await snippet(session, f"result = {code}")
    assert ended.verdict is ExecVerdict.exception and ended.value is None
    assert ended.error is not None and "JSON" in ended.error.message


async def test_output_comes_back(session: Session) -> None:
    code = "import os, sys\nprint('out')\nprint('err', file=sys.stderr)\nos.write(1, bytes([0, 255, 10]))"
    ended = await snippet(session, code)
    assert ended.ok and sorted(ended.stdout.splitlines()) == [b"\x00\xff", b"out"] and ended.stderr == b"err\n"


async def test_an_error_is_told_with_its_line(session: Session) -> None:
    ended = await snippet(session, "x = 1\n\ndef f():\n    return 1 / 0\n\nprint('before')\nf()\nprint('after')\n")
    assert (ended.verdict, ended.stdout, ended.value) == (ExecVerdict.exception, b"before\n", None)
    assert ended.exit_code != 0 and ended.error is not None
    assert (ended.error.type, ended.error.line) == ("ZeroDivisionError", 4)
    assert "division by zero" in ended.error.message and "line 7" in ended.error.traceback
    ended = await snippet(session, "x = 1\nif x\n")
    assert ended.error is not None and (ended.error.type, ended.error.line) == ("SyntaxError", 2)
    ended = await snippet(session, "class Mine(Exception): pass\nraise Mine('a', 2)")
    assert ended.error is not None and (ended.error.type, ended.error.line) == ("Mine", 2)


@pytest.mark.parametrize("code", ["import sys; sys.exit(0)", "raise SystemExit", "exit()", "import os; os._exit(0)"])
async def test_code_that_ends_its_process_has_not_run_to_its_end(session: Session, code: str) -> None:
    ended = await snippet(session, f"result = 'passed'\n{code}\nassert False")
    assert (ended.verdict, ended.value) == (ExecVerdict.exception, None)
    assert ended.error is not None and "before its end" in ended.error.message


async def test_exit_codes_are_told(session: Session) -> None:
    ended = await snippet(session, "import os; os._exit(7)")
    assert (ended.verdict, ended.exit_code) == (ExecVerdict.exception, 7)


async def test_standard_input_is_given_then_ends(session: Session) -> None:
    text = bytes(range(256)) * 500
    code = "import sys\nresult = list(sys.stdin.buffer.read())"
    ended = await snippet(session, code, stdin=text)
    assert bytes(ended.value) == text  # type: ignore[arg-type]
    assert (await snippet(session, code)).value == []
    ended = await snippet(session, "result = [input(), input()]", stdin=b"one\ntwo\n")
    assert ended.value == ["one", "two"]


async def test_it_starts_in_the_workspace_and_can_import_from_it(session: Session, workspace: Path) -> None:
    ended = await snippet(
        session, "import os\nfrom pkg.one import one\nresult = [os.getcwd(), one, sorted(os.listdir())]"
    )
    assert ended.value == [str(workspace), 1, ["a.txt", "empty", "link", "pkg", "tool.sh"]], ended


async def test_what_it_writes_is_gone_afterwards(session: Session) -> None:
    write = "for path in ('new', '/tmp/new', 'a.txt'):\n    open(path, 'w').write('x')\nresult = open('new').read()"
    assert (await snippet(session, write)).value == "x"
    look = "import os\nresult = [os.path.exists('new'), os.path.exists('/tmp/new'), open('a.txt').read()]"
    assert (await snippet(session, look)).value == [False, False, "a\n"]


async def test_a_layer_is_seen(session: Session, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "one.py").write_text("one = 'layered'\n")
    code = "import os\nfrom pkg.one import one\nresult = [one, os.path.exists('a.txt')]"
    assert (await snippet(session, code, layer=Layer(root=root, deleted=("a.txt",)))).value == ["layered", False]
    assert (await snippet(session, code)).value == [1, True]


async def test_each_piece_of_code_is_alone(session: Session) -> None:
    first = "import builtins, json, os, sys\nbuiltins.left = json.left = 1"
    first += "\nsys.path.append('left')\nos.environ['LEFT'] = '1'"
    assert (await snippet(session, first)).ok
    look = "import builtins, json, os, sys\nresult = [hasattr(builtins, 'left'), hasattr(json, 'left')]"
    look += "\nresult += ['left' in sys.path, 'LEFT' in os.environ, 'left' in globals()]"
    assert (await snippet(session, look)).value == [False] * 5


async def test_it_looks_like_a_program(session: Session) -> None:
    code = "import sys\nresult = [__name__, sys.argv[1:], 'data' in globals(), sys.version_info >= (3, 8)]"
    assert (await snippet(session, code, 1)).value == ["__main__", [], True, True]


@pytest.mark.parametrize(
    ("code", "limits", "verdict"),
    [
        ("while True: pass", {"wall_seconds": 1.5}, ExecVerdict.timeout),
        ("import time; time.sleep(50)", {"wall_seconds": 1.5}, ExecVerdict.timeout),
        ("while True: pass", {"cpu_seconds": 1}, ExecVerdict.timeout),
        ("while True: print('x' * 1000)", {"output": 5000}, ExecVerdict.output_limit),
        (f"x = bytearray({1024 * MIB})", {"memory": 256 * MIB}, ExecVerdict.oom),
        ("x = []\nwhile True: x.append(bytearray(1 << 22))", {"memory": 256 * MIB}, ExecVerdict.oom),
        ("import ctypes; ctypes.string_at(0)", {}, ExecVerdict.signal),
        ("open('/etc/passwd', 'a')", {}, ExecVerdict.denied),
        ("open('/usr/x', 'w')", {}, ExecVerdict.denied),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", {}, ExecVerdict.denied),
        ("import os; os.chroot('/tmp')", {}, ExecVerdict.denied),
    ],
)
async def test_verdicts(session: Session, code: str, limits: dict[str, Any], verdict: ExecVerdict) -> None:
    ended = await snippet(session, f"print('so far', flush=True)\n{code}", limits=LONG.model_copy(update=limits))
    assert ended.verdict is verdict, ended
    assert ended.stdout.startswith(b"so far\n") and ended.value is None
    assert ended.truncated == (verdict is ExecVerdict.output_limit)


async def test_open_files_and_file_size_are_limited(session: Session) -> None:
    limits = Limits(wall_seconds=60, open_files=32, file_size=MIB)
    ended = await snippet(session, "x = [open('/dev/null') for _ in range(40)]", limits=limits)
    assert ended.error is not None and "Too many open files" in ended.error.message
    ended = await snippet(session, f"open('/tmp/x', 'wb').write(bytes({2 * MIB}))", limits=limits)
    assert ended.error is not None and "File too large" in ended.error.message


async def test_processes_are_limited(session: Session) -> None:
    code = """
import os, time
result = 0
try:
    while result < 200:
        if os.fork() == 0: time.sleep(50)
        result += 1
except OSError:
    pass
"""
    ended = await snippet(session, code, limits=LONG.model_copy(update={"processes": 20}))
    assert isinstance(ended.value, int) and 8 <= ended.value <= 24, ended


async def test_threads_processes_and_sockets_work(session: Session) -> None:
    code = """
import socket, subprocess, sys, threading
a, b = socket.socketpair(); a.send(b"x")
got = []
t = threading.Thread(target=got.append, args=(b.recv(1).decode(),)); t.start(); t.join()
result = got + [subprocess.check_output(["/bin/sh", "-c", "echo sub"]).decode()]
result += [subprocess.check_output([sys.executable, "-I", "-S", "-c", "print(6 * 7)"]).decode()]
"""
    ended = await snippet(session, code)
    assert ended.value == ["x", "sub\n", "42\n"], ended


async def test_code_may_be_bytes_in_an_encoding_of_its_own(session: Session) -> None:
    assert (await snippet(session, "# coding: latin-1\nresult = 'é'".encode("latin-1"))).value == "é"
    assert (await snippet(session, "result = 'é☃'")).value == "é☃"
    assert (await snippet(session, b"\xef\xbb\xbfresult = 1")).value == 1


async def test_a_large_piece_of_code_and_large_data_are_no_trouble(session: Session) -> None:
    ended = await snippet(session, "# " + "x" * MIB + "\nresult = len(data)", "y" * (2 * MIB))
    assert ended.value == 2 * MIB, ended.stderr
