"""Unified diffs and search/replace."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.actions.diffs import LIMIT, Side, render
from revet.actions.edits import apply_diff, apply_replacements, split_lines
from revet.errors import DraftError, EditDoesNotApply
from revet.schema import FileState, Replacement

POEM = b"one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n"


def diff_of(old: bytes, new: bytes, context: int = 3) -> str:
    """As `diff -u` would print it, with the marker for a missing final newline that difflib leaves out."""
    out = []
    lines = (split_lines(data.decode()) for data in (old, new))
    for line in difflib.unified_diff(*lines, "a/f", "b/f", n=context):
        out.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(out)


TEXT = st.text(st.sampled_from("abc xyz\téß\u2028\x0c\r-+@\\ "), max_size=6)
ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.tuples(TEXT, ENDS), max_size=14))
    whole = "".join(text + end for text, end in lines) + draw(st.sampled_from(["", "last"]))
    return whole.encode()


@given(texts(), texts(), st.integers(0, 4))
@settings(deadline=None, max_examples=150)
def test_a_diff_applied_to_the_old_gives_the_new(old: bytes, new: bytes, context: int) -> None:
    diff = diff_of(old, new, context)
    # Without context, an insertion takes the file's line ends; that is tested below.
    if diff and (context or b"\r" not in old):
        assert apply_diff(old, diff) == new


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "@@ -1,2 +1,2 @@\n",
                    "@@ -1 +1 @@\n",
                    "@@ x @@\n",
                    "@@ -0,0 +1 @@\n",
                    "--- a\n",
                    "+++ b\n",
                    " one\n",
                    "-one\n",
                    "+uno\n",
                    " two\n",
                    "-two",
                    "+x",
                    "\\ No newline at end of file\n",
                    "\n",
                    "\r\n",
                    "diff --git a/f b/f\n",
                    "@@ -9999999 +1 @@\n",
                    "-",
                    "+",
                    " ",
                ]
            ),
            max_size=12,
        ).map("".join),
    )
)
@settings(deadline=None, max_examples=300)
def test_a_malformed_diff_is_a_draft_error(diff: str) -> None:
    for data in (POEM, b"", b"one\ntwo", None, b"\xff\x00", b"one\r\ntwo\r\n"):
        try:
            assert isinstance(apply_diff(data, diff), bytes)
        except DraftError:
            pass


def test_wrong_line_numbers_do_not_matter_when_the_context_is_unique() -> None:
    assert apply_diff(POEM, "@@ -90,2 +7,2 @@\n three\n-four\n+FOUR\n") == POEM.replace(b"four", b"FOUR")
    assert apply_diff(POEM, "@@ def poem @@\n-four\n+FOUR\n") == POEM.replace(b"four", b"FOUR")


def test_wrong_counts_and_stripped_blank_lines_do_not_matter() -> None:
    data = b"a\n\nb\nc\n"
    assert apply_diff(data, "--- a/f\n+++ b/f\n@@ -1,9 +1,2 @@\n a\n\n-b\n+B\n c\n\n") == b"a\n\nB\nc\n"


def test_repeated_context_is_refused_unless_the_line_number_is_right() -> None:
    data = b"x = 1\ny\nx = 1\n"
    with pytest.raises(EditDoesNotApply, match=r"occur 2 times \(at 1, 3\)"):
        apply_diff(data, "@@ -2 +2 @@\n-x = 1\n+x = 2\n")
    assert apply_diff(data, "@@ -3 +3 @@\n-x = 1\n+x = 2\n") == b"x = 1\ny\nx = 2\n"


def test_a_removed_line_that_looks_like_a_header() -> None:
    data = b"-- a comment\n++ more\nend\n"
    assert apply_diff(data, "@@ -1,3 +1,1 @@\n--- a comment\n-++ more\n end\n") == b"end\n"
    new = b"keep\n-- sql\n"
    assert apply_diff(b"-- sql\nkeep\n", diff_of(b"-- sql\nkeep\n", new)) == new


def test_line_ends_are_the_files_own() -> None:
    crlf = POEM.replace(b"\n", b"\r\n")
    assert apply_diff(crlf, "@@ -4 +4,2 @@\n-four\n+FOUR\n+and\n") == crlf.replace(b"four", b"FOUR\r\nand")
    assert apply_diff(POEM, "@@ -4 +4 @@\r\n-four\r\n+FOUR\r\n") == POEM.replace(b"four", b"FOUR")
    assert apply_diff(b"a\r\nb\r\n", "@@ -0,0 +1 @@\n+top\n") == b"top\r\na\r\nb\r\n"


def test_the_end_of_the_file_stays_as_it_is() -> None:
    assert apply_diff(b"a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n") == b"a\nc"
    assert apply_diff(b"a\nb", "@@ -2 +2,2 @@\n b\n+c\n") == b"a\nb\nc"
    assert apply_diff(b"a\nb\n", "@@ -2 +2 @@\n-b\n+c\n\\ No newline at end of file\n") == b"a\nc"
    assert apply_diff("\ufeffa\nb\n".encode(), "@@ -1 +1 @@\n-a\n+A\n") == "\ufeffA\nb\n".encode()


def test_a_diff_can_create_a_file() -> None:
    assert apply_diff(None, "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n") == b"a\nb\n"


def test_a_diff_can_create_an_empty_file() -> None:
    diff = "diff --git a/pkg/x b/pkg/x\nnew file mode 100644\nindex 0000000..e69de29\n"
    assert apply_diff(None, diff, "pkg/x") == b""
    with pytest.raises(EditDoesNotApply, match="it exists"):
        apply_diff(b"", diff, "pkg/x")
    with pytest.raises(EditDoesNotApply, match="not 'y'"):
        apply_diff(None, diff, "y")


HUNK = "@@ -1 +1 @@\n-one\n+1\n"


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("", "pkg/f.py"),
        ("--- a/pkg/f.py\n+++ b/pkg/f.py\n", "pkg/f.py"),
        ("--- pkg/f.py\t2026-01-01\n+++ pkg/f.py\t2026-01-02\n", "./pkg//f.py"),
        ("Index: pkg/f.py\n=====\n--- pkg/f.py\n+++ pkg/f.py\n", "pkg/f.py"),
        ("diff --git i/f w/f\nindex 1..2 100644\n--- i/f\n+++ w/f\n", "f"),
        ('--- "a/\\303\\251\\t.py"\n+++ "b/é\\t.py"\n', "é\t.py"),
        ("--- a/with space\t\n+++ b/with space\t\n", "with space"),
        ("--- \n+++ \n", "f"),
    ],
)
def test_a_diff_may_name_its_file_in_several_ways(header: str, path: str) -> None:
    assert apply_diff(POEM, header + HUNK, path) == POEM.replace(b"one", b"1")


@pytest.mark.parametrize(
    ("diff", "said"),
    [
        ("--- a/g\n+++ b/g\n" + HUNK, "about 'a/g', not 'f'"),
        ("--- a/f\n+++ b/g\n" + HUNK, "about 'b/g', not 'f'"),
        ("--- a/pkg/f\n+++ b/pkg/f\n" + HUNK, "not 'f'"),
        ('--- "a/\\303\\251"\n+++ "b/\\303\\251"\n' + HUNK, "not 'f'"),
        ("--- a/f\n+++ b/f\n" + HUNK + "diff --git a/g b/g\nnew file mode 100644\n", "several files|not 'f'"),
        ("diff --git a/f b/f\n" + HUNK + "diff --git a/f b/f\nold mode 1\n", "several files"),
        (HUNK + "nonsense\n", "line 4 of the diff, 'nonsense'"),
        ("```diff\n" + HUNK + "```\n", "line 1 of the diff, '```diff'"),
        (HUNK + "```\n", "line 4 of the diff, '```'"),
        ("Here it is:\n" + HUNK, "give the diff alone"),
    ],
)
def test_nothing_of_a_diff_is_dropped_in_silence(diff: str, said: str) -> None:
    with pytest.raises(EditDoesNotApply, match=said):
        apply_diff(POEM, diff, "f")


@pytest.mark.parametrize(
    ("diff", "said"),
    [
        ("", "no hunk"),
        ("hello\n", "no hunk"),
        ("@@ -1 +1 @@\n-uno\n+one\n", "no line 'uno'"),
        ("@@ -1 +1 @@\n-thre\n+x\n", "nearest line is 3"),
        ("@@ -1,2 +1,2 @@\n-two\n-one\n+x\n", "not in this order"),
        ("@@ -1 +1 @@\n one\n", "changes nothing"),
        ("@@ -1 +1 @@\n*one\n", "starts with '\\*'"),
        ("@@ -1 +1 @@\n-one\n+x\n@@ -1,2 +1 @@\n-one\n two\n", "same lines"),
        ("--- a\n+++ a\n@@ -1 +1 @@\n-one\n+x\n--- b\n+++ b\n@@ -1 +1 @@\n-two\n+y\n", "several files"),
        ("rename from a\nrename to b\n", "renames"),
        ("deleted file mode 100644\n--- a\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n", "delete_file"),
        ("old mode 100644\nnew mode 100755\n", "permission bits"),
        ("GIT binary patch\n", "binary"),
        ("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+one\n", "it exists"),
    ],
)
def test_what_does_not_apply_says_why(diff: str, said: str) -> None:
    with pytest.raises(EditDoesNotApply, match=said):
        apply_diff(POEM, diff)


def test_replacements_must_occur_exactly_so_often() -> None:
    assert apply_replacements(b"a a", [Replacement(search="a", replace="bb", count=2)]) == b"bb bb"
    with pytest.raises(EditDoesNotApply, match="occurs 2 times, not 1"):
        apply_replacements(b"a a", [Replacement(search="a", replace="b")])
    with pytest.raises(EditDoesNotApply, match=r"occurs 0 times.*nearest line is 3: 'three'"):
        apply_replacements(POEM, [Replacement(search="threee", replace="b")])
    with pytest.raises(EditDoesNotApply, match="overlap"):
        apply_replacements(b"aaa", [Replacement(search="aa", replace="b", count=2)])
    with pytest.raises(EditDoesNotApply, match="not UTF-8"):
        apply_replacements(b"a\xff", [Replacement(search="a", replace="b")])


def test_replacements_keep_line_ends() -> None:
    edit = [Replacement(search="one\ntwo", replace="1\n2\n3")]
    assert apply_replacements(b"one\r\ntwo\r\n", edit) == b"1\r\n2\r\n3\r\n"
    assert apply_replacements(b"one\ntwo\r\n", edit) == b"1\n2\n3\r\n"


def state(data: bytes, mode: int = 0o644) -> FileState:
    return FileState(sha256=str(hash(data)), size=len(data), mode=mode)


def side(data: bytes | None, mode: int = 0o644) -> Side:
    return Side(None, None) if data is None else Side(state(data, mode), data)


@given(
    st.one_of(st.none(), texts()),
    st.one_of(st.none(), texts()),
    st.sampled_from(
        ["plain.py", "with space.py", 'quo"te', "back\\slash", "tab\there", "new\nline", "é/ü.txt", "-dash"]
    ),
)
@settings(deadline=None, max_examples=40)
def test_git_applies_what_is_rendered(
    tmp_path_factory: pytest.TempPathFactory, old: bytes | None, new: bytes | None, name: str
) -> None:
    if old == new:
        return
    root = tmp_path_factory.mktemp("apply")
    path = root / name
    path.parent.mkdir(exist_ok=True)
    if old is not None:
        path.write_bytes(old)
    diff = render([(name, side(old), side(new, 0o755 if old is None else 0o644))])
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=root,
        input=diff.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (diff, done.stderr)
    assert (path.read_bytes() if path.exists() else None) == new
    if old is not None and new is not None:
        assert apply_diff(old, diff, name) == new


def test_modes_binaries_and_links_in_the_diff() -> None:
    assert render([("x", side(b"a", 0o644), side(b"a", 0o755))]) == (
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"
    )
    assert render([("x", side(b"\0a"), side(b"\0b"))]).endswith("Binary files a/x and b/x differ\n")
    assert render([("x", side(None), side(b"\xff"))]).endswith("Binary files /dev/null and b/x differ\n")
    link = Side(FileState(type="symlink", sha256="l", size=1, mode=0o777), b"t")
    assert render([("x", link, side(b"t\n"))]) == (
        "diff --git a/x b/x\ndeleted file mode 120000\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-t\n"
        "\\ No newline at end of file\n"
        "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+t\n"
    )


def test_a_long_diff_is_cut_and_says_so(tmp_path: Path) -> None:
    big = b"".join(b"line %d\n" % number for number in range(40_000))
    diff = render([("big", side(None), side(big)), ("other", side(b"a\n"), side(b"b\n"))])
    assert len(diff) < LIMIT + 200
    assert "diff cut at 200000 characters" in diff.splitlines()[-1] and diff.endswith("1 more files\n")


def test_a_large_rewrite_is_shown_whole_and_quickly() -> None:
    old = b"".join(b"a %d\n" % number for number in range(3000))
    new = b"".join(b"b %d\n" % number for number in range(3000))
    diff = render([("f", side(old), side(new))])
    assert diff.count("@@ -") == 1 and apply_diff(old, diff) == new
