"""Who may ask the server anything: the browser to which the secret address was given, and no other page in it.

- The ``Host`` must be ours: a name that an attacker lets point to 127.0.0.1 (DNS rebinding) is refused.
- The token of the printed address is exchanged for a cookie that scripts cannot read and other sites cannot send.
- What changes something is a POST, from a page of ours (``Origin``, ``Sec-Fetch-Site``), with a secret of the session
  in the form. A GET changes nothing.
- Every answer forbids to be kept, framed, guessed at or to load anything from elsewhere.

OWASP's cheat sheets on cross-site request forgery and on HTTP headers say why each is needed, and that each alone is
not enough.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any
from urllib.parse import parse_qs, parse_qsl

__all__ = ["CSP", "Guard"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""What our own pages may load (Content Security Policy, level 3). Inline styles are the widths of bars, no others'."""

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": CSP,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

MOST_BYTES = 2_000_000
"""Of a form. An edited draft is longer than most, and shorter than this."""


class Guard:
    """Wraps the application `inner`. `port` is where it is reached; `token` opens it, `secret` is in its forms.

    The fields of a form that was let in are handed on as ``scope["state"]["form"]``, each with its last value.
    """

    def __init__(self, inner: App, *, port: int, token: str) -> None:
        self.inner, self.token = inner, token
        names = ("127.0.0.1", "localhost")
        self.hosts = (*(f"{name}:{port}" for name in names), *(names if port == 80 else ()))  # 80 is not written
        self.cookie = f"revet-{port}"  # browsers do not keep the cookies of ports apart
        self.session = secrets.token_urlsafe(32)
        self.secret = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        send = _hardened(send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host") not in self.hosts:
            await _say(send, 403, "This address is not served", "Open the one that <code>revet view</code> printed.")
        elif scope["method"] == "GET" and self._brings_token(scope):
            await self._open(send)
        elif not self._known(headers):
            await _say(send, 403, "Not without the key", "Open the whole address that <code>revet view</code> printed.")
        elif scope["method"] in ("GET", "HEAD"):
            await self.inner(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send, headers)
        else:
            await _say(send, 405, "Not possible", "Only GET and POST are.")

    def _brings_token(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
        return scope["path"] == "/" and _same(given, self.token)

    async def _open(self, send: Send) -> None:
        """Set the cookie and go on to the list. By a page that does so, not by a redirect: a browser that comes from
        another site's link would not send a strict cookie after that.
        """
        cookie = f"{self.cookie}={self.session}; HttpOnly; SameSite=Strict; Path=/"
        onward = {"set-cookie": cookie, "refresh": "0;url=/"}
        await _say(send, 200, "Revet", '<a href="/">To the runs</a>', onward)

    def _known(self, headers: MutableMapping[str, str]) -> bool:
        """True if our cookie is among those sent. Other servers' are not for us to read: what they hold may be such
        that `http.cookies` gives up at it, and ports of one host share all theirs.
        """
        pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return any(name == self.cookie and _same(value, self.session) for name, _, value in pairs)

    async def _post(self, scope: Scope, receive: Receive, send: Send, headers: MutableMapping[str, str]) -> None:
        if not _from_here(headers, f"http://{headers['host']}"):
            await _say(send, 403, "Not from here", "Only the pages of this server may send that.")
            return
        body = await _body(receive)
        if body is None:
            await _say(send, 413, "Too long", f"A form has at most {MOST_BYTES:,} bytes.")
            return
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if not _same(form.pop("secret", ""), self.secret):
            await _say(
                send, 403, "Not from here", "The form is of an earlier <code>revet view</code>: load its page anew."
            )
            return
        scope.setdefault("state", {})["form"] = form
        await self.inner(scope, receive, send)


def _from_here(headers: MutableMapping[str, str], own: str) -> bool:
    """True for a form of our own page. Under ``Referrer-Policy: no-referrer`` browsers send ``Origin: null`` with it
    (Fetch standard, "append a request Origin header"): then ``Sec-Fetch-Site``, which no page can set, vouches for it.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    return origin == own or (origin == "null" and site == "same-origin")


async def _body(receive: Receive) -> bytes | None:
    """The body of a request, None if it is too long."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            return None
        more = bool(message.get("more_body", False))
    return b"".join(parts)


def _hardened(send: Send) -> Send:
    """`send`, with the headers that every answer has. One that the application sets itself stays."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", ())}
            more = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in own]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending


async def _say(send: Send, status: int, title: str, body: str, headers: dict[str, str] | None = None) -> None:
    """A page of a few words. `body` is markup of ours."""
    name = escape(title)
    head = f'<meta charset="utf-8"><link rel="icon" href="data:,"><title>{name}</title>'
    said = f"<body><main><h1>{name}</h1><p>{body}</p></main></body>"
    text = f'<!doctype html><html lang="en"><head>{head}</head>{said}</html>'
    told = {"content-type": "text/html; charset=utf-8", **(headers or {})}
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [(n.encode(), v.encode("latin-1")) for n, v in told.items()]})
    await send({"type": "http.response.body", "body": text.encode()})


def _same(one: str, other: str) -> bool:
    """In a time that does not tell how much of it is right."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
