"""Plays single cases: here, or in processes of their own, so that every core has something to do."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import JsonValue

from revet.errors import HostError, InputError, MissingDependency, SandboxUnavailable
from revet.evals.source import Source
from revet.evals.suite import Known, Player
from revet.evals.trial import Trial
from revet.schema.base import to_json

__all__ = ["Here", "Opened", "Plays", "Workers", "played"]

MOST = 1 << 27
"""Bytes of the longest line that a worker may say."""


@dataclass(frozen=True)
class Opened:
    """A suite that is open in this process. `known` is None for one that only this process can open."""

    key: str
    player: Player
    known: Known | None = None
    source: Source | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)


class Plays(Protocol):
    """Plays cases. Raises `InputError` or `HostError` for what the user has to mend before any case can be played."""

    async def play(self, opened: Opened, case: str) -> Trial: ...

    async def closed(self, opened: Opened) -> None:
        """No more cases of the suite are asked for."""
        ...

    async def close(self) -> None: ...


async def played(player: Player, case: str) -> Trial:
    """The trial of a case. One that breaks off is a trial with `error`; what the user has to mend is raised."""
    begun = time.monotonic()
    try:
        trial = await player.play(case)
    except (InputError, MissingDependency, SandboxUnavailable):
        raise
    except Exception as error:  # noqa: BLE001 - one case's fault is kept and told; the others must not be lost
        why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return Trial(case=case, task=case, error=why, seconds=time.monotonic() - begun)
    if trial.case != case:
        return Trial(case=case, task=case, error=f"the suite gave the trial of another case: {trial.case}")
    return trial


class Here:
    """In this process."""

    async def play(self, opened: Opened, case: str) -> Trial:
        return await played(opened.player, case)

    async def closed(self, opened: Opened) -> None:
        return

    async def close(self) -> None:
        return


class Workers:
    """In at most `count` processes, each started when it is first needed. A case goes to the one with least to do.

    A process that dies takes the cases that it had with it, as trials with `error`; the next case starts another.
    """

    def __init__(self, count: int) -> None:
        self._workers: list[_Process | None] = [None] * count

    async def play(self, opened: Opened, case: str) -> Trial:
        place = min(range(len(self._workers)), key=self._load)
        worker = self._workers[place]
        if worker is None or worker.dead:
            worker = self._workers[place] = _Process()
        return await worker.play(opened, case)

    def _load(self, place: int) -> int:
        worker = self._workers[place]
        return 0 if worker is None or worker.dead else len(worker.waiting)

    async def closed(self, opened: Opened) -> None:
        for worker in self._workers:
            if worker is not None and not worker.dead:
                await worker.forget(opened.key)

    async def close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self._workers if worker is not None))


class _Process:
    """One of them. `waiting` are the cases that it has."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = {}
        self.dead = False
        self._known: set[str] = set()
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None

    async def play(self, opened: Opened, case: str) -> Trial:
        begun = time.monotonic()
        answer = self.waiting[opened.key, case] = asyncio.get_running_loop().create_future()
        try:
            await self._ask(opened, case)
            if self.dead and not answer.done():
                answer.set_result({"died": "the process that was to play it has ended"})
            said = await answer
        finally:
            self.waiting.pop((opened.key, case), None)
        if "trial" in said:
            return Trial.model_validate(said["trial"])
        if "refused" in said:
            kind = {"InputError": InputError, "TaskFileError": InputError}.get(said["kind"], HostError)
            raise kind(said["refused"])
        return Trial(case=case, task=case, error=said["died"], seconds=time.monotonic() - begun)

    async def _ask(self, opened: Opened, case: str) -> None:
        assert opened.known is not None
        async with self._starting:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "revet.evals.worker"),
                    stdin=PIPE,
                    stdout=PIPE,
                    limit=MOST,
                    process_group=0,  # Ctrl-C is for this process, which then closes their input
                )
                self._reading = asyncio.create_task(self._read(self._process))
            if opened.key not in self._known:
                self._known.add(opened.key)
                source = opened.source
                await self._tell(
                    {
                        "open": opened.key,
                        "known": json.loads(to_json(opened.known)),
                        "folder": None if source is None else str(source.folder.absolute()),
                        "split": None if source is None else source.split,
                        "options": dict(opened.options),
                    }
                )
            await self._tell({"play": case, "of": opened.key})

    async def _tell(self, message: Mapping[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            return  # it has died, which `_read` tells everybody who waits

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            said = json.loads(line)
            answer = self.waiting.get((said["of"], said["case"]))
            if answer is not None and not answer.done():
                answer.set_result(said)
        self.dead = True
        code = await process.wait()
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_result({"died": f"the process that played it ended ({code})"})

    async def forget(self, key: str) -> None:
        if key in self._known:
            self._known.discard(key)
            await self._tell({"close": key})

    async def close(self) -> None:
        """End its input, and wait until it has closed its suites."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reading is not None:
            await self._reading
