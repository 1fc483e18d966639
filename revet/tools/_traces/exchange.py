"""Verifies the steps of following who has what while things are exchanged in pairs.

Each step states who has what. It is held against the statement before it, the exchange that is next by the question,
and, at the end, the answer that is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["verify_exchanges"]

HAS = re.compile(
    r"\b(?P<who>[A-Z][a-z]+)(?: has|:| is (?:dancing with|playing|holding|reading))\s+(?:an? |the )?"
    r"(?P<what>[\w' ]+?)(?=,|\.|;| and [A-Z]|$)"
)
SWAPS = re.compile(r"\b(?P<a>[A-Z][a-z]+) and (?P<b>[A-Z][a-z]+) (?:swap|switch|trade|exchange)(?:s|ed)?\b")
LONGEST = 5000


def verify_exchanges(question: str, steps: Sequence[str]) -> Traced | None:
    """The first step that does not hold, None where the question tells of no exchanges or the steps state nothing."""
    if len(question) > LONGEST:
        return None
    swaps = [(match["a"], match["b"]) for match in SWAPS.finditer(question)]
    start = SWAPS.search(question)
    state = _stated(question[: start.start()] if start is not None else "")
    if not swaps or len(state) < 2:
        return None
    done = read = 0
    for number, step in enumerate(steps):
        said = _stated(step)
        swap = SWAPS.search(step)
        if swap is not None and said:
            expected = swaps[done] if done < len(swaps) else None
            if expected is None or {swap["a"], swap["b"]} != set(expected):
                true = " and ".join(expected) if expected else "no more exchange"
                return Traced("exchanges", Mistake(number, "this is not the exchange that comes next", true))
            done += 1
            a, b = expected
            state = {**state, a: state.get(b, ""), b: state.get(a, "")}
        if len(said) < 2:
            continue
        read += 1
        for who, what in said.items():
            if state.get(who) != what:
                true = ", ".join(f"{name}: {thing}" for name, thing in state.items())
                return Traced("exchanges", Mistake(number, f"{who} does not have {what!r}", true))
    return Traced("exchanges") if read else None


def _stated(text: str) -> dict[str, str]:
    """Who has what, by the nouns that things differ in (`a yellow ball` is `yellow`)."""
    found = {match["who"]: match["what"].strip() for match in HAS.finditer(text)}
    return {who: re.sub(r"\s+(?:ball|present|gift|book|one)$", "", what) for who, what in found.items()}
