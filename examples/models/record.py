"""Makes the recordings anew: what the scripts say goes through the real loop and is written down as it goes.

Run this after a change of Revet's prompts or of the examples: a recording answers only what was asked then::

    python examples/models/record.py

Each is then played back in another folder, and must end as it did. The exit code is 1 if one does not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TASKS = {
    "question": "models/question.yaml",
    "word_problem": "models/word_problem.yaml",
    "quickstart": "quickstart/tasks.yaml",
}
"""The task file of each script and recording, as it lies in the folder of the examples."""


def main() -> int:
    for name in TASKS:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            recording = Path(one) / f"{name}.jsonl"
            script = f"scripted:examples/models/scripts/{name}.yaml"
            made = outcomes(Path(one), name, script, "--record", recording.name)
            played = outcomes(Path(other), name, f"replay:{recording}")
            print(f"{name}: {made}" + ("" if made == played else f", but played back: {played}"))
            if made != played:
                return 1
            shutil.copyfile(recording, HERE / "recordings" / recording.name)
    return 0


def outcomes(folder: Path, name: str, model: str, *more: str) -> dict[str, str]:
    """Run the tasks in a copy of the examples. How each ended, by its id."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".revet")
    shutil.copytree(HERE.parent, folder / "examples", ignore=ignored)
    words = ["run", f"examples/{TASKS[name]}", "--model", model, "--json", *more]
    done = subprocess.run(
        [sys.executable, "-m", "revet", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if not done.stdout:
        raise SystemExit(done.stderr)
    return {run["id"]: run["outcome"] for run in map(json.loads, done.stdout.splitlines())}


if __name__ == "__main__":
    sys.exit(main())
