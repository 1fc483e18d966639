"""The functions that a draft writes: in its answer, or in the files that it changes."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from revet.schema import Answer, Draft, WriteFile
from revet.tools._behaviour.spec import parsed
from revet.tools.base import View

__all__ = ["Written", "asserted", "code_in", "written_by"]

FENCED = re.compile(r"^[ \t]*```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
LARGEST = 512 * 1024
MOST, MOST_FILES, MOST_ASSERTED = 4, 20, 30


@dataclass(frozen=True)
class Written:
    """A function as a draft has it: the source of its whole module, of the module before (None: there was none), and
    the file, None for an answer. `stub` is the function as it stood before, else as it stands.
    """

    entry: str
    code: str
    base: str | None = None
    path: str | None = None
    stub: str = ""


def written_by(view: View) -> list[Written]:
    """The functions that the view's draft writes or changes, a few at most."""
    if view.draft is None:
        return []
    return [*_in_files(view), *_in_answer(view.draft)][:MOST]


def code_in(draft: Draft, path: str | None) -> str | None:
    """The module's source that a draft answers with, or writes to `path` as a whole; None if it does not."""
    if path is None:
        return _answered(draft)
    whole = [action.content for action in draft.actions if isinstance(action, WriteFile) and action.path == path]
    return whole[-1] if whole else None


def asserted(written: Written, view: View) -> list[str]:
    """The assertions on the function in the test files that the task's checks run, those that stand by themselves."""
    if written.path is None or view.workspace is None:
        return []
    found: list[str] = []
    for name in _test_files(view)[:MOST_FILES]:
        tree = parsed(_text(view.workspace / name) or "")
        if tree is None or not _imports(tree, written):
            continue
        own = {written.entry, *dir(builtins)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert) and written.entry in (names := _names(node)) and names <= own:
                found.append(ast.unparse(ast.Assert(node.test)))
    return list(dict.fromkeys(found))[:MOST_ASSERTED]


def _test_files(view: View) -> list[str]:
    """The test files that the checks' evidence tells of."""
    files = [each.data.get("files") for each in (*view.baseline.values(), *view.evidence)]
    told = [each.get("tests") for each in files if isinstance(each, dict)]
    names = [name for each in told if isinstance(each, list) for name in each if isinstance(name, str)]
    return [name for name in dict.fromkeys(names) if ".." not in name and not name.startswith("/")]


def _imports(tree: ast.Module, written: Written) -> bool:
    """Whether the function under its own name is the one of the draft's file."""
    module = Path(written.path or "").stem
    return any(
        isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[-1] == module
        and any(alias.name == written.entry and alias.asname is None for alias in node.names)
        for node in ast.walk(tree)
    )


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _in_answer(draft: Draft) -> Iterator[Written]:
    code = _answered(draft)
    for function in _functions(code).values() if code is not None else ():
        yield Written(entry=function.name, code=code or "", stub=ast.unparse(function))


def _answered(draft: Draft) -> str | None:
    texts = [action.text for action in draft.actions if isinstance(action, Answer)]
    for text in filter(None, [*texts, draft.answer]):
        blocks = [textwrap.dedent(found[1]) for found in FENCED.finditer(text)]
        for code in [*reversed(blocks), text]:
            if _functions(code):
                return code
    return None


def _in_files(view: View) -> Iterator[Written]:
    """The top-level functions that differ between the workspace and the staged files."""
    if view.changes is None or view.layer is None:
        return
    for change in view.changes.files:
        if not change.path.endswith(".py") or change.after is None or change.after.type != "file":
            continue
        code = _text(view.layer.root / change.path)
        base = _text(view.workspace / change.path) if view.workspace is not None and change.before else None
        if code is None:
            continue
        before = _functions(base) if base is not None else {}
        for name, function in _functions(code).items():
            old = before.get(name)
            if old is None or ast.dump(old) != ast.dump(function):
                yield Written(name, code, base if old is not None else None, change.path, ast.unparse(old or function))


def _functions(code: str | None) -> dict[str, ast.FunctionDef]:
    tree = parsed(code) if code is not None else None
    return {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)} if tree is not None else {}


def _text(path: Path) -> str | None:
    try:
        if not path.is_file() or path.is_symlink() or path.stat().st_size > LARGEST:
            return None
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
