"""Finds the JSON objects in what a model wrote, and mends their punctuation where that cannot change what they say.

Whatever stands round an object is passed over: prose, code fences, reasoning in ``<think>`` tags. An object is read as
strict JSON; else with raw line breaks in its strings; else it is mended by json-repair, and the result is taken only
if its brackets and its scalars are those of the text, all of them and in the same order. Nothing is ever closed that
the text leaves open. All of it takes time linear in the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import json_repair

__all__ = ["Found", "find", "read_value"]

MAX_DEPTH = 200
MAX_OBJECTS = 64
MEND_LIMIT = 200_000
"""Characters. json-repair takes about a microsecond for each, during which nothing else runs."""

_DOUBLE = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_SINGLE = r"'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z)"
_CURLY = r"“[^“”]*+(?:”|\Z)"
_COMMENT = r"//[^\n]*+|\#[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"

# Where something begins that matters outside an object: an object, or a tag of reasoning. `{x}` is prose.
_START = re.compile(
    r"\{(?=\s*+(?:[\"'“}]|[^\W\d]\w*+\s*+:|//|/\*|\#|\Z))"
    r"|<(?P<end>/?)(?P<tag>think|thinking|thought|thoughts|reasoning|reflection|scratchpad)>",
    re.IGNORECASE,
)
_STRICT = re.compile(rf"{_DOUBLE}|{_COMMENT}|[{{}}]", re.DOTALL)
_LOOSE = re.compile(rf"{_DOUBLE}|{_SINGLE}|{_CURLY}|{_COMMENT}|[{{}}]", re.DOTALL)
_TOKEN = re.compile(
    rf"(?P<space>\s++)|(?P<string>{_DOUBLE}|{_SINGLE}|{_CURLY})|(?P<comment>{_COMMENT})"
    r"|(?P<mark>[{}\[\]:,])|(?P<bare>[^\s{}\[\]:,\"'“”/\#]++)",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?")
_WORD = re.compile(r"[^\W\d][\w-]*+")
_LITERALS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_NO_VALUE = {"nan", "inf", "infinity", "undefined"}
_REST = re.compile(r"[\s`]*+\Z")


class _Unread(Exception):
    """This object cannot be read; says why."""


class _Twice(_Unread):
    """A key stands twice in one object, with different values."""


@dataclass
class Found:
    """The closed objects of a text. `unread` holds the text of those that could not be read, and `why` of the last."""

    values: list[dict[str, Any]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    why: str = "there is no JSON object in it"
    twice: str | None = None
    """The first key that stands twice in one object, with different values."""
    unclosed: bool = False
    """The text ends within an object or within reasoning."""
    tail: bool = True
    """Something follows the last object."""

    def forget(self) -> None:
        """What was found so far were thoughts."""
        self.values, self.unread, self.twice = [], [], None


def find(text: str) -> Found:
    """The JSON objects in `text` that lie in no other. Raises nothing."""
    whole = _whole(text)
    if isinstance(whole, dict):
        return Found(values=[whole], tail=False)
    return _search(whole if isinstance(whole, str) else text)


def read_value(text: str) -> Any:
    """What `text` is as strict JSON; None if it is none."""
    try:
        return _decoded(text, strict=True)
    except (_Unread, ValueError):
        return None


def _whole(text: str) -> Any:
    """The whole of `text`, if it is an object, or the text of one that was encoded twice."""
    return read_value(text) if text.lstrip()[:1] in ("{", '"') else None


def _search(text: str) -> Found:
    found, at = Found(), 0
    while start := _START.search(text, at):
        if start["tag"] and start["end"]:
            found.forget()
            at = start.end()
            continue
        end = _end_of_thought(text, start) if start["tag"] else _end_of_object(text, start.start())
        if end is None:
            found.unclosed = True
            return found
        if not start["tag"]:
            _add(found, text[start.start() : end])
            found.tail = not _REST.match(text, end)
        if len(found.values) + len(found.unread) > MAX_OBJECTS:
            found.twice = found.twice or f"{MAX_OBJECTS} objects and more"
            return found
        at = end
    return found


def _end_of_thought(text: str, start: re.Match[str]) -> int | None:
    """Where the thought that begins with `start` ends; one may quote another. None if it does not end."""
    depth = 0
    for tag in re.compile(rf"<(/?){start['tag']}>", re.IGNORECASE).finditer(text, start.start()):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.end()
    return None


def _end_of_object(text: str, at: int) -> int | None:
    """Where the object that begins at `at` ends; None if it is still open at the end of the text."""
    strict = text[at + 1 : at + 1000].lstrip().startswith('"')
    depth = 0
    for token in (_STRICT if strict else _LOOSE).finditer(text, at):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        if depth == 0:
            return token.end()
        if depth > MAX_DEPTH:
            return None
    return None


def _add(found: Found, span: str) -> None:
    try:
        found.values.append(_read(span))
    except _Unread as problem:
        found.why = str(problem)
        found.unread.append(span)
        if isinstance(problem, _Twice):
            found.twice = found.twice or str(problem)


def _read(span: str) -> dict[str, Any]:
    try:
        value = _decoded(span, strict=True)
    except json.JSONDecodeError as error:
        try:
            value = _decoded(span, strict=False)
        except json.JSONDecodeError:
            value = _mended(span, f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})")
    if not isinstance(value, dict):
        raise _Unread("it is no JSON object")
    return value


def _decoded(text: str, *, strict: bool) -> Any:
    """The JSON value of `text`. Raises `json.JSONDecodeError`, and `_Unread` where it is JSON that nobody can use."""
    try:
        value = json.loads(text, strict=strict, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise _Unread("it is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise _Unread(f"a number cannot be read: {str(error)[:100]}") from None
    _check(value)
    return value


def _refuse(name: str) -> None:
    raise _Unread(f"{name} is not a JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`. A key that says the same twice says it once."""
    value = dict(pairs)
    if len(value) < len(pairs):
        for key, said in pairs:
            if not _same(value[key], said):
                raise _Twice(f"the key {key[:80]!r} stands twice in one object, with different values")
    return value


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b and repr(a) == repr(b)


