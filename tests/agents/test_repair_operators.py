"""Each family of operators turns a slip into its natural fix."""

from __future__ import annotations

import textwrap

import pytest

from revet.agents.repair import Hints, apply, candidates

EXPRESSIONS = {
    # swaps
    "boundary": ("a < b", "a <= b"),
    "relation": ("a < b", "a > b"),
    "equality": ("a == b", "a != b"),
    "membership": ("a in b", "a not in b"),
    "identity": ("a is None", "a is not None"),
    "identity to equality": ("a is None", "a == None"),
    "chain": ("0 < a < 10", "0 < a <= 10"),
    "chain shortened": ("0 < a < 10", "a < 10"),
    "operands of a comparison": ("a < b", "b < a"),
    "operands of in": ("a in b", "b in a"),
    "arithmetic": ("a + b", "a - b"),
    "floor division": ("a / b", "a // b"),
    "bitwise": ("a & b", "a | b"),
    "shift": ("a << b", "a >> b"),
    "boolean": ("a and b", "a or b"),
    "operands of a difference": ("a - b", "b - a"),
    "operands of a concatenation": ("s + t", "t + s"),
    "parentheses": ("a + b / 2", "(a + b) / 2"),
    "not dropped": ("not a", "a"),
    "minus dropped": ("-n", "n"),
    # constants
    "one more": ("n + 5", "n + 6"),
    "reciprocal": ("n * 0.5", "n * 2.0"),
    "flipped": ("g(True)", "g(False)"),
    "string case": ('"yes"', '"Yes"'),
    "blank": ('" ".join(xs)', '"".join(xs)'),
    "both cases": ('"aeiou"', '"aeiouAEIOU"'),
    "character dropped": ('"__"', '"_"'),
    "bracket": ('s == ">"', 's == "<"'),
    "decimal places": ('Decimal("0.01")', 'Decimal("0.001")'),
    "element dropped": ("(1, 2, 3)", "(1, 3)"),
    "element added": ("[1, 2, 3]", "[1, 2, 3, 4]"),
    "tuple order": ("(a, b)", "(b, a)"),
    "dict values": ('{"x": a, "y": b}', '{"x": b, "y": a}'),
    # offsets
    "length minus one": ("len(xs)", "len(xs) - 1"),
    "offset dropped": ("len(xs) - 1", "len(xs)"),
    "index": ("xs[n]", "xs[n - 1]"),
    "range stop": ("range(n)", "range(n + 1)"),
    "range start": ("range(n)", "range(1, n)"),
    "range start and stop": ("range(n)", "range(1, n + 1)"),
    "slice bound dropped": ("xs[1:n]", "xs[:n]"),
    "slice side": ("xs[:n]", "xs[n:]"),
    "slice from the end": ("xs[n:]", "xs[-n:]"),
    "slice added": ("sorted(xs)", "sorted(xs)[1:]"),
    "reversed slice": ("xs", "xs[::-1]"),
    "indices exchanged": ("d[a, b]", "d[b, a]"),
    "nested indices exchanged": ("d[a][b]", "d[b][a]"),
    "default for a missing key": ("d[a]", "d.get(a, 0)"),
    # names and attributes
    "method": ("s.lower()", "s.upper()"),
    "prefix": ("s.startswith(t)", "s.endswith(t)"),
    "builtin": ("any(xs)", "all(xs)"),
    "maximum": ("max(a, b)", "min(a, b)"),
    "rounding": ("math.floor(a)", "math.ceil(a)"),
    # calls
    "arguments exchanged": ("g(a, b)", "g(b, a)"),
    "argument dropped": ("g(a, b)", "g(a)"),
    "reverse": ("sorted(xs)", "sorted(xs, reverse=True)"),
    "key": ("sorted(xs)", "sorted(xs, key=len)"),
    "keyword": ("timedelta(days=n)", "timedelta(hours=n)"),
    "digits": ("round(a, 2)", "round(a, 3)"),
    "absolute": ("a - b", "abs(a - b)"),
    "lower": ("len(s)", "len(s.lower())"),
    "unwrapped": ("str(n)", "n"),
    "method unwrapped": ('s.replace("a", "b")', "s"),
    "both sides": ("s == t", "sorted(s) == sorted(t)"),
    "applied too early": ("round(a, 2) * n", "round(a * n, 2)"),
    "applied too late": ("round(a * n, 2)", "round(a, 2) * n"),
    "not below zero": ("a - b", "max(0, a - b)"),
    # expressions
    "operand dropped": ("a + b + n", "a + n"),
    "square": ("a - n", "a - n ** 2"),
    "difference": ("g(n)", "g(n - a)"),
    "hoisted": ("g(a + b + n)", "a + b"),
    "ternary": ("a if n else b", "b if n else a"),
    "format": ('"%.2f" % a', '"%.3f" % a'),
    # conditions
    "conjunct dropped": ("a > 0 and b > 0 and n > 0", "a > 0 and n > 0"),
    "filter added": ("[x for x in xs]", "[x for x in xs if x > 0]"),
    "filter dropped": ("[x for x in xs if x > 1]", "[x for x in xs]"),
    "generator": ("sum([x for x in xs])", "sum((x for x in xs))"),
    "set": ("[x for x in xs]", "{x for x in xs}"),
}


