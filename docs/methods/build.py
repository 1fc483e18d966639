"""Writes the pages in this folder from the recipes themselves, and their row in docs/README.md.

    python docs/methods/build.py            # write what is out of date
    python docs/methods/build.py --check    # say what is, and end with 1

A page holds what its `Recipe` says (source, needs, options, `published`), what its module says of the algorithm, and
the figures of ``figures.toml`` beside this file.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from revet.errors import InputError
from revet.graphs.families import by_family
from revet.graphs.recipes import RECIPES, Options, Recipe, Roles
from revet.models import LanguageModel
from revet.models.scripted import ScriptedModel
from revet.policy import Policy
from revet.report.options import OptionRow, option_rows

__all__ = ["figures", "main", "pages"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INDEX = "| [methods/](methods/README.md) |"
"""How the row of the methods begins in docs/README.md, which lists every page."""
FACTS = ("recipe", "set", "value", "compared", "command", "date")
OPTIONS_HEAD = ("| option | may be | default | |", "|---|---|---|---|")
MADE = "<!-- made by docs/methods/build.py: change the recipe, then run it -->"


def pages() -> dict[Path, str]:
    """The pages as they should be, by their paths."""
    known = figures()
    found = {HERE / f"{name}.md": _page(recipe, known.get(name, [])) for name, recipe in RECIPES.items()}
    found[HERE / "README.md"] = "\n".join(_contents(known)) + "\n"
    index = ROOT / "docs" / "README.md"
    lines = index.read_text(encoding="utf-8").splitlines()
    found[index] = "\n".join(_row() if line.startswith(INDEX) else line for line in lines) + "\n"
    return found


def figures(path: Path = HERE / "figures.toml") -> dict[str, list[Mapping[str, Any]]]:
    """What was measured of each recipe. Raises `InputError` for an entry that lacks something or names no recipe."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("figure", []), 1):
        lacking = [fact for fact in FACTS if not entry.get(fact)]
        if lacking or entry["recipe"] not in RECIPES:
            wrong = f"lacks {', '.join(lacking)}" if lacking else f"there is no recipe {entry['recipe']}"
            raise InputError(f"{path}: figure {number}: {wrong}")
        found.setdefault(entry["recipe"], []).append(entry)
    return found


def _page(recipe: Recipe, known: Sequence[Mapping[str, Any]]) -> str:
    parts = [
        _head(recipe),
        _algorithm(recipe),
        _graph(recipe),
        _options(recipe),
        _differs(recipe),
        _shown(recipe, known),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(recipe: Recipe) -> str:
    published = recipe.published
    family = next(iter(by_family([recipe.name])))
    facts = [f"# {recipe.name}", MADE, f"{recipe.summary[:1].upper()}{recipe.summary[1:]}.", "| | |\n|---|---|"]
    rows = [("family", f"[{family}](README.md#{_anchor(family)})")]
    if published and published.url:
        rows.append(("publication", f"[{published.title}]({published.url})"))
    if recipe.source:
        rows.append(("source", recipe.source))
    if published and published.code:
        rows.append(("the authors' code", f"<{published.code}>"))
    rows += [("needs", recipe.needs), ("without a model", "yes" if recipe.without_model else "no")]
    rows += [("cost", recipe.cost)] if recipe.cost else []
    rows += [("rounds", _rounds(recipe))]
    if (ROOT / "docs" / f"{recipe.name}.md").is_file():
        rows.append(("more", f"[docs/{recipe.name}.md](../{recipe.name}.md)"))
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows)
    return "\n\n".join(facts) + f"\n{table}\n\n```sh\nrevet run TASKS --recipe {recipe.name}{_model(recipe)}\n```"


def _model(recipe: Recipe) -> str:
    return "" if recipe.without_model else " --model PROVIDER:NAME"


def _rounds(recipe: Recipe) -> str:
    """The number of revisions that the recipe sets where the user sets none, and the fewest that it can do with."""
    try:
        options = recipe.options()
    except ValidationError:
        return "as its options say"
    least = recipe.least_rounds(options)
    least_said = f"; at least {least}" if least else ""
    silent = LanguageModel(ScriptedModel([]))
    try:
        team = recipe.cast(Roles(model=silent, load=lambda _: silent), options, Policy())
    except InputError:
        return f"as its options say{least_said}"
    return f"{team.policy.rounds} revisions unless `--rounds` says otherwise{least_said}"


def _algorithm(recipe: Recipe) -> str:
    """What the recipe's module says of it, but for its first line."""
    text = inspect.cleandoc(_module(recipe).__doc__ or "")
    body = text.partition("\n")[2].strip()
    return f"## The algorithm\n\n{_markdown(body)}" if body else ""


