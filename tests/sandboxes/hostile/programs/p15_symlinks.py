"""Artefacts that are links out of the workspace."""

import os

from tests.sandboxes.hostile.programs.kit import data, say

os.symlink("/etc/passwd", "passwd")
os.symlink("/etc", "etc")
os.symlink(data["secret_file"], "secret")
os.symlink("../" * 40 + "etc/passwd", "climbs")
os.symlink("passwd", "chain")
os.symlink("/proc/self/environ", "environ")
os.mkdir("folder")
os.symlink("..", "folder/up")
os.symlink("../../a.txt", "folder/out")
os.remove("a.txt")
os.symlink("/etc/passwd", "a.txt")
say("made")
