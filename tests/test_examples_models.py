"""The recordings of examples/models still answer what is asked, wherever they are played back, and end as they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from revet.schema import Run
from revet.store import Store
from tests.docs_support import ROOT, copy_examples, start

pytestmark = pytest.mark.sandbox

MODELS = ROOT / "examples" / "models"
REMEDY = "run: python examples/models/record.py"


def played(folder: Path, tasks: str, recording: str) -> dict[str, Run]:
    """The runs of a task file, its model a recording, in a fresh copy of the examples."""
    copy_examples(folder)
    model = f"replay:examples/models/recordings/{recording}.jsonl"
    done = start("-m", "revet", "run", f"examples/{tasks}", "--model", model, "--jobs", "2", folder=folder)
    assert "Traceback" not in done.stdout, done.stdout
    assert done.returncode == 0, f"{REMEDY}\n{done.stdout}"
    store = Store(folder / ".revet")
    return {run.task.id: run for run in (store.get(row.id) for row in store.rows(10))}


def test_the_search_refutes_the_first_answer(tmp_path: Path) -> None:
    (run,) = played(tmp_path, "models/question.yaml", "question").values()
    first, second = run.attempts
    assert (first.answer, second.answer, run.answer) == ("2004", "2005", "2005")
    (finding,) = first.critiques[0].findings
    assert {e.id for e in first.evidence if e.tool == "corpus"} == set(finding.evidence), "it cites what it found"
    assert {role: spent.calls for role, spent in run.usage.roles.items()} == {"proposer": 1, "critic": 5, "reviser": 1}


def test_the_result_of_the_first_program_shows_that_it_is_wrong(tmp_path: Path) -> None:
    (run,) = played(tmp_path, "models/word_problem.yaml", "word_problem").values()
    assert [attempt.answer for attempt in run.attempts] == ["2523", "99"]
    assert (18 * 24 - 18 * 24 // 6) // 15 * 6 - 45 == 99


def test_a_model_mends_all_six_packages(tmp_path: Path) -> None:
    runs = played(tmp_path, "quickstart/tasks.yaml", "quickstart")
    assert {name: len(run.attempts) for name, run in runs.items()} == {
        "late-fee": 1,
        "invoice": 2,
        "routes": 1,
        "duration": 1,
        "lru-cache": 1,
        "captions": 2,
    }
    assert all(run.receipt for run in runs.values())


def test_the_captions_task_is_that_of_the_quickstart() -> None:
    """One recording serves both."""
    (alone,) = yaml.safe_load((MODELS / "captions.yaml").read_text(encoding="utf-8"))["tasks"]
    all_six = yaml.safe_load((ROOT / "examples/quickstart/tasks.yaml").read_text(encoding="utf-8"))["tasks"]
    (same,) = [task for task in all_six if task["id"] == alone["id"]]
    assert {**alone, "workspace": same["workspace"]} == same


@pytest.mark.parametrize("name", ["question", "word_problem", "quickstart"])
def test_recordings_hold_what_the_scripts_say_and_nothing_of_the_machine(name: str) -> None:
    text = (MODELS / "recordings" / f"{name}.jsonl").read_text(encoding="utf-8")
    _, *exchanges = [json.loads(line) for line in text.splitlines()]
    assert {each["reply"]["model"] for each in exchanges} == {f"scripted:examples/models/scripts/{name}.yaml"}
    assert not any(f"{root}/" in text for root in (ROOT, "/tmp", "/home", "/root")), REMEDY
