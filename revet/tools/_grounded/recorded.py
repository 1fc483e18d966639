"""Calls that were made: what each did (looked or changed), whether it failed, and the items that it told of."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from pydantic import JsonValue

from revet.schema import Model
from revet.tools._grounded.vocabulary import IN_FILES, LOOKING, kinds_named, words

__all__ = ["Item", "RecordedCall", "words_of"]

LEADING = words("sudo env xargs time nohup then if fi else do done !")
PRODUCT = words("system manager service api client server toolkit suite lock control sign safe")
"""Where the name of a product ends and that of its tool begins."""
RUNNERS = words("execute terminal shell bash run command exec python code interpreter sql query script")
EDITING = words("write edit patch replace update append insert")
CHOICES = ("action", "operation", "method", "mode", "command")
READING = words(
    "ls cat grep egrep zgrep du df ps head tail find id which whoami uname file stat getent pwd echo sort uniq wc awk "
    "cut less more top free printenv date hostname tree locate test true man type lsof netstat ss history apropos "
    "md5sum sha256sum strings diff [ sed cd ping dig nslookup whereis groups lsblk uptime nproc tr column"
)
READING_WITH = {
    "apt": "list search show policy",
    "apt-cache": "", "apt-get": "check", "dpkg": "-l -L -s", "pip": "show list freeze",
    "pip3": "show list freeze", "git": "log status show diff branch remote", "systemctl": "status list-units",
    "docker": "ps images logs inspect", "npm": "ls list view", "crontab": "-l", "python": "--version -V",
    "python3": "--version -V", "snap": "list info", "brew": "list info",
}  # fmt: skip
WRITING = re.compile(r"-delete\b|-exec(?:dir)?\b|(?<![0-9&])>>?(?!\s*(?:/dev/null|&))|\btee\b|\bsed\s+-i")
BEFORE = re.compile(r"-|[A-Za-z_]\w*=")
"""An option of what leads a command, or a variable that is set for it."""
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
FAILURE = re.compile(
    r"^\W*(?:error|exception|failed|failure|traceback)\b|\"(?:error|exception)\"\s*:\s*(?!null|false|\"\")"
    r"|\"\w*success\"\s*:\s*false|^[\w.]*(?:Error|Exception): ",
    re.IGNORECASE,
)
OBJECT = re.compile(r"\{[^{}]*\}?")
FIELD = re.compile(r'"([\w -]+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d[\d.]*))')
MOST_READ = 200_000
MOST_ITEMS = 500


class Item(NamedTuple):
    """One thing that an observation lists: how it is told from others of its sort, and what it is called."""

    sort: str
    id: str
    names: frozenset[str]


class RecordedCall(Model):
    """A call of a tool that was made, and what came back.

    `failed` is None where nothing but the observation can say so. An empty observation is no failure: nobody knows.
    `looked` says that it changed nothing (or did), None where only the names can tell.
    """

    tool: str
    input: JsonValue = None
    observation: str = ""
    failed: bool | None = None
    looked: bool | None = None

    @cached_property
    def said(self) -> str:
        """The input as text."""
        return self.input if isinstance(self.input, str) else json.dumps(self.input, ensure_ascii=False, default=str)

    @cached_property
    def broke(self) -> bool:
        """True if the call is known to have failed."""
        return bool(FAILURE.search(self.observation[:MOST_READ])) if self.failed is None else self.failed

    @cached_property
    def cut(self) -> bool:
        """True if the observation is known to be a part of what came back."""
        text = self.observation.strip()
        opens = {"{": "}", "[": "]"}
        return "characters cut …" in text or (text[:1] in opens and not text.endswith(opens[text[0]]))

    @cached_property
    def runs(self) -> bool:
        """True for a tool that runs what it is given, and so may do anything."""
        return bool(RUNNERS & set(words_of(self.tool)))

    @cached_property
    def edits(self) -> bool:
        """True for a tool that changes what a file holds. What was done to that may be told in any words."""
        said = set(words_of(self.tool))
        return "file" in said and bool(EDITING & said)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """What the call may do, by the verbs of its name (the product's name passed over), or by the action that its
        input chooses. Empty where that says nothing."""
        chosen = kinds_named(self._choice())
        if self.edits:
            return IN_FILES
        return chosen or frozenset().union(*_verbs(words_of(self.tool)))

    @cached_property
    def looks(self) -> bool:
        """True if it changed nothing, as far as can be seen: the first verb says so."""
        if self.looked is not None:
            return self.looked
        if self.runs:
            return not self._changes()
        first = kinds_named(self._choice()) or next(iter(_verbs(words_of(self.tool))), frozenset())
        return first == {LOOKING}

    @cached_property
    def any(self) -> bool:
        """True if it may have done anything: it ran a program that changes things, or nobody knows what it does."""
        if self.looked:
            return False
        return self._changes() if self.runs else not self.kinds

    @property
    def items(self) -> Iterator[Item]:
        """The things that the observation lists, by what has an id and a name in it."""
        for number, match in enumerate(OBJECT.finditer(self.observation[:MOST_READ])):
            if number >= MOST_ITEMS:
                return
            fields = [(key.lower(), text or figure) for key, text, figure in FIELD.findall(match[0])]
            sort, key = next(((key, value) for key, value in fields if key.endswith("id") and value), ("", ""))
            names = frozenset(value for key, value in fields if key.endswith(("name", "title")) and len(value) > 2)
            if key and names:
                yield Item(sort, key, names)

    def _choice(self) -> str:
        """The verb of the input that says what is to be done."""
        given = self.input
        if isinstance(given, str):
            try:
                given = json.loads(given)
            except ValueError:
                return ""
        if not isinstance(given, dict):
            return ""
        value = next((value for value in map(given.get, CHOICES) if isinstance(value, str)), "")
        return next(iter(words_of(value)), "")

    def _changes(self) -> bool:
        """Whether the command that it runs is more than looking. SQL and programs that are not known to look change."""
        said = self.said.replace("\\n", "\n").replace('\\"', '"')
        match = re.search(r'"(?:command|cmd|code|script|query|sql)"\s*:\s*"((?:[^"\\]|\\.)*)', self.said)
        command = (match[1] if match else said).replace("\\n", "\n").replace('\\"', '"')
        if re.match(r"\s*(?:select|explain|show|describe|pragma)\b", command, re.IGNORECASE):
            return False
        if WRITING.search(command):
            return True
        for part in re.split(r"\|\|?|&&|;|\n|\$\(|`", command):
            if part.lstrip().startswith(("#", "-")):
                continue
            words = [*itertools.dropwhile(lambda word: word in LEADING or bool(BEFORE.match(word)), part.split())]
            if not words:
                continue
            program = words[0].strip("({\"'").rpartition("/")[2]
            if program in READING_WITH:
                if READING_WITH[program] and not set(READING_WITH[program].split()) & set(words[1:3]):
                    return True
            elif program and program not in READING and "--version" not in words:
                return True
        return False


def words_of(name: str) -> list[str]:
    """The words of a name in any case: ``GmailSendEmail`` → gmail send email."""
    return [word.lower() for word in PART.findall(name)]


def _verbs(words: list[str]) -> list[frozenset[str]]:
    """The kinds of each verb in the words, in order."""
    after = max((number + 1 for number, word in enumerate(words) if word in PRODUCT), default=0)
    for rest in (words[after:], words):
        kinds = [kinds_named(word) or kinds_named(word.removesuffix("ing")) for word in rest]
        if any(kinds):
            return [each for each in kinds if each]
    return []
