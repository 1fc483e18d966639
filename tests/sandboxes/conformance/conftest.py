"""Each test once for each backend, on a small workspace that must stay as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from revet.sandboxes.base import Sandbox, Session, Support
from tests.sandboxes.conformance import backends
from tests.sandboxes.conformance.gaps import GAPS
from tests.sandboxes.conformance.host import temporary_folder
from tests.sandboxes.inside import snapshot


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", backends.NAMES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What `GAPS` lists is expected to fail, and fails if it does not."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and item.path.parent == Path(__file__).parent
            and hasattr(item, "callspec")
        ):
            backend = str(item.callspec.params.get("backend", ""))
            name = item.originalname
            rest = item.callspec.id.removeprefix(backend).removeprefix("-")
            reason = GAPS.get((backend, name)) or GAPS.get((backend, f"{name}[{rest}]"))
            if reason:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this process has its temporary files meanwhile. pytest's own stay where they are."""
    tmp_path_factory.getbasetemp()
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def sandbox(backend: str, temporary: Path) -> Iterator[Sandbox]:
    reason = backends.missing(backend)
    if reason is not None:
        pytest.skip(reason)
    with backends.backend(backend) as made:
        yield made


@pytest.fixture
def support(backend: str, sandbox: Sandbox) -> Support:
    return backends.support_of(backend)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    top = tmp_path / "ws"
    (top / "pkg" / "sub").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "a.txt").write_text("a\n")
    (top / "tool.sh").write_text("#!/bin/sh\necho tool\n")
    (top / "tool.sh").chmod(0o755)
    (top / "pkg" / "one.py").write_text("one = 1\n")
    (top / "pkg" / "sub" / "two.py").write_text("two = 2\n")
    (top / "link").symlink_to("a.txt")
    before = snapshot(top)
    yield top
    assert snapshot(top) == before, "the workspace was changed"


@pytest.fixture
async def session(sandbox: Sandbox, workspace: Path) -> AsyncIterator[Session]:
    opened = await sandbox.open(workspace)
    try:
        yield opened
    finally:
        await opened.close()
