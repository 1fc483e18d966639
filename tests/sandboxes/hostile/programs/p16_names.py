"""Artefacts with names that break out, break lines, or are no text; and names that only look so."""

import os

from tests.sandboxes.hostile.programs.kit import attempt, data, say

REFUSED = (b"new\nline", b"\x1b[31mred", b"tab\there", b"\xff\xfe", b"bell\x07")
PLAIN = (b"...", b".. ", b"-rf", b"a\\..\\b", b"~", b"%2e%2e", b"$(id)", b"a b", "naïve ☃".encode())


def touch(path):
    with open(path, "wb") as stream:
        stream.write(b"x")


for name in (*REFUSED, *PLAIN):
    touch(name)
os.makedirs(b"fold\ner/in")
touch(b"fold\ner/in/file")
os.makedirs(".revet")
touch(".revet/forged")
for name in ("/x", "/usr/x", data["flag"]):
    attempt("absolute " + name, lambda name=name: touch(name))
attempt("NUL", lambda: touch("a\0b"))
attempt("too long", lambda: touch("x" * 300))
say("made")
