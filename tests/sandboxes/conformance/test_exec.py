"""`exec`: how a program is started, what it is given, what comes back."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from revet.errors import InputError
from revet.sandboxes.base import ExecVerdict, Layer, Session
from tests.sandboxes.conformance.running import LONG, MIB, python, shell

GIVEN = {"PATH", "HOME", "LANG", "TMPDIR", "MINE"}
# What shells and Python set for themselves.
HARMLESS = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}


async def test_output_and_status_come_back(session: Session) -> None:
    ended = await shell(session, "echo out; echo err >&2; exit 3")
    assert (ended.verdict, ended.exit_code, ended.signal) == (ExecVerdict.exception, 3, None)
    assert (ended.stdout, ended.stderr, ended.report) == (b"out\n", b"err\n", b"")
    assert not ended.ok and not ended.truncated and ended.touched == () and ended.seconds >= 0
    ended = await shell(session, "true")
    assert ended.ok and (ended.verdict, ended.exit_code) == (ExecVerdict.ok, 0)


@pytest.mark.parametrize("code", [1, 2, 77, 124, 125, 126, 127, 128, 255])
async def test_exit_codes_are_told(session: Session, code: int) -> None:
    ended = await shell(session, f"exit {code}")
    assert (ended.verdict, ended.exit_code, ended.signal) == (ExecVerdict.exception, code, None)


@pytest.mark.parametrize("code", [134, 137, 139, 143])
async def test_exit_codes_that_look_like_signals_are_exit_codes(session: Session, code: int) -> None:
    ended = await shell(session, f"exit {code}")
    assert (ended.verdict, ended.exit_code, ended.signal) == (ExecVerdict.exception, code, None)


@pytest.mark.parametrize("number", [6, 9, 11, 15])
async def test_signals_are_told(session: Session, number: int) -> None:
    ended = await shell(session, f"kill -{number} $$; sleep 5")
    assert (ended.verdict, ended.signal) == (ExecVerdict.signal, number)


async def test_words_reach_the_program_as_they_are(session: Session) -> None:
    words = ["a b", "", "$HOME", "'\"", "new\nline", "*", "naïve ☃", "-n", "\\"]
    source = "import sys, os; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    ended = await session.exec([sys.executable, "-I", "-S", "-c", source, *words], limits=LONG)
    assert ended.stdout == "\0".join(words).encode(), ended.stderr


async def test_a_long_list_of_words_is_no_trouble(session: Session) -> None:
    ended = await session.exec(["/bin/sh", "-c", "echo $#", "sh", *["word" * 20] * 1000], limits=LONG)
    assert ended.stdout == b"1000\n", ended.stderr


async def test_environment_is_minimal_and_what_is_added(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVET_TEST_SECRET", "hush-4711")
    source = "import os, json; print(json.dumps(dict(os.environ)))"
    ended = await python(session, source, env={"MINE": "a=b ☃\n"})
    names = dict(json.loads(ended.stdout))
    assert names["MINE"] == "a=b ☃\n"
    assert names.keys() >= GIVEN and names.keys() <= GIVEN | HARMLESS
    assert "hush-4711" not in ended.stdout.decode()
    ended = await shell(session, "echo $LANG:$TMPDIR", env={"LANG": "C"})
    assert ended.stdout.startswith(b"C:/"), "what is added comes before what is there"


async def test_it_starts_where_it_is_told(session: Session, workspace: Path) -> None:
    assert session.workspace == workspace.resolve()
    assert (await shell(session, "pwd")).stdout.decode() == f"{workspace}\n"
    assert (await shell(session, "pwd; cat two.py", cwd="pkg/sub")).stdout.decode() == f"{workspace}/pkg/sub\ntwo = 2\n"


async def test_standard_input_is_given_then_ends(session: Session) -> None:
    assert (await shell(session, "cat; echo end")).stdout == b"end\n"
    text = bytes(range(256)) * 2000
    ended = await shell(session, "cat", stdin=text, limits=LONG.model_copy(update={"output": 2 * MIB}))
    assert ended.ok and ended.stdout == text
    assert (await shell(session, "exec <&-; exit 0", stdin=text * 4)).ok, "nobody need read it"


async def test_bytes_are_kept_as_they_are(session: Session) -> None:
    ended = await python(session, "import os\nfor fd in (1, 2): os.write(fd, bytes(range(256)))")
    assert (ended.stdout, ended.stderr) == (bytes(range(256)),) * 2


async def test_what_cannot_be_started_is_a_result(session: Session) -> None:
    ended = await session.exec(["no-such-program", "x"], limits=LONG)
    assert (ended.verdict, ended.exit_code) == (ExecVerdict.exception, 127)
    assert b"no-such-program" in ended.stderr
    for path in ("./a.txt", "./pkg"):
        ended = await session.exec([path], limits=LONG)
        assert (ended.verdict, ended.exit_code) == (ExecVerdict.exception, 126), path
        assert b"enied" in ended.stderr
    assert (await session.exec(["./tool.sh"], limits=LONG)).stdout == b"tool\n"


async def test_the_interpreter_is_found_by_its_path_on_the_host(session: Session) -> None:
    ended = await session.exec(
        [sys.executable, "-c", "import json, sqlite3, ssl, ctypes, zlib; print(6 * 7)"], limits=LONG
    )
    assert ended.stdout == b"42\n", ended.stderr
    ended = await session.exec(["python", "-c", "print(6 * 7)"], limits=LONG)
    assert ended.stdout == b"42\n", ended.stderr


async def test_pytest_runs_inside(session: Session) -> None:
    test = b"def test_it(tmp_path):\n    (tmp_path / 'x').touch()\n    from pkg.one import one\n    assert one == 1\n"
    ended = await session.exec(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "/revet/test_it.py"],
        files={"/revet/test_it.py": test},
        env={"PYTHONPATH": "."},
        limits=LONG,
    )
    assert ended.ok and b"1 passed" in ended.stdout, ended.stdout + ended.stderr


REPORTER = """
import os, time
fd = int(os.environ["REVET_REPORT"])
for part in (b"one ", b"two ", b"\\xff\\0three"):
    os.write(fd, part)
    time.sleep(0.3)
