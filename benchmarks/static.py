"""What the static checks find: unsafe code by bandit's rules, and whether a fault foretells that code fails its tests.

    python benchmarks/static.py --data FOLDER [--split dev] [--json]

`risk_code`: files with faults of security against clean ones. `ldb_trajectories`, `code_generations`,
`codet_humaneval`, `bugfix_tasks`: programs that models (or people) wrote; of those with a fault that is told as major,
how many fail their hidden tests (precision), and what part of all failing programs that is (recall). Nothing is run:
the verdicts come with the data, and count only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from revet.evals.figures import wilson
from revet.evals.source import Source
from revet.sandboxes import Layer
from revet.sandboxes.scratch import Scratch
from revet.schema import Changes, FileChange, FileState, Severity, Task, digest
from revet.tools import Problem, StaticChecks, View, problems_of

BATCH = 40
"""Files that one call looks at: the problems that it tells of are bounded."""


class Program(NamedTuple):
    set: str
    code: str
    bad: bool


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--select", help="rules of ruff, with commas between; default: those of the tool")
    parser.add_argument("--limit", type=int, help="at most so many programs of each set")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    source = Source(given.data, given.split)
    told: list[dict[str, Any]] = []
    for name, programs in (("risk_code", risky(source)), ("tests", tested(source))):
        chosen = list({(p.set, p.code): p for p in programs}.values())
        for each in sorted({p.set for p in chosen}):
            of_set = [p for p in chosen if p.set == each][: given.limit]
            found = await looked_at([p.code for p in of_set], given.select)
            unsafe = name == "risk_code"
            told.append({"set": each, **score(of_set, found, unsafe=unsafe)})
            print(json.dumps(told[-1]) if given.json else line(told[-1]), flush=True)


def risky(source: Source) -> Iterator[Program]:
    """Files with a known number of bandit's issues; functions with a fault of security, and the same without it."""
    for row in source.rows("risk_code", "bandit_examples"):
        yield Program("bandit_examples", row["code"], row["n_issues"] > 0)
    for row in source.rows("risk_code", "cweval_py"):
        yield Program("cweval_py", row["task"], False)
        for name, code in row["variants"].items():
            if name.endswith(("_unsafe", "_safe")) and not name.startswith("test_"):
                yield Program("cweval_py", code, name.endswith("_unsafe"))


def tested(source: Source) -> Iterator[Program]:
    prompts = {row["task_id"]: row["prompt"] for rows in source.every("code_tasks").values() for row in rows}
    for name, rows in source.every("ldb_trajectories").items():
        for row in rows:
            head = imports(prompts.get(row["task_id"], ""))
            for attempt in row["attempts"] if not row.get("exclude") else ():
                if attempt["code"] and attempt["hidden"] is not None:
                    yield Program(f"ldb {name}", head + attempt["code"], attempt["hidden"] != "pass")
    for row in source.rows("code_generations", "single_and_final"):
        if row["code"] and row["hidden"] is not None:
            head = imports(prompts.get(row["task_id"], ""))
            yield Program("code_generations", head + row["code"], row["hidden"] != "pass")
    for row in source.rows("codet_humaneval", "codegen16b_20samples"):
        for sample in row["samples"]:
            code = prompts.get(row["task_id"], "") + sample["body"]
            yield Program("codet_humaneval", code, sample["hidden"] is not True)
    for rows in source.every("bugfix_tasks").values():
        for row in rows:
            yield Program("bugfix_tasks", row["buggy_code"], True)
            yield Program("bugfix_tasks", row["fixed_code"], False)


def imports(prompt: str) -> str:
    """What a task gives to the program besides its text: the imports at the head of its prompt."""
    lines = (line for line in prompt.splitlines() if line.startswith(("import ", "from ")))
    return "".join(f"{line}\n" for line in lines)


