"""A text as tokens of calculation: numerals, operators, relations, words, and breaks between them.

Every token knows its place in the text. Plain signs, words (`times`, `divided by`) and LaTeX (`\\frac`, `\\times`)
mean the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from revet.tools._calculate.numbers import Shown, read_number
from revet.tools._calculate.terms import FUNCTIONS

__all__ = ["Kind", "Token", "tokens"]

Kind = Literal[
    "number", "operator", "open", "close", "comma", "word", "relation", "function", "fraction", "clock", "break"
]


@dataclass(frozen=True)
class Token:
    """`text` is the sign that is meant (`*` for ×); `shown` the numeral; `glued` is True without space before it.

    `money` is the unit of a currency sign before a numeral.
    """

    kind: Kind
    text: str
    start: int
    end: int
    shown: Shown | None = None
    glued: bool = False
    money: str = ""


RAISED, MADE = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "₀-₉½¼¾⅐-⅞"
LETTER = rf"[^\W\d_{RAISED}{MADE}]"
NUMERAL = "|".join(
    (
        r"(?<=[$€£])\d{1,3}(?:[ ]\d{3})+(?!\d)",
        r"\d{1,3}(?:,(?:\\!)?\d{3})+(?!\d)(?:\.\d+)?",
        r"\d{1,3}(?:\{,\}\d{3})+(?!\d)(?:\.\d+)?",
        r"\d+\.\d+|\.\d+|\d+",
    )
)
PATTERN = re.compile(
    rf"""
    (?P<space>[ \t\r\f\v\u00a0&]+|\\[,;!: ]|~(?!=)|\\(?:left|right|displaystyle|quad|qquad|big|Big)(?![A-Za-z]))
  | (?P<annotation><<[^<>\n]*>>)
  | (?P<label>\\(?:text|textbf|mathrm|mbox|operatorname)\s*\{{(?P<named>[^{{}}\n]*)\}})
  | (?P<raised>[{RAISED}]+)
  | (?P<clock>[{MADE}]|\d+(?:[:/]\d+){{2,}}|\d+:\d+|_\{{[^{{}}\n]*\}}|_(?!_)[A-Za-z0-9]+)
  | (?P<number>(?:(?:US)?\\?[$€£][ ]?)?(?P<numeral>{NUMERAL})(?:[ ]?\\?%)?)
  | (?P<relation><=|>=|!=|==|=(?!>)|≈|≃|≅|≤|≥|≠|<(?!<)|>(?!>)
      |\\(?:approx|leq|geq|neq|leqslant|geqslant|le|ge|ne|lt|gt|sim)(?![A-Za-z]))
  | (?P<power>(?<=[\w)\]}}])\*\*(?=[\w(\-])|(?<=[\w)\]}}][ ])\*\*(?=[ ][\w(\-]))
  | (?P<bold>\*\*|__)
  | (?P<operator>[-+*/^!·×÷−–∙⋅∗%]|\\(?:times|cdot|div|ast)(?![A-Za-z]))
  | (?P<fraction>\\[dt]?frac(?![A-Za-z]))
  | (?P<function>\\?(?:{"|".join(sorted(FUNCTIONS, key=len, reverse=True))})(?=\s*[({{])|√|\\sqrt)
  | (?P<boxed>\\(?:boxed|fbox)(?=\s*\{{))
  | (?P<pi>\\pi(?![A-Za-z])|π)
  | (?P<open>[(\[{{]|\\[(\[{{](?=.))
  | (?P<close>[)\]}}]|\\[)\]}}])
  | (?P<comma>,)
  | (?P<word>{LETTER}+(?:['’-]{LETTER}+)*)
  | (?P<dollar>\\?[$€£])
  | (?P<command>\\[A-Za-z]+)
  | (?P<break>[\s\S])
    """,
    re.VERBOSE,
)

WORD = re.compile(rf"{LETTER}+(?:['’-]{LETTER}+)*")

RELATIONS = {
    "==": "=", "≃": "≈", "≅": "≈", r"\approx": "≈", r"\sim": "≈", "<=": "≤", r"\leq": "≤", r"\le": "≤",
    r"\leqslant": "≤", ">=": "≥", r"\geq": "≥", r"\ge": "≥", r"\geqslant": "≥", "!=": "≠", r"\neq": "≠", r"\ne": "≠",
    r"\lt": "<", r"\gt": ">",
}  # fmt: skip
OPERATORS = {
    "·": "*", "×": "*", "∙": "*", "⋅": "*", "∗": "*", r"\times": "*", r"\cdot": "*", r"\ast": "*", "÷": "/",
    r"\div": "/", "−": "-", "–": "-",
}  # fmt: skip
MEANT: dict[str, tuple[Kind, str | None]] = {
    "relation": ("relation", None), "operator": ("operator", None), "function": ("function", None),
    "power": ("operator", "^"), "fraction": ("fraction", "frac"), "pi": ("word", "pi"), "word": ("word", None),
    "comma": ("comma", ","), "clock": ("clock", None), "command": ("clock", None),
}  # fmt: skip
"""What a match is as a token, and the sign that it stands for where that is always the same."""

CURRENCIES = {"$": "dollars", "€": "euros", "£": "quid"}
BRACKETS = {"[": "(", "{": "{", "(": "(", "]": ")", "}": "}", ")": ")"}


def tokens(text: str) -> list[Token]:
    """The tokens of `text` in order. Anything is a text; what means nothing here is a `break`."""
    found: list[Token] = []
    glued = False
    for match in PATTERN.finditer(text):
        kind = match.lastgroup
        if kind == "space":
            glued = False
            continue
        if kind in ("annotation", "bold", "boxed", "dollar"):
            continue
        if kind == "label":
            found.extend(_named(match))
            continue
        found.extend(_raised(match) if kind == "raised" else [_token(kind or "break", match, glued)])
        glued = True
    return found


def _named(match: re.Match[str]) -> list[Token]:
    """The words in ``\\text{…}``; the last reaches to the end of the mark."""
    begin = match.start("named")
    words = [Token("word", w[0], begin + w.start(), begin + w.end()) for w in WORD.finditer(match["named"])]
    return [*words[:-1], replace(words[-1], end=match.end())] if words else []


def _raised(match: re.Match[str]) -> list[Token]:
    """``²`` as ``^2``; what is no number is left unread."""
    text, (start, end) = match[0], match.span()
    digits = text.removeprefix("⁻").translate(str.maketrans(RAISED[:10], "0123456789"))
    shown = read_number(digits)
    if shown is None or start == 0:
        return [Token("clock", text, start, end, glued=True)]
    sign = [Token("operator", "-", start, end, glued=True)] if text.startswith("⁻") else []
    return [
        Token("operator", "^", start, end, glued=True),
        *sign,
        Token("number", digits, start, end, shown, glued=True),
    ]


def _token(kind: str, match: re.Match[str], glued: bool) -> Token:
    text, (start, end) = match[0], match.span()
    if kind == "number":
        return _numeral(match, glued)
    if kind in ("open", "close"):
        if text.startswith("\\") and text[-1] not in "{}":
            return Token("break", text, start, end)  # \( and \[ set formulas apart from prose
        return Token("open" if kind == "open" else "close", BRACKETS[text[-1]], start, end, glued=glued)
    meant, sign = MEANT.get(kind, ("break", None))
    if kind == "relation":
        sign = RELATIONS.get(text, text)
    elif kind == "operator":
        sign = OPERATORS.get(text, text)
    elif kind == "function":
        sign = text.lstrip("\\").replace("√", "sqrt")
    return Token(meant, text if sign is None else sign, start, end, glued=glued)


def _numeral(match: re.Match[str], glued: bool) -> Token:
    text, (start, end) = match[0], match.span()
    shown = read_number(match["numeral"].replace("{,}", ",").replace("\\!", ""))
    if shown is None:
        return Token("break", text, start, end)
    percent = text.endswith("%")
    signs = text[: match.start("numeral") - start]
    money = "" if percent else next((unit for sign, unit in CURRENCIES.items() if sign in signs), "")
    return Token("number", match["numeral"], start, end, replace(shown, percent=percent), glued, money)
