"""The files that a repair may change, as text, and what the failing tests hint at."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from revet.agents.repair.operators import Hints
from revet.agents.repair.patch import Candidate, apply
from revet.protected import is_test_or_build
from revet.schema import Evidence
from revet.tools import facts_of
from revet.tools.base import View

__all__ = ["Source", "editable_sources", "hints_from", "python_files", "read_source"]

MOST_TEST_SOURCE = 200_000
MOST_FILES = 50
NOT_SOURCES = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})


@dataclass(frozen=True)
class Source:
    """A Python file in UTF-8. The text keeps its line endings, and its byte order mark if it has one."""

    path: str
    text: str

    def encode(self, candidate: Candidate) -> bytes:
        """The bytes of the file with the candidate's edits made."""
        return apply(self.text, candidate.edits).encode("utf-8")


def read_source(path: str, data: bytes) -> Source:
    """Raises `SyntaxError` for bytes that are not Python, `ValueError` for another encoding (PEP 263) than UTF-8."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if encoding not in ("utf-8", "utf-8-sig"):
        raise ValueError(f"it is encoded as {encoding}, and only UTF-8 is repaired")
    text = data.decode("utf-8")
    compile(text.removeprefix("\ufeff"), path, "exec", dont_inherit=True)
    return Source(path=path, text=text)


def editable_sources(
    view: View, suspects: Mapping[str, Mapping[int, float]]
) -> tuple[dict[str, Source], Sequence[str]]:
    """The suspect files that the task lets a draft change, most suspicious first, and why others cannot be used."""
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for path in sorted(suspects, key=lambda p: -max(suspects[p].values())):
        if not path.endswith(".py"):
            continue
        if not view.allows(path) or is_test_or_build(path):
            problems.append(f"{path} may not be changed")
            continue
        try:
            sources[path] = read_source(path, _staged(view, path).read_bytes())
        except SyntaxError as error:
            problems.append(f"{path}:{error.lineno or 1} does not parse: {error.msg}")
        except (OSError, ValueError) as error:
            problems.append(f"{path} cannot be read: {error}")
    return sources, problems


def python_files(view: View) -> list[str]:
    """The Python files that a repair may change, the first 50 by path: no tests, nothing hidden, installed or built."""
    assert view.workspace is not None
    found: list[str] = []
    for folder, names, files in os.walk(view.workspace):
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in NOT_SOURCES)
        inside = Path(folder).relative_to(view.workspace)
        found += [(inside / name).as_posix() for name in files if name.endswith(".py")]
    return [path for path in sorted(found) if view.allows(path) and not is_test_or_build(path)][:MOST_FILES]


def hints_from(view: View, failing: Sequence[Evidence]) -> Hints:
    """What the failing tests, their messages and the goal let slip: constants, names and exceptions."""
    assert view.workspace is not None
    facts = [f for f in map(facts_of, failing) if f is not None]
    bad = [test for each in facts for test in each.tests if test.bad]
    text = ""
    for path in dict.fromkeys(p for each in facts for p in each.files.tests):
        try:
            text += (view.workspace / path).read_text(encoding="utf-8", errors="replace")[:MOST_TEST_SOURCE] + "\n"
        except OSError:
            continue  # a test file that vanished since the tests ran hints at nothing
    return Hints.read(
        text,
        exceptions=sorted({test.exception for test in bad if test.exception}),
        messages=[test.message for test in bad],
        text=view.task.goal,
    )


def _staged(view: View, path: str) -> Path:
    """Where the file lies now: in the layer if the draft changed it, else in the workspace."""
    assert view.workspace is not None
    if view.layer is not None and (view.layer.root / path).exists():
        return view.layer.root / path
    return view.workspace / path
