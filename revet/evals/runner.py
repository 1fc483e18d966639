"""Plays suites: several cases at a time, each trial kept as soon as it is there, so that what stops can go on.

Suites are opened one after another, in their order; while the last cases of one are still played, the first of the next
begin, so that no core waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from revet.errors import InputError, RevetError
from revet.evals.evaluation import Evaluation, Evaluations
from revet.evals.playing import Opened, Plays
from revet.evals.source import Source, user_path
from revet.evals.suite import Known, Player
from revet.evals.suites import files_of, open_suite, rows_digest, spread
from revet.evals.trial import Trial
from revet.schema import new_id, utcnow

__all__ = ["Order", "Played", "Runner", "Watch"]

PAUSE = 0.05
"""Seconds between two writes of trials at least, so that many quick cases do not wait for the disk."""


@dataclass(frozen=True)
class Order:
    """A suite to be played. `opens` and `files` are given for one that is not in the list of suites."""

    name: str
    known: Known | None = None
    source: Source | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    limit: int | None = None
    opens: Callable[[], Awaitable[Player]] | None = None
    files: Sequence[Path] = ()

    async def open(self) -> Player:
        if self.opens is not None:
            return await self.opens()
        assert self.known is not None
        return await open_suite(self.known, self.source, self.options)

    @property
    def reads(self) -> Sequence[Path]:
        """The files that it is about."""
        return self.files if self.known is None else files_of(self.known, self.source)

    @property
    def named(self) -> Sequence[Path]:
        """The files that the options name: a user's tasks, what is expected of them, the answers of a critic."""
        told = () if self.known is None else (self.options.get(option) for option in self.known.files)
        paths = [user_path(value) for value in told if isinstance(value, str)]
        return [path for path in paths if path.is_file()]


@dataclass(frozen=True)
class Played:
    """A suite that was played to its end. `again`: nothing had to be played, for it had ended before."""

    order: Order
    evaluation: Evaluation
    trials: Sequence[Trial]
    again: bool = False


class Watch(Protocol):
    """Is told how it goes."""

    def opened(self, order: Order, evaluation: Evaluation, done: int, figures: Sequence[str]) -> None:
        """A suite is open, and `done` of its cases were played before. What it raises refuses the suite."""
        ...

    def played(self, evaluation: Evaluation, trial: Trial, done: int) -> None: ...

    def ended(self, played: Played) -> None: ...

    def refused(self, order: Order, error: RevetError) -> None:
        """The suite cannot be played, or not to its end; the others are."""
        ...


