"""DRAFT: a tool's documentation, rewritten from trials of the tool.

Qu et al., ICLR 2025, arXiv 2410.08197; the authors' code: quchangle1/DRAFT.

::

    for each of 5 episodes:
        query, call ~ explorer(doc, queries so far, where to explore)   # up to 3 times, until cosine < .9 to all
        answer = tool(call)
        suggestion ~ analyser(doc, query, call, answer, earlier docs)
        doc', where to explore ~ rewriter(doc, query, call, answer, suggestion, earlier docs)
        stop if (BLEU(doc, doc') + cosine(doc, doc')) / 2 > .75
        doc = doc'

On the core graph: an episode makes one draft, whose answer is the documentation. Drafts are held until the
documentation settles, and the last goes to the gate. The task's input ``tool`` names the tool, or gives
``{name, description}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from revet.agents.evidence import EvidenceCritic
from revet.agents.toolcare import Analyser, Explorer, Rewriter
from revet.graphs.calls import Calls, judged, rounds_of
from revet.graphs.parts.casting import filled, judge_of, model_of, writer
from revet.graphs.parts.documenting import Documenting
from revet.graphs.parts.examining import examining_tools
from revet.graphs.team import Options, Published, Recipe, Roles, Team, Unmet
from revet.policy import Policy
from revet.schema import Task

__all__ = ["DRAFT", "DraftOptions", "cast_draft"]


class DraftOptions(Options):
    """What is left out is as published."""

    episodes: int = Field(default=5, ge=1, description="versions at most; the policy's `rounds` come before it")
    unlike: float = Field(default=0.9, gt=0, le=1, description="cosine from which on a query is too much like another")
    tries: int = Field(default=3, ge=1, description="queries thought of in one episode, until one is unlike the others")
    settled: float = Field(default=0.75, ge=0, le=1, description="closeness of two versions above which it stops")
    path: str | None = Field(default=None, min_length=1, description="a file of the workspace to write it to, too")
    temperature: float | None = Field(default=0.2, ge=0, le=2, description="of all roles; null: the model's own")


def cast_draft(roles: Roles, options: Options, policy: Policy) -> Team:
    """An explorer, an analyser and a rewriter; the tool is one that the user gives the agent."""
    assert isinstance(options, DraftOptions)
    model = model_of(roles, "draft")
    how: dict[str, Any] = {"prompts": roles.prompts, "temperature": options.temperature}
    person = writer(model, roles)
    return Team(
        proposer=person,
        reviser=person,
        critics=(EvidenceCritic(revise_from=policy.veto_from),),
        tools=examining_tools(),
        policy=filled(policy, rounds=options.episodes - 1),
        judge=judge_of(roles),
        strategy=Documenting(
            Explorer(model, **how),
            Analyser(roles.critic or model, **how),
            Rewriter(roles.reviser or model, **how),
            episodes=options.episodes,
            tries=options.tries,
            unlike=options.unlike,
            settled=options.settled,
            path=options.path,
        ),
    )


def _unmet(task: Task, options: Options) -> Iterator[Unmet]:
    given = task.inputs.get("tool")
    name = given.get("name") if isinstance(given, dict) else given
    if not isinstance(name, str) or not name.strip():
        hint = "name the tool whose documentation is rewritten: inputs: {tool: NAME}, or {name: …, description: …}"
        yield Unmet(("inputs", "tool"), "the input `tool` is missing", hint)
    assert isinstance(options, DraftOptions)
    if options.path is not None and task.workspace is None:
        yield Unmet(
            ("workspace",),
            "there is no workspace, and options.path is a file in it",
            "name the folder, or leave path out",
        )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """Queries until one is unlike the others, the suggestion, and the documentation."""
    assert isinstance(options, DraftOptions)
    episodes = rounds_of(policy, options.episodes)
    return Calls(3, options.tries + 2) * episodes + judged(roles.judge, episodes.most)


DRAFT = Recipe(
    name="draft",
    summary="DRAFT: explore a tool with diverse calls, and rewrite its documentation by what they show",
    cast=cast_draft,
    source="Qu et al., ICLR 2025, arXiv 2410.08197",
    options=DraftOptions,
    needs="a language model, and the tool that the task names",
    cost="three calls an episode and one of the tool; 5 episodes at most",
    calls=_calls,
    check=_unmet,
    revises=lambda options: False,
    published=Published(
        title="From Exploration to Mastery: Enabling LLMs to Master Tools via Self-Driven Interactions",
        url="https://arxiv.org/abs/2410.08197",
        code="https://github.com/quchangle1/DRAFT",
        flow="""
    task([a tool and its documentation]) --> explore["explorer: a query unlike those before"]
    explore --> call["call the tool"] --> analyse["analyser: what the documentation lacks"]
    analyse --> rewrite["rewriter: the next version"] --> examine --> held[held]
    held -->|changed a lot| explore
    held -->|settled, or 5 episodes| gate{gate}
    gate --> answer([the documentation])
""",
        test="tests/graphs/recipes/test_draft.py",
        differs=(
            "Texts are compared by the cosine of their term frequencies, where the authors use OpenAI's embeddings: it "
            "needs no service. Paraphrases look less alike that way, so fewer queries are refused and it stops later.",
            "It stops when the mean of BLEU and cosine is above .75, as the paper has it; the published code stops "
            "when it is below.",
            "Names and forms of the arguments come from the tool's own schema and are always in view.",
            "A tool is only called on the terms of the loop: its calls count against the budgets, and are kept.",
        ),
    ),
)
