"""Programs that run the code of `sandboxes.py` without isolation: the fork floor, and smolagents."""

from __future__ import annotations

import asyncio
import json
import subprocess

# What the server itself has imported besides what the caller chose.
SERVER = "ctypes, json, mmap, resource, struct, _socket"
FLOOR = """
import gc, json, os, sys, time
import MODULES
CODE = "print(1+1)"
exec(compile("pass", "<warm>", "exec"), {})
gc.collect(); gc.freeze()

def once():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        exec(compile(CODE, "<code>", "exec"), {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 100) == b"2\\n"
    os.close(reader)
    os.waitpid(child, 0)
"""
SMOLAGENTS = """
import json, sys, time
try:
    from smolagents.local_python_executor import LocalPythonExecutor
except ImportError as error:
    sys.exit(f"no smolagents: {error}")
executor = LocalPythonExecutor([])
executor.send_tools({})

def once():
    executor("print(1+1)")
"""
LOOP = """
print("ready", flush=True)
for line in sys.stdin:
    each, begun = [], time.perf_counter()
    for _ in range(int(line)):
        started = time.perf_counter()
        once()
        each.append(time.perf_counter() - started)
    print(json.dumps([each, time.perf_counter() - begun]), file=sys.stderr, flush=True)
"""


class Outside:
    """A program of ours that runs code without isolation, twice."""

    def __init__(self, python: str, program: str) -> None:
        self._pipes = [
            subprocess.Popen(
                [python, "-I", "-c", program + LOOP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for process in self._pipes:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                said = process.communicate()[1].decode(errors="replace").strip().splitlines()
                self.close()
                raise LookupError(said[-1] if said else "it does not start")

    async def one(self, lane: int, count: int) -> list[float]:
        return await asyncio.to_thread(self._one, lane, count)

    def _one(self, lane: int, count: int) -> list[float]:
        process = self._pipes[lane]
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(b"%d\n" % count)
        process.stdin.flush()
        each: list[float] = json.loads(process.stderr.readline())[0]
        return each

    def close(self) -> None:
        for process in self._pipes:
            process.kill()
            process.communicate()
