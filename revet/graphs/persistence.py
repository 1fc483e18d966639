"""Checkpoints in SQLite. Our own models are named to the serialiser, so that nothing else is ever unpickled."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from revet import schema

__all__ = ["open_checkpoints", "serializer"]


def serializer() -> JsonPlusSerializer:
    """Allows the models and enumerations of `revet.schema`, and nothing else beyond plain data."""
    things = (getattr(schema, name) for name in schema.__all__)
    names = [(thing.__module__, thing.__name__) for thing in things if inspect.isclass(thing)]
    return JsonPlusSerializer(allowed_msgpack_modules=names)


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """The checkpoints kept in the file `path`, made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    async with aiosqlite.connect(path, timeout=30) as connection:
        yield AsyncSqliteSaver(connection, serde=serializer())
