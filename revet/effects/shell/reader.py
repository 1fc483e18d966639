"""Words: quotes, escapes and expansions, read character by character as bash does.

A general parser will not do here. tree-sitter-bash, for one, takes a command out of ``${x:-`rm y`}`` as plain text and
splits a word at a backslash-newline; whoever wants to hide a command only has to know that.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from revet.effects.shell.ansi import ansi_c
from revet.effects.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Sequence,
    Substitution,
    SyntaxWord,
    Unreadable,
)

__all__ = ["ASSIGNMENT", "Budget", "Reader"]

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])?\+?=")

_DEPTH = 24  # deeper than people write, and far below Python's own limit
_ORDINARY = re.compile(r"""[^ \t\n\\'"$`;&|()<>]+""")
_IN_DOUBLE = re.compile(r"""[^\\"$`]+""")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_SHORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_PREFIX = re.compile(r"#(?=(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*?$!#-])[\[}])|!(?=[A-Za-z0-9_@*#])")
_CONTINUED = re.compile(r"(?:\\\n)+\w")
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?|/[/#%]?|\^\^?|,,?|@[A-Za-z]|[@*]|:|~~?")


@dataclass(slots=True)
class Budget:
    """How much may still be read: texts are bounded in time whoever wrote them."""

    steps: int = 60_000

    def spend(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Unreadable("The command is too long or too involved to be read.")


class _Parts:
    """Collects parts, neighbouring literals of one kind as one."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def text(self, text: str, quoted: bool) -> None:
        last = self.parts[-1] if self.parts else None
        if isinstance(last, Literal) and last.quoted == quoted:
            last.text += text
        elif text or quoted:
            self.parts.append(Literal(text, quoted))


class Reader(ABC):
    """A text and the place reached in it. `sequence` reads nested commands."""

    def __init__(self, text: str, budget: Budget | None = None, depth: int = 0) -> None:
        self.text = text
        self.pos = 0
        self.budget = budget or Budget()
        self.depth = depth

    @abstractmethod
    def sequence(self, closing: str) -> Sequence:
        """Commands up to `closing`, which is consumed; all that is left if it is empty."""

    def fail(self, what: str) -> Unreadable:
        near = self.text[max(0, self.pos - 20) : self.pos + 20].replace("\n", " ")
        return Unreadable(f"The command cannot be parsed: {what} (near “{near}”).")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise Unreadable(f"The command is nested more than {_DEPTH} deep.")

    def peek(self, ahead: int = 0) -> str:
        at = self.pos + ahead
        return self.text[at] if at < len(self.text) else ""

    def take(self, text: str) -> bool:
        if self.text.startswith(text, self.pos):
            self.pos += len(text)
            return True
        return False

    def word(self, *, pattern: bool = False) -> SyntaxWord | None:
        """The next word, or None at an operator, a blank or the end. `pattern`: parentheses and bars are part of it."""
        self.budget.spend()
        start = self.pos
        built = _Parts()
        array: tuple[SyntaxWord, ...] | None = None
        inside = 0  # parentheses of an extended pattern that are open
        while self.pos < len(self.text):
            run = _ORDINARY.match(self.text, self.pos)
            if run:
                built.text(run[0], False)
                self.pos = run.end()
                continue
            char = self.text[self.pos]
            if char in "<>" and self.peek(1) == "(":
                built.parts.append(self._process_substitution())
            elif char == "(" and (inside or pattern or self._opens_pattern(built)):
                inside += 1
                built.text(char, False)
                self.pos += 1
            elif char == "(" and self._opens_array(built, start):
                array = self._array()
                break
            elif char == ")" and inside:
                inside -= 1
                built.text(char, False)
                self.pos += 1
            elif char in " \t\n;&|()<>" and not inside and not (pattern and char == "|"):
                break
            elif char in " \t\n;&|<>":
                built.text(char, False)
                self.pos += 1
            else:
                self._quoting(built)
        if inside:
            raise self.fail("a parenthesis is not closed")
        if self.pos == start:
            return None
        return SyntaxWord(tuple(built.parts), self.text[start : self.pos], array)

    def _opens_pattern(self, built: _Parts) -> bool:
        last = built.parts[-1] if built.parts else None
        return isinstance(last, Literal) and not last.quoted and last.text[-1:] in ("?", "*", "+", "@", "!")

    def _opens_array(self, built: _Parts, start: int) -> bool:
        return len(built.parts) == 1 and ASSIGNMENT.fullmatch(self.text, start, self.pos) is not None

    def _array(self) -> tuple[SyntaxWord, ...]:
        self.pos += 1
        elements: list[SyntaxWord] = []
        while True:
            while self.peek() in (" ", "\t", "\n") or self.text.startswith("\\\n", self.pos):
                self.pos += 2 if self.peek() == "\\" else 1
            if self.peek() == "#":
                self.comment()
            elif self.take(")"):
                return tuple(elements)
            else:
                word = self.word()
                if word is None:
                    raise self.fail("an array is not closed")
                elements.append(word)

    def comment(self) -> None:
        end = self.text.find("\n", self.pos)
        self.pos = len(self.text) if end < 0 else end

    def _quoting(self, built: _Parts) -> None:
        """A backslash, a quote, a dollar sign or a backquote, outside of quotes."""
        char = self.text[self.pos]
        if char == "\\":
            if self.peek(1) != "\n":
                # A backslash at the very end stands for itself.
                built.text(self.peek(1) or "\\", True)
            self.pos = min(self.pos + 2, len(self.text))
        elif char == "'":
            built.text(self._single(), True)
        elif char == '"':
            self._double(built)
        elif char == "$" and self.peek(1) == "'":
            self.pos += 1
            built.text(ansi_c(self._single(escapes=True)), True)
        elif char == "$" and self.peek(1) == '"':
            self.pos += 1
            self._double(built)
        else:
            self._dollar(built, quoted=False)

    def _single(self, *, escapes: bool = False) -> str:
        start = self.pos + 1
        at = start
        while True:
            end = self.text.find("'", at)
            if end < 0:
                raise self.fail("a single quote is not closed")
            back = end
            while escapes and back > at and self.text[back - 1] == "\\":
                back -= 1
            if (end - back) % 2 == 0:
                self.pos = end + 1
                return self.text[start:end]
            at = end + 1

    def _double(self, built: _Parts) -> None:
        self.pos += 1
        before = len(built.parts)
        length = sum(len(p.text) for p in built.parts[-1:] if isinstance(p, Literal))
        self.quoted_until('"', built)
        grown = sum(len(p.text) for p in built.parts[-1:] if isinstance(p, Literal)) != length
        if len(built.parts) == before and not grown:
            built.text("", True)

    def quoted_until(self, closing: str, built: _Parts) -> None:
        """What stands between double quotes, or (`closing` empty) in a heredoc: up to `closing`, which is consumed."""
        while self.pos < len(self.text):
            run = _IN_DOUBLE.match(self.text, self.pos)
            if run:
                built.text(run[0], True)
                self.pos = run.end()
                continue
            char = self.text[self.pos]
            if char == '"':
                self.pos += 1
                if closing:
                    return
                built.text(char, True)
            elif char == "\\":
                following = self.peek(1)
                if following in ("$", "`", "\\") or (following == '"' and closing):
                    built.text(following, True)
                elif following != "\n":
                    built.text("\\" + following, True)
                self.pos += 2
            else:
                self._dollar(built, quoted=True)
        if closing:
            raise self.fail("a double quote is not closed")

    def heredoc_parts(self) -> tuple[Part, ...]:
        built = _Parts()
        self.quoted_until("", built)
        return tuple(built.parts)

    def _dollar(self, built: _Parts, *, quoted: bool) -> None:
        """``$…`` or a backquote."""
        self.budget.spend()
        start = self.pos
        if self.text[start] == "`":
            built.parts.append(self._backquote(quoted))
            return
        if self.text.startswith("\\\n", start + 1):
            raise self.fail("a dollar sign and what it belongs to stand on two lines")
        self.pos += 1
        self.deeper()
        if self.text.startswith("((", self.pos):
            built.parts.append(self._arithmetic_or_commands(start, quoted))
        elif self.take("("):
            body = self.sequence(")")
            built.parts.append(Substitution(body, self.text[start : self.pos], quoted))
        elif self.take("{"):
            built.parts.append(self._braced(start, quoted))
        elif self.take("["):
            inner = self.parts_until("]", single=False)
            self.pos += 1
            built.parts.append(Arithmetic(inner, self.text[start : self.pos], quoted))
        elif name := _SHORT_NAME.match(self.text, self.pos):
            self.pos = name.end()
            if _CONTINUED.match(self.text, self.pos) and name[0][0] not in "@*#?$!-0123456789":
                raise self.fail("a variable's name stands on two lines")
            built.parts.append(Parameter(name[0], "$" + name[0], quoted))
        else:
            built.text("$", quoted)
        self.depth -= 1

    def _process_substitution(self) -> Substitution:
        start = self.pos
        kind = self.text[start]
        self.pos += 2
        self.deeper()
        body = self.sequence(")")
        self.depth -= 1
        return Substitution(body, self.text[start : self.pos], False, kind)

    def _backquote(self, quoted: bool) -> Substitution:
        start = self.pos
        self.pos += 1
        inner: list[str] = []
        escaped = '$`\\"' if quoted else "$`\\"
        while (char := self.peek()) != "`":
            if not char:
                raise self.fail("a backquote is not closed")
            if char == "\\" and self.peek(1) and self.peek(1) in escaped:
                self.pos += 1
                char = self.peek()
            inner.append(char)
            self.pos += 1
        self.pos += 1
        self.deeper()
        body = type(self)("".join(inner), self.budget, self.depth).sequence("")
        self.depth -= 1
        return Substitution(body, self.text[start : self.pos], quoted)

    def _arithmetic_or_commands(self, start: int, quoted: bool) -> Part:
        """``$((`` begins an expression, unless its end does not fit: then a subshell within a substitution."""
        parts = self.arithmetic()
        if parts is not None:
            return Arithmetic(parts, self.text[start : self.pos], quoted)
        self.pos = start + 2
        body = self.sequence(")")
        return Substitution(body, self.text[start : self.pos], quoted)

    def arithmetic(self) -> tuple[Part, ...] | None:
        """At ``((``: the parts of the expression, ``))`` consumed; None (nothing consumed) if it is none."""
        start = self.pos
        self.pos += 2
        built = _Parts()
        depth = 0
        try:
            while depth or not self.text.startswith("))", self.pos):
                char = self.peek()
                if not char or (char == ")" and not depth):
                    self.pos = start
                    return None
                depth += (char == "(") - (char == ")")
                if char in ("\\", "'", '"', "$", "`"):
                    self._quoting(built)
                else:
                    built.text(char, True)
                    self.pos += 1
        except Unreadable:
            self.budget.spend(100)
            self.pos = start
            return None
        self.pos += 2
        return tuple(built.parts)

    def parts_until(self, stops: str, *, single: bool, quoted: bool = False) -> tuple[Part, ...]:
        """The parts of an argument of ``${…}`` up to one of `stops`, which is not consumed. `single`: single quotes
        quote. `quoted`: it stands within double quotes."""
        built = _Parts()
        while (char := self.peek()) not in stops:
            if char == "'" and not single:
                built.text(char, True)
                self.pos += 1
            elif char == "\\" and quoted:
                following = self.peek(1)
                if following and following in '$`"\\}/':
                    built.text(following, True)
                elif following != "\n":
                    built.text("\\" + following, False)
                self.pos += 2
            elif char in "\\'\"`" or (char == "$" and not (quoted and self.peek(1) in ("'", '"'))):
                self._quoting(built)
            else:
                built.text(char, False)
                self.pos += 1
        if not char:
            raise self.fail(f"“{stops[-1]}” is missing")
        return tuple(built.parts)

    def _braced(self, start: int, quoted: bool) -> Part:
        """After ``${``."""
        if self.peek() in (" ", "\t", "\n", "|"):
            self.pos += self.peek() == "|"
            body = self.sequence("}")
            return Substitution(body, self.text[start : self.pos], quoted)
        mark = _PREFIX.match(self.text, self.pos)
        prefix = mark[0] if mark else ""
        self.pos += len(prefix)
        name = _NAME.match(self.text, self.pos)
        if name is None:
            raise self.fail("a bad substitution")
        self.pos = name.end()
        found = Parameter(name[0], "", quoted, prefix)
        if self.peek() == "[":
            opened = self.pos + 1
            self.pos += 1
            found.subscript = self.parts_until("]", single=True, quoted=quoted)
            found.index = self.text[opened : self.pos]
            self.pos += 1
        operator = _OPERATOR.match(self.text, self.pos)
        if operator:
            found.operator = operator[0]
            self.pos = operator.end()
            self._arguments(found, quoted)
        if not self.take("}"):
            raise self.fail("a bad substitution")
        found.raw = self.text[start : self.pos]
        return found

    def _arguments(self, found: Parameter, quoted: bool) -> None:
        operator = found.operator
        # Within double quotes a single quote is an ordinary character in ${x:-…}, but not in patterns.
        single = not (quoted and operator[-1] in "-=?+")
        if operator[0] == "/":
            found.argument = self.parts_until("/}", single=True, quoted=quoted)
            if self.take("/"):
                found.second = self.parts_until("}", single=True, quoted=quoted)
        elif operator == ":":
            found.argument = self.parts_until(":}", single=True, quoted=quoted)
            if self.take(":"):
                found.second = self.parts_until("}", single=True, quoted=quoted)
        else:
            found.argument = self.parts_until("}", single=single, quoted=quoted)
