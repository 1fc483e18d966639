"""Runs ruff on the files before and after: two trees in a scratch folder, with the configuration as it was before.

Ruff reads text and executes nothing of it, so it runs beside this process, in a folder that holds nothing but the
files, without their `noqa` marks, and with limits on time, memory and output. A configuration that the draft writes
or changes is not used.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from revet.sandboxes.scratch import Scratch
from revet.tools._static.names import Names
from revet.tools._static.news import Fault, context_of
from revet.tools._static.sources import Source, is_python
from revet.tools._static.syntax import fault_in

__all__ = ["CORE", "DEFAULT", "QUIET", "Looked", "find_ruff", "look"]

DEFAULT = ("E9", "F", "B", "PLE", "W605", "S")
"""What is looked for in a workspace without a configuration of its own: faults, not style."""

CORE = ("E9", "F", "PLE", "S")
"""What is looked for beside the rules that a workspace has chosen, unless it ignores them."""

QUIET = ("S101", "S404", "S603", "S607", "B008", "B905")
"""Rules of those groups that are not looked for: they fire on what is usual and right."""

CONFIGURATION = ("ruff.toml", ".ruff.toml", "pyproject.toml")
OLDEST, NEWEST = 7, 14
"""The versions of Python 3 that ruff knows."""

MEMORY, OUTPUT = 2 << 30, 32 << 20
AS_IT_WAS, AS_IT_IS = "before", "after"


class Looked(NamedTuple):
    """What ruff found in both trees; or why it could not look, in `problem`."""

    before: tuple[Fault, ...] = ()
    after: tuple[Fault, ...] = ()
    problem: str | None = None
    note: str | None = None


def find_ruff() -> str | None:
    """The ruff that is installed beside this Python, else the one on the PATH."""
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.is_file() else shutil.which("ruff")


async def look(
    files: Sequence[Source],
    workspace: Path | None,
    *,
    select: Sequence[str] | None,
    seconds: float,
    minor: int = sys.version_info.minor,
) -> Looked:
    """What ruff says of the Python among `files`. `select` replaces the choice of rules, the workspace's included.

    `minor` is the version of Python 3 that the files are for, where the workspace's configuration does not say.
    """
    program = find_ruff()
    if program is None:
        return Looked(problem="ruff is not installed: pip install ruff")
    python = [source for source in files if is_python(source.path)]
    if not python:
        return Looked()
    with Scratch() as scratch:
        config = await asyncio.to_thread(_lay_out, scratch, workspace, python, minor)
        chosen = _choice(select, config)
        looked = await _run(program, scratch, chosen, seconds, python)
        if looked.problem is None or not config:
            return looked
        for tree in (AS_IT_WAS, AS_IT_IS):  # the workspace's own cannot be used: ours can
            for place in (place for name in CONFIGURATION for place in (scratch / tree).rglob(name)):
                place.unlink()
        again = await _run(program, scratch, _choice(select, {}), seconds, python)
        return again._replace(note=f"the workspace's configuration of ruff is not used: {looked.problem}")


def _lay_out(scratch: Path, workspace: Path | None, files: Sequence[Source], minor: int) -> dict[str, Any]:
    """Write both trees, each with the workspace's configuration. That of its root comes back, nothing without one."""
    root: dict[str, Any] = {}
    for tree in (AS_IT_WAS, AS_IT_IS):
        (scratch / tree).mkdir()
        for source in files:
            data = source.before if tree == AS_IT_WAS else source.after
            if data is not None:
                place = scratch / tree / source.path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        for folder, name, text in _configurations(workspace, files):
            place = scratch / tree / folder
            if place.is_dir():
                table = text.get("tool", {}).get("ruff", {}) if name == "pyproject.toml" else text
                if table and workspace is not None:
                    shutil.copyfile(workspace / folder / name, place / name)
                    root = root or table
    (scratch / "ruff.toml").write_text(f'target-version = "py3{min(max(minor, OLDEST), NEWEST)}"\n')
    return root


