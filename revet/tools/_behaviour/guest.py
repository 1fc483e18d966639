"""Runs candidates on cases inside the sandbox and writes down what they returned. Judges nothing.

It is sent as text and executed with ``data = {"candidates": [...], "seconds": s, "budget": s, "memory": bytes}``, a
candidate being ``{"code": source, "entry": name, "cases": [{"kind", "source"}]}``; ``result`` is a list of one list of
records a candidate. Each candidate runs in a process of its own, which is watched by this one: a case that takes too
long, or that ends the process, costs that case alone. Nothing that the candidate defines (``__eq__``, ``__repr__``,
``json.dumps``) has a say in how a value is written down: only values of exactly the built-in types are spelled out.

A case of kind ``call`` is the source of a tuple of arguments. One of kind ``test`` is a statement that calls the
entry point; what is recorded are the values it got, and another process, without the candidate, judges by them.
Only the standard library.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_NODES, MOST_TEXT, DEEPEST = 4000, 20000, 40
MOST_DEATHS, MOST_LATE, MOST_STRAYS = 3, 2, 20
LOADING = 2.0
HEAD = 8
MAPPINGS = ("Counter", "OrderedDict", "defaultdict")
MOST_CALLS = 200
MOST_RECORD = 1 << 20
LOADED = -1


class TooMuch(Exception):
    """The value is too large to be written down."""


class Room:
    """How much of a value may still be written down: its parts, and the characters of its texts."""

    __slots__ = ("nodes", "text")

    def __init__(self) -> None:
        self.nodes, self.text = MOST_NODES, MOST_TEXT

    def take(self, nodes: int = 0, text: int = 0) -> None:
        self.nodes -= nodes
        self.text -= text
        if self.nodes < 0 or self.text < 0:
            raise TooMuch


def encode(value: Any, room: Room, depth: int = 0) -> list[Any]:
    """`value` as JSON, tagged with its type; what is no plain value is only named."""
    kind = type(value)
    if depth > DEEPEST:
        raise TooMuch
    if kind is list or kind is tuple:
        room.take(nodes=1)
        return ["l" if kind is list else "t", [encode(each, room, depth + 1) for each in value]]
    if kind is set or kind is frozenset:
        room.take(nodes=1)
        return ["S", sorted([encode(each, room, depth + 1) for each in value], key=json.dumps)]
    if kind is dict or (name_of(kind) in MAPPINGS and dict in type.mro(kind)):
        room.take(nodes=1)
        return ["d", [[encode(k, room, depth + 1), encode(v, room, depth + 1)] for k, v in dict.items(value)]]
    return encode_atom(value, kind, room)


def encode_atom(value: Any, kind: type, room: Room) -> list[Any]:
    room.take(nodes=1)
    if value is None:
        return ["n"]
    if kind is bool:
        return ["b", value]
    if kind is int:
        room.take(text=value.bit_length() // 4)
        return ["i", hex(value)]
    if kind is float:
        return ["f", float.__repr__(value)]
    if kind is complex:
        return ["c", float.__repr__(value.real), float.__repr__(value.imag)]
    if kind is str:
        room.take(text=len(value))
        return ["s", value.encode("utf-8", "backslashreplace").decode("utf-8")]
    if kind is bytes:
        room.take(text=2 * len(value))
        return ["y", value.hex()]
    return ["o", name_of(kind)]


def name_of(kind: type) -> str:
    """The type's name as Python has it, whatever its metaclass says."""
    return str(type.__dict__["__name__"].__get__(kind))[:80]


def written(value: Any) -> list[Any]:
    try:
        return encode(value, Room())
    except TooMuch:
        return ["long", name_of(type(value))]
    except RecursionError:
        return ["long", "recursive"]


def error_of(error: BaseException) -> list[str]:
    message = ""
    try:
        if isinstance(error, Exception):
            message = str(error)[:200]
    except BaseException:  # noqa: BLE001 (whatever the candidate's __str__ raises)
        message = ""
    return [name_of(type(error)), message.encode("utf-8", "replace").decode("utf-8")]


