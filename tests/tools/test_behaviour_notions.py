"""Well-known notions and promises in a description, signs read off the code, and right drafts that show none."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from revet.sandboxes import Local, Session
from revet.sandboxes.base import Layer
from revet.schema import Changes, Draft, Evidence, FileChange, FileState, Outcome, Task
from revet.tools import Behaviour, View
from revet.tools._behaviour.known import NOTIONS
from revet.tools._behaviour.notions import notion_of, probes_of, promised_lengths, violations
from revet.tools._behaviour.reading import function_in, ignored_parameters, invented_texts
from revet.tools.behaviour import Candidate, examine, grave, spec_of


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    opened = await Local().open()
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("text", "test", "name"),
    [
        ("Write a function to find the sum of a given list.", "f([1, 2]) == 3", "the sum of the list"),
        ("Return True if n is prime, and False otherwise.", "f(7) == True", "a prime number"),
        ("Checks whether the given string is a palindrome or not.", "f('aba') == True", "a palindrome"),
        ("Compute the greatest common divisor of two integers.", "f(4, 6) == 2", "the greatest common divisor"),
        ("Find square roots using the babylonian method.", "f(4) == 2.0", "the square root"),
        ("Remove duplicates.", "f([1, 1, 2]) == [1, 2]", "the list without duplicates"),
        ("Remove duplicates.", "f([1, 1, 2]) == [2]", None),
        ("Find the sum of the list without its negatives.", "f([1, 2]) == 3", None),
        ("Find the largest number in a list. Negative ones count as positive.", "f([-3, 1]) == 3", None),
        ("Return the sum.", "f([1, 2]) == 3", None),
        ("", "f(1) == 1", None),
    ],
)
def test_a_notion_is_what_the_whole_sentence_says_and_no_test_denies(text: str, test: str, name: str | None) -> None:
    notion = notion_of(spec_of(text, [f"assert {test}"], entry="f"))
    assert (notion.name if notion else None) == name


def test_no_notion_stumbles_over_odd_arguments_and_answers() -> None:
    odd: list[Any] = [(), (None,), (0,), (-1,), ("",), ([],), ([1, "a"],), ({},), (1, 2, 3, 4), (10**9,), (0.5, "x")]
    for notion in NOTIONS:
        for value in (None, 1, "x", [[]], {}, float("nan"), 10**400):
            assert all(0 <= n < len(odd) for n in violations(notion, [(given, value) for given in odd]))


def test_the_probes_are_calls_that_the_notion_speaks_of() -> None:
    for notion in NOTIONS:
        assert all(notion.fits(each) for each in notion.probes), notion.name
    assert (25,) in probes_of(spec_of('def f(n: int) -> bool:\n    """Whether n is prime."""\n'))
    assert probes_of(spec_of("Whether the text is prime.", ["assert f('a')"], entry="f")) == []


def test_a_promised_length() -> None:
    spec = spec_of('def f(a, k):\n    """Returns a sorted list\n    of length k, the largest."""\n')
    calls = [(([1, 2], 1), [2]), (([1, 2], 0), [1, 2]), (([1], 3), [1]), (([1, 2], 1), []), (([1], -1), []), ((), [])]
    assert list(promised_lengths(spec, calls)) == [1, 3]


VERDICT = "def f(x):\n    return {!r} if x else {!r}\n"


@pytest.mark.parametrize(
    ("one", "other", "invented"),
    [
        ("Hit", "Miss", ["Miss"]),
        ("Hit", "No Hit", []),
        ("Valid", "Invalid", []),
        ("Even sum", "Odd sum", []),
        ("Yes", "No", []),
        ("Hit", "Not a hit", []),
        ("Miss", "Wide", []),
    ],
)
def test_the_other_answer_of_a_verdict(one: str, other: str, invented: list[str]) -> None:
    spec = spec_of("Say what it is.", ["assert f(1) == " + repr("Hit" if other == "Wide" else one)], entry="f")
    function = function_in(VERDICT.format(one, other), "f")
    assert function is not None
    if other == "Not a hit":
        spec = spec_of("Hit or Not a hit.", spec.tests, entry="f")
    if other == "Wide":
        function = function_in(VERDICT.format(one, other) + "    return 'Hit'\n", "f")
        assert function is not None
    assert [sign.what for sign in invented_texts(function, spec)] == invented


@pytest.mark.parametrize(
    ("text", "code", "ignored"),
    [
        ("Repeat the text k times.", "def f(text, k): return text", ["k"]),
        ("Repeat the text k times; k is unused.", "def f(text, k): return text", []),
        ("Repeat the text.", "def f(text, k): return text", []),
        ("Repeat the text k times.", "def f(text, k): return g(**locals())", []),
        ("Repeat the text k times.", "def f(text, k): ...", []),
        ("Repeat the text k times.", "def f(text, k): return text * k", []),
        ("Does it.\n>>> f(k, 1)", "def f(text, k): return text", []),
    ],
)
def test_a_parameter_that_is_named_and_ignored(text: str, code: str, ignored: list[str]) -> None:
    (function,) = ast.parse(code).body
    assert isinstance(function, ast.FunctionDef)
    assert [sign.what for sign in ignored_parameters(function, spec_of(text, entry="f"))] == ignored


WRONG = {
    "def is_prime(n):\n    return n in (2, 3) or n % 2 == 1 and n % 3 != 0": ("Whether n is prime.", "is_prime(7)"),
    "def only(v):\n    return [x for i, x in enumerate(v) if not i or x != v[i - 1]]": (
        "Remove duplicates.",
        "only([1, 1, 2]) == [1, 2]",
    ),
    "def order(v):\n    return sorted(set(v))": ("Sort the list.", "order([3, 1]) == [1, 3]"),
    "def tri(a, b, c):\n    return a * a + b * b == c * c": (
        "Check if the triangle is right-angled.",
        "tri(3, 4, 5) == True",
    ),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("code", WRONG)
async def test_what_a_notion_does_not_allow_is_found(session: Session, code: str) -> None:
    text, test = WRONG[code]
    entry = test.split("(")[0]
    found = await examine(Candidate("draft", code, entry), spec_of(text, [f"assert {test}"], entry=entry), session)
    assert [p.category for p in found.problems if grave([p])] == ["behaviour/property"]
    assert "is not right for" in found.problems[0].claim


RIGHT = {
    "describe": '''def describe(status: int) -> str:
    """A name for an HTTP status."""
    return {404: "Not Found"}.get(status, "Unknown status")
''',
    "greet": '''def greet(name: str) -> str:
    """A greeting.

    >>> greet("Ann")
    'Hello, Ann!'
    """
    return f"Hello, {name}!" if name else "Hello, stranger!"
''',
    "chunks": '''def chunks(values: list[int], size: int):
    """Pieces of `size` values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
