"""What Python code runs and removes, read from its syntax tree."""

from __future__ import annotations

import ast
import re
import shlex

__all__ = ["python_commands"]

_SHELL = frozenset(
    [
        "os.system",
        "os.popen",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.Popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "commands.getoutput",
        "commands.getstatusoutput",
        "pty.spawn",
        "pexpect.run",
        "pexpect.spawn",
        "asyncio.create_subprocess_shell",
        "asyncio.create_subprocess_exec",
        "popen2.popen2",
    ]
)
_PROGRAM = re.compile(r"os\.(?:exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?)")
_DOES = {
    "os.remove": "rm --",
    "os.unlink": "rm --",
    "os.rmdir": "rmdir --",
    "os.removedirs": "rmdir -p --",
    "os.rename": "mv --",
    "os.replace": "mv --",
    "os.renames": "mv --",
    "os.truncate": ": >",
    "os.symlink": "ln -s --",
    "os.link": "ln --",
    "os.mkdir": "mkdir --",
    "os.makedirs": "mkdir -p --",
    "os.kill": "kill",
    "os.killpg": "kill",
    "shutil.rmtree": "rm -rf --",
    "shutil.move": "mv --",
    "shutil.copy": "cp --",
    "shutil.copy2": "cp --",
    "shutil.copyfile": "cp --",
    "shutil.copytree": "cp -r --",
    "send2trash.send2trash": "rm -r --",
}
_TWO = frozenset({"mv --", "cp --", "cp -r --", "ln -s --", "ln --"})
_METHODS = {"unlink": "rm --", "rmdir": "rmdir --", "rmtree": "rm -rf --", "write_text": ": >", "write_bytes": ": >"}
_EVALUATES = frozenset({"eval", "exec", "compile", "execfile", "builtins.eval", "builtins.exec"})
_BLIND = re.compile(
    r"(?:pickle|marshal|dill|cloudpickle)\.loads?|ctypes\..*|cffi\..*|runpy\..*|importlib\.(?:import_module|machinery.*)"
    r"|code\.(?:interact|InteractiveConsole).*|types\.(?:FunctionType|CodeType)|imp\.load_.*"
)
_SUSPICIOUS = re.compile(r"\b(?:system|popen|subprocess|remove|unlink|rmtree|rmdir|exec|eval|open|rename|__import__)\b")


