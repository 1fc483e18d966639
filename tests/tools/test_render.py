"""Rendered output: what a draft draws is shown in the sandbox, and what the page says is told. Needs a Chromium."""

from __future__ import annotations

import base64
import shutil
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.sandboxes import Local, Session
from revet.schema import Draft, Evidence, Outcome, Task
from revet.tools import Rendered, View, problems_of
from revet.tools._render import told as told_module
from revet.tools._render.pages import pages_of
from revet.tools._render.pictures import is_blank, is_picture
from revet.tools.registry import make_tool

from .test_static import view_of

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
chromium = pytest.mark.skipif(
    not any(map(shutil.which, BROWSERS)), reason="no Chromium here: apt-get install -y chromium"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><circle cx="45" cy="45" r="40" fill="red"/></svg>'


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    (tmp_path / "plain").mkdir()
    session = await Local().open(tmp_path / "plain")
    yield session
    await session.close()


def answering(text: str, session: Session | None = None) -> View:
    workspace = session.workspace if session else None
    return View(
        task=Task(goal="g"), run="r", workspace=workspace, session=session, draft=Draft(author="a", answer=text)
    )


async def drawn(view: View, tool: Rendered | None = None) -> Evidence:
    tool = tool or Rendered()
    (call,) = tool.plan(view)
    return await tool.run(call, view)


def kinds(evidence: Evidence) -> list[str]:
    return [problem.category for problem in problems_of(evidence)]


# --- what there is to be drawn ------------------------------------------------------------------------------


def test_what_is_drawn(tmp_path: Path) -> None:
    view = view_of(tmp_path, {}, {"a.html": "x", "b/c.svg": SVG, "d.css": "", "plots/e.py": "x = 1\n"})
    planned = [call.request for call in Rendered(scripts=["plots/*.py"]).plan(view)]
    assert planned == ["draw a.html", "draw b/c.svg", "draw plots/e.py"]
    assert len(Rendered(most=1).plan(view)) == 1
    assert Rendered(patterns=["*.xyz"]).plan(view) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<!DOCTYPE html><p>x", ["html"]),
        ("<?xml version='1.0'?>\n<svg/>", ["svg"]),
        ("See:\n```html\n<p>x\n```\nand\n```svg\n<svg xmlns='x'/>\n```\n", ["html", "svg"]),
        ("```svg\n<svg viewBox='0 0 9 9'/>\n```\n", ["html"]),
        ("```xml\n<note/>\n```", []),
        ("```python\nimport matplotlib.pyplot as plt\nplt.plot([1])\n```", ["plot"]),
        ("```python\nprint(1)\n```", []),
        ("what <html> means", []),
    ],
)
def test_what_is_drawn_of_an_answer(text: str, found: list[str]) -> None:
    assert [page.kind for page in pages_of(answering(text), ("*.html",), ())] == found


@given(st.text(max_size=300))
@settings(deadline=None)
def test_no_text_breaks_the_search_for_pages(text: str) -> None:
    for prefix in ("", "```html\n", "<!--"):
        pages_of(answering(prefix + text), ("*.html",), ())


@pytest.mark.parametrize("bad", [{"width": 3}, {"seconds": 0}, {"settle": 99}, {"most": 0}, {"patterns": "*.html"}])
def test_wrong_options_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Rendered(**bad)  # type: ignore[arg-type]


async def test_without_a_sandbox_it_cannot_tell() -> None:
    evidence = await drawn(answering(SVG))
    assert (evidence.outcome, evidence.observation) == (
        Outcome.inconclusive,
        "not drawn: there is no sandbox to draw in",
    )


# --- pictures -----------------------------------------------------------------------------------------------


