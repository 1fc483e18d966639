"""Which folders an interpreter needs inside, found by reading links and ``pyvenv.cfg``: nothing is run.

The interpreter may come from the workspace, whose content is not trusted. So a folder outside the workspace
is shown only if it holds a Python (``lib/pythonX.Y/os.py``) or is an environment, and of a folder that holds
the user's home only what belongs to Python.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from revet.errors import InputError

__all__ = ["Interpreter", "find_interpreter"]

MAX_LINKS = 40


@dataclass
class Interpreter:
    """What makes an interpreter usable inside, at its own paths.

    `shown` are real folders and files to show read-only; `links` maps symlinks met on the way to their
    targets; `path` are the folders of its programs, for PATH.
    """

    executable: Path
    shown: list[Path] = field(default_factory=list)
    links: dict[Path, str] = field(default_factory=dict)
    path: list[Path] = field(default_factory=list)


def find_interpreter(python: Path) -> Interpreter:
    """Read what `python` is made of. InputError if it is not a Python that can be shown inside."""
    executable = Path.cwd() / python
    if not executable.is_file():
        raise InputError(f"no such interpreter: {python}", hint="give the path of a Python executable")
    found = Interpreter(executable, path=[executable.parent])
    real = trace(executable, found)
    for place in (*list(found.links), real):
        add_prefix(place.parent.parent, found)
    if not found.shown:
        raise InputError(
            f"{python} is not part of a Python installation or environment",
            hint="give the interpreter itself, lib/python* beside its bin/, not a wrapper (a pyenv shim)",
        )
    found.shown = narrowed(found.shown)
    return found


def trace(path: Path, found: Interpreter) -> Path:
    """Walk a path as the kernel does, noting every link; the real path."""
    todo, done = list(path.parts[1:]), Path("/")
    while todo:
        part = todo.pop(0)
        place = done.parent if part == ".." else done / part
        if part != ".." and place.is_symlink():
            target = place.readlink()
            if len(found.links) > MAX_LINKS:
                raise InputError(f"too many symbolic links on the way to {path}")
            found.links[place] = str(target)
            todo = [*target.parts[target.is_absolute() :], *todo]
            done = Path("/") if target.is_absolute() else done
        else:
            done = place
    return done


def add_prefix(prefix: Path, found: Interpreter) -> None:
    """Show the prefix if it is one, and the installation that an environment is based on."""
    if prefix in found.shown:
        return
    if is_environment(prefix):
        found.shown.append(prefix)
        home = environment_home(prefix)
        if home is not None and home.is_dir():
            base = trace(home, found).parent
            if is_installation(base):
                found.path.append(home)
                found.shown.append(base)
    elif is_installation(prefix):
        found.shown.append(prefix)


def is_installation(prefix: Path) -> bool:
    return any(prefix.glob("lib*/python3*/os.py"))


def is_environment(prefix: Path) -> bool:
    return (prefix / "pyvenv.cfg").is_file() and (prefix / "bin").is_dir()


def environment_home(prefix: Path) -> Path | None:
    """The folder of the base interpreter, as ``pyvenv.cfg`` names it."""
    for line in (prefix / "pyvenv.cfg").read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "home" and value.strip():
            return prefix / value.strip()
    return None


def narrowed(folders: list[Path]) -> list[Path]:
    """Of a prefix that is the home folder or holds it, only what belongs to Python."""
    home = Path(os.path.realpath(Path("~").expanduser()))
    result: list[Path] = []
    for folder in folders:
        if home.is_relative_to(folder) and folder != Path("/usr"):
            parts = (folder / "bin", folder / "pyvenv.cfg", *sorted(folder.glob("lib*")))
            result += [part for part in parts if part.exists()]
        else:
            result.append(folder)
    return result
