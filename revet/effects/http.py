"""HTTP from the command line (curl, wget, HTTPie, xh …): the method, the address and the body say what is done.

GET and HEAD ask. DELETE deletes, PUT and PATCH change. POST makes something, unless the address says otherwise:
``/_search`` asks, ``/_delete_by_query`` and ``/doDelete`` delete, ``/refunds`` and ``/mail/send`` reach people or money
(RFC 9110 leaves the meaning of POST to the resource). A body from a file that holds a secret is a leak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.effects.model import Effect, EffectKind
from revet.effects.shell.call import Call
from revet.effects.shell.model import Word

__all__ = ["by_request", "examine", "is_secret"]

K = EffectKind
_METHODS = frozenset(
    {"GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "PURGE", "MKCOL", "COPY", "MOVE"}
)
_METHOD = ("-X", "--request", "--method", "-Method", "-CustomMethod")
_DATA: tuple[str, ...] = (
    "-d",
    "--data",
    "--data-raw",
    "--data-binary",
    "--data-ascii",
    "--data-urlencode",
    "--json",
    "-F",
    "--form",
)
_DATA += (
    "--form-string",
    "--post-data",
    "--post-file",
    "--body-data",
    "--body-file",
    "-Body",
    "-InFile",
    "--raw",
    "-f",
)
_UPLOAD = ("-T", "--upload-file")
_OUTPUT = ("-o", "--output", "-O", "--output-document", "-OutFile", "--output-dir", "-P", "--directory-prefix")

_GONE = re.compile(
    r"delete|destroy|purge|wipe|erase|truncate|\bdrop\b|remove|revoke|terminate|forget|expunge|flush_?all|"
    r"clear|uninstall|deactivate|unregister|deregister|tsdb/clean|\breset\b|archive$",
    re.IGNORECASE,
)
_HALT = re.compile(
    r"shutdown|reboot|restart|\bstop\b|\bkill\b|\bquit\b|exit|disable|suspend|drain|failover|rollback|cancel|abort|scale|"
    r"_close$|_cluster/(settings|reroute)|evict|pause|maintenance|invalidate|\bleave\b|force-leave|step-?down",
    re.IGNORECASE,
)
_SENDS = re.compile(
    r"\b(send|email|messages?|mail|sms|batch_send|notif\w*|publish|charges?|refunds?|payments?|payouts?|transfers?|"
    r"payment_intents?|invoices?|checkout|capture|pay|purchases?|withdraw\w*|tweets?|chat\.postMessage|hooks\.slack|webhooks?/services|"
    r"broadcasts?|campaigns?|calls)\b|chat\.postMessage|hooks\.slack\.com|discord(app)?\.com/api/webhooks",
    re.IGNORECASE,
)
_HERE = re.compile(r"(?:\w+://)?(?:[^@/]*@)?(?:localhost|127\.[\d.]+|\[::1\])(?:[:/]|$)", re.IGNORECASE)
_ASKS = re.compile(
    r"(^|[/_.:-])(_?m?search|query|queries|graphql|_count|_sql|_analyze|_explain|_validate|_render|introspect|lookup|verify|"
    r"validate|evaluate|estimate|preview|simulate|_field_caps|_pit|scroll|_mget|read|list|batchGet|token|tokens|login|auth|"
    r"authenticate|ping|echo|health|completions|embeddings)$",
    re.IGNORECASE,
)
_MUTATION = re.compile(r"\bmutation\b|\bdelete\w*\s*\(", re.IGNORECASE)
_DESTROYS = re.compile(
    r"\"op\"\s*:\s*\"remove\"|\"(delete|drop\w*|remove\w*|truncate|destroy)\"\s*:|\bDROP\s+\w|\bTRUNCATE\b|\bDELETE\s+FROM\b|flushall"
    r"|\bmutation\b[^}]*?\b(?i:delete|remove|drop|destroy|purge|wipe|cancel|revoke|archive|truncate)\w*\s*\("
)
_LOCAL_FILE = re.compile(r"^(?:[\w.\[\]-]+[:=]?[=@]?)?[@<]([^;]+)")
_SECRET_FILE = re.compile(
    r"(^|/)\.(env(\.\w+)?|netrc|pgpass|npmrc|pypirc|git-credentials|aws/|ssh/|gnupg/|kube/|docker/config|vault-token|bash_history|"
    r"zsh_history)|id_(rsa|ed25519|ecdsa|dsa)(?!.*\.pub)|(^|/)(shadow|passwd|gshadow|sudoers|credentials(\.\w+)?|secrets?"
    r"(\.\w+)?|kubeconfig|master\.key)$|\.(pem|key|p12|pfx|kdbx|jks|keystore)$|/proc/\S*environ|service[-_]account\S*\.json",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\$\{?\w*(SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE|CREDENTIAL|ACCESS_KEY)\w*\}?|\$\(\s*(env|printenv|set|export)\b|"
    r"\$\(\s*(cat|base64|head|tail|<)[^)]*(\.env|id_rsa|id_ed25519|\.aws|\.ssh|credentials|shadow|/etc/passwd|\.netrc)",
    re.IGNORECASE,
)


def examine(call: Call) -> Sequence[Effect] | None:
    """The effects of one call of an HTTP client; None (the table decides) if no address is given."""
    words = list(call.operands)
    method = ""
    if words and words[0].text.upper() in _METHODS and call.name not in ("curl", "wget"):
        method = words.pop(0).text.upper()
    items = words[1:] if call.name in ("http", "https", "xh", "xhs", "httpie") else []
    urls = [word for word in words if word not in items]
    given = call.value("--url", "-Uri", "--uri")
    if given is not None:
        urls.append(given)
    if not urls:
        return None
    bodies = [option.value for option in call.find(*_DATA) if option.value is not None] + [
        w for w in items if _is_item(w)
    ]
    method = method or _method(call, bool(bodies))
    effects: list[Effect] = []
    for url in urls:
        effects += by_request(call, method, url, bodies)
    effects += _written(call, urls, method)
    effects += _leaks(call, urls, bodies)
    return effects


def by_request(call: Call, method: str, url: Word, bodies: Sequence[Word] = ()) -> list[Effect]:
    """What a request with this method does at this address."""
    path = re.sub(r"^[a-z]+://", "", url.text, flags=re.IGNORECASE).split("#", 1)[0]
    path, _, question = path.partition("?")
    body = " ".join(word.text for word in bodies)[:20000]
    name = url.text

    def one(kind: EffectKind, claim: str, word: str) -> list[Effect]:
        gone = False if kind in (K.remote_delete, K.send) else None
        return [call.effect(kind, claim, name, place="remote", reversible=gone, id=word)]

    if method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        if re.search(r"/(delete|destroy|purge|shutdown|quit|reboot|doDelete)/?$", path, re.IGNORECASE):
            return one(
                K.remote_delete, "asks {target} with GET, whose address names a destructive action", "get-delete"
            )
        return one(K.fetch, "asks {target}", "get")
    if method == "UNKNOWN":
        return one(K.unknown, "sends {target} a request whose method is computed", "method")
    if method in ("DELETE", "PURGE"):
        if method == "PURGE":
            return one(K.service, "purges {target} from a cache", "purge")
        return one(K.remote_delete, "deletes {target}", "delete")
    if _HALT.search(path):
        return one(K.service, f"stops or reconfigures what answers at {{target}} ({method})", "halt")
    tail = path.split("/", 1)[1] if "/" in path else ""
    loses = bool(_DESTROYS.search(body) or _GONE.search(tail))
    if method in ("PUT", "PATCH") and not loses:
        return one(K.remote_write, f"changes {{target}} ({method})", "put")
    if method == "MOVE":
        return one(K.remote_write, "moves {target}", "move")
    if loses:
        return one(K.remote_delete, "posts to {target}, whose address or body names a deletion", "post-delete")
    if _MUTATION.search(body):
        return one(K.remote_write, "posts a GraphQL mutation to {target}", "mutation")
    if _ASKS.search(path) or (method == "POST" and "query" in question):
        return one(K.fetch, "posts a question to {target}", "ask")
    if _SENDS.search(path):
        return one(K.send, "posts to {target}: mail, messages or payments cannot be called back", "send")
    return one(K.remote_create, f"posts to {{target}} ({method})", "post")


def is_secret(path: str) -> bool:
    """Whether a file of this name usually holds keys, passwords or tokens."""
    return bool(_SECRET_FILE.search(path))


def _method(call: Call, body: bool) -> str:
    said = call.value(*_METHOD)
    if said is not None:
        return said.text.upper() if said.known or said.text.upper() in _METHODS else "UNKNOWN"
    if call.name == "curl":
        if call.has("-I", "--head", exact=True):
            return "HEAD"
        if call.has("-G", "--get", exact=True):
            return "GET"
    if call.has(*_UPLOAD, exact=True):
        return "PUT"
    if body and call.name not in ("invoke-webrequest", "Invoke-WebRequest", "iwr", "irm", "Invoke-RestMethod"):
        return "POST"
    return "GET"


def _is_item(word: Word) -> bool:
    """A request item of HTTPie that belongs to the body: ``a=value``, ``a:=json``, ``a@file``; not ``a==x``."""
    return bool(re.match(r"^[^=:@\s]+(:?=(?!=)|@)", word.text))


def _written(call: Call, urls: Sequence[Word], method: str) -> list[Effect]:
    """The files that the answer is put into."""
    effects = []
    for option in call.find(*_OUTPUT, exact=True):
        curl_name = option.name == "-O" and call.name == "curl"
        value = option.value
        if value is not None and value.text not in ("-", "/dev/null", "NUL") and not curl_name:
            effects.append(call.effect(K.write, "writes what it gets into {target}", value, id="output"))
        elif curl_name or option.name == "--remote-name":
            effects.append(call.effect(K.write, "writes what it gets into {target}", _last_part(urls), id="output"))
    if call.name in ("wget", "wget2") and method == "GET" and not call.has("--spider", *_OUTPUT, exact=True):
        effects.append(call.effect(K.create, "saves what it gets as {target}", _last_part(urls), id="output"))
    return effects


def _last_part(urls: Sequence[Word]) -> str:
    last = urls[0].text.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]
    return last if last and "://" not in urls[0].text[-len(last) - 2 :] else "index.html"


def _leaks(call: Call, urls: Sequence[Word], bodies: Sequence[Word]) -> list[Effect]:
    """Secrets in the body, in an uploaded file or in the address."""
    effects = []
    uploads = [option.value for option in call.find(*_UPLOAD, "--post-file", "--body-file", "-InFile") if option.value]
    files = [word.text for word in uploads]
    for body in bodies:
        found = _LOCAL_FILE.match(body.text)
        if found:
            files.append(found.group(1))
    effects += [_leak(call, name, urls) for name in files if is_secret(name)]
    effects += [_upload(call, word, urls) for word in uploads if word.text != "-" and not is_secret(word.text)]
    if "-" in files or any(word.text.endswith(("@-", "@/dev/stdin")) for word in bodies):
        effects += _from_input(call, urls)
    loose = [word.text for word in (*bodies, *urls) if _SECRET_VALUE.search(word.text)]
    effects += [_leak(call, text, urls) for text in loose[:3]]
    return effects


def _from_input(call: Call, urls: Sequence[Word]) -> list[Effect]:
    """What another command gives is sent: nobody can tell from here what it is, unless the text is known."""
    stdin = call.invocation.stdin
    if stdin is not None and stdin.known:
        return [_leak(call, "what it is given", urls)] if _SECRET_VALUE.search(stdin.text) else []
    if call.invocation.piped_from is None:
        return []
    claim = f"sends what the command before it gives to {urls[0].text[:120]}"
    return [call.effect(K.unknown, claim, place="remote", id="input")]


def _upload(call: Call, file: Word, urls: Sequence[Word]) -> Effect:
    if _HERE.match(urls[0].text):
        return call.effect(K.read, "reads {target}", file, id="upload-here")
    return call.effect(K.leak, f"uploads {{target}} to {urls[0].text[:120]}", file, reversible=False, id="upload")


def _leak(call: Call, what: str, urls: Sequence[Word]) -> Effect:
    claim = f"sends {{target}}, which holds secrets, to {urls[0].text[:120]}"
    return call.effect(K.leak, claim, what, reversible=False, id="body")
