"""Jinja templates that can only ever show what they are given as text.

Three things see to it, each of which would do alone for most of what is hostile: every value is escaped, wherever it
stands; every value is made of characters that a person can see (`revet.report.html.words.shown`) before it is
escaped; and the pages forbid everything else by their Content-Security-Policy (`revet.report.html.page`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from revet.report.html.words import shown
from revet.report.text import plural

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["HERE", "environment", "render"]

HERE = Path(__file__).parent / "templates"


@cache
def environment(folder: Path = HERE) -> Environment:
    """Templates of `folder`, which may import and extend those of this room. A name that is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(list(dict.fromkeys((folder, HERE)))),
        autoescape=True,
        auto_reload=False,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["plural"] = plural
    return made


def render(template: str, /, *, folder: Path = HERE, **values: Any) -> Markup:
    """The template with these values, as markup."""
    return Markup(_template(template, folder).render(**values))


@cache
def _template(name: str, folder: Path) -> Template:
    return environment(folder).get_template(name)


def _seen(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
