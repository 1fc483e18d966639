"""Code that does not run to its end cannot say that it did: the ways to forge the end, warm and cold."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from revet.sandboxes import ExecVerdict, Limits, Local
from revet.sandboxes.base import Session
from revet.sandboxes.local import LocalSession

pytestmark = pytest.mark.sandbox

LIMITS = Limits(wall_seconds=8)
RECORD = rb'{"value": 42, "error": null}'
# Everything that can be reached from frames, tracebacks and the garbage collector.
REACH = """
import gc, sys, os
def reach():
    frames, frame = [], sys._getframe()
    while frame is not None:
        frames.append(frame); frame = frame.f_back
    frames += sys._current_frames().values()
    todo, seen = [*frames, *gc.get_objects(), *sys.modules.values()], set()
    for frame in frames:
        todo += [frame.f_locals, frame.f_globals, frame.f_builtins, frame.f_code, frame.f_trace]
    found = set()
    while todo:
        thing = todo.pop()
        if id(thing) in seen: continue
        seen.add(id(thing))
        if type(thing) in (bytes, bytearray, str, memoryview) and len(thing) >= 8: found.add(bytes(thing, "latin-1", "replace") if type(thing) is str else bytes(thing))
        todo += gc.get_referents(thing)
    return found
"""  # noqa: E501
FORGERIES = {
    "exit": "raise SystemExit(0)",
    "os._exit": "import os; os._exit(0)",
    "exit after printing": "import os; print('5 passed'); os.write(1, RECORD + bytes(1)); os._exit(0)",
    "descriptors": """
import os
for fd in range(3, 31):
    for end in (b"", bytes(1), bytes(32)):
        try: os.write(fd, RECORD + end)
        except OSError: pass
os._exit(0)
""",
    "atexit": """
import atexit, os, sys
atexit.register(lambda: [os.write(fd, RECORD) for fd in (1, 3)])
sys.exit(0)
""",
    "builtins": """
import builtins, sys
real = builtins.BaseException
class Never(real): pass
builtins.BaseException = builtins.Exception = Never
builtins.exec = builtins.compile = lambda *a, **k: None
builtins.isinstance = lambda *a: False
raise SystemExit(0)
""",
    "patched modules": """
import json, os, sys
json.JSONEncoder.encode = lambda self, record: '{"value": 42, "error": null}'
os.write = lambda fd, data: len(data)
os._exit = sys.exit = lambda status: None
sys.modules.clear()
raise SystemExit(0)
""",
    "stack frames": """
import os, sys
frame, found = sys._getframe(), []
while frame is not None:
    found += [v for v in [*frame.f_locals.values(), *frame.f_globals.values()] if isinstance(v, bytes)]
    frame = frame.f_back
for secret in found:
    os.write(3, RECORD + secret)
os._exit(0)
""",
    "everything reachable": REACH
    + """
for fd in range(3, 10):
    for secret in reach():
        for part in {secret, secret[:32], secret[-32:]}:
            try: os.write(fd, part)
            except OSError: break
os._exit(0)
""",
    "own functions": """
import os, sys
frame = sys._getframe()
while frame is not None:
    body = frame.f_locals.get("self")
    if hasattr(type(body), "__index__"):
        body.code = compile("result = 42", "<code>", "exec")
        type(body).__index__(body)
        int.__index__
        os.write(body, b"")
    frame = frame.f_back
os._exit(0)
""",
    "locals of the frames": """
import sys
frame = sys._getframe()
while frame is not None:
    here = frame.f_locals
    for name in list(here):
        if callable(here[name]) or name in ("put", "tell", "secret", "write"):
            try: here[name] = lambda *a: b""
            except Exception: pass
    frame = frame.f_back
raise SystemExit(0)
""",
    "tracing": """
import sys
def jump(frame, event, arg):
    frame.f_trace = jump
    for line in (frame.f_lineno + n for n in range(-3, 9)):
        try: frame.f_lineno = line; break
        except ValueError: pass
    return jump
