"""The list of runs: its filters, its pages, and that thousands of runs make it no slower to read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.schema import RunOutcome, Setup
from revet.store import Chosen, Store
from tests.report.samples import WHEN, abstained, asked, committed, task


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / ".revet")
    setup = Setup(recipe="self_refine")
    store.record(
        [
            committed("a-1").model_copy(update={"setup": Setup(), "started_at": WHEN}),
            abstained("a-2").model_copy(update={"setup": setup, "started_at": WHEN + timedelta(seconds=1)}),
            asked("b-1", task("Bees", goal="Count the BEES of the Älteste")).model_copy(
                update={"started_at": WHEN + timedelta(seconds=2)}
            ),
        ]
    )
    store.begin("c-1", task("cats", workspace="/srv/cats"), setup)
    return store


def listed(store: Store, **chosen: object) -> list[str]:
    which = Chosen(**chosen)  # type: ignore[arg-type]
    rows = store.rows(chosen=which)
    assert store.count(which) == len(rows)
    return [row.id for row in rows]


def test_what_is_chosen_is_listed_the_newest_first(store: Store) -> None:
    assert listed(store) == ["c-1", "b-1", "a-2", "a-1"]
    assert listed(store, outcome=RunOutcome.committed) == ["a-1"]
    assert listed(store, outcome="unended") == ["c-1"]
    assert listed(store, outcome="undone") == []
    assert listed(store, task="late-fee") == ["a-2", "a-1"]
    assert listed(store, recipe="self_refine") == ["c-1", "a-2"]
    assert listed(store, recipe="self_refine", outcome=RunOutcome.abstained) == ["a-2"]
    assert listed(store, text="bees") == ["b-1"] and listed(store, text="Älteste") == ["b-1"]
    assert listed(store, text="/SRV/CATS") == ["c-1"] and listed(store, text="%") == []
    store.mark_undone("c-1")
    assert listed(store, outcome="undone") == ["c-1"]
    assert store.named("task") == ("Bees", "cats", "late-fee") and store.named("recipe") == ("core", "self_refine")


def test_pages_hold_every_run_once(store: Store) -> None:
    pages = [store.rows(2, offset=offset) for offset in (0, 2, 4)]
    assert [[row.id for row in page] for page in pages] == [["c-1", "b-1"], ["a-2", "a-1"], []]
    assert len(store.rows(-1)) == 4


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=20))
def test_any_text_can_be_looked_for(text: str) -> None:
    """It is looked for as it stands: nothing in it is SQL, nor a pattern."""
    sought = Chosen(text=text.encode("utf-8", "replace").decode())
    assert Store("/nowhere/at/all").count(sought) == 0


def test_a_run_that_is_begun_again_has_the_setup_of_who_goes_on_with_it(store: Store) -> None:
    store.begin("c-1", task("cats", workspace="/srv/cats"))
    kept = store.setup("c-1")
    assert kept is not None and kept.recipe == "self_refine", "nothing is forgotten"
    store.begin("c-1", task("cats", workspace="/srv/cats"), Setup(recipe="core"))
    assert store.row("c-1").recipe == "core" and listed(store)[0] == "c-1"
    store.save(committed("c-1", task("cats")))
    assert store.row("c-1").recipe == "core", "a record without a setup takes none away"


def test_the_list_reads_no_records(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record can be megabytes. The list, its count and its filters are answered by one index."""
    asked: list[str] = []
    query = Store._query

    def noted(self: Store, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        asked.append(sql.format_map(self._backend.words))
        return query(self, sql, *values)

    monkeypatch.setattr(Store, "_query", noted)
    for chosen in (Chosen(), Chosen(RunOutcome.asked), Chosen("unended", "cats", "core", "x")):
        store.rows(50, offset=50, chosen=chosen)
        store.count(chosen)
    store.named("task")
    store.named("recipe")
    monkeypatch.undo()
    with closing(sqlite3.connect(store.folder / "runs.db")) as db:
        for sql in asked:
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", ("x",) * sql.count("?"))]
            reads = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
            assert reads and all("COVERING INDEX" in step for step in reads), (sql, plan)
