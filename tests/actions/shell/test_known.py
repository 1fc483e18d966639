"""How the sandbox is started is remembered between processes, and never believed more than it deserves."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import revet.sandboxes.trial.known as known
from revet.errors import SandboxBroken, SandboxUnavailable
from revet.sandboxes.trial import Ground, try_now

pytestmark = pytest.mark.sandbox


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is remembered; nothing is known in this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(known, "_seen", {})
    return tmp_path / "cache" / "revet" / "sandbox.json"


def probes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often it was found out by trying."""
    counted: list[int] = []
    real = known.probed
    monkeypatch.setattr(known, "probed", lambda: counted.append(1) or real())  # type: ignore[func-returns-value]
    return counted


def forgotten() -> None:
    known._seen.clear()


def test_it_is_found_out_once(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = probes(monkeypatch)
    for _ in range(3):
        forgotten()
        assert try_now("echo hi", workspace=tmp_path).stdout == b"hi\n"
    assert len(counted) == 1 and place.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["sandbox.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00", b"[]", b"{}", b"null", b'{"key": 1, "mode": 2}', b'{"key": "KEY", "mode": {"bwrap": "x"}}'],
)
def test_what_cannot_be_read_is_found_out_again(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    place.parent.mkdir(parents=True, mode=0o700)
    place.write_bytes(content.replace(b"KEY", known.machine().encode()))
    counted = probes(monkeypatch)
    assert try_now("echo hi", workspace=tmp_path).stdout == b"hi\n" and len(counted) == 1


def test_no_program_is_taken_from_it(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write the file names no bwrap of his own."""
    known.known_mode()
    forged = tmp_path / "bwrap"
    forged.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    forged.chmod(0o755)
    told = json.loads(place.read_text())
    told["mode"]["bwrap"] = str(forged)
    place.write_text(json.dumps(told))
    counted = probes(monkeypatch)
    forgotten()
    assert try_now("echo hi", workspace=tmp_path).stdout == b"hi\n" and len(counted) == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("mode", [0o622, 0o646])
def test_a_file_that_others_can_write_is_not_read(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    known.known_mode()
    place.chmod(mode)
    counted = probes(monkeypatch)
    forgotten()
    known.known_mode()
    assert len(counted) == 1


def test_a_folder_that_is_no_folder_of_ours_is_not_used(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.parent.parent.mkdir()
    place.parent.symlink_to(tmp_path / "elsewhere")
    known.known_mode()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    place.parent.unlink()
    place.parent.mkdir()
    place.parent.chmod(0o777)
    forgotten()
    known.known_mode()
    assert not place.exists()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert known.remembered() is None


def test_another_machine_is_another(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known.known_mode()
    counted = probes(monkeypatch)
    monkeypatch.setattr(known, "machine", lambda: "another kernel")
    forgotten()
    known.known_mode()
    assert len(counted) == 1


def test_what_does_not_work_fails_closed_and_is_forgotten(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode, _ = known.known_mode()
    with Ground(tmp_path) as ground:
        ground._mode = replace(mode, bwrap=Path("/nonexistent/bwrap"), bundled=False)
        with pytest.raises(SandboxBroken, match="could not be set up"):
            ground.run("touch made")
    assert not (tmp_path / "made").exists() and not place.exists() and known._seen == {}
    assert try_now("echo hi", workspace=tmp_path).stdout == b"hi\n"


def test_root_is_never_started_as_root(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known.known_mode()
    told = json.loads(place.read_text())
    told["mode"]["drop"] = 1 if told["mode"]["drop"] is None else None
    place.write_text(json.dumps(told))
    counted = probes(monkeypatch)
    forgotten()
    tried = try_now("id -u; touch made", workspace=tmp_path)
    assert tried.stdout == b"1000\n" and [left.path for left in tried.files] == ["made"]
    assert len(counted) == 1 and json.loads(place.read_text())["mode"]["drop"] != told["mode"]["drop"]


def test_a_start_that_works_no_more_is_found_out_again(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode, _ = known.known_mode()
    counted = probes(monkeypatch)
    known._seen[known.machine()] = replace(mode, bwrap=tmp_path / "none", bundled=False)
    assert try_now("echo hi", workspace=tmp_path).stdout == b"hi\n" and len(counted) == 1


def test_where_there_is_no_sandbox_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from revet.sandboxes.local import probe

    monkeypatch.setattr(probe, "_known", {})
    monkeypatch.setattr(probe, "candidates", lambda bwrap: iter(()))
    with pytest.raises(SandboxUnavailable, match="no bwrap"):
        try_now("touch made", workspace=tmp_path)
    assert os.listdir(tmp_path) == ["cache"]  # noqa: PTH208
