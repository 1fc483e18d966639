"""The pages: lists and filters, runs of every kind, what goes on, and what others wrote shown as text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from revet.report.view import make_app
from revet.report.view.pages import policy_in
from revet.schema import Setup
from revet.store import Store
from tests.report.samples import WHEN, asked, committed, task
from tests.report.view.conftest import HERE, PORT, TOKEN, Person
from tests.report.view.reading import read

HOSTILE = "</textarea></pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\x00{{7*7}}&amp;\"'"


def test_the_list_says_how_each_run_stands(client: TestClient) -> None:
    page = client.get("/").text
    for words in ("late-fee-com", "Mind the grace.", "best_of_n", "waits for you", "broke off", "committed", "5 runs"):
        assert words in page, words
    assert "1 run waits for you" in " ".join(read(page).text.split())


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("outcome=committed", {"late-fee-com"}),
        ("outcome=unended", {"gone"}),
        ("outcome=nonsense", {"late-fee-com", "late-fee-abs", "late-fee-ask", "bees-ans", "gone"}),
        ("task=bees", {"bees-ans"}),
        ("recipe=best_of_n", {"late-fee-abs"}),
        ("text=GRACE", {"late-fee-com"}),
        ("text=late&outcome=asked", {"late-fee-ask"}),
        ("text=%3Cscript%3E", set()),
        ("page=99", {"late-fee-com", "late-fee-abs", "late-fee-ask", "bees-ans", "gone"}),
        ("page=-1&page=x", {"late-fee-com", "late-fee-abs", "late-fee-ask", "bees-ans", "gone"}),
    ],
)
def test_filters(client: TestClient, query: str, shown: set[str]) -> None:
    page = read(client.get(f"/?{query}").text)
    links = {value for tag, name, value in page.attributes if tag == "a" and name == "href"}
    assert {link.removeprefix("/run/") for link in links if link.startswith("/run/")} == shown
    assert "script" not in page.elements or page.elements["script"] == 1


def test_many_runs_are_paged(client: TestClient, store: Store) -> None:
    run = committed()
    store.record(
        [
            run.model_copy(update={"id": f"many-{n}", "started_at": WHEN + timedelta(days=9999, seconds=n)})
            for n in range(120)
        ]
    )
    first, last = client.get("/").text, client.get("/?text=many&page=3").text
    assert "page 1 of 3" in first and ">many-119<" in first and ">many-69<" not in first
    assert ">many-0<" in last and "page=2" in last and "text=many" in last and ">Older<" not in last


@pytest.mark.parametrize("run_id", ["late-fee-com", "late-fee-abs", "late-fee-ask", "bees-ans", "gone"])
def test_every_run_has_a_page(client: TestClient, run_id: str) -> None:
    told = client.get(f"/run/{run_id}")
    assert told.status_code == 200 and run_id in told.text
    assert read(told.text).elements["h1"] == 1
    assert ('<form method="post"' in told.text) is (run_id == "late-fee-ask")
    assert "data-live" not in told.text, "nobody is at work on any of them"


def test_what_is_committed_says_how_it_is_undone(store: Store, person: Person) -> None:
    with TestClient(make_app(store, person, port=PORT, token=TOKEN, folder="/o"), base_url=HERE) as client:
        client.get(f"/?token={TOKEN}")
        assert "revet undo late-fee-com --out /o" in client.get("/run/late-fee-com").text
        assert "revet undo gone --out /o" in client.get("/run/gone").text


def test_a_run_that_there_is_not(client: TestClient) -> None:
    told = client.get("/run/late-fee-abx")
    assert told.status_code == 404 and "nearest: late-fee-ab" in told.text
    told = client.get("/run/late-fee")
    assert told.status_code == 404 and "could be any of 3 runs" in told.text
    assert client.get("/run/late-fee-c").status_code == 200, "a beginning does, as in the terminal"


def test_a_damaged_record_is_told(client: TestClient, store: Store) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store.folder / "runs.db")) as db, db:
        db.execute("UPDATE runs SET body = '{}' WHERE id = 'late-fee-com'")
    told = client.get("/run/late-fee-com")
    assert told.status_code == 500 and "another version of revet" in told.text and "Traceback" not in told.text
    assert client.get("/").status_code == 200


def test_a_run_that_goes_on_is_followed(client: TestClient, store: Store) -> None:
    with store.alone("gone"):
        page = client.get("/run/gone").text
        assert 'data-live="/run/gone/live?"' in page and '<noscript><meta http-equiv="refresh"' in page
        assert "in progress" in page and "It has begun." in page
        live = client.get("/run/gone/live?live=other")
        assert live.status_code == 200 and "<html" not in live.text
        mark = {name: value for _, name, value in read(live.text).attributes}["data-mark"]
        assert client.get(f"/run/gone/live?live={mark}").status_code == 204
        assert "in progress" in client.get("/").text
    ended = client.get(f"/run/gone/live?live={mark}")
    assert ended.status_code == 200 and 'data-goes-on="0"' in ended.text


def test_the_list_is_followed(client: TestClient, store: Store) -> None:
    page = client.get("/?text=late-").text
    seen = {(tag, name): value for tag, name, value in read(page).attributes if name.startswith("data-")}
    url, mark = seen["div", "data-live"], seen["div", "data-mark"]
    assert client.get(f"{url}&live={mark}").status_code == 204
    store.save(committed("late-new"))
    told = client.get(f"{url}&live={mark}")
    assert told.status_code == 200 and "late-new" in told.text and "bees" not in told.text


def test_what_others_wrote_is_text(client: TestClient, store: Store) -> None:
    run = asked("hostile", task("hostile", goal=HOSTILE, workspace=f"/{HOSTILE}"))
    assert run.best is not None
    best = run.best.model_copy(update={"draft": run.best.draft.model_copy(update={"notes": HOSTILE})})
    setup = Setup(recipe=HOSTILE, roles={HOSTILE: HOSTILE}, settings={})
    store.save(run.model_copy(update={"best": best, "attempts": (best,), "setup": setup}))
    question = {"seat": HOSTILE, "asks": HOSTILE, "draft": HOSTILE, "choices": [HOSTILE, 1], "problem": HOSTILE}
    store.save(run.model_copy(update={"id": HOSTILE, "question": question, "setup": setup}))
    for path in ("/run/hostile", f"/run/{quote(HOSTILE, safe='')}", "/", f"/?text={quote(HOSTILE)}"):
        told = client.get(path)
        assert told.status_code == 200, path
        seen = read(told.text)
        assert (seen.elements["script"], seen.elements["img"]) == (1, 0), path
        assert not [name for _, name, _ in seen.attributes if name.startswith("on")], path
        assert not set(told.text) & set("\x00\x1b\u202e") and "{{7*7}}" in told.text, path
        assert "<script>alert(1)</script>" in seen.text or path.startswith("/?"), path
    told = client.get("/run/" + quote("<img src=x>"))
    assert told.status_code == 404 and read(told.text).elements["img"] == 0


def test_evaluations(store: Store, person: Person) -> None:
    class One:
        id, suite, split, version, cases, begun_at = "e<1>", "bugs", "", "0.1", 3, WHEN

    class Kept:
        def newest(self, limit: int) -> list[tuple[Any, int]]:
            return [(One(), 2)]

        def get(self, name: str) -> Any:
            raise LookupError(name)

        def trials(self, evaluation: Any) -> list[Any]:
            return []

    app = make_app(store, person, port=PORT, token=TOKEN, evaluations=Kept())
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        client.get(f"/?token={TOKEN}")
        page = client.get("/evaluations").text
        assert "e&lt;1&gt;" in page and "/evaluations/e%3C1%3E" in page and "2 of 3" in page
        told = client.get("/evaluations/e")
        assert told.status_code == 500 and "fault in revet itself" in told.text


def test_no_evaluations(client: TestClient) -> None:
    assert "No evaluations yet" in client.get("/evaluations").text
    assert client.get("/evaluations/x").status_code == 404


def test_the_policy_that_a_page_states_is_sent_with_it() -> None:
    page = '<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;">'
    assert policy_in(page) == "default-src 'none'; frame-ancestors 'none'"
    assert policy_in("<html>") is None
