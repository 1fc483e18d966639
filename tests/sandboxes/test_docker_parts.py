"""Parts of the Docker sandbox that can be tried without an engine: what it does when one, or a container, fails."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tarfile
import threading
import venv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from revet.errors import DiskFull, SandboxBroken
from revet.sandboxes import Limits, Network
from revet.sandboxes.docker import DockerSession, default_tag, sweep
from revet.sandboxes.docker import engine as engines
from revet.sandboxes.docker import image as images
from revet.sandboxes.docker import session as sessions
from revet.sandboxes.docker import stream as streams
from revet.sandboxes.docker.container import Container, Setup, Shape
from revet.sandboxes.docker.stream import Stream
from revet.sandboxes.docker.supply import Need, Supply
from revet.sandboxes.guests import Account, new_key
from revet.sandboxes.owners import OWNER
from revet.sandboxes.scratch import Scratch


class Refusing:
    """An engine that has two containers of a dead process, and a trouble with the first."""

    def __init__(self, status: int, words: str, times: int = 99) -> None:
        self.api, self.removed, self._left = self, [], times  # type: ignore[var-annotated]
        self._status, self._words = status, words

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Id": name, "Labels": {OWNER: engines_owner()}} for name in ("one", "two")]

    def volumes(self, **_: Any) -> dict[str, Any]:
        return {"Volumes": None}

    def inspect_container(self, name: str) -> dict[str, Any]:
        return {"Mounts": [], "State": {"OOMKilled": False}}

    def remove_container(self, name: str, **_: Any) -> None:
        import docker

        if name == "one" and self._left:
            self._left -= 1
            response = SimpleNamespace(status_code=self._status, url="", reason="")
            raise docker.errors.APIError("x", response=response, explanation=self._words)
        self.removed.append(name)


def engines_owner() -> str:
    """The label of a process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", "from revet.sandboxes.owners import owner; print(owner())"],
                          stdout=subprocess.PIPE, text=True) as process:  # fmt: skip
        return process.communicate()[0].strip()


def test_what_cannot_be_removed_does_not_stop_a_sweep() -> None:
    client = Refusing(500, "driver failed to remove root filesystem")
    assert sweep(client) == ["two"] == client.removed
    with pytest.raises(SandboxBroken, match="root filesystem"):
        engines.remove(client, "one")


def test_a_container_that_ends_while_it_is_killed_is_removed() -> None:
    client = Refusing(409, "cannot remove: Container one is not running", times=1)
    engines.remove(client, "one")
    assert client.removed == ["one"]
    client = Refusing(409, "removal of container one is already in progress")
    engines.remove(client, "one")
    assert not client.removed


# The image


def test_of_an_environment_only_its_own_parts_are_taken(tmp_path: Path) -> None:
    """Its folder may be a project's, with a repository and secrets in it."""
    top = tmp_path / "project"
    venv.create(top, symlinks=True)
    package = next(top.glob("lib/python3*/site-packages")) / "package"
    package.mkdir()
    for path, mode in {
        top / ".env": 0o600,
        top / ".git" / "config": 0o644,
        top / "pip.conf": 0o644,
        top / "src" / "main.py": 0o644,
        package / "pip.conf": 0o644,
        package / "token": 0o600,
        package / "tests" / "code.py": 0o644,
    }.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret")
        path.chmod(mode)
    assert image_of(top, tmp_path) == {"bin/python3", "pyvenv.cfg", "tests/code.py"}
    (top / "pyvenv.cfg").chmod(0o600)  # as with umask 077: then the modes say nothing
    assert image_of(top, tmp_path) == {"bin/python3", "pyvenv.cfg", "tests/code.py", "package/token"}


def image_of(top: Path, tmp_path: Path) -> set[str]:
    """Of an image that holds only this environment, the names that say how it was chosen."""
    with images.Collector(tmp_path / "image.tar") as files:
        for part in images.parts(top):
            for path in images.below(part):
                if not images.secret(path, top):
                    files.add(path)
    with tarfile.open(tmp_path / "image.tar") as tar:
        names = [name for name in tar.getnames() if f"{tmp_path.name}/project/" in name]
    telling = (".env", ".git/config", "pip.conf", "main.py", "/token", "code.py", "pyvenv.cfg", "bin/python3")
    return {"/".join(Path(name).parts[-2:]).removeprefix("project/") for name in names if name.endswith(telling)}


