"""What a notebook shows of graphs and of runs that go on. Nothing of it asks the network, or a browser to.

The loop as LangGraph shows it is a picture that a web service draws from its source; here the source itself is
shown, as ``text/vnd.mermaid``, which JupyterLab draws, with the plain text for every other place.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from revet.graphs.events import Event
from revet.graphs.state import Context, State
from revet.schema import Task

__all__ = ["Loop", "in_notebook", "progress_of", "unheard"]


class Loop(CompiledStateGraph[State, Context, State, State]):
    """The compiled loop, which a notebook shows as a flowchart."""

    @classmethod
    def of(cls, graph: CompiledStateGraph[State, Context, State, State]) -> Loop:
        """The same graph, shown so."""
        return cls(**{name: value for name, value in vars(graph).items() if name != "__orig_class__"})

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/vnd.mermaid": self.get_graph().draw_mermaid()}


def in_notebook() -> bool:
    """True in a cell of a notebook: there is an IPython with a kernel behind it, not with a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def unheard(_event: Event) -> None:
    """The listener of a run that nobody watches."""


@contextmanager
def progress_of(task: Task, wanted: bool = True) -> Iterator[Callable[[Event], None]]:
    """What shows the events of a run of `task` in the notebook's cell; outside of a notebook, or where it is not
    wanted, nothing does."""
    if not (wanted and in_notebook()):
        yield unheard
        return
    # Reports are above graphs, which may not import them: they are found by name when a cell is there to be written.
    with importlib.import_module("revet.report.notebook").progress(task) as hear:
        yield hear
