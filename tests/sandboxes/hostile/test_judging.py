"""The judge of the hostile programs sees what it is there to see. Nothing is run here."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.sandboxes.base import ExecResult, ExecVerdict, Feature, Limits, Refusal, Support
from tests.sandboxes.conformance import host
from tests.sandboxes.hostile import checks
from tests.sandboxes.hostile.attack import Case, Check, Kept, Run, judged, parsed
from tests.sandboxes.hostile.canaries import Canaries, canaries

OK = frozenset({ExecVerdict.ok})
SMALL = Limits(wall_seconds=1, output=100, file_size=10, disk=15, memory=1000)


@pytest.fixture
def birds(tmp_path: Path) -> Iterator[Canaries]:
    (tmp_path / "canaries").mkdir()
    with canaries(tmp_path / "canaries") as made:
        yield made


def problems(birds: Canaries, *check: Check, kept: Kept | None = None, **fields: Any) -> list[str]:
    """What the judge says of a run that gave `fields`."""
    whole: dict[str, Any] = {"verdict": ExecVerdict.ok, "exit_code": 0, "stdout": b'{"say": "tried", "value": 1}\n'}
    result = ExecResult(**{**whole, **fields})
    case = Case("keep", OK, SMALL, says=("tried",), allowed=("allowed",), checks=check)
    support = Support(available=True, features=frozenset(Feature))
    return list(judged(Run(case, result, support, birds, *parsed(result.stdout), kept or {})))


def said(**values: Any) -> bytes:
    lines = [json.dumps({"say": name, "value": value}) for name, value in {"tried": 1, **values}.items()]
    return "\n".join(lines).encode()


def test_a_harmless_run_is_passed(birds: Canaries) -> None:
    kept: Kept = {
        "a": (stat.S_IFREG | 0o755, b"x"),
        "d": (stat.S_IFDIR | 0o755, None),
        "d/l": (stat.S_IFLNK | 0o777, "../a"),
    }
    assert problems(birds, kept=kept) == []
    assert not list(birds.harmed())


def test_each_fault_of_a_run_is_seen(birds: Canaries) -> None:
    done = b'{"attempt": "mount", "got": "done"}\n'
    secret = birds.secret.encode()
    for fields, words in (
        ({"verdict": ExecVerdict.crash}, "ended with crash"),
        ({"stdout": b"nothing"}, "did not get as far"),
        ({"stdout": said() + b"\n" + done}, "it could mount"),
        ({"seconds": 60.0}, "ran for"),
        ({"stderr": b"x" * 101}, "longer than its limit"),
        ({"stderr": b"--" + secret}, "knows the secret"),
        ({"report": secret}, "knows the secret"),
        ({"touched": (birds.secret,)}, "knows the secret"),
        ({"kept": {"a": (stat.S_IFREG | 0o644, secret)}}, "knows the secret"),
    ):
        assert any(words in problem for problem in problems(birds, **fields)), words
    assert problems(birds, stdout=said() + b'\n{"attempt": "allowed", "got": "done"}') == []


@pytest.mark.parametrize(
    ("path", "mode", "content"),
    [
        ("new\nline", stat.S_IFREG, b""),
        ("\udcff", stat.S_IFREG, b""),
        (".revet/x", stat.S_IFREG, b""),
        ("pipe", stat.S_IFIFO, None),
        ("suid", stat.S_IFREG | 0o4755, b""),
        ("link", stat.S_IFLNK, "/etc/passwd"),
        ("d/link", stat.S_IFLNK, "../../x"),
        ("large", stat.S_IFREG, b"x" * 11),
    ],
)
def test_each_fault_of_what_was_kept_is_seen(
    birds: Canaries, path: str, mode: int, content: bytes | str | None
) -> None:
    assert problems(birds, kept={path: (mode, content)})


def test_too_much_kept_in_all_is_seen(birds: Canaries) -> None:
    assert problems(birds, kept={str(number): (stat.S_IFREG, b"x" * 10) for number in range(2)})


def test_the_checks_of_single_programs_see(birds: Canaries) -> None:
    info = birds.secret_file.stat()
    for check, fields in (
        (checks.never_said("held"), {"stdout": said(held=1)}),
        (checks.equal("read", 0), {"stdout": said(read=1)}),
        (checks.status(7), {}),
        (checks.killed_by(11), {}),
        (checks.prompt(0.5), {"seconds": 0.9}),
        (checks.truncated("stdout"), {}),
        (checks.few_processes, {"stdout": said(made=1000, refused=True)}),
        (checks.few_processes, {"stdout": said(refused=False)}),
        (checks.bounded_memory, {"stdout": said(held={"memfd": 2000})}),
        (checks.bounded_total, {"stdout": said(held=2000)}),
        (checks.bounded_disk, {"stdout": said(written=20)}),
        (checks.refuses("out"), {}),
        (checks.refuses("out"), {"kept": {"out": (stat.S_IFREG, b"")}, "refused": (Refusal(path="out", reason="r"),)}),
        (checks.names_refused, {}),
        (checks.hooks_kept, {"stdout": said(written=[".git/hooks/x"])}),
        (checks.no_foreign_descriptor, {"stdout": said(descriptors=[[info.st_dev, info.st_ino]])}),
        (checks.binary_kept, {}),
    ):
        assert problems(birds, check, **fields), (check, fields)


def test_harm_to_the_host_is_seen(birds: Canaries) -> None:
    told = birds.told()
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", told["tcp"])),
        (socket.AF_UNIX, f"\0{told['abstract']}"),
        (socket.AF_UNIX, told["unix"]),
    ):
        with socket.socket(family) as client:
            client.connect(address)
        assert [words for words in birds.harmed() if "was reached" in words], address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", told["udp"]))
    assert [words for words in birds.harmed() if "udp was reached" in words]
    assert not list(birds.harmed()), "what was told is told once"
    birds.flag.touch()
    assert len(list(birds.harmed())) == 2
    birds.flag.unlink()
    os.kill(birds.process.pid, signal.SIGSTOP)
    os.waitpid(birds.process.pid, os.WUNTRACED)
    assert [words for words in birds.harmed() if "stopped" in words]
    birds.process.kill()
    birds.process.wait()
    assert [words for words in birds.harmed() if "killed" in words]
    birds.secret_file.write_text("changed")
    assert [words for words in birds.harmed() if "has changed" in words]


async def test_what_is_left_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PATIENCE", 0.2)
    (tmp_path / "own").mkdir()
    before = host.traces(tmp_path / "own", "local")
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert await host.left_over(before, tmp_path / "own", "local", descriptors) == []
    left = subprocess.Popen(["sleep", "72.5"])
    pipe = os.pipe()
    (tmp_path / "own" / "folder").mkdir()
    try:
        found = "\n".join(await host.left_over(before, tmp_path / "own", "local", descriptors))
        assert "sleep 72.5" in found and "folder left" in found and "descriptors left" in found
        assert host.named("72.5") == [str(left.pid)]
    finally:
        left.kill()
        await asyncio.to_thread(left.wait)
        for fd in pipe:
            os.close(fd)
