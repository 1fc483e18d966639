"""The Python interpreter as evidence: a program that computes the answer, run in the sandbox.

A draft may answer a question with a program that sets the variable ``answer`` (program of thoughts: Chen et al. 2022,
arXiv 2211.12588; the interpreter of CRITIC, arXiv 2305.11738). What it prints, how it ended and the value of
``answer`` are the evidence. What the program says decides nothing by itself.

With `persistent`, a program sees what earlier programs of the round defined. No process is kept for that: the earlier
programs that ran to their end are repeated, silently, in front of it. Which those are stands in the evidence
(``data["session"]``), so a run that is continued in another process goes on with the same session.
"""

from __future__ import annotations

import ast
import json
import math
import re
import textwrap
import time
import warnings
from collections.abc import Sequence
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.sandboxes.base import ExecVerdict, Limits, PythonError, PythonResult
from revet.schema import Answer, CallTool, Draft, Evidence, Outcome, digest
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip

__all__ = ["ANSWER", "Program", "Python", "program_of", "tidy"]

ANSWER = "answer"
"""The variable that holds a program's answer."""

SHOWN = 4000
LARGEST, DEEPEST = 64 * 1024, 50
SESSION = "session"
MOST_PROGRAMS, MOST_CODE = 20, 32 * 1024
"""What a session holds at most; and no more than can be repeated in a program's own time."""
LOST = "SessionLost"
FENCED = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
PYTHON = ("python", "python3", "py")

HOW = {
    ExecVerdict.timeout: "timeout: it did not end and was stopped after {limit:g} s",
    ExecVerdict.oom: "it used more memory than it may",
    ExecVerdict.output_limit: "it wrote more output than it may, and was ended",
    ExecVerdict.signal: "it was ended by signal {signal}",
    ExecVerdict.denied: "it did what the sandbox refuses",
    ExecVerdict.crash: "the sandbox died under it",
}


class Program(BaseModel):
    """Run a Python program in a sandbox without network. You see what it prints and the value of its variable
    `answer`, if it sets one.
    """

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, description="the whole program; it does not see earlier ones")


class SessionProgram(Program):
    """Run a Python program in a sandbox without network. You see what it prints and the value of its variable
    `answer`, if it sets one. It sees the variables, functions and imports of your earlier programs that ran to their
    end.
    """

    code: str = Field(min_length=1, description="the program; what earlier programs defined is there")


class Python:
    """Runs the program that a draft answers with, and programs that a model asks for.

    `seconds` bounds a program's wall and CPU time, `limits` the rest. With `required`, a draft whose program sets no
    answer is never accepted. With `persistent`, a program sees what earlier ones of the round defined: the proposer's,
    then the draft's own, then each critic's. One that fails leaves nothing behind. A session holds at most 20 programs
    of 32 kB together, which must not take longer than `seconds` to repeat; what comes on top is run and not kept.
    """

    name = "python"

    def __init__(
        self,
        *,
        seconds: float = 10.0,
        limits: Limits | None = None,
        required: bool = False,
        persistent: bool = False,
    ) -> None:
        if not (seconds > 0 and math.isfinite(seconds)):
            raise InputError(f"seconds must be positive, not {seconds}")
        self.seconds, self.limits, self.required, self.persistent = seconds, limits or Limits(), required, persistent
        self.arguments: type[BaseModel] | None = SessionProgram if persistent else Program
        # In a session a program does what it does by those before it, too.
        self.terms = Terms(keep="never" if persistent else "draft")

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that holds a program."""
        code = program_of(view.draft) if view.draft is not None else None
        if code is None:
            return []
        lines = len(code.splitlines())
        request = f"the draft's program {digest(code)} ({lines} line{'s' * (lines != 1)})"
        return [ToolCall(tool=self.name, request=request, arguments={"code": code}, required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The evidence of one program. ``data["answer"]`` is set for the draft's own program alone, tidied (`tidy`)."""
        try:
            code = Program.model_validate(call.arguments).code
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not run: {error.errors()[0]['msg']}")
        if view.session is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: there is no sandbox to run a program in")
        if view.remaining <= 0:
            return evidence_for(call, view, Outcome.inconclusive, "not run: the budget of wall time was spent")
        start = time.monotonic()
        earlier = self._session(view)
        limits = self._limits(view, repeats=bool(earlier))
        source: str | bytes = _driver() if self.persistent else code
        programs: JsonValue = [*earlier, code] if self.persistent else None
        result = await view.session.run_python(source, programs, returns=ANSWER, layer=view.layer, limits=limits)
        own = view.draft is not None and program_of(view.draft) == code
        outcome, how = _judge(result, limits, wanted=own)
        data: dict[str, JsonValue] = {
            "verdict": result.verdict.value,
            "value": None if _too_large(result.value) else result.value,
            "error": _error(result.error),
        }
        if own and outcome is Outcome.passed:
            data[ANSWER] = tidy(result.value)
        if self.persistent:
            after, unkept = _after(earlier, code, result, outcome, self.seconds)
            data[SESSION] = [*after]
            how += unkept
        printed = _printed(result)
        text = f"{how}\n--- output ---\n{clip(printed, SHOWN)}" if printed else how
        return evidence_for(call, view, outcome, text, data=data, seconds=time.monotonic() - start)

    def _session(self, view: View) -> list[str]:
        """The programs of the round that ran to their end, as the last of them says."""
        told = (e.data.get(SESSION) for e in reversed(view.evidence) if e.tool == self.name)
        last = next((each for each in told if isinstance(each, list)), []) if self.persistent else []
        return [str(each) for each in last]

    def _limits(self, view: View, *, repeats: bool) -> Limits:
        """Repeating takes at most as long again."""
        seconds = max(0.1, min(self.seconds * (1 + repeats), view.remaining))
        return self.limits.model_copy(update={"wall_seconds": seconds, "cpu_seconds": math.ceil(seconds)})


