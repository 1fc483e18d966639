"""One answer in the making: what was asked, what has been written, and when it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from revet.models.local.grammar import Guide
from revet.models.local.sampling import Dice, Sampling

__all__ = ["Ask", "Done", "Row"]


@dataclass
class Ask:
    """A prompt as tokens, and how it is to be answered. `said` gets the text piece by piece, in the engine's thread."""

    prompt: list[int]
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    seed: int | None = None
    stop: Sequence[str] = ()
    guide: Guide | None = None
    said: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Done:
    """An answer. `cached` counts the tokens of the prompt that an earlier one had paid for."""

    text: str
    finish: Literal["stop", "length"]
    prompt: int
    tokens: int
    cached: int


class Row:
    """An `Ask` in a batch."""

    def __init__(self, ask: Ask, tokenizer: Any, stops: frozenset[int], hidden: frozenset[int]) -> None:
        self.ask, self.future = ask, Future[Done]()
        self.dice = Dice(ask.seed)
        self.tokens: list[int] = []
        self.cached = 0
        self._stops, self._hidden = stops, hidden
        self._tokenizer = tokenizer
        self._text = ""
        self._said = 0
        self._shown: list[int] = []
        self._from, self._to = 0, 0

    @property
    def ids(self) -> list[int]:
        return self.ask.prompt + self.tokens

    @property
    def left(self) -> int:
        return self.ask.max_tokens - len(self.tokens)

    def take(self, token: int) -> bool:
        """Go on by a token. True if that ends the answer; `future` then has it."""
        guide = self.ask.guide
        if guide is not None:
            token = guide.take(token, self.left)
        self.tokens.append(token)
        if token in self._stops:
            return self._end("length" if guide is not None and guide.cut else "stop")
        self._write(token)
        if guide is not None and guide.done:
            return self._end("length" if guide.cut else "stop")
        # A stop string inside guided JSON would leave it open.
        if guide is None and self._stopped():
            return self._end("stop")
        if self.left <= 0:
            return self._end("length")
        self._say(len(self._text) - (0 if guide else max((len(stop) - 1 for stop in self.ask.stop), default=0)))
        return False

    def fail(self, error: BaseException) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def _write(self, token: int) -> None:
        """Add a token's text. Characters of several tokens wait until they are whole.

        A token's text can depend on the one before it (a space), so a short stretch is decoded, not one token.
        """
        if token not in self._hidden:
            self._shown.append(token)
        whole = self._decode(self._shown[self._from :])
        if whole.endswith("\ufffd"):
            return
        self._text += whole[len(self._decode(self._shown[self._from : self._to])) :]
        self._from, self._to = self._to, len(self._shown)

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

    def _stopped(self) -> bool:
        places = [at for at in (self._text.find(stop) for stop in self.ask.stop if stop) if at >= 0]
        if places:
            self._text = self._text[: min(places)]
        return bool(places)

    def _say(self, until: int) -> None:
        if self.ask.said is not None and until > self._said:
            self.ask.said(self._text[self._said : until])
            self._said = until

    def _end(self, finish: Literal["stop", "length"]) -> bool:
        if self._to < len(self._shown):
            whole = self._decode(self._shown[self._from :])
            self._text += whole[len(self._decode(self._shown[self._from : self._to])) :]
        self._say(len(self._text))
        done = Done(self._text, finish, len(self.ask.prompt), len(self.tokens), self.cached)
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(done)
        return True
