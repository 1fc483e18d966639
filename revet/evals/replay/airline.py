"""The policy of an airline's agent, as checks of the calls that it is about to make (policy: τ-bench, Yao et al. 2024).

Only what the policy says in so many words and what the conversation's own tool results decide is checked: who may
cancel, what basic economy may change, how many bags are free, which payments may be combined, whether the sums are
right. What needs an understanding of the conversation (did the user agree, is the reason one of health) is not: a call
that nothing speaks against may still be wrong. The facts are those that the agent has looked up before the call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

__all__ = ["NOW", "SCHEMAS", "WRITES", "Facts", "Said", "breaches", "facts_of"]

NOW = datetime(2024, 5, 15, 15, 0)
"""What the policy says the time is."""

WRITES = {
    "book_reservation": "create",
    "update_reservation_flights": "update",
    "update_reservation_baggages": "update",
    "update_reservation_passengers": "update",
    "cancel_reservation": "delete",
    "send_certificate": "send",
}
"""The tools that change the database, and what they do."""

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_CABIN = {"type": "string", "enum": ["basic_economy", "economy", "business"]}
_FLIGHTS = {"flights": {"type": "array", "items": {"type": "object", "required": ["flight_number", "date"]}}}
_PASSENGERS = {"type": "array", "items": {"type": "object", "required": ["first_name", "last_name", "dob"]}}
_BAGS = {"total_baggages": _COUNT, "nonfree_baggages": _COUNT}
_TAKES: Mapping[str, Mapping[str, Any]] = {
    "book_reservation": {
        **dict.fromkeys(("user_id", "origin", "destination"), _TEXT),
        "flight_type": {"type": "string", "enum": ["one_way", "round_trip"]},
        "cabin": _CABIN,
        **_FLIGHTS,
        "passengers": _PASSENGERS,
        "payment_methods": {"type": "array", "items": {"type": "object", "required": ["payment_id", "amount"]}},
        **_BAGS,
        "insurance": {"type": "string", "enum": ["yes", "no"]},
    },
    "update_reservation_flights": {"reservation_id": _TEXT, "cabin": _CABIN, **_FLIGHTS, "payment_id": _TEXT},
    "update_reservation_baggages": {"reservation_id": _TEXT, **_BAGS, "payment_id": _TEXT},
    "update_reservation_passengers": {"reservation_id": _TEXT, "passengers": _PASSENGERS},
    "cancel_reservation": {"reservation_id": _TEXT},
    "send_certificate": {"user_id": _TEXT, "amount": {"type": "number", "minimum": 0}},
}
SCHEMAS = [
    {"name": name, "parameters": {"type": "object", "properties": dict(takes), "required": [*takes]}}
    for name, takes in _TAKES.items()
]
"""What those tools take, as JSON Schema."""

FREE_BAGS = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 3},
}
MOST_PASSENGERS = 5
MOST_PAID_WITH = {"certificate": 1, "credit_card": 1, "gift_card": 3}
BAG, INSURANCE = 50, 30
COMPENSATION = (100, 50)
DAY = timedelta(hours=24)

Object = Mapping[str, Any]
Said = Iterator[tuple[str, str]]
"""Categories, and sentences that say what speaks against a call."""


@dataclass
class Facts:
    """What the agent's tools have told: users and reservations by id, flights by number and date."""

    users: dict[str, Object] = field(default_factory=dict)
    reservations: dict[str, Object] = field(default_factory=dict)
    flights: dict[tuple[str, str], Object] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)

    def user_of(self, reservation: Object) -> Object | None:
        return self.users.get(str(reservation.get("user_id")))


def facts_of(calls: Sequence[Object]) -> Facts:
    """The facts in the results of calls, ``{tool, input, observation}``, in their order. What is no JSON tells none."""
    facts = Facts()
    for call in calls:
        given, told = _json(call.get("input")), _json(call.get("observation"))
        name, arguments = str(call.get("tool")), given if isinstance(given, dict) else {}
        if name == "get_user_details" and isinstance(told, dict):
            facts.users[str(arguments.get("user_id"))] = told
        elif isinstance(told, dict) and "reservation_id" in told:
            # The answer to a change of cabin still shows the old one.
            changed = {"cabin": arguments["cabin"]} if name.startswith("update_") and "cabin" in arguments else {}
            facts.reservations[str(told["reservation_id"])] = {**told, **changed}
            if name == "book_reservation":
                for paid in _objects(arguments.get("payment_methods")):
                    key = str(paid.get("payment_id"))
                    facts.spent[key] = facts.spent.get(key, 0.0) + _number(paid.get("amount"))
        elif name.startswith("search_") and isinstance(told, list):
            for flight in _flat(told):
                date = flight.get("date") or arguments.get("date")
                facts.flights[str(flight.get("flight_number")), str(date)] = flight
    return facts


