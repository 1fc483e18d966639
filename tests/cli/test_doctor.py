"""`revet doctor` and `revet sandbox`: what works here, what was left, and what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet.cli.doctor_models import models_found, unlisted
from revet.errors import MissingDependency
from revet.sandboxes.base import Feature, Support
from revet.sandboxes.docker import default_tag
from revet.sandboxes.owners import OWNER, owner
from tests.cli.fakes import World
from tests.sandboxes.engines import engine

Revet = Callable[..., Result]

LOCAL = Support(
    available=True,
    about="bubblewrap 0.11",
    features=frozenset({Feature.no_copy, Feature.syscall_filter}),
    missing={Feature.own_kernel: "the host's kernel", Feature.memory_total: "no cgroup can be made"},
)
BROKEN = Support(available=False, reason="no engine answers", hint="start it")


class Known:
    """A sandbox that says what it was told to say, or raises it."""

    def __init__(self, answer: Support | Exception | float) -> None:
        self.answer = answer

    async def support(self) -> Support:
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, float):
            await asyncio.sleep(self.answer)
            return LOCAL
        return self.answer


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_answers(**answers: Any) -> None:
        monkeypatch.setattr("revet.sandboxes.get", lambda name: Known(answers.get(name, BROKEN)))

    return set_answers


def test_doctor_says_what_works(world: World, revet: Revet, say: Callable[..., None]) -> None:
    say(local=LOCAL)
    result = revet("doctor")
    assert result.exit_code == 0 and not result.stderr
    assert "  yes local: bubblewrap 0.11\n      has no_copy, syscall_filter\n" in result.stdout
    assert "      no memory_total: no cgroup can be made\n      no own_kernel: the host's kernel\n" in result.stdout
    assert "  no  docker: no engine answers\n      → start it\n" in result.stdout
    assert all(f"\n\n{heading}\n" in result.stdout for heading in ("sandboxes", "models", "search", "tools"))
    assert "yes builtin:repair" in result.stdout and "yes replay:FILE" in result.stdout


@pytest.fixture
def keyless(monkeypatch: pytest.MonkeyPatch) -> None:
    from revet.models.providers import PROVIDERS

    for provider in PROVIDERS.values():
        for name in (*provider.keys, *provider.instead):
            monkeypatch.delenv(name, raising=False)


def test_models_are_told_with_what_they_need_and_no_key_is_shown(
    keyless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    monkeypatch.setattr("revet.models.spec._present", lambda module: module != "langchain_ollama")
    monkeypatch.setattr("revet.cli.doctor_models._device", lambda: "the processor")
    found = {model.name: model for model in models_found()}
    assert found["anthropic:NAME"].works and "a key is set" in found["anthropic:NAME"].words
    assert found["openai:NAME"].words == "the environment variable OPENAI_API_KEY is not set"
    hint = "set OPENAI_API_KEY; an OpenAI-compatible server (--base-url) needs no key"
    assert found["openai:NAME"].hint == hint
    assert found["ollama:NAME"].words == "needs the package langchain-ollama"
    assert found["ollama:NAME"].hint == "pip install langchain-ollama"
    assert found["transformers:NAME"].works and "xgrammar" in found["transformers:NAME"].words
    assert found["bedrock:NAME"].works and "signs in by itself" in found["bedrock:NAME"].words
    assert "groq" in unlisted() and "groq:NAME" not in found and "bedrock" not in unlisted()
    assert "sk-very-secret" not in repr(found)


def test_the_local_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "xgrammar" else find(name))
    local = next(model for model in models_found() if model.name == "transformers:NAME")
    assert (local.works, local.words, local.hint) == (False, "not installed: xgrammar", "pip install 'revet[local]'")


def test_doctor_says_why_nothing_works(world: World, revet: Revet, say: Callable[..., None]) -> None:
    say()
    result = revet("doctor")
    assert result.exit_code == 1
    assert all(f"  no  {name}: no engine answers" in result.stdout for name in ("local", "docker", "e2b"))
    assert "Nothing can be run here" in result.stderr


def test_doctor_never_fails(
    world: World, revet: Revet, say: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["revet.cli.doctor"], "PATIENCE", 0.2)  # the package has a function of that name
    say(local=MissingDependency("no package", hint="pip install it"), docker=RuntimeError("odd"), e2b=60.0)
    started = time.monotonic()
    result = revet("doctor")
    assert result.exit_code == 1 and time.monotonic() - started < 30
    assert "no  local: no package\n      → pip install it" in result.stdout
    assert "no  docker: RuntimeError: odd" in result.stdout
    assert "no  e2b: it did not answer within 0 s" in result.stdout


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with engine() as found:
        yield found


def test_what_was_left_is_listed_and_swept(
    revet: Revet, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    labels = {"mine": owner(), "left": f"{dead.pid}/1/{owner().split('/', 2)[2]}"}
    made = {name: client.api.create_container(default_tag(), ["true"], labels={OWNER: label})["Id"][:12]
            for name, label in labels.items()}  # fmt: skip
    try:
        listed = revet("sandbox", "list")
        assert listed.exit_code == 0
        lines = {line.split()[1]: line for line in listed.stdout.splitlines()}
        assert lines[made["mine"]].endswith(f"of process {os.getpid()}") and lines[made["left"]].endswith("left over")
        swept = revet("sandbox", "sweep")
        assert swept.exit_code == 0 and f"removed the container {made['left']}" in swept.stdout
        assert made["mine"] not in swept.stdout and made["left"] not in revet("sandbox", "list").stdout
    finally:
        client.api.remove_container(made["mine"])


def test_an_image_needs_a_name_that_can_be_one(revet: Revet, client: Any) -> None:
    result = revet("sandbox", "image", "--tag", "Not A Name")
    assert result.exit_code == 2 and "is not the name of an image" in result.stderr


def test_without_an_engine_it_says_what_to_do(revet: Revet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for words in ("image", "list"):
        result = revet("sandbox", words)
        assert result.exit_code == 1 and "apt install docker.io" in result.stderr
    result = revet("sandbox", "sweep")
    assert result.exit_code == 0 and "docker: no Docker engine answers" in result.stderr
