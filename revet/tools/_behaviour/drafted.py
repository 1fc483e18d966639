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

__all__ = ["Written", "asserted", "code_in", "functions_in", "written_by"]

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


def written_by(view: View, named: str | None = None) -> list[Written]:
    """The functions that the view's draft writes or changes, a few at most; of these only the one that is `named`."""
    if view.draft is None:
        return []
    found = [*_in_files(view), *_in_answer(view.draft, named)]
    return [written for written in found if named in (None, written.entry)][:MOST]


def functions_in(view: View) -> list[str] | None:
    """The functions that a draft's Python defines at the top of a module, None if it holds no Python at all."""
    if view.draft is None:
        return None
    marked, unmarked = _blocks(view.draft)
    files = [code for _, code, _ in _changed_files(view)]
    defined = [name for code in (*files, *marked, *unmarked) for name in _functions(code)]
    return list(dict.fromkeys(defined)) if files or marked or defined else None


def code_in(draft: Draft, path: str | None, named: str | None = None) -> str | None:
    """The module's source that a draft answers with, or writes to `path` as a whole; None if it does not.

    Of several blocks of an answer, the last one that defines the function `named`, or any without a name.
    """
    if path is None:
        return _answered(draft, named)
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


def _in_answer(draft: Draft, named: str | None) -> Iterator[Written]:
    code = _answered(draft, named)
    for function in _functions(code).values() if code is not None else ():
        yield Written(entry=function.name, code=code or "", stub=ast.unparse(function))


def _answered(draft: Draft, named: str | None) -> str | None:
    for text in _texts(draft):
        blocks = [textwrap.dedent(found[1]) for found in FENCED.finditer(text)]
        for code in [*reversed(blocks), text]:
            functions = _functions(code)
            if functions if named is None else named in functions:
                return code
    return None


def _texts(draft: Draft) -> list[str]:
    texts = [action.text for action in draft.actions if isinstance(action, Answer)]
    return [text for text in (*texts, draft.answer) if text]


def _blocks(draft: Draft) -> tuple[list[str], list[str]]:
    """The blocks of an answer that are marked as Python, and what may be Python without saying so."""
    marked: list[str] = []
    unmarked: list[str] = []
    for text in _texts(draft):
        unmarked.append(text)
        for found in FENCED.finditer(text):
            python = found[0].partition("\n")[0].strip("` \t")
            (marked if python and found[1].strip() else unmarked).append(textwrap.dedent(found[1]))
    return marked, unmarked


def _in_files(view: View) -> Iterator[Written]:
    """The top-level functions that differ between the workspace and the staged files."""
    for path, code, base in _changed_files(view):
        before = _functions(base) if base is not None else {}
        for name, function in _functions(code).items():
            old = before.get(name)
            if old is None or ast.dump(old) != ast.dump(function):
                yield Written(name, code, base if old is not None else None, path, ast.unparse(old or function))


def _changed_files(view: View) -> Iterator[tuple[str, str, str | None]]:
    """The Python files that the draft writes: path, text, and the text before (None: there was none)."""
    if view.changes is None or view.layer is None:
        return
    for change in view.changes.files:
        if not change.path.endswith(".py") or change.after is None or change.after.type != "file":
            continue
        code = _text(view.layer.root / change.path)
        base = _text(view.workspace / change.path) if view.workspace is not None and change.before else None
        if code is not None:
            yield change.path, code, base


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
