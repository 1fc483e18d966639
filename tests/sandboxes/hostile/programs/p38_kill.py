"""Kills, stops and hangs up on everybody: its parent, process 1, all, its group."""

import os
import signal

from tests.sandboxes.hostile.programs.kit import data, say

TARGETS = {"parent": os.getppid() or 1, "everybody": -1, "process 1": 1, "group": 0}
target = TARGETS[data["variant"]]
say("killing", target)
for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL):
    if number == signal.SIGSTOP and target in (0, -1):
        continue  # it would only stop itself
    try:
        os.kill(target, number)
    except OSError as error:
        say("refused", error.errno)
for canary in range(2, 400):
    if canary != os.getpid():
        try:
            os.kill(canary, signal.SIGKILL)
        except OSError:
            continue
say("done")
