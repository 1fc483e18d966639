"""Artefacts that block whoever opens them: pipes, sockets, devices; one in the place of a file that was there."""

import os
import socket
import stat

from tests.sandboxes.hostile.programs.kit import attempt, say

os.mkfifo("pipe")
os.remove("a.txt")
os.mkfifo("a.txt")
os.mkdir("folder")
os.mkfifo("folder/pipe")
socket.socket(socket.AF_UNIX).bind("socket")
attempt("null device", lambda: os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3)))
attempt("disk device", lambda: os.mknod("disk", stat.S_IFBLK | 0o666, os.makedev(254, 0)))
attempt("kernel memory", lambda: os.mknod("mem", stat.S_IFCHR | 0o666, os.makedev(1, 1)))
say("made")
