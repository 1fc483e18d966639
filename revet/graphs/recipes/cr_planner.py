"""CR-Planner: a critic picks what to do next (reason, query, retrieve), and a critic picks the best of several tries.

Li et al., 2024, arXiv 2410.01428.

::

    state = task
    repeat, until a step of reasoning solves the task or the steps are spent:
        goal = the sub-goal that the sub-goal critic rewards most: reason | query | retrieve
        executions = `width` samples of it (of retrieve: the passages that were found)
        state += the execution that the execution critic rewards most
    draft ~ model(task, state)

On the core graph: all of this is one draft of the proposer, which remembers its plan. What was retrieved is evidence
of the run. The draft is staged, examined and criticised like any other, and a revision goes on with the plan, shown
the critique. In Python, the critics can be functions (a trained model, an oracle)::

    Agent(PlanAgent(model, goals=…, executions=…), tools=[CorpusSearch(folder)])
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from revet.agents import EvidenceCritic
from revet.agents.seek import PlanAgent
from revet.graphs.calls import ONE, Calls, drafted
from revet.graphs.parts.casting import judge_of, model_of
from revet.graphs.parts.searching import SearchOptions, search_tool, unmet_search
from revet.graphs.team import Options, Published, Recipe, Roles, Team, Unmet
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Task
from revet.tools import Coverage, Tests, Tool

__all__ = ["CR_PLANNER", "CrPlannerOptions", "cast_cr_planner"]


class CrPlannerOptions(SearchOptions):
    """How far to plan, and where to retrieve."""

    steps: int = Field(default=10, ge=1, le=200, description="sub-goals before one draft")
    width: int = Field(default=3, ge=1, le=50, description="executions of a sub-goal to choose from")
    temperature: float = Field(default=0.7, ge=0, le=2, description="of the executions; critics and drafts are at 0")
    retrieval: bool = Field(default=True, description="false: nothing is searched, and reasoning is all there is")


def cast_cr_planner(roles: Roles, options: Options, policy: Policy) -> Team:
    """The planner, with the critic's model for both of its critics where one is named."""
    assert isinstance(options, CrPlannerOptions)
    model = model_of(roles, "cr-planner")

    def planner(who: LanguageModel) -> PlanAgent:
        return PlanAgent(
            who,
            critic=roles.critic or model,
            search=options.search if options.retrieval else None,
            steps=options.steps,
            width=options.width,
            temperature=options.temperature,
            prompts=roles.prompts,
        )

    found: list[Tool] = [search_tool(options, options.width)] if options.retrieval else []
    return Team(
        proposer=planner(model),
        reviser=planner(roles.reviser or model),
        critics=(EvidenceCritic(revise_from=policy.veto_from),),
        tools=(Tests(), Coverage(), *found),
        policy=policy,
        judge=judge_of(roles),
    )


def _unmet(task: Task, options: Options) -> Iterator[Unmet]:
    """Something to retrieve from, unless nothing shall be retrieved."""
    assert isinstance(options, CrPlannerOptions)
    if options.retrieval:
        for unmet in unmet_search(task, options):
            yield unmet._replace(hint=f"{unmet.hint}; or retrieve nothing, with {{retrieval: false}}")


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """A step takes the sub-goal, its executions, and the choice between those that differ. A query that was asked
    before gives way to reasoning."""
    assert isinstance(options, CrPlannerOptions)
    goal, chosen = int(options.retrieval), int(options.width > 1)
    step = Calls(goal + options.width, goal + options.width * (1 + goal) + chosen)
    return drafted(ONE + step * Calls(1, options.steps), policy, roles.judge)


CR_PLANNER = Recipe(
    name="cr-planner",
    summary="CR-Planner: critics pick the next sub-goal (reason, query, retrieve) and the best of its executions",
    cast=cast_cr_planner,
    source="Li et al., 2024, arXiv 2410.01428",
    options=CrPlannerOptions,
    cost="a step: one call for the sub-goal, `width` for executions, one to choose; 10 steps a draft at most",
    calls=_calls,
    check=_unmet,
    published=Published(
        title="Can We Further Elicit Reasoning in LLMs? Critic-Guided Planning with Retrieval-Augmentation",
        url="https://arxiv.org/abs/2410.01428",
        flow="""
    task([task]) --> pick{sub-goal critic}
    pick -->|reason| thoughts[several thoughts] --> best{execution critic}
    pick -->|query| queries[several queries] --> best
    pick -->|retrieve| passages[passages of the last query] --> best
    best -->|the best joins the plan| pick
    best -->|solved, or the steps are spent| draft --> examine --> gate{gate}
    gate -->|not proved| pick
    gate -->|proved, or an answer| done([commit or answer])
""",
        test="tests/graphs/recipes/test_cr_planner.py",
        differs=(
            "The published critics are models trained on a Monte Carlo tree search. Here a language model is prompted "
            "to score; in Python, functions can take their place (a trained critic, an oracle).",
            "The execution critic sees all executions of a sub-goal in one request and scores each, to save calls. "
            "The trained one scores each alone.",
            "The numbers of steps and executions are ours: the abstract, which is what was read, does not give them.",
            "The plan ends in a draft that passes the loop's tools and gate, and a revision goes on with the plan. The "
            "published method ends with the last step.",
            "A query that was asked before is no execution, and a passage that was found is not found again.",
        ),
    ),
)
