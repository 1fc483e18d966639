"""Invoices for the print shop: lines, discounts, VAT."""

from billing.invoice import Invoice, Line
from billing.money import cents, format_amount, parse_amount

__all__ = ["Invoice", "Line", "cents", "format_amount", "parse_amount"]
