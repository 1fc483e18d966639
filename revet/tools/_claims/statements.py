"""What a sentence states of whom: its clauses, each with the subject that the text means.

``It``, ``the bridge`` and a relative clause are of the name that they stand for, as far as the text leaves one
choice; years after a name (``(1820–1910)``), ``Key: value`` lines and the cells of a table are statements, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from revet.tools._claims.dates import dates
from revet.tools._claims.facts import Facts, facts_of
from revet.tools._claims.names import Name, names, same_name
from revet.tools._claims.split import PAIR
from revet.tools._claims.topics import (
    A_NEW_ONE,
    BRACKETS,
    HEAD,
    OWN,
    PRONOUNS,
    STARTS,
    Leading,
    Topic,
    after,
    fullest,
    kinds_of,
    named_in,
    opened,
    stands_for,
)
from revet.tools._claims.words import RELATIVES, stem

__all__ = ["TO_ALL", "Statement", "of_cells", "of_pair", "statements"]

MOST_APART = 6


@dataclass(frozen=True, eq=False)
class Statement:
    """A clause. `subject` is the name that it is about, in full, and `literal` how the text calls it there.

    `kinds` are nouns that stand for the subject, `others` the names that the text has had. `attribute` is true for a
    key and its value, `named` for a clause that names its subject itself, `part` for one that says something of a part
    of it, `unknown` where nobody can tell it.
    """

    facts: Facts
    subject: Name | None = None
    literal: Name | None = None
    kinds: frozenset[str] = frozenset()
    others: tuple[Name, ...] = ()
    attribute: bool = False
    named: bool = False
    part: bool = False
    unknown: bool = False


_AUX = r"(?:is|was|are|were|has|had|have|ist|war|wurde|hat)\b"
_PARTICIPLE = r"(?:[a-z]{2,20}ed|born|built|held|made|written|known|sung|sold|begun)\b"
_ADVERB = r"(?:[a-z]{2,20}ly\s)?"
INITIAL = re.compile(rf"\s*(?P<said>{_ADVERB}{_PARTICIPLE}[^,;]{{2,120}}),\s(?P<rest>\S.*)", re.I | re.S)
RELATIVE = re.compile(
    rf",\s(?:(?P<who>who|which)\s(?P<of>[^,;]{{4,120}})|(?P<said>{_ADVERB}{_PARTICIPLE}[^,;]{{2,120}}))"
    r"(?:,\s|(?P<end>[.;]?\s*\Z))"
)
_CLAUSE = (
    rf"{PRONOUNS}|{OWN}|{_AUX}|the\s[a-z]|{_ADVERB}{_PARTICIPLE}|[A-Z][\w’'-]{{1,30}}\s(?:is|was|has|had)\b"
    r"|an?\s[a-z -]{3,40}\sof\s(?:about\s)?[\d$€£]|[a-z]{3,20}s\s(?:about\s|over\s|some\s)?[\d$€£]"
)
AND = re.compile(rf"(?:;\s|,?\s(?:and|but|while|und|aber)\s)(?={_CLAUSE})", re.I)
LIFE = re.compile(r"[^–—-]{4,40}[–—-][^–—-]{4,40}")
SEVERAL = re.compile(r"[;,]\s(?=[^\W\d]|†|\*)")
UNTIL = re.compile(r"\s[–—-]\s")
BORN = re.compile(r"\s*(?:born|b\.|\*|geboren|geb\.)\s?(?P<when>.{4,60})", re.I)
DIED = re.compile(r"\s*(?:died|d\.|†|gestorben|gest\.)\s?(?P<when>.{4,60})", re.I)
NEE = re.compile(r",?\s(?:née|né|born|geb\.)\s[^\W\d_][\w .'’-]{1,40}?(?=\s\()")
PERSON = re.compile(r"\s?\([^()]*\)\s*,?\s*(?:was|is|war|ist)\s(?:an?|one|ein|eine)\s")
RULER = re.compile(r"\b(?:king|queen|pope|emperor|empress|reign\w*|ruled|prince|sultan|[IVX]{1,5})\b")
IN_UNIT = re.compile(r"(?P<what>.*\S)\s*[(\[](?:in\s)?(?P<unit>[^()\[\]]{1,12})[)\]]")
NAMING = frozenset(map(stem, ("name", "title", "subject")))
POSSESSIVE = ("'s", "’s", "s'", "s’")
NEAR = 24
QUOTED = frozenset('"“„«‘')
TO_ALL = re.compile(r"\sto\s(?:the\s)?(?:public|traffic|visitors)\b|\sfor\sbusiness\b")
"""Whom something was opened to says no more than that it was opened."""


def statements(text: str, topic: Topic) -> tuple[list[Statement], Topic]:
    """What the sentence `text` states, read after `topic`; and what the next sentence may call ``it``."""
    found = list(_life(text, topic))
    bare = BRACKETS.sub("", text)
    if bare.lstrip()[:1] in QUOTED:
        return [Statement(facts_of(bare), unknown=True)], topic
    if initial := INITIAL.fullmatch(bare):
        bare = initial["rest"]
        found.append(replace(_stated(bare, topic), facts=facts_of(initial["said"])))
    bare, apart = _apart(bare, topic)
    found += [_about(said, name, topic) for name, said in apart]
    before: Statement | None = None
    for clause in AND.split(bare):
        stated = _stated(clause, topic)
        if before is not None and not STARTS.match(clause) and _leading(clause, topic) is None:
            stated = replace(before, facts=facts_of(clause), unknown=before.unknown or before.part)
        found.append(stated)
        before = stated
    return found, after(bare, topic)


def of_pair(line: str, topic: Topic) -> tuple[list[Statement], Topic]:
    """What a line such as ``Height: 330 m`` states of the topic; ``Name: Varga`` says what the others are of."""
    pair = PAIR.fullmatch(line.strip())
    if pair is None:
        return [], topic
    key, value = pair["key"], pair["value"].strip(" *_")
    if stem(key) in NAMING:
        named = Name(value)
        return [], Topic(named, kinds_of(named), others=topic.others)
    return [Statement(facts_of(f"{key} {value}"), topic.name, None, topic.kinds, topic.others, attribute=True)], topic


def of_cells(row: str, header: str) -> list[Statement]:
    """What the row of a table states of what its first cell names: each other cell, below its heading."""
    (first, *rest), (what, *heads) = _cells(row), _cells(header[header.find("|") :])
    if not rest or len(rest) != len(heads) or not first:
        return []
    named, kinds = Name(first), frozenset(map(stem, what.split()))
    below = Statement(facts_of(""), named, named, kinds, attribute=True, named=True)
    return [replace(below, facts=facts_of(_headed_cell(head, cell))) for head, cell in zip(heads, rest, strict=True)]


def _headed_cell(head: str, cell: str) -> str:
    """``Length (km)`` above ``12`` is a length of 12 km."""
    unit = IN_UNIT.fullmatch(head) if cell[-1:].isdigit() else None
    return f"{unit['what']} {cell} {unit['unit']}" if unit else f"{head} {cell}"


def _cells(row: str) -> list[str]:
    return [cell.strip(" *_`") for cell in row.strip().strip("|").split("|")]


def _stated(clause: str, topic: Topic) -> Statement:
    """The clause as a statement, its subject taken out."""
    late, clause = opened(clause)
    starts, first = STARTS.match(clause), _first(clause, topic)
    begin = starts.end() if starts else 0
    if A_NEW_ONE.match(clause):
        return Statement(facts_of(clause + late), unknown=True)
    if starts and (starts["pronoun"] or starts["own"]):
        rest = clause[begin:] + late
        if starts["own"] and (relative := _relative(rest, topic)):
            return relative
        return replace(_of_topic(rest, topic, known=topic.sure), part=bool(starts["own"]))
    if first and (first.start <= begin + 1 or _is_of(clause, first)):
        return _of_named(clause, late, first, topic, article=starts is not None)
    head = HEAD.match(clause, begin) if starts else None
    if head is not None:
        meant = [each for each in topic.others if stem(head["head"]) in kinds_of(each)]
        ours = topic.name is not None and stem(head["head"]) in kinds_of(topic.name)
        if len(meant) == 1 and not ours:
            return replace(_about(clause[head.end() :] + late, meant[0], topic), named=False)
        if meant or stands_for(head["head"], topic):
            return _of_topic(clause[head.end() :] + late, topic, known=not meant)
    return replace(_of_topic(clause + late, topic, known=topic.sure), part=True)


def _of_named(clause: str, late: str, first: Leading, topic: Topic, *, article: bool) -> Statement:
    """A clause that names its subject, or what its subject is a part of."""
    after = clause[first.end :]
    possessed = first.name.text.endswith(POSSESSIVE) or after.startswith(POSSESSIVE)
    if possessed and (relative := _relative(after.removeprefix("'s").removeprefix("’s"), topic)):
        return relative
    stated = _about(f"{clause[: first.start]} {after}{late}", first.name, topic)
    noun = HEAD.match(clause, first.end) if article else None
    kinds = stated.kinds | {stem(noun["head"])} if noun else stated.kinds
    return replace(stated, kinds=kinds, part=possessed or _is_of(clause, first))


def _relative(rest: str, topic: Topic) -> Statement | None:
    """A clause about somebody's daughter: about her, if she is named."""
    if not any(stem(word) in RELATIVES for word in rest.split()[:2]):
        return None
    first = _first(rest, topic)
    if first is None or first.start > NEAR:
        return Statement(facts_of(rest), unknown=True)
    return _about(rest[first.end :], first.name, topic)


