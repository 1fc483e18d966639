"""Every process forks for as long as it can."""

import os
import time

from tests.sandboxes.hostile.programs.kit import data, say

if data["variant"] == "shell":
    os.execv("/bin/sh", ["sh", "-c", 'f() { f | f & }; f; sleep 1; echo \'{"say": "over", "value": true}\''])

top = os.getpid()
made = 0
refused = False
end = time.monotonic() + 1.0
while time.monotonic() < end:
    try:
        if os.fork() == 0:
            made = 0
        else:
            made += 1
    except OSError:
        refused = True
        if os.getpid() != top:
            time.sleep(60)
if os.getpid() == top:
    say("refused", refused)
    say("made", made)
else:
    time.sleep(60)
