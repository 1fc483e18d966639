"""The table of well-known notions: the words that name each, and what is then right. See `notions` for their use.

Words are matched against a sentence without articles and other fillers, as a whole. Each notion says for which
arguments it speaks; it is silent about all others (negative numbers, capital letters), on which people differ.
"""

from __future__ import annotations

import datetime
import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["NOTIONS", "Arguments", "Notion", "is_count"]

LARGEST, LONGEST, SMALL, FEW = 10**6, 200, 90, 20
DECIMALS = range(2, 7)
Arguments = tuple[Any, ...]
Reference = Callable[..., Any]


@dataclass(frozen=True)
class Notion:
    """A notion: the words that name it, whether it says something of a call, and whether the answer is right. The
    answer to a `question` is yes or no. `probes` are calls on which wrong answers are common.
    """

    name: str
    words: str
    fits: Callable[[Arguments], bool]
    holds: Callable[[Arguments, Any], bool]
    question: bool = False
    probes: tuple[Arguments, ...] = ()


def is_count(value: Any) -> bool:
    """Whether it is a whole number, not negative and not too large to calculate with."""
    return type(value) is int and 0 <= value <= LARGEST


def _one_count(given: Arguments) -> bool:
    return len(given) == 1 and is_count(given[0])


def _positive(given: Arguments) -> bool:
    return _one_count(given) and given[0] > 0


def _two_positive(given: Arguments) -> bool:
    return len(given) == 2 and all(is_count(each) and each > 0 for each in given)


def _one_text(given: Arguments) -> bool:
    return len(given) == 1 and type(given[0]) is str and len(given[0]) <= LONGEST


def _letters(given: Arguments) -> bool:
    """A text whose case and signs do not matter."""
    return _one_text(given) and given[0].isascii() and given[0].isalpha() and given[0].islower()


def _two_words(given: Arguments) -> bool:
    return len(given) == 2 and all(_letters((each,)) for each in given)


def _numbers(given: Arguments) -> bool:
    """One list of some whole numbers: of floats the last digits may differ."""
    return (
        len(given) == 1
        and type(given[0]) is list
        and 0 < len(given[0]) <= LONGEST
        and all(type(each) is int and abs(each) <= LARGEST for each in given[0])
    )


def _plain_list(given: Arguments) -> bool:
    return _numbers(given) or (
        len(given) == 1 and type(given[0]) is list and bool(given[0]) and all(type(each) is str for each in given[0])
    )


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, math.isqrt(number) + 1))


