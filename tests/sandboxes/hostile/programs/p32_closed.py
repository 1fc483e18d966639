"""Closes its standard descriptors."""

import os
import time

from tests.sandboxes.hostile.programs.kit import data, say

say("closing")
for fd in (0, 1, 2):
    os.close(fd)
time.sleep(0.1)
if data["variant"] == "then fails":
    os._exit(7)
