"""Natural claims about natural passages: what is wrong is mostly refuted, and what is not wrong never."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from revet.tools._claims.checking import check
from revet.tools._claims.library import Library
from revet.tools._claims.sources import Source

TABLE = Path(__file__).with_name("claim_pairs.txt")
KINDS = ("RIGHT", "WRONG", "OPEN")
LEAST = 0.8


class Pair(NamedTuple):
    """A claim of one kind about a passage, with the passage's title."""

    title: str
    passage: str
    kind: str
    claim: str


def pairs() -> Iterator[Pair]:
    for block in TABLE.read_text(encoding="utf-8").split("\nTITLE")[1:]:
        title, *lines = block.split("\n")
        said = [line for line in lines if line and line.split(" ")[0] not in KINDS]
        for line in lines:
            kind, _, claim = line.partition(" ")
            if kind in KINDS:
                yield Pair(title.strip(), "\n".join(said), kind, claim)


EVERY = list(pairs())


def standing(pair: Pair) -> str:
    checked = check(pair.claim, Library([Source(pair.passage, title=pair.title)]))
    (only,) = checked.judgements
    return only.standing


@pytest.mark.parametrize("pair", [p for p in EVERY if p.kind != "WRONG"], ids=lambda p: p.claim)
def test_what_is_not_wrong_is_not_refuted(pair: Pair) -> None:
    assert standing(pair) != "refuted"


def test_what_is_wrong_is_mostly_refuted_and_never_supported() -> None:
    wrong = [pair for pair in EVERY if pair.kind == "WRONG"]
    found = [standing(pair) for pair in wrong]
    assert len(wrong) > 100 and "supported" not in found
    assert found.count("refuted") / len(found) >= LEAST


def test_what_is_right_is_mostly_supported() -> None:
    right = [pair for pair in EVERY if pair.kind == "RIGHT"]
    assert sum(standing(pair) == "supported" for pair in right) / len(right) >= LEAST


@pytest.mark.parametrize(
    ("claim", "right"),
    [
        ("The Dom Luís I Bridge was opened in 1896.", "1886"),
        ("The Dom Luís I Bridge has been open since 1889.", "1886"),
        ("The arch of the Dom Luís I Bridge spans 182 metres.", "172 metres"),
        ("According to the guide, the Dom Luís I Bridge was opened in 1896.", "1886"),
    ],
)
def test_the_bridge_is_the_bridge_that_was_named(claim: str, right: str) -> None:
    text = (
        "Porto is a city. The Dom Luís I Bridge crosses the Douro between Porto and Vila Nova de Gaia. The bridge was "
        "opened in 1886. Its arch spans 172 metres."
    )
    (judged,) = check(claim, Library([Source(text, "porto.md", 3, "Porto")])).judgements
    assert (judged.standing, judged.right) == ("refuted", right)
    assert judged.claim.text == claim


def test_another_value_for_it_somewhere_else_disputes_the_refutation() -> None:
    sources = [
        Source("The Ada Tower was opened in 1901.", "a"),
        Source("The Ada Tower is in Oslo. It opened in 1903, the city says.", "b"),
    ]
    (judged,) = check("The Ada Tower was opened in 1903.", Library(sources)).judgements
    assert judged.standing != "refuted"


@pytest.mark.parametrize("line", [1, 90])
def test_it_at_the_beginning_of_a_passage_within_a_document_is_of_nobody_knows_what(line: int) -> None:
    source = Source("It was opened in 1877.", "bridges.md", line, "Dom Luís I Bridge")
    (judged,) = check("The Dom Luís I Bridge was opened in 1886.", Library([source])).judgements
    assert (judged.standing == "refuted") is (line == 1)


def test_an_answer_that_only_agrees_makes_no_claim() -> None:
    library = Library([Source("Titan is a moon.")])
    assert check("Yes.", library, goal="Is Titan a moon?").judgements == ()
    (judged,) = check(
        "Christiaan Huygens",
        Library([Source("Titan was discovered by Christiaan Huygens.")]),
        goal="Who discovered Titan?",
    ).judgements
    assert judged.standing == "supported"
