"""Candidates run in the sandbox: each by itself, none trusted, grouped and ranked by what they did."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from revet.sandboxes import Local, Session
from revet.tools._behaviour.running import Call, Statement, run_cases
from revet.tools._behaviour.values import decode, kind_of, plain, same, shown
from revet.tools.behaviour import Candidate, compare, disagreement, examine, grave, rank, spec_of

pytestmark = pytest.mark.sandbox

STUB = '''def largest(numbers: list[int]) -> int:
    """The largest of the numbers.

    >>> largest([1, 3, 2])
    3
    """
'''


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    opened = await Local().open()
    yield opened
    await opened.close()


def named(**codes: str) -> list[Candidate]:
    return [Candidate(name, code, "f") for name, code in codes.items()]


FORGER = """
import os
for n in range(3, 64):
    try:
        os.write(n, b'x' * 64)
    except OSError:
        pass
def f(x):
    return 1
"""
GOOD = "def f(x):\n    return sorted(x)"


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        ("def f(x):\n    while True:\n        pass", "timeout", ""),
        ("def f(x):\n    while True:\n        print('x' * 10000)", "timeout", ""),
        (
            "def f(x):\n    try:\n        while True:\n            pass\n    except BaseException:\n        f(x)",
            "timeout",
            "",
        ),
        ("import os\ndef f(x):\n    os._exit(0)", "died", "exit 0"),
        ("import os\ndef f(x):\n    os.abort()", "died", "signal 6"),
        ("import sys\ndef f(x):\n    sys.exit(0)", "error", "SystemExit"),
        ("def f(x):\n    return f(x)", "error", "RecursionError"),
        ("def f(x):\n    return [0] * 10**10", "error", "MemoryError"),
        ("def f(x):\n    raise KeyboardInterrupt", "error", "KeyboardInterrupt"),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\ndef f(x):\n    raise E", "error", "E"),
        ("def f(x):\n    return 1 / 0", "error", "ZeroDivisionError"),
    ],
)
async def test_what_a_candidate_does_to_itself_is_its_result(
    session: Session, code: str, kind: str, error: str
) -> None:
    bad, good = await run_cases(session, named(bad=code, good=GOOD), [Call("([2, 1],)")], seconds=0.3)
    assert (bad.outcomes[0].kind, bad.outcomes[0].error) == (kind, error)
    assert str(good.outcomes[0]) == "[1, 2]"


@pytest.mark.parametrize(
    "code",
    [
        "import os, signal\ndef f(x):\n    os.kill(os.getppid(), signal.SIGKILL)",
        "import os\ndef f(x):\n    while True:\n        os.fork()",
        "import os, time\ndef f(x):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(60)\n    return 1",
        "import json, builtins\njson.dumps = lambda *a, **k: '1'\nbuiltins.len = lambda x: 3\ndef f(x):\n    return 5",
        FORGER,
        "x = 1",
        "def f(x:",
        "raise SystemExit",
    ],
)
async def test_one_candidate_does_not_spoil_another(session: Session, code: str) -> None:
    rans = await run_cases(session, named(one=GOOD, bad=code, two=GOOD), [Call("([2, 1],)")] * 3, seconds=0.3)
    for ran in (rans[0], rans[2]):
        assert [str(outcome) for outcome in ran.outcomes] == ["[1, 2]"] * 3


async def test_a_lost_case_costs_itself_alone(session: Session) -> None:
    code = "def f(x):\n    while x == 1:\n        pass\n    return x"
    ran = (await run_cases(session, named(f=code), [Call(f"({n},)") for n in range(4)], seconds=0.3))[0]
    assert [outcome.kind for outcome in ran.outcomes] == ["value", "timeout", "value", "value"]


async def test_lying_objects_pass_no_test(session: Session) -> None:
    liar = (
        "class Liar(int):\n    def __eq__(self, other): return True\n    def __repr__(self): return '3'\n"
        "    def __class__(self): return int\ndef largest(numbers):\n    return Liar(7)"
    )
    patched = "import builtins\nbuiltins.AssertionError = ValueError\ndef largest(numbers):\n    return 4"
    spec = spec_of(STUB, ["assert largest([1, 3, 2]) == 3"])
    candidates = [Candidate("liar", liar, "largest"), Candidate("patched", patched, "largest")]
    seen = await compare(candidates, spec, session, count=8)
    assert [row[0] for row in seen.verdicts] == ["fail", "fail"]


async def test_a_test_is_judged_by_what_was_returned(session: Session) -> None:
    spec = spec_of(
        "", ["assert f(f(2)) == 4", "assert abs(f(1.5) - 2.5) < 1e-9", "assert f(1) in {2, 3}", "assert f(1) == other"]
    )
    seen = await compare([Candidate("f", "other = 2\ndef f(x):\n    return x + 1", "f")], spec, session)
    assert seen.verdicts == (("pass", "pass", "pass", "unknown"),)


async def test_candidates_that_behave_alike_are_one_group(session: Session) -> None:
    codes = ["max(numbers)", "sorted(numbers)[-1]", "numbers[1]", "numbers[len(numbers) // 2]", "float(max(numbers))"]
    candidates = [Candidate(code, f"def largest(numbers):\n    return {code}", "largest") for code in codes]
    seen = await compare(candidates, spec_of(STUB), session)
    assert seen.groups[0] == (0, 1, 4)
    assert len(seen.groups) == 3
    first = next(seen.differences(0, 2))
    assert first.input.near
    assert not first.one.same(first.other)
    ranking = rank(seen)
    assert {ranking[0].number, ranking[1].number, ranking[2].number} == {0, 1, 4}
    assert [r.number for r in ranking] == [r.number for r in rank(seen)]
    said = disagreement(seen, 2, [0, 1, 4])
    assert said is not None
    assert "3 of 3 other candidates" in said.claim
    assert grave([said])
    assert disagreement(seen, 0, [1, 4]) is None


async def test_visible_tests_come_before_agreement(session: Session) -> None:
    spec = spec_of(STUB, ["assert largest([1, 3, 2]) == 3", "assert largest([-5, -2]) == -2"])
    wrong = "def largest(numbers):\n    best = 0\n    for n in numbers:\n        best = max(best, n)\n    return best"
    right = "def largest(numbers):\n    return max(numbers)"
    candidates = [Candidate(f"c{n}", code, "largest") for n, code in enumerate([wrong, wrong, right, "def largest("])]
    ranking = rank(await compare(candidates, spec, session, model_tests=["assert largest([-1]) == 0"]))
    assert [ranking[0].number, ranking[-1].number] == [2, 3]


async def test_inputs_that_a_candidate_changed_are_seen(session: Session) -> None:
    ran = (await run_cases(session, named(f="def f(x):\n    x.sort()\n    return x"), [Call("([2, 1],)")]))[0]
    assert ran.outcomes[0].after is not None
    assert decode(ran.outcomes[0].after) == ([1, 2],)


async def test_a_statement_records_the_calls_before_it_fails(session: Session) -> None:
    ran = (await run_cases(session, named(f=GOOD), [Statement("assert f([2, 1]) == 0 and f([3])")]))[0]
    assert [str(each) for each in ran.outcomes[0].got] == ["[1, 2]"]


async def test_nothing_to_run(session: Session) -> None:
    assert await run_cases(session, [], [Call("(1,)")]) == []
    assert (await run_cases(session, named(f=GOOD), []))[0].outcomes == ()


async def test_metamorphic_relations_find_what_no_test_shows(session: Session) -> None:
    stub = (
        "def encode(s: str) -> str:\n    return ''.join(chr(ord(c) + 1) for c in s)\n\n"
        "def decode(s: str) -> str:\n    '''Takes a text encoded with encode and returns the decoded text.'''\n"
    )
    wrong = stub + "    return ''.join(chr(ord(c) - 2) for c in s)"
    right = stub + "    return ''.join(chr(ord(c) - 1) for c in s)"
    spec = spec_of(stub, entry="decode")
    found = [await examine(Candidate("d", code, "decode"), spec, session) for code in (wrong, right)]
    assert [any(p.category == "behaviour/relation" for p in each.problems) for each in found] == [True, False]


async def test_what_changes_from_call_to_call_is_told(session: Session) -> None:
    counter = "seen = []\ndef largest(numbers):\n    seen.append(1)\n    return max(numbers) + len(seen) - 1"
    found = await examine(Candidate("d", counter, "largest"), spec_of(STUB), session)
    assert any(p.category == "behaviour/nondeterminism" for p in found.problems)


async def test_a_number_of_the_code_alone_is_no_reason_to_revise(session: Session) -> None:
    code = "def km(degrees):\n    return degrees * 6371.0088 * 3.141592653589793 / 180"
    draft, failed = (Candidate("c", source, "km") for source in (code, "def km(degrees):\n    return 0"))
    spec = spec_of("The length of an arc on Earth.", ["assert round(km(1)) == 111"], entry="km")
    found = await examine(draft, spec, session, earlier=[failed])
    assert not grave(found.problems)


def test_values_are_the_same_as_tests_mean_it() -> None:
    assert same(["i", "0x1"], ["f", "1.0"])
    assert same(["b", True], ["i", "0x1"])
    assert same(["f", "nan"], ["f", "nan"])
    assert same(["f", "0.30000000000000004"], ["f", "0.3"])
    assert not same(["l", []], ["t", []])
    assert not same(["s", "1"], ["i", "0x1"])
    assert not same(["o", "A"], ["o", "B"])
    assert shown(["o", "map"]) == "<a map object>"
    assert shown(["l", [["i", "0x1"], ["s", "a"]]]) == "[1, 'a']"
    assert kind_of(["S", []]) == "set"
    assert not plain(["d", [[["l", []], ["n"]]]])
    for broken in ([], ["?"], ["i", "x"], ["i"], ["f", []], ["l", [1]]):
        assert not plain(broken)
