"""Looks for secrets in every environment, command line and descriptor that it can see."""

import os

from tests.sandboxes.hostile.programs.kit import say

say("own", dict(os.environ))
for process in sorted(name for name in os.listdir("/proc") if name.isdigit()):
    for part in ("environ", "cmdline", "maps"):
        try:
            with open("/proc/%s/%s" % (process, part), "rb") as stream:
                os.write(2, b"\n" + process.encode() + b" " + stream.read(60000))
        except OSError:
            continue
    try:
        for fd in os.listdir("/proc/%s/fd" % process):
            os.write(2, os.readlink("/proc/%s/fd/%s" % (process, fd)).encode() + b"\n")
    except OSError:
        continue
say("tried")
