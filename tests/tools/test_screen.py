"""Screening finds the right mutant among wrong ones, whatever kind of code it is in, and survives the wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import dedent

import pytest

from revet.errors import InputError
from revet.tools.screen import Mutant, Screened, screen

from .bench import PYTEST, Bench, facts
from .conftest import MakeBench

pytestmark = pytest.mark.sandbox

SHOP = dedent(
    """\
    from functools import lru_cache, wraps

    RATE = 3
    TABLE = {}

    def twice(function):
        @wraps(function)
        def inner(*args):
            return function(*args) * 1
        return inner

    def plain(a, b):
        return a - b

    class Till:
        def __init__(self):
            self.total = 0

        def put(self, n):
            self.total -= n
            return self

        @property
        def doubled(self):
            return self.total * 3

    def outer(n):
        def step(k):
            return k - 1
        return [step(k) for k in range(n)]

    def gen(n):
        for i in range(n):
            yield i - 1

    @lru_cache(maxsize=None)
    def fib(n):
        return n if n < 2 else fib(n - 1) - fib(n - 2)

    def taxed(n):
        return n * RATE

    def start(n, base=0):
        return n + base

    def at_import(n):
        return n - 1

    NEXT = at_import(1)

    @twice
    def one():
        return 1
    """
)
SUITE = """\
    import pytest
    from shop import NEXT, Till, fib, gen, one, outer, plain, start, taxed

    @pytest.fixture(scope="module")
    def till():
        return Till().put(2)

    def test_plain(): assert plain(1, 2) == 3
    def test_till(till): assert till.total == 2
    def test_doubled():
        till = Till()
        till.total = 2
        assert till.doubled == 4
    def test_outer(): assert outer(2) == [1, 2]
    def test_gen(): assert list(gen(2)) == [1, 2]
    def test_fib(): assert fib(6) == 8
    def test_taxed(): assert taxed(2) == 4
    def test_start(): assert start(1) == 2
    def test_next(): assert NEXT == 2
    def test_one(): assert one() == 2
    def test_calm(): assert True
    @pytest.mark.skip(reason="no")
    def test_skipped(): pass
    """
FIXES = [
    # failing test, old text, new text, wrong texts, function
    ("test_plain", "a - b", "a + b", ["a * b", "b - a", "a // b"], "plain"),
    ("test_till", "self.total -= n", "self.total += n", ["self.total *= n", "self.total = 0"], "Till.put"),
    ("test_doubled", "self.total * 3", "self.total * 2", ["self.total * 1"], "Till.doubled"),
    ("test_outer", "k - 1", "k + 1", ["k * 1", "k"], "outer"),
    ("test_gen", "yield i - 1", "yield i + 1", ["yield i", "return i", "pass"], "gen"),
    ("test_fib", "fib(n - 1) - fib", "fib(n - 1) + fib", ["fib(n - 1) * fib"], "fib"),
    ("test_taxed", "RATE = 3", "RATE = 2", ["RATE = 1", "RATE = ["], None),
    ("test_start", "base=0", "base=1", ["base=-1"], None),
    ("test_next", "return n - 1", "return n + 1", ["return n"], "at_import"),
    ("test_one", "function(*args) * 1", "function(*args) * 2", ["function(*args) * 0"], "twice"),
]


def mutant(source: str, old: str, new: str, function: str | None) -> Mutant:
    assert source.count(old) == 1, old
    at = source.index(old)
    return Mutant("shop.py", ((at, at + len(old), new),), function)


async def screened(
    ws: Bench, mutants: Sequence[Mutant], failing: Sequence[str], stop_after: int = 99, seconds: float = 30.0
) -> dict[int, Screened]:
    view = ws.view()
    view = replace(view, baseline={ws.check.id: await ws.run(view)})
    seen: list[Screened] = []
    found = await screen(
        view, ws.check, mutants, failing=failing, stop_after=stop_after, seconds=seconds, on_result=seen.append
    )
    assert found == seen
    assert len({r.index for r in found}) == len(found)
    return {r.index: r for r in found}


async def test_the_right_mutant_is_found_in_every_kind_of_code(bench: MakeBench) -> None:
    ws = await bench({"shop.py": SHOP, "test_shop.py": SUITE})
    mutants, right = [], {}
    for name, old, new, wrong, function in FIXES:
        mutants += [mutant(SHOP, old, text, function) for text in wrong]
        right[len(mutants)] = f"test_shop.py::{name}"
        mutants.append(mutant(SHOP, old, new, function))
    failing = list(right.values())
    found = await screened(ws, mutants, failing)
    assert len(found) == len(mutants)
    for index, result in found.items():
        # `FIRST` failing tests are run even if some fail, so the first eight show who fixes what.
        expected = (right[index],) if index in right and right[index] in failing[:8] else ()
        assert result.fixed == expected, (mutants[index], result)
        assert result.outcome in ("failed", "error") and not result.complete


@pytest.mark.parametrize(("name", "old", "new", "wrong", "function"), FIXES, ids=[f[0] for f in FIXES])
async def test_a_fix_passes_completely(
    bench: MakeBench, name: str, old: str, new: str, wrong: list[str], function: str | None
) -> None:
    source = SHOP
    for _, before, after, _, _ in FIXES:
        if before != old:
            source = source.replace(before, after)
    ws = await bench({"shop.py": source, "test_shop.py": SUITE})
    mutants = [mutant(source, old, text, function) for text in [*wrong, new, *wrong]]
    found = await screened(ws, mutants, [f"test_shop.py::{name}"])
    good = [r for r in found.values() if r.outcome == "passed"]
    assert [(r.index, r.complete, r.fixed) for r in good] == [(len(wrong), True, (f"test_shop.py::{name}",))]
    assert len(found) == len(mutants)


CALC = "def add(a, b):\n    return a - b\n\ndef low(n):\n    return n\n"
CALC_TESTS = {
    PYTEST: "from shop import add, low\ndef test_add(): assert add(1, 2) == 3\ndef test_low(): assert low(1) == 1\n",
    "python -m unittest": """\
        import unittest
        from shop import add, low
        class T(unittest.TestCase):
            def test_add(self): self.assertEqual(add(1, 2), 3)
            def test_low(self): assert low(1) == 1
        """,
    "python test_shop.py": "from shop import add, low\nassert add(1, 2) == 3\nassert low(1) == 1\n",
    "python test_shop.py && true": "from shop import add, low\nassert add(1, 2) == 3\nassert low(1) == 1\n",
}
IDS = {
    PYTEST: "test_shop.py::test_add",
    "python -m unittest": "test_shop.T.test_add",
    "python test_shop.py": "script",
    "python test_shop.py && true": "the command",
}
SWALLOWS = """
    while True:
        try:
            while True: pass
        except BaseException: pass"""
BAD = {
    "loops": "while True: pass",
    "loops and swallows": SWALLOWS,
    "sleeps": "import time; time.sleep(60)",
    "exits": "import os; os._exit(0)",
    "raises SystemExit": "raise SystemExit(0)",
    "kills its parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL); return a + b",
    "kills everyone": "import os, signal; os.kill(-1, signal.SIGKILL)",
    "floods": "\n    while True: print('x' * 65536)",
    "eats memory": "x = []\n    while True: x.append('x' * 10**7)",
    "recurses": "return add(a, b)",
    "does not parse": "return (",
    "forks": "import os\n    os.fork()\n    return 0",
}


@pytest.mark.parametrize("command", list(CALC_TESTS))
async def test_each_kind_of_check(bench: MakeBench, command: str) -> None:
    ws = await bench({"shop.py": CALC, "test_shop.py": CALC_TESTS[command]}, command)
    texts = ["a * b", "a // b", "a + b", "b - a"]
    mutants = [mutant(CALC, "a - b", text, "add") for text in texts]
    breaks = mutant(CALC, "return n\n", "return n + 1\n", "low")
    both = Mutant("shop.py", (*mutant(CALC, "a - b", "a + b", "add").edits, *breaks.edits), None)
    found = await screened(ws, [*mutants, both], [IDS[command]])
    assert [r.index for r in found.values() if r.outcome == "passed"] == [2]
    assert found[2].complete and found[2].fixed == (IDS[command],)
    assert found[4].outcome == "failed" and not found[4].complete
    if "&&" not in command and "script" not in IDS[command]:
        assert found[4].broken and "low" in found[4].broken[0]


@pytest.mark.parametrize(
    ("command", "function"),
    [
        (PYTEST, "add"),
        (PYTEST, None),
        ("python -m unittest", "add"),
        ("python -m unittest", None),
        ("python test_shop.py", None),
    ],
)
async def test_bad_mutants_neither_pass_nor_stop_the_others(
    bench: MakeBench, command: str, function: str | None
) -> None:
    ws = await bench({"shop.py": CALC, "test_shop.py": CALC_TESTS[command]}, command)
    mutants = [mutant(CALC, "return a - b", text, function) for text in BAD.values()]
    mutants.append(mutant(CALC, "return a - b", "return a + b", function))
    found = await screened(ws, mutants, [IDS[command]], seconds=60)
    named = {name: found[index].outcome for index, name in enumerate(BAD) if index in found}
    assert "passed" not in {**named, "kills its parent": ""}.values(), named
    assert found[len(BAD)].outcome == "passed", found
    assert named["loops"] == named["sleeps"] == "timeout", named


async def test_it_stops_when_enough_have_passed_and_when_the_time_is_up(bench: MakeBench) -> None:
    ws = await bench({"shop.py": CALC, "test_shop.py": CALC_TESTS["python -m unittest"]}, "python -m unittest")
    good = mutant(CALC, "a - b", "a + b", "add")
    bad = mutant(CALC, "a - b", "a * b", "add")
    found = await screened(ws, [bad] * 5 + [good] + [bad] * 200, [IDS["python -m unittest"]], stop_after=1)
    assert found[5].outcome == "passed" and set(range(6)) <= set(found) and len(found) < 20
    slow = mutant(CALC, "return a - b", "while True: pass", "add")
    found = await screened(ws, [slow] * 50, [IDS["python -m unittest"]], seconds=2.0)
    assert 0 < len(found) < 50


async def test_the_staged_state_is_what_is_screened(bench: MakeBench) -> None:
    ws = await bench({"shop.py": "def add(a, b):\n    return None\n", "test_shop.py": CALC_TESTS[PYTEST]})
    view = ws.drafted({"shop.py": CALC})
    found = await screen(
        view, ws.check, [mutant(CALC, "a - b", "a + b", "add")], failing=[IDS[PYTEST]], stop_after=1, seconds=20
    )
    assert [r.outcome for r in found] == ["passed"]
    assert (ws.root / "shop.py").read_text() == "def add(a, b):\n    return None\n"


async def test_children_start_alike(bench: MakeBench) -> None:
    suite = """\
        import random
        from shop import add
        def test_add(): assert add(1, 2) == 3
        def test_luck(): assert random.random() == random.Random(0).random()
        """
    ws = await bench({"shop.py": CALC, "test_shop.py": suite})
    mutants = [mutant(CALC, "a - b", text, "add") for text in ["a + b", "b + a", "a + b + 0"]]
    found = await screened(ws, mutants, [IDS[PYTEST], "test_shop.py::test_luck"])
    assert [found[n].outcome for n in range(3)] == ["passed"] * 3


async def test_a_module_that_does_not_import_can_still_be_mended(bench: MakeBench) -> None:
    broken = "RATE = 1 / 0\n\ndef add(a, b):\n    return a + b\n\ndef low(n):\n    return n\n"
    ws = await bench({"shop.py": broken, "test_shop.py": CALC_TESTS[PYTEST]})
    assert facts(await ws.run()).collect_errors
    mutants = [mutant(broken, "1 / 0", text, None) for text in ["0 / 0", "1 / 1"]]
    found = await screened(ws, mutants, [])
    assert [found[n].outcome for n in range(2)] == ["error", "passed"]


async def test_bad_arguments(bench: MakeBench) -> None:
    ws = await bench({"shop.py": CALC, "test_shop.py": CALC_TESTS[PYTEST]})
    with pytest.raises(InputError, match="stop_after"):
        await screen(ws.view(), ws.check, [], failing=[], stop_after=0, seconds=1)
    with pytest.raises(InputError, match=r"no file gone\.py"):
        await screen(ws.view(), ws.check, [Mutant("gone.py", ())], failing=[], stop_after=1, seconds=1)
    assert await screen(ws.view(), ws.check, [], failing=[], stop_after=1, seconds=1) == []
