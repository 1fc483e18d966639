"""An evaluation as a page: its figures with their intervals, plots, and every case, the wrong commits first.

What a page is made of comes as plain objects (`revet.report.html.played`). Cases stand folded by how they ended, in a
table that a text filters; of very many, those that went wrong are shown and the rest counted.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from revet.report.html.page import page
from revet.report.html.played import (
    KINDS,
    ContrastLike,
    EstimateLike,
    EvaluationLike,
    Kind,
    KnownLike,
    PictureLike,
    TrialLike,
    interval,
    kind_of,
    number,
)
from revet.report.html.plots import Dot, Mark, Plot, curve, dots, flows, histogram, rounds
from revet.report.html.templating import render
from revet.report.html.words import as_text
from revet.report.text import duration, one_line, plural

__all__ = ["comparison_page", "suite_html", "suite_page"]

MOST_CASES = 5_000
"""Cases that one page shows."""
MOST_TURNS = 12
"""Drafts of a case that are told one by one; of more, the first and the last."""


AMOUNTS = ("cost", "drafts", "seconds", "tokens", "tool_calls")
"""Differences that are no shares, and so on no common axis with those."""


class Row(NamedTuple):
    """A figure as its table shows it."""

    name: str
    value: str
    interval: str
    n: str
    better: str
    note: str


@dataclass(frozen=True)
class Case:
    """A case as its table shows it. `run` is the id of the run where it is kept, if it is."""

    name: str
    group: str
    drafts: str
    why: str
    seconds: str
    run: str


def suite_page(
    evaluation: EvaluationLike,
    trials: Sequence[TrialLike],
    *,
    known: KnownLike | None = None,
    picture: PictureLike | None = None,
) -> str:
    """The whole file. `known` is what is known of the suite whoever plays it, `picture` what is drawn besides the
    figures that the evaluation has."""
    title = f"{evaluation.suite}: {evaluation.id}"
    return page(title, suite_html(evaluation, trials, known=known, picture=picture), script=_script())


def suite_html(
    evaluation: EvaluationLike,
    trials: Sequence[TrialLike],
    *,
    known: KnownLike | None = None,
    picture: PictureLike | None = None,
) -> Markup:
    """The body of that page."""
    headline = _headline(evaluation, known)
    groups = list(_groups(trials))
    return render(
        "suite.html",
        style=_style(),
        evaluation=evaluation,
        about=known.about if known else "",
        note=known.note if known else "",
        facts=_facts(evaluation, len(trials)),
        headline=headline,
        shown=_row(headline) if headline else None,
        target=_target(headline, known),
        beside=[(b.who, number(b.value), b.measure, b.source) for b in known.beside] if known else [],
        figures=[_row(each) for each in evaluation.figures],
        plots=[plot.html() for plot in _plots(evaluation, trials, known, headline, picture)],
        groups=groups,
        left=sum(left for _, _, _, left in groups),
        cases=len(trials),
        plural=plural,
    )


def comparison_page(
    first: EvaluationLike,
    second: EvaluationLike,
    one: Sequence[TrialLike],
    other: Sequence[TrialLike],
    found: ContrastLike,
) -> str:
    """Two evaluations of one suite, A and B, case by case: their differences B - A, and the cases that flipped."""
    paired = _paired(one, other)
    differences = [Dot(each.name, each.value, each.low, each.high, each.n, each.note) for each in found.differences]
    shares = [dot for dot in differences if dot.name not in AMOUNTS]
    body = render(
        "suite_comparison.html",
        style=_style(),
        first=first,
        second=second,
        sides=[("A", first, _facts(first, len(one))), ("B", second, _facts(second, len(other)))],
        found=found,
        differences=[
            (
                each.name,
                number(each.value) if each.value is not None else f"not a number: {each.note}",
                interval(each.low, each.high),
                "" if each.p is None else _p(each.p),
                f"{each.n:,}",
                each.test,
                each.note if each.value is not None else "",
            )
            for each in found.differences
        ],
        plot=_html(dots("Differences B − A (shares)", shares, zero=True)),
        counts=paired.counts,
        flipped=[("Gained: wrong in A, right in B", paired.gained), ("Lost: right in A, wrong in B", paired.lost)],
        most=MOST_CASES,
        shared=[(each.name, _row(each.first), _row(each.second)) for each in found.figures],
        plural=plural,
    )
    return page(f"{first.suite}: {first.id} and {second.id}", body, script=_script())


# --- the head ----------------------------------------------------------------------------------------------------


def _headline(evaluation: EvaluationLike, known: KnownLike | None) -> EstimateLike | None:
    name = known.headline if known else None
    figures = evaluation.figures
    return next((each for each in figures if each.name == name), figures[0] if figures else None)


def _facts(evaluation: EvaluationLike, played: int) -> list[tuple[str, str]]:
    words = ["revet", "eval", evaluation.suite]
    words += ["--data", "DATA", "--split", evaluation.split] if evaluation.split else []
    words += ["--limit", str(evaluation.limit)] if evaluation.limit is not None else []
    for name, value in evaluation.options.items():
        words += ["--option", f"{name}={as_text(value)}"]
    begun = evaluation.begun_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    ended = "" if evaluation.ended_at is not None else "; it has not ended, so that it has no figures yet"
    return [
        ("evaluation", evaluation.id),
        ("begun", begun),
        ("took", duration(evaluation.seconds)),
        ("split", evaluation.split or "none"),
        ("cases", f"{played:,} of {evaluation.cases:,} played{ended}"),
        ("revet", evaluation.version),
        ("command", shlex.join(words)),
    ]


def _target(headline: EstimateLike | None, known: KnownLike | None) -> tuple[str, str, str] | None:
    """Tone, sign and words of whether the target is reached; None without one."""
    if known is None or known.target is None or headline is None:
        return None
    lower = headline.better == "lower"
    told = f"the target of {'at most' if lower else 'at least'} {number(known.target)}"
    if headline.value is None:
        return "warn", "?", f"nobody can say whether it reaches {told}"
    reached = headline.value <= known.target if lower else headline.value >= known.target
    return ("ok", "✓", f"reaches {told}") if reached else ("bad", "✗", f"misses {told}")


def _row(figure: EstimateLike) -> Row:
    value = (
        number(figure.value) if figure.value is not None else f"not a number: {figure.note or 'no case bears on it'}"
    )
    better = {"higher": "higher is better", "lower": "lower is better"}.get(figure.better, "")
    note = "" if figure.value is None else one_line(figure.note)
    return Row(figure.name, value, interval(figure.low, figure.high), f"{figure.n:,}", better, note)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


# --- the plots ---------------------------------------------------------------------------------------------------


def _plots(
    evaluation: EvaluationLike,
    trials: Sequence[TrialLike],
    known: KnownLike | None,
    headline: EstimateLike | None,
    picture: PictureLike | None,
) -> Iterator[Plot]:
    """All that there is something to draw for."""
    families = _families(evaluation.figures)
    if picture is not None and picture.by_round:
        families = {**families, "accuracy_by_round": [_dot(each) for each in picture.by_round]}
    if picture is not None and len(picture.groups) > 1:
        families = {**families, **_families(picture.groups)}
    drawn: list[Plot | None] = [_beside(headline, known)]
    for name, values in families.items():
        numbered = len(values) > 1 and all(each.name.isdecimal() for each in values)
        axis = "turn" if "turn" in name else "round"
        plot = rounds(_titled(name), values, axis=axis) if numbered else dots(f"{_titled(name)}, by group", values)
        drawn.append(plot if len(values) > 1 else None)
    drawn.append(flows("From the first draft to the end", _ways(trials)))
    if picture is not None and len(picture.risk) > 1:
        area = picture.area.value if picture.area is not None else None
        note = "" if area is None else f"The area under the curve is {number(area)}."
        drawn.append(curve("Risk and coverage", picture.risk, x="coverage", y="risk", note=note))
    drawn.append(histogram("Seconds of a case", [trial.seconds for trial in trials], unit="seconds"))
    yield from (plot for plot in drawn if plot is not None)


def _beside(headline: EstimateLike | None, known: KnownLike | None) -> Plot | None:
    """The headline among the figures of others; None where it stands alone."""
    if headline is None or known is None or (not known.beside and known.target is None):
        return None
    same = [b for b in known.beside if b.measure in ("", headline.name)]
    values = [_dot(headline, "this evaluation"), *(Dot(b.who, b.value) for b in same)]
    marks = [] if known.target is None else [Mark("target", known.target)]
    return dots(f"{_titled(headline.name)}, and what others reached", values, marks)


def _families(figures: Sequence[EstimateLike]) -> dict[str, list[Dot]]:
    """Figures that are named ``NAME/PART``, by name."""
    found: dict[str, list[Dot]] = {}
    for each in figures:
        name, slash, part = each.name.partition("/")
        if slash:
            found.setdefault(name, []).append(_dot(each, part))
    return found


def _dot(each: EstimateLike, name: str | None = None) -> Dot:
    told = each.name.partition("/")[2] or each.name
    return Dot(name or told, each.value, each.low, each.high, each.n, each.note)


def _titled(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _ways(trials: Sequence[TrialLike]) -> Mapping[tuple[str, str], int]:
    """How many cases went from which first draft to which end; of suites that end nowhere, nothing."""
    if not any(trial.chosen is not None for trial in trials):
        return {}
    ways: Counter[tuple[str, str]] = Counter()
    for trial in trials:
        first = trial.turns[0].correct if trial.turns else None
        if first is None or trial.error is not None or (trial.chosen is not None and trial.correct is None):
            continue
        end = "nothing" if trial.chosen is None else "right" if trial.correct else "wrong"
        ways["right" if first else "wrong", end] += 1
    return ways


def _html(plot: Plot | None) -> Markup | None:
    return plot.html() if plot is not None else None


# --- the cases ---------------------------------------------------------------------------------------------------


def _groups(trials: Sequence[TrialLike]) -> Iterator[tuple[Kind, int, list[Case], int]]:
    """Each kind of end with how many there are, those that are shown, and how many are not."""
    commits = any(trial.chosen is not None for trial in trials)
    by_kind: dict[str, list[TrialLike]] = {}
    for trial in trials:
        by_kind.setdefault(kind_of(trial, commits=commits).name, []).append(trial)
    room = MOST_CASES
    for kind in KINDS:
        found = by_kind.get(kind.name, [])
        if found:
            shown = found[:room]
            room -= len(shown)
            yield kind, len(found), [_case(trial) for trial in shown], len(found) - len(shown)


def _case(trial: TrialLike) -> Case:
    run: Any = trial.data.get("run")
    why = trial.error if trial.error is not None else trial.why
    return Case(
        name=one_line(trial.case, 120),
        group=one_line(trial.group, 60),
        drafts=_drafts(trial),
        why=one_line(why, 240),
        seconds=f"{trial.seconds:.2g}" if trial.seconds else "",
        run=run if isinstance(run, str) else "",
    )


def _drafts(trial: TrialLike) -> str:
    """``1 wrong, objected to → 2 right, passed, chosen``."""
    told = []
    for place, turn in enumerate(trial.turns):
        judged = {True: "✓ right", False: "✗ wrong", None: "? no verdict"}[turn.correct]
        loop = {True: ", passed", False: ", objected to", None: ""}[turn.accepted]
        told.append(f"{turn.round + 1} {judged}{loop}{', chosen' if place == trial.chosen else ''}")
    if len(told) > MOST_TURNS:
        left = len(told) - MOST_TURNS
        told = [*told[: MOST_TURNS // 2], f"{left} more", *told[-MOST_TURNS // 2 :]]
    return " → ".join(told)


class _Paired(NamedTuple):
    counts: tuple[int, int, int, int]
    gained: list[tuple[str, str, str]]
    lost: list[tuple[str, str, str]]


def _paired(one: Sequence[TrialLike], other: Sequence[TrialLike]) -> _Paired:
    """Both right, only A, only B, neither; and the cases of which one is right, with how each ended."""
    commits = any(trial.chosen is not None for trial in (*one, *other))
    seconds = {trial.case: trial for trial in other}
    tally: Counter[tuple[bool, bool]] = Counter()
    gained: list[tuple[str, str, str]] = []
    lost: list[tuple[str, str, str]] = []
    for a in {trial.case: trial for trial in one}.values():
        b = seconds.get(a.case)
        if b is None or (first := _right(a)) is None or (second := _right(b)) is None:
            continue
        tally[first, second] += 1
        if first != second:
            (gained if second else lost).append((one_line(a.case, 120), _end(a, commits), _end(b, commits)))
    counts = tally[True, True], tally[True, False], tally[False, True], tally[False, False]
    return _Paired(counts, gained, lost)


def _end(trial: TrialLike, commits: bool) -> str:
    why = one_line(trial.error or trial.why, 160)
    return f"{kind_of(trial, commits=commits).word}{': ' if why else ''}{why}"


def _right(trial: TrialLike) -> bool | None:
    """Whether the case ended right. An abstention and a case that broke off are not; None where nobody can tell."""
    if trial.error is None and trial.chosen is not None and trial.correct is None:
        return None
    return trial.error is None and trial.correct is True


@cache
def _style() -> Markup:
    return Markup(Path(__file__).with_name("suite.css").read_text(encoding="utf-8"))


@cache
def _script() -> str:
    return Path(__file__).with_name("suite.js").read_text(encoding="utf-8")
