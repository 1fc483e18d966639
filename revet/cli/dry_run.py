"""`revet run --dry-run`: what would be run, with whom, what it may cost, and what stands in the way. Nothing is run."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from revet.batch.forecast import Forecast, Group, forecast
from revet.cli.common import BAD_INPUT, NOT_ALL, open_store
from revet.report import make_console
from revet.report.spent import dollars
from revet.report.text import duration, one_line, plural

if TYPE_CHECKING:
    from rich.console import Console

    from revet.cli.way import Way
    from revet.graphs.calls import Calls
    from revet.taskfile import Tasks

__all__ = ["dry_run"]

SHOWN = 12
"""Groups of tasks that are shown; JSON has all."""
WIDE = 11
"""The column of what a line tells."""
MORE = (
    "Calls come on top where a model looks at files or calls tools first, repeats a draft, or gives an answer that "
    "cannot be used."
)


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way of `tasks`, and what to do about it; `bad` if that is the input."""

    tasks: int
    problem: str
    hint: str = ""
    bad: bool = False


def dry_run(tasks: Tasks, way: Way) -> int:
    """Say what `revet run` would do. The exit code: 0 if it could be run, 2 for bad input, 1 for what is missing."""
    from revet.batch import SharedAgents
    from revet.batch.casts import purse_for

    # Both refuse what they would refuse if it were run.
    SharedAgents(way.record, purse=purse_for(way.totals, tasks), model_jobs=way.model_jobs, model_rate=way.model_rate)
    told = forecast(tasks, way.totals, open_store(way.out, way.store), resume=way.resume)
    found = [*_obstacles(told, way)]
    if way.json:
        typer.echo(json.dumps({**told.as_json(), "in_the_way": [asdict(each) for each in found]}))
    else:
        _show(make_console(), told, found, tasks)
    if any(each.bad for each in found):
        return BAD_INPUT
    return NOT_ALL if found else 0


def _obstacles(told: Forecast, way: Way) -> Iterator[Obstacle]:
    """What would let tasks fail, as far as it can be seen from here."""
    for group in told.groups:
        if group.problem is not None:
            problem, _, hint = group.problem.partition("\n  → ")
            yield Obstacle(group.tasks, problem, hint, bad=True)
    if way.engine == "ray":  # its workers have the sandboxes
        if importlib.util.find_spec("ray") is None:
            yield Obstacle(told.left, "the package ray is not installed", "pip install 'revet[ray]'")
        return
    yield from _sandboxes(told)


def _sandboxes(told: Forecast) -> Iterator[Obstacle]:
    """Sandboxes that do not work here, or lack what tasks want of them; of those tasks that surely run code."""
    import asyncio

    from revet.cli.doctor import support_of
    from revet.sandboxes.base import Feature

    wanted: dict[str, dict[str, int]] = {}
    for group in told.groups:
        features = wanted.setdefault(group.settings.sandbox, {})
        for feature in ("", *group.settings.sandbox_features):
            features[feature] = features.get(feature, 0) + group.code
    for name, features in sorted(wanted.items()):
        if not features[""]:
            continue
        support = asyncio.run(support_of(name))
        if not support.available:
            yield Obstacle(features[""], f"the sandbox {name} cannot be used here: {support.reason}", support.hint)
            continue
        for feature, tasks in sorted(features.items()):
            if feature and tasks and feature not in support.features:
                why = support.missing.get(Feature(feature), "it is not supported")
                yield Obstacle(tasks, f"the sandbox {name} has no {feature} here: {why}", "see revet doctor")


# --- for people ------------------------------------------------------------------------------------------------


def _show(console: Console, told: Forecast, found: list[Obstacle], tasks: Tasks) -> None:
    def say(what: str, words: str, style: str = "") -> None:
        console.print(Text.assemble(f"{what:<{WIDE}}", (one_line(words, 400), style)), soft_wrap=True)

    where = f", of {tasks.path}" if tasks.path is not None else ""
    console.print(Text(one_line(f"Nothing is run. What would be{where}:"), style="bold"), soft_wrap=True)
    console.print()
    for group in told.groups[:SHOWN]:
        _show_group(console, group)
    for heading, words in _summed(told):
        say(heading, words)
    for number, obstacle in enumerate(found):
        of = f" ({plural(obstacle.tasks, 'task')})"
        say("" if number else "in the way", f"{obstacle.problem}{of}", "red")
        if obstacle.hint:
            say("", f"→ {obstacle.hint}")
    if told.asking:
        console.print(Text(MORE, style="dim"))


