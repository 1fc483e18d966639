"""`revet show`, `undo`, `schema`, `doctor`, and `revet` itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

import revet as package
from revet.actions import find_receipt
from revet.report import make_console
from revet.schema import Decision, DecisionKind, Run, RunOutcome, Task
from revet.store import Store
from tests.cli.fakes import World, commit_for_real
from tests.report.samples import abstained, answered, committed, task

Revet = Callable[..., Result]


@pytest.fixture
def store(world: World, tmp_path: Path) -> Store:
    store = Store(tmp_path / ".revet")
    store.save(committed())
    store.save(abstained())
    return store


def test_show_lists_the_runs(store: Store, revet: Revet) -> None:
    result = revet("show")
    assert result.exit_code == 0
    assert "late-fee-abc123" in result.stdout and "late-fee-def456" in result.stdout
    rows = [json.loads(line) for line in revet("show", "--json").stdout.splitlines()]
    assert {row["id"] for row in rows} == {"late-fee-abc123", "late-fee-def456"}


def test_show_without_runs(world: World, revet: Revet) -> None:
    result = revet("show")
    assert result.exit_code == 0 and "No runs in .revet yet" in result.stdout
    assert revet("show", "--json").stdout == ""


def test_show_of_one_run(store: Store, revet: Revet) -> None:
    result = revet("show", "late-fee-a")
    assert result.exit_code == 0 and "What was committed" in result.stdout
    assert Run.model_validate_json(revet("show", "late-fee-a", "--json").stdout) == committed()


def test_unknown_and_unclear_runs(store: Store, revet: Revet) -> None:
    result = revet("show", "late-fee")
    assert result.exit_code == 2 and "could be any of 2 runs" in result.stderr
    result = revet("show", "late-fee-abd")
    assert result.exit_code == 2 and "nearest: late-fee-abc123" in result.stderr


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Path:
    """A workspace in which the run `shop-run` committed `late.py`, and died before it could write that down."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "late.py").write_text("x = 1\n")
    store.begin("shop-run", shop_task(folder))
    commit_for_real(folder, "shop-run.1234abcd")
    assert (folder / "late.py").read_text() == "x = 2\n"
    return folder


def shop_task(folder: Path) -> Task:
    return task("shop", str(folder))


def recorded(store: Store, folder: Path) -> None:
    """Write down how `shop-run` ended."""
    receipt = find_receipt(folder, "shop-run.1234abcd")
    store.save(committed("shop-run", shop_task(folder)).model_copy(update={"receipt": receipt}))


def test_undo_takes_back_and_remembers(store: Store, shop: Path, revet: Revet) -> None:
    recorded(store, shop)
    result = revet("undo", "shop")
    assert result.exit_code == 0
    assert result.stdout == f"Taken back: shop-run. As before: late.py in {shop}\n"
    assert (shop / "late.py").read_text() == "x = 1\n"
    receipt = store.get("shop-run").receipt
    assert receipt is not None and receipt.undone_at is not None
    assert "committed, undone" in revet("show").stdout


def test_undo_that_is_refused(store: Store, shop: Path, revet: Revet) -> None:
    recorded(store, shop)
    (shop / "late.py").write_text("x = 3\n")
    result = revet("undo", "shop")
    assert result.exit_code == 1
    assert result.stderr.startswith("revet: ") and "late.py" in result.stderr and "\n  → " in result.stderr
    assert (shop / "late.py").read_text() == "x = 3\n"


def test_undo_of_a_run_that_died_after_its_commit(store: Store, shop: Path, revet: Revet) -> None:
    store.save(answered("shop-again", shop_task(shop)))
    assert "`revet undo shop-run` takes back what it did" in revet("show", "shop-run").stderr
    result = revet("undo", "shop-run")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"Taken back: shop-run. As before: late.py in {shop}\n"
    assert (shop / "late.py").read_text() == "x = 1\n"
    assert "not ended, undone" in revet("show").stdout
    assert store.unfinished(shop_task(shop)) is None
    result = revet("undo", "shop-run")
    assert result.exit_code == 2 and "run shop-run committed nothing" in result.stderr


def test_undo_of_a_run_that_broke_off_after_its_commit(store: Store, shop: Path, revet: Revet) -> None:
    decision = Decision(kind=DecisionKind.abstain, reasons=("the disk is full",))
    of = shop_task(shop)
    store.save(
        Run(id="shop-run", task=of, outcome=RunOutcome.failed, decision=decision, error="OSError: the disk is full")
    )
    assert revet("undo", "shop-run").exit_code == 0
    assert (shop / "late.py").read_text() == "x = 1\n"
    receipt = store.get("shop-run").receipt
    assert receipt is not None and receipt.undone_at is not None
    assert "failed, undone" in revet("show").stdout


def test_undo_of_a_run_that_died_before_any_commit(store: Store, shop: Path, revet: Revet) -> None:
    store.begin("shop", shop_task(shop))
    result = revet("undo", "shop")
    assert result.exit_code == 2
    assert "run shop committed nothing" in result.stderr and "--resume" in result.stderr
    assert (shop / "late.py").read_text() == "x = 2\n", "another run's commit stays"


def test_undo_of_what_committed_nothing(store: Store, revet: Revet) -> None:
    result = revet("undo", "late-fee-d")
    assert result.exit_code == 2
    assert "committed nothing" in result.stderr and "revet show late-fee-def456" in result.stderr


def test_schema(world: World, revet: Revet) -> None:
    assert json.loads(revet("schema").stdout)["title"] == "Revet task file"


def test_version_and_help(world: World, revet: Revet) -> None:
    assert revet("--version").stdout == f"revet {package.__version__}\n"
    for words in (["--help"], ["-h"], ["run", "--help"], ["fix", "-h"]):
        assert revet(*words).exit_code == 0
    listed = revet("--help").stdout
    assert all(name in listed for name in ("run", "fix", "show", "undo", "schema", "recipes", "doctor"))
    assert revet().exit_code == 2


def test_the_console_takes_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print("[bold]x[/bold] :boom:")
    assert capsys.readouterr().out == "[bold]x[/bold] :boom:\n"
