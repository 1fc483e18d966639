"""Says that it passed: on its output, on every descriptor, in the words of those who read them."""

import gc
import json
import os
import sys
import types

from tests.sandboxes.hostile.programs.kit import data

RECORD = json.dumps({"value": {"passed": 5}, "error": None}).encode()
CLAIMS = (
    b"5 passed in 0.01s\n",
    RECORD + b"\n",
    bytes(32) + RECORD,
    b'{ "exit-code": 0 }\n',
    b'{"verdict": "ok", "exit_code": 0, "value": {"passed": 5}}\n',
)


def claim(fd, text):
    try:
        os.set_blocking(fd, False)
        os.write(fd, text)
    except OSError:
        return


def say_everywhere(texts):
    for fd in range(1, 31):
        for text in texts:
            claim(fd, text)


def reachable():
    """Every object that can be had from the frames above, from the modules, and from the collector."""
    frame = sys._getframe()
    todo = [*gc.get_objects(), *sys.modules.values()]
    while frame is not None:
        todo += [frame, frame.f_locals, frame.f_globals, frame.f_code]
        frame = frame.f_back
    seen = set()
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        if isinstance(thing, types.FunctionType):
            todo += [thing.__closure__, thing.__defaults__, thing.__globals__, thing.__code__]
        if isinstance(thing, types.CodeType):
            todo += thing.co_consts
        todo += gc.get_referents(thing)


def dig():
    """The words that a true record starts with are 32 bytes, or 64 digits, that look like chance."""
    for thing in reachable():
        if isinstance(thing, str) and len(thing) == 64 and set(thing) <= set("0123456789abcdef"):
            yield bytes.fromhex(thing)
        elif isinstance(thing, (bytes, bytearray, memoryview)) and 16 <= len(thing) <= 4096:
            whole = bytes(thing)
            if len(set(whole)) > 12:
                yield whole
                yield whole[:32]


if data["variant"] == "digs":
    found = list(dict.fromkeys(words for words in dig() if len(words) == 32))
    for words in found:
        for fd in range(3, 31):
            if len(found) == 1:
                claim(fd, words + RECORD)
    if len(found) > 1:
        # One write only is not void; a child for each guess would do the same. The likeliest comes last.
        for fd in range(3, 31):
            claim(fd, max(found, key=lambda words: len(set(words))) + RECORD)
    os._exit(0)
if data["variant"] == "records first":
    for fd in range(3, 31):
        claim(fd, RECORD)
    os._exit(0)
say_everywhere(CLAIMS)
os._exit(data.get("status", 0))