def program_of(draft: Draft) -> str | None:
    """The program that a draft answers with, None if it holds none.

    A call of the tool `python` comes first, then the last Python block of the answer. Text without a block is a program
    if it is Python and sets `answer`.
    """
    for action in draft.actions:
        if isinstance(action, CallTool) and action.name == Python.name:
            code = action.arguments.get("code")
            if isinstance(code, str) and code.strip():
                return code
    texts = [action.text for action in draft.actions if isinstance(action, Answer)]
    found = [_program_in(text) for text in (*texts, draft.answer) if text is not None]
    return next((code for code in found if code is not None), None)


def tidy(value: JsonValue) -> JsonValue:
    """`value` as one would write it: 12 significant digits, no ``.0``, the only element of a list by itself.

    So two programs that compute the same are seen to say the same.
    """
    if isinstance(value, float) and math.isfinite(value):
        short = float(f"{value:.12g}")
        return int(short) if short.is_integer() and abs(short) < 2**53 else short
    if isinstance(value, list):
        return tidy(value[0]) if len(value) == 1 else [tidy(each) for each in value]
    if isinstance(value, dict):
        return {key: tidy(each) for key, each in value.items()}
    return value


def _program_in(text: str) -> str | None:
    blocks = [(found[1].lower(), textwrap.dedent(found[2]).strip("\n")) for found in FENCED.finditer(text)]
    marked = [code for language, code in blocks if language in PYTHON and code.strip()]
    if marked:
        return marked[-1]
    plain = [code for language, code in blocks if not language] or ([] if blocks else [text.strip("\n")])
    return next((code for code in reversed(plain) if _sets_answer(code)), None)


def _sets_answer(code: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = list(ast.walk(tree))
    bare = {id(node.target) for node in nodes if isinstance(node, ast.AnnAssign) and node.value is None}
    stored = (node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return any(node.id == ANSWER and id(node) not in bare for node in stored)


@cache
def _driver() -> bytes:
    """What runs the programs of a session, inside the sandbox."""
    return resources.files("revet.tools").joinpath("_guest", "session.py").read_bytes()


def _after(
    earlier: Sequence[str], code: str, result: PythonResult, outcome: Outcome, seconds: float
) -> tuple[Sequence[str], str]:
    """The session after a program, and a word if its definitions could not be kept."""
    if outcome is not Outcome.passed:
        return earlier, ""
    now = [*earlier, code]
    if len(now) <= MOST_PROGRAMS and sum(map(len, now)) <= MOST_CODE and result.seconds <= seconds:
        return now, ""
    return earlier, " (what it defines is not kept: the session is full, or takes too long to repeat)"


def _error(error: PythonError | None) -> JsonValue:
    if error is None:
        return None
    return {"type": _clean(error.type), "message": _clean(clip(error.message, SHOWN)), "line": error.line}


def _clean(text: str) -> str:
    """Without what no record can hold: lone halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _too_large(value: JsonValue) -> bool:
    return _too_deep(value, DEEPEST) or len(json.dumps(value)) > LARGEST


def _too_deep(value: JsonValue, most: int) -> bool:
    inside = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return most < 0 or any(_too_deep(each, most - 1) for each in inside)


def _judge(result: PythonResult, limits: Limits, *, wanted: bool) -> tuple[Outcome, str]:
    """How the program ended, and a line that says so. `wanted`: it was to set an answer."""
    if result.verdict is ExecVerdict.ok:
        if _too_large(result.value):
            return Outcome.failed, f"its {ANSWER} is too large (over {LARGEST} characters, or {DEEPEST} levels)"
        if result.value is not None:
            return Outcome.passed, f"it ran to its end: {ANSWER} = {clip(str(tidy(result.value)), 500)}"
        if wanted:
            return Outcome.failed, f"it ran to its end and did not set the variable {ANSWER}"
        return Outcome.passed, "it ran to its end"
    if result.error is not None and result.error.type == LOST:
        return Outcome.inconclusive, _clean(f"not run: an earlier program failed when repeated: {result.error.message}")
    if result.error is not None:
        where = f" (line {result.error.line})" if result.error.line else ""
        return Outcome.failed, _clean(f"{result.error.type}: {clip(result.error.message, 500)}{where}")
    how = HOW.get(result.verdict, f"it ended with status {result.exit_code}")
    outcomes = {ExecVerdict.timeout: Outcome.timeout, ExecVerdict.crash: Outcome.inconclusive}
    return outcomes.get(result.verdict, Outcome.failed), how.format(limit=limits.wall_seconds, signal=result.signal)


def _printed(result: PythonResult) -> str:
    streams = (stream.decode("utf-8", "replace").strip() for stream in (result.stdout, result.stderr))
    return "\n".join(text for text in streams if text)
