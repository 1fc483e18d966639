from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.protected import is_test_or_build
from revet.schema import Outcome
from revet.tools.decoys import misjudged, plant
from revet.tools.facts import Report, TestFact, TestFacts, TestFiles, collect_facts, read_report
from revet.tools.integrity import judge, violations

KEY = b"k" * 32


def lines(records: list[dict[str, Any]], key: bytes = KEY) -> list[bytes]:
    made = []
    for number, record in enumerate(records):
        body = json.dumps(record).encode()
        signature = hmac.new(key, b"%d %s" % (number, body), hashlib.sha256).hexdigest()[:32]
        made.append(b"%d %s %s\n" % (number, signature.encode(), body))
    return made


def passing(count: int = 2, **changes: Any) -> TestFacts:
    tests = tuple(TestFact(id=f"t{n}", outcome="passed") for n in range(count))
    facts = TestFacts(kind="pytest", complete=True, exit_code=0, collected=count, counts={"passed": count}, tests=tests)
    return facts.model_copy(update=changes)


GOOD: list[dict[str, Any]] = [
    {"t": "collected", "ids": ["a"], "deselected": 0, "tests": ["test_a.py"], "conftest": [], "ini": None},
    {"t": "start", "id": "a"},
    {"t": "test", "id": "a", "outcome": "passed", "seconds": 0.1},
    {"t": "end", "status": 0},
]


def test_a_whole_report_is_read() -> None:
    report = read_report(b"".join(lines(GOOD)), KEY)
    facts = collect_facts("pytest", report, verdict="ok", exit_code=0)
    assert facts.complete
    assert facts.passing == ("a",)
    assert judge(facts, violations(facts, None)) is Outcome.passed


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_report_that_was_tampered_with_passes(data: st.DataObject) -> None:
    made = lines(GOOD)
    how = data.draw(st.sampled_from(["drop", "swap", "repeat", "add", "other key", "flip"]))
    where = data.draw(st.integers(0, len(made) - 1))
    if how == "drop":
        del made[where]
    elif how == "swap":
        made[where], made[where - 1] = made[where - 1], made[where]
    elif how == "repeat":
        made.insert(where, made[where])
    elif how == "add":
        made.insert(where, data.draw(st.binary(min_size=1, max_size=60)).replace(b"\n", b"") + b"\n")
    elif how == "other key":
        made[where] = lines(GOOD, b"x" * 32)[where]
    else:
        line = bytearray(made[where])
        line[data.draw(st.integers(0, len(line) - 2))] ^= 1
        made[where] = bytes(line)
    report = read_report(b"".join(made), KEY)
    facts = collect_facts("pytest", report, verdict="ok", exit_code=0)
    assert judge(facts, violations(facts, None)) is not Outcome.passed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"complete": False}, "before the test runner had finished"),
        ({"collected": 1, "tests": (TestFact(id="t0", outcome="passed"),)}, "2 before the draft"),
        (
            {"tests": (TestFact(id="t0", outcome="passed"), TestFact(id="new", outcome="passed"))},
            "did not run",
        ),
        ({"tests": (TestFact(id="t0", outcome="passed"), TestFact(id="t1", outcome="skipped"))}, "skipped"),
        ({"collected": 3}, "only 2 ran"),
        ({"integrity": ("builtins.len was replaced",)}, "builtins.len"),
    ],
)
def test_each_rule_speaks(changes: dict[str, Any], words: str) -> None:
    facts = passing(**changes)
    said = violations(facts, passing())
    assert any(words in sentence for sentence in said), said
    assert judge(facts, said) is Outcome.failed


def test_what_the_baseline_did_too_is_not_held_against_the_draft() -> None:
    same = passing(integrity=("builtins.len was replaced",))
    assert violations(same, same) == ()


def test_written_files() -> None:
    facts = passing(files=TestFiles(tests=("check_it.py",), ini="pytest.ini"))
    touched = ("check_it.py", "tests/conftest.py", "out.txt", "a/__pycache__/conftest.py", "tests/data.json")
    said = violations(facts, None, touched=touched, allows=lambda path: False)
    assert [s.split()[3] for s in said] == ["check_it.py", "tests/conftest.py"]


def test_code_that_runs_before_the_tests() -> None:
    said = violations(passing(), None, changed=("src/a.py", "src/sitecustomize.py", ".venv/lib/x.py"))
    assert len(said) == 2


@pytest.mark.parametrize(
    ("path", "edit", "said"),
    [
        ("test_shop.py", (), True),
        ("test_shop.py", ("*.py",), True),
        ("test_shop.py", ("test_shop.py",), False),
        ("sub/conftest.py", ("sub/",), True),
        ("pytest.ini", ("*",), True),
        ("check_it.py", ("*.py",), True),
        ("check_it.py", ("check_it.py", "*.py"), False),
        ("shop.py", ("*.py",), False),
        ("sitecustomize.py", ("sitecustomize.py",), True),
    ],
)
@pytest.mark.parametrize("kind", ["pytest", "command"])
def test_a_draft_may_not_change_what_decides_the_tests(kind: Any, path: str, edit: tuple[str, ...], said: bool) -> None:
    baseline = passing(files=TestFiles(tests=("check_it.py",)), kind=kind)
    found = violations(passing(kind=kind), baseline, changed=(path,), edit=edit)
    assert bool(found) is said
    assert not said or found[0].startswith(f"the draft changes {path}, which ")


def test_unfamiliar_things_count_only_beside_a_baseline_that_ran() -> None:
    odd = passing(unfamiliar=("shop.py looked",))
    assert violations(odd, passing()) == ("shop.py looked",)
    assert violations(odd, odd) == ()
    assert violations(odd, passing(0)) == ()
    assert violations(odd, None) == ()


def decoy_records(outcomes: dict[str, str]) -> Report:
    return Report(records=tuple({"t": "decoy", "id": name, "outcome": word} for name, word in outcomes.items()))


def test_planted_tests_must_come_out_as_planted() -> None:
    decoys = plant()
    assert len({d.name for d in decoys}) == 4 and sum(d.passes for d in decoys) == 2
    right = {d.name: "passed" if d.passes else "failed" for d in decoys}
    assert misjudged(decoys, decoy_records(right), passing()) == ()
    assert misjudged(decoys, decoy_records(dict.fromkeys(right, "skipped")), passing()) == ()
    assert misjudged(decoys, decoy_records(dict.fromkeys(right, "passed")), passing())[0].endswith("reported as passed")
    assert misjudged(decoys, decoy_records(dict.fromkeys(right, "failed")), passing())[0].endswith("reported as failed")
    assert misjudged(decoys, decoy_records({}), passing()) == ("the planted tests did not run",)
    assert misjudged(decoys, decoy_records({}), passing(kind="script")) == ()


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5])
def test_no_other_exit_status_passes(status: int) -> None:
    assert judge(passing(exit_code=status), ()) is Outcome.failed


def test_nothing_passes_without_a_passing_test() -> None:
    skipped = passing(tests=(TestFact(id="t", outcome="skipped"),), counts={"skipped": 1}, collected=1)
    assert judge(skipped, ()) is Outcome.failed
    assert judge(passing(0), ()) is Outcome.error


@pytest.mark.parametrize("path", ["tests/test_a.py", "a_test.py", "x/conftest.py", "pyproject.toml", "tests/help.py"])
def test_test_and_build_files(path: str) -> None:
    assert is_test_or_build(path)
    assert not is_test_or_build("src/shop.py")
