"""Two processes, one batch, and the store in PostgreSQL."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.batch.test_killed import trace
from tests.batch.writers import check_batch, revet_process, write_tasks
from tests.tools.postgres import postgres

__all__ = ["postgres"]

COUNT = 16


def test_each_task_is_run_by_one_of_them_and_both_know_all(tmp_path: Path, postgres: str) -> None:
    write_tasks(tmp_path, COUNT)
    words = ("run", "tasks.jsonl", "--jobs", "4", "--quiet", "--resume", "--store", postgres)
    with (
        revet_process(tmp_path, *words, "--results", "one.jsonl", SLOW="0.2") as one,
        revet_process(tmp_path, *words, "--results", "two.jsonl", SLOW="0.2") as two,
    ):
        said = [process.communicate(timeout=60)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), said
    check_batch(tmp_path, COUNT, tmp_path / "one.jsonl")
    check_batch(tmp_path, COUNT, tmp_path / "two.jsonl")
    assert Counter(name for _, name in trace(tmp_path)) == Counter(f"t{number}" for number in range(COUNT))
