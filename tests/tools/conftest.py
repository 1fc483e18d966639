from __future__ import annotations

import venv
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from revet.sandboxes import Local, Session
from revet.tools import Tests
from revet.tools.commands import interpreter_for

from .bench import PYTEST, Bench, write

MakeBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[MakeBench]:
    """``await bench(files, command)``: a workspace in the real sandbox."""
    sessions: list[Session] = []

    async def make(
        files: Mapping[str, str], command: str = PYTEST, *, test_timeout: float = 2.0, own_python: bool = False
    ) -> Bench:
        root = tmp_path / "ws"
        root.mkdir()
        write(root, files)
        folder = tmp_path / "layers"
        folder.mkdir()
        if own_python:
            venv.create(root / ".venv", symlinks=True)
        session = await Local().open(root, python=interpreter_for(root, None))
        sessions.append(session)
        return Bench(root, session, command, Tests(test_timeout=test_timeout), folder)

    yield make
    for session in sessions:
        await session.close()
