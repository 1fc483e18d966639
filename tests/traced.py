"""Spans in memory, for tests: who is whose child, and what was said of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from opentelemetry.util._once import Once

from revet.traces import spans

__all__ = ["Spans", "recorded", "unconfigured"]


class Spans:
    """What was recorded so far, in the order in which it began."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> list[ReadableSpan]:
        return sorted(self._exporter.get_finished_spans(), key=lambda each: each.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        return [each for each in self.all if each.name == name]

    def one(self, name: str) -> ReadableSpan:
        (found,) = self.named(name)
        return found

    def parent_of(self, span: ReadableSpan) -> ReadableSpan | None:
        known = {each.context.span_id: each for each in self.all if each.context}
        return known[span.parent.span_id] if span.parent else None

    def tree(self, span: ReadableSpan | None = None, depth: int = 0) -> list[str]:
        """The names, a line each, indented below their parents."""
        lines = [] if span is None else [f"{'  ' * depth}{span.name}"]
        for each in self.all:
            if self.parent_of(each) is span:
                lines += self.tree(each, depth + (span is not None))
        return lines

    @property
    def failed(self) -> dict[str, str]:
        """The spans that ended in an error, with the kind."""
        bad = [each for each in self.all if each.status.status_code is StatusCode.ERROR]
        return {each.name: str((each.attributes or {})["error.type"]) for each in bad}

    def text(self) -> str:
        """All that was said of all spans."""
        return "\n".join(each.to_json() for each in self.all)


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Revet's spans go to memory, and nowhere else."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("revet")
    with monkeypatch.context() as patched:
        patched.setattr(spans, "_tracer", lambda: tracer)
        yield Spans(exporter)
    provider.shutdown()


def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not set the SDK up; what the test sets up is gone after it. A process can do that but
    once, and the API has no public way back."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
