"""Answers to runs that wait: the same as in a terminal, each to the question that was seen, never two at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from revet.errors import WorkspaceBusy
from revet.report.view import Desk, Refused
from revet.report.view.desk import mark_of
from revet.schema import RunOutcome, Setup
from revet.store import Store
from tests.report.samples import asked, committed, task
from tests.report.view.conftest import HERE, Person, post
from tests.report.view.reading import hidden, read

QUESTION = {"seat": "critic", "asks": "What is wrong?", "draft": "x = 1", "choices": ["this", "that"], "problem": "Eh?"}


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for(store: Store, run_id: str, outcome: RunOutcome) -> None:
    until(lambda: store.get(run_id).outcome is outcome)


@pytest.mark.parametrize(
    ("form", "reply"),
    [
        ({"answer": "approve"}, {"type": "approve"}),
        ({"answer": "reject"}, {"type": "reject", "reason": ""}),
        ({"answer": "reject", "reason": " too bold \r\n"}, {"type": "reject", "reason": "too bold"}),
        ({"answer": "respond", "message": "two\r\nlines"}, {"type": "respond", "message": "two\r\nlines"}),
        ({"answer": "edit", "actions": "a\r\nb"}, {"type": "edit", "actions": [{"kind": "answer", "text": "a\nb"}]}),
    ],
)
def test_each_answer_to_the_gate(
    client: TestClient, store: Store, person: Person, form: dict[str, str], reply: Any
) -> None:
    told = post(client, "late-fee-ask", **form)
    assert (told.status_code, told.headers["location"]) == (303, "/run/late-fee-ask")
    wait_for(store, "late-fee-ask", RunOutcome.committed)
    assert person.given == [("late-fee-ask", reply)]
    page = client.get("/run/late-fee-ask").text
    assert "revet undo late-fee-ask" in page and "<form" not in page


@pytest.mark.parametrize(
    ("form", "told", "kept"),
    [
        ({"answer": "respond", "message": " "}, "Write what should be different.", ""),
        ({"answer": "edit", "actions": "bad <b>"}, "draft.yaml:1: bad", "bad <b>"),
        ({"answer": "edit", "actions": " "}, "Nothing but comments", ""),
        ({"answer": "maybe"}, "That is no answer", ""),
        ({}, "That is no answer", ""),
    ],
)
def test_what_is_no_answer_is_told_and_what_was_written_stays(
    client: TestClient, person: Person, form: dict[str, str], told: str, kept: str
) -> None:
    assert post(client, "late-fee-ask", **form).status_code == 303
    page = client.get("/run/late-fee-ask").text
    assert told in page and "not taken" in page and kept in read(page).text
    assert told not in client.get("/run/late-fee-ask").text, "it is told once"
    assert person.given == []


def test_a_second_answer_is_refused_while_the_first_is_carried_out(
    client: TestClient, store: Store, person: Person
) -> None:
    person.go.clear()
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    for _ in range(2):
        client.post("/run/late-fee-ask", data=form, headers={"origin": HERE})
    page = client.get("/run/late-fee-ask").text
    assert "being carried out already" in page and "Your answer is being carried out." in page
    assert "data-live" in page and "<form" not in page
    until(lambda: person.given)
    person.go.set()
    wait_for(store, "late-fee-ask", RunOutcome.committed)
    until(lambda: "is being carried out" not in client.get("/run/late-fee-ask").text)
    client.post("/run/late-fee-ask", data=form, headers={"origin": HERE})
    assert "does not wait for an answer any more: it ended committed" in client.get("/run/late-fee-ask").text
    assert len(person.given) == 1


def test_an_answer_to_an_earlier_question_is_refused(client: TestClient, store: Store, person: Person) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    run = store.get("late-fee-ask")
    decision = run.decision.model_copy(update={"draft": "d-other"})
    store.save(run.model_copy(update={"decision": decision}))
    client.post("/run/late-fee-ask", data=form, headers={"origin": HERE})
    assert "It asks something else by now" in client.get("/run/late-fee-ask").text and person.given == []


def test_another_process_at_work_is_waited_for(client: TestClient, store: Store, person: Person) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    with store.alone("late-fee-ask"):
        page = client.get("/run/late-fee-ask").text
        assert "in progress" in page and "<form" not in page
        client.post("/run/late-fee-ask", data=form, headers={"origin": HERE})
        assert "Another process is at work" in client.get("/run/late-fee-ask").text
    assert person.given == [] and "<form" in client.get("/run/late-fee-ask").text


def test_what_goes_wrong_is_told(client: TestClient, store: Store, person: Person) -> None:
    person.error = WorkspaceBusy("the workspace is in use <b>", hint="wait")
    post(client, "late-fee-ask", answer="approve")
    deadline = time.monotonic() + 10
    while "the workspace is in use" not in (page := client.get("/run/late-fee-ask").text):
        assert time.monotonic() < deadline
    assert "in use &lt;b&gt;" in page and "<form" in page, "it can be answered again"
    before = store.get("late-fee-ask")
    store.save(committed("late-fee-ask"))
    assert "the workspace is in use" not in client.get("/run/late-fee-ask").text, "it was answered elsewhere"
    store.save(before)
    person.error = None
    post(client, "late-fee-ask", answer="approve")
    wait_for(store, "late-fee-ask", RunOutcome.committed)


def test_what_is_asked_again_is_asked_again(client: TestClient, store: Store, person: Person) -> None:
    person.outcome = RunOutcome.asked
    post(client, "late-fee-ask", answer="respond", message="once more")
    while not person.given or store.get("late-fee-ask").receipt is None:
        time.sleep(0.01)
    person.outcome = RunOutcome.committed
    deadline = time.monotonic() + 10
    while len(person.given) < 2:
        post(client, "late-fee-ask", answer="approve")
        assert time.monotonic() < deadline
    wait_for(store, "late-fee-ask", RunOutcome.committed)


def test_too_late_is_said_and_let_go(client: TestClient, store: Store, person: Person) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    person.left = 30.0
    assert "30 s left to answer" in client.get("/run/late-fee-ask").text
    person.left = -1.0
    page = client.get("/run/late-fee-ask").text
    assert "The time to answer is over" in page and "Approve" not in page
    client.post("/run/late-fee-ask", data=form, headers={"origin": HERE})
    wait_for(store, "late-fee-ask", RunOutcome.committed)
    assert person.given == [("late-fee-ask", {"type": "expire"})], "whatever is answered comes too late"


def test_what_cannot_be_answered_here_says_where(client: TestClient, person: Person) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    person.why = "Only the program can."
    page = client.get("/run/late-fee-ask").text
    assert "Only the program can." in page and '<form method="post"' not in page
    client.post("/run/late-fee-ask", data=form, headers={"origin": HERE})
    assert person.given == []


def test_a_spent_budget_leaves_no_other_draft(client: TestClient, store: Store) -> None:
    run = store.get("late-fee-ask")
    store.save(run.model_copy(update={"setup": Setup(settings={}, policy={"rounds": 0})}))
    page = client.get("/run/late-fee-ask").text
    assert "No other draft can come" in page and 'name="message"' not in page
    store.save(run.model_copy(update={"setup": Setup(settings={}, policy={"rounds": "what?"})}))
    assert 'name="message"' in client.get("/run/late-fee-ask").text


@pytest.mark.parametrize(
    ("form", "reply"),
    [
        ({"answer": "say", "text": " it is late \r\n"}, "it is late"),
        ({"answer": "say", "text": "", "choice": "2"}, "2"),
        ({"answer": "pass", "text": "never mind"}, {"type": "pass"}),
        ({"answer": "say", "text": " "}, None),
    ],
)
def test_a_role_is_answered_as_it_asks(
    client: TestClient, store: Store, person: Person, form: dict[str, str], reply: Any
) -> None:
    run = asked("role", task("role")).model_copy(update={"question": QUESTION, "setup": Setup(settings={})})
    store.save(run)
    page = client.get("/run/role").text
    for words in ("You are asked as the critic", "What is wrong?", "x = 1", "1. this", "2. that", "Eh?"):
        assert words in page, words
    assert "Approve" not in page
    post(client, "role", **form)
    if reply is None:
        assert "Write an answer, or pass." in client.get("/run/role").text and person.given == []
    else:
        wait_for(store, "role", RunOutcome.committed)
        assert person.given == [("role", reply)]


def test_closing_stops_what_is_carried_out(store: Store, person: Person) -> None:
    person.go.clear()
    desk = Desk(store, person)
    run = store.get("late-fee-ask")
    desk.take(run.id, mark_of(run), True)
    assert desk.busy(run.id)
    desk.close()
    assert not desk.busy(run.id) and "It was stopped." in str(desk.failure(run.id))
    assert store.get(run.id).outcome is RunOutcome.asked
    with pytest.raises(Refused, match="being stopped"):
        desk.take(run.id, mark_of(run), True)
