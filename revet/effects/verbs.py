"""The verbs of a goal: what a sentence in English asks to be done, what it forbids, and what it merely speaks of.

No grammar is parsed. A verb counts as asked for by its form and by what stands before it: "remove the logs",
"find … and delete them", "by replacing a with b", "all *.o files should be removed". It does not count as a participle
("files removed yesterday"), inside quotation marks, or behind "would" and "dry run"; "without deleting", "do not move"
forbid it. The lists below are words of everyday English and the names of common Unix programs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Asks", "Forbidden", "a_set", "read_verbs"]


def a_set(words: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(words.split())


# A sense is what somebody who uses the verb wants done; `revet.effects.goal` says which effects belong to it.
# Verbs before the bar are asked for wherever they stand; those behind it are nouns or adjectives as often ("the copy",
# "an empty folder", "a mount point") and count only where a command begins: at the start, after "and", "to", "please".
SENSES = {
    "delete": "delete remove erase rm purge wipe drop destroy unlink prune shred uninstall truncate del scrub trash "
    "eliminate discard evict deregister dispose expunge obliterate deduplicate rmdir flush invalidate "
    "| clear clean cleanup empty tidy strip expire cancel dump",
    "move": "rename mv relocate renumber unhide | move hide swap prefix suffix",
    "copy": "cp rsync clone mirror scp replicate | copy duplicate sync backup synchronize synchronise",
    "archive": "compress unzip uncompress decompress extract untar unpack gzip gunzip tar bzip2 unarchive "
    "| zip pack bundle package archive",
    "write": "append replace overwrite edit modify substitute rewrite insert convert prepend redirect save "
    "increment decrement sed tee alter adjust encode decode encrypt decrypt capitalize normalize merge concatenate "
    "combine reformat transform configure reassign unset amend put populate reorder rotate recode rebuild "
    "| write store change update set fix patch join split add enter fill apply resize repair refresh import load "
    "assign correct indent swap increase decrease raise",
    "create": "create generate mkdir touch symlink initialize initialise construct allocate produce download wget "
    "curl retrieve mktemp provision | make link build register export backup dump draw prepare split snapshot pull "
    "clone render compile archive record fetch",
    "mode": "chmod chown chgrp grant revoke setfacl unhide | hide lock unlock allow permit deny",
    "process": "kill terminate renice pkill killall abort interrupt suspend | stop end signal quit resume shut close "
    "detach attach pause",
    "service": "restart reboot enable disable shutdown reload deploy undeploy redeploy rollback unmount umount remount "
    "| mount start stop scale power boot launch roll bring connect disconnect schedule cordon drain halt sleep "
    "configure kill set bind",
    "device": "partition mkfs repartition burn flash dd | format resize",
    "install": "install reinstall uninstall upgrade downgrade apt-get pip | update",
    "send": "email publish notify tweet broadcast upload submit refund | send mail post share message pay charge "
    "announce transfer invite push release reply",
    "remote": "upload deploy publish unpublish | push release submit sync transfer open close merge approve comment "
    "create assign tag label share scale",
    "discard": "revert rollback amend rebase squash | reset restore undo checkout stash switch clean drop discard",
    "run": "execute invoke compile perform exec | run test build call source apply",
}
OPEN = a_set(
    "fix implement refactor solve improve migrate complete finish handle debug ensure support develop "
    "optimise optimize integrate rework modernise modernize port scaffold bootstrap"
)
"""Verbs of work whose means are left open: what belongs to it cannot be told from the words."""
READING = a_set(
    "list show find count print display search calculate check get see view look locate report compute describe tell "
    "determine identify read cat grep explain compare summarise summarize output return give examine inspect verify "
    "monitor watch analyse analyze review query select sum measure estimate know enumerate filter match sort diff ping "
    "validate preview simulate what which how who where when"
)
_IRREGULAR = {"built": "build", "made": "make", "sent": "send", "run": "run", "put": "put", "set": "set"}
_STARTERS = a_set(
    "and then to or please also but just now afterwards finally next first lastly so let's lets must should shall "
    "need will ; : . , ! ? ( ) - & them it you we i it they up"
)
_NOUNS = a_set("email mail message post release make store zip link index record share")
"""Verbs that end a list of things as often: "name, role and email"."""
_QUESTION = re.compile(r"\b(did|does|do)(?! not\b)( [a-z'-]+)+$")
_ADJECTIVES = a_set("empty clean clear open")
_DETERMINERS = a_set("the all any my our your this that these those every each it them up out Q P a an its")
_QUALIFIERS = a_set(
    "from in under with of that which whose containing named older newer ending matching into to using on at by for "
    "inside within located having if but except . , ; and"
)
_STOP = a_set(
    "the a an all any every each of in on at to from under with for and or is are be it its this that these those "
    "file files folder folders directory directories anything something everything nothing else them themselves "
    "there them data content contents one ones thing things other others original originals "
    "source sources existing actually me my your item items"
)
_NEGATION = re.compile(
    r"\b(do not|don't|dont|never|must not|mustn't|should not|shouldn't|cannot|can't|without|avoid|"
    r"instead of|rather than|not to|not be|refrain from|not|no)( ?[a-z]+ly| to| be| get| any| even| all)*$"
)
_DRY = re.compile(
    r"\bdry[- ]?run\b|^(please )?(simulate|preview)\b|\bwhat if\b|\bwithout (actually|really|any) \w+ing\b"
    r"|\b(do not|don't|dont|never) (actually|really) "
    r"|\bwithout (doing|carrying|running|executing|changing|making) (it|them|this|anything|any changes?)\b"
    r"|\b(what|which)( \w+){0,4} (would|could|will|might)( get| be)? "
    r"(happen|do|get|be|delet|remov|chang|affect|mov|renam)"
    r"|\b(files?|those|things?|list) (which|that) would\b|\bwould be (deleted|removed|changed|renamed|moved|affected)\b"
)
_HOW = re.compile(r"\bhow (do|can|could|would|should|might) (i|we|you|one)$|\bhow to$|\bway to$|\bwhether to$")
_CANDIDATE = re.compile(
    r"\b(files?|folders?|director\w+|packages?|items?|ones?|candidates?|what|which|branches|things?) to$"
)
_NAMING = re.compile(
    r"\b(words?|strings?|text|pattern|named|called|containing|contains|contain|matching|matches|with|the|a|an|of|"
    r"verb|command|function|keyword|option|flag|no|his|her|its|their|your|my|this|that|last|these|those|has|have|had|"
    r"script|program|tool|which|who|for)$"
)
_PASSIVE = re.compile(
    r"\b((should|must|shall|have to|has to|needs? to|ought to|are to|is to)( all| also)? (be|get)|needs?|want \w+)$"
)
_ABLE = re.compile(r"\b(which|that|who|users?|they|people|anyone|everyone|can|could|may|might|would)$")
_RID = re.compile(r"\bget(ting)? rid of\b|\bfree(ing)? up\b|\bthrow away\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|“[^”]*”")
_PATH = re.compile(r"(?<!\S)[(]?[~./$*\\-]*[\w{}$*?-]*[/.*$=_\\][^\s,;]*[\w/*}]")
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9'’-]*[A-Za-z0-9]|[A-Za-z]|[.,;:!?()&]")
_TEXT = a_set(
    "line lines char chars character characters whitespace whitespaces space spaces word words column columns prefix "
    "suffix extension extensions newline newlines comment comments header headers footer string strings occurrence "
    "occurrences digits letters text punctuation carriage tabs field fields quotes numbers attribute attributes "
    "color colors brackets commas slash slashes dashes pattern result results output colon indentation "
    "trailing leading section property properties"
)
_MODES = a_set(
    "permission permissions mode modes owner owners ownership group groups executable writable writeable readable acl "
    "acls suid setuid setgid sgid sticky rights chmod access bit bits privileges read-only immutable"
)
_THINGS = a_set(
    "file files folder folders directory directories dir dirs archive link links symlink symlinks log logs "
    "database databases table tables row rows record records branch branches container containers image images "
    "user users process processes package packages bucket buckets object objects message messages"
)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A sense that the goal excludes: everywhere (`words` empty), or for the things that `words` name."""

    sense: str
    phrase: str
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asks:
    """What a goal asks for. `senses`: to be done. `mentioned`: spoken of in a way that does not tell ("how do I
    remove …"). `forbidden`: excluded. `phrase`: the verbs and the words after them, to be quoted back. `open`: work
    whose means are left open. `dry`: only what would happen is wanted. `words`: its words, in small letters."""

    senses: frozenset[str] = frozenset()
    mentioned: frozenset[str] = frozenset()
    forbidden: tuple[Forbidden, ...] = ()
    phrase: str = ""
    open: bool = False
    dry: bool = False
    words: frozenset[str] = frozenset()


