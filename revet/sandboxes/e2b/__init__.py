"""The E2B sandbox: a virtual machine in E2B's cloud (or one of your own) for each session, by way of their SDK."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from revet.errors import HostError, InputError, SandboxUnavailable
from revet.sandboxes.base import Feature, Limits, Network, Support, demand
from revet.sandboxes.e2b.calls import KEY_HINT, sdk, typed_errors
from revet.sandboxes.e2b.code import CodeResult
from revet.sandboxes.e2b.machine import Machine
from revet.sandboxes.e2b.owner import sweep
from revet.sandboxes.e2b.session import E2BSession
from revet.sandboxes.local import check_workspace
from revet.sandboxes.local.seccomp import supported

__all__ = ["E2B", "CodeResult", "E2BSession"]

TIMEOUT = 300
ASK_SECONDS = 10.0
MISSING = {
    Feature.memory_total: "each process is limited; all of them together only by the virtual machine's memory",
    Feature.cpu_total: "each process is limited; all of them together only by the wall clock",
    Feature.warm_python: "each piece of code gets a new interpreter",
}


class E2B:
    """Runs programs in a virtual machine of E2B's, one for each session, in a room of its own for each run.

    `template` is a template's or a snapshot's name or id (default: E2B's own with Python). `api_key` defaults to the
    environment's E2B_API_KEY. `timeout` (seconds) is how long a machine outlives its last use if nobody kills it; it
    is extended for as long as something runs. `connection` goes to the SDK with every call (domain, proxy,
    request_timeout, api_url, sandbox_url …).
    """

    name = "e2b"

    def __init__(
        self,
        template: str | None = None,
        *,
        api_key: str | None = None,
        timeout: int = TIMEOUT,
        connection: Mapping[str, Any] | None = None,
    ) -> None:
        if timeout <= 0:
            raise InputError(f"a timeout of {timeout} seconds", hint="give a positive number of seconds")
        self._template, self._key, self._timeout = template, api_key, timeout
        self._connection = dict(connection or {})
        self._swept = False

    async def support(self) -> Support:
        try:
            await self._ask()
        except HostError as error:
            reason, _, _ = str(error).partition("\n")
            return Support(available=False, reason=reason, hint=error.hint or "")
        version = importlib.metadata.version("e2b-code-interpreter")
        about = f"virtual machines of {self._template or 'the default template'}, e2b-code-interpreter {version}"
        present = frozenset(Feature) - MISSING.keys()
        return Support(available=True, about=about, features=present, missing=MISSING)

    async def open(
        self,
        workspace: Path | None = None,
        *,
        limits: Limits | None = None,
        network: Network = Network.none,
        python: Path | None = None,
        require: Iterable[Feature | str] = (),
    ) -> E2BSession:
        """See `revet.sandboxes.base.Sandbox`. InputError for an unknown template, too."""
        wanted = tuple(require)
        demand(
            self.name, Support(available=True, features=frozenset(Feature) - MISSING.keys(), missing=MISSING), wanted
        )
        if workspace is not None:
            check_workspace(workspace)
        if python is not None and not python.is_file():
            raise InputError(f"no such interpreter: {python}", hint="give the path of a Python executable")
        connection = self._options()
        if not self._swept:
            with typed_errors("listing the virtual machines", opening=True):
                await sweep(connection)
            self._swept = True
        session = E2BSession(
            lambda: Machine.start(self._template, connection, self._timeout, network),
            workspace,
            limits=limits or Limits(),
            network=network,
            python=python or Path(sys.executable),
        )
        try:
            machine = await session.begin()
            demand(self.name, supported_by(machine, network), wanted)
        except BaseException:
            await session.close()
            raise
        return session

    async def sweep(self) -> list[str]:
        """Kill the machines that processes of this host left behind when they were killed; their ids."""
        with typed_errors("listing the virtual machines"):
            return await sweep(self._options())

    def _options(self) -> dict[str, Any]:
        """What every call to the SDK is given. MissingDependency without the SDK, SandboxUnavailable without a key."""
        sdk()
        key = self._key or os.environ.get("E2B_API_KEY")
        if not key:
            raise SandboxUnavailable("the E2B sandbox needs a key, and there is none", hint=KEY_HINT)
        return {**self._connection, "api_key": key}

    async def _ask(self) -> None:
        """Ask the service for anything at all."""
        options = {**self._options(), "request_timeout": ASK_SECONDS, "retries": 0}
        with typed_errors("asking the service", opening=True):
            await sdk().AsyncSandbox.list(limit=1, **options).next_items()


def supported_by(machine: Machine, network: Network) -> Support:
    """What a machine turned out to give."""
    missing = dict(MISSING)
    if not machine.seen["overlay"]:
        missing[Feature.no_copy] = "the template's kernel has no overlays: each run copies the workspace"
    if not machine.seen["own_users"]:
        missing[Feature.process_count] = (
            "the template's kernel makes no namespaces of users: overlapping runs count as one"
        )
    if not supported(str(machine.seen["machine"])):
        missing[Feature.syscall_filter] = f"there is no filter for {machine.seen['machine']}"
    if network is Network.full:
        missing[Feature.private_network] = "the session was opened with a network"
    return Support(available=True, features=frozenset(Feature) - missing.keys(), missing=missing)
