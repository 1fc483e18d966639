"""What the E2B sandbox says when the key, the SDK, the network, the service or a template is at fault."""

from __future__ import annotations

import base64
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import DiskFull, InputError, MissingDependency, RevetError, SandboxBroken, SandboxUnavailable
from revet.sandboxes.e2b import E2B
from revet.sandboxes.e2b.machine import Lines
from revet.sandboxes.e2b.owner import labels
from revet.sandboxes.guests import Corrupt
from tests.sandboxes.e2b_server import E2BService, e2b_service

pytestmark = pytest.mark.sandbox


@pytest.fixture
def service() -> Iterator[E2BService]:
    with e2b_service() as running:
        yield running


async def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    with pytest.raises(SandboxUnavailable, match="set E2B_API_KEY"):
        await E2B().open()
    support = await E2B().support()
    assert not support.available
    assert "E2B_API_KEY" in support.hint


async def test_without_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "e2b_code_interpreter", None)
    with pytest.raises(MissingDependency, match="pip install e2b-code-interpreter"):
        await E2B(api_key="e2b_x").open()
    assert "pip install" in (await E2B(api_key="e2b_x").support()).hint


async def test_with_a_key_that_is_refused(service: E2BService) -> None:
    sandbox = E2B(**{**service.options, "api_key": "e2b_" + "0" * 40})
    with pytest.raises(SandboxUnavailable, match="E2B_API_KEY"):
        await sandbox.open()
    support = await sandbox.support()
    assert (support.available, "E2B_API_KEY" in support.hint) == (False, True)


async def test_with_an_unknown_template(service: E2BService) -> None:
    with pytest.raises(InputError, match="no E2B template or snapshot 'nope'"):
        await E2B("nope", **service.options).open()


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "run fewer tasks at once"), (503, "busy"), (500, "told to fail"), (0, "network")],
)
async def test_a_service_that_fails_to_start_a_machine(service: E2BService, status: int, words: str) -> None:
    service.fail("POST /v2/sandboxes", status=status, times=9)
    with pytest.raises(SandboxUnavailable, match=words):
        await E2B(**service.options).open()


async def test_a_service_that_fails_for_a_moment_is_asked_again(service: E2BService) -> None:
    fault = service.fail("POST /v2/sandboxes", status=429, times=1)
    async with await E2B(**service.options).open() as session:
        assert (await session.exec(["true"])).ok
    assert fault.times == 0


@pytest.mark.parametrize(
    ("match", "status", "kind"),
    [
        ("POST /files", 507, DiskFull),
        ("POST /files", 429, SandboxBroken),
        ("POST /files", 0, SandboxBroken),
        ("/process.Process/Start", 429, SandboxBroken),
        ("/process.Process/Start", 500, SandboxBroken),
        ("/process.Process/Start", 0, SandboxBroken),
        ("/timeout", 500, SandboxBroken),
    ],
)
async def test_a_service_that_fails_a_run(
    service: E2BService, workspace: Path, match: str, status: int, kind: type[RevetError]
) -> None:
    async with await E2B(timeout=60, **service.options).open(workspace) as session:
        fault = service.fail(match, status=status, times=9)
        with pytest.raises(kind, match="E2B"):
            await session.exec(["true"])
        fault.times = 0
        assert (await session.exec(["true"])).ok


async def test_a_service_that_fails_a_set_up_keeps_no_machine(service: E2BService) -> None:
    service.fail("/process.Process/Start", status=500)
    with pytest.raises(SandboxUnavailable, match="setting up"):
        await E2B(**service.options).open()
    assert service.machines == []


async def test_a_service_that_is_slow(service: E2BService) -> None:
    service.fail("POST /v2/sandboxes", status=None, seconds=5)
    options = {**service.options, "connection": {**service.options["connection"], "request_timeout": 0.3}}
    with pytest.raises(SandboxUnavailable, match="E2B: starting a virtual machine failed"):
        await E2B(**options).open()


async def test_a_service_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    sandbox = E2B(api_key="e2b_x", connection={"api_url": url})
    with pytest.raises(SandboxUnavailable, match="network"):
        await sandbox.open()
    support = await sandbox.support()
    assert not support.available
    assert "network" in support.hint


async def test_a_full_disk_inside(service: E2BService, workspace: Path) -> None:
    for number in range(260):
        (workspace / f"f{number}").write_bytes(b"x")
    async with await E2B(**service.options).open(workspace) as session:
        service.fail("POST /files", status=507)
        with pytest.raises(DiskFull, match="staging the workspace"):
            await session.exec(["true"])
        assert (await session.exec(["cat", "f1"])).stdout == b"x"


def test_a_timeout_that_is_none() -> None:
    with pytest.raises(InputError, match="timeout of 0 seconds"):
        E2B(timeout=0)


def test_the_labels_do_not_name_the_host() -> None:
    told = " ".join(labels().values())
    assert socket.gethostname() not in told
    assert str(os.getpid()) in told


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 200), max_size=20))
def test_lines_may_be_cut_anywhere(pieces: list[bytes], cuts: list[int]) -> None:
    text = "".join(base64.b64encode(piece).decode() + "\n" for piece in pieces)
    got: list[bytes] = []
    lines = Lines(got.append)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    for start, end in zip([0, *ends], ends, strict=False):
        lines.feed(text[start:end])
    assert b"".join(got) == b"".join(pieces)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80))
def test_what_is_no_base64_is_corrupt_and_never_anything_else(text: str) -> None:
    got: list[Any] = []
    lines = Lines(got.append)
    try:
        lines.feed(text)
    except Corrupt as error:
        assert lines.error is error
