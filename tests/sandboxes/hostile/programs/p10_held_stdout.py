"""Ends at once, and leaves a grandchild that holds its standard output open."""

import os
import time

from tests.sandboxes.hostile.programs.kit import say

if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
say("ended")
