"""Steps on a screen: how often a critic is right about them, holds right ones back, and lets wrong ones through.

On the decisions of GUI-Critic-R1's test files (Wanyan et al. 2025; X-PLUG/MobileAgent), without the screenshots. No
model takes part unless one is given: then the action-type baseline alone is measured, which any critic has to beat.

- accuracy: decisions rightly called correct or incorrect; an answer that cannot be used is wrong, as in the paper;
- false blocks: correct decisions that were called incorrect; harm: incorrect ones that were called correct;
- suggestion match: the suggestion names the gold step, by the words alone (`same_step`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from revet.agents.gui import GuiCritic, GuiSituation, parse_decision
from revet.agents.gui.reading import SaidStepCritique, read_tags
from revet.errors import InputError
from revet.evals.figures import Figure, bootstrap
from revet.evals.gate.gui_steps import majority_labels, operation_of, same_step
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Row, Source, field
from revet.models import Account, LanguageModel
from revet.schema import Verdict

__all__ = [
    "MEASUREMENT",
    "PUBLISHED",
    "Judge",
    "Judged",
    "answers_of",
    "asking",
    "judged_by",
    "measure",
    "measuring",
    "named",
]

SET, NAME = "gui_critic", "decisions"
SETS = ("gui_i", "gui_s", "gui_web")
LABELS = {"Correct": True, "Incorrect": False}
REPORTED = 10

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "gui_critic_r1": {"gui_i": (0.692, 0.524), "gui_s": (0.588, 0.474), "gui_web": (0.631, 0.395)},
    "gpt_4o": {"gui_i": (0.660, 0.405), "gui_s": (0.623, 0.333), "gui_web": (0.685, 0.283)},
}
"""Accuracy of the critic and of its suggestions by set, as published: with screenshots, on all rows of the test files,
suggestions judged by a language model."""


class Judged(NamedTuple):
    """What a critic said of one decision: whether it is correct (None: nothing that can be used), and what instead."""

    correct: bool | None
    suggestion: str = ""


Judge: TypeAlias = "Callable[[Row], Awaitable[Judged | None]]"
"""Judges a row, of which it must not read `label` and `suggestion`. None leaves it out."""


class Case(NamedTuple):
    """One decision: its label, what the baseline says, and what the critic says."""

    set: str
    group: str
    label: bool
    baseline: bool
    judged: Judged | None = None
    matched: bool = False


async def measure(source: Source, progress: Progress, judge: Judge | None = None) -> Figure:
    """The figure of a critic, with the baseline of the same rows; without a `judge`, the baseline's own."""
    rows = [_checked(row, f"{source.path(SET, NAME)}: row {n}") for n, row in enumerate(source.rows(SET, NAME), 1)]
    cases: list[Case] = []
    baseline = _baseline(rows)
    for number, (row, guess) in enumerate(zip(rows, baseline, strict=True), 1):
        judged = await judge({k: row[k] for k in row if k not in ("label", "suggestion")}) if judge else None
        matched = judged is not None and same_step(judged.suggestion, row["suggestion"])
        cases.append(Case(row["set"], row["instruction"], LABELS[row["label"]], guess, judged, matched))
        if number % REPORTED == 0 or number == len(rows):
            progress(number, len(rows))
    measured = [case for case in cases if case.judged is not None] if judge else cases
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in measured:
        groups[case.group].append(case)
    low, high = bootstrap(list(groups.values()), lambda drawn: _accuracy([case for each in drawn for case in each]))
    counts: dict[str, float | int | None] = {"decisions": len(cases)}
    counts |= {"answered": len(measured)} if judge else {}
    for name in ("", *SETS):
        counts |= _counted(name, [case for case in measured if name in ("", case.set)], judged=judge is not None)
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure if judge is None else "accuracy of the critic, beside the action-type baseline",
        value=_accuracy(measured),
        low=low,
        high=high,
        n=len(measured),
        target=None if judge is None else _share(case.baseline is case.label for case in measured),
        counts=counts,
    )


def measuring(judge: Judge) -> Measurement:
    """The measurement of a critic. Its target is the baseline's accuracy, which is known when it has been run."""

    async def run(source: Source, progress: Progress) -> Figure:
        return await measure(source, progress, judge)

    return Measurement(set=SET, measure=MEASUREMENT.measure, about=MEASUREMENT.about, target=0.0, run=run)


def named(critic: str) -> Measurement:
    """The measurement of the critic of that name: a file of answers (`answers_of`), or a model as ``provider:name``.

    Raises `InputError` for a file that cannot be used, and when it is run, for a model that cannot.
    """
    if critic.endswith(".jsonl") or Path(critic).is_file():
        return measuring(answers_of(Path(critic)))

    async def run(source: Source, progress: Progress) -> Figure:
        from revet.models import Library

        library = Library()
        try:
            return await measure(source, progress, asking(library.get(critic)))
        finally:
            await library.close()

    return Measurement(set=SET, measure=MEASUREMENT.measure, about=MEASUREMENT.about, target=0.0, run=run)


def answers_of(path: Path) -> Judge:
    """Replays what a critic answered: a JSONL file of ``{"id", "score", "suggestion"}``, or ``{"id", "answer"}`` with
    the text that it gave (JSON, or the published tags). Raises `InputError` with file and line.
    """
    known: dict[str, Judged] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="name a JSONL file of answers") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, judged = _answer(line, f"{path}:{number}")
            if name in known:
                raise InputError(f"{path}:{number}: there are two answers for {name}", hint="keep one of them")
            known[name] = judged
    if not known:
        raise InputError(f"{path} holds no answers", hint='write lines of {"id": …, "score": "Correct", …}')

    async def judge(row: Row) -> Judged | None:
        return known.get(row["id"])

    return judge


