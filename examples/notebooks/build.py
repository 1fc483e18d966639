"""Executes the notebooks beside this file and writes them back with their outputs, or compares.

    python examples/notebooks/build.py               # all of them
    python examples/notebooks/build.py 01 --check    # one, compared with what is there; nothing is written

Each runs in a kernel of its own, in a copy of the examples, without a network and without ``REVET_DATA``. What differs
from run to run (folders, ids of runs, durations, dates, addresses) is made the same before it is written or compared.
Of HTML the words are compared, of pictures the kind alone, and so of all outputs of a cell that is tagged ``varies``.

The exit status is 1 if a cell fails, or if a notebook differs from what is there.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from traitlets.config import Config

from revet.store import Store

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SECONDS = 400
"""For one cell: far more than the slowest takes, for others may be at work on the machine."""
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What the ends of run ids are made of."""
RUN = re.compile(rf"\brun (([\w.-]+)-[{LETTERS}]{{6}})\b")
"""A run whose store is gone."""
STYLE = re.compile(r"(<style.*?</style>)", re.DOTALL)
TEXTS = ("text/plain", "text/html", "text/markdown", "image/svg+xml")
CHANGING = (
    (re.compile(r"…/tmp[a-z0-9_]{8}\b"), "…"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?: ?UTC|Z)?(?:[+-]\d\d:\d\d)?"), "…"),
    (re.compile(r"\b\d+(?:\.\d+)?( ?)(s|ms|min)\b(?! *[{;:}])"), r"…\1\2"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x…"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginnings of file names (default: all)")
    parser.add_argument("--check", action="store_true", help="compare with what is there, and write nothing")
    options = parser.parse_args()
    paths = chosen(options.names)
    if not paths:
        parser.error(f"no notebook begins with {' or '.join(options.names)}")
    differing = 0
    for path in paths:
        kept = nbformat.read(path, as_version=4)
        try:
            made = executed(path)
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"{path.name}: a cell fails:\n{error}", file=sys.stderr)
            differing += 1
            continue
        problems = differences(kept, made) if options.check else []
        if not options.check:
            nbformat.write(made, path)
        print(f"{path.name}: {'differs' if problems else 'as it is there' if options.check else 'written'}")
        print("\n".join(problems), file=sys.stderr)
        differing += bool(problems)
    return 1 if differing else 0


def chosen(names: list[str]) -> list[Path]:
    """The notebooks whose names begin with one of `names`; all without any."""
    every = sorted(HERE.glob("*.ipynb"))
    return [path for path in every if not names or path.name.startswith(tuple(names))]


def executed(path: Path) -> Any:
    """The notebook with the outputs of a run of its own, made the same. Raises `CellExecutionError`."""
    with tempfile.TemporaryDirectory(prefix="revet-notebook-") as name:
        scratch = Path(name)
        left_out = shutil.ignore_patterns("__pycache__", ".revet", ".pytest_cache", ".ipynb_checkpoints")
        shutil.copytree(HERE.parent, scratch / "examples", ignore=left_out)
        for folder in ("home", "tmp"):
            (scratch / folder).mkdir()
        notebook = without_outputs(nbformat.read(path, as_version=4))
        # Over files and not TCP ports: nobody else can listen.
        config = Config(AsyncKernelManager={"transport": "ipc", "connection_file": str(scratch / "kernel.json")})
        where = {"metadata": {"path": str(scratch / "examples" / HERE.name)}}
        client = NotebookClient(notebook, config=config, timeout=SECONDS, kernel_name="python3", resources=where)
        client.execute(env=surroundings(scratch))
        make_same(notebook, scratch)
    return notebook


