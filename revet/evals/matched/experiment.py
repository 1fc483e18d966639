"""Where the gain of a second pass comes from: re-solving, scaffold or content, by four matched conditions.

After Ning, Li & Yu 2026, "Revision or Re-Solving? Decomposing Second-Pass Gains in Multi-LLM Pipelines". A generator
drafts an answer to each task, once. Then one call to the reviewer is made under each of three conditions, with the same
settings (temperature, most tokens, seed) and about as long a prompt where there is a draft in it. The generator has
these settings too, but another seed: with the same one, a model that reviews itself would say in `resolved` what it
said in `baseline`, and nothing could ever be gained by re-solving.

- ``baseline``: the generator's draft itself. It was asked with the prompt `SOLVE`: the task alone;
- ``resolved``: the reviewer is asked with `SOLVE` too. It sees no draft;
- ``scaffold``: the reviewer is asked with `REVISE`: the task and a draft, to be reviewed and revised. For a draft it is
  shown as many words as the generator's has that say nothing (`null_draft`);
- ``revision``: the reviewer is asked with `REVISE`, and shown the generator's draft.

The gain of the revision is the sum of three parts, each a difference of two conditions on the same tasks:
``resolving`` = resolved - baseline (the reviewer would have got it right anyhow), ``scaffold`` = scaffold - resolved
(to be asked to revise helps, whatever stands there), ``content`` = revision - scaffold (what the draft says helps, or,
where it is negative, misleads).

With one model in both roles, `resolving` is a second, independent try by the same model: at temperature 0, where it
says the same again, it is 0.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from revet.evals.estimate import Estimate
from revet.evals.metrics.sums import mean, share
from revet.evals.paired import Difference, compared, pairs_of
from revet.evals.trial import Trial, Turn
from revet.models import Account, Message, Request
from revet.schema import Model, Task, digest

if TYPE_CHECKING:
    from revet.models import LanguageModel

__all__ = [
    "COMPONENTS",
    "CONDITIONS",
    "REVISE",
    "SOLVE",
    "Decomposition",
    "Matched",
    "Right",
    "answer_of",
    "components",
    "decompose",
    "null_draft",
]

CONDITIONS = ("baseline", "resolved", "scaffold", "revision")
"""In the order in which each adds one thing to the one before it."""

COMPONENTS = {
    "content": ("scaffold", "revision"),
    "scaffold": ("resolved", "scaffold"),
    "resolving": ("baseline", "resolved"),
    "gain": ("baseline", "revision"),
}
"""Each component, and the gain of all, as the difference of two conditions: the second less the first."""

SOLVE = """Do the task.

{task}

Reason as far as you need to. End with a line that begins with `Answer:` and holds the answer."""

REVISE = """Somebody has drafted an answer to the task. Review the draft, mend what is wrong in it, and give the revised
answer in full.

{task}

## Draft

{draft}

Reason as far as you need to. End with a line that begins with `Answer:` and holds the answer."""

SYSTEM = "You work carefully and say what you are asked for."
NULL_WORDS = ("draft", "text", "withheld")

MOST_INPUTS = 40_000
"""Characters of the inputs that are shown."""

Right = Callable[[Task, str], "bool | Awaitable[bool | None] | None"]
"""Whether an answer to a task is right; None where nobody can tell."""


class Decomposition(Model):
    """What came of it: accuracy and mean tokens under each condition, and the differences, ``gain`` the last.

    `trials` have the verdict under each condition in their ``data``.
    """

    accuracies: tuple[Estimate, ...]
    tokens: tuple[Estimate, ...]
    components: tuple[Difference, ...]
    trials: tuple[Trial, ...] = Field(default=(), repr=False)


@dataclass(frozen=True)
class _Said:
    text: str
    right: bool | None
    tokens: int
    cost: float


class Matched:
    """A `Player`: each case is a task under all four conditions, `repeats` times with other seeds.

    `closes` frees what belongs to it. A case in which a model fails breaks off, and counts under no condition.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        right: Right,
        generator: LanguageModel,
        reviewer: LanguageModel | None = None,
        *,
        repeats: int = 1,
        temperature: float | None = None,
        most_tokens: int | None = None,
        seed: int = 0,
        closes: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.right, self.generator, self.reviewer = right, generator, reviewer or generator
        self.temperature, self.most_tokens, self.seed, self._closes = temperature, most_tokens, seed, closes
        self._cases = {
            task.id if repeats == 1 else f"{task.id}#{number}": (task, number)
            for task in tasks
            for number in range(1, repeats + 1)
        }

    @property
    def cases(self) -> Sequence[str]:
        return list(self._cases)

    async def play(self, case: str) -> Trial:
        task, number = self._cases[case]
        began = time.monotonic()
        said = {"baseline": await self._ask(self.generator, "proposer", task, None, number)}
        draft = said["baseline"].text
        for condition, shown in (("resolved", None), ("scaffold", null_draft(draft)), ("revision", draft)):
            said[condition] = await self._ask(self.reviewer, "reviser", task, shown, number)
        verdicts = {condition: each.right for condition, each in said.items()}
        return Trial(
            case=case,
            task=task.id,
            turns=(Turn(round=1, correct=verdicts["baseline"]), Turn(round=2, correct=verdicts["revision"])),
            chosen=1,
            correct=verdicts["revision"],
            tokens=sum(each.tokens for each in said.values()),
            cost=sum(each.cost for each in said.values()),
            seconds=time.monotonic() - began,
            data={"right": {**verdicts}, "tokens": {condition: each.tokens for condition, each in said.items()}},
        )

    async def _ask(self, model: LanguageModel, role: str, task: Task, draft: str | None, number: int) -> _Said:
        """One call. A draft (None: there is none) makes it a revision."""
        request = Request(
            role=role,
            messages=_messages(task, draft),
            temperature=self.temperature,
            max_tokens=self.most_tokens,
            seed=self.seed + 2 * number + (role == "reviser"),
        )
        account = Account()
        reply = await model.ask(request, account)
        answer = answer_of(reply.text)
        right = self.right(task, answer)
        verdict = await right if inspect.isawaitable(right) else right
        return _Said(reply.text, verdict, account.usage.tokens, account.usage.cost)

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        """The components with their tests (`content` first), then accuracy and tokens under each condition."""
        told = components(trials)
        return [*(_estimate(each) for each in told), *_accuracies(trials), *_tokens(trials)]

    async def close(self) -> None:
        if self._closes is not None:
            await self._closes()


