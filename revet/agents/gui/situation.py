"""What is on the screen and what was decided: the input of a decision, and decisions as the data sets write them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from pydantic import Field

from revet.models import Image
from revet.schema import Gui, Model

__all__ = ["GuiSituation", "parse_decision", "shown"]

LONGEST = 20_000
"""Characters of a decision that is read; a longer one is taken as it stands."""
_SAID = re.compile(r"\A\s*(?:Action\s*:)?\s*", re.IGNORECASE)


class GuiSituation(Model):
    """Where the next step is to be decided. `screen` is what is known of it in words (an accessibility tree, say)."""

    instruction: str = Field(min_length=1)
    history: tuple[str, ...] = ()
    screen: str = ""
    screenshot: Image | None = None


def shown(action: Gui) -> str:
    """The step as one line: ``click [472, 1219]``, ``type 'milk' into search field``."""
    where = f" {action.target}" if action.target else ""
    return f"{action.operation}{where}" + (f" text: {action.text!r}" if action.text is not None else "")


def parse_decision(text: str) -> Gui:
    """The step that a text decides on. Reads ``Action: {'action': 'click', 'coordinate': [1, 2]}`` and the calls of
    ``computer_use``; whatever else it is becomes the operation as it stands. Raises nothing for any text.
    """
    body = text[_SAID.match(text).end() :] if _SAID.match(text) else text  # type: ignore[union-attr]
    told = _mapping(body.strip()) if len(text) <= LONGEST else None
    if told is not None and isinstance(told.get("arguments"), dict):
        told = told["arguments"]
    operation = told.get("action") if told is not None else None
    if told is None or not isinstance(operation, str) or not operation.strip():
        return Gui(operation=text.strip()[:LONGEST] or "nothing")
    entered = told.get("text")
    rest = [value for name, value in told.items() if name not in ("action", "text") and value is not None]
    target = " to ".join(value if isinstance(value, str) else json.dumps(value, default=str) for value in rest)
    return Gui(operation=operation.strip(), target=target or None, text=entered if isinstance(entered, str) else None)


def _mapping(text: str) -> dict[str, Any] | None:
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None
