"""Ignores every signal that can be ignored, blocks the rest, and spins."""

import signal

from tests.sandboxes.hostile.programs.kit import say

for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        continue
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
say("deaf")
while True:
    pass
