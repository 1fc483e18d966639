"""Expansions: a word as it was written becomes the words that a program gets, as far as that can be told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from revet.effects.shell.braces import TooMany, braces
from revet.effects.shell.grammar import Grammar
from revet.effects.shell.model import Word
from revet.effects.shell.parameters import calculate, remove, replace, sliced, transformed
from revet.effects.shell.patterns import is_pattern
from revet.effects.shell.state import State, Value
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

__all__ = ["Expander", "hidden_command"]

_LONGEST = 100_000
_ASSIGNED = re.compile(
    r"(?<!\w)([A-Za-z_]\w*)\s*(?:\[[^\]]*\])?\s*(?:(?:[-+*/%&|^]|<<|>>)?=(?!=)|\+\+|--)|(?:\+\+|--)\s*([A-Za-z_]\w*)"
)
_HIDDEN = re.compile(r"[A-Za-z_]\w*\[[^\]]*(?:\$\(|`|\$\{)")
_QUALIFIER = re.compile(r"[*?\])]\([^()]*(?:e[:'\"{\[]|\+[A-Za-z_])")
_SHORT = {"HOME", "PWD", "OLDPWD"}


def hidden_command(text: str) -> bool:
    """Whether an arithmetic evaluation of this text would run a command: ``a[$(rm x)]`` is evaluated, quoted or not."""
    if "[" not in text or ("$" not in text and "`" not in text):
        return False
    return len(text) > 5_000 or _HIDDEN.search(text) is not None


@dataclass(slots=True)
class _Field:
    pieces: list[tuple[str, bool]] = field(default_factory=list)
    known: bool = True
    split: bool = False

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.pieces)

    def add(self, text: str, quoted: bool, known: bool = True) -> None:
        self.pieces.append((text, quoted))
        self.known = self.known and known

    @property
    def present(self) -> bool:
        return self.split or any(text or quoted for text, quoted in self.pieces)

    def word(self) -> Word:
        glob = is_pattern("".join("x" * len(text) if quoted else text for text, quoted in self.pieces))
        return Word(self.text, self.known, glob and self.text != "[", self.split)


class Expander:
    """Expands within `state`. `run` reads the commands of a substitution and gives what they print, if that is known;
    `doubt` takes a sentence."""

    def __init__(
        self,
        state: State,
        run: Callable[[Sequence, str], str | None],
        doubt: Callable[[str], None],
    ) -> None:
        self.state = state
        self.run = run
        self.doubt = doubt

    # -- whole words -----------------------------------------------------------------------------------------------

    def words(self, written: SyntaxWord) -> list[Word]:
        """What becomes of an argument: none, one or many words."""
        if len(written.parts) == 1 and isinstance(written.parts[0], Literal):
            only = written.parts[0]
            if only.quoted or not any(c in only.text for c in "{~*?[("):
                return [Word(only.text)]
        try:
            alternatives = braces(written.parts)
        except TooMany:
            return [Word(written.raw, known=False, split=True)]
        if _QUALIFIER.search(written.raw):
            self.doubt("A pattern holds a command, as zsh reads it.")
        found: list[Word] = []
        for parts in alternatives:
            found.extend(f.word() for f in self._fields(self._tilde(parts)) if f.present)
        return found

    def single(self, written: SyntaxWord) -> Word:
        """What becomes of a word where nothing is split: a redirection's target, the subject of ``case``."""
        parts = self._tilde(written.parts)
        value = self.value(parts)
        glob = any(isinstance(p, Literal) and not p.quoted and is_pattern(p.text) for p in parts)
        return Word(value.text, value.known, glob)

    def assigned(self, parts: tuple[Part, ...]) -> Value:
        """The value of an assignment."""
        return self.value(self._tilde(parts))

    def value(self, parts: tuple[Part, ...]) -> Value:
        """The parts as one text."""
        texts: list[str] = []
        known = True
        for part in parts:
            for number, value in enumerate(self._part(part)[0]):
                texts.append((" " if number else "") + value.text)
                known = known and value.known
        text = "".join(texts)
        return Value(text[:_LONGEST], known and len(text) <= _LONGEST)

    def pieces(self, parts: tuple[Part, ...], outer: bool = False) -> list[tuple[str, bool]] | None:
        """A pattern, as (text, quoted) pieces; None if it is not known."""
        found: list[tuple[str, bool]] = []
        for part in parts:
            value = self.value((part,))
            if not value.known:
                return None
            found.append((value.text, part.quoted and not outer))
        return found

    def _tilde(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        first = parts[0] if parts else None
        if not isinstance(first, Literal) or first.quoted or not first.text.startswith("~"):
            return parts
        name, slash, rest = first.text.partition("/")
        if not slash and len(parts) > 1:
            return parts
        folder = {"~": self.state.home, "~+": self.state.cwd, "~-": self.state.before}.get(name)
        if folder is None:
            unknown = Parameter("~", name, True)
            return (unknown, Literal(slash + rest), *parts[1:])
        return (Literal(folder, True), Literal(slash + rest), *parts[1:])

    # -- fields ----------------------------------------------------------------------------------------------------

    def _fields(self, parts: tuple[Part, ...]) -> list[_Field]:
        fields = [_Field()]
        for part in parts:
            values, many = self._part(part)
            if isinstance(part, Literal):
                fields[-1].add(part.text, part.quoted)
                continue
            if many and not values:
                continue
            for number, value in enumerate(values):
                if number and (many or not part.quoted):
                    fields.append(_Field())
                if not value.known:
                    fields[-1].add(value.text, True, False)
                    fields[-1].split = fields[-1].split or not part.quoted or value.text in ("$@", "${@}")
                elif part.quoted:
                    fields[-1].add(value.text, True)
                else:
                    self._split(fields, value.text)
        return fields

    def _split(self, fields: list[_Field], text: str) -> None:
        """Adds an unquoted value, split where a character of IFS stands."""
        separators = self.state.variables.get("IFS")
        if not isinstance(separators, Value) or not separators.known:
            fields[-1].add(text, True, False)
            fields[-1].split = True
            return
        marks = separators.text
        if not marks or not any(c in marks for c in text):
            fields[-1].add(text, False)
            return
        white = "".join(re.escape(c) for c in marks if c in " \t\n")
        other = "".join(re.escape(c) for c in marks if c not in " \t\n")
        spaces = f"[{white}]*" if white else ""
        pattern = "|".join(([f"{spaces}[{other}]{spaces}"] if other else []) + ([f"[{white}]+"] if white else []))
        at = 0
        for hit in re.finditer(pattern, text):
            piece = text[at : hit.start()]
            hard = bool(other) and re.search(f"[{other}]", hit[0]) is not None
            fields[-1].add(piece, hard and at + len(piece) == hit.start() and not piece)
            fields.append(_Field())
            at = hit.end()
        fields[-1].add(text[at:], False)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _part(self, part: Part) -> tuple[list[Value], bool]:
        """The values of a part, and whether each of them is a word of its own though quoted."""
        if isinstance(part, Literal):
            return [Value(part.text)], False
        if isinstance(part, Substitution):
            printed = self.run(part.body, part.kind)
            if part.kind != "$":
                self.state.files[part.raw] = printed if part.kind == "<" else None
                return [Value(part.raw, False)], False
            known = printed is not None and "\0" not in printed
            raw = "$(…)" if {"date", "git"} & self.state.functions.keys() else part.raw  # no longer what the name says
            return [Value((printed or "").rstrip("\n") if known else raw, known)], False
        if isinstance(part, Arithmetic):
            return [self.arithmetic(part.parts, part.raw)], False
        values, many = self._values(part)
        return values, many and (part.quoted or not part.operator)

    def arithmetic(self, parts: tuple[Part, ...], raw: str) -> Value:
        """The value of an expression; what it assigns is unknown from here on."""
        text = self.value(parts)
        if len(text.text) > 5_000:
            self.doubt("An arithmetic expression is too long to be read.")
            return Value(raw, False)
        if hidden_command(text.text) and any(isinstance(p, Literal) for p in parts):
            self.doubt("An arithmetic expression holds a command.")
        for found in _ASSIGNED.finditer(text.text):
            name = found[1] or found[2]
            self.state.assign(name, Value("$" + name, False))
        source = re.sub(r"(?<![\w#])[A-Za-z_]\w*", self._number, text.text) if text.known else ""
        result = calculate(source) if text.known else None
        self.state.muffled = self.state.muffled or result is None
        return Value(raw, False) if result is None else Value(str(result))

    def _number(self, found: re.Match[str]) -> str:
        value = self.state.variables.get(found[0])
        if isinstance(value, Value) and value.known:
            if hidden_command(value.text):
                self.doubt("An arithmetic expression holds a command.")
            return f"({value.text})"
        return "?"

    def _values(self, part: Parameter) -> tuple[list[Value], bool]:
        for inner in part.subscript:
            if isinstance(inner, Substitution | Arithmetic):
                self.value((inner,))
        if hidden_command(f"{part.name}[{''.join(p.text for p in part.subscript if isinstance(p, Literal))}"):
            self.doubt("A subscript holds a command.")
        many = part.name in ("@", "*") or part.index in ("@", "*")
        found = self._lookup(part)
        if part.prefix == "#" and not (found and found[0] is None):
            if many:
                return [Value(str(len(found)))], False
            value = found[0]
            length = len(value.text) if value is not None else 0
            return [Value(str(length)) if value is None or value.known else Value(part.raw, False)], False
        if not part.operator:
            values = [v if v is not None else Value("") for v in found]
            if many and part.quoted and (part.name == "*" or part.index == "*"):
                separators = self.state.variables.get("IFS")
                known = isinstance(separators, Value) and separators.known and all(v.known for v in values)
                glue = separators.text[:1] if isinstance(separators, Value) else " "
                return [Value(glue.join(v.text for v in values), known)], False
            return values, many
        if part.operator == ":" and many:
            return self._slice(part, [v if v is not None else Value("") for v in found])
        return [self._operate(part, v) for v in found or [None]], many

    def _lookup(self, part: Parameter) -> list[Value | None]:
        """What the name stands for before any operator; None is a variable that is surely not set."""
        unknown = Value(part.raw, False)
        name = part.name
        if name in ("@", "*"):
            if self.state.positional is None:
                return [Value("$@" if not part.operator else part.raw, False)]
            return [Value(w.text, w.known and not w.glob) for w in self.state.positional]
        if name == "#":
            return [unknown if self.state.positional is None else Value(str(len(self.state.positional)))]
        if name.isdigit() and name != "0":
            if self.state.positional is None:
                return [unknown]
            if int(name) > len(self.state.positional):
                return [None]
            word = self.state.positional[int(name) - 1]
            return [Value(word.text, word.known and not word.glob)]
        if part.prefix == "!":
            pointer = self.state.variables.get(name)
            known = isinstance(pointer, Value) and pointer.known and re.fullmatch(r"[A-Za-z_]\w*", pointer.text)
            if not known or part.operator in ("@", "*") or part.index is not None:
                return [unknown]
            name = pointer.text if isinstance(pointer, Value) else name
        if name not in self.state.variables:
            return [unknown]
        return self._stored(part, name, unknown)

    def _stored(self, part: Parameter, name: str, unknown: Value) -> list[Value | None]:
        value = self.state.variables[name]
        if isinstance(value, tuple):
            if part.index in ("@", "*"):
                return list(value)
            index = calculate(self.value(part.subscript).text) if part.index is not None else 0
            if index is None:
                return [unknown]
            return [value[index] if -len(value) <= index < len(value) else None]
        if part.index not in (None, "@", "*", "0"):
            return [unknown]
        if value is not None and not value.known and (part.operator not in ("", "%") or part.prefix):
            return [unknown]
        if value is not None and name in _SHORT and part.operator and not value.text.startswith("/"):
            return [unknown]  # a folder that is known only as seen from where it started
        return [value]

    def _slice(self, part: Parameter, values: list[Value]) -> tuple[list[Value], bool]:
        start = calculate(self.value(part.argument).text)
        length = calculate(self.value(part.second).text) if part.second is not None else None
        if (
            start is None
            or (part.second is not None and length is None)
            or start < 0
            or not all(v.known for v in values)
        ):
            return [Value(part.raw, False)], False
        if part.name in ("@", "*"):
            values = [Value("$0", False), *values]
        return values[start:] if length is None else values[start : start + max(length, 0)], True

    def _operate(self, part: Parameter, value: Value | None) -> Value:
        operator = part.operator
        if operator[-1] in "-=?+" and operator[0] not in "/#%":
            return self._default(part, value)
        unknown = Value(part.raw, False)
        argument = self.value(part.argument)
        second = self.value(part.second) if part.second is not None else Value("")
        if operator == "@P":
            self.prompt(value.text if value is not None and value.known else None)
            return unknown
        text = value.text if value is not None else ""
        if value is not None and not value.known and operator == "%" and argument.known:
            return self._shorter(part, value) or unknown
        if (value is not None and not value.known) or not argument.known or not second.known or len(text) > 5_000:
            return unknown
        result: str | None
        if operator[0] in "#%":
            result = remove(text, operator, self.pieces(part.argument) or [])
        elif operator[0] == "/":
            result = replace(text, operator, self.pieces(part.argument) or [], second.text)
        elif operator == ":":
            start, length = calculate(argument.text), calculate(second.text) if part.second is not None else None
            result = None
            if start is not None and (part.second is None or length is not None):
                result = sliced(text, start, length)
        else:
            result = transformed(text, operator) if not argument.text else None
        return unknown if result is None else Value(result)

    def _shorter(self, part: Parameter, value: Value) -> Value | None:
        """``${file%.txt}`` in a loop over ``*.txt``: what is cut off lies behind the pattern; None if it does not."""
        tail = re.sub(r"^.*[*?\]]", "", value.text, flags=re.DOTALL)
        if tail == value.text or re.search(r"[$`{}\\]", value.text):
            return None
        left = remove(tail, "%", self.pieces(part.argument) or [])
        return None if left is None or left == tail else Value(value.text[: len(value.text) - len(tail)] + left, False)

    def _default(self, part: Parameter, value: Value | None) -> Value:
        """``:-``, ``:=``, ``:?``, ``:+`` and the same without the colon."""
        mark = part.operator[-1]
        empty = value is None or (part.operator[0] == ":" and not value.text and value.known)
        if value is not None and not value.known:
            self.value(part.argument)
            if mark == "=":
                self.state.assign(part.name, Value("$" + part.name, False))
            if mark == "?":
                self.state.muffled = True
            return Value(part.raw, False)
        if mark == "+":
            return Value("") if empty else self.value(part.argument)
        if not empty and value is not None:
            return value
        argument = self.value(part.argument)
        if mark == "=":
            self.state.assign(part.name, argument)
        if mark == "?":
            self.state.muffled = True
        return argument if mark != "?" else Value(part.raw, False)

    def prompt(self, text: str | None) -> None:
        """A text whose substitutions are run when it is shown (PS1, PS4, ``${x@P}``)."""
        if text is None:
            self.doubt("A text that cannot be told is expanded as a prompt.")
            return
        try:
            parts = Grammar(text).heredoc_parts()
        except Unreadable as error:
            self.doubt(str(error))
            return
        self.value(parts)
