"""Search over a folder: what is found and where, any query, folders that change, and real paragraphs of Wikipedia."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.schema import Evidence, Outcome, Task
from revet.tools import CorpusSearch, ToolCall, View
from revet.tools._search.passages import passages
from revet.tools.corpus import as_match

PARK = """# Nick Park

Nick Park is an English animator. He made Wallace and Gromit,
and in 1989 Creature Comforts.

## Awards

He won four Academy Awards.
"""
PAGE = """<!DOCTYPE html>
<html><head><title>Bread</title><style>p { color: animator }</style></head>
<body><h2>Dough</h2>
<p>Flour &amp; water,
  and a <b>little</b> salt.</p><script>var animator = 1;</script>
<ul><li>Let it rise</li><li>Bake it</li></ul></body></html>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "texts"
    (top / "people").mkdir(parents=True)
    (top / "people" / "nick_park.md").write_text(PARK)
    (top / "bread.html").write_text(PAGE)
    (top / "old_town.txt").write_text("The old town has a harbour.\n\nIts harbour was built in 1723.\n")
    (top / "code.py").write_text("harbour = 1")
    return top


async def find(tool: CorpusSearch, query: str, **more: Any) -> Evidence:
    call = ToolCall(tool="corpus", request=query, arguments={"query": query, **more})
    return await tool.run(call, View(task=Task(goal="?"), run="r"))


def found(evidence: Evidence) -> list[dict[str, Any]]:
    return list(evidence.data["passages"])  # type: ignore[arg-type]


# --- what is found -----------------------------------------------------------------------------------------------


async def test_a_passage_has_its_title_file_and_line(folder: Path) -> None:
    evidence = await find(CorpusSearch(folder), "Who won Academy Awards? site: wikipedia.org")
    first = found(evidence)[0]
    assert (first["path"], first["line"], first["title"]) == ("people/nick_park.md", 8, "Nick Park: Awards")
    assert first["text"] == "He won four Academy Awards."
    assert evidence.outcome is Outcome.passed and evidence.source == "people/nick_park.md:8"
    assert "[Nick Park: Awards] He won four Academy Awards. (people/nick_park.md:8)" in evidence.observation


async def test_pages_are_read_as_people_see_them(folder: Path) -> None:
    first = found(await find(CorpusSearch(folder), "salt water"))[0]
    assert first["text"] == "Flour & water, and a little salt." and first["title"] == "Bread: Dough"
    assert first["line"] == 4
    assert found(await find(CorpusSearch(folder), "rise"))[0]["text"] == "Let it rise"
    assert [p["path"] for p in found(await find(CorpusSearch(folder), "animator"))] == ["people/nick_park.md"]


async def test_words_are_found_in_other_forms_and_with_other_accents(folder: Path) -> None:
    (folder / "cafe.txt").write_text("The Café serves breakfasts.")
    assert found(await find(CorpusSearch(folder), "cafe breakfast"))[0]["path"] == "cafe.txt"


async def test_a_file_without_a_heading_is_titled_by_its_name_and_code_is_no_text(folder: Path) -> None:
    hits = found(await find(CorpusSearch(folder, results=9), "harbour 1723"))
    assert [(p["path"], p["line"], p["title"]) for p in hits] == [
        ("old_town.txt", 3, "old town"),
        ("old_town.txt", 1, "old town"),
    ]


async def test_skip_and_exclude_give_the_next_result(folder: Path) -> None:
    tool = CorpusSearch(folder, results=1)
    first, second = found(await find(tool, "harbour")), found(await find(tool, "harbour", skip=1))
    assert len(first) == len(second) == 1 and first != second
    assert found(await find(tool, "harbour", exclude=[first[0]["id"]])) == second
    nothing = await find(tool, "harbour", skip=2)
    assert nothing.outcome is Outcome.inconclusive and "nothing more" in nothing.observation


async def test_nothing_found_is_inconclusive_and_no_error(folder: Path) -> None:
    for query in ("xylophone", "?!", "NEAR OR NOT", '"', "site:example.org"):
        evidence = await find(CorpusSearch(folder), query)
        assert evidence.outcome is Outcome.inconclusive and not found(evidence), query


async def test_the_workspace_is_searched_where_no_folder_is_named(folder: Path) -> None:
    call = ToolCall(tool="corpus", request="harbour", arguments={"query": "harbour"})
    tool = CorpusSearch()
    here = View(task=Task(goal="?"), run="r", workspace=folder)
    assert tool.plan(here) == [] and (await tool.run(call, here)).outcome is Outcome.passed
    with pytest.raises(InputError, match="no folder to search"):
        tool.plan(View(task=Task(goal="?"), run="r"))


async def test_bad_arguments_are_told() -> None:
    for arguments in ({}, {"query": ""}, {"query": "x", "skip": -1}, {"query": "x", "other": 1}):
        call = ToolCall(tool="corpus", request="x", arguments=arguments)  # type: ignore[arg-type]
        assert (await CorpusSearch().run(call, View(task=Task(goal="?"), run="r"))).outcome is Outcome.error


