"""Ends its process, with success, before what would show it to be wrong."""

import atexit
import ctypes
import os
import signal
import sys
import threading
import time

from tests.sandboxes.hostile.programs.kit import data

WAYS = {
    "sys.exit": lambda: sys.exit(0),
    "os._exit": lambda: os._exit(0),
    "SystemExit": lambda: (_ for _ in ()).throw(SystemExit),
    "exit in C": lambda: ctypes.CDLL(None).exit(0),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "thread": lambda: (threading.Thread(target=os._exit, args=(0,)).start(), time.sleep(5)),
    "alarm": lambda: (signal.signal(signal.SIGALRM, lambda *_: os._exit(0)), signal.alarm(1), time.sleep(5)),
    "atexit": lambda: (atexit.register(os._exit, 0), sys.exit(1)),
    "child goes on": lambda: os.fork() and os._exit(0),
    "KeyboardInterrupt": lambda: signal.raise_signal(signal.SIGINT),
}
result = {"passed": 5}
WAYS[data["variant"]]()
assert 1 + 1 == 3
