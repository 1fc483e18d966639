"""Takes memory: at one go, and bit by bit."""

from tests.sandboxes.hostile.programs.kit import data, say

if data["variant"] == "at once":
    held = bytearray(2 * data["memory"])
else:
    held = []
    while True:
        held.append(b"x" * (4 << 20))
        if len(held) * (4 << 20) > 4 * data["memory"]:
            break
say("held", "more than it may")