def call_case(function: Any, source: str, names: dict[str, Any]) -> dict[str, Any]:
    """What the function makes of one tuple of arguments, and whether it changed them."""
    try:
        arguments = eval(source, names)
    except BaseException as error:  # noqa: BLE001 (whatever a name in the arguments does)
        return {"bad": error_of(error)}
    before = written(arguments)
    try:
        value = function(*arguments)
    except BaseException as error:  # noqa: BLE001 (whatever the candidate raises is its result)
        return {"error": error_of(error)}
    record: dict[str, Any] = {"value": written(value)}
    after = written(arguments)
    if after != before:
        record["after"] = after
    return record


def test_case(entry: str, source: str, names: dict[str, Any]) -> dict[str, Any]:
    """The values that a test statement got from the entry point, in the order of the calls."""
    got: list[dict[str, Any]] = []
    function = names[entry]

    def recorded(*args: Any, **kwargs: Any) -> Any:
        if len(got) >= MOST_CALLS:
            raise RuntimeError("too many calls")
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            got.append({"error": error_of(error)})
            raise
        got.append({"value": written(value)})
        return value

    scope = dict(names)
    scope[entry] = recorded
    try:
        exec(compile(source, "<test>", "exec"), scope)
    except BaseException as error:  # noqa: BLE001 (whatever the candidate or the test raises is its result)
        return {"got": got, "ended": error_of(error)}
    return {"got": got}


class Channel:
    """Writes records to the watching process: a number, a length, JSON."""

    def __init__(self, descriptor: int) -> None:
        # Taken now, so that the candidate cannot put something else in their place.
        self.pack, self.write, self.dumps, self.descriptor = struct.pack, os.write, json.dumps, descriptor
        self.wrong = (RecursionError, MemoryError, ValueError, TypeError)

    def send(self, index: int, record: dict[str, Any]) -> None:
        try:
            body = self.dumps(record).encode("utf-8", "replace")
        except self.wrong:
            body = b'{"value": ["long", "unwritable"]}'
        if len(body) > MOST_RECORD:
            body = b'{"value": ["long", "value"]}'
        body = self.pack("<iI", index, len(body)) + body
        while body:
            body = body[self.write(self.descriptor, body) :]


def candidate_process(candidate: dict[str, Any], start: int, out: int, memory: int) -> None:
    """Load the candidate, then answer the cases from `start` on. Never returns."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    channel, leave, entry = Channel(out), os._exit, candidate["entry"]
    names: dict[str, Any] = {"__name__": "candidate", "__builtins__": __builtins__}
    loaded: dict[str, Any] = {}
    try:
        exec(compile(candidate["code"], "<candidate>", "exec"), names)
    except BaseException as error:  # noqa: BLE001 (whatever the candidate raises is its result)
        loaded = {"error": error_of(error), "line": line_of(error)}
    usable = callable(names.get(entry))
    loaded = loaded or ({"ok": True} if usable else {"missing": True})
    channel.send(LOADED, {**loaded, "defined": usable})
    for index in range(start, len(candidate["cases"]) if usable else start):
        case = candidate["cases"][index]
        if case["kind"] == "call":
            channel.send(index, call_case(names[entry], case["source"], names))
        else:
            channel.send(index, test_case(entry, case["source"], names))
    leave(0)


def line_of(error: BaseException) -> int | None:
    """The line of the candidate's code that raised."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<candidate>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class Watched:
    """One process of a candidate, and what it wrote so far."""

    def __init__(self, candidate: dict[str, Any], start: int, memory: int) -> None:
        self.pipe, theirs = os.pipe()
        self.buffer = bytearray()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                candidate_process(candidate, start, theirs, memory)
            finally:
                os._exit(1)
        os.close(theirs)

    def records(self, deadline: float) -> list[tuple[int, Any]] | None:
        """Those that arrive next; none if none does before the deadline; None at the end of all."""
        while True:
            found = self._whole()
            if found is None or found:
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.pipe], [], [], left)[0]:
                return []
            chunk = os.read(self.pipe, 1 << 16)
            if not chunk:
                return None
            self.buffer += chunk

    def _whole(self) -> list[tuple[int, Any]] | None:
        found = []
        while len(self.buffer) >= HEAD:
            index, size = struct.unpack_from("<iI", self.buffer)
            if size > MOST_RECORD:
                return None
            if len(self.buffer) < HEAD + size:
                break
            found.append((index, decoded(bytes(self.buffer[HEAD : HEAD + size]))))
            del self.buffer[: HEAD + size]
        return found

    def end(self) -> str:
        """Kill the process and what it started; how it ended."""
        for kill in (os.killpg, os.kill):
            try:
                kill(self.pid, signal.SIGKILL)
            except OSError:
                continue
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pipe)
        stop_strays()
        return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


