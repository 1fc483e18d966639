"""Programs that are in no table: what the words of their command lines say, for tools of the usual shape.

Most command lines name what they do: ``tool noun verb name``, ``tool verb-noun``, ``tool noun:verb``, ``Verb-Noun``. A
verb that deletes counts wherever it stands, in an option too; a verb that looks counts only if it is the first or
second word and nothing else speaks of a change. All else is a doubt: nobody has written down what the program does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.effects.model import Effect, EffectKind
from revet.effects.shell.model import Invocation, Word

__all__ = ["generic", "is_plain", "losing_word"]


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
_LOSES = _set(
    """delete destroy destroyall remove removeall purge drop dropall wipe erase truncate nuke obliterate reset fresh
    flush flushall flushdb teardown undeploy uninstall unpublish deregister unregister terminate decommission
    deprovision downgrade rollback revoke retire yank shutdown kill killall"""
)
_TESTS = _set(
    """pytest py.test tox nox coverage unittest nose2 behave robot jest vitest mocha ava tap karma jasmine cypress
    playwright rspec minitest cucumber phpunit pest behat bats ctest gotestsum ginkgo hypothesis asv gcc g++ cc clang"""
)
_FILE = re.compile(
    r"\.(?:py|pyw|[cm]?[jt]sx?|rb|php|pl|lua|sh|bash|go|rs|java|kt|scala|c|cc|cpp|h|hpp|cs|swift|r|jl|json|ya?ml|toml|xml"
    r"|md|rst|txt|csv|sql|html?|css|ini|cfg|conf|lock|log|so|o|a|out|spec|test|class|jar|proto|ipynb|vue|svelte)$",
    re.IGNORECASE,
)
_FLAG = re.compile(r"^--?(yes|y|force|f|hard|no-?confirm|assume-?yes|auto-?approve|skip-?confirm\w*|non-?interactive)$")
_LOUD = re.compile(
    r"^--?(\w+-)*(delete|destroy|remove|purge|drop|wipe|erase|prune|overwrite|reset|nuke|kill|clean|truncate|uninstall|revoke)"
    r"(-\w+)*$"
)
_SQL = re.compile(
    r"\b(drop|truncate|alter|grant|revoke)\s+\w|\bdelete\s+from\b|\bupdate\s+\S+\s+set\b|\binsert\s+into\b",
    re.IGNORECASE,
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
    changes = any(_SQL.search(operand.text) for operand in operands)
    if looks is None or changes or invocation.appended or any(_ACTS.match(option) for option in options):
        return (), (doubt,)
    return (_effect(EffectKind.read, f"the word `{looks}` says that it only looks", name, looks),), ()


def losing_word(name: str, operands: Sequence[Word]) -> str | None:
    """The word that speaks of a loss in what a program is told to run: ``db:drop``, ``vm.destroy``, ``reset_db``.

    For programs that are known to run tasks of other people, each under a name: it is all that is known of the task.
    `clean` and the like are no such words: what is built can be built again. Test runners are given names of tests.
    """
    base = name.rpartition("/")[2]
    front = [word for word in operands[:_DEEP] if word.known and not _is_path(word.text)]
    if base in _TESTS or any("test" in _parts(word.text) or "tests" in _parts(word.text) for word in front):
        return None
    parts = _parts(base)
    if len(parts) > 1 and any(part in _LOSES for part in parts):
        return base
    for word in front:
        said = _parts(word.text)
        if any(part in _LOSES for part in said) or {"flyway", "clean"} <= set(said):
            return word.text
    return None


_ACTING = (
    _CHANGES
    | _DESTROYS
    | _LOSES
    | _set(
        """recover transfer restart deleteall rmr erase scrub overwrite shell eval cl pay refund charge drain cordon
    evict off on disarm bypass allow deny block ban mute silence promote demote failover switch swap rotate seal unseal
    downgrade backwards downto revert undo redo quit exit logout lockdown unlock burn write flash cut mirror inject"""
    )
)


def is_plain(words: Sequence[str]) -> bool:
    """Whether a command line of a program that is in no table has nothing that could be an order to change something:
    no options, no code, no places outside, no word that acts. "storm warning" is plain, "wiper /dev/sda" is not."""
    for at, word in enumerate(words):
        if (
            word.startswith(("-", "/", "~", "../"))
            or word == ".."
            or not re.fullmatch(r"[\w.,:+-]*|[\w.-]+(?:/[\w.-]+)*", word)
        ):
            return False
        if re.match(r"[A-Za-z]:", word) or any(part in _ACTING for part in _parts(word)):
            return False
        if at == 0 and (word.endswith((".sh", ".exe", ".cmd", ".bat", ".ps1")) or word[:1].isupper()):
            return False
    return True


def _is_path(text: str) -> bool:
    return "/" in text or "=" in text or " " in text or len(text) > 60 or bool(_FILE.search(text))


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