class Runner:
    """Plays suites with `plays`, at most `jobs` cases at a time.

    With `resume`, the newest evaluation of the same suite, split, options, version, rows and cases is gone on with: its
    trials are not played again, but for those that broke off. If it had ended, it is taken as it is.
    """

    def __init__(
        self,
        plays: Plays,
        evaluations: Evaluations,
        watch: Watch,
        *,
        jobs: int = 1,
        resume: bool = False,
    ) -> None:
        self.plays, self.evaluations, self.watch, self.resume = plays, evaluations, watch, resume
        self._slots = asyncio.Semaphore(jobs)

    async def run(self, orders: Sequence[Order]) -> list[Played]:
        """Those that were played to their end, in the order of `orders`. When cancelled, what was played is kept."""
        finishing: list[asyncio.Task[Played | None]] = []
        try:
            for order in orders:
                handed_out = asyncio.Event()
                finishing.append(asyncio.create_task(self._suite(order, handed_out)))
                waiting = asyncio.create_task(handed_out.wait())
                await asyncio.wait([finishing[-1], waiting], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            found = await asyncio.gather(*finishing)
        finally:
            for task in finishing:
                task.cancel()
            await asyncio.gather(*finishing, return_exceptions=True)
            await self.plays.close()
        return [each for each in found if each is not None]

    async def _suite(self, order: Order, handed_out: asyncio.Event) -> Played | None:
        try:
            player = await order.open()
        except RevetError as error:
            self.watch.refused(order, error)
            return None
        try:
            with ExitStack() as held:
                played = await self._play(order, player, handed_out, held)
        except RevetError as error:
            self.watch.refused(order, error)
            return None
        except Exception as error:  # noqa: BLE001 - told, with what it is; the other suites must not be lost
            fault = RevetError(f"a fault of the suite itself: {type(error).__name__}: {error}")
            fault.__cause__ = error
            self.watch.refused(order, fault)
            return None
        finally:
            await player.close()
        self.watch.ended(played)
        return played

    async def _play(self, order: Order, player: Player, handed_out: asyncio.Event, held: ExitStack) -> Played:
        cases = spread(player.cases, order.limit)
        if not cases:
            raise InputError(f"the suite {order.name} has no cases", hint="choose other rows or options")
        evaluation, known = self._begun(order, cases, held)
        self.watch.opened(order, evaluation, len(known or ()), [figure.name for figure in player.figures([])])
        if evaluation.ended_at is not None:
            return Played(order, evaluation, self.evaluations.trials(evaluation), again=True)
        if known is None:
            self.evaluations.begin(evaluation)
            held.enter_context(self.evaluations.playing(evaluation))
            known = {}
        kept = _Kept(self.evaluations, evaluation, {case: place for place, case in enumerate(cases)}, known)
        begun = time.monotonic()
        opened = Opened(evaluation.id, player, order.known, order.source, order.options)
        try:
            await self._cases(opened, [case for case in cases if case not in known], kept, handed_out)
        finally:
            kept.flush()
            seconds = evaluation.seconds + time.monotonic() - begun
            evaluation = evaluation.model_copy(update={"seconds": round(seconds, 3)})
            self.evaluations.save(evaluation)
            await self.plays.closed(opened)
        trials = [kept.trials[case] for case in cases]
        figures = await asyncio.to_thread(player.figures, trials)
        evaluation = evaluation.model_copy(update={"ended_at": utcnow(), "figures": tuple(figures)})
        self.evaluations.save(evaluation)
        return Played(order, evaluation, trials)

    def _begun(self, order: Order, cases: Sequence[str], held: ExitStack) -> tuple[Evaluation, dict[str, Trial] | None]:
        """The one that is gone on with and the trials that are there of it, held until the end; or a new one, and None.

        What had ended is given as it is.
        """
        import revet

        new = Evaluation(
            id=new_id(order.name),
            suite=order.name,
            split=order.source.split if order.source is not None and order.reads else "",
            options=dict(order.options),
            version=revet.__version__,
            rows=rows_digest([*order.reads, *order.named], cases),
            cases=len(cases),
            limit=order.limit,
        )
        before = self.evaluations.latest(new.key) if self.resume else None
        if before is None or before.ended_at is not None:
            return before or new, None
        held.enter_context(self.evaluations.playing(before))
        before = self.evaluations.get(before.id)  # another process may just have ended it
        trials = self.evaluations.trials(before)
        return before, {trial.case: trial for trial in trials if trial.error is None}

    async def _cases(self, opened: Opened, todo: Sequence[str], kept: _Kept, handed_out: asyncio.Event) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            for case in todo:
                await self._slots.acquire()
                running.add(asyncio.create_task(self._case(opened, case, kept)))
                for task in [task for task in running if task.done()]:
                    running.discard(task)
                    task.result()
            handed_out.set()
            for next_done in asyncio.as_completed(running):
                await next_done
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _case(self, opened: Opened, case: str, kept: _Kept) -> None:
        try:
            trial = await self.plays.play(opened, case)
        finally:
            self._slots.release()
        kept.add(trial)
        self.watch.played(kept.evaluation, trial, len(kept.trials))


class _Kept:
    """The trials of an evaluation, written as they come: at once, or with the next if there was one just before."""

    def __init__(
        self, store: Evaluations, evaluation: Evaluation, places: Mapping[str, int], known: Mapping[str, Trial]
    ) -> None:
        self.store, self.evaluation, self.places = store, evaluation, places
        self.trials = dict(known)
        self._unwritten: list[tuple[int, Trial]] = []
        self._written = 0.0

    def add(self, trial: Trial) -> None:
        self.trials[trial.case] = trial
        self._unwritten.append((self.places[trial.case], trial))
        if time.monotonic() - self._written >= PAUSE:
            self.flush()
        else:
            asyncio.get_running_loop().call_later(PAUSE, self.flush)

    def flush(self) -> None:
        if self._unwritten:
            self.store.add(self.evaluation, self._unwritten)
            self._unwritten = []
            self._written = time.monotonic()