def _of_topic(rest: str, topic: Topic, *, known: bool) -> Statement:
    name = topic.name if known else None
    return Statement(facts_of(rest), name, topic.called, topic.kinds, topic.others, unknown=not known)


def _about(rest: str, name: Name | None, topic: Topic) -> Statement:
    if name is None:
        return Statement(facts_of(rest), unknown=True)
    full = fullest(name, topic)
    same = topic.name is not None and same_name(full, topic.name)
    kinds = kinds_of(full) | (topic.kinds if same else frozenset())
    return Statement(facts_of(rest), full, name, kinds, topic.others, named=True)


def _first(clause: str, topic: Topic) -> Leading | None:
    return next((each for each in named_in(clause[:200], topic) if each.start < 80), None)


def _leading(clause: str, topic: Topic) -> Leading | None:
    first = _first(clause, topic)
    return first if first is not None and first.start <= 5 else None


def _is_of(clause: str, named: Leading) -> bool:
    """True for the name of ``the arch of the Bridge``."""
    words = [word for word in clause[: named.start].lower().split() if word not in ("the", "a", "an", "der", "die")]
    return 2 <= len(words) <= 5 and words[-1] in ("of", "von")


def _apart(text: str, topic: Topic) -> tuple[str, list[tuple[Name | None, str]]]:
    """The sentence without what is put in after a name, and each such part with that name."""
    apart: list[tuple[Name | None, str]] = []
    while len(apart) < MOST_APART and (found := RELATIVE.search(text)) is not None:
        before = next((each for each in named_in(text[: found.start()], topic) if each.end == found.start()), None)
        apart.append((before.name if before else None, found["of"] or found["said"]))
        text = f"{text[: found.start()]}{found['end'] if found['end'] is not None else ' '}{text[found.end() :]}"
    return text, apart


