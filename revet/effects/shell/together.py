"""What commands do together that none of them does alone: secrets that are read here and sent there, input that never
ends and goes into a file, commands that come into a session on its standard input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from revet.effects.model import Effect, EffectKind, Place
from revet.effects.shell.call import shown
from revet.effects.shell.feeding import name_of
from revet.effects.shell.model import Invocation, Parsed
from revet.effects.shell.paths import harmless_sink

__all__ = ["together"]

_SECRET = re.compile(
    r"(?:^|/)(?:\.ssh(?:$|/(?!known_hosts|config$|[^/]*\.pub$))|\.aws(?:$|/)|\.gnupg(?:$|/)|\.kube/config$|\.netrc$"
    r"|\.docker/config\.json$|\.pgpass$|\.git-credentials$|\.npmrc$|\.pypirc$|\.vault-token$|\.password-store(?:$|/)"
    r"|\.config/(?:gh|gcloud|op)(?:$|/)|\.env(?:\.(?!example|sample|template|dist|test|schema)\w+)*$"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)$|(?!(?:ca|cert|chain|fullchain|pub|cacert)\b)[^/]*\.(?:pem|p12|pfx|kdbx|jks|key)$)"
    r"|^/etc/(?:shadow|gshadow|sudoers)|^/proc/[^/]+/environ$"
)
_PRIVATE = re.compile(
    r"^/etc/passwd$|(?:^|/)[\w.-]*(?:secret|credential|password|passwd|private|token)s?[\w-]*(?:\.\w+)?$"
)
"""Names that say what is in a file, though no program looks for it there."""
_KEYS = re.compile(
    r"^-(?:i|F|E|cert|key|CAfile|-(?:cert|cacert|key|identity|env-file|private-key|key-file|kubeconfig|netrc-file))$"
)
"""Options that name what a program shows at the door, or keeps to itself, and does not send."""
_SUBSTITUTION = re.compile(r"\$\(|`")
_TOKEN = re.compile(r"[^\s`'\"()|;<>&]+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ASKS_NAMES = _set("dig nslookup host drill kdig dog doggo ping ping6 fping traceroute tracepath resolvectl")
_SPEAKS = _ASKS_NAMES | _set("curl wget http https xh curlie httpie aria2c nc ncat netcat telnet socat")
_COPIES = _set(
    "scp rsync sftp rclone s3cmd s5cmd aws gsutil gcloud az mc ossutil b2 kubectl oc docker podman openssl nc ncat "
    "croc wormhole azcopy swift curl wget ftp lftp"
)
_K = EffectKind
_SENDS = frozenset({_K.fetch, _K.send, _K.remote_write, _K.remote_create, _K.leak})
_ENDLESS = re.compile(r"^(?:if=)?/dev/(?:zero|u?random|full)$")
_BOUNDS = _set("head ghead openssl sed awk gawk mawk grep timeout")
_GATHERS = _set("sort tail tac sponge shuf")
_SIZE = re.compile(r"^[+<>=]?(\d+)\s*([kKMGTPEZ]?)(?:i?B)?$")
_UNITS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6, "Z": 7}
_MOST = 50 * 1024**3
"""Bytes that nobody writes at once by intent."""
_ADDRESS = re.compile(r"://|^[\w.-]+@[\w.-]+:")
_SHELLS_READ = "runs the commands that come on its standard input"


def together(parsed: Parsed, effects: Sequence[Effect]) -> list[Effect]:
    """More effects, each with the number of the command that it comes to pass in."""
    sent = {effect.command for effect in effects if effect.place == "remote" and effect.kind in _SENDS}
    found: list[Effect] = []
    for number, invocation in enumerate(parsed.invocations):
        name = name_of(invocation)
        if number in sent or name in _ASKS_NAMES:
            found += _given_away(parsed, number, name)
        found += _kept(parsed, number, name)
        found += _endless(parsed, number, name)
    return [*found, *_fed(parsed, effects)]


def _effect(kind: EffectKind, claim: str, number: int, word: str, target: str = "", *, wide: bool = False) -> Effect:
    place: Place = "remote" if kind is EffectKind.leak else "unknown"
    return Effect(kind, claim, target[:1000], place, wide=wide, word=word, command=number)


# -- secrets -------------------------------------------------------------------------------------------------------


def _secrets(invocation: Invocation, *, by_name: bool) -> Iterator[str]:
    """The files with secrets that an invocation names, or reads."""
    before = ""
    words = [word.text for word in invocation.argv[1:]]
    words += [r.target.text for r in invocation.redirections if r.operator.lstrip("0123456789") == "<"]
    for text in words:
        if not _KEYS.match(before) and not text.startswith("-") and _is_secret(text, by_name=by_name):
            yield text
        before = text


def _is_secret(text: str, *, by_name: bool) -> bool:
    return bool(_SECRET.search(text) or (by_name and _PRIVATE.search(text)))


def _before(parsed: Parsed, number: int) -> list[int]:
    """The invocations that a pipe comes from, the nearest first."""
    chain: list[int] = []
    source = parsed.invocations[number].piped_from
    while source is not None and source not in chain and 0 <= source < len(parsed.invocations):
        chain.append(source)
        source = parsed.invocations[source].piped_from
    return chain


def _given_away(parsed: Parsed, number: int, name: str) -> Iterator[Effect]:
    invocation = parsed.invocations[number]
    what = next(_secrets(invocation, by_name=False), None) if name in _COPIES else None
    for source in _before(parsed, number):
        what = what or next(_secrets(parsed.invocations[source], by_name=not _logs_in(invocation)), None)
        what = what or ("the environment" if _shows_environment(parsed.invocations[source]) else None)
    for word in invocation.argv[1:]:
        if _SUBSTITUTION.search(word.text):
            tokens = _TOKEN.findall(word.text)
            what = what or next((token for token in tokens if _is_secret(token, by_name=True)), None)
    if what is None and name in _SPEAKS and any(not word.known for word in invocation.argv[1:]):
        earlier = (secret for other in parsed.invocations[:number] for secret in _secrets(other, by_name=True))
        what = next(earlier, None)
    if what is not None:
        claim = f"gives away what is in {shown(what)}"
        yield _effect(EffectKind.leak, claim, number, f"{name}:secret", what)


def _logs_in(invocation: Invocation) -> bool:
    """``docker login --password-stdin``: a password is what it asks for."""
    words = [word.text for word in invocation.argv[1:]]
    return "login" in words and "--password-stdin" in words


def _shows_environment(invocation: Invocation) -> bool:
    return name_of(invocation) in ("env", "printenv", "export", "set", "declare") and len(invocation.argv) == 1


def _kept(parsed: Parsed, number: int, name: str) -> Iterator[Effect]:
    """Secrets that git is given; a remote that is new, and is pushed to at once."""
    invocation = parsed.invocations[number]
    words = [word.text for word in invocation.argv[1:] if not word.text.startswith("-")]
    if name != "git" or not words:
        return
    if words[0] in ("add", "stage"):
        for secret in _secrets(invocation, by_name=False):
            claim = f"puts {shown(secret)} under version control, with the secrets in it"
            yield _effect(EffectKind.leak, claim, number, "git:add-secret", secret)
    if words[0] == "push":
        for other in parsed.invocations[:number]:
            said = [word.text for word in other.argv]
            if said[:2] == ["git", "remote"] and any(_ADDRESS.search(text) for text in said[2:]):
                claim = f"pushes to {shown(said[-1])}, which was no remote of this repository before"
                yield _effect(EffectKind.leak, claim, number, "git:push-elsewhere", said[-1])


# -- without end ---------------------------------------------------------------------------------------------------


def _endless(parsed: Parsed, number: int, name: str) -> Iterator[Effect]:
    invocation = parsed.invocations[number]
    size = _size(invocation, name)
    if size is not None and size > _MOST:
        yield _effect(EffectKind.unknown, f"takes {size // 1024**3:,} GiB of the disk", number, f"{name}:huge")
        return
    chain = [number, *_before(parsed, number)]
    names = [name_of(parsed.invocations[at]) for at in chain]
    if not any(_is_endless(parsed.invocations[at]) for at in chain) or any(n in _BOUNDS for n in names):
        return
    if "timeout" in " ".join(via for at in chain for via in parsed.invocations[at].via):
        return
    if "dd" in names and any(w.text.startswith("count=") for at in chain for w in parsed.invocations[at].argv):
        return
    if name in _GATHERS or any(map(_is_file, _written(invocation, name))):
        claim = "reads what has no end, and keeps it: that fills the disk, or the memory"
        yield _effect(EffectKind.unknown, claim, number, f"{name}:endless")


def _is_endless(invocation: Invocation) -> bool:
    inputs = [word.text for word in invocation.argv[1:]]
    inputs += [r.target.text for r in invocation.redirections if r.operator == "<"]
    return name_of(invocation) == "yes" or any(_ENDLESS.match(text) for text in inputs)


def _written(invocation: Invocation, name: str) -> Iterator[str]:
    for redirection in invocation.redirections:
        if redirection.operator.lstrip("0123456789&") in (">", ">>", ">|") and redirection.fd in (None, 1):
            yield redirection.target.text
    for word in invocation.argv[1:]:
        if name == "dd" and word.text.startswith("of="):
            yield word.text[3:]
        elif name in ("tee", "cp") and not word.text.startswith("-") and not _ENDLESS.match(word.text):
            yield word.text


def _is_file(target: str) -> bool:
    return bool(target) and not harmless_sink(target) and not target.startswith("/dev/")


def _size(invocation: Invocation, name: str) -> int | None:
    """How much an invocation writes, if it says so in so many words."""
    words = [word.text for word in invocation.argv[1:]]
    if name == "dd":
        given = dict(word.split("=", 1) for word in words if "=" in word)
        count, block = _bytes(given.get("count", "")), _bytes(given.get("bs", "512"))
        endless = _ENDLESS.match(given.get("if", "")) and _is_file(given.get("of", ""))
        return count * block if endless and count is not None and block is not None else None
    option = {"fallocate": ("-l", "--length"), "truncate": ("-s", "--size"), "head": ("-c", "--bytes")}.get(name)
    if option is None or (name == "head" and not _is_endless(invocation)):
        return None
    for at, word in enumerate(words):
        if word in option and at + 1 < len(words):
            return _bytes(words[at + 1])
        for each in option:
            if word.startswith(each) and word != each:
                return _bytes(word.removeprefix(each).removeprefix("="))
    return None


def _bytes(text: str) -> int | None:
    found = _SIZE.match(text) if len(text) < 30 else None
    return int(found[1]) * 1024 ** _UNITS[found[2]] if found else None


# -- sessions ------------------------------------------------------------------------------------------------------


def _fed(parsed: Parsed, effects: Sequence[Effect]) -> Iterator[Effect]:
    """Commands that come into a session, or a script for a program, where they cannot be read."""
    for effect in effects:
        number = effect.command
        if number is None or number >= len(parsed.invocations):
            continue
        invocation = parsed.invocations[number]
        session = effect.claim.startswith(("opens a session", "connects to")) and not _carries_more(parsed, number)
        session = session and name_of(invocation) != "openssl"  # s_client: looks at a certificate, mostly
        remote_shell = effect.claim.startswith(_SHELLS_READ) and bool(invocation.via) and invocation.stdin is None
        script = effect.kind is EffectKind.run and effect.target in ("-", "/dev/stdin")
        if script or ((session or remote_shell) and _has_input(parsed, number)):
            claim = "carries out the commands that come on its standard input, which are not seen here"
            yield _effect(EffectKind.unknown, claim, number, f"{name_of(invocation)}:fed")


def _carries_more(parsed: Parsed, number: int) -> bool:
    """Whether the invocation is but the wrapper of the next: then what comes in is for that one."""
    after = parsed.invocations[number + 1 : number + 2]
    name = name_of(parsed.invocations[number])
    return any(via.partition(" ")[0] == name for other in after for via in other.via)


def _has_input(parsed: Parsed, number: int) -> bool:
    for at in (number, number - 1):
        if at < 0 or (at < number and not _carries_more(parsed, at)):
            continue
        invocation = parsed.invocations[at]
        given = [r for r in invocation.redirections if r.operator in ("<", "<<<", "<<", "<<-")]
        if invocation.piped_from is not None or any(r.target.text != "/dev/null" for r in given):
            return True
    return False
