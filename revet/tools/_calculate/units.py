"""Units of everyday quantities, each with its exact ratio to the base unit of its kind.

The ratios are the international definitions (the inch is 2.54 cm, the pound 0.45359237 kg). Months and years are not
fixed numbers of days and stand apart from the other times.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

__all__ = ["Unit", "kinds_of", "metric", "ratio"]

Unit = tuple[str, Fraction]
"""The kind of quantity, and how many base units one unit is."""

TABLE = """
time: second seconds sec secs s = 1; minute minutes min mins = 60; hour hours hr hrs h = 3600; day days = 86400;
 week weeks = 604800; fortnight fortnights = 1209600; millisecond milliseconds ms = 1/1000
calendar: month months = 1; year years yr yrs = 12; decade decades = 120; century centuries = 1200
length: meter meters metre metres m = 1; kilometer kilometers kilometre kilometres km kms = 1000;
 centimeter centimeters centimetre centimetres cm = 1/100; millimeter millimeters mm = 1/1000;
 inch inches in = 254/10000; foot feet ft = 3048/10000; yard yards yd yds = 9144/10000;
 mile miles mi = 1609344/1000
mass: gram grams g = 1; kilogram kilograms kg kgs = 1000; milligram milligrams mg = 1/1000; tonne tonnes = 1000000;
 pound pounds lb lbs = 45359237/100000; ounce ounces oz = 45359237/1600000; ton tons = 90718474/100; ton tons = 1000000
volume: liter liters litre litres l = 1; milliliter milliliters ml mL = 1/1000;
 gallon gallons gal = 3785411784/1000000000; gallon gallons gal = 4546090000/1000000000;
 quart quarts = 946352946/1000000000; pint pints = 473176473/1000000000; cup cups = 2365882365/10000000000;
 ounce ounces oz = 295735295625/10000000000000; tablespoon tablespoons tbsp = 1478676478125/100000000000000;
 teaspoon teaspoons tsp = 492892159375/100000000000000; quart quarts = 11365225/10000000000;
 pint pints = 56826125/100000000000; ounce ounces oz = 284130625/10000000000000
money: dollar dollars = 1; cent cents = 1/100; dime dimes = 1/10; nickel nickels = 1/20; penny pennies = 1/100;
 quarter quarters = 1/4
euro: euro euros = 1
sterling: quid = 1
count: dozen dozens = 12; score scores = 20; gross = 144
data: byte bytes B = 1; kilobyte kilobytes KB = 1000; megabyte megabytes MB = 1000000;
 gigabyte gigabytes GB = 1000000000; terabyte terabytes TB = 1000000000000; kilobyte kilobytes KB = 1024;
 megabyte megabytes MB = 1048576; gigabyte gigabytes GB = 1073741824; terabyte terabytes TB = 1099511627776
"""
CUSTOMARY = {
    "inch", "inches", "in", "foot", "feet", "ft", "yard", "yards", "yd", "yds", "mile", "miles", "mi", "pound",
    "pounds", "lb", "lbs", "ounce", "ounces", "oz", "gallon", "gallons", "gal", "quart", "quarts", "pint", "pints",
    "cup", "cups", "tablespoon", "tablespoons", "tbsp", "teaspoon", "teaspoons", "tsp",
}  # fmt: skip


@cache
def _table() -> dict[str, tuple[Unit, ...]]:
    units: dict[str, tuple[Unit, ...]] = {}
    for line in TABLE.replace("\n ", " ").strip().splitlines():
        kind, _, entries = line.partition(": ")
        for entry in entries.split("; "):
            names, _, size = entry.rstrip("; ").partition(" = ")
            for name in names.split():
                units[name] = (*units.get(name, ()), (kind, Fraction(size)))
    return units


def kinds_of(word: str) -> tuple[Unit, ...]:
    """What the unit `word` may be (an ounce is a mass or a volume), none where it is no unit."""
    table = _table()
    return table.get(word) or table.get(word.lower(), ())


def ratio(unit: str, other: str) -> Fraction | None:
    """How many of `other` one `unit` is, None where they are no quantities of one kind."""
    for kind, size in kinds_of(unit):
        for other_kind, other_size in kinds_of(other):
            if kind == other_kind:
                return size / other_size
    return None


def metric(unit: str) -> bool:
    """Whether the unit is no customary one of length, mass or volume."""
    return unit.lower() not in CUSTOMARY
