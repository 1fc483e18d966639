"""Batches as processes: killed at any moment, stopped by signals, two on one store. Then each task ended once."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from revet.batch import default_place
from revet.store import Store
from tests.batch.writers import check_batch, environment_of, revet_process, write_tasks
from tests.cli.test_process import wait_for

COUNT = 24
OPTIONS = ("--jobs", "4", "--quiet")


def to_the_end(folder: Path, *words: str, **environment: str) -> str:
    with revet_process(folder, *words, **environment) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def trace(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "trace").read_text().splitlines()
    return [(line.split()[0], line.split()[1]) for line in lines]


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_and_gone_on_with(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = write_tasks(tmp_path, COUNT)
    results = default_place(tmp_path / ".revet", path)
    for tried in range(2):
        words = ["run", "tasks.jsonl", *OPTIONS, *(["--resume"] if tried else [])]
        with revet_process(tmp_path, *words) as process:
            before = len(trace(tmp_path)) if (tmp_path / "trace").exists() else 0
            wanted, end = before + chance.randint(1, 10), time.monotonic() + 30
            while time.monotonic() < end and process.poll() is None:
                if (tmp_path / "trace").exists() and len(trace(tmp_path)) >= wanted:
                    break
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.05))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)
    said = to_the_end(tmp_path, "run", "tasks.jsonl", *OPTIONS, "--resume")
    assert f"{COUNT} committed" in said
    check_batch(tmp_path, COUNT, results)
    assert [each.name for each in results.parent.iterdir()] == [results.name]
    words = ("run", "tasks.jsonl", *OPTIONS, "--resume")
    if not seed:
        assert "All had ended before; nothing was run" in to_the_end(tmp_path, *words)
        check_batch(tmp_path, COUNT, results)


def test_killed_before_a_run_had_its_first_step(tmp_path: Path) -> None:
    """What is kept of such a run is that it was begun, and nothing of its state."""
    path = write_tasks(tmp_path, 2)
    with revet_process(tmp_path, "run", "tasks.jsonl", DIE_AT="1") as process:
        process.communicate(timeout=30)
    assert process.returncode == 9
    to_the_end(tmp_path, "run", "tasks.jsonl", "--resume")
    check_batch(tmp_path, 2, default_place(tmp_path / ".revet", path))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_let_a_commit_finish(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    path = write_tasks(tmp_path, 6)
    results = default_place(tmp_path / ".revet", path)
    with revet_process(tmp_path, "run", "tasks.jsonl", "--jobs", "2", SLOW_COMMIT="1.5") as process:
        wait_for(process, "commits now")
        process.send_signal(sent)
        time.sleep(0.5)
        process.send_signal(sent)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert "finishing what is committing" in said and "Traceback" not in said
    assert re.search(r"t\d+-\w+ had just committed t\d+\.txt\. To take that back: revet undo t\d+-", said), said
    assert "nothing else was changed. To go on: revet " in said
    to_the_end(tmp_path, "run", "tasks.jsonl", "--resume")
    check_batch(tmp_path, 6, results)


@pytest.mark.parametrize("how", ["", "--json"])
def test_a_reader_that_leaves_stops_it_without_a_word(tmp_path: Path, how: str) -> None:
    path = write_tasks(tmp_path, COUNT)
    (tmp_path / "trace").touch()
    words = [sys.executable, "-m", "tests.batch.writers", "run", "tasks.jsonl", "--jobs", "4", *how.split()]
    with (tmp_path / "said").open("w+") as said:
        environment = {**environment_of(tmp_path), "SLOW": "0.2"}
        pipe = subprocess.PIPE
        with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=pipe, stderr=said, text=True) as process:
            assert process.stdout is not None and process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=30) == 1
        said.seek(0)
        assert not re.search("Traceback|rror", said.read())
    assert len(trace(tmp_path)) < COUNT
    to_the_end(tmp_path, "run", "tasks.jsonl", "--resume")
    check_batch(tmp_path, COUNT, default_place(tmp_path / ".revet", path))


def test_the_third_signal_ends_it_at_once(tmp_path: Path) -> None:
    """As a kill does. Meanwhile the results file is this process's: another one is told so."""
    path = write_tasks(tmp_path, 3)
    place = default_place(tmp_path / ".revet", path)
    with revet_process(tmp_path, "run", "tasks.jsonl", SLOW_COMMIT="20") as process:
        wait_for(process, "commits now")
        with revet_process(tmp_path, "run", "tasks.jsonl", "--results", str(place), "--resume") as other:
            said, _ = other.communicate(timeout=30)
        assert other.returncode == 2 and f"is being written by another process ({process.pid})" in said, said
        start = time.monotonic()
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        process.communicate(timeout=30)
    assert process.returncode == 130 and time.monotonic() - start < 10
    to_the_end(tmp_path, "run", "tasks.jsonl", "--resume")
    check_batch(tmp_path, 3, place)


@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_share_a_batch(tmp_path: Path, killed: bool) -> None:
    """Each task is run by one of them (but what a process that was killed had begun), and each knows how all ended."""
    path = write_tasks(tmp_path, COUNT)
    Store(tmp_path / ".revet").prepare()
    words = ("run", "tasks.jsonl", *OPTIONS, "--resume")
    with (
        revet_process(tmp_path, *words, "--results", "one.jsonl", SLOW="0.1") as one,
        revet_process(tmp_path, *words, "--results", "two.jsonl", SLOW="0.1") as two,
    ):
        if killed:
            while not (tmp_path / "trace").exists() or len(trace(tmp_path)) < 8:
                time.sleep(0.01)
            os.killpg(one.pid, signal.SIGKILL)
        said = [process.communicate(timeout=60)[0] for process in (one, two)]
    assert two.returncode == 0, said[1]
    check_batch(tmp_path, COUNT, tmp_path / "two.jsonl")
    if killed:
        to_the_end(tmp_path, *words, "--results", "one.jsonl")
    else:
        assert one.returncode == 0, said[0]
        begun = trace(tmp_path)
        assert Counter(name for _, name in begun) == Counter(f"t{number}" for number in range(COUNT))
        assert len({process for process, _ in begun}) == 2, "both took part"
    check_batch(tmp_path, COUNT, tmp_path / "one.jsonl")
    assert not list(path.parent.glob(".revet/working/*")), "no lease is left"


FULL = """
mount -t tmpfs -o size=8k none small || exit 99
{revet} run tasks.jsonl --jobs 4 --quiet --results small/r.jsonl
code=$?
cp small/r.jsonl first.jsonl
mount -o remount,size=1m small
{revet} run tasks.jsonl --jobs 4 --quiet --results small/r.jsonl --resume || exit 98
cp small/r.jsonl last.jsonl
exit $code
"""


@pytest.mark.sandbox
@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare, to mount a small disk with")
def test_a_full_disk_stops_the_batch_and_it_can_go_on(tmp_path: Path) -> None:
    write_tasks(tmp_path, 48)
    (tmp_path / "small").mkdir()
    script = FULL.format(revet=f"{shlex.quote(sys.executable)} -m tests.batch.writers")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script],
        cwd=tmp_path,
        env=environment_of(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "revet: the results file small/r.jsonl cannot be written: No space left on device" in said
    assert "make room" in said and "Traceback" not in said and "To go on: revet run tasks.jsonl" in said
    kept = [json.loads(line) for line in (tmp_path / "first.jsonl").read_text().splitlines()]
    assert 10 < len(kept) < 48 and {line["outcome"] for line in kept} == {"committed"}
    assert "48 committed" in said
    check_batch(tmp_path, 48, tmp_path / "last.jsonl")
