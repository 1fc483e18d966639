"""`Curator`: keeps the tree of critique templates, and lets it grow by the critiques that led to a right answer.

After Table-Critic (arXiv 2502.11799): a critique that helped joins the leaf by whose templates it was made, splits that
leaf, or begins a new branch. The tree lies in the store, so it grows from run to run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, MANY, Number, Said, Text, Word
from revet.agents.chat.sections import messages, section
from revet.agents.chat.show import cut, share
from revet.agents.chat.steps import steps_of
from revet.agents.memory.timely import within
from revet.agents.table.critic import route_of
from revet.agents.table.shown import HOME
from revet.agents.table.tree import MOST_DEPTH, MOST_NAME, OTHER, TEMPLATE, Tree, path_of
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Attempt, Finding, Note, Run, Verdict, digest
from revet.store import Corrections
from revet.store.corrections import alike
from revet.tools.base import View

__all__ = ["Curator", "SaidCuration", "placed"]

MOST_STEP, MOST_CLAIM = 300, 1_500
MOST_LEAF = 20
"""Templates of a leaf that can be split; in a larger one, what is new joins the rest."""
EACH = 8
"""Templates of each leaf that a run takes along: enough to choose its examples from."""


class SaidCuration(Said):
    """What becomes of a critique that helped."""

    reason: Text = Field(description="what sets it apart from the templates that are there, if anything does")
    action: Literal["keep", "split", "branch"]
    path: list[Word] = Field(
        description="branch: the new leaf, by names from the root; else empty", json_schema_extra=FEW
    )
    names: list[Word] = Field(description="split: the names of the new leaves; else empty", json_schema_extra=FEW)
    places: list[Number] = Field(
        description="split: for each template, the new one last, the number of its leaf among the names, from 0",
        json_schema_extra=MANY,
    )


class Curator:
    """A memory of templates, in `corrections`. With ``learns=False`` the tree is used and stays as it is.

    It learns from a run that ended well after `critic` had called a step wrong and then the answer right; the
    `examples` that this critic had been shown then count as used. A curation that cannot be used
    puts the template where its route led, or under "other error".
    """

    name = "curator"

    def __init__(
        self,
        model: LanguageModel,
        corrections: Corrections,
        *,
        critic: str = "table-critic",
        examples: int = 5,
        learns: bool = True,
        prompts: Prompts | Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.corrections, self.critic = model, corrections, critic
        self.examples, self.learns = examples, learns
        self.temperature, self.room = temperature, room or Room()
        self.prompts = prompts_of(prompts, HOME)

    async def recall(self, view: View) -> Sequence[Note]:
        """The tree: of each node the templates whose tasks read most like this one. Seeds come with `Tree`."""
        stored = await asyncio.to_thread(self.corrections.all, (TEMPLATE,))
        near = sorted(stored, key=lambda note: -alike(note.goal, view.task.goal))
        taken: dict[tuple[str, ...], int] = {}
        told = []
        for note in near:
            path = path_of(note)
            taken[path] = taken.get(path, 0) + 1
            if taken[path] <= EACH or note.id.startswith("seed-"):
                told.append(note)
        return told

    async def learn(self, view: View, run: Run) -> None:
        found = self._lesson(run) if self.learns else None
        if found is None:
            return
        note, route = found
        at_hand = Tree(view.notes)
        helped = at_hand.examples(at_hand.find(route), run.task.goal, self.examples)
        await asyncio.to_thread(self.corrections.used, [each.id for each in helped], run=run.id)
        if run.id in await asyncio.to_thread(self.corrections.runs, note.id):
            return
        stored = await asyncio.to_thread(self.corrections.all, (TEMPLATE,))
        tree = Tree(stored)
        path = tree.find(route)
        try:
            asked = ask_for(
                view, self.model, SaidCuration, lambda room: self._request(view, tree, path, note, room), self.room
            )
            said = await within(view, asked)
        except AnswerUnusable:
            said = SaidCuration(reason="", action="keep", path=[], names=[], places=[])
        *moved, new = placed(said, tree, path, note)
        await asyncio.to_thread(self._keep, moved, new, {each.id for each in stored}, run.id)

    def _keep(self, moved: Sequence[Note], new: Note, stored: set[str], run: str) -> None:
        """The new template comes last: whoever finds it need not do the rest again."""
        self.corrections.replace(note for note in moved if note.id in stored)
        self.corrections.add([note for note in moved if note.id not in stored], run=run)
        self.corrections.add([new], run=run)

    def _lesson(self, run: Run) -> tuple[Note, tuple[str, ...]] | None:
        """The last critique of a step before the answer was called right, as a template, and its route."""
        if not run.ok or run.best is None:
            return None
        if not any(c.critic == self.critic and c.verdict is Verdict.accept for c in run.best.critiques):
            return None
        for attempt in reversed(run.attempts):
            for critique in attempt.critiques:
                finding = next(iter(critique.findings), None)
                route = route_of(finding) if finding is not None and critique.critic == self.critic else None
                if finding is not None and route is not None:
                    return _template(run, attempt, finding), route
        return None

    def _request(self, view: View, tree: Tree, path: tuple[str, ...] | None, note: Note, room: Room) -> Request:
        here = tree.at(path)[:MOST_LEAF] if path is not None else ()
        shares = share([len(each.text) for each in here], room.part(0.4))
        told = [
            fence(cut(each.text, part), view.secret, f"template:{n}")
            for n, (each, part) in enumerate(zip(here, shares, strict=True), 1)
        ]
        user = self.prompts.fill(
            "table_curator",
            tree=section("Tree of errors", fence(cut(tree.outline(), room.part(0.2)), view.secret, "tree")),
            leaf=section("The leaf that led to it", fence(" / ".join(path), view.secret, "leaf") if path else ""),
            templates=section("Templates of this leaf", "\n".join(told)),
            new=section("The new template", fence(cut(note.text, room.part(0.2)), view.secret, "template:new")),
        )
        told_to = messages(self.prompts.fill("table_curator_system"), user)
        return Request(role="curator", messages=told_to, temperature=self.temperature)


def placed(said: SaidCuration, tree: Tree, path: tuple[str, ...] | None, note: Note) -> list[Note]:
    """The templates that get another place, and `note` at its place, last.

    What makes no sense of the tree (a split of what is no leaf, into one, or of templates that it does not place; a
    branch below a leaf, or that ends above one) keeps the tree as it is. A route that ends above leaves leads to the
    leaf "other error" there.
    """
    here = tree.at(path) if path is not None else ()
    if said.action == "split" and path in tree.leaves and path is not None and len(here) <= MOST_LEAF:
        names = [_name(name) for name in said.names]
        fits = len(said.places) == len(here) + 1 and all(place < len(names) for place in said.places)
        apart = fits and len({names[place].casefold() for place in said.places}) > 1
        if apart and all(names) and len(path) < MOST_DEPTH:
            every = zip([*here, note], said.places, strict=True)
            return [_moved(each, (*path, names[place])) for each, place in every]
    if said.action == "branch":
        branch = tuple(filter(None, (_name(name) for name in said.path)))
        below = any(branch[: len(leaf)] == leaf and branch != leaf for leaf in tree.leaves)
        if branch and len(branch) <= MOST_DEPTH and not below and not _inner(tree, branch):
            return [_moved(note, branch)]
    place = path or OTHER
    while _inner(tree, place):
        place = (*place, *OTHER)
    return [_moved(note, place)]


def _inner(tree: Tree, path: tuple[str, ...]) -> bool:
    return any(len(leaf) > len(path) and leaf[: len(path)] == path for leaf in tree.leaves)


def _moved(note: Note, path: Sequence[str]) -> Note:
    return note.model_copy(update={"data": {**note.data, "path": list(path)}})


def _name(said: str) -> str:
    return " ".join(said.replace("/", "-").replace("\0", "").split())[:MOST_NAME].strip()


def _template(run: Run, attempt: Attempt, finding: Finding) -> Note:
    """A critique as an example for others: the steps, what was wrong, and what to do instead."""
    steps = "\n".join(f"{n}. {cut(step, MOST_STEP)}" for n, step in enumerate(steps_of(attempt.draft)))
    instead = f"\nInstead: {cut(finding.suggestion, MOST_CLAIM)}" if finding.suggestion else ""
    text = f"Steps:\n{steps}\nCritique: {cut(finding.claim, MOST_CLAIM)}{instead}"
    id = "n-" + digest(TEMPLATE, run.task.goal, text, length=16)
    return Note(id=id, kind=TEMPLATE, text=text, goal=run.task.goal, run=run.id)
