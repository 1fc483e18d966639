"""Behaviour as evidence: drafts of a function are run on generated inputs and compared by what they do.

The inputs come from type hints, from the examples in the docstring or the task's text, and from visible tests, varied
from one seed. One draft is examined against what its text promises, its earlier attempts and the code before it; many
are grouped by behaviour and ranked without a model (CodeT: Chen et al. 2022, arXiv 2207.10397; AlphaCode's clusters:
Li et al. 2022, arXiv 2203.07814). Whatever is executed is executed in the sandbox; what a candidate says of its own
values decides nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Evidence, Outcome, Severity
from revet.tools._behaviour.comparison import Comparison, Difference, compare
from revet.tools._behaviour.drafted import Written, asserted, code_in, functions_in, written_by
from revet.tools._behaviour.examination import Examination, disagreement, examine
from revet.tools._behaviour.inputs import Input, inputs_for
from revet.tools._behaviour.ranking import Ranked, rank
from revet.tools._behaviour.running import Candidate
from revet.tools._behaviour.spec import Example, Spec, spec_of
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = [
    "Behaviour",
    "Candidate",
    "Candidates",
    "Comparison",
    "Difference",
    "Examination",
    "Example",
    "Input",
    "Ranked",
    "Spec",
    "compare",
    "disagreement",
    "examine",
    "grave",
    "inputs_for",
    "rank",
    "spec_of",
]

PROBABLE = 0.5
SHOWN, MOST_DIFFERENCES, MOST_EARLIER, MOST_CANDIDATES = 5000, 3, 3, 20


class Candidates(BaseModel):
    """Run several versions of a Python function on the same generated inputs, in a sandbox. You see which versions
    behave alike, on which inputs they differ, which tests each passes, and which is most probably right.
    """

    model_config = ConfigDict(extra="forbid")

    function: str = Field(min_length=1, description="the name of the function that every version defines")
    candidates: list[str] = Field(
        min_length=1, max_length=MOST_CANDIDATES, description="the source of each version, imports and all"
    )
    description: str = Field(default="", description="what the function shall do, with examples, or its stub")
    tests: list[str] = Field(default_factory=list, max_length=50, description="statements: assert f(1) == 2")


class Behaviour:
    """Runs what a draft writes on generated inputs, and tells what speaks against it.

    Each function of the draft's answer (its last Python block) or of the Python files that it changes is examined by
    what is known of it: `spec` (a stub with a docstring, or prose), else the function as it stood before, else the
    task's goal; `tests`, statements that the author of the draft may see; and the assertions on it in the test files
    that the checks run. `function` names the one function to look at; where a draft holds Python that does not define
    it, that is an error. `prelude` is executed before every candidate (imports that are taken for granted). `count`
    inputs are made from the run's seed; `seconds` bounds one call. With `required`, a draft against which something is
    probable is never accepted.
    """

    name = "behaviour"
    arguments: type[BaseModel] | None = Candidates
    terms = Terms(seconds=180, keep="draft")

    def __init__(
        self,
        *,
        spec: str | None = None,
        function: str | None = None,
        tests: Sequence[str] = (),
        prelude: str = "",
        count: int = 48,
        seconds: float = 0.5,
        required: bool = False,
    ) -> None:
        if not (seconds > 0 and math.isfinite(seconds)):
            raise InputError(f"seconds must be positive, not {seconds}")
        if not 1 <= count <= 500:
            raise InputError(f"count must be from 1 to 500, not {count}")
        self.spec, self.function, self.tests, self.prelude = spec, function, tuple(tests), prelude
        self.count, self.seconds, self.required = count, seconds, required

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for each function that the draft writes and something is known of, or for the one that it lacks."""
        there = functions_in(view) if self.function is not None else None
        if self.function is not None and there is not None and self.function not in there:
            return [self._lacking(self.function)]
        calls = []
        for written in written_by(view, self.function):
            if self._known(written, view):
                where = written.path or "the answer"
                request = f"the behaviour of {written.entry} in {where}"
                arguments: dict[str, JsonValue] = {"function": written.entry, "path": written.path}
                calls.append(ToolCall(tool=self.name, request=request, arguments=arguments, required=self.required))
        return calls

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """Of a planned call, what speaks against the draft's function; of a model's, how its candidates compare."""
        if view.session is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: there is no sandbox to run a function in")
        if view.remaining <= 0:
            return evidence_for(call, view, Outcome.inconclusive, "not run: the budget of wall time was spent")
        if "candidates" in call.arguments:
            return await self._compared(call, view)
        key = (call.arguments.get("function"), call.arguments.get("path"))
        written = next((w for w in written_by(view, self.function) if (w.entry, w.path) == key), None)
        if written is None:
            there = ", ".join(functions_in(view) or ()) or "none"
            text = (
                f"not run: the draft writes no function {key[0]!r}; those that it has at the top of a module: {there}"
            )
            return evidence_for(call, view, Outcome.error, clip(text, SHOWN))
        return await self._examined(call, view, written)

    async def _examined(self, call: ToolCall, view: View, written: Written) -> Evidence:
        assert view.session is not None
        start = time.monotonic()
        earlier = [
            code
            for a in view.attempts
            if (code := code_in(a.draft, written.path, self.function)) not in (None, written.code)
        ]
        candidates = [self._candidate(f"attempt {n}", code, written) for n, code in enumerate(earlier, 1) if code]
        found = await examine(
            self._candidate("the draft", written.code, written),
            self._known(written, view) or Spec(written.entry),
            view.session,
            earlier=candidates[-MOST_EARLIER:],
            base=self._candidate("the code before", written.base, written) if written.base is not None else None,
            count=self.count,
            seed=view.seed,
            seconds=self.seconds,
            layer=view.layer,
        )
        outcome = _outcome(found, written)
        problems = [p.model_copy(update={"location": None}) for p in found.problems]
        seconds = time.monotonic() - start
        if outcome is Outcome.inconclusive:
            text = f"nothing could be tried: {found.comparison.broken[0] or 'no input is known'}"
            return evidence_for(call, view, outcome, text, seconds=seconds)
        return evidence_for(call, view, outcome, _told(found), problems=problems, data=_counts(found), seconds=seconds)

    async def _compared(self, call: ToolCall, view: View) -> Evidence:
        assert view.session is not None
        start = time.monotonic()
        try:
            asked = Candidates.model_validate(call.arguments)
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            return evidence_for(call, view, Outcome.error, f"not run: {place}: {error.errors()[0]['msg']}")
        spec = spec_of(asked.description, asked.tests, entry=asked.function)
        named = [Candidate(f"candidate {n}", c, asked.function) for n, c in enumerate(asked.candidates, 1)]
        seen = await compare(
            named, spec, view.session, count=self.count, seed=view.seed, seconds=self.seconds, layer=view.layer
        )
        ranking = rank(seen, seed=view.seed)
        data: dict[str, JsonValue] = {
            "groups": [[n + 1 for n in group] for group in seen.groups],
            "ranking": [each.number + 1 for each in ranking],
            "inputs": len(seen.inputs),
        }
        text = _table(seen, ranking)
        return evidence_for(call, view, Outcome.passed, text, data=data, seconds=time.monotonic() - start)

    def _lacking(self, function: str) -> ToolCall:
        arguments: dict[str, JsonValue] = {"function": function, "path": None}
        request = f"the behaviour of {function} in the draft"
        return ToolCall(tool=self.name, request=request, arguments=arguments, required=self.required)

    def _known(self, written: Written, view: View) -> Spec | None:
        """What is known of the function beside the draft, None if nothing that can be tried."""
        tests = (*self.tests, *asserted(written, view))
        for text in (self.spec, written.stub if written.base is not None else None, view.task.goal, written.stub):
            if text is None:
                continue
            spec = spec_of(text, tests, entry=written.entry)
            if spec.entry == written.entry and (spec.tests or spec.examples or (spec.hints and all(spec.hints))):
                return spec
        return None

    def _candidate(self, name: str, code: str, written: Written) -> Candidate:
        above = [self.prelude] if self.prelude else []
        if written.path is not None:
            folder = str(PurePosixPath(written.path).parent)
            above.append(f"import sys; sys.path[:0] = [{folder!r}, '.']")
        return Candidate(name, "\n".join([*above, code]), written.entry)