def asking(model: LanguageModel) -> Judge:
    """Asks a model, as `GuiCritic` does, without the screenshot, which the data do not have."""
    critic = GuiCritic(model)

    async def judge(row: Row) -> Judged:
        return await judged_by(critic, row)

    return judge


async def judged_by(critic: GuiCritic, row: Row, account: Account | None = None) -> Judged:
    """What the critic says of the decision of a row, asked on `account`."""
    situation = GuiSituation(instruction=row["instruction"] or "?", history=(row["history"],) if row["history"] else ())
    critique = await critic.judge(situation, parse_decision(row["decision"]), account=account)
    if critique.verdict is Verdict.abstain:
        return Judged(None)
    suggestion = critique.findings[0].suggestion if critique.findings else None
    return Judged(critique.verdict is Verdict.accept, suggestion or "")


def _answer(line: str, where: str) -> tuple[str, Judged]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON: {error}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: must be an object, but is {type(row).__name__}")
    name = field(row, "id", str, where)
    if "answer" in row:
        return name, _read(field(row, "answer", str, where))
    score, suggestion = row.get("score"), row.get("suggestion") or ""
    if score is not None and score not in LABELS:
        raise InputError(f"{where}: score must be Correct, Incorrect or null, but is {score!r:.40}")
    if not isinstance(suggestion, str):
        raise InputError(f"{where}: suggestion must be text, but is {type(suggestion).__name__}")
    return name, Judged(None if score is None else LABELS[score], suggestion)


def _read(text: str) -> Judged:
    """The verdict in an answer as a model gave it: in tags, or in JSON."""
    from revet.models.json_text import find

    said = read_tags(text)
    if said is None:
        fitting: list[SaidStepCritique] = []
        for value in find(text).values:
            score, suggestion = value.get("score"), value.get("suggestion")
            if score in LABELS:
                told = suggestion if isinstance(suggestion, str) else ""
                fitting.append(
                    SaidStepCritique(observation="", possible_result="", critique="", score=score, suggestion=told)
                )
        said = fitting[0] if fitting and len({each.score for each in fitting}) == 1 else None
    return Judged(None) if said is None else Judged(LABELS[said.score], said.suggestion)


def _checked(row: Row, where: str) -> dict[str, Any]:
    told: dict[str, Any] = {name: field(row, name, str, where) for name in ("id", "set", "instruction", "decision")}
    told |= {name: field(row, name, str, where) for name in ("label", "history", "suggestion")}
    if told["label"] not in LABELS:
        raise InputError(f"{where}: label must be Correct or Incorrect, but is {told['label']!r:.40}")
    if told["set"] not in SETS:
        raise InputError(f"{where}: set must be one of {', '.join(SETS)}, but is {told['set']!r:.40}")
    return told


def _baseline(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """The majority label of the operation, within each set."""
    guesses: dict[int, bool] = {}
    for name in SETS:
        own = [(n, row) for n, row in enumerate(rows) if row["set"] == name]
        operations = [operation_of(row["decision"]) for _, row in own]
        labels = [LABELS[row["label"]] for _, row in own]
        said = majority_labels(operations, labels, [row["instruction"] for _, row in own])
        guesses |= {n: guess for (n, _), guess in zip(own, said, strict=True)}
    return [guesses[n] for n in range(len(rows))]


def _accuracy(cases: Sequence[Case]) -> float | None:
    return _share((case.baseline if case.judged is None else case.judged.correct) is case.label for case in cases)


def _counted(name: str, cases: Sequence[Case], *, judged: bool) -> dict[str, float | int | None]:
    """The figures of one set (of all with no name), with the published ones of that set at the end."""
    mark = f"{name}_" if name else ""
    told: dict[str, float | int | None] = {f"{name}_decisions": len(cases)} if name else {}
    told[f"{mark}baseline"] = _share(case.baseline is case.label for case in cases)
    told[f"{mark}baseline_false_block"] = _share(not case.baseline for case in cases if case.label)
    told[f"{mark}baseline_harm"] = _share(case.baseline for case in cases if not case.label)
    told[f"{mark}always_correct"] = _share(case.label for case in cases)
    if judged:
        said = [(case, case.judged) for case in cases if case.judged is not None]
        told[f"{mark}accuracy"] = _accuracy(cases)
        told[f"{mark}false_block"] = _share(each.correct is False for case, each in said if case.label)
        told[f"{mark}harm"] = _share(each.correct is True for case, each in said if not case.label)
        told[f"{mark}unusable"] = sum(each.correct is None for _, each in said)
        told[f"{mark}suggestion_match"] = _share(case.matched for case, each in said if each.suggestion)
    for critic, figures in PUBLISHED.items():
        if name in figures:
            told[f"{mark}published_{critic}"], told[f"{mark}published_{critic}_suggestion"] = figures[name]
    return told


def _share(told: Any) -> float | None:
    values = [bool(each) for each in told]
    return sum(values) / len(values) if values else None


MEASUREMENT = Measurement(
    set=SET,
    measure="accuracy of the action-type baseline: the majority label of the operation, cross-validated",
    about="How much of the labels the kind of step gives away; a critic is worth what it adds to that.",
    target=0.0,
    run=measure,
)
