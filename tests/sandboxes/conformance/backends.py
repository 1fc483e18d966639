"""The sandboxes under test, by name, and whether they can be had here."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar, cast

from revet.errors import SandboxUnavailable
from revet.sandboxes import Local
from revet.sandboxes.base import Sandbox, Support

__all__ = ["NAMES", "backend", "missing", "support_of"]

NAMES = ("local", "local-copy", "docker", "e2b")
NEEDED = {
    "docker": ("docker", "revet.sandboxes.docker"),
    "e2b": ("e2b_code_interpreter", "revet.sandboxes.e2b", "tests.sandboxes.e2b_server"),
}
NO_ENGINE = "no Docker engine answers: apt-get install docker.io && dockerd &"

T = TypeVar("T")


def docker() -> Sandbox:
    return cast(Sandbox, importlib.import_module("revet.sandboxes.docker").Docker())


@contextmanager
def e2b() -> Iterator[Sandbox]:
    """E2B against a server of our own that speaks what the SDK speaks."""
    server = importlib.import_module("tests.sandboxes.e2b_server")
    made = importlib.import_module("revet.sandboxes.e2b")
    with server.e2b_service() as service:
        yield cast(Sandbox, made.E2B(**service.options))


MAKERS: dict[str, Callable[[], AbstractContextManager[Sandbox]]] = {
    "local": lambda: nullcontext(cast(Sandbox, Local())),
    "local-copy": lambda: nullcontext(cast(Sandbox, Local(overlay=False))),
    "docker": lambda: nullcontext(docker()),
    "e2b": e2b,
}


def backend(name: str) -> AbstractContextManager[Sandbox]:
    """The sandbox called `name`, and what it needs, for as long as the ``with`` lasts."""
    return MAKERS[name]()


@cache
def support_of(name: str) -> Support:
    """What the backend says of itself, asked once."""
    with backend(name) as sandbox:
        return elsewhere(sandbox.support)


@cache
def missing(name: str) -> str | None:
    """Why the backend cannot be tested here, and what would enable it. None if it can be."""
    for module in NEEDED.get(name, ()):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not there"
    if name == "docker" and not engine_answers():
        return NO_ENGINE
    found = support_of(name)
    if not found.available and name == "docker":  # there is an engine; so what lacks is the image
        build_image()
        support_of.cache_clear()
        found = support_of(name)
    return None if found.available else f"no sandbox {name} here: {found.reason} → {found.hint}"


def build_image() -> None:
    client = importlib.import_module("docker").from_env(timeout=300)
    try:
        importlib.import_module("revet.sandboxes.docker").build(client)
    finally:
        client.close()


def engine_answers() -> bool:
    """Asked by our own `connect`: the SDK leaves a socket open where nobody answers, and that is an error here."""
    engine = importlib.import_module("revet.sandboxes.docker.engine")
    try:
        engine.connect().close()
    except SandboxUnavailable:
        return False
    return True


def elsewhere(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a thread, whether or not a loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()