def test_each_environment_has_an_image_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = default_tag()
    assert images.NAME.fullmatch(mine)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert default_tag() != mine and default_tag().startswith("revet-sandbox:")


def test_no_room_for_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images, "collect", full)
    with pytest.raises(DiskFull, match="TMPDIR"):
        images.build(None)


# Containers that end before they are used


def a_setup(client: Any, workspace: Path) -> Setup:
    return Setup(client, "image", "session", workspace, None, {}, Network.none, None, None, True, True)


async def a_container(setup: Setup, name: str) -> tuple[Container, socket.socket]:
    """A container with nobody in it, and the other end of its stream."""
    near, far = socket.socketpair()
    account = Account(new_key(), Limits(), ready={"python": "/usr/bin/python3"})
    return Container(name, setup, Shape.of(Limits(), {}, None), await Stream.open(near), account), far


async def test_a_spare_that_has_died_is_replaced(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_ = Refusing(404, "", times=0)
    setup = a_setup(engine_, workspace)
    supply = Supply(setup)
    made = [await a_container(setup, name) for name in ("one", "two")]
    waiting = iter(made)
    filled = []

    async def make(shape: Shape) -> Container:
        return next(waiting)[0]

    async def ahead(need: Need) -> Container:
        return await make(need.shape)

    async def fill(container: Container, need: Need) -> None:
        filled.append(container.id)
        if container.id == "one":
            raise SandboxBroken("the container is not running")

    monkeypatch.setattr(supply, "_make", make)
    monkeypatch.setattr(supply, "_ahead", ahead)
    monkeypatch.setattr("revet.sandboxes.docker.supply.fill", fill)
    need = Need(Shape.of(Limits(), {}, None), {})
    supply.prepare(need)
    assert (await supply.take(need)).id == "two" and filled == ["one", "two"]
    await supply.settle()
    assert engine_.removed == ["one"]
    for container, far in made:
        container.close()
        far.close()
    await asyncio.sleep(0)


async def test_a_program_that_never_began_is_not_blamed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GRACE", 0.2)
    engine_ = Refusing(404, "", times=0)
    setup = a_setup(engine_, workspace)
    session = DockerSession(
        setup, scratch=Scratch(), limits=Limits(wall_seconds=0.1), python=Path(sys.executable), seccomp=None,
        owns_client=False,
    )  # fmt: skip
    ends = []

    async def container(request: Any) -> Container:
        made, far = await a_container(setup, f"c{len(ends)}")
        ends.append(far)
        if len(ends) == 1:
            far.shutdown(socket.SHUT_RDWR)  # it has ended; the second is paused
        return made

    monkeypatch.setattr(session, "_container", container)
    with pytest.raises(SandboxBroken, match="before the program began"):
        await session.exec(["true"])
    assert len(ends) == 2
    await session.close()
    assert set(engine_.removed) == {"c0", "c1"}
    for end in ends:
        end.close()


async def test_a_thread_is_waited_for_when_its_task_is_cancelled() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(20)
        ended.set()

    task = asyncio.ensure_future(sessions.to_its_end(work))
    await asyncio.to_thread(begun.wait, 20)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


# The stream


async def test_what_ends_or_hangs_while_it_is_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    much = bytes(1 << 24)
    near, far = socket.socketpair()
    stream = await Stream.open(near)
    far.sendall(b"\x01\0\0\0\0\0\0\x05hello")
    monkeypatch.setattr(streams, "QUIET", 0.2)
    with pytest.raises(SandboxBroken, match="took nothing"):
        await stream.send(much)
    monkeypatch.setattr(streams, "QUIET", 60.0)
    far.shutdown(socket.SHUT_WR)  # as an engine does whose container has ended: it does not read, either
    async with asyncio.timeout(20):
        await stream.send(much)
        await stream.send(much)
        assert await stream.receive() == b"hello" and await stream.receive() == b""
    stream.close()
    far.close()
    await asyncio.sleep(0)