async def looked_at(codes: Sequence[str], select: str | None) -> list[list[Problem]]:
    """What is told of each program, in their order."""
    tool = StaticChecks(types=False, select=select.split(",") if select else None)
    found: list[list[Problem]] = [[] for _ in codes]
    for start in range(0, len(codes), BATCH):
        with Scratch() as folder:
            view = view_of(folder, codes[start : start + BATCH])
            evidence = await tool.run(tool.plan(view)[0], view)
            if "missing" in evidence.data:
                raise SystemExit(evidence.observation)
            for problem in problems_of(evidence):
                assert problem.location is not None
                found[start + int(str(problem.location.path).partition("/")[0])].append(problem)
    return found


def view_of(folder: Path, codes: Sequence[str]) -> View:
    """A draft that writes each program into a folder of its own, in an empty workspace."""
    for name in ("workspace", "layer"):
        (folder / name).mkdir()
    files = []
    for number, code in enumerate(codes):
        data = code.encode("utf-8", "replace")
        place = folder / "layer" / str(number) / "program.py"
        place.parent.mkdir()
        place.write_bytes(data)
        state = FileState(sha256=digest(code), size=len(data), mode=0o644)
        files.append(FileChange(path=f"{number}/program.py", before=None, after=state))
    root = folder / "workspace"
    changes = Changes(files=tuple(files))
    return View(
        task=Task(workspace=str(root)), run="b", workspace=root, layer=Layer(root=folder / "layer"), changes=changes
    )


def score(programs: Sequence[Program], found: Sequence[Sequence[Problem]], *, unsafe: bool) -> dict[str, Any]:
    """Of the bad programs, how many are told of; of those told of, how many are bad."""

    def told(problems: Sequence[Problem]) -> bool:
        if unsafe:
            return any(p.category.startswith("static/S") for p in problems)
        return any(p.severity.rank >= Severity.major.rank and not p.category.startswith("static/S") for p in problems)

    flags = [told(problems) for problems in found]
    bad = sum(p.bad for p in programs)
    hits = sum(flag and p.bad for flag, p in zip(flags, programs, strict=True))
    sure = [flag and not only_imports(problems) for flag, problems in zip(flags, found, strict=True)]
    sure_hits = sum(flag and p.bad for flag, p in zip(sure, programs, strict=True))
    rules: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for program, problems in zip(programs, found, strict=True):
        for rule in {p.category.removeprefix("static/") for p in problems}:
            rules[rule] += 1
            right[rule] += program.bad
    return {
        "programs": len(programs),
        "bad": bad,
        "told": sum(flags),
        "told_and_bad": hits,
        "precision": share(hits, sum(flags)),
        "precision_beside_imports": None if unsafe else share(sure_hits, sum(sure)),
        "recall": share(hits, bad),
        "false_alarms": share(sum(flags) - hits, len(programs) - bad),
        "rules": {rule: [right[rule], count] for rule, count in rules.most_common(25)},
    }


def only_imports(problems: Sequence[Problem]) -> bool:
    """Whether all that is major is a standard module that is not imported: whoever runs the program may do that."""
    grave = [problem for problem in problems if problem.severity is Severity.major]
    return all((problem.suggestion or "").startswith("import ") for problem in grave)


def share(part: int, whole: int) -> list[float] | None:
    """The share and its 95 % interval."""
    if not whole:
        return None
    low, high = wilson(part, whole)
    return [round(number, 3) for number in (part / whole, low or 0.0, high or 0.0)]


def line(told: dict[str, Any]) -> str:
    rules = ", ".join(f"{rule} {right}/{count}" for rule, (right, count) in list(told["rules"].items())[:12])
    return (
        f"{told['set']}: {told['programs']} programs, {told['bad']} bad, {told['told']} told of; precision "
        f"{told['precision']} (beside modules not imported: {told['precision_beside_imports']}), recall "
        f"{told['recall']}, false alarms {told['false_alarms']}\n    {rules}"
    )


if __name__ == "__main__":
    asyncio.run(main())
