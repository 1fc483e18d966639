"""`revet recipes --compare SUITE`: who takes part, the runs, and the table of what came of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from revet.batch.agents import SharedAgents
from revet.cli.common import INTERRUPTED, NOT_ALL, TERMINATED
from revet.errors import InputError, MissingDependency
from revet.evals.compare import SUITES, Case, Compared, Comparison, Suite, TaskCase, spread, suite_named, task_suite
from revet.graphs.recipes import RECIPES, Recipe, recipe_named
from revet.taskfile import Settings, check_settings, load, settings_from

if TYPE_CHECKING:
    from rich.console import Console

    from revet.graphs import Agent
    from revet.sandboxes import Sandbox
    from revet.store import Store

__all__ = ["Wanted", "compared"]

REPAIR: str = Settings.model_fields["model"].default
"""The model that is none: recorded samples take its place, where a case has them."""
TEST_SECONDS = 2.0
"""For one test of a recorded sample: what hangs among them hangs in the first."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for. `recipe` is empty where all that can take part are wanted."""

    suite: str
    recipe: tuple[str, ...] = ()
    model: str | None = None
    base_url: str | None = None
    record: Path | None = None
    data: Path | None = None
    split: str = "dev"
    limit: int | None = None
    rounds: int | None = None
    seconds: float | None = None
    sandbox: str | None = None
    seed: int | None = None

    def settings(self) -> dict[str, Any]:
        """The settings that it gives, by name."""
        names = ("model", "base_url", "rounds", "seconds", "sandbox", "seed")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def compared(wanted: Wanted, *, json: bool) -> int:
    """Compare and print; the exit code. Raises `InputError` before anything is run."""
    from revet.report import make_console

    names = [recipe_named(name, RECIPES).name for name in dict.fromkeys(wanted.recipe)]
    suite, settings = _suite_of(wanted)
    cast = _Cast(settings, SharedAgents(wanted.record))
    names, left_out = _able(names, suite, cast)
    errors = make_console(stderr=True)
    for line in (*suite.left_out, *_grouped(left_out)):
        errors.print(f"revet: {line}", soft_wrap=True)
    comparison = Comparison(suite, names, cast.opens, cast.sandbox)
    stopped = _run(comparison, cast, errors)
    figures = comparison.figures()
    figures += [Compared(recipe=name, suite=suite.name, left_out=why) for name, why in left_out.items()]
    if json:
        for each in figures:
            typer.echo(each.model_dump_json())
    else:
        _print_table([each for each in figures if each.left_out is None], suite)
    _say_errors(comparison, errors)
    if stopped:
        done = sum(map(len, comparison.results.values()))
        errors.print(f"Stopped after {done} of {comparison.runs} runs; the figures are about those.")
        return stopped
    return NOT_ALL if any(each.failed for each in figures) else 0


def _run(comparison: Comparison, cast: _Cast, errors: Console) -> int:
    """Run it to its end, with a line of progress where somebody watches. What stopped it, as an exit code; or 0."""

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            session = await cast.sandbox.open(None)  # one that does not work here is told before anything is run
            await session.close()
            await comparison.run(told)
        finally:
            await cast.agents.close()

    with errors.status(f"{comparison.suite.name} …") as status:

        def told(recipe: str, case: str, done: int, of: int) -> None:
            said = f"{comparison.suite.name}: {done} of {of} runs, now {recipe} on {case}"
            status.update(said)
            if not errors.is_terminal and recipe == comparison.recipes[0]:
                errors.print(said, soft_wrap=True)

        try:
            asyncio.run(work())
        except KeyboardInterrupt:
            return INTERRUPTED
        except asyncio.CancelledError:
            return TERMINATED
    return 0


def _suite_of(wanted: Wanted) -> tuple[Suite, Mapping[str, Settings]]:
    """The suite, and the settings of each of its cases but for the recipe."""
    given = wanted.settings()
    chosen = settings_from(given)
    if wanted.suite in SUITES:
        suite = spread(suite_named(wanted.suite, wanted.data, wanted.split), wanted.limit)
        budget = {"rounds": suite.rounds, "seconds": suite.seconds}
        chosen = settings_from({name: value for name, value in budget.items() if value is not None} | given)
        check_settings(chosen)
        return suite, {case.id: chosen for case in suite.cases}
    if not Path(wanted.suite).suffix and not Path(wanted.suite).exists():
        suite_named(wanted.suite)  # says which there are
    entries = load(wanted.suite, given)
    for entry in entries:
        if entry.settings.database is not None:
            raise InputError(
                f"{entry.task.id} works on a database, and every recipe would work on the same one",
                hint="compare on tasks that change files alone, or that only answer",
            )
    suite = spread(task_suite(Path(wanted.suite).name, [entry.task for entry in entries]), wanted.limit)
    return suite, {entry.task.id: entry.settings for entry in entries}


