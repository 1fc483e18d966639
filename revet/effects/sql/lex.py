"""SQL as tokens and statements, for the dialects of PostgreSQL, MySQL, SQLite, DuckDB and SQL Server.

Migrations and hostile texts hold much that a full parser rejects, and a gate must not lose sight of the rest: here
every character ends up in a token, and what the dialects would read differently is a doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Dialect", "Statement", "Token", "dialect_of", "lex", "split", "words"]

Dialect = Literal["postgres", "mysql", "sqlite", "duckdb", "tsql"] | None
TokenKind = Literal["word", "name", "string", "number", "op", "client", "bad"]

NAMES: dict[str, Dialect] = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "psql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "duckdb": "duckdb",
    "tsql": "tsql",
    "mssql": "tsql",
    "sqlserver": "tsql",
}

SPACE = re.compile(r"\s+")
WORD = re.compile(r"[^\W\d][\w$]*|@@?[\w$.]+|#{1,2}[^\W\d]\w*")
NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
PLACE = re.compile(r"\$\d+|\?\d*|%\(\w+\)s|%s|:[^\W\d]\w*")
OP = re.compile(r"::|:=|<=>|<>|!=|<=|>=|\|\||&&|->>|->|#>>|#>|@>|<@|=>|[-+*/%<>=~!@#&|^?]")
HIDES = re.compile(r"[;'\"`]|/\*")
LINE_END = re.compile(r"\r?\n|\Z")
BODIES = frozenset({"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PROC"})


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written; `value` is a word in capitals, a name without its quotes, a string's content."""

    kind: TokenKind
    text: str
    value: str
    start: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.value in words

    @property
    def is_name(self) -> bool:
        """Whether it can name a table or a column."""
        return self.kind in ("word", "name")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, without its semicolon. `start` is its offset in the whole text, `line` counts from 1."""

    text: str
    tokens: tuple[Token, ...]
    start: int
    line: int

    @property
    def head(self) -> str:
        """The first word, in capitals; empty where it starts with something else."""
        first = next((token for token in self.tokens if token.text != "("), None)
        return first.value if first is not None and first.kind == "word" else ""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set: how the lists of keywords here are written."""
    return frozenset(text.split())


def dialect_of(name: str | None) -> Dialect:
    """The dialect of that name, or of a database URL's scheme; None if it is not known here."""
    if name is None:
        return None
    return NAMES.get(name.split("://", 1)[0].split("+", 1)[0].strip().lower())


def lex(sql: str, dialect: Dialect = None) -> tuple[list[Token], list[str]]:
    """The tokens of `sql`, comments left out, and what about them cannot be told."""
    reader = _Reader(sql, dialect)
    return list(reader.tokens()), reader.doubts


def split(sql: str, dialect: Dialect = None) -> tuple[list[Statement], list[str]]:
    """The statements of `sql` in order, and the doubts of `lex`. Bodies of triggers and routines are not split."""
    tokens, doubts = lex(sql, dialect)
    found: list[Statement] = []
    held: list[Token] = []
    depth = blocks = 0
    for token in tokens:
        if token.kind == "client":
            found += _made(sql, held, token.start) + _made(sql, [token], token.start + len(token.text))
            held, depth, blocks = [], 0, 0
            continue
        if token.text == ";" and not blocks:
            found += _made(sql, held, token.start)
            held, depth = [], 0
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        blocks = _blocks(blocks, token, held)
        held.append(token)
    found += _made(sql, held, len(sql))
    return found, doubts


def _blocks(open_blocks: int, token: Token, before: Sequence[Token]) -> int:
    """How many BEGIN … END are open in the body of a trigger or routine: there a semicolon ends no statement."""
    if token.kind != "word" or not _makes_routine(before):
        return open_blocks
    if token.value == "BEGIN" or (token.value in ("CASE", "IF", "LOOP") and open_blocks and not _ends(before)):
        return open_blocks + (token.value != "IF" or not _exists_follows(before))
    return max(0, open_blocks - 1) if token.value == "END" else open_blocks


def _ends(before: Sequence[Token]) -> bool:
    """``END IF``, ``END CASE``: the word belongs to the END that was counted."""
    return bool(before) and before[-1].is_word("END")


