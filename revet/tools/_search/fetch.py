"""Fetching one address of the web, with care: bounded in bytes, time and redirects, and never inside one's own network.

An address is resolved once, every answer is looked at, and the connection goes to the very address that was looked at,
so that a name cannot mean another machine a moment later. Each redirect is looked at in the same way.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from revet.tools._search.kept import Passing

__all__ = ["Page", "Rules", "Unreadable", "Wrong", "checked", "fetch"]

AGENT = "Mozilla/5.0 (compatible; revet)"
TAKES = "text/html,application/xhtml+xml,application/pdf,text/*;q=0.9,application/json;q=0.8,application/xml;q=0.8"
KINDS = (
    *("text/", "application/xhtml+xml", "application/pdf", "application/json", "application/xml"),
    "application/octet-stream",  # as which many a PDF is sent
)
MOVED = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429, 500, 502, 503, 504)
PIECE = 65_536
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
INSIDE = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".corp")


class Wrong(Exception):
    """The address is at fault: no web address, one that may not be read, or nothing is there."""


class Unreadable(Exception):
    """It is there, and cannot be read: forbidden, of another kind, too large."""


@dataclass(frozen=True)
class Rules:
    """What one request may take. `kinds`: media types that are read, by their beginnings; the body of others is not."""

    most_bytes: int = 8 * 1024 * 1024
    seconds: float = 20.0
    redirects: int = 5
    allow_private: bool = False
    kinds: tuple[str, ...] = KINDS


@dataclass(frozen=True)
class Page:
    """What was there. `url` is where the redirects led; `kind` the media type; `cut`: there was more."""

    url: str
    status: int
    kind: str
    charset: str | None
    body: bytes
    cut: bool


def fetch(url: str, rules: Rules) -> Page:
    """The page. Blocking, no longer than `rules.seconds`. Raises `Wrong`, `Unreadable` or `Passing`."""
    deadline = time.monotonic() + rules.seconds
    for _ in range(rules.redirects + 1):
        target = checked(url)
        try:
            found = _once(target, rules, deadline)
        except (OSError, http.client.HTTPException, zlib.error) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                raise Unreadable(f"its certificate is not valid: {error.verify_message}") from None
            slow = isinstance(error, TimeoutError) or time.monotonic() >= deadline
            why = f"no answer within {rules.seconds:g} s" if slow else f"{type(error).__name__}: {error}"
            raise Passing(why, slow=slow) from None
        if isinstance(found, Page):
            return found
        url = urljoin(urlunsplit(target), found)
    raise Unreadable(f"it redirects more than {rules.redirects} times")


def checked(url: str) -> SplitResult:
    """The address taken apart, its path and query quoted. Raises `Wrong` for what is no address of the web."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if not _is_literal(parts.hostname) else parts.hostname
    except (ValueError, UnicodeError) as error:
        raise Wrong(f"it is no web address: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise Wrong(f"only http and https are read, not {parts.scheme or 'an address without a scheme'!r}")
    if not host or any(ord(letter) < 33 for letter in host):
        raise Wrong("it names no host")
    if parts.username is not None or parts.password is not None:
        raise Wrong("an address with a user name is not read")
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return SplitResult(parts.scheme, place, path, quote(parts.query, safe="=&%:@!$'()*+,;/?~-._"), "")


def _is_literal(host: str | None) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address((host or "").partition("%")[0])
        return True
    return False


def _once(target: SplitResult, rules: Rules, deadline: float) -> Page | str:
    """The page, or the address that it redirects to."""
    host = target.hostname or ""
    proxy = _proxy(target.scheme, host)
    addresses = _addresses(host, target.port or (443 if target.scheme == "https" else 80), rules, lax=proxy is not None)
    connection, path, headers = _connection(target, proxy, addresses, _left(deadline))
    with _ended_at(deadline, connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        place = response.getheader("Location")
        if response.status in MOVED and place:
            return place
        _judge(response)
        kind = (response.headers.get_content_type() if response.getheader("Content-Type") else "").lower()
        if kind and not kind.startswith(rules.kinds):
            raise Unreadable(f"it is {kind}, which is not read")
        body, cut = _body(response, rules.most_bytes, deadline)
        charset = response.headers.get_content_charset()
        return Page(urlunsplit(target), response.status, kind, charset, body, cut)


def _judge(response: http.client.HTTPResponse) -> None:
    status = f"HTTP {response.status} {response.reason}"[:100].strip()
    if response.status in PASSING:
        wait = response.getheader("Retry-After") or ""
        raise Passing(f"the server answers {status}", wait=float(wait) if wait.isdecimal() and len(wait) < 8 else None)
    if response.status in (401, 402, 403, 407, 451):
        raise Unreadable(f"the server does not show it: {status}")
    if not 200 <= response.status < 300:
        raise Wrong(f"the server answers {status}")


def _body(response: http.client.HTTPResponse, most: int, deadline: float) -> tuple[bytes, bool]:
    """What was sent, unpacked, at most `most` bytes of it, and whether there was more."""
    packing = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if packing not in ("identity", "gzip", "x-gzip", "deflate"):
        raise Unreadable(f"it is packed as {packing[:40]!r}, which was not asked for")
    unpack = zlib.decompressobj(47) if packing != "identity" else None
    body = bytearray()
    while len(body) <= most:
        piece = response.read1(PIECE)
        _left(deadline)
        if not piece:
            return bytes(body), False
        body += unpack.decompress(piece, most + 1 - len(body)) if unpack else piece
    return bytes(body[:most]), True


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _ended_at(deadline: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Hang up at the deadline, however the other side dribbles."""

    def hang_up() -> None:
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_left(deadline), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()
    _left(deadline)


class _Plain(http.client.HTTPConnection):
    """Connects to an address that was looked at, whatever the name means by now."""

    def __init__(self, host: str, port: int | None, addresses: list[str], timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self.addresses = addresses

    def connect(self) -> None:
        self.sock = _reach(self.addresses, self.port, self.timeout)


class _Secure(http.client.HTTPSConnection):
    """The same with TLS, for which the name counts."""

    def __init__(self, host: str, port: int | None, addresses: list[str], timeout: float) -> None:
        self.context = ssl.create_default_context()
        super().__init__(host, port, timeout=timeout, context=self.context)
        self.addresses = addresses

    def connect(self) -> None:
        plain = _reach(self.addresses, self.port, self.timeout)
        try:
            self.sock = self.context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _reach(addresses: list[str], port: int, timeout: float | None) -> socket.socket:
    failure: OSError = OSError("the name has no address")
    for address in addresses[:4]:
        try:
            return socket.create_connection((address, port), timeout=timeout)
        except OSError as error:
            failure = error
    raise failure


def _connection(
    target: SplitResult, proxy: SplitResult | None, addresses: list[str], seconds: float
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A connection, the path to ask for, and the headers."""
    host, path = target.hostname or "", target.path + (f"?{target.query}" if target.query else "")
    headers = {"User-Agent": AGENT, "Accept": TAKES, "Accept-Encoding": "gzip", "Connection": "close"}
    if proxy is None:
        kind = _Secure if target.scheme == "https" else _Plain
        return kind(host, target.port, addresses, seconds), path, headers
    signed = {}
    if proxy.username:
        said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        signed = {"Proxy-Authorization": f"Basic {b64encode(said.encode()).decode()}"}
    if target.scheme == "https":
        tunnel = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or 80, timeout=seconds)
        tunnel.set_tunnel(host, target.port or 443, signed)
        return tunnel, path, headers
    straight = http.client.HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=seconds)
    return straight, urlunsplit(target), {**headers, **signed}


def _proxy(scheme: str, host: str) -> SplitResult | None:
    """The proxy that the environment names for the address, None if it is reached directly."""
    known = urllib.request.getproxies()
    named = known.get(scheme) or known.get("all")
    if not named or urllib.request.proxy_bypass(host):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http":
        raise Unreadable(f"a proxy of the kind {proxy.scheme!r} is not supported for pages; name an http proxy")
    return proxy


def _addresses(host: str, port: int, rules: Rules, *, lax: bool) -> list[str]:
    """What the name means. Raises `Wrong` if any of it is inside one's own network and that is not allowed.

    `lax`: behind a proxy, which resolves the name itself, one that cannot be resolved here may pass if it looks public.
    """
    if not rules.allow_private and (host.rstrip(".").lower().endswith(INSIDE)):
        raise Wrong(_private(host))
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if lax and "." in host:
            return []
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            raise Passing(f"the name {host} cannot be resolved at present") from None
        raise Wrong(f"there is no host {host}") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        if not rules.allow_private and not _is_public(address):
            raise Wrong(_private(f"{host} ({address})" if address != host else host))
    return addresses


def _private(host: str) -> str:
    return f"{host} is inside this machine's own network, which is not read (allow_private=True allows it)"


def _is_public(address: str) -> bool:
    """True for an address of the public internet, also where one IPv4 address is wrapped in one of IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    # Of IPv6 only 2000::/3 is given out for the public; ::/8, site-local fec0:: and translations are not (RFC 4291).
    outside = ip.version == 4 or ip in GLOBAL_UNICAST
    return outside and ip.is_global and not ip.is_multicast