@dataclass
class _Cast:
    """Casts a recipe for a case, with the settings of that case and everybody's models."""

    settings: Mapping[str, Settings]
    agents: SharedAgents
    _sandbox: list[Sandbox] = field(default_factory=list)

    @property
    def sandbox(self) -> Sandbox:
        """Where the judge runs code: the sandbox of the first case."""
        from revet import sandboxes

        if not self._sandbox:
            self._sandbox.append(sandboxes.get(next(iter(self.settings.values())).sandbox))
        return self._sandbox[0]

    def settings_of(self, recipe: str, case: Case) -> Settings:
        """The case's settings with this recipe. Options that the case has for its own recipe are for that one alone."""
        own = self.settings[case.id]
        return own if own.recipe == recipe else own.model_copy(update={"recipe": recipe, "options": {}})

    @asynccontextmanager
    async def opens(self, recipe: str, case: Case, store: Store) -> AsyncIterator[Agent]:
        settings = self.settings_of(recipe, case)
        await self.agents.ready(settings)
        if case.proposer is None or settings.model != REPAIR:
            agent: Any = self.agents(settings, store)
            try:
                yield agent
            finally:
                await self.agents.done(agent)
            return
        sampled = _sampled(case, settings, store)
        try:
            yield sampled
        finally:
            await sampled.aclose()


def _sampled(case: Case, settings: Settings, store: Store) -> Agent:
    """An agent whose proposer is the case's own."""
    from revet.graphs import Agent
    from revet.policy import Policy
    from revet.tools import Tests

    assert case.proposer is not None
    budgets = {name: getattr(settings, name) for name in ("rounds", "seconds") if name in settings.model_fields_set}
    return Agent(
        case.proposer,
        extra_tools=(Tests(test_timeout=TEST_SECONDS),),
        recipe=settings.recipe,
        options=settings.options,
        policy=Policy(**budgets),
        sandbox=settings.sandbox,
        store=store,
        seed=settings.seed,
    )


def _able(named: Sequence[str], suite: Suite, cast: _Cast) -> tuple[list[str], dict[str, str]]:
    """Who takes part, and why the others do not. Raises `InputError` for one that was asked for by name."""
    able, left_out = [], {}
    for name in named or RECIPES:
        why = _unfit(name, suite, cast)
        if why is None:
            able.append(name)
        elif named:
            raise InputError(f"--recipe {name}: {why}")
        else:
            left_out[name] = "; ".join(line.strip() for line in why.splitlines()).replace("; →", ":")
    if not able:
        reasons = "".join(f"\n  {name}: {why}" for name, why in left_out.items())
        raise InputError(f"no recipe can take part:{reasons}")
    return able, left_out


def _grouped(left_out: Mapping[str, str]) -> Iterator[str]:
    """A line for each reason."""
    for why in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name, reason in left_out.items() if reason == why)
        yield f"left out: {names}: {why}"


def _unfit(name: str, suite: Suite, cast: _Cast) -> str | None:
    """Why the recipe cannot be run on the suite's tasks. Of one that is no user's file, the first stands for all."""
    from revet.sandboxes.scratch import Scratch

    if not RECIPES[name].without_model and any(cast.settings_of(name, case).model == REPAIR for case in suite.cases):
        return "it needs a language model: name one with --model provider:name"
    own = isinstance(suite.cases[0], TaskCase)
    for case in suite.cases if own else suite.cases[:1]:
        settings = cast.settings_of(name, case)
        with Scratch() as scratch:
            task = case.task if isinstance(case, TaskCase) else case.prepare(scratch / "workspace")
            try:
                check_settings(settings, task)
                if task.checks and not _tests(RECIPES[name], settings):
                    return "it has no tool that runs a task's checks: it is for other tasks"
            except (InputError, MissingDependency) as error:
                return str(error).removeprefix("--recipe: ").removeprefix("--model: ")
    return None


def _tests(recipe: Recipe, settings: Settings) -> bool:
    """Whether the recipe's team can run a task's checks. Which tools it has, no model says."""
    from revet.graphs.team import Roles, options_of
    from revet.models import LanguageModel
    from revet.models.scripted import ScriptedModel
    from revet.policy import Policy
    from revet.tools import Tests

    silent = LanguageModel(ScriptedModel([]))
    team = recipe.cast(Roles(model=silent, load=lambda _: silent), options_of(recipe, settings.options), Policy())
    return any(tool.name == Tests.name for tool in team.tools)


def _print_table(figures: Sequence[Compared], suite: Suite) -> None:
    from rich.table import Table

    from revet.report import make_console

    console = make_console()
    table = Table(box=None, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    for heading in ("right", "95 %", "w→r", "r→w", "drafts", "tools", "tokens", "s", "× core"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in figures:
        right = "–" if each.accuracy is None else f"{round(each.accuracy * each.n)}/{each.n}"
        interval = "–" if each.low is None or each.high is None else f"{each.low:.2f}–{each.high:.2f}"
        means = (_mean(each.drafts), _mean(each.tool_runs), _mean(each.tokens, 0), _mean(each.seconds))
        changed = (str(each.wrong_to_right), str(each.right_to_wrong))
        table.add_row(each.recipe, right, interval, *changed, *means, _mean(each.times_core, 2))
    console.print(table)
    most = max((each.n for each in figures), default=0)
    console.print(
        f"\n{suite.name}, {most} {'task' if most == 1 else 'tasks'}. w→r: the first draft was wrong, the end is right;"
        " r→w: the other way round. Drafts, runs of tools, tokens and seconds are means for a task.",
        soft_wrap=True,
    )


def _mean(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _say_errors(comparison: Comparison, errors: Console) -> None:
    """Each run that broke off, in a line."""
    for recipe, ended in comparison.results.items():
        for each in ended:
            if each.error is not None:
                errors.print(f"revet: {recipe} broke off on {each.case}: {each.error}", soft_wrap=True)
