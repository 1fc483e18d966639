"""Which of several drafts: by votes, by weighted votes, by a judge's tournament, by the best score.

Drafts vote for what they come to (`key_of`): two that do the same are one answer, however they are written. Every tie
is broken in the same way each time: by the evidence (`revet.policy.standing`), then by who came first.
"""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from revet.agents.base import Choice, Judge
from revet.policy import standing
from revet.schema import Attempt, Check, Outcome, digest
from revet.tools.alike import Alike
from revet.tools.base import View

__all__ = [
    "Group",
    "Weigh",
    "agreement",
    "best_score",
    "grouped",
    "key_of",
    "normalised",
    "pairings",
    "tournament",
    "vote",
    "weighted_vote",
]

Weigh = Callable[[Attempt], float]
"""What a vote counts: 0 or more, 1 for an ordinary one."""

NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[-+]?\d{1,3})?")
RATIO = re.compile(r"([-+]?\d{1,30})/(\d{1,30})")
AROUND = "\"'`*_“”‘’«» "
BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
LONGEST = 400


class Group(NamedTuple):
    """Those that gave one answer, by their places, and what their votes come to."""

    key: str
    members: tuple[int, ...]
    weight: float


def normalised(answer: str) -> str:
    """An answer for comparing: numbers by their value ("1,000.0" and "$1000" and "2000/2" are one), all else without
    case, markup and superfluous space."""
    boxed = BOXED.findall(answer)
    text = unicodedata.normalize("NFKC", boxed[-1] if boxed else answer).casefold()
    text = " ".join(unicodedata.normalize("NFKC", text).replace("−", "-").split())
    text = text.lstrip(AROUND).rstrip(AROUND + ".")
    bare = text.removeprefix("$").strip()
    value = _value(bare) if len(bare) < LONGEST else None
    return text if value is None else f"={value}"


def _value(text: str) -> Fraction | None:
    ratio = RATIO.fullmatch(text)
    if ratio is not None:
        return Fraction(int(ratio[1]), int(ratio[2])) if int(ratio[2]) else None
    if not NUMBER.fullmatch(text) or not any(c.isdigit() for c in text.partition("e")[0]):
        return None
    return Fraction(text.replace(",", ""))


def key_of(attempt: Attempt) -> str:
    """What the attempt comes to: equal for drafts that give one answer.

    What it writes does on generated inputs, where `Alike` saw that; else the difference that it makes; else its answer,
    as computed or as said. A draft that has none of these is like itself alone.
    """
    state = attempt.changes.fingerprint if attempt.changes else None
    seen = [e for e in attempt.evidence if e.tool == Alike.name and e.outcome is Outcome.passed and e.changes == state]
    computed = any(e.data.get("answer") is not None for e in attempt.evidence)
    if seen and not computed and _covered(attempt, {str(e.data.get("path")) for e in seen}):
        return "does " + digest(sorted(f"{e.data.get('function')} {e.data.get('signature')}" for e in seen))
    said = normalised(attempt.answer) if attempt.answer is not None else ""
    if state is not None:
        return f"makes {state} {said}".rstrip()
    return f"says {said}" if said else f"is {attempt.draft.id}"


def _covered(attempt: Attempt, paths: set[str]) -> bool:
    """Whether all that the draft changes is in the files whose functions were looked at."""
    changes = attempt.changes
    if not changes:
        return True
    return not (changes.tables or changes.calls or changes.folders) and {f.path for f in changes.files} <= paths


def grouped(attempts: Sequence[Attempt], required: Sequence[Check] = (), weigh: Weigh | None = None) -> list[Group]:
    """The answers that were given, the heaviest first; of equally heavy ones, the one whose best draft stands best."""
    places: dict[str, list[int]] = {}
    for place, attempt in enumerate(attempts):
        places.setdefault(key_of(attempt), []).append(place)

    def group(key: str, members: list[int]) -> Group:
        return Group(key, tuple(members), math.fsum(1.0 if weigh is None else weigh(attempts[n]) for n in members))

    def order(each: Group) -> tuple[float, tuple[float, ...], int]:
        best = max(standing(attempts[n], required) for n in each.members)
        return (-each.weight, tuple(-merit for merit in best), each.members[0])

    return sorted((group(key, members) for key, members in places.items()), key=order)


def vote(attempts: Sequence[Attempt], required: Sequence[Check] = (), *, least: float = 0.0) -> Choice:
    """The answer that most drafts give. See `weighted_vote`."""
    return weighted_vote(attempts, None, required, least=least)


def weighted_vote(
    attempts: Sequence[Attempt], weigh: Weigh | None, required: Sequence[Check] = (), *, least: float = 0.0
) -> Choice:
    """The answer with most votes, and of those that give it the draft that stands best.

    Nothing is chosen if its share of all votes is below `least`, or nobody's vote counts.
    """
    groups = grouped(attempts, required, weigh)
    total = math.fsum(group.weight for group in groups)
    if not groups or total <= 0:
        return Choice(None, ("no draft's vote counts",))
    leader = groups[0]
    share = leader.weight / total
    answers = f"{len(groups)} different answers" if len(groups) > 1 else "1 answer"
    told = f"{_votes(leader.weight)} of {_votes(total)} votes ({share:.0%}), {answers}"
    if share < least:
        return Choice(None, (f"no answer has {least:.0%} of the votes: the first has {told}",))
    return Choice(_best_of(attempts, leader.members, required), (f"the majority: {told}",))


