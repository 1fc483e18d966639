"""Finding things in the tokens of a statement: names, clauses, the parts between commas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from revet.effects.sql.lex import Token

__all__ = ["clause", "close", "find", "has", "name_at", "parts", "skip_words", "text_of", "top"]

Tokens = Sequence[Token]


def top(tokens: Tokens) -> Iterator[tuple[int, Token]]:
    """The tokens outside all parentheses, with their places."""
    depth = 0
    for place, token in enumerate(tokens):
        depth -= token.text == ")" and depth > 0
        if not depth:
            yield place, token
        depth += token.text == "("


def find(tokens: Tokens, *words: str, start: int = 0) -> int | None:
    """Where the words stand side by side, outside parentheses, from `start` on."""
    for place, token in top(tokens):
        if place >= start and token.is_word(words[0]):
            after = tokens[place : place + len(words)]
            if len(after) == len(words) and all(each.is_word(word) for each, word in zip(after, words, strict=True)):
                return place
    return None


def has(tokens: Tokens, *words: str) -> bool:
    """Whether the words stand side by side, outside parentheses."""
    return find(tokens, *words) is not None


def name_at(tokens: Tokens, place: int) -> tuple[tuple[str, ...], int]:
    """The (qualified) name that starts there, part by part, and the place after it; nothing if there is none."""
    found: list[str] = []
    while place < len(tokens) and tokens[place].is_name:
        found.append(tokens[place].value if tokens[place].kind == "name" else tokens[place].text)
        place += 1
        if place + 1 < len(tokens) and tokens[place].text == "." and tokens[place + 1].is_name:
            place += 1
            continue
        break
    if place < len(tokens) and tokens[place].text == "*" and found:
        place += 1
    return tuple(found), place


def skip_words(tokens: Tokens, place: int, *words: str) -> int:
    """The place after those of the words that stand there, in any order."""
    while place < len(tokens) and tokens[place].is_word(*words):
        place += 1
    return place


def close(tokens: Tokens, place: int) -> int:
    """The place of the parenthesis that closes the one at `place`; the end if none does."""
    depth = 0
    for here in range(place, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[here].text, 0)
        if depth <= 0:
            return here
    return len(tokens)


def parts(tokens: Tokens, separator: str = ",") -> list[list[Token]]:
    """What stands between the separators outside parentheses; brackets count as parentheses do."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.text == separator and not depth:
            found.append([])
            continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        found[-1].append(token)
    return [each for each in found if each]


def clause(tokens: Tokens, word: str, ends: Sequence[str]) -> list[Token] | None:
    """The tokens after `word`, up to the first of the words that end it; None if it does not stand there."""
    start = find(tokens, word)
    if start is None:
        return None
    rest = tokens[start + 1 :]
    end = next((place for place, token in top(rest) if token.is_word(*ends)), len(rest))
    return list(rest[:end])


def text_of(tokens: Tokens) -> str:
    """The tokens as a text again."""
    return " ".join(token.text for token in tokens)
