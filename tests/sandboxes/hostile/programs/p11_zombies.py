"""A thousand children that nobody waits for: its own, and orphans left to process 1."""

import os
import time

from tests.sandboxes.hostile.programs.kit import data, say

made = refused = 0
end = time.monotonic() + 2
while made < 1000 and time.monotonic() < end:
    try:
        child = os.fork()
    except OSError:
        refused += 1
        if data["variant"] == "own" and refused > 3:
            break
        time.sleep(0.002)
        continue
    if child == 0:
        try:
            if data["variant"] == "orphans":
                os.fork()
        finally:
            os._exit(0)
    made += 1
    if data["variant"] == "orphans":
        os.waitpid(child, 0)
say("made", made)
say("refused", refused)
