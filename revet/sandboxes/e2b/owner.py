"""Whose a machine is: the labels that each gets, and the machines of processes that are gone.

A process that was killed leaves its machines behind, and they cost money until their time is up. So each is labelled
with the host and the process that made it, and the next process on that host kills those whose process is gone. The
labels go to the cloud, so the host's name is not in them.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any

from revet.sandboxes.e2b.calls import sdk
from revet.sandboxes.owners import OWNER, SESSION, is_gone, owner

__all__ = ["HOST", "labels", "sweep"]

HOST = "revet.host"
MOST_PAGES = 100


def labels() -> dict[str, str]:
    """What a new machine of this process is labelled with."""
    host, process = this_process()
    return {HOST: hashed(host), OWNER: process, SESSION: secrets.token_hex(8)}


def this_process() -> tuple[str, str]:
    """The two parts of the label that names this process: the machine that it runs on, and its number and age."""
    number, age, host = owner().split("/", 2)
    return host, f"{number}/{age}"


def hashed(host: str) -> str:
    return hashlib.sha256(host.encode("utf-8", "replace")).hexdigest()[:32]


async def sweep(connection: dict[str, Any]) -> list[str]:
    """Kill this host's machines whose process is gone; their ids."""
    left: list[str] = []
    module = sdk()
    host, _ = this_process()
    pages = module.AsyncSandbox.list(query=module.SandboxQuery(metadata={HOST: hashed(host)}), **connection)
    for _ in range(MOST_PAGES):
        if not pages.has_next:
            break
        for machine in await pages.next_items():
            told = machine.metadata or {}
            if told.get(HOST) == hashed(host) and is_gone(f"{told.get(OWNER, '')}/{host}"):
                left.append(machine.sandbox_id)
    await asyncio.gather(*(module.AsyncSandbox.kill(sandbox_id, **connection) for sandbox_id in left))
    return left
