"""Whether a goal names an effect closely enough to lift what would be asked about it.

A verb alone ("tidy up", "delete") lifts nothing that is wide or lost. The goal has to name the target, or a scope in
words that covers it ("everything in the current folder", "all orders"); who names one thing ("order 5") has not asked
for many, and who names the place where something lies ("the .pyc files in src") has not named the place itself.
"""

from __future__ import annotations

import re

from revet.effects.model import Effect, EffectKind
from revet.effects.places import Named
from revet.effects.verbs import a_set

__all__ = ["elsewhere", "lifts"]

K = EffectKind
_PLAIN = frozenset({K.create, K.write, K.run, K.send, K.remote_create, K.remote_write})
_MANY_ROWS = 100
_EVERYTHING = re.compile(
    r"\b(everything|anything|contents?|whole|entire|"
    r"(all|every|any)( (of )?(the|its|other|these|those|my|our|empty|regular))*( (files?|folders?|director(y|ies)|data|"
    r"things?|items?|and|sub\w+))+)\b(?! (that|which|whose|with|named|ending|matching|older|newer|containing))",
    re.IGNORECASE,
)
_ALL = re.compile(r"\b(all|every|each|everything|truncate|empty|whole|entire)\b", re.IGNORECASE)
_QUALIFIED = re.compile(
    r"\b(with|where|whose|that|which|who|older|newer|before|after|since|until|than|except|but|having|named|called|"
    r"if|when|equal|is|are|was|were|has|have|last|first|of (?!the table|table))\b|[\"'=<>]|\d",
    re.IGNORECASE,
)
_SHAPE = re.compile(
    r"\b(tables?|columns?|ind(ex|exes|ices)|views?|schemas?|databases?|constraints?|triggers?|sequences?|keys?|"
    r"partitions?|types?|truncate|drop|migrate|migration)\b",
    re.IGNORECASE,
)
_ONE = r"\b{noun}s?\b\W*(?:(?:number|no|id|nr|with|is|the)\b\W*)*#?\d"
_IN = r"\b(?:in|under|from|inside|within|below|at)\s+(?:(?:the|my|our|a|folder|directory|dir)\s+)*[\"'`]?"
_CHOSEN = re.compile(
    r"\bfind\b.*\s-(i?name|i?path|i?regex|type|size|empty|perm|user|group|links|newer\w*|[acm](time|min))\b", re.DOTALL
)
"""``find`` with a test: it takes some of what lies in the place, and not the place."""
_FOLDER = re.compile(r"\bthe ([\w.-]+) (?:folder|directory|dir)\b", re.IGNORECASE)
_NO_NAME = a_set(
    "current this that working present local home same whole entire empty new old other given following temporary "
    "temp parent root source target destination project above root's user's"
)


def lifts(effect: Effect, goal: str, text: str, places: Named) -> bool:
    """Whether `goal`, which asks for effects of this kind and does not exclude the place, names this one.

    `text` is the command or statement: what it filters by ("*.pyc") has to be what the goal names.
    """
    if effect.place == "database":
        return _rows(effect, goal)
    if effect.kind is K.install:
        return bool(_package(effect.target)) and _package(effect.target) in _names(goal)
    if effect.kind in _PLAIN and not effect.wide:
        return True
    return _files(effect, goal, text, places)


def elsewhere(effect: Effect, goal: str, text: str, places: Named) -> str | None:
    """The folder that the goal speaks of in words ("the build folder") and that neither target nor text names."""
    if effect.kind not in (K.delete, K.discard) or effect.place != "workspace" or places.rooted or places.names:
        return None
    folders = [found for found in _FOLDER.findall(goal) if found.lower() not in _NO_NAME]
    said = f"{text}\n{effect.target}".lower()
    return None if not folders or any(each.lower() in said for each in folders) else folders[0]


def _rows(effect: Effect, goal: str) -> bool:
    one = _one(effect.target, goal)
    if effect.kind is K.schema or re.search(r"drop|truncate|purge|shape", effect.word):
        return not one and bool(_SHAPE.search(goal))
    if effect.kind is K.create or not (effect.wide or (effect.count or 0) > _MANY_ROWS):
        return True
    return not one and bool(_ALL.search(goal)) and not _QUALIFIED.search(goal)


def _one(target: str, goal: str) -> bool:
    """Whether the goal names one of the rows: "order 5", "row #3", "the user with id 7"."""
    nouns = {part for part in re.findall(r"[a-z]+", target.lower()) if len(part) > 2}
    nouns |= {part[:-1] for part in nouns if part.endswith("s")} | {"row", "record", "id", "entry", "item", "number"}
    return any(re.search(_ONE.format(noun=re.escape(noun)), goal, re.IGNORECASE) for noun in nouns)


def _package(target: str) -> str:
    return re.split(r"(?<!^)[\[=<>~!@ ]", target.strip(), maxsplit=1)[0].lower().replace("_", "-")


def _names(goal: str) -> frozenset[str]:
    return frozenset(word.strip(".").lower().replace("_", "-") for word in re.findall(r"@?[\w./-]+", goal))


def _files(effect: Effect, goal: str, text: str, places: Named) -> bool:
    filters = [name for name in places.names if "*" in name or re.fullmatch(r"\.\w+", name)]
    if effect.wide and filters and not any(name.strip("*") in text for name in filters):
        return False
    if places.by_name(effect.target):
        chosen = effect.kind not in (K.delete, K.discard) or _CHOSEN.search(text)
        return bool(chosen or not _only_where(effect.target, goal) or _EVERYTHING.search(goal))
    if places.rooted and not effect.target.startswith(("/", "~")):
        return True  # a target that is not known, and all paths of the text lie where the goal says
    return places.here and bool(filters or _EVERYTHING.search(goal))


def _only_where(target: str, goal: str) -> bool:
    """Whether the goal names the target only as the place in which something lies."""
    name = re.escape(re.sub(r"(/\.?\*)+$", "", target).rstrip("/").removeprefix("./"))
    if not name:
        return False
    mentions = re.findall(rf"(?<![\w/-]){name}(?![\w-])", goal, re.IGNORECASE)
    return bool(mentions) and len(re.findall(_IN + name + r"(?![\w-])", goal, re.IGNORECASE)) == len(mentions)
