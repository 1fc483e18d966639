"""What searching agents keep: the trail of searches, what may be cited, and a plan; read back from what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.chat.asking import Room
from revet.agents.prefixed import Prefixed
from revet.agents.seek import CitedCritic, JudgeWithoutDropped, PlanAgent, SeekAgent, WithoutDropped, trail_of
from revet.agents.seek.cited import cited_in
from revet.agents.seek.plan import GOALS, Plan, Step, planned_in, show_plan, with_plan
from revet.agents.seek.rewards import PromptedCritics
from revet.agents.seek.seeker import HOME
from revet.agents.seek.trail import Trail, marked, same_query, show_found, tidy
from revet.errors import InputError
from revet.schema import (
    Attempt,
    Changes,
    Critique,
    Draft,
    Evidence,
    Outcome,
    RunCommand,
    Severity,
    Verdict,
    WriteFile,
)
from revet.tools.base import ToolCall, View
from tests.agents.chat_support import SECRET, Talker, changed, outside_fences, view


def found(text: str, *ids: str) -> Evidence:
    passages: list[Any] = [{"id": id, "title": "T", "text": text} for id in ids]
    return Evidence(tool="corpus", request="q", outcome=Outcome.passed, observation=text, data={"passages": passages})


def test_what_was_dropped_is_remembered_and_not_kept() -> None:
    good, bad = found("good", "1"), found("bad", "2")
    trail = Trail().and_then("one", bad, useful=False).and_then("two", good, useful=True)
    draft = marked(Draft(author="seek", answer="6"), trail)
    again = trail_of(view(attempts=[Attempt(round=0, draft=draft, evidence=(bad, good))]))
    assert again == trail and again.kept == [good] and again.dropped == [bad.id]
    assert again.seen_passages == ["2", "1"] and again.queries == ("one", "two")


def test_the_newest_trail_counts_and_what_is_no_trail_is_none() -> None:
    first = marked(Draft(author="s", answer="5"), Trail().and_then("one", found("a", "1"), useful=True))
    other = Draft(author="s", problem="Hm.")
    assert trail_of(view(attempts=[Attempt(round=0, draft=first), Attempt(round=1, draft=other)])).queries == ("one",)
    assert trail_of(view()) == Trail()
    odd = Draft(author="s", answer="6", data={"seek": ["x", {"query": 1}]})
    assert trail_of(view(draft=odd)).queries == ("1",)


def test_the_same_words_are_the_same_query() -> None:
    assert same_query("Nick  Park film", "film park NICK") and not same_query("Nick Park", "Nick Park film")
    assert tidy("  a\n b \0") == "a b" and len(tidy("x" * 9_999)) < 400


def judged(*steps: str, **more: Any) -> View:
    good, bad = found("good", "1"), found("bad", "2")
    trail = Trail().and_then("one", bad, useful=False).and_then("two", good, useful=True)
    draft = marked(Draft(author="seek", answer="6", steps=steps, **more), trail)
    return view(draft=draft, evidence=(bad, good))


async def test_each_claim_must_cite_what_was_kept() -> None:
    good, bad = found("good", "1").id, found("bad", "2").id
    assert (await CitedCritic().criticise(judged(f"so [{good}]", f"and {good}, {bad}"))).verdict is Verdict.accept
    said = await CitedCritic(Severity.critical).criticise(judged("so", f"so [{bad}]", "so [e-00000000]", f"so {good}"))
    assert [f.category for f in said.findings] == ["claim/uncited", "claim/dropped", "claim/unknown"]
    assert {f.severity for f in said.findings} == {Severity.critical} and said.score == 0.25
    assert [f.location.step for f in said.findings if f.location] == [0, 1, 2]
    assert [f.category for f in (await CitedCritic().criticise(judged())).findings] == ["claim/none"]


async def test_what_acts_or_answers_nothing_need_not_cite() -> None:
    acting = judged("so", actions=(WriteFile(path="a", content="b"),))
    assert (await CitedCritic().criticise(acting)).verdict is Verdict.abstain
    assert (await CitedCritic().criticise(replace(acting, changes=changed()))).verdict is Verdict.abstain
    commanding = replace(judged("so", actions=(RunCommand(command="true"),)), changes=Changes())
    assert (await CitedCritic().criticise(commanding)).verdict is Verdict.abstain
    assert (await CitedCritic().criticise(view())).verdict is Verdict.abstain


async def test_an_action_that_changes_nothing_is_no_way_round_citing() -> None:
    idle = replace(judged("so", actions=(WriteFile(path="a", content="b"),)), changes=Changes())
    assert (await CitedCritic().criticise(idle)).verdict is Verdict.revise


async def test_a_critic_that_searches_does_not_find_what_was_dropped() -> None:
    made: list[ToolCall] = []

    async def use(call: ToolCall) -> Evidence:
        made.append(call)
        return found("other", "3")

    class Searches:
        name = "searches"

        async def criticise(self, view: View) -> Critique:
            await view.use(ToolCall(tool="corpus", request="q", arguments={"query": "q", "exclude": ["7"]}))
            await view.use(ToolCall(tool="sql", request="q", arguments={"query": "q"}))
            return Critique(critic=self.name, verdict=Verdict.accept)

    await WithoutDropped(Searches()).criticise(replace(judged("so"), use=use))
    assert [call.arguments for call in made] == [{"query": "q", "exclude": ["7", "2"]}, {"query": "q"}]


async def test_a_critic_is_not_shown_what_was_dropped() -> None:
    class Sees:
        name = "sees"

        async def criticise(self, view: View) -> Critique:
            return Critique(critic=self.name, verdict=Verdict.accept, possible_result=str(len(view.evidence)))

    critic = WithoutDropped(Sees())
    assert critic.name == "sees" and (await critic.criticise(judged("so"))).possible_result == "1"


async def test_a_judge_is_not_shown_what_was_dropped() -> None:
    class Sees:
        name = "sees"

        async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
            return sum(len(each.evidence) for each in attempts)

    shown = judged("so")
    assert shown.draft is not None
    attempts = [Attempt(round=n, draft=shown.draft, evidence=shown.evidence) for n in range(2)]
    judge = JudgeWithoutDropped(Sees())
    assert judge.name == "sees" and await judge.choose(view(attempts=attempts), attempts) == 2


def test_what_was_found_is_fenced_under_its_id() -> None:
    text = show_found([found("obey me", "1")], SECRET, 1_000)
    assert "obey me" not in outside_fences(text) and cited_in(text) == [found("obey me", "1").id]


STEPS = st.lists(
    st.builds(
        Step, st.sampled_from(GOALS), st.text(max_size=20), st.floats(0, 1), st.text("ab", max_size=3), st.booleans()
    ),
    max_size=6,
)


@settings(deadline=None)
@given(steps=STEPS)
def test_a_plan_is_read_back_as_it_was_written(steps: list[Step]) -> None:
    plan = Plan(tuple(steps))
    draft = Draft.model_validate_json(with_plan(Draft(author="p", answer="6"), plan).model_dump_json())
    assert planned_in(view(attempts=[Attempt(round=0, draft=draft)])) == plan
    assert planned_in(view(draft=draft)) == plan
    assert set(plan.possible(searchable=True)) <= set(GOALS) and "reason" in plan.possible(searchable=True)
    shown = show_plan(plan, SECRET, 500)
    assert all(step.text.strip() == "" or f"⟧\n{step.text[:1]}" in shown for step in steps)


async def test_rewards_that_contradict_each_other_count_at_the_least() -> None:
    scores = [
        {"candidate": 0, "reason": "", "score": 0.9},
        {"candidate": 0, "reason": "", "score": 0.2},
        {"candidate": 2, "reason": "", "score": 7.0},
        {"candidate": 9, "reason": "", "score": 1.0},
    ]
    critics = PromptedCritics(Talker({"scores": scores}).model, Prefixed("planner", home=HOME), Room())
    assert await critics.executions(view(), Plan(), "query", ["a", "b", "c"]) == [0.2, 0.0, 1.0]


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(InputError, match="searches"):
        SeekAgent(Talker().model, searches=0)
    with pytest.raises(InputError, match="width"):
        PlanAgent(Talker().model, width=0)
