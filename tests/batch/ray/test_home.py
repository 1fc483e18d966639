"""The commit at home: just what was examined, once, and never on another workspace than that."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.actions import Protection, Stage, receipts, undo
from revet.actions.disk import snapshot
from revet.batch.ray.home import commit, rebuilt
from revet.batch.ray.lessons import known, learn, take_along, taught
from revet.batch.ray.spool import Spool, Spooled
from revet.batch.ray.wire import Returned
from revet.errors import StoreError, WorldMoved
from revet.graphs import Agent
from revet.graphs.bench import Bench
from revet.policy import Policy
from revet.schema import Changes, Critique, DeleteFile, Draft, Note, Receipt, Task, WriteFile
from revet.store import Corrections, Store
from revet.tools import View

ACTIONS = st.lists(
    st.one_of(
        st.builds(
            lambda path, data: WriteFile(path=path, data=base64.b64encode(data).decode()),
            st.sampled_from(["a.py", "new/b.bin", "new/deep/c", "d"]),
            st.binary(max_size=60),
        ),
        st.sampled_from([DeleteFile(path="a.py"), DeleteFile(path="gone/x")]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda action: action.path,
)


def workspace(at: Path) -> Path:
    at.mkdir()
    (at / "a.py").write_text("old\n")
    (at / "gone").mkdir()
    (at / "gone" / "x").write_text("x")
    return at


def staged(folder: Path, draft: Draft) -> tuple[Changes, dict[str, bytes]]:
    """What a worker sends back of a draft on this workspace."""
    with TemporaryDirectory() as place:
        stage = Stage(folder, Path(place), Protection())
        changes = asyncio.run(stage.stage(draft))
        found = {f.path: snapshot(stage.layer.root, f.path).data for f in changes.files if f.after}
        return changes, {path: data for path, data in found.items() if data is not None}


def committed(folder: Path, changes: Changes, contents: dict[str, bytes], world: str | None = None) -> Receipt:
    async def act() -> Receipt:
        task = Task(workspace=str(folder))
        async with Bench(task, None) as bench:
            return await commit(bench, task, changes, contents, world or bench.world(), "run-1", lambda: None)

    return asyncio.run(act())


@settings(deadline=None, max_examples=40)
@given(actions=ACTIONS)
def test_what_a_worker_staged_is_staged_again_at_home(actions: list[WriteFile | DeleteFile]) -> None:
    with TemporaryDirectory() as top:
        there, here = workspace(Path(top, "there")), workspace(Path(top, "here"))
        changes, contents = staged(there, Draft(author="a", actions=tuple(actions)))
        (place := Path(top, "layer")).mkdir()
        layer = rebuilt(here, Protection(), changes, contents, place)
        for file in changes.files:
            assert snapshot(layer.root, file.path).state == file.after


def test_it_is_committed_once_and_undone_as_ever(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "w")
    draft = Draft(author="a", actions=(WriteFile(path="a.py", content="new\n"), DeleteFile(path="gone/x")))
    changes, contents = staged(folder, draft)
    first = committed(folder, changes, contents)
    again = committed(folder, changes, contents, world="of another time")
    assert (folder / "a.py").read_text() == "new\n"
    assert first == again
    assert len(receipts(folder)) == 1
    undo(folder, first.id)
    assert (folder / "a.py").read_text() == "old\n"
    assert (folder / "gone" / "x").read_text() == "x"


@pytest.mark.parametrize("what", ["the file", "another file", "the content", "no content", "protected"])
def test_what_was_not_examined_is_not_committed(tmp_path: Path, what: str) -> None:
    folder = workspace(tmp_path / "w")
    draft = Draft(author="a", actions=(WriteFile(path="a.py", content="new\n"),))
    changes, contents = staged(folder, draft)

    async def act() -> Receipt:
        task = Task(workspace=str(folder), protect=("a.py",) if what == "protected" else ())
        async with Bench(task, None) as bench:
            world = bench.world()
            if what == "the file":
                (folder / "a.py").write_text("mine\n")
            elif what == "another file":
                (folder / "b.py").write_text("mine\n")
            elif what == "the content":
                contents["a.py"] = b"bad\n"
            elif what == "no content":
                contents.clear()
            return await commit(bench, task, changes, contents, world, "run-1", lambda: None)

    with pytest.raises(WorldMoved):
        asyncio.run(act())
    assert receipts(folder) == []
    assert (folder / "a.py").read_text() == ("mine\n" if what == "the file" else "old\n")


class Another:
    """Proposes something else than was committed."""

    name = "another"

    async def propose(self, view: View) -> Draft:
        return Draft(author="b", actions=(WriteFile(path="a.py", content="another\n"),))

    async def revise(self, view: View, critique: Critique) -> Draft:
        return await self.propose(view)


def test_a_run_that_had_committed_before_its_driver_died_commits_nothing_more(tmp_path: Path) -> None:
    """Also on this machine, where nothing of it is known but what the journal of the workspace says."""
    folder = workspace(tmp_path / "w")
    changes, contents = staged(folder, Draft(author="a", actions=(WriteFile(path="a.py", content="new\n"),)))
    task = Task(workspace=str(folder))
    first = committed(folder, changes, contents)
    store = Store(tmp_path / "store")
    store.begin("run-1", task)
    agent = Agent(Another(), store=store, sandbox=None, policy=Policy(approve="auto", unproven="commit"))
    run = agent.run(task, run_id="run-1", progress=False)
    assert run.outcome == "committed"
    assert run.receipt == first
    assert receipts(folder) == [first]
    assert (folder / "a.py").read_text() == "new\n"
    undo(folder, first.id)
    assert Bench(task, None).committed("run-1") is None


# --- the spool ----------------------------------------------------------------------------------------------


def test_what_came_back_is_found_again_with_every_byte(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.find("run-1") is None
    kept = Spooled(returned=Returned(node="n", contents={"a": bytes(range(256)), "ü/b": b""}), world="w")
    spool.keep("run-1", kept)
    assert Spool(tmp_path).find("run-1") == kept
    spool.drop("run-1")
    spool.drop("run-1")
    assert spool.find("run-1") is None
    assert not any((tmp_path / "working" / "ray").iterdir())


def test_a_spool_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "working").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be kept in .*: "):
        Spool(tmp_path).keep("run-1", Spooled(returned=Returned(node="n"), world=None))


def test_what_another_version_kept_is_done_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.keep("run-1", Spooled(returned=Returned(node="n"), world=None))
    (place,) = (tmp_path / "working" / "ray").iterdir()
    place.write_text('{"form": 2}')
    assert spool.find("run-1") is None


# --- what runs taught ---------------------------------------------------------------------------------------


def test_what_runs_taught_goes_along_and_what_a_run_teaches_comes_home(tmp_path: Path) -> None:
    home, there = tmp_path / "home", tmp_path / "there"
    first, second = (Note(id=f"n{n}", kind="correction", text=f"text {n}", run=f"run-{n}") for n in (1, 2))
    assert known(home) == ()
    learn(home, "run-1", [first], [])
    take_along(there, known(home))
    Corrections(there).add([second], run="run-2")
    assert [note.id for note in taught(there, "run-2")] == ["n2"]
    for _ in range(2):  # a driver that died in between does it again
        learn(home, "run-2", taught(there, "run-2"), known(there)[:1])
    assert [(note.id, note.uses) for note in known(home)] == [("n1", 1), ("n2", 0)]
