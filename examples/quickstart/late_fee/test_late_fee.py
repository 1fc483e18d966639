from datetime import date

import pytest

from late_fee import Loan, Terms, amount_owed, days_late, effective_due, is_open, late_fee, reminders

TERMS = Terms(grace_days=2, daily_cents=150, cap_cents=3000)
MONDAY = date(2024, 3, 4)
TUESDAY = date(2024, 3, 5)
WEDNESDAY = date(2024, 3, 6)
THURSDAY = date(2024, 3, 7)
FRIDAY = date(2024, 3, 8)
NEXT_MONDAY = date(2024, 3, 11)


def test_desk_is_closed_at_weekends_and_on_holidays():
    assert is_open(FRIDAY)
    assert not is_open(date(2024, 3, 9))
    assert not is_open(date(2024, 3, 10))
    assert not is_open(FRIDAY, holidays=[FRIDAY])


def test_due_date_on_an_open_day_stays():
    assert effective_due(FRIDAY) == FRIDAY


def test_due_date_on_a_weekend_moves_to_monday():
    assert effective_due(date(2024, 3, 9)) == NEXT_MONDAY


def test_due_date_skips_a_holiday_after_the_weekend():
    assert effective_due(date(2024, 3, 9), holidays={NEXT_MONDAY}) == date(2024, 3, 12)


def test_early_return_is_not_late():
    assert days_late(WEDNESDAY, MONDAY) == 0


def test_days_late_counts_calendar_days():
    assert days_late(FRIDAY, date(2024, 3, 12)) == 4


def test_no_fee_on_the_due_date():
    assert late_fee(MONDAY, MONDAY, TERMS) == 0


def test_no_fee_on_the_first_day_of_grace():
    assert late_fee(MONDAY, TUESDAY, TERMS) == 0


def test_no_fee_on_the_last_day_of_grace():
    assert late_fee(MONDAY, WEDNESDAY, TERMS) == 0


def test_after_the_grace_period_every_late_day_is_charged():
    assert late_fee(MONDAY, THURSDAY, TERMS) == 450
    assert late_fee(MONDAY, FRIDAY, TERMS) == 600


def test_without_a_grace_period_the_first_late_day_is_charged():
    assert late_fee(MONDAY, TUESDAY, Terms(grace_days=0, daily_cents=200)) == 200


@pytest.mark.parametrize(("returned", "fee"), [(FRIDAY, 0), (date(2024, 3, 9), 500)])
def test_regular_customers_have_four_days_of_grace(returned, fee):
    assert late_fee(MONDAY, returned, Terms(grace_days=4, daily_cents=100)) == fee


def test_grace_starts_at_the_effective_due_date():
    assert late_fee(date(2024, 3, 2), THURSDAY, TERMS) == 450


def test_fee_is_capped():
    assert late_fee(MONDAY, date(2024, 3, 24), TERMS) == 3000
    assert late_fee(MONDAY, date(2024, 3, 25), TERMS) == 3000


def test_amount_owed_adds_up_returned_and_open_loans():
    loans = [
        Loan("sander", due=MONDAY, returned=THURSDAY),
        Loan("drill", due=MONDAY, returned=TUESDAY),
        Loan("ladder", due=TUESDAY),
    ]
    assert amount_owed(loans, today=NEXT_MONDAY, terms=TERMS) == 450 + 900


def test_nothing_is_owed_while_all_loans_are_in_grace():
    loans = [Loan("sander", due=MONDAY), Loan("drill", due=TUESDAY)]
    assert amount_owed(loans, today=WEDNESDAY, terms=TERMS) == 0


def test_reminders_name_open_loans_most_overdue_first():
    loans = [
        Loan("drill", due=THURSDAY),
        Loan("ladder", due=MONDAY),
        Loan("sander", due=MONDAY, returned=MONDAY),
        Loan("mixer", due=FRIDAY),
    ]
    assert reminders(loans, today=FRIDAY) == ["ladder: 4 days late", "drill: 1 day late"]