def _show_group(console: Console, group: Group) -> None:
    settings = group.settings
    rounds = "" if group.rounds is None else f", {plural(group.rounds, 'round')}"
    head = f"{plural(group.tasks, 'task')}: {settings.recipe}{rounds}, sandbox {settings.sandbox}"
    console.print(Text(one_line(head), style="bold"), soft_wrap=True)
    lines = [(role, name) for role, name in group.named.items()]
    if settings.options:
        lines.append(("options", ", ".join(f"{name}={value}" for name, value in settings.options.items())))
    calls = group.cast.calls if group.cast is not None else None
    if group.problem is None:
        lines.append(("calls", _calls(calls, group)))
        if group.asks:
            lines.append(("took", _took(group)))
    limits = {name: getattr(settings, name) for name in ("tokens", "cost", "seconds")}
    lines.append(("budget", _budget(limits, " a task")))
    for what, words in lines:
        console.print(Text(f"  {what:<{WIDE - 2}}{one_line(words, 400)}"), soft_wrap=True)
    console.print()


def _summed(told: Forecast) -> Iterator[tuple[str, str]]:
    """What is said of the whole batch."""
    hidden = told.groups[SHOWN:]
    if hidden:
        yield "and", f"{plural(sum(g.tasks for g in hidden), 'task')} more, of {plural(len(hidden), 'other kind')}"
    left_out = [f"{told.bad:,} cannot be read and would be left out"] if told.bad else []
    left_out += [f"{told.done:,} are done already"] if told.done else []
    of = f" of {told.tasks:,}; {', '.join(left_out)}" if left_out else ""
    yield "to run", plural(told.left, "task") + of
    if told.sharing:
        yield "", f"{told.sharing:,} of them share {plural(told.shared, 'workspace')}: in each, one after another"
    yield "calls", _range(told.calls)
    limits = {name: getattr(told.totals, name) for name in ("tokens", "cost", "seconds")}
    yield "budget", _budget(limits, " for the batch")
    if told.asking:
        yield "may take", _may_take(told)


def _calls(calls: Calls | None, group: Group) -> str:
    if not group.asks:
        return "none: no language model is asked"
    return f"{_range(calls)} a task" + (f", {_range(group.calls)} in all" if calls and group.tasks > 1 else "")


def _range(calls: Calls | None) -> str:
    if calls is None:
        return "not known"
    if not calls.most:
        return "none of language models"
    return f"{calls.most:,}" if calls.least == calls.most else f"{calls.least:,} to {calls.most:,}"


def _took(group: Group) -> str:
    """What a task took in earlier runs."""
    before, unpriced = group.earlier, group.cast.unpriced if group.cast else ()
    costs = f"; what {', '.join(unpriced)} costs is not known" if unpriced else ""
    if before is None:
        return f"no estimate: no earlier runs with these models here; a budget bounds it{costs}"
    money = f", {dollars(before.cost)}" if before.cost and not unpriced else ""
    return f"{before.tokens:,.0f} tokens{money} a task on the mean of {plural(before.runs, 'earlier run')}{costs}"


def _may_take(told: Forecast) -> str:
    estimate, tokens, cost = told.estimate, told.most("tokens"), told.most("cost")
    parts = []
    if estimate.tasks:
        money = f" and {dollars(estimate.cost)}" if estimate.cost else ""
        of = "" if estimate.tasks == told.asking else f" for {estimate.tasks:,} of {plural(told.asking, 'task')}"
        parts.append(f"about {estimate.tokens:,.0f} tokens{money}{of}")
    bounds = ([] if tokens is None else [f"{tokens:,.0f} tokens"]) + ([] if cost is None else [dollars(cost)])
    parts.append(f"by the budgets {' and '.join(bounds)} at most" if bounds else "no budget bounds it")
    return "; ".join(parts if estimate.tasks or bounds else ["no estimate", *parts])


def _budget(limits: dict[str, float | None], each: str) -> str:
    """``50,000 tokens, $2.00 a task; no limit of time``."""
    tokens, cost, seconds = limits["tokens"], limits["cost"], limits["seconds"]
    known = ([] if tokens is None else [f"{tokens:,} tokens"]) + ([] if cost is None else [dollars(cost)])
    known += [] if seconds is None else [duration(seconds)]
    named = {"tokens": tokens, "cost": cost, "time": seconds}
    free = " or ".join(name for name, limit in named.items() if limit is None)
    if not known:
        return "no limit"
    return ", ".join(known) + each + (f"; no limit of {free}" if free else "")
