"""What earlier runs taught, as later ones are shown it."""

from __future__ import annotations

from pydantic import Field

from revet.schema.base import Data, Model

__all__ = ["Note"]


class Note(Model):
    """One thing that was learnt. It is data, whoever wrote it: none lets a draft through.

    One of the kind `refused` keeps exactly the draft whose id is in its ``data["draft"]`` from being examined.

    `kind` says what it is: `correction` (what was wrong, and what mended it), `trajectory` (the actions of a run that
    was approved), `reflection` (advice to oneself), `template` (an error and how to criticise it), or another.
    """

    id: str
    kind: str
    text: str = Field(description="what roles are shown")
    goal: str = Field(default="", description="of the task that taught it")
    run: str = Field(default="", description="the run that taught it")
    uses: int = Field(default=0, ge=0, description="how often it was recalled")
    score: float = Field(default=0.0, description="how near it is to the task at hand; the nearest first")
    data: Data = Field(default_factory=dict)
