"""The example of the gate: each action is decided on, and each task ends, as the page says; and is taken back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from revet.schema import DecisionKind, Run, RunOutcome
from revet.store import Store
from tests.docs_support import copy_examples, start

pytestmark = pytest.mark.sandbox
DECIDED = re.compile(r"^\| `(\w+)` \|.*\| (allow|ask|deny)\b[^|]*\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    copy_examples(folder)
    made = start("examples/gate/prepare.py", folder=folder)
    assert made.returncode == 0, made.stdout
    return folder / "examples" / "gate"


@pytest.fixture(scope="module")
def runs(gate: Path) -> dict[str, Run]:
    done = start("-m", "revet", "run", "tasks.yaml", folder=gate)
    assert done.returncode == 1 and "forget waits for your answer" in done.stdout, done.stdout
    assert "add --approve auto" not in done.stdout, "it would not help: the rules ask"
    store = Store(gate / ".revet")
    return {run.task.id: run for run in (store.get(row.id) for row in store.rows(10))}


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".revet" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_each_action_is_decided_on_as_the_page_says(gate: Path) -> None:
    before = files(gate / "shop")
    with (gate / "actions.jsonl").open() as actions:
        done = subprocess.run(
            [sys.executable, "-m", "revet", "gate", "--batch"],
            cwd=gate / "shop",
            stdin=actions,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    page = dict(DECIDED.findall((gate / "README.md").read_text(encoding="utf-8")))
    assert len(page) == 12
    assert {answer["id"]: answer["decision"] for answer in answers} == page
    assert files(gate / "shop") == before
    by_id = {answer["id"]: answer for answer in answers}
    assert by_id["tidy"]["changes"]["deleted"] and by_id["tidy"]["changes"]["dry_run"] == "ran"
    assert "the books rest on finished exports" in by_id["wide"]["reason"]
    assert "asked to list" in by_id["unasked"]["reason"]


def test_each_task_ends_as_the_page_says(gate: Path, runs: dict[str, Run]) -> None:
    ended = {name: (run.outcome, len(run.attempts)) for name, run in runs.items()}
    committed, asked = RunOutcome.committed, RunOutcome.asked
    assert ended == {"cities": (committed, 1), "exports": (committed, 2), "braga": (committed, 1), "forget": (asked, 1)}
    denied = runs["exports"].attempts[0].decision
    assert denied is not None and denied.kind is DecisionKind.revise
    assert "the books rest on finished exports" in denied.reasons[0]
    assert runs["forget"].decision.reasons == ("deletes 1 row of customer: a person deletes a customer's data",)
    assert (gate / "shop" / "cities.txt").read_text().split() == ["Lisbon", "Porto"]


def test_a_person_sees_the_rows(gate: Path, runs: dict[str, Run]) -> None:
    shown = start("-m", "revet", "show", "forget", folder=gate)
    assert "execute_sql: DELETE FROM purchase WHERE customer_id = 2; DELETE FROM customer WHERE id = 2" in shown.stdout
    assert "table customer: 1 row deleted\n      - id 2, name Bo, city Lisbon" in shown.stdout
    assert "It waits for your answer; nothing was changed yet." in shown.stdout


def test_all_of_it_is_taken_back(gate: Path, runs: dict[str, Run]) -> None:
    for name in ("cities", "exports", "braga"):
        undone = start("-m", "revet", "undo", name, folder=gate)
        assert undone.returncode == 0 and "Taken back" in undone.stdout, undone.stdout
    assert "Undone: UPDATE customer" in undone.stdout
    assert not (gate / "shop" / "cities.txt").exists()
    assert len(list((gate / "shop" / "exports").iterdir())) == 4
