"""`revet eval SUITE…`: what is to be played, the playing with a line of progress, the figures, and the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from revet.cli.common import BAD_INPUT, INTERRUPTED, NOT_ALL, TERMINATED
from revet.cli.eval_pages import check_page, write_suite
from revet.cli.eval_require import Requirement, missed, requirements
from revet.cli.eval_tables import json_object, markdown_table, print_figures
from revet.cli.eval_tasks import is_task_file, order_of_tasks
from revet.errors import InputError, RevetError
from revet.evals.evaluation import Evaluation, Evaluations
from revet.evals.playing import Here, Workers
from revet.evals.runner import Order, Played, Runner
from revet.evals.source import Source
from revet.evals.suite import Known
from revet.evals.suites import GROUPS, suite_named, suites
from revet.evals.trial import Trial
from revet.store import ResultStore

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Asked", "do"]

SHORT = ("model", "base_url", "recipe", "rounds", "seconds", "sandbox", "seed", "metric", "expected")
"""Options of suites that have a name of their own on the command line."""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for. `given` are all its parameters by name."""

    suites: Sequence[str]
    data: Path | None
    split: str
    limit: int | None
    jobs: int | None
    resume: bool
    require: Sequence[str]
    json: bool
    markdown: bool
    html: Path | None
    out: Path
    given: Mapping[str, Any] = field(default_factory=dict)


def do(asked: Asked) -> int:
    """Play and print; the exit code. Raises `InputError` before anything is played."""
    from revet.report import make_console

    errors = make_console(stderr=True)
    own = any(is_task_file(word) for word in asked.suites)
    orders = [order_of_tasks(asked.suites, asked.given)] if own else _orders(asked)
    wanted = requirements(asked.require, [order.known or order.name for order in orders])
    if asked.html is not None and len(orders) > 1:
        raise InputError("--html writes the page of one suite", hint="`revet eval show ID --html FILE` writes others")
    check_page(asked.html)
    cores = len(os.sched_getaffinity(0))
    jobs = asked.jobs or (1 if own else 2 * cores)
    watch = _Watch(errors, wanted, alone=len(orders) == 1, json=asked.json)
    stopped = _run(orders, watch, asked, jobs, Here() if own or jobs == 1 else Workers(min(cores, jobs)))
    if watch.fault is not None:
        raise watch.fault
    if asked.markdown:
        typer.echo(markdown_table(watch.done, asked.split))
    elif not asked.json:
        print_figures(watch.done)
    if asked.html is not None and watch.done:
        write_suite(asked.html, watch.done[0].evaluation, watch.done[0].trials)
    hollow = _say_broken(watch.done, errors)
    lines = missed(wanted, watch.done)
    for line in lines:
        errors.print(f"revet: {line}", soft_wrap=True)
    if stopped:
        errors.print("Stopped. What was played is kept; the same command with --resume goes on.", soft_wrap=True)
        return stopped
    return BAD_INPUT if watch.left_out else NOT_ALL if lines or hollow else 0


def _orders(asked: Asked) -> list[Order]:
    """The suites that are named, each once, with the options that are for it."""
    from revet.taskfile import option_values

    chosen = _named(asked.suites)
    for name in ("metric", "expected", "hidden"):
        if name in asked.given and not any(name in known.options for known in chosen):
            raise InputError(f"--{name} is for a task file of yours", hint="name one: `revet eval tasks.yaml`")
    source = None if asked.data is None else Source(asked.data, asked.split)
    options = option_values(asked.given.get("option") or ())
    short = {name: asked.given[name] for name in SHORT if name in asked.given}
    short = {name: str(value) if isinstance(value, Path) else value for name, value in short.items()}
    for name in [*options, *short]:
        if not any(name in known.options for known in chosen):
            has = sorted({option for known in chosen for option in known.options})
            told = f"options there: {', '.join(has)}" if has else "leave it out"
            what = ", ".join(known.name for known in chosen[:4])
            raise InputError(f"there is no option {name} of {what}{' …' if len(chosen) > 4 else ''}", hint=told)
    return [
        Order(
            name=known.name,
            known=known,
            source=source,
            options={key: value for key, value in {**options, **short}.items() if key in known.options},
            limit=asked.limit,
        )
        for known in chosen
    ]


