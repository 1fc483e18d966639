"""The Docker engine: finding it, its errors in Revet's words, and removing what dead processes left there."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from revet.errors import DiskFull, HostError, MissingDependency, SandboxBroken, SandboxUnavailable
from revet.sandboxes.owners import OWNER, is_gone

__all__ = ["VOLUMES", "connect", "explained", "leftovers", "remove", "sweep"]

VOLUMES = "revet-"
"""What the names of volumes that need one start with."""
GONE, BUSY = 404, 409
SECONDS = 60
"""How long the engine may take to answer one request."""
NOT_RUNNING = "start it (sudo systemctl start docker), install it (apt install docker.io), or set DOCKER_HOST"
MISSING_PROGRAM = ("executable file not found", "no such file or directory: unknown", "stat python3")


def connect() -> Any:
    """A client of the engine that DOCKER_HOST names, else of this machine's. The caller closes it.

    MissingDependency, or SandboxUnavailable with what to do.
    """
    try:
        import docker
        import docker.errors
    except ImportError:
        raise MissingDependency(
            "the Docker sandbox needs the package `docker`", hint="pip install 'revet[docker]'"
        ) from None
    try:
        knock(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
        return docker.from_env(timeout=SECONDS)
    except (docker.errors.DockerException, OSError, ValueError) as error:
        numbers = {getattr(cause, "errno", None) for cause in causes(error)}
        if numbers & {errno.EACCES, errno.EPERM}:
            raise SandboxUnavailable(
                "this user may not use the Docker engine (its socket cannot be opened)",
                hint="sudo usermod -aG docker $USER, and log in again; or set DOCKER_HOST",
            ) from None
        if numbers & {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR}:
            raise SandboxUnavailable("no Docker engine answers", hint=NOT_RUNNING) from None
        raise SandboxUnavailable(f"the Docker engine cannot be used: {error}", hint=NOT_RUNNING) from None


def knock(host: str) -> None:
    """OSError if nobody listens at a Unix socket: more telling than the SDK's error, and nothing is left open."""
    kind, _, place = host.partition("://")
    if kind == "unix":
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(place)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it wraps, by whatever way."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        found = pending.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            pending += [found.__cause__, found.__context__, *found.args, getattr(found, "reason", None)]


@contextmanager
def explained(doing: str, *, image: str = "") -> Iterator[None]:
    """Turn the SDK's errors into Revet's. `doing` completes “the Docker engine could not …”."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except HostError:
        raise
    except docker.errors.ImageNotFound:
        raise no_image(image) from None
    except docker.errors.APIError as error:
        words = str(error.explanation or error)
        if "no space left on device" in words:
            raise DiskFull(
                f"the Docker engine could not {doing}: no space left on its disk",
                hint="free some: docker system prune",
            ) from None
        if any(part in words for part in MISSING_PROGRAM):
            hint = "name an image that has Python 3.8 or newer as `python3` (python:3.12-slim has)"
            raise SandboxUnavailable(f"the image {image} has no python3", hint=hint) from None
        raise SandboxBroken(f"the Docker engine could not {doing}: {words}") from None
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        words = "it does not answer" if isinstance(error, requests.exceptions.Timeout) else "it went away"
        raise SandboxBroken(f"the Docker engine could not {doing}: {words} ({error})", hint=NOT_RUNNING) from None


def no_image(image: str) -> SandboxUnavailable:
    if image.startswith("revet-sandbox:"):
        return SandboxUnavailable(
            f"there is no image {image} yet", hint="make it of this machine's files: revet sandbox image"
        )
    return SandboxUnavailable(f"the Docker engine has no image {image}", hint=f"docker pull {image}")


def leftovers(client: Any) -> list[dict[str, Any]]:
    """Revet's containers on the engine, running or not, each as the engine lists it."""
    with explained("list containers"):
        found: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": OWNER})
    return found


def remove(client: Any, name: str) -> None:
    """Kill and remove a container with its volumes. Harmless if it is gone."""
    import docker.errors

    with explained("remove a container"):
        try:
            found = client.api.inspect_container(name)
            try:
                client.api.remove_container(name, force=True, v=True)
            except docker.errors.APIError as error:
                if error.status_code != BUSY or "is not running" not in str(error.explanation):
                    raise
                client.api.remove_container(name, force=True, v=True)  # it ended while it was about to be killed
            for mount in found["Mounts"]:
                if str(mount.get("Name", "")).startswith(VOLUMES):
                    client.api.remove_volume(mount["Name"])
        except docker.errors.APIError as error:
            if error.status_code not in (GONE, BUSY):  # else somebody else is removing it
                raise


def sweep(client: Any) -> list[str]:
    """Remove the containers (and their volumes) whose process on this machine has ended; their ids.

    What cannot be removed is left to the next sweep.
    """
    gone = []
    for name in [str(found["Id"]) for found in leftovers(client) if is_gone(found["Labels"].get(OWNER, ""))]:
        with suppress(HostError):
            remove(client, name)
            gone.append(name)
    with explained("list volumes"):
        volumes = client.api.volumes(filters={"label": OWNER})["Volumes"] or ()
    for volume in volumes:
        if volume["Name"].startswith(VOLUMES) and is_gone(volume["Labels"].get(OWNER, "")):
            with suppress(HostError), explained("remove a volume"):
                client.api.remove_volume(volume["Name"], force=True)
    return gone
