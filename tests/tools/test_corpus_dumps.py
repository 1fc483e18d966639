"""Dumps of encyclopaedias in `CorpusSearch`: what is read of them, in what memory, and going on after an end."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.schema import Outcome
from revet.tools import CorpusSearch
from revet.tools._search.documents import pieces
from revet.tools._search.dumps import Mark
from revet.tools._search.index import Index
from revet.tools._search.wikitext import plain
from tests.tools.corpus_support import HEAD, PAGE, dump, find, found, json_lines

# --- dumps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["", ".gz", ".bz2"])
async def test_a_dump_of_wikipedia_is_searched_by_article(tmp_path: Path, packing: str) -> None:
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[packing]
    pages = [
        PAGE.format(
            "Wallace", 0, "{{Infobox|a={{b}}}}'''Wallace''' is an [[inventor|odd inventor]].&lt;ref&gt;x&lt;/ref&gt;"
        ),
        PAGE.format("Talk:Wallace", 1, "an inventor, they say"),
        PAGE.format("Gromit", 0, "#REDIRECT [[Wallace inventor]]").replace("<rev", '<redirect title="Wallace" /><rev'),
        PAGE.format("Cheese &amp; crackers", 0, "Eaten.\n\n== Moon ==\nThe inventor flew\nto the moon for cheese."),
    ]
    path = tmp_path / f"wiki.xml{packing}"
    path.write_bytes(pack((HEAD + "".join(pages) + "</mediawiki>").encode()))
    hits = found(await find(CorpusSearch(tmp_path, results=9), "inventor"))
    assert {(hit["title"], hit["text"]) for hit in hits} == {
        ("Wallace", "Wallace is an odd inventor."),
        ("Cheese & crackers: Moon", "The inventor flew to the moon for cheese."),
    }
    moon = next(hit for hit in hits if "moon" in hit["text"])
    lines = (HEAD + "".join(pages)).split("\n")
    assert "The inventor flew" in lines[moon["line"] - 1] and moon["path"] == path.name


@pytest.mark.parametrize("packing", ["", ".gz"])
async def testjson_lines_are_articles(tmp_path: Path, packing: str) -> None:
    rows: list[Any] = [
        {"title": "Titan", "text": ["A moon of Saturn.", "It has lakes."]},
        ["no", "object"],
        {"id": 7},
        {"name": "Rhea", "contents": "Another moon\ud800 of Saturn.\n\n## Rings\n\nNone."},
    ]
    text = "\n".join([*map(json.dumps, rows), "{broken"])
    path = tmp_path / f"moons.jsonl{packing}"
    path.write_bytes(gzip.compress(text.encode()) if packing else text.encode())
    hits = found(await find(CorpusSearch(tmp_path, results=9), "moon Saturn"))
    assert [(hit["title"], hit["line"]) for hit in sorted(hits, key=lambda hit: hit["line"])] == [
        ("Titan", 1),
        ("Rhea", 4),
    ]
    (tmp_path / "log.jsonl").write_text('{"level": "info"}\n' * 100)
    evidence = await find(CorpusSearch(tmp_path), "nowhere")
    assert "log.jsonl: it is no dump of articles" in evidence.observation
    assert "log.jsonl" not in (await find(CorpusSearch(tmp_path), "moon")).observation


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (HEAD + PAGE.format("One", 0, "harbour") + "<page><title>Two", "broken"),
        (HEAD + PAGE.format("One", 0, "harbour") + "<page></text>", "broken"),
        (HEAD + PAGE.format("One", 0, "harbour") + "<a " + "b" * 20_000_000, "tag without an end"),
        ("<project><text>harbour</text></project>", "no dump"),
        ("harbour", "no dump"),
        ('<!DOCTYPE a [<!ENTITY b "harbour">]><mediawiki>&b;</mediawiki>', "entities"),
        ("", "no dump"),
    ],
)
async def test_a_dump_that_breaks_off_is_read_up_to_there(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "wiki.xml").write_text(content)
    evidence = await find(CorpusSearch(tmp_path), "harbour")
    assert evidence.outcome is (Outcome.passed if "One" in content else Outcome.inconclusive)
    assert why in str(evidence.data["unread"])


async def test_packed_files_that_are_broken_or_none(tmp_path: Path) -> None:
    whole = "".join(dump(3000)).encode()
    (tmp_path / "cut.xml.bz2").write_bytes(bz2.compress(whole)[:-5000])
    (tmp_path / "cut.xml.gz").write_bytes(gzip.compress(whole)[:-500])
    (tmp_path / "none.xml.gz").write_bytes(b"not packed at all")
    (tmp_path / "none.jsonl.bz2").write_bytes(b"nor this")
    evidence = await find(CorpusSearch(tmp_path, results=20), "zebra17 nowhere")
    unread = str(evidence.data["unread"])
    assert all(name in unread for name in ("cut.xml.bz2", "cut.xml.gz", "none.xml.gz", "none.jsonl.bz2"))


def test_reading_goes_on_at_any_mark(tmp_path: Path) -> None:
    path = tmp_path / "wiki.xml"
    path.write_text("".join(dump(2000)))
    every = list(pieces(path, 400, Mark()))
    assert len(every) > 5 and every[-1].share == 1.0
    rows = [row for piece in every for row in piece.rows]
    for number in (0, 2, len(every) - 2):
        later = [row for piece in pieces(path, 400, every[number].mark) for row in piece.rows]
        assert later == rows[sum(len(piece.rows) for piece in every[: number + 1]) :]
    packed = tmp_path / "wiki.xml.bz2"
    packed.write_bytes(bz2.compress(path.read_bytes()))
    later = [row for piece in pieces(packed, 400, every[2].mark) for row in piece.rows]
    assert later == [row for piece in every[3:] for row in piece.rows]


INDEXER = """
import asyncio, sys
from revet.tools import CorpusSearch
tool = CorpusSearch(sys.argv[1], cache=sys.argv[2])
print(asyncio.run(tool.index(lambda path, share: print(share, flush=True))))
"""


async def test_indexing_that_is_killed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = tmp_path / "texts", tmp_path / "cache"
    folder.mkdir()
    (folder / "wiki.xml").write_text("".join(dump(5_000)))
    slowly = "import revet.tools._search.index as i; i.EACH = 0.01\n"
    words = [sys.executable, "-c", slowly + INDEXER, str(folder), str(cache)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(3)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert 0 < float(told[0]) < float(told[2]) < 1
    (database,) = cache.glob("*.sqlite")
    with closing(sqlite3.connect(database)) as db:
        before, at = db.execute("SELECT count(*) FROM passages").fetchone()[0], db.execute("SELECT position FROM files")
        position = at.fetchone()[0]
    assert before > 0 and 0 < position < (folder / "wiki.xml").stat().st_size
    marks: list[Mark] = []

    def watched(path: Path, longest: int, mark: Mark) -> Any:
        marks.append(mark)
        return pieces(path, longest, mark)

    monkeypatch.setattr("revet.tools._search.index.pieces", watched)
    tool = CorpusSearch(folder, cache=cache)
    counts = await tool.index()
    assert marks[0].position == position and counts == await CorpusSearch(folder, cache=tmp_path / "other").index()
    evidence = await find(tool, "zebra4999")
    assert found(evidence)[0]["title"] == "Article 4999" and "pending" not in evidence.data
    assert len(marks) == 2, "an unchanged dump is not read again"
    tool.close()


async def test_a_search_reads_only_as_long_as_it_may_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revet.tools._search.index.EACH", 0.01)
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "wiki.xml").write_text("".join(dump(6_000)))
    told: list[tuple[str, Any]] = []
    tool = CorpusSearch(folder, cache=tmp_path / "cache", patience=0.05)
    evidence = await find(tool, "zebra0", emit=lambda kind, data: told.append((kind, data)))
    assert evidence.outcome is Outcome.passed and "not all is read yet: the time" in evidence.observation
    assert told and told[0][0] == "indexing" and told[0][1]["path"] == "wiki.xml" and 0 < told[0][1]["share"] <= 1
    for _ in range(600):
        evidence = await find(tool, "zebra5999")
        if "pending" not in evidence.data:
            break
    assert found(evidence)[0]["title"] == "Article 5999"


async def test_two_processes_share_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = tmp_path / "texts", tmp_path / "cache"
    folder.mkdir()
    (folder / "wiki.xml").write_text("".join(dump(3_000)))
    run = [
        subprocess.Popen([sys.executable, "-c", INDEXER, str(folder), str(cache)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100)[0].splitlines()[-1] for process in run]
    assert said[0] == said[1] and "'files': 1" in said[0]
    (database,) = cache.glob("*.sqlite")
    held = Index(folder, 400, database)
    monkeypatch.setattr("revet.tools._search.index.PATIENCE", 0.1)
    with held._alone(1.0) as mine:
        assert mine
        (folder / "new.txt").write_text("a new harbour")
        evidence = await find(CorpusSearch(folder, cache=cache), "zebra7")
        assert "another process is reading the folder" in evidence.observation and found(evidence)
    assert found(await find(CorpusSearch(folder, cache=cache), "harbour"))
    held.close()


MEASURED = """
import asyncio, resource, sys
from revet.tools import CorpusSearch
print(asyncio.run(CorpusSearch(sys.argv[1], cache=sys.argv[2]).index())["passages"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    """A dump ten times as large takes at most a few megabytes more."""
    peaks = []
    for name, articles in (("small", 500), ("large", 5_000)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "wiki.jsonl").write_text("".join(json_lines(articles)))
        words = [sys.executable, "-c", MEASURED, str(folder), str(tmp_path / "cache")]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, timeout=100)
        passages, peak = map(int, done.stdout.split())
        assert passages > articles
        peaks.append(peak / 1024)
    assert (tmp_path / "large" / "wiki.jsonl").stat().st_size > 10_000_000
    assert peaks[1] < peaks[0] + 24, f"{peaks} MB"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


# --- wikitext ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'''Bold''' and ''it'' [[Link]]s, [[a|b]] [http://e.org c].", "Bold and it Links, b c."),
        ("{{a|{{b}}|[[c]]}}x{|\n|t\n|}y", "x\n\ny"),
        ("a<ref name=x>no [[b</ref> c<ref name=y/> d<!-- e --> f &amp;amp; g", "a c d f &amp; g"),
        ("[[File:a.jpg|thumb|A [[b]] c]]d", "d"),
        ("== H ==\n=== I ===\n* one\n# two", "## H\n### I\n- one\n- two"),
        ("{{ open [[ and }} ]] shut", "{{ open [[ and }} ]] shut"),
        ("a\n<ref>open\n\nb", "a\n\n\nb"),
    ],
)
def test_wikitext(text: str, said: str) -> None:
    found = plain(text)
    if "open [[" not in text:
        assert found == said
    assert found.count("\n") == text.count("\n")


@given(st.text(alphabet="[]{}|=<>!-/ref'\n*#: aé&;", max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_wikitext_keeps_its_lines(text: str) -> None:
    assert plain(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("token", ["{{", "[[", "<ref>", "<!--", "<a ", "[http://", "=", "]]", "{|", "'", "<ref ", "&"])
def test_hostile_wikitext_takes_no_time(token: str) -> None:
    started = time.monotonic()
    plain(token * 100_000)
    plain((token + "x]] ") * 30_000)
    assert time.monotonic() - started < 20
