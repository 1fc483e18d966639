"""A strict reader of the subset of Mermaid flowcharts that the pages use. What it takes, Mermaid draws.

A line is a comment (``%%``) or a chain of nodes and arrows: ``a[text] -->|label| b{text} & c --> d``. Text with
anything but words and mild punctuation stands in quotes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Flow", "read"]

ID = re.compile(r"[A-Za-z_]\w*(?:-\w+)*")
SHAPES = (
    ("([", "])"),
    ("[[", "]]"),
    ("[(", ")]"),
    ("((", "))"),
    ("{{", "}}"),
    ("[/", "/]"),
    ("[", "]"),
    ("(", ")"),
    ("{", "}"),
)
ARROW = re.compile(r"(?:<-->|-->|---|-\.->|-\.-|==>|===)(?:\|([^|]*)\|)?")
RESERVED = {"end", "graph", "subgraph", "flowchart", "class", "style", "click", "default"}
PLAIN = re.compile(r'[^\[\](){}"|<>;#`]+')
QUOTED = re.compile(r'"[^"]*"')


class Flow(NamedTuple):
    """The nodes with their text, and the edges with their labels."""

    nodes: dict[str, str]
    edges: list[tuple[str, str, str]]


def read(text: str) -> Flow:
    """The flowchart. Raises `ValueError` that names the line that is none."""
    flow = Flow({}, [])
    lines = [line.strip() for line in text.strip().splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("%%"):
            try:
                _chain(line, flow)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}: {line}") from None
    if not flow.edges:
        raise ValueError("there is no edge")
    return flow


def _chain(line: str, flow: Flow) -> None:
    left, place = _nodes(line, 0, flow)
    while place < len(line):
        arrow = ARROW.match(line, place)
        if arrow is None:
            raise ValueError(f"no arrow at column {place + 1}")
        label = (arrow[1] or "").strip()
        if arrow[1] is not None:
            _check_text(label)
        right, place = _nodes(line, _past(line, arrow.end()), flow)
        flow.edges.extend((a, label, b) for a in left for b in right)
        left = right


def _nodes(line: str, place: int, flow: Flow) -> tuple[list[str], int]:
    """One node, or several joined by ``&``, and the place after them."""
    found: list[str] = []
    while True:
        name, place = _node(line, place, flow)
        found.append(name)
        if not line.startswith("&", place):
            return found, place
        place = _past(line, place + 1)


def _node(line: str, place: int, flow: Flow) -> tuple[str, int]:
    name = ID.match(line, place)
    if name is None or name[0] in RESERVED:
        raise ValueError(f"no node at column {place + 1}")
    place = name.end()
    for opens, closes in SHAPES:
        if line.startswith(opens, place):
            inner = place + len(opens)
            quoted = QUOTED.match(line, inner)
            ends = quoted.end() if quoted else line.find(closes, inner)
            if ends < 0 or not line.startswith(closes, ends):
                raise ValueError(f"the text of {name[0]} is not closed by {closes}")
            said = line[inner:ends]
            _check_text(said)
            if flow.nodes.get(name[0], name[0]) not in (name[0], said):
                raise ValueError(f"{name[0]} has two texts")
            flow.nodes[name[0]] = said
            return name[0], _past(line, ends + len(closes))
    flow.nodes.setdefault(name[0], name[0])
    return name[0], _past(line, place)


def _check_text(text: str) -> None:
    if not (QUOTED.fullmatch(text) or PLAIN.fullmatch(text)):
        raise ValueError(f"{text!r} is to be put in quotes")


def _past(line: str, place: int) -> int:
    while place < len(line) and line[place] == " ":
        place += 1
    return place
