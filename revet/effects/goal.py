"""What a goal asks for: which effects of an action it wants and which it does not ("asked to list; this deletes").

The goal is read for its verbs (`revet.effects.verbs`) and for the places it names (`revet.effects.places`). An effect
is requested if the goal asks for its kind at its place; unrequested if the goal asks for nothing of its kind, forbids
it, spares its target, or names other places. For the rest nothing is said: the rules decide as if there were no goal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from revet.effects.lifts import elsewhere, lifts
from revet.effects.model import Analysis, Effect, EffectKind
from revet.effects.places import Named, is_whole, named
from revet.effects.verbs import Asks, Forbidden, a_set, read_verbs

__all__ = ["Scope", "scope"]

K = EffectKind
_KINDS: dict[str, frozenset[EffectKind]] = {
    "delete": frozenset({K.delete, K.discard, K.remote_delete, K.write, K.schema}),
    "move": frozenset({K.create, K.write, K.remote_create, K.remote_write, K.schema}),
    "copy": frozenset({K.create, K.write, K.remote_create, K.remote_write}),
    "archive": frozenset({K.create, K.write, K.remote_create}),
    "write": frozenset({K.create, K.write, K.schema, K.remote_create, K.remote_write}),
    "create": frozenset({K.create, K.write, K.schema, K.remote_create, K.remote_write}),
    "mode": frozenset({K.write, K.privilege}),
    "process": frozenset({K.process, K.service}),
    "service": frozenset({K.service, K.process, K.device, K.write, K.create, K.remote_create, K.remote_write}),
    "device": frozenset({K.device, K.write, K.create}),
    "install": frozenset({K.install, K.create, K.write}),
    "send": frozenset({K.send, K.remote_create, K.remote_write}),
    "remote": frozenset({K.remote_create, K.remote_write, K.send}),
    "discard": frozenset({K.discard, K.write, K.delete}),
    "run": frozenset(),
}
_SILENT = frozenset({K.read, K.fetch, K.run, K.lock, K.style, K.unknown})
"""Kinds that are never outside of what was asked: they change nothing, or the rules speak of them without the goal."""
_LOCAL = frozenset({K.create, K.write})
_GRAVE = frozenset({K.delete, K.discard, K.remote_delete, K.privilege, K.device, K.schema})
"""Kinds for which another place than the goal names is a finding."""
_NEVER_MEANT = frozenset({K.remote_delete, K.send, K.device, K.leak})
"""Kinds that even work whose means are left open ("fix the tests") does not include."""
_MOVERS = a_set("mv rename prename mmv ren move git rsync rclone aws gsutil mc svn hg find perl zip 7z")
_PACKERS = a_set(
    "gzip bzip2 xz zstd compress lzma pigz pbzip2 gunzip unzip bunzip2 unxz uncompress tar zip 7z rar rsync"
)
_AGENTS = re.compile(r"^(sudo|su|doas|pkexec|runuser|run0)\b")
_BUSY = a_set(
    "process processes container containers pod pods service services server servers instance instances cluster "
    "clusters "
    "session sessions user users account accounts deployment deployments cache caches queue queues job jobs node nodes "
    "task tasks stack stacks app application member members group cdn"
)
_MIRRORS = a_set("mirror sync synchronize synchronise")
_SETTINGS = a_set("cron crontab schedule firewall network interface hostname dns route routes kernel sysctl daemon")
_SIGNALS = a_set("signal signals sighup sigterm sigkill sigint sigusr1 sigusr2 sigstop sigcont priority nice")
_INSTALLED = a_set("package packages dependency dependencies library libraries module modules plugin plugins homebrew")
_SECRET = re.compile(
    r"\b(secrets?|passwords?|passwd|tokens?|keys?|credentials?|env(ironment)?|certificates?|shadow)\b", re.I
)
_COLLECTIVE = a_set(
    "all every everything each any entire whole contents content file files folder folders directory directories dir"
    " dirs clean cleanup up unused stale obsolete old temporary generated entry entries item items empty"
)
_COUNTED = re.compile(
    r"\b(\d{1,6}|one|two|three|four|five|six|seven|eight|nine|ten|a single)\s+(?:[a-z-]+\s+){0,2}?"
    r"(files?|folders?|director(?:y|ies)|rows?|records?|entries|items?|users?|branch(?:es)?|images?|containers?|objects?)\b"
)
_NUMBERS = dict(
    zip(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], range(1, 11), strict=True)
)
_NUMBERS |= {"a single": 1}
_QUOTABLE = 6
"""A shorter command than this may stand in a goal by chance."""
_DOES = {
    K.create: "creates",
    K.write: "changes",
    K.delete: "deletes",
    K.discard: "discards",
    K.remote_create: "creates elsewhere:",
    K.remote_write: "changes elsewhere:",
    K.remote_delete: "deletes elsewhere:",
    K.send: "sends",
    K.leak: "gives away",
    K.install: "installs",
    K.schema: "changes the shape of",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which effects of an analysis the goal asks for.

    `requested`: asked for in kind and place, and named if it is wide or something is lost (`revet.effects.lifts`);
    never the root, a folder of the system or a home as a whole, or a device.
    `unrequested`: not asked for, each with a sentence that says so ("asked to list all files; this deletes a.txt").
    An effect in neither may belong to the goal: nobody can tell from its words.
    """

    requested: tuple[Effect, ...] = ()
    unrequested: tuple[tuple[Effect, str], ...] = ()


