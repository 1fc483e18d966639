"""One small cluster for all tests that need one, of real processes: a head and nodes, with one CPU each."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOM = 80 * 1024 * 1024
DEAD_SOON = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_failure_threshold": 5}
"""A node that is gone counts as dead in seconds, not in a quarter of a minute."""


@dataclass
class Nodes:
    """The cluster: its `address`, and what is needed to lose nodes and get new ones."""

    address: str
    cluster: Any
    folder: Path

    def add(self) -> Any:
        return self.cluster.add_node(num_cpus=1, object_store_memory=ROOM)

    def lose(self, node: Any) -> None:
        self.cluster.remove_node(node, allow_graceful=False)

    @property
    def workers(self) -> list[Any]:
        return [node for node in self.cluster.list_all_nodes() if node is not self.cluster.head_node]


def processes_of(folder: Path) -> list[int]:
    """The processes that have a file of the cluster's folder, or name it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """Three nodes. They are gone afterwards, with all that they wrote."""
    pytest.importorskip("ray")
    folder = Path(tempfile.mkdtemp(prefix="rr-", dir="/tmp"))  # short, for Ray has sockets in it
    environment = {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "TMPDIR": str(folder),
        "RAY_PRESTART_WORKER_FIRST_DRIVER": "0",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own
        from ray.cluster_utils import Cluster

        (folder / "ray").mkdir()
        made = Nodes("", Cluster(), folder)
        try:
            made.cluster.add_node(
                num_cpus=1,
                object_store_memory=ROOM,
                include_dashboard=False,
                temp_dir=str(folder / "ray"),
                _system_config=DEAD_SOON,
            )
            made.address = made.cluster.address
            for _ in range(2):
                made.add()
            yield made
        finally:
            made.cluster.shutdown()
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            deadline = time.monotonic() + 15
            while (left := processes_of(folder)) and time.monotonic() < deadline:
                time.sleep(0.1)
            shutil.rmtree(folder, ignore_errors=True)
            assert not left, f"the cluster left processes: {left}"
