"""Reads every descriptor that it has inherited."""

import os
import stat

from tests.sandboxes.hostile.programs.kit import say

found = []
for fd in range(3, 1024):
    try:
        info = os.fstat(fd)
    except OSError:
        continue
    found.append((info.st_dev, info.st_ino))
    if stat.S_ISREG(info.st_mode):
        try:
            os.write(1, os.pread(fd, 4096, 0))
        except OSError:
            continue
say("descriptors", found)
