"""ReSeek: a search agent that judges each observation, drops what is useless, and plans the search anew.

Li et al., arXiv 2510.00568; the authors' page: TencentBAC/ReSeek.

::

    trajectory = [question]
    repeat, until the agent has enough or its searches are spent:
        query ~ agent(trajectory)                      never one that was asked before
        observation = search(query)
        JUDGE: useful ~ agent(trajectory, observation)
        trajectory += query, and the observation if it is useful; else it is dropped
    claims, answer ~ agent(trajectory)

On the core graph: all of this is one draft of the proposer. Every observation is evidence in the record of the run;
one that was dropped is shown to nobody again and cannot be cited. A critic without a model holds each claim to the
evidence that it cites; what it finds leads to a revision, with as many searches again.
"""

from __future__ import annotations

from pydantic import Field

from revet.agents import ChatCritic, EvidenceCritic
from revet.agents.base import Critic
from revet.agents.seek import CitedCritic, JudgeWithoutDropped, SeekAgent, WithoutDropped
from revet.agents.seek.seeker import REPEATS
from revet.graphs.calls import ONE, Calls, asked, drafted
from revet.graphs.parts.casting import filled, judge_of, model_of
from revet.graphs.parts.searching import SearchOptions, search_tool, unmet_search
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy
from revet.tools import Citations, Coverage, Tests

__all__ = ["RESEEK", "ReseekOptions", "cast_reseek"]


class ReseekOptions(SearchOptions):
    """Where, and how often, to search."""

    searches: int = Field(default=4, ge=1, le=100, description="before one draft")
    results: int = Field(default=3, ge=1, le=50, description="passages that one search finds")
    cite: bool = Field(default=True, description="a claim that cites nothing which was found and kept is refused")


def cast_reseek(roles: Roles, options: Options, policy: Policy) -> Team:
    """The agent searches, judges and answers; a judge that is named makes the judgements."""
    assert isinstance(options, ReseekOptions)
    model = model_of(roles, "reseek")

    def seeker(who: LanguageModel) -> SeekAgent:
        return SeekAgent(
            who, judge=roles.judge, search=options.search, searches=options.searches, prompts=roles.prompts
        )

    critics: list[Critic] = [WithoutDropped(EvidenceCritic(revise_from=policy.veto_from))]
    critics += [CitedCritic(policy.veto_from)] if options.cite else []
    critics += [WithoutDropped(ChatCritic(roles.critic, prompts=roles.prompts))] if roles.critic else []
    judge = judge_of(roles)
    return Team(
        proposer=seeker(model),
        reviser=seeker(roles.reviser or model),
        critics=critics,
        tools=(Tests(), Coverage(), search_tool(options, options.results), Citations()),
        policy=filled(policy, rounds=2),
        judge=JudgeWithoutDropped(judge) if judge else None,
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The query and the judgement of each search, with queries that were asked before; or that there is enough."""
    assert isinstance(options, ReseekOptions)
    seeking = Calls(1, 2 * options.searches + REPEATS - 1)
    return drafted(ONE + seeking + asked(roles.critic), policy, roles.judge)


RESEEK = Recipe(
    name="reseek",
    summary="ReSeek: judge what each search found, drop what is useless, plan anew; claims cite what was found",
    cast=cast_reseek,
    source="Li et al., 2025, arXiv 2510.00568",
    options=ReseekOptions,
    cost="two calls a search, a plan and a judgement, and two more a draft; 4 searches a draft at most",
    calls=_calls,
    check=unmet_search,
    published=Published(
        title="ReSeek: A Self-Correcting Framework for Search Agents with Instructive Rewards",
        url="https://arxiv.org/abs/2510.00568",
        code="https://github.com/TencentBAC/ReSeek",
        flow="""
    task([question]) --> plan[plan: a new query, or enough]
    plan -->|query| search --> judge{JUDGE}
    judge -->|useful| keep[keep the observation] --> plan
    judge -->|useless| drop[drop it, never shown again] --> plan
    plan -->|enough, or no searches left| answer[claims with evidence, answer] --> examine --> gate{gate}
    gate -->|a claim cites nothing that was kept| plan
    gate -->|nothing speaks against it| done([answer])
""",
        test="tests/graphs/recipes/test_reseek.py",
        differs=(
            "The authors train the agent with rewards for judgements that turn out right. Here any model is prompted; "
            "nothing is trained.",
            "Judging is not left to the agent: every observation that holds anything is judged. One that holds nothing "
            "(nothing found, an error) is dropped without a request.",
            "The agent is shown which queries were useless, though not what they found, and a query that was asked "
            "before, in any order of words, is not made. The trajectory as published leaves out the observation only.",
            "Passages that were found once are not found again by a later search, so what was dropped does not come "
            "back under another query.",
            "Claims cite evidence, and one that cites nothing leads to a revision (2 at most). The published agent "
            "answers once and cites nothing.",
        ),
    ),
)