def _named(words: Sequence[str]) -> list[Known]:
    chosen: dict[str, Known] = {}
    for word in words:
        if word == "all" or word in GROUPS:
            chosen |= {name: known for name, known in suites().items() if _stands_for(word, known)}
        else:
            chosen[word] = suite_named(word)
    return list(chosen.values())


def _stands_for(word: str, known: Known) -> bool:
    """`all` are the suites that need no words of the user's: an experiment asks a model."""
    return known.kind != "experiment" if word == "all" else known.kind == word


def _run(orders: Sequence[Order], watch: _Watch, asked: Asked, jobs: int, plays: Here | Workers) -> int:
    """Play them to their end. What stopped it, as an exit code; or 0."""
    evaluations = Evaluations(ResultStore(asked.out))

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        played = await Runner(plays, evaluations, watch, jobs=jobs, resume=asked.resume).run(orders)
        watch.done = played  # in the order that was asked for

    try:
        with watch.errors.status("…") as watch.status:
            asyncio.run(work())
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return TERMINATED
    return 0


class _Watch:
    """Says how it goes on stderr, and prints the JSON of a suite as soon as it has ended."""

    def __init__(self, errors: Console, wanted: Sequence[Requirement], *, alone: bool, json: bool) -> None:
        self.errors, self.wanted, self.alone, self.json = errors, wanted, alone, json
        self.status: Any = None
        self.done: list[Played] = []
        self.left_out = False
        self.fault: RevetError | None = None
        self._going: dict[str, str] = {}

    def opened(self, order: Order, evaluation: Evaluation, done: int, figures: Sequence[str]) -> None:
        from revet.report.text import plural

        whole = order.known is not None and order.known.kind in ("evidence", "gate")
        for requirement in self.wanted:
            requirement.check(order.name, figures, alone=self.alone and not whole)
        if done and evaluation.ended_at is None:
            said = f"{order.name}: goes on with {evaluation.id}, {done} of {evaluation.cases} cases were played before"
            self.errors.print(said, soft_wrap=True)
        elif evaluation.ended_at is not None:
            self.errors.print(f"{order.name}: {evaluation.id} had ended, nothing is played again", soft_wrap=True)
        elif not self.errors.is_terminal:
            self.errors.print(f"{order.name}: {plural(evaluation.cases, 'case')} ({evaluation.id})", soft_wrap=True)

    def played(self, evaluation: Evaluation, trial: Trial, done: int) -> None:
        self._going[evaluation.suite] = f"{evaluation.suite}: {done} of {evaluation.cases}"
        self._show()

    def ended(self, played: Played) -> None:
        self._going.pop(played.order.name, None)
        self.done.append(played)
        self._show()
        if self.json:
            typer.echo(json_object(played))
        elif not self.alone:
            figure = next(iter(played.evaluation.figures), None)
            value = "not a number" if figure is None or figure.value is None else f"{figure.value:.3f}"
            told = f"{played.order.name}: {figure.name if figure else ''} {value} ({played.evaluation.seconds:.0f} s)"
            self.errors.print(told, soft_wrap=True)

    def refused(self, order: Order, error: RevetError) -> None:
        self._going.pop(order.name, None)
        if self.alone:
            self.fault = error
            return
        self.left_out = True
        self.errors.print(f"revet: {order.name} is left out: {error}", soft_wrap=True)

    def _show(self) -> None:
        if self.status is not None:
            self.status.update("; ".join(self._going.values()) or "…")


def _say_broken(done: Sequence[Played], errors: Console) -> bool:
    """How many cases broke off, and why the first did. True if all cases of a suite did: its figures are about none."""
    from revet.report.text import one_line

    hollow = False
    for played in done:
        broken = [trial for trial in played.trials if trial.error is not None]
        if broken:
            first = one_line(f"{broken[0].case}: {broken[0].error}")
            count = f"{len(broken)} of {len(played.trials)} cases broke off"
            errors.print(f"revet: {played.order.name}: {count}; the first: {first}", soft_wrap=True)
            hollow = hollow or len(broken) == len(played.trials)
    return hollow
