"""Lines, VAT and totals of an invoice.

Prices are net. Unit prices may hold fractions of a cent (a sheet costs €0.0375); what is printed on the
invoice is in whole cents. VAT is computed once for each rate, on the sum of that rate's lines.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from billing.money import cents, format_amount, percent

STANDARD_RATE = Decimal(21)
REDUCED_RATE = Decimal(9)


@dataclass(frozen=True)
class Line:
    """One position of an invoice. `discount` is in per cent of the price."""

    description: str
    unit_price: Decimal
    quantity: int = 1
    discount: Decimal = Decimal(0)
    vat_rate: Decimal = STANDARD_RATE

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise ValueError(f"{self.description}: quantity must be at least 1, not {self.quantity}")
        if not 0 <= self.discount <= 100:
            raise ValueError(f"{self.description}: discount must be 0 to 100 per cent, not {self.discount}")

    @property
    def net(self) -> Decimal:
        """The price of the whole line after its discount, in whole cents."""
        price = cents(self.unit_price - percent(self.unit_price, self.discount))
        return cents(price * self.quantity)


@dataclass
class Invoice:
    """A customer's invoice; lines are kept in the order in which they were added."""

    customer: str
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.lines.append(line)

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), Decimal("0.00"))

    def vat_by_rate(self) -> dict[Decimal, Decimal]:
        """The VAT for each rate that occurs, in whole cents, the highest rate first."""
        base: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for line in self.lines:
            base[line.vat_rate] += line.net
        return {rate: cents(percent(base[rate], rate)) for rate in sorted(base, reverse=True)}

    @property
    def total(self) -> Decimal:
        """What the customer pays: net and VAT."""
        return self.net + sum(self.vat_by_rate().values(), Decimal(0))

    def render(self) -> str:
        """The invoice as plain text, one row for each line, each VAT rate and the total."""
        rows = [(f"{line.quantity} x {line.description}", line.net) for line in self.lines]
        rows += [(f"VAT {rate}%", amount) for rate, amount in self.vat_by_rate().items()]
        rows.append(("Total", self.total))
        return "\n".join(f"{label:<32}{format_amount(amount):>12}" for label, amount in rows)
