"""What `make demo` shows: six small packages with a bug each, repaired, proved and committed; one commit undone; then
what a language model does with the same loop, played back from recordings and scripts.

Everything happens in a copy, ``build/demo``, with no model, no key and no network. Five bugs are within reach of the
built-in repair; the sixth needs a new design, and the honest outcome is to abstain. The recordings (see
``examples/models``) hold the answers of a scripted model: a draft for that sixth bug, a question answered with a
search, and a word problem answered with a program; then three wrong answers that a database, arithmetic and a document
refute (``examples/evidence``); then commands and SQL, tried and held against a team's rules (``examples/gate``). The
exit code is 1 if anything ends otherwise, or if the workspace of the commit that is undone differs from the original by
a byte.
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
REPLAYED = (
    (
        "captions",
        "quickstart",
        "The sixth bug needs a new design. A language model can draft one. What the models say, here and below, was\n"
        "written by hand and is played back; the tests, the searches and the gate are real:",
    ),
    (
        "question",
        "question",
        "A question, answered wrongly at first; the critic searches a folder and finds the mistake:",
    ),
    ("word_problem", "word_problem", "A word problem, answered with a program; its result shows that it is wrong:"),
)
"""Task file, recording and what to say of it. Each must end with 0."""
GATE = {"cities": "committed", "exports": "committed", "braga": "committed", "forget": "asked"}
"""How the tasks of the gate's example end where nobody can be asked."""
NOT_OURS = ("__pycache__", ".pytest_cache", ".revet")


def main() -> int:
    shutil.rmtree(COPY, ignore_errors=True)
    for part in ("quickstart", "models", "evidence", "gate"):
        shutil.copytree(HERE / part, COPY / part, ignore=shutil.ignore_patterns(*NOT_OURS))
    print(f"The examples were copied to {os.path.relpath(COPY)}. Six packages have one bug each, and failing tests.\n")
    revet("run", "quickstart/tasks.yaml")
    runs = recorded_runs()
    outcomes = {outcome: sum(run["outcome"] == outcome for run in runs) for outcome in EXPECTED}
    if len(runs) != sum(EXPECTED.values()) or outcomes != EXPECTED:
        return failed(f"expected {EXPECTED}, but saw {[run['outcome'] for run in runs]}")
    undone, *others = (run for run in runs if run["outcome"] == "committed")
    print("\nEvery commit can be taken back:\n")
    if revet("undo", undone["id"]) != 0:
        return failed(f"the commit of {undone['id']} could not be taken back")
    workspace = Path(undone["workspace"])
    original = HERE / "quickstart" / workspace.name
    if files(workspace) != files(original):
        return failed(f"{workspace} differs from {original} after the undo")
    print(f"{workspace.name} is again what it was, byte for byte.")
    for task, recording, words in REPLAYED:
        print(f"\n{words}\n")
        if revet("run", f"models/{task}.yaml", "--model", f"replay:models/recordings/{recording}.jsonl") != 0:
            return failed(f"models/{task}.yaml did not end as recorded")
    print("\nThree wrong answers: a database, recomputed sums and a document show where they are wrong:\n")
    if revet("run", "evidence/tasks.yaml") != 0:
        return failed("evidence/tasks.yaml did not end as its page says")
    print("\nCommands and SQL, tried on a copy and held against rules: one is denied, one waits for a person:\n")
    subprocess.run([sys.executable, "gate/prepare.py"], cwd=COPY, check=True)
    revet("run", "gate/tasks.yaml")
    ended = {run["id"].rpartition("-")[0]: run["outcome"] for run in recorded_runs()}
    if not ended.items() >= GATE.items():
        return failed(f"expected {GATE} of gate/tasks.yaml, but saw {ended}")
    command = os.path.relpath(sys.executable, COPY)
    print(f"\nLook closer, in `cd {os.path.relpath(COPY)}`:\n")
    print(f"  {command} -m revet show                        the list of runs")
    print(f"  {command} -m revet show {others[0]['id']:<22} what was seen, said and decided, and the diff")
    print(f"  {command} -m revet show landing                the question: what was searched, and what was found")
    print(f"  {command} -m revet show forget                 what would be deleted, and why a person is asked")
    print(f"  {command} -m revet fix quickstart/{workspace.name:<12} mend what was just taken back")
    return 0


def revet(*arguments: str) -> int:
    """Run the command line in the copy, showing the command as a user would type it. Its exit code."""
    print(f"$ revet {' '.join(arguments)}", flush=True)
    # Nobody is asked: what a person has to decide is left waiting.
    return subprocess.run([*REVET, *arguments], cwd=COPY, stdin=subprocess.DEVNULL, check=False).returncode


def recorded_runs() -> list[dict[str, str]]:
    """The runs in the copy's store, in the order in which they began."""
    done = subprocess.run([*REVET, "show", "--json"], cwd=COPY, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in reversed(done.stdout.splitlines())]


def files(folder: Path) -> dict[str, bytes]:
    """Every file below the folder with its content, but for what test runners and Revet keep beside the sources."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    paths = [(path, path.relative_to(folder)) for path in found]
    return {str(name): path.read_bytes() for path, name in paths if not set(NOT_OURS) & set(name.parts)}


def failed(problem: str) -> int:
    print(f"\nThe demo failed: {problem}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
