"""Staging: what may be changed, where a path leads, what the layer holds; nothing outside it changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revet.actions import Protection, register, resolve
from revet.actions.registry import Staging, _handlers
from revet.errors import (
    DraftError,
    EditDoesNotApply,
    InputError,
    PathEscapes,
    ProtectedPath,
    UnsupportedAction,
    WorkspaceError,
)
from revet.schema import (
    Answer,
    CallTool,
    Changes,
    DeleteFile,
    EditFile,
    Replacement,
    RunCommand,
    WriteFile,
)
from tests.actions.action_worlds import BIG_DRAFT, Desk, Plain, build, draft_of, look


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return build(tmp_path / "ws")


@pytest.fixture
def stage(workspace: Path, tmp_path: Path) -> Desk:
    (tmp_path / "stage").mkdir()
    return Desk(workspace, tmp_path / "stage", Protection())


# --- protection -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["test_a.py", "pkg/a_test.py", "tests/data.txt", "a/test/x", "conftest.py", "pyproject.toml",
     "requirements-dev.txt", "Makefile", ".github/workflows/ci.yml", "node_modules/x.js", "setup.cfg",
     "Conftest.PY", "pkg/TEST_a.py", "Tests/x.py"],
)  # fmt: skip
def test_tests_and_build_files_are_protected_unless_named(path: str) -> None:
    assert not Protection().allows(path)
    assert Protection(edit=[path]).allows(path)
    assert Protection(edit=["src/", f"/{path}"]).allows(path)
    assert not Protection(edit=[path], protect=[path]).allows(path)
    top, _, name = path.rpartition("/")
    for pattern in (
        "*",
        "**",
        "*.*",
        f"{path}*",
        f"{top}/" if top else "/",
        f"{top}/*",
        name if top else f"?{path[1:]}",
    ):
        assert not Protection(edit=[pattern]).allows(path), pattern
    assert not Protection(edit=[path, f"!{path}"]).allows(path)


@pytest.mark.parametrize(
    "path",
    [".git/config", ".git", "sub/.git/hooks/pre-commit", ".GIT/config", "SiteCustomize.py", "A.PTH", ".revet/journal/x",
     ".venv/bin/python", "venv/x", "a/b.pth", "sitecustomize.py", "lib/usercustomize.py", ".revet-t-0"],
)  # fmt: skip
def test_some_paths_are_protected_always(path: str) -> None:
    assert not Protection().allows(path)
    assert not Protection(edit=["*", path, "**"]).allows(path)


def test_edit_names_all_that_is_allowed() -> None:
    only = Protection(edit=["src/*.py", "!src/generated.py"])
    assert only.allows("src/a.py")
    assert not only.allows("src/generated.py")
    assert not only.allows("other.py")
    assert Protection().allows("src/anything.py")
    assert not Protection(protect=["secret/"]).allows("secret/a")
    for path in ("Secret/a", "SECRET/A", "secret/A"):
        assert not Protection(protect=["Secret/"]).allows(path), "one folder on a file system that ignores case"


def test_a_bad_pattern_is_the_users_to_mend() -> None:
    with pytest.raises(InputError, match="edit"):
        Protection(edit=["!"])


# --- paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("pkg/one.py", "pkg/one.py"),
        ("./pkg//one.py", "pkg/one.py"),
        ("new/deep/file", "new/deep/file"),
        ("link", "link"),
    ],
)
def test_paths_are_normalised(workspace: Path, given: str, found: str) -> None:
    assert resolve(workspace, given) == found


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "pkg/../../x", "a\0b", ".", "./", "pkg", "pkg/", ""])
def test_paths_that_escape(workspace: Path, path: str) -> None:
    with pytest.raises(PathEscapes) as caught:
        resolve(workspace, path)
    assert caught.value.path == path


def test_symlinked_parents(workspace: Path, tmp_path: Path) -> None:
    (workspace / "in").symlink_to("pkg/deep")
    (workspace / "pkg" / "up").symlink_to("..")
    (workspace / "absolute").symlink_to(workspace / "pkg")
    assert resolve(workspace, "in/x.py") == "pkg/deep/x.py"
    assert resolve(workspace, "pkg/up/x.py") == "x.py"
    assert resolve(workspace, "absolute/x.py") == "pkg/x.py"
    for name, target in {"out": "..", "etc": "/etc", "sly": "pkg/../../ws2"}.items():
        (workspace / name).symlink_to(target)
        with pytest.raises(PathEscapes, match="leads out"):
            resolve(workspace, f"{name}/x.py")
    (workspace / "loop").symlink_to("loop")
    with pytest.raises(PathEscapes, match="loop"):
        resolve(workspace, "loop/x")


def test_a_symlink_to_a_name_that_is_not_utf8(workspace: Path, stage: Desk) -> None:
    name = os.fsdecode(b"\xff.py")
    (workspace / name).write_text("x")
    (workspace / "good.py").symlink_to(name)
    with pytest.raises(DraftError, match="not UTF-8"):
        stage.put(draft_of(WriteFile(path="good.py", content="y")))


def test_odd_places(workspace: Path, stage: Desk) -> None:
    os.mkfifo(workspace / "pipe")
    for path, said in {
        "pipe": "neither",
        "doomed.txt/x": "not a folder",
        "x" * 300: "cannot be read",
    }.items():
        with pytest.raises(DraftError, match=said):
            stage.put(draft_of(WriteFile(path=path, content="")))


# --- staging ----------------------------------------------------------------------------------------------


def test_nothing_outside_the_stage_changes(workspace: Path, stage: Desk) -> None:
    before = look(workspace)
    changes = stage.put(BIG_DRAFT)
    assert look(workspace) == before
    assert not (workspace / ".revet").exists()
    assert {file.path: file.kind for file in changes.files} == {
        "data.bin": "modify",
        "doomed.txt": "delete",
        "fresh/é ü/notes.md": "create",
        "link": "delete",
        "nest": "create",
        "nest/inner/leaf.txt": "delete",
        "pkg/deep/run.sh": "modify",
        "pkg/one.py": "modify",
        "turns": "delete",
        "turns/inner.txt": "create",
        "with space.txt": "modify",
    }
    assert stage.layer.deleted == ("doomed.txt", "link", "nest/inner/leaf.txt")  # the new folder hides the file `turns`
    layer = look(stage.layer.root)
    assert "leave.txt" not in layer and "empty" not in layer
    assert layer["pkg/deep/run.sh"] == ("file", 0o700, b"#!/bin/sh\necho new\n")
    assert stage.read("pkg/one.py") == b"x = 10\ny = 2\n"
    assert stage.read("leave.txt") == b"untouched\r\n"
    with pytest.raises(DraftError, match="does not exist"):
        stage.read("doomed.txt")


def test_each_draft_starts_from_the_workspace(workspace: Path, stage: Desk) -> None:
    stage.put(draft_of(WriteFile(path="a.txt", content="first")))
    old = stage.layer.root
    changes = stage.put(draft_of(WriteFile(path="b.txt", content="second")))
    assert [file.path for file in changes.files] == ["b.txt"]
    assert not old.exists()
    assert stage.put(draft_of()) == Changes()
    assert stage.put(draft_of(Answer(text="42"))) == Changes()


def test_actions_net_out(stage: Desk) -> None:
    text = "x = 1\ny = 2\n"
    nothing = [
        [WriteFile(path="pkg/one.py", content=text)],
        [WriteFile(path="n/e/w", content="x"), DeleteFile(path="n/e/w")],
        [DeleteFile(path="pkg/one.py"), WriteFile(path="pkg/one.py", content=text)],
        [EditFile(path="pkg/one.py", replacements=(Replacement(search="1", replace="3"),)),
         EditFile(path="pkg/one.py", diff="@@ -1 +1 @@\n-x = 3\n+x = 1\n")],
    ]  # fmt: skip
    for actions in nothing:
        assert not stage.put(draft_of(*actions))
        assert look(stage.layer.root) == {} and stage.layer.deleted == ()
    changes = stage.put(draft_of(WriteFile(path="a", content="1"), WriteFile(path="a", content="2", mode=0o600)))
    assert [(file.kind, file.after and file.after.mode) for file in changes.files] == [("create", 0o600)]


def test_a_folder_may_become_a_file_in_one_draft(workspace: Path, stage: Desk) -> None:
    taken = (DeleteFile(path="pkg/one.py"), DeleteFile(path="pkg/deep/run.sh"))
    changes = stage.put(draft_of(*taken, WriteFile(path="pkg", content="x")))
    assert [(file.path, file.kind) for file in changes.files] == [
        ("pkg", "create"),
        ("pkg/deep/run.sh", "delete"),
        ("pkg/one.py", "delete"),
    ]
    assert stage.drift(changes) == [] and stage.read("pkg") == b"x"
    made = EditFile(path="pkg", diff="--- /dev/null\n+++ b/pkg\n@@ -0,0 +1 @@\n+x\n")
    assert [file.path for file in stage.put(draft_of(*taken, made)).files] == [file.path for file in changes.files]
    back = (DeleteFile(path="pkg"), WriteFile(path="pkg/one.py", content="x = 1\ny = 2\n"))
    [left] = stage.put(draft_of(*taken, WriteFile(path="pkg", content="x"), *back)).files
    assert (left.path, left.kind) == ("pkg/deep/run.sh", "delete")
    with pytest.raises(EditDoesNotApply, match="does not exist"):
        stage.put(draft_of(*taken, DeleteFile(path="pkg")))
    for some in (taken[:1], taken[1:], ()):
        with pytest.raises(PathEscapes, match="is a folder"):
            stage.put(draft_of(*some, WriteFile(path="pkg", content="x")))
    (workspace / "pkg" / "link").symlink_to("deep")
    with pytest.raises(PathEscapes, match="is a folder"):
        stage.put(draft_of(*taken, WriteFile(path="pkg", content="x")))
    assert stage.drift(changes) == []


def test_a_diff_of_another_file_is_refused(stage: Desk) -> None:
    diff = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
    assert stage.put(draft_of(EditFile(path="pkg/one.py", diff=diff.format("pkg/one.py"))))
    with pytest.raises(EditDoesNotApply, match=r"about 'a/pkg/two\.py', not 'pkg/one\.py'"):
        stage.put(draft_of(EditFile(path="pkg/one.py", diff=diff.format("pkg/two.py"))))


def test_a_diff_that_git_made_for_an_empty_file(stage: Desk) -> None:
    diff = "diff --git a/pkg/empty.py b/pkg/empty.py\nnew file mode 100644\nindex 0000000..e69de29\n"
    [made] = stage.put(draft_of(EditFile(path="pkg/empty.py", diff=diff))).files
    assert made.kind == "create" and made.after is not None and made.after.size == 0


def test_modes(workspace: Path, stage: Desk) -> None:
    (workspace / "pkg" / "one.py").chmod(0o4755)
    kept = stage.put(draft_of(WriteFile(path="pkg/one.py", content="new")))
    assert kept.files[0].before and kept.files[0].before.mode == 0o4755
    assert kept.files[0].after and kept.files[0].after.mode == 0o755
    assert (stage.layer.root / "pkg" / "one.py").stat().st_mode & 0o7777 == 0o755
    fresh = stage.put(draft_of(WriteFile(path="new.py", content="new")))
    assert fresh.files[0].after and fresh.files[0].after.mode == 0o644
    only = stage.put(draft_of(WriteFile(path="leave.txt", content="untouched\r\n", mode=0o755)))
    assert only.diff == "diff --git a/leave.txt b/leave.txt\nold mode 100644\nnew mode 100755\n"


def test_editing_through_a_symlink(workspace: Path, stage: Desk) -> None:
    changes = stage.put(draft_of(WriteFile(path="link", content="through")))
    assert [file.path for file in changes.files] == ["pkg/one.py"]
    (workspace / "out").symlink_to("/etc/hostname")
    with pytest.raises(PathEscapes, match="leads out"):
        stage.put(draft_of(WriteFile(path="out", content="x")))
    assert stage.put(draft_of(DeleteFile(path="out"))).files[0].kind == "delete"
    (workspace / "tests").mkdir()
    (workspace / "tests" / "t.py").write_text("assert True")
    (workspace / "harmless.py").symlink_to("tests/t.py")
    (workspace / "alias").symlink_to("tests")
    for path in ("harmless.py", "alias/t.py", "alias/new.py"):
        with pytest.raises(ProtectedPath):
            stage.put(draft_of(WriteFile(path=path, content="x")))
    replaced = stage.put(draft_of(DeleteFile(path="alias"), WriteFile(path="alias/t.py", content="own")))
    assert [(file.path, file.kind) for file in replaced.files] == [
        ("alias", "delete"),
        ("alias/t.py", "create"),
    ]


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (WriteFile(path="../x", content=""), PathEscapes),
        (WriteFile(path="pkg", content=""), PathEscapes),
        (WriteFile(path="tests/test_x.py", content=""), ProtectedPath),
        (DeleteFile(path="missing"), EditDoesNotApply),
        (EditFile(path="missing", replacements=(Replacement(search="a", replace="b"),)), DraftError),
        (EditFile(path="data.bin", diff="@@ -1 +1 @@\n-a\n+b\n"), EditDoesNotApply),
        (RunCommand(command="rm -rf /"), UnsupportedAction),
    ],
)
def test_errors_name_the_action(stage: Desk, action: object, error: type[DraftError]) -> None:
    stage.put(draft_of(WriteFile(path="earlier", content="")))
    with pytest.raises(error) as caught:
        stage.put(draft_of(WriteFile(path="fine", content=""), action))  # type: ignore[arg-type]
    assert caught.value.action == 1
    assert caught.value.path == getattr(action, "path", None)
    assert look(stage.layer.root) == {}
    with pytest.raises(DraftError):
        stage.read("fine")


def test_kinds_can_be_added(stage: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Touch(Plain):
        files_only = True

        async def stage(self, action: RunCommand, staging: Staging) -> None:
            staging.tree.write(action.command.removeprefix("touch "), b"")

    monkeypatch.setitem(_handlers, "run_command", Touch())
    register("run_command", Touch())
    assert stage.put(draft_of(RunCommand(command="touch new"))).files[0].path == "new"


def test_effects_beyond_the_files_are_known(stage: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_handlers, "call_tool", Plain())
    call = CallTool(name="mail")
    assert stage.effects == ()
    assert not stage.put(draft_of(call))
    assert stage.effects == (call,)
    stage.put(draft_of(WriteFile(path="a", content="")))
    assert stage.effects == ()
    with pytest.raises(DraftError):
        stage.put(draft_of(call, DeleteFile(path="missing")))
    assert stage.effects == ()


def test_drift_names_what_moved(workspace: Path, stage: Desk) -> None:
    changes = stage.put(BIG_DRAFT)
    assert stage.drift(changes) == []
    (workspace / "leave.txt").write_text("not part of it")
    assert stage.drift(changes) == []
    (workspace / "pkg" / "one.py").chmod(0o600)
    (workspace / "doomed.txt").unlink()
    (workspace / "fresh").mkdir()
    (workspace / "turns").unlink()
    (workspace / "turns").mkdir()
    assert stage.drift(changes) == ["doomed.txt", "pkg/one.py", "turns"]


def test_bad_workspaces(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "stage").mkdir()
    for path, said in {
        "missing": "does not exist",
        "file": "not a folder",
        "file/x": "does not exist",
    }.items():
        with pytest.raises(WorkspaceError, match=said):
            Desk(tmp_path / path, tmp_path / "stage", Protection())
    with pytest.raises(InputError, match="inside the workspace"):
        Desk(tmp_path, tmp_path / "stage", Protection())
