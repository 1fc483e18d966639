"""What the sampling methods are worth, by simulation on what real models answered.

    python benchmarks/methods_sampling.py exact                       # the figures of the Beta stopping rule, exactly
    python benchmarks/methods_sampling.py blend --data FOLDER         # one budget over many questions (Blend-ASC)
    python benchmarks/methods_sampling.py calibrate --data FOLDER     # mini-n's exit, on tasks it was not fitted to

Every line of the output is a JSON object. `blend` draws with replacement from the recorded answers to each question, so
that every question is a distribution of real answers: CodeT's 20 programs of one model, by what they do; GSM8K by four
models; MINT's mathematics, up to 19 answers of 12 models.
`calibrate` groups CodeT's recorded samples by what they do, in the sandbox, and replays mini-n on them in random
orders, with a calibration fitted to the other half of the tasks. ``methods_sampling_loop.py`` runs the real loop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from revet.evals.evidence.samples import candidate, specs_of
from revet.evals.figures import bootstrap
from revet.evals.source import Source
from revet.graphs.parts.allocation import RANKS, Rank
from revet.graphs.parts.calibrating import AGREEMENT, Calibration, isotonic
from revet.graphs.parts.selectors import normalised
from revet.graphs.parts.settling import majority_confidence
from revet.sandboxes import get
from revet.schema import digest
from revet.tools._behaviour.inputs import inputs_for
from revet.tools._behaviour.running import Call, run_cases
from revet.tools.alike import told

Votes = Counter[str]
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
Question = tuple[list[str], frozenset[str]]
"""The recorded answers, and those of them that are right (programs that differ can both be right)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("exact", "blend", "calibrate"))
    parser.add_argument("--data", type=Path, help="the folder of the data sets")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=20, help="repetitions of a simulation")
    given = parser.parse_args()
    if given.what != "exact" and given.data is None:
        parser.error("--data names the folder of the data sets")
    {"exact": exact, "blend": blend, "calibrate": calibrate}[given.what](given)


def say(**row: object) -> None:
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}), flush=True)


# --- the stopping rule, exactly -----------------------------------------------------------------------------------


def exact(given: argparse.Namespace) -> None:
    """Two answers, one with probability p: how many samples are drawn, and how often the likelier one wins."""
    for p in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0):
        mean, right = stopping(p)
        say(figure="adaptive-consistency", p=p, confidence=0.95, most=40, mean_samples=mean, leader_wins=right)


def stopping(p: float, confidence: float = 0.95, most: int = 40) -> tuple[float, float]:
    """The mean number of samples and the probability that the first of two answers wins, by dynamic programming."""
    reach = {(0, 0): 1.0}
    mean = wins = 0.0
    for _ in range(most):
        after: dict[tuple[int, int], float] = {}
        for (one, other), chance in reach.items():
            for (a, b), share in (((one + 1, other), p), ((one, other + 1), 1 - p)):
                after[a, b] = after.get((a, b), 0.0) + chance * share
        reach = {}
        for (a, b), chance in after.items():
            if majority_confidence([a, b]) >= confidence or a + b == most:
                mean += chance * (a + b)
                wins += chance * (1.0 if a > b else 0.5 if a == b else 0.0)
            else:
                reach[a, b] = chance
    return mean, wins


# --- one budget over many questions -------------------------------------------------------------------------------

FIXED = (1, 5, 10, 20, 40, 64, 100)
SHARED = tuple(n / 4 for n in range(8, 100))
STEADY = 4


def blend(given: argparse.Namespace) -> None:
    """Every set as it is, and its questions whose majority is right: there, more samples are all that is wanting."""
    source = Source(given.data, given.split)
    for name, questions in (("codet", programs(source)), ("gsm8k", gsm8k(source)), ("mint", mint(source))):
        aligned = [each for each in questions if (first := leaders(Counter(each[0])))[1:] == [] and first[0] in each[1]]
        compare_budgets(name, questions, given)
        compare_budgets(f"{name}, aligned", aligned, given)


def programs(source: Source) -> list[Question]:
    """CodeT's programs, as what they do; no test is consulted before the vote."""
    tasks = asyncio.run(codet(source))
    return [([*t.does], frozenset(d for d, right in zip(t.does, t.right, strict=True) if right)) for t in tasks]


def compare_budgets(label: str, questions: Sequence[Question], given: argparse.Namespace) -> None:
    """How many samples the shared budget needs for what plain self-consistency reaches with N for each question.

    All draw from the same streams. The interval is that of the ratio over the repetitions, by the bootstrap.
    """
    say(set=label, questions=len(questions), limit=accuracy_of([Counter(said) for said, _ in questions], questions))
    runs = [one_run(questions, random.Random(f"{given.seed} {run}")) for run in range(given.runs)]
    drawn = statistics.mean(run.adaptive_samples for run in runs)
    say(set=label, method="adaptive", most=40, samples=drawn, accuracy=statistics.mean(run.adaptive for run in runs))
    for rank in RANKS:
        for n in FIXED[3:]:
            ratio = fewer(runs, rank, n)
            measure = partial(fewer, rank=rank, n=n)
            low, high = bootstrap([[run] for run in runs], lambda groups, m=measure: m([*chain(*groups)]))
            accuracy = statistics.mean(run.plain[n] for run in runs)
            say(set=label, method=rank, self_consistency=n, accuracy=accuracy, fewer=ratio, low=low, high=high)


