"""Where a path lies: it is never taken for one of the workspace when it may not be."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.shell.model import Word
from revet.effects.shell.paths import Where, harmless_sink, is_device

HERE = Where(cwd="/srv/projects/app", workspace="/srv/projects/app", home="/home/ann")
NOWHERE = Where()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a", "workspace"), (".", "workspace"), ("./a/../b", "workspace"), ("/srv/projects/app/x", "workspace"),
        ("..", "system"), ("../x", "system"), ("a/../../x", "system"), ("/srv/projects/apple", "system"),
        ("/", "system"), ("//", "system"), ("/etc", "system"), ("/etc/../etc/passwd", "system"),
        ("/usr/bin/x", "system"),
        ("/home", "system"), ("/home/ann", "system"), ("/home/ann/", "system"), ("/home/ann/x", "home"),
        ("/home/bob/x", "home"), ("/home/bob", "system"), ("/root", "system"), ("/root/x", "home"),
        ("/Users/x/y", "home"),
        ("/tmp/x", "temporary"), ("/var/tmp/x", "temporary"), ("/tmp", "system"), ("/tmp/..", "system"),
        ("/tmp/../etc", "system"), ("/mnt/x", "elsewhere"), ("/data/x", "elsewhere"), ("~/x", "home"), ("~", "system"),
        ("~bob/x", "home"), ("~/..", "system"), ("", "unknown"), ("file:///etc/x", "system"),
    ],
)  # fmt: skip
def test_the_place_of_a_known_path(path: str, place: str) -> None:
    assert HERE.locate(Word(path)).place == place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$TMPDIR/x", "temporary"), ("${TMPDIR}/x", "temporary"), ("${TMPDIR:-/tmp}/x", "temporary"),
        ("$TMPDIR/../etc", "elsewhere"), ("$TMPDIR/", "unknown"), ("$TMPDIR/*", "unknown"),
        ("${TMPDIR:?}/*", "temporary"),
        ("$TMPDIRS/x", "unknown"), ("$TMPDIR/$X", "unknown"), ("$TMPDIRx", "unknown"), ("$HOME", "system"),
        ("$HOME/x", "home"), ("${HOME}/*", "system"), ("$HOME/../x", "system"), ("$PWD/x", "workspace"),
        ("$X", "unknown"),
        ("a/$X", "unknown"), ("/etc/$X", "system"), ("/tmp/$X", "unknown"), ("/tmp/x.$$", "temporary"),
        ("$(pwd)/x", "workspace"), ("`x`/y", "unknown"),
        ("$PWD/../x", "system"),
    ],
)  # fmt: skip
def test_the_place_of_a_path_with_expansions(path: str, place: str) -> None:
    assert HERE.locate(Word(path, known=False)).place == place


def test_patterns_are_wide_and_may_climb() -> None:
    assert HERE.locate(Word("*", glob=True)) == HERE.locate(Word("./*", glob=True))
    assert HERE.locate(Word("src/*.py", glob=True)).wide
    assert HERE.locate(Word(".*", glob=True)).place == "elsewhere"
    assert HERE.locate(Word("/*", glob=True)).place == "system"
    assert HERE.locate(Word("/home/*", glob=True)).place == "system"
    assert HERE.locate(Word("~/*", glob=True)).place == "system"


def test_what_is_put_into_a_folder_lies_within_it() -> None:
    assert HERE.locate(Word("/home/ann")).within == "home"
    assert HERE.locate(Word("/tmp/")).within == "temporary"
    assert HERE.locate(Word("/etc")).within is None
    assert HERE.locate(Word("/")).within is None


def test_without_a_workspace_relative_paths_are_its_own_and_absolute_ones_are_not() -> None:
    assert NOWHERE.locate(Word("a/b")).place == "workspace"
    assert NOWHERE.locate(Word("a/../../b")).place == "elsewhere"
    assert NOWHERE.locate(Word("/opt/x")).place == "system"
    assert NOWHERE.locate(Word("~")).place == "system"
    assert Where(cwd=None).locate(Word("a")).place == "unknown"
    assert Where(cwd="..", workspace="/srv/x").locate(Word("a")).place != "workspace"
    assert Where(cwd="/opt", workspace="/srv/x").locate(Word("a")).place == "system"


def test_a_folder_that_holds_the_workspace_is_not_in_it() -> None:
    below = Where(cwd="/data/team/app", workspace="/data/team/app")
    assert below.locate(Word("/data/team")).place == "elsewhere"
    assert below.locate(Word("/data/team")).wide


PARTS = st.lists(st.sampled_from(["..", ".", "a", "b.c", "..x", "", "...", "app"]), max_size=12)


@settings(deadline=None)
@given(PARTS, st.booleans())
def test_a_path_never_leaves_the_workspace_unnoticed(parts: list[str], absolute: bool) -> None:
    path = "/".join(parts)
    path = f"/srv/projects/app/{path}" if absolute else path or "."
    real = posixpath.normpath(posixpath.join("/srv/projects/app", path))
    inside = real == "/srv/projects/app" or real.startswith("/srv/projects/app/")
    found = HERE.locate(Word(path))
    assert (found.place == "workspace") == inside
    if inside:
        assert posixpath.normpath(posixpath.join("/srv/projects/app", found.inside or "?")) == real


@settings(deadline=None)
@given(st.text(max_size=40), st.booleans(), st.booleans(), st.booleans())
def test_no_word_raises(text: str, known: bool, glob: bool, split: bool) -> None:
    for where in (HERE, NOWHERE, Where(cwd=None, workspace="/"), Where(cwd="a", workspace="/x", home="/")):
        assert where.locate(Word(text, known, glob, split)).place


def test_sinks_and_devices() -> None:
    assert harmless_sink("/dev/null") and not harmless_sink("/dev/sda")
    assert is_device("/dev/nvme0n1") and is_device("/dev/mapper/root") and not is_device("/dev/null")
