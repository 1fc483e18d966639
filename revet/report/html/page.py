"""The page around any body: one file that needs nothing else and may do nothing else.

The styles stand in it, a script may stand in it, and its Content-Security-Policy lets nothing else load, run, be sent
or be framed: what a model or a tool wrote could not act even if it were not shown as text.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from markupsafe import Markup

from revet.report.html.templating import render

__all__ = ["page", "policy_of", "stylesheet"]


def page(title: str, body: Markup, *, script: str = "") -> str:
    """The whole document. `body` is what `templating.render` made; `script` is our own JavaScript, trusted as it is."""
    return str(
        render("page.html", title=title, body=body, style=stylesheet(), script=_inline(script), csp=policy_of(script))
    )


def policy_of(script: str = "") -> str:
    """The Content-Security-Policy (level 3) of a page with this inline script: it alone runs, by its digest."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; " if script else ""
    return f"default-src 'none'; {allowed}style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def stylesheet() -> Markup:
    """``style.css``, for a ``style`` element. All of it is scoped to the class ``revet``."""
    return Markup(Path(__file__).with_name("style.css").read_text(encoding="utf-8"))


def _inline(script: str) -> Markup:
    if "</" in script or "<!--" in script:
        raise ValueError("an inline script may not hold </ or <!--: it would end there")
    return Markup(script)
