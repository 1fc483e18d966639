"""Stops the clock: its own, and the machine's. The time that it has does not depend on either."""

import signal
import time

from tests.sandboxes.hostile.programs.kit import attempt, call, ctypes, say

time.time = time.monotonic = time.perf_counter = time.clock_gettime = lambda *_: 0.0
time.sleep = lambda *_: None
day = ctypes.create_string_buffer(bytes(16))
attempt("set the clock", lambda: time.clock_settime(time.CLOCK_REALTIME, 1.0))
attempt("set the day", lambda: call("settimeofday", day, None))
signal.alarm(0)
for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(timer, 0)
say("stopped")
while time.time() < 1:
    time.sleep(1)