class OneRun(NamedTuple):
    """Accuracies: of plain self-consistency by samples a question, of the adaptive rule, of each rank by budget."""

    plain: Mapping[int, float]
    adaptive: float
    adaptive_samples: float
    shared: Mapping[Rank, Sequence[float]]


def fewer(runs: Sequence[OneRun], rank: Rank, n: int) -> float | None:
    """By which factor the shared budget is smaller where it is as accurate as `n` samples each, and stays so for one
    sample more; None: nowhere."""
    plain = sum(run.plain[n] for run in runs)
    means = [sum(column) for column in zip(*(run.shared[rank] for run in runs), strict=True)]
    steps = range(len(SHARED) - STEADY)
    enough = next((SHARED[at] for at in steps if min(means[at : at + STEADY + 1]) >= plain), None)
    return None if enough is None else n / enough


def one_run(questions: Sequence[Question], chance: random.Random) -> OneRun:
    streams = [chance.choices(said, k=1000) for said, _ in questions]
    adaptively = [adaptive(stream, 40) for stream in streams]
    return OneRun(
        plain={n: accuracy_of([Counter(stream[:n]) for stream in streams], questions) for n in FIXED},
        adaptive=accuracy_of(adaptively, questions),
        adaptive_samples=statistics.mean(votes.total() for votes in adaptively),
        shared={rank: shared(streams, questions, rank) for rank in RANKS},
    )


def adaptive(stream: Sequence[str], most: int) -> Votes:
    votes: Votes = Counter()
    for answer in stream[:most]:
        votes[answer] += 1
        if majority_confidence([*votes.values()]) >= 0.95:
            break
    return votes


def shared(streams: Sequence[Sequence[str]], questions: Sequence[Question], rank: Rank) -> list[float]:
    """The accuracy at each budget of `SHARED`. A queue does what `least_settled` does, for the measure of one question
    changes with its own votes alone; for the blend, half of the budget counts as used throughout."""
    votes: list[Votes] = [Counter() for _ in streams]
    queue = [(-2.0, 0, n) for n in range(len(streams))]
    heapify(queue)
    found, used = [], 0
    for budget in SHARED:
        while used < budget * len(streams):
            _, _, n = heappop(queue)
            votes[n][streams[n][votes[n].total()]] += 1
            used += 1
            if votes[n].total() < len(streams[n]):
                made = votes[n].total()
                heappush(queue, (-RANKS[rank]([*votes[n].values()], made, 0.5), made, n))
        found.append(accuracy_of(votes, questions))
    return found


def leaders(votes: Votes) -> list[str]:
    return [answer for answer, count in votes.items() if count == max(votes.values())]


def accuracy_of(votes: Sequence[Votes], questions: Sequence[Question]) -> float:
    """How often the majority is right; of answers with equally many votes, in expectation."""
    ahead = [leaders(each) for each in votes]
    return statistics.mean(sum(a in q[1] for a in each) / len(each) for each, q in zip(ahead, questions, strict=True))


def mint(source: Source) -> list[Question]:
    """The first answers that models gave to each question of MINT's mathematical sets, and the right one."""
    right = {str(row["task_id"]): str(row["reference"]) for row in source.rows("mint_trajectories", "tasks")}
    said: dict[str, list[str]] = {}
    for row in source.rows("mint_trajectories", "math"):
        solutions = [str(turn["solution"]) for turn in row["turns"] if turn.get("solution")]
        if solutions and row["task_id"] in right:
            answer = tidy(solutions[0], right[row["task_id"]])
            said.setdefault(row["task_id"], []).extend([] if answer is None else [answer])
    return [
        (answers, frozenset({normalised(right[task])})) for task, answers in sorted(said.items()) if len(answers) >= 8
    ]


def gsm8k(source: Source) -> list[Question]:
    """The answers of four models to each question."""
    found: dict[str, Question] = {}
    for row in source.rows("gsm8k_solutions", "labelled_solutions"):
        answer = normalised(str(row["solution"]).rpartition("A:")[2])
        found.setdefault(row["task_id"], ([], frozenset({normalised(str(row["answer"]))})))[0].append(answer)
    return [*found.values()]


def tidy(answer: str, right: str) -> str | None:
    """The answer as it is compared: where a number is wanted, the last one that is said; None if there is none."""
    said = normalised(answer)
    if said.startswith("=") or not normalised(right).startswith("="):
        return said
    numbers = NUMBER.findall(answer.replace("$", ""))
    return normalised(numbers[-1]) if numbers else None


