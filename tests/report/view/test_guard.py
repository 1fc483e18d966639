"""Nobody but the browser with the key sees or does anything, and no other page in that browser either."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from revet.report.view import Guard, make_app
from revet.report.view.guard import HEADERS, MOST_BYTES
from revet.store import Store
from tests.report.view.conftest import HERE, PORT, TOKEN, Person, post
from tests.report.view.reading import hidden

PATHS = (
    "/",
    "/?outcome=asked",
    "/?page=2&live=x",
    "/run/late-fee-ask",
    "/run/late-fee-ask/live",
    "/run/nobody",
    "/evaluations",
    "/view.css",
    "/view.js",
    "/nowhere",
)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_the_key(stranger: TestClient, path: str) -> None:
    told = stranger.get(path)
    assert told.status_code == 403 and "late-fee" not in told.text and "set-cookie" not in told.headers


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x", "%00", "é" * 9])
def test_a_wrong_token_opens_nothing(stranger: TestClient, token: str) -> None:
    assert stranger.get(f"/?token={token}").status_code == 403
    assert stranger.get("/").status_code == 403


def test_the_token_becomes_a_cookie_that_only_the_browser_sees(stranger: TestClient) -> None:
    assert stranger.get(f"/run/late-fee-ask?token={TOKEN}").status_code == 403, "it opens the list alone"
    assert stranger.post(f"/?token={TOKEN}").status_code == 403
    opened = stranger.get(f"/?token={TOKEN}")
    cookie = opened.headers["set-cookie"]
    assert cookie.startswith(f"revet-{PORT}=") and TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie and opened.headers["refresh"] == "0;url=/" and TOKEN not in opened.text
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("cookie", ["revet-7388=x", "revet-1=", "revet-7388", "\x01=\x02", "a=b; ;;"])
def test_another_cookie_opens_nothing(stranger: TestClient, cookie: str) -> None:
    assert stranger.get("/", headers={"cookie": cookie}).status_code == 403


@pytest.mark.parametrize("other", ['a={"b": 1}', "revet-7388=old", "a", "", "\x01=\x02", '_xsrf="2|a'])
def test_the_cookies_of_other_ports_do_not_matter(app: Guard, stranger: TestClient, other: str) -> None:
    for cookies in (f"{other}; revet-{PORT}={app.session}", f"revet-{PORT}={app.session}; {other}"):
        assert stranger.get("/", headers={"cookie": cookies}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1:{PORT}.evil.example", ""]
)
def test_a_name_that_was_let_point_here_is_refused(client: TestClient, host: str) -> None:
    for path in ("/", f"/?token={TOKEN}"):
        told = client.get(path, headers={"host": host})
        assert told.status_code == 403 and "late-fee" not in told.text and "set-cookie" not in told.headers
    assert client.get("/", headers={"host": f"127.0.0.1:{PORT}"}).status_code == 200


def test_the_port_that_no_address_writes(store: Store, person: Person) -> None:
    with TestClient(make_app(store, person, port=80, token=TOKEN), base_url="http://127.0.0.1") as client:
        assert client.get(f"/?token={TOKEN}").status_code == client.get("/").status_code == 200
        told = post(client, "late-fee-ask", origin="http://127.0.0.1", answer="approve")
        assert told.status_code == 200 and len(person.given) == 1
        assert client.get("/", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": f"http://evil.example:{PORT}"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": f"http://localhost:{PORT}"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": HERE, "sec-fetch-site": "cross-site"},
        {"origin": HERE, "sec-fetch-site": "same-site"},
        {"origin": "null", "sec-fetch-site": "none"},
    ],
)
def test_only_our_own_pages_may_send_forms(client: TestClient, person: Person, headers: dict[str, str]) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    assert client.post("/run/late-fee-ask", data=form, headers=headers).status_code == 403
    assert person.given == []


def test_what_browsers_send_with_our_forms_is_let_in(client: TestClient, person: Person) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    headers = {"origin": "null", "sec-fetch-site": "same-origin"}
    assert client.post("/run/late-fee-ask", data=form, headers=headers).status_code == 303


@pytest.mark.parametrize("secret", ["", "x", None])
def test_a_form_without_the_secret_does_nothing(client: TestClient, person: Person, secret: str | None) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    form = {name: value for name, value in form.items() if name != "secret"}
    form |= {} if secret is None else {"secret": secret}
    assert client.post("/run/late-fee-ask", data=form, headers={"origin": HERE}).status_code == 403
    assert person.given == []


def test_a_form_that_is_too_long_is_not_read(client: TestClient, person: Person) -> None:
    assert post(client, "late-fee-ask", answer="respond", message="x" * (MOST_BYTES + 1)).status_code == 413
    assert person.given == []


def test_a_form_needs_the_cookie(app: Guard, client: TestClient, person: Person) -> None:
    form = {**hidden(client.get("/run/late-fee-ask").text), "answer": "approve"}
    with TestClient(app, base_url=HERE) as other:
        assert other.post("/run/late-fee-ask", data=form, headers={"origin": HERE}).status_code == 403
    assert person.given == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_not_there(client: TestClient, method: str) -> None:
    assert client.request(method, "/run/late-fee-ask").status_code == 405


@pytest.mark.parametrize("path", [*PATHS, f"/?token={TOKEN}"])
def test_every_answer_is_guarded(client: TestClient, stranger: TestClient, path: str) -> None:
    for told in (client.get(path), client.post(path), client.get(path, headers={"host": "evil.example"})):
        for name in HEADERS:
            assert told.headers[name], name
        assert told.headers["cache-control"] == "no-store"
        assert told.headers["x-frame-options"] == "DENY" and told.headers["referrer-policy"] == "no-referrer"
        policy = told.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "http" not in policy
        assert "script-src 'self';" in policy and "unsafe-eval" not in policy
        assert "access-control-allow-origin" not in told.headers


def test_no_get_changes_anything(client: TestClient, store: Store, person: Person) -> None:
    before = state(store.folder)
    for path in (*PATHS, "/run/late-fee-ask?answer=approve", "/run/late-fee-ask?answer=approve&secret=x&mark=y"):
        client.get(path)
        client.head(path)
    assert state(store.folder) == before and person.given == []


def state(folder: Path) -> dict[str, str]:
    kept: Callable[[Path], str] = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()  # noqa: E731
    return {str(path): kept(path) for path in sorted(folder.rglob("*")) if path.is_file()}