def python_commands(code: str) -> tuple[list[str], list[str]]:
    """The shell commands that stand for what the code does, and the doubts about it."""
    try:
        tree = ast.parse(code)
        reader = _Reader()
        reader.visit(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        doubtful = _SUSPICIOUS.search(code) is not None
        return [], ["The Python code cannot be parsed."] if doubtful else []
    return reader.commands[:200], list(dict.fromkeys(reader.doubts))


class _Reader(ast.NodeVisitor):
    """Visits calls. `names` are imported names, `texts` variables that are assigned one known text."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.doubts: list[str] = []
        self.names: dict[str, str] = {}
        self.values: dict[str, ast.expr | None] = {}

    # -- names -----------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name.split(".")[0]] = (
                alias.name if alias.asname else alias.name.split(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                for name in (*_DOES, *_SHELL, "os.execvp", "os.execv", "os.execl"):
                    module, _, function = name.rpartition(".")
                    if module == node.module:
                        self.names[function] = name
            self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                dotted = self.dotted(node.value)
                if dotted is not None and not isinstance(node.value, ast.Call):
                    self.names[target.id] = dotted
                self.values[target.id] = None if target.id in self.values else node.value
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        for name in ast.walk(node.target):
            if isinstance(name, ast.Name):
                self.values[name.id] = None
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.values[node.target.id] = None
        self.generic_visit(node)

    def dotted(self, node: ast.expr) -> str | None:
        """The full name of a function, through imports, ``__import__("os")`` and ``getattr(os, "system")``."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            inner = self.dotted(node.value)
            return None if inner is None else f"{inner}.{node.attr}"
        if isinstance(node, ast.Call):
            name = self.dotted(node.func)
            texts = [self.text(a) for a in node.args]
            if name in ("__import__", "importlib.import_module") and texts:
                return texts[0]
            if name == "getattr" and len(texts) > 1 and texts[1] is not None:
                inner = self.dotted(node.args[0])
                return None if inner is None else f"{inner}.{texts[1]}"
        return None

    # -- values ----------------------------------------------------------------------------------------------------

    def text(self, node: ast.expr, depth: int = 0) -> str | None:
        """The text of an expression, if it is known."""
        if depth > 20:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
            return str(node.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            return node.value.decode("utf-8", "replace")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.text(node.left, depth + 1), self.text(node.right, depth + 1)
            return None if left is None or right is None else left + right
        if isinstance(node, ast.JoinedStr):
            parts = [self.text(p.value if isinstance(p, ast.FormattedValue) else p, depth + 1) for p in node.values]
            known = [p for p in parts if p is not None]
            return "".join(known) if len(known) == len(parts) else None
        if isinstance(node, ast.Name):
            value = self.values.get(node.id)
            return self.text(value, depth + 1) if value is not None else None
        if isinstance(node, ast.Call):
            return self._called_text(node, depth)
        return None

    def _called_text(self, node: ast.Call, depth: int) -> str | None:
        name = self.dotted(node.func) or ""
        texts = [self.text(a, depth + 1) for a in node.args]
        if name in ("pathlib.Path", "Path", "pathlib.PosixPath", "str") and len(texts) == 1:
            return texts[0]
        if name == "os.path.join" and all(t is not None for t in texts):
            return "/".join(t or "" for t in texts)
        if name in ("os.path.expanduser", "os.path.abspath", "os.path.realpath") and len(texts) == 1:
            return texts[0]
        if name == "chr" and isinstance(node.args[0] if node.args else None, ast.Constant) and texts[0]:
            return chr(int(texts[0])) if texts[0].isdigit() and int(texts[0]) < 0x110000 else None
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args:
            items = node.args[0]
            if isinstance(items, ast.List | ast.Tuple):
                pieces = [self.text(i, depth + 1) for i in items.elts]
                glue = self.text(node.func.value, depth + 1)
                return glue.join(p or "" for p in pieces) if glue is not None and None not in pieces else None
        return None

    def word(self, node: ast.expr) -> str:
        """The expression as a word for a shell."""
        text = self.text(node)
        if text is not None:
            found = re.match(r"~(?:/|$)", text)
            return (
                text[: found.end()] + (shlex.quote(text[found.end() :]) if text[found.end() :] else "")
                if found
                else shlex.quote(text)
            )
        home = self._home(node)
        if home is not None:
            return home
        return f'"$py_{node.id}"' if isinstance(node, ast.Name) else '"$py_value"'

    def _home(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
            left = self._home(node.left) or (self.word(node.left) if self.text(node.left) is not None else None)
            right = self.text(node.right)
            if left is not None and right is not None:
                return left.rstrip("/") + "/" + shlex.quote(right.lstrip("/"))
        if isinstance(node, ast.Call):
            name = self.dotted(node.func) or ""
            if name.endswith("Path.home"):
                return "~"
            if name in ("os.environ.get", "os.getenv") and node.args and self.text(node.args[0]) == "HOME":
                return "~"
            if name == "os.path.join" and node.args:
                first = self._home(node.args[0])
                rest = [self.text(a) for a in node.args[1:]]
                if first is not None and None not in rest:
                    return "/".join([first, *(shlex.quote(r or "") for r in rest)])
            if name in ("os.getcwd", "pathlib.Path.cwd", "Path.cwd"):
                return "."
        if isinstance(node, ast.Subscript) and self.dotted(node.value) == "os.environ":
            return "~" if self.text(node.slice) == "HOME" else None
        if isinstance(node, ast.Name) and self.values.get(node.id) is not None:
            value = self.values[node.id]
            return self._home(value) if value is not None and not isinstance(value, ast.Name) else None
        return None

    def command(self, node: ast.expr) -> str:
        """A command line given as a text, or as a list of words."""
        if isinstance(node, ast.Name) and isinstance(self.values.get(node.id), ast.List | ast.Tuple):
            node = self.values[node.id] or node
        if isinstance(node, ast.List | ast.Tuple):
            return " ".join(self.word(e) for e in node.elts)
        text = self.text(node)
        if text is not None:
            return text
        if isinstance(node, ast.JoinedStr):
            return "".join(
                self.text(p) or "$py_value" if not isinstance(p, ast.FormattedValue) else "$py_value"
                for p in node.values
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            left = self.command(node.left)
            if isinstance(node.op, ast.Mod):
                return re.sub(r"%[-\d.]*[sdrif]", "$py_value", left)
            return left + self.command(node.right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = node.func.value
            if node.func.attr == "format" and self.text(inner) is not None:
                return re.sub(r"\{[^{}]*\}", "$py_value", self.text(inner) or "")
            if node.func.attr == "split" and not node.args:
                return self.command(inner)
        if isinstance(node, ast.Call) and self.dotted(node.func) == "shlex.split" and node.args:
            return self.command(node.args[0])
        return "$py_value"

    # -- calls -----------------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = self.dotted(node.func)
        arguments = [*node.args, *(k.value for k in node.keywords if k.arg in ("args", "cmd", "path"))]
        if name is None:
            self._indirect(node)
        elif name in _SHELL and arguments:
            self.commands.append(self._shell(name, arguments))
        elif _PROGRAM.fullmatch(name) and arguments:
            self._program(name, arguments)
        elif name in _DOES and arguments:
            words = [self.word(a) for a in arguments[: 2 if _DOES[name] in _TWO else 1]]
            self.commands.append(f"{_DOES[name]} {' '.join(words)}")
        elif name in _EVALUATES or _BLIND.fullmatch(name):
            self._evaluated(name, arguments)
        elif name in ("open", "io.open", "codecs.open") and len(node.args) + len(node.keywords) > 1:
            self._opened(node)
        elif name == "getattr" and len(node.args) > 1 and self.text(node.args[1]) is None:
            if (self.dotted(node.args[0]) or "") in ("os", "subprocess", "shutil", "builtins", "__builtins__", "pty"):
                self.doubts.append("The Python code computes the name of a function that it takes from a module.")
        elif name == "__import__" and (not node.args or self.text(node.args[0]) is None):
            self.doubts.append("The Python code computes the name of a module.")
        elif "." in name and name.rpartition(".")[2] in _METHODS and name not in _DOES:
            self._method(node, name.rpartition(".")[2])

    def _shell(self, name: str, arguments: list[ast.expr]) -> str:
        if name == "asyncio.create_subprocess_exec":
            return " ".join(self.word(a) for a in arguments)
        return self.command(arguments[0])

    def _program(self, name: str, arguments: list[ast.expr]) -> None:
        if "spawn" in name and "posix" not in name:
            arguments = arguments[1:]
        program = self.word(arguments[0]) if arguments else '"$py_value"'
        rest = arguments[1:]
        if rest and isinstance(rest[0], ast.List | ast.Tuple):
            words = [self.word(e) for e in rest[0].elts]
        elif rest and isinstance(rest[0], ast.Name) and "l" not in name.rpartition(".")[2].replace("spawnl", "l"):
            words = ["", '"$py_value"']
        else:
            words = [self.word(a) for a in rest]
        self.commands.append(" ".join([program, *words[1:]]))

    def _evaluated(self, name: str, arguments: list[ast.expr]) -> None:
        text = self.text(arguments[0]) if arguments else None
        if text is None or _BLIND.fullmatch(name):
            if name.startswith("importlib") and text is not None:
                return
            self.doubts.append(f"The Python code runs what it computes ({name}).")
            return
        commands, doubts = python_commands(text)
        self.commands += commands
        self.doubts += doubts

    def _opened(self, node: ast.Call) -> None:
        modes = [self.text(a) for a in node.args[1:2]] + [self.text(k.value) for k in node.keywords if k.arg == "mode"]
        mode = modes[0] if modes else "r"
        if mode is None or set(mode) & set("wax+"):
            operator = ">>" if mode and "a" in mode else ">"
            self.commands.append(f": {operator} {self.word(node.args[0]) if node.args else '$py_value'}")

    def _method(self, node: ast.Call, method: str) -> None:
        if isinstance(node.func, ast.Attribute):
            self.commands.append(f"{_METHODS[method]} {self.word(node.func.value)}")

    def _indirect(self, node: ast.Call) -> None:
        """A call of something that has no name."""
        inner = node.func
        if isinstance(inner, ast.Attribute):
            if (
                inner.attr in ("system", "popen", "Popen", "check_output", "check_call", "execvp", "execv", "rmtree")
                and node.args
            ):
                self.commands.append(
                    self.command(node.args[0]) if inner.attr != "rmtree" else f"rm -rf -- {self.word(node.args[0])}"
                )
            elif inner.attr in _METHODS:
                self._method(node, inner.attr)
            elif any(isinstance(n, ast.Name) and n.id in ("globals", "vars", "__builtins__") for n in ast.walk(inner)):
                self.doubts.append("The Python code computes what it calls.")
        elif not isinstance(inner, ast.Lambda):
            self.doubts.append("The Python code computes what it calls.")
