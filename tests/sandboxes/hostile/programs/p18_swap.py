"""Hard links, and a daemon that keeps swapping a file for a link to /etc/passwd while the harvest goes on."""

import os
import time

from tests.sandboxes.hostile.programs.kit import attempt, data, say

attempt("hard link to the host", lambda: os.link(data["secret_file"], "hard"))
os.link("a.txt", "hard")
with open("hard", "w") as stream:
    stream.write("written through a hard link\n")


def swap():
    while True:
        os.symlink("/etc/passwd", "new")
        os.rename("new", "victim")
        with open("new", "w") as stream:
            stream.write("mine\n")
        os.rename("new", "victim")


if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        swap()
    os._exit(0)
time.sleep(0.3)
say("swapping")
