"""A small workspace, and sessions on it: with an overlay, and with a copy as on hosts that have none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revet.sandboxes import Local
from revet.sandboxes.local import LocalSession


@pytest.fixture(params=["overlay", "copy"])
def sandbox(request: pytest.FixtureRequest) -> Local:
    return Local(overlay=request.param == "overlay")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    top = tmp_path / "ws"
    (top / "pkg" / "sub").mkdir(parents=True)
    (top / "a.txt").write_text("a\n")
    (top / "pkg" / "one.py").write_text("one = 1\n")
    (top / "pkg" / "sub" / "two.py").write_text("two = 2\n")
    return top


@pytest.fixture
async def session(sandbox: Local, workspace: Path) -> AsyncIterator[LocalSession]:
    async with await sandbox.open(workspace) as opened:
        yield opened


@pytest.fixture
async def overlaid(workspace: Path) -> AsyncIterator[LocalSession]:
    async with await Local().open(workspace) as opened:
        yield opened
