"""`revet view` in a real browser: opened by its address, filtered, followed, and a waiting run approved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.schema import RunOutcome
from revet.store import Store
from tests.browser_support import axe, wider_than_screen
from tests.cli.test_view import viewing, waiting
from tests.cli.test_waiting import customers, shop
from tests.report.samples import abstained, answered, committed

__all__ = ["shop"]

pytestmark = pytest.mark.sandbox


@pytest.fixture
def told() -> list[str]:
    """What a page said that it should not have, and what it asked others for."""
    return []


@pytest.fixture
def opened(browser: Any, told: list[str]) -> Iterator[Any]:
    """Opens the address that was printed, in a browser that lets nothing out."""
    contexts = []

    def open_(url: str, **more: Any) -> Any:
        context = browser.new_context(**more)
        contexts.append(context)
        own = url.partition("/?")[0]
        page = context.new_page()
        page.on("request", lambda asked: None if asked.url.startswith((own, "data:")) else told.append(asked.url))
        page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        page.wait_for_url(f"{own}/")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert told == []


def test_a_waiting_run_is_found_and_approved(shop: Path, opened: Any) -> None:
    store, run = waiting(shop, database=f"sqlite:///{shop}/shop/shop.db", unproven="allowed")
    store.record([committed("late-fee-com"), abstained("late-fee-abs"), answered("late-fee-ans")])
    with viewing(shop) as (_, url):
        page = opened(url)
        assert page.get_by_role("row").count() == 5 and "token" not in page.url
        page.get_by_label("Outcome").select_option("asked")
        page.get_by_role("button", name="Filter").click()
        assert page.get_by_role("row").count() == 2 and axe(page) == []
        page.get_by_role("link", name=run.id).click()
        asks = page.get_by_role("region", name="Commit this to the workspace?")
        assert "DELETE FROM customer WHERE id = 2" in asks.inner_text() and "Bo" in asks.inner_text()
        assert axe(page) == []
        named = page.eval_on_selector_all("[role=region]", "all => all.map(each => each.getAttribute('aria-label'))")
        assert len(named) == len(set(named)) >= 2, "the same table stands in the question and below it"
        page.get_by_text("Edit the draft").click()
        page.get_by_label("What to do instead").fill("- kind: execute_sql\n")
        page.get_by_role("button", name="Do this instead").click()
        assert "draft.yaml:1: [0].sql: is missing" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("What to do instead").input_value() == "- kind: execute_sql\n"
        assert customers(shop) == ["Ada", "Bo", "Caro"]
        page.get_by_role("button", name="Approve").click()
        page.get_by_text(f"revet undo {run.id}").first.wait_for(timeout=20_000)
        assert customers(shop) == ["Ada", "Caro"]
        assert page.get_by_text("a person approved it").count() and not page.locator("form[method=post]").count()
        assert axe(page) == []
    assert store.get(run.id).outcome is RunOutcome.committed


def test_what_goes_on_is_followed_without_loading_the_page_anew(tmp_path: Path, opened: Any) -> None:
    store = Store(tmp_path / ".revet")
    store.begin("late", committed().task)
    with viewing(tmp_path) as (_, url):
        with store.alone("late"):
            page = opened(url)
            page.get_by_role("link", name="late").click()
            page.get_by_text("in progress").first.wait_for()
            page.evaluate("window.same = true")
            page.wait_for_timeout(2500)
            assert page.evaluate("window.same") is True
            store.save(committed("late"))
        page.get_by_text("revet undo late").first.wait_for(timeout=20_000)
        page.goto(f"{url.partition('?')[0]}?text=late")
        page.get_by_text("1 run fits").wait_for()
        store.save(committed("late-2"))
        page.get_by_text("2 runs fit").wait_for(timeout=20_000)


def test_it_is_legible_on_any_screen(shop: Path, opened: Any) -> None:
    store, run = waiting(shop, database=f"sqlite:///{shop}/shop/shop.db", unproven="allowed")
    store.record([committed("late-fee-com"), abstained("late-fee-abs")])
    store.begin("gone", committed().task)
    with viewing(shop) as (_, url):
        for width, scheme in ((360, "light"), (1280, "dark")):
            page = opened(url, viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
            for path in ("/", f"/run/{run.id}", "/run/late-fee-com", "/run/gone", "/evaluations"):
                page.goto(url.partition("/?")[0] + path)
                assert not wider_than_screen(page), path
                assert axe(page) == [], path


def test_everything_works_without_scripts_and_by_keyboard(shop: Path, opened: Any) -> None:
    store, run = waiting(shop, database=f"sqlite:///{shop}/shop/shop.db", unproven="allowed")
    with viewing(shop) as (_, url):
        page = opened(url, java_script_enabled=False)
        page.goto(f"{url.partition('/?')[0]}/run/{run.id}")
        page.get_by_role("button", name="Reject", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_text("rejected").first.wait_for(timeout=30_000)  # the page reloads itself
        assert store.get(run.id).outcome is RunOutcome.rejected and customers(shop) == ["Ada", "Bo", "Caro"]
