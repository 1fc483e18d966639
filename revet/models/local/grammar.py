"""JSON that always parses: which tokens may come next, and how an answer is closed before its tokens run out.

xgrammar tells which tokens fit a JSON Schema. That alone does not do: a model that fills a string without end is
stopped in the middle of it. So a `Guide` that closes knows at every step how many tokens the rest takes, and takes no
token after which that rest would no longer fit. `cut` then says that the JSON is whole but was ended early.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import xgrammar

from revet.errors import ModelFailed

__all__ = ["SPARE", "Grammars", "Guide"]

STRUCTURE = [bytes([code]) for code in b'}],: "0123456789ntf[{.-e\\']
"""The bytes of JSON outside strings, those that end something first."""
CONTENT = [bytes([code]) for code in b"0123456789abcdefghijklmopqrsuvwxyzn-_. :/ABCDEFGHIJKLMNOPQRSTUVWXYZ@+,;"]
EVERY = [bytes([code]) for code in range(0x20, 0x100)]
LONGEST = 4096
"""Bytes. What is not closed after so many is taken to have no end (a pattern that can go on for ever)."""
MARGIN = 64
"""Tokens. With more than this to spare, text inside a string is not checked: it makes the rest no longer."""
SPARE = 24
"""Tokens. So many are kept for what must still be chosen, such as a verdict: what is closed early goes no further where
it could end, but the choices left stay the model's own, and are not those that happen to be short."""
UNREADABLE = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]"
    rb"|\xed[\xa0-\xbf]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]|[\xc0\xc1\xf5-\xff]"
)
"""Half of a surrogate pair, as an escape or as bytes, and bytes that are no UTF-8: xgrammar lets both pass."""
NUMERIC, DIGITS, HUGE = b"0123456789+-.eE", 32, re.compile(rb"[0-9][eE][+-]?[0-9]{3}")
"""Longer numbers, and larger ones than 10^99, end where they are: 1e999 is infinite to most readers."""
TAIL = 16
"""Bytes: enough to know whether a backslash is itself escaped."""


@dataclass
class Written:
    """What JSON text has come to, byte by byte: inside a string, after a backslash there, within a number."""

    inside: bool = False
    escaped: bool = False
    number: bytes = b""
    tail: bytes = b""
    bad: bool = False
    """It holds what cannot be read, or a number that is no longer one for most readers."""

    def then(self, text: bytes) -> Written:
        inside, escaped, number, bad = self.inside, self.escaped, self.number, self.bad
        for code in text:
            if escaped:
                escaped = False
            elif code == 0x22:
                inside = not inside
            elif code == 0x5C:
                escaped = inside
            number = number + bytes([code]) if not inside and code in NUMERIC else b""
            bad = bad or (number != b"" and (len(number) > DIGITS or HUGE.search(number) is not None))
        whole = self.tail + text
        return Written(inside, escaped, number, whole[-TAIL:], bad or UNREADABLE.search(whole) is not None)


class Grammars:
    """Compiles schemas for one model's tokens; what was compiled is kept. Can be used from any thread."""

    def __init__(self, tokenizer: Any, *, vocabulary: int, stops: Sequence[int]) -> None:
        info = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=vocabulary, stop_token_ids=sorted(stops) or None
        )
        self.vocabulary = vocabulary
        self.texts: list[bytes] = list(info.decoded_vocab)
        special = {*info.special_token_ids, *stops, *tokenizer.all_special_ids}
        self.ids = {text: token for token, text in enumerate(self.texts) if text and token not in special}
        self.longest = min(32, max(map(len, self.ids), default=1))
        # xgrammar lets control characters into strings that have a maxLength; JSON does not.
        self.clean = without(
            vocabulary, [token for token, text in enumerate(self.texts) if any(code < 0x20 for code in text)]
        )
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_limit_bytes=256 * 1024 * 1024)
        self._lock = threading.Lock()

    def guide(self, schema: dict[str, Any], *, close: bool) -> Guide:
        """A guide for one answer, which it closes before its tokens run out, or lets break off.

        Raises `ModelFailed` for a schema that cannot be enforced.
        """
        try:
            with self._lock:
                compiled = self._compiler.compile_json_schema(json.dumps(schema), any_whitespace=False)
            return Guide(self, xgrammar.GrammarMatcher(compiled), close)
        except (RuntimeError, ValueError) as error:
            name = schema.get("title", "answer")
            raise ModelFailed(f"the schema {name!r} cannot be enforced: {error}", hint="simplify the schema") from None

    def text(self, token: int) -> bytes:
        return self.texts[token] if token < len(self.texts) else b""

    def tokens(self, text: bytes) -> list[int] | None:
        """Tokens that spell this text, few of them; None if the vocabulary has none for a byte."""
        found, at = [], 0
        while at < len(text):
            for length in range(min(self.longest, len(text) - at), 0, -1):
                token = self.ids.get(text[at : at + length])
                if token is not None:
                    found.append(token)
                    at += length
                    break
            else:
                return None
        return found


