"""Answers to questions of several hops, accepted or tried again, trial by trial (Reflexion: Shinn et al. 2023, with
ReAct: Yao et al. 2023, on HotpotQA: Yang et al. 2018).

A case is one question in one run of the log. Its trials are the drafts: what the model thought and answered last, after
it had looked things up in Wikipedia. A trial that ended without an answer cannot be accepted. Trials that the log only
repeats count once. The loop is shown the question and what the searches of each trial gave; the observation that says
whether the answer is right is hidden. `claims` holds the last thought against what was found, `held` looks for the
answer in it. The loop accepts a trial, or goes on to the next. Its baseline accepts the first that the log holds: of
some questions it lacks trial 1.

The judge is the ``status`` of the log: an exact match with the right answer. The log went on to another trial only
where that said wrong, so an answer that is right and turned down has no trial after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Estimate
from revet.evals.replay.environment import Environment
from revet.evals.replay.held import FINAL, Held
from revet.evals.replay.logged import Options, case_id, logged, objects, placed, recall_of_right, said_of_drafts
from revet.evals.replay.playing import Playback, Recorded, Replayed, choices, trial_of
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial
from revet.schema import Draft, Task, digest
from revet.tools import Claims

__all__ = ["open_suite"]

SET, NAME = "reflexion_hotpotqa", "react_trials"
AGAIN = "You have attempted to answer following question before"
"""What the log appends to the question of a later trial: a word of its oracle, which the loop is not shown."""

FINISH = re.compile(r"Finish\[(.*?)\]?\s*", re.DOTALL)
STATUSES = ("correct", "incorrect", "halted")
Seen = list[tuple[str, str]]


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    """The questions of both runs. Options: see `Options`."""
    wanted = choices("hotpotqa", Options, options)
    trials: dict[tuple[str, str], list[_Tried]] = {}
    for row, where in placed(source, SET, NAME):
        question = field(row, "question", str, where).partition(AGAIN)[0].strip()
        trials.setdefault((field(row, "run", str, where), question), []).append(_Tried(row, where))
    cases = [each for (run, question), tried in trials.items() if (each := _recorded(run, question, tried))]
    return _Suite(cases, Playback(None, wanted.runs))


class _Tried:
    """A row of the log: one trial."""

    def __init__(self, row: Row, where: str) -> None:
        self.trial: int = field(row, "trial", int, where)
        status = field(row, "status", str, where)
        if status not in STATUSES:
            raise InputError(f"{where}: status is {status!r}, none of {', '.join(STATUSES)}")
        self.right = status == "correct"
        self.thought, self.answer = "", None
        self.seen: Seen = []
        self.empty = True
        for step in objects(row, "steps", where):
            self.empty = False
            action, thought = step.get("action") or "", step.get("thought") or ""
            finish = FINISH.fullmatch(str(action))
            if finish:
                self.thought, self.answer = str(thought).strip(), finish[1].strip()
                break
            self.seen.append((str(action), str(step.get("observation") or "")))

    @property
    def draft(self) -> Draft:
        if not self.answer:
            return Draft(author="react", problem=f"trial {self.trial} ended without an answer")
        text = f"{self.thought}\nAnswer: {self.answer}".strip()
        return Draft(author="react", answer=text, data={FINAL: self.answer})


def _recorded(run: str, question: str, tried: Sequence[_Tried]) -> tuple[Recorded, Sequence[Seen]] | None:
    """The case, and what was seen in each of its trials. None where the log holds the verdicts alone."""
    trials: list[_Tried] = []
    for each in sorted(tried, key=lambda each: each.trial):
        if not each.empty and not any((each.answer, each.seen) == (one.answer, one.seen) for one in trials):
            trials.append(each)
    if not trials:
        return None
    name = case_id(run, digest(question), question)
    recorded = Recorded(
        case=name,
        task=Task(id=name, goal=question),
        drafts=tuple(each.draft for each in trials),
        correct=tuple(each.right for each in trials),
        cluster=question,
        group=run,
        data={
            "first_trial": trials[0].right,
            "oracle": any(each.right for each in tried),
            "any_right": any(each.right for each in trials),
            "first_trial_wrong": not trials[0].right if trials[0].answer else None,
            "answered": [bool(each.answer) for each in trials],
        },
    )
    return recorded, [each.seen for each in trials]


class _Suite(Replayed):
    def __init__(self, cases: Sequence[tuple[Recorded, Sequence[Seen]]], playback: Playback) -> None:
        super().__init__([recorded for recorded, _ in cases], playback, self._played, figures)
        self._seen = {recorded.case: seen for recorded, seen in cases}

    async def _played(self, recorded: Recorded) -> Trial:
        shown = Environment(dict(enumerate(self._seen[recorded.case])))
        run = await self.playback.run(recorded, tools=[shown, Claims(), Held()])
        return trial_of(recorded, run)


def answered(trials: Sequence[Trial]) -> list[Trial]:
    """The same with the turns alone in which there was an answer: to refuse none is no feat."""

    def kept(trial: Trial) -> Trial:
        told = trial.data.get("answered")
        given = told if isinstance(told, list) else []
        turns = [turn for turn in trial.turns if turn.round < len(given) and given[turn.round]]
        return trial.model_copy(update={"turns": tuple(turns), "chosen": None})

    return [kept(trial) for trial in trials]


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """What is said of the answers first, then what the runs end with. Those of the log are over the same cases."""
    return [
        *said_of_drafts(answered(trials)),
        metrics.accuracy(trials),
        logged("log_first_trial", trials, "first_trial"),
        logged("log_oracle_stop", trials, "oracle"),
        recall_of_right("accuracy_where_any_is_right", trials),
        metrics.false_commits(trials),
        logged("log_first_trial_false_commits", trials, "first_trial_wrong", better="lower"),
        metrics.abstention(trials),
        metrics.risk_coverage(trials).area,
        metrics.wrong_to_right(trials),
        metrics.right_to_wrong(trials),
        *metrics.accuracy_by_round(trials),
    ]
