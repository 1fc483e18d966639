"""Real models that mend code over several turns, before any word of an oracle: MINT's trajectories on code.

Wang et al., ICLR 2024, arXiv 2309.10691: a model writes code, which is executed before its eyes, or proposes a
solution, of which an oracle says whether it is right. The loop is given the code that was executed, turn by turn, up to
the first proposal that the oracle called wrong, and the task with its one visible test (HumanEval: with the examples of
the docstring). It sees no observation, no feedback and no oracle. Hidden tests judge.

In a third of the trajectories GPT-4 criticised the turns. To set our critic beside it, code that the loop did not come
to (it had accepted a draft, or the oracle had spoken) is shown to it by itself, and the two are compared on the code of
which both say something. These verdicts are the trial's ``data["judged"]``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field, JsonValue

from revet.errors import InputError
from revet.evals.estimate import Estimate, estimate
from revet.evals.evidence.samples import field
from revet.evals.replay.code import CodeTask, apart, passed_tests, task_of
from revet.evals.replay.commits import correct_kept, false_fewer, loop_figures
from revet.evals.replay.playing import Playback, Recorded, Replayed, choices, drafts_of, trial_of
from revet.evals.source import Row, Source
from revet.evals.trial import Trial, Turn
from revet.schema import Attempt, Model
from revet.tools.behaviour import Spec, spec_of

__all__ = ["Options", "figures", "open_suite"]

SET, NAME = "mint_trajectories", "code"
PASSED = "pass"
WORDS = {"GOOD": True, "BAD": False}


class Options(Model):
    """`inputs`: how many each draft is tried on. `runs`: a folder that keeps the runs."""

    inputs: int = Field(default=32, ge=1, le=500)
    runs: str | None = None


class Code(Model):
    """What a model executed in one turn. `other` is what GPT-4 made of it, where it said anything."""

    text: str
    right: bool
    other: bool | None
    led: bool = Field(description="an oracle had spoken before")


class Judged(Model):
    """What was said of the same code: by the hidden tests, by us (None: we cannot tell), by GPT-4 (None: nothing), and
    by the visible tests alone."""

    right: bool
    ours: bool | None
    other: bool | None
    tests: bool


class Trajectory(Model):
    """One row. The loop is given the code before the oracle's first word."""

    case: str
    task: str
    model: str
    codes: tuple[Code, ...]
    solved: bool

    def recorded(self, codes: Sequence[Code], spec: Spec) -> Recorded:
        """The case that is made of some of its code."""
        return Recorded(
            case=self.case,
            task=task_of(self.case, spec),
            drafts=drafts_of([each.text for each in codes], self.model),
            correct=tuple(each.right for each in codes),
            cluster=self.task,
            group=self.model,
            data={"logged": self.solved},
        )


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Replayed:
    """See `revet.evals.suite.Opens`. Trajectories in which nothing was executed before the oracle spoke are no case."""
    chosen = choices("mint", Options, options)
    specs = _specs(source)
    found = _trajectories(source, specs)
    names = apart(each.case for each in found)
    known = {name: each.model_copy(update={"case": name}) for each, name in zip(found, names, strict=True)}
    playback = Playback(runs=chosen.runs)
    written: defaultdict[str, list[str]] = defaultdict(list)
    for each in known.values():
        written[each.task] += [code.text for code in each.codes]
    how: dict[str, Any] = {"inputs": chosen.inputs, "examples": True, "prelude": ""}
    tasks = {task: CodeTask(specs[task], codes, **how) for task, codes in written.items()}

    async def play(recorded: Recorded) -> Trial:
        mine, spec = known[recorded.case], specs[recorded.cluster]
        tools = tasks[mine.task].tools()
        run = await playback.run(recorded, tools=tools)
        trial = trial_of(recorded, run)
        seen = [a for a in run.attempts if not a.draft.gives_up]
        judged = [_said(*each) for each in zip(mine.codes, seen, trial.turns, strict=False)]
        for code in mine.codes[len(seen) :]:
            single = mine.recorded([code], spec)
            alone = await playback.run(single, tools=tools)
            judged.append(_said(code, alone.attempts[0], trial_of(single, alone).turns[0]))
        first = next((turn.correct for turn, a in zip(trial.turns, seen, strict=True) if passed_tests(a)), None)
        told: dict[str, JsonValue] = {"baseline": first, "judged": [each.model_dump() for each in judged]}
        return trial.model_copy(update={"data": {**trial.data, **told}})

    cases = [each.recorded([c for c in each.codes if not c.led], specs[each.task]) for each in known.values()]
    return Replayed([each for each in cases if each.drafts], playback, play, figures)