def best_score(attempts: Sequence[Attempt], required: Sequence[Check] = ()) -> Choice:
    """The draft with the strongest evidence, then the highest score; the earliest of equals."""
    if not attempts:
        return Choice(None, ("there is no draft",))
    best = _best_of(attempts, range(len(attempts)), required)
    return Choice(best, (f"the best of {len(attempts)} by evidence and score",))


def agreement(attempts: Sequence[Attempt]) -> float:
    """How far they agree: the posterior mean of the most frequent answer's share, (k + 1) / (n + 2). A half of none."""
    most = max((len(group.members) for group in grouped(attempts)), default=0)
    return (most + 1) / (len(attempts) + 2)


async def tournament(
    view: View,
    judge: Judge,
    attempts: Sequence[Attempt],
    required: Sequence[Check] = (),
    *,
    form: Literal["knockout", "swiss"] = "knockout",
) -> Choice:
    """The winner of matches that `judge` decides, of one draft for each answer that was given.

    ``knockout``: who loses is out; the draft that stands better goes on where the judge cannot tell. ``swiss``: nobody
    is out, those with equally many points meet, and ⌈log2 n⌉ rounds are played; a draw gives half a point, and of
    equal points those count more that were won against the stronger (Buchholz). The matches of a round are judged at
    the same time. n drafts take n − 1 matches in a knockout, and n/2 a round in the other.
    """
    seeds = [_best_of(attempts, group.members, required) for group in grouped(attempts, required)]
    seeds.sort(key=lambda n: (tuple(-merit for merit in standing(attempts[n], required)), n))
    if len(seeds) < 2:
        return Choice(seeds[0] if seeds else None, ("there is nobody to compare it with",))

    async def play(number: int, pairs: Sequence[tuple[int, int]]) -> list[int | None]:
        """Who won each match, None for a draw."""
        views = [view.fork(f"match {number}.{place}") for place in range(len(pairs))]
        said = await asyncio.gather(
            *(judge.choose(own, [attempts[n] for n in pair]) for own, pair in zip(views, pairs, strict=True)),
            return_exceptions=True,
        )
        for each in said:
            if isinstance(each, BaseException):
                raise each
        return [pair[each] if isinstance(each, int) else None for pair, each in zip(pairs, said, strict=True)]

    if form == "knockout":
        winner, played = await _knockout(seeds, play)
    else:
        winner, played = await _swiss(seeds, play)
    return Choice(winner, (f"it won a {form} of {len(seeds)} different drafts, {played} matches",))


Play = Callable[[int, Sequence[tuple[int, int]]], Awaitable[list[int | None]]]
"""Plays the matches of a round."""


async def _knockout(seeds: Sequence[int], play: Play) -> tuple[int, int]:
    left, number, played = [*seeds], 0, 0
    while len(left) > 1:
        # The best meets the last of them; with an odd number the best has a bye.
        byes = left[: len(left) % 2]
        rest = left[len(byes) :]
        pairs = [(rest[n], rest[-1 - n]) for n in range(len(rest) // 2)]
        won = await play(number, pairs)
        through = [pair[0] if winner is None else winner for pair, winner in zip(pairs, won, strict=True)]
        left = sorted([*byes, *through], key=seeds.index)
        number, played = number + 1, played + len(pairs)
    return left[0], played


async def _swiss(seeds: Sequence[int], play: Play) -> tuple[int, int]:
    points = dict.fromkeys(seeds, 0.0)
    met: dict[int, list[int]] = {n: [] for n in seeds}
    played = 0
    for number in range(math.ceil(math.log2(len(seeds)))):
        ranked = sorted(seeds, key=lambda n: (-points[n], seeds.index(n)))
        pairs, bye = pairings(ranked, met)
        won = await play(number, pairs)
        for pair, winner in zip(pairs, won, strict=True):
            for one, other in (pair, pair[::-1]):
                met[one].append(other)
                points[one] += 0.5 if winner is None else float(winner == one)
        if bye is not None:
            points[bye] += 1.0
            met[bye].append(bye)
        played += len(pairs)
    strength = {n: math.fsum(points[other] for other in met[n] if other != n) for n in seeds}
    return min(seeds, key=lambda n: (-points[n], -strength[n], seeds.index(n))), played


def pairings(ranked: Sequence[int], met: Mapping[int, Sequence[int]]) -> tuple[list[tuple[int, int]], int | None]:
    """The matches of a Swiss round, neighbours by rank who have not met before if that can be, and who sits out.

    The last who has not sat out yet does where the number is odd: to sit out is to have met oneself.
    """
    waiting, bye = [*ranked], None
    if len(waiting) % 2:
        bye = next((n for n in reversed(waiting) if n not in met[n]), waiting[-1])
        waiting.remove(bye)
    return _matched(waiting, met) or [*zip(waiting[::2], waiting[1::2], strict=True)], bye


def _matched(waiting: Sequence[int], met: Mapping[int, Sequence[int]]) -> list[tuple[int, int]] | None:
    """Matches of those who have not met, the nearest by rank first; None if there is no way to pair everybody."""
    if not waiting:
        return []
    one, *others = waiting
    for other in others:
        rest = None if other in met[one] else _matched([n for n in others if n != other], met)
        if rest is not None:
            return [(one, other), *rest]
    return None


def _best_of(attempts: Sequence[Attempt], places: Sequence[int], required: Sequence[Check]) -> int:
    return max(places, key=lambda n: (standing(attempts[n], required), -n))


def _votes(weight: float) -> str:
    return f"{weight:.4g}"
