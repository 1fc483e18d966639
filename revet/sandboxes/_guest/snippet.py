"""Runs one piece of Python inside a sandbox, in this process, and tells how it ended.

As a program (the cold way) it reads its order from standard input. A warm interpreter calls `run` in a fresh fork.

A record is JSON, and then a proof: of code that ran to its end, a secret that only the host knows; of code that
failed, a NUL byte, which anybody can write. Without either the code did not run to its end, whatever it printed or
wrote to any descriptor.

The secret must be out of the code's reach while it runs, and in ours afterwards. So no variable, object or module
ever holds it: it is read when everything else is ready, straight into an argument of ``os.write``, whose other
argument, the descriptor, is an object that runs the code when C asks for its number. The call holds the secret where
neither frames nor the garbage collector show it. If the code ends in any way but at its end, there is no number, and
the call fails. Memory is shared all the same: code that digs in it with ``ctypes`` finds the secret, so what a piece
of code *computes* is to be compared outside.

Only the standard library, and little of it. Works in Python 3.8 and newer.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FILE = "<code>"
FAILED = b"\0"  # JSON text never holds it
SECRET_BYTES = 32
MAX_TEXT = 20_000
PR_SET_DUMPABLE = 4
# What a sandbox answers to what it does not allow.
REFUSALS = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.EROFS,
        errno.ENOSYS,
        errno.ENETUNREACH,
        errno.EAFNOSUPPORT,
        errno.ENETDOWN,
        errno.ESOCKTNOSUPPORT,
        errno.EPROTONOSUPPORT,
    }
)


class Body:
    """The code, in the place of the descriptor `report`: who asks for the number has run the code to its end.

    Then the record has been written, too. Whatever the code raises comes out, so nothing here may catch it.
    """

    __slots__ = ("code", "encode", "flush", "names", "report", "returns", "send")

    def __init__(self, code: Any, names: dict[str, Any], returns: str, report: int) -> None:
        self.code, self.names, self.returns, self.report = code, names, returns, report
        # Taken now, so that the code cannot put something else in their place.
        self.encode, self.flush, self.send = encode, flush, send

    def __index__(self) -> int:
        exec(self.code, self.names)
        self.flush()
        self.send(self.report, self.encode(self.names.get(self.returns), self.returns))
        return self.report


def run(code: Any, data: Any, returns: str, report: int, secret: Callable[[], bytes]) -> int:
    """Execute `code` (source, or a code object) with the variable ``data``, and write the record to `report`.

    `secret` is called once, just before the code runs. Returns the exit status: 0 if the code ran to its end.
    """
    write, tell, put, flush_all = os.write, describe, send, flush
    main = type(sys)("__main__")
    try:
        if isinstance(code, (str, bytes)):
            code = compile(code, FILE, "exec", dont_inherit=True)
        main.__dict__.update(__builtins__=builtins, data=data)
        sys.modules["__main__"] = main
        body: Any = Body(code, main.__dict__, returns, report)
        write(body, secret())
    except BaseException as error:  # noqa: BLE001 - it is what the code raised, and is told
        if isinstance(error, MemoryError):
            main.__dict__.clear()
        flush_all()
        put(report, tell(error) + FAILED)
        return 1
    return 0


def encode(value: Any, name: str) -> bytes:
    """The record of code that ran to its end."""
    if value is None:
        return b'{"value": null, "error": null}'
    try:
        return b'{"value": %b, "error": null}' % TEXT(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the variable {name!r} does not hold JSON: {error}") from None


TEXT = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


def describe(error: BaseException) -> bytes:
    """The record of code that failed. The exception's own methods may be hostile."""
    line: Any = None
    frames: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == FILE:
            line = trace.tb_lineno
            frames.append(f"  line {trace.tb_lineno}, in {code.co_name}")
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == FILE:
        line = error.lineno
    try:
        message = str(error)
    except BaseException as second:  # noqa: BLE001 - the code's own class
        message = f"(its message cannot be shown: {type(second).__name__})"
    if isinstance(error, SystemExit):
        message = f"the code ended its process with {message or '0'} before its end"
    name = type(error).__name__
    lines = frames if len(frames) <= 40 else [*frames[:20], f"  … {len(frames) - 40} more …", *frames[-20:]]
    told = {
        "type": name[:MAX_TEXT],
        "message": message[:MAX_TEXT],
        "line": line if isinstance(line, int) else None,
        "traceback": "\n".join(["Traceback (most recent call last):", *lines, f"{name}: {message}"])[:MAX_TEXT],
        "denied": isinstance(error, OSError) and error.errno in REFUSALS,
        "memory": isinstance(error, MemoryError),
    }
    return TEXT({"value": None, "error": told}).encode("utf-8", "backslashreplace")


def send(report: int, record: bytes) -> None:
    left = memoryview(record)
    while left:
        left = left[os.write(report, left) :]


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: BLE001 - closed, replaced or broken by the code
            continue


def hide_memory() -> None:
    """Close ``/proc/self/mem`` to the code: it would find the secret there without ``ctypes``."""
    try:
        import ctypes  # not every interpreter has it

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return


def main() -> None:
    """Read the order from standard input: a JSON line, the code, the data, the secret; the rest is the code's."""
    hide_memory()
    stdin = io.FileIO(0, closefd=False)  # unbuffered: what follows the order is the code's
    order = json.loads(read_line(stdin))
    code = read_exactly(stdin, order["code"])
    data = json.loads(read_exactly(stdin, order["data"]))
    report = int(os.environ.pop("REVET_REPORT"))
    sys.argv = [FILE]
    sys.path.insert(0, "")
    os._exit(run(code, data, order["returns"], report, lambda: read_exactly(stdin, SECRET_BYTES)))


def read_line(stream: io.FileIO) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = stream.read(1)
        if not byte:
            raise EOFError
        line += byte
    return line


def read_exactly(stream: io.FileIO, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
