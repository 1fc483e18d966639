"""What holds for every candidate, on sources that are hard to edit."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import revet
from revet.agents.repair import Candidate, Hints, apply, candidates, merged, pairs
from revet.errors import InputError

ROOT = Path(revet.__file__).parents[1]

HARD = {
    "unicode": '# ünïcödé 🐍\ndef grüße(größe, n):\n    s = "äöü🐍"; return s[n] + größe  # ß\n',
    "tabs": "def f(xs):\n\tfor x in xs:\n\t\tif x > 1:\n\t\t\treturn x\n\treturn None\n",
    "crlf": "def f(a, b):\r\n    c = a + b  # sum\r\n    if c:\r\n        c -= 1\r\n    return c\r\n",
    "bom": "\ufeffdef f(a):\n    return a + 1\n",
    "no newline at the end": "def f(a):\n    b = a\n    return b",
    "decorated": (
        "import functools\n\n@functools.lru_cache(maxsize=None)\n"
        "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n"
    ),
    "async": (
        "async def f(xs):\n    async for x in xs:\n        await g(x, 1)\n    async with h() as y:\n        return y\n"
    ),
    "match": (
        'def f(p):\n    match p:\n        case {"x": x, **rest} if x > 0:\n'
        "            return x\n        case [a, *_] | a:\n            return a\n    return 0\n"
    ),
    "walrus": (
        "def f(xs):\n    if (n := len(xs)) > 10:\n        return n\n    return [y for x in xs if (y := x + 1)]\n"
    ),
    "f-string": 'def f(name, n):\n    t = f"{name!r:>{n}} {n + 1:03d}"\n    return f"a{n}" "b" + t\n',
    "one line": "def f(x): return x + 1\nif f(1) == 2: y = 1; z = 2\n",
    "continued": "def f(a, b):\n    c = a + \\\n        b\n    return (c\n            # why\n            * 2)\n",
    "nested": (
        "def outer(n):\n    def inner(k):\n        nonlocal n\n        n += k\n        return n\n    return inner\n"
    ),
    "class": (
        "class C:\n    x: int = 1\n\n    def __init__(self, a=[]):\n        self.a = a\n"
        "\n    @property\n    def b(self):\n        return self.a[0]\n"
    ),
    "strings": 'def f():\n    """Docs."""\n    s = """two\n    lines"""\n    return s + r"\\d" + b"x".decode()\n',
    "star": "def f(*args, **kw):\n    first, *rest = args\n    return g(*rest, key=first, **kw)\n",
    "lambda": "def f(xs, k):\n    return sorted(xs, key=lambda x, k=k: (x[0], -k))\n",
    "try": (
        "def f(d, k):\n    try:\n        return d[k]\n    except KeyError as error:\n"
        "        raise ValueError(k) from error\n    finally:\n        d.clear()\n"
    ),
    "elif": (
        "def f(x):\n    if x < 0:\n        y = -1\n    elif x == 0:\n"
        "        y = 0\n    else:\n        y = 1\n    return y\n"
    ),
}


def all_of(source: str, **options: object) -> list[Candidate]:
    return list(candidates("m.py", source, None, **options))  # type: ignore[arg-type]


def parsed(source: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source.removeprefix("\ufeff"))
        compile(tree, "m.py", "exec", dont_inherit=True)
    return ast.dump(tree)


@pytest.mark.parametrize("name", HARD)
def test_every_candidate_compiles_differs_and_is_new(name: str) -> None:
    source = HARD[name]
    original = parsed(source)
    found = of_hard(name)
    results = [apply(source, c.edits) for c in found]
    assert len(found) > 20
    assert len(set(results)) == len(results)
    for candidate, result in zip(found, results, strict=True):
        assert parsed(result) != original, candidate
        assert candidate.size >= 1
        assert 0 < candidate.prior <= 1
        assert 1 <= candidate.line <= source.count("\n") + 1


@cache
def of_hard(name: str) -> tuple[Candidate, ...]:
    return tuple(all_of(HARD[name]))


@pytest.mark.parametrize("name", HARD)
def test_text_outside_the_edits_stays(name: str) -> None:
    source = HARD[name]
    for candidate in of_hard(name):
        result, shift, position = apply(source, candidate.edits), 0, 0
        for edit in sorted(candidate.edits):
            assert source[position : edit.start] == result[position + shift : edit.start + shift]
            assert result[edit.start + shift : edit.start + shift + len(edit.text)] == edit.text
            shift += len(edit.text) - (edit.end - edit.start)
            position = edit.end
        assert source[position:] == result[position + shift :]
        if "\r\n" in source:
            assert "\n" not in result.replace("\r\n", "")


atoms = st.sampled_from(["a", "b", "xs", "1", "2.5", '"s"', "True", "None", "self.v", "xs[0]", "f(a)", "len(xs)"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(
            inner,
            st.sampled_from(["+", "-", "*", "//", "%", "**", "<<", "&", "and", "or", "<", "==", "in", "is not"]),
            inner,
        ).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        st.tuples(atoms, inner).map(lambda t: f"{t[0]} + {t[0]} * ({t[1]})"),
        two.map(lambda t: f"f({t[0]}, k={t[1]})"),
        two.map(lambda t: f"[y + 1 for y in ({t[0]}) if ({t[1]})]"),
        two.map(lambda t: f"({t[0]}) if ({t[1]}) else b"),
        two.map(lambda t: f"({t[0]})[{t[1]}:]"),
        two.map(lambda t: f"({t[0]}, {t[1]})"),
        inner.map(lambda t: f"not ({t})"),
        inner.map(lambda t: f"-({t})"),
        inner.map(lambda t: f"(lambda z: {t})"),
    )


@settings(deadline=None, max_examples=25)
@given(
    st.recursive(atoms, grown, max_leaves=5),
    st.sampled_from(["return {}", "c = {}", "if {}:\n        a = 1", "for i, j in {}:\n        b = i"]),
)
def test_any_expression_anywhere(expression: str, place: str) -> None:
    source = f"def g(self, a, b, xs):\n    {place.format(expression)}\n"
    original = parsed(source)
    for candidate in islice(candidates("m.py", source, None), 300):
        assert parsed(apply(source, candidate.edits)) != original


def test_parentheses_keep_the_meaning() -> None:
    source = "def f(a, b, c):\n    return a * b ** c\n"
    results = {apply(source, c.edits) for c in all_of(source)}
    assert "def f(a, b, c):\n    return a * (b - c) ** c\n" in results
    assert "def f(a, b, c):\n    return (a * b) ** c\n" in results
    assert "def f(a, b, c):\n    return a * b - c ** c\n" not in results


def test_the_same_input_gives_the_same_sequence_in_every_process() -> None:
    script = (
        "from revet.agents.repair import candidates, Hints\n"
        f"source = {HARD['elif']!r}\n"
        "hints = Hints.read('assert f(3) == 7', text='some words here')\n"
        "for order, seed in (('ranked', 0), ('random', 1), ('source', 0)):\n"
        "    for c in candidates('m.py', source, {2: 0.5}, hints=hints, order=order, seed=seed):\n"
        "        print(c.edits, c.operator)\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, cwd=ROOT
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] != b""


def test_orders_are_permutations_of_each_other() -> None:
    source = HARD["elif"]
    texts = {
        order: [apply(source, c.edits) for c in all_of(source, order=order, seed=3)]
        for order in ("ranked", "source", "random")
    }
    assert set(texts["ranked"]) == set(texts["random"]) == set(texts["source"])
    assert len({tuple(t) for t in texts.values()}) == 3
    assert texts["random"] != [apply(source, c.edits) for c in all_of(source, order="random", seed=4)]


def test_suspicious_lines_come_first_and_others_last() -> None:
    source = "def f(a):\n    b = a + 1\n    c = b + 1\n    return c\n"
    found = list(candidates("m.py", source, {3: 1.0, 4: 0.1}))
    head = [c.line for c in found[:40]]
    assert head.count(3) > 30
    first_elsewhere = next(i for i, c in enumerate(found) if c.line == 2)
    assert all(c.line in (1, 2) for c in found[first_elsewhere:] if c.operator in ("arithmetic", "constant"))


def test_the_head_of_the_list_is_varied() -> None:
    source = (
        "def f(xs, n):\n    t = 0\n    for i in range(n):\n        if xs[i] > t:\n"
        "            t = xs[i] - 1\n    return t\n"
    )
    head = all_of(source)[:30]
    assert len({c.operator for c in head}) >= 6
    assert len({c.line for c in head}) == 5


def test_function_is_named_only_when_its_body_alone_changes() -> None:
    source = (
        "LIMIT = 3\n\ndef f(a=[]):\n    return a\n\nclass C:\n    size = 2\n\n    def m(self, k):\n"
        "        def inner(j):\n            return j + 1\n        return inner(k)\n\n"
        "def twice(x):\n    return x\n\ndef twice(x):\n    return x * 2\n"
    )
    names: dict[int, set[str | None]] = {}
    for candidate in all_of(source):
        if len(candidate.edits) == 1:
            names.setdefault(candidate.line, set()).add(candidate.function)
    assert names[1] == names[3] == names[7] == {None}
    assert names[4] == {"f"}
    assert names[11] == names[12] == {"C.m"}
    assert names[15] == names[18] == {None}
    default = next(c for c in all_of(source) if c.operator == "default")
    assert default.function is None


def test_fstrings_docstrings_annotations_and_imports_are_left_alone() -> None:
    source = 'import os\n\ndef f(a: int = 1) -> "str":\n    """Doc 1."""\n    return f"{a + 1}"\n'
    for candidate in all_of(source):
        result = apply(source, candidate.edits)
        assert '"""Doc 1."""' in result
        assert "import os" in result
        assert "f(a: int = " in result
        assert ') -> "str":' in result


def test_source_that_does_not_parse_is_refused_with_its_line() -> None:
    for bad in ("def f(:\n    pass\n", "x = '\x00'\n"):
        with pytest.raises(InputError, match=r"m\.py:1: not valid Python"):
            candidates("m.py", bad, None)
    with pytest.raises(InputError, match="ranked, source or random"):
        candidates("m.py", "x = 1\n", None, order="best")  # type: ignore[arg-type]


def test_sources_with_nothing_to_change() -> None:
    for empty in ("", "\n", "# only a comment\n", '"""Only a docstring."""\n', "import os\n"):
        assert all_of(empty) == []


def test_it_is_lazy() -> None:
    stream = candidates("m.py", "def f(a):\n    return a + 1\n", None)
    assert isinstance(stream, Iterator)
    assert next(stream).path == "m.py"


def test_pairs_are_new_compile_and_start_with_what_made_progress() -> None:
    source = "def f(a, b):\n    if a < 1:\n        return 1\n    return a * b + 2\n"
    singles = all_of(source)[:60]
    promising = singles[40]
    both = list(islice(pairs("m.py", source, singles, first=[promising]), 200))
    known = {source, *(apply(source, c.edits) for c in singles)}
    results = [apply(source, c.edits) for c in both]
    assert len(set(results)) == len(results) and not known & set(results)
    assert all(set(promising.edits) <= set(c.edits) for c in both[:20])
    for candidate, result in zip(both, results, strict=True):
        parsed(result)
        assert candidate.size >= 2
        assert candidate.function == "f"
    weights = [c.weight for c in both]
    assert weights == sorted(weights, reverse=True)
    assert len(list(pairs("m.py", source, singles, budget=7))) == 7
    assert list(pairs("m.py", source, [])) == []
    with pytest.raises(InputError, match="another file"):
        list(pairs("other.py", source, singles))


def test_pairs_find_two_slips() -> None:
    source = "def ends(xs):\n    return xs[1], xs[2]\n"
    wanted = "def ends(xs):\n    return xs[0], xs[-1]\n"
    assert any(apply(source, c.edits) == wanted for c in pairs("m.py", source, all_of(source)[:150]))


def test_files_are_merged_by_weight_or_at_random() -> None:
    sources = {"a.py": "def f(a):\n    return a + 1\n", "b.py": "def g(a):\n    return a - 1\n"}

    def streams() -> list[Iterator[Candidate]]:
        return [candidates(p, s, {2: 1.0 if p == "b.py" else 0.3}) for p, s in sources.items()]

    together = list(merged(streams()))
    assert [c.weight for c in together] == sorted((c.weight for c in together), reverse=True)
    assert {c.path for c in together[:10]} == {"b.py"}
    drawn = list(merged(streams(), seed=1))
    assert set(drawn) == set(together)
    assert drawn == list(merged(streams(), seed=1)) != list(merged(streams(), seed=2))


def test_hints_are_read_from_tests() -> None:
    hints = Hints.read('def test():\n    assert f("x", 5) == 42\n    o.attr\n', messages=["no attribute 'length'"])
    assert hints.values[0] == 42
    assert {"x", 5} <= set(hints.values)
    assert {"attr", "f", "length"} <= hints.names
    assert Hints.read("not python (").values == ()


def test_hints_bring_constants_into_play() -> None:
    source = 'def f(x):\n    return x % 24 == 0 and "Jupyter"\n'
    results = [apply(source, c.edits) for c in all_of(source, hints=Hints.read('assert f(37) == "Jupiter"'))]
    assert 'def f(x):\n    return x % 37 == 0 and "Jupyter"\n' in results
    assert 'def f(x):\n    return x % 24 == 0 and "Jupiter"\n' in results[:20]
