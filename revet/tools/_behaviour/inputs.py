"""Generated inputs: the arguments that examples and tests show, varied so that they stay of their kind.

What holds of every observed call is kept: the types, signs, a length passed beside its list, an index inside it, two
lists of one length, rows of one length, an ascending order that the text asks for, the characters of a string. An
input that keeps to all of it is `near`; one at a border (empty, zero, negative, doubled) is not, and a difference
there weighs less. All is drawn from one seed.
"""

from __future__ import annotations

import ast
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from revet.tools._behaviour.hinted import from_hints, hint_of
from revet.tools._behaviour.spec import Spec, calls_in, literal, parsed

__all__ = ["Input", "inputs_for", "observed_calls"]

MOST_SOURCE = 4000
LARGEST = 10**6
LONGEST_LITERAL = 40
SIGN, RECORD = 0.4, 3


@dataclass(frozen=True)
class Input:
    """The arguments of one call, their source, whether they are like the observed ones, and where they come from."""

    arguments: tuple[Any, ...]
    source: str
    near: bool = True
    origin: str = "generated"


def observed_calls(spec: Spec, more: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    """The arguments of the calls in the tests and examples, then in `more` statements; plain values only."""
    found: dict[str, tuple[Any, ...]] = {}
    for source in (*spec.tests, *(example.test for example in spec.examples), *more):
        for call in calls_in(source, spec.entry):
            arguments = _arguments(call, spec.parameters)
            if arguments is not None and len(text := repr(arguments)) <= MOST_SOURCE:
                found.setdefault(text, arguments)
    return list(found.values())


def inputs_for(
    spec: Spec, *, count: int = 40, seed: int = 0, more: Sequence[str] = (), codes: Sequence[str] = ()
) -> list[Input]:
    """At most `count` inputs: the observed ones first, then variations, then some at the borders.

    `more` are further statements that call the function (tests that a model wrote): their arguments are taken, what
    they claim is not. The literals in `codes`, the candidates' sources, are tried where a value of their kind belongs,
    as a fuzzer's dictionary. Some are hypothesis's own for the type hints, or for the types observed. Without either
    there are none. The same for the same arguments.
    """
    seen = observed_calls(spec, more)
    if seen:
        usual = max(map(len, seen), key=[len(s) for s in seen].count)
        seen = [each for each in seen if len(each) == usual]
    drawn = random.Random(f"{seed}/{spec.entry}")
    kept: dict[str, Input] = {}

    def keep(arguments: tuple[Any, ...], *, near: bool, origin: str) -> None:
        source = repr(arguments)
        if len(source) <= MOST_SOURCE and literal(source)[0]:
            kept.setdefault(source, Input(arguments, source, near, origin))

    for each in seen[: count // 2]:
        keep(each, near=True, origin="observed")
    if seen:
        shape = Shape.of(spec, seen)
        dictionary = _dictionary(codes)
        tries = 0
        while len(kept) < count * 5 // 8 and tries < count * 6:
            tries += 1
            keep(shape.vary(drawn.choice(seen), drawn), near=True, origin="varied")
        for arguments in shape.looked_up(seen, dictionary, drawn):
            if len(kept) >= count * 3 // 4:
                break
            keep(arguments, near=False, origin="dictionary")
        for arguments in shape.borders(seen):
            if len(kept) >= count * 7 // 8:
                break
            keep(arguments, near=False, origin="border")
    hinted = spec.hints if all(spec.hints) else ()
    if not hinted and seen:
        hinted = tuple(hint_of(value) for value in seen[0])
    for arguments in from_hints(hinted, count=count - len(kept), seed=seed):
        alike = bool(seen) and list(map(type, arguments)) == list(map(type, seen[0]))
        keep(shape.mended(list(arguments)) if alike else arguments, near=not seen, origin="hinted")
    return list(kept.values())[:count]


@dataclass(frozen=True)
class Shape:
    """What holds of all the observed arguments."""

    pools: tuple[Pool, ...]
    lengths: tuple[tuple[int, int], ...]  # (number, list): the number is the list's length
    inside: tuple[tuple[int, int], ...]  # (number, list): the number is an index of the list
    twins: tuple[tuple[int, int], ...]  # two lists of one length
    ascending: frozenset[int]

    @classmethod
    def of(cls, spec: Spec, seen: Sequence[tuple[Any, ...]]) -> Shape:
        places = range(len(seen[0]))
        sized = [p for p in places if all(isinstance(s[p], (list, tuple, str)) for s in seen)]
        whole = [p for p in places if all(type(s[p]) is int for s in seen)]
        lengths = tuple((n, p) for n in whole for p in sized if all(s[n] == len(s[p]) for s in seen))
        tied = {n for n, _ in lengths}
        inside = tuple(
            (n, p) for n in whole for p in sized if n not in tied and all(0 <= s[n] <= len(s[p]) for s in seen)
        )
        lists = [p for p in sized if all(isinstance(s[p], (list, tuple)) for s in seen)]
        twins = tuple((p, q) for p in lists for q in lists if p < q and all(len(s[p]) == len(s[q]) for s in seen))
        ordered = "sorted" in spec.text.lower() or len(seen) > 2
        ascending = frozenset(p for p in lists if ordered and all(_is_ascending(s[p]) for s in seen))
        return cls(tuple(Pool.of([s[p] for s in seen]) for p in places), lengths, inside, twins, ascending)

    def vary(self, arguments: tuple[Any, ...], drawn: random.Random) -> tuple[Any, ...]:
        """`arguments` with one or two of them changed, all that is known still true."""
        if not arguments:
            return arguments
        new = list(arguments)
        for place in drawn.sample(range(len(new)), min(len(new), drawn.choice((1, 1, 2)))):
            for _ in range(drawn.choice((1, 1, 2, 3))):
                new[place] = self.pools[place].vary(new[place], drawn)
        return self.mended(new)

    def mended(self, new: list[Any]) -> tuple[Any, ...]:
        for one, other in self.twins:
            least = min(len(new[one]), len(new[other]))
            new[one], new[other] = new[one][:least], new[other][:least]
        for place in self.ascending:
            if _sortable(new[place]):
                new[place] = type(new[place])(sorted(new[place]))
        for number, place in self.lengths:
            new[number] = len(new[place])
        for number, place in self.inside:
            new[number] = max(0, min(new[number], len(new[place])))
        return tuple(new)

    def looked_up(
        self, seen: Sequence[tuple[Any, ...]], dictionary: Sequence[Any], drawn: random.Random
    ) -> Iterator[tuple[Any, ...]]:
        """A literal of the candidates in the place of a value of its type."""
        for value in dictionary:
            base = list(drawn.choice(seen))
            fitting = [p for p, each in enumerate(base) if type(each) is type(value)]
            inner = [
                p for p, each in enumerate(base) if isinstance(each, list) and any(type(e) is type(value) for e in each)
            ]
            if fitting:
                base[drawn.choice(fitting)] = value
            elif inner:
                place = drawn.choice(inner)
                base[place] = [
                    value if n == drawn.randrange(len(base[place])) else e for n, e in enumerate(base[place])
                ]
            else:
                continue
            yield self.mended(base)

    def borders(self, seen: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """One argument after the other at a border of its type."""
        for base in seen[:2]:
            for place, value in enumerate(base):
                for extreme in _extremes(value):
                    new = list(base)
                    new[place] = extreme
                    yield self.mended(new)


@dataclass(frozen=True)
class Pool:
    """What one argument was seen to be: the numbers, texts and elements in it, and the limits of all numbers."""

    numbers: tuple[Any, ...]
    characters: str
    words: tuple[str, ...]
    negative: bool
    zero: bool
    empty: bool
    rows: bool  # lists in a list are of one length
    distinct: bool

    @classmethod
    def of(cls, values: Sequence[Any]) -> Pool:
        flat = [leaf for value in values for leaf in _leaves(value)]
        numbers = [leaf for leaf in flat if type(leaf) in (int, float)]
        texts = [leaf for leaf in flat if isinstance(leaf, str)]
        lists = [each for value in values for each in _lists(value)]
        nested = [each for each in lists if len(each) > 1 and all(isinstance(e, (list, tuple)) for e in each)]
        return cls(
            numbers=tuple(numbers),
            characters="".join(sorted(set("".join(texts)))),
            words=tuple(dict.fromkeys(texts)),
            negative=any(n < 0 for n in numbers),
            zero=any(n == 0 for n in numbers),
            empty=any(not each for each in [*lists, *texts]),
            rows=bool(nested) and all(len({len(e) for e in each}) == 1 for each in nested),
            distinct=len(lists) > 2 and all(_distinct(each) for each in lists),
        )

    def vary(self, value: Any, drawn: random.Random) -> Any:
        """A value of the same kind, a step away."""
        if isinstance(value, bool):
            return not value
        if isinstance(value, (int, float)):
            return self._number(value, drawn)
        if isinstance(value, str):
            return self._text(value, drawn)
        if isinstance(value, list):
            return self._list(value, drawn)
        if isinstance(value, tuple):
            return self._tuple(value, drawn)
        if isinstance(value, dict) and value:
            key = drawn.choice(list(value))
            changed = {k: (self.vary(v, drawn) if k == key else v) for k, v in value.items()}
            if drawn.random() < 0.3 and len(value) > 1:
                del changed[key]
            return changed
        if isinstance(value, (set, frozenset)) and value:
            return type(value)(
                self.vary(each, drawn) if drawn.random() < 0.4 else each for each in sorted(value, key=repr)
            )
        return value

    def _number(self, value: Any, drawn: random.Random) -> Any:
        step = drawn.choice((1, 1, 2, 3, 5, 10))
        half = value // 2 if isinstance(value, int) else value / 2
        other = drawn.sample(self.numbers, min(2, len(self.numbers)))
        below = drawn.randint(1, max(2, int(abs(value)) * 2)) if abs(value) < LARGEST else 2
        new = drawn.choice((value + step, value - step, value * 2, half, *other, below))
        if new < 0 and not self.negative:
            new = abs(new)
        if new == 0 and not self.zero:
            new = type(value)(1)
        if isinstance(value, float):
            return round(float(new), 6)
        return int(new)

    def _text(self, value: str, drawn: random.Random) -> str:
        characters = self.characters or "abc"
        place = drawn.randrange(len(value)) if value else 0
        other = drawn.choice(characters)
        same_kind = [
            c
            for c in characters
            if value and c.isalpha() == value[place].isalpha() and c.isdigit() == value[place].isdigit()
        ]
        options = [
            value[:place] + drawn.choice(same_kind or [other]) + value[place + 1 :],
            drawn.choice(self.words or (value,)),
        ]
        if len(value) > 1:
            options += [value[:place] + value[place + 1 :], value[::-1]]
            end = drawn.randrange(len(value))
            swapped = list(value)
            swapped[place], swapped[end] = swapped[end], swapped[place]
            options.append("".join(swapped))
        if value:
            options += [value[:place] + value[place] + value[place:], value[:place] + other + value[place:]]
        if any(c.isupper() for c in characters) and any(c.islower() for c in characters):
            options.append(value.swapcase())
        chosen = drawn.choice(options)
        return chosen if chosen or self.empty else value

    def _list(self, value: list[Any], drawn: random.Random) -> list[Any]:
        new = list(value)
        if not new:
            return [drawn.choice(self.numbers)] if self.numbers else new
        place = drawn.randrange(len(new))
        record = len({type(each) for each in new}) > 1 and len(new) <= RECORD
        ways = ["change"] if record else ["change", "change", "shuffle", "reverse"]
        if not self.rows and not record:
            ways += ["drop", "double", "double", "fresh"]
        way = drawn.choice(ways)
        if way == "change":
            new[place] = self.vary(new[place], drawn)
        elif way == "shuffle":
            drawn.shuffle(new)
        elif way == "reverse":
            new.reverse()
        elif way == "drop" and (len(new) > 1 or self.empty):
            del new[place]
        elif way == "fresh":
            new = [self.vary(drawn.choice(value), drawn) for _ in range(drawn.randint(2, 8))]
            if self.negative:
                new = [-e if type(e) in (int, float) and drawn.random() < SIGN else e for e in new]
        elif way == "double":
            new.insert(drawn.randrange(len(new) + 1), new[place])
        return new if not self.distinct or _distinct(new) else list(value)

    def _tuple(self, value: tuple[Any, ...], drawn: random.Random) -> tuple[Any, ...]:
        if not value:
            return value
        if len({type(each) for each in value}) == 1 and len(value) > 3:
            return tuple(self._list(list(value), drawn))
        if len({type(each) for each in value}) > 1 and len(value) > 3 and drawn.random() < 0.5:
            return tuple(drawn.sample(value, len(value)))
        place = drawn.randrange(len(value))
        return (*value[:place], self.vary(value[place], drawn), *value[place + 1 :])


def _dictionary(codes: Sequence[str]) -> list[Any]:
    """The literals in the code of functions, without docstrings, the shorter and more frequent first."""
    found: dict[Any, int] = {}
    for code in codes:
        tree = parsed(code)
        if tree is None:
            continue
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in prose or type(node.value) not in (int, float, str):
                continue
            if len(repr(node.value)) <= LONGEST_LITERAL:
                found[node.value] = found.get(node.value, 0) + 1
    return sorted(found, key=lambda value: (-found[value], len(repr(value)), repr(value)))


def _extremes(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (0, 1, 2, -value, value * 10)
    if isinstance(value, float):
        return (0.0, 1.0, -value)
    if isinstance(value, str):
        return ("", value[:1], value * 2, "12")
    if isinstance(value, list):
        return ([], value[:1], [*value, *value])
    if isinstance(value, tuple):
        return ((), value[:1], (*value, *value))
    if isinstance(value, dict):
        return ({},)
    return ()


def _arguments(call: ast.Call, parameters: Sequence[str]) -> tuple[Any, ...] | None:
    """The values of a call's arguments in the order of the parameters, None if they are not plain."""
    named = {word.arg: word.value for word in call.keywords}
    order = [*call.args, *(named[name] for name in parameters[len(call.args) :] if name in named)]
    if len(order) != len(call.args) + len(named):
        return None
    values = []
    for node in order:
        is_plain, value = literal(ast.unparse(node))
        if not is_plain:
            return None
        values.append(value)
    return tuple(values)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(key)
            yield from _leaves(each)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value if isinstance(value, (list, tuple)) else sorted(value, key=repr):
            yield from _leaves(each)
    else:
        yield value


def _lists(value: Any) -> Iterator[Sequence[Any]]:
    if isinstance(value, (list, tuple)):
        yield value
        for each in value:
            yield from _lists(each)


def _distinct(values: Sequence[Any]) -> bool:
    return len({repr(each) for each in values}) == len(values)


def _sortable(values: Sequence[Any]) -> bool:
    return len({type(each) for each in values}) == 1 and all(isinstance(e, (int, float, str)) for e in values)


def _is_ascending(values: Sequence[Any]) -> bool:
    return len(values) > 1 and _sortable(values) and all(a <= b for a, b in itertools.pairwise(values))
