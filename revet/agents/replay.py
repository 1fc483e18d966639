"""A proposer that gives what a model wrote before: the drafts of a log, one after another. No model is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from revet.agents.scripted import Scripted
from revet.errors import InputError
from revet.schema import Draft

__all__ = ["Replay"]

NAME = "replay"


class Replay(Scripted):
    """Gives recorded `drafts` in their order, whatever is said of them, and gives up after the last.

    What the loop finds, refuses and ends with on real drafts can be seen that way; that a critique would have led to a
    better draft cannot, for the next one was written without it.
    """

    @classmethod
    def read(cls, path: Path | str, name: str = NAME) -> Self:
        """The drafts of a JSON Lines file: on each line a draft, as ``Draft.model_dump_json`` writes it (``author`` may
        be left out), or a text, which is an answer.

        Raises `InputError` that names file, line and field.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}", hint="give a JSON Lines file of drafts") from None
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            raise InputError(f"{path} holds no drafts", hint="give a file with one draft a line")
        return cls([_draft(line, f"{path}:{number}", name) for number, line in lines], name)


def _draft(line: str, where: str, author: str) -> Draft:
    try:
        told: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON: {error}", hint="write one draft a line, as JSON") from None
    if isinstance(told, str):
        told = {"answer": told}
    if not isinstance(told, dict):
        raise InputError(f"{where}: must be an object or a text, but is {type(told).__name__}")
    try:
        return Draft.model_validate({"author": author, **told})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the draft"
        raise InputError(f"{where}: {field}: {first['msg']}", hint="see `revet.Draft` for its fields") from None
