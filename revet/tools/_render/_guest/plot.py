"""Runs a script that plots, and tells which pictures came of it: as JSON on the report channel.

Runs inside the sandbox. Figures that are still open at the end are saved; picture files that the script wrote in its
folder are taken along.
"""

from __future__ import annotations

import base64
import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

MOST, MOST_LONG = 4, 400
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


def pictures(folder: Path) -> dict[Path, int]:
    """The picture files below the folder, each with when it was last written."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if path.suffix.lower() in KINDS and path.is_file() and not path.is_symlink():
                found[path] = path.stat().st_mtime_ns
    return found


def save_open(folder: Path) -> None:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums()[:MOST] if pyplot is not None else ():
        pyplot.figure(number).savefig(folder / f"figure-{number}.png", dpi=100)


def main() -> None:
    channel = int(os.environ["REVET_REPORT"])
    plan = json.load(sys.stdin)
    script, here, open_ones = plan["script"], Path.cwd(), Path("/tmp/figures")
    open_ones.mkdir(exist_ok=True)
    before = pictures(here)
    told: dict[str, Any] = {"complete": False}
    sys.argv = [script]
    sys.path.insert(0, str(here))
    try:
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as ended:
            if ended.code not in (None, 0):
                raise
        save_open(open_ones)
        told["complete"] = True
    except BaseException as error:  # noqa: BLE001 - whatever ended the script is told
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
        module = str(error.name).partition(".")[0] if isinstance(error, ModuleNotFoundError) else None
        own = module is not None and ((here / module).exists() or (here / f"{module}.py").exists())
        told["error"] = {
            "type": type(error).__name__,
            "text": str(error)[:MOST_LONG],
            "line": frames[-1].lineno if frames else None,
            "lacks": None if own else module,
        }
    after = pictures(here)
    new = sorted(path for path, when in after.items() if before.get(path) != when) + sorted(open_ones.glob("*.png"))
    told["count"] = len(new)
    told["pictures"] = [
        [str(path), f"data:{KINDS[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"]
        for path in new[:MOST]
        if path.stat().st_size <= plan["largest"]
    ]
    with os.fdopen(channel, "w") as file:
        json.dump(told, file)


main()
