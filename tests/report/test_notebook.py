"""What a notebook shows: fragments that are text and nothing else, flowcharts without a network, progress in place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revet import Agent
from revet.graphs import AgentRun
from revet.graphs.notebook import in_notebook, progress_of, unheard
from revet.graphs.recipes import RECIPES
from revet.report.notebook import Cell, html_of
from revet.store import Store
from tests.browser_support import axe, browser, page_of
from tests.report.html.samples import HOSTILE, hostile_run
from tests.report.html.weird import foreign
from tests.report.samples import abstained, asked, committed, stream, task

__all__ = ["browser", "page_of"]

SHOWN = {
    "run": committed(),
    "attempt": committed().attempts[0],
    "draft": committed().attempts[0].draft,
    "changes": committed().attempts[0].changes,
    "evidence": abstained().attempts[0].evidence[0],
    "critique": abstained().attempts[0].critiques[0],
    "receipt": committed().receipt,
}


@pytest.mark.parametrize("name", SHOWN)
def test_each_piece_has_a_display(name: str) -> None:
    html = SHOWN[name]._repr_html_()  # type: ignore[union-attr]
    assert foreign(html) == []
    assert "<script" not in html and "http" not in html
    assert html.startswith('<div class="revet nb">')


def test_a_live_run_is_shown_with_the_folder_that_keeps_it(tmp_path: Path) -> None:
    live = AgentRun.of(committed(), Store(tmp_path / "my runs"))
    assert "revet undo late-fee-abc123 --out &#39;" in live._repr_html_()


def test_hostile_pieces_are_text() -> None:
    run = hostile_run()
    for each in (run, *run.attempts, *run.baseline, run.attempts[0].draft, run.attempts[0].changes, run.diagnosis):
        assert foreign(each._repr_html_()) == []  # type: ignore[union-attr]


def test_the_rest_has_none() -> None:
    with pytest.raises(TypeError, match="Task"):
        html_of(task())


@pytest.mark.parametrize(("back", "ink"), [("#ffffff", "#212121"), ("#111111", "#e0e0e0")])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_legible_in_any_theme(page_of: Callable[..., Any], back: str, ink: str, dark: bool) -> None:
    """The notebook's theme, and not the system's, is what counts."""
    parts = "".join(each._repr_html_() for each in SHOWN.values())  # type: ignore[union-attr]
    page = f"<!doctype html><html lang=en><title>t</title><body style='background:{back};color:{ink}'><main>{parts}"
    opened = page_of(page, dark=dark)
    assert [line for line in axe(opened) if line.startswith("color-contrast")] == []


def test_graphs_are_flowcharts_that_no_service_draws() -> None:
    bundle = Agent(sandbox=None).graph._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/vnd.mermaid"}
    assert "gate" in bundle["text/vnd.mermaid"] and "revise" in bundle["text/vnd.mermaid"]
    core = RECIPES["core"]
    assert core._repr_mimebundle_()["text/vnd.mermaid"].startswith("flowchart TD\n")
    assert set(replace(core, published=None)._repr_mimebundle_()) == {"text/plain"}


class Screen:
    """Stands for the display of a notebook."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def __call__(self, bundle: dict[str, str]) -> Callable[[dict[str, str]], None]:
        self.shown.append(bundle)
        return self.shown.append


def test_a_cell_follows_a_run_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.report.notebook.EVERY", 0.0)
    screen = Screen()
    cell = Cell(task(), screen)
    for event in stream(committed()):
        cell.hear(event)
    told = "\n".join(bundle["text/plain"] for bundle in screen.shown)
    assert "late-fee: starts" in told and "60 candidates tried" in told and "proved: commits" in told
    assert screen.shown[-1]["text/plain"].startswith("✓ committed: late-fee (1 draft, 4.2 s")


def test_a_search_does_not_redraw_the_cell_all_the_time() -> None:
    screen = Screen()
    cell = Cell(task(), screen)
    for _ in range(50):
        for event in stream(abstained())[:-1]:
            cell.hear(event)
    assert len(screen.shown) < 20


def test_a_question_is_shown_at_once() -> None:
    screen = Screen()
    cell = Cell(task(), screen)
    for event in stream(asked())[:-1]:
        cell.hear(event)
    assert "waits for your answer" in screen.shown[-1]["text/plain"]


def test_what_broke_off_says_why_as_text() -> None:
    screen = Screen()
    Cell(task(), screen).broke_off(ValueError(HOSTILE))
    assert "broke off" in screen.shown[-1]["text/plain"]
    html = screen.shown[-1]["text/html"]
    assert "<script" not in html and "<img" not in html


def test_outside_a_notebook_nothing_is_shown() -> None:
    assert not in_notebook()
    with progress_of(task()) as hear:
        assert hear is unheard


NOTEBOOK = """
import revet
class Four:
    name = "four"
    async def propose(self, view):
        return revet.Draft(author="four", answer="Four.")
    async def revise(self, view, critique):
        return revet.Draft(author="four", answer="Four!")
agent = revet.Agent(Four(), sandbox=None, store={store!r})
task = revet.Task(goal="What is two and two?")
run = agent.run(task)
await agent.arun(task)
run = agent.run(task, progress=False)
display(run)
agent.graph
"""


def test_a_real_kernel_shows_it(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    cell = nbformat.v4.new_code_cell(NOTEBOOK.format(store=str(tmp_path / "runs")))
    book = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    outputs = [output for output in book.cells[0].outputs if output.output_type != "stream"]
    kinds = [sorted(output.data) for output in outputs]
    assert kinds == [
        ["text/html", "text/plain"],
        ["text/html", "text/plain"],
        ["text/html", "text/plain"],
        ["text/plain", "text/vnd.mermaid"],
    ]
    assert "answered: task" in outputs[0].data["text/plain"] and "answered: task" in outputs[1].data["text/plain"]
    assert "revet nb" in outputs[2].data["text/html"]
    assert json.dumps(book)
