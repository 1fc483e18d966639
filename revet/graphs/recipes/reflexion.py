"""Reflexion: try, test with tests of one's own, reflect on what failed in words, try again with them in mind.

Shinn et al., NeurIPS 2023, arXiv 2303.11366; the authors' code: noahshinn/reflexion.

::

    tests ~ model(x)                                   # at most 6
    y ~ model(x)
    for each further of 5 trials:
        feedback = run(tests, y)
        stop if all tests pass
        reflection ~ model(x, y, feedback)
        y ~ model(x, y, feedback, the last 3 reflections)

On the core graph: the tests are written before the first draft and carried by every draft; a tool runs them in the
sandbox beside the task's own checks. A test of one's own that fails is reason to revise, unless the task's required
checks pass: those rule. Reflections go to the memory when the run ends, and to later runs of other tasks.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from revet.agents.reflexion import Reflections, Reflector, Tester
from revet.graphs.calls import NONE, ONE, Calls, asked, drafted
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.examining import examiners, examining_tools
from revet.graphs.parts.reflecting import Reflecting
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.store.corrections import Corrections
from revet.tools.own_tests import OwnTests

__all__ = ["REFLEXION", "ReflexionOptions", "cast_reflexion"]


class ReflexionOptions(Options):
    """What is left out is as published (for programming)."""

    lengths: ClassVar[tuple[str, ...]] = ("trials",)

    trials: int = Field(default=5, ge=1, description="drafts in all; the policy's `rounds` come before it")
    tests: int = Field(default=6, ge=0, le=20, description="tests of its own, at most; 0: only the task's checks")
    shown: int = Field(default=3, ge=1, description="how many of the last reflections are kept in mind")
    recalled: int = Field(default=3, ge=0, description="reflections of earlier runs that are shown")
    first: float | None = Field(default=0.0, ge=0, le=2, description="temperature of drafts")
    temperature: float | None = Field(default=0.2, ge=0, le=2, description="of tests and reflections")


def cast_reflexion(roles: Roles, options: Options, policy: Policy) -> Team:
    """An actor, one who writes tests before it, one who reflects after it, and a memory of what they said."""
    assert isinstance(options, ReflexionOptions)
    model = model_of(roles, "reflexion")
    actor = writer(model, roles, temperature=options.first, schedule=FLAT)
    reflector = Reflector(roles.reviser or model, prompts=roles.prompts, temperature=options.temperature)
    tester = Tester(model, prompts=roles.prompts, temperature=options.temperature)
    return Team(
        proposer=actor,
        reviser=actor,
        critics=examiners(roles, policy),
        tools=(
            *examining_tools(),
            OwnTests(),
        ),  # after the task's own checks, whose outcome says what its own are worth
        policy=filled(policy, rounds=options.trials - 1),
        judge=judge_of(roles),
        strategy=Reflecting(actor, reflector, tester, tests=options.tests, shown=options.shown),
        memory=Reflections(Corrections(roles.home), limit=options.recalled, kept=options.shown),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The tests, and a draft with its reflection; none comes before the first."""
    assert isinstance(options, ReflexionOptions)
    tests = ONE if options.tests else NONE
    reflections = ONE * Calls(0, policy.rounds)
    return drafted(ONE + asked(roles.critic), policy, roles.judge, once=tests + reflections)


REFLEXION = Recipe(
    name="reflexion",
    summary="Reflexion: tests of its own are run; what failed is put into words that the next trial keeps in mind",
    cast=cast_reflexion,
    source="Shinn et al., NeurIPS 2023, arXiv 2303.11366",
    options=ReflexionOptions,
    cost="one call for the tests, one for the first draft, two for each further trial; 10 at most",
    calls=_calls,
    published=Published(
        title="Reflexion: Language Agents with Verbal Reinforcement Learning",
        url="https://arxiv.org/abs/2303.11366",
        code="https://github.com/noahshinn/reflexion",
        flow="""
    memory[(reflections)] -.-> propose
    task([task]) --> tests["write tests from the goal"] --> propose
    propose --> examine["run its own tests and the task's checks"]
    examine -->|all pass| gate{gate}
    examine -->|something fails| reflect["reflect in words"] --> retry["retry, the last 3 in mind"] --> examine
    reflect -.-> memory
    gate --> commit([answer or commit])
    gate -->|5 trials are over| abstain([abstain])
""",
        test="tests/graphs/recipes/test_reflexion.py",
        differs=(
            "The published code ends a trial whose own tests pass by running the hidden tests; no hidden test is ever "
            "seen here. What decides is the agent's own tests and the checks that the task names.",
            "Where the task's required checks pass, a failing test of its own is noted and holds nothing back: tests "
            "that a model writes are often wrong, and evidence that was asked for outranks them.",
            "The first tests that are sound are kept, not a random sample; up to 6, as in the paper (5 in the code).",
            "In the published programming runs only the newest reflection is in the prompt; the paper bounds the "
            "memory to the last one to three, and three are shown here.",
            "Reflections are kept when a run ends, and recalled by text for later tasks.",
        ),
    ),
)
