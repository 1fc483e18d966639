"""`revet recipes`: the methods there are, one of them whole, or several compared on the same tasks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revet.cli.common import Debug, guarded

if TYPE_CHECKING:
    from revet.graphs.team import Recipe

__all__ = ["recipes"]

PAGE = "docs/methods/{}.md"
COMPARING = ("recipe", "model", "base_url", "record", "data", "split", "limit", "rounds", "seconds", "sandbox", "seed")
"""The parameters that only a comparison has a use for."""


@guarded
def recipes(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show this method whole, with its options.")] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="Run recipes on SUITE: bugs, quixbugs, humanevalfix, codet, ldb, or a task file."),
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", help="One of those to compare (all that can run). Can be repeated.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Who drafts in every recipe, as provider:name.")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint for openai:NAME.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Write what the model is asked and answers to FILE.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the published data sets, with SET/NAME.SPLIT.jsonl.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which rows of them: the part before .jsonl.")] = "dev",
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many tasks, spread evenly over the suite.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option("--rounds", help="Revisions after the first draft, for every recipe.")
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Wall time of each run (no limit).")] = None,
    sandbox: Annotated[str | None, typer.Option("--sandbox", help="Where code runs (local).")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed gives the same run (0).")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object for each recipe on stdout.")] = False,
    debug: Debug = False,
) -> None:
    """List the methods that --recipe takes, show one whole, or compare them on the same tasks."""
    from revet.errors import InputError

    if compare is not None:
        from revet.cli.compare import Wanted, compared

        if name is not None:
            raise InputError(
                f"{name!r} names a recipe to show, and --compare names tasks to run", hint=f"write --recipe {name}"
            )
        given = {key: context.params[key] for key in COMPARING}
        code = compared(Wanted(suite=compare, **{**given, "recipe": tuple(recipe or ())}), json=json)
        if code:
            raise typer.Exit(code)
        return
    stray = [key for key in COMPARING if _given(context, key)]
    if stray:
        options = ", ".join(f"--{key.replace('_', '-')}" for key in stray)
        raise InputError(f"{options}: only a comparison has a use for it", hint="add --compare bugs, or a task file")
    _show(name, json)


def _given(context: typer.Context, key: str) -> bool:
    source = context.get_parameter_source(key)
    return source is not None and source.name != "DEFAULT"


def _show(name: str | None, json: bool) -> None:
    """One recipe, or all of them."""
    from revet.graphs.recipes import RECIPES, recipe_named

    chosen = [recipe_named(name, RECIPES)] if name is not None else list(RECIPES.values())
    if json:
        for each in chosen:
            typer.echo(_as_json(each))
    elif name is not None:
        typer.echo("\n".join(_whole(chosen[0])))
    else:
        typer.echo("\n".join(_listed(chosen)))


def _listed(recipes: list[Recipe]) -> Iterator[str]:
    """A line for each, in families."""
    from revet.graphs.families import by_family

    known = {each.name: each for each in recipes}
    wide = max(map(len, known)) + 2
    for family, names in by_family(known).items():
        yield family
        yield from (f"  {name:<{wide}}{known[name].summary}" for name in names)
        yield ""
    yield "revet recipes NAME shows one whole; revet recipes --compare bugs compares them."


def _whole(recipe: Recipe) -> Iterator[str]:
    """All that there is to know of it before it is run."""
    from revet.graphs.recipes import RECIPES
    from revet.graphs.team import Options
    from revet.report.options import option_lines

    page = recipe.published
    yield _hung(f"{recipe.name}: {recipe.summary}", 2)
    facts = {"source": recipe.source, "needs": recipe.needs, "cost": recipe.cost, "rounds": _least(recipe)}
    facts |= {"paper": page.url, "code": page.code} if page else {}
    if page and recipe.name in RECIPES:
        facts["page"] = PAGE.format(recipe.name)
    for label, value in facts.items():
        if value:
            yield _hung(f"  {label:<8}{value}", 10)
    common = tuple(f"{name}=" for name in Options.model_fields)  # every recipe has these: they come last
    lines = sorted(option_lines(recipe.options.model_json_schema()), key=lambda line: line.startswith(common))
    yield from (_hung(f"  --option {line}", 6) for line in lines)
    if page and page.differs:
        yield "  Not as published:"
        yield from (_hung(f"  - {each}", 4) for each in page.differs)


def _least(recipe: Recipe) -> str:
    """The fewest rounds that it can do with, with its options as they are by default."""
    from pydantic import ValidationError

    try:
        least = recipe.least_rounds(recipe.options())
    except ValidationError:  # an option has no default
        return ""
    return f"at least {least}" if least else ""


def _hung(text: str, indent: int) -> str:
    """In lines of 100 columns at most, the further ones indented. Nothing that is one word is broken."""
    return textwrap.fill(text, 100, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _as_json(recipe: Recipe) -> str:
    import json

    from revet.graphs.families import by_family

    said: dict[str, Any] = {"name": recipe.name, "family": next(iter(by_family([recipe.name])))}
    said |= {key: getattr(recipe, key) for key in ("summary", "source", "needs", "without_model", "cost")}
    return json.dumps({**said, "options": recipe.options.model_json_schema()}, ensure_ascii=False)
