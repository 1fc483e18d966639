"""The fields of the shapes in which critics and judges answer: bounded, so that an answer can always be finished.

Where every text, list and number of a schema has a largest size, a local model's answer is closed in time when its
tokens run out. The bounds are told and not enforced here: what exceeds them is taken, and cut where it is kept. The
shape of a draft has none, for a file that was closed in time would pass for whole.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

__all__ = ["FEW", "MANY", "Number", "Path", "Said", "Share", "Text", "Word"]


class Said(BaseModel):
    """A shape to answer in: closed, every field required."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def cut_short(self) -> Self:
        """What is left of an answer that was closed because its tokens ran out. By default, all of it."""
        return self


Word = Annotated[str, Field(json_schema_extra={"maxLength": 60})]
Path = Annotated[str, Field(json_schema_extra={"maxLength": 200})]
Text = Annotated[str, Field(json_schema_extra={"maxLength": 600})]
Number = Annotated[int, Field(json_schema_extra={"minimum": 0, "maximum": 1_000_000})]
Share = Annotated[float, Field(json_schema_extra={"minimum": 0, "maximum": 1})]
FEW: JsonDict = {"maxItems": 12}
MANY: JsonDict = {"maxItems": 60}
