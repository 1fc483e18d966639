"""How many things an action concerns: measured in a trial, or named one by one, always of the whole action."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.gate import check
from tests.gate.worlds import command, git


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of thirty files, in a home folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "shop"
    (folder / "src").mkdir(parents=True)
    for number in range(30):
        (folder / "src" / f"f{number}.py").write_text(f"print({number})\n", encoding="utf-8")
    return folder


MANY = " ".join(f"src/f{number}.py" for number in range(12))
LOSING = ["rm -r src", f"rm {MANY}", "find src -name '*.py' -exec rm {} +"]


@pytest.mark.sandbox
@pytest.mark.parametrize("text", LOSING)
def test_many_files_that_nothing_holds_are_asked_about(shop: Path, text: str) -> None:
    assert check(command(text, shop)).decision == "ask"


@pytest.mark.sandbox
@pytest.mark.parametrize("text", LOSING[:2])
def test_what_git_holds_comes_back(shop: Path, text: str) -> None:
    git(shop)
    answer = check(command(text, shop))
    assert answer.decision == "allow", answer.reason


@pytest.mark.sandbox
def test_a_move_loses_nothing(shop: Path) -> None:
    answer = check(command("mv src lib", shop))
    assert answer.decision == "allow", answer.reason


@pytest.mark.sandbox
def test_a_few_files_need_nobody(shop: Path) -> None:
    assert check(command("rm src/f1.py src/f2.py", shop)).decision == "allow"


@pytest.mark.parametrize("dry_run", [False, pytest.param(True, marks=pytest.mark.sandbox)])
def test_a_rule_counts_the_whole_action(shop: Path, dry_run: bool) -> None:
    rule = '[[gate.rule]]\ndecision = "deny"\neffect = "delete"\ncount = 2\n'
    (shop / "revet.toml").write_text(rule, encoding="utf-8")
    assert check(command("rm src/f1.py", shop), dry_run=dry_run).decision == "allow"
    for text in ("rm src/f1.py src/f2.py", "rm src/f1.py; rm src/f2.py"):
        assert check(command(text, shop), dry_run=dry_run).decision == "deny"


def test_many_named_files_are_many_without_a_trial_too(shop: Path) -> None:
    assert check(command(f"rm {MANY}", shop), dry_run=False).decision == "ask"


@pytest.mark.sandbox
@pytest.mark.parametrize("text", ["yes > fill", "dd if=/dev/zero of=fill bs=1M count=3000", "python3 fill.py"])
def test_what_fills_the_disk_is_asked_about(shop: Path, text: str) -> None:
    (shop / "fill.py").write_text("import os\nos.truncate(os.open('f', 66), 10**9)\n", encoding="utf-8")
    answer = check(command(text, shop))
    assert answer.decision == "ask"
    assert "exit status" not in answer.reason


def test_a_broken_file_of_rules_softens_no_denial(shop: Path) -> None:
    (shop / "revet.toml").write_text("[gate\n", encoding="utf-8")
    denied = check(command("rm -rf /", shop), dry_run=False)
    assert denied.decision == "deny"
    assert "revet.toml" in denied.reason
    asked = check(command("ls", shop), dry_run=False)
    assert asked.decision == "ask"
    assert "revet.toml" in asked.reason
