"""Artefacts that look a thousand gigabytes large and take no room."""

import os

from tests.sandboxes.hostile.programs.kit import attempt, data, say


def sparse(name, size):
    with open(name, "wb") as stream:
        stream.truncate(size)


attempt("one TB", lambda: sparse("sparse.bin", 1 << 40))
for number in range(8):
    sparse("some%d.bin" % number, min(data["file_size"], data["disk"] // 2))
with open("end.bin", "wb") as stream:
    stream.seek(min(data["file_size"], 1 << 30) - 1)
    stream.write(b"x")
say("size", os.stat("sparse.bin").st_size)
