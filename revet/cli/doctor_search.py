"""The part of `revet doctor` about search: what can be searched and read from here, and what the rest needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from revet.cli.doctor_models import Found

__all__ = ["searches_found"]

TRIED = "Wikipedia"
"""What is searched for to try it."""


def searches_found(*, tried: bool = False) -> Iterator[Found]:
    """Every kind of search. The network is asked only if it is `tried`."""
    yield _corpus()
    yield _pdf()
    yield from _web(tried)
    yield _pages()


def _corpus() -> Found:
    import sqlite3

    db = sqlite3.connect(":memory:")
    try:
        db.execute("CREATE VIRTUAL TABLE t USING fts5(a)")
    except sqlite3.OperationalError as error:
        hint = "take a Python whose SQLite has FTS5, as almost every one has"
        return Found(False, "corpus", f"SQLite {sqlite3.sqlite_version}: {error}", hint)
    finally:
        db.close()
    return Found(True, "corpus", f"folders and dumps of encyclopaedias, with SQLite {sqlite3.sqlite_version}")


def _pdf() -> Found:
    from revet.tools._search.reading import DOCUMENTS

    if importlib.util.find_spec("pypdf") is None:
        return Found(False, "pdf", "not installed: pypdf", DOCUMENTS)
    return Found(True, "pdf", f"pypdf {_version('pypdf')}")


def _web(tried: bool) -> Iterator[Found]:
    from revet.tools._search.cache import Cache, cache_home
    from revet.tools._search.kept import FILE

    if importlib.util.find_spec("ddgs") is None:
        yield Found(False, "web", "not installed: ddgs", "pip install ddgs")
        return
    place = cache_home() / FILE
    try:
        kept = f"{Cache(place).count('search')} answers in the cache {place}"
    except Exception as error:  # noqa: BLE001 - told as what is wrong with the cache
        kept = str(error).partition("\n")[0]
    words = f"ddgs {_version('ddgs')}; {kept}"
    if tried:
        yield from _tried(words)
    else:
        yield Found(True, "web", f"{words}; not tried", "revet doctor --search tries it, which asks the network")


def _tried(words: str) -> Iterator[Found]:
    """One search by each of the engines, none of them kept."""
    import asyncio

    from revet.errors import RevetError
    from revet.tools.engines import BACKENDS, Ddgs

    async def one(name: str) -> str:
        try:
            found = await Ddgs((name,))(TRIED, 3)
        except RevetError as error:
            return str(error).partition("\n")[0]
        except Exception as error:  # noqa: BLE001 - told as the reason; the others may work
            return f"{error}".removeprefix(f"{name}: ") or type(error).__name__
        return "" if found.results else "found nothing"

    async def every() -> list[str]:
        return await asyncio.gather(*map(one, BACKENDS))

    told = dict(zip(BACKENDS, asyncio.run(every()), strict=True))
    works = [name for name, why in told.items() if not why]
    if works:
        yield Found(True, "web", f"{words}; found by {', '.join(works)}")
    else:
        hint = "behind a proxy, set HTTPS_PROXY; an own SearXNG server works as well: WebSearch('http://…')"
        yield Found(False, "web", f"{words}; none of them could be asked", hint)
    for name, why in told.items():
        if why:
            yield Found(False, f"web/{name}", why[:200])


def _pages() -> Found:
    main = importlib.util.find_spec("trafilatura")
    with_what = f"trafilatura {_version('trafilatura')}" if main else f"beautifulsoup4 {_version('beautifulsoup4')}"
    hint = "" if main else "the main text of a page is found better with: pip install 'revet[documents]'"
    return Found(True, "page", f"text is taken out by {with_what}", hint)


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "of an unknown version"
