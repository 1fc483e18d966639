"""Shared by all tests: where the public data sets are, and whether a sandbox works here."""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


ALONE = ("tests/actions/", "tests/batch/ray/test_cluster", "tests/sandboxes/")
"""What counts the processes, mounts and containers of the whole machine, or measures against its clock."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(ALONE) or item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.alone)
    if any(item.get_closest_marker("sandbox") for item in items):
        from revet.sandboxes.local.probe import features

        found = features()
        if not found.available:
            skip = pytest.mark.skip(reason=f"no local sandbox here: {found.reason}; `revet doctor` says what to enable")
            for item in items:
                if item.get_closest_marker("sandbox"):
                    item.add_marker(skip)
    if not SHARED.is_dir():
        skip = pytest.mark.skip(
            reason=f"no data sets in {SHARED.parent.parent.name}/../shared/data: put them beside the checkout"
        )
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(skip)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker"):
        from tests.sandboxes.conformance.backends import missing

        reason = missing("docker")
        if reason is not None:
            pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell starts its background jobs with Ctrl-C ignored, and what the tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def shared() -> Path:
    """The folder of the public data sets. Tests that use it carry the marker `shared`."""
    return SHARED


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
            raise RuntimeError(f"a test tried to reach {address[0]}: use a server on the loopback address")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all home folders: beside the workspaces, thousands would be more than a trial looks at."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def _home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes the home folder of who runs it."""
    home = tempfile.mkdtemp(dir=_homes)
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("REVET_HOME", raising=False)
    monkeypatch.delenv("REVET_STORE", raising=False)
    yield
    shutil.rmtree(home, ignore_errors=True)
