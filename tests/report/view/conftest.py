"""A store with runs of every kind, somebody who answers, and a browser that has the key."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from revet.report.view import Guard, Refused, make_app
from revet.schema import Run, RunOutcome, Setup
from revet.store import Store
from tests.browser_support import browser
from tests.report.samples import abstained, answered, asked, committed, task

__all__ = ["Person", "browser", "post"]

PORT, TOKEN = 7388, "the-token"
HERE = f"http://127.0.0.1:{PORT}"


class Person:
    """Answers by saving the run as committed, once `go` is set; keeps what was answered in `given`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.given: list[tuple[str, Any]] = []
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None
        self.why: str | None = None
        self.left: float | None = None
        self.outcome = RunOutcome.committed

    def refusal(self, run: Run) -> str | None:
        return self.why

    def seconds_left(self, run: Run) -> float | None:
        return self.left

    def written(self, run: Run) -> str:
        return "# the draft\n- kind: write_file\n"

    def read(self, text: str) -> Sequence[Mapping[str, Any]]:
        if "bad" in text:
            raise Refused("draft.yaml:1: bad\n  → write it well")
        return [{"kind": "answer", "text": text}] if text.strip() else []

    def role_reply(self, text: str, run: Run) -> Any:
        return text

    async def answer(self, run: Run, reply: Any) -> None:
        import asyncio

        self.given.append((run.id, reply))
        while not self.go.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error
        self.store.save(run.model_copy(update={"outcome": self.outcome, "receipt": committed().receipt}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / ".revet")
    setup = Setup(settings={})
    store.record(
        [
            committed("late-fee-com", task("late-fee", goal="Mind the grace.")),
            abstained("late-fee-abs").model_copy(update={"setup": Setup(recipe="best_of_n")}),
            asked("late-fee-ask").model_copy(update={"setup": setup}),
            answered("bees-ans", task("bees")),
        ]
    )
    store.begin("gone", task("gone", goal="It broke off."))
    return store


@pytest.fixture
def person(store: Store) -> Person:
    return Person(store)


@pytest.fixture
def app(store: Store, person: Person) -> Guard:
    return make_app(store, person, port=PORT, token=TOKEN)


@pytest.fixture
def stranger(app: Guard) -> Iterator[TestClient]:
    """A browser without the key."""
    with TestClient(app, base_url=HERE, follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A browser with the key."""
    assert stranger.get(f"/?token={TOKEN}").status_code == 200
    return stranger


def post(client: TestClient, run_id: str, *, origin: str = HERE, **form: str) -> Any:
    """Send the form of a waiting run, with what stands hidden in its page."""
    from tests.report.view.reading import hidden

    page = client.get(f"/run/{run_id}").text
    return client.post(f"/run/{run_id}", data={**hidden(page), **form}, headers={"origin": origin})
