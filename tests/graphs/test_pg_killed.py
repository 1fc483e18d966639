"""With everything in PostgreSQL: kill the process anywhere, and another one goes on without repeating anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from revet.schema import RunOutcome
from tests.graphs.speaking import store_at
from tests.graphs.test_killed import check, killed_and_gone_on, killer
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "killer", "postgres"]

TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "replies")
POINTS = [
    "reply 3",
    "kept 1",
    "kept 6",
    "node prepare 1",
    "node propose 1",
    "node criticise 1",
    "node revise 1",
    "node gate 2",
    "node commit 1",
    "commit",
    "save",
    "saved",
]


@pytest.mark.parametrize("where", POINTS)
def test_a_run_killed_anywhere_goes_on_from_postgresql(
    where: str, killer: subprocess.Popen[str], database: str, tmp_path: Path
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    unbroken, run = killed_and_gone_on(where, killer, whole, folder, database)
    check(where, unbroken, run, whole, folder)
    assert store_at(folder, database).get("r-1").outcome is RunOutcome.committed
    assert not list(folder.glob("**/*.db")), "everything is in PostgreSQL"
    with psycopg.connect(database) as db:
        left = [db.execute(f"SELECT count(*) FROM revet.{table}".encode()).fetchone() for table in TABLES]
    assert left == [(0,)] * len(TABLES)
