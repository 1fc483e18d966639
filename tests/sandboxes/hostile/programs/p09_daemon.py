"""Leaves a daemon: a session of its own, no descriptor of its parent's, two forks away."""

import os
import time

from tests.sandboxes.hostile.programs.kit import say

ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.write(told, b"x")
        for fd in range(64):
            try:
                os.close(fd)
            except OSError:
                continue
        time.sleep(600)
    os._exit(0)
os.wait()
os.read(ready, 1)
say("left", "a daemon")