def results(source: str, hints: Hints | None = None) -> set[str]:
    return {apply(source, c.edits) for c in candidates("m.py", source, None, hints=hints)}


@pytest.mark.parametrize("family", EXPRESSIONS)
def test_expressions(family: str) -> None:
    old, new = EXPRESSIONS[family]
    head = "def f(a, b, n: int, s: str, t: str, xs: list, d: dict):\n    seen = len(xs)\n    return "
    assert f"{head}{new}\n" in results(f"{head}{old}\n")


BLOCKS = {
    "augmented operator": ("def f(n):\n    n ^= n - 1\n    return n\n", "n ^= n", "n &= n"),
    "augmented to plain": ("def f(n):\n    n += 1\n    return n\n", "n += 1", "n = 1"),
    "plain to augmented": ("def f(xs):\n    t = 0\n    for x in xs:\n        t = x\n    return t\n", "t = x", "t += x"),
    "running maximum": (
        "def f(a, b):\n    best = 0\n    best = a + b\n    return best\n",
        "best = a + b",
        "best = max(best, a + b)",
    ),
    "other name": ("def f(left, right):\n    return left - left\n", "left - left", "left - right"),
    "self forgotten": (
        "class C:\n    def f(self, n):\n        self.size = 1\n        return size\n",
        "return size",
        "return self.size",
    ),
    "self too much": ("class C:\n    def f(self, n):\n        return self.n\n", "return self.n", "return n"),
    "attribute of the object": (
        "class C:\n    def f(self):\n        self.low = self.high\n        return self.low\n",
        "return self.low",
        "return self.high",
    ),
    "condition strengthened": (
        "def f(n, xs: list):\n    if n < 0:\n        return 0\n    return xs[n]\n",
        "n < 0",
        "n < 0 or not xs",
    ),
    "None first": (
        "def f(node):\n    if node.next is None:\n        return 0\n    return 1\n",
        "if node.next",
        "if node is None or node.next",
    ),
    "condition negated": (
        "def f(s):\n    if s.isdigit():\n        return 0\n    return 1\n",
        "if s.isdigit()",
        "if not s.isdigit()",
    ),
    "returned condition": (
        "def f(xs):\n    depth = 0\n    for x in xs:\n        depth += x\n    return True\n",
        "return True",
        "return depth == 0",
    ),
    "guard": (
        "def f(xs: list):\n    return sum(xs) / len(xs)\n",
        "    return sum",
        "    if not xs:\n        return 0\n    return sum",
    ),
    "deleted": ("def f(n):\n    n += 1\n    n -= 1\n    return n\n", "    n -= 1\n", ""),
    "exchanged": (
        "def f(n):\n    n += 1\n    n *= 2\n    return n\n",
        "    n += 1\n    n *= 2\n",
        "    n *= 2\n    n += 1\n",
    ),
    "out of the loop": (
        "def f(xs):\n    t = 0\n    for x in xs:\n        t += x\n        return t\n",
        "        return t",
        "    return t",
    ),
    "into the loop": (
        "def f(xs):\n    t = 0\n    for x in xs:\n        t += x\n    t *= 2\n    return t\n",
        "    t *= 2",
        "        t *= 2",
    ),
    "copied": (
        "def f(xs):\n    out = []\n    for x in xs:\n        out.append(x)\n    return out\n",
        "    return out",
        "    out.append(x)\n    return out",
    ),
    "copied from another method": (
        "class C:\n    def put(self, k):\n        self.order.remove(k)\n"
        "        return k\n\n    def get(self, k):\n        return self.d[k]\n",
        "        return self.d",
        "        self.order.remove(k)\n        return self.d",
    ),
    "block copied": (
        "def f(xs):\n    out, line = [], ''\n    for x in xs:\n        if line:\n"
        "            out.append(line)\n        line = x\n    return out\n",
        "    return out",
        "    if line:\n        out.append(line)\n    return out",
    ),
    "assignment inserted": (
        "def f(node):\n    prev = None\n    while node:\n        nxt = node.next\n"
        "        node.next = prev\n        node = nxt\n    return prev\n",
        "        node = nxt",
        "        prev = node\n        node = nxt",
    ),
    "appended before the return": (
        "def f(text: str):\n    lines = []\n    while len(text) > 3:\n"
        "        lines.append(text[:3])\n        text = text[3:]\n    return lines\n",
        "    return lines",
        "    lines.append(text)\n    return lines",
    ),
    "entry kept up to date": (
        "def f(xs, prev: dict):\n    last = 0\n    for x in xs:\n        last = x\n    return prev\n",
        "        last = x",
        "        last = x\n        prev[x] = last",
    ),
    "other target": ("def f(d, e, u, v):\n    e[v] = 0\n    d[u, v] = e[u]\n", "d[u, v] =", "e[v] ="),
    "update to assignment": ("def f(d, k, e):\n    d[k].update(e[k])\n", "d[k].update(e[k])", "d[k] = e[k]"),
    "simultaneous": (
        "def f(a, b):\n    a = b\n    b = a + b\n    return a\n",
        "a = b\n    b = a + b",
        "a, b = b, a + b",
    ),
    "break": ("def f(xs):\n    for x in xs:\n        if x:\n            break\n", "break", "continue"),
    "break inserted": (
        "def f(xs):\n    for x in xs:\n        if x:\n            y = x\n    return y\n",
        "y = x\n",
        "y = x\n            break\n",
    ),
    "return forgotten": ("def f(n):\n    n + 1\n", "    n + 1", "    return n + 1"),
    "return value forgotten": ("def f(n):\n    m = n + 1\n", "    m = n + 1", "    m = n + 1\n    return m"),
    "result kept": ("def f(s):\n    s.strip()\n    return s\n", "    s.strip()", "    s = s.strip()"),
    "other value returned": ("def f(n):\n    m = n + 1\n    return n\n", "return n", "return m"),
    "yield from": ("def f(xs):\n    for x in xs:\n        yield f(x)\n", "yield f(x)", "yield from f(x)"),
    "branches": (
        "def f(n):\n    if n:\n        return 1\n    else:\n        return 2\n",
        "return 1\n    else:\n        return 2",
        "return 2\n    else:\n        return 1",
    ),
    "elif": ("def f(n):\n    if n:\n        n = 1\n    elif g(n):\n        n = 2\n    return n\n", "elif", "if"),
    "else": (
        "def f(xs):\n    odd = even = 0\n    for x in xs:\n"
        "        if x % 2:\n            odd += 1\n    return odd, even\n",
        "odd += 1\n",
        "odd += 1\n        else:\n            even += 1\n",
    ),
    "if to while": ("def f(n):\n    if n > 9:\n        n //= 10\n    return n\n", "if n", "while n"),
    "reversed": ("def f(xs):\n    for x in xs:\n        print(x)\n", "in xs", "in reversed(xs)"),
    "items": ("def f(d):\n    for k, v in d:\n        print(k, v)\n", "in d", "in d.items()"),
    "enumerate dropped": (
        "def f(xs):\n    for i, x in enumerate(xs):\n        print(x)\n",
        "i, x in enumerate(xs)",
        "x in xs",
    ),
    "loop over a copy": ("def f(xs):\n    for x in xs:\n        xs.remove(x)\n", "in xs", "in list(xs)"),
    "exception": (
        "def f(d, k):\n    try:\n        return d[k]\n    except IndexError:\n        return 0\n",
        "IndexError",
        "KeyError",
    ),
    "raised": ("def f(n):\n    raise ValueError(n)\n", "ValueError", "TypeError"),
    "mutable default": (
        "def f(n, xs=[]):\n    xs.append(n)\n    return xs\n",
        "xs=[]):\n",
        "xs=None):\n    if xs is None:\n        xs = []\n",
    ),
    "all strings": (
        "def f(n):\n    if n:\n        return 'yes'\n    return 'no'\n",
        "'yes'\n    return 'no'",
        "'Yes'\n    return 'No'",
    ),
    "special case flagged": (
        "def f(word):\n    bad = 0\n    for i in range(2, len(word)):\n"
        "        if len(word) % i == 0:\n            bad = 1\n    return bad\n",
        "    for i",
        "    if len(word) == 1:\n        bad = 1\n    for i",
    ),
    "always": ("def f(n):\n    if n:\n        n += 1\n    return n\n", "    if n:\n        n += 1\n", "    n += 1\n"),
    "only if": ("def f(n: int):\n    n -= 1\n    return n\n", "    n -= 1\n", "    if n > 0:\n        n -= 1\n"),
}