def scope(goal: str | None, analysis: Analysis, text: str) -> Scope:
    """What of `analysis` (of `text`, the command or statement) the goal asks for.

    No goal: nothing is said. `text` serves where a target is not known ("$file"): the paths in it stand for it.
    """
    if goal is None or not goal.strip():
        return Scope()
    asks, places = read_verbs(goal), named(goal)
    wanted = _wanted(asks)
    requested: list[Effect] = []
    unrequested: list[tuple[Effect, str]] = []
    for effect in analysis.effects:
        if effect.kind in _SILENT or _is_wrapper(effect, analysis):
            continue
        sentence = _against(effect, asks, places)
        if sentence is None:
            program = _program(effect, analysis)
            if _quoted(effect, analysis, goal) or _own(effect, analysis):
                continue
            if (
                effect.kind in wanted
                or _by_the_way(effect, asks, program, analysis)
                or (not asks.dry and _in_so_many_words(effect, goal))
            ):
                sentence = _at_place(effect, asks, places, goal, text, requested)
            else:
                sentence = _outside(effect, asks, goal, program)
        if sentence:
            unrequested.append((effect, sentence))
    return Scope(tuple(requested), tuple(unrequested))


def _wanted(asks: Asks) -> frozenset[EffectKind]:
    kinds: frozenset[EffectKind] = frozenset()
    for sense in asks.senses:
        kinds |= _KINDS[sense]
    if {"delete", "discard"} & asks.senses and asks.words & _BUSY:
        kinds |= {K.process, K.service, K.remote_write}
    if asks.senses - {"run"} and asks.words & _SETTINGS:
        kinds |= {K.service}
    if asks.senses & {"send", "write"} and asks.words & _SIGNALS:
        kinds |= {K.process}
    if {"write", "create", "delete"} & asks.senses and asks.words & _INSTALLED:
        kinds |= {K.install}
    return kinds


def _by_the_way(effect: Effect, asks: Asks, program: str, analysis: Analysis) -> bool:
    """What belongs to the work although no verb names it: moving takes away, compressing replaces the original."""
    if effect.kind not in (K.delete, K.remote_delete):
        return False
    if "move" in asks.senses and (program in _MOVERS or program == "rmdir" or _was_copied(effect, analysis)):
        return True
    if "archive" in asks.senses and program in _PACKERS:
        return True
    return bool("copy" in asks.senses and program in ("rsync", "rclone") and asks.words & _MIRRORS)


