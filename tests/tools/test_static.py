"""Static checks: what a draft brings in is told, what was there before is not, and no draft silences them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.sandboxes import Layer
from revet.schema import Answer, Changes, Draft, Evidence, FileChange, Outcome, Severity, Task
from revet.tools import StaticChecks, View, problems_of
from revet.tools._static import ruff as ruff_module
from revet.tools._static import types as types_module
from revet.tools._static.marks import silencers
from revet.tools._static.news import Fault, news
from revet.tools._static.syntax import fault_in

from .bench import state

Files = Mapping[str, str | bytes]


def put(root: Path, files: Files) -> None:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())


def view_of(folder: Path, before: Files, after: Files, deleted: tuple[str, ...] = (), answer: str = "") -> View:
    root, layer = folder / "ws", folder / "layer"
    for place, files in ((root, before), (layer, after)):
        place.mkdir()
        put(place, files)
    changes = []
    for name in (*after, *deleted):
        old = (root / name).read_bytes() if name in before else None
        new = (layer / name).read_bytes() if name in after else None
        changes.append(FileChange(path=name, before=old and state(old), after=None if new is None else state(new)))
    actions = (Answer(text=answer),) if answer else ()
    return View(
        task=Task(workspace=str(root)),
        run="r",
        workspace=root,
        layer=Layer(root=layer, deleted=deleted),
        changes=Changes(files=tuple(changes)),
        draft=Draft(author="a", actions=actions),
    )


async def checked(view: View, tool: StaticChecks | None = None) -> Evidence:
    tool = tool or StaticChecks()
    (call,) = tool.plan(view)
    return await tool.run(call, view)


def told(evidence: Evidence) -> list[tuple[str, str]]:
    return [(str(problem.location), problem.category) for problem in problems_of(evidence)]


async def test_an_undefined_name_is_told_with_its_place(tmp_path: Path) -> None:
    evidence = await checked(view_of(tmp_path, {"shop.py": "x = 1\n"}, {"shop.py": "x = 1\n\n\nprint(totl)\n"}))
    assert evidence.outcome is Outcome.failed
    (problem,) = problems_of(evidence)
    assert (str(problem.location), problem.category) == ("shop.py:4", "static/F821")
    assert problem.severity is Severity.major
    assert "totl" in problem.claim


async def test_what_was_there_before_is_no_news_wherever_it_stands_now(tmp_path: Path) -> None:
    old = "import os\n\ndef f():\n    return undefined\n"
    new = "import sys\nprint(sys.path)\n\n\nimport os\n\n\nclass A:\n    def f(self):\n        return undefined\n"
    evidence = await checked(view_of(tmp_path, {"a.py": old}, {"a.py": new}))
    assert "static/F821" not in dict(told(evidence)).values()
    assert evidence.outcome is Outcome.passed


async def test_code_that_moves_to_another_file_is_no_news_but_a_second_copy_is(tmp_path: Path) -> None:
    old = "def f():\n    return undefined\n"
    moved = view_of(tmp_path, {"a.py": old}, {"b.py": old}, deleted=("a.py",))
    assert told(await checked(moved)) == []
    copied = replace(moved, changes=Changes(files=moved.changes.files[:1] if moved.changes else ()))
    assert told(await checked(copied)) == [("b.py:2", "static/F821")]


async def test_a_noqa_silences_nothing_and_is_told_itself(tmp_path: Path) -> None:
    evidence = await checked(view_of(tmp_path, {"a.py": "x = 1\n"}, {"a.py": "x = y  # noqa: F821\n"}))
    assert sorted(told(evidence)) == [("a.py:1", "static/F821"), ("a.py:1", "static/silenced")]


async def test_an_old_noqa_stays_quiet(tmp_path: Path) -> None:
    old = "import os  # noqa: F401\n"
    assert told(await checked(view_of(tmp_path, {"a.py": old}, {"a.py": old + "x = 1\n"}))) == []


async def test_the_configuration_is_that_before_the_draft(tmp_path: Path) -> None:
    loose = '[lint]\nselect = ["E9"]\nignore = ["F", "S", "PLE"]\n'
    view = view_of(tmp_path, {"a.py": "x = 1\n"}, {"a.py": "print(nope)\n", "ruff.toml": loose})
    evidence = await checked(view)
    assert ("a.py:1", "static/F821") in told(evidence)
    assert "the draft changes ruff.toml" in evidence.observation


async def test_the_workspace_s_own_choice_of_rules_is_honoured(tmp_path: Path) -> None:
    own = '[tool.ruff.lint]\nselect = ["N"]\nignore = ["F401"]\n'
    new = "import os\n\n\ndef BadName():\n    return missing\n"
    evidence = await checked(view_of(tmp_path, {"pyproject.toml": own}, {"a.py": new}))
    assert sorted(rule for _, rule in told(evidence)) == ["static/F821", "static/N802"]


async def test_a_configuration_that_cannot_be_used_is_said_and_ours_taken(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"ruff.toml": 'extend = "/nowhere/ruff.toml"\n'}, {"a.py": "print(nope)\n"})
    evidence = await checked(view)
    assert ("a.py:1", "static/F821") in told(evidence)
    assert "configuration of ruff is not used" in evidence.observation


async def test_unsafe_calls_are_graded_as_bandit_does(tmp_path: Path) -> None:
    new = "import subprocess\n\n\ndef go(word):\n    subprocess.run(f'ls {word}', shell=True)\n    eval(word)\n"
    evidence = await checked(view_of(tmp_path, {}, {"a.py": new}))
    grades = {problem.category: problem.severity for problem in problems_of(evidence)}
    assert grades == {"static/S602": Severity.major, "static/S307": Severity.minor}
    assert evidence.outcome is Outcome.failed


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("a.py", "def f(:\n", "def f(): ...\n"),
        ("a.json", '{"a": }', '{"a": 1}'),
        ("a.yaml", "a: [1\nb: 2\n", "a: [1]\n"),
        ("a.toml", "a = \n", "a = 1\n"),
        ("a.json", b"\xff\xfe\x00", "[]"),
        ("a.json", "[" * 100_000, "[]"),
        ("a.yaml", "a: \x00", "a: 1\n"),
    ],
)
async def test_syntax(tmp_path: Path, name: str, bad: str | bytes, good: str) -> None:
    evidence = await checked(view_of(tmp_path, {}, {name: bad}))
    assert evidence.outcome is Outcome.failed
    assert [rule for _, rule in told(evidence)] == ["static/syntax"]
    (tmp_path / "again").mkdir()
    assert (await checked(view_of(tmp_path / "again", {}, {name: good}))).outcome is Outcome.passed


async def test_syntax_that_was_wrong_before_is_no_news(tmp_path: Path) -> None:
    view = view_of(tmp_path, {"a.json": "{// note\n}"}, {"a.json": '{// note\n"b": 1}'})
    assert (await checked(view)).outcome is Outcome.passed


async def test_aliases_without_end_and_deep_code_do_no_harm(tmp_path: Path) -> None:
    laughs = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    deep = "x = " + "(" * 50_000 + ")" * 50_000
    evidence = await checked(view_of(tmp_path, {}, {"a.yaml": laughs, "b.py": deep}))
    assert ("a.yaml:1", "static/syntax") not in told(evidence)
    assert evidence.outcome in (Outcome.passed, Outcome.failed, Outcome.inconclusive)


async def test_the_program_of_an_answer_is_checked(tmp_path: Path) -> None:
    view = view_of(tmp_path, {}, {}, answer="So:\n```python\nanswer = totl + 1\n```\n")
    evidence = await checked(view)
    (problem,) = problems_of(evidence)
    assert problem.category == "static/F821"
    assert problem.location is None
    assert problem.claim.startswith("line 1 of the answer's program: ")


async def test_a_module_that_is_not_imported_is_named_and_in_an_answer_may_be_there(tmp_path: Path) -> None:
    view = view_of(tmp_path, {}, {"a.py": "x = math.pi\n"}, answer="```python\nanswer = math.pi\n```")
    by_place = {str(p.location): p for p in problems_of(await checked(view))}
    assert by_place["a.py:1"].suggestion == by_place["None"].suggestion == "import math"
    assert [by_place[place].severity for place in ("a.py:1", "None")] == [Severity.major, Severity.minor]


def test_nothing_is_planned_for_a_draft_that_changes_no_such_file(tmp_path: Path) -> None:
    assert StaticChecks().plan(view_of(tmp_path, {}, {"notes.txt": "x"})) == []


async def test_a_huge_file_is_left_out_and_said(tmp_path: Path) -> None:
    view = view_of(tmp_path, {}, {"a.py": b"x = 1\n" * 400_000, "b.py": "y = 1\n"})
    evidence = await checked(view)
    assert evidence.outcome is Outcome.passed
    assert "a.py: it is larger than 1024 KiB" in evidence.observation


async def test_without_ruff_syntax_is_checked_and_the_rest_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruff_module, "find_ruff", lambda: None)
    evidence = await checked(view_of(tmp_path, {}, {"a.py": "print(nope)\n"}))
    assert evidence.outcome is Outcome.inconclusive
    assert "pip install ruff" in evidence.observation.splitlines()[0]
    (tmp_path / "again").mkdir()
    assert (await checked(view_of(tmp_path / "again", {}, {"a.py": "def f(:\n"}))).outcome is Outcome.failed


async def test_a_ruff_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(ruff_module, "find_ruff", lambda: str(slow))
    evidence = await checked(view_of(tmp_path, {}, {"a.py": "print(nope)\n"}), StaticChecks(seconds=0.3))
    assert evidence.outcome is Outcome.inconclusive
    assert "did not end within" in evidence.observation


@pytest.mark.parametrize("bad", [{"seconds": 0}, {"select": "F"}, {"select": []}, {"select": ["--fix"]}])
def test_wrong_options_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        StaticChecks(**bad)  # type: ignore[arg-type]


def test_only_comments_silence() -> None:
    found = list(silencers("a.py", b"s = '# noqa'\nx = 1  # type: ignore[x]\ny = 2  # why noqa\n"))
    assert [(fault.line, fault.message) for fault in found] == [(2, "`type: ignore[x]` silences a checker")]


def test_mypy_s_configuration_gives_switches_and_nothing_else(tmp_path: Path) -> None:
    own = '[tool.mypy]\nstrict = true\nplugins = ["evil.py"]\nmypy_path = "x"\n'
    own += '[[tool.mypy.overrides]]\nmodule = ["a.*"]\nignore_errors = true\n'
    (tmp_path / "pyproject.toml").write_text(own)
    assert types_module.wants_types(tmp_path)
    text = types_module._config_text(types_module._configured(tmp_path) or {})
    assert "evil" not in text
    assert text.splitlines() == [
        "[mypy]",
        "ignore_missing_imports = true",
        "strict = true",
        "[mypy-a.*]",
        "ignore_errors = true",
    ]


FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from("ab"),
        st.integers(1, 9),
        st.sampled_from("FG"),
        st.sampled_from("mn"),
        st.sampled_from("xy"),
    )
)


@given(FAULTS, FAULTS)
@settings(deadline=None)
def test_news_is_a_part_of_what_is_there_and_nothing_of_the_same(before: list[Fault], after: list[Fault]) -> None:
    new = news(before, after)
    assert [fault for fault in after if fault in new] != [] or not new
    assert len(new) >= len(after) - len(before)
    assert news(after, after) == []
    assert news(before, []) == []
    assert news([], after) == after


@given(st.sampled_from(["a.py", "a.json", "a.yaml", "a.toml"]), st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_break_the_parsers(path: str, data: bytes) -> None:
    fault = fault_in(path, data)
    assert fault is None or fault.line >= 1
    base64.b64encode(data)
    list(silencers(path, data))
