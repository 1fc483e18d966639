"""What it costs to stage, commit and undo one draft, as the workspace grows.

Staging and committing touch only the paths that the draft names, so the cost should not grow with the number
of files around them. The draft edits two files, creates one and deletes one. Figures are medians over the
rounds, in milliseconds, of all sizes in the same run, the sizes taking turns; the last column is against the
smallest workspace.

    python benchmarks/staging.py --files 20 2000 20000 --rounds 20
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from revet.actions import Protection, Stage, commit, undo
from revet.schema import DeleteFile, Draft, EditFile, Replacement, WriteFile

PER_FOLDER = 100


def plant(root: Path, files: int) -> None:
    """A workspace of so many small Python files, a hundred to a folder."""
    for number in range(files):
        folder = root / f"package_{number // PER_FOLDER}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"module_{number}.py").write_text(f"VALUE = {number}\n\n\ndef value():\n    return VALUE\n")


DRAFT = Draft(
    author="benchmark",
    actions=(
        EditFile(
            path="package_0/module_0.py",
            replacements=(Replacement(search="return VALUE", replace="return 1"),),
        ),
        EditFile(path="package_0/module_1.py", diff="@@ -1 +1 @@\n-VALUE = 1\n+VALUE = 2\n"),
        WriteFile(path="package_0/new/module.py", content="VALUE = None\n"),
        DeleteFile(path="package_0/module_2.py"),
    ),
)


def timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def one_round(stage: Stage, number: int) -> tuple[float, float, float]:
    """Milliseconds of staging, committing and undoing the draft once."""
    staging = timed(lambda: asyncio.run(stage.stage(DRAFT)))
    changes = asyncio.run(stage.stage(DRAFT))
    name = f"round-{number}"
    committing = timed(lambda: commit(stage.workspace, stage.layer, changes, transaction=name))
    return staging, committing, timed(lambda: undo(stage.workspace, name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[20, 2000, 20000], help="sizes of the workspaces")
    parser.add_argument("--rounds", type=int, default=20, help="how often each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        stages = []
        for files in options.files:
            workspace, folder = Path(home, f"ws-{files}"), Path(home, f"stage-{files}")
            folder.mkdir()
            plant(workspace, files)
            stages.append(Stage(workspace, folder, Protection()))
        rounds = [[one_round(stage, number) for stage in stages] for number in range(options.rounds)]
    print(f"{'files':>8} {'stage ms':>9} {'commit ms':>10} {'undo ms':>8} {'sum ms':>8} {'ratio':>6}")
    smallest = 0.0
    for index, files in enumerate(options.files):
        parts = [statistics.median(one[index][part] for one in rounds) for part in range(3)]
        smallest = smallest or sum(parts)
        staging, committing, undoing = parts
        print(
            f"{files:>8} {staging:>9.2f} {committing:>10.2f} {undoing:>8.2f} {sum(parts):>8.2f}"
            f" {sum(parts) / smallest:>6.2f}"
        )


if __name__ == "__main__":
    main()
