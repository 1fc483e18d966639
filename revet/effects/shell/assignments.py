"""Assignments: ``name=value``, ``name+=value``, ``name[1]=value``, ``name=(…)``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from revet.effects.shell.expand import Expander, hidden_command
from revet.effects.shell.model import Word
from revet.effects.shell.reader import ASSIGNMENT
from revet.effects.shell.state import Value, Variable
from revet.effects.shell.syntax import Literal, SyntaxWord
from revet.effects.shell.variables import check_variable

if TYPE_CHECKING:
    from revet.effects.shell.walk import Context, Walker

__all__ = ["assign", "hides_command"]

_LONGEST = 2_000  # longer values are not followed, so that doubling them again and again comes to an end
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def assign(walker: Walker, written: SyntaxWord, expander: Expander, context: Context) -> tuple[str, Word]:
    """Carries out ``name=value``."""
    name = _NAME.match(written.raw)
    variable = name[0] if name else ""
    first = written.parts[0] if written.parts else None
    head = ASSIGNMENT.match(first.text) if isinstance(first, Literal) and not first.quoted else None
    if head is None or not isinstance(first, Literal):
        value: Variable = Value(expander.value(written.parts).text, False)
    elif written.array is not None:
        value = _array(walker, variable, written.array, expander, add=head[0].endswith("+="))
    else:
        value = expander.assigned((Literal(first.text[head.end() :]), *written.parts[1:]))
        if head[0].endswith("+="):
            old = walker.state.variables.get(variable, Value("$" + variable, False))
            old = Value("") if old is None else old
            known = isinstance(old, Value) and old.known and value.known
            value = Value((old.text if isinstance(old, Value) else "$" + variable) + value.text, known)
        elif head[1]:
            value = _element(walker, variable, head[1], value)
    if isinstance(value, Value) and len(value.text) > _LONGEST:
        value = Value("$" + variable, False)
    walker.state.assign(variable, value)
    word = Word(value.text, value.known) if isinstance(value, Value) else Word(written.raw, False)
    if hidden_command(word.text) and not written.array:
        walker.doubt(f"The value of {variable} holds a subscript with a command in it.")
    check_variable(walker, variable, word, context)
    return variable, word


def _array(walker: Walker, name: str, elements: tuple[SyntaxWord, ...], expander: Expander, *, add: bool) -> Variable:
    values: list[Value] = []
    old = walker.state.variables.get(name)
    if add and isinstance(old, tuple):
        values.extend(old)
    for written in elements:
        if written.raw.startswith("["):
            return Value(expander.value(written.parts).text, False)
        for word in expander.words(written):
            values.append(Value(word.text, word.known and not word.glob and not word.split))
    return tuple(values)


def _element(walker: Walker, name: str, index: str, value: Value) -> Variable:
    old = walker.state.variables.get(name)
    number = index.strip("[]")
    if isinstance(old, tuple) and number.isdigit() and int(number) <= len(old):
        at = int(number)
        return (*old[:at], value, *old[at + 1 :])
    if number == "0" and name not in walker.state.variables:
        return (value,)
    return Value("$" + name, False)


def hides_command(written: SyntaxWord) -> bool:
    """Whether the characters of the word, apart from what is expanded in it, hold a command in a subscript."""
    return hidden_command("".join(p.text if isinstance(p, Literal) else "x" for p in written.parts))
