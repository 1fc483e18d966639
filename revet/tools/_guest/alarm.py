"""A time limit for one test, kept by a signal in the main thread.

`TestTimeout` derives from BaseException, so that ``except Exception`` in the code under test does not
swallow it. A test that swallows it all the same is interrupted again and again, and `fired` remains true.
One that never comes back to the interpreter (inside C code) is ended by the sandbox's own wall limit.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

AGAIN = 0.5
GIVE_UP = 6


class TestTimeout(BaseException):
    """The test ran longer than it may."""

    __test__ = False


class Alarm:
    """Arms and disarms the limit. With `cpu`, seconds of CPU time count, and ten times as many of wall time.

    `stuck` is called after the test has swallowed the interruption `GIVE_UP` times; it should end the
    process.
    """

    def __init__(self, stuck: Callable[[], None] | None = None, cpu: bool = False) -> None:
        self.fired = False
        self.armed = False
        self.limit = 0.0
        self._count = 0
        self._stuck = stuck
        self._cpu = cpu

    def install(self) -> None:
        signal.signal(signal.SIGALRM, self._ring)
        if self._cpu:
            signal.signal(signal.SIGPROF, self._ring)

    def reset(self, seconds: float) -> None:
        """Get ready for a test that may take `seconds`."""
        self.fired, self._count, self.limit = False, 0, seconds

    def resume(self) -> None:
        """Start the clock, from zero, for the next part of the test."""
        self.install()
        self.armed = True
        if self._cpu:
            signal.setitimer(signal.ITIMER_PROF, self.limit, AGAIN)
        signal.setitimer(signal.ITIMER_REAL, self.limit * (10 if self._cpu else 1), AGAIN)

    def disarm(self) -> None:
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._cpu:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _ring(self, _number: int, _frame: Any) -> None:
        __tracebackhide__ = True  # pytest leaves this frame out
        if not self.armed:
            return
        self.fired = True
        self._count += 1
        if self._count >= GIVE_UP and self._stuck is not None:
            self._stuck()
        raise TestTimeout(f"the test ran longer than {self.limit:g} s")
