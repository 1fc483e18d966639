"""Well-known notions named in a description, each with what it says of a call: the reference properties.

"Find the greatest common divisor of two numbers" says what the answer must be for any two natural numbers. A notion is
taken only where the first sentence says it and nothing else, the arguments are of its types, and every test and example
that was shown agrees with it; so "the sum of the list without its negatives" is not taken for a sum.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from revet.tools._behaviour.known import NOTIONS, Arguments, Notion, is_count
from revet.tools._behaviour.spec import Spec, calls_in, literal, parsed

__all__ = ["Notion", "notion_of", "probes_of", "promised_lengths", "violations"]


def notion_of(spec: Spec) -> Notion | None:
    """What the description names, None if nothing known, or if a test or example speaks against it."""
    said = _plain_sentences(spec)
    shown = list(_shown(spec))
    for notion in NOTIONS:
        # What follows the first sentence may qualify an answer, but not a question.
        named = any(re.fullmatch(notion.words, each) for each in said[: None if notion.question else 1])
        if named and all(_agrees(notion, *each) for each in shown):
            return notion
    return None


def probes_of(spec: Spec) -> list[Arguments]:
    """Calls worth trying for the notion that the description names, of the types that the tests and examples show."""
    notion = notion_of(spec)
    shown = [[type(each).__name__ for each in given] for given, _ in _shown(spec)]
    shown = shown or [[(hint or "").lower().split("[")[0] for hint in spec.hints]]
    return [p for p in notion.probes if [type(each).__name__ for each in p] in shown] if notion is not None else []


def violations(notion: Notion, calls: Sequence[tuple[Arguments, Any]]) -> Iterator[int]:
    """The numbers of the calls (arguments and plain value) whose value cannot be right."""
    for number, (arguments, value) in enumerate(calls):
        if not _agrees(notion, arguments, value):
            yield number


def promised_lengths(spec: Spec, calls: Sequence[tuple[Arguments, Any]]) -> Iterator[int]:
    """The numbers of the calls that give more or fewer items than promised: "returns a list of length k"."""
    said = PROMISE.search(" ".join(spec.docstring.split()))
    if said is None or said[1] not in spec.parameters:
        return
    place = spec.parameters.index(said[1])
    for number, (arguments, value) in enumerate(calls):
        wanted = arguments[place] if place < len(arguments) else None
        if wanted is None or not is_count(wanted) or not isinstance(value, (list, tuple, str)):
            continue
        # Of fewer than k things nobody can choose k.
        enough = all(len(each) >= wanted for each in arguments if isinstance(each, (list, tuple, str)))
        if len(value) > wanted or (enough and len(value) < wanted):
            yield number


def _agrees(notion: Notion, arguments: Arguments, value: Any) -> bool:
    try:
        return not notion.fits(arguments) or bool(notion.holds(arguments, value))
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
        # A value of another type than the notion's: an answer of a kind that nobody expects.
        return False


def _shown(spec: Spec) -> Iterator[tuple[Arguments, Any]]:
    """The calls whose results the tests and examples tell."""
    for source in (*spec.tests, *(each.test for each in spec.examples)):
        tree = parsed(source)
        test = tree.body[0].test if tree is not None and tree.body and hasattr(tree.body[0], "test") else None
        if test is None or not hasattr(test, "comparators") or len(test.comparators) != 1:
            continue
        call = next(calls_in(_source(test.left), spec.entry), None)
        is_plain, expected = literal(_source(test.comparators[0]))
        given = [literal(_source(each)) for each in call.args] if call is not None and not call.keywords else []
        if is_plain and given and all(plain for plain, _ in given):
            yield tuple(value for _, value in given), expected


def _source(node: Any) -> str:
    return ast.unparse(node)


PROMISE = re.compile(
    r"\b[Rr]eturns?\b[^.]{0,60}\b(?:list|array|string|tuple) (?:of|with) (?:length|size) `?(\w+)`?(?=[ .,]|$)"
)
LEAD = re.compile(
    r"^(?:(?:please )?(?:write|create|implement|define|complete) (?:an? |the )?(?:simple )?(?:python )?"
    r"function (?:to|that|which|for) )?"
    r"(?:(?:return|compute|calculate|find|get|determine|check|test|tell|give|say)s? |(?:comput|calculat|find)ing )*"
    r"(?:true |false )?(?:whether |if |out )*(?:or not )?"
)
FILLERS = re.compile(r"\b(?:an?|the|given|of its|all|input|positive|non-negative|natural|entered|provided|python)\b")
NAMED = re.compile(r"`?\b[a-zA-Z]\b`?(?= |$)")
TAIL = re.compile(
    r"(?: or not|,? (?:and |else |or )?false (?:otherwise|if not)| else false| otherwise false"
    r"|,? (?:by )?using (?:the )?[\w-]+(?: (?:method|algorithm|function|formula|approach|expression|operator))?)+$"
)
SENTENCES = 3


def _plain_sentences(spec: Spec) -> list[str]:
    """The first sentences without what says nothing: "Write a function to find the sum of a given list." is "sum of
    list".
    """
    text = re.split(r">>>|\bassert\b|\n\s*\n|\b[Ee]xamples?\b:?", spec.docstring)[0]
    sentences = re.split(r"(?<=[\w)\]'\"`])[.:;!](?:\s|$)", " ".join(text.split()))[:SENTENCES]
    return [_plain(each) for each in sentences]


def _plain(sentence: str) -> str:
    text = TAIL.sub("", LEAD.sub("", sentence.strip().lower().rstrip(".")))
    words = NAMED.sub("", FILLERS.sub("", text)).replace("'", "").replace("`", "")
    return " ".join(words.split()).strip(" ,")
