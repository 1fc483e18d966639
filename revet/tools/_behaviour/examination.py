"""Everything that behaviour says against one draft of a function, as problems with how probable each is.

The probabilities are shares of truly wrong drafts among those that showed the sign, rounded, as measured on code that
real models wrote and that passed its visible tests (LDB's runs on HumanEval and MBPP, dev split). Where the share was
below a half the sign is told as `minor`, for a reviser to know and for no gate to act on.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass

from revet.sandboxes.base import Layer, Session
from revet.schema import Severity
from revet.tools._behaviour.comparison import EXAMPLE, RELATION, VISIBLE, Comparison, compare
from revet.tools._behaviour.inputs import Input, inputs_for
from revet.tools._behaviour.notions import notion_of, probes_of, promised_lengths, violations
from revet.tools._behaviour.reading import (
    function_in,
    ignored_parameters,
    invented_texts,
    is_by_chance,
    unordered_returns,
)
from revet.tools._behaviour.relations import relations_for
from revet.tools._behaviour.running import Call as Case
from revet.tools._behaviour.running import Candidate, Outcome, run_cases
from revet.tools._behaviour.spec import Spec
from revet.tools._behaviour.values import decode, kind_of, plain
from revet.tools.problems import Problem

__all__ = ["Examination", "disagreement", "examine"]

LEAST_INPUTS = 6
FAR = 0.25
LEAST_OTHERS = 2
UNBOUND, SOME = "UnboundLocalError", 0.25
FAILED = ("error", "died", "timeout")


@dataclass(frozen=True)
class Examination:
    """The problems, gravest first, and what they were found in. The draft is candidate 0 of `comparison`, then the
    earlier attempts (`earlier` many), then the code before all drafts if there is some (`based`), then the others.
    """

    problems: tuple[Problem, ...]
    comparison: Comparison
    earlier: int
    based: bool = False
    repeated: tuple[Outcome, ...] = ()

    @property
    def others(self) -> range:
        return range(1 + self.earlier + self.based, len(self.comparison.candidates))


async def examine(
    draft: Candidate,
    spec: Spec,
    session: Session,
    *,
    earlier: Sequence[Candidate] = (),
    base: Candidate | None = None,
    others: Sequence[Candidate] = (),
    count: int = 56,
    seed: int = 0,
    seconds: float = 0.5,
    layer: Layer | None = None,
) -> Examination:
    """Run the draft, the `earlier` attempts of its author, the code before (`base`) and `others`' candidates on the
    same cases, and judge the draft.
    """
    everybody = [draft, *earlier, *([base] if base is not None else []), *others]
    inputs = inputs_for(spec, count=count, seed=seed, codes=[each.code for each in everybody])
    tried = {each.source for each in inputs}
    probes = [Input(each, repr(each), near=False, origin="notion") for each in probes_of(spec)]
    inputs += [each for each in probes if each.source not in tried]
    relations = relations_for(spec, inputs)
    seen = await compare(everybody, spec, session, inputs=inputs, relations=relations, seconds=seconds, layer=layer)
    # The same calls once more, backwards and in another process: what the draft remembers or draws shows.
    again = await run_cases(
        session, [draft], [Case(each.source) for each in reversed(seen.inputs)], seconds=seconds, layer=layer
    )
    found = Examination((), seen, len(earlier), base is not None, tuple(reversed(again[0].outcomes)))
    problems = sorted(_problems(found), key=lambda p: (-p.severity.rank, -p.confidence))
    return dataclasses.replace(found, problems=tuple(problems))


def _problems(found: Examination) -> Iterator[Problem]:
    seen = found.comparison
    if seen.broken_for_good(0):
        yield _problem(f"it cannot be used: {seen.broken[0]}", "load", 1.0, Severity.critical)
        return
    if seen.broken[0]:
        yield _problem(f"running it by itself fails: {seen.broken[0]}", "load", 0.4, Severity.minor)
    yield from _failing(found)
    yield from _improper(found)
    yield from _crashes(found)
    yield from _fitted(found)
    yield from _unstable(found)
    other = disagreement(seen, 0, found.others)
    if other is not None:
        yield other


def _failing(found: Examination) -> Iterator[Problem]:
    """Tests, examples and relations that do not hold."""
    graded = {VISIBLE: (1.0, "test"), EXAMPLE: (0.8, "example"), RELATION: (0.6, "relation")}
    seen = found.comparison
    for test, said, outcome in zip(seen.tests, seen.verdicts[0], seen.calls[0], strict=True):
        if said in ("pass", "unknown") or test.kind not in graded:
            continue
        confidence, category = graded[test.kind]
        got = "; ".join(str(each) for each in outcome.got[:3]) or str(outcome)
        yield _problem(f"`{test.source}` does not hold: the call gives {got}", category, confidence)


def _improper(found: Examination) -> Iterator[Problem]:
    """Answers that the notion named in the description, or the length that it promises, does not allow."""
    seen = found.comparison
    calls = [
        (each, decode(outcome.value))
        for each, outcome in zip(seen.inputs, seen.outcomes[0], strict=True)
        if outcome.value is not None and plain(outcome.value)
    ]
    pairs = [(each.arguments, value) for each, value in calls]
    notion = notion_of(seen.spec)
    wrong = list(violations(notion, pairs)) if notion is not None else []
    if notion is not None and wrong:
        each, value = calls[wrong[0]]
        claim = f"{_call(seen, each.source)} gives {value!r:.80}, which is not right for {notion.name}"
        yield _problem(claim, "property", 0.9)
    short = list(promised_lengths(seen.spec, pairs))
    if short:
        each, value = calls[short[0]]
        claim = f"{_call(seen, each.source)} gives {value!r:.80}, not as many items as the description promises"
        yield _problem(claim, "property", 0.8)


def _crashes(found: Examination) -> Iterator[Problem]:
    """Failures on inputs like the observed ones."""
    seen = found.comparison
    near = [(i, o) for i, o in zip(seen.inputs, seen.outcomes[0], strict=True) if i.near and o.kind != "skipped"]
    bad = [(i, o) for i, o in near if o.kind in FAILED]
    for each, outcome in bad[:1]:
        # A variable that is not bound on one path in many may be one that no caller takes.
        undefined = outcome.error == "NameError" or (outcome.error == UNBOUND and len(bad) > SOME * len(near))
        yield _problem(
            f"{_call(seen, each.source)} fails: {outcome} ({len(bad)} of {len(near)} inputs like the examples do)",
            "timeout" if outcome.kind == "timeout" else "crash",
            0.9 if undefined else 0.2,
            Severity.major if undefined else Severity.minor,
        )


def _fitted(found: Examination) -> Iterator[Problem]:
    """Signs of code that was made to pass the visible tests."""
    seen, spec = found.comparison, found.comparison.spec
    function = function_in(seen.candidates[0].code, spec.entry)
    constant = _constant(found)
    if constant is not None:
        many = sum(o.kind == "value" for o in seen.outcomes[0])
        yield _problem(
            f"it gives {constant} for each of {many} different inputs",
            "constant",
            0.7,
            suggestion="make the answer depend on the arguments",
        )
    if function is None:
        return
    for sign in invented_texts(function, spec):
        yield _problem(
            f"it returns {sign.what!r}, a text that neither the description nor any test mentions",
            "invented-text",
            0.7,
            suggestion="return exactly what the description or the tests name",
        )
    for name in _ignored(found, function):
        yield _problem(
            f"it never uses {name}, which the description names",
            "ignored-parameter",
            0.7,
            suggestion=f"let the answer depend on {name}, or say why it does not",
        )
    sets = [name for name, value in zip(spec.parameters, _first_arguments(found), strict=False) if type(value) is set]
    for sign in unordered_returns(function, sets)[:1]:
        if any(isinstance(v, (list, tuple)) and len(v) > 1 for v in spec.expected) and "any order" not in spec.text:
            yield _problem(
                f"the order of what it returns is that of a set: {sign.what}",
                "set-order",
                0.8,
                suggestion="sort it, or keep the order of the input",
            )


def _unstable(found: Examination) -> Iterator[Problem]:
    """What depends on more than the arguments, and arguments that are changed."""
    seen = found.comparison
    for each, first, second in zip(seen.inputs, seen.outcomes[0], found.repeated, strict=False):
        if "value" == first.kind == second.kind and not first.same(second):
            claim = f"{_call(seen, each.source)} gives {first}, and {second} when it is called again"
            meant = is_by_chance(seen.candidates[0].code, seen.spec.text) or not seen.spec.expected
            severity = Severity.minor if meant else Severity.major
            yield _problem(claim, "nondeterminism", 0.2 if meant else 0.6, severity)
            break
    changed = next((i for i, o in zip(seen.inputs, seen.outcomes[0], strict=True) if o.after is not None), None)
    if changed is not None and "in place" not in seen.spec.text and "in-place" not in seen.spec.text:
        yield _problem(f"{_call(seen, changed.source)} changes its argument", "mutation", 0.2, Severity.minor)
    kinds = {kind_of(o.value) for i, o in zip(seen.inputs, seen.outcomes[0], strict=True) if i.near and o.value}
    if "None" in kinds and len(kinds) > 1 and "None" not in seen.spec.text and None not in seen.spec.expected:
        yield _problem("for some inputs like the examples it returns nothing (None)", "no-return", 0.3, Severity.minor)


def disagreement(seen: Comparison, number: int, others: Iterable[int]) -> Problem | None:
    """How `others` that pass the visible tests differ from the candidate; None if none does, or there are none.

    Of two that differ nobody can say which is right: it is `major` only where two others at least differ, and all do.
    """
    sound = [n for n in others if seen.passes(n, VISIBLE)]
    measured = [(n, d) for n in sound if (d := seen.distance(number, n)) is not None]
    far = [n for n, distance in measured if distance > FAR]
    if not far:
        return None
    difference = next(seen.differences(number, far[0]))
    most = len(far) == len(measured) >= LEAST_OTHERS
    return _problem(
        f"{len(far)} of {len(measured)} other candidates that pass the tests differ from it, as on "
        f"{_call(seen, difference.input.source)}: it gives {difference.one}, "
        f"{seen.candidates[far[0]].name} gives {difference.other}",
        "disagreement",
        0.6 if most else 0.3,
        Severity.major if most else Severity.minor,
        "check by the description which is right",
    )


def _ignored(found: Examination, function: ast.FunctionDef) -> list[str]:
    """Parameters that the code should use and does not; the length of another argument is not missed."""
    seen = found.comparison
    order = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    observed = [i.arguments for i in seen.inputs if i.origin == "observed" and len(i.arguments) == len(order)]
    return [
        sign.what
        for sign in ignored_parameters(function, seen.spec)
        if not (sign.what in order and _is_length(order.index(sign.what), observed))
    ]


def _is_length(place: int, observed: Sequence[tuple[object, ...]]) -> bool:
    return bool(observed) and all(
        any(isinstance(each, Sized) and len(each) == given[place] for each in given) for given in observed
    )


def _constant(found: Examination) -> Outcome | None:
    """The only answer to many different inputs like those that tests or examples show.

    Texts that are varied seldom meet a format (an address, a date), and a check of one may well refuse them all: that
    texts have one verdict says nothing.
    """
    seen = found.comparison
    pairs = list(zip(seen.inputs, seen.outcomes[0], strict=True))
    near = [(i, o) for i, o in pairs if i.near and o.kind == "value"]
    first = near[0][1] if near else None
    if first is None or first.value is None or not plain(first.value) or kind_of(first.value) == "None":
        return None
    if len(near) < LEAST_INPUTS or not any(i.origin == "observed" for i, _ in near):
        return None
    texts = all(isinstance(each, (str, bytes)) for i, _ in near for each in i.arguments)
    if texts and (kind_of(first.value) in ("bool", "str") or not decode(first.value)):
        return None
    weighed = pairs if kind_of(first.value) == "bool" else near
    return first if all(first.same(o) for _, o in weighed if o.kind == "value") else None


def _first_arguments(found: Examination) -> tuple[object, ...]:
    return found.comparison.inputs[0].arguments if found.comparison.inputs else ()


def _call(seen: Comparison, source: str) -> str:
    inner = source[1:-1].removesuffix(",")
    text = f"{seen.spec.entry}({inner})"
    return text if len(text) <= 160 else text[:159] + "…"


def _problem(
    claim: str,
    category: str,
    confidence: float,
    severity: Severity = Severity.major,
    suggestion: str | None = None,
) -> Problem:
    return Problem(
        claim=claim,
        severity=severity,
        category=f"behaviour/{category}",
        suggestion=suggestion,
        confidence=confidence,
    )