def breaches(name: str, arguments: Object, facts: Facts) -> Said:
    """What in the policy speaks against the call. Nothing for tools that change nothing, or where no fact is known."""
    reservation = facts.reservations.get(str(arguments.get("reservation_id")))
    if name == "book_reservation":
        yield from _booking(arguments, facts)
    elif name == "send_certificate":
        yield from _certificate(arguments, facts)
    elif reservation is not None and reservation.get("status") == "cancelled":
        yield "policy/cancelled", "the reservation is cancelled already"
    elif reservation is not None and name == "update_reservation_flights":
        yield from _flights(arguments, reservation, facts)
    elif reservation is not None and name == "update_reservation_baggages":
        yield from _bags(arguments, reservation, facts)
    elif reservation is not None and name == "update_reservation_passengers":
        if len(_objects(arguments.get("passengers"))) != len(_objects(reservation.get("passengers"))):
            yield "policy/passengers", "the number of passengers cannot be changed"
    elif reservation is not None and name == "cancel_reservation":
        yield from _cancelling(reservation)


def _booking(given: Object, facts: Facts) -> Said:
    passengers, payments = len(_objects(given.get("passengers"))), _objects(given.get("payment_methods"))
    cabin, flights = str(given.get("cabin")), _objects(given.get("flights"))
    if passengers > MOST_PASSENGERS:
        yield "policy/passengers", f"a reservation has at most {MOST_PASSENGERS} passengers, and this has {passengers}"
    user = facts.users.get(str(given.get("user_id")))
    ids = [str(each.get("payment_id")) for each in payments]
    yield from _payments(ids, user)
    for each in payments:
        yield from _balance(str(each.get("payment_id")), _number(each.get("amount")), user, facts)
    if user is not None:
        free = _free(user, cabin) * passengers
        yield from _paid_bags(given, free)
    seen = [facts.flights.get((str(each.get("flight_number")), str(each.get("date")))) for each in flights]
    yield from _seats([each for each in seen if each is not None], cabin, passengers)
    if flights and all(each is not None for each in seen):
        fares = sum(_number(_object(each, "prices").get(cabin)) for each in seen if each is not None)
        insured = INSURANCE if given.get("insurance") == "yes" else 0
        total = (fares + insured) * passengers + BAG * _number(given.get("nonfree_baggages"))
        paid = sum(_number(each.get("amount")) for each in payments)
        if fares and round(total) != round(paid):
            yield "policy/sum", f"flights, insurance and bags come to {total:g}, and {paid:g} are paid"


def _flights(given: Object, reservation: Object, facts: Facts) -> Said:
    old, new = _objects(reservation.get("flights")), _objects(given.get("flights"))
    before, after = ([_key(each) for each in flights] for flights in (old, new))
    cabin, was = str(given.get("cabin")), str(reservation.get("cabin"))
    if was == "basic_economy" and before != after:
        yield "policy/basic-economy", "flights of basic economy cannot be changed"
    known = [next((f for f in old if _key(f) == key), None) or facts.flights.get(key) for key in after]
    yield from _route(reservation, known)
    for key, flight in zip(after, known, strict=True):
        moved = key not in before or cabin != was
        if moved and key[1] < NOW.date().isoformat():
            yield "policy/flown", f"flight {key[0]} of {key[1]} has taken off"
        elif key not in before and flight is not None:
            yield from _seats([flight], cabin, len(_objects(reservation.get("passengers"))))
    user, payment = facts.user_of(reservation), str(given.get("payment_id"))
    yield from _payments([payment], user, kinds=("gift_card", "credit_card"))
    difference = _difference(old, after, reservation, cabin, facts)
    if difference is not None and difference > 0:
        yield from _balance(payment, difference, user, facts)


def _difference(
    old: Sequence[Object], after: Sequence[tuple[str, str]], reservation: Object, cabin: str, facts: Facts
) -> float | None:
    """What the new flights cost more, for all passengers; None where a price was not looked up."""
    total = 0.0
    for key in after:
        kept = next((f for f in old if _key(f) == key), None)
        if kept is not None and cabin == reservation.get("cabin"):
            total += _number(kept.get("price"))
            continue
        prices = _object(facts.flights.get(key), "prices")
        if cabin not in prices:
            return None
        total += _number(prices[cabin])
    paid = sum(_number(each.get("price")) for each in old)
    return (total - paid) * len(_objects(reservation.get("passengers")))


def _route(reservation: Object, flights: Sequence[Object | None]) -> Said:
    """Where the trip begins and ends is kept; what is not known of the flights is not held against it."""
    if not flights:
        return
    origin, destination = reservation.get("origin"), reservation.get("destination")
    first, last = flights[0], flights[-1]
    if first is not None and first.get("origin") not in (None, origin):
        yield "policy/route", f"the trip begins in {origin}, and the new flights in {first.get('origin')}"
    end = origin if reservation.get("flight_type") == "round_trip" else destination
    if last is not None and last.get("destination") not in (None, end):
        yield "policy/route", f"the trip ends in {end}, and the new flights in {last.get('destination')}"


