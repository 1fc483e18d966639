"""The cache of what was fetched, in PostgreSQL: shared by processes, killed at any time, bounded, replayed; and which
agents keep their answers there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from revet import Agent
from revet.agents import Scripted
from revet.errors import InputError, StoreError
from revet.schema import Outcome
from revet.tools import ReadPage, WebSearch
from revet.tools._search.cache import Cache, Kept, NotKept
from revet.tools._search.pg_cache import PgCache
from revet.tools.registry import make_tool, rooted_options
from tests.store.databases import database
from tests.tools.postgres import postgres
from tests.tools.test_web import QUICK, Engine, find

__all__ = ["database", "postgres"]

NOWHERE = "postgresql://me:hidden@/x?host=/nowhere"
WRITER = """
import sys, time
from revet.tools._search.pg_cache import Kept, PgCache
cache = PgCache(sys.argv[1])
for number in range(10_000):
    cache.put("search", str(number), Kept(time.time(), "shelf", {"text": "x" * 2000}))
    print(number, flush=True)
"""


def kept(text: str = "x", at: float | None = None) -> Kept:
    return Kept(time.time() if at is None else at, "shelf", {"text": text})


def test_what_is_kept_comes_back_and_a_later_answer_takes_its_place(database: str) -> None:
    cache = PgCache(database)
    assert cache.get("search", "a") is None and cache.count("search") == 0
    cache.put("search", "a", kept("one", at=time.time() - 5))
    cache.put("search", "a", Kept(7e9, "she\0lf", {"text": "zwei € 漢字 \0 \ud800 \ufffe"}))
    cache.put("page", "\0", kept("a page"))
    found = cache.get("search", "a")
    assert found == Kept(7e9, "she\0lf", {"text": "zwei € 漢字 \0 ? \ufffe"})
    assert cache.get("page", "\0") is not None and (cache.count("search"), cache.count("page")) == (1, 1)


def test_the_cache_is_bounded_in_size_and_age(database: str) -> None:
    cache = PgCache(database, most_bytes=10_000, most_days=10)
    now = time.time()
    cache.put("search", "ancient", kept("a", at=now - 11 * 86_400))
    for n in range(30):
        cache.put("search", str(n), kept("x" * 1_000, at=now + n))
    left = [n for n in range(30) if cache.get("search", str(n)) is not None]
    assert left == list(range(21, 30)) and cache.get("search", "ancient") is None


def test_many_write_one_cache(database: str) -> None:
    def put(number: int) -> None:
        PgCache(database, most_bytes=20_000).put("search", str(number % 60), kept("x" * 1_000))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(120)))
    assert PgCache(database).count("search") == 19


def test_a_process_that_is_killed_leaves_what_it_had_kept(database: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, database], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    cache = PgCache(database)
    assert said[-1].strip() == "19" and all(cache.get("search", str(n)) is not None for n in range(20))


def test_a_body_that_is_broken_is_no_answer(database: str) -> None:
    cache = PgCache(database)
    for key, body in (("a", "{"), ("b", "[1]"), ("c", "7")):
        cache.put("search", key, kept())
        with psycopg.connect(database) as db:
            db.execute("UPDATE revet.answers SET body = %s WHERE key = %s", (body, key))
        assert cache.get("search", key) is None


def test_a_read_only_cache_is_not_written_and_one_that_is_not_there_is_told(database: str) -> None:
    PgCache(database).put("search", "a", kept())
    cache = PgCache(database, read_only=True)
    cache.put("search", "b", kept())
    assert cache.get("search", "a") is not None and cache.get("search", "b") is None
    with pytest.raises(NotKept, match="cannot be used") as told:
        PgCache(NOWHERE).put("search", "a", kept())
    assert "hidden" not in str(told.value)
    with pytest.raises(StoreError, match="no server answers there"):
        PgCache(NOWHERE).get("search", "a")


# --- tools -------------------------------------------------------------------------------------------------


async def test_a_search_is_kept_there_and_replayed(database: str) -> None:
    engine = Engine()
    one, other = (WebSearch(engine, cache=database, interval=0.0, retries=QUICK) for _ in "ab")
    first, again = await find(one, "Old harbour"), await find(other, "old  HARBOUR")
    assert len(engine.asked) == 1 and (first.data["cached"], again.data["cached"]) == (False, True)
    replay = WebSearch(Engine(), replay=database)
    assert (await find(replay, "old harbour")).observation == first.observation
    missing = await find(replay, "new harbour")
    assert missing.outcome is Outcome.inconclusive and "the cache postgresql://revet@/t_" in missing.observation


def test_an_option_that_is_a_url_is_no_path() -> None:
    options = {"cache": NOWHERE, "replay": "kept/web.sqlite"}
    assert rooted_options("web", options, Path("/tasks")) == {"cache": NOWHERE, "replay": "/tasks/kept/web.sqlite"}
    for name in ("web", "page"):
        tool = make_tool(name, {"cache": NOWHERE})
        assert isinstance(tool, WebSearch | ReadPage) and isinstance(tool._store.cache, PgCache)
    with pytest.raises(InputError, match="no store of the kind mysql"):
        WebSearch(Engine(), cache="mysql://host/name")


def test_an_agent_with_a_store_in_postgresql_keeps_web_answers_there(database: str, tmp_path: Path) -> None:
    tools: list[WebSearch | ReadPage] = [WebSearch(Engine()), ReadPage()]
    named = WebSearch(Engine(), cache=tmp_path)
    Agent(Scripted([]), tools=tools, critics=[], sandbox=None, store=tmp_path / "store")
    assert all(isinstance(tool._store.cache, Cache) for tool in tools)
    for url in (database, NOWHERE):
        Agent(Scripted([]), tools=tools, critics=[], sandbox=None, store=url)
        Agent(Scripted([]), tools=[named], critics=[], sandbox=None, store=url)
    assert [tool._store.cache.shown == PgCache(database).shown for tool in tools] == [True, True]
    assert isinstance(named._store.cache, Cache) and named._store.cache.path.parent == tmp_path