def surroundings(scratch: Path) -> dict[str, str]:
    """The kernel's environment: of what is set here, only what finds programs."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV") if name in os.environ}
    home = str(scratch / "home")
    return {
        **kept,
        "HOME": home,
        "IPYTHONDIR": f"{home}/ipython",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "TMPDIR": str(scratch / "tmp"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore:IProgress not found",  # bars for downloads, of which there are none
        "COLUMNS": "100",
    }


def without_outputs(notebook: Any) -> Any:
    """The same cells, with nothing kept but their text and tags."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells, 1):
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        cell.id = f"cell-{number:02}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def make_same(notebook: Any, scratch: Path) -> None:
    """Take what differs from run to run out of the outputs."""
    notebook.metadata["language_info"] = {"name": "python"}
    stands_for = {**run_ids(scratch), str(scratch / "tmp"): "…", str(scratch): "…", str(ROOT): "…"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = same(output.text, stands_for)
            for kind in TEXTS:
                if kind in output.get("data", {}):
                    output.data[kind] = same(output.data[kind], stands_for)


def joined(outputs: list[Any]) -> list[Any]:
    """Pieces of one stream that follow each other as one: how it was cut depends on the clock."""
    found: list[Any] = []
    for output in outputs:
        before = found[-1] if found else None
        if before is not None and output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            found.append(output)
    return found


def same(text: str, stands_for: dict[str, str]) -> str:
    for old, new in stands_for.items():
        text = text.replace(old, new)
    made = set(stands_for.values())
    return "".join(part if part.startswith("<style") else _same(part, made) for part in STYLE.split(text))


def _same(text: str, made: set[str]) -> str:
    for pattern, new in CHANGING:
        text = pattern.sub(new, text)
    return RUN.sub(lambda found: found[0] if found[1] in made else f"run {run_id(found[2])}", text)


def run_ids(scratch: Path) -> dict[str, str]:
    """For the id of every run in the stores below `scratch`, one that is the same whenever the notebook is run."""
    return {run: run_id(task, number) for number, (run, task) in enumerate(runs_below(scratch))}


def run_id(task: str, number: int = 0) -> str:
    digest = sha256(f"{task} {number}".encode()).digest()
    return f"{task}-{''.join(LETTERS[byte % len(LETTERS)] for byte in digest[:6])}"


def runs_below(scratch: Path) -> Iterator[tuple[str, str]]:
    """The id of every run, with what comes before its last hyphen, in the order in which they began."""
    rows = [row for file in scratch.rglob("runs.db") for row in Store(file.parent).rows()]
    for row in sorted(rows, key=lambda row: row.begun_at):
        yield row.id, row.id.rpartition("-")[0]


def differences(kept: Any, made: Any) -> list[str]:
    """What is otherwise in `made` than in `kept`, cell by cell; empty if nothing is."""
    found: list[str] = []
    for number, (before, after) in enumerate(zip(kept.cells, made.cells, strict=True), 1):
        if before.cell_type == "code":
            kinds_only = "varies" in after.metadata.get("tags", [])
            old, new = shown(before, kinds_only), shown(after, kinds_only)
            if old != new:
                lines = difflib.unified_diff(old, new, "as it is there", "as it came out", lineterm="", n=1)
                found += [f"cell {number}:", *lines]
    return found


def shown(cell: Any, kinds_only: bool) -> list[str]:
    """The outputs as lines: each with its kind, and its text where that is compared."""
    lines = [f"[{cell.execution_count}]"]
    for output in cell.outputs:
        lines.append(output.output_type)
        if output.output_type == "stream" and not kinds_only:
            lines += output.text.splitlines()
        for kind, content in sorted(output.get("data", {}).items()):
            lines.append(kind)
            if kind in TEXTS and not kinds_only and not any(k.startswith("image/") for k in output.data):
                lines += (visible(content) if kind == "text/html" else content).splitlines()
    return lines


def visible(html: str) -> str:
    """What a person reads of it: how it is marked up is not the notebook's."""
    return BeautifulSoup(STYLE.sub("", html), "html.parser").get_text("\n", strip=True)


if __name__ == "__main__":
    sys.exit(main())