def _configurations(workspace: Path | None, files: Sequence[Source]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Folder, name and content of every configuration that lies beside or above one of the files, the root's first."""
    if workspace is None:
        return
    folders = {str(folder) for source in files for folder in PurePosixPath(source.path).parents}
    for folder in sorted(folders, key=lambda path: (path != ".", path)):
        for name in CONFIGURATION:
            place = workspace / folder / name
            with contextlib.suppress(OSError, ValueError):  # none there, or one that ruff could not read either
                if place.is_file() and not place.is_symlink():
                    yield folder, name, tomllib.loads(place.read_text("utf-8"))


def _choice(select: Sequence[str] | None, config: dict[str, Any]) -> list[str]:
    if select is not None:
        return ["--select", ",".join(select)]
    if not config:
        return ["--select", ",".join(DEFAULT), "--ignore", ",".join(QUIET)]
    lint = config.get("lint") if isinstance(config.get("lint"), dict) else {}
    named = [table.get(key) for table in (config, lint or {}) for key in ("ignore", "extend-ignore")]
    ignored = [rule for rules in named if isinstance(rules, list) for rule in rules if isinstance(rule, str)]
    return ["--extend-select", ",".join(CORE), "--ignore", ",".join(dict.fromkeys([*QUIET, *ignored]))]


async def _run(program: str, scratch: Path, chosen: Sequence[str], seconds: float, files: Sequence[Source]) -> Looked:
    out, err = scratch / "out.json", scratch / "err.txt"
    argv = [program, "check", "--quiet", "--output-format", "json", "--no-cache", "--exit-zero", "--ignore-noqa"]
    argv += ["--no-respect-gitignore", "--force-exclude", *chosen, AS_IT_WAS, AS_IT_IS]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=scratch,
            env={"PATH": os.defpath, "HOME": str(scratch), "RAYON_NUM_THREADS": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=_limited,
        )
        try:
            async with asyncio.timeout(seconds):
                status = await process.wait()
        except TimeoutError:
            return Looked(problem=f"ruff did not end within {seconds:g} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if status != 0:
        said = err.read_text("utf-8", "replace").strip()[:500]
        return Looked(problem=said or f"ruff ended with status {status}")
    try:
        told = json.loads(out.read_bytes() or b"[]")
    except ValueError:
        return Looked(problem="ruff found more than can be read")
    return _both(told, scratch, files)


def _limited() -> None:
    """In the child, before ruff starts. The output is a file, so the size of a file bounds it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _both(told: Sequence[dict[str, Any]], scratch: Path, files: Sequence[Source]) -> Looked:
    contents = {
        (tree, source.path): data
        for source in files
        for tree, data in ((AS_IT_WAS, source.before), (AS_IT_IS, source.after))
        if data is not None
    }
    lines = {key: data.decode("utf-8", "replace").splitlines() for key, data in contents.items()}
    names = {key: Names(data) for key, data in contents.items()}
    found: dict[str, list[Fault]] = {AS_IT_WAS: [], AS_IT_IS: []}
    root = Path(os.path.realpath(scratch))
    for each in told:
        tree, _, path = str(Path(os.path.realpath(each["filename"])).relative_to(root)).partition("/")
        if (tree, path) not in contents:
            continue
        fault: Fault | None = _fault(path, each, lines[tree, path], names[tree, path])
        if fault is not None and fault.rule == "E902":  # not in UTF-8, which Python may be told to read all the same
            fault = fault_in(path, contents[tree, path])
        if fault is None or (fault.rule == "syntax" and any(_same_file(fault, other) for other in found[tree])):
            continue
        found[tree].append(fault)
    return Looked(tuple(found[AS_IT_WAS]), tuple(found[AS_IT_IS]))


def _same_file(fault: Fault, other: Fault) -> bool:
    """One fault of the syntax is told of a file: those that follow from it say nothing more."""
    return (fault.path, fault.rule) == (other.path, other.rule)


def _fault(path: str, told: dict[str, Any], lines: Sequence[str], names: Names) -> Fault:
    line, message = int(told["location"]["row"]), str(told["message"])
    code, fix = told.get("code"), told.get("fix") or {}
    safe = fix.get("message") if fix.get("applicability") == "safe" else None
    rule = "syntax" if code in (None, "invalid-syntax", "E999") else str(code)
    mild = "seems safe" in message if rule.startswith("S") else rule == "F821" and not names.stop(message, line)
    return Fault(path, line, rule, message, context_of(lines, line), safe, mild)
