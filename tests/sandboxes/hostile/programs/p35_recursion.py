"""Recursion without an end, in the interpreter, in the compiler, and in C."""

import ast
import json
import sys

from tests.sandboxes.hostile.programs.kit import data, say


def down(level):
    return down(level + 1) + 1


class Deep:
    def __repr__(self):
        return repr(self)


WAYS = {
    "plain": lambda: down(0),
    "no limit": lambda: (sys.setrecursionlimit(10**9), down(0)),
    "repr": lambda: (sys.setrecursionlimit(10**9), repr(Deep())),
    "brackets": lambda: ast.parse("(" * 100_000 + ")" * 100_000),
    "operators": lambda: eval("-" * 1_000_000 + "1"),
    "json": lambda: json.loads("[" * 1_000_000),
}
say("falling")
WAYS[data["variant"]]()
say("landed")
