"""The critic of steps on a screen: its order, what it is shown, and what it makes of any answer."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.gui import GuiCritic, GuiSituation, parse_decision, shown
from revet.agents.gui.reading import SaidStepCritique, read_tags
from revet.models import Finish, Image, Reply
from revet.models.answers import schema_of
from revet.schema import Draft, Gui, Severity, Task, Verdict, WriteFile
from tests.agents.chat_support import Talker, outside_fences, seen, view

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
TAP = Gui(operation="click", target="[472, 1219]")
PLACE = GuiSituation(
    instruction="Buy milk", history=("Open the shop",), screen="button Pay", screenshot=Image(data=PIXEL)
)


def said(score: str = "Incorrect", **fields: Any) -> dict[str, Any]:
    known = {"observation": "the cart is shown", "possible_result": "it is paid", "critique": "the address is missing"}
    return {**known, "score": score, "suggestion": "Tap 'Address'.", **fields}


def test_the_answer_has_the_published_order() -> None:
    properties = schema_of(SaidStepCritique)["properties"]
    assert list(properties) == ["observation", "possible_result", "critique", "score", "suggestion"]


async def test_an_incorrect_step_is_a_finding_with_the_suggestion() -> None:
    talker = Talker(said())
    critique = await GuiCritic(talker.model).judge(PLACE, TAP)
    assert critique.verdict is Verdict.revise and critique.score == 0
    assert critique.possible_result == "predicted by talker: it is paid (seen: the cart is shown)"
    (finding,) = critique.findings
    assert (finding.claim, finding.suggestion) == ("the address is missing", "Tap 'Address'.")
    assert finding.severity is Severity.major and finding.category == "gui/incorrect-step" and finding.opinion


async def test_a_correct_step_is_accepted_without_findings() -> None:
    critique = await GuiCritic(Talker(said("Correct")).model).judge(PLACE, TAP)
    assert (critique.verdict, critique.findings, critique.score) == (Verdict.accept, (), 1.0)


async def test_it_is_shown_task_history_screen_and_step_all_fenced_and_the_picture_if_it_sees() -> None:
    talker = Talker(said())
    await GuiCritic(talker.model, images=True).judge(PLACE, TAP)
    await GuiCritic(talker.model, images=False).judge(PLACE.model_copy(update={"screen": ""}), TAP)
    first, second = talker.requests
    prompt = first.messages[-1]
    for part in ("Buy milk", "1. Open the shop", "button Pay", "click [472, 1219]"):
        assert part in prompt.text and part not in outside_fences(prompt.text)
    assert prompt.images == (PLACE.screenshot,) and "The picture shows" in prompt.text
    assert second.messages[-1].images == () and "You are not shown the screen" in second.messages[-1].text


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "it looks fine",
        "{}",
        json.dumps(said("Perhaps")),
        json.dumps(said())[:60],
        Reply(text="no", finish=Finish.refusal),
        '{"score": "Correct"}{"score": "Incorrect"}',
        "<score>Correct</score> or <score>Incorrect</score>",
    ],
)
async def test_what_is_no_answer_is_an_abstention(answer: Any) -> None:
    critique = await GuiCritic(Talker(answer).model).judge(PLACE, TAP)
    assert critique.verdict is Verdict.abstain and "could not be used" in critique.possible_result


async def test_a_verdict_without_a_reason_and_one_that_was_cut_short_are_none() -> None:
    for answer in (said("Correct", critique=" "), Reply(text=json.dumps(said("Correct")), finish=Finish.length)):
        critique = await GuiCritic(Talker(answer).model).judge(PLACE, TAP)
        assert critique.verdict is Verdict.abstain


PUBLISHED = """<thought>
**Observation:** the cart is shown
**Possible Result:** it is paid
**Critique:** the address is missing
</thought>
<score>
Incorrect
</score>
<suggestion>Tap 'Address'.</suggestion>"""


@pytest.mark.parametrize("form", ["tags", "json"])
async def test_the_published_model_answers_in_its_tags_whatever_it_is_asked_for(form: Any) -> None:
    talker = Talker(PUBLISHED)
    critique = await GuiCritic(talker.model, form=form).judge(PLACE, TAP)
    assert critique == await GuiCritic(Talker(said()).model).judge(PLACE, TAP)
    assert ("<thought>" in talker.requests[0].messages[0].text) is (form == "tags")


@pytest.mark.parametrize(
    ("text", "score", "critique"),
    [
        ("<score>Correct</score>", "Correct", ""),
        ("<thought>all well</thought><score>correct.</score>", "Correct", "all well"),
        ("Observation: a\nPossible Results: b\nCritique: c\n<score>**Incorrect**<suggestion>d", "Incorrect", "c"),
        ("[Observation] a [Possible Result]\nb\n[Critique]\nc\n<score> The answer is Correct </score>", None, ""),
        ("<score>Correct</score><score>Correct</score>", "Correct", ""),
        ("<score>not Correct</score>", None, ""),
        ("Correct", None, ""),
        ("<score></score>", None, ""),
    ],
)
def test_tags_are_read_where_one_verdict_stands_in_them(text: str, score: str | None, critique: str) -> None:
    read = read_tags(text)
    assert (read.score if read else None) == score
    if read is not None:
        assert read.critique == critique


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*PUBLISHED.split(), "<score>", "Correct"]), max_size=30).map(" ".join)
)
@settings(deadline=None, max_examples=200)
def test_no_text_is_read_as_correct_without_saying_so(text: str) -> None:
    read = read_tags(text)
    assert read is None or read.score.lower() in text.lower()


async def test_in_the_loop_it_judges_the_steps_of_the_draft_in_order() -> None:
    talker = Talker(said("Correct"), said())
    draft = Draft(author="a", actions=(WriteFile(path="a", content="x"), TAP, Gui(operation="type", text="milk")))
    task = Task(
        goal="Buy milk", inputs={"history": ["Open"], "screen": "s", "screenshot": f"data:image/png;base64,{PIXEL}"}
    )
    critique = await GuiCritic(talker.model, images=True).criticise(view(task=task, draft=draft))
    assert critique.verdict is Verdict.revise and critique.findings[0].location is not None
    assert critique.findings[0].location.action == 2
    assert "2. click [472, 1219]" in talker.prompts[1] and "2. click" not in talker.prompts[0]
    assert talker.requests[0].messages[-1].images == (Image(mime="image/png", data=PIXEL),)


async def test_it_abstains_from_what_has_no_step_and_takes_the_newest_picture() -> None:
    talker = Talker(said())
    critic = GuiCritic(talker.model, images=True)
    for draft in (None, Draft(author="a", answer="42")):
        assert (await critic.criticise(view(draft=draft))).verdict is Verdict.abstain
    assert not talker.requests
    evidence = (
        seen("old", artefacts=("data:image/png;base64,AAAA",)),
        seen("new", artefacts=("data:image/png;base64,BBBB",)),
    )
    await critic.criticise(view(draft=Draft(author="a", actions=(TAP,)), evidence=evidence))
    assert talker.requests[0].messages[-1].images[0].data == "BBBB"


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Action: {'action': 'click', 'coordinate': [1339, 175]}", Gui(operation="click", target="[1339, 175]")),
        (
            "Action: {'action': 'swipe', 'coordinate': [1, 2], 'coordinate2': [3, 4]}",
            Gui(operation="swipe", target="[1, 2] to [3, 4]"),
        ),
        (
            'Action: {"name": "computer_use", "arguments": {"action": "type", "text": "a"}}',
            Gui(operation="type", text="a"),
        ),
        ("{'action': 'terminate', 'status': 'success'}", Gui(operation="terminate", target="success")),
        ("tap the star", Gui(operation="tap the star")),
        ("", Gui(operation="nothing")),
        ("{'action': 3}", Gui(operation="{'action': 3}")),
    ],
)
def test_decisions_are_read_as_the_data_sets_write_them(text: str, step: Gui) -> None:
    assert parse_decision(text) == step and shown(step)


@given(st.text(max_size=100) | st.sampled_from(["{" * 500, "[" * 5000, "Action: {'a': " * 90]))
@settings(deadline=None, max_examples=150)
def test_any_text_is_a_decision(text: str) -> None:
    assert parse_decision(text).operation