def _divisors(number: int) -> set[int]:
    low = [each for each in range(1, math.isqrt(number) + 1) if number % each == 0]
    return {*low, *(number // each for each in low)}


def _fibonacci(place: int) -> int:
    one, other = 0, 1
    for _ in range(place):
        one, other = other, one + other
    return one


def _close(value: Any, expected: float) -> bool:
    """Equal; of a fraction also where it is rounded to two decimals at least."""
    if type(value) is int and type(expected) is int:
        return value == expected
    if type(value) not in (int, float):
        return False
    return math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-6) or value in {round(expected, n) for n in DECIMALS}


def _equal(reference: Reference) -> Callable[[Arguments, Any], bool]:
    return lambda given, value: _close(value, reference(*given))


def _unchanged_set(given: Arguments, value: Any) -> bool:
    return len(value) == len(set(value)) and set(value) == set(given[0])


def _search(given: Arguments) -> bool:
    """A list in which the element is, and perhaps the list's length."""
    return (
        len(given) in (2, 3)
        and _plain_list(given[:1])
        and given[1] in given[0]
        and (len(given) == 2 or given[2] == len(given[0]))
    )


def _small(given: Arguments) -> bool:
    return _one_count(given) and given[0] <= SMALL


def _lengths(count: int) -> Callable[[Arguments], bool]:
    """That many positive measures."""
    return lambda given: (
        len(given) == count and all(type(each) in (int, float) and 0 < each <= LARGEST for each in given)
    )


def _asked(
    name: str,
    words: str,
    reference: Reference,
    fits: Callable[[Arguments], bool] = _one_count,
    probes: Sequence[Any] = (),
) -> Notion:
    """A question. An answer that is no bool ("Yes") says nothing."""
    return Notion(
        name, words, fits, lambda given, v: type(v) is not bool or v == reference(*given), True, _calls(probes)
    )


def _number(
    name: str,
    words: str,
    reference: Reference,
    fits: Callable[[Arguments], bool] = _one_count,
    probes: Sequence[Any] = (),
) -> Notion:
    return Notion(name, words, fits, _equal(reference), probes=_calls(probes))


def _calls(probes: Sequence[Any]) -> tuple[Arguments, ...]:
    return tuple(each if type(each) is tuple else (each,) for each in probes)


LIST = (
    r"(?:list|array|sequence|(?:list|array|sequence) (?:of )?(?:numbers|integers|ints|elements|items)"
    r"|numbers|integers)"
)
ITEM = r"(?:number|element|value|item|integer)?"
NUMBER = r"(?:number|integer|int)"
OF = rf"(?: (?:of|in) {NUMBER}| of)?"
WORD = r"(?:string|text|word)"
TWO = r"(?: of(?: two)?(?: numbers| integers| and)*)?"
NTH = r"(?:nth|n-th|-th|th)"

QUESTIONS = (
    _asked(
        "a prime number",
        rf"(?:{NUMBER} is )?prime(?: {NUMBER})?|is prime",
        _is_prime,
        _positive,
        (1, 2, 9, 25, 49, 97, 121),
    ),
    _asked(
        "a palindrome",
        rf"(?:{WORD} is )?(?:palindrome|palindromic)(?: {WORD})?",
        lambda text: text == text[::-1],
        _letters,
        ("a", "abba", "abca", "abcba", "aab"),
    ),
    _asked(
        "a perfect square",
        rf"(?:{NUMBER} is )?perfect square(?: {NUMBER})?",
        lambda n: math.isqrt(n) ** 2 == n,
        probes=(1, 2, 16, 50, 99, 100),
    ),
    _asked(
        "a power of two",
        rf"(?:{NUMBER} is )?power of (?:2|two)",
        lambda n: n & (n - 1) == 0,
        _positive,
        (1, 2, 6, 12, 64),
    ),
    _asked("an even number", rf"(?:{NUMBER} is )?even(?: {NUMBER})?", lambda n: n % 2 == 0),
    _asked("an odd number", rf"(?:{NUMBER} is )?odd(?: {NUMBER})?", lambda n: n % 2 == 1),
    _asked(
        "a leap year",
        r"(?:year is )?leap year",
        lambda year: year % 4 == 0 and (year % 100 != 0 or year % 400 == 0),
        lambda given: _positive(given) and 1583 <= given[0] <= datetime.MAXYEAR,
        (1900, 2000, 2023, 2024, 2100),
    ),
    _asked(
        "a perfect number",
        rf"(?:{NUMBER} is )?perfect(?: {NUMBER})?",
        lambda n: n == sum(each for each in _divisors(n) if each != n),
        _positive,
    ),
    _asked(
        "an Armstrong number",
        rf"(?:{NUMBER} is )?(?:armstrong|narcissistic)(?: {NUMBER})?",
        lambda n: n == sum(int(each) ** len(str(n)) for each in str(n)),
    ),
    _asked(
        "anagrams",
        rf"(?:two |{WORD}s? |are |is )*anagrams?(?: of each other| of another| of other)?",
        lambda one, other: Counter(one) == Counter(other),
        _two_words,
        (("aab", "abb"), ("abc", "cab"), ("ab", "abb")),
    ),
    _asked(
        "a right-angled triangle",
        r"(?:triangle is )?right[- ]angled?(?: triangle)?|three sides form right[- ]angled? triangle",
        lambda *sides: 2 * max(sides) ** 2 == sum(side**2 for side in sides),
        lambda given: len(given) == 3 and all(is_count(each) and each > 0 for each in given),
        ((3, 4, 5), (5, 3, 4), (4, 5, 3), (2, 3, 4)),
    ),
)

NUMBERS = (
    Notion(
        "the factorial",
        rf"factorial{OF}",
        lambda given: _one_count(given) and given[0] <= LONGEST,
        lambda given, value: type(value) is not float and value == math.factorial(given[0]),
    ),
    _number(
        "the greatest common divisor",
        rf"(?:(?:greatest|highest|largest) common (?:divisor|factor)(?: \(?(?:gcd|hcf)\)?)?|gcd|hcf){TWO}",
        math.gcd,
        _two_positive,
    ),
    _number(
        "the least common multiple",
        rf"(?:(?:least|lowest|smallest) common multiple(?: \(?lcm\)?)?|lcm){TWO}",
        math.lcm,
        _two_positive,
    ),
    _number("the sum of the digits", rf"(?:sum of digits|digits? sum){OF}", lambda n: sum(map(int, str(n)))),
    _number("the number of digits", rf"(?:number|count) of digits{OF}|count digits{OF}", lambda n: len(str(n))),
    _number("the first digit", rf"first digit{OF}", lambda n: int(str(n)[0])),
    _number("the last digit", rf"last digit{OF}", lambda n: n % 10),
    _number(
        "the number of set bits",
        rf"(?:count |number of |count of )(?:set bits|ones|1s)(?: (?:in|of) (?:binary representation of )?{NUMBER})?",
        int.bit_count,
    ),
    _number(
        "the number of unset bits",
        rf"(?:count |number of |count of )(?:unset|zero) bits{OF}",
        lambda n: n.bit_length() - n.bit_count(),
        _positive,
    ),
    _number(
        "the number of divisors",
        rf"(?:number|count) of (?:divisors|factors){OF}",
        lambda n: len(_divisors(n)),
        _positive,
    ),
    _number("the sum of the divisors", rf"sum of (?:divisors|factors){OF}", lambda n: sum(_divisors(n)), _positive),
    _number(
        "the binomial coefficient",
        r"(?:value of )?(?:binomial coefficient|ncr)",
        math.comb,
        lambda given: len(given) == 2 and all(is_count(each) and each <= LONGEST for each in given),
    ),
    _number(
        "the binomial coefficient modulo a number",
        r"(?:value of )?(?:binomial coefficient|ncr) ?(?:%|mod|modulo) ?p?",
        lambda n, r, p: math.comb(n, r) % p,
        lambda given: (
            len(given) == 3 and all(is_count(each) and each <= LONGEST for each in given) and 0 < given[1] <= given[0]
        ),
    ),
    _number(
        "the nth Fibonacci number",
        rf"{NTH} fibonacci number",
        _fibonacci,
        lambda given: _small(given) and given[0] > 0,
        (1, 2, 12),
    ),
    _number("the nth Catalan number", rf"{NTH} catalan number", lambda n: math.comb(2 * n, n) // (n + 1), _small),
    _number("the cube", rf"cube of {NUMBER}", lambda n: n**3),
    _number("the square", rf"square of {NUMBER}", lambda n: n**2),
    _number("the square root", rf"square roots?{OF}", math.sqrt),
    _number(
        "the next perfect square",
        rf"next perfect square (?:greater|larger|bigger) than {NUMBER}",
        lambda n: (math.isqrt(n) + 1) ** 2,
    ),
    _number("the area of a rectangle", r"area of rectangle", lambda a, b: a * b, _lengths(2)),
    _number("the perimeter of a rectangle", r"perimeter of rectangle", lambda a, b: 2 * (a + b), _lengths(2)),
    _number("the volume of a cube", r"volume of cube", lambda a: a**3, _lengths(1)),
    _number("the volume of a cuboid", r"volume of cuboid", lambda a, b, c: a * b * c, _lengths(3)),
    _number("the perimeter of a triangle", r"perimeter of triangle", lambda a, b, c: a + b + c, _lengths(3)),
)

LISTS = (
    _number("the sum of the list", rf"sum (?:of|in) {LIST}", sum, _numbers),
    _number(
        "the product of the list",
        rf"product (?:of|in) {LIST}",
        math.prod,
        lambda given: _numbers(given) and len(given[0]) <= FEW,
    ),
    _number(
        "the largest number", rf"(?:largest|maximum|max|biggest|greatest) ?{ITEM} (?:of|in|from) {LIST}", max, _numbers
    ),
    _number(
        "the smallest number", rf"(?:smallest|minimum|min|lowest|least) ?{ITEM} (?:of|in|from) {LIST}", min, _numbers
    ),
    _number("the median", rf"median (?:of|in) (?:elements in )?{LIST}", statistics.median, _numbers),
    _number("the mean", rf"(?:mean|average|arithmetic mean) (?:of|in) {LIST}", statistics.mean, _numbers),
    Notion(
        "the first position",
        r"(?:first (?:position|index|occurrence)|index of first occurrence) of (?:element|item|number|value)"
        rf" in (?:sorted )?{LIST}",
        _search,
        lambda given, value: value == given[0].index(given[1]),
    ),
    Notion(
        "the text reversed",
        rf"reverse {WORD}|{WORD} reversed|reversed {WORD}",
        _one_text,
        lambda given, value: value == given[0][::-1],
    ),
    Notion(
        "the list without duplicates",
        rf"(?:remove duplicates|remove duplicate {ITEM}s?) from {LIST}|remove duplicates"
        r"|remove duplicates and keep (?:original )?order",
        _plain_list,
        _unchanged_set,
        probes=_calls(([1, 2, 1], [1, 1, 2, 2], [3, 3, 3])),
    ),
    Notion(
        "the list sorted",
        rf"(?:sort {LIST}|{LIST} sorted|sorted {LIST})(?: in ascending order| in increasing order| ascending)?",
        _plain_list,
        lambda given, value: value is None or list(value) == sorted(given[0]),
        probes=_calls(([2, 2, 1], [5, -1, 3, 3])),
    ),
    Notion(
        "the list sorted downwards",
        rf"(?:sort {LIST}|{LIST} sorted) in (?:descending|decreasing) order",
        _plain_list,
        lambda given, value: value is None or list(value) == sorted(given[0], reverse=True),
        probes=_calls(([2, 2, 1], [5, -1, 3, 3])),
    ),
)

NOTIONS = (*QUESTIONS, *NUMBERS, *LISTS)
