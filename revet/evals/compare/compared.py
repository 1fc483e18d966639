"""What a comparison found of one recipe: how many it got right, what it made better and worse, and what that took."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from revet.evals.figures import bootstrap
from revet.schema import Model, Run, RunOutcome

__all__ = ["Compared", "Ended", "ended_of", "figures_of"]


class Ended(Model):
    """How one recipe's run of one case ended. `first` and `final` are the judge's; `error` says why it broke off."""

    case: str
    first: bool | None = None
    final: bool = False
    outcome: RunOutcome = RunOutcome.failed
    drafts: int = 0
    candidates: int = Field(default=0, description="drafts, and what a proposer screened before it made them")
    tool_runs: int = 0
    calls: int = Field(default=0, description="of language models")
    tokens: int = 0
    seconds: float = 0.0
    why: str = Field(default="", description="the first of the gate's reasons for how it ended")
    error: str | None = None


class Compared(Model):
    """The figures of one recipe over the cases that it was run on. Means are for each case.

    `accuracy` is the share of cases that ended right, with its 95 % interval (bootstrapped over cases). A run that
    broke off, or committed nothing, is not right. `times_core` relates the seconds to those of `core` on the same
    cases. `left_out` says why the recipe was not run at all.
    """

    recipe: str
    suite: str
    n: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    first: float | None = Field(default=None, description="the share of cases whose first draft was right")
    wrong_to_right: int = 0
    right_to_wrong: int = 0
    abstained: int = Field(default=0, description="cases that ended with nothing committed or answered")
    failed: int = Field(default=0, description="cases whose run broke off")
    drafts: float | None = None
    candidates: float | None = None
    tool_runs: float | None = None
    calls: float | None = None
    tokens: float | None = None
    seconds: float | None = None
    times_core: float | None = None
    left_out: str | None = None
    runs: tuple[Ended, ...] = Field(default=(), description="how each run ended, case by case")


def ended_of(case: str, run: Run, first: bool | None, final: bool, seconds: float) -> Ended:
    """What counts of a run. `seconds` is what it took by the clock."""
    drafts = run.usage.rounds + 1 if run.attempts else 0
    screened = [attempt.draft.data.get("tried") for attempt in {a.round: a for a in run.attempts}.values()]
    return Ended(
        case=case,
        first=first,
        final=final,
        outcome=run.outcome,
        drafts=drafts,
        candidates=max(drafts, sum(each for each in screened if isinstance(each, int))),
        tool_runs=run.usage.tool_calls,
        calls=sum(spent.calls for spent in run.usage.roles.values()),
        tokens=run.usage.tokens,
        seconds=seconds,
        why=next(iter(run.decision.reasons), ""),
    )


def figures_of(recipe: str, suite: str, ended: Sequence[Ended], core: Sequence[Ended] = ()) -> Compared:
    """The figures of a recipe; `core` are the runs of the plain loop, to relate the seconds to."""
    if not ended:
        return Compared(recipe=recipe, suite=suite)
    n = len(ended)
    low, high = bootstrap([each.final for each in ended], lambda finals: sum(finals) / len(finals))
    firsts = [each.first for each in ended if each.first is not None]

    def mean(name: str) -> float:
        return float(sum(getattr(each, name) for each in ended)) / n

    return Compared(
        recipe=recipe,
        suite=suite,
        n=n,
        accuracy=mean("final"),
        low=low,
        high=high,
        first=sum(firsts) / len(firsts) if firsts else None,
        wrong_to_right=sum(each.first is False and each.final for each in ended),
        right_to_wrong=sum(each.first is True and not each.final for each in ended),
        abstained=sum(each.outcome not in (RunOutcome.committed, RunOutcome.answered) for each in ended)
        - sum(each.error is not None for each in ended),
        failed=sum(each.error is not None for each in ended),
        **{name: mean(name) for name in ("drafts", "candidates", "tool_runs", "calls", "tokens", "seconds")},
        times_core=_times(ended, core),
        runs=tuple(ended),
    )


def _times(ended: Sequence[Ended], core: Sequence[Ended]) -> float | None:
    """The seconds over those of `core`, on the cases that both were run on."""
    known = {each.case: each.seconds for each in core}
    shared = [each for each in ended if each.case in known]
    base = sum(known[each.case] for each in shared)
    return sum(each.seconds for each in shared) / base if base else None
