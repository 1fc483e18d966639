"""Runs mypy in the sandbox: on the changed files as they are staged, then, with the same cache, as they were.

mypy imports the plugins that a configuration names, so the workspace's configuration is not given to it: what of it
is plain choice (see `CHOICES`) is copied, from the workspace as it was before the draft. It runs under the workspace's
own interpreter, whose packages the types of the code come from, and so must be installed there.
"""

from __future__ import annotations

import configparser
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from revet.errors import WorkspaceError
from revet.sandboxes.base import ExecVerdict, Limits
from revet.tools._static.news import Fault, context_of
from revet.tools._static.ruff import Looked
from revet.tools._static.sources import Source, is_python
from revet.tools.base import View
from revet.tools.commands import interpreter_for

__all__ = ["INSTALL", "check_types", "wants_types"]

INSTALL = (
    "mypy is not installed in the interpreter of the workspace: python -m pip install mypy there "
    "(for Revet's own interpreter: pip install 'revet[types]')"
)

HOME = "/revet/static"
CONFIG, OLD = f"{HOME}/mypy.ini", f"{HOME}/before"
SPLIT = "\x1e"
MIB = 1024 * 1024

CHOICES = (
    "allow_redefinition",
    "allow_untyped_globals",
    "check_untyped_defs",
    "disallow_any_generics",
    "disallow_incomplete_defs",
    "disallow_subclassing_any",
    "disallow_untyped_calls",
    "disallow_untyped_decorators",
    "disallow_untyped_defs",
    "explicit_package_bases",
    "ignore_errors",
    "ignore_missing_imports",
    "implicit_optional",
    "implicit_reexport",
    "namespace_packages",
    "no_implicit_optional",
    "no_implicit_reexport",
    "strict_equality",
    "strict_optional",
    "warn_no_return",
    "warn_redundant_casts",
    "warn_return_any",
    "warn_unreachable",
)
"""What of a workspace's configuration is used: switches, which execute and read nothing."""

RUN = """
import json, subprocess, sys
plan = json.load(sys.stdin)
for words in plan["runs"]:
    if words:
        command = [sys.executable, "-I", "-m", "mypy", *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sys.stdout.buffer.write(done.stdout)
        sys.stderr.buffer.write(done.stderr)
        if done.returncode not in (0, 1):
            sys.stdout.flush()
            sys.exit(done.returncode)
    print(plan["split"], flush=True)
"""


def wants_types(workspace: Path | None) -> bool:
    """Whether the workspace is one whose types are checked: it configures mypy."""
    return workspace is not None and _configured(workspace) is not None


