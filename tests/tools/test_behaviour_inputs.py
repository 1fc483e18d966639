"""What is read from stubs, prose and tests, and the inputs that are made of it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import revet
from revet.tools._behaviour.hinted import from_hints, hint_of
from revet.tools._behaviour.reading import function_in, invented_texts, unordered_returns
from revet.tools._behaviour.spec import Spec
from revet.tools.behaviour import inputs_for, spec_of

HINTS: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list[int]": list[int],
    "List[List[str]]": list[list[str]],
    "dict[str, int]": dict[str, int],
    "tuple[int, str]": tuple[int, str],
    "Tuple[int, ...]": tuple[int, ...],
    "Optional[int]": int | None,
    "int | str": int | str,
    "Union[int, None]": int | None,
    "set[int]": set[int],
}


def fits(value: Any, hint: Any) -> bool:
    """Whether the value is of the type, by the hints used here."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is None:
        return value is None if hint is type(None) else type(value) is hint
    if origin in (list, set):
        return type(value) is origin and all(fits(each, inner[0]) for each in value)
    if origin is dict:
        return type(value) is dict and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if origin is tuple and inner[-1] is ...:
        return type(value) is tuple and all(fits(each, inner[0]) for each in value)
    if origin is tuple:
        return len(value) == len(inner) and all(map(fits, value, inner))
    return any(fits(value, each) for each in inner)


def stub(docstring: str, signature: str = "f(x)") -> str:
    return f'def {signature}:\n    """{docstring}"""\n'


@pytest.mark.parametrize("hint", HINTS)
def test_inputs_are_of_the_hinted_type(hint: str) -> None:
    drawn = from_hints((hint,), count=20)
    assert len(drawn) > 1
    assert all(fits(each[0], HINTS[hint]) for each in drawn)
    assert drawn == from_hints((hint,), count=20)


@pytest.mark.parametrize(
    "hint", ["Callable[[int], int]", "MyClass", "list[MyClass]", "1 +", "x" * 5000 + "[", "Foo | int"]
)
def test_a_hint_that_says_nothing_makes_nothing(hint: str) -> None:
    assert from_hints((hint,), count=5) == ()
    assert from_hints(("int", None), count=5) == ()


def test_what_is_drawn_does_not_hang_on_what_else_the_program_has_loaded(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("KNOWN = [-97, 93, 89, -83, 79, -73, 71, 'quizzify', 'jaw', 'ox']\n")
    code = "{}from revet.tools._behaviour.hinted import from_hints; print(from_hints(('str', 'list[int]'), count=200))"
    env = {**os.environ, "PYTHONPATH": f"{Path(revet.__file__).parents[1]}{os.pathsep}{tmp_path}"}
    told = [
        subprocess.run([sys.executable, "-c", code.format(more)], cwd=tmp_path, env=env, stdout=subprocess.PIPE).stdout
        for more in ("", "import program, revet.graphs; ")
    ]
    assert told[0] == told[1] != b""


def test_drawing_leaves_nothing_behind(tmp_path: Path) -> None:
    code = "from revet.tools._behaviour.hinted import from_hints; print(len(from_hints(('str', 'list[int]'), count=9)))"
    env = {"PYTHONPATH": str(Path(revet.__file__).parents[1]), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("9\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        (">>> f(1)\n    2", ["f(1) == 2"]),
        (">>> f([])\n\n    >>> f([1])\n    1", ["f([]) == None", "f([1]) == 1"]),
        ("f(1) == 2", ["f(1) == 2"]),
        ("f('a)') => 'b'", ["f('a)') == 'b'"]),
        ("f([1, 2]) ➞ [2]  # the last", ["f([1, 2]) == [2]"]),
        ("f(3) should return True.", ["f(3) == True"]),
        ("f(3) ==> 1 + 2 = 3", ["f(3) == 3"]),
        ("g(3) => 4", ["f(3) == 4"]),
        ("g(3) => 4, h(3) => 4", []),
        ("For x = 3, the output should be 6", ["f(3) == 6"]),
        ("Input: x = [1, 2]\n    Output: 3", ["f([1, 2]) == 3"]),
        ("f(n) = f(n - 1) + 1", []),
        ("f(1, ", []),
        ("f(" * 500, []),
    ],
)
def test_examples_are_found_in_text(docstring: str, expected: list[str]) -> None:
    assert sorted(e.test.removeprefix("assert ") for e in spec_of(stub(docstring)).examples) == sorted(expected)


def test_prose_with_asserts_is_a_specification() -> None:
    spec = spec_of("Write a function that adds.\nassert add(1, 2) == 3\nassert add(-1, 1) == 0")
    assert (spec.entry, len(spec.tests), spec.expected) == ("add", 2, (3, 0))


def test_what_the_tests_call_is_the_function() -> None:
    spec = spec_of("def helper(x):\n    pass\n", ["assert main(helper(1)) == 2"], entry="other")
    assert spec.entry == "main"
    assert spec_of("", ["assert sum(1, 2) == 3"]).entry == "sum"


def test_an_example_of_another_type_than_the_tests_is_not_trusted() -> None:
    spec = spec_of(stub("f(1) = 3\n    f(2) = [1, 3]"), ["assert f(3) == [1, 3, 2]"])
    assert [e.call for e in spec.trusted_examples] == ["f(2)"]


@given(st.text(alphabet=st.sampled_from("fx(>)[]=>1'\"\n #,:def assert"), max_size=80))
@settings(deadline=None, suppress_health_check=[HealthCheck.nested_given])
def test_any_text_is_read(text: str) -> None:
    spec = spec_of(text, [text], entry="f")
    assert isinstance(spec, Spec)
    inputs_for(spec, count=5)


ARGUMENTS = st.lists(
    st.one_of(
        st.integers(-50, 50),
        st.text("abc XY", max_size=6),
        st.booleans(),
        st.lists(st.integers(0, 9), max_size=5),
        st.lists(st.text("ab", max_size=3), max_size=4),
        st.dictionaries(st.text("ab", max_size=2), st.integers(0, 5), max_size=3),
        st.tuples(st.integers(0, 5), st.text("ab", max_size=2)),
        st.sets(st.integers(0, 5), max_size=3),
        st.none(),
    ),
    min_size=1,
    max_size=3,
)


@given(ARGUMENTS, st.integers(0, 3))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.nested_given])
def test_near_inputs_are_of_the_observed_types_and_the_same_for_a_seed(arguments: list[Any], seed: int) -> None:
    spec = spec_of("", [f"assert f(*{tuple(arguments)!r}) == 1", f"assert f({', '.join(map(repr, arguments))}) == 1"])
    inputs = inputs_for(spec, count=24, seed=seed)
    assert inputs == inputs_for(spec, count=24, seed=seed)
    assert 1 <= len(inputs) <= 24
    assert inputs[0].arguments == tuple(arguments)
    assert len({each.source for each in inputs}) == len(inputs)
    for each in inputs:
        if each.near:
            assert list(map(type, each.arguments)) == list(map(type, arguments))


