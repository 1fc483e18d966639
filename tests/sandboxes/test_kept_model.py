"""What a session keeps, against a model, and against whatever a sandbox may say."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.sandboxes import Limits
from revet.sandboxes.kept import Artefact, Kept
from revet.sandboxes.trees import merge_tree, remove_tree
from tests.sandboxes.inside import snapshot
from tests.sandboxes.test_kept import folder

names = st.sampled_from(["a", "b", "c.txt", "pkg"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("write"), paths, st.binary(max_size=4)),
        st.tuples(st.just("delete"), paths, st.none()),
        st.tuples(st.just("folder"), paths, st.none()),
    ),
    max_size=12,
)
Model = dict[str, bytes | None]


def under(model: Model, path: str) -> list[str]:
    return [other for other in model if other == path or other.startswith(f"{path}/")]


def apply(model: Model, kept: Kept, operation: tuple[str, str, bytes | None]) -> None:
    """Do it to both, if a program could: its folder is there."""
    what, path, content = operation
    parent = path.rpartition("/")[0]
    if what == "write":
        above = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        if any(model.get(p, b"") is not None and p in model for p in above) or model.get(path, b"") is None:
            with pytest.raises(InputError):
                kept.write(path, content or b"")
            return
        kept.write(path, content or b"")
        model.update(dict.fromkeys(above))
        model[path] = content
    elif what == "delete":
        kept.take([], [path], Limits())
        for other in under(model, path):
            del model[other]
    elif (not parent or (parent in model and model[parent] is None)) and model.get(path, b"") is not None:
        kept.take([folder(path)], [], Limits())
        model[path] = None


def shown(kept: Kept) -> Model:
    view = kept.view
    found: Model = {}
    for path in view.below("."):
        place = view.find(path)
        assert place is not None
        found[path] = None if place.is_dir() else kept.read(path, 10)
    return found


@settings(deadline=None, max_examples=60)
@given(start=operations, steps=operations)
def test_any_sequence_agrees_with_a_model(start: list[tuple], steps: list[tuple]) -> None:  # type: ignore[type-arg]
    with tempfile.TemporaryDirectory() as base:
        top, own = Path(base, "ws"), Path(base, "own")
        top.mkdir()
        own.mkdir()
        # The workspace is what a first sequence leaves.
        (Path(base) / "empty").mkdir()
        (Path(base) / "first").mkdir()
        first = Kept(Path(base) / "empty", Path(base) / "first")
        model: Model = {}
        for operation in start:
            apply(model, first, operation)
        merge_tree(first.changes().root, top, [], own)
        kept = Kept(top, own)
        assert shown(kept) == model
        before = snapshot(top)
        for operation in steps:
            apply(model, kept, operation)
            assert shown(kept) == model
        assert snapshot(top) == before
        assert len(list(own.iterdir())) == 1
        remove_tree(own)


@settings(deadline=None, max_examples=100)
@given(
    path=st.one_of(
        st.text(max_size=20),
        st.binary(max_size=20),
        st.lists(st.sampled_from(["..", "", "a", ".", "x\n"])).map("/".join),
    ),
    kind=st.sampled_from(["file", "folder", "link", "other"]),
    target=st.one_of(st.none(), st.text(max_size=20)),
    content=st.binary(max_size=20),
)
def test_whatever_a_sandbox_says_nothing_gets_out(
    path: str | bytes, kind: str, target: str | None, content: bytes
) -> None:
    with tempfile.TemporaryDirectory() as base:
        top, own = Path(base, "ws"), Path(base, "own")
        top.mkdir()
        own.mkdir()
        kept = Kept(top, own)
        artefact = Artefact(path=path, kind=kind, target=target, size=len(content), chunks=lambda: (content,))  # type: ignore[arg-type]
        refused = kept.take([artefact], [path] if isinstance(path, str) else [], Limits())
        assert {place.name for place in Path(base).iterdir()} == {"own", "ws"} and not list(top.iterdir())
        assert len(list(own.iterdir())) == 1
        assert (kept.layer is None) == bool(refused)
        for place in kept.changes().root.rglob("*"):
            if place.is_symlink():
                assert Path(os.path.normpath(place.parent / place.readlink())).is_relative_to(kept.changes().root) or (
                    str(place.readlink()).startswith(str(top))
                )
