"""What runs inside a test machine: starts commands and touches files there, as told by JSON lines on standard input.

Everything that a caller names is used in here, behind the machine's walls, and never on the host. A line is
``{"id": …, "op": …}``; each answer carries the same id: ``{"id": …, "ok": …}``, or
``{"id": …, "error": [code, message]}``, and for a command a series of ``{"id": …, "event": …}``.
"""

# It moves among paths of the machine: os, not pathlib.
# ruff: noqa: PTH103, PTH104, PTH108, PTH112, PTH114, PTH115, PTH118
# ruff: noqa: PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from typing import Any

_lock = threading.Lock()
_running: dict[int, subprocess.Popen[bytes]] = {}


class Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def say(answer: dict[str, Any]) -> None:
    line = (json.dumps(answer) + "\n").encode()
    with _lock:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def start(order: dict[str, Any]) -> None:
    number = order["id"]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/root" if order["user"] == "root" else "/home/user",
        "USER": order["user"],
    }
    process = subprocess.Popen(
        [order["cmd"], *order["args"]],
        stdin=subprocess.PIPE if order["stdin"] else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=order["cwd"] or "/home/user",
        env={**env, **order["envs"]},
        start_new_session=True,
        preexec_fn=None if order["user"] == "root" else give_up,
    )
    _running[process.pid] = process
    say({"id": number, "event": {"start": {"pid": process.pid}}})
    pumps = [
        threading.Thread(target=pump, args=(number, kind, getattr(process, kind))) for kind in ("stdout", "stderr")
    ]
    for each in pumps:
        each.start()
    threading.Thread(target=finish, args=(number, process, pumps)).start()


def give_up() -> None:
    """Become the machine's ordinary user. Where root is the only one, what sets it apart is that it has no rights."""
    import ctypes

    if knows(1000):
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        return
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    libc.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, clear all
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capset(header, data)


def knows(uid: int) -> bool:
    with open("/proc/self/uid_map") as stream:
        return any(int(first) <= uid < int(first) + int(count) for first, _, count in map(str.split, stream))


def pump(number: int, kind: str, source: Any) -> None:
    while chunk := os.read(source.fileno(), 32768):
        say({"id": number, "event": {"data": {kind: base64.b64encode(chunk).decode()}}})


def finish(number: int, process: subprocess.Popen[bytes], pumps: list[threading.Thread]) -> None:
    code = process.wait()
    # As the service does: the output is read to its end, whoever holds it, but not for ever.
    for each in pumps:
        each.join(2)
    _running.pop(process.pid, None)
    end: dict[str, Any] = {"exitCode": code if code >= 0 else -1, "exited": code >= 0, "status": f"exit status {code}"}
    if code < 0:
        end["status"] = f"signal: {signal.strsignal(-code)}".lower()
    if code:
        end["error"] = end["status"]
    say({"id": number, "event": {"end": end}})


def process_of(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    process = _running.get(order["pid"])
    if process is None:
        raise Refused("not_found", f"process with pid {order['pid']} not found")
    return process


def send_input(order: dict[str, Any]) -> None:
    process = process_of(order)
    assert process.stdin is not None
    process.stdin.write(base64.b64decode(order["data"]))
    process.stdin.flush()


def close_stdin(order: dict[str, Any]) -> None:
    process = process_of(order)
    assert process.stdin is not None
    process.stdin.close()


def send_signal(order: dict[str, Any]) -> None:
    process_of(order).send_signal(order["signal"])


def read(order: dict[str, Any]) -> str:
    path = place(order["path"])
    if os.path.isdir(path):
        raise Refused("invalid", f"path '{path}' is a directory")
    with open(path, "rb") as source:
        return base64.b64encode(source.read()).decode()


def write(order: dict[str, Any]) -> dict[str, Any]:
    path = place(order["path"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as target:
        target.write(base64.b64decode(order["data"]))
    return {"name": os.path.basename(path), "path": path, "type": "file"}


def describe(path: str) -> dict[str, Any]:
    info = os.lstat(path)
    entry: dict[str, Any] = {
        "name": os.path.basename(path),
        "path": path,
        "size": str(info.st_size),
        "mode": stat.S_IMODE(info.st_mode),
        "permissions": stat.filemode(info.st_mode),
        "owner": "user",
        "group": "user",
        "modifiedTime": "2026-01-01T00:00:00Z",
        "type": "FILE_TYPE_DIRECTORY" if os.path.isdir(path) else "FILE_TYPE_FILE",
    }
    if stat.S_ISLNK(info.st_mode):
        entry["symlinkTarget"] = os.readlink(path)
    return entry


def list_dir(order: dict[str, Any]) -> list[dict[str, Any]]:
    top = place(order["path"])
    return [describe(os.path.join(top, name)) for name in sorted(os.listdir(top))]


def make_dir(order: dict[str, Any]) -> dict[str, Any]:
    path = place(order["path"])
    if os.path.isdir(path):
        raise Refused("already_exists", f"directory already exists: {path}")
    os.makedirs(path)
    return describe(path)


def remove(order: dict[str, Any]) -> None:
    path = place(order["path"])
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def move(order: dict[str, Any]) -> dict[str, Any]:
    os.rename(place(order["source"]), place(order["destination"]))
    return describe(place(order["destination"]))


def place(path: str) -> str:
    return os.path.normpath(os.path.join("/home/user", path))


OPERATIONS = {
    "input": send_input,
    "close_stdin": close_stdin,
    "signal": send_signal,
    "list": lambda order: sorted(_running),
    "read": read,
    "write": write,
    "stat": lambda order: describe(place(order["path"])),
    "list_dir": list_dir,
    "make_dir": make_dir,
    "remove": remove,
    "move": move,
}


def obey(order: dict[str, Any]) -> None:
    number = order["id"]
    try:
        if order["op"] == "start":
            start(order)
        else:
            say({"id": number, "ok": OPERATIONS[order["op"]](order)})
    except Refused as error:
        say({"id": number, "error": [error.code, str(error)]})
    except FileNotFoundError as error:
        say({"id": number, "error": ["not_found", f"path '{error.filename}' does not exist"]})
    except OSError as error:
        code = "no_space" if error.errno == 28 else "internal"
        say({"id": number, "error": [code, str(error)]})


def main() -> None:
    for line in sys.stdin.buffer:
        order = json.loads(line)
        threading.Thread(target=obey, args=(order,)).start()


if __name__ == "__main__":
    main()