def _exists_follows(before: Sequence[Token]) -> bool:
    return bool(before) and before[-1].is_word("DROP", "TABLE", "CREATE", "VIEW", "INDEX")


def _makes_routine(before: Sequence[Token]) -> bool:
    return bool(before) and before[0].is_word("CREATE", "ALTER") and any(t.is_word(*BODIES) for t in before[1:8])


def _made(sql: str, tokens: list[Token], end: int) -> list[Statement]:
    if not tokens:
        return []
    start = tokens[0].start
    return [Statement(sql[start:end].rstrip(), tuple(tokens), start, sql.count("\n", 0, start) + 1)]


class _Reader:
    """One pass over the text. `end` is where a MySQL conditional comment, which is carried out, ends."""

    def __init__(self, sql: str, dialect: Dialect) -> None:
        self.sql, self.dialect, self.place = sql, dialect, 0
        self.doubts: list[str] = []
        self._conditional = False
        self._fresh = True

    def doubt(self, text: str) -> None:
        if text not in self.doubts:
            self.doubts.append(text)

    def tokens(self) -> Iterator[Token]:
        while self.place < len(self.sql):
            if self._skipped():
                continue
            token = self._next()
            self.place = token.start + len(token.text)
            self._fresh = token.text == ";" or token.kind == "client"
            yield token

    def _skipped(self) -> bool:
        """Whether white space or a comment stood here, and was passed over."""
        sql, place = self.sql, self.place
        space = SPACE.match(sql, place)
        if space:
            self.place = space.end()
        elif sql.startswith("--", place) and self._dashes(place):
            self.place = self._line_end(place)
        elif sql.startswith("/*", place):
            self._comment(place)
        elif self._conditional and sql.startswith("*/", place):
            self._conditional, self.place = False, place + 2
        elif sql[place] == "#" and self._hash(place):
            self.place = self._line_end(place)
        elif sql[place] in "\ufeff\x00":
            self.place += 1
            self.doubt("the text holds a character that no statement holds (NUL or a byte order mark)")
        else:
            return False
        return True

    def _dashes(self, place: int) -> bool:
        """Whether two dashes start a comment: in MySQL only before white space."""
        plain = place + 2 >= len(self.sql) or self.sql[place + 2].isspace()
        if not plain and self.dialect is None and HIDES.search(self.sql, place + 2, self._line_end(place)):
            self.doubt("`--` with no space after it is a comment to some databases, and a sum to MySQL")
        return plain or self.dialect != "mysql"

    def _hash(self, place: int) -> bool:
        if self.dialect == "mysql":
            return True
        if self.dialect is None and self.sql[place + 1 : place + 2] != ">":
            self.doubt("`#` starts a comment in MySQL alone")
        return False

    def _line_end(self, place: int) -> int:
        found = LINE_END.search(self.sql, place)
        return found.start() if found else len(self.sql)

    def _comment(self, place: int) -> None:
        """A comment; ``/*! … */`` and ``/*+ … */`` of MySQL: what stands in the first is carried out there."""
        sql = self.sql
        if re.compile(r"/\*M?!").match(sql, place) and self.dialect in (None, "mysql"):
            start = re.compile(r"/\*M?!\d*").match(sql, place)
            assert start is not None
            self._conditional, self.place = True, start.end()
            self.doubt("MySQL carries out what stands in the comment `/*! … */`; other databases do not")
            return
        depth, here = 1, place + 2
        nested = self.dialect in (None, "postgres", "tsql", "duckdb")
        for found in re.compile(r"/\*|\*/").finditer(sql, here):
            if found[0] == "*/":
                depth -= 1
            elif nested:
                depth += 1
                if self.dialect is None:
                    self.doubt("a comment stands within a comment: databases differ in where it ends")
            here = found.end()
            if not depth:
                break
        if depth:
            self.doubt("a comment does not end")
            here = len(sql)
        self.place = here

    def _next(self) -> Token:
        sql, place = self.sql, self.place
        character = sql[place]
        if character == "\\" or (self._fresh and character == "." and sql[place + 1 : place + 2].isalpha()):
            return self._token("client", self._line_end(place))
        if character in "'\"`":
            return self._quoted(place, character)
        if character == "[" and self.dialect is None and HIDES.search(sql, place, max(place, sql.find("]", place))):
            self.doubt("brackets hold quotes or semicolons: databases differ in what they quote")
        if character == "[" and self._bracket(place):
            end = sql.find("]", place)
            return self._token("name", end + 1, sql[place + 1 : end])
        prefix = re.compile(r"([eEbBxXnN]|[uU]&|_\w+\s*)(?=')|[uU]&(?=\")").match(sql, place)
        if prefix:
            return self._prefixed(place, prefix)
        for kind, pattern in (("string", DOLLAR), ("number", NUMBER), ("word", WORD), ("op", PLACE)):
            found = pattern.match(sql, place)
            if not found:
                continue
            if pattern is DOLLAR:
                if self.dialect in ("mysql", "sqlite", "tsql"):
                    continue
                return self._dollar(place, found[0])
            value = found[0].upper() if kind == "word" else found[0]
            return self._token(kind, found.end(), value)  # type: ignore[arg-type]
        operator = OP.match(sql, place)
        if operator:
            return self._token("op", operator.end())
        if character in "(),;.[]{}:$\\":
            return self._token("op", place + 1)
        self.doubt(f"the character {character!r} belongs to no statement")
        return self._token("bad", place + 1)

    def _token(self, kind: TokenKind, end: int, value: str | None = None) -> Token:
        text = self.sql[self.place : end]
        return Token(kind, text, text if value is None else value, self.place)

    def _bracket(self, place: int) -> bool:
        """Whether a bracket quotes a name (SQL Server, SQLite) rather than an element of an array."""
        return self.dialect in ("tsql", "sqlite") and self.sql.find("]", place) > 0

    def _dollar(self, place: int, tag: str) -> Token:
        end = self.sql.find(tag, place + len(tag))
        if end < 0:
            self.doubt("a text in dollar quotes does not end")
            return self._token("bad", len(self.sql))
        if self.dialect is None and HIDES.search(self.sql, place, end):
            self.doubt("a text in dollar quotes is one to PostgreSQL and DuckDB alone")
        return self._token("string", end + len(tag), self.sql[place + len(tag) : end])

    def _prefixed(self, place: int, prefix: re.Match[str]) -> Token:
        quote = prefix.end()
        if self.dialect is None and prefix[0].lower() == "e" and "\\" in self.sql[quote:]:
            self.doubt("a backslash escapes in an E'…' text of PostgreSQL alone")
        if prefix[0].lower().startswith("u&"):
            self.doubt("a name or text is written in Unicode escapes")
        inner = self._string(quote, self.sql[quote], escapes=prefix[0].lower() == "e" or self.dialect == "mysql")
        kind: TokenKind = "name" if self.sql[quote] == '"' else "string"
        return self._token(kind if inner[1] else "bad", inner[0], self.sql[quote + 1 : inner[0] - 1])

    def _quoted(self, place: int, quote: str) -> Token:
        end, closed = self._string(place, quote, escapes=self.dialect == "mysql" and quote != "`")
        inner = self.sql[place + 1 : end - 1].replace(quote * 2, quote)
        if not closed:
            self.doubt("a quoted name or text does not end: the text may be cut off")
            return self._token("bad", end, self.sql[place + 1 :])
        if quote == "`" and self.dialect is None and HIDES.search(inner):
            self.doubt("a name in backticks is one to MySQL and SQLite alone")
        name = quote == "`" or (quote == '"' and self.dialect != "mysql")
        return self._token("name" if name else "string", end, inner)

    def _string(self, place: int, quote: str, *, escapes: bool) -> tuple[int, bool]:
        """Where the quoted text ends (after its quote), and whether it does."""
        sql, here = self.sql, place + 1
        pattern = re.compile(r"\\." + f"|{quote}{quote}|{quote}" if escapes else f"{quote}{quote}|{quote}", re.DOTALL)
        for found in pattern.finditer(sql, here):
            if found[0] == quote:
                before = sql[found.start() - 1]
                if before == "\\" and not escapes and quote != "`" and self.dialect is None and found.start() > here:
                    self.doubt("a backslash before a quote: databases differ in where the text ends")
                return found.end(), True
        return len(sql), False
