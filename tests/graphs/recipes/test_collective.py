"""CritiCS: three critics offer three points each, a leader picks one, three rounds, and the best version is chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.models import Request
from revet.policy import Policy
from revet.schema import Critique, DecisionKind, Run, RunOutcome, Severity, Verdict
from tests.agents.chat_support import outside_fences
from tests.graphs.recipes.loop_support import Cast, drafted, played, workspace_task
from tests.graphs.recipes.panel_support import broken_off_everywhere, system_of, written

RECIPE = "collective"
ROUND = ["persona", "critic", "critic", "critic", "leader", "reviser"]


def points(number: int, pick: int = 2) -> dict[str, Any]:
    return {"points": [f"point {number}.{n}" for n in (1, 2, 3)], "reason": "it matters", "pick": pick}


def picked(number: int) -> dict[str, Any]:
    return {"reason": "it fits", "pick": number}


def story() -> dict[str, Callable[[int], Any]]:
    """The leader picks the second of each round; the judge always prefers what is longer."""
    return {
        "proposer": lambda n: drafted("version 0"),
        "persona": lambda n: {"critics": [f"a sailor {n}", f"a cook {n}", f"a judge {n}"], "leader": f"a king {n}"},
        "critic": points,
        "leader": lambda n: picked(2),
        "reviser": lambda n: drafted(f"version {n + 1}"),
        "judge": lambda n: {"first": "a", "second": "b", "better": "tie"},
    }


def preferring(version: str) -> Callable[[Request], dict[str, Any]]:
    """A judge that prefers that version wherever it stands."""

    def judge(request: Request) -> dict[str, Any]:
        first, _, second = request.messages[-1].text.partition("Second solution")
        better = "first" if version in first else "second" if version in second else "tie"
        return {"first": "a", "second": "b", "better": better}

    return judge


class Preferring(Cast):
    """A cast whose judge is `preferring`."""

    def __init__(self, version: str, **says: Any) -> None:
        super().__init__(**says)
        self.judge = preferring(version)

    def _answer(self, request: Request) -> Any:
        said = super()._answer(request)
        return self.judge(request) if request.role == "judge" else said


def of(run: Run, number: int = 0) -> Critique:
    return next(c for c in run.attempts[number].critiques if c.critic == "collective")


async def test_three_rounds_of_critique_and_then_the_best_version(tmp_path: Path) -> None:
    cast = Preferring("version 2", **story())
    run = await played(cast, tmp_path, RECIPE)
    order = [role for role in cast.order if role != "judge"]
    assert order == ["proposer", *ROUND * 3]
    assert run.outcome is RunOutcome.answered and run.answer == "version 2" and run.usage.rounds == 3
    assert "chose version 3 of 4" in run.decision.reasons[0]
    kinds = [a.decision.kind for a in run.attempts if a.decision]
    assert kinds == [*[DecisionKind.revise] * 3, DecisionKind.choose, DecisionKind.answer]


async def test_where_the_judge_cannot_tell_the_last_version_is_taken(tmp_path: Path) -> None:
    run = await played(Cast(**story()), tmp_path, RECIPE)
    assert run.answer == "version 3"
    cast = Cast(**story())
    run = await played(cast, tmp_path / "2", RECIPE, options={"choose": "last"})
    assert run.answer == "version 3" and "judge" not in cast.order


async def test_a_point_holds_no_version_back_where_minor_faults_do(tmp_path: Path) -> None:
    run = await played(Preferring("version 2", **story()), tmp_path, RECIPE, policy=Policy(veto_from=Severity.minor))
    assert run.answer == "version 2" and "of 4" in run.decision.reasons[0]


async def test_what_each_role_is_shown(tmp_path: Path) -> None:
    cast = Cast(**story())
    run = await played(cast, tmp_path, RECIPE)
    made = system_of(cast.of("persona")[0])
    assert "an original theme and setting" in made and "Make up 3 experts" in made
    critics = cast.of("critic")[:3]
    for request, who, what in zip(critics, ("sailor", "cook", "judge"), ("theme", "structure", "ending"), strict=True):
        text = request.messages[-1].text
        assert f"a {who} 0" in text and f"a {who} 0" not in outside_fences(text) and what in system_of(request)
        assert "point" not in text and "version 0" in text
    leader = cast.prompt("leader")
    assert "a king 0" in leader and re.findall(r"point \d\.\d", leader) == ["point 0.2", "point 1.2", "point 2.2"]
    told = cast.prompt("reviser")
    assert re.findall(r"point \d\.\d", told) == ["point 1.2"], "the writer hears one point"
    assert "version 1" in cast.prompt("critic", 3) and "a sailor 1" in cast.prompt("critic", 3)
    first, *others = of(run).findings
    assert (first.claim, first.severity, first.category) == ("point 1.2", Severity.minor, "point/critic-2")
    assert len(others) == 8 and all(f.category.startswith("dropped/") for f in others), "the record has all nine"


async def test_personas_may_be_named(tmp_path: Path) -> None:
    cast = Cast(**story())
    options = {"criteria": ["rhythm", "rhyme"], "personas": ["You drum.", "You rhyme."], "points": 2, "rounds": 1}
    await played(cast, tmp_path, RECIPE, options=options)
    assert cast.order[:5] == ["proposer", "critic", "critic", "leader", "reviser"]
    assert "You drum." in cast.prompt("critic") and "Who you are" not in cast.prompt("leader")
    assert cast.prompt("leader").count("point ") == 2 and "Ask 2 questions" in system_of(cast.of("critic")[0])


@pytest.mark.parametrize(
    ("role", "said", "heard"),
    [
        ("persona", "who?", "point 1.2"),
        ("persona", {"critics": [], "leader": ""}, "point 1.2"),
        ("leader", "the second", "point 0.2"),
        ("leader", picked(9), "point 0.2"),
        ("critic", points(5, pick=7), "point 5.1"),
    ],
)
async def test_a_role_that_cannot_be_understood_is_done_without(
    role: str, said: Any, heard: str, tmp_path: Path
) -> None:
    run = await played(Cast(**{**story(), role: lambda n: said}), tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.usage.rounds == 3
    assert of(run).findings[0].claim == heard


async def test_where_no_critic_offers_anything_nothing_is_criticised(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "critic": lambda n: "hm"})
    run = await played(cast, tmp_path, RECIPE, options={"rounds": 1})
    assert of(run).verdict is Verdict.abstain and "leader" not in cast.order


async def test_a_run_that_is_broken_off_anywhere_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    runs = await broken_off_everywhere(tmp_path, RECIPE, story, options={"rounds": 2, "choose": "last"})
    assert {run.answer for run in runs} == {"version 2"}


@pytest.mark.parametrize(
    "options",
    [{"rounds": 0}, {"criteria": []}, {"personas": ["one"]}, {"points": 0}, {"person": "king"}, {"criteria": [" "]},
     {"person": "judge", "choose": "last"}],
)  # fmt: skip
def test_options_out_of_range_are_explained(options: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="persona|judge|" + next(iter(options))):
        Agent(Cast().model, recipe=RECIPE, options=options, store=tmp_path / "s", sandbox=None)


def test_a_budget_of_fewer_rounds_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 rounds of revision at least"):
        Agent(Cast().model, recipe=RECIPE, policy=Policy(rounds=2), store=tmp_path / "s", sandbox=None)


@pytest.mark.sandbox
async def test_no_version_is_committed_that_fails_its_check(tmp_path: Path) -> None:
    task = workspace_task(tmp_path)
    wrong = {
        **story(),
        "proposer": lambda n: written("def twice(n):\n    return n + 1\n"),
        "reviser": lambda n: written(f"def twice(n):\n    return n - {n + 2}\n"),
    }
    run = await played(Cast(**wrong), tmp_path, RECIPE, task)
    assert run.outcome is RunOutcome.abstained and "return n\n" in (tmp_path / "work" / "twice.py").read_text()
    right = {**wrong, "reviser": lambda n: written("def twice(n):\n    return n * 2\n" if n == 0 else f"x = {n}\n")}
    cast = Cast(**right)
    run = await played(cast, tmp_path, RECIPE, task, policy=Policy(rounds=4))
    assert run.outcome is RunOutcome.committed and "return n * 2" in (tmp_path / "work" / "twice.py").read_text()
    assert "judge" not in cast.order, "only one version passes its check"
