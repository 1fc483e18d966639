"""Spans: opened, told what came of them, and ended with a status, whatever ends them.

Attributes named ``gen_ai.*`` are those of OpenTelemetry's semantic conventions for generative AI, and ``error.type``
that of its general ones; what is Revet's own is named ``revet.*``. What models and tools said and were told is content,
and personal data as often as not: it is left out unless ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` asks
for it. So are the messages of exceptions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider
    from opentelemetry.util.types import AttributeValue

__all__ = [
    "Given",
    "Kind",
    "attached",
    "captures",
    "clean",
    "cleaned",
    "fail",
    "link",
    "note",
    "parent",
    "span",
    "spanned",
    "whole",
]

Kind = Literal["internal", "client"]
Given = Mapping[str, "str | bool | int | float | Sequence[str] | None"]
"""Attributes; those that are None are left out."""

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURED = ("true", "span_only", "span_and_event")
"""The values of the switch by which content goes into spans: the conventions', and those of their earlier versions."""

LONGEST = 20_000
"""Characters of one text that are kept of captured content."""

_URL = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*://[^\s\"'<>]+")
_WHOLE, _CONVERSATION = "revet.run", "gen_ai.conversation.id"


def captures() -> bool:
    """Whether the content of prompts, answers and observations belongs into spans. By default it does not."""
    return os.environ.get(CAPTURE, "").strip().lower() in CAPTURED


def clean(text: str) -> str:
    """Captured content as it may be kept: bounded, and without the passwords of URLs and of ``password=…`` pairs."""
    from revet.schema.urls import PAIR, without_password

    hidden = PAIR.sub(r"\1***", _URL.sub(lambda found: without_password(found[0]), text))
    cut = len(hidden) - LONGEST
    return hidden if cut <= 0 else f"{hidden[:LONGEST]}… ({cut} characters left out)"


def cleaned(value: Any) -> Any:
    """A value of JSON, with every text in it `clean` and what is named like a password left out; other things as text.

    Unlike the text of the whole, it stays JSON when it is cut.
    """
    from revet.schema.urls import SECRET

    if isinstance(value, Mapping):
        return {clean(str(name)): "***" if SECRET.search(str(name)) else cleaned(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else clean(str(value))


@contextmanager
def span(
    name: str, given: Given | None = None, *, kind: Kind = "internal", waits: tuple[type[BaseException], ...] = ()
) -> Iterator[Span]:
    """A span around what is done inside, child of the one around it. An exception ends it with an error.

    Those of the types `waits` are no failure: the work goes on in another trace, when a person has answered.
    Not for a generator's body: what it yields to would run inside the span. See `spanned`.
    """
    from opentelemetry import trace

    tracer = _tracer()
    if tracer is None:
        yield trace.INVALID_SPAN
        return
    opened = _started(tracer, name, given, kind)
    try:
        with trace.use_span(opened, record_exception=False, set_status_on_exception=False):
            yield opened
    except waits:
        note(opened, {"revet.waits": True})
        raise
    except BaseException as error:
        fail(opened, error)
        raise
    finally:
        opened.end()


@contextmanager
def spanned(name: str, given: Given | None = None) -> Iterator[Span]:
    """A span that is nobody's parent until it is `attached`: for what is done piece by piece, between yields."""
    from opentelemetry import trace

    tracer = _tracer()
    if tracer is None:
        yield trace.INVALID_SPAN
        return
    opened = _started(tracer, name, given, "internal")
    try:
        yield opened
    except BaseException as error:
        fail(opened, error)
        raise
    finally:
        opened.end()


@contextmanager
def attached(opened: Span, conversation: str) -> Iterator[None]:
    """Inside, `opened` is the parent of new spans, and the `whole` that they belong to; those of operations say of
    which conversation they are."""
    from opentelemetry import context, trace

    if not opened.get_span_context().is_valid:
        yield
        return
    inside = context.set_value(_WHOLE, opened, trace.set_span_in_context(opened))
    token = context.attach(context.set_value(_CONVERSATION, conversation, inside))
    try:
        yield
    finally:
        context.detach(token)


def whole() -> Span | None:
    """The span of the run that this belongs to; None where there is none."""
    from opentelemetry import context

    return cast("Span | None", context.get_value(_WHOLE))


def note(opened: Span, given: Given) -> None:
    """Say more of a span. Costs nothing where nobody records it."""
    if opened.is_recording():
        opened.set_attributes(_attributes(given))


def fail(opened: Span, why: BaseException | str) -> None:
    """End in an error: an exception, or the name of a kind of failure. Messages are content: see `captures`."""
    if not opened.is_recording():
        return
    from opentelemetry.trace import Status, StatusCode

    kind = why if isinstance(why, str) else type(why).__qualname__
    told = kind if isinstance(why, str) or not captures() else f"{kind}: {clean(str(why))}"
    opened.set_status(Status(StatusCode.ERROR, told))
    opened.set_attribute("error.type", kind)


def parent() -> str | None:
    """The span around this as a W3C ``traceparent``, to be kept and given to `link`; None where none is recorded."""
    from opentelemetry import trace

    around = trace.get_current_span()
    if not around.is_recording():
        return None
    known = around.get_span_context()
    return f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"


def link(opened: Span, traceparent: str) -> None:
    """Link `opened` to a span of another trace. The same link twice, and what is no ``traceparent``, are ignored."""
    from opentelemetry import trace

    parts = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", traceparent)
    if parts is None or not opened.is_recording():
        return
    ids = int(parts[1], 16), int(parts[2], 16)
    known = {(each.context.trace_id, each.context.span_id) for each in getattr(opened, "links", ())}
    if ids[0] != opened.get_span_context().trace_id and ids not in known:
        there = trace.SpanContext(*ids, is_remote=True, trace_flags=trace.TraceFlags(int(parts[3], 16)))
        opened.add_link(there, {"revet.link": "continues"})


def _tracer() -> Tracer | None:
    """None as long as the program has not set the SDK up: then a span costs microseconds."""
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else _tracer_of(provider)


@lru_cache(maxsize=1)
def _tracer_of(provider: TracerProvider) -> Tracer:
    from revet import __version__

    return provider.get_tracer("revet", __version__)


def _started(tracer: Tracer, name: str, given: Given | None, kind: Kind) -> Span:
    from opentelemetry import context
    from opentelemetry.trace import SpanKind

    given = given or {}
    conversation = context.get_value(_CONVERSATION)
    if "gen_ai.operation.name" in given and isinstance(conversation, str):
        given = {_CONVERSATION: conversation, **given}
    kinds = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
    return tracer.start_span(name, kind=kinds[kind], attributes=_attributes(given))


def _attributes(given: Given) -> dict[str, AttributeValue]:
    return {name: _plain(value) for name, value in given.items() if value is not None}


def _plain(value: str | bool | int | float | Sequence[str]) -> AttributeValue:
    """Texts as UTF-8 can carry them: lone surrogates, which a file's name may hold, would break the export."""
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool | int | float):
        return value
    return tuple(str(each).encode("utf-8", "replace").decode("utf-8") for each in value)
