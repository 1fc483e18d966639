"""The table of effects: every entry of every file is well-formed, reachable and found again."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from revet.effects.model import EffectKind
from revet.effects.shell import analyse
from revet.effects.shell.table import FOLDER, Program, Rule, TableError, index, index_text, load, lookup

FILES = sorted(FOLDER.glob("*.toml"))


def programs() -> Iterator[tuple[Path, Program]]:
    for path in FILES:
        for program in {id(p): p for p in load(path).values()}.values():
            yield path, program


def test_the_index_is_current_and_no_program_stands_in_two_files() -> None:
    assert (FOLDER / "_index.json").read_text(encoding="utf-8") == index_text(), (
        "write it anew: python -m revet.effects.shell.table"
    )


def test_ordinary_commands_are_known() -> None:
    local = {"archives", "builtins", "containers", "disks", "files", "git", "infra", "kubernetes", "languages"}
    local |= {"network", "packages", "readers", "system", "text", "vcs"}
    assert sum(file.removesuffix(".toml") in local for file in index().values()) >= 450


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_stays_small_enough_to_be_read_for_one_command(path: Path) -> None:
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_patterns_are_regular_expressions_and_claims_read_as_sentences(path: Path) -> None:
    for program in load(path).values():
        for rule in (program.default, *program.rules):
            for pattern in (rule.argument, rule.first, rule.last, *(p for _, p in rule.option_value)):
                if pattern is not None:
                    re.compile(pattern)
            assert not rule.claim.endswith("."), (program.names, rule.claim)
            assert set(re.findall(r"\{(\w*)\}", rule.claim)) <= {"target"}, (program.names, rule.claim)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_rule_is_hidden_by_one_before_it(path: Path) -> None:
    hidden = [
        f"{program.names[0]}: {later.words} {later.any} {later.claim}"
        for program in {id(p): p for p in load(path).values()}.values()
        for at, later in enumerate(program.rules)
        if any(_covers(earlier, later) for earlier in program.rules[:at])
    ]
    assert hidden == []


def _covers(earlier: Rule, later: Rule) -> bool:
    """Whether whatever `later` matches is matched by `earlier`, as far as the words and plain conditions tell."""
    conditions = ("none", "argument", "first", "last", "option_value", "dashes", "most")
    if earlier.also or len(earlier.words) > len(later.words):
        return False
    for ours, theirs in zip(earlier.words, later.words, strict=False):
        if not all(any(fnmatch.fnmatchcase(word, mine) for mine in ours) for word in theirs):
            return False
    if any(getattr(earlier, name) != type(getattr(earlier, name))() for name in ("none", "option_value", "dashes")):
        return False
    if any(getattr(earlier, name) not in (None, getattr(later, name)) for name in conditions[1:4]) or earlier.most:
        return False
    least = earlier.least <= later.least + len(later.words) - len(earlier.words)
    options = not earlier.any or (bool(later.any) and set(later.any) <= set(earlier.any))
    return least and options and set(earlier.all) <= set(later.all) and earlier.most is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_kinds_are_sound_for_their_place(path: Path) -> None:
    for program in load(path).values():
        for rule in program.rules:
            if rule.effect in (EffectKind.remote_create, EffectKind.remote_write, EffectKind.remote_delete):
                assert rule.place in (None, "remote", "database", "elsewhere"), (program.names, rule.words)
            if program.code is not None:
                assert program.code.startswith("revet.effects.")


def test_names_with_a_star_are_found_by_their_beginning() -> None:
    assert lookup("mkfs.ext4") is lookup("mkfs.xfs") is not None
    assert lookup("python3.12") is not None
    assert lookup("no-such-program") is None
    assert lookup("x" * 1_000_000) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[program]\nnames = ['x']", "holds [[program]] entries"),
        ("[[program]]\ndefault = 'read'", "names"),
        ("[[program]]\nnames = ['x']", "default"),
        ("[[program]]\nnames = ['x']\ndefault = 'harmless'", "harmless"),
        ("[[program]]\nnames = ['x']\ndefault = 'read'\nspeed = 1", "unknown field 'speed'"),
        ("[[program]]\nnames = ['x', 'x']\ndefault = 'read'", "x has two entries"),
        ("[[program]]\nnames = ['x']\ndefault = 'read'\n[[program.rule]]\neffect = 'read'\nany = ['f']", "no option"),
        ("[[program]]\nnames = ['x']\ndefault = 'read'\n[[program.rule]]\neffect = 'read'\ntargets = 'all'", "targets"),
        (
            "[[program]]\nnames = ['x']\ndefault = 'read'\n[[program.rule]]\neffect = 'read'\nwide = 1",
            "wide must be bool",
        ),
        ("[[program]]\nnames = ['x']\ndefault = 'read'\n[[program.rule]]\neffect = 'read'\nplace = 'moon'", "moon"),
        ("[[program]]\nnames = ['x']\ndefault = 'read'\ncode = 'os'", "below revet.effects"),
        ("names = ", "Invalid value"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(TableError, match=re.escape(said)) as raised:
        load(path)
    assert "wrong.toml" in str(raised.value)


def test_every_program_says_something_of_a_call_with_and_without_operands() -> None:
    """No entry makes the engine fail, and none says nothing at all."""
    for _, program in programs():
        name = program.names[0].replace("*", "1")
        for text in (name, f"{name} a b c", f"{name} -f --force x", f"{name} --help"):
            found = analyse(text, cwd="/srv/work", workspace="/srv/work")
            assert found.effects or found.doubts or found.commands == (), text
