"""A small database, and how tests ask it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from revet.schema import Draft, Evidence, ExecuteSQL, Task
from revet.tools import Problem, Sql, View, problems_of

SCRIPT = """
CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT);
CREATE TABLE car (id INTEGER PRIMARY KEY, maker INTEGER REFERENCES maker(id), model TEXT, weight INTEGER, price TEXT);
CREATE TABLE sale (car INTEGER REFERENCES car(id), buyer TEXT, year INTEGER);
INSERT INTO maker VALUES (1, 'Volvo', 'Sweden'), (2, 'Fiat', 'Italy'), (3, 'Saab', 'Sweden'), (4, 'Fiat', 'Poland');
INSERT INTO car VALUES (1, 1, 'Amazon', 1100, '900'), (2, 1, 'Duett', 1250, '1000'), (3, 2, 'Panda', 700, '80'),
  (4, 3, '99', 1080, NULL);
INSERT INTO sale VALUES (1, 'Ann', 1970), (1, 'Bob', 1971), (2, 'Ann', 1970), (3, 'Cleo', NULL);
"""


def database(folder: Path, script: str = SCRIPT, name: str = "cars.db") -> Path:
    path = folder / name
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def view(sql: str, question: str = "", **inputs: Any) -> View:
    draft = Draft(author="a", actions=(ExecuteSQL(sql=sql),))
    task = Task(goal=question, inputs=inputs) if question else Task(inputs=inputs)
    return View(task=task, run="r", draft=draft)


async def ask(tool: Sql, sql: str, question: str = "") -> Evidence:
    """What the tool says of a draft that holds this query alone."""
    seen = view(sql, question)
    (call,) = tool.plan(seen)
    return await tool.run(call, seen)


def found(evidence: Evidence) -> dict[str, Problem]:
    """The problems by their categories."""
    return {each.category: each for each in problems_of(evidence)}
