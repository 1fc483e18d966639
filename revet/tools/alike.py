"""`Alike`: what a draft's functions do on generated inputs, as one digest. Drafts with one digest behave alike.

The behavioural clusters of AlphaCode (Li et al. 2022, arXiv 2203.07814) and CodeT (Chen et al. 2022, arXiv 2207.10397),
one draft at a time: the inputs hang on the task and the run's seed alone, so that samples which are examined one after
another can be counted together. It proves nothing and speaks against nothing.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence

from pydantic import BaseModel

from revet.schema import Evidence, Outcome, digest
from revet.tools._behaviour.drafted import Written, written_by
from revet.tools._behaviour.inputs import inputs_for
from revet.tools._behaviour.running import Call, Candidate, run_cases
from revet.tools._behaviour.running import Outcome as Ended
from revet.tools._behaviour.spec import Spec, parsed
from revet.tools._behaviour.values import Encoded, decode
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.behaviour import Behaviour

__all__ = ["Alike", "told"]


class Alike(Behaviour):
    """Runs what a draft writes on generated inputs, and says what comes of it as a digest. The arguments are those of
    `Behaviour`; it is never required."""

    name = "alike"
    arguments: type[BaseModel] | None = None
    terms = Terms(seconds=60, keep="draft")

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for each function that stood there before; where there was none, for each that the draft writes.

        None for a draft that has not passed the required checks, for that is no candidate.
        """
        state = view.changes.fingerprint if view.changes else None
        passed = {e.check for e in view.evidence if e.outcome is Outcome.passed and e.changes == state}
        if view.draft is None or any(check.required and check.id not in passed for check in view.task.checks):
            return []
        written = written_by(view, self.function)
        known = [each for each in written if each.base is not None] or written
        return [
            ToolCall(
                tool=self.name,
                request=f"what {each.entry} in {each.path or 'the answer'} does",
                arguments={"function": each.entry, "path": each.path},
            )
            for each in known
            if self._known(each, view)
        ]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        if view.session is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: there is no sandbox to run a function in")
        key = (call.arguments.get("function"), call.arguments.get("path"))
        written = next((w for w in written_by(view, self.function) if (w.entry, w.path) == key), None)
        spec = None if written is None else self._known(written, view)
        if written is None or spec is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: nothing is known of the function")
        begun = time.monotonic()
        inputs = [each for each in inputs_for(spec, count=self.count, seed=view.seed) if each.near]
        candidate = self._candidate("the draft", written.code, written)
        ended = await self._ended(candidate, [Call(each.source) for each in inputs], view) if inputs else None
        seconds = time.monotonic() - begun
        if ended is None:
            return evidence_for(call, view, Outcome.inconclusive, "nothing could be tried", seconds=seconds)
        signature = digest(_asked(spec), told(ended), _beside(written), length=16)
        data = {"function": written.entry, "path": written.path, "signature": signature, "inputs": len(inputs)}
        text = f"{written.entry} on {len(inputs)} inputs: {signature}"
        return evidence_for(call, view, Outcome.passed, text, data=data, seconds=seconds)

    async def _ended(self, candidate: Candidate, calls: Sequence[Call], view: View) -> Sequence[Ended] | None:
        """How each call ended, None for a candidate that could not be loaded."""
        assert view.session is not None
        ran = (await run_cases(view.session, [candidate], calls, seconds=self.seconds, layer=view.layer))[0]
        return None if ran.broken else ran.outcomes


def _asked(spec: Spec) -> list[str]:
    return [spec.entry, spec.text, *spec.tests]


def told(outcomes: Sequence[Ended]) -> list[list[str]]:
    """What of the outcomes tells one behaviour from another: of each the value, or the class of the failure."""
    return [_told(each) for each in outcomes]


def _told(ended: Ended) -> list[str]:
    if ended.value is not None:
        return [ended.kind, _plain(ended.value)]
    return [ended.kind, ended.error if ended.kind == "error" else ""]


def _plain(value: Encoded) -> str:
    """A value as text; floats to nine digits, for sums in another order differ after that."""
    try:
        return _shown(decode(value))
    except ValueError:
        return repr(value)


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return f"{value:.9g}" if isinstance(value, float) or abs(value) < 10**9 else str(value)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({','.join(map(_shown, value))})"
    if isinstance(value, dict):
        return f"dict({','.join(sorted(f'{_shown(k)}:{_shown(v)}' for k, v in value.items()))})"
    if isinstance(value, set | frozenset):
        return f"set({','.join(sorted(map(_shown, value)))})"
    return repr(value)


def _beside(written: Written) -> list[str]:
    """The classes of the module, for what they do is not tried."""
    tree = parsed(written.code)
    return [ast.dump(node) for node in tree.body if isinstance(node, ast.ClassDef)] if tree is not None else []
