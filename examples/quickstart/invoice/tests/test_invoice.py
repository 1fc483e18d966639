from decimal import Decimal

import pytest

from billing import Invoice, Line
from billing.invoice import REDUCED_RATE


def test_line_without_discount():
    assert Line("Poster A2", Decimal("12.50"), 4).net == Decimal("50.00")


def test_line_with_discount():
    assert Line("Banner", Decimal("80.00"), 2, discount=Decimal(25)).net == Decimal("120.00")


def test_line_given_away():
    assert Line("Sample", Decimal("3.20"), 3, discount=Decimal(100)).net == 0


def test_many_cheap_sheets():
    assert Line("Sheet A4", Decimal("0.0375"), 1000).net == Decimal("37.50")


def test_discounted_flyers():
    assert Line("Flyer", Decimal("0.19"), 500, discount=Decimal(15)).net == Decimal("80.75")


def test_line_is_in_whole_cents():
    net = Line("Sheet A4", Decimal("0.0375"), 3).net
    assert str(net) == "0.11"
    assert str(Line("Sheet A4", Decimal("0.035"), 1).net) == "0.04"


@pytest.mark.parametrize("quantity", [0, -2])
def test_quantity_must_be_positive(quantity):
    with pytest.raises(ValueError, match="quantity"):
        Line("Poster", Decimal("12.50"), quantity)


@pytest.mark.parametrize("discount", ["-1", "100.5"])
def test_discount_must_be_a_percentage(discount):
    with pytest.raises(ValueError, match="discount"):
        Line("Poster", Decimal("12.50"), discount=Decimal(discount))


def test_empty_invoice():
    invoice = Invoice("Nobody")
    assert invoice.total == 0
    assert invoice.vat_by_rate() == {}


def test_vat_is_computed_once_for_each_rate():
    invoice = Invoice("Museum")
    invoice.add(Line("Badge", Decimal("0.33")))
    invoice.add(Line("Ribbon", Decimal("0.33")))
    invoice.add(Line("Guide", Decimal("9.95"), 10, vat_rate=REDUCED_RATE))
    invoice.add(Line("Pin", Decimal("0.33")))
    assert list(invoice.vat_by_rate().items()) == [
        (Decimal(21), Decimal("0.21")),
        (Decimal(9), Decimal("8.96")),
    ]


def test_total_of_a_large_order():
    invoice = Invoice("Theatre")
    invoice.add(Line("Programme", Decimal("0.845"), 300, discount=Decimal(10)))
    invoice.add(Line("Poster A2", Decimal("12.50"), 20))
    assert invoice.net == Decimal("478.15")
    assert invoice.total == Decimal("578.56")


def test_render():
    invoice = Invoice("Museum", [Line("Poster A2", Decimal("12.50"), 4)])
    assert invoice.render().splitlines() == [
        "4 x Poster A2                         €50.00",
        "VAT 21%                               €10.50",
        "Total                                 €60.50",
    ]
