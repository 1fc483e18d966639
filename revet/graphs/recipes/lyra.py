"""Lyra: correct the tools of a conjecture that failed, without a model; then the conjecture, by the error.

Zheng et al., TMLR 2024, arXiv 2309.15806; the authors' code: chuanyang-Zheng/Lyra-theorem-prover.

::

    for n in 0 … attempts - 1:
        y ~ model(x)                  if n % 5 == 0           # a fresh prompt
        y ~ model(x, y, error)        otherwise               # conjecture correction
        run y; while a tool's call in it fails:               # tool correction
            put the known-good tools in its place, one after another, until it passes
        stop on success

On the core graph: every conjecture and every correction is a draft that the task's own checks and tools examine; where
they name the line that fails, the call on that line is replaced, else each in turn. The published tools are Isabelle's
tactics; any other text will do: ``calls`` is what a call looks like, ``tools`` what may take its place.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator

from revet.graphs.calls import ONE, Calls, asked, judged, rounds_of
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.correcting import DualCorrection
from revet.graphs.parts.examining import examiners, examining_tools
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy

__all__ = ["ISABELLE", "LYRA", "LyraOptions", "cast_lyra"]

ISABELLE = (
    *("by auto", "by simp", "by blast", "by fastforce", "by force", "by eval", "by presburger", "by sos", "by arith"),
    *("by linarith", "by (auto simp: field_simps)", "sledgehammer"),
)
"""The heuristics and the prover that the authors try, in their order (``src/autoformalization/checker.py``)."""

_METHODS = "algebra|arith|auto|blast|eval|fastforce|force|linarith|meson|metis|presburger|simp|simp_all|smt|sos"
CALL = rf"\bsledgehammer\b|\bby\s+(?:{_METHODS})\b|\bby\s*\((?:{_METHODS})\b(?:[^()\n]|\([^()\n]*\))*\)"
"""Isabelle's ``by METHOD`` and ``by (METHOD …)``."""


class LyraOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("attempts", "corrections")

    attempts: int = Field(default=100, ge=1, description="conjectures at most; the policy's `rounds` come before it")
    fresh: int = Field(default=5, ge=1, description="each so-many-th conjecture is made from nothing")
    tools: tuple[str, ...] = Field(
        default=ISABELLE, description="known-good texts, tried in this order; default: Isabelle's tactics"
    )
    calls: str = Field(
        default=CALL, min_length=1, description="a regular expression: what they replace; default: Isabelle's `by …`"
    )
    corrections: int = Field(default=12, ge=0, description="of one conjecture with tools, at most; 0 corrects none")
    temperature: float | None = Field(default=0.7, ge=0, le=2, description="of conjectures; null: the model's own")

    @field_validator("calls")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            matches_nothing = re.compile(value).fullmatch("") is not None
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if matches_nothing:
            raise ValueError("it matches the empty text; write what a call looks like")
        return value


def cast_lyra(roles: Roles, options: Options, policy: Policy) -> Team:
    """Who conjectures, and the strategy that corrects."""
    assert isinstance(options, LyraOptions)
    model = model_of(roles, "lyra")
    proposer = writer(model, roles, temperature=options.temperature, schedule=FLAT)
    reviser = writer(roles.reviser or model, roles, temperature=options.temperature, schedule=FLAT)
    strategy = DualCorrection(
        proposer,
        reviser,
        calls=re.compile(options.calls),
        tools=options.tools,
        attempts=options.attempts,
        fresh=options.fresh,
        corrections=options.corrections,
    )
    return Team(
        proposer=proposer,
        reviser=reviser,
        critics=examiners(roles, policy),
        tools=examining_tools(),
        policy=filled(policy, rounds=options.attempts * (1 + options.corrections) - 1),
        judge=judge_of(roles),
        strategy=strategy,
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """A correction with tools takes no call."""
    assert isinstance(options, LyraOptions)
    drafts = rounds_of(policy)
    return ONE * rounds_of(policy, options.attempts) + asked(roles.critic) * drafts + judged(roles.judge, drafts.most)


LYRA = Recipe(
    name="lyra",
    summary="Lyra: replace the failing tool by known-good ones, then the conjecture by the error; afresh every 5",
    cast=cast_lyra,
    source="Zheng et al., TMLR 2024, arXiv 2309.15806",
    options=LyraOptions,
    needs="a language model, and a check or a tool that says what fails",
    cost="one call a conjecture, 100 at most as published; corrections with tools cost an examination and no call",
    calls=_calls,
    least_rounds=lambda options: 1,
    published=Published(
        title="Lyra: Orchestrating Dual Correction in Automated Theorem Proving",
        url="https://arxiv.org/abs/2309.15806",
        code="https://github.com/chuanyang-Zheng/Lyra-theorem-prover",
        flow="""
    task([task]) --> conjecture["conjecture, from nothing every 5th time"] --> examine
    examine -->|a tool's call fails| tool["tool correction: the next known-good tool, no model"] --> examine
    examine -->|no tool is left| error["conjecture correction: error and last draft"] --> examine
    error -->|every 5th| conjecture
    examine -->|nothing fails| gate{gate}
    gate --> commit([answer or commit])
    error -->|the attempts are spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_lyra.py",
        differs=(
            "The prover runs a proof step by step, so that the authors correct a tool within one run; here each "
            "correction is a draft of its own, examined as a whole, and there are 12 of a conjecture at most.",
            "Which tool failed is read from the lines that evidence names. Where it names none, every call is tried.",
            "A fresh prompt of the authors draws other solved examples; ours has none, so the temperature is above 0.",
            "The correction of a conjecture goes on from the draft as the tools had mended it, with the error left.",
        ),
    ),
)
