"""Constraints on a text as evidence: what it must and must not hold, how long it may be, and a scorer of your own.

The constrained-text task of CRITIC (arXiv 2305.11738) asks an outside scorer how bad a text is; the score then guides
the correction. Here the scorer is any callable; rules that can be checked exactly are checked here.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator, model_validator

from revet.errors import InputError
from revet.schema import Answer, Draft, Evidence, Model, Outcome, Task
from revet.tools.base import ToolCall, View, evidence_for

__all__ = ["Constraints", "Rules", "Scorer", "Violation", "rules_of", "text_of", "violations"]

Scorer = Callable[[str], float | Mapping[str, float] | Awaitable[float | Mapping[str, float]]]
"""How bad a text is, 0 (good) to 1, or that for each of several attributes. The worst attribute counts."""

WORD = re.compile(r"\S+")
SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|\Z)")
SHOWN = 20
MOST_KEPT = 200


class Rules(Model):
    """What a text must be like. Phrases are found whatever their case, as whole words; words and sentences are counted
    as written. Each pattern of `regex` must be found somewhere in the text, none of `not_regex`.
    """

    must_include: tuple[str, ...] = ()
    must_not_include: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    not_regex: tuple[str, ...] = ()
    min_words: int | None = Field(default=None, ge=0)
    max_words: int | None = Field(default=None, ge=0)
    min_sentences: int | None = Field(default=None, ge=0)
    max_sentences: int | None = Field(default=None, ge=0)
    max_characters: int | None = Field(default=None, ge=0)

    @field_validator("must_include", "must_not_include", "regex", "not_regex", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("must_include", "must_not_include")
    @classmethod
    def _no_blank(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(phrase.strip() for phrase in value):
            raise ValueError("a phrase is blank")
        return value

    @field_validator("regex", "not_regex")
    @classmethod
    def _compiles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _can_be_kept(self) -> Rules:
        for what in ("words", "sentences"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{what} is {least} and max_{what} {most}, so no text fits")
        return self

    @property
    def count(self) -> int:
        """How many rules these are: every phrase, pattern and limit is one."""
        listed = (self.must_include, self.must_not_include, self.regex, self.not_regex)
        limits = (self.min_words, self.max_words, self.min_sentences, self.max_sentences, self.max_characters)
        return sum(map(len, listed)) + sum(limit is not None for limit in limits)


class Violation(NamedTuple):
    """A rule that a text breaks. `span` is where in the text, None for what is missing from it."""

    rule: str
    claim: str
    span: tuple[int, int] | None = None


class Constraints:
    """Holds the text that a draft answers with against the task's ``inputs["constraints"]`` (see `Rules`) and a scorer.

    ``data["score"]`` is 0 for a text that breaks nothing, to 1: the fraction of the rules that are broken, or the
    scorer's word if that is worse. ``data["violations"]`` holds the first 200 of them. It passes if no rule is broken
    and the scorer says less than `below`; a text that does not pass is never accepted.
    """

    name = "constraints"
    arguments: type[BaseModel] | None = None

    def __init__(self, scorer: Scorer | None = None, *, below: float = 0.1) -> None:
        if not 0 < below <= 1:
            raise InputError(f"below must be in (0, 1], not {below}")
        self.scorer, self.below = scorer, below

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that holds a text, where there is anything to hold it against."""
        rules = rules_of(view.task)
        if view.draft is None or text_of(view.draft) is None or not (rules.count or self.scorer):
            return []
        return [ToolCall(tool=self.name, request=_request(rules, self.scorer), required=True)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        text = text_of(view.draft) if view.draft is not None else None
        if text is None:
            return evidence_for(call, view, Outcome.inconclusive, "inconclusive: the draft holds no text")
        rules = rules_of(view.task)
        broken = violations(text, rules)
        kinds = {violation.rule for violation in broken}
        fraction = len(kinds) / rules.count if rules.count else 0.0
        kept = [_told(violation) for violation in broken[:MOST_KEPT]]
        data: dict[str, JsonValue] = {"score": fraction, "rules": rules.count, "violations": [*kept]}
        lines = [f"- {violation.claim}" for violation in broken[:SHOWN]]
        if len(broken) > SHOWN:
            lines.append(f"- and {len(broken) - SHOWN} more")
        if self.scorer is None:
            return _judged(call, view, data, [f"{len(kinds)} of {rules.count} rules are broken", *lines], bool(broken))
        try:
            async with asyncio.timeout(view.remaining if view.deadline is not None else None):
                scores = await _scores(self.scorer, text)
        except Exception as error:  # noqa: BLE001 - the user's own code; whatever it raises is told as evidence
            del data["score"]
            problem = f"error: the scorer failed: {type(error).__name__}: {error}"
            return evidence_for(call, view, Outcome.error, "\n".join([problem, *lines]), data=data)
        worst = max(scores, key=scores.__getitem__)
        data |= {"score": max(fraction, scores[worst]), "scores": dict(scores), "worst": worst}
        head = f"{worst} scores {scores[worst]:.3f}, and less than {self.below:g} is wanted"
        if rules.count:
            head += f"; {len(kinds)} of {rules.count} rules are broken"
        return _judged(call, view, data, [head, *lines], bool(broken) or scores[worst] >= self.below)


def rules_of(task: Task) -> Rules:
    """The task's ``inputs["constraints"]``. Raises `InputError` that names what cannot be used."""
    given = task.inputs.get("constraints")
    try:
        return Rules.model_validate(given or {})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'constraints'}: {e['msg']}" for e in error.errors())
        known = ", ".join(Rules.model_fields)
        raise InputError(f"the constraints of the task {task.id}: {problems}", hint=f"known: {known}") from None


