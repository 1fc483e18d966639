"""The effects of what was tried: counted, placed, and what git holds told from what nothing holds."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from revet.effects.model import Analysis, Effect, EffectKind
from revet.sandboxes.trial import Tried, observed, try_now
from revet.sandboxes.trial.versions import held
from tests.actions.shell.ground import build

pytestmark = pytest.mark.sandbox

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    top = build(tmp_path / "ws")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, *words], cwd=top, check=True, capture_output=True)
    (top / "b").write_text("edited since\n")
    (top / "untracked").write_text("nobody else has this\n")
    time.sleep(0.02)
    return top


def seen(workspace: Path, command: str) -> Analysis:
    return observed(try_now(command, workspace=workspace, contents=False), workspace=workspace)


def short(effect: Effect) -> tuple[str, str, str, bool | None, int | None]:
    return effect.kind.value, effect.place, effect.target, effect.reversible, effect.count


def test_each_kind_is_one_effect_and_counted(workspace: Path) -> None:
    found = seen(workspace, "rm -r sub untracked; echo >a.txt; echo >>b; mkdir -p x/y; echo 1 >x/1; echo 22 >x/2")
    assert sorted(map(short, found.effects), key=str) == [
        ("create", "workspace", "x", True, 2),
        ("delete", "workspace", "sub", True, 2),
        ("delete", "workspace", "untracked", False, 1),
        ("write", "workspace", "a.txt", True, 1),
        ("write", "workspace", "b", False, 1),
    ]
    claims = {effect.target: effect.claim for effect in found.effects}
    assert "2 files (5 bytes) and 2 folders" in claims["x"] and "git holds them" in claims["a.txt"]
    assert "nothing else holds" in claims["untracked"] and found.doubts == ()
    assert all(effect.basis == "dry run" and effect.command == 0 for effect in found.effects)
    assert seen(workspace, "ls; cat b").effects == ()


def test_names_are_few_and_numbers_are_right(workspace: Path) -> None:
    (effect,) = seen(workspace, "for i in $(seq 300); do echo $i >n$i; done").effects
    assert effect.count == 300 and effect.wide and len(effect.claim) < 200 and "295 more" in effect.claim


def test_git_is_no_safety_where_its_records_go(workspace: Path) -> None:
    found = {effect.kind: effect for effect in seen(workspace, "rm -rf .git a.txt").effects}
    assert found[EffectKind.delete].reversible is False
    assert found[EffectKind.discard].reversible is False and (found[EffectKind.discard].count or 0) > 10
    (effect,) = seen(workspace, "git add b").effects
    assert short(effect)[:3] == ("write", "workspace", ".git") and effect.reversible is None


def test_doubts_say_why_there_may_be_more(workspace: Path) -> None:
    assert "cannot be tried" in seen(workspace, "curl -s http://example.com").doubts[0]
    assert "refused" in seen(workspace, "chown 0 a").doubts[0]
    assert "pipe" in seen(workspace, "mkfifo p").doubts[0]
    forced = Tried("x", verdict="oom")
    assert "ended by force" in observed(forced, workspace=workspace).doubts[0]
    network = list(seen(workspace, "curl -s http://example.com").effects)
    assert [short(effect)[:3] for effect in network] == [("fetch", "remote", "example.com")]


def test_places_outside(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "docs").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    found = seen(workspace, "rm -rf ~/docs; touch /etc/x; touch /var/tmp/y; true")
    assert {(effect.kind.value, effect.place) for effect in found.effects} >= {
        ("create", "system"),
        ("create", "temporary"),
    }
    assert any(effect.kind is EffectKind.delete and effect.target == str(home / "docs") for effect in found.effects)


def test_no_program_of_a_repository_is_run(workspace: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    config = workspace / ".git" / "config"
    hooks = workspace / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-index-change").write_text(script.read_text())
    (hooks / "post-index-change").chmod(0o755)
    (workspace / ".gitattributes").write_text("* filter=evil diff=evil\n")
    config.write_text(
        config.read_text()
        + f"[core]\nfsmonitor = {script}\npager = {script}\nsshCommand = {script}\neditor = {script}\n"
        f'[filter "evil"]\nclean = {script}\nsmudge = {script}\nprocess = {script}\n'
        f'[diff "evil"]\ntextconv = {script}\n'
        f"[alias]\nls-files = !{script}\n[include]\npath = {tmp_path}/more\n"
    )
    (tmp_path / "more").write_text(f"[core]\nfsmonitor = {script}\n")
    index = (workspace / ".git" / "index").read_bytes()
    assert held(["a.txt", "b", "untracked", ".git/index", "gone"], workspace) == {"a.txt"}
    assert not mark.exists() and (workspace / ".git" / "index").read_bytes() == index


def test_odd_repositories_hold_nothing(workspace: Path, tmp_path: Path) -> None:
    many = [f"none{number}" for number in range(500)]
    assert held([*many, "a.txt", ":(glob)**", "-x"], workspace) == {"a.txt"}
    (workspace / "sub" / "c.txt").chmod(0o600)
    assert held(["c.txt"], workspace / "sub") == {"c.txt"}
    (workspace / ".git" / "index").write_bytes(b"DIRC garbage")
    assert held(["a.txt"], workspace) == frozenset()
    (tmp_path / "plain").mkdir()
    assert held(["a.txt"], tmp_path / "plain") == frozenset() and held([], workspace) == frozenset()
    (tmp_path / "plain" / ".git").write_text("gitdir: /nonexistent\n")
    assert held(["a.txt"], tmp_path / "plain") == frozenset()
    assert os.listdir(tmp_path / "plain") == [".git"]  # noqa: PTH208
