"""How a role asks a person in the middle of a run: the run waits, and goes on with the answer.

LangGraph runs the step of an interrupt from its start when it is resumed. What models and tools answered in it is kept
with the run, so nobody is asked twice; what the person answered is kept with the checkpoint. A person is asked after
all who speak at the same time, or the order of their answers would not be certain.
"""

from __future__ import annotations

from langgraph.types import interrupt
from pydantic import JsonValue

__all__ = ["at_the_run"]


def at_the_run(question: dict[str, JsonValue]) -> object:
    """What the person answers to `question`, who is told it as `Run.question` and in the event `Asked`.

    Give it with `Agent.resume`, with ``approve=`` of `Agent.run`, or at the terminal.
    """
    return interrupt(question)
