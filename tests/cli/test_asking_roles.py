"""What a person types for a role of a method: lines, a number, a mapping; and what they are shown before that."""

from __future__ import annotations

import asyncio
import io
from contextlib import nullcontext
from typing import Any, cast

import pytest
from rich.console import Console

from revet.cli import asking
from revet.report import Reporter
from revet.schema import Decision, DecisionKind, Run, RunOutcome, Task, utcnow


class Quiet:
    """A reporter with nothing to pause."""

    def paused(self) -> Any:
        return nullcontext()


def typed(monkeypatch: pytest.MonkeyPatch, seat: str, *lines: str, **question: Any) -> tuple[object, str]:
    """What is answered as the `seat` by who types these lines and then ends the input; and what they were shown."""
    left = [f"{line}\n" for line in lines]

    async def line() -> str:
        return left.pop(0) if left else ""

    monkeypatch.setattr(asking, "_read_line", line)
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    asker = asking.Asking(console, cast("Reporter", Quiet()))
    asker.possible = True
    told = {"seat": seat, "asks": "What do you say?", "goal": "Write a line\nof verse.", **question}
    run = Run(
        id="r",
        task=Task(id="line", goal="Write a line\nof verse."),
        outcome=RunOutcome.asked,
        decision=Decision(kind=DecisionKind.ask),
        question=told,
        started_at=utcnow(),
    )
    return asyncio.run(asker(run)), shown.getvalue()


def test_a_writer_may_leave_lines_empty_and_a_dot_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = typed(monkeypatch, "writer", "one verse", "", "another", "", ".", "not this")
    assert said == "one verse\n\nanother"


def test_the_end_of_the_input_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(monkeypatch, "writer", "one", "", "two")[0] == "one\n\ntwo"
    assert typed(monkeypatch, "writer")[0] is None, "nobody is there: the run waits"


@pytest.mark.parametrize("lines", [("",), (".",), ("   ",)])
def test_an_empty_first_line_passes(monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...]) -> None:
    assert typed(monkeypatch, "writer", *lines)[0] == {"type": "pass"}


def test_the_other_seats_answer_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(monkeypatch, "leader", " 2 ", "3")[0] == "2"
    assert typed(monkeypatch, "critic", "more salt.", "x")[0] == "more salt."


def test_the_goal_is_shown_before_the_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    _, shown = typed(monkeypatch, "writer", "x", ".")
    assert "Write a line\n    of verse." in shown and "What do you say?" in shown
    _, shown = typed(monkeypatch, "leader", "1", draft="a plain line", choices=["more", "less"])
    assert shown.index("of verse.") < shown.index("a plain line") < shown.index("2. less")


def test_a_mapping_is_read_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = typed(monkeypatch, "critic", "{points: [less salt, more pepper], pick: 2}")
    assert said == {"points": ["less salt", "more pepper"], "pick": 2}
    said, _ = typed(monkeypatch, "writer", "{answer: done, actions: [", "{kind: delete_file, path: a.txt}]}", ".")
    assert said == {"answer": "done", "actions": [{"kind": "delete_file", "path": "a.txt"}]}


@pytest.mark.parametrize("text", ["{so it goes", "{a: 1}", "{1, 2}", "{}", "{points: &a [*a]}", "{pick: 2020-01-01}"])
def test_what_only_looks_like_a_mapping_is_a_text(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert typed(monkeypatch, "writer", text, ".")[0] == text