@pytest.mark.parametrize("family", BLOCKS)
def test_statements(family: str) -> None:
    source, old, new = BLOCKS[family]
    assert source.count(old) == 1
    assert source.replace(old, new) in results(source)


@pytest.mark.parametrize("family", [k for k in BLOCKS if not BLOCKS[k][0].startswith("class")][::2])
def test_statements_in_a_method_with_tabs_and_crlf(family: str) -> None:
    """The same slips, indented by tabs inside a class, in a file with Windows line ends."""

    def dressed(text: str) -> str:
        return "class K:\r\n" + textwrap.indent(text, "    ").replace("    ", "\t").replace("\n", "\r\n")

    source, old, new = BLOCKS[family]
    assert dressed(source.replace(old, new)) in results(dressed(source))


def test_natural_fixes_rank_before_deletions_and_special_cases() -> None:
    source = "def f(xs: list):\n    t = 0\n    for x in xs:\n        if x <= 0:\n            t += x\n    return t\n"
    found = list(candidates("m.py", source, None))
    rank = {apply(source, c.edits): i for i, c in enumerate(found)}
    natural = rank[source.replace("<= 0", "< 0")]
    deletion = rank[source.replace("        if x <= 0:\n            t += x\n", "        pass\n")]
    special = rank[source.replace("    t = 0\n", "    if not xs:\n        return 0\n    t = 0\n")]
    assert natural < 10
    assert natural < deletion
    assert natural < special


def test_attributes_and_exceptions_come_from_the_hints() -> None:
    hints = Hints.read("node.incoming_nodes", exceptions=["LookupError"])
    source = "def f(node):\n    return node.outgoing_nodes\n"
    assert source.replace("outgoing", "incoming") in results(source, hints)
    handler = "def f(d):\n    try:\n        return d[0]\n    except OSError:\n        return 0\n"
    assert handler.replace("OSError", "LookupError") in results(handler, hints)
