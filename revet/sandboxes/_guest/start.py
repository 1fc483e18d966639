"""Starts the warm interpreter: ``python -I start.py`` loads the modules beside it and calls ``forkserver.main``.

They are compiled in a process that is gone afterwards: what the compiler leaves in memory, every fork would inherit.

Only the standard library, and little of it. Works in Python 3.8 and newer.
"""

from __future__ import annotations

import marshal
import os
import sys

PARTS = ("orders", "snippet", "ground", "forkserver")


def compiled(folder: str) -> bytes:
    """The code objects of the parts, in a form for this interpreter alone."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        codes = []
        for part in PARTS:
            path = f"{folder}/{part}.py"
            with open(path, "rb") as source:  # noqa: PTH123 - pathlib would take memory in every fork
                codes.append(compile(source.read(), path, "exec", dont_inherit=True))
        with os.fdopen(writer, "wb") as stream:
            marshal.dump(codes, stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        found = stream.read()
    os.waitpid(child, 0)
    return found


def main() -> None:
    codes = marshal.loads(compiled(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    modules = {part: type(sys)(part) for part in PARTS}
    sys.modules.update(modules)  # for the time of loading: what the code imports must not be ours
    for part, code in zip(PARTS, codes):  # noqa: B905 - Python 3.8 has no `strict`
        exec(code, modules[part].__dict__)
    for part in PARTS:
        del sys.modules[part]
    modules["forkserver"].main()


if __name__ == "__main__":
    main()