def _was_copied(effect: Effect, analysis: Analysis) -> bool:
    """A move in two steps: what is deleted was copied by a command before it."""
    before = analysis.commands[: effect.command or 0]
    return any(c.split()[:1] in (["cp"], ["rsync"], ["scp"]) and effect.target in c.split() for c in before)


def _in_so_many_words(effect: Effect, goal: str) -> bool:
    """The goal names the file as where the output goes: "print … to out.txt"."""
    if effect.kind not in _LOCAL or not effect.target:
        return False
    return bool(
        re.search(
            rf"\b(to|into|as|in|and)\s+((a|the|new|file|named|called)\s+)*[\"'`]?{re.escape(effect.target)}(?![\w/])",
            goal,
        )
    )


def _quoted(effect: Effect, analysis: Analysis, goal: str) -> bool:
    """The goal holds the command itself: "run 'make clean'"."""
    if effect.command is None or effect.command >= len(analysis.commands):
        return False
    command = analysis.commands[effect.command]
    return len(command) >= _QUOTABLE and " " in command and command in goal


def _own(effect: Effect, analysis: Analysis) -> bool:
    """A file that the action itself made before it deletes it."""
    if effect.kind is not K.delete or effect.wide or not effect.target:
        return False
    before = analysis.effects[: analysis.effects.index(effect)]
    return any(each.kind in _LOCAL and each.target == effect.target for each in before)


def _against(effect: Effect, asks: Asks, places: Named) -> str | None:
    """The sentence if the goal forbids the effect or spares its target."""
    if effect.kind in (K.delete, K.discard, K.write, K.remote_delete) and (kept := places.spares(effect.target)):
        return f"asked to leave {kept} alone; this {_does(effect)}"
    for forbidden in asks.forbidden:
        if effect.kind in _KINDS[forbidden.sense] - _overlap(forbidden, asks) and _concerns(forbidden, effect):
            return f'asked "{forbidden.phrase}"; this {_does(effect)}'
    return None


def _overlap(forbidden: Forbidden, asks: Asks) -> frozenset[EffectKind]:
    """Kinds that another verb of the goal asks for: "copy, do not move" still creates."""
    kinds: frozenset[EffectKind] = frozenset()
    for sense in asks.senses:
        if sense != forbidden.sense or not forbidden.words:
            kinds |= _KINDS[sense] if sense != forbidden.sense else frozenset()
    return kinds


def _concerns(forbidden: Forbidden, effect: Effect) -> bool:
    if not forbidden.words:
        return True
    last = effect.target.rstrip("/").rsplit("/", 1)[-1].lower()
    stems = {last, last.split(".", 1)[0], last.removesuffix("s")}
    return bool(stems & forbidden.words)


def _at_place(effect: Effect, asks: Asks, places: Named, goal: str, text: str, requested: list[Effect]) -> str | None:
    """The kind is asked for: requested if the place is, a finding if the goal names other places or fewer things."""
    covered = places.covers(effect.target, effect.place)
    if covered is None:
        covered = _by_text(effect, places, text)
    if covered is False and effect.kind in _GRAVE:
        return f"asked to {_asked(asks)}{_where(places)}; this {_does(effect)}"
    if covered and effect.kind in (K.delete, K.discard) and not _means_so_much(effect, asks, places):
        covered = None
    if covered and (folder := elsewhere(effect, goal, text, places)):
        return f"asked to {_asked(asks)} ({folder}); this {_does(effect)}"
    most = _most(goal) if effect.kind in (K.delete, K.remote_delete, K.discard) else None
    if most is not None and effect.count is not None and effect.count > most:
        return f"asked for {most}; this {_does(effect)}"
    if covered and not _catastrophic(effect) and lifts(effect, goal, text, places):
        requested.append(effect)
    return None


