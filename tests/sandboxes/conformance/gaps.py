"""What a backend does not keep of the promises, with the reason. The only such list.

A key is the backend and the name of a conformance test (with its other parameters in brackets, if only they fail), or
of a hostile program (its file's name). A listed test must fail: one that passes fails the suite, so that this table
stays true.
"""

from __future__ import annotations

__all__ = ["GAPS"]

LIKE_A_SIGNAL = "bubblewrap tells exit(128 + n) and death by signal n alike, so the exit code is taken for the signal"

GAPS: dict[tuple[str, str], str] = {
    (backend, name): LIKE_A_SIGNAL
    for backend in ("local", "local-copy")
    for name in ("p34_segfault", "test_exit_codes_that_look_like_signals_are_exit_codes")
}
