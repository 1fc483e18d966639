"""One assertion, one test: turns a script of assertions into a pytest module.

The public bug sets ship their tests as scripts (``assert f(1) == 2`` one after another, or inside ``check(f)``). Run
as a whole such a script says only "fails"; taken apart it says which cases fail, which is what fault localisation
needs. No assertion is added, dropped or changed, and they keep their order.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from revet.errors import InputError

__all__ = ["as_pytest"]

# A row of HumanEvalFix has the tail of its prompt's function body before the tests.
STRAY = re.compile(r"\A(?:[ \t]+\S.*\n|[ \t]*\n)+")


def as_pytest(script: str, module: str) -> str:
    """The source of a pytest module that makes the assertions of `script` about everything in `module`.

    Raises `InputError` if the script does not parse or asserts nothing.
    """
    try:
        body = ast.parse(STRAY.sub("", script)).body
    except SyntaxError as error:
        raise InputError(f"the tests do not parse: line {error.lineno}: {error.msg}") from error
    checker = _checker(body)
    if checker is not None:
        function, entry = checker
        setup = [s for s in body if s is not function and not _calls(s, function.name)]
        name = function.args.args[0].arg
        bind = [] if name == entry else [ast.parse(f"{name} = {entry}").body[0]]
        statements = [*setup, *bind, *_without_docstring(function.body)]
    else:
        statements = body
    return _module(statements, module)


def _checker(body: Sequence[ast.stmt]) -> tuple[ast.FunctionDef, str] | None:
    """``def check(candidate): …`` that the script calls once with one name, as HumanEval writes it."""
    for function in (s for s in body if isinstance(s, ast.FunctionDef) and len(s.args.args) == 1):
        for statement in body:
            call = _calls(statement, function.name)
            if call and len(call.args) == 1 and isinstance(call.args[0], ast.Name) and not call.keywords:
                return function, call.args[0].id
    return None


def _calls(statement: ast.stmt, name: str) -> ast.Call | None:
    call = statement.value if isinstance(statement, ast.Expr) else None
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name
    return call if named and isinstance(call, ast.Call) else None


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if documented else body


def _module(statements: Sequence[ast.stmt], module: str) -> str:
    lines = [f"from {module} import *", f"import {module}", ""]
    collected = {s.name for s in statements if isinstance(s, ast.FunctionDef) and s.name.startswith("test")}
    count = len(collected)
    for statement in statements:
        if any(_calls(statement, name) for name in collected):
            continue  # pytest calls what is named like a test by itself, in the same order
        if _asserts(statement):
            count += 1
            block = "\n".join("    " + line if line.strip() else line for line in ast.unparse(statement).splitlines())
            lines += ["", f"def test_{count:03}():", *_globals(statement), block, ""]
        else:
            lines.append(ast.unparse(statement))
    if not count:
        raise InputError("the tests assert nothing")
    return "\n".join(lines) + "\n"


def _asserts(statement: ast.stmt) -> bool:
    """True for what a test is made of: an assertion, a block that holds one, or a bare call of a test function."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return False
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return isinstance(statement.value.func, ast.Name)
    return any(isinstance(node, ast.Assert) for node in ast.walk(statement))


def _globals(statement: ast.stmt) -> list[str]:
    """Names that a block assigns stay module-wide, as they were in the script."""
    assigned = sorted({n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
    loops = {
        n.id
        for c in ast.walk(statement)
        if isinstance(c, ast.comprehension)
        for n in ast.walk(c.target)
        if isinstance(n, ast.Name)
    }
    names = [n for n in assigned if n not in loops]
    return [f"    global {', '.join(names)}"] if names else []
