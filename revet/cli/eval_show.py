"""`revet eval list`, `show` and `compare`: the suites that there are, and the evaluations that were kept."""

from __future__ import annotations

import json as jsonlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from revet.cli.eval_pages import write_comparison, write_suite
from revet.cli.eval_tables import interval, number, print_evaluation
from revet.errors import InputError
from revet.evals.comparing import Contrast, contrast
from revet.evals.evaluation import Evaluation, Evaluations
from revet.evals.paired import Difference
from revet.evals.source import Source
from revet.evals.suite import Known
from revet.evals.suites import GROUPS, files_of, suites
from revet.store import ResultStore

__all__ = ["compare_kept", "list_suites", "show_kept"]

LISTED = 30


def list_suites(data: Path | None, *, json: bool) -> None:
    """The suites by kind."""
    if json:
        for known in suites().values():
            said = known.model_dump(mode="json")
            typer.echo(jsonlib.dumps({**said, "needs_data": bool(known.sets)}, ensure_ascii=False))
        return
    typer.echo("\n".join(_listed(None if data is None else Source(data))))


def _listed(source: Source | None) -> Iterator[str]:
    wide = max(map(len, suites())) + 2
    for kind, about in GROUPS.items():
        chosen = [known for known in suites().values() if known.kind == kind]
        if chosen:
            yield f"{kind}: {about}"
            for known in chosen:
                yield _hung(f"  {known.name:<{wide}}{known.about}", wide + 2)
                yield _hung(f"  {'':<{wide}}{_facts(known, source)}", wide + 2)
            yield ""
    yield "revet eval SUITE plays one; the name of a kind, or all, stands for several."


def _hung(text: str, indent: int) -> str:
    """In lines of 100 columns at most, the further ones indented."""
    return textwrap.fill(text, 100, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _facts(known: Known, source: Source | None) -> str:
    target = "" if known.target is None else f", target {known.target:g}"
    options = f"; options: {', '.join(known.options)}" if known.options else ""
    return f"{known.headline}{target}; {_data(known, source)}{options}"


def _data(known: Known, source: Source | None) -> str:
    if not known.sets:
        return "needs no data"
    sets = ", ".join(dict.fromkeys(each.partition("/")[0] for each in known.sets))
    if source is None:
        return f"needs {sets}"
    try:
        files_of(known, source)
    except InputError:
        return f"needs {sets}, which is not in {source.folder}"
    return f"has {sets}"


def show_kept(name: str | None, *, json: bool, html: Path | None, out: Path) -> None:
    """One evaluation, or the list of them."""
    from revet.report import make_console

    kept = Evaluations(ResultStore(out))
    if name is None:
        if html is not None:
            raise InputError("--html writes the page of one evaluation", hint="name it: revet eval show ID --html FILE")
        _show_list(kept, json=json)
        return
    evaluation = kept.get(name)
    trials = kept.trials(evaluation)
    if html is not None:
        write_suite(html, evaluation, trials)
    if json:
        said = evaluation.model_dump(mode="json")
        said["trials"] = [trial.model_dump(mode="json") for trial in trials]
        typer.echo(jsonlib.dumps(said, ensure_ascii=False))
    elif html is None:
        print_evaluation(make_console(), evaluation, len(trials))


def _show_list(kept: Evaluations, *, json: bool) -> None:
    rows = kept.newest(LISTED)
    if json:
        for evaluation, played in rows:
            said = {**evaluation.model_dump(mode="json", exclude={"figures"}), "played": played}
            typer.echo(jsonlib.dumps(said, ensure_ascii=False))
    elif rows:
        _print_list(rows)
    else:
        typer.echo(f"No evaluations in {kept.store.folder} yet. `revet eval bugs` makes one; it needs no data.")


def _print_list(rows: Sequence[tuple[Evaluation, int]]) -> None:
    from rich.table import Table

    from revet.report import make_console

    table = Table(box=None, pad_edge=False)
    for name in ("evaluation", "begun", "split", "cases", "figure"):
        table.add_column(
            name, no_wrap=name != "figure", overflow="fold", justify="right" if name == "cases" else "left"
        )
    for evaluation, played in rows:
        ended = evaluation.ended_at is not None
        cases = f"{evaluation.cases:,}" if ended else f"{played:,} of {evaluation.cases:,}"
        first = evaluation.figures[0] if evaluation.figures else None
        figure = "not ended" if not ended else "" if first is None else f"{first.name} {number(first.value)}"
        begun = evaluation.begun_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(evaluation.id, begun, evaluation.split, cases, figure)
    make_console().print(table)


def compare_kept(a: str, b: str, *, json: bool, html: Path | None, out: Path) -> None:
    """Two evaluations, case by case."""
    kept = Evaluations(ResultStore(out))
    first, second = kept.get(a), kept.get(b)
    if first.id == second.id:
        raise InputError(f"{a!r} and {b!r} are the same evaluation, {first.id}", hint="name two of `revet eval show`")
    one, other = kept.trials(first), kept.trials(second)
    found = contrast(first, second, one, other)
    if html is not None:
        write_comparison(html, found, one, other)
    if json:
        typer.echo(found.model_dump_json())
    elif html is None:
        _print_contrast(found)


def _print_contrast(found: Contrast) -> None:
    from rich.table import Table

    from revet.report import make_console

    console = make_console()
    console.print(f"{found.first.suite}: A is {found.first.id}, B is {found.second.id}; {found.n:,} cases in both")
    for line in found.unlike:
        console.print(f"! {line}", soft_wrap=True)
    if found.differences:
        table = Table(box=None, pad_edge=False)
        table.add_column("case by case", overflow="fold")
        for name in ("B - A", "95 %", "p", "n"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("test", overflow="fold")
        for each in found.differences:
            table.add_row(each.name, *_difference(each))
        console.print(table)
    else:
        console.print("No case has drafts or verdicts of its own to pair: only the figures are side by side.")
    if found.figures:
        table = Table(box=None, pad_edge=False)
        table.add_column("figure", overflow="fold")
        for name in ("A", "95 %", "B", "95 %"):
            table.add_column(name, justify="right", no_wrap=True)
        for shared in found.figures:
            one, other = shared.first, shared.second
            table.add_row(shared.name, number(one.value), interval(one), number(other.value), interval(other))
        console.print("")
        console.print(table)


def _difference(each: Difference) -> tuple[str, str, str, str, str]:
    signed = "–" if each.value is None else f"{each.value:+.3f}"
    around = "" if each.low is None or each.high is None else f"{each.low:+.3f} – {each.high:+.3f}"
    p = "–" if each.p is None else "< 0.001" if each.p < 0.001 else f"{each.p:.3f}"
    return signed, around, p, f"{each.n:,}", "; ".join(part for part in (each.test, each.note) if part)
