"""How long ``revet gate`` takes: a fresh process for each action, and a running gate that is asked through a pipe.

A hook is a whole process for each action, so interpreter, imports and sandbox all count. Beside the milliseconds stand
ratios to ``python -c pass`` in the same run, which carry over to other machines. The kinds take turns, so that a busy
moment of the machine meets all of them; figures are medians over the rounds. The workspace is a small git repository in
a folder of its own.

Python's compiled files are kept in a folder of the benchmark's own: what is measured is an installed package after its
first use. ``--no-bytecode`` measures without them, as under PYTHONDONTWRITEBYTECODE.

    python benchmarks/gate.py --rounds 15
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READS = ("ls -la", "git status", "grep -rn value src | head -5", "cat src/module_1.py && wc -l src/*.py")
TRIALS = ("echo new > notes.txt", "rm -rf src", "sed -i s/value/other/ src/module_1.py", "python3 src/module_2.py")
BEYOND = ("git push --force origin main", "curl -s https://example.org", "kubectl delete pod web-1", "rm -rf /")
KINDS = {"only looks": READS, "tried on a copy": TRIALS, "known by the table": BEYOND}


def plant(root: Path) -> None:
    """A repository of forty small files."""
    (root / "src").mkdir()
    for number in range(40):
        (root / "src" / f"module_{number}.py").write_text(f"value = {number}\n")
    who = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=root, check=True)


def action(command: str, root: Path) -> str:
    return json.dumps({"kind": "run_command", "command": command, "cwd": str(root)}) + "\n"


def cold(words: list[str], given: str, environment: dict[str, str]) -> float:
    """Milliseconds of one process from start to end."""
    begun = time.perf_counter()
    subprocess.run(words, input=given, text=True, capture_output=True, check=True, env=environment)
    return (time.perf_counter() - begun) * 1000


def check(gate: list[str], root: Path, environment: dict[str, str]) -> None:
    """Each kind must be what it is called: a gate that fails is quick."""
    for kind, commands in KINDS.items():
        given = "".join(action(each, root) for each in commands)
        said = subprocess.run(
            [*gate, "--batch"], input=given, text=True, capture_output=True, check=True, env=environment
        ).stdout
        for command, line in zip(commands, said.splitlines(), strict=True):
            state = json.loads(line)["changes"]["dry_run"]
            if state != ("ran" if commands is TRIALS else "skipped"):
                sys.exit(f"{command!r} is no example of {kind!r} here: {line}")


@contextmanager
def running(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "revet", "gate", "--batch"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
    ) as gate:
        yield gate
        assert gate.stdin is not None
        gate.stdin.close()


def asked(gate: subprocess.Popen[str], given: str) -> float:
    """Milliseconds from a line in to a line out."""
    assert gate.stdin is not None
    assert gate.stdout is not None
    begun = time.perf_counter()
    gate.stdin.write(given)
    gate.stdin.flush()
    assert gate.stdout.readline()
    return (time.perf_counter() - begun) * 1000


def measure(root: Path, rounds: int, environment: dict[str, str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    gate = [sys.executable, "-m", "revet", "gate"]
    check(gate, root, environment)
    with running(environment) as open_gate:
        for number in range(rounds + 1):
            taken = {"python -c pass": [cold([sys.executable, "-c", "pass"], "", environment)]}
            for kind, commands in KINDS.items():
                taken[f"cold, {kind}"] = [cold(gate, action(each, root), environment) for each in commands]
                taken[f"running, {kind}"] = [asked(open_gate, action(each, root)) for each in commands]
            if number:  # the first round fills caches
                for name, values in taken.items():
                    found.setdefault(name, []).extend(values)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-bytecode", action="store_true", help="compile all modules in every process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="revet-gate-") as made:
        root = Path(made, "shop")
        root.mkdir()
        plant(root)
        environment = {
            k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")
        }
        environment["PYTHONPYCACHEPREFIX"] = str(Path(made, "pyc"))
        if options.no_bytecode:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        found = measure(root, options.rounds, environment)
    mixed = [value for name, values in found.items() if name.startswith("cold") for value in values]
    warm = [value for name, values in found.items() if name.startswith("running") for value in values]
    found |= {"cold, all of them": mixed, "running, all of them": warm}
    base = statistics.median(found["python -c pass"])
    print(f"{'':32}{'median ms':>10}{'p90 ms':>10}{'× python':>10}")
    for name, values in found.items():
        ninth = sorted(values)[int(len(values) * 0.9)]
        print(f"{name:32}{statistics.median(values):10.1f}{ninth:10.1f}{statistics.median(values) / base:10.1f}")


if __name__ == "__main__":
    main()
