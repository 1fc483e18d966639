"""Metamorphic relations: what must hold between calls, derived from the description (Chen et al. 1998).

Each is a statement like a test, judged like one, so that it needs no expected value: a round trip through the helper
whose inverse is to be written, the same answer for the same items in another order, sorting twice is sorting once.
They are derived only where the description says it plainly.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator, Sequence

from revet.tools._behaviour.inputs import Input
from revet.tools._behaviour.spec import Spec, calls_in, literal, parsed

__all__ = ["relations_for"]

INVERSES = (("decode", "encode"), ("decrypt", "encrypt"), ("decompress", "compress"), ("unescape", "escape"))
UNORDERED = re.compile(
    r"^\W*(?:write an? (?:python )?function to |return |find |calculate |compute |get )*(?:the )?"
    r"(?:sum|product|maximum|minimum|max|min|largest|smallest|average|mean|median) (?:of|in|from) "
    r"(?:all |the |a |given |elements? |numbers? |items? |in |of |an? |list |array )*\W*$",
    re.IGNORECASE,
)
SORTS = re.compile(r"^\W*(?:write an? (?:python )?function to )?(?:sort|return (?:a |the )?sorted) ", re.IGNORECASE)
MOST = 6


def relations_for(spec: Spec, inputs: Sequence[Input]) -> list[str]:
    """The statements; empty where nothing can be derived."""
    near = [each for each in inputs if each.near and len(each.arguments) == 1]
    return list(dict.fromkeys([*_round_trips(spec, near), *_reordered(spec, near), *_twice(spec, near)]))


def _round_trips(spec: Spec, near: Sequence[Input]) -> Iterator[str]:
    """``decode(encode(x)) == x`` where the stub defines the one and asks for the other."""
    tree = parsed(spec.prelude)
    helpers = {node.name for node in tree.body if hasattr(node, "name")} if tree is not None else set()
    for inverse, forward in INVERSES:
        helper = spec.entry.replace(inverse, forward)
        if inverse in spec.entry and helper in helpers:
            for each in near[:MOST]:
                value = repr(each.arguments[0])
                yield f"assert {spec.entry}({helper}({value})) == {value}"


def _reordered(spec: Spec, near: Sequence[Input]) -> Iterator[str]:
    if not UNORDERED.match(_first_sentence(spec)):
        return
    for each in [n for n in near if isinstance(n.arguments[0], list) and len(n.arguments[0]) > 1][:MOST]:
        values = each.arguments[0]
        yield f"assert abs({spec.entry}({values!r}) - {spec.entry}({values[::-1]!r})) < 1e-6"


def _twice(spec: Spec, near: Sequence[Input]) -> Iterator[str]:
    """Sorting twice is sorting once, where every test shows that the items stay the same."""
    if (
        not SORTS.match(_first_sentence(spec))
        or not spec.tests
        or not all(_reorders(test, spec) for test in spec.tests)
    ):
        return
    for each in [n for n in near if isinstance(n.arguments[0], list)][:MOST]:
        values = each.arguments[0]
        yield f"assert {spec.entry}({spec.entry}({values!r})) == {spec.entry}({values!r})"


def _reorders(test: str, spec: Spec) -> bool:
    """Whether the test expects a list of the same plain items that it gives."""
    call = next(calls_in(test, spec.entry), None)
    given = literal(ast.unparse(call.args[0]))[1] if call is not None and len(call.args) == 1 else None
    expected = next(iter(dataclasses.replace(spec, tests=(test,)).expected), None)
    if not isinstance(given, list) or not isinstance(expected, list):
        return False
    plain = len({type(each) for each in given}) == 1 and isinstance(given[0], (int, float, str))
    return plain and sorted(map(repr, given)) == sorted(map(repr, expected))


def _first_sentence(spec: Spec) -> str:
    text = " ".join(spec.docstring.split())
    return re.split(r"(?<=[a-z\])])[.:]|\s(?:>>>|assert|Example)", text)[0]
