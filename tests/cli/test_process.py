"""`revet` as a process of its own: how quickly it starts, Ctrl-C, pipes, a terminal that is asked."""

from __future__ import annotations

import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from revet.store import Store
from tests.cli.fakes import task_file
from tests.report.samples import committed

ROOT = Path(__file__).resolve().parents[2]
SCRIPTED = """
import json, os, sys
from tests.cli.fakes import World
import revet.cli.tasks
revet.batch.SharedAgents = World(script=json.loads(os.environ["SCRIPT"])).opened
from revet.cli import main
main()
"""


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **more}


def command(*words: str | Path, scripted: bool = True) -> list[str]:
    start = ["-c", SCRIPTED] if scripted else ["-m", "revet"]
    return [sys.executable, *start, *(str(word) for word in words)]


def script(**tasks: str) -> dict[str, str]:
    return environment(SCRIPT=json.dumps(tasks))


def test_help_loads_nothing_heavy_and_is_quick() -> None:
    code = (
        "import sys; sys.argv = ['revet', '--help']\n"
        "from revet.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'langgraph', 'langchain_core', 'yaml', 'sqlite3', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert min(_processor_seconds(command("--help", scripted=False)) for _ in range(3)) < 0.3


def test_show_loads_no_graph(tmp_path: Path) -> None:
    Store(tmp_path / ".revet").save(committed())
    code = (
        "import sys; sys.argv = ['revet', 'show', 'late-fee']\n"
        "from revet.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'langgraph', 'langchain_core'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "What was committed" in done.stdout


def _processor_seconds(words: list[str]) -> float:
    """What the command costs. Wall time would measure whatever else the machine is doing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=environment(), capture_output=True, timeout=30, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def test_bad_input_in_a_process(tmp_path: Path) -> None:
    done = subprocess.run(
        command("run", "nope.yaml", "--json", scripted=False),
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "revet: nope.yaml: the task file does not exist\n  → correct the path\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("color", [{}, {"NO_COLOR": "1", "TERM": "xterm-256color"}])
def test_a_pipe_gets_no_control_characters(tmp_path: Path, color: dict[str, str]) -> None:
    done = subprocess.run(
        command("run", task_file(tmp_path, {"id": "a"})),
        env={**script(), **color},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "✓ committed  a" in done.stdout
    assert "\x1b" not in done.stdout and "\r" not in done.stdout


def test_an_output_that_knows_no_symbols(tmp_path: Path) -> None:
    done = subprocess.run(
        command("run", task_file(tmp_path, {"id": "a"})),
        env={**script(), "PYTHONIOENCODING": "ascii"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "? committed" in done.stdout


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    words = command("run", task_file(tmp_path, {"id": "a"}, {"id": "b"}), "--json")
    with subprocess.Popen(
        words, env=script(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(30)
    assert "Traceback" not in errors


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    """What the process has printed when `words` appear in it."""
    assert process.stdout is not None
    seen = ""
    while words not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    return seen


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_resume_goes_on(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    path = task_file(tmp_path, {"id": "a"}, {"id": "b"}, {"id": "c"})
    words = command("run", path)
    with subprocess.Popen(
        words, env=script(b="hang"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(process, "[b] ")
        process.send_signal(sent)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors == ""
    assert "1 task in" in rest and "1 committed." in rest
    assert f"Stopped. 1 of 3 tasks had ended; the others changed nothing. To go on: revet run {path} --resume" in rest
    store = Store(tmp_path / ".revet")
    assert {row.id: row.outcome for row in store.rows()} == {"a-run": "committed", "b-run": None}
    done = subprocess.run(
        command("run", path, "--resume"),
        env=script(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "had ended before" in done.stdout and "3 committed" in done.stdout


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_right_after_a_commit_tells_of_it(tmp_path: Path, sent: signal.Signals) -> None:
    path = task_file(tmp_path, {"id": "a"}, {"id": "b"})
    with subprocess.Popen(
        command("run", path), env=script(a="commit-hang"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        wait_for(process, "[a] committed late.py")
        process.send_signal(sent)
        rest, _ = process.communicate(timeout=30)
    assert "a-run had just committed late.py. To take that back: revet undo a-run\n" in rest
    assert "Stopped. 0 of 2 tasks had ended; nothing else was changed. To go on: " in rest
    assert (tmp_path / "a" / "late.py").exists()
    done = subprocess.run(command("undo", "a-run"), env=script(), cwd=tmp_path, timeout=30, check=False)
    assert done.returncode == 0
    assert not (tmp_path / "a" / "late.py").exists()


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, words: list[str], env: dict[str, str], folder: Path) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            words,
            env={**env, "TERM": "xterm"},
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, words: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while words not in self.seen:
            assert time.monotonic() < end, self.seen
            if not self._read():
                break
        assert words in self.seen, self.seen

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self.master)
        return self.process.wait(30)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], 30)
        try:
            data = os.read(self.master, 65536) if ready else b""
        except OSError:
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def on_terminal(tmp_path: Path, tasks: dict[str, str], *options: str) -> Terminal:
    path = task_file(tmp_path, *({"id": name} for name in tasks))
    return Terminal(command("run", path, "--approve", "ask", *options), script(**tasks), tmp_path)


@pytest.mark.parametrize(
    ("typed", "code", "outcome"),
    [("y\n", 0, "✓ committed"), ("what?\nno\n", 1, "✗ rejected"), ("\x04", 1, "? asked")],
)
def test_a_person_is_asked(tmp_path: Path, typed: str, code: int, outcome: str) -> None:
    terminal = on_terminal(tmp_path, {"a": "ask"})
    terminal.wait_for("Commit this to the workspace? [y]es [n]o [e]dit [r]espond ")
    assert "return d <= 3" in terminal.seen and "all 9 tests pass" in terminal.seen
    terminal.type(typed)
    assert terminal.end() == code, terminal.seen
    assert outcome in terminal.seen
    assert terminal.seen.count("\x1b[?25l") == terminal.seen.count("\x1b[?25h"), "the cursor comes back"


def test_ctrl_c_at_the_question(tmp_path: Path) -> None:
    terminal = on_terminal(tmp_path, {"a": "ask", "b": "hang"}, "--jobs", "2")
    terminal.wait_for("Commit this to the workspace? [y]es [n]o [e]dit [r]espond ")
    terminal.type("\x03")
    assert terminal.end() == 130, terminal.seen
    assert "Stopped. 0 of 2 tasks had ended" in terminal.seen
    assert "Traceback" not in terminal.seen
    asked = Store(tmp_path / ".revet").get("a-run")
    assert asked.outcome == "asked", "the question can be answered later"


def test_two_questions_come_one_after_the_other(tmp_path: Path) -> None:
    terminal = on_terminal(tmp_path, {"a": "ask", "b": "ask"}, "--jobs", "2")
    question = "Commit this to the workspace? [y]es [n]o [e]dit [r]espond "
    terminal.wait_for(question)
    first = terminal.seen
    assert first.count(question) == 1
    terminal.seen = ""
    terminal.type("y\n")
    terminal.wait_for(question)
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "1 committed, 1 rejected" in terminal.seen