def _means_so_much(effect: Effect, asks: Asks, places: Named) -> bool:
    """Whether a goal that names no path ("drop the users table", "delete src") can mean this deletion: it names the
    target, or speaks of files or of all there is."""
    last = effect.target.rstrip("/").rsplit("/", 1)[-1].lower()
    return bool(places.rooted or places.names or (asks.words | places.words) & _COLLECTIVE or last in places.words)


def _by_text(effect: Effect, places: Named, text: str) -> bool | None:
    """Where the target is not known: all the paths that the text names lie in places that the goal names."""
    if effect.place in ("remote", "database"):
        return None
    known = not effect.target or re.search(r"[$`{}]", effect.target)
    paths = [
        p for p in re.findall(r"(?<![\w.$}*/-])(~?/[^\s'\"();|&<>`,]*)", text[:20000]) if not p.startswith("/dev/")
    ]
    if not known or not paths or not places.rooted:
        return None
    return True if all(places.covers(path, "unknown") for path in paths) else None


def _outside(effect: Effect, asks: Asks, goal: str, program: str) -> str | None:
    """The kind is not asked for: the sentence, or None where that proves nothing."""
    if effect.kind is K.leak and _SECRET.search(goal):
        return None
    if effect.kind in _LOCAL and (effect.place == "temporary" or effect.possible or asks.senses - {"run"}):
        return None
    if effect.kind is K.device and asks.senses and effect.target and effect.target in goal:
        return None
    if asks.open and effect.kind not in _NEVER_MEANT:
        return None
    if "run" in asks.senses and program and re.search(rf"(?<![\w-]){re.escape(program)}(?![\w-])", goal):
        return None
    if any(effect.kind in _KINDS[sense] for sense in asks.mentioned) and not asks.dry:
        return None
    if effect.kind is K.delete and effect.place == "temporary" and asks.senses:
        return None
    if asks.dry:
        return f"asked only what would happen; this {_does(effect)}"
    return (
        f"asked to {_asked(asks)}; this {_does(effect)}"
        if asks.phrase
        else f"nothing asks for it: this {_does(effect)}"
    )


def _does(effect: Effect) -> str:
    if effect.kind not in _DOES:
        return effect.claim[:200]
    if not effect.target and effect.count is None:
        return effect.claim[:200] or f"{_DOES[effect.kind]} something"
    verb = _DOES[effect.kind]
    many = f"{effect.count} " if effect.count is not None else ""
    target = effect.target if len(effect.target) <= 80 else effect.target[:77] + "…"
    if effect.count is not None and effect.count > 1 and target:
        target = f"({target})"
    what = f"{many}{target}".strip() or effect.claim or "something"
    return f"{verb} {what}"


def _asked(asks: Asks) -> str:
    return asks.phrase or "do something else"


def _where(places: Named) -> str:
    where = [*places.rooted, *places.names][:2]
    return f" ({', '.join(where)})" if where else ""


def _most(goal: str) -> int | None:
    """How many things the goal speaks of: "the 3 oldest files"; None if it gives no number or several."""
    found = {match.group(1).lower() for match in _COUNTED.finditer(goal.lower())}
    if len(found) != 1:
        return None
    word = found.pop()
    return int(word) if word.isdigit() else _NUMBERS[word]


def _catastrophic(effect: Effect) -> bool:
    if effect.kind is K.device or effect.target.startswith("/dev/"):
        return True
    return effect.kind is not K.create and is_whole(effect.target) and (effect.kind is not K.write or effect.wide)


def _is_wrapper(effect: Effect, analysis: Analysis) -> bool:
    """``sudo`` itself: more rights are no effect of their own, what is done with them is."""
    return effect.kind is K.privilege and bool(_AGENTS.match(effect.word) or _AGENTS.match(_program(effect, analysis)))


def _program(effect: Effect, analysis: Analysis) -> str:
    if effect.command is None or effect.command >= len(analysis.commands):
        return effect.word.split(":", 1)[0].split(" ", 1)[0]
    return (analysis.commands[effect.command].split() or [""])[0].rsplit("/", 1)[-1]
