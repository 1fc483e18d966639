"""Returns what would run code in whoever loads it."""

import base64
import os
import pickle

from tests.sandboxes.hostile.programs.kit import data, say


class Bomb:
    def __reduce__(self):
        return os.system, ("touch '%s'" % data["flag"],)


class Items(dict):
    def items(self):
        raise ZeroDivisionError("items")


loop = []
loop.append(loop)
deep = []
for _ in range(100_000):
    deep = [deep]
packed = pickle.dumps(Bomb())
RETURNED = {
    "object": Bomb(),
    "bytes": packed,
    "text": base64.b64encode(packed).decode(),
    "set": {1},
    "NaN": float("nan"),
    "loop": loop,
    "deep": deep,
    "class": Bomb,
    "keys": {(1, 2): 3},
    "items": Items(a=1),
}
result = RETURNED[data["variant"]]
os.write(1, packed + b"\n")
say("returned")
