"""Public bug sets in Python: QuixBugs (Lin et al. 2017) and HumanEvalFix (Muennighoff et al. 2023).

A row becomes a workspace with the buggy module and a pytest module of the tests that the loop may see. Whether the
repair is right is judged by the row's own test script, run afterwards in a sandbox of its own.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from revet.errors import InputError
from revet.evals.split import as_pytest
from revet.sandboxes import Limits, Sandbox
from revet.schema import Model, Task

__all__ = ["Bug", "Judged", "judge", "load_bugs", "prepare"]

Shown = Literal["hidden", "visible"]


class Bug(Model):
    """One row. `shown_tests` may be given to the loop; `hidden_tests` are for the judge (and, in the setting in which
    the set publishes its headline figures, for the loop as well)."""

    id: str
    module: str
    buggy: str
    fixed: str
    hidden_tests: str
    visible_tests: str | None = None


class Judged(Model):
    right: bool
    why: str = ""


def load_bugs(path: Path) -> list[Bug]:
    """The rows of a ``.jsonl`` file of either set. Raises `InputError` naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="give the path of a bug set (.jsonl)") from error
    return [_bug(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _bug(line: str, where: str) -> Bug:
    try:
        row = json.loads(line)
        name = re.sub(r"\W", "_", row["task_id"].rpartition("/")[2])
        module = f"task_{name}" if name[:1].isdigit() else name
        tests = row["tests"] if "tests" in row else row["hidden_test"]
        return Bug(
            id=re.sub(r"[^A-Za-z0-9_.-]", "-", row["task_id"]),
            module=f"{module}_impl",
            buggy=_closed(row["buggy_code"]),
            fixed=_closed(row["fixed_code"]),
            hidden_tests=tests,
            visible_tests=visible if "assert" in (visible := row.get("visible_test") or "") else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: not a row of QuixBugs or HumanEvalFix: {error!r}") from error


def _closed(code: str) -> str:
    return code if code.endswith("\n") else code + "\n"


def prepare(bug: Bug, folder: Path, shown: Shown, *, beside: Sequence[Bug] = ()) -> Task | None:
    """Write the workspace and give the task. None if the set has no tests of the kind to show.

    `beside` are other rows, put there repaired and with their tests: a project in which the fault must be found first.
    """
    tests = bug.hidden_tests if shown == "hidden" else bug.visible_tests
    if tests is None:
        return None
    folder.mkdir(parents=True)
    rows = [(bug.module, bug.buggy, tests), *((other.module, other.fixed, other.hidden_tests) for other in beside)]
    for module, code, script in rows:
        (folder / f"{module}.py").write_text(code, encoding="utf-8")
        (folder / f"test_{module}.py").write_text(as_pytest(script, module), encoding="utf-8")
    return Task(
        id=bug.id[:80],
        goal="Make the failing tests pass.",
        workspace=str(folder),
        edit=tuple(f"{module}.py" for module, _, _ in rows),
        checks=("pytest -q",),
    )


async def judge(code: str, bug: Bug, sandbox: Sandbox, *, seconds: float = 20.0) -> Judged:
    """Run the row's own test script on `code`. It must reach its end, which it shows by printing a fresh token."""
    token = secrets.token_hex(16)
    program = f"{code}\n\n{bug.hidden_tests}\n\nprint({token!r})\n"
    session = await sandbox.open(None)
    try:
        result = await session.exec(
            ["python3", "-I", "/revet/judge.py"],
            files={"/revet/judge.py": program.encode("utf-8", "surrogatepass")},
            limits=Limits(wall_seconds=seconds, cpu_seconds=int(seconds) + 1),
        )
    finally:
        await session.close()
    reached = result.stdout.decode("utf-8", "replace").rstrip().endswith(token)
    if result.ok and reached:
        return Judged(right=True)
    last = result.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return Judged(right=False, why=last[0][:200] if last else str(result.verdict))
