"""`revet show` and `revet undo` of a run that did more than change files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from pathlib import Path
from revet.actions import action

BOOK = Path(__file__).with_name("book.txt")

def note(line):
    with BOOK.open("a") as file:
        file.write(line + "\\n")

def unbook(arguments, result):
    note(f"unbook {result}")

@action(effects=["remote_create"], undo=unbook)
def book(room: int) -> int:
    note(f"book {room}")
    return room

@action(effects=["send"])
def mail(to: str) -> None:
    note(f"mail {to}")
"""

PROGRAM = """
import sys
import revet
from booking import book, mail
from revet.schema import CallTool, Draft, Task, WriteFile

calls = [CallTool(name="mail", arguments={"to": "ann"}), CallTool(name="book", arguments={"room": 7})]
draft = Draft(author="me", actions=(*calls[int(sys.argv[1]):], WriteFile(path="note.txt", content="x")))
agent = revet.Agent(revet.agents.Scripted([draft]), actions=[book, mail], sandbox=None, store=".revet")
run = agent.run(Task(goal="Book room 7 and mail ann.", workspace="ws"), approve=lambda asked: True)
print(run.id)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    (tmp_path / "booking.py").write_text(MODULE)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def told(home: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *words], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def revet(home: Path, *words: str) -> tuple[int, str]:
    return told(home, "-m", "revet", *words)


def test_what_stays_is_said_before_and_after(home: Path) -> None:
    status, run = told(home, "program.py", "0")
    assert status == 0, run
    run = run.strip()
    status, shown = revet(home, "show", run)
    assert status == 0 and "done, can be taken back: book(room=7)" in shown
    assert 'done, cannot be taken back: mail(to="ann")' in shown and f"undo {run} --partial" in shown
    status, said = revet(home, "undo", run, "--actions", "booking")
    assert status == 1 and 'mail(to="ann"); nothing was undone' in said
    status, said = revet(home, "undo", run, "--partial")
    assert status == 1 and "there is no function" in said and "register its handler or function first" in said
    status, said = revet(home, "undo", run, "--actions", "booking", "--partial")
    assert status == 0 and "As before: note.txt in" in said and "Undone: book(room=7)" in said
    assert 'Stays: mail(to="ann") (it cannot be taken back)' in said
    assert (home / "book.txt").read_text().splitlines() == ["book 7", "mail ann", "unbook 7"]
    status, shown = revet(home, "show", run)
    assert "Taken back" in shown and "taken back: book(room=7)" in shown


def test_all_of_it_and_modules_that_are_none(home: Path) -> None:
    _, run = told(home, "program.py", "1")
    status, said = revet(home, "undo", run.strip(), "--actions", "nowhere")
    assert status == 2 and "the module 'nowhere' cannot be imported" in said
    status, said = revet(home, "undo", run.strip(), "--actions", "booking")
    assert status == 0 and "Stays" not in said
