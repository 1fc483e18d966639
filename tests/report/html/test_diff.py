"""Diffs taken apart, and the room that texts get on a page."""

from __future__ import annotations

import difflib

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.report.html import diff_html, evidence_html
from revet.report.html.diff import parse_diff
from revet.report.html.room import shelf_for
from revet.report.html.shelf import Shelf, fair_limit, weight
from revet.schema import Attempt, Decision, DecisionKind, Draft, Evidence, Finding, Location, Outcome
from tests.report.html.weird import foreign, texts
from tests.report.samples import abstained

TWO = """diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,4 @@ def f():
 one
--- two
+++ two
+three
 four
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-x
\\ No newline at end of file
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
"""


def test_files_lines_and_numbers() -> None:
    first, gone, picture = parse_diff(TWO)
    assert (first.path, first.added, first.removed) == ("a.py", 2, 1)
    assert [(line.kind, line.old, line.new, line.text) for line in first.lines] == [
        ("hunk", 1, 1, "def f():"),
        ("kept", 1, 1, "one"),
        ("removed", 2, None, "-- two"),
        ("added", None, 2, "++ two"),
        ("added", None, 3, "three"),
        ("kept", 3, 4, "four"),
    ]
    assert (gone.path, gone.removed) == ("gone.txt", 1)
    assert [line.text for line in gone.lines if line.kind == "note"] == [
        "deleted file mode 100644",
        "No newline at end of file",
    ]
    assert picture.path == "pic.png" and "Binary files" in picture.lines[0].text


def test_findings_stand_at_their_lines_and_nowhere_else() -> None:
    claims = [
        Finding(claim="here", location=Location(path="a.py", line=3)),
        Finding(claim="elsewhere", location=Location(path="b.py", line=3)),
        Finding(claim="nowhere", location=Location(path="a.py", line=99)),
        Finding(claim="unplaced"),
        Finding(claim="suspect", category="suspicious-line", location=Location(path="./a.py", line=4)),
    ]
    lines = parse_diff(TWO, claims)[0].lines
    assert [(line.new, [f.claim for f in line.findings]) for line in lines if line.findings] == [(3, ["here"])]
    assert [line.new for line in lines if line.suspect] == [4]


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_a_real_diff_holds_both_versions(before: list[str], after: list[str]) -> None:
    diff = "\n".join(difflib.unified_diff(before, after, "a/x", "b/x", lineterm="", n=99)) + "\n"
    for file in parse_diff(diff) if before != after else ():
        assert [line.text for line in file.lines if line.kind in ("kept", "removed")] == before
        assert [line.text for line in file.lines if line.kind in ("kept", "added")] == after
        numbers = [line.new for line in file.lines if line.kind in ("kept", "added")]
        assert numbers == list(range(1, len(after) + 1))


@settings(deadline=None)
@given(texts)
def test_what_is_no_diff_is_kept_as_text(text: str) -> None:
    assert foreign(str(diff_html(text))) == []
    kept = " ".join(line.text for file in parse_diff(text) for line in file.lines)
    for word in text.split("\n"):
        if word.strip() and not word.startswith(("diff --git ", "--- ", "+++ ", "index ", "@@", "\\ ")):
            assert word in kept or word[1:] in kept


def test_a_long_diff_keeps_its_ends() -> None:
    lines = "\n".join(f"+line {number}" for number in range(5_000))
    html = str(diff_html(f"--- a/x\n+++ b/x\n@@ -0,0 +1,5000 @@\n{lines}\n", (), Shelf(limit=10_000)))
    assert "line 0<" in html and "line 4999<" in html and "lines left out" in html
    assert ">5000<" in html  # the number of the last line
    assert len(html) < 40_000


@given(st.lists(st.integers(0, 1000)), st.integers(1, 5000), st.integers(1, 1000))
def test_room_is_shared_fairly(weights: list[int], room: int, longest: int) -> None:
    limit = fair_limit(weights, room, longest)
    assert 0 <= limit <= longest
    assert sum(min(size, limit) for size in weights) <= max(room, 0)
    if limit < longest:  # nothing more would fit: at the next limit, the room is exceeded
        assert sum(min(size, limit + 1) for size in weights) > room


def test_weight_counts_bytes_and_lines() -> None:
    assert weight("abc") == 3 and weight("é") == 2 and weight("a\n") == 42 and weight("\ud800") == 1


def _drawn(pictures: list[str], number: int) -> Attempt:
    seen = Evidence(tool="render", request=f"r{number}", outcome=Outcome.passed, artefacts=tuple(pictures))
    return Attempt(
        round=number, draft=Draft(author="a"), evidence=(seen,), decision=Decision(kind=DecisionKind.abstain)
    )


def test_pictures_of_the_best_draft_come_first() -> None:
    pictures = [f"data:image/png;base64,{letter * 700_000}" for letter in "ABCD"]
    attempts = tuple(_drawn([picture], number) for number, picture in enumerate(pictures))
    run = abstained().model_copy(update={"attempts": attempts, "best": attempts[2]})
    assert shelf_for(run).pictures == {pictures[2], pictures[3]}
    page = str(evidence_html(attempts[0].evidence[0], shelf_for(run)))
    assert "1 picture not shown" in page and "<img" not in page