class Guide:
    """Leads one answer. For each token: `mask`, then `take`."""

    def __init__(self, grammars: Grammars, matcher: Any, close: bool) -> None:
        self.cut = False
        self._grammars, self._matcher = grammars, matcher
        self._written = Written()
        plan = self._closing(self._written)
        self.shortest = None if plan is None else len(plan)
        """How many tokens a short answer takes, None if that is not known."""
        self._closes = close and plan is not None
        self._rest = self.shortest or 0
        """So many tokens end the answer from here, at most."""

    def mask(self, bits: torch.Tensor, row: int) -> None:
        """Write which tokens fit the schema into that row of a bitmask of xgrammar's."""
        self._matcher.fill_next_token_bitmask(bits, row)
        bits[row] &= self._grammars.clean

    def take(self, token: int, left: int) -> int:
        """Go on by `token`, or by another one if `left` tokens (with this one) would not do for the rest after it.

        The token must be one that the mask allows. Returns the token taken.
        """
        text = self._grammars.text(token)
        spare = SPARE if self._closes and left - self._rest <= MARGIN and self._goes_on(text) else 0
        if not self._matcher.accept_token(token):
            raise ModelFailed("the schema asks for text that cannot be written in JSON", hint="simplify its patterns")
        after = self._written.then(text)
        rest = None if after.bad else self._rest_after(text, after, left)
        if rest is not None and rest + spare < left:
            self._written, self._rest = after, rest
            return token
        self._matcher.rollback(1)
        plan = self._closing(self._written)
        if not plan:  # Without a way out, the grammar's word stands.
            plan = [token]
        self.cut = self.cut or not after.bad
        self._matcher.accept_token(plan[0])
        self._written = self._written.then(self._grammars.text(plan[0]))
        self._written.bad = False
        self._rest = len(plan) - 1
        return plan[0]

    @property
    def done(self) -> bool:
        """Whether nothing can follow."""
        if self._matcher.is_terminated():
            return True
        if not self._matcher.is_completed():
            return False
        more = any(self._matcher.accept_string(byte) for byte in EVERY)
        if more:
            self._matcher.rollback(1)
        return not more

    def _goes_on(self, text: bytes) -> bool:
        """Whether a string, list, object or number could end here, and this text does not end it."""
        written = self._written
        ends = b'"' if written.inside else b"]},"[: 3 if written.number else 2]
        if text[:1] in [bytes([code]) for code in ends]:
            return False
        could = any(self._matcher.accept_string(bytes([code])) for code in ends)
        if could:
            self._matcher.rollback(1)
        return could

    def _rest_after(self, text: bytes, after: Written, left: int) -> int | None:
        """So many tokens end the answer after this text; None if no end was found. 0 if it may break off."""
        if not self._closes or self._matcher.is_terminated():
            return 0
        within = self._written.inside and not self._written.escaped and b'"' not in text and b"\\" not in text
        if within and left - self._rest > MARGIN:
            return self._rest
        plan = self._closing(after)
        return None if plan is None else len(plan)

    def _closing(self, written: Written) -> list[int] | None:
        """Tokens that end the answer from here; None if no end is found. Short, not always the shortest.

        `written` is what the matcher has accepted. The matcher is left as it was.
        """
        matcher, content, text, steps = self._matcher, list(CONTENT), b"", 0
        while not matcher.is_completed():
            step = forced(matcher)
            if not step:
                order = [b'"', *content, *EVERY] if written.inside else [*STRUCTURE, *EVERY]
                end = written.tail
                step = next((byte for byte in order if readable(end, byte) and matcher.accept_string(byte)), b"")
                if written.inside and step in content:
                    # What was used comes last, so that a repetition is left as soon as the pattern lets one.
                    content.remove(step)
                    content.append(step)
            steps += bool(step)
            text += step
            written = written.then(step)
            if not step or len(text) > LONGEST:
                break
        whole = matcher.is_completed()
        if steps:
            matcher.rollback(steps)
        return self._grammars.tokens(text) if whole else None


def readable(text: bytes, byte: bytes) -> bool:
    return byte < b"\x80" or not UNREADABLE.search(text + byte)


def without(vocabulary: int, tokens: Sequence[int]) -> torch.Tensor:
    """A row of a bitmask that allows all tokens but these. Bit b of word w stands for token 32·w + b."""
    allowed = torch.ones(-(-vocabulary // 32) * 32, dtype=torch.int64)
    allowed[list(tokens)] = 0
    words = (allowed.view(-1, 32) << torch.arange(32)).sum(dim=1)
    return words.to(torch.int32)


def forced(matcher: Any) -> bytes:
    """Go on by what must come in any case, and say what that was."""
    try:
        text = matcher.find_jump_forward_string().encode()
    except UnicodeDecodeError:  # It ends within a character.
        return b""
    return text if text and matcher.accept_string(text) else b""
