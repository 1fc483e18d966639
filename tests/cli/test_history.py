"""`revet show`, `undo`, `schema`, `recipes`, `doctor`, and `revet` itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

import revet as package
from revet.errors import UndoConflict
from revet.report import make_console
from revet.schema import Receipt, Run
from revet.store import Store
from tests.cli.fakes import World
from tests.report.samples import WHEN, abstained, committed

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


def test_undo_takes_back_and_remembers(store: Store, revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Path, str]] = []

    def undo(workspace: Path, receipt_id: str) -> Receipt:
        calls.append((workspace, receipt_id))
        receipt = committed().receipt
        assert receipt is not None
        return receipt.model_copy(update={"undone_at": WHEN})

    monkeypatch.setattr("revet.actions.undo", undo)
    result = revet("undo", "late-fee-a")
    assert result.exit_code == 0
    assert result.stdout == "Taken back: late-fee-abc123. As before: late.py in /srv/late\n"
    assert calls == [(Path("/srv/late"), "late-fee-abc123.1")]
    receipt = store.get("late-fee-abc123").receipt
    assert receipt is not None and receipt.undone_at == WHEN
    assert "committed, undone" in revet("show").stdout


def test_undo_that_is_refused(store: Store, revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    def undo(*_: Any) -> Receipt:
        raise UndoConflict("late.py was edited since", paths=["late.py"], hint="keep your edits or restore it")

    monkeypatch.setattr("revet.actions.undo", undo)
    result = revet("undo", "late-fee-a")
    assert result.exit_code == 1
    assert result.stderr == "revet: late.py was edited since\n  → keep your edits or restore it\n"


def test_undo_of_what_committed_nothing(store: Store, revet: Revet) -> None:
    result = revet("undo", "late-fee-d")
    assert result.exit_code == 2
    assert "committed nothing" in result.stderr and "revet show late-fee-def456" in result.stderr


def test_schema_and_recipes(world: World, revet: Revet) -> None:
    assert json.loads(revet("schema").stdout)["title"] == "Revet task file"
    assert revet("recipes").stdout.startswith("core: ")


def features(**more: Any) -> SimpleNamespace:
    parts = ("bundled", "overlay", "capped_scratch", "own_process_count", "namespaces_disabled", "seccomp")
    known: dict[str, Any] = dict.fromkeys(parts, True)
    return SimpleNamespace(**{**known, "version": "0.11.0", "runs_as": "uid 1000", "reason": "", "hint": "", **more})


def test_doctor_says_what_works(world: World, revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.sandboxes.local.probe.features", lambda: features(available=True, overlay=False))
    result = revet("doctor")
    assert result.exit_code == 0
    assert "yes local: bubblewrap 0.11.0, no network, uid 1000" in result.stdout
    assert "workspace: copied for each command, which is slower" in result.stdout
    assert "yes builtin:repair" in result.stdout and "no  language models" in result.stdout


def test_doctor_says_why_nothing_works(world: World, revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = features(available=False, reason="no user namespaces", hint="sysctl -w user.max_user_namespaces=1000")
    monkeypatch.setattr("revet.sandboxes.local.probe.features", lambda: broken)
    result = revet("doctor")
    assert result.exit_code == 1
    assert "no  local: no user namespaces" in result.stdout
    assert "→ sysctl -w user.max_user_namespaces=1000" in result.stdout
    assert "Nothing can be run here" in result.stderr


def test_the_real_features_have_what_doctor_shows() -> None:
    from revet.cli.doctor import _PARTS
    from revet.sandboxes.local.probe import Features

    shown = {"available", "reason", "hint", "version", "runs_as", *(part[0] for part in _PARTS)}
    assert shown <= set(Features.__dataclass_fields__)


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
