"""Runs tests one by one, each after the program in a namespace of its own, inside the sandbox.

``data`` holds the program (empty where the workspace is the program), the tests, and the seconds that each may take.
``result`` is a list of ``[passed, message]``; the message of a comparison that does not hold says what was found.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    data: Any = None

SHOWN = 300


class TooLong(BaseException):
    """The test's time is over."""


def ran(code: str, test: str, seconds: float) -> list[object]:
    import signal

    def over(number: int, frame: object) -> None:
        raise TooLong

    names: dict[str, object] = {"__name__": "own_tests"}
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        exec(compile(code, "<program>", "exec"), names)
        exec(compile(test, "<test>", "exec"), names)
    except TooLong:
        return [False, f"it did not end within {seconds:g} s"]
    except AssertionError as error:
        return [False, str(error)[:SHOWN] or found(test, names)]
    except BaseException as error:  # noqa: BLE001 - whatever ends the test, the next one is run
        return [False, f"{type(error).__name__}: {error}"[:SHOWN]]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [True, ""]


def found(test: str, names: dict[str, object]) -> str:
    """What stood on the left of the comparison that did not hold."""
    import ast

    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            try:
                left = ast.unparse(node.test.left)
                value = eval(left, names)
                if not eval(ast.unparse(node.test), names):
                    return f"{left} is {value!r}"[:SHOWN]
            except BaseException:  # noqa: BLE001 - it ran once and does not now: there is nothing to tell
                return "it does not hold"
    return "it does not hold"


def main(given: Any) -> list[list[object]]:
    import os
    import sys

    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - the program may have changed what pathlib does
    return [ran(given["code"], test, given["seconds"]) for test in given["tests"]]


if __name__ == "__main__":
    result = main(data)