def _forms(verb: str) -> dict[str, str]:
    """The forms of a verb → which they are: base, third, ing, past."""
    stem = verb
    if re.search(r"[^aeiou][aeiou][bdgmnpt]$", verb) and verb not in ("edit", "open", "alter", "deposit", "import"):
        stem = verb + verb[-1]
    if verb.endswith("e") and not verb.endswith("ee"):
        ing, past = verb[:-1] + "ing", verb + "d"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        ing, past = verb + "ing", verb[:-1] + "ied"
    else:
        ing, past = stem + "ing", stem + "ed"
    if re.search(r"(s|sh|ch|x|z)$", verb):
        third = verb + "es"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        third = verb[:-1] + "ies"
    else:
        third = verb + "s"
    return {verb: "base", third: "third", ing: "ing", past: "past"}


def _lexicon() -> dict[str, tuple[str, str, bool, frozenset[str]]]:
    """word → (verb, form, True if it counts wherever it stands, senses)."""
    strong: dict[str, bool] = {}
    senses: dict[str, set[str]] = {}
    for sense, text in SENSES.items():
        firm, _, loose = text.partition("|")
        for verb in (*firm.split(), *loose.split()):
            senses.setdefault(verb, set()).add(sense)
        strong.update(dict.fromkeys(firm.split(), True))
        for verb in loose.split():
            strong.setdefault(verb, False)
    lexicon: dict[str, tuple[str, str, bool, frozenset[str]]] = {}
    for verb, meant in senses.items():
        for word, form in _forms(verb).items():
            lexicon.setdefault(word, (verb, form, strong[verb], frozenset(meant)))
    for word, verb in _IRREGULAR.items():
        lexicon.setdefault(word, (verb, "past", False, frozenset(senses[verb])))
    return lexicon