print("out")
"""


async def test_the_report_comes_as_it_is_written(session: Session) -> None:
    arrived: list[tuple[float, bytes]] = []
    ended = await python(session, REPORTER, on_report=lambda chunk: arrived.append((time.monotonic(), chunk)))
    assert ended.report == b"one two \xff\0three" == b"".join(chunk for _, chunk in arrived)
    assert ended.stdout == b"out\n"
    assert len(arrived) > 1 and arrived[-1][0] - arrived[0][0] > 0.2
    assert (await python(session, REPORTER, report=True)).report == ended.report


async def test_without_a_report_there_is_no_channel(session: Session) -> None:
    ended = await shell(session, "env; ls /proc/self/fd")
    assert b"REVET_REPORT" not in ended.stdout


async def test_a_listeners_error_is_raised_once_the_program_is_dead(session: Session) -> None:
    def listen(chunk: bytes) -> None:
        raise ZeroDivisionError("listener")

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError, match="listener"):
        await shell(session, "echo x >&$REVET_REPORT; sleep 50", on_report=listen)
    assert time.monotonic() - started < 40
    assert (await shell(session, "echo fine")).stdout == b"fine\n"


async def test_extra_files_are_there_and_read_only(session: Session) -> None:
    files = {"/revet/run.py": b"print('hi')\n", "/revet/a/b": b"\x00\xff"}
    script = f"{sys.executable} /revet/run.py; cat /revet/a/b; echo x >/revet/run.py; touch /revet/x /revet/a/b"
    ended = await session.exec([sys.executable, "/revet/run.py"], files=files, limits=LONG)
    assert ended.stdout == b"hi\n", ended.stderr
    ended = await shell(session, script.split("; ", 1)[1], files=files)
    assert ended.stdout == b"\x00\xff" and ended.stderr
    ended = await shell(session, "echo x >/revet/run.py; cat /revet/run.py", files=files)
    assert ended.stdout == b"print('hi')\n"
    assert (await shell(session, "ls /revet/*")).stdout == b"", "they are gone afterwards"


@pytest.mark.parametrize(
    "options",
    [
        {"cwd": "../x"},
        {"cwd": "/etc"},
        {"cwd": "missing"},
        {"cwd": "a.txt"},
        {"read_only": ["../x"]},
        {"files": {"/etc/passwd": b""}},
        {"files": {"/revet/../etc/passwd": b""}},
        {"files": {"relative": b""}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x\0"}},
        {"env": {"": "x"}},
        {"layer": Layer(root=Path("/nowhere/at/all"))},
        {"layer": Layer(root=Path(), deleted=("../x",))},
    ],
    ids=str,
)
async def test_bad_arguments_are_input_errors(session: Session, options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        await shell(session, "true", **options)


@pytest.mark.parametrize("argv", [[], [""], ["a\0b"]], ids=str)
async def test_bad_commands_are_input_errors(session: Session, argv: list[str]) -> None:
    with pytest.raises(InputError):
        await session.exec(argv)