async def decompose(
    tasks: Sequence[Task],
    right: Right,
    generator: LanguageModel,
    reviewer: LanguageModel | None = None,
    *,
    repeats: int = 1,
    temperature: float | None = None,
    most_tokens: int | None = None,
    seed: int = 0,
) -> Decomposition:
    """The experiment from beginning to end. Raises what `LanguageModel.ask` raises."""
    player = Matched(
        tasks,
        right,
        generator,
        reviewer,
        repeats=repeats,
        temperature=temperature,
        most_tokens=most_tokens,
        seed=seed,
    )
    trials = [await player.play(case) for case in player.cases]
    return Decomposition(
        accuracies=tuple(_accuracies(trials)),
        tokens=tuple(_tokens(trials)),
        components=tuple(components(trials)),
        trials=tuple(trials),
    )


def components(trials: Sequence[Trial]) -> list[Difference]:
    """The difference of each component over the cases with a verdict under all four conditions, with its test.

    McNemar's where each task has one case, else a permutation test over tasks. The first three add up to the last.
    """
    whole = [trial for trial in trials if all(_verdict(trial, name) is not None for name in CONDITIONS)]

    def under(condition: str) -> list[Trial]:
        return [trial.model_copy(update={"correct": _verdict(trial, condition)}) for trial in whole]

    return [compared(name, pairs_of(under(one), under(other))) for name, (one, other) in COMPONENTS.items()]


def null_draft(draft: str) -> str:
    """Words that say nothing, as many as the draft has, and at least as many as the phrase: for the scaffold alone."""
    count = max(len(NULL_WORDS), len(draft.split()))
    return " ".join(NULL_WORDS[number % len(NULL_WORDS)] for number in range(count))


def answer_of(text: str) -> str:
    """What stands after the last line that begins with ``Answer:``, to the end; without one, the whole text."""
    lines = text.strip().splitlines()
    for number in range(len(lines) - 1, -1, -1):
        said = lines[number].strip().strip("*")
        if said.lower().startswith("answer:"):
            return "\n".join([said[len("answer:") :].strip(" *"), *lines[number + 1 :]]).strip()
    return text.strip()


def _messages(task: Task, draft: str | None) -> tuple[Message, ...]:
    """The prompt: the same system message under every condition, and what tells them apart."""
    from revet.agents.chat.fence import fence
    from revet.agents.chat.sections import inputs_section, messages

    secret = digest(task.id, task.goal, length=32)
    told = f"## Task\n\n{task.goal}\n\n{inputs_section(task, secret, MOST_INPUTS)}".strip()
    shown = SOLVE.format(task=told) if draft is None else REVISE.format(task=told, draft=fence(draft, secret, "draft"))
    return messages(SYSTEM, shown)


def _verdict(trial: Trial, condition: str) -> bool | None:
    told = trial.data.get("right")
    verdict = told.get(condition) if isinstance(told, dict) and trial.error is None else None
    return verdict if isinstance(verdict, bool) else None


def _accuracies(trials: Sequence[Trial]) -> list[Estimate]:
    def of(condition: str) -> Estimate:
        def count(trial: Trial) -> tuple[int, int] | None:
            verdict = _verdict(trial, condition)
            return None if verdict is None else (int(verdict), 1)

        return share(f"accuracy/{condition}", trials, count, empty="no case has a verdict under this condition")

    return [of(condition) for condition in CONDITIONS]


def _tokens(trials: Sequence[Trial]) -> list[Estimate]:
    """What one call took on average: how well the conditions are matched."""

    def of(condition: str) -> Estimate:
        def count(trial: Trial) -> float | None:
            told = trial.data.get("tokens")
            spent = told.get(condition) if isinstance(told, dict) else None
            return float(spent) if isinstance(spent, int) else None

        return mean(f"tokens/{condition}", trials, count, better="neither", empty="nothing was asked")

    return [of(condition) for condition in CONDITIONS]


def _estimate(found: Difference) -> Estimate:
    """As a figure; the probability and the test stand in the note."""
    told = [found.note] if found.p is None else [f"p = {found.p:.3g} ({found.test})", found.note]
    return Estimate(
        name=found.name,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        note="; ".join(each for each in told if each),
    )