def png(pixels: list[list[tuple[int, int, int]]], kind: int = 0) -> str:
    """A PNG of these pixels; each row is stored as the difference that the filter `kind` leaves of an even picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    rows = []
    for number, row in enumerate(pixels):
        flat = [value for pixel in row for value in pixel]
        if kind == 1:
            flat = [value if n < 3 else (value - flat[n - 3]) % 256 for n, value in enumerate(flat)]
        if kind == 2 and number:
            above = [value for pixel in pixels[number - 1] for value in pixel]
            flat = [(value - up) % 256 for value, up in zip(flat, above, strict=True)]
        rows.append(bytes([kind if kind != 2 or number else 0, *flat]))
    head = len(pixels[0]).to_bytes(4, "big") + len(pixels).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return base64.b64encode(data + chunk(b"IEND", b"")).decode()


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_blank_is_one_colour(kind: int) -> None:
    white, red = (255, 255, 255), (255, 0, 0)
    assert is_blank(png([[white] * 4] * 3, kind)) is True
    assert is_blank(png([[white] * 4, [white, white, red, white]], kind)) is False


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_break_the_reader_of_pictures(data: bytes) -> None:
    whole = base64.b64decode(png([[(1, 2, 3)] * 2] * 2))
    for bad in (data, whole[:29] + data, whole[:41] + data + whole[41:]):
        assert is_blank(base64.b64encode(bad).decode()) in (True, False, None)
    assert is_blank(None) is None and is_blank("é") is None


def test_only_pictures_are_kept() -> None:
    good = f"data:image/png;base64,{png([[(1, 2, 3)]])}"
    assert is_picture(good)
    bad = [None, "data:text/html;base64,AAAA", good[:-5] + "<", "data:image/png;base64,AAAA", good + "A" * (3 << 20)]
    assert not any(map(is_picture, bad))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "console",
                        "failed",
                        "exceptions",
                        "counts",
                        "look",
                        "url",
                        "line",
                        "text",
                        "kind",
                        "beyond",
                        "width",
                        "wide",
                    ]
                ),
                inner,
            )
        ),
    )
)
@settings(deadline=None)
def test_whatever_the_guest_tells_is_read(told: object) -> None:
    given = told if isinstance(told, dict) else {"console": told, "failed": told, "exceptions": told, "look": told}
    told_module.problems_of_page(given, "a.html", Path("/w"), None)
    list(told_module.lines_of(given))
    list(told_module.problems_of_plot({"error": told, "pictures": told}, "a.py", False))


# --- plots --------------------------------------------------------------------------------------------------

PNG = png([[(0, 0, 0), (255, 255, 255)]])
DRAWING = f"""
import base64
try:
    import matplotlib
except ImportError:
    pass
open("new.png", "wb").write(base64.b64decode({PNG!r}))
"""


@pytest.mark.sandbox
async def test_a_plot_is_what_the_script_leaves(session: Session) -> None:
    evidence = await drawn(answering(f"```python\n{DRAWING}\n```", session))
    assert (evidence.outcome, len(evidence.artefacts)) == (Outcome.passed, 1), evidence.observation
    assert not (session.workspace / "new.png").exists()


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("try:\n    import seaborn\nexcept ImportError:\n    pass\nopen('/etc/x')\n", "render/exception"),
        ("try:\n    import seaborn\nexcept ImportError:\n    pass\n", "render/nothing"),
        ("try:\n    import seaborn\nexcept ImportError:\n    pass\nwhile 1: pass\n", "render/ends"),
    ],
)
async def test_a_script_that_draws_nothing_is_told(session: Session, code: str, kind: str) -> None:
    evidence = await drawn(answering(f"```python\n{code}```", session), Rendered(seconds=1.5))
    assert evidence.outcome in (Outcome.failed, Outcome.timeout)
    assert kinds(evidence) == [kind]


@pytest.mark.sandbox
async def test_without_matplotlib_it_cannot_tell(session: Session) -> None:
    evidence = await drawn(answering("```python\nimport matplotlib.nothing_like_it\n```", session))
    assert evidence.outcome in (Outcome.inconclusive, Outcome.failed)
    if evidence.outcome is Outcome.inconclusive:
        assert "pip install matplotlib" in evidence.observation


def test_the_registry_makes_it() -> None:
    tool = make_tool("render", {"patterns": ["*.htm"], "width": 640})
    assert isinstance(tool, Rendered)
    assert (tool.patterns, tool.width) == (("*.htm",), 640)
