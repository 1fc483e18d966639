"""One of twenty samples, chosen by the loop: CodeT's samples for HumanEval.

Chen et al., ICLR 2023, arXiv 2207.10397: a 16B model wrote twenty programs for each task, and tests, of which a third
is right. The loop stages and examines every sample; the visible tests are required evidence, and those that nothing
speaks against are candidates. Which of them goes through the gate is said by one of three rules:

- ``behaviour``: the ranking of `revet.tools.behaviour.rank`: what holds of the description, then how many behave alike,
  then the model's own tests (which of them are right it does not know);
- ``vote``: the recipe of that name; samples that behave alike are one answer;
- ``first``: the core loop; the first that nothing speaks against.

Where no sample is a candidate the loop abstains, and that counts as not right. Hidden tests judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue

from revet.agents import EvidenceCritic
from revet.agents.base import Choice
from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Estimate, estimate
from revet.evals.evidence.samples import candidate, field, specs_of
from revet.evals.replay.code import CodeTask, apart, passed_tests, task_of
from revet.evals.replay.commits import loop_figures
from revet.evals.replay.playing import Playback, Recorded, Replayed, choices, drafts_of, trial_of
from revet.evals.source import Row, Source
from revet.evals.trial import Trial
from revet.graphs.parts.sampling import Sampling
from revet.graphs.team import Options as RecipeOptions
from revet.graphs.team import Recipe, Roles, Team
from revet.policy import Policy
from revet.schema import Attempt, Model
from revet.tools.alike import Alike
from revet.tools.base import View
from revet.tools.behaviour import Behaviour, Spec, compare, rank

__all__ = ["Options", "figures", "open_suite"]

SET, NAME = "codet_humaneval", "codegen16b_20samples"
BESIDES: Mapping[str, type[Behaviour] | None] = {"behaviour": None, "vote": Alike, "first": Behaviour}
"""What looks at a sample besides the visible tests, for each rule."""


class Options(Model):
    """`choose`: the rule. `inputs`: how many each sample is tried on. `runs`: a folder that keeps the runs."""

    choose: Literal["behaviour", "vote", "first"] = "behaviour"
    inputs: int = Field(default=96, ge=1, le=500)
    runs: str | None = None


class Samples(Model):
    """One task of the set. `tests` are those that the model wrote."""

    task: str
    codes: tuple[str, ...]
    right: tuple[bool, ...]
    tests: tuple[str, ...]

    def recorded(self, case: str, spec: Spec) -> Recorded:
        return Recorded(
            case=case,
            task=task_of(case, spec),
            drafts=drafts_of(self.codes, "codegen-16b"),
            correct=self.right,
            cluster=self.task,
            data={"random": sum(self.right) / len(self.right), "there": any(self.right)},
        )


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Replayed:
    """See `revet.evals.suite.Opens`."""
    chosen = choices("codet", Options, options)
    specs = specs_of(source, "humaneval")
    found = _rows(source, specs)
    known = dict(zip(apart(each.task for each in found), found, strict=True))
    playback = Playback(runs=chosen.runs)
    tasks = {name: CodeTask(specs[each.task], each.codes, inputs=chosen.inputs) for name, each in known.items()}

    async def play(recorded: Recorded) -> Trial:
        mine, spec = known[recorded.case], specs[recorded.cluster]
        tools = tasks[recorded.case].tools(BESIDES[chosen.choose])
        run = await playback.run(recorded, tools=tools, **_rule(chosen, mine, spec))
        trial = trial_of(recorded, run)
        if chosen.choose == "first":
            return trial  # which saw no more samples than it had to
        passing = [t.correct for t, a in zip(trial.turns, run.attempts, strict=False) if passed_tests(a)]
        visible = sum(map(bool, passing)) / len(passing) if passing else 0.0
        return trial.model_copy(update={"data": {**trial.data, "visible": visible}})

    cases = [each.recorded(name, specs[each.task]) for name, each in known.items()]
    return Replayed(cases, playback, play, figures)


def _rule(chosen: Options, samples: Samples, spec: Spec) -> dict[str, Any]:
    """How the loop comes to its choice: a recipe with its options."""
    if chosen.choose == "first":
        return {}
    if chosen.choose == "vote":
        options: dict[str, JsonValue] = {"samples": len(samples.codes), "confidence": None}
        return {"recipe": "vote", "options": options, "policy": Policy(rounds=len(samples.codes))}
    return {"recipe": _ranking(spec, samples, chosen.inputs)}


def _ranking(spec: Spec, samples: Samples, inputs: int) -> Recipe:
    """A recipe that examines all samples and lets the ranking choose among those that nothing speaks against."""
    most = len(samples.codes)

    def more(standing: Sequence[Attempt], made: int) -> str | None:
        return f"{made} of {most} samples"

    async def select(view: View, candidates: Sequence[Attempt]) -> Choice:
        if view.session is None:
            return Choice(None, ("there is no sandbox to compare the samples in",))
        named = [candidate(f"sample {n}", a.draft.answer or "", spec) for n, a in enumerate(candidates, 1)]
        seen = await compare(named, spec, view.session, model_tests=samples.tests, count=inputs, seed=view.seed)
        best = rank(seen, seed=view.seed)[0]
        told = f"{best.group} of {len(named)} samples behave as it does, and it agrees with the others by"
        return Choice(best.number, (f"{told} {best.agreement:.0%}",))

    def cast(roles: Roles, options: RecipeOptions, policy: Policy) -> Team:
        if roles.proposer is None:
            raise InputError("this recipe is for recorded samples", hint="give a `Replay` as model=")
        source: Any = roles.proposer
        strategy = Sampling([source], enough=more, select=select, most=most, batch=most, name="behaviour")
        return Team(source, source, (EvidenceCritic(revise_from=policy.veto_from),), (), policy, strategy=strategy)

    return Recipe(name="behaviour", summary="rank samples by behaviour", cast=cast, without_model=True)


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """What is chosen, and what would have been without a rule."""
    return [
        metrics.accuracy(trials).model_copy(update={"name": "chosen_right"}),
        _mean("visible_tests_only", trials, "visible"),
        _mean("random_sample", trials, "random"),
        _mean("right_one_there", trials, "there"),
        *loop_figures(trials, revised=False),
    ]


def _mean(name: str, trials: Sequence[Trial], key: str) -> Estimate:
    """How often a choice is right that is made at random: among all samples, or those that pass the visible tests."""
    told = [(t.task, float(value)) for t in trials if isinstance(value := t.data.get(key), int | float)]

    def mean(cases: Sequence[tuple[str, float]]) -> float | None:
        return sum(value for _, value in cases) / len(cases) if cases else None

    return estimate(name, told, mean, cluster=lambda case: case[0])


def _rows(source: Source, specs: Mapping[str, Spec]) -> list[Samples]:
    where = str(source.path(SET, NAME))
    found = []
    for number, row in enumerate(source.rows(SET, NAME), 1):
        task = field(row, "task_id", str, where, number)
        if row.get("exclude") is True:
            continue
        if task not in specs:
            tasks = source.path("code_tasks", "humaneval")
            raise InputError(f"{where}: row {number}: there is no task {task!r} in {tasks}")
        found.append(_samples(row, task, specs[task], where, number))
    return found


def _samples(row: Row, task: str, spec: Spec, where: str, number: int) -> Samples:
    samples: list[Any] = field(row, "samples", list, where, number)
    tests: list[Any] = field(row, "generated_tests", list, where, number)
    if not samples or not all(isinstance(each, dict) for each in [*samples, *tests]):
        raise InputError(f"{where}: row {number}: samples and generated_tests must be lists of objects")
    return Samples(
        task=task,
        codes=tuple(spec.text + field(each, "body", str, where, number) for each in samples),
        right=tuple(field(each, "hidden", bool, where, number) for each in samples),
        tests=tuple(field(each, "test", str, where, number) for each in tests),
    )
