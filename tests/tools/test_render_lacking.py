"""What goes wrong on a page for want of a network, a server or other files is told as possible, not as certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.schema import Severity
from revet.tools import Problem
from revet.tools._render.lacking import softened

HOME = Path("/shop")


def graves(told: dict[str, object], text: str, claim: str, *, in_answer: bool = False, kind: str = "exception") -> int:
    problem = Problem(claim=claim, category=f"render/{kind}")
    found = softened([problem], told, text, HOME, in_answer=in_answer)
    return sum(each.severity is Severity.major for each in found)


@pytest.mark.parametrize(
    ("url", "kind", "claim"),
    [
        ("https://unpkg.com/react.js", "Script", "ReferenceError: React is not defined"),
        ("file:///app.js", "Script", "ReferenceError: start is not defined"),
        ("file:///api/items", "Fetch", "TypeError: Failed to fetch"),
        ("wss://example.com", "WebSocket", "NetworkError"),
    ],
)
def test_what_fails_for_want_of_something_is_not_certain(url: str, kind: str, claim: str) -> None:
    told: dict[str, object] = {"failed": [{"url": url, "kind": kind}]}
    assert graves(told, "<p>", claim) == 0
    assert graves(told, "<p>", "it is blank", kind="blank") == 0
    assert graves(told, "<p>", "it does not end", kind="hangs") == 1


def test_what_fails_by_itself_is_certain() -> None:
    picture: dict[str, object] = {"failed": [{"url": "https://example.com/a.png", "kind": "Image"}]}
    assert graves(picture, "<p>", "Error: boom") == 1
    own: dict[str, object] = {"failed": [{"url": "file:///shop/lost.js", "kind": "Script"}]}
    assert graves(own, "<p>", "ReferenceError: lost is not defined") == 1
    assert graves(own, "<p>", "ReferenceError: lost is not defined", in_answer=True) == 0
    assert graves({}, "<p>", "SyntaxError: Unexpected token") == 1


def test_a_template_and_what_needs_a_server_are_not_judged_as_pages() -> None:
    assert graves({}, "{% block a %}<script>const d = {{ data }}</script>", "SyntaxError: Unexpected token '{'") == 0
    assert graves({}, "<p>", "TypeError: The URL protocol of the current origin ('null') is not supported.") == 0


def test_odd_reports_are_borne() -> None:
    for failed in (None, 3, [None, 3, {}, {"url": None}, {"url": "http://[", "kind": 1}]):
        assert graves({"failed": failed}, "<p>", "Error: boom") == 1
