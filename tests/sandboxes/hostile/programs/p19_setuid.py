"""Artefacts with the rights of their owner for whoever runs them."""

import os

from tests.sandboxes.hostile.programs.kit import attempt, say

for name, mode in (("suid", 0o4755), ("sgid", 0o2755), ("both", 0o6777), ("plain", 0o755)):
    with open(name, "w") as stream:
        stream.write("#!/bin/sh\nid -u\n")
    try:
        os.chmod(name, mode)
    except PermissionError:
        os.chmod(name, mode & 0o777)
os.mkdir("sticky")
os.chmod("sticky", 0o1777)
with open("sticky/file", "w") as stream:
    stream.write("x")
for user in (0, 65534):
    attempt("become %d" % user, lambda user=user: os.setuid(user))
    attempt("give to %d" % user, lambda user=user: os.chown("suid", user, user))
say("made")