_LEXICON = _lexicon()


def read_verbs(goal: str) -> Asks:
    """What `goal` asks to be done. Never raises; a goal without a known verb asks for nothing."""
    plain = _PATH.sub(" P ", _QUOTED.sub(" Q ", _RID.sub("remove", goal[:4000].replace("’", "'"))))
    tokens = [token if token in "QP" else token.lower() for token in _TOKEN.findall(plain)]
    text = " ".join(tokens)
    asked: set[str] = set()
    mentioned: set[str] = set()
    forbidden: list[Forbidden] = []
    phrases: list[str] = []
    for at, token in enumerate(tokens):
        entry = _LEXICON.get(token)
        if (token in READING or (at == 0 and token.removesuffix("s") in READING)) and _begins(tokens, at):
            phrases.append(_phrase(tokens, at))
        if entry is None:
            continue
        verb, form, strong, senses = entry
        senses = _of_object(tokens, at, senses)
        if not senses:
            continue
        before = " ".join(tokens[max(0, at - 6) : at])
        if form != "third" and (found := _NEGATION.search(before)) and not _said(found.group(0), form):
            forbidden += [
                Forbidden(s, f"{found.group(0)} {_phrase(tokens, at)}", _object(tokens, at, form)) for s in senses
            ]
            continue
        manner = _manner(tokens, at, before, form, strong)
        if manner == "asked":
            asked |= senses
            phrases.append(_phrase(tokens, at, verb))
        elif manner == "mentioned":
            mentioned |= senses
    words = frozenset(tokens)
    if asked & {"write", "create", "copy", "delete", "service"} and words & _MODES:
        asked.add("mode")
    dry = bool(_DRY.search(text))
    return Asks(
        senses=frozenset() if dry else frozenset(asked),
        mentioned=frozenset() if dry else frozenset(mentioned),
        forbidden=tuple(forbidden),
        phrase=" and ".join(dict.fromkeys(phrases[:2])),
        open=not dry and any(token in OPEN and _begins(tokens, at) for at, token in enumerate(tokens)),
        dry=dry,
        words=words,
    )


def _begins(tokens: list[str], at: int) -> bool:
    """Whether a command may begin here: the first word, or after "and", "to", a full stop, an adverb …"""
    if at == 0:
        return True
    previous = tokens[at - 1]
    if previous.endswith("ly") and len(previous) > 4:
        return at == 1 or _begins(tokens, at - 1)
    return previous in _STARTERS


