"""Choosing the next token of each row of a batch, so that a row's choice depends on that row alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from revet.errors import InputError

__all__ = ["Dice", "Sampling", "rank"]


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. At temperature 0 the likeliest is taken. `top_k` 0 and `top_p` 1 leave all in the game.

    Raises `InputError` for numbers that mean nothing: in a batch they would be everybody's error.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name, fits, wanted in (
            ("temperature", 0 <= self.temperature < math.inf, "0 or more"),
            ("top_p", 0 <= self.top_p <= 1, "from 0 to 1"),
            ("repetition_penalty", 0 < self.repetition_penalty < math.inf, "above 0"),
        ):
            if not fits:
                raise InputError(f"{name} cannot be {getattr(self, name)}", hint=f"give a number {wanted}")


class Dice:
    """The randomness of one row. With the same seed it is the same on the same kind of device."""

    def __init__(self, seed: int | None) -> None:
        self.seed = random.SystemRandom().getrandbits(63) if seed is None else seed % 2**63
        self._generator: torch.Generator | None = None

    def roll(self, scores: torch.Tensor) -> torch.Tensor:
        """Gumbel noise for each of the scores: the largest sum of both is a fair draw from their softmax."""
        if self._generator is None:
            self._generator = torch.Generator(scores.device).manual_seed(self.seed)
        waits = torch.empty_like(scores).exponential_(generator=self._generator)
        return -waits.clamp_min(torch.finfo(scores.dtype).tiny).log()


def rank(
    scores: torch.Tensor, settings: Sequence[Sampling], dice: Sequence[Dice], texts: Sequence[Sequence[int]]
) -> torch.Tensor:
    """Scores of which each row's largest is the token to take. `scores` is (rows, vocabulary) in float32.

    `texts` are the tokens so far, which a repetition penalty counts. Rows of equal settings are treated together.
    """
    ranked = scores.clone()
    for setting in set(settings):
        rows = [row for row, other in enumerate(settings) if other == setting]
        part = ranked[rows]
        if setting.repetition_penalty != 1.0:
            for at, row in enumerate(rows):
                penalty = RepetitionPenaltyLogitsProcessor(setting.repetition_penalty)
                ids = torch.tensor([list(texts[row])], device=scores.device)
                part[at : at + 1] = penalty(ids, part[at : at + 1])
        if setting.temperature > 0:
            part = narrowed(part, setting)
            part = part + torch.stack([dice[row].roll(part[at]) for at, row in enumerate(rows)])
        ranked[rows] = part
    return ranked


def narrowed(scores: torch.Tensor, setting: Sampling) -> torch.Tensor:
    ids = torch.empty((scores.shape[0], 0), dtype=torch.long, device=scores.device)
    warped: torch.Tensor = TemperatureLogitsWarper(setting.temperature)(ids, scores)
    if setting.top_k > 0:
        warped = TopKLogitsWarper(setting.top_k)(ids, warped)
    if setting.top_p < 1.0:
        warped = TopPLogitsWarper(setting.top_p)(ids, warped)
    return warped
