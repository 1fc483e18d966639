"""The tools by name: each can be made, options come from the constructors, and what is wrong is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from revet.errors import InputError
from revet.sandboxes import Limits
from revet.tools import CorpusSearch, Python, StaticChecks
from revet.tools.registry import TOOLS, ToolEntry, make_tool, rooted_options

NAMES = [
    *("tests", "coverage", "python", "static", "behaviour", "render", "sql", "calculate", "claims", "citations"),
    *("corpus", "web", "page", "constraints", "calls", "grounded", "effects", "mcp"),
]


class Toy:
    """Plays. And more of it.

    Nothing of this.
    """

    name = "toy"

    def __init__(
        self,
        width: int,
        *names: str,
        mode: Literal["a", "b"] = "a",
        place: Path | str | None = None,
        made_by: Callable[[], int] | None = None,
        hidden: Nowhere | None = None,  # type: ignore[name-defined]  # noqa: F821
        limits: Limits | None = None,
        some: Collection[str] = (),
        untyped=3,  # type: ignore[no-untyped-def]
        **more: Any,
    ) -> None:
        self.given = {"width": width, "mode": mode, "place": place, "limits": limits, "some": some}


TOY = ToolEntry("toy", "Toy", home=__name__, paths=("mode",))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ToolEntry:
    monkeypatch.setattr("revet.tools.registry.TOOLS", {**TOOLS, "toy": TOY})
    return TOY


def test_every_tool_of_the_design_has_a_name() -> None:
    assert sorted(TOOLS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_can_be_loaded_told_and_described(name: str) -> None:
    entry = TOOLS[name]
    assert len(entry.summary) > 10
    schema = entry.options.model_json_schema()
    json.dumps(schema)
    assert not schema.get("required"), "a name alone is enough"
    if name != "mcp":
        made: Any = make_tool(name)
        assert made.name == name
        assert callable(made.plan) and callable(made.run)


def test_a_list_of_names_imports_no_tool() -> None:
    program = (
        "import sys\nfrom revet.tools.registry import TOOLS\nprint(sorted(TOOLS))\nprint('sqlglot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [repr(sorted(NAMES)), "False"]


def test_options_are_what_can_be_written() -> None:
    assert sorted(TOY.options.model_fields) == ["limits", "mode", "place", "some", "width"]
    assert TOY.summary == "Plays."


def test_values_are_taken_as_the_constructor_means_them() -> None:
    made: Any = TOY.make({"width": 3, "place": "x", "limits": {"wall_seconds": 2}, "some": ["a"]})
    assert made.given == {
        "width": 3,
        "mode": "a",
        "place": made.given["place"],
        "limits": Limits(wall_seconds=2),
        "some": ["a"],
    }
    assert str(made.given["place"]) == "x"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "width: Field required"),
        ({"width": "3"}, "width: Input should be a valid integer"),
        ({"width": 1, "mode": "c"}, "mode: Input should be 'a' or 'b'"),
        ({"width": 1, "made_by": "x"}, "made_by: there is no such option"),
        ({"width": 1, "limits": {"memory": -1}}, "limits.memory"),
        ({"width": 1, "some": "word"}, "some"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match="options of the tool toy: ") as caught:
        TOY.make(options)
    assert said in str(caught.value)
    assert "width, mode, place, limits, some" in (caught.value.hint or "")
    assert TOY.problems(options)


def test_options_that_are_no_json_are_refused() -> None:
    with pytest.raises(InputError, match="options of the tool toy"):
        TOY.make({"width": object()})  # type: ignore[dict-item]


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="there is no tool 'nope'") as caught:
        make_tool("nope")
    assert (caught.value.hint or "").startswith("the tools: tests, ")
    with pytest.raises(InputError, match="there is no tool 'statik'") as caught:
        make_tool("statik")
    assert (caught.value.hint or "").startswith("did you mean static? the tools: ")


def test_a_name_in_the_place_of_a_tool_is_told_how_it_is_made(tmp_path: Path) -> None:
    from revet.graphs import Agent

    wrong: Any
    for wrong in ("calculate", "calculat"):
        with pytest.raises(InputError, match=f"'{wrong}' is a name, not a tool") as caught:
            Agent(extra_tools=[wrong], store=tmp_path)
        assert 'revet.tools.registry.make_tool("calculate")' in (caught.value.hint or "")
    wrong = "zzz"
    with pytest.raises(InputError, match="`revet tools` lists"):
        Agent(tools=[wrong], store=tmp_path)


def test_a_wrong_value_is_told_by_the_tool_itself() -> None:
    with pytest.raises(InputError, match="seconds must be positive"):
        make_tool("python", {"seconds": -1})


def test_made_tools_are_as_asked_for(tmp_path: Path) -> None:
    static, python = make_tool("static", {"types": True, "select": ["F"]}), make_tool("python", {"required": True})
    assert isinstance(static, StaticChecks) and (static.types, static.select) == (True, ("F",))
    assert isinstance(python, Python) and python.required
    corpus = make_tool("corpus", {"folder": str(tmp_path)})
    assert isinstance(corpus, CorpusSearch) and corpus.folder == tmp_path.resolve()


def test_paths_are_taken_from_the_folder(toy: ToolEntry) -> None:
    folder = Path("/tasks")
    assert rooted_options("toy", {"place": "a/../b", "mode": "m", "width": 1}, folder) == {
        "place": "/tasks/b",
        "mode": "/tasks/m",
        "width": 1,
    }
    for kept in ("postgresql://host/db", ":memory:", "/abs/x.db"):
        assert rooted_options("sql", {"database": kept}, folder) == {"database": kept}
    assert rooted_options("sql", {"database": "shop.db"}, folder) == {"database": "/tasks/shop.db"}
    for kept in (":memory:", "duckdb::memory:", "sqlite:/abs/x.db", "SQLite:/abs/x.db"):
        assert rooted_options("sql", {"database": kept}, folder) == {"database": kept}
    assert rooted_options("sql", {"database": "sqlite:a/../lib.db"}, folder) == {"database": "sqlite:/tasks/lib.db"}
    assert rooted_options("sql", {"database": "duckdb:///abs/x.db"}, folder) == {"database": "duckdb:/abs/x.db"}
    assert rooted_options("corpus", {"folder": "sqlite:x"}, folder) == {"folder": "/tasks/sqlite:x"}
    assert rooted_options("mcp", {"command": "x"}, folder) == {"cwd": "/tasks", "command": "x"}
    assert rooted_options("unknown", {"place": "x"}, folder) == {"place": "x"}


def test_a_server_needs_one_of_both() -> None:
    with pytest.raises(InputError, match="either a command or a url"):
        make_tool("mcp", {})
    server: Any = make_tool("mcp", {"command": ["python", "server.py"], "name": "shop"})
    assert server.where == "python server.py"


def names(tools: Sequence[Any]) -> list[str]:
    return [tool.name for tool in tools]


def test_extra_tools_join_those_of_the_recipe_and_replace_their_namesakes(tmp_path: Path) -> None:
    from revet.graphs import Agent
    from revet.tools import Coverage, Tests

    own = Tests(test_timeout=1.0)

    def shout(word: str) -> str:
        """Say it louder."""
        return word.upper()

    agent = Agent(extra_tools=[make_tool("static"), own, shout], store=tmp_path)
    assert names(agent.team.tools) == ["coverage", "static", "tests", "shout"]
    assert agent.tools["tests"] is own
    assert names(Agent(tools=[Coverage()], extra_tools=[StaticChecks()], store=tmp_path).team.tools) == [
        "coverage",
        "static",
    ]
    with pytest.raises(InputError, match="called 'static'"):
        Agent(extra_tools=[StaticChecks(), StaticChecks()], store=tmp_path)
