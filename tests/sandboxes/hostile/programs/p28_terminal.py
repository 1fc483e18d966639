"""Types into the terminal of who started it, with and without bits that only the kernel ignores."""

import os

from tests.sandboxes.hostile.programs.kit import NUMBER, attempt, call, ctypes, platform, say

IOCTL = {"x86_64": 16, "aarch64": 29}[platform.machine()]
STI, LINUX, SETCTTY = 0x5412, 0x541C, 0x540E
letter = ctypes.create_string_buffer(b"x")
paste = ctypes.create_string_buffer(bytes([3]))
for fd in (0, 1, 2):
    for high in (0, 1 << 32, 0xFFFFFFFF << 32):
        attempt("type into %d, %x" % (fd, high), lambda fd=fd, high=high: call(IOCTL, fd, high | STI, letter))
    attempt("paste into %d" % fd, lambda fd=fd: call(IOCTL, fd, LINUX, paste))
    attempt("take %d" % fd, lambda fd=fd: call(IOCTL, fd, SETCTTY, 1))
for path in ("/dev/tty", "/dev/console", "/dev/tty0"):
    attempt(path, lambda path=path: os.close(os.open(path, os.O_RDWR)))
say("tried", len(NUMBER))
