"""LangSmith sees a run as it sees that of any LangGraph program; so do the callbacks of a program around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

from revet.agents import Scripted
from revet.graphs import Agent
from revet.schema import RunOutcome
from tests.graphs.speaking import RIGHT, Checker, draft, task_in

# In a process of its own: LangSmith reads its variables once, and sends from threads that live as long as the process.
PROGRAM = """
import sys
from pathlib import Path
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.tracers.langchain import wait_for_all_tracers
from revet.agents import Scripted
from revet.graphs import Agent
from revet.models import Account, LangChainBackend, LanguageModel, Message, Request
from tests.graphs.speaking import RIGHT, Checker, draft, task_in

class Asking(Scripted):
    async def propose(self, view):
        model = LanguageModel(LangChainBackend(FakeListChatModel(responses=["yes"])))
        await model.ask(Request(role="proposer", messages=(Message(role="user", text="Well?"),)), view.account)
        return await super().propose(view)

folder = Path(sys.argv[1])
agent = Agent(Asking([draft(RIGHT)]), critics=[], tools=[Checker()], sandbox=None, store=folder / "store")
print(agent.run(task_in(folder / "work")).outcome)
wait_for_all_tracers()
"""
NODES = ["prepare", "propose", "stage", "examine", "criticise", "gate", "commit", "finish"]


class Endpoint(ThreadingHTTPServer):
    """As much of LangSmith's interface as its client needs to send runs one batch at a time."""

    daemon_threads = True

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        limits = {"use_multipart_endpoint": False, "size_limit": 100, "size_limit_bytes": 20_000_000}
        threads = {"scale_up_nthreads_limit": 1, "scale_up_qsize_trigger": 1000, "scale_down_nempty_trigger": 4}
        self._answer({"version": "0.12.0", "batch_ingest_config": {**limits, **threads}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        runs = [*body.get("post", []), *body.get("patch", [])] if self.path.endswith("/batch") else [body]
        server = self.server
        assert isinstance(server, Endpoint)
        for each in runs:
            server.runs.setdefault(each["id"], {}).update({k: v for k, v in each.items() if v is not None})
        self._answer({})

    do_PATCH = do_POST

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *about: object) -> None:
        """Says nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    opened = Endpoint()
    yield opened
    opened.shutdown()
    opened.server_close()


def test_langsmith_is_sent_the_graph_its_steps_and_the_models_call(tmp_path: Path, endpoint: Endpoint) -> None:
    variables = {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{endpoint.server_address[1]}",
        "LANGSMITH_API_KEY": "none",
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LANGSMITH", "LANGCHAIN"))}
    program, environment = [sys.executable, "-c", PROGRAM, str(tmp_path)], {**kept, **variables}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "committed", done.stderr
    runs = endpoint.runs
    (root,) = (each for each in runs.values() if not each.get("parent_run_id"))
    assert root["name"] == "revet" and root["end_time"] and not root.get("error")
    children = [each for each in runs.values() if each.get("parent_run_id") == root["id"]]
    assert [each["name"] for each in sorted(children, key=lambda each: each["start_time"])] == NODES
    (model,) = (each for each in runs.values() if each["run_type"] == "llm")
    parent = runs[model["parent_run_id"]]
    assert parent["name"] == "propose" and "Well?" in json.dumps(model["inputs"])


class Heard(BaseCallbackHandler):
    """Remembers the names of what began."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **about: Any) -> None:
        self.names.append(str(about.get("name")))


async def test_the_callbacks_of_a_program_around_it_hear_its_steps(tmp_path: Path) -> None:
    agent = Agent(Scripted([draft(RIGHT)]), critics=[], tools=[Checker()], sandbox=None, store=tmp_path / "store")

    async def inside(text: str) -> RunOutcome:
        return (await agent.arun(task_in(tmp_path / text))).outcome

    heard = Heard()
    assert await RunnableLambda(inside).ainvoke("work", {"callbacks": [heard]}) is RunOutcome.committed
    assert [name for name in heard.names if name in NODES] == NODES