sys.settrace(jump)
frame = sys._getframe()
while frame is not None:
    frame.f_trace = jump
    frame = frame.f_back
raise SystemExit(0)
""",
    "profiling": """
import os, sys
def watch(frame, event, arg):
    for thing in (frame.f_locals, arg):
        os.write(3, RECORD + repr(thing).encode()[:32])
    os._exit(0)
sys.setprofile(watch)
raise SystemExit(0)
""",
    "signals": """
import os, signal, sys
def caught(number, frame):
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, bytes): os.write(3, RECORD + value)
        frame = frame.f_back
    os._exit(0)
signal.signal(signal.SIGALRM, caught)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
while True: pass
""",
    "own memory file": """
import os
data = b""
for line in open("/proc/self/maps"):
    low, high = (int(part, 16) for part in line.split()[0].split("-"))
    with open("/proc/self/mem", "rb", 0) as memory:
        memory.seek(low); data += memory.read(high - low)
os.write(3, RECORD + data[:32])
os._exit(0)
""",
    "memory of the process from another": """
import os
if os.fork() == 0:
    with open(f"/proc/{os.getppid()}/mem", "rb", 0) as memory: os.write(3, memory.read(32))
os.wait()
os._exit(0)
""",
    "equality and hashes": """
import os
class Same(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
class Meta(type):
    def __instancecheck__(cls, thing): return True
    def __eq__(cls, other): return True
    __hash__ = type.__hash__
class Error(BaseException, metaclass=Meta):
    def __str__(self): os._exit(0)
    args = property(lambda self: os._exit(0))
raise Error
""",
    "a thread that ends the process": """
import os, threading, time
threading.Thread(target=lambda: os._exit(0)).start()
time.sleep(5)
""",
    "the channel is closed": "import os; os.closerange(3, 99); raise SystemExit(0)",
    "the interpreter is replaced": "import os; os.execv('/bin/sh', ['sh', '-c', 'echo {} >&3; echo 5 passed; exit 0'])",
}


@pytest.fixture(params=["warm", "cold"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    async with await Local(workers=1).open(limits=LIMITS) as opened:
        if request.param == "cold":
            opened._pool._refusal = "this test wants a fresh interpreter"
        yield opened


@pytest.mark.parametrize("name", list(FORGERIES))
async def test_forged_ends_fail(session: Session, name: str) -> None:
    ended = await session.run_python(f"RECORD = {RECORD!r}\n{FORGERIES[name]}")
    assert ended.verdict not in (ExecVerdict.ok, ExecVerdict.crash), ended
    assert ended.value is None
    after = await session.run_python("result = 1")
    assert (after.verdict, after.value) == (ExecVerdict.ok, 1)


async def test_a_spoilt_channel_gives_no_value(session: Session) -> None:
    for junk in ("RECORD", "b'x'", "b'[]'", r"b'\xff'", "b'[' * 100_000", 'b\'{"value": NaN, "error": null}\''):
        ended = await session.run_python(f"RECORD = {RECORD!r}\nimport os; os.write(3, {junk}); result = 1")
        assert ended.verdict is ExecVerdict.exception and ended.value is None, junk
    error = b'{"value": null, "error": {"type": 5, "message": [], "line": "x", "traceback": null}}'
    for junk in (error, b'{"error": 3}', b"{}", b"\xff", b'{"error": {"type": "\\ud800"}}'):
        ended = await session.run_python(f"import os; os.write(3, {junk!r} + bytes(1)); os._exit(0)")
        assert ended.verdict is ExecVerdict.exception and ended.error is not None, junk
    half = '{"value": "\\ud800", "error": null}'
    ended = await session.run_python(
        f"import sys; sys._getframe(1).f_locals['self'].encode = lambda *a: {half!r}.encode()"
    )
    assert ended.verdict is ExecVerdict.exception and ended.value is None


async def test_the_secret_would_be_found_if_it_could_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search that finds nothing does find what is there, and not the secret, which is known here."""
    known = secrets.token_bytes(32)
    real = secrets.token_bytes
    monkeypatch.setattr(secrets, "token_bytes", lambda size: known if size == 32 else real(size))
    search = REACH + "\nmarks = bytes.fromhex(data)\nresult = [any(bytes(a ^ 1 for a in s) == marks for s in reach() "
    search += "if len(s) == 32), len(reach()) > 1000, any(s == HERE for s in reach())]\n"
    twisted = bytes(byte ^ 1 for byte in known).hex()
    async with await Local(workers=1).open(limits=LIMITS) as session:
        for refusal in ("", "cold"):
            session._pool._refusal = refusal
            ended = await session.run_python(f"HERE = bytes(range(32))\n{search}", twisted)
            assert ended.value == [False, True, True], ended


def twisted(secret: bytes) -> str:
    return bytes(byte ^ 255 for byte in secret).hex()


async def test_the_key_of_the_namespaces_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork's memory does not hold it; and with it, a fork still has no right to make them."""
    known = secrets.token_bytes(8)
    real = secrets.token_bytes
    monkeypatch.setattr(secrets, "token_bytes", lambda size: known if size == 8 else real(size))
    # The scan never holds the key itself, only a pattern that is spelt out, so that whatever it finds was there.
    scan = """
import ctypes, re
def pattern(text): return re.compile("".join("\\\\x%02x" % (b ^ 255) for b in bytes.fromhex(text)).encode(), re.S)
here = bytes(b ^ 255 for b in bytes.fromhex(data[1]))
wanted, control, found = pattern(data[0]), pattern(data[1]), [0, 0]
for line in open("/proc/self/maps").read().splitlines():
    place, rights = line.split()[:2]
    if rights.startswith("rw"):
        low, high = (int(part, 16) for part in place.split("-"))
        block = ctypes.string_at(low, high - low)
        found[0] += len(wanted.findall(block)); found[1] += len(control.findall(block))
result = [found[0], found[1] > 0]
"""
    use = """
import ctypes
libc, key = ctypes.CDLL(None, use_errno=True), ctypes.c_uint64(int.from_bytes(bytes.fromhex(data), "little"))
long, result = ctypes.c_long, []
for number, first, second in MOUNT, UNSHARE:
    done = libc.syscall(long(number), first, second, b"tmpfs", long(0), None, key)
    result.append([done, ctypes.get_errno()])
"""
    import platform

    from revet.sandboxes._guest.orders import SYSTEM_CALLS

    mount, unshare, _ = SYSTEM_CALLS[platform.machine()]
    calls = f"MOUNT, UNSHARE = ({mount}, b'x', b'/tmp'), ({unshare}, 0x20000, None)\n"
    async with await Local(workers=1).open(limits=LIMITS) as session:
        for _ in range(3):
            ended = await session.run_python(scan, [twisted(known), twisted(bytes(range(100, 108)))])
            assert ended.value == [0, True], ended
        ended = await session.run_python(calls + use, known.hex())
        assert ended.value == [[-1, 1], [-1, 1]], ended


async def test_a_signal_handler_cannot_stop_the_end(session: LocalSession) -> None:
    """A handler that runs for ever after the record keeps nothing busy."""
    code = "import signal, time\ndef late(*a):\n    while True: pass\nsignal.signal(14, late)\n"
    code += "signal.setitimer(signal.ITIMER_REAL, 0.05)\nimport threading\n"
    code += "threading.Thread(target=time.sleep, args=(60,)).start()\nresult = 1"
    ended = await session.run_python(code)
    assert ended.verdict in (ExecVerdict.ok, ExecVerdict.timeout) and ended.seconds < 60
    assert (await session.run_python("result = 2")).value == 2
