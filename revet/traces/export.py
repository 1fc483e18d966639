"""Where the spans of the command line go: as OpenTelemetry's environment variables say, and nowhere without them.

``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``) names a collector, and
``OTEL_TRACES_EXPORTER`` what is exported to: ``otlp``, ``console`` (stderr), both with a comma, or ``none``. A
collector that is away costs a run nothing: spans are sent by a thread of their own, dropped when too many wait, and
at the end waited for no longer than `LAST_WAIT`.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from revet.errors import InputError, MissingDependency
from revet.traces.spans import clean

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["EXTRA", "LAST_WAIT", "exporting", "wanted"]

LAST_WAIT = 3.0
"""Seconds that the process waits at its end for the last spans to be sent."""

EXTRA = "pip install 'revet[otel]'"
GRPC = "pip install opentelemetry-exporter-otlp-proto-grpc"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
KNOWN = ("console", "none", "otlp")


def wanted() -> tuple[str, ...]:
    """The exporters that the environment asks for, sorted; none where it asks for none, or turns the SDK off.

    Raises `InputError` for a value that cannot be followed.
    """
    if _variable("OTEL_SDK_DISABLED").lower() == "true":
        return ()
    said = _variable("OTEL_TRACES_EXPORTER")
    named = {each.strip().lower() for each in said.split(",") if each.strip()}
    for name in sorted(named - {*KNOWN}):
        raise InputError(f"OTEL_TRACES_EXPORTER: {name!r} is none of {', '.join(KNOWN)}", hint="set one of these")
    if not named and any(_variable(name) for name in ENDPOINTS):
        named = {"otlp"}
    for name in ENDPOINTS if "otlp" in named else ():
        _check_address(name)
    return tuple(sorted(named - {"none"}))


@contextmanager
def exporting() -> Iterator[None]:
    """While it is open, spans go where the environment says; at its end the last ones are sent, or given up.

    Where the program (``opentelemetry-instrument``, say) has set the SDK up, that is left as it is. Raises
    `InputError` for variables that cannot be followed, and `MissingDependency` where the extra ``otel`` is missing.
    """
    exporters = wanted()
    if not exporters or _set_up():
        yield
        return
    with _quietly() as said:
        provider = _provider(exporters)
        try:
            yield
        finally:  # a command whose tasks did not all succeed ends by an exception, too
            _end(provider)
            if said.first:
                sys.stderr.write(f"revet: traces were not all delivered: {said.first}\n")


def _set_up() -> bool:
    """Whether the program has a tracer provider already."""
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _provider(exporters: tuple[str, ...]) -> TracerProvider:
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingDependency(f"traces need a package that is missing: {error}", hint=EXTRA) from error
    from opentelemetry import trace

    from revet import __version__

    named = "service.name=" in _variable("OTEL_RESOURCE_ATTRIBUTES") or _variable("OTEL_SERVICE_NAME")
    about = {"service.version": __version__} if named else {"service.name": "revet", "service.version": __version__}
    # Not left to its own handler at exit, which waits longer for a collector than a person does.
    provider = TracerProvider(resource=Resource.create(dict(about)), shutdown_on_exit=False)
    for name in exporters:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    trace.set_tracer_provider(provider)
    return provider


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)  # stdout may be a pipe of JSON lines
    protocol = next((said for each in PROTOCOLS if (said := _variable(each).lower())), "http/protobuf")
    if protocol not in ("grpc", "http/protobuf"):
        hint = "set http/protobuf, or grpc with the package of that exporter installed"
        raise InputError(f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol!r} cannot be spoken", hint=hint)
    try:
        module = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol[:4]}.trace_exporter")
    except ImportError as error:
        hint = GRPC if protocol == "grpc" else EXTRA
        raise MissingDependency(f"traces by {protocol} need a package that is missing: {error}", hint=hint) from error
    exporter: SpanExporter = module.OTLPSpanExporter()
    return exporter


def _end(provider: TracerProvider) -> None:
    """Send what waits, within the bound. Who is left sending is a daemon, and ends with the process."""
    sending = threading.Thread(target=provider.shutdown, name="revet-traces", daemon=True)
    sending.start()
    sending.join(LAST_WAIT)
    if sending.is_alive():
        logging.getLogger("opentelemetry").warning("the last spans were not sent within %g seconds", LAST_WAIT)


class _First(logging.Handler):
    """Keeps the first thing that OpenTelemetry has to complain of: the same is said of each batch."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or clean(_without_headers(record.getMessage())[:300])


@contextmanager
def _quietly() -> Iterator[_First]:
    """OpenTelemetry's own log, told once at the end instead of in the midst of what a person reads."""
    log, said = logging.getLogger("opentelemetry"), _First()
    before = log.propagate
    log.addHandler(said)
    log.propagate = False
    try:
        yield said
    finally:
        log.removeHandler(said)
        log.propagate = before


def _without_headers(text: str) -> str:
    """Headers hold the keys of collectors, and what cannot be read of them is quoted in what is complained of."""
    for name in HEADERS:
        for each in sorted((part.strip() for part in _variable(name).split(",")), key=len, reverse=True):
            text = text.replace(each, "***") if each else text
    return text


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _check_address(variable: str) -> None:
    address = _variable(variable)
    try:
        parts = urlsplit(address)
        sound = not address or (parts.scheme in ("http", "https") and bool(parts.hostname))
    except ValueError:
        sound = False
    if not sound:
        from revet.schema.urls import without_password

        shown = without_password(address)
        hint = "for example http://localhost:4318"
        raise InputError(f"{variable}: {shown!r} is not the address of a collector", hint=hint)
