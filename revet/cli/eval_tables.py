"""The figures of evaluations: as tables on a terminal, as JSON, and as the Markdown table of a README."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from revet.cli.eval_require import reached
from revet.evals.estimate import Estimate
from revet.evals.evaluation import Evaluation
from revet.evals.suites import filled, suites

if TYPE_CHECKING:
    from rich.console import Console

    from revet.evals.runner import Played
    from revet.evals.suite import Beside, Known

__all__ = ["interval", "json_object", "markdown_table", "number", "print_evaluation", "print_figures"]

NOTE = 30
"""Columns that notes need beside the figures. Where fewer are left, they stand below, after the figures' names."""


def number(value: float | None, digits: int = 3) -> str:
    """For a person to read; a dash for what is not a number."""
    if value is None:
        return "–"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{int(value):,}"
    return f"{value:,.{digits}f}"


def interval(figure: Estimate) -> str:
    return "" if figure.low is None or figure.high is None else f"{number(figure.low)} – {number(figure.high)}"


def json_object(played: Played) -> str:
    """One suite as a JSON object on a line."""
    evaluation, known = played.evaluation, suites().get(played.evaluation.suite)
    said: dict[str, Any] = evaluation.model_dump(mode="json")
    said["errors"] = sum(trial.error is not None for trial in played.trials)
    said["headline"] = headline_of(evaluation, known)
    if known is not None:
        figure = evaluation.figure(known.headline)
        told = None if known.target is None or figure is None else reached(figure, known.target)
        said |= {
            "target": known.target,
            "reached": told,
            "beside": [each.model_dump() for each in filled(known, evaluation).beside],
        }
    return json.dumps(said, ensure_ascii=False)


def headline_of(evaluation: Evaluation, known: Known | None) -> str | None:
    """The name of the figure that stands for the suite."""
    if known is not None:
        return known.headline
    return evaluation.figures[0].name if evaluation.figures else None


def print_figures(done: Sequence[Played]) -> None:
    """One suite whole; of several, a line for each, and how to see more."""
    from revet.report import make_console

    console = make_console()
    if len(done) == 1:
        print_evaluation(console, done[0].evaluation)
    elif done:
        _print_suites(console, [played.evaluation for played in done])
        console.print("\n`revet eval show SUITE` shows all the figures of one.", soft_wrap=True)


def _print_suites(console: Console, evaluations: Sequence[Evaluation]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("suite", "figure"):
        table.add_column(name, no_wrap=True)
    for name in ("value", "95 %", "n", "target", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in evaluations:
        known = suites().get(each.suite)
        figure = each.figure(headline_of(each, known) or "")
        if figure is None:
            table.add_row(each.suite, "", "–", "", "", "", f"{each.seconds:.0f}")
            continue
        values = (number(figure.value), interval(figure), f"{figure.n:,}")
        table.add_row(each.suite, figure.name, *values, _target(figure, known), f"{each.seconds:.0f}")
    console.print(table)


def print_evaluation(console: Console, evaluation: Evaluation, played: int | None = None) -> None:
    """All the figures of one, what others published beside it, and what the figures do not show."""
    from rich.table import Table

    known = suites().get(evaluation.suite)
    console.print("\n".join(_head(evaluation, played)), soft_wrap=True)
    shown = [each for each in evaluation.figures if "/" not in each.name]
    rows = []
    for figure in shown:
        target = _target(figure, known) if known is not None and figure.name == known.headline else ""
        rows.append((figure.name, number(figure.value), interval(figure), f"{figure.n:,}", target))
    names = ("figure", "value", "95 %", "n", "target")
    room = console.width - sum(max(map(len, column)) + 1 for column in zip(names, *rows, strict=True))
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name == "figure" else "right", no_wrap=True)
    if room >= NOTE:
        table.add_column("", overflow="fold")
    for figure, row in zip(shown, rows, strict=True):
        table.add_row(*row, *([figure.note] if room >= NOTE else []))
    if rows:
        console.print(table)
    if room < NOTE:
        for note in dict.fromkeys(each.note for each in shown if each.note):
            console.print(f"{', '.join(each.name for each in shown if each.note == note)}: {note}", soft_wrap=True)
    for line in (*_parted(evaluation), *_besides(evaluation, known)):
        console.print(line, soft_wrap=True)
    if known is not None and known.note:
        console.print(f"note: {known.note}", soft_wrap=True)


def _parted(evaluation: Evaluation) -> Iterator[str]:
    """Figures of parts (rounds, models, sets), a line for all of one name: they would make the table too long."""
    parts: dict[str, list[str]] = {}
    for figure in evaluation.figures:
        stem, slash, part = figure.name.partition("/")
        if slash and stem != "published":  # told beside
            parts.setdefault(stem, []).append(f"{part} {number(figure.value)}")
    for stem, values in parts.items():
        yield f"{stem}: {', '.join(values)}"


def _besides(evaluation: Evaluation, known: Known | None) -> Iterator[str]:
    for each in filled(known, evaluation).beside if known else ():
        yield f"beside it: {_beside(each, evaluation)}"


def _beside(each: Beside, evaluation: Evaluation) -> str:
    """Who, how much, by whose word, and what of ours it stands beside, where that is not the headline."""
    ours = evaluation.figure(each.measure) if each.measure not in ("", each.figure) else None
    there = f"; ours there: {number(ours.value)}" if ours is not None else ""
    return f"{each.who} {number(each.value)} ({each.source}{there})"


def _head(evaluation: Evaluation, played: int | None) -> Iterator[str]:
    from revet.report.text import plural

    split = f", split {evaluation.split}" if evaluation.split else ""
    options = "".join(f", {name}={value}" for name, value in evaluation.options.items())
    yield f"{evaluation.suite}{split}{options}: {plural(evaluation.cases, 'case')} ({evaluation.id})"
    if evaluation.ended_at is None:
        kept = "" if played is None else f" {played:,} of {evaluation.cases:,} cases are kept;"
        yield f"It has not ended.{kept} the same command with --resume goes on with it."


def _target(figure: Estimate, known: Known | None) -> str:
    if known is None or known.target is None:
        return ""
    return f"{known.target:g} {'reached' if reached(figure, known.target) else 'missed'}"


def markdown_table(done: Sequence[Played], split: str) -> str:
    """Each suite beside what others published or logged."""
    lines = ["| set | who else: figure | ours, 95 % | n | command |", "|---|---|---|---|---|"]
    lines += [_row(played.evaluation, split) for played in done]
    return "\n".join(lines)


def _row(evaluation: Evaluation, split: str) -> str:
    known = suites().get(evaluation.suite)
    figure = evaluation.figure(headline_of(evaluation, known) or "")
    beside = "; ".join(_beside(each, evaluation) for each in filled(known, evaluation).beside) if known else ""
    value = "–" if figure is None else f"{_words(figure.name)} {number(figure.value)}"
    around = f" ({interval(figure)})" if figure is not None and figure.low is not None else ""
    data = " --data DATA" if known is not None and known.sets else ""
    command = f"`revet eval {evaluation.suite}{data}{'' if split == 'dev' or not data else f' --split {split}'}`"
    cells = (evaluation.suite, beside, value + around, f"{figure.n:,}" if figure else "", command)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _words(name: str) -> str:
    return name.replace("_", " ")
