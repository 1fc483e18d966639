"""The promises, on random workspaces and random drafts.

I1: staging changes nothing outside the stage. I2: what is committed is what was staged. I4: undo restores it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.actions import Protection, commit, recover, undo
from revet.errors import DraftError
from revet.schema import Action, Changes, DeleteFile, EditFile, FileState, Replacement, WriteFile
from tests.actions.action_worlds import Desk, Entry, draft_of, in_memory, look, scratch

NAMES = st.sampled_from(["a", "b.py", "é ü", "with space", "tab\tx", "new\nline", "-x", "$HOME", "*.c", "'q\"", "..."])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.one_of(st.binary(max_size=40), st.text(max_size=40).map(lambda text: text.encode()))
MODES = st.sampled_from([0o644, 0o600, 0o755, 0o400, 0o777])
TREES = st.dictionaries(
    PATHS,
    st.one_of(st.tuples(CONTENTS, MODES), st.sampled_from(["a", "b.py", "../a", "é ü", "missing"])),
    max_size=7,
)


@st.composite
def actions(draw: st.DrawFn, paths: list[str]) -> Action:
    path = draw(st.one_of(PATHS, st.sampled_from(paths)) if paths else PATHS)
    kind = draw(st.sampled_from(["write", "write", "delete", "edit"]))
    if kind == "write":
        return WriteFile.of(path, draw(CONTENTS), draw(st.one_of(st.none(), MODES)))
    if kind == "delete":
        return DeleteFile(path=path)
    return EditFile(path=path, replacements=(Replacement(search=draw(st.text(min_size=1, max_size=2)), replace="R\n"),))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[dict[str, tuple[bytes, int] | str], list[Action]]:
    tree = draw(TREES)
    return tree, draw(st.lists(actions(sorted(tree)), max_size=8))


def plant(root: Path, tree: dict[str, tuple[bytes, int] | str]) -> None:
    """Make the tree; an entry that cannot be made because another is in its way is left out."""
    root.mkdir()
    for path, entry in tree.items():
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(entry, str):
                (root / path).symlink_to(entry)
            else:
                (root / path).write_bytes(entry[0])
                (root / path).chmod(entry[1])
        except OSError:
            continue


def stage_what_can_be(stage: Desk, wanted: list[Action]) -> tuple[Changes, list[Action]]:
    """Stage the actions that can be staged, one by one; most random drafts are impossible as a whole."""
    kept: list[Action] = []
    changes = stage.put(draft_of())
    for action in wanted:
        try:
            changes = stage.put(draft_of(*kept, action))
            kept.append(action)
        except DraftError as error:
            assert error.action == len(kept) and error.path is not None
            changes = stage.put(draft_of(*kept))
    return changes, kept


def as_promised(before: dict[str, Entry], changes: Changes, read: dict[str, bytes]) -> dict[str, Entry]:
    """The workspace that the changes promise, from their states and the staged bytes; without new folders."""
    after = dict(before)
    for file in changes.files:
        after.pop(file.path, None)
    for file in changes.files:
        if isinstance(file.after, FileState):
            after[file.path] = ("file", file.after.mode, read[file.path])
    return after


@given(scenes())
@settings(deadline=None, max_examples=120)
def test_stage_commit_undo(scene: tuple[dict[str, tuple[bytes, int] | str], list[Action]]) -> None:
    tree, wanted = scene
    home = Path(tempfile.mkdtemp(dir=scratch()))
    try:
        (home / "stage").mkdir()
        plant(home / "ws", tree)
        (home / "a").write_bytes(b"outside: the target of symlinks that leave")
        before, outside = look(home / "ws"), (home / "a").read_bytes()
        stage = Desk(home / "ws", home / "stage", Protection())
        changes, kept = stage_what_can_be(stage, wanted)
        assert look(home / "ws") == before
        read = {file.path: stage.read(file.path) for file in changes.files if file.after is not None}
        assert stage.drift(changes) == []
        if changes:
            with in_memory():
                commit(home / "ws", stage.layer, changes, transaction="t")
            after = look(home / "ws")
            made = {path for path, entry in after.items() if entry[0] == "folder"} - before.keys()
            turned = {path for path in made | set(after) if path in before and before[path][0] != after[path][0]}
            promised = as_promised(before, changes, read)
            assert {path: entry for path, entry in after.items() if entry[0] != "folder"} == {
                path: entry for path, entry in promised.items() if entry[0] != "folder"
            }
            folders = {path for path, entry in before.items() if entry[0] == "folder"}
            replaced = [file.path for file in changes.files if file.path in folders]
            gone = {path for path in folders if any(f"{path}/".startswith(f"{top}/") for top in replaced)}
            assert {path for path in folders - gone if after[path] != before[path]} == set()
            for path in made | turned:
                assert any(file.path == path or file.path.startswith(path + "/") for file in changes.files)
            assert recover(home / "ws") == []
            with in_memory():
                undo(home / "ws", "t")
        assert look(home / "ws") == before
        assert (home / "a").read_bytes() == outside
        assert changes or not (home / "ws" / ".revet").exists()
        assert stage.put(draft_of(*kept)) == changes
    finally:
        shutil.rmtree(home)
