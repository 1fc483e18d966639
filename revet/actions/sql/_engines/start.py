"""The process in which SQL is tried: bounds itself, reads one request from its input, answers with one JSON object."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

NAME = "_revet_sql_engines"


def main() -> None:
    memory = int(sys.argv[1])
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape")
    os.dup2(2, 1)  # what a library prints is no answer
    request = json.loads(sys.stdin.buffer.read())
    try:
        answer = _package().tried(request)
    except MemoryError:
        answer = {"fault": {"why": "failed", "text": "it needs more memory than it may use"}}
    answers.write(json.dumps(answer))
    answers.flush()


def _package() -> Any:
    """The modules beside this file, under a name of their own: Revet's other rooms are not imported."""
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    return importlib.import_module(f"{NAME}.work")


if __name__ == "__main__":
    main()
