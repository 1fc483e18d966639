"""What `CorpusSearch` reads besides plain text, and what it does not read, and why."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from revet.errors import InputError
from revet.schema import Outcome
from revet.tools import CorpusSearch
from revet.tools._search.index import Index
from revet.tools.corpus import as_match
from tests.tools.corpus_support import find, found, json_lines
from tests.tools.web_server import pdf

# --- PDF ---------------------------------------------------------------------------------------------------------


async def test_a_pdf_is_found_by_page(tmp_path: Path) -> None:
    (tmp_path / "old_town.pdf").write_bytes(pdf("The old town.", "Its harbour\nwas built in 1723."))
    first = found(await find(CorpusSearch(tmp_path), "harbour 1723"))[0]
    assert (first["path"], first["page"], first["line"], first["title"]) == ("old_town.pdf", 2, 1, "old town")
    evidence = await find(CorpusSearch(tmp_path), "harbour")
    assert evidence.source == "old_town.pdf, page 2" and "(old_town.pdf, page 2)" in evidence.observation


async def test_pdfs_that_cannot_be_read_are_named_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "locked.pdf").write_bytes(pdf("secret harbour", password="pass"))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 harbour, but nothing more")
    (tmp_path / "scan.pdf").write_bytes(pdf("", ""))
    (tmp_path / "whole.pdf").write_bytes(pdf("The harbour is old."))
    tool = CorpusSearch(tmp_path)
    evidence = await find(tool, "harbour")
    assert [each["path"] for each in found(evidence)] == ["whole.pdf"] and evidence.outcome is Outcome.passed
    unread = {each["path"]: each["reason"] for each in evidence.data["unread"]["files"]}  # type: ignore[index,call-overload,union-attr,misc]
    assert unread["locked.pdf"] == "it is encrypted, and needs a password"
    assert "broken" in unread["broken.pdf"] and "images" in unread["scan.pdf"] and len(unread) == 3
    assert "not read: broken.pdf: it is broken" in evidence.observation


async def test_a_missing_package_is_named_and_the_pdf_read_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    (tmp_path / "a.pdf").write_bytes(pdf("The harbour is old."))
    tool = CorpusSearch(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        evidence = await find(tool, "harbour")
    assert evidence.outcome is Outcome.inconclusive and "pip install 'revet[documents]'" in evidence.observation
    assert (await find(tool, "harbour")).outcome is Outcome.passed


# --- long texts, binary ones, secrets ----------------------------------------------------------------------------


async def test_a_long_text_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.tools._search.index.LARGEST", 10_000)
    lines = ["# Book", *(f"\n## Chapter {n}\n\nThe harbour number{n} is {'far ' * 200}away." for n in range(900))]
    (tmp_path / "book.md").write_text("\n".join(lines))
    first = found(await find(CorpusSearch(tmp_path), "harbour number777"))[0]
    assert first["title"] == "Book: Chapter 777" and first["line"] == 1 + 4 * 777 + 4
    (tmp_path / "line.txt").write_text("quay " * 200_000)
    assert found(await find(CorpusSearch(tmp_path), "quay"))
    (tmp_path / "page.html").write_text("<p>lighthouse</p>" * 1_000)
    monkeypatch.setattr("revet.tools._search.documents.LARGEST", 10_000)
    assert "page.html: it has more than 0 MB" in (await find(CorpusSearch(tmp_path), "lighthouse")).observation


async def test_western_texts_that_are_no_utf_8_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes("Größe: zwölf m² – „Süd“".encode("cp1252"))
    (tmp_path / "spoilt.txt").write_bytes("Über den Fluß führt eine Brücke.\n".encode() + b"\xff\n")
    (tmp_path / "large.txt").write_bytes(("Ein Wort nur.\n\n" * 600_000 + "Überfähre\n").encode("cp1252"))
    tool = CorpusSearch(tmp_path)
    assert [each["text"] for each in found(await find(tool, "Größe"))] == ["Größe: zwölf m² – „Süd“"]
    assert [each["path"] for each in found(await find(tool, "Brücke Fluß"))] == ["spoilt.txt"]
    assert [each["path"] for each in found(await find(tool, "Überfähre"))] == ["large.txt"]


async def test_binary_texts_are_named_and_other_encodings_read(tmp_path: Path) -> None:
    (tmp_path / "image.txt").write_bytes(b"\x89PNG\0\0harbour")
    (tmp_path / "wide.txt").write_bytes("The harbour of Gdańsk.".encode("utf-16"))
    evidence = await find(CorpusSearch(tmp_path), "harbour")
    assert [each["path"] for each in found(evidence)] == ["wide.txt"]
    assert "image.txt: it is binary" in evidence.observation


async def test_files_that_may_hold_secrets_are_neither_read_nor_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.md").write_text("The password is lighthouse.")
    (tmp_path / "credentials.txt").write_text("lighthouse")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "a.txt").write_text("lighthouse")
    evidence = await find(CorpusSearch(tmp_path), "lighthouse")
    assert evidence.outcome is Outcome.inconclusive and "3 files may hold secrets" in evidence.observation
    assert "secrets.md" not in evidence.model_dump_json()
    cache = tmp_path.parent / f"{tmp_path.name}-cache"
    assert found(await find(CorpusSearch(tmp_path, secrets=True, cache=cache), "lighthouse"))
    assert not found(await find(CorpusSearch(tmp_path, cache=cache), "lighthouse")), "they have an index of their own"


async def test_a_large_folder_is_indexed_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.tools.corpus.IN_MEMORY", 1_000)
    monkeypatch.setenv("REVET_HOME", str(tmp_path / "home"))
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("The harbour. " * 100)
    assert found(await find(CorpusSearch(folder), "harbour"))
    assert list((tmp_path / "home" / "cache").glob("corpus-*.sqlite"))


async def test_an_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    folder, cache = tmp_path / "texts", tmp_path / "cache"
    folder.mkdir()
    (folder / "a.txt").write_text("The harbour.")
    tool = CorpusSearch(folder, cache=cache)
    await find(tool, "harbour")
    tool.close()
    (database,) = cache.glob("*.sqlite")
    with closing(sqlite3.connect(database)) as db:
        db.executescript("PRAGMA user_version = 1; DROP TABLE words; DROP TABLE files; CREATE TABLE files (path TEXT);")
    assert found(await find(CorpusSearch(folder, cache=cache), "harbour"))


async def test_a_search_that_takes_too_long_is_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = Index.search
    monkeypatch.setattr(Index, "search", lambda self, match, **how: search(self, match, **how, seconds=-1))
    (tmp_path / "a.jsonl").write_text("".join(json_lines(3_000)))
    evidence = await find(CorpusSearch(tmp_path), "sailed word3 word4 word5")
    assert evidence.outcome is Outcome.timeout and "ask for rarer words" in evidence.observation


async def test_a_folder_is_needed_to_index_it() -> None:
    with pytest.raises(InputError, match="no folder to read"):
        await CorpusSearch().index()
    with pytest.raises(InputError, match="patience"):
        CorpusSearch(patience=0)


# --- the words ---------------------------------------------------------------------------------------------------


def test_words_side_by_side_are_a_phrase_too() -> None:
    assert as_match("Where is Nick Park from?") == '"nick" OR "park" OR "nick park"'
    assert as_match("the") == '"the"' and as_match("?!") is None


async def test_words_that_stand_almost_everywhere_do_not_slow_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revet.tools._search.index.FREQUENT", 5)
    for n in range(9):
        (tmp_path / f"{n}.txt").write_text(f"The harbour number{n}.")
    asked: list[str] = []
    search = Index.search
    monkeypatch.setattr(Index, "search", lambda self, match, **how: asked.append(match) or search(self, match, **how))
    tool = CorpusSearch(tmp_path)
    assert found(await find(tool, "harbour number7"))[0]["path"] == "7.txt"
    assert len(found(await find(tool, "harbour"))) == 3
    assert asked == ['"number7" OR "harbour number7"', '"harbour"']


async def test_a_cancelled_search_stops_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.tools._search.index.EACH", 0.01)
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "wiki.jsonl").write_text("".join(json_lines(6_000)))
    tool = CorpusSearch(folder, cache=tmp_path / "cache")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(find(tool, "zebra1"), 0.2)
    started = time.monotonic()
    tool.close()  # which waits for the thread
    assert time.monotonic() - started < 10
