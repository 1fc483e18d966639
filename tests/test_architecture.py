"""The conventions of the house, as tests: import direction, public names, file sizes, nothing heavy at import."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import revet

PACKAGE = Path(revet.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import from its own level and from those after it. Rooms on one level know nothing of each other.
LEVELS = (
    {"__main__"},
    {"cli"},
    {"batch"},
    {"report", "evals", "taskfile"},
    {"gate"},
    {"graphs"},
    {"agents"},
    {"tools", "actions"},
    {"sandboxes", "models", "store"},
    {"policy", "protected", "effects", "traces"},
    {"schema"},
    {"errors"},
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
            if node.module == "revet":
                names = [f"revet.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "revet" and len(parts) > 1 and parts[1] in LEVEL:
                yield parts[1], node.lineno


def guest(path: Path) -> bool:
    """Code that runs inside the sandbox, under another interpreter."""
    return "_guest" in path.parts


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent != PACKAGE or p.name != "__init__.py"], ids=str)
def test_imports_run_one_way(path: Path) -> None:
    own = room_of(path)
    assert own in LEVEL, f"{path} is in no room of the design"
    for room, line in imported_rooms(path):
        allowed = room == own or LEVEL[room] > LEVEL[own]
        assert allowed, f"{path}:{line}: {own} may not import from {room}"


@pytest.mark.parametrize("path", [p for p in MODULES if guest(p)], ids=str)
def test_guest_code_imports_nothing_of_revet(path: Path) -> None:
    assert not list(imported_rooms(path))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_files_stay_readable_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420


def public_modules() -> list[str]:
    found = ["revet"]
    for module in pkgutil.walk_packages([str(PACKAGE)], "revet."):
        private = any(part.startswith("_") for part in module.name.split("."))
        script = module.name.endswith((".launch", "__main__"))
        if not private and not script:
            found.append(module.name)
    return found


@pytest.mark.parametrize("name", public_modules())
def test_all_names_exist_and_are_sorted(name: str) -> None:
    module = importlib.import_module(name)
    assert hasattr(module, "__all__"), f"{name} has no __all__"
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert getattr(module, public) is not None


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import revet", ["pydantic", "langgraph", "typer", "yaml", "rich", "torch"]),
        ("import revet.cli", ["pydantic", "langgraph", "yaml", "torch"]),
        ("import revet.graphs", ["torch", "transformers", "docker", "e2b"]),
    ],
)
def test_nothing_heavy_is_imported(statement: str, forbidden: list[str]) -> None:
    program = f"{statement}\nimport sys, json\nprint(json.dumps([m for m in {forbidden!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