''',
    "retry": '''def retry(times: int):
    """A decorator that tries again, up to `times` times."""
    def wrap(function):
        return lambda *args: next(function(*args) for _ in range(times))
    return wrap
''',
    "unique": '''def unique(values: list[str]) -> list[str]:
    """The values without duplicates, in any order."""
    return list(set(values))
''',
    "token": '''import secrets

def token(length: int) -> str:
    """A fresh token."""
    return secrets.token_hex(length)
''',
    "supported": '''def supported(version: int) -> bool:
    """Whether we speak the version."""
    return 203 <= version <= 205
''',
    "bubble": '''def bubble(values: list[int]) -> None:
    """Sort the list in place."""
    values.sort()
''',
    "valid": '''def valid(text: str) -> bool:
    """Whether it is a code.

    >>> valid("no")
    False
    """
    return len(text) == 36 and text[8] == "-"
''',
    "half": '''from fractions import Fraction

def half(n: int) -> Fraction:
    """One half of it.

    >>> half(2) == 1
    True
    """
    return Fraction(n, 2)
''',
}
TESTS = """from mod import *
from mod import chunks, half


def test_all():
    assert list(chunks([1, 2, 3], 2)) == [[1, 2], [3]]
    assert half(3) == 1.5
"""


async def in_file(session: Session, folder: Path, code: str, *, stub: str | None = None) -> Evidence:
    workspace, staged = folder / "ws", folder / "staged"
    for place, text in ((workspace, stub or ""), (staged, code)):
        place.mkdir()
        (place / "mod.py").write_text(text)
    (workspace / "test_mod.py").write_text(TESTS)
    tests = Evidence(tool="tests", request="?", outcome=Outcome.passed, data={"files": {"tests": ["test_mod.py"]}})
    state = FileState(sha256="0" * 64, size=1, mode=0o644)
    seen = View(
        task=Task(goal="Write it."),
        run="r",
        draft=Draft(author="a"),
        session=session,
        workspace=workspace,
        layer=Layer(root=staged),
        changes=Changes(files=(FileChange(path="mod.py", before=state, after=state),)),
        baseline={"tests": tests},
    )
    (call,) = Behaviour().plan(seen)
    return await Behaviour().run(call, seen)


@pytest.mark.sandbox
@pytest.mark.parametrize("name", RIGHT)
async def test_no_alarm_about_what_is_right(session: Session, tmp_path: Path, name: str) -> None:
    found = await in_file(session, tmp_path, RIGHT[name])
    assert found.outcome is Outcome.passed, found.observation


ANSWERS = {
    "def mean(v):\n    return round(sum(v) / len(v), 2)": ("Compute the mean of the list.", "mean([1, 2]) == 1.5"),
    "def common(a, b):\n    return list(set(a) & set(b))": ("Common items of two lists.", "common([1, 2], [2]) == [2]"),
    "def words(v):\n    return sorted(v, key=str.lower)": ("Sort the names.", "words(['b', 'a']) == ['a', 'b']"),
    "def top(v):\n    return max(v, default=None)": (
        "Return the largest number in a list or None.",
        "top([1, 3]) == 3",
    ),
    "def fib(n):\n    return 1 if n < 2 else fib(n - 1) + fib(n - 2)": ("The nth Fibonacci number.", "fib(4) == 5"),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("code", ANSWERS)
async def test_no_alarm_where_people_differ(session: Session, code: str) -> None:
    text, test = ANSWERS[code]
    entry = test.split("(")[0]
    spec = spec_of(text, [f"assert {test}"], entry=entry)
    found = await examine(Candidate("draft", code, entry), spec, session, seconds=2)
    assert not grave(found.problems), found.problems


@pytest.mark.sandbox
async def test_the_assertions_of_the_test_files_are_known(session: Session, tmp_path: Path) -> None:
    wrong = RIGHT["half"].replace("Fraction(n, 2)", "n // 2")
    found = await in_file(session, tmp_path, wrong)
    assert found.outcome is Outcome.failed
    assert "`assert half(3) == 1.5` does not hold: the call gives 1" in found.observation