def _bags(given: Object, reservation: Object, facts: Facts) -> Said:
    total, had = _number(given.get("total_baggages")), _number(reservation.get("total_baggages"))
    if total < had:
        yield "policy/bags", f"bags cannot be taken off a reservation: it has {had:g}, and {total:g} are asked for"
    user, payment = facts.user_of(reservation), str(given.get("payment_id"))
    if user is not None:
        free = _free(user, str(reservation.get("cabin"))) * len(_objects(reservation.get("passengers")))
        yield from _paid_bags(given, max(free, int(had - _number(reservation.get("nonfree_baggages")))))
    yield from _payments([payment], user)
    more = _number(given.get("nonfree_baggages")) - _number(reservation.get("nonfree_baggages"))
    if more > 0:
        yield from _balance(payment, more * BAG, user, facts)


def _cancelling(reservation: Object) -> Said:
    dates = [str(each.get("date")) for each in _objects(reservation.get("flights"))]
    if any(date < NOW.date().isoformat() for date in dates):
        yield "policy/flown", "a part of the trip is flown already, so that it cannot be cancelled"
    try:
        fresh = NOW - datetime.fromisoformat(str(reservation.get("created_at"))) <= DAY
    except ValueError:
        return
    if not fresh and reservation.get("cabin") != "business" and reservation.get("insurance") != "yes":
        yield (
            "policy/cancelling",
            "it was booked more than 24 hours ago, is not business and not insured: only a flight that the airline "
            "cancelled would allow it, and nothing that was looked up says so",
        )


def _certificate(given: Object, facts: Facts) -> Said:
    name, amount = str(given.get("user_id")), _number(given.get("amount"))
    own = [each for each in facts.reservations.values() if each.get("user_id") == name]
    user = facts.users.get(name)
    entitled = any(each.get("insurance") == "yes" or each.get("cabin") == "business" for each in own)
    if user is not None and own and not entitled and user.get("membership") == "regular":
        yield "policy/compensation", "a regular member without insurance or business class is not compensated"
    counts = {len(_objects(each.get("passengers"))) for each in own}
    if counts and amount not in {each * count for each in COMPENSATION for count in counts}:
        yield "policy/compensation", f"{amount:g} is neither 100 nor 50 dollars for each passenger of a reservation"


# --- payments, bags, seats -----------------------------------------------------------------------------------


def _payments(ids: Sequence[str], user: Object | None, kinds: Sequence[str] = tuple(MOST_PAID_WITH)) -> Said:
    if user is None:
        return
    methods = _object(user, "payment_methods")
    for each in ids:
        if each not in methods:
            yield "policy/payment", f"the user's profile has no payment method {each}"
    sources = [str(_object(methods, each).get("source")) for each in ids if each in methods]
    for kind, most in MOST_PAID_WITH.items():
        if sources.count(kind) > most:
            yield "policy/payment", f"a reservation takes at most {most} {kind}, and this has {sources.count(kind)}"
        if kind in sources and kind not in kinds:
            yield "policy/payment", f"a {kind} cannot pay for a change of flights"


def _balance(payment: str, amount: float, user: Object | None, facts: Facts) -> Said:
    method = _object(_object(user, "payment_methods"), payment)
    if method.get("source") == "certificate" and payment in facts.spent:
        yield "policy/payment", f"the certificate {payment} is used up"
    elif "amount" in method:
        left = _number(method.get("amount")) - facts.spent.get(payment, 0.0)
        if amount > left:
            yield "policy/balance", f"{payment} holds {left:g}, and {amount:g} are to be paid"


def _paid_bags(given: Object, free: int) -> Said:
    total, paid = _number(given.get("total_baggages")), _number(given.get("nonfree_baggages"))
    right = max(0.0, total - free)
    if paid != right:
        yield "policy/bags", f"{free} bags are free, so {right:g} of {total:g} are to be paid, and not {paid:g}"


def _free(user: Object, cabin: str) -> int:
    return FREE_BAGS.get(str(user.get("membership")), {}).get(cabin, 0)


def _seats(flights: Sequence[Object], cabin: str, passengers: int) -> Said:
    for flight in flights:
        status, seats = flight.get("status"), _object(flight, "available_seats").get(cabin)
        if status not in (None, "available"):
            yield "policy/unavailable", f"flight {flight.get('flight_number')} is {status}, and cannot be booked"
        elif isinstance(seats, int) and seats < passengers:
            yield "policy/unavailable", f"flight {flight.get('flight_number')} has {seats} seats left in {cabin}"


# --- reading what tools wrote --------------------------------------------------------------------------------


def _json(text: object) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flat(told: Sequence[Any]) -> Iterator[Object]:
    for each in told:
        yield from _objects(each) if isinstance(each, list) else _objects([each])


def _objects(value: object) -> list[Object]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def _object(value: Object | None, name: str) -> Object:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _key(flight: Object) -> tuple[str, str]:
    return str(flight.get("flight_number")), str(flight.get("date"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
