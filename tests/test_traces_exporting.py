"""Where the command line sends its spans: to a collector, to stderr, nowhere; and what it costs if nobody is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from revet.errors import InputError, MissingDependency
from revet.traces import exporting
from revet.traces.export import ENDPOINTS, EXTRA, LAST_WAIT, wanted
from tests.traced import unconfigured

VARIABLES = (*ENDPOINTS, "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_PROTOCOL")
TASKS = """
tasks:
  - id: marbles
    goal: How many marbles?
    model: "scripted:script.yaml"
    unproven: commit
    rounds: 1
"""
SCRIPT = '[{value: {thoughts: "", read: [], steps: [], actions: [], answer: twenty-two, give_up: null}}]'


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    unconfigured(monkeypatch)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


class Collector(ThreadingHTTPServer):
    """Takes what is posted; `pause` makes it hang for so many seconds first."""

    daemon_threads = True

    def __init__(self, pause: float = 0) -> None:
        self.posted: list[tuple[str, bytes]] = []
        self.pause = pause
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Collector)
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(server.pause)
        server.posted.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *about: object) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    opened = Collector()
    yield opened
    opened.shutdown()
    opened.server_close()


def revet_run(folder: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """`revet run --json` of one task, in a process of its own; and its seconds."""
    (folder / "tasks.yaml").write_text(TASKS)
    (folder / "script.yaml").write_text(SCRIPT)
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "revet", "run", "tasks.yaml", "--json"],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, time.monotonic() - begun


@pytest.mark.sandbox
def test_a_collector_gets_the_spans_of_a_run(tmp_path: Path, collector: Collector) -> None:
    done, _ = revet_run(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "answered"
    assert {path for path, _ in collector.posted} == {"/v1/traces"}
    sent = b"".join(body for _, body in collector.posted)
    for name in (b"invoke_agent revet", b"chat script.yaml", b"gate", b"gen_ai.usage.input_tokens", b"service.name"):
        assert name in sent
    assert b"twenty-two" not in sent and b"marbles?" not in sent


@pytest.mark.sandbox
def test_the_console_gets_them_on_stderr_and_stdout_stays_json(tmp_path: Path) -> None:
    done, _ = revet_run(tmp_path, OTEL_TRACES_EXPORTER="console")
    assert done.returncode == 0 and json.loads(done.stdout)
    assert '"name": "invoke_agent revet"' in done.stderr


@pytest.mark.sandbox
def test_a_collector_that_is_away_or_hangs_fails_and_delays_nothing(tmp_path: Path, collector: Collector) -> None:
    done, _ = revet_run(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0 and "traces were not all delivered" in done.stderr
    assert done.stderr.count("traces were not all delivered") == 1 and "Traceback" not in done.stderr
    collector.pause = 30
    done, seconds = revet_run(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert done.returncode == 0 and "traces were not all delivered" in done.stderr
    assert seconds < LAST_WAIT + 15


def test_bad_variables_are_refused_before_anything_runs(tmp_path: Path) -> None:
    done, _ = revet_run(tmp_path, OTEL_TRACES_EXPORTER="jaeger")
    assert done.returncode == 2 and "OTEL_TRACES_EXPORTER: 'jaeger'" in done.stderr and not done.stdout


@pytest.mark.parametrize(
    ("variables", "exporters"),
    [
        ({}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://x/v1/traces"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost"}, ()),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"}, ()),
    ],
)
def test_what_is_wanted(variables: dict[str, str], exporters: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wanted() == exporters


@pytest.mark.parametrize("address", ["localhost:4318", "http://", "ftp://me:hunter2@x", "http://[::1"])
def test_an_address_that_is_none_is_refused_without_its_password(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    with pytest.raises(InputError, match="OTEL_EXPORTER_OTLP_ENDPOINT") as error:
        wanted()
    assert "hunter2" not in str(error.value)


def test_a_missing_package_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingDependency) as error, exporting():
        raise AssertionError("nothing runs")
    assert error.value.hint == EXTRA


@pytest.mark.parametrize(("protocol", "kind"), [("grpc", MissingDependency), ("http/json", InputError)])
def test_a_protocol_that_cannot_be_spoken(
    protocol: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(kind), exporting():
        raise AssertionError("nothing runs")


def test_what_was_not_delivered_is_said_when_a_command_fails_and_without_the_keys_of_headers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization Bearer sk-12345")
    with pytest.raises(SystemExit), exporting():
        raise SystemExit(1)
    told = capsys.readouterr().err
    assert "traces were not all delivered" in told and "sk-12345" not in told


def test_without_the_variables_nothing_of_the_sdk_is_loaded(tmp_path: Path) -> None:
    program = "import sys, revet.cli.common as c\nc.guarded(lambda: None)()\n"
    program += "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
