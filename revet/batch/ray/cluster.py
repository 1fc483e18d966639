"""The cluster: connected to, given archives and tasks, and left as it was. All that knows Ray on the driver's side."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import revet
from revet.batch.ray import bootstrap
from revet.batch.ray.wire import Order, Returned
from revet.errors import HostError, InputError, MissingDependency, RevetError
from revet.schema.base import to_json

__all__ = ["Cluster", "Lost", "address_of"]

INSTALL = "pip install 'revet[ray]'"
START = "start one with `ray start --head`, name one with --address HOST:PORT, or take --engine local"
TOKEN = "if it asks for a token (see its log): put that into ~/.ray/auth_token here, and set RAY_AUTH_MODE=token"
PORTS = {"ray": 10001, "": 6379}
PROBE_SECONDS, JOIN_SECONDS = 5.0, 30.0
GRACE = 5.0
"""Seconds that a worker has to clean up after it was cancelled, before its process is killed."""
DEATHS, LOSSES = 3, 10
"""How often a task may take its worker's process with it, and how often a node may be lost under it."""
PIECE = 8 * 1024 * 1024
"""Bytes of an archive in one object."""


class Lost(Exception):
    """An archive is not in the cluster any more: the node that held it died. It is to be put there again."""


class Cluster:
    """`address` is ``auto``, ``local`` (one of its own, for this process), ``HOST:PORT`` or ``ray://HOST:PORT``."""

    def __init__(self, address: str | None = None) -> None:
        self.address = address_of(address)
        self.room = 0
        """Bytes that the cluster holds of objects."""
        self._own = False
        self._work: Any = None
        self._folder: str | None = None
        self._leave, self._left = threading.Event(), threading.Event()

    async def connect(self) -> int:
        """Join the cluster; how many tasks it takes at once. Raises `InputError`, within seconds, if it cannot be."""
        ray = _ray()
        if not ray.is_initialized():
            await asyncio.to_thread(self._probe)
            if self.address.startswith("ray://") and importlib.util.find_spec("grpc") is None:
                hint = "pip install 'ray[client]', here and on the head of the cluster"
                raise MissingDependency(f"{self.address} needs the package grpcio", hint=hint)
            if self.address == "local":
                self._folder = await asyncio.to_thread(_short_folder)
            self._own = True
            await self._join(ray)
        resources = await asyncio.to_thread(ray.cluster_resources)
        slots = int(resources.get("CPU", 0))
        if slots < 1:
            raise InputError(f"the Ray cluster {self.address} has no CPU to give", hint="add a node that has one")
        self.room = int(resources.get("object_store_memory", 0))
        ray.cloudpickle.register_pickle_by_value(bootstrap)
        self._work = ray.remote(num_cpus=1, max_retries=0)(bootstrap.work)
        return slots

    def _probe(self) -> None:
        """Find out that nobody listens there: Ray itself would try for minutes."""
        if (found := _host_and_port(self.address)) is None:
            return
        try:
            socket.create_connection(found, timeout=PROBE_SECONDS).close()
        except OSError as error:
            host, port = found
            why = error.strerror or str(error) or "it does not answer"
            raise InputError(f"no Ray cluster at {host}, port {port} ({self.address}): {why}", hint=START) from None

    async def _join(self, ray: Any) -> None:
        """In a thread of its own, which stays until `close`: a cluster that it starts ends with it."""
        loop = asyncio.get_running_loop()
        joined: asyncio.Future[None] = loop.create_future()
        left, leave = self._left, self._leave

        def tell(error: BaseException | None) -> None:
            if not joined.done():
                joined.set_exception(error) if error is not None else joined.set_result(None)

        def stay() -> None:
            told: BaseException | None = None
            with _unheard():
                try:
                    _init(ray, self.address, self._folder)
                except BaseException as error:  # noqa: BLE001 - told to who waits
                    told = error
                with contextlib.suppress(RuntimeError):  # nobody waits any more
                    loop.call_soon_threadsafe(tell, told)
                leave.wait()
                ray.shutdown()
            left.set()

        threading.Thread(target=stay, name="ray", daemon=True).start()
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await joined
        except TimeoutError:
            left.set()  # nothing to wait for
            said = f"the Ray cluster {self.address} did not let this process join within {JOIN_SECONDS:.0f} s"
            raise InputError(said, hint=f"see `ray status`; {START}") from None
        except Exception as error:  # noqa: BLE001 - Ray has many kinds for it
            raise _unjoined(self.address, error) from None

    async def put(self, archive: IO[bytes]) -> list[Any]:
        """Put an archive into the cluster, in pieces; the references to them."""
        ray = _ray()

        def put() -> list[Any]:
            archive.seek(0)
            return [ray.put(piece) for piece in iter(lambda: archive.read(PIECE), b"")]

        return await asyncio.to_thread(put)

    async def run(self, order: Order, archives: Mapping[str, Sequence[Any]]) -> Returned:
        """What a worker makes of the order. If its process or its node dies, another one does it again.

        HostError if the order took too many of them with it; `Lost` if an archive is gone. If who waits gives up, it is
        cancelled, and has ended when this returns.
        """
        errors = _ray().exceptions
        deaths = losses = 0
        while True:
            try:
                return await self._once(order, archives)
            except errors.ObjectLostError as error:
                raise Lost(str(error)) from error
            except (errors.NodeDiedError, errors.LocalRayletDiedError) as error:
                losses += 1
                if losses >= LOSSES:
                    said = f"{losses} nodes of the cluster were lost while they did task {order.task.id}"
                    raise HostError(said, hint="--resume tries again") from error
            except (errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
                deaths += 1
                if deaths >= DEATHS:
                    raise HostError(
                        f"task {order.task.id} took {deaths} workers with it: {_first_line(error)}",
                        hint="it may need more memory than a node has; try it with --engine local",
                    ) from error
            except errors.RayError as error:
                raise HostError(f"the cluster could not do task {order.task.id}: {_first_line(error)}") from error

    async def _once(self, order: Order, archives: Mapping[str, Sequence[Any]]) -> Returned:
        told = {digest: list(pieces) for digest, pieces in archives.items()}
        work = self._work.options(name=f"revet {order.run}", scheduling_strategy="SPREAD")
        ref = await asyncio.to_thread(work.remote, revet.__version__, to_json(order).encode(), told)
        answer = asyncio.wrap_future(ref.future())
        try:
            return Returned.model_validate_json(await asyncio.shield(answer))
        except asyncio.CancelledError:
            await self._cancel(ref, answer)
            raise

    async def _cancel(self, ref: Any, answer: asyncio.Future[Any]) -> None:
        """Let the worker clean up; then, if it has not ended, kill its process, and its sandboxes with it."""
        ray = _ray()
        for force in (False, True):
            with contextlib.suppress(Exception):  # the connection may be gone, and then so is the worker
                await asyncio.to_thread(ray.cancel, ref, force=force)
            await asyncio.wait({answer}, timeout=GRACE)
            if answer.done():
                answer.exception()
                return

    async def close(self) -> None:
        """Leave the cluster, if this joined it."""
        if self._own:
            self._own = False
            self._leave.set()
            await asyncio.to_thread(self._left.wait, JOIN_SECONDS)
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._folder = None


def address_of(address: str | None) -> str:
    """What `address` names; InputError if it is none. None is ``auto``: RAY_ADDRESS, if that is set."""
    given = (address or "auto").strip()
    if given == "auto":
        given = os.environ.get("RAY_ADDRESS", "").strip() or "auto"
    if given in ("auto", "local"):
        return given
    try:
        known = _host_and_port(given)
    except ValueError:
        known = None
    if known is None or not known[0]:
        hint = "write auto, local, HOST:PORT or ray://HOST:PORT"
        raise InputError(f"--address: {given!r} is no address of a Ray cluster", hint=hint)
    return given


def _host_and_port(address: str) -> tuple[str, int] | None:
    """None where the address names none: the cluster is found, or made."""
    if address in ("auto", "local"):
        return None
    scheme, found, rest = address.partition("://")
    if not found:
        scheme, rest = "", address
    if scheme not in PORTS or "/" in rest:
        raise ValueError(address)
    host, colon, port = rest.rpartition(":")
    return (host.strip("[]"), int(port)) if colon else (rest, PORTS[scheme])


def _ray() -> Any:
    """The package, told to be quiet before it is first imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingDependency("--engine ray needs the package ray", hint=INSTALL) from None
    return ray


def _init(ray: Any, address: str, folder: str | None) -> None:
    own: dict[str, Any] = {}
    if folder is not None:
        own = {"include_dashboard": False, "num_cpus": os.cpu_count(), "_temp_dir": folder}
    ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **own)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Ray prints what happens to nodes on stdout, which is for our results, whatever it is told of logs."""
    from ray._private import worker

    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _short_folder() -> str:
    """For a cluster of one's own. Ray makes sockets in it, whose paths may take no more than 107 bytes."""
    place = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="revet-ray-", dir=place if len(place) < 24 else "/tmp")


def _unjoined(address: str, error: Exception) -> RevetError:
    """Why Ray did not let us join, in words for who typed the address."""
    said = _first_line(error)
    if isinstance(error, ConnectionError) and "Could not find any running Ray" in said:
        return InputError("no Ray cluster runs on this machine", hint=START)
    if isinstance(error, ConnectionError) or type(error).__name__ == "AuthenticationError":
        return InputError(f"the Ray cluster {address} cannot be joined: {said}", hint=TOKEN)
    if "ersion mismatch" in str(error):
        told = " ".join(str(error).split())
        return InputError(f"the Ray cluster {address} is of another version: {told}", hint="install the same on both")
    return InputError(f"the Ray cluster {address} cannot be joined: {said}", hint=START)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
