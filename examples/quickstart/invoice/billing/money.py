"""Amounts of money as decimals: rounding, reading, printing."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """`amount` rounded to whole cents, half a cent away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def percent(amount: Decimal, rate: Decimal) -> Decimal:
    """`rate` per cent of `amount`, not rounded."""
    return amount * rate / 100


def parse_amount(text: str) -> Decimal:
    """Reads ``1,234.50`` or ``€ 12``; fractions of a cent are kept. Raises ValueError for anything else."""
    cleaned = text.strip().removeprefix("€").strip().replace(",", "")
    try:
        amount = Decimal(cleaned)
    except InvalidOperation:
        raise ValueError(f"not an amount: {text!r}") from None
    if not amount.is_finite():
        raise ValueError(f"not an amount: {text!r}")
    return amount


def format_amount(amount: Decimal) -> str:
    """``€1,234.50``; negative amounts as ``-€5.00``."""
    sign = "-" if amount < 0 else ""
    return f"{sign}€{abs(cents(amount)):,}"
