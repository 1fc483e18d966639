"""What `make demo` shows: six small packages with a bug each, repaired, proved and committed; one commit undone.

Everything happens in a copy, ``build/demo``, with no model, no key and no network. Five bugs are within reach of the
built-in repair; the sixth needs a new design, and the honest outcome is to abstain.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COPY = HERE.parent / "build" / "demo"
REVET = [sys.executable, "-m", "revet"]
EXPECTED = {"committed": 5, "abstained": 1}


def main() -> int:
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(HERE / "quickstart", COPY, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", ".revet"))
    print(f"The six examples were copied to {os.path.relpath(COPY)}. Each has one bug and some failing tests.\n")
    revet("run", "tasks.yaml")
    runs = recorded_runs()
    outcomes = {outcome: sum(r["outcome"] == outcome for r in runs) for outcome in EXPECTED}
    first = next((r for r in runs if r["outcome"] == "committed"), None)
    if first is not None:
        print("\nEvery commit can be taken back, byte for byte:\n")
        revet("undo", first["run"])
    if outcomes != EXPECTED:
        print(f"\nThe demo expected {EXPECTED}, but saw {outcomes}.", file=sys.stderr)
        return 1
    print(f"\nLook closer:  cd {os.path.relpath(COPY)} && {os.path.relpath(sys.executable, COPY)} -m revet show")
    return 0


def revet(*arguments: str) -> int:
    """Run the command line in the copy, showing the command as a user would type it."""
    print(f"$ revet {' '.join(arguments)}", flush=True)
    return subprocess.run([*REVET, *arguments], cwd=COPY, check=False).returncode


def recorded_runs() -> list[dict[str, str]]:
    """What the store holds of the tasks, in file order: a second `run` that resumes has nothing left to run."""
    done = subprocess.run([*REVET, "show", "--json"], cwd=COPY, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