def decoded(body: bytes) -> dict[str, Any]:
    try:
        record = json.loads(body)
    except ValueError:
        record = None
    return record if isinstance(record, dict) else {"died": "it wrote what is no record"}


def stop_strays() -> None:
    """Kill what the candidate left running: this process is the reaper of all its descendants."""
    for _ in range(MOST_STRAYS):
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as children:  # noqa: PTH123 (few imports)
                strays = [int(each) for each in children.read().split()]
        except OSError:
            return
        if not strays:
            return
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except OSError:
                continue


class Answers:
    """The records of one candidate: how it was loaded, and then one for each case."""

    def __init__(self, count: int) -> None:
        self.loaded: dict[str, Any] | None = None
        self.cases: list[dict[str, Any] | None] = [None] * count

    def collect(self, process: Watched, start: int, seconds: float, over: float) -> tuple[int, str]:
        """Take records until the process ends or is late. The case that it did not answer, and why not."""
        expected = LOADED
        while True:
            patience = max(seconds, LOADING) if expected == LOADED else seconds
            records = process.records(min(time.monotonic() + patience, over))
            for index, record in records or ():
                if index == LOADED and expected == LOADED:
                    self.loaded = self.loaded or record
                    expected = start
                elif index == expected < len(self.cases):
                    self.cases[index] = record
                    expected += 1
            if not records:
                return expected, "died" if records is None else "timeout"

    @property
    def usable(self) -> bool:
        return self.loaded is not None and bool(self.loaded.get("defined"))


def run_candidate(candidate: dict[str, Any], seconds: float, budget: float, memory: int) -> list[Any]:
    """How loading ended, and then each case: a case that is not answered costs a process, a few at most."""
    count = len(candidate["cases"])
    answers = Answers(count)
    over = time.monotonic() + budget
    start, deaths, late = 0, 0, 0
    while deaths < MOST_DEATHS and late < MOST_LATE and time.monotonic() < over:
        process = Watched(candidate, start, memory)
        stopped, why = answers.collect(process, start, seconds, over)
        ended = process.end()
        record: dict[str, Any] = {"timeout": True} if why == "timeout" else {"died": ended}
        if stopped == LOADED:
            answers.loaded = answers.loaded or record
            break
        if stopped >= count or not answers.usable:
            break
        answers.cases[stopped] = record
        start, deaths, late = stopped + 1, deaths + 1, late + (why == "timeout")
        if start >= count:
            break
    return [answers.loaded, *answers.cases]


def adopt_strays() -> None:
    """Become the parent of descendants whose own parent ended (prctl PR_SET_CHILD_SUBREAPER)."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return


def main(order: dict[str, Any]) -> list[list[Any]]:
    sys.setrecursionlimit(1000)
    adopt_strays()
    return [run_candidate(each, order["seconds"], order["budget"], order["memory"]) for each in order["candidates"]]


if "data" in globals():
    result = main(globals()["data"])