def test_bad_settings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        CorpusSearch(tmp_path / "nowhere")
    with pytest.raises(InputError, match="results"):
        CorpusSearch(tmp_path, results=0)


# --- folders that change -----------------------------------------------------------------------------------------


async def test_what_is_new_changed_or_gone_is_noticed(folder: Path) -> None:
    tool = CorpusSearch(folder)
    assert (await find(tool, "lighthouse")).outcome is Outcome.inconclusive
    (folder / "new.txt").write_text("A lighthouse stands there.")
    assert found(await find(tool, "lighthouse"))[0]["path"] == "new.txt"
    (folder / "new.txt").write_text("A windmill stands there now.")
    os.utime(folder / "new.txt", ns=(1, 1))
    assert (await find(tool, "lighthouse")).outcome is Outcome.inconclusive
    assert found(await find(tool, "windmill"))[0]["path"] == "new.txt"
    (folder / "new.txt").unlink()
    assert (await find(tool, "windmill")).outcome is Outcome.inconclusive
    tool.close()
    assert (await find(tool, "harbour")).outcome is Outcome.passed


async def test_a_cache_outlives_the_tool_and_the_folder_stays_clean(folder: Path, tmp_path: Path) -> None:
    before = sorted(folder.rglob("*"))
    cache = tmp_path / "cache"
    first = await find(CorpusSearch(folder, cache=cache), "harbour")
    again = await find(CorpusSearch(folder, cache=cache), "harbour")
    assert first.data == again.data and len(list(cache.glob("*.sqlite"))) == 1
    assert sorted(folder.rglob("*")) == before


async def test_a_cache_in_the_folder_or_a_broken_one_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="outside"):
        await find(CorpusSearch(folder, cache=folder / "cache"), "harbour")
    tool = CorpusSearch(folder, cache=tmp_path / "cache")
    await find(tool, "harbour")
    tool.close()
    (database,) = (tmp_path / "cache").glob("*.sqlite")
    database.write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match="delete it"):
        await find(tool, "harbour")


async def test_hidden_files_links_and_odd_names_are_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("The password is lighthouse.")
    (folder / ".env.txt").write_text("lighthouse")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    Path(os.fsdecode(os.fsencode(folder) + b"/odd\xff.txt")).write_text("lighthouse")
    evidence = await find(CorpusSearch(folder), "lighthouse")
    assert evidence.outcome is Outcome.inconclusive
    assert "1 files are too large, too many or oddly named" in evidence.observation


async def test_many_tasks_share_one_tool(folder: Path, tmp_path: Path) -> None:
    others = [tmp_path / f"other{n}" for n in range(12)]
    for n, other in enumerate(others):
        other.mkdir()
        (other / "a.txt").write_text(f"The harbour number {n}.")
    tool = CorpusSearch()
    call = ToolCall(tool="corpus", request="harbour", arguments={"query": "harbour"})
    views = [View(task=Task(goal="?"), run="r", workspace=each) for each in others * 4]
    seen = await asyncio.gather(*(tool.run(call, view) for view in views))
    assert [found(e)[0]["text"] for e in seen] == [f"The harbour number {n}." for n in range(12)] * 4


# --- any text ----------------------------------------------------------------------------------------------------


@given(st.text(max_size=60) | st.text(alphabet="\"*()^:-+ANDORNEARt{}\0\\'_~", max_size=30))
@settings(deadline=None, max_examples=300)
def test_no_query_is_a_syntax_error(query: str) -> None:
    import sqlite3

    match = as_match(query)
    if match is not None:
        db = sqlite3.connect(":memory:")
        db.execute("CREATE VIRTUAL TABLE t USING fts5(a, b)")
        assert db.execute("SELECT * FROM t WHERE t MATCH ?", (match,)).fetchall() == []
        db.close()


@given(
    st.sampled_from(["a.txt", "a.md", "a.html"]),
    st.text(max_size=300) | st.text(alphabet="<>![]-/#ap .\n&;CDATif", max_size=80),
    st.integers(min_value=40, max_value=90),
)
@settings(deadline=None, max_examples=400)
def test_any_file_gives_passages_of_bounded_length_from_its_lines(name: str, content: str, longest: int) -> None:
    for passage in passages(name, content, longest):
        assert 0 < len(passage.text) <= longest
        assert 1 <= passage.line <= content.count("\n") + 1
        if name == "a.txt":
            assert passage.text.split()[0] in content.split("\n")[passage.line - 1]


def test_a_long_paragraph_is_parted_between_sentences() -> None:
    sentences = [f"Sentence number {n} stands here." for n in range(20)]
    parts = list(passages("a.txt", " ".join(sentences), 100))
    assert " ".join(p.text for p in parts) == " ".join(sentences)
    assert all(p.text.endswith(".") for p in parts)


# --- real texts --------------------------------------------------------------------------------------------------


