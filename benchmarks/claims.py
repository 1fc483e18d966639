"""How well `Claims` tells true sentences from corrupted ones, on what real agents read and wrote.

    python benchmarks/claims.py --data FOLDER [--split dev] [--most 400] [--seed 0]

From ``reflexion_hotpotqa/react_trials``: the passages are the Wikipedia texts that the agents were shown for one
question. The claims are (a) sentences of those texts and (b) sentences that the models wrote about them. Each claim is
judged as it stands, and with one numeral, date or name of it changed into another (after MisMitiFact). For (a), it is
also judged with its own sentence taken out of its passages, and against the passages of all other texts: then nothing
should be refuted but what those really contradict. What is changed is found by plain patterns of this script, not by
the tool's own reading.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from revet.evals.figures import wilson
from revet.evals.source import Row
from revet.evals.source import Source as Rows
from revet.tools._claims.judge import Judgement, judge
from revet.tools._claims.library import Library
from revet.tools._claims.sources import Source
from revet.tools._claims.split import Claim, claims_of, sentences

SEARCHED = re.compile(r"\w+\[(.*)\]\s*\Z", re.DOTALL)
NOTHING = re.compile(r"Could not find|Answer is|No more results|Invalid|There are no|The last page|\s*\Z")
TALK = re.compile(r"\b(?:I|need|search|find|found|look|answer|question|so|should|can|could|maybe|not|no)\b", re.I)
YEAR = re.compile(r"(?<![\w.,$])(?:1[5-9]|20)\d\d(?![\w,]|\.\d)")
NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
MONTH = re.compile(r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b")
ENTITY = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*")
STANDINGS = ("supported", "refuted", "not found")
_MONTHS = "January February March April May June July August September October November December"
MONTHS = _MONTHS.split()


@dataclass(frozen=True)
class Case:
    """A sentence, the passages that it is held against, and the question that they were read for."""

    text: str
    sources: tuple[Source, ...]
    question: str


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--most", type=int, default=400, help="claims of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="so many wrong judgements of each kind")
    given = parser.parse_args()
    rows = list(Rows(given.data, given.split).rows("reflexion_hotpotqa", "react_trials"))
    rng = random.Random(given.seed)
    read, wrote = cases(rows)
    names = sorted({found[0] for case in read for found in ENTITY.finditer(case.text)})
    for kind, every in (("read", read), ("wrote", wrote)):
        chosen = rng.sample(every, min(given.most, len(every)))
        report(kind, chosen, names, rng, given.show)


def cases(rows: list[Row]) -> tuple[list[Case], list[Case]]:
    """The sentences that were read and those that models wrote, each once, with all passages of their question."""
    shown: dict[str, dict[str, Source]] = defaultdict(dict)
    wrote: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        known = shown[row["question"]]
        for step in row["steps"]:
            thought = str(step["thought"] or "")
            wrote[row["question"]] += [(c.text, len(known)) for c in claims_of(thought) if not TALK.search(c.text)]
            text = str(step["observation"] or "")
            if not NOTHING.match(text):
                title = SEARCHED.match(str(step["action"]))
                known.setdefault(text, Source(text, place=f"{title[1] if title else 'page'}"[:80]))
    read = [
        Case(text[start:end], tuple(known.values()), question)
        for question, known in shown.items()
        for text in known
        for start, end in sentences(text)
        if 6 <= len(text[start:end].split()) <= 40 and text[end - 1] in ".!" and value_in(text[start:end])
    ]
    said = [
        Case(text, tuple(shown[question].values()), question)
        for question, every in wrote.items()
        for text, before in dict(every).items()
        if before and value_in(text)
    ]
    return list({case.text: case for case in read}.values()), list({case.text: case for case in said}.values())


def value_in(text: str) -> bool:
    return any(form.search(text) for form in (YEAR, NUMBER, MONTH, ENTITY))


def corrupted(text: str, names: list[str], rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """The sentence with one value changed: the kind of value, the new sentence, and the value that was there."""
    for kind, form in (("year", YEAR), ("month", MONTH), ("number", NUMBER), ("name", ENTITY)):
        places = [m for m in form.finditer(text) if kind != "number" or not YEAR.match(text, m.start())]
        if places:
            place = rng.choice(places)
            new = changed(kind, place[0], names, rng, text)
            yield kind, text[: place.start()] + new + text[place.end() :], place[0]


def changed(kind: str, value: str, names: list[str], rng: random.Random, text: str) -> str:
    if kind == "year":
        return str(int(value) + rng.choice([-1, 1]) * rng.randint(1, 20))
    if kind == "month":
        return rng.choice([month for month in MONTHS if month != value])
    if kind == "name":
        alike = [n for n in names if len(n.split()) == len(value.split()) and not set(n.split()) & set(text.split())]
        return rng.choice(alike or [n for n in names if not set(n.split()) & set(text.split())])
    plain = float(value.replace(",", ""))
    new = plain + rng.choice([1, 2, 3, 10]) if plain < 20 else round(plain * rng.choice([0.6, 0.8, 1.3, 1.7, 2]), 1)
    return f"{new:,.0f}" if "." not in value else f"{new:,.1f}"


@dataclass
class Tally:
    """How the claims of one kind were judged, and of the refuted ones, how many with the right value."""

    counts: Counter[str]
    right: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def add(self, found: Judgement, was: str = "") -> None:
        self.counts[found.standing] += 1
        self.right += bool(was) and found.standing == "refuted" and was in found.right


def report(kind: str, every: list[Case], names: list[str], rng: random.Random, show: int) -> None:
    tallies: dict[str, Tally] = defaultdict(lambda: Tally(Counter()))
    sources = list({source.text: source for case in every for source in case.sources}.values())
    everything, known = Library(sources), list[Judgement]()
    for case in every:
        claim, library = whole(case.text), Library(case.sources)
        asis = judge(claim, library)
        trials = [("as it stands", asis, "")]
        if kind == "read":
            without = [s._replace(text=s.text.replace(case.text, " ")) for s in case.sources]
            trials.append(("own sentence gone", judge(claim, Library(without)), ""))
            others = frozenset(n for n, s in enumerate(sources) if case.text not in s.text)
            trials.append(("all others' passages", judge(claim, everything, only=others), ""))
        for what, text, was in corrupted(case.text, names, rng):
            trials.append((f"{what} changed", judge(whole(text), library), was))
        if asis.standing == "supported":
            known += [found for what, found, _ in trials if what.endswith("changed")]
        for what, found, was in trials:
            tallies[what].add(found, was)
            wrong = found.standing == ("supported" if was else "refuted")
            if wrong and tallies[what].counts[found.standing] <= show:
                print_wrong(what, found, was)
    changed_ones = Tally(Counter())
    for what, tally in tallies.items():
        if what.endswith("changed"):
            changed_ones.counts += tally.counts
            changed_ones.right += tally.right
    print(f"\n{kind}: {len(every)} sentences")
    for what, tally in (*tallies.items(), ("all changed", changed_ones)):
        print(
            f"  {what:22} n={tally.total:<6}"
            + "".join(f" {s} {share(tally.counts[s], tally.total)}" for s in STANDINGS)
        )
    refuted = sum(found.standing == "refuted" for found in known)
    print(f"  of the {len(known)} changed ones that are supported as they stand, refuted: {share(refuted, len(known))}")
    true, false = changed_ones.counts["refuted"], tallies["as it stands"].counts["refuted"]
    print(f"  of all refuted, as they stand and changed, really changed: {share(true, true + false)}")
    print(f"  of the changed that are refuted, with the value that was there: {share(changed_ones.right, true)}")


def whole(text: str) -> Claim:
    return Claim(0, len(text), text)


def share(part: int, total: int) -> str:
    low, high = wilson(part, total)
    return "-" if low is None or high is None else f"{part / total:.3f} [{low:.3f}, {high:.3f}]"


def print_wrong(what: str, found: Judgement, was: str) -> None:
    print(f"  [{what}] {found.standing}: {found.claim.text}\n     was {was!r}; {found.reason} ({found.confidence})")
    print(f"     {found.excerpt.text if found.excerpt else ''}")


if __name__ == "__main__":
    main()
