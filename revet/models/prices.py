"""What tokens cost, in US dollars: as given, or as listed by genai-prices, whose data come with the package."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from pydantic import Field

from revet.models.wire import Reply, Tokens
from revet.schema import Model

__all__ = ["FREE", "Listed", "Prices", "Pricing"]


class Pricing(Protocol):
    """`known` is False if `cost` cannot be told."""

    @property
    def known(self) -> bool: ...

    def cost(self, reply: Reply) -> float | None:
        """US dollars; None where it cannot be told."""
        ...


class Prices(Model):
    """US dollars per million tokens. What is read from a cache costs `cached`, or as much as other input."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @property
    def known(self) -> bool:
        return True

    def cost(self, reply: Reply) -> float:
        tokens = reply.tokens
        cached = min(tokens.cached, tokens.input)
        rate = self.input if self.cached is None else self.cached
        return ((tokens.input - cached) * self.input + cached * rate + tokens.output * self.output) / 1e6


FREE = Prices(input=0, output=0)
"""Models that run on the user's own machine, recordings and scripts."""


class Listed:
    """The prices that genai-prices lists for a model of a provider, or of whoever serves `base_url`.

    The list is the one that came with the installed package. It is never updated from the network.
    """

    def __init__(self, model: str, provider: str | None = None, base_url: str | None = None) -> None:
        self.model, self.provider, self.base_url = model, provider, base_url

    @cached_property
    def known(self) -> bool:
        return self._price(self.model, Tokens()) is not None

    def cost(self, reply: Reply) -> float | None:
        """By the name that was asked for; it may stand for several models, and then by the one that answered."""
        listed = self._price(self.model, reply.tokens)
        return listed if listed is not None or not reply.model else self._price(reply.model, reply.tokens)

    def _price(self, model: str, tokens: Tokens) -> float | None:
        from genai_prices import Usage, calc_price

        usage = Usage(
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=min(tokens.cached, tokens.input),
        )
        try:
            if self.base_url is not None:
                return float(calc_price(usage, model, provider_api_url=self.base_url).total_price)
            return float(calc_price(usage, model, provider_id=self.provider).total_price)
        except LookupError:
            return None
