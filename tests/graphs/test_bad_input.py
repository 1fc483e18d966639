"""Workspaces and checks that misbehave: every one ends with a reason, and the workspace is as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from revet.actions import lock
from revet.agents import Scripted
from revet.errors import SandboxUnavailable, WorkspaceBusy, WorkspaceError
from revet.graphs import Agent, AgentRun
from revet.policy import Policy
from revet.schema import Check, Outcome, RunOutcome, Task
from tests.graphs.conftest import BUGGY, TESTS

pytestmark = pytest.mark.sandbox


def repair(workspace: Path, store: Path, check: Check | str = "pytest -q", **more: object) -> AgentRun:
    check = check if isinstance(check, Check) else Check(command=check)
    task = Task(id="bad", workspace=str(workspace), checks=(check,), **more)  # type: ignore[arg-type]
    return Agent(store=store, policy=Policy(rounds=1, seconds=60)).run(task)


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(folder)): (p.lstat().st_mode, p.read_bytes() if p.is_file() else b"")
        for p in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(
    ("command", "outcome", "words"),
    [
        ("sleep 600", Outcome.timeout, "did not end"),
        ("yes; true", Outcome.failed, "output"),
        ("python -c 'import os\nwhile True: os.fork()'", Outcome.failed, "BlockingIOError"),
        ("rm -rf ./* && exit 3", Outcome.failed, "exit status 3"),
        (
            "python -c 'import urllib.request as u; u.urlopen(\"http://192.0.2.1/\", timeout=3)' || exit 4",
            Outcome.failed,
            "4",
        ),
    ],
    ids=["hangs", "floods", "forks", "deletes", "network"],
)
def test_a_check_that_misbehaves_is_evidence_and_harms_nothing(
    command: str, outcome: Outcome, words: str, workspace: Path, tmp_path: Path
) -> None:
    before = listing(workspace)
    task = Task(id="bad", workspace=str(workspace), checks=(Check(command=command, timeout=3),))
    run = Agent(Scripted([]), store=tmp_path / "store").run(task)
    assert run.outcome is RunOutcome.abstained
    assert run.baseline[0].outcome is outcome
    assert words in run.baseline[0].observation
    assert listing(workspace) == before


def test_a_test_that_hangs_is_found_and_mended(workspace: Path, tmp_path: Path) -> None:
    looping = BUGGY.replace(
        "    for price in prices:\n        result += price\n",
        ("    index = 0\n    while index < len(prices):\n        result += prices[index]\n        index += 0\n"),
    ).replace("result - shipping", "result + shipping")
    (workspace / "shop.py").write_text(looping)
    agent_run = Agent(store=tmp_path / "store", policy=Policy(rounds=2)).run(
        Task(id="loop", workspace=str(workspace), checks=("pytest -q",))
    )
    assert agent_run.outcome is RunOutcome.committed
    assert "index += 1" in (workspace / "shop.py").read_text()


def test_a_suite_that_fails_to_collect_is_an_error_that_names_the_place(workspace: Path, tmp_path: Path) -> None:
    (workspace / "test_shop.py").write_text("import nothing_of_that_name\n" + TESTS)
    before = listing(workspace)
    run = repair(workspace, tmp_path / "store")
    assert run.outcome is RunOutcome.abstained
    assert run.baseline[0].outcome in (Outcome.error, Outcome.failed)
    assert "nothing_of_that_name" in run.baseline[0].observation
    assert listing(workspace) == before


def test_source_that_does_not_parse_is_said_so(workspace: Path, tmp_path: Path) -> None:
    (workspace / "shop.py").write_text("def total(:\n")
    run = repair(workspace, tmp_path / "store", edit=("shop.py",))
    assert run.outcome is RunOutcome.abstained
    assert "shop.py:1 does not parse" in run.decision.reasons[0]


def test_source_in_another_encoding_is_said_so(workspace: Path, tmp_path: Path) -> None:
    source = "# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n" + BUGGY
    (workspace / "shop.py").write_bytes(source.encode("latin-1"))
    run = repair(workspace, tmp_path / "store", edit=("shop.py",))
    assert run.outcome is RunOutcome.abstained
    assert "encoded as iso-8859-1" in run.decision.reasons[0]


def test_no_check_means_nothing_to_go_by(workspace: Path, tmp_path: Path) -> None:
    run = Agent(store=tmp_path / "store").run(Task(id="none", workspace=str(workspace)))
    assert run.outcome is RunOutcome.abstained
    assert "names no required check" in run.decision.reasons[0]


def test_nothing_editable_is_said_so(workspace: Path, tmp_path: Path) -> None:
    run = repair(workspace, tmp_path / "store", edit=("elsewhere.py",))
    assert run.outcome is RunOutcome.abstained
    assert "no editable Python file" in run.decision.reasons[0] or "may not be changed" in run.decision.reasons[0]


def test_an_unreadable_workspace_is_an_input_error(workspace: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root reads everything, so the case is made for an ordinary user in a process of its own.
        program = (
            "import os, sys\n"
            "from revet.graphs.bench import Bench\nfrom revet.schema import Task\n"
            "from revet.errors import WorkspaceError\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try:\n    Bench(Task(workspace=sys.argv[1]), None)\n"
            "except WorkspaceError as error:\n    print('refused:', error)\n"
        )
        copy = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
        try:
            copy.chmod(0o000)
            done = subprocess.run([sys.executable, "-c", program, str(copy)], capture_output=True, text=True)
            assert "cannot be read" in done.stdout, done.stderr
        finally:
            copy.chmod(0o700)
            copy.rmdir()
    else:
        workspace.chmod(0o000)
        try:
            with pytest.raises(WorkspaceError, match="cannot be read"):
                repair(workspace, tmp_path / "store")
        finally:
            workspace.chmod(0o755)


def test_a_huge_workspace_costs_no_more_to_stage(workspace: Path, tmp_path: Path) -> None:
    for number in range(200):
        folder = workspace / "data" / str(number)
        folder.mkdir(parents=True)
        for name in range(100):
            (folder / f"{name}.txt").write_bytes(b"")
    run = repair(workspace, tmp_path / "store", "pytest -q test_shop.py")
    assert run.outcome is RunOutcome.committed
    assert run.best is not None and run.best.changes is not None
    assert [f.path for f in run.best.changes.files] == ["shop.py"]


def test_a_workspace_inside_another_waits_for_nobody_and_is_refused(workspace: Path, tmp_path: Path) -> None:
    with lock(workspace.parent), pytest.raises(WorkspaceBusy):
        repair(workspace, tmp_path / "store")
    inner = workspace / "inner"
    inner.mkdir()
    with lock(inner), pytest.raises(WorkspaceBusy):
        repair(workspace, tmp_path / "store")
    inner.rmdir()
    assert repair(workspace, tmp_path / "store").outcome is RunOutcome.committed


def test_two_bugs_are_mended_one_after_the_other(workspace: Path, tmp_path: Path) -> None:
    (workspace / "shop.py").write_text(
        BUGGY + "\n\ndef discount(price: int, percent: int) -> int:\n" + "    return price + price * percent // 100\n"
    )
    more = "\n\ndef test_discount():\n    assert discount(200, 10) == 180\n    assert discount(100, 0) == 100\n"
    (workspace / "test_shop.py").write_text(TESTS.replace("import total", "import discount, total") + more)
    run = repair(workspace, tmp_path / "store")
    assert run.outcome is RunOutcome.committed
    text = (workspace / "shop.py").read_text()
    assert "result + shipping" in text and "price - price * percent // 100" in text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nosuchtool -q", "cannot be run"),
        ("python -m unittest nothing_here", "nothing_here"),
        ("pytest -q -k none", "no test"),
    ],
)
def test_a_check_that_cannot_run_starts_no_search(command: str, words: str, workspace: Path, tmp_path: Path) -> None:
    run = repair(workspace, tmp_path / "store", command)
    assert run.outcome is RunOutcome.abstained
    assert words in run.decision.reasons[0]
    assert "tried" not in run.attempts[-1].draft.data


def test_a_feature_that_the_sandbox_lacks_stops_the_run_before_anything_runs(workspace: Path, tmp_path: Path) -> None:
    before = listing(workspace)
    task = Task(id="bad", workspace=str(workspace), checks=(Check(command="pytest -q"),))
    demanding = Policy(sandbox_features=("own_kernel",))
    with pytest.raises(SandboxUnavailable, match="lacks own_kernel"):
        Agent(store=tmp_path / "store", policy=demanding).run(task)
    with pytest.raises(SandboxUnavailable, match="no sandbox"):
        Agent(store=tmp_path / "store", policy=demanding, sandbox=None).run(task)
    assert listing(workspace) == before
    run = Agent(store=tmp_path / "store", policy=Policy(sandbox_features=("private_processes",), seconds=60)).run(task)
    assert run.outcome is RunOutcome.committed