def _module(recipe: Recipe) -> Any:
    return import_module(f"revet.graphs.recipes.{recipe.name.replace('-', '_')}")


def _markdown(text: str) -> str:
    """Docstring to Markdown: ``::`` with an indented block becomes a fence, double backticks become single ones."""
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        if fenced and line.strip() and not line.startswith("    "):
            while lines[-1] == "":
                lines.pop()
            lines += ["```", ""]
            fenced = False
        if not fenced and line.rstrip().endswith("::"):
            before = line.rstrip().removesuffix("::").rstrip().replace("``", "`")
            lines += [f"{before}:", "", "```text"] if before else ["```text"]
            fenced = True
            continue
        if fenced and lines[-1] == "```text" and not line.strip():
            continue
        lines.append(line[4:] if fenced else line.replace("``", "`"))
    if fenced:
        while lines[-1] == "":
            lines.pop()
        lines.append("```")
    return "\n".join(lines).strip()


def _graph(recipe: Recipe) -> str:
    if recipe.published is None:
        return ""
    return f"## On the core graph\n\n```mermaid\nflowchart TD\n{inspect.cleandoc(recipe.published.flow)}\n```"


def _options(recipe: Recipe) -> str:
    rows = [row for row in option_rows(recipe.options.model_json_schema()) if row.name not in Options.model_fields]
    if not rows:
        return ""
    lines = [
        "## Options",
        "",
        "`--option NAME=VALUE`, or under `options:` in a task file. What is left out is as published.",
        "",
        *OPTIONS_HEAD,
        *map(_option, rows),
    ]
    return "\n".join(lines)


def _option(row: OptionRow) -> str:
    default = "–" if row.default is None else f"`{row.default}`"
    return f"| `{row.name}` | {_cell(row.kind)} | {_cell(default)} | {_cell(row.about)} |"


def _differs(recipe: Recipe) -> str:
    if recipe.published is None or not recipe.published.differs:
        return ""
    return "\n".join(["## Not as published", "", *(f"- {each}" for each in recipe.published.differs)])


def _shown(recipe: Recipe, known: Sequence[Mapping[str, Any]]) -> str:
    """Where its control flow is tested, and what was measured."""
    said = []
    if recipe.published is not None:
        said.append(f"Its control flow is asserted in [{recipe.published.test}](../../{recipe.published.test}).")
    if known:
        said.append("| set | figure | beside it | how, when |\n|---|---|---|---|\n" + "\n".join(map(_figure, known)))
    else:
        why = "" if recipe.without_model else ": what it is worth depends on a language model"
        said.append(f"No figure on the replay sets{why}.")
    return "\n\n".join(["## Shown by", *said])


def _figure(entry: Mapping[str, Any]) -> str:
    cells = (entry["set"], entry["value"], entry["compared"], f"`{entry['command']}`, {entry['date']}")
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _contents(known: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    yield from (
        "# The methods",
        "",
        MADE,
        "",
        "Every published method is a recipe: it casts the roles of [the same loop](../loop.md), with the same tools,",
        "gate, commit and budgets, so that methods can be compared fairly. `revet recipes` lists them,",
        "`revet recipes NAME` shows one whole, `revet recipes --compare bugs` compares them. How to choose one, and",
        "how to write one: [recipes.md](../recipes.md).",
    )
    for family, names in by_family(RECIPES).items():
        yield from ("", f"## {family}", "", "| recipe | | model | measured |", "|---|---|---|---|")
        for name in names:
            recipe = RECIPES[name]
            model = "not needed" if recipe.without_model else "needed"
            count = len(known.get(name, ()))
            measured = f"[{count} figure{'s' * (count > 1)}]({name}.md#shown-by)" if count else ""
            yield f"| [{name}]({name}.md) | {_cell(recipe.summary)} | {model} | {measured} |"
    yield from _common()


def _common() -> Iterator[str]:
    """The options that every recipe takes, besides its own."""
    rows = [row for row in option_rows(Options.model_json_schema()) if row.name in Options.model_fields]
    if rows:
        yield from ("", "## Options of every recipe", "", *OPTIONS_HEAD, *map(_option, rows))


def _row() -> str:
    listed = ", ".join(f"[{name}](methods/{name}.md)" for name in RECIPES)
    return f"{INDEX} the published methods, a page each: {listed} |"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(words: Sequence[str]) -> int:
    late = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stray = [path for path in HERE.glob("*.md") if path not in pages()]
    for path in (*late, *stray):
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    if "--check" in words:
        return 1 if late or stray else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    for path in stray:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
