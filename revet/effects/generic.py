"""Programs that are in no table: what the words of their command lines say, for tools of the usual shape.

Most command lines name what they do: ``tool noun verb name``, ``tool verb-noun``, ``tool noun:verb``, ``Verb-Noun``. A
verb that deletes counts wherever it stands, in an option too; a verb that looks counts only if it is the first or
second word and nothing else speaks of a change. All else is a doubt: nobody has written down what the program does.
"""

from __future__ import annotations

import re

from revet.effects.model import Effect, EffectKind
from revet.effects.shell.model import Invocation, Word

__all__ = ["generic"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LOOKS = _set(
    """list ls get show describe status info view search diff log logs version help whoami check validate lint plan
    inspect find query count stats stat lookup read cat head tail test ping events metrics usage top history explain
    ps doctor verify print display tree summary report whois dig examples docs man exists audit outdated preview
    diagnose compare measure select sort where format out resolve trace tell about capabilities peek graph
    me current available dryrun cost estimate"""
)
_CHANGES = _set(
    """create new add make generate init initialize register import upload push put set update edit patch modify rename
    move mv copy cp apply configure config install upgrade enable start run exec restore write save sync merge deploy
    publish send post submit login attach mount link assign grant convert build migrate rebuild replace tag label lock
    unlock join connect open close invite approve"""
)
_DESTROYS = _set(
    """delete del destroy remove rm rmi purge drop wipe reset revoke terminate prune flush flushall expire uninstall
    erase truncate clear clean nuke kill shutdown poweroff reboot stop cancel abort unpublish deregister unregister
    disable forget deprovision decommission evict shred trash rollback format zap obliterate discard overwrite
    force forced yes unlink detach cleanup gc vacuum demote undeploy teardown down halt"""
)
_FLAG = re.compile(r"^--?(yes|y|force|f|hard|no-?confirm|assume-?yes|auto-?approve|skip-?confirm\w*|non-?interactive)$")
_LOUD = re.compile(
    r"^--?(\w+-)*(delete|destroy|remove|purge|drop|wipe|erase|prune|overwrite|reset|nuke|kill|clean|truncate|uninstall|revoke)"
    r"(-\w+)*$"
)
_ACTS = re.compile(
    r"^(-[ceiow]|--(exec|execute|eval|command|run|script|output|out|write|in-?place|fix|apply|save|set|upload|post|send|to))$"
)
_HELP = frozenset({"--help", "-h", "-help", "--version", "-V", "-version", "-?", "/?"})
_POWERSHELL = re.compile(
    r"^(Get|Test|Show|Select|Measure|Format|Sort|Where|Compare|Find|Resolve|Out|ConvertTo|ConvertFrom)-[A-Z]"
)
_DEEP = 4
"""So many words in front can be nouns and verbs; what follows are names and texts."""


def generic(invocation: Invocation) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """The effects that the words of the command line name, and doubts where they name none.

    A deletion is `remote_delete` and `possible`: where it takes place cannot be told. Never raises.
    """
    if not invocation.argv:
        return (), ()
    name = invocation.argv[0].text
    short = name if len(name) <= 80 else name[:79] + "…"
    doubt = f"nobody has written down what `{short}` does"
    operands, options = _sorted(invocation.argv[1:])
    if options and not operands and set(options) <= _HELP:
        return (_effect(EffectKind.read, "shows its help or its version", name, "help"),), ()
    loud = _loud(name, operands, options)
    if loud is not None:
        target = operands[-1].text if operands else name
        claim = f"{doubt}; the word `{loud}` says that something is lost or stopped"
        return (_effect(EffectKind.remote_delete, claim, name, loud, target, possible=True),), ()
    looks = _looks(name, operands)
    if looks is None or invocation.appended or any(_ACTS.match(option) for option in options):
        return (), (doubt,)
    return (_effect(EffectKind.read, f"the word `{looks}` says that it only looks", name, looks),), ()


def _effect(kind: EffectKind, claim: str, name: str, word: str, target: str = "", possible: bool = False) -> Effect:
    reversible = False if kind is EffectKind.remote_delete else None
    return Effect(kind, claim, target[:1000], "unknown", reversible, possible=possible, word=f"generic:{word[:40]}")


def _sorted(words: tuple[Word, ...]) -> tuple[list[Word], list[str]]:
    """Operands, and options without their values."""
    operands = [word for word in words if not word.text.startswith("-")]
    options = [word.text.split("=", 1)[0] for word in words if word.text.startswith("-") and word.text != "-"]
    return operands, options


def _parts(text: str) -> list[str]:
    """The words within a word: "delete-user", "apps:destroy", "removeAll" → delete user, apps destroy, remove all."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [part.lower() for part in re.split(r"[-_:.\s]+", spaced) if part]


def _is_name(text: str) -> bool:
    """A path, an address, a number, a sentence: no verb of a command line."""
    return bool(re.search(r"[/=@\s$(){}\[\],;'\"<>|*?]|^\d|\.", text)) or len(text) > 40


def _loud(name: str, operands: list[Word], options: list[str]) -> str | None:
    """The word that speaks of a loss: in the name, the first words, or an option."""
    base = name.rsplit("/", 1)[-1]
    for word in (base, *(operand.text for operand in operands[:_DEEP])):
        if word is not base and _is_name(word):
            continue
        found = next((part for part in _parts(word) if part in _DESTROYS), None)
        if found is not None and not (word is base and len(_parts(base)) == 1):
            return found
    return next((option for option in options if _FLAG.match(option) or _LOUD.match(option)), None)


def _looks(name: str, operands: list[Word]) -> str | None:
    """The verb that says that it only looks: the name's own, or one of the first two words with no change beside it."""
    if _POWERSHELL.match(name):
        return name.split("-", 1)[0]
    front = []
    for operand in operands[:2]:
        if not operand.known or _is_name(operand.text):
            break
        front.append(_parts(operand.text))
    words = [part for parts in front for part in parts]
    if any(part in _CHANGES for part in words):
        return None
    return next((part for parts in front for part in (*parts[:1], *parts[-1:]) if part in _LOOKS), None)
