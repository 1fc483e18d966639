"""The pages of the methods: made from the recipes as they are, each with a graph that can be drawn and a test."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs.recipes import RECIPES
from tests.docs_support import ROOT
from tests.mermaid import read

BUILD: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "methods" / "build.py"), run_name="build")


def test_the_pages_are_what_their_generator_makes() -> None:
    wanted: dict[Path, str] = BUILD["pages"]()
    late = [path.name for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    stray = [path.name for path in (ROOT / "docs" / "methods").glob("*.md") if path not in wanted]
    assert not late and not stray, f"run: python docs/methods/build.py (late: {late}, no recipe's: {stray})"
    assert {path.stem for path in wanted if path.parent.name == "methods"} == {*RECIPES, "README"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_where_it_comes_from_and_how_it_is_tested(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name and recipe.summary and not recipe.summary.endswith(".")
    published = recipe.published
    assert published is not None, f"{name} has no `published`"
    assert (ROOT / published.test).is_file(), f"{name}: there is no {published.test}"
    if recipe.source is not None:
        assert published.url.startswith("https://") and published.title
        assert published.differs, f"{name}: say where it is not as published, and why"
    assert published.code == "" or published.code.startswith("https://")


@pytest.mark.parametrize("name", RECIPES)
def test_every_graph_can_be_drawn_and_ends_at_the_gate_or_the_end(name: str) -> None:
    published = RECIPES[name].published
    assert published is not None
    flow = read(published.flow)
    starts = set(flow.nodes) - {end for _, _, end in flow.edges}
    ends = set(flow.nodes) - {start for start, _, _ in flow.edges}
    assert starts and ends, "a graph begins somewhere, and ends somewhere"
    assert any("gate" in node or "gate" in said for node, said in flow.nodes.items()), "no method gets round the gate"
    reached = set(starts)
    for _ in flow.nodes:
        reached |= {b for a, _, b in flow.edges if a in reached}
    assert reached == set(flow.nodes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a[one --> b", "not closed"),
        ("a --> end", "no node"),
        ("a -> b", "no arrow"),
        ("a[f(x)] --> b", "in quotes"),
        ("a -->|x (y)| b", "in quotes"),
        ("a[one] --> b\na[two] --> b", "two texts"),
        ("a & b", "no edge"),
    ],
)
def test_what_mermaid_would_not_draw_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text)


def test_a_graph_is_read_as_it_is_drawn() -> None:
    flow = read('a([begin]) --> b & c -->|"it (x)"| d{why?}\nd -.-> a')
    assert flow.nodes == {"a": "begin", "b": "b", "c": "c", "d": "why?"}
    assert flow.edges == [
        ("a", "", "b"),
        ("a", "", "c"),
        ("b", '"it (x)"', "d"),
        ("c", '"it (x)"', "d"),
        ("d", "", "a"),
    ]


def test_figures_say_how_and_when_they_were_measured(tmp_path: Path) -> None:
    known = BUILD["figures"]()
    assert set(known) <= set(RECIPES)
    path = tmp_path / "figures.toml"
    whole = dict.fromkeys(("set", "value", "compared", "command", "date"), "x")
    for entry, said in (({**whole, "recipe": "moon"}, "no recipe moon"), ({"recipe": "core"}, "lacks set")):
        path.write_text("[[figure]]\n" + "\n".join(f'{name} = "{value}"' for name, value in entry.items()))
        with pytest.raises(InputError, match=said):
            BUILD["figures"](path)


def test_a_docstring_becomes_markdown() -> None:
    text = "See ``x``::\n\n    a = 1\n        b\n\nThen:\n\n::\n\n    c"
    assert BUILD["_markdown"](text) == "See `x`:\n\n```text\na = 1\n    b\n```\n\nThen:\n\n```text\nc\n```"
