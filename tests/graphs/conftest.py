"""A small workspace with one bug, and drafts that mend it, do not, or cheat."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.schema import Draft, Replacement, Task, WriteFile
from revet.schema import EditFile as Edit

BUGGY = '''"""Prices."""


def total(prices: list[int], shipping: int) -> int:
    """The sum of the prices and the shipping."""
    result = 0
    for price in prices:
        result += price
    return result - shipping
'''

TESTS = """from shop import total


def test_empty():
    assert total([], 0) == 0


def test_shipping_is_added():
    assert total([10, 20], 5) == 35


def test_without_shipping():
    assert total([1, 2, 3], 0) == 6
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.py").write_text(BUGGY)
    (folder / "test_shop.py").write_text(TESTS)
    return folder


@pytest.fixture
def task(workspace: Path) -> Task:
    return Task(id="shop", workspace=str(workspace), checks=("pytest -q",), edit=("*.py",), protect=("test_*.py",))


def edit(search: str, replace: str, path: str = "shop.py") -> Draft:
    return Draft(
        author="scripted",
        actions=(Edit(path=path, replacements=(Replacement(search=search, replace=replace),)),),
    )


@pytest.fixture
def right() -> Draft:
    return edit("result - shipping", "result + shipping")


@pytest.fixture
def wrong() -> Draft:
    return edit("result - shipping", "result * shipping")


@pytest.fixture
def inapplicable() -> Draft:
    return edit("no such text", "anything")


@pytest.fixture
def cheating() -> Draft:
    return Draft(author="scripted", actions=(WriteFile(path="test_shop.py", content="def test_nothing(): pass\n"),))


@pytest.fixture
def exiting() -> Draft:
    return edit('"""Prices."""', "import sys\nsys.exit(0)")
