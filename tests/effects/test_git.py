"""What git loses, and what it keeps."""

from __future__ import annotations

import pytest

from revet.effects.shell import analyse

LOSES = [
    "git reset --hard", "git reset --hard HEAD~3", "git reset --merge", "git -C sub reset --hard", "git reset --har",
    "git checkout -- .", "git checkout -- a.py", "git checkout .", "git checkout HEAD~1 src/a.py",
    "git checkout -f main",
    "git checkout -B main origin/main", "git switch --discard-changes main", "git restore a.py", "git restore -SW a.py",
    "git clean -fd", "git clean -xdf", "git clean --force", "git stash drop", "git stash clear", "git branch -D x",
    "git branch -d --force x", "git branch -f main HEAD~1", "git push -f", "git push --force origin x",
    "git push --force=true", "git push origin +x", "git push --mirror", "git tag -d v1",
    "git update-ref -d refs/heads/x",
    "git reflog expire --expire=now --all", "git gc --prune=now", "git filter-branch --tree-filter true HEAD",
    "git worktree remove --force w", "git submodule deinit -f --all", "git rm -f a.py", "git lfs prune",
]  # fmt: skip
KEEPS = [
    "git status", "git log -n 3", "git diff", "git add -A", "git commit -m 'git reset --hard'",
    "git reset --soft HEAD~1",
    "git reset a.py", "git restore --staged a.py", "git checkout main", "git checkout -b x", "git checkout v1.2.3",
    "git switch -c x", "git stash", "git stash pop", "git branch -d x", "git branch x", "git push origin x",
    "git push --force-with-lease origin x", "git pull --rebase", "git merge x", "git rebase main", "git clean -n",
    "git clean -dn", "git tag v1", "git rm --cached a.py", "git worktree remove w", "git fetch --prune", "git gc",
    "git cherry-pick x", "git revert HEAD", "git commit --amend", "git push -n --force", "git lfs pull", "git",
]  # fmt: skip


@pytest.mark.parametrize("text", LOSES)
def test_it_loses_work_or_history(text: str) -> None:
    assert "discard" in {effect.kind for effect in analyse(text, cwd="/srv/work").effects}


@pytest.mark.parametrize("text", KEEPS)
def test_it_keeps_what_there_was(text: str) -> None:
    kinds = {effect.kind for effect in analyse(text, cwd="/srv/work").effects}
    assert kinds and kinds <= {"read", "fetch", "write", "create", "delete", "remote_write"}, kinds


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("git push origin --delete x", "remote_delete"),
        ("git push origin :x", "remote_delete"),
        ("git push origin master", "send"),
        ("git push origin HEAD:main", "send"),
        ("git push origin master-fix", "remote_write"),
        ("git send-email x.patch", "send"),
        ("git rm a.py", "delete"),
    ],
)
def test_what_it_does_elsewhere_is_told(text: str, kind: str) -> None:
    assert [effect.kind for effect in analyse(text, cwd="/srv/work").effects] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "git -c core.pager='rm -rf /' log", "git -c alias.x='!sh' x", "git --config-env=core.editor=X commit",
        "git clone 'ext::sh -c x'", "git fetch --upload-pack=./x origin", "git grep -O x",
        "git --exec-path=/tmp status",
        "git -c core.fsmonitor=./x status", "git difftool -x ./x",
    ],
)  # fmt: skip
def test_settings_that_run_programs_are_not_taken_for_harmless(text: str) -> None:
    found = analyse(text, cwd="/srv/work")
    assert found.doubts or "unknown" in {effect.kind for effect in found.effects}


def test_settings_that_run_nothing_are_harmless() -> None:
    for text in ("git -c core.pager=cat log", "git -c user.name=x commit -m y", "git -c color.ui=always diff"):
        kinds = {effect.kind for effect in analyse(text, cwd="/srv/work").effects}
        assert kinds <= {"read", "write"}, text
