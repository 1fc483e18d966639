"""The cache of what was fetched: shared by processes, killed at any time, bounded, read-only, broken."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from revet.errors import InputError
from revet.tools._search.cache import Cache, Kept, NotKept

WRITER = """
import sys
from pathlib import Path
from revet.tools._search.cache import Cache, Kept
import time
cache = Cache(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    cache.put("search", f"{sys.argv[2]}-{number}", Kept(time.time(), "shelf", {"text": sys.argv[2] * 2000}))
    print(number, flush=True)
"""


def kept(text: str = "x", at: float | None = None) -> Kept:
    return Kept(time.time() if at is None else at, "shelf", {"text": text})


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_what_is_kept_comes_back_and_a_later_answer_takes_its_place(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "web.sqlite")
    assert cache.get("search", "a") is None and cache.count("search") == 0 and not cache.path.exists()
    cache.put("search", "a", kept("one", at=time.time() - 5))
    cache.put("search", "a", kept("zwei € 漢字 \ud800"))
    cache.put("page", "a", kept("a page"))
    found = cache.get("search", "a")
    assert found is not None and found.body == {"text": "zwei € 漢字 ?"} and found.source == "shelf"
    assert (cache.count("search"), cache.count("page")) == (1, 1)


def test_two_processes_write_one_cache(tmp_path: Path) -> None:
    path = tmp_path / "web.sqlite"
    writers = [writer(path, name, 60) for name in "ab"]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    cache = Cache(path)
    assert cache.count("search") == 120
    assert all(cache.get("search", f"{name}-{n}") is not None for name in "ab" for n in range(60))


def test_a_process_that_is_killed_leaves_what_it_had_kept(tmp_path: Path) -> None:
    path = tmp_path / "web.sqlite"
    for name in "abc":
        process = writer(path, name, 100_000)
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        assert said[-1].strip() == "19"
        cache = Cache(path)
        assert all(cache.get("search", f"{name}-{n}") is not None for n in range(20))
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        cache.put("search", "after", kept())
        assert cache.get("search", "after") is not None


def test_threads_and_forks_share_an_object(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "web.sqlite")
    cache.put("search", "before", kept())
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(cache.put, [("search", str(n), kept(str(n))) for n in range(10)])
    assert cache.count("search") == 11


def test_the_cache_is_bounded_in_size_and_age(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "web.sqlite", most_bytes=10_000, most_days=10)
    now = time.time()
    cache.put("search", "ancient", kept("a", at=now - 11 * 86_400))
    for n in range(30):
        cache.put("search", str(n), kept("x" * 1_000, at=now + n))
    left = [n for n in range(30) if cache.get("search", str(n)) is not None]
    assert left == list(range(21, 30)) and cache.get("search", "ancient") is None


def test_a_read_only_cache_answers_and_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "web.sqlite"
    Cache(path).put("search", "a", kept())
    cache = Cache(path, read_only=True)
    cache.put("search", "b", kept())
    assert cache.get("search", "a") is not None and cache.get("search", "b") is None


def test_a_broken_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "web.sqlite"
    path.write_bytes(b"no database at all" * 500)
    with pytest.raises(InputError, match=r"web\.sqlite cannot be used.*\n.*delete it"):
        Cache(path).get("search", "a")
    with pytest.raises(InputError, match="cannot be used"):
        Cache(path).put("search", "a", kept())


def test_a_body_that_is_broken_is_no_answer(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "web.sqlite")
    for key, body in (("a", "{"), ("b", "[1]"), ("c", "7")):
        cache.put("search", key, kept())
        with closing(sqlite3.connect(cache.path)) as db, db:
            db.execute("UPDATE answers SET body = ? WHERE key = ?", (body, key))
        assert cache.get("search", key) is None


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotKept, match="file"):
        Cache(tmp_path / "file" / "web.sqlite").put("search", "a", kept())
    folder = tmp_path / "web.sqlite"
    folder.mkdir()
    with pytest.raises(NotKept):
        Cache(folder).put("search", "a", kept())


def test_a_table_that_is_not_there_yet_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "web.sqlite"
    closing(sqlite3.connect(path)).__enter__().close()
    path.touch()
    assert Cache(path).get("search", "a") is None
