"""Killed with -9 in the middle of a commit or an undo: all of it or nothing, and never twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.actions.sql.sql_worlds import Case, dump, make
from tests.actions.sql.test_postgres import SCRIPT, everything
from tests.tools.postgres import postgres as postgres

SQL = "DELETE FROM maker WHERE id = 1; UPDATE car SET price = 1; INSERT INTO log (what) VALUES ('x')"


def killed(work: Callable[[], None], after: float) -> bool:
    """Do the work in a process that is killed after that many seconds. Whether it had finished."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert not (os.WIFEXITED(status) and os.WEXITSTATUS(status)), "the work failed by itself"
    return os.WIFEXITED(status)


def survive(case: Case, look: Callable[[], Any], tries: int) -> None:
    """Commit and undo, killed at random instants; what was cut off is then finished, or taken back."""
    chance = random.Random(7)
    before = look()
    case.stage()
    start = time.monotonic()
    case.do("prepare", "commit")
    after = look_clean(look)
    case.do("undo", "settle")
    longest = time.monotonic() - start
    cut = 0
    for number in range(tries):
        case.key, case.folder = f"k-{number}", case.folder.parent / f"kept-{number}"
        case.folder.mkdir()
        case.do("prepare")
        cut += not killed(lambda: case.do("commit", "settle"), chance.uniform(0, longest / 2))
        assert look_clean(look) in (before, after)
        if number % 2:
            case.do("commit", "settle")
            assert look() == after
            cut += not killed(lambda: case.do("undo", "settle"), chance.uniform(0, longest / 2))
            assert look_clean(look) in (before, after)
        case.do("undo", "settle")
        assert look() == before
    assert cut


def look_clean(look: Callable[[], list[str]]) -> list[str]:
    """Without Revet's own table, which is there until it is settled."""
    return [line for line in look() if "revet_commits" not in line]


@pytest.mark.parametrize("shape", ["", "; ALTER TABLE log ADD COLUMN at"])
def test_sqlite(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "shop.db"
    survive(Case(make(path), SQL + shape, tmp_path / "kept"), lambda: dump(path), 16)


def test_postgresql(postgres: str, tmp_path: Path) -> None:
    psycopg: Any = pytest.importorskip("psycopg", reason="pip install 'revet[postgres]'")
    with psycopg.connect(postgres, autocommit=True) as made:
        made.execute(SCRIPT)
    survive(Case(postgres, SQL, tmp_path / "kept"), lambda: everything(postgres), 10)
