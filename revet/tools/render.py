"""Rendered output as evidence: HTML, SVG and plots are drawn in the sandbox, for a critic that can see.

A page is shown in a headless Chromium without a network; its picture is an artefact of the evidence (a ``data:`` URL),
and what it said (exceptions, the console, resources that did not load, a layout that is too wide) is text. A script
that plots is run with a canvas of its own. What neither a test nor a type says of a page, a picture shows: drawing or
compiling, rendering, and criticising the picture is the loop of IntroSVG and of visual prompting critique.
"""

from __future__ import annotations

import json
import math
import time
import xml.parsers.expat
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from revet.errors import InputError, WorkspaceError
from revet.sandboxes.base import ExecResult, ExecVerdict, Limits
from revet.schema import Evidence, Location, Outcome, Severity
from revet.tools._render.lacking import softened
from revet.tools._render.pages import LONGEST, WHOLE, Page, pages_of
from revet.tools._render.pictures import LARGEST, is_blank, is_picture
from revet.tools._render.told import lines_of, problems_of_page, problems_of_plot
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.commands import interpreter_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Rendered"]

HOME = "/revet/render"
MIB = 1024 * 1024
ADDRESSES = 256 * 1024 * MIB
"""Chromium reserves addresses by the dozen GiB, and uses few: its memory is bounded by a watch over what it uses."""

MEMORY = 1536 * MIB
SVG = "http://www.w3.org/2000/svg"
INSTALL = "install one where the sandbox sees it: apt-get install -y chromium; or name it: Rendered(browser=…)"
LACKS = "not drawn: {0} is not installed in the interpreter of the workspace: python -m pip install {0}"
FONTS = b"""<?xml version="1.0"?><fontconfig><dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir>
<cachedir>/tmp/fonts</cachedir></fontconfig>"""


