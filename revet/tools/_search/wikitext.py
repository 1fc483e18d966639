"""Wikitext as plain text: what a reader of the article reads, headings marked as in Markdown.

Templates, tables, footnotes and pictures are left out; the lines stay where they were. It takes a time that the length
bounds, whatever the text.
"""

from __future__ import annotations

import html
import re

__all__ = ["plain"]

DEPTH = 40
UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<ref\b[^<>]*/>"
    r"|<(ref|math|gallery|timeline|syntaxhighlight|source|score|imagemap)\b[^<>]*>.*?(?:</\1\s*>|(?=\n\n)|\Z)",
    re.DOTALL | re.IGNORECASE,
)
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
BRACKET = re.compile(r"\{\{|\}\}|\{\||\|\}|\[\[|\]\]")
OPENS = {"}}": "{{", "|}": "{|", "]]": "[["}
ASIDE = re.compile(
    r"\s*(?:file|image|category|media|datei|bild|kategorie|fichier|catégorie|archivo|categoría)\s*:", re.I
)
OUTSIDE = re.compile(r"\[(?:https?:)?//[^\s\[\]]{1,2000}(?:[ \t]+([^\[\]\n]{0,500}))?\]")
QUOTES = re.compile(r"'{2,5}")
LIST = re.compile(r"^[*#:;]+[ \t]*", re.MULTILINE)
SWITCH = re.compile(r"__[A-Z]{3,30}__")


def plain(text: str) -> str:
    """The article, with as many lines as it had."""
    seen = TAG.sub(_lines, UNSEEN.sub(_lines, text))
    seen = OUTSIDE.sub(lambda match: match[1] or "", _unbracketed(seen))
    seen = LIST.sub("- ", SWITCH.sub("", QUOTES.sub("", seen)))
    return "\n".join(map(_line, seen.split("\n")))


def _unbracketed(text: str) -> str:
    """Without templates and tables, and each link as it is shown. A bracket without a partner stays."""
    out: list[str] = []
    open_at: list[tuple[str, int]] = []
    done = 0
    for found in BRACKET.finditer(text):
        out.append(text[done : found.start()])
        done = found.end()
        bracket = found[0]
        if bracket not in OPENS:
            if len(open_at) < DEPTH:
                open_at.append((bracket, len(out)))
            out.append(bracket)
            continue
        depth = next((n for n in reversed(range(len(open_at))) if open_at[n][0] == OPENS[bracket]), None)
        if depth is None:
            out.append(bracket)
            continue
        start = open_at[depth][1]
        inner = "".join(out[start + 1 :])
        del out[start:], open_at[depth:]
        shown = "" if bracket != "]]" or ASIDE.match(inner) else inner.rpartition("|")[2]
        out.append("\n" * (inner.count("\n") - shown.count("\n")) + shown)
    return "".join([*out, text[done:]])


def _line(line: str) -> str:
    line = " ".join(html.unescape(line).splitlines())
    if not line.startswith("=="):
        return line
    said = line.strip()
    level = len(said) - len(said.lstrip("="))
    title = said.strip("=").strip()
    return f"{'#' * min(6, level)} {title}" if title and said.endswith("==") else line


def _lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")
