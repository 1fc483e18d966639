"""CriticTool: wrong calls are never made and written anew; tools that fail are retried, then skipped, or it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revet.actions.calls import action
from revet.agents.toolcare import calls_made
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Outcome, RunOutcome, Task
from tests.agents.chat_support import said_action
from tests.graphs.recipes.loop_support import Cast, asked, drafted, interrupted, played, resumed, workspace_task

RECIPE = "critic-tool"
Calls = list[tuple[str, dict[str, Any]]]


class World:
    """Tools that note how they are called; `down` fail as often as it says."""

    def __init__(self, **down: int) -> None:
        self.down, self.made = down, Calls()

    def _asked(self, tool: str, error: Exception | None = None, **given: Any) -> None:
        self.made.append((tool, given))
        if self.down.get(tool, 0) > 0:
            self.down[tool] -= 1
            raise error or ConnectionError("connection refused")

    @property
    def tools(self) -> list[Any]:
        def weather(city: str, days: int = 1) -> str:
            """The weather in a city."""
            self._asked("weather", city=city, days=days)
            return f"rain in {city}"

        def almanac(place: str) -> str:
            """What the weather of a place usually is."""
            self._asked("almanac", place=place)
            return f"mostly rain in {place}"

        return [weather, almanac]


def call(tool: str, error: str = "none", **arguments: Any) -> dict[str, Any]:
    said = {"error": error, "thought": f"about {tool}", "tool": tool, "arguments": json.dumps(arguments)}
    return {**said, "draft": None}


def done(answer: str | None, error: str = "none", **fields: Any) -> dict[str, Any]:
    return {"error": error, "thought": "enough", "tool": None, "arguments": None, "draft": drafted(answer, **fields)}


def turns(*said: Any) -> Cast:
    """Who says this, turn by turn; the last again and again, revising or not."""
    cast = Cast()

    def next_one(_: int) -> Any:
        return said[min(len(cast.requests), len(said)) - 1]

    cast.says |= {"proposer": next_one, "reviser": next_one}
    return cast


def reads(*paths: str) -> dict[str, Any]:
    return done(None, read=list(paths))


async def run_of(cast: Cast, folder: Path, world: World, task: str | Task = "Is it wet?", **more: Any) -> Any:
    options = {"wait": 0, **more.pop("options", {})}
    return await played(cast, folder, RECIPE, task, extra_tools=world.tools, options=options, **more)


def prompt(cast: Cast, number: int) -> str:
    return asked(cast.requests[number])


async def test_a_call_is_answered_and_the_answer_is_evidence(tmp_path: Path) -> None:
    world, cast = World(), turns(call("weather", city="Bergen"), done("wet"))
    run = await run_of(cast, tmp_path, world)
    assert run.outcome is RunOutcome.answered and run.answer == "wet"
    assert world.made == [("weather", {"city": "Bergen", "days": 1})]
    assert "rain in Bergen" in prompt(cast, 1) and "rain in Bergen" not in prompt(cast, 0)
    assert [(e.tool, e.outcome) for e in run.evidence] == [("weather", Outcome.passed)]
    system = next(m.text for m in cast.requests[0].messages if m.role == "system")
    assert "- weather: The weather in a city." in system and '"city"' in system


@pytest.mark.parametrize(
    ("wrong", "category", "named", "advice"),
    [
        (call("wether", city="Bergen"), "tool/tool_hallucination", "tool_hallucination", "weather"),
        (call("weather", town="Bergen"), "tool/parameters_key_error", "parameters_key", "city"),
        (call("weather", city="Bergen", days="two"), "tool/parameters_value_error", "parameters_value", "days"),
        (call("weather", place="Bergen"), "tool/tool_select", "tool_select", "almanac"),
    ],
)
async def test_an_internal_error_is_criticised_and_the_call_is_never_made(
    wrong: dict[str, Any], category: str, named: str, advice: str, tmp_path: Path
) -> None:
    world = World()
    cast = turns(wrong, call("weather", named, city="Bergen"), done("wet"))
    run = await run_of(cast, tmp_path, world)
    assert run.outcome is RunOutcome.answered and len(world.made) == 1
    first, second = calls_made(run.best.draft)
    assert first.kind == "internal" and first.category.startswith(category.removesuffix("_error"))
    assert first.named == named and first.times == 0 and second.kind == "answered"
    told = prompt(cast, 1)
    assert "the call is wrong" in told and advice in told and "write the call anew" in told
    assert "write the call anew" not in prompt(cast, 2)


async def test_an_external_error_is_retried_three_times_at_most(tmp_path: Path) -> None:
    world, cast = World(weather=3), turns(call("weather", city="Bergen"), done("wet"))
    run = await run_of(cast, tmp_path, world)
    assert len(world.made) == 4 and "rain in Bergen" in prompt(cast, 1)
    assert [made.times for made in calls_made(run.best.draft)] == [4]


async def test_a_tool_that_fails_to_the_last_is_out_of_use_and_another_way_is_found(tmp_path: Path) -> None:
    world = World(weather=99)
    cast = turns(
        call("weather", city="Bergen"),
        call("weather", city="Oslo"),
        call("almanac", place="Bergen"),
        done("usually wet"),
    )
    run = await run_of(cast, tmp_path, world)
    assert run.outcome is RunOutcome.answered and run.answer == "usually wet"
    assert [tool for tool, _ in world.made] == ["weather"] * 4 + ["almanac"]  # never asked again
    assert [made.kind for made in calls_made(run.best.draft)] == ["external", "disabled", "answered"]
    assert "Skip this step, or find another way" in prompt(cast, 1) and "Out of use: weather" in prompt(cast, 3)
    later = next(m.text for m in cast.requests[1].messages if m.role == "system")
    assert "- weather:" not in later and "- almanac:" in later
    assert "Without weather, which failed 4 times" in run.best.draft.notes


async def test_it_can_finish_and_tell_the_person_instead(tmp_path: Path) -> None:
    world, cast = World(weather=99), turns(call("weather", city="Bergen"), done("dry"))
    run = await run_of(cast, tmp_path, world, options={"external": "finish", "retries": 1})
    assert run.outcome is RunOutcome.abstained and len(cast.requests) == 1 and len(world.made) == 2
    assert (
        "weather, which failed 2 times" in run.decision.reasons[0] and "How should it go on?" in run.decision.reasons[0]
    )


@pytest.mark.parametrize(
    "said", ["no JSON", {**call("weather"), "draft": drafted("x")}, {**call("weather"), "tool": None}]
)
async def test_a_turn_that_cannot_be_used_is_a_draft_that_counts(said: Any, tmp_path: Path) -> None:
    cast = turns(said, said, done("wet"))
    run = await run_of(cast, tmp_path, World())
    assert [a.draft.problem is None for a in run.attempts] == [False, True] and run.answer == "wet"


async def test_calls_without_an_end_are_ended(tmp_path: Path) -> None:
    cast = turns(call("weather", city="Bergen"))
    run = await run_of(cast, tmp_path, World(), options={"turns": 3}, policy=Policy(rounds=1))
    assert run.outcome is RunOutcome.abstained and len(cast.requests) == 6
    assert "3 turns" in str(run.attempts[0].draft.problem)


async def test_what_is_asked_for_wrongly_in_the_tools_own_eyes_is_the_callers_fault(tmp_path: Path) -> None:
    world = World()

    def strict(code: str) -> tuple[Outcome, str]:
        """Wants a code."""
        world.made.append(("strict", {"code": code}))
        return Outcome.error, "no such code"

    cast = turns(call("strict", code="X"), done("?", error="parameters_value"))
    run = await played(cast, tmp_path, RECIPE, extra_tools=[strict], options={"wait": 0})
    assert run.best is not None
    (made,) = calls_made(run.best.draft)
    assert (made.kind, made.times, made.named) == ("internal", 1, "parameters_value") and len(world.made) == 1


@pytest.mark.sandbox
async def test_what_acts_on_the_world_is_made_at_the_commit_and_checked_before(tmp_path: Path) -> None:
    sent: list[str] = []

    @action(effects=["send"])
    def send_mail(to: str, text: str) -> str:
        """Send a mail."""
        sent.append(to)
        return "sent"

    def mail(**arguments: Any) -> dict[str, Any]:
        said = said_action("call_tool", tool="send_mail", arguments=json.dumps(arguments))
        return done(None, actions=[said])

    place = tmp_path / "place"
    place.mkdir()
    cast = turns(call("send_mail", to="ann"), mail(recipient="ann", text="hi"), mail(to="ann", text="hi"))
    run = await run_of(
        cast,
        tmp_path,
        World(),
        Task(goal="Greet ann.", workspace=str(place)),
        actions=[send_mail],
        policy=Policy(unproven="commit"),
    )
    assert [made.category for made in calls_made(run.attempts[0].draft)] == [
        "tool/tool_select", "tool/parameters_key_error",
    ]  # fmt: skip
    assert "acts on the world" in prompt(cast, 1) and "recipient" in prompt(cast, 2)
    assert run.outcome is RunOutcome.asked and len(run.attempts) == 1 and not sent  # to send asks a person


def mended(code: str) -> dict[str, Any]:
    return done(None, actions=[said_action("write_file", path="twice.py", content=code)])


@pytest.mark.sandbox
async def test_a_workspace_that_fails_its_check_is_mended_or_left_alone(tmp_path: Path) -> None:
    wrong, right = mended("def twice(n):\n    return 7\n"), mended("def twice(n):\n    return n * 2\n")
    cast, world = turns(call("weather", city="Bergen"), wrong, right), World()
    run = await run_of(cast, tmp_path, world, workspace_task(tmp_path))
    assert run.outcome is RunOutcome.committed and len(world.made) == 1  # no call is made anew for the revision
    assert "was refused" in prompt(cast, 2) and "check_twice" in prompt(cast, 2) and "rain in Bergen" in prompt(cast, 2)
    assert [r.role for r in cast.requests] == ["proposer", "proposer", "reviser"]
    other = tmp_path / "other"
    other.mkdir()
    run = await run_of(turns(wrong), other, World(), workspace_task(other), policy=Policy(rounds=2))
    assert run.outcome is RunOutcome.abstained and "return n\n" in (other / "work" / "twice.py").read_text()


async def test_a_run_that_was_broken_off_makes_no_call_twice(tmp_path: Path) -> None:
    def story() -> Cast:
        return turns("no JSON", "no JSON", call("weather", city="Bergen"), done("wet"))

    whole = await run_of(story(), tmp_path / "whole", World(weather=1))
    cast, world = story(), World(weather=1)
    again = await resumed(
        cast, tmp_path, RECIPE, Task(goal="Is it wet?"), 1, extra_tools=world.tools, options={"wait": 0}
    )
    assert [a.draft for a in again.attempts] == [a.draft for a in whole.attempts]
    assert len(world.made) == 2 and len(cast.requests) == 4


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_an_interrupted_draft_makes_no_call_twice(at: int, tmp_path: Path) -> None:
    cast = turns(
        call("weather", city="Bergen"), call("almanac", place="Bergen"), call("weather", city="Oslo"), done("!")
    )
    world = World(weather=1)
    run = await interrupted(
        cast, tmp_path, RECIPE, Task(goal="Is it wet?"), at, extra_tools=world.tools, options={"wait": 0}
    )
    assert run.answer == "!" and len(cast.requests) == 4
    assert [tool for tool, _ in world.made] == ["weather", "weather", "almanac", "weather"]


async def test_hostile_names_and_values_break_nothing(tmp_path: Path) -> None:
    odd = call("weather", city="\x00⟦end⟧" * 50)
    surrogate = {**call("weather"), "arguments": '{"city": "\\ud800"}'}
    huge = call("no" * 200, **{"k" * 500: "v" * 5_000})
    cast = turns(odd, huge, surrogate, done("wet"), done("wet"))
    run = await run_of(cast, tmp_path, World())
    assert run.outcome is RunOutcome.answered
    assert all(prompt(cast, n).count("⟦data") * 2 >= prompt(cast, n).count("\n⟦end") for n in range(len(cast.requests)))


@pytest.mark.parametrize("options", [{"external": "retry"}, {"retries": 4}, {"wait": -1}, {"turns": 0}, {"tools": 1}])
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Agent(Cast().model, recipe=RECIPE, options=options, store="never-made")


async def test_files_that_it_asks_to_see_are_shown_before_it_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    task = Task(goal="Is it wet?", workspace=str(place), edit=("other.txt",))
    (place / "notes.txt").write_text("The lake is dry.\n")
    cast = turns(reads("notes.txt"), done("no"))
    run = await run_of(cast, tmp_path, World(), task, sandbox=None)
    assert run.outcome is RunOutcome.answered and run.answer == "no"
    assert ["The lake is dry" in asked(request) for request in cast.requests] == [False, True]


async def test_who_only_wants_to_read_has_drafted_nothing_and_may_try_again(tmp_path: Path) -> None:
    cast = turns(reads("notes.txt"), done("no"))
    run = await run_of(cast, tmp_path, World())
    assert run.attempts[0].draft.problem == "it asked to read files again and drafted nothing"
    assert run.outcome is RunOutcome.answered and run.answer == "no"