def _said(code: Code, attempt: Attempt, turn: Turn) -> Judged:
    tests = passed_tests(attempt)
    return Judged(right=code.right, ours=turn.accepted, other=code.other, tests=tests)


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """Our critic and GPT-4 on the code that GPT-4 judged, ours on all code, and what the loop commits."""
    return [
        _f1("critic_f1_where_gpt4_judged", trials, lambda j: None if j.other is None else j.ours is not False),
        _f1("gpt4_f1", trials, lambda j: j.other),
        _f1("code_critic_f1", trials, lambda j: j.ours is not False),
        _f1("visible_tests_f1", trials, lambda j: j.tests),
        false_fewer(trials),
        correct_kept(trials),
        _logged(trials),
        *loop_figures(trials),
    ]


def _f1(name: str, trials: Sequence[Trial], said: Callable[[Judged], bool | None]) -> Estimate:
    """F1 of "this code is wrong", over the code of which `said` tells whether it was let pass; tasks are resampled."""
    cases = [(t.task, said(j), j.right) for t in trials for j in _judged(t) if said(j) is not None]

    def f1(drawn: Sequence[tuple[str, bool | None, bool]]) -> float | None:
        hits = sum(not ok and not right for _, ok, right in drawn)
        either = sum(not ok for _, ok, _ in drawn) + sum(not right for _, _, right in drawn)
        return 2 * hits / either if either else None

    return estimate(name, cases, f1, cluster=lambda case: case[0], empty="no code was called wrong, and none is")


def _judged(trial: Trial) -> list[Judged]:
    told = trial.data.get("judged")
    return [Judged.model_validate(each) for each in told] if isinstance(told, list) else []


def _logged(trials: Sequence[Trial]) -> Estimate:
    """The share of trajectories that solved the task, with an oracle's word after each proposal."""

    def share(cases: Sequence[Trial]) -> float | None:
        return sum(t.data.get("logged") is True for t in cases) / len(cases) if cases else None

    told = [t for t in trials if "logged" in t.data]
    return estimate("logged_success_with_oracle", told, share, cluster=lambda t: t.task)


def _specs(source: Source) -> dict[str, Spec]:
    where = str(source.path(SET, "tasks"))
    rows = enumerate(source.rows(SET, "tasks"), 1)
    return {
        field(row, "task_id", str, where, number): spec_of(field(row, "prompt", str, where, number))
        for number, row in rows
    }


def _trajectories(source: Source, specs: Mapping[str, Spec]) -> list[Trajectory]:
    where = str(source.path(SET, NAME))
    found = []
    for number, row in enumerate(source.rows(SET, NAME), 1):
        task = field(row, "task_id", str, where, number)
        if row.get("exclude") is True:
            continue
        if task not in specs:
            raise InputError(f"{where}: row {number}: there is no task {task!r} in {source.path(SET, 'tasks')}")
        found.append(_trajectory(row, task, where, number))
    return found


def _trajectory(row: Row, task: str, where: str, number: int) -> Trajectory:
    turns: list[Any] = field(row, "turns", list, where, number)
    codes: list[Code] = []
    led = False
    for turn in turns:
        if not isinstance(turn, dict):
            raise InputError(f"{where}: row {number}: turns must be objects")
        led = led or turn.get("oracle_said_wrong") is True
        if "execute" in turn and turn.get("hidden_result") is not None:
            text = field(turn, "execute", str, where, number)
            right = field(turn, "hidden_result", str, where, number) == PASSED
            codes.append(Code(text=text, right=right, other=WORDS.get(str(turn.get("gpt4_verdict"))), led=led))
    model = field(row, "model", str, where, number)
    beside = field(row, "feedback_model", str, where, number)
    return Trajectory(
        case=f"{model}+{beside}:{task}" if beside != "None" else f"{model}:{task}",
        task=task,
        model=model,
        codes=tuple(codes),
        solved=field(row, "success", bool, where, number),
    )