@pytest.mark.shared
async def test_questions_find_their_paragraphs_of_wikipedia(tmp_path: Path, shared: Path) -> None:
    """HotpotQA: the question itself as the query, among all paragraphs that real runs looked up. A paragraph that
    holds the gold answer counts as right."""
    paragraphs, gold = looked_up(shared / "reflexion_hotpotqa" / "react_trials.dev.jsonl")
    for number, (text, title) in enumerate(paragraphs.items()):
        (tmp_path / f"{number:03}.md").write_text(f"# {title}\n\n{text}\n")
    names = {text: f"{number:03}.md" for number, text in enumerate(paragraphs)}
    tool = CorpusSearch(tmp_path, results=60)
    ranks = []
    for question, texts in gold.items():
        hits = found(await find(tool, question))
        order = list(dict.fromkeys(p["path"] for p in hits))
        right = {names[text] for text in texts}
        ranks.append(next((rank for rank, path in enumerate(order, 1) if path in right), None))
    reciprocal = sum(1 / rank for rank in ranks if rank) / len(ranks)
    recall = sum(rank is not None and rank <= 7 for rank in ranks) / len(ranks)
    print(f"{len(ranks)} questions, {len(paragraphs)} paragraphs: MRR {reciprocal:.3f}, recall@7 {recall:.3f}")
    assert len(ranks) >= 50 and reciprocal > 0.6 and recall > 0.85


def looked_up(path: Path) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Paragraphs with their titles, and for each question those that hold its gold answer."""
    paragraphs: dict[str, str] = {}
    gold: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        run = json.loads(line)
        for step in run["steps"]:
            asked = re.fullmatch(r"Search\[(.*)\]", (step.get("action") or "").strip())
            text = step.get("observation") or ""
            if not asked or text.startswith("Could not find") or len(text) < 60:
                continue
            paragraphs.setdefault(text, asked[1])
            if run["gold"].lower() not in ("yes", "no") and run["gold"].lower() in text.lower():
                gold.setdefault(run["question"], set()).add(text)
    return paragraphs, gold


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", "# a" + " " * 20_000 + "b"),
        ("a.html", "<a " * 100_000),
        ("a.html", "<a b='" * 100_000),
        ("a.html", "<!--" * 100_000),
        ("a.html", "<p>" + "<![CDATA[" * 50_000),
        ("a.txt", "word\n" * 1_000_000),
    ],
)
def test_a_hostile_file_takes_no_time(name: str, content: str) -> None:
    started = time.monotonic()
    assert all(len(passage.text) <= 400 for passage in passages(name, content, 400))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("<p>one<!-- <p>no</p> --><p>two", ["one", "two"]),
        ("<script>if (a < b) x = '<!--'</script><p>one</p><!-- c --><p>two", ["one", "two"]),
        ("<head><script src='x'/></head><p>one", ["one"]),
        ("<p title='a > b'>one</p><p>1 < 2 <b>two", ["one", "1 < 2 two"]),
        ("<p>one</p><style>p {}", ["one"]),
    ],
)
def test_what_is_seen_of_a_page(content: str, texts: list[str]) -> None:
    assert [passage.text for passage in passages("a.html", content, 400)] == texts


def test_headings_are_read_without_their_closing_marks() -> None:
    content = "# C#\n\none\n\n## Two ##  \n\ntwo\n"
    assert [passage.title for passage in passages("a.md", content, 400)] == ["C#", "C#: Two"]


async def test_a_file_that_vanishes_takes_no_other_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.entry, self.name = entry, entry.name

        def stat(self, **how: bool) -> os.stat_result:
            if self.name == "gone.txt":
                raise FileNotFoundError
            return self.entry.stat(**how)

    (folder / "gone.txt").write_text("gone")
    (folder / "here.txt").write_text("quicksilver")
    scandir = os.scandir
    with monkeypatch.context() as patched:  # `os` is everybody's: the fixtures that end after this test use it too
        patched.setattr("revet.tools._search.index.os.scandir", lambda path: [Entry(entry) for entry in scandir(path)])
        evidence = await find(CorpusSearch(folder), "quicksilver")
    assert evidence.outcome is Outcome.passed


async def test_a_cache_that_breaks_later_or_is_a_file_is_named(folder: Path, tmp_path: Path) -> None:
    for number in range(100):
        (folder / f"{number}.txt").write_text(f"some text {number} " * 30)
    cache = tmp_path / "cache"
    tool = CorpusSearch(folder, cache=cache)
    await find(tool, "text")
    tool.close()
    (database,) = cache.glob("*.sqlite")
    data = bytearray(database.read_bytes())
    data[8192:-4096] = b"\xff" * (len(data) - 12288)
    database.write_bytes(data)
    (folder / "new.txt").write_text("something new")
    with pytest.raises(InputError, match="cannot be used"):
        await find(CorpusSearch(folder, cache=cache), "text")
    with pytest.raises(InputError, match="cannot be used"):
        await find(CorpusSearch(folder, cache=database), "text")


async def test_a_long_query_makes_no_long_evidence(folder: Path) -> None:
    evidence = await find(CorpusSearch(folder), "zzzz " * 20_000)
    assert evidence.outcome is Outcome.inconclusive and len(evidence.observation) < 1_000