# --- the calibrated exit ------------------------------------------------------------------------------------------


class Sampled(NamedTuple):
    """One task's samples: what each does, whether it passes the visible tests, and whether it is right."""

    does: tuple[str, ...]
    visible: tuple[bool, ...]
    right: tuple[bool, ...]


def calibrate(given: argparse.Namespace) -> None:
    """Mini-n with 12 samples in batches of 3 against the first sample that passes, and the best of all 12."""
    tasks = asyncio.run(codet(Source(given.data, given.split)))
    chance = random.Random(given.seed)
    chance.shuffle(tasks)
    halves = (tasks[::2], tasks[1::2])
    fitted = [isotonic([pair for task in half for pair in pairs(task, chance)]) for half in halves]
    crossed = [(each, fitted[1 - n]) for n, half in enumerate(halves) for each in half]
    orders = [[chance.sample(range(len(t.does)), min(12, len(t.does))) for _ in range(given.runs)] for t, _ in crossed]
    say(figure="calibrations", fitted=[[*zip(c.scores, c.probabilities, strict=True)] for c in fitted])
    methods: dict[str, Callable[[Sampled, Sequence[int], Calibration], tuple[int | None, int]]] = {
        "first that passes": lambda task, order, _: first_passing(task, order),
        "best of 12": lambda task, order, _: mini_n(task, order, None, 2.0, "best"),
        "mini-n": lambda task, order, fit: mini_n(task, order, fit, 0.9, "best"),
        "mini-n, guardrail": lambda task, order, fit: mini_n(task, order, fit, 0.9, "abstain"),
        "mini-n, guardrail, default table": lambda task, order, _: mini_n(task, order, AGREEMENT, 0.9, "abstain"),
    }
    for name, method in methods.items():
        told_ = [[(t, *method(t, order, fit)) for order in own] for (t, fit), own in zip(crossed, orders, strict=True)]
        right = [statistics.mean(n is not None and t.right[n] for t, n, _ in each) for each in told_]
        wrong = [statistics.mean(n is not None and not t.right[n] for t, n, _ in each) for each in told_]
        low, high = bootstrap([[each] for each in right], lambda groups: statistics.mean(chain(*groups)))
        drawn = statistics.mean(count for each in told_ for _, _, count in each)
        rates = {"solved": statistics.mean(right), "low": low, "high": high, "wrong": statistics.mean(wrong)}
        say(figure="mini-n", method=name, tasks=len(right), **rates, samples=drawn)


def pairs(task: Sampled, chance: random.Random) -> list[tuple[float, bool]]:
    """Scores and truths of the best after each batch, in fifty orders."""
    found = []
    for _ in range(50):
        order = chance.sample(range(len(task.does)), min(12, len(task.does)))
        for made in range(3, len(order) + 1, 3):
            best, score = best_of(task, order[:made])
            found += [] if best is None else [(score, task.right[best])]
    return found


def best_of(task: Sampled, drawn: Sequence[int]) -> tuple[int | None, float]:
    """The first sample of the largest group of those that pass, and how far they agree."""
    standing = [n for n in drawn if task.visible[n]]
    if not standing:
        return None, 0.0
    does, count = Counter(task.does[n] for n in standing).most_common(1)[0]
    return next(n for n in standing if task.does[n] == does), (count + 1) / (len(standing) + 2)


def first_passing(task: Sampled, order: Sequence[int]) -> tuple[int | None, int]:
    place = next((place for place, n in enumerate(order) if task.visible[n]), None)
    return (None, len(order)) if place is None else (order[place], place + 1)


def mini_n(
    task: Sampled, order: Sequence[int], fit: Calibration | None, threshold: float, otherwise: str
) -> tuple[int | None, int]:
    for made in range(3, len(order) + 1, 3):
        best, score = best_of(task, order[:made])
        if best is not None and fit is not None and fit(score) >= threshold:
            return best, made
    best, _ = best_of(task, order)
    return (best if otherwise == "best" else None), len(order)


async def codet(source: Source) -> list[Sampled]:
    specs, found = specs_of(source, "humaneval"), []
    session = await get("local").open()
    try:
        for row in source.rows("codet_humaneval", "codegen16b_20samples"):
            spec, samples = specs[row["task_id"]], row["samples"]
            candidates = [candidate(str(n), spec.text + each["body"], spec) for n, each in enumerate(samples)]
            inputs = [each for each in inputs_for(spec, count=48) if each.near]
            rans = await run_cases(session, candidates, [Call(each.source) for each in inputs], seconds=0.5)
            does = tuple(ran.broken or digest(told(ran.outcomes)) for ran in rans)
            right, visible = (tuple(bool(each[name]) for each in samples) for name in ("hidden", "visible"))
            found.append(Sampled(does, visible, right))
    finally:
        await session.close()
    return found


if __name__ == "__main__":
    main()
