"""Starts a check inside the sandbox: ``python /revet/guest/launch.py``, its configuration as JSON on
standard input.

Everything the guest needs from the standard library and from pytest is imported before the workspace is put
on `sys.path`, so that a file of the workspace named like one of theirs cannot take its place.
"""

# os.path, not pathlib: strings in, strings out, on hot paths.
# ruff: noqa: PTH100, PTH109, PTH120, PTH207
from __future__ import annotations

import functools
import glob
import importlib
import importlib.util
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    config: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    expand(config)
    report = own("channel").open_channel(int(os.environ.pop("REVET_REPORT")), bytes.fromhex(config.pop("key")))
    if config["kind"] == "pytest" and importlib.util.find_spec("pytest") is None:
        report("missing", what="pytest", python=sys.executable)
        return 3
    # The code under test will find these frames above its own: nothing lies in them that writes reports.
    work = [functools.partial(load(config), report)]
    del report
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.getcwd(), *config["pythonpath"], *(p for p in sys.path if os.path.abspath(p) != here)]
    if config["pythonpath"]:
        os.environ["PYTHONPATH"] = os.pathsep.join(config["pythonpath"])
    for name in [n for n in sys.modules if n.startswith("_revet_guest")]:
        del sys.modules[name]
    return int(work.pop()())


def expand(config: dict[str, Any]) -> None:
    """Put the files that they stand for in the place of file patterns, as a shell does."""
    words: list[str] = []
    for position, word in enumerate(config["args"]):
        found = sorted(glob.glob(word)) if position in config["patterns"] else []
        words += found or [word]
    config["args"] = words


def load(config: dict[str, Any]) -> Callable[[Any], int]:
    """The function that does what `config` asks for, with all it will import."""
    if config["mode"] == "screen":
        prepared: Callable[[Any], int] = own("screening").prepare(config)
        return prepared
    return examine(config)


def examine(config: dict[str, Any]) -> Callable[[Any], int]:
    contexts, sources = own("context"), own("sources")
    run = own(config["kind"] + "_run").run

    def work(send: Any) -> int:
        context = contexts.Context(config, send)
        del send
        if config["kind"] == "pytest":
            sources.install(context.workspace, None, context.origins.note)
        try:
            status = int(run(context))
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 2
            context.send("exit", status=status, what=str(error))
            return status or 1
        context.inspect(everything=True)
        context.send("end", status=status)
        return status

    return work


def own(name: str) -> Any:
    """A module of the guest, which lies beside this file under a name that nothing else has."""
    return importlib.import_module("_revet_guest." + name)


if __name__ == "__main__":
    sys.exit(main())
