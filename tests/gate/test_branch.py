"""A push that names no branch pushes what is checked out."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.gate import check
from tests.gate.worlds import command


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / "src").mkdir()
    return tmp_path / "shop"


@pytest.mark.parametrize("text", ["git push", "git push origin", "git push origin HEAD", "git push -u origin HEAD"])
@pytest.mark.parametrize(
    ("head", "decision"),
    [
        ("ref: refs/heads/main\n", "ask"),
        ("ref: refs/heads/master", "ask"),
        ("ref: refs/heads/feature/main\n", "allow"),
        ("0f1e2d3c4b5a69788796a5b4c3d2e1f001234567\n", "allow"),
        ("\x00\xff", "allow"),
    ],
)
def test_the_branch_that_is_checked_out_counts(shop: Path, text: str, head: str, decision: str) -> None:
    (shop / ".git" / "HEAD").write_text(head, encoding="latin-1")
    for folder in (shop, shop / "src"):
        answer = check(command(text, folder), dry_run=False)
        assert answer.decision == decision, answer.reason


def test_a_worktree_is_followed_and_another_branch_is_not_the_one_checked_out(shop: Path, tmp_path: Path) -> None:
    (shop / ".git" / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    assert check(command("git push origin fix-7", shop), dry_run=False).decision == "allow"
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {shop / '.git'}\n", encoding="utf-8")
    assert check(command("git push", tree), dry_run=False).decision == "ask"