def _manner(tokens: list[str], at: int, before: str, form: str, strong: bool) -> str:
    """ "asked", "mentioned" or "" (no verb here, or said of something)."""
    begins = _begins(tokens, at)
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if tokens[at] in ("change", "changes", "modify", "set", "access") and following in ("time", "times", "date", "of"):
        return ""
    if following == "of" or (tokens[at] in _NOUNS and following in ("", ".", ",", "?", "code", "name", "names", "and")):
        return ""
    if form == "base" and _QUESTION.search(before):
        return "mentioned" if _HOW.search(before) else ""
    if form == "past":
        return "asked" if _PASSIVE.search(before) else ""
    if form == "ing":
        return (
            "asked"
            if at == 0
            or re.search(r"(\bby|\band|\bthen|\bstart|\bbegin|\brequest|\bkeep|,|\bafter|\bbefore|\bwhile)$", before)
            else ""
        )
    if form == "third":
        opens = at == 0 or (begins and all(token.endswith("ly") for token in tokens[:at]))
        return "asked" if opens or (begins and (strong or tokens[0].endswith("s"))) else ""
    if _HOW.search(before) or _CANDIDATE.search(before):
        return "mentioned"
    if _ABLE.search(before) or (not begins and (not strong or _NAMING.search(before))):
        return ""
    if at > 0 and tokens[at] in _ADJECTIVES and following not in _DETERMINERS:
        return ""
    return "asked"


def _said(negation: str, form: str) -> bool:
    """A "not" or "no" that forbids nothing: "if it is not empty", "files that are not zipped"."""
    return bool(re.match(r"(not|no)(?! (to|be))", negation)) and form != "ing"


def _of_object(tokens: list[str], at: int, senses: frozenset[str]) -> frozenset[str]:
    """What the verb is done to decides what is meant: who removes a line writes a file, who sets a variable nothing."""
    ahead = tokens[at + 1 : at + 14]
    if senses & {"write", "create", "copy", "delete", "archive"} and _in_memory(ahead):
        return frozenset()
    if "process" in senses and (not ahead or ahead[0] in _QUALIFIERS or ahead[0].endswith(("ing", "after", "until"))):
        senses -= {"process", "service"}
    if tokens[at] in ("write", "execute", "run") and {"read", "write"} & set(tokens[max(0, at - 3) : at]):
        return frozenset({"mode"}) & senses
    if "delete" not in senses:
        return senses
    if tokens[at + 1 : at + 2] in (["them"], ["it"], ["these"], ["those"]):
        return senses
    head = ""
    for token in tokens[at + 1 : at + 8]:
        if token in _QUALIFIERS:
            break
        head = token if token in _MODES or token in _TEXT or token in _THINGS else head
    if head in _MODES:
        return frozenset({"mode", "write"})
    return frozenset({"write"}) if head in _TEXT else senses


def _in_memory(ahead: list[str]) -> bool:
    """A variable, a stream, an option of the shell: nothing that outlasts the command. Up to the next full stop."""
    clause = ahead[: ahead.index(".")] if "." in ahead else ahead
    text = " ".join(clause)
    if {"file", "files", "directory", "folder", "P"} & set(clause):
        return False
    return bool(
        re.search(r"\b(variables?|stdin|stdout|standard (input|output)|shell options?|directory stack)\b", text)
    )


def _object(tokens: list[str], at: int, form: str) -> frozenset[str]:
    """The words that say what must not be touched; empty for "anything", "the files"."""
    words: list[str] = []
    span = tokens[max(0, at - 8) : at] if form == "past" else tokens[at + 1 : at + 9]
    for token in span:
        if token in ".;:!?,":
            if form == "past":
                words.clear()
                continue
            break
        words.append(token)
    return frozenset(
        w for w in words if w not in _STOP and w not in _LEXICON and len(w) > 1 and not _NEGATION.search(w)
    )


_OPENING = a_set("the a an all any of me my our your its this that last first next new old other same current")
"""Words that want another behind them."""


def _phrase(tokens: list[str], at: int, verb: str | None = None) -> str:
    """The verb and some words after it, so many that no noun is cut off its adjectives: "show me the last commit"."""
    words = [verb or tokens[at]]
    for token in tokens[at + 1 : at + 6]:
        full = len(words) > 3 and words[-1] not in _OPENING
        if full or token in _QUALIFIERS or token in ":!?()&QP":
            break
        words.append(token)
    while len(words) > 1 and words[-1] in _OPENING:
        words.pop()
    return " ".join(words)
