"""Sixteen children, each under the limit of one, together far above it."""

import os
import select
import time

from tests.sandboxes.hostile.programs.kit import data, say

SHARE = data["memory"] // 4
CHILDREN = 16
reader, writer = os.pipe()
for _ in range(CHILDREN):
    try:
        if os.fork() == 0:
            try:
                held = b"x" * SHARE
                os.write(writer, os.getpid().to_bytes(4, "little"))
                time.sleep(20)
            finally:
                os._exit(len(held) % 2)
    except OSError:
        break
holding = []
end = time.monotonic() + 1.5
while time.monotonic() < end:
    if select.select([reader], [], [], 0.1)[0]:
        holding.append(int.from_bytes(os.read(reader, 4), "little"))
alive = [pid for pid in holding if os.waitpid(pid, os.WNOHANG) == (0, 0)]
say("held", len(alive) * SHARE)
