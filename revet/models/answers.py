"""Structured answers: a reply in the form asked for, repaired where that is safe, asked for once more, or refused.

What is returned stands in the model's answer, literally; what an answer leaves out is null or an empty list where that
is allowed, and nothing else. Where an answer can be read in two ways, breaks off, or does
not fit, the model is shown what is wrong and asked once more; after that it is `AnswerUnusable`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, Self, TypeVar, runtime_checkable

from pydantic import BaseModel

from revet.errors import AnswerUnusable
from revet.models.fitting import Misfit, fitted
from revet.models.json_text import Found, find
from revet.models.language import FormUnsupported
from revet.models.shapes import schema_of
from revet.models.wire import Finish, Form, Message, Reply, Request

__all__ = ["Shortened", "parse", "schema_of"]

T = TypeVar("T", bound=BaseModel)
Why = Literal["empty", "malformed", "schema", "truncated", "ambiguous", "refused"]

SHOWN_TEXT = 8_000
SHOWN_PROBLEMS = 20


@runtime_checkable
class Shortened(Protocol):
    """A shape that says what may be made of an answer which is whole, but was closed as its tokens ran out."""

    def cut_short(self) -> Self: ...


class _Unusable(Exception):
    """What is wrong with one answer: for the model, and for whoever reads the error."""

    def __init__(self, why: Why, *problems: str) -> None:
        super().__init__(why)
        self.why, self.problems = why, problems


async def parse(
    ask: Callable[[Request], Awaitable[Reply]], request: Request, shape: type[T], *, forms: Sequence[Form] = ()
) -> T:
    """An answer to `request` that fits `shape`. Raises `AnswerUnusable`, and what `ask` raises.

    `forms` are tried best first, and text last; the next one where `ask` raises `FormUnsupported`. Every question,
    the one more included, goes through `ask`.
    """
    for form in [form for form in dict.fromkeys(forms) if form is not Form.text]:
        try:
            return await _asked(ask, _prepared(request, shape, form), shape)
        except FormUnsupported:
            continue
    return await _asked(ask, _prepared(request, shape, Form.text), shape)


async def _asked(ask: Callable[[Request], Awaitable[Reply]], request: Request, shape: type[T]) -> T:
    """Asks, and once more with what was wrong."""
    reply = await ask(request)
    try:
        return _read(reply, shape, request.form)
    except _Unusable as unusable:
        if unusable.why == "refused":
            raise _error(request, reply, unusable, "") from None
        again = _again(request, reply, unusable)
    reply = await ask(again)
    try:
        return _read(reply, shape, request.form)
    except _Unusable as unusable:
        raise _error(request, reply, unusable, ", though it was asked twice") from None


def _error(request: Request, reply: Reply, unusable: _Unusable, twice: str) -> AnswerUnusable:
    problems = "; ".join(unusable.problems[:3])
    return AnswerUnusable(
        f"the {request.role}'s model gave no usable answer{twice}: {problems}", why=unusable.why, text=reply.text
    )


# --- What is asked -----------------------------------------------------------------------------------------


def _prepared(request: Request, shape: type[BaseModel], form: Form) -> Request:
    """`request` for an answer of `shape`. In words, the schema joins the system message: what is asked stays last."""
    schema = schema_of(shape)
    messages = request.messages
    if form is Form.text:
        asked = (
            "Answer with one JSON object that fits the JSON Schema below, and with nothing else: no text before or "
            f"after it, no code fence, no comments.\n\n{json.dumps(schema, ensure_ascii=False)}"
        )
        if messages and messages[0].role == "system":
            first = messages[0].model_copy(update={"text": f"{messages[0].text}\n\n{asked}"})
            messages = (first, *messages[1:])
        else:
            messages = (Message(role="system", text=asked), *messages)
    return request.model_copy(update={"answer": schema, "form": form, "messages": messages})


def _again(request: Request, reply: Reply, unusable: _Unusable) -> Request:
    """`request` with the answer that was given and what is wrong with it. An empty answer is not shown."""
    problems = list(unusable.problems[:SHOWN_PROBLEMS])
    if len(unusable.problems) > SHOWN_PROBLEMS:
        problems.append(f"and {len(unusable.problems) - SHOWN_PROBLEMS} more")
    listed = "".join(f"\n- {problem}" for problem in problems)
    told = Message(
        role="user",
        text=f"This answer cannot be used:{listed}\n\nAnswer again, whole, with one JSON object that fits the schema.",
    )
    said = (Message(role="assistant", text=_cut(reply.text)),) if reply.text.strip() else ()
    return request.model_copy(update={"messages": (*request.messages, *said, told)})


def _cut(text: str) -> str:
    """`text`, cut in the middle if it is long; without what no provider takes."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    if len(text) <= SHOWN_TEXT:
        return text
    half = SHOWN_TEXT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters cut …\n{text[-half:]}"


# --- What was answered -------------------------------------------------------------------------------------


def _read(reply: Reply, shape: type[T], form: Form) -> T:
    """The one answer in a reply. Raises `_Unusable`.

    Arguments of a tool that were cut off are not taken: clients close what a stream left open.
    """
    if reply.finish is Finish.refusal:
        raise _Unusable("refused", "it refused to answer")
    cut = reply.finish is Finish.length
    if not reply.text.strip():
        raise (
            _Unusable("truncated", "it ran out of tokens before its answer")
            if cut
            else _Unusable("empty", "it is empty")
        )
    if cut and form is Form.tool:
        raise _Unusable("truncated", "it ran out of tokens; answer more briefly")
    found = find(reply.text)
    if found.unclosed:
        raise _Unusable("truncated", f"it breaks off after {len(reply.text):,} characters; answer more briefly")
    if found.twice is not None:
        raise _Unusable("ambiguous", f"it can be read in more than one way: {found.twice}")
    # What is missing from an answer that was perhaps cut off, and closed by the client, may have been more than null.
    whole = not cut and not (form is Form.tool and reply.finish is Finish.unknown)
    answer = _one(found, shape, cut, gaps=whole)
    if cut and found.tail:
        raise _Unusable("truncated", "it was still going on when it ran out of tokens; answer more briefly")
    return answer.cut_short() if cut and isinstance(answer, Shortened) else answer


def _one(found: Found, shape: type[T], cut: bool, *, gaps: bool) -> T:
    """The object that fits, if nothing else could be meant: no other one, even if it is broken."""
    fits: list[T] = []
    misfits: list[Misfit] = []
    for value in found.values:
        try:
            answer = fitted(value, shape, gaps=gaps)
        except Misfit as misfit:
            misfits.append(misfit)
        else:
            if answer not in fits:
                fits.append(answer)
    names = [field.alias or name for name, field in shape.model_fields.items()]
    rivals = [*(misfit.keys for misfit in misfits), *found.unread]
    rivalled = any(2 * sum(name in rival for name in names) >= len(names) for rival in rivals)
    if len(fits) > 1 or (fits and rivalled):
        raise _Unusable("ambiguous", "it holds more than one answer, and they differ")
    if fits:
        return fits[0]
    if cut:
        raise _Unusable("truncated", "it ran out of tokens; answer more briefly")
    if misfits:
        raise _Unusable("schema", *min(misfits, key=lambda misfit: misfit.far(names)).problems)
    raise _Unusable("malformed", found.why)
