"""A run as a page: what stands in it, that it is accessible, and that a long one stays small and quick."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from revet.report.html import run_html, run_page
from revet.schema import (
    CallPlan,
    Changes,
    CommandRun,
    Decision,
    DecisionKind,
    Evidence,
    Note,
    Outcome,
    RowChange,
    Run,
    RunOutcome,
    Setup,
    Spent,
    TableChange,
    Usage,
)
from tests.browser_support import axe, wider_than_screen
from tests.report.html.samples import long_run
from tests.report.html.weird import foreign
from tests.report.samples import WHEN, abstained, answered, asked, attempt, committed

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
SETUP = Setup(
    recipe="critic",
    options={"task": "qa"},
    roles={"proposer": "chat", "critic": "chat"},
    tools=("tests",),
    sandbox="local",
    policy={"rounds": 4, "seconds": 60.0, "cost": 0.5, "approve": "auto", "tokens": None},
    seed=3,
)


def rich_run() -> Run:
    """A run with all that a page can show."""
    changes = Changes(
        tables=(
            TableChange(
                database="sqlite:///shop.db",
                table="customer",
                updated=1,
                inserted=1,
                rows=(
                    RowChange(
                        before={"rowid": 3, "id": 3, "city": "Porto"}, after={"rowid": 3, "id": 3, "city": "Braga"}
                    ),
                    RowChange(before=None, after={"rowid": 4, "id": 4, "city": None}),
                ),
                ddl=("ALTER TABLE customer ADD COLUMN city TEXT",),
            ),
        ),
        calls=(
            CallPlan(name="send_mail", arguments={"to": "ann@example.org"}, effects=("send",), result="would send"),
        ),
        commands=(CommandRun(command="make", exit_code=2, stdout="out\n" * 40, stderr="failed", network=("1.2.3.4",)),),
    )
    evidence = (
        Evidence(
            tool="web",
            request="web: bridges",
            outcome=Outcome.passed,
            observation="one page",
            data={
                "passages": [{"title": "Bridges", "text": "It opened in 1886.", "url": "https://example.org/bridges"}]
            },
        ),
        Evidence(
            tool="sql",
            request="the query",
            outcome=Outcome.passed,
            observation="2 rows",
            data={"columns": ["name"], "first": [["Ada"], ["Bo"]], "rows": 2},
        ),
        Evidence(
            tool="render", request="render", outcome=Outcome.passed, observation="one picture", artefacts=(PIXEL,)
        ),
    )
    best = attempt(2).model_copy(update={"evidence": (*attempt(2).evidence, *evidence)})
    other = attempt(0, number=1).model_copy(update={"changes": changes})
    return committed().model_copy(
        update={
            "setup": SETUP,
            "attempts": (best, other),
            "best": other,
            "notes": (Note(id="n", kind="correction", text="mind the edge", run="late-fee-older1"),),
            "usage": Usage(rounds=1, tool_calls=5, seconds=58.0, roles={"proposer": Spent(calls=2, cost=0.6)}),
        }
    )


def broken_off() -> Run:
    run = abstained()
    half = run.attempts[0].model_copy(update={"evidence": (), "critiques": (), "decision": None, "changes": None})
    return run.model_copy(
        update={"outcome": RunOutcome.failed, "error": "ModelFailed: gone", "attempts": (half,), "best": None}
    )


RUNS = {
    "committed": committed(),
    "abstained": abstained(),
    "asked": asked().model_copy(update={"asked_at": WHEN, "question": {"seat": "critic", "asks": "Is it right?"}}),
    "answered": answered(),
    "rich": rich_run(),
    "broken off": broken_off(),
    "long": long_run(52, tests=5),
    "nothing": abstained().model_copy(update={"attempts": (), "best": None, "baseline": ()}),
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", RUNS)
def test_pages_are_accessible(page_of: Callable[..., Any], name: str, dark: bool) -> None:
    page = run_page(RUNS[name])
    assert foreign(page) == []
    opened = page_of(page, width=360 if dark else 1280, dark=dark)
    assert axe(opened) == []
    assert not wider_than_screen(opened)
    levels = opened.locator("h1, h2, h3, h4, h5").evaluate_all("all => all.map(each => Number(each.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_stands_in_it(page_of: Callable[..., Any]) -> None:
    opened = page_of(run_page(rich_run()))
    text = opened.locator("body").inner_text()
    for said in ("committed", "1 of 4", "58 s of 1 min 0 s", "$0.60 of $0.50", "recipe", "critic", "mind the edge"):
        assert said in text, said
    assert "revet undo late-fee-abc123" in text
    assert opened.locator("a[href='https://example.org/bridges']").get_attribute("rel") == "noopener noreferrer"
    assert opened.locator("img").count() == 1
    rows = opened.locator("table.rows tbody tr").all_inner_texts()
    assert rows[0].split() == ["~", "updated", "3", "Porto", "→", "Braga"]
    assert rows[1].split() == ["+", "inserted", "4", "null"]
    first = opened.locator("table.tests tbody th").first.text_content()
    assert "test_a" in first


def test_findings_stand_beside_their_lines(page_of: Callable[..., Any]) -> None:
    opened = page_of(run_page(long_run(3)))
    rows = opened.locator("#draft-1 table.diff tr").evaluate_all(
        "rows => rows.map(row => [row.className, row.innerText])"
    )
    said = [number for number, (kind, _) in enumerate(rows) if kind == "f"]
    assert said and rows[said[0] - 1][0] == "a" and "new(" in rows[said[0] - 1][1]
    cited = opened.locator("#draft-3 .findings a").first.get_attribute("href")
    assert opened.locator(cited).count() == 1


def test_it_is_used_with_the_keyboard_and_without_script(page_of: Callable[..., Any]) -> None:
    opened = page_of(run_page(long_run(8)), script=False)
    opened.keyboard.press("Tab")
    assert opened.locator(".skip").is_visible()
    fold = opened.locator("#draft-2 > summary")
    assert not opened.locator("#draft-2 .draft").is_visible()
    fold.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("#draft-2 .draft").is_visible()
    assert opened.locator("#draft-8 .draft").is_visible()


def test_a_run_that_goes_on_says_what_it_does() -> None:
    page = run_page(broken_off(), doing="It has not ended: it runs the checks on the draft.")
    assert "in progress" in page and "runs the checks" in page


def test_fragments_on_one_page_have_anchors_of_their_own() -> None:
    one, two = run_html(rich_run(), prefix="a-"), run_html(rich_run(), prefix="b-")
    ids = [part.split('"', 1)[0] for part in (one + two).split(' id="')[1:]]
    assert len(ids) == len(set(ids)) > 10


def test_reasons_that_nobody_gave() -> None:
    run = abstained().model_copy(update={"decision": Decision(kind=DecisionKind.abstain)})
    assert "Nothing was changed." in run_page(run)
