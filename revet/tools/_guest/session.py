"""Runs a program after the programs of its session, in one namespace, inside the sandbox.

``data`` holds the sources, the last of which is the program; those before it ran to their end once and are repeated
without a sound. ``random`` is seeded, so that a repeated program does what it did. If one ends otherwise, the program
is not run (`SessionLost`). ``answer`` of an earlier program can be read, and is no answer of this one.

The programs run in this very module, as ``__main__``, and find nothing of it: what `run` needs it holds on to itself.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

ANSWER = "answer"


class SessionLost(Exception):
    """An earlier program did not run to its end this time."""


class Watched:
    """The namespace as a program's local names. It sees whether the program sets its answer."""

    def __init__(self, names: dict[str, Any], answer: str) -> None:
        self.names, self.answer, self.answered = names, answer, False

    def __getitem__(self, name: str) -> Any:
        return self.names[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.answered = self.answered or name == self.answer
        self.names[name] = value

    def __delitem__(self, name: str) -> None:
        del self.names[name]

    def keys(self) -> Iterable[str]:
        return self.names.keys()


def repeat(sources: list[str], names: dict[str, Any], lost: type[Exception]) -> None:
    """Run the sources, with nowhere to write to."""
    import os
    import sys

    streams = [os.dup(1), os.dup(2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    for source in sources:
        try:
            exec(compile(source, "<code>", "exec", dont_inherit=True), names)
        except BaseException as error:  # noqa: BLE001 - it is the programs' own, and is told
            raise lost(f"{type(error).__name__}: {error}") from None
    for number, stream in enumerate((sys.stdout, sys.stderr), 1):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001 - closed or replaced by a program: nothing is left in it
            continue
        finally:
            os.dup2(streams[number - 1], number)


def run(names: dict[str, Any]) -> None:
    """The programs in ``names["data"]``; of this module only what a module has of itself is left in `names`."""
    import random

    *earlier, program = names["data"]
    answer, lost, again, watch = ANSWER, SessionLost, repeat, Watched
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    names.update(data=None, __doc__=None)
    random.seed(0)
    if earlier:
        again(earlier, names, lost)
    code = compile(program, "<code>", "exec", dont_inherit=True)
    if answer not in names:
        exec(code, names)
        return
    before, watched = names[answer], watch(names, answer)
    local: Any = watched
    exec(code, names, local)
    if not watched.answered and names.get(answer) is before:
        names.pop(answer, None)


if __name__ == "__main__":
    run(globals())
