"""Dies of its own fault; or only pretends to, by its exit status."""

import ctypes
import os

from tests.sandboxes.hostile.programs.kit import data, say

say("dying")
if data["variant"] == "segfault":
    ctypes.string_at(0)
elif data["variant"] == "abort":
    os.abort()
elif data["variant"] == "illegal":
    os.kill(os.getpid(), 4)
os._exit(139)