def _life(text: str, topic: Topic) -> Iterator[Statement]:
    """What brackets behind the first name say: when somebody was born and died."""
    named = next(names(text), None)
    late = NEE.match(text, named.end) if named is not None else None
    found = BRACKETS.match(text, late.end() if late else named.end) if named is not None else None
    if named is None or found is None:
        return
    said: list[str] = []
    for part in SEVERAL.split(found[1]):
        if born := BORN.match(part):
            until = UNTIL.split(born["when"], maxsplit=1)
            said += [f"born {until[0]}", *(f"died {each}" for each in until[1:])]
        elif died := DIED.match(part):
            said.append(f"died {died['when']}")
    when = [each for each in dates(found[1]) if each.moment.year is not None] if LIFE.fullmatch(found[1]) else []
    if not said and len(when) == 2:
        lived = (when[1].moment.year or 0) - (when[0].moment.year or 0)
        person = all(each.moment.day for each in when) or PERSON.match(text, named.end)
        if person and 15 <= lived <= 110 and not RULER.search(text[: named.end] + text[found.end() : found.end() + 80]):
            said = [f"{what} {found[1][at.start : at.end]}" for what, at in zip(("born", "died"), when, strict=True)]
    for each in said:
        yield replace(_about(each, named.name, topic), attribute=True)
