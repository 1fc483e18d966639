"""Answers to problems of mathematics and to questions, over several turns with tools (MINT: Wang et al. 2024).

A case is one trajectory. The solutions that the model proposed are the drafts, with the thought before each; a
trajectory that proposes none ends in abstention. The loop is shown the problem and what the model's own code printed up
to there. What is hidden: "Your answer is wrong", which an oracle said of a wrong proposal, the feedback of GPT-4, which
the models of some rows were given, and the reference. `calculate` recomputes what the solution says, `held` looks for
the answer in what was printed.

The judge is the log: the last solution is right where the trajectory succeeded, all others are wrong. A model got a
second try only where the oracle had said wrong, so what is right and turned down has nothing after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Estimate
from revet.evals.replay.environment import Environment
from revet.evals.replay.held import FINAL, Held
from revet.evals.replay.logged import Options, case_id, logged, named, objects, placed, recall_of_right, said_of_drafts
from revet.evals.replay.playing import Playback, Recorded, Replayed, choices, trial_of
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial, Turn
from revet.schema import Draft, Task
from revet.tools import Calculate

__all__ = ["MintOptions", "as_logged", "open_suite"]

SET, PARTS = "mint_trajectories", ("math", "qa")
ALONE = "None"
"""What the log calls the model whose feedback a trajectory had, where it had none."""

TURNS = 5
"""As many as a trajectory may have."""

Seen = tuple[tuple[str, str], ...]


class MintOptions(Options):
    """`part`: one of the two files alone."""

    part: Literal["math", "qa"] | None = None


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    """The trajectories of all models. Options: see `MintOptions`."""
    wanted = choices("mint-text", MintOptions, options)
    prompts = {field(row, "task_id", str, where): field(row, "prompt", str, where) for row, where in _tasks(source)}
    parts = PARTS if wanted.part is None else (wanted.part,)
    names: Counter[str] = Counter()
    told = [_recorded(row, where, prompts, names) for part in parts for row, where in placed(source, SET, part)]
    return _Suite(told, Playback(None, wanted.runs))


def _tasks(source: Source) -> list[tuple[Row, str]]:
    return list(placed(source, SET, "tasks"))


class _Suite(Replayed):
    def __init__(self, cases: Sequence[tuple[Recorded, Sequence[Seen]]], playback: Playback) -> None:
        super().__init__([recorded for recorded, _ in cases], playback, self._played, figures)
        self._seen = {recorded.case: seen for recorded, seen in cases}

    async def _played(self, recorded: Recorded) -> Trial:
        shown = Environment(dict(enumerate(self._seen[recorded.case])))
        run = await self.playback.run(recorded, tools=[shown, Calculate(solutions="strict"), Held()])
        return trial_of(recorded, run)


def _recorded(row: Row, where: str, prompts: Mapping[str, str], names: Counter[str]) -> tuple[Recorded, Sequence[Seen]]:
    """The case, and what the code had printed before each solution. `names` counts the trajectories of one name."""
    task, model = field(row, "task_id", str, where), field(row, "model", str, where)
    if task not in prompts:
        raise InputError(f"{where}: there is no task {task!r} in the tasks of {SET}")
    feedback = field(row, "feedback_model", str, where) != ALONE
    success = field(row, "success", bool, where)
    drafts: list[Draft] = []
    seen: list[Seen] = []
    printed: list[tuple[str, str]] = []
    thoughts: list[str] = []
    at, turns = 0, objects(row, "turns", where)
    for number, turn in enumerate(turns, 1):
        thought = str(turn.get("thought") or "").strip()
        if "solution" in turn:
            final = field(turn, "solution", str, f"{where}: turn {number}").strip()
            drafts.append(_draft(model, thought, final, thoughts))
            seen.append(tuple(printed))
            at = number
        elif "execute" in turn:
            printed.append(("execute", str(turn.get("observation") or "")))
        thoughts += [thought] if thought else []
    right = tuple(success and number == len(drafts) for number in range(1, len(drafts) + 1))
    name = case_id(task, model, "feedback" if feedback else "alone")
    names[name] += 1
    name = case_id(task, model, "feedback" if feedback else "alone", names[name]) if names[name] > 1 else name
    recorded = Recorded(
        case=name,
        task=Task(id=name, goal=prompts[task].strip() or "Answer the question."),
        drafts=tuple(drafts),
        correct=right,
        cluster=task,
        group=field(row, "family", str, where),
        data={
            "model": model,
            "feedback": feedback,
            "success": success,
            "solved_at": at if success else None,
            "turns": len(turns),
            "any_right": success and bool(drafts),
            "first": bool(right) and right[0],
            "answered": bool(drafts),
        },
    )
    return recorded, seen


def _draft(model: str, thought: str, final: str, before: Sequence[str]) -> Draft:
    if not final:
        return Draft(author=model, problem="the solution is empty")
    return Draft(author=model, answer=f"{thought}\n{final}".strip(), steps=tuple(before), data={FINAL: final})


def as_logged(trials: Sequence[Trial]) -> list[Trial]:
    """The trajectories themselves, turn by turn (a use of a tool, or a solution): a turn is right where it solved."""

    def turns(trial: Trial) -> tuple[Turn, ...]:
        solved = trial.data.get("solved_at")
        return tuple(Turn(round=number, correct=number + 1 == solved) for number in range(TURNS))

    return [trial.model_copy(update={"turns": turns(trial)}) for trial in trials]


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """What is said of the solutions first, then what the runs end with, then what the log says of the trajectories."""
    log = as_logged(trials)
    fed = {(trial.task, trial.data.get("model")) for trial in log if trial.data.get("feedback")}
    given = [trial for trial in log if trial.data.get("feedback")]
    withheld = [t for t in log if not t.data.get("feedback") and (t.task, t.data.get("model")) in fed]
    return [
        *said_of_drafts(trials),
        metrics.accuracy(trials),
        metrics.first_accuracy(trials),
        logged("log_first_solution", trials, "first"),
        logged("log_success", trials, "success"),
        recall_of_right("accuracy_where_any_is_right", trials),
        metrics.false_commits(trials),
        metrics.abstention(trials),
        metrics.wrong_to_right(trials),
        metrics.right_to_wrong(trials),
        *(named(f"log_{each.name}", each) for each in metrics.recall_by_turn(log, TURNS)),
        named("log_gain_per_turn", metrics.gain_per_turn(log, TURNS)),
        named("log_feedback_gain", metrics.feedback_gain(given, withheld, TURNS)),
    ]
