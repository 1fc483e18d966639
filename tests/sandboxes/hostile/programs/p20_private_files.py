"""Reads what is the host's alone: its passwords, its keys, a file in its /tmp."""

import os

from tests.sandboxes.hostile.programs.kit import attempt, data, say


def read(path):
    with open(path, "rb") as stream:
        os.write(1, stream.read(4096))


secret, home = data["secret_file"], data["home"]
for path in (
    *("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/root/.ssh/id_rsa", "/root/.bash_history", "/proc/kcore"),
    *(secret, "/proc/1/root" + secret, "/proc/self/root" + secret, "/../../.." + secret, home + "/.ssh/id_rsa"),
    *("/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/proc/kmsg", "/proc/sysrq-trigger"),
):
    attempt(path, lambda path=path: read(path))
for path in ("/etc/passwd", "/usr/x", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/sys/kernel/x"):
    attempt("write " + path, lambda path=path: open(path, "a").close())
say("tried")
