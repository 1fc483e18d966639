"""Files that are too large, and too many large ones; once with the deadly signal left on."""

import os
import signal

from tests.sandboxes.hostile.programs.kit import attempt, data, say

BLOCK = bytes(1 << 16)
if data["variant"] == "deadly":
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
written = 0


def fill(path, most):
    global written
    size = 0
    with open(path, "wb", 0) as stream:
        while size < most:
            size += stream.write(BLOCK)
            written += len(BLOCK)


attempt("huge file", lambda: fill("huge", 8 * data["file_size"]))
os.remove("huge")
for place in (".", "/tmp", "/dev/shm"):
    written = 0
    names = [place + "/full%d" % number for number in range(64)]

    def all_of_them(names=names):
        for name in names:
            fill(name, data["file_size"] // 2)
            if written > 8 * data["disk"]:
                return

    attempt("full " + place, all_of_them)
    say("written " + place, written)