class Rendered:
    """Draws the HTML, SVG and plots that a draft makes, and tells what went wrong on the way.

    Drawn are the staged files that fit `patterns`, HTML and SVG in the answer, and scripts that plot: the program of
    an answer that uses matplotlib, and the files that fit `scripts`; `most` of them a draft. A page is `width` pixels
    wide and at most `height` × 3 high; it is looked at `settle` seconds after it has loaded. `seconds` bounds each.
    `browser` names a Chromium inside the sandbox (default: the first on its PATH). With `required`, a draft whose page
    has a major fault is never accepted.
    """

    name = "render"
    arguments: type[BaseModel] | None = None

    def __init__(
        self,
        *,
        patterns: Sequence[str] = ("*.html", "*.htm", "*.svg"),
        scripts: Sequence[str] = (),
        browser: str | None = None,
        width: int = 1280,
        height: int = 800,
        settle: float = 0.5,
        seconds: float = 20.0,
        most: int = 4,
        required: bool = False,
    ) -> None:
        if not (16 <= width <= 4096 and 16 <= height <= 4096):
            raise InputError(f"width and height must be from 16 to 4096 pixels, not {width} × {height}")
        if not (0 < seconds < float("inf")) or not 0 <= settle < seconds or most < 1:
            raise InputError("seconds must be positive, settle less than that, and most at least 1")
        if isinstance(patterns, str) or isinstance(scripts, str):
            raise InputError("patterns and scripts are lists of patterns", hint='such as ["*.html"]')
        self.patterns, self.scripts, self.browser = tuple(patterns), tuple(scripts), browser
        self.width, self.height, self.settle = width, height, settle
        self.seconds, self.most, self.required = seconds, most, required
        self.terms = Terms(keep="draft")

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for each thing to be drawn, at most `most`."""
        pages = pages_of(view, self.patterns, self.scripts)[: self.most]
        return [ToolCall(tool=self.name, request=page.request, required=self.required) for page in pages]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The picture, as an artefact, and what was wrong. Without a browser or matplotlib it is inconclusive."""
        pages = {page.request: page for page in pages_of(view, self.patterns, self.scripts)}
        page = pages.get(call.request)
        if page is None:
            return evidence_for(
                call, view, Outcome.error, f"not drawn: there is nothing of that name in the draft: {call.request}"
            )
        if view.session is None:
            return evidence_for(call, view, Outcome.inconclusive, "not drawn: there is no sandbox to draw in")
        if view.remaining <= 0:
            return evidence_for(call, view, Outcome.inconclusive, "not drawn: the budget of wall time was spent")
        start = time.monotonic()
        drawn = await (self._plot(page, call, view) if page.kind == "plot" else self._page(page, call, view))
        return drawn.model_copy(update={"seconds": time.monotonic() - start})

    async def _page(self, page: Page, call: ToolCall, view: View) -> Evidence:
        ending = "svg" if page.kind == "svg" else "html"
        name = page.path or f"the {ending} of the answer"
        plan: dict[str, JsonValue] = {
            "browser": self.browser,
            "url": _address(page, view, ending),
            "width": self.width,
            "height": self.height,
            "most_height": self.height * 3,
            "settle": self.settle,
            "seconds": max(1.0, min(self.seconds, view.remaining)),
            "memory": MEMORY,
            "largest": LARGEST - 64,
        }
        here = await self._guest(view, "browse", {**plan, "only_find": True}, {}, Limits(wall_seconds=30))
        if (found := _report(here)) is None or not found.get("browser"):
            why = f"the sandbox has no {self.browser or 'Chromium'}" if found else _how(here)
            return evidence_for(call, view, Outcome.inconclusive, f"not drawn: {why}; {INSTALL}")
        files = {f"{HOME}/answer.{ending}": page.text.encode("utf-8", "replace")} if page.text is not None else {}
        seconds = float(str(plan["seconds"])) + 5
        limits = Limits(
            wall_seconds=seconds, cpu_seconds=math.ceil(seconds) * 2, memory=ADDRESSES, open_files=4096, output=MIB
        )
        result = await self._guest(view, "browse", plan, files, limits)
        told = _report(result)
        if told is None:
            outcome = Outcome.timeout if result.verdict is ExecVerdict.timeout else Outcome.inconclusive
            return evidence_for(call, view, outcome, f"not drawn: {_how(result)}")
        if "stage" not in told:  # it did not come to the page
            return evidence_for(call, view, Outcome.inconclusive, f"not drawn: {told.get('ended')}; {INSTALL}")
        text = _text(page, view)
        blank = is_blank(told.get("small")) if page.path is not None or WHOLE.match(text) else None
        problems = problems_of_page(told, name, view.workspace, blank)
        problems = softened(problems, told, text, view.workspace, in_answer=page.path is None)
        problems = [*(_markup(page, text, name) if page.kind == "svg" else ()), *problems]
        pictures = [str(told["picture"])] if is_picture(told.get("picture")) else []
        return _evidence(call, view, name, problems, pictures, told)

    async def _plot(self, page: Page, call: ToolCall, view: View) -> Evidence:
        name = page.path or "the program of the answer"
        script = str((view.workspace or Path()) / page.path) if page.path is not None else f"{HOME}/answer.py"
        files = {script: page.text.encode("utf-8", "replace")} if page.text is not None else {}
        seconds = max(0.1, min(self.seconds, view.remaining))
        limits = Limits(wall_seconds=seconds, cpu_seconds=math.ceil(seconds) + 1, report=16 * MIB)
        result = await self._guest(view, "plot", {"script": script, "largest": LARGEST * 3 // 4 - 64}, files, limits)
        told = _report(result)
        if told is None:
            problem = Problem(claim=f"{name} does not come to its end: {_how(result)}", category="render/ends")
            outcome = Outcome.timeout if result.verdict is ExecVerdict.timeout else Outcome.failed
            return evidence_for(call, view, outcome, f"not drawn: {_how(result)}", problems=[problem])
        error = told.get("error")
        if isinstance(error, dict) and error.get("lacks"):
            lacks = LACKS.format(clip(str(error["lacks"]), 100))
            return evidence_for(call, view, Outcome.inconclusive, lacks)
        pairs = told.get("pictures")
        pictures = [p[1] for p in pairs if isinstance(p, list) and len(p) == 2] if isinstance(pairs, list) else []
        kept = [picture for picture in pictures if is_picture(picture)][: self.most]
        blank = any(is_blank(picture.partition(",")[2]) for picture in kept if len(picture) < 100_000)
        return _evidence(call, view, name, [*problems_of_plot(told, name, blank)], kept, told)

    async def _guest(
        self, view: View, program: str, plan: Mapping[str, JsonValue], files: Mapping[str, bytes], limits: Limits
    ) -> ExecResult:
        assert view.session is not None
        given = {f"{HOME}/{program}.py": _source(program), f"{HOME}/fonts.conf": FONTS, **files}
        python = "python"
        if program == "plot" and view.workspace is not None:
            try:
                python = str(interpreter_for(view.workspace, view.task.python))
            except WorkspaceError:
                python = "python"
        env = {"FONTCONFIG_FILE": f"{HOME}/fonts.conf", "MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp/mpl"}
        return await view.session.exec(
            [python, "-I", f"{HOME}/{program}.py"],
            layer=view.layer,
            limits=limits,
            env={**env, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=json.dumps(plan).encode(),
            files=given,
            report=True,
        )


@cache
def _source(program: str) -> bytes:
    return Path(__file__).with_name("_render").joinpath("_guest", f"{program}.py").read_bytes()


def _address(page: Page, view: View, ending: str) -> str:
    if page.path is None or view.workspace is None:
        return f"file://{HOME}/answer.{ending}"
    return (view.workspace / page.path).as_uri()


def _report(result: ExecResult) -> dict[str, Any] | None:
    """What the program in the sandbox told, None if it did not come to that."""
    try:
        told = json.loads(result.report)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _how(result: ExecResult) -> str:
    said = result.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"it ended with {result.verdict.value}" + (f": {clip(said[-1], 300)}" if said else "")


def _text(page: Page, view: View) -> str:
    """What is drawn, as it is written, up to where it is too long to look at."""
    if page.path is None or view.layer is None:
        return page.text or ""
    try:
        with (view.layer.root / page.path).open("rb") as file:
            return file.read(LONGEST).decode("utf-8-sig", "replace")
    except OSError:  # gone since it was staged: the commit will find that out
        return ""


def _markup(page: Page, text: str, name: str) -> list[Problem]:
    """The first fault of an SVG's XML, which is not built; or that it lacks the namespace that makes it a picture."""
    parser = xml.parsers.expat.ParserCreate()
    line, fault = 1, None
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
        if SVG not in text:
            fault = f'is not drawn as a picture: its svg element lacks xmlns="{SVG}"'
    except xml.parsers.expat.ExpatError as error:
        line, fault = max(1, error.lineno), f"is no XML: {xml.parsers.expat.ErrorString(error.code)}"
    if fault is None or len(text) >= LONGEST:
        return []
    where = Location(path=page.path, line=line) if page.path is not None else None
    at = "" if where else f" (line {line})"
    return [Problem(claim=f"{name} {fault}{at}", category="render/markup", location=where)]


def _evidence(
    call: ToolCall, view: View, name: str, problems: Sequence[Problem], pictures: Sequence[str], told: Mapping[str, Any]
) -> Evidence:
    grave = any(problem.severity.rank >= Severity.major.rank for problem in problems)
    outcome = Outcome.failed if grave else Outcome.passed
    size = told.get("size")
    drawn = f"{len(pictures)} picture{'s' * (len(pictures) != 1)}" if pictures else "no picture"
    drawn += f", {size[0]} × {size[1]} px" if isinstance(size, list) and len(size) == 2 and pictures else ""
    lines = [f"{outcome.value}: {name}: {drawn}"]
    lines += [f"- {problem.category} ({problem.severity}): {problem.claim}" for problem in problems[:30]]
    text = clip("\n".join([*lines, *lines_of(told)]), 6000)
    look = told.get("look")
    data: dict[str, JsonValue] = {"counts": told.get("counts"), "look": look, "size": size, "pictures": len(pictures)}
    data = {key: value for key, value in data.items() if value is not None}
    return evidence_for(call, view, outcome, text, problems=problems, data=data, artefacts=pictures)
