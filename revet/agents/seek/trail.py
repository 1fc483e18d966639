"""What was searched for in a run, what was found, and what of it is of use: kept in ``Draft.data``, so it is resumed.

What a search found stays in the record of the run whether it is of use or not. What was dropped is never shown again:
neither by the one who searches, nor by a later search, nor to whoever criticises or writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from revet.agents.base import Critic, Judge
from revet.agents.chat.critic import plain
from revet.agents.chat.fence import fence
from revet.agents.chat.show import cut, share
from revet.errors import InputError
from revet.schema import Attempt, Critique, Draft, Evidence, Outcome
from revet.tools.base import ToolCall, View

__all__ = [
    "SEEK",
    "JudgeWithoutDropped",
    "Look",
    "Trail",
    "WithoutDropped",
    "look_for",
    "marked",
    "passages_of",
    "show_found",
    "tidy",
    "trail_of",
]

SEEK = "seek"
"""In ``Draft.data``: the searches so far, in order."""
MOST_QUERY = 300


@dataclass(frozen=True)
class Look:
    """One search: what was asked, the id of the evidence of what was found, and whether that is of use."""

    query: str
    evidence: str
    useful: bool

    def told(self) -> dict[str, JsonValue]:
        return {"query": self.query, "evidence": self.evidence, "useful": self.useful}


@dataclass(frozen=True)
class Trail:
    """All searches of the run. `known` is the evidence by its id, as far as it is at hand."""

    looks: tuple[Look, ...] = ()
    known: tuple[Evidence, ...] = ()

    def asked(self, query: str) -> bool:
        """Whether this was asked before, whatever the case, spaces and order of words."""
        return any(same_query(query, other) for other in self.queries)

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(look.query for look in self.looks)

    def and_then(self, query: str, found: Evidence, *, useful: bool) -> Trail:
        return Trail((*self.looks, Look(query, found.id, useful)), (*self.known, found))

    @property
    def kept(self) -> list[Evidence]:
        """What is of use, in order. What was found useful once stays so."""
        wanted = {look.evidence for look in self.looks if look.useful}
        return [e for e in {e.id: e for e in self.known}.values() if e.id in wanted]

    @property
    def dropped(self) -> list[str]:
        """The ids of the evidence that is of no use."""
        kept = {look.evidence for look in self.looks if look.useful}
        return list(dict.fromkeys(look.evidence for look in self.looks if look.evidence not in kept))

    @property
    def seen_passages(self) -> list[str]:
        """The ids of all passages that were found: no later search needs to find them again."""
        ids = (str(passage.get("id", "")) for e in self.known for passage in passages_of(e))
        return list(dict.fromkeys(id for id in ids if id))


def trail_of(view: View) -> Trail:
    """The searches of the attempts so far; of a draft under examination, its own too."""
    drafts = [a.draft for a in view.attempts] + ([view.draft] if view.draft is not None else [])
    told = next((d.data[SEEK] for d in reversed(drafts) if isinstance(d.data.get(SEEK), list)), [])
    looks = tuple(_look(each) for each in told if isinstance(each, dict)) if isinstance(told, list) else ()
    known = {e.id: e for e in (*_recorded(view.attempts), *view.evidence)}
    ids = {look.evidence for look in looks}
    return Trail(looks, tuple(e for id, e in known.items() if id in ids))


def marked(draft: Draft, trail: Trail) -> Draft:
    """`draft`, which remembers the searches."""
    return draft.model_copy(update={"data": {**draft.data, SEEK: [look.told() for look in trail.looks]}})


async def look_for(view: View, tool: str, query: str, trail: Trail) -> Evidence:
    """What the search `tool` finds that was not found before. It is evidence of this round, whatever becomes of it.

    The tool takes `query` and `exclude` (ids of passages), and gives ``data["passages"]`` with `id`, `title` and
    `text`, as `CorpusSearch` and `WebSearch` do.
    """
    if tool not in view.tools:
        raise InputError(
            f"this method searches with the tool {tool!r}, and this run has none of that name",
            hint=f"give the agent tools=[…] with one that is named {tool!r}, or leave the tools to the recipe",
        )
    arguments: dict[str, JsonValue] = {"query": query, "exclude": list(trail.seen_passages)}
    return await view.use(ToolCall(tool=tool, request=query, arguments=arguments))


def passages_of(evidence: Evidence) -> list[dict[str, JsonValue]]:
    """The passages that a search found; none where it found nothing."""
    found = evidence.data.get("passages")
    if evidence.outcome is not Outcome.passed or not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, dict)]


def show_found(evidence: Sequence[Evidence], secret: str, most: int) -> str:
    """What was found, each fenced under the id to cite, in about `most` characters."""
    shares = share([len(e.observation) for e in evidence], most)
    return "\n\n".join(fence(cut(e.observation, part), secret, e.id) for e, part in zip(evidence, shares, strict=True))


def same_query(one: str, other: str) -> bool:
    """Whether two queries ask for the same words, whatever their case and order."""
    return _words(one) == _words(other)


def tidy(query: str) -> str:
    """A query on one line, of bounded length."""
    return " ".join(plain(query, MOST_QUERY).split())


class WithoutDropped:
    """A critic that is not shown what was dropped, and does not find it by a search of its own."""

    def __init__(self, critic: Critic) -> None:
        self.critic, self.name = critic, critic.name

    async def criticise(self, view: View) -> Critique:
        trail = trail_of(view)
        dropped = set(trail.dropped)
        left = [e for e in trail.known if e.id in dropped]
        kept = tuple(e for e in view.evidence if e.id not in dropped)
        return await self.critic.criticise(replace(_excluding(view, left), evidence=kept))


class JudgeWithoutDropped:
    """A judge that is not shown what was dropped."""

    def __init__(self, judge: Judge) -> None:
        self.judge, self.name = judge, judge.name

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        return await self.judge.choose(view, [_without_dropped(attempt, view) for attempt in attempts])


def _without_dropped(attempt: Attempt, view: View) -> Attempt:
    dropped = set(trail_of(replace(view, draft=attempt.draft)).dropped)
    return attempt.model_copy(update={"evidence": tuple(e for e in attempt.evidence if e.id not in dropped)})


def _excluding(view: View, left: Sequence[Evidence]) -> View:
    """The view, whose searches leave out the passages of what was `left`."""
    passages: list[JsonValue] = [id for e in left for p in passages_of(e) if (id := p.get("id"))]
    tools = {e.tool for e in left}

    async def use(call: ToolCall) -> Evidence:
        if call.tool not in tools:
            return await view.use(call)
        known = call.arguments.get("exclude")
        exclude: list[JsonValue] = [*(known if isinstance(known, list) else []), *passages]
        return await view.use(call.model_copy(update={"arguments": {**call.arguments, "exclude": exclude}}))

    return replace(view, use=use)


def _recorded(attempts: Sequence[Attempt]) -> list[Evidence]:
    return [e for a in attempts for e in a.evidence]


def _look(told: dict[str, JsonValue]) -> Look:
    return Look(str(told.get("query", "")), str(told.get("evidence", "")), told.get("useful") is True)


def _words(query: str) -> frozenset[str]:
    return frozenset(query.casefold().split())
