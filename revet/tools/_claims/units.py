"""The words of quantities: number words, magnitudes, hedges, currencies, units. Tables, and nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

__all__ = ["CURRENCIES", "HEDGES", "MAGNITUDES", "UNITS", "WORDS", "Unit", "folded"]


class Unit(NamedTuple):
    """``base = value * factor + offset`` in the base unit of the dimension. `name` stands for all spellings."""

    name: str
    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)

    def to_base(self, value: Fraction) -> Fraction:
        return value * self.factor + self.offset


def folded(text: str) -> str:
    """A word as the tables hold it, whatever letters a pattern that ignores case took for its own (``ſ`` for s)."""
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")


_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth"
)
_ORDINAL_TENS = "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
_GERMAN = "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf"
_FRENCH = "deux trois quatre cinq six sept huit neuf dix onze douze"
_SPANISH = "dos tres cuatro cinco seis siete ocho nueve diez"

MAGNITUDES: dict[str, int] = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "hundreds": 10**2, "thousands": 10**3, "millions": 10**6, "billions": 10**9, "dozen": 12,
    "tausend": 10**3, "mio": 10**6, "millionen": 10**6, "mrd": 10**9, "milliarde": 10**9, "milliarden": 10**9,
    "mille": 10**3, "milliard": 10**9, "milliards": 10**9, "mil": 10**3, "millón": 10**6, "millones": 10**6,
    "bn": 10**9, "k": 10**3, "m": 10**6, "b": 10**9, "tn": 10**12, "万": 10**4, "億": 10**8, "亿": 10**8,
}  # fmt: skip

WORDS: dict[str, tuple[int | Fraction, str]] = {
    **{word: (value, "count") for value, word in enumerate(_SMALL.split())},
    **{word: (20 + 10 * index, "count") for index, word in enumerate(_TENS.split())},
    **{word: (value, "ordinal") for value, word in enumerate(_ORDINALS.split(), 1)},
    **{word: (20 + 10 * index, "ordinal") for index, word in enumerate(_ORDINAL_TENS.split())},
    **{word: (value, "count") for value, word in enumerate(_GERMAN.split(), 2)},
    **{word: (value, "count") for value, word in enumerate(_FRENCH.split(), 2)},
    **{word: (value, "count") for value, word in enumerate(_SPANISH.split(), 2)},
    **{word: (MAGNITUDES[word], "magnitude") for word in ("hundred", "thousand", "million", "billion", "trillion")},
    "dozen": (12, "count"),
    "half": (Fraction(1, 2), "count"),
}
"""The value of each number word, and what it is: a count, an ordinal, or a magnitude that multiplies."""

HEDGES = {
    **dict.fromkeys(
        ("about", "around", "approximately", "approx.", "roughly", "some", "circa", "ca.", "c.", "nearly", "almost",
         "close to", "etwa", "rund", "fast", "environ", "près de", "unos", "unas", "cerca de", "~"), "about"),
    **dict.fromkeys(
        ("over", "more than", "at least", "above", "exceeding", "upwards of", "über", "mehr als", "mindestens",
         "plus de", "au moins", "más de"), "over"),
    **dict.fromkeys(
        ("under", "less than", "fewer than", "at most", "below", "up to", "unter", "weniger als", "höchstens",
         "moins de", "menos de"), "under"),
}  # fmt: skip
"""Words before a number that widen it."""

CURRENCIES = {
    "$": "USD", "us$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD", "us dollars": "USD",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "gbp": "GBP", "pounds sterling": "GBP",
    "¥": "JPY", "jpy": "JPY", "yen": "JPY", "₹": "INR", "inr": "INR", "rupees": "INR", "chf": "CHF",
    "swiss francs": "CHF", "a$": "AUD", "c$": "CAD", "cny": "CNY", "yuan": "CNY", "₽": "RUB", "rubles": "RUB",
    "₩": "KRW",
}  # fmt: skip

_FOOT, _MILE, _POUND = Fraction(3048, 10000), Fraction(1609344, 1000), Fraction(45359237, 10**8)
_TABLE: tuple[tuple[str, str, Fraction | int, str], ...] = (
    ("km", "length", 1000, "km kilometre kilometres kilometer kilometers Kilometer kilomètres kilómetros"),
    ("m", "length", 1, "m metre metres meter meters Meter mètres metros"),
    ("cm", "length", Fraction(1, 100), "cm centimetre centimetres centimeter centimeters Zentimeter"),
    ("mm", "length", Fraction(1, 1000), "mm millimetre millimetres millimeter millimeters Millimeter"),
    ("mi", "length", _MILE, "mi mile miles Meilen"),
    ("ft", "length", _FOOT, "ft foot feet"),
    ("in", "length", _FOOT / 12, "inch inches"),
    ("yd", "length", _FOOT * 3, "yd yard yards"),
    ("kg", "mass", 1, "kg kilogram kilograms kilogramme kilogrammes Kilogramm"),
    ("g", "mass", Fraction(1, 1000), "g gram grams Gramm"),
    ("t", "mass", 1000, "tonne tonnes Tonnen"),
    ("lb", "mass", _POUND, "lb lbs pound pounds"),
    ("oz", "mass", _POUND / 16, "oz ounce ounces"),
    ("km²", "area", 10**6, "km² km2 sq|km square|kilometres square|kilometers Quadratkilometer"),
    ("m²", "area", 1, "m² m2 sq|m square|metres square|meters Quadratmeter"),
    ("sq mi", "area", _MILE**2, "sq|mi square|miles square|mile mi²"),
    ("sq ft", "area", _FOOT**2, "sq|ft square|feet"),
    ("ha", "area", 10**4, "ha hectare hectares Hektar"),
    ("acre", "area", Fraction(40468564224, 10**7), "acre acres"),
    ("l", "volume", Fraction(1, 1000), "l litre litres liter liters Liter"),
    ("gal", "volume", Fraction(3785411784, 10**12), "gallon gallons"),
    ("km/h", "speed", Fraction(1000, 3600), "km/h kph kmh"),
    ("mph", "speed", _MILE / 3600, "mph"),
    ("m/s", "speed", 1, "m/s"),
    ("s", "time", 1, "s sec seconds secs Sekunden secondes segundos"),
    ("min", "time", 60, "min minute minutes mins Minuten minutos"),
    ("h", "time", 3600, "h hour hours hrs Stunde Stunden heures horas"),
    ("d", "time", 86400, "day days Tage Tagen jours días"),
    ("wk", "time", 7 * 86400, "week weeks Wochen semaines semanas"),
    ("mo", "span", 1, "month months Monate Monaten mois meses"),
    ("y", "span", 12, "year years Jahre Jahren ans años"),
    ("MB", "data", 10**6, "MB megabytes"),
    ("GB", "data", 10**9, "GB gigabytes"),
    ("TB", "data", 10**12, "TB terabytes"),
)
UNITS: dict[str, Unit] = {
    spelling.replace("|", " "): Unit(name, dimension, Fraction(factor))
    for name, dimension, factor, spellings in _TABLE
    for spelling in spellings.split()
}
for _name, _dimension, _factor, _ in _TABLE:
    if _name != "in":  # it is a preposition far more often
        UNITS.setdefault(_name, Unit(_name, _dimension, Fraction(_factor)))
UNITS |= {
    "°C": Unit("°C", "temperature", Fraction(1)),
    "degrees Celsius": Unit("°C", "temperature", Fraction(1)),
    "°F": Unit("°F", "temperature", Fraction(5, 9), Fraction(-160, 9)),
    "degrees Fahrenheit": Unit("°F", "temperature", Fraction(5, 9), Fraction(-160, 9)),
}
