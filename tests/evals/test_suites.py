"""The list of suites: every entry opens, is known by its first figure, and says what is missing."""

from __future__ import annotations

import asyncio
import importlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.evals.source import Source
from revet.evals.suite import Known, Player
from revet.evals.suites import GROUPS, files_of, near, open_suite, rows_digest, spread, suite_named, suites

ALL = list(suites().values())
ROW = '{"task_id": 3}\n'
PLAYABLE = [known for known in ALL if known.kind != "experiment"]
WITH_DATA = [known for known in ALL if known.sets]


def opened(known: Known, source: Source | None) -> Player:
    return asyncio.run(open_suite(known, source, {}))


@pytest.mark.parametrize("known", ALL, ids=lambda known: known.name)
def test_an_entry_is_whole(known: Known) -> None:
    assert known.kind in GROUPS
    assert known.about and known.about[-1] != "."
    module, _, name = known.module.partition(":")
    loaded = importlib.import_module(module)
    assert callable(loaded.opener(name) if name else loaded.open_suite)
    for beside in known.beside:
        assert beside.who and beside.source
        assert (beside.value is None) == bool(beside.figure)


@pytest.mark.shared
@pytest.mark.parametrize("known", PLAYABLE, ids=lambda known: known.name)
def test_a_suite_is_known_by_its_first_figure_and_figures_nothing_of_no_trials(known: Known, shared: Path) -> None:
    player = opened(known, Source(shared))
    try:
        cases = list(player.cases)
        assert cases and len(set(cases)) == len(cases)
        figures = player.figures([])
        assert figures[0].name == known.headline
        assert all(figure.value is None and figure.n == 0 and figure.note for figure in figures)
        names = [figure.name for figure in figures]
        if known.kind not in ("evidence", "gate"):
            for beside in known.beside:
                assert {name for name in (beside.figure, beside.measure) if name and "/" not in name} <= set(names)
    finally:
        asyncio.run(player.close())


@pytest.mark.shared
@pytest.mark.parametrize("known", PLAYABLE, ids=lambda known: known.name)
def test_an_option_that_a_suite_does_not_have_is_told(known: Known, shared: Path) -> None:
    with pytest.raises(InputError, match="nonsense"):
        asyncio.run(open_suite(known, Source(shared), {"nonsense": 1}))


@pytest.mark.parametrize("known", WITH_DATA, ids=lambda known: known.name)
def test_what_is_missing_is_told_with_path_and_set(known: Known, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"reads published data .*\n.*--data"):
        opened(known, None)
    with pytest.raises(InputError, match="there is no folder"):
        opened(known, Source(tmp_path / "nowhere"))
    for each in known.sets[1:]:
        written(tmp_path, each)
    first = known.sets[0]
    with pytest.raises(InputError) as told:
        opened(known, Source(tmp_path, "held"))
    assert str(tmp_path / first) in str(told.value) and ".held.jsonl" in str(told.value)
    with pytest.raises(InputError, match=f"put the set {first.partition('/')[0]} there"):
        files_of(known, Source(tmp_path))


def written(folder: Path, each: str, content: str = "{}\n", split: str = ".dev") -> Path:
    path = folder / f"{each}{split}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("known", "content"),
    [
        pytest.param(known, content, id=f"{known.name}-{name}")
        for known in WITH_DATA
        for name, content in {"empty": "", "text": "no JSON\n", "list": "[]\n", "row": ROW}.items()
        if (known.name, name) != ("gate-nl2bash", "row")  # its rows that are not marked are not read
    ],
)
def test_rows_that_cannot_be_used_are_told_before_anything_is_played(
    known: Known, content: str, tmp_path: Path
) -> None:
    for each in known.sets:
        written(tmp_path, each, content)

    async def use() -> None:
        player = await open_suite(known, Source(tmp_path), {})
        try:
            await player.play(player.cases[0])
        finally:
            await player.close()

    with pytest.raises(InputError) as told:
        asyncio.run(use())
    assert str(tmp_path) in str(told.value) or known.sets[0].partition("/")[0] in str(told.value)


def test_a_set_without_splits_is_found(tmp_path: Path) -> None:
    known = suite_named("metacritique")
    whole = written(tmp_path, known.sets[0], split="")
    assert files_of(known, Source(tmp_path)) == [whole]
    split = written(tmp_path, known.sets[0])
    assert files_of(known, Source(tmp_path)) == [split]


def test_an_unknown_suite_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no suite 'lbd'\n.*nearest: ldb"):
        suite_named("lbd")
    with pytest.raises(InputError, match="nearest: quixbugs"):
        suite_named("QuixBug")
    assert near("zzz", ["a", "b"]) == "there are: a, b"


def test_the_digest_of_rows_tells_other_rows_and_other_cases(tmp_path: Path) -> None:
    path = written(tmp_path, "set/rows")
    first = rows_digest([path], ["a", "b"])
    assert rows_digest([path], ["a", "b"]) == first != rows_digest([path], ["a"])
    path.write_text("{} \n")
    assert rows_digest([path], ["a", "b"]) != first


@settings(deadline=None)
@given(st.integers(0, 300), st.one_of(st.none(), st.integers(1, 320)))
def test_a_limit_takes_cases_evenly(count: int, limit: int | None) -> None:
    cases = [f"c{number}" for number in range(count)]
    chosen = spread(cases, limit)
    assert len(chosen) == min(count, count if limit is None else limit) == len(set(chosen))
    places = [cases.index(case) for case in chosen]
    assert places == sorted(places)
    gaps = {b - a for a, b in itertools.pairwise(places)}
    assert not gaps or max(gaps) - min(gaps) <= 1
