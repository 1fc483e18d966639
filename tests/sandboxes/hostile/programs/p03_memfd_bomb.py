"""Memory that no address limit counts: anonymous files, shared memory of two kinds, full pipes."""

import os

from tests.sandboxes.hostile.programs.kit import call, ctypes, data, say

MIB = 1 << 20
STEP = min(4 * MIB, data["file_size"])
held = {"memfd": 0, "dev_shm": 0, "sysv": 0, "pipes": 0}


def memfds():
    for _ in range(30):
        fd = call("memfd_create", ctypes.create_string_buffer(b"bomb"), 0)
        for _ in range(8):
            held["memfd"] += os.write(fd, b"x" * STEP)


def dev_shm():
    for number in range(200):
        with open("/dev/shm/bomb%d" % number, "wb", 0) as stream:
            held["dev_shm"] += stream.write(b"x" * STEP)
        if held["dev_shm"] > 4 * data["memory"]:
            break


def sysv():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    for _ in range(30):
        place = libc.shmat(call("shmget", 0, 32 * MIB, 0o1600), None, 0)
        ctypes.memset(place, 1, 32 * MIB)
        held["sysv"] += 32 * MIB


def pipes():
    for _ in range(200):
        _, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while True:
                held["pipes"] += os.write(writer, b"x" * 65536)
        except BlockingIOError:
            continue


for bomb in (memfds, dev_shm, sysv, pipes):
    try:
        bomb()
    except (OSError, MemoryError, TypeError, ValueError) as error:
        say(bomb.__name__, type(error).__name__)
    say("held", held)