def test_what_holds_of_every_call_is_kept() -> None:
    spec = spec_of("Search the sorted array.", ["assert f([1, 4, 6, 9], 4, 2) == 2", "assert f([2, 5], 2, 1) == 1"])
    near = [each for each in inputs_for(spec, count=60) if each.near]
    assert len(near) > 20
    for each in near:
        numbers, length, place = each.arguments
        assert length == len(numbers)
        assert numbers == sorted(numbers)
        assert 0 <= place <= length
        assert all(n > 0 for n in numbers)


def test_literals_of_the_candidates_are_tried() -> None:
    spec = spec_of("", ["assert f('February') == False"])
    inputs = inputs_for(spec, codes=["def f(m):\n    '''Not this.'''\n    return m in ('June', 'May')"])
    assert {"June", "May"} <= {each.arguments[0] for each in inputs}
    assert "Not this." not in {each.arguments[0] for each in inputs}


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ([1, 2], "list[int]"),
        ((1, "a"), "tuple[int, str]"),
        ({}, "dict"),
        ([[None]], "list[list[None]]"),
        (object(), None),
    ],
)
def test_the_hint_of_a_value(value: Any, hint: str | None) -> None:
    assert hint_of(value) == hint


def read(body: str) -> tuple[ast.FunctionDef, Spec]:
    function = function_in(f"def f(x):\n{body}", "f")
    assert function is not None
    return function, spec_of(stub("Say whether x is 7."), ["assert f(7) == 'Found'"])


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("    return 'Found' if x == 7 else 'Missing'", ["Missing"]),
        ("    return 'Found' if x == 7 else 'Not found'", []),
        ("    return 'Found' if x == 7 else str(x)", []),
        ("    return 'no'", []),
        ("    return x.replace('abcdef', 'Found')", []),
    ],
)
def test_a_verdict_that_nobody_can_know(body: str, texts: list[str]) -> None:
    function, spec = read(body)
    assert [sign.what for sign in invented_texts(function, spec)] == texts


@pytest.mark.parametrize(
    ("body", "unordered"),
    [
        ("    return list(set(x))", True),
        ("    s = set(x) & set(y)\n    return tuple(s)", True),
        ("    return [n for n in set(x)]", True),
        ("    s = list(set(x))\n    s.sort()\n    return s", False),
        ("    return sorted(list(set(x)))", False),
        ("    return list(dict.fromkeys(x))", False),
        ("    s = set(x)\n    s = x\n    return list(s)", False),
    ],
)
def test_the_order_of_a_set_is_no_order(body: str, unordered: bool) -> None:
    assert bool(unordered_returns(read(body)[0])) is unordered
    assert unordered_returns(read("    return tuple(x)")[0], ["x"])


@pytest.mark.parametrize(
    "source",
    [
        f"x = {'+'.join(['1'] * 20000)}",
        f"x = {'(' * 5000}",
        f"x = {'-' * 3000}1",
        f"x = {hex(1 << 100_000)}",
        f"x = {'[' * 150}{']' * 150}",
        "x = 1\0",
        "x = '\ud800'",
    ],
)
def test_monstrous_code_is_read_or_is_none(source: str) -> None:
    code = f"def f(x):\n    {source}\n    return x"
    function = function_in(code, "f")
    spec = spec_of(code, [f"assert f({source[4:]}) == 1", "assert f(1) == 1"], entry="f")
    assert function is None or ast.unparse(function)
    assert inputs_for(spec, codes=[code])[0].arguments
