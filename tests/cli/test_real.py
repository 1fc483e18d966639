"""The command line against the real loop, in the real sandbox."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revet.store import Store
from tests.cli.test_process import command, environment, wait_for

pytestmark = pytest.mark.sandbox

CODE = """\
def fee(days, grace=3, cents=50):
    \"\"\"The fee for a book that is `days` late.\"\"\"
    if days < grace:
        return 0
    return days * cents
"""
TESTS = """\
from late import fee

def test_in_time(): assert fee(0) == 0
def test_last_day_of_grace(): assert fee(3) == 0
def test_late(): assert fee(4) == 200
"""
UNFIXABLE = "from late import fee\n\ndef test_poem(): assert fee(4) == 'Shall I compare thee to a summer day?'\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with one bug, under git."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "late.py").write_text(CODE)
    (folder / "test_late.py").write_text(TESTS)
    (folder / ".gitignore").write_text("__pycache__/\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, env=environment(GIT_CONFIG_GLOBAL="/dev/null"))
    return folder


def status(folder: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "status", "--porcelain"], check=True, capture_output=True, text=True
    )
    return done.stdout


def revet(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words, scripted=False),
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_fix_show_undo(shop: Path, tmp_path: Path) -> None:
    done = revet(tmp_path, "fix", "shop", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert line["outcome"] == "committed"
    assert line["checks"] == [{"command": "pytest -q", "outcome": "passed", "failing": 0, "tests": 3}]
    assert "before: 1 of 3 tests fails: test_last_day_of_grace" in done.stderr
    assert "days <= grace" in (shop / "late.py").read_text()
    assert status(shop) == " M late.py\n"
    assert "To take it back: revet undo shop-" in revet(tmp_path, "show", line["run"]).stdout
    done = revet(tmp_path, "undo", "shop")
    assert done.returncode == 0, done.stderr
    assert (shop / "late.py").read_text() == CODE and status(shop) == ""
    assert revet(tmp_path, "undo", "shop").returncode == 1


def test_nothing_to_repair(shop: Path, tmp_path: Path) -> None:
    (shop / "late.py").write_text(CODE.replace("<", "<="))
    done = revet(tmp_path, "fix", "shop/late.py")
    assert done.returncode == 0, done.stderr
    assert "✓ answered  late" in done.stdout
    assert "Nothing to repair: every required check passes as it is." in done.stdout


def test_an_abstention_changes_nothing_and_says_why(shop: Path, tmp_path: Path) -> None:
    (shop / "test_late.py").write_text(UNFIXABLE)
    before = status(shop)
    done = revet(tmp_path, "fix", "shop", "--rounds", "0", "--seconds", "3")
    assert done.returncode == 1, done.stderr
    assert "– abstained  shop" in done.stdout
    assert "1 of 1 test still fails" in " ".join(done.stdout.split())
    assert status(shop) == before and (shop / "late.py").read_text() == CODE


def test_ctrl_c_leaves_nothing_and_resume_goes_on(shop: Path, tmp_path: Path) -> None:
    before = status(shop)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    words = command("fix", "shop", scripted=False)
    with subprocess.Popen(
        words,
        env=environment(TMPDIR=str(scratch)),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(process, "Make the failing checks pass.")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "Stopped. 0 of 1 tasks had ended" in rest
    assert status(shop) == before
    assert list(scratch.iterdir()) == []
    (row,) = Store(tmp_path / ".revet").rows()
    done = revet(tmp_path, "fix", "shop", "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == row.id
    assert "days <= grace" in (shop / "late.py").read_text()


KILLED = """
import os, signal
from revet.actions import journal
from revet.report.live import PlainReport
heard = PlainReport.heard
def die(): os.kill(os.getpid(), signal.SIGKILL)
def step(name): name == "prepared.json durable" and IN_THE_MIDDLE and die()
def dies(self, task, event): event.type == "committed" and die() or heard(self, task, event)
journal._step, PlainReport.heard = step, dies
from revet.cli import main
main()
"""


@pytest.mark.parametrize("in_the_middle", [False, True])
def test_what_was_killed_at_its_commit_can_be_undone(shop: Path, tmp_path: Path, in_the_middle: bool) -> None:
    program = KILLED.replace("IN_THE_MIDDLE", str(in_the_middle))
    done = subprocess.run(
        [sys.executable, "-c", program, "fix", "shop"],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (killed,) = Store(tmp_path / ".revet").rows()
    assert killed.outcome is None
    if not in_the_middle:
        again = revet(tmp_path, "fix", "shop", "--json")
        assert json.loads(again.stdout)["outcome"] == "answered", "the commit was whole"
    undone = revet(tmp_path, "undo", killed.id)
    assert undone.returncode == 0, undone.stderr
    assert ("recovered: commit" in undone.stderr) is in_the_middle
    assert (shop / "late.py").read_text() == CODE and status(shop) == ""


def test_an_approval_may_come_later(shop: Path, tmp_path: Path) -> None:
    done = revet(tmp_path, "fix", "shop", "--approve", "ask")
    assert done.returncode == 1, done.stderr
    assert "? asked  shop" in done.stdout and "shop waits for your answer" in done.stdout
    assert (shop / "late.py").read_text() == CODE
    done = revet(tmp_path, "fix", "shop", "--approve", "auto", "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ committed  shop" in done.stdout
    assert "days <= grace" in (shop / "late.py").read_text()


def test_doctor_here() -> None:
    done = revet(Path(sys.prefix), "doctor")
    assert done.returncode == 0 and "yes local" in done.stdout
