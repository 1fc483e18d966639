"""What a command would do: the table of effects, applied to each program that a text would run."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from revet.effects.model import Analysis, Effect, EffectKind, Place
from revet.effects.shell.around import from_afar, of_environment, of_redirection, special
from revet.effects.shell.call import Call, read_call, shown
from revet.effects.shell.feeding import filled, name_of, wrappers
from revet.effects.shell.model import Invocation, Parsed, Word
from revet.effects.shell.parse import parse
from revet.effects.shell.paths import Where
from revet.effects.shell.table import Program, Rule, lookup
from revet.effects.shell.together import together

__all__ = ["analyse", "by_rules", "classify", "effects_of"]

_LONGEST = 4000
_MOST = 20
"""So many targets of one command are told one by one."""
_ELSEWHERE = frozenset(
    {"ssh", "docker", "podman", "kubectl", "oc", "lxc", "vagrant", "nerdctl", "adb", "fly", "heroku"}
)
"""Wrappers whose command runs on another machine, or in a container."""
_IMAGES = frozenset({"docker", "podman", "nerdctl"})
_RUNNERS = frozenset({"hatch", "pdm", "poetry", "pipenv", "rye", "uv", "pixi", "bundle"})
"""Wrappers that run what the project has, by its name."""
_PUBLISHES = re.compile(r"deploy|publish|release|ship|upload", re.IGNORECASE)
_RIGHTS = frozenset({"sudo", "doas", "su", "pkexec", "runuser", "gosu", "run0"})
_SAID = {
    "read": "looks, changes nothing",
    "create": "creates {target}",
    "write": "changes {target}",
    "delete": "deletes {target}",
    "discard": "discards uncommitted work or history",
    "run": "runs other code",
    "fetch": "asks another machine",
    "remote_create": "creates something on another machine",
    "remote_write": "changes something on another machine",
    "remote_delete": "deletes {target} on another machine",
    "send": "sends or publishes",
    "leak": "gives data away",
    "install": "changes what is installed",
    "service": "starts, stops or reconfigures a service",
    "process": "ends or changes processes",
    "privilege": "changes rights",
    "device": "works on a raw device or file system",
    "unknown": "what it does is not known",
}
_TASKS = frozenset({EffectKind.run, EffectKind.read, EffectKind.remote_write})
"""What is said of a program that carries out what others have written."""
_HELP = frozenset({"--help", "--version", "-help", "-version"})


def analyse(
    text: str,
    *,
    cwd: str = ".",
    workspace: str | None = None,
    home: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Analysis:
    """What the shell command `text` would do, from the text alone. Never raises for what the text holds.

    `cwd` is the folder that it runs in, absolute or relative to `workspace`; without one, an absolute `cwd` is it.
    `home` is what ``~`` means (not known: any path below a home folder is in one), `env` the variables that are known.
    """
    if workspace is None and cwd.startswith("/"):
        workspace = cwd
    return classify(parse(text, cwd=cwd, env=env, home=home), workspace=workspace, home=home, env=env)


def classify(
    parsed: Parsed, *, workspace: str | None = None, home: str | None = None, env: Mapping[str, str] | None = None
) -> Analysis:
    """The effects of a text that has been parsed. `commands` are its invocations, in order."""
    temporary = tuple(t for t in ((env or {}).get("TMPDIR"),) if t and t.startswith("/") and len(t) > 1)
    effects: list[Effect] = []
    doubts = list(parsed.doubts)
    commands: list[str] = []
    for number, invocation in enumerate(parsed.invocations):
        where = Where(invocation.cwd, workspace, home, temporary)
        found, unsure = effects_of(invocation, where, parsed)
        effects += [effect.at(number) for effect in found]
        doubts += [doubt for doubt in unsure if doubt not in doubts]
        commands.append(" ".join(word.text for word in invocation.argv))
    effects += together(parsed, effects)
    return Analysis(tuple(effects), tuple(doubts), tuple(commands))


def effects_of(invocation: Invocation, where: Where, parsed: Parsed) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """The effects of one invocation, and doubts about it. It has at least one effect, unless it is empty."""
    name = name_of(invocation)
    program = lookup(name) if name else None
    call = read_call(filled(invocation, parsed), name, program, where)
    effects: list[Effect] = []
    doubts: tuple[str, ...] = ()
    if invocation.kind == "program" or (invocation.kind == "builtin" and invocation.argv):
        found, doubts = _of_program(call, program)
        effects += (*found, *_task(call, found))
    for redirection in invocation.redirections:
        effects += of_redirection(redirection, call)
    effects += of_environment(call)
    afar = next((via for via in invocation.via if via.partition(" ")[0] in _ELSEWHERE), None)
    if afar is not None:
        effects = [from_afar(effect, afar) for effect in effects]
    if rights := " and ".join(sorted(_RIGHTS & wrappers(invocation))):
        effects.append(
            Effect(EffectKind.privilege, f"runs with other rights ({rights})", rights, "system", word="sudo")
        )
    if invocation.conditional:
        effects = [replace(effect, possible=True) for effect in effects]
    return tuple(effects), doubts


def _of_program(call: Call, program: Program | None) -> tuple[Sequence[Effect], tuple[str, ...]]:
    if not call.name:
        if not call.invocation.argv:
            return (), ()
        target = call.invocation.argv[0].text
        effect = Effect(EffectKind.unknown, f"which program runs is computed: {shown(target)}", target, word="computed")
        return (effect,), ()
    if program is None:
        return _unlisted(call)
    if _asks_for_help(call, program):
        return (call.effect("read", "shows its help or its version", id="help", place="workspace"),), ()
    if program.dry_run and any(
        call.has(option, exact=True) or _abbreviates_one(call, option) for option in program.dry_run
    ):
        return (call.effect("read", "tries without doing anything", id="dry-run", place="workspace"),), ()
    if program.code is not None:
        found: Sequence[Effect] | None = importlib.import_module(program.code).examine(call)
        if found is not None:
            return found, ()
    return tuple(by_rules(call, program)), ()


def _unlisted(call: Call) -> tuple[Sequence[Effect], tuple[str, ...]]:
    """A program that is not in the table: a file of the workspace is other code; else what its words say."""
    if "/" in call.name:
        return (call.effect("run", "runs {target}", call.invocation.argv[0], id="file"),), ()
    last = call.invocation.argv[-1].text
    if last in _HELP and len(call.invocation.argv) > 1:
        return (call.effect("read", "shows its help or its version", id="help", place="workspace"),), ()
    from revet.effects.generic import generic

    if call.name.startswith("-") and wrappers(call.invocation) & _IMAGES:
        return (call.effect("run", "gives options to what the image runs", id="image"),), ()
    effects, doubts = generic(call.invocation)
    if not effects and wrappers(call.invocation) & _RUNNERS and not _PUBLISHES.search(call.name):
        return (call.effect("run", "runs a script or a program of the project: {target}", call.name, id="script"),), ()
    if not effects and not doubts:
        claim = f"nobody has written down what {shown(call.name)} does"
        return (Effect(EffectKind.unknown, claim, call.name, word=call.name),), ()
    return effects, doubts


def _task(call: Call, found: Sequence[Effect]) -> Sequence[Effect]:
    """What the name of a task says of it, where nothing else is known: ``npm run db:drop``, ``./vm.sh destroy``."""
    if (
        not found
        or not all(effect.kind in _TASKS for effect in found)
        or all(effect.kind == "read" for effect in found)
    ):
        return ()
    from revet.effects.generic import losing_word

    word = losing_word(call.name, call.operands)
    if word is None:
        return ()
    claim = f"the word `{shown(word, 60)}` says that something is lost or ended; what it runs is not known"
    return (Effect(EffectKind.unknown, claim, call.name, "unknown", possible=True, word=f"{call.name}:task"),)


def _asks_for_help(call: Call, program: Program) -> bool:
    """``--help`` as the first word after the subcommand, or the last of a program with subcommands; ``-h`` alone."""
    words = call.invocation.argv[1:]
    if not words:
        return False
    if (
        len(words) == 1
        and words[0].text in ("-h", "-V", "-?", "help", "version")
        and not program.rules_for(words[0].text)
    ):
        return words[0].text != "help" or any(rule.words for rule in program.rules)
    subcommands = any(rule.words for rule in program.rules)
    for option in call.options:
        if option.name in _HELP and option.value is None and option.name not in program.valued:
            return subcommands or not call.operands or words[0].text in _HELP
    return bool(subcommands and call.operands and call.operands[0].text == "help")


def _abbreviates_one(call: Call, option: str) -> bool:
    """Whether an abbreviation stands for `option` and for no other: a dry run that is none would be worse than none."""
    return any(
        o.name in option and call.has(option) and sum(k.startswith(o.name) for k in call.known) == 1
        for o in call.options
        if o.name.startswith("--")
    )


def by_rules(call: Call, program: Program) -> Iterator[Effect]:
    """The effects that the rows of the table state."""
    for rule in program.rules:
        if _matches(rule, call):
            yield from _stated(rule, call)
            if not rule.also:
                return
    yield from _stated(program.default, call)


def _matches(rule: Rule, call: Call) -> bool:
    count = len(rule.words)
    if count > len(call.operands):
        return False
    for wanted, word in zip(rule.words, call.operands, strict=False):
        if not any(_word(pattern, word) for pattern in wanted):
            return False
    if rule.any and not call.has(*rule.any):
        return False
    if not all(call.has(*each) for each in rule.all) or (rule.none and call.has(*rule.none, exact=True)):
        return False
    if rule.dashes and call.dashes >= len(call.operands):
        return False
    rest = call.operands[count:]
    if len(rest) < rule.least or (rule.most is not None and len(rest) > rule.most):
        return False
    if rule.argument is not None and not any(_found(rule.argument, word) for word in rest):
        return False
    if rule.first is not None and not (rest and _found(rule.first, rest[0])):
        return False
    if rule.last is not None and not (rest and _found(rule.last, rest[-1])):
        return False
    for name, pattern in rule.option_value:
        values = [option.value for option in call.find(name) if option.value is not None]
        if not any(_found(pattern, value) for value in values):
            return False
    return True


def _found(pattern: str, word: Word) -> bool:
    # Bounded, for the time that a pattern takes may grow with the square of the text.
    return re.search(pattern, word.text[:_LONGEST]) is not None


def _word(pattern: str, word: Word) -> bool:
    if pattern == "*":
        return True
    if not word.known:
        return False
    if "*" not in pattern:
        return word.text == pattern
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), word.text) is not None


def _stated(rule: Rule, call: Call) -> list[Effect]:
    """The effects that a rule states: one for each target, and one for all that are too many to be told."""
    claim = rule.claim or _SAID.get(rule.effect.value, "{target}")
    claim += f" ({rule.suggestion})" if rule.suggestion else ""
    id = rule.id or "-".join(word.text[:40] for word in call.operands[: len(rule.words)])
    targets: list[Word | None] = [*_targets(rule, call)] or [None]

    def one(target: Word | None) -> Effect:
        return call.effect(
            rule.effect,
            claim if target is not None or "{target}" not in claim else claim.replace("{target}", "its target"),
            target,
            place=rule.place,
            reversible=rule.reversible,
            wide=rule.wide or bool(target is not None and target.glob),
            possible=rule.possible,
            id=id,
        )

    found = [one(target) for target in targets[:_MOST]]
    places: dict[Place, Effect] = {}
    for target in targets[_MOST:]:
        effect = one(target)
        places.setdefault(effect.place, replace(effect, wide=True, count=len(targets) - _MOST))
    return [special(effect) for effect in [*found, *places.values()]]


def _targets(rule: Rule, call: Call) -> Sequence[Word]:
    words = call.operands[len(rule.words) :]
    match rule.targets:
        case "operands":
            return words
        case "first":
            return words[:1]
        case "last":
            return words[-1:]
        case "rest":
            return words[1:]
        case "sources":
            return words[:-1]
        case "leading":
            return call.operands[len(rule.words) : call.leading]
        case "after":
            return call.operands[max(call.dashes, len(rule.words)) :]
        case ("option", names):
            return [option.value for option in call.find(*names) if option.value is not None]
        case ("prefix", prefixes):
            return [
                replace(word, text=word.text.removeprefix(prefix))
                for word in words
                for prefix in prefixes
                if word.text.startswith(prefix)
            ]
        case _:
            return []
