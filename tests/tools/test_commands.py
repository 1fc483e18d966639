from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError, WorkspaceError
from revet.schema import Check
from revet.tools.commands import interpreter_for, parse_command


@pytest.mark.parametrize(
    ("command", "kind", "args"),
    [
        ("pytest -q", "pytest", ("-q",)),
        ("py.test tests", "pytest", ("tests",)),
        ("python -m pytest -k 'a or b'", "pytest", ("-k", "a or b")),
        ("python3.12 -m pytest", "pytest", ()),
        ("pytest tests/test_a.py::test_b[1-2]", "pytest", ("tests/test_a.py::test_b[1-2]",)),
        ("python -m unittest discover -s tests", "unittest", ("discover", "-s", "tests")),
        ("python3 run_tests.py --fast", "script", ("--fast",)),
        ("pytest -q | tail -1", "command", ()),
        ("pytest && mypy .", "command", ()),
        ("pytest -q tests/test_*.py", "pytest", ("-q", "tests/test_*.py")),
        (".venv/bin/python -m pytest -q", "pytest", ("-q",)),
        ("./.venv/bin/pytest", "pytest", ()),
        ("python -W error -Xdev -m pytest -x", "pytest", ("-x",)),
        ("env A=1 pytest", "pytest", ()),
        ("uv run pytest -q", "pytest", ("-q",)),
        ("poetry run python -m unittest", "unittest", ()),
        ("cd sub && pytest -q", "pytest", ("-q",)),
        ("cd ../other && pytest", "command", ()),
        ("cd /etc && pytest", "command", ()),
        ("cd sub && true && pytest", "command", ()),
        ("env -i pytest", "command", ()),
        ("uv run --frozen pytest", "command", ()),
        ("python -O -m pytest", "command", ()),
        ("*.py pytest", "command", ()),
        ("pytest -q; true", "command", ()),
        ("echo $(pytest)", "command", ()),
        ('pytest "$TESTS"', "command", ()),
        ("pytest > out.txt", "command", ()),
        ("make test", "command", ()),
        ("python -m mypy", "command", ()),
        ("python", "command", ()),
    ],
)
def test_words_decide_the_kind(command: str, kind: str, args: tuple[str, ...]) -> None:
    found = parse_command(Check(command=command))
    assert (found.kind, found.args) == (kind, args)


def test_assignments_go_into_the_environment() -> None:
    found = parse_command(Check(command="A=1 PYTHONPATH=src python -m pytest -q"))
    assert (found.kind, found.env) == ("pytest", {"A": "1", "PYTHONPATH": "src"})


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("cd a/b && pytest", {"cwd": "a/b"}),
        (".venv/bin/pytest", {"python": ".venv/bin/python"}),
        ("/opt/x/bin/python3 -m pytest", {"python": "/opt/x/bin/python3"}),
        ("python -W error -B -m pytest", {"options": ("-W", "error", "-B")}),
        ("pytest -k 'a*' test_*.py test_a.py::test_b[*]", {"patterns": (2,)}),
        ("env A=1 B='2 3' pytest", {"env": {"A": "1", "B": "2 3"}}),
    ],
)
def test_what_stands_around_the_words_is_kept(command: str, fields: dict[str, object]) -> None:
    found = parse_command(Check(command=command)).model_dump()
    assert {name: found[name] for name in fields} == fields


def test_a_pipe_is_not_of_the_kind_that_it_says() -> None:
    with pytest.raises(InputError, match="of kind pytest, but its words say command"):
        parse_command(Check(command="pytest -q | cat", kind="pytest"))


def test_kind_overrides_the_words() -> None:
    assert parse_command(Check(command="pytest -q", kind="command")).kind == "command"
    with pytest.raises(InputError, match="kind unittest"):
        parse_command(Check(command="pytest -q", kind="unittest"))


def test_bad_quoting_is_the_users_error() -> None:
    with pytest.raises(InputError, match="quot"):
        parse_command(Check(command="pytest -k 'a"))


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = parse_command(Check(command=text))
    except InputError:
        return
    assert found.text == text.strip()


def test_interpreter(tmp_path: Path) -> None:
    assert interpreter_for(tmp_path, None) == Path(sys.executable)
    assert interpreter_for(None, None) == Path(sys.executable)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert interpreter_for(tmp_path, None) == own
    assert interpreter_for(tmp_path, ".venv") == own
    assert interpreter_for(tmp_path, ".venv/bin/python") == own
    with pytest.raises(WorkspaceError, match="does not exist"):
        interpreter_for(tmp_path, "nothing/python")