def _check(value: Any) -> None:
    """Raises `_Unread` for what nobody can use: too deep, halves of characters, NUL, numbers beyond all bounds."""
    left = [(value, 0)]
    while left:
        value, depth = left.pop()
        if depth > MAX_DEPTH:
            raise _Unread("it is nested too deeply")
        if isinstance(value, dict):
            left += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            left += [(each, depth + 1) for each in value]
        elif isinstance(value, float) and not math.isfinite(value):
            raise _Unread("a number is too large")
        elif isinstance(value, str):
            _check_text(value)


def _check_text(value: str) -> None:
    if "\0" in value:
        raise _Unread("a text holds the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Unread("a text holds half of a surrogate pair") from None


# --- Mending -----------------------------------------------------------------------------------------------


def _mended(span: str, problem: str) -> Any:
    """`span` with its quotes, commas and comments mended. Raises `_Unread` with `problem` if in doubt."""
    if len(span) > MEND_LIMIT:
        raise _Unread(f"{problem}; it is too long to be mended")
    tokens = list(_tokens(span, problem))
    clean = " ".join(str(each) if isinstance(each, _Mark) else json.dumps(each) for each in tokens)
    try:
        value = json_repair.loads(clean)
    except (ValueError, RecursionError):
        raise _Unread(problem) from None
    if [*map(repr, _flat(value))] != [repr(each) for each in tokens if str(each) not in ":," or type(each) is str]:
        raise _Unread(problem)
    _check(value)
    return value


def _tokens(span: str, problem: str) -> Iterator[Any]:
    """The marks and the scalars of an object as written. Raises `_Unread` where a reader could doubt them.

    Two scalars side by side are in doubt (a quote inside a text was not escaped) unless they are in different lines,
    where no more than a comma is missing; so is a bracket that closes another kind of bracket.
    """
    stack: list[str] = []
    before, broken, at = ",", True, 0
    while at < len(span):
        token = _TOKEN.match(span, at)
        if token is None:
            raise _Unread(problem)
        at = token.end()
        if token["space"] or token["comment"]:
            broken = broken or "\n" in token[0]
            continue
        if token["mark"]:
            if token[0] in "{[":
                stack.append("}" if token[0] == "{" else "]")
                if len(stack) > MAX_DEPTH:
                    raise _Unread("it is nested too deeply")
            elif token[0] in "}]" and (not stack or stack.pop() != token[0]):
                raise _Unread(f"{problem}; its brackets do not match")
            yield _Mark(token[0])
        elif before in "{[:," or broken:
            yield _scalar(token, problem)
        else:
            raise _Unread(problem)
        before, broken = (token[0] if token["mark"] else "a scalar"), False


class _Mark(str):
    """A bracket, a colon or a comma, which is no text."""

    def __repr__(self) -> str:
        return f"<{self}>"


def _scalar(token: re.Match[str], problem: str) -> Any:
    text = token[0]
    if token["bare"]:
        if text in _LITERALS:
            return _LITERALS[text]
        if _NUMBER.fullmatch(text):
            return _decoded(text, strict=True)
        if _WORD.fullmatch(text) and text.lower() not in _NO_VALUE:
            return text
        raise _Unread(problem)
    inner = text[1:-1]
    if text[0] == "'":
        inner = inner.replace("\\'", "'")
    if text[0] != '"':
        inner = re.sub(r'(\\.)|"', lambda part: part[1] or '\\"', inner)
    try:
        return json.loads(f'"{inner}"', strict=False)
    except ValueError:
        raise _Unread(f"{problem}; an escape in a text is unknown") from None


def _flat(value: Any) -> Iterator[Any]:
    """The brackets and the scalars of a value, in order."""
    if isinstance(value, dict):
        yield _Mark("{")
        for key, each in value.items():
            yield key
            yield from _flat(each)
        yield _Mark("}")
    elif isinstance(value, list):
        yield _Mark("[")
        for each in value:
            yield from _flat(each)
        yield _Mark("]")
    else:
        yield value
