"""Commands of a log: which are drafts, what is refused, what the loop may not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.evals import Source
from revet.evals.replay.bash import complaint, open_suite

from .logs import of_nothing, played, said
from .spying import MARK, kept_in, spy_on, write

SET = "intercode_bash"
QUERY = "Print the names of all text files below /testbed"
RIGHT, WRONG = "find /testbed -name '*.txt'", "ls /testbed"
COMPLAINS = "find /testbed -nam '*.txt'"
NOTHING = "find /testbed -name '*.text'"
DENIED = "rm -rf /"


def attempt(command: str, obs: str = "/testbed/a.txt\n", reward: float = 0.34) -> dict[str, Any]:
    return {"cmd": command, "obs": obs, "reward": reward}


def row(model: str, *attempts: dict[str, Any], strategy: str = "multiturn", **more: Any) -> dict[str, Any]:
    most = max((each["reward"] for each in attempts), default=0.0)
    told = {"task_id": "b-1", "model": model, "strategy": strategy, "query": QUERY, "max_reward": most}
    return {**told, "attempts": list(attempts), **more}


ROWS = [
    row(
        "several",
        attempt(COMPLAINS, "find: unknown predicate `-nam'\n"),
        attempt(NOTHING, ""),
        attempt(RIGHT, reward=1),
    ),
    row("wrong", attempt(WRONG), attempt(RIGHT, reward=1.0)),
    row("denied", attempt(DENIED, "")),
    row("submits", attempt(f"execute[{WRONG}]", reward=0), attempt("submit"), strategy="react"),
    row("empty", attempt("", "")),
]


def fill(folder: Path, rows: list[Any], **task: Any) -> Source:
    write(folder, f"{SET}/tasks", [{"task_id": "b-1", "fs": 1, "query": QUERY, "gold": MARK, **task}])
    write(folder, f"{SET}/trajectories", rows)
    return Source(folder)


async def test_what_is_chosen_and_what_is_refused(tmp_path: Path) -> None:
    trials, figures = await played(open_suite, fill(tmp_path, ROWS))
    several, wrong, denied, submits, empty = trials.values()
    assert said(several) == [(False, False), (False, False), (True, True)] and several.correct is True
    assert said(wrong) == [(True, False)] and wrong.correct is False
    assert said(denied) == [(False, False)] and denied.chosen is None
    assert (submits.group, said(submits)) == ("submits react", [(True, False)])
    assert (empty.turns, empty.chosen) == ((), None)
    value = {name: figure.value for name, figure in figures.items()}
    assert value["accuracy"] == 0.2 and value["log_oracle_stop"] == 0.4 and value["accuracy_where_any_is_right"] == 0.5
    assert value["critic_precision"] == 1.0 and value["critic_recall"] == 0.6


async def test_which_time_of_a_command_is_shown_does_not_hang_on_the_verdict(tmp_path: Path) -> None:
    """The second time it prints something and is right; the loop has to decide on the first."""
    rows = [row("again", attempt(NOTHING, ""), attempt(NOTHING, "/testbed/a.text\n", reward=1.0))]
    trials, _ = await played(open_suite, fill(tmp_path, rows))
    assert said(trials["b-1-again-multiturn"]) == [(False, False)]


async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    await played(open_suite, fill(tmp_path / "data", ROWS), runs=str(tmp_path / "runs"))
    shown = "\n".join(spy.seen)
    assert RIGHT in shown and "unknown predicate" in shown
    for told in (shown, kept_in(tmp_path / "runs")):
        assert MARK not in told and "reward" not in told and "0.34" not in told


@pytest.mark.parametrize(
    ("command", "printed", "line"),
    [
        ("find . -nam x", "a.txt\nfind: unknown predicate `-nam'\n", "find: unknown predicate `-nam'"),
        ("/usr/bin/sort -Q", "/usr/bin/sort: invalid option -- 'Q'", "/usr/bin/sort: invalid option -- 'Q'"),
        ("for f in", "bash: -c: line 1: syntax error", "bash: -c: line 1: syntax error"),
        ("cat notes", "find: is a word in these notes", None),
        ("cat notes", "name: Ann", None),
        ("ls", "", None),
    ],
)
def test_what_is_a_complaint(command: str, printed: str, line: str | None) -> None:
    assert complaint(command, printed) == line


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=200))
def test_a_complaint_is_a_line_that_was_printed(command: str, printed: str) -> None:
    line = complaint(command, printed)
    assert line is None or (line in printed and "\n" not in line)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"task_id": "b-9"}, "there is no task 'b-9'"),
        ({"attempts": None}, "attempts must be list"),
        ({"attempts": [1]}, "attempts: number 1 must be an object"),
        ({"attempts": [{"cmd": "ls", "obs": "x"}]}, "reward is missing"),
        ({"attempts": [{"cmd": "ls", "reward": 1}]}, "obs is missing"),
        ({"strategy": 2}, "strategy must be str"),
        ({"max_reward": None}, "max_reward must be float"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"trajectories\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [ROWS[0], {**ROWS[1], **bad}]), {})
    assert told in str(error.value)


async def test_options_and_figures_of_nothing(tmp_path: Path) -> None:
    source = fill(tmp_path, ROWS)
    with pytest.raises(InputError, match="options of the suite intercode-bash: seed: there is no such option"):
        await open_suite(source, {"seed": 1})
    assert all(each.value is None and each.note for each in await of_nothing(open_suite, source))


@pytest.mark.shared
async def test_on_real_commands(shared: Path) -> None:
    trials, figures = await played(open_suite, Source(shared), most=40)
    assert len(trials) == 40 and all(trial.error is None for trial in trials.values())
    assert figures["critic_precision"].value is not None
