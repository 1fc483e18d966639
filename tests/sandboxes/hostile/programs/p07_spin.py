"""Spins: in the interpreter, in one long C call, and in threads."""

import threading

from tests.sandboxes.hostile.programs.kit import data, say


def spin():
    while True:
        pass


say("started")
if data["variant"] == "C call":
    sum(range(10**18))
if data["variant"] == "threads":
    for _ in range(4):
        threading.Thread(target=spin).start()
spin()