def text_of(draft: Draft) -> str | None:
    """The text that a draft answers with: its answer, else its actions of kind `answer`, joined."""
    if draft.answer is not None:
        return draft.answer
    texts = [action.text for action in draft.actions if isinstance(action, Answer)]
    return "\n\n".join(texts) if texts else None


def violations(text: str, rules: Rules) -> list[Violation]:
    """What in `text` breaks which rule. A rule that is broken in several places appears once for each."""
    found = [*_phrases(text, rules), *_patterns(text, rules), *_lengths(text, rules)]
    return sorted(found, key=lambda violation: violation.span or (-1, -1))


def _phrases(text: str, rules: Rules) -> Iterator[Violation]:
    for phrase in rules.must_include:
        if _finder(phrase).search(text) is None:
            yield Violation(f"must_include: {phrase}", f"it does not hold {phrase!r}")
    for phrase in rules.must_not_include:
        for match in _finder(phrase).finditer(text):
            yield Violation(f"must_not_include: {phrase}", f"it holds {match[0]!r}", match.span())


def _patterns(text: str, rules: Rules) -> Iterator[Violation]:
    for pattern in rules.regex:
        if re.search(pattern, text) is None:
            yield Violation(f"regex: {pattern}", f"nothing in it matches {pattern!r}")
    for pattern in rules.not_regex:
        for match in re.finditer(pattern, text):
            yield Violation(f"not_regex: {pattern}", f"{match[0]!r} matches {pattern!r}", match.span())


def _lengths(text: str, rules: Rules) -> Iterator[Violation]:
    words, sentences = [match.span() for match in WORD.finditer(text)], _sentences(text)
    for what, units, least, most in (
        ("words", words, rules.min_words, rules.max_words),
        ("sentences", sentences, rules.min_sentences, rules.max_sentences),
    ):
        if least is not None and len(units) < least:
            yield Violation(f"min_{what}", f"it has {len(units)} {what}, fewer than {least}")
        if most is not None and len(units) > most:
            claim = f"it has {len(units)} {what}, more than {most}"
            yield Violation(f"max_{what}", claim, (units[most][0], units[-1][1]))
    most = rules.max_characters
    if most is not None and len(text) > most:
        claim = f"it has {len(text)} characters, more than {most}"
        yield Violation("max_characters", claim, (most, len(text)))


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences are: each ends with its full stop, or another mark, before white space; or with the text."""
    ends = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    spans = []
    for start, end in itertools.pairwise(ends):
        said = text[start:end].strip()
        if said:
            begin = text.index(said, start)
            spans.append((begin, begin + len(said)))
    return spans


def _finder(phrase: str) -> re.Pattern[str]:
    """Finds a phrase whatever its case and the white space in it, where it begins and ends no longer word."""
    words = r"\s+".join(re.escape(word) for word in phrase.split())
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


async def _scores(scorer: Scorer, text: str) -> dict[str, float]:
    """What the scorer says, checked. A scorer that is not asynchronous runs in a thread of its own."""
    said = await asyncio.to_thread(scorer, text)
    if inspect.isawaitable(said):
        said = await said
    named = said if isinstance(said, Mapping) else {"the text": said}
    scores = {str(name): float(value) for name, value in named.items()}
    if not scores or not all(0 <= value <= 1 for value in scores.values()):
        raise ValueError(f"a score must be a number from 0 to 1, not {said!r}")
    return scores


def _request(rules: Rules, scorer: Scorer | None) -> str:
    parts = [f"{rules.count} rules"] if rules.count else []
    parts += ["the scorer"] if scorer else []
    return "hold the text against " + " and ".join(parts)


def _told(violation: Violation) -> dict[str, JsonValue]:
    return {
        "rule": violation.rule,
        "claim": violation.claim,
        "span": list(violation.span) if violation.span is not None else None,
    }


def _judged(call: ToolCall, view: View, data: dict[str, JsonValue], lines: list[str], bad: bool) -> Evidence:
    outcome = Outcome.failed if bad else Outcome.passed
    return evidence_for(call, view, outcome, "\n".join([f"{outcome.value}: {lines[0]}", *lines[1:]]), data=data)
