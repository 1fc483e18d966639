"""Taking back a whole run: the files, the record of it, and what a crash had left in the workspace before."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.actions import Protection, commit, undo_run
from revet.errors import InputError
from revet.schema import Decision, DecisionKind, Run, RunOutcome, Task, Usage, WriteFile
from revet.store import Store
from tests.actions.action_worlds import Desk, build, draft_of, killed_at, look


def test_a_run_is_taken_back_and_says_what_was_recovered(tmp_path: Path) -> None:
    workspace, store = build(tmp_path / "ws"), Store(tmp_path / "store")
    (tmp_path / "stage").mkdir()
    stage = Desk(workspace, tmp_path / "stage", Protection())
    before = look(workspace)
    task = Task(id="t", workspace=str(workspace))
    done = Run(id="t-1", task=task, outcome=RunOutcome.committed, decision=Decision(kind=DecisionKind.commit))
    with pytest.raises(InputError, match="committed nothing"):
        undo_run(done, store)

    changes = stage.put(draft_of(WriteFile(path="leave.txt", content="changed")))
    receipt = commit(workspace, stage.layer, changes, transaction="t-1")
    more = stage.put(draft_of(WriteFile(path="more.txt", content="interrupted")))
    assert killed_at("staged 0", lambda: commit(workspace, stage.layer, more, transaction="t-2"))

    taken_back = undo_run(done.model_copy(update={"receipt": receipt}), store)
    assert taken_back.recovered == ("commit t-2: was not fully prepared, so nothing had happened; dropped",)
    assert taken_back.run.receipt is not None and taken_back.run.receipt.undone_at is not None
    assert store.get("t-1") == taken_back.run
    assert look(workspace) == before


def test_what_another_process_wrote_down_since_stays(tmp_path: Path) -> None:
    workspace, store = build(tmp_path / "ws"), Store(tmp_path / "store")
    (tmp_path / "stage").mkdir()
    stage = Desk(workspace, tmp_path / "stage", Protection())
    changes = stage.put(draft_of(WriteFile(path="leave.txt", content="changed")))
    receipt = commit(workspace, stage.layer, changes, transaction="t-1")
    task, decision = Task(id="t", workspace=str(workspace)), Decision(kind=DecisionKind.commit)
    seen = Run(id="t-1", task=task, outcome=RunOutcome.committed, decision=decision, receipt=receipt)
    store.save(seen.model_copy(update={"usage": Usage(rounds=7)}))
    undo_run(seen, store)
    kept = store.get("t-1")
    assert kept.usage.rounds == 7 and kept.receipt is not None and kept.receipt.undone_at is not None
