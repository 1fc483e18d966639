"""The process that examines queries: bounds itself, then answers requests, one JSON object a line, to its end.

Run by path. It may write no file at all, and gets no more memory than its first argument says, in bytes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

NAME = "_revet_sql"


def main() -> None:
    _bound(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    package = _package()
    databases = package.Databases()
    for line in sys.stdin:
        answers.write(json.dumps(_answered(package, line, databases)) + "\n")
        answers.flush()


def _answered(package: Any, line: str, databases: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = package.examine(json.loads(line), databases)
    except MemoryError:
        return {"outcome": "error", "text": "error: it needs more memory than it may use", "problems": [], "data": {}}
    except Exception as error:  # noqa: BLE001 - whatever a query does to the examination, it is told, and the next comes
        text = f"inconclusive: the query could not be examined ({type(error).__name__})"
        return {"outcome": "inconclusive", "text": text, "problems": [], "data": {}}
    return answer


def _bound(memory: int) -> None:
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


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
    return importlib.import_module(f"{NAME}.examine")


if __name__ == "__main__":
    main()
