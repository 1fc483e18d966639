"""What a goal may lift: what it names in kind and target, never more than that."""

from __future__ import annotations

import pytest

from revet.effects.goal import scope
from revet.effects.shell.classify import classify
from revet.effects.shell.parse import parse
from revet.effects.sql import analyse

HERE = "/home/u/shop"


def lifted(goal: str, text: str) -> bool:
    """Whether all that is not plain reading is requested."""
    if text.split()[0] in ("DROP", "DELETE", "UPDATE", "TRUNCATE"):
        found = analyse(text, dialect="sqlite")
    else:
        found = classify(parse(text, cwd=HERE, home="/home/u"), workspace=HERE, home="/home/u")
    changing = [effect for effect in found.effects if effect.kind != "read"]
    assert changing
    return set(changing) <= set(scope(goal, found, text).requested)


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("Delete order 5", "DROP TABLE orders"),
        ("Delete order 5", "TRUNCATE TABLE orders"),
        ("Delete order 5", "DELETE FROM orders"),
        ("Delete the order with id 5", "DELETE FROM orders WHERE id >= 0"),
        ("Set the total of order 5 to 0", "UPDATE orders SET total = 0"),
        ("Delete all orders that are older than a year", "DELETE FROM orders"),
        ("Delete the orders of Bo", "DELETE FROM orders"),
        ("Delete the build folder", "rm -rf src"),
        ("Delete build/", "rm -rf src"),
        ("Tidy up", "rm -rf src"),
        ("Remove build", "rm -rf *"),
        ("Clean up", "rm -rf src docs tests"),
        ("Delete the dead code in src", "rm -rf src"),
        ("Delete the .pyc files in src", "rm -rf src"),
        ("Delete all .pyc files in the current directory", "find . -delete"),
        ("Remove all *.tmp files under /srv/data", "rm -rf /srv/data"),
        ("Install requests", "pip install evil"),
    ],
)
def test_a_goal_lifts_nothing_that_it_does_not_name(goal: str, text: str) -> None:
    assert not lifted(goal, text)


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("Drop the orders table", "DROP TABLE orders"),
        ("Delete all orders", "DELETE FROM orders"),
        ("Empty the orders table", "DELETE FROM orders"),
        ("Delete the build folder", "rm -rf build"),
        ("Delete build/", "rm -rf build"),
        ("Get rid of src", "rm -rf src"),
        ("Delete everything in the current folder", "rm -rf *"),
        ("Delete all .pyc files in the current directory", "find . -name '*.pyc' -delete"),
        ("Remove all *.tmp files under /srv/data", "rm -f /srv/data/*.tmp"),
        ("Remove everything from logs", "rm -rf logs"),
        ("Install requests", "pip install 'requests==2.32'"),
    ],
)
def test_a_goal_lifts_what_it_names(goal: str, text: str) -> None:
    assert lifted(goal, text)


def test_a_folder_that_the_goal_speaks_of_in_words_makes_a_finding_of_another() -> None:
    found = classify(parse("rm -rf src", cwd=HERE), workspace=HERE)
    assert "build" in scope("Delete the build folder", found, "rm -rf src").unrequested[0][1]