def grave(problems: Sequence[Problem]) -> bool:
    """Whether one of the problems is at least `major` and more probable than not."""
    return any(p.severity.rank >= Severity.major.rank and p.confidence > PROBABLE for p in problems)


def _outcome(found: Examination, written: Written) -> Outcome:
    seen = found.comparison
    if seen.broken_for_good(0) and written.path is not None:
        # A module of a project may need what this way of running it does not give.
        return Outcome.inconclusive
    if grave(found.problems):
        return Outcome.failed
    tried = any(o.kind != "skipped" for o in seen.all_outcomes(0))
    return Outcome.passed if tried else Outcome.inconclusive


def _counts(found: Examination) -> dict[str, JsonValue]:
    seen = found.comparison
    return {
        "inputs": len(seen.inputs),
        "tests": len(seen.tests),
        "passed": sum(said == "pass" for said in seen.verdicts[0]),
        "compared": len(seen.candidates) - 1,
    }


def _told(found: Examination) -> str:
    seen = found.comparison
    counts = _counts(found)
    lines = [
        f"{seen.spec.entry}: {counts['passed']} of {counts['tests']} tests and examples hold, "
        f"tried on {counts['inputs']} inputs"
    ]
    lines += [f"- {p.claim} [{p.category}, confidence {p.confidence:.2f}]" for p in found.problems]
    for other in range(1, len(seen.candidates)):
        lines += _differences(seen, 0, other)
    return clip("\n".join(lines), SHOWN)


def _differences(seen: Comparison, one: int, other: int) -> list[str]:
    told = [f"  {d.input.source}: {d.one} / {d.other}" for d in seen.differences(one, other)]
    names = f"{seen.candidates[one].name} / {seen.candidates[other].name}"
    if not told:
        return [f"{names}: the same on all inputs"]
    more = len(told) - MOST_DIFFERENCES
    return [f"{names}: they differ on {len(told)} of {len(seen.inputs)} inputs", *told[:MOST_DIFFERENCES]] + (
        [f"  and {more} more"] if more > 0 else []
    )


def _table(seen: Comparison, ranking: Sequence[Ranked]) -> str:
    lines = [f"{len(seen.groups)} groups on {len(seen.inputs)} inputs; the most probable is {ranking[0].name}"]
    for group in seen.groups:
        lines.append("alike: " + ", ".join(seen.candidates[n].name for n in group))
    for each in ranking:
        broken = seen.broken[each.number]
        share = "" if each.visible is None else f", {each.visible:.0%} of the tests"
        lines.append(f"{each.name}: {f'broken ({broken})' if broken else f'agreement {each.agreement:.2f}'}{share}")
    for group in seen.groups[1 : MOST_DIFFERENCES + 1]:
        lines += _differences(seen, seen.groups[0][0], group[0])
    return clip("\n".join(lines), SHOWN)
