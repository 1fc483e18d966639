"""Late fees for the tool-hire desk.

A loan falls due on a day the desk is open: a due date on a weekend or a holiday moves to the next open day.
The customer then has a grace period. Whoever brings the tool back later than that pays for every late day,
the days of grace included, up to a cap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

SATURDAY = 5


@dataclass(frozen=True)
class Terms:
    """What a customer has agreed to. Money is in cents."""

    grace_days: int = 2
    daily_cents: int = 150
    cap_cents: int = 3000


@dataclass(frozen=True)
class Loan:
    """One hired tool. `returned` is None while the customer still has it."""

    tool: str
    due: date
    returned: date | None = None


def is_open(day: date, holidays: Collection[date] = ()) -> bool:
    """Whether the desk is open on `day`."""
    return day.weekday() < SATURDAY and day not in holidays


def effective_due(due: date, holidays: Collection[date] = ()) -> date:
    """The first open day on or after `due`."""
    while not is_open(due, holidays):
        due += timedelta(days=1)
    return due


def days_late(due: date, returned: date, holidays: Collection[date] = ()) -> int:
    """Calendar days from the effective due date to the return; 0 if it came back in time."""
    return max(0, (returned - effective_due(due, holidays)).days)


def late_fee(due: date, returned: date, terms: Terms, holidays: Collection[date] = ()) -> int:
    """The fee in cents for one tool; 0 if it came back within the grace period."""
    late = days_late(due, returned, holidays)
    if late < terms.grace_days:
        return 0
    return min(late * terms.daily_cents, terms.cap_cents)


def amount_owed(loans: Iterable[Loan], today: date, terms: Terms, holidays: Collection[date] = ()) -> int:
    """The fees in cents of all `loans` as of `today`; a tool still out counts as returned today."""
    return sum(late_fee(loan.due, loan.returned or today, terms, holidays) for loan in loans)


def reminders(loans: Iterable[Loan], today: date, holidays: Collection[date] = ()) -> list[str]:
    """One line for each tool still out after its due date, the most overdue first."""
    overdue = [(days_late(loan.due, today, holidays), loan.tool) for loan in loans if loan.returned is None]
    return [
        f"{tool}: {late} day{'s' if late != 1 else ''} late"
        for late, tool in sorted(overdue, key=lambda item: (-item[0], item[1]))
        if late > 0
    ]