async def check_types(files: Sequence[Source], view: View, *, seconds: float) -> Looked:
    """What mypy says of the Python among `files`, before and after; or why it could not be asked."""
    python = [source for source in files if is_python(source.path) and not source.answer]
    if not any(source.after is not None for source in python):
        return Looked()
    if view.session is None or view.workspace is None:
        return Looked(problem="types were not checked: there is no sandbox and workspace to do it in")
    try:
        interpreter = str(interpreter_for(view.workspace, view.task.python))
    except WorkspaceError as error:
        return Looked(problem=f"types were not checked: {error}")
    config = _config_text(_configured(view.workspace) or {})
    old = {source.path: f"{OLD}/{number}.py" for number, source in enumerate(python) if source.before is not None}
    given = {CONFIG: config.encode()}
    given |= {old[source.path]: source.before for source in python if source.before is not None}
    result = await view.session.exec(
        [interpreter, "-I", "-c", RUN],
        stdin=json.dumps({"runs": _arguments(python, old), "split": SPLIT}).encode(),
        layer=view.layer,
        limits=Limits(
            wall_seconds=seconds, cpu_seconds=math.ceil(seconds) + 1, memory=4096 * MIB, output=8 * MIB, disk=512 * MIB
        ),
        files=given,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    said = result.stderr.decode("utf-8", "replace")
    if "No module named mypy" in said:
        return Looked(problem=INSTALL)
    if result.verdict is ExecVerdict.timeout:
        return Looked(problem=f"mypy did not end within {seconds:g} s")
    parts = result.stdout.decode("utf-8", "replace").split(SPLIT)
    if not result.ok or len(parts) != 3:
        first = next((line for line in reversed(said.splitlines()) if line.strip()), "")
        syntax = "syntax" in parts[0]  # it gives up at a syntax error, which ruff tells of
        return Looked() if syntax else Looked(problem=f"mypy ended with {result.verdict}: {first[:300]}")
    after = _faults(parts[0], {source.path: source.after for source in python})
    before = _faults(parts[1], {source.path: source.before for source in python})
    return Looked(tuple(before), tuple(after))


def _arguments(files: Sequence[Source], old: Mapping[str, str]) -> list[list[str]]:
    """Of both runs. The second sees the files as they were in place of the staged ones."""
    common = [f"--config-file={CONFIG}", "--output=json", "--cache-dir=/tmp/mypy", "--follow-imports=silent"]
    common += ["--no-error-summary", "--hide-error-context"]
    staged = [source.path for source in files if source.after is not None]
    shadows = [word for path in staged if path in old for word in ("--shadow-file", path, old[path])]
    kept = [path for path in staged if path in old]
    return [[*common, "--", *staged], [*common, *shadows, "--", *kept] if kept else []]


def _faults(text: str, contents: Mapping[str, bytes | None]) -> Iterator[Fault]:
    lines = {path: (data or b"").decode("utf-8", "replace").splitlines() for path, data in contents.items()}
    for row in text.splitlines():
        try:
            told = json.loads(row)
            path, line, code = str(told["file"]), int(told["line"]), str(told.get("code") or "error")
        except (ValueError, KeyError, TypeError):
            continue  # what a program says beside mypy's own lines
        if path in lines and told.get("severity") == "error":
            fix = told.get("hint")
            context = context_of(lines[path], line)
            yield Fault(path, max(1, line), f"mypy-{code}", str(told["message"]), context, fix if fix else None)


def _configured(workspace: Path) -> dict[str, dict[str, Any]] | None:
    """The switches of mypy's configuration, by section ("mypy", "mypy-some.module"); None where there is none."""
    for name in ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg"):
        try:
            text = (workspace / name).read_text("utf-8")
            sections = dict(_toml_sections(text) if name == "pyproject.toml" else _ini_sections(text))
        except (OSError, ValueError, configparser.Error):
            continue
        if "mypy" in sections:
            return sections
    return None


def _ini_sections(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    for section in parser.sections():
        if section.partition("-")[0] == "mypy":
            yield section, dict(parser[section])


def _toml_sections(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    table = tomllib.loads(text).get("tool", {}).get("mypy")
    if not isinstance(table, dict):
        return
    yield "mypy", table
    for override in table.get("overrides", []):
        modules = override.get("module", [])
        for module in [modules] if isinstance(modules, str) else modules:
            yield f"mypy-{module}", override


def _config_text(sections: Mapping[str, Mapping[str, Any]]) -> str:
    unconfigured = [
        "[mypy]",
        "ignore_missing_imports = true",
        "namespace_packages = true",
        "explicit_package_bases = true",
    ]
    lines = [] if "mypy" in sections else unconfigured
    for section, choices in sections.items():
        if any(mark in section for mark in "[]\n\r"):
            continue
        lines.append(f"[{section}]")
        if section == "mypy":
            lines.append("ignore_missing_imports = true")
            lines += ["strict = true"] if _switch(choices.get("strict")) == "true" else []
        chosen = {name: _switch(choices[name]) for name in CHOICES if name in choices}
        chosen.pop("ignore_missing_imports" if section == "mypy" else "", None)
        lines += [f"{name} = {value}" for name, value in chosen.items() if value is not None]
    return "\n".join([*lines, ""])


def _switch(value: object) -> str | None:
    """`value` as a switch, None if it is none."""
    word = str(value).strip().lower()
    return {"true": "true", "1": "true", "yes": "true", "on": "true"}.get(
        word, "false" if word in ("false", "0", "no", "off") else None
    )
