"""The system-call filter of a fork server: that of any program, with a door in it that only the server opens.

Forks inherit it, which costs nothing; a filter for each fork would cost as much as the fork. `mount`,
`unshare` and `setns` take fewer than six arguments, so the sixth is free to hold a key. Without the key the call goes
on to the filter proper. A fork overwrites its copy of the key before it takes an order, and has no capabilities.
"""

from __future__ import annotations

import platform

from revet.sandboxes._guest.orders import SYSTEM_CALLS
from revet.sandboxes.local.seccomp import ALLOW, JUMP_EQUAL, LOAD, OFFSET_NUMBER, RETURN, step

__all__ = ["with_door"]

JUMP = 0x05
# The sixth argument, its low half and its high half (both kinds of processors are little-endian).
KEY_LOW, KEY_HIGH = 16 + 8 * 5, 16 + 8 * 5 + 4


def with_door(program: bytes, key: int) -> bytes:
    """`program`, a filter, which lets the server's calls through where they carry the 64-bit `key`."""
    calls = SYSTEM_CALLS[machine()]
    door = [
        step(LOAD, KEY_LOW),
        step(JUMP_EQUAL, key & 0xFFFFFFFF, 0, 3),
        step(LOAD, KEY_HIGH),
        step(JUMP_EQUAL, key >> 32, 0, 1),
        step(RETURN, ALLOW),
    ]
    prefix = [step(LOAD, OFFSET_NUMBER)]
    for index, number in enumerate(calls):
        prefix.append(step(JUMP_EQUAL, number, len(calls) - index, 0))
    prefix.append(step(JUMP, len(door)))
    return b"".join([*prefix, *door, program])


def machine() -> str:
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)
