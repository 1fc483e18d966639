"""An agent's writes: what the airline's policy says of each, when a conversation ends, what the loop may not see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.evals import Source
from revet.evals.replay.airline import WRITES, breaches, facts_of
from revet.evals.replay.tau import open_suite

from .logs import of_nothing, played, said
from .spying import MARK, kept_in, spy_on, write

SET = "tau_bench"
USER: dict[str, Any] = {
    "membership": "regular",
    "payment_methods": {
        "credit_card_1": {"source": "credit_card"},
        "gift_card_2": {"source": "gift_card", "amount": 60},
        "certificate_3": {"source": "certificate", "amount": 100},
        "certificate_4": {"source": "certificate", "amount": 100},
    },
}
OLD: dict[str, Any] = {
    "reservation_id": "AAA111",
    "user_id": "ann_1",
    "origin": "JFK",
    "destination": "SEA",
    "flight_type": "one_way",
    "cabin": "economy",
    "flights": [{"flight_number": "F1", "date": "2024-05-20", "price": 100, "origin": "JFK", "destination": "SEA"}],
    "passengers": [{"first_name": "Ann", "last_name": "Lee", "dob": "1990-01-01"}],
    "created_at": "2024-05-01T10:00:00",
    "total_baggages": 1,
    "nonfree_baggages": 0,
    "insurance": "no",
}
FLIGHT = {
    "flight_number": "F2",
    "origin": "JFK",
    "destination": "SEA",
    "status": "available",
    "available_seats": {"economy": 1},
    "prices": {"economy": 150},
}


def call(tool: str, given: dict[str, Any], observation: Any) -> dict[str, Any]:
    return {"tool": tool, "input": given, "observation": json.dumps(observation)}


KNOWN = [
    call("get_user_details", {"user_id": "ann_1"}, USER),
    call("get_reservation_details", {"reservation_id": "AAA111"}, OLD),
    call("search_direct_flight", {"origin": "JFK", "destination": "SEA", "date": "2024-05-21"}, [FLIGHT]),
]
NEW = [{"flight_number": "F2", "date": "2024-05-21"}]
BOOK: dict[str, Any] = {
    "user_id": "ann_1",
    "origin": "JFK",
    "destination": "SEA",
    "flight_type": "one_way",
    "cabin": "economy",
    "flights": NEW,
    "passengers": OLD["passengers"],
    "payment_methods": [{"payment_id": "credit_card_1", "amount": 150}],
    "total_baggages": 1,
    "nonfree_baggages": 0,
    "insurance": "no",
}
CHANGE: dict[str, Any] = {
    "reservation_id": "AAA111",
    "cabin": "economy",
    "flights": NEW,
    "payment_id": "credit_card_1",
}
BAGS: dict[str, Any] = {
    "reservation_id": "AAA111",
    "total_baggages": 2,
    "nonfree_baggages": 1,
    "payment_id": "gift_card_2",
}


def found(tool: str, given: dict[str, Any], *, reservation: Any = None, user: Any = None) -> list[str]:
    calls = [*KNOWN]
    if user is not None:
        calls.append(call("get_user_details", {"user_id": "ann_1"}, {**USER, **user}))
    if reservation is not None:
        calls.append(call("get_reservation_details", {"reservation_id": "AAA111"}, {**OLD, **reservation}))
    return [category.removeprefix("policy/") for category, _ in breaches(tool, given, facts_of(calls))]


@pytest.mark.parametrize(
    ("changed", "said_of_it"),
    [
        ({}, []),
        ({"payment_methods": [{"payment_id": "credit_card_1", "amount": 100}]}, ["sum"]),
        ({"insurance": "yes"}, ["sum"]),
        ({"payment_methods": [{"payment_id": "credit_card_9", "amount": 150}]}, ["payment"]),
        ({"payment_methods": [{"payment_id": f"certificate_{n}", "amount": 75} for n in (3, 4)]}, ["payment"]),
        ({"payment_methods": [{"payment_id": "gift_card_2", "amount": 150}]}, ["balance"]),
        ({"total_baggages": 3, "nonfree_baggages": 1}, ["bags", "sum"]),
        ({"passengers": OLD["passengers"] * 2}, ["unavailable", "sum"]),
        ({"passengers": OLD["passengers"] * 6}, ["passengers", "unavailable", "sum"]),
        (
            {"user_id": "bob_2", "flights": [{"flight_number": "F9", "date": "2024-05-21"}]},
            [],
        ),  # nothing is known of it
    ],
)
def test_bookings(changed: dict[str, Any], said_of_it: list[str]) -> None:
    assert found("book_reservation", {**BOOK, **changed}) == said_of_it


def test_changes_of_flights() -> None:
    change = "update_reservation_flights"
    assert found(change, CHANGE) == []
    assert found(change, CHANGE, reservation={"cabin": "basic_economy"}) == ["basic-economy"]
    assert found(change, {**CHANGE, "flights": OLD["flights"]}, reservation={"cabin": "basic_economy"}) == []
    assert found(change, CHANGE, reservation={"origin": "BOS"}) == ["route"]
    assert found(change, {**CHANGE, "payment_id": "certificate_3"}) == ["payment"]
    assert found(change, {**CHANGE, "payment_id": "gift_card_2"}) == []  # 50 more, of 60
    poor = {"payment_methods": {"gift_card_2": {"source": "gift_card", "amount": 10}}}
    assert found(change, {**CHANGE, "payment_id": "gift_card_2"}, user=poor) == ["balance"]
    assert found(change, {**CHANGE, "flights": [{"flight_number": "F1", "date": "2024-05-01"}]}) == ["flown"]
    assert found(change, CHANGE, reservation={"status": "cancelled"}) == ["cancelled"]


def test_bags_passengers_cancellations_and_compensation() -> None:
    assert found("update_reservation_baggages", BAGS) == []
    assert found("update_reservation_baggages", {**BAGS, "nonfree_baggages": 0}) == ["bags"]
    assert found("update_reservation_baggages", {**BAGS, "total_baggages": 0, "nonfree_baggages": 0}) == ["bags"]
    assert found("update_reservation_passengers", {"reservation_id": "AAA111", "passengers": []}) == ["passengers"]
    cancel, which = "cancel_reservation", {"reservation_id": "AAA111"}
    assert found(cancel, which) == ["cancelling"]
    for allowed in ({"cabin": "business"}, {"insurance": "yes"}, {"created_at": "2024-05-15T01:00:00"}):
        assert found(cancel, which, reservation=allowed) == []
    flown = [{"flight_number": "F1", "date": "2024-05-10"}]
    assert found(cancel, which, reservation={"flights": flown, "insurance": "yes"}) == ["flown"]
    given = {"user_id": "ann_1", "amount": 100}
    assert found("send_certificate", given) == ["compensation"]
    assert found("send_certificate", given, user={"membership": "gold"}) == []
    assert found("send_certificate", {**given, "amount": 70}, user={"membership": "gold"}) == ["compensation"]


@settings(deadline=None)
@given(
    st.sampled_from([*WRITES, "think"]),
    st.dictionaries(
        st.sampled_from([*BOOK, "reservation_id", "payment_id", "amount"]), st.none() | st.text() | st.just([])
    ),
)
def test_nothing_that_a_model_writes_breaks_it(tool: str, given: dict[str, Any]) -> None:
    given["reservation_id"] = "AAA111"
    for facts in (facts_of([]), facts_of([*KNOWN, {"tool": "x", "input": "{", "observation": "[["}])):
        assert all(category and claim for category, claim in breaches(tool, given, facts))


# --- the suite -----------------------------------------------------------------------------------------------


def talk(*calls: tuple[str, dict[str, Any], Any], reward: float = 0.0, trial: int = 0, **more: Any) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Please change my flight."}]
    for made in KNOWN:
        messages += asked(made["tool"], made["input"], made["observation"])
    for tool, arguments, observation in calls:
        messages += asked(tool, arguments, observation)
    gold = [{"name": "update_reservation_flights", "kwargs": CHANGE}, {"name": "transfer", "kwargs": {"why": MARK}}]
    told = {"task_id": "t-1", "trial": trial, "reward": reward, "instruction": MARK, "gt_actions": gold}
    return {**told, "write_calls": [], "messages": messages, **more}


def asked(tool: str, given: dict[str, Any], observation: Any) -> list[dict[str, Any]]:
    called = {"role": "assistant", "content": "", "tool_calls": [{"name": tool, "arguments": json.dumps(given)}]}
    return [
        called,
        {"role": "tool", "content": observation if isinstance(observation, str) else json.dumps(observation)},
    ]


FLIGHTS, CANCEL = "update_reservation_flights", ("cancel_reservation", {"reservation_id": "AAA111"}, OLD)
BAD_PAYMENT = (FLIGHTS, {**CHANGE, "payment_id": "certificate_3"}, "Error: certificate cannot be used")
ROWS = [
    talk(BAD_PAYMENT, (FLIGHTS, CHANGE, OLD), reward=1.0),
    talk((FLIGHTS, CHANGE, OLD), CANCEL, (FLIGHTS, CHANGE, OLD), trial=1),
    talk((FLIGHTS, {**CHANGE, "cabin": "first"}, OLD), trial=2),
    talk(trial=3),
]


def fill(folder: Path, rows: list[Any]) -> Source:
    write(folder, f"{SET}/gpt4o_airline", rows)
    return Source(folder)


async def test_conversations(tmp_path: Path) -> None:
    trials, figures = await played(open_suite, fill(tmp_path, ROWS))
    refused, stopped, wrong = trials.values()  # the last has no write
    assert said(refused) == [(False, False), (True, True)] and refused.correct is True
    assert said(stopped) == [(True, True), (False, False)] and stopped.chosen is None  # and goes on no further
    assert said(wrong) == [(False, False)] and wrong.chosen is None
    value = {name: figure.value for name, figure in figures.items()}
    assert next(iter(value)) == "critic_precision" and value["critic_precision"] == value["critic_recall"] == 1.0
    assert value["accuracy"] == value["log_pass_rate"] == 1 / 3 and value["abstention"] == 2 / 3


async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    await played(open_suite, fill(tmp_path / "data", ROWS), runs=str(tmp_path / "runs"))
    shown, kept = "\n".join(spy.seen), kept_in(tmp_path / "runs")
    assert "Please change my flight." in shown and "gift_card_2" in kept
    assert all(MARK not in told and "reward" not in told for told in (shown, kept))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"messages": "hi"}, "messages must be list"),
        ({"messages": [{"role": "user"}]}, "message 1: content is missing"),
        ({"messages": [{"tool_calls": [{"name": "think", "arguments": "{"}]}]}, "arguments of think: no JSON"),
        (
            {"messages": [{"tool_calls": [{"name": "think", "arguments": "[]"}]}]},
            "arguments of think must be an object",
        ),
        ({"reward": None}, "reward must be float"),
        ({"gt_actions": [{"kwargs": {}}]}, "name is missing"),
        ({"trial": "0"}, "trial must be int"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"gpt4o_airline\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [ROWS[0], {**ROWS[1], **bad}]), {})
    assert told in str(error.value)


async def test_options_and_figures_of_nothing(tmp_path: Path) -> None:
    source = fill(tmp_path, ROWS)
    with pytest.raises(InputError, match="options of the suite tau-bench: seed: there is no such option"):
        await open_suite(source, {"seed": 1})
    assert all(each.value is None and each.note for each in await of_nothing(open_suite, source))


@pytest.mark.shared
async def test_on_real_conversations(shared: Path) -> None:
    trials, figures = await played(open_suite, Source(shared), most=10)
    assert len(trials) == 10 and all(trial.error is None and trial.turns for trial in trials.values())
    assert figures["log_pass_rate"].value is not None
