"""Where the rows of a measurement come from: ``FOLDER/SET/NAME.SPLIT.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revet.errors import InputError

__all__ = ["Row", "Source", "field", "user_path"]

Row = Mapping[str, Any]


def user_path(told: str) -> Path:
    """A path as a user writes it: ``~`` is the home. That of a user whom there is not stays as it is."""
    try:
        return Path(told).expanduser()
    except RuntimeError:
        return Path(told)


@dataclass(frozen=True)
class Source:
    """The data sets below `folder`, of which one `split` is read (`dev`, or one that nobody tuned to)."""

    folder: Path
    split: str = "dev"

    def path(self, data_set: str, name: str) -> Path:
        """The file. Raises `InputError` that names it where there is none."""
        path = self.folder / data_set / f"{name}.{self.split}.jsonl"
        if not path.is_file():
            have = sorted({p.name.split(".")[-2] for p in self.folder.glob("*/*.*.jsonl")})
            hint = f"splits there: {', '.join(have)}" if have else "name the folder that holds the data sets (--data)"
            raise InputError(f"there is no file {path}", hint=hint)
        return path

    def rows(self, data_set: str, name: str) -> list[Row]:
        """Every row of a file. Raises `InputError` with file and line for what is no JSON object."""
        path = self.path(data_set, name)
        rows: list[Row] = []
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{number}: no JSON: {error}") from None
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number}: must be an object, but is {type(row).__name__}")
            rows.append(row)
        if not rows:
            raise InputError(f"{path} holds no rows")
        return rows

    def every(self, data_set: str) -> dict[str, list[Row]]:
        """The rows of all files of a set in this split, by name; empty where it has none."""
        end = f".{self.split}.jsonl"
        names = sorted(path.name.removesuffix(end) for path in (self.folder / data_set).glob(f"*{end}"))
        return {name: self.rows(data_set, name) for name in names}


def field(row: Row, name: str, kind: type, where: str) -> Any:
    """A field of a row. Raises `InputError` that names `where` the row stands, and the field, if it is not a `kind`."""
    value = row.get(name)
    if not isinstance(value, kind):
        said = "is missing" if name not in row else f"must be {kind.__name__}, but is {type(value).__name__}"
        raise InputError(f"{where}: {name} {said}")
    return value
