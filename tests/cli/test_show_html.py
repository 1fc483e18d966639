"""`revet show RUN --html FILE`: one file, written whole or not at all, and never over something else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from revet.cli.html_page import page_of
from revet.graphs.progress import SoFar
from revet.report.html import run_page
from revet.schema import Run
from revet.store import Store
from tests.cli.fakes import World
from tests.report.html.samples import hostile_run
from tests.report.samples import WHEN, abstained, committed

Revet = Callable[..., Result]


@pytest.fixture
def store(world: World, tmp_path: Path) -> Store:
    store = Store(tmp_path / ".revet")
    store.save(committed())
    return store


def test_a_page_is_written(store: Store, revet: Revet, tmp_path: Path) -> None:
    result = revet("show", "late-fee-abc", "--html", "run.html")
    assert result.exit_code == 0
    assert "run.html: " in result.output and "no network" in result.output
    assert (tmp_path / "run.html").read_text() == run_page(committed())
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == [".revet"]


def test_a_dash_is_stdout(store: Store, revet: Revet) -> None:
    assert revet("show", "late-fee-abc123", "--html", "-").stdout == run_page(committed())


def test_the_undo_command_names_the_store(world: World, revet: Revet, tmp_path: Path) -> None:
    Store(tmp_path / "my runs").save(committed())
    page = revet("show", "late-fee-abc123", "--out", "my runs", "--html", "-").stdout
    assert "revet undo late-fee-abc123 --out &#39;my runs&#39;" in page


def test_a_page_is_replaced_and_nothing_else_is(store: Store, revet: Revet, tmp_path: Path) -> None:
    page, other, empty = (tmp_path / name for name in ("page.html", "tasks.yaml", "empty"))
    other.write_text("tasks: []\n")
    empty.touch()
    page.write_text(run_page(abstained()))
    for file in (page, empty):
        assert revet("show", "late-fee-abc123", "--html", str(file)).exit_code == 0
        assert file.read_text() == run_page(committed())
    refused = revet("show", "late-fee-abc123", "--html", str(other))
    assert refused.exit_code == 2
    assert "tasks.yaml exists, and is no page that revet wrote" in refused.output and "another file" in refused.output
    assert other.read_text() == "tasks: []\n"


def test_a_link_stays_a_link_and_a_pipe_a_pipe(store: Store, revet: Revet, tmp_path: Path) -> None:
    real, link, pipe = tmp_path / "real.html", tmp_path / "link.html", tmp_path / "pipe"
    real.touch()
    link.symlink_to(real)
    assert revet("show", "late-fee-abc123", "--html", str(link)).exit_code == 0
    assert link.is_symlink() and real.read_text() == run_page(committed())
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert revet("show", "late-fee-abc123", "--html", str(pipe)).exit_code == 0
    reader.join(5)
    assert pipe.is_fifo() and read == [run_page(committed())]


@pytest.mark.parametrize(
    ("words", "said", "does"),
    [
        (["late-fee-abc123", "--html", "no/such/run.html"], "there is no folder no/such", "mkdir -p no/such"),
        (["late-fee-abc123", "--html", "."], "is a folder", "run.html"),
        (["--html", "run.html"], "--html shows one run", "revet show"),
        (["late-fee-abc123", "--html", "run.html", "--json"], "exclude each other", "one of them"),
        (["late-fee-abc124", "--html", "run.html"], "late-fee-abc124", "late-fee-abc123"),
    ],
)
def test_what_cannot_be_done_is_said(
    store: Store, revet: Revet, tmp_path: Path, words: list[str], said: str, does: str
) -> None:
    result = revet("show", *words)
    assert result.exit_code in (1, 2)
    assert said in result.output and does in result.output
    assert not (tmp_path / "run.html").exists()


def test_a_folder_that_may_not_be_written(store: Store, revet: Revet, tmp_path: Path) -> None:
    """A name that is too long stands for every reason that the system may have."""
    result = revet("show", "late-fee-abc123", "--html", "x" * 300)
    assert result.exit_code == 2
    assert "cannot be written" in result.output


def test_hostile_runs_can_be_written_as_utf_8(world: World, revet: Revet, tmp_path: Path) -> None:
    page = page_of(hostile_run(), None)
    (tmp_path / "page.html").write_bytes(page.encode("utf-8"))


def test_a_run_that_has_not_ended_says_how_far_it_is() -> None:
    run: Run = abstained().model_copy(update={"decision": abstained().decision})
    known = SoFar(run=run, step="examine", doing="runs the checks", round=1, work="at work", changed_at=WHEN)
    page = page_of(known, None)
    assert "It has not ended: it runs the checks (a process is at work on it; last change 2026-03-04" in page
    assert "in progress" in page and "Nothing was changed." not in page
    bare = page_of(known.model_copy(update={"work": "unknown", "changed_at": None}), None)
    assert "it runs the checks." in bare
