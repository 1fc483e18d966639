"""Whether a text that is not marked as SQL is a statement of SQL.

Prose begins with the same verbs (*Delete the file*, *Update: it works*, *Insert into the form what you have*), so more
of a statement's own grammar is asked for than its first word.
"""

from __future__ import annotations

import re

__all__ = ["is_statement"]

NAME = r"""(?:"[^"\n]{1,200}"|`[^`\n]{1,200}`|\[[^\]\n]{1,200}\]|\w{1,200})"""
TABLE = rf"{NAME}(?:\s*\.\s*{NAME}){{0,3}}"
END = r"\s*(?:;|--|/\*|\Z)"
TYPE = (
    r"(?:big|small|tiny)?(?:int|serial)|char|varchar|nvarchar|text|clob|blob|bytea|real|float|double|numeric|decimal|"
    r"number|bool|date|time|uuid|json|primary|unique|not\s+null|references|default"
)
CONDITION = (
    r"where\b(?=[^;]{0,2000}?(?:[=<>]|\bis\s+(?:not\s+)?(?:null|true|false|distinct)\b|\bin\s*\(|\blike\s*'|"
    r"\bbetween\b.{1,200}?\band\b|\bexists\s*\())"
)
ROWS = (
    rf"(?:values\s*\(|default\s+values{END}|set\s+{NAME}\s*=|"
    r"\(?\s*(?:select|with)\b(?=[^;]{0,2000}?(?:\bfrom\b|\d|')))"
)
QUERY = r"\(?\s*(?:select\b(?=.{3})|values\s*\(|with\b.{1,2000}?\bas\b.{0,40}?\()"
KIND = r"(?:table|view|index|trigger|schema|database|sequence|materialized\s+view)"
NEW = rf"(?:if\s+not\s+exists\s+)?{TABLE}"

STATEMENTS = (
    r"select\b(?=.{3})",
    r"with\b.{1,2000}?\bas\b.{0,40}?\(",
    r"\(\s*select\b",
    rf"delete\s+from\s+(?:only\s+)?{TABLE}(?:{END}|\s+returning\b|"
    rf"(?:\s+(?:as\s+)?{NAME})?\s+(?:using\s+{TABLE}(?:\s*,\s*{TABLE}){{0,5}}\s+)?{CONDITION})",
    rf"update\s+(?:or\s+\w+\s+|only\s+)?{TABLE}(?:\s+(?:as\s+)?{NAME})?\s+set\s+"
    rf"(?:{TABLE}\s*=|\([^()]{{1,2000}}\)\s*=)",
    rf"(?:insert(?:\s+or\s+\w+)?|replace)\s+into\s+{TABLE}(?:\s+as\s+{NAME})?\s*(?:\([^()]{{1,2000}}\)\s*)?{ROWS}",
    rf"drop\s+{KIND}\s+(?:if\s+exists\s+)?{TABLE}(?:\s*,\s*{TABLE}){{0,50}}(?:\s+(?:cascade|restrict))?{END}",
    rf"truncate\s+table\s+{TABLE}(?:\s+(?:cascade|restrict))?{END}",
    rf"alter\s+table\s+(?:if\s+exists\s+)?{TABLE}\s+(?:(?:add|drop|alter|rename)\s+(?:column|constraint)\s+{NAME}|"
    rf"rename\s+(?:to\s+)?{NAME}|add\s+{NAME}\s+(?:{TYPE}))",
    rf"create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|unlogged\s+)?table\s+{NEW}\s*"
    rf"(?:\(\s*{NAME}\s*(?:[,)]|\s(?:{TYPE}))|(?:strict\s+)?as\s+{QUERY})",
    rf"create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|materialized\s+)?view\s+{NEW}\s*"
    rf"(?:\([^()]{{1,2000}}\)\s*)?as\s+{QUERY}",
    rf"create\s+(?:unique\s+)?index\s+(?:{NEW}\s+)?on\s+{TABLE}\s*(?:using\s+\w+\s*)?\(",
    rf"create\s+virtual\s+table\s+{NEW}\s+using\s+\w+",
    rf"create\s+(?:temp(?:orary)?\s+)?trigger\s+{NEW}\s+(?:before|after|instead\s+of)\s+(?:insert|update|delete)\b",
    rf"create\s+(?:schema|database)\s+{NEW}{END}",
)
BARE = re.compile(rf"\s*(?:--[^\n]*\n\s*)*(?:{'|'.join(STATEMENTS)})", re.IGNORECASE | re.DOTALL)


def is_statement(text: str) -> bool:
    """Whether `text` begins as a query, or as a statement that changes data or tables."""
    return BARE.match(text) is not None
