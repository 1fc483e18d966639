"""CRITIC: verify with tools, then correct.

Gou et al., ICLR 2024, arXiv 2305.11738; the authors' code: microsoft/ProphetNet, CRITIC/.

::

    y ~ model(x)
    for each iteration:
        critique ~ model(x, y, what tools say of y)
        stop if the critique finds y right, or the answer has stayed the same
        y ~ model(x, y, critique)

On the core graph: the first draft is proposed, tools examine it, the critic criticises, the gate stops or goes on, the
reviser corrects. Three tasks, each with the settings that were published (`PUBLISHED`):

- ``program``: a program computes the answer; the interpreter's report is what the critic sees.
- ``qa``: an answer in words; the critic searches on its own, several times in a critique.
- ``text``: a text under constraints; a tool scores it, and only what scores better is built upon.

Without ``tools``, the same is done on the model's own judgement, for comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import Field, ValidationError

from revet.agents.base import Critic, Judge
from revet.agents.chat import ChatJudge
from revet.agents.critic import (
    LastAnswer,
    ProgramAgent,
    ProgramCritic,
    QuestionAgent,
    QuestionCritic,
    TextAgent,
    TextCritic,
)
from revet.agents.critic.program import gives_answer as computes_answer
from revet.agents.critic.question import gives_answer
from revet.errors import InputError
from revet.graphs.calls import NONE, ONE, Calls, drafted
from revet.graphs.team import Options, Published, Recipe, Roles, Team, Unmet
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Task
from revet.tools import Constraints, CorpusSearch, Python, Tests, Tool
from revet.tools.constraints import Rules

__all__ = ["CRITIC", "PUBLISHED", "CriticOptions", "Settings", "cast_critic", "critic_for"]


Writer: TypeAlias = ProgramAgent | QuestionAgent | TextAgent


class Settings(NamedTuple):
    """How a task is run as published. `first` is the temperature of the first draft, `temperature` of all that follows.

    `stable`: an answer that stayed the same in so many corrections in a row stands.
    """

    iterations: int
    temperature: float
    first: float
    stable: int | None


PUBLISHED: dict[str, Settings] = {
    "program": Settings(iterations=4, temperature=0.5, first=0.0, stable=2),
    "qa": Settings(iterations=3, temperature=0.0, first=0.0, stable=1),
    "text": Settings(iterations=4, temperature=0.9, first=0.9, stable=None),
}


class CriticOptions(Options):
    """What is left out is as published."""

    paths: ClassVar[tuple[str, ...]] = ("folder",)
    lengths: ClassVar[tuple[str, ...]] = ("iterations",)

    task: Literal["program", "qa", "text"] = Field(default="qa", description="what kind of answer is wanted")
    tools: bool = Field(default=True, description="false: the critic relies on the model alone, for comparison")
    iterations: int | None = Field(default=None, ge=0, description="corrections; the policy's `rounds` come before it")
    temperature: Annotated[float, Field(ge=0)] | Literal["default"] | None = Field(
        default=None, description="of critiques and corrections; `default` leaves it to the model, in first drafts too"
    )
    searches: int = Field(default=7, ge=1, description="in one critique (qa)")
    folder: str | None = Field(default=None, description="what is searched (qa); default: the task's workspace")
    below: float = Field(default=0.1, gt=0, le=1, description="a text that scores less is done (text)")


def cast_critic(roles: Roles, options: Options, policy: Policy) -> Team:
    """The team for the task: the writer proposes and corrects, one critic criticises."""
    assert isinstance(options, CriticOptions)
    model, reviser = roles.model, roles.reviser or roles.model
    if model is None or reviser is None:
        raise InputError("CRITIC needs a language model", hint="name one: --model provider:name, or Agent(model=…)")
    judge: Judge | None = None
    if roles.judge is not None:
        judge = ChatJudge(roles.judge, prompts=roles.prompts)
    elif not (options.task == "text" and options.tools):  # there the score tells which is best
        judge = LastAnswer(computes_answer if options.task == "program" else gives_answer)
    return Team(
        proposer=_writer(model, options, roles.prompts),
        reviser=_writer(reviser, options, roles.prompts),
        critics=(critic_for(roles.critic or model, options, roles.prompts),),
        tools=(*_tools(options), Tests()),  # they run the task's checks; where it names none, they plan nothing
        policy=_filled(policy, options),
        judge=judge,
    )


def critic_for(model: LanguageModel, options: CriticOptions, prompts: Path | str | None = None) -> Critic:
    """The critic alone: to give to an `OracleCritic`, or to other recipes."""
    heat, _ = _temperatures(options)
    if options.task == "program":
        return ProgramCritic(model, prompts=prompts, temperature=heat, tools=options.tools)
    if options.task == "text":
        return TextCritic(model, prompts=prompts, temperature=heat, tools=options.tools)
    return QuestionCritic(model, prompts=prompts, temperature=heat, tools=options.tools, searches=options.searches)


def _writer(model: LanguageModel, options: CriticOptions, prompts: Path | str | None) -> Writer:
    heat, first = _temperatures(options)
    kinds: dict[str, type[Writer]] = {"program": ProgramAgent, "qa": QuestionAgent, "text": TextAgent}
    return kinds[options.task](model, prompts=prompts, temperature=heat, first=first, tools=options.tools)


def _temperatures(options: CriticOptions) -> tuple[float | None, float | None]:
    """Of critiques and corrections, and of the first draft."""
    published = PUBLISHED[options.task]
    if options.temperature == "default":
        return None, None
    return published.temperature if options.temperature is None else options.temperature, published.first


def _tools(options: CriticOptions) -> tuple[Tool, ...]:
    """A program is always run, for that is how it answers; without `tools` nobody is told, and nothing hangs on it."""
    if options.task == "program":
        return (Python(required=options.tools),)
    if not options.tools:
        return ()
    return (CorpusSearch(options.folder, results=1),) if options.task == "qa" else (Constraints(below=options.below),)


def _unmet(task: Task, options: Options) -> Iterator[Unmet]:
    """A question needs something to search, a text constraints that can be read."""
    assert isinstance(options, CriticOptions)
    if options.task == "text":
        yield from _unread_constraints(task)
    if options.task != "qa" or not options.tools:
        return
    if options.folder is None and task.workspace is None:
        hint = (
            "name the folder to search, as `workspace` or as options: {folder: …}; or search nothing, with tools: false"
        )
        yield Unmet(("workspace",), "is missing, and there is no folder to search", hint)
    elif options.folder is not None and not Path(options.folder).expanduser().is_dir():
        hint = "name the folder that holds the texts to search"
        yield Unmet(("options", "folder"), f"there is no folder {options.folder}", hint)


def _unread_constraints(task: Task) -> Iterator[Unmet]:
    try:
        Rules.model_validate(task.inputs.get("constraints") or {})
    except ValidationError as error:
        hint = f"the constraints: {', '.join(Rules.model_fields)}"
        for fault in error.errors():
            unknown = fault["type"] == "extra_forbidden"
            problem = "there is no such constraint" if unknown else fault["msg"].removeprefix("Value error, ")
            yield Unmet(("inputs", "constraints", *fault["loc"]), problem, hint)


def _filled(policy: Policy, options: CriticOptions) -> Policy:
    """The policy, with what it leaves open as published."""
    published = PUBLISHED[options.task]
    iterations = published.iterations if options.iterations is None else options.iterations
    wanted = {"rounds": iterations, "stable": published.stable}
    return policy.model_copy(update={k: v for k, v in wanted.items() if k not in policy.model_fields_set})


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """In qa the critic is asked again after each search; a text that a tool scores needs no critic."""
    assert isinstance(options, CriticOptions)
    critique = ONE
    if options.tools and options.task == "qa":
        critique = Calls(1, 1 + options.searches)
    elif options.tools and options.task == "text":
        critique = NONE
    return drafted(ONE + critique, policy, roles.judge)


CRITIC = Recipe(
    name="critic",
    summary="CRITIC: verify an answer with the interpreter, a search or a scorer, then correct it",
    cast=cast_critic,
    source="Gou et al., ICLR 2024, arXiv 2305.11738",
    options=CriticOptions,
    cost="two calls an iteration, a critique and a correction; in qa one more for each search",
    calls=_calls,
    check=_unmet,
    published=Published(
        title="CRITIC: Large Language Models Can Self-Correct with Tool-Interactive Critiquing",
        url="https://arxiv.org/abs/2305.11738",
        code="https://github.com/microsoft/ProphetNet/tree/master/CRITIC",
        flow="""
    task([task]) --> propose[first answer] --> examine["interpreter, or scorer"] --> critic{critic}
    critic <-->|queries, passages| search[(search)]
    critic -->|something is wrong| correct[correct] --> examine
    critic -->|it is right, or the answer stays the same| gate{gate}
    gate --> done([answered])
    gate -->|iterations are spent| abstain([abstain])
""",
        test="tests/graphs/test_critic.py",
        differs=(
            "Prompts are in our own words, without worked examples; a `--prompts` folder can add them. A critique ends "
            "with an explicit verdict, where the authors look for a phrase.",
            "Programs run in the sandbox, not in the process that asks.",
            "A search looks through a folder of documents instead of the web.",
            "What tools return is fenced as data, so a document cannot speak to the model in the critic's voice.",
        ),
    ),
)
