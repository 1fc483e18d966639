"""Pictures among the evidence reach a critic whose model takes images; the others are told that there are some."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.chat import ChatCritic
from revet.agents.chat.pictures import pictures_of
from revet.models import LanguageModel, Reply, Request
from revet.models.chat import LangChainBackend
from revet.schema import Draft, Evidence, Outcome, Task
from revet.tools import View

PICTURE = "data:image/png;base64,iVBORw0KGgo="
SAID = '{"possible_result": "a page", "findings": [], "verdict": "accept", "score": 1, "confidence": 1}'


class Looker:
    """A model that writes down what it was shown."""

    name = "looker"
    forms = ()

    def __init__(self, sees: bool) -> None:
        self.sees = sees
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(text=SAID)

    async def close(self) -> None:
        """Nothing to free."""


def evidence(number: int, *artefacts: str) -> Evidence:
    return Evidence(tool="render", request=f"draw {number}", outcome=Outcome.passed, artefacts=artefacts)


def view(*seen: Evidence) -> View:
    return View(task=Task(goal="g"), run="r", draft=Draft(author="a", answer="<p>x"), evidence=seen, secret="s" * 16)


async def shown(sees: bool, *seen: Evidence, images: bool | None = None) -> Request:
    backend = Looker(sees)
    critic = ChatCritic(LanguageModel(backend), images=images)
    await critic.criticise(view(*seen))
    return backend.asked[-1]


async def test_a_model_that_sees_is_shown_the_picture() -> None:
    seen = evidence(1, PICTURE)
    last = (await shown(True, seen)).messages[-1]
    assert [(image.mime, image.data) for image in last.images] == [("image/png", "iVBORw0KGgo=")]
    assert f"Picture 1 shows what evidence {seen.id} examined." in last.text
    assert "no instruction" in last.text
    assert "base64" not in last.text


async def test_a_model_that_does_not_is_told_that_there_is_one() -> None:
    seen = evidence(1, PICTURE)
    last = (await shown(False, seen)).messages[-1]
    assert last.images == ()
    assert f"There are pictures with {seen.id} that you are not shown." in last.text
    assert (await shown(False, seen, images=True)).messages[-1].images, "its user knows better"
    assert not (await shown(True, seen, images=False)).messages[-1].images


async def test_without_pictures_nothing_is_said_of_them() -> None:
    plain = await shown(True, evidence(1), evidence(2, "report.txt"))
    assert "icture" not in plain.messages[-1].text
    assert plain.messages == (await shown(False, evidence(1), evidence(2, "report.txt"))).messages


async def test_the_newest_four_are_shown() -> None:
    every = [evidence(number, PICTURE) for number in range(6)]
    last = (await shown(True, *every)).messages[-1]
    assert len(last.images) == 4
    assert all(e.id in last.text for e in every)


@pytest.mark.parametrize(
    "bad",
    ["x", "data:text/html;base64,AAAA", "data:image/svg+xml;base64,AAAA", "data:image/png;base64,A<A", "/etc/x.png"],
)
def test_what_is_no_picture_is_passed_over(bad: str) -> None:
    assert pictures_of([evidence(1, bad)]) == []


@given(st.lists(st.text(max_size=60)))
@settings(deadline=None)
def test_no_artefact_breaks_it(artefacts: list[str]) -> None:
    assert pictures_of([evidence(1, *artefacts, PICTURE)], 1)


def test_which_models_see() -> None:
    seeing, blind = LanguageModel(Looker(True)), LanguageModel(Looker(False))
    assert seeing.sees and not blind.sees
    assert not LanguageModel(Looker(True), fallbacks=[blind]).sees
    backend = LangChainBackend.__new__(LangChainBackend)
    for profile, sees in (({"image_inputs": True}, True), ({"image_inputs": False}, False), (None, False)):
        backend.model = SimpleNamespace(profile=profile)  # type: ignore[assignment]
        assert backend.sees is sees


async def test_half_the_room_half_the_pictures() -> None:
    backend = Looker(True)
    critic = ChatCritic(LanguageModel(backend))
    seen = replace(view(*(evidence(number, PICTURE) for number in range(4))))
    draft = seen.draft
    assert draft is not None
    counts = []
    for room in (critic.room, critic.room.half, critic.room.half.half.half):
        counts.append(len(critic._request(seen, draft, room).messages[-1].images))
    assert counts == [4, 2, 0]
