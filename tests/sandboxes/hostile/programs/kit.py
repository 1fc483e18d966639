"""What the hostile programs share. Its source is put before theirs, and runs inside: Python 3.8, no imports of ours."""

import ctypes
import errno
import json
import os
import platform

data = globals().get("data", {})  # what the host tells the program: the variant, where its canaries are

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(15, data.get("mark", "unmarked").encode(), 0, 0, 0)  # PR_SET_NAME: children inherit it

# What is used of the calls' numbers, on the two machines that there is a filter for.
NAMES = (
    *("ptrace", "process_vm_readv", "mount", "umount2", "unshare", "setns", "clone", "pivot_root", "chroot"),
    *("keyctl", "add_key", "bpf", "perf_event_open", "userfaultfd", "init_module", "shmget", "settimeofday"),
    *("memfd_create", "kexec_load", "open_by_handle_at", "reboot", "swapon"),
)
NUMBERS = {
    "x86_64": (
        *(101, 310, 165, 166, 272, 308, 56, 155, 161),
        *(250, 248, 321, 298, 323, 175, 29, 164),
        *(319, 246, 304, 169, 167),
    ),
    "aarch64": (
        *(117, 270, 40, 39, 97, 268, 220, 41, 51),
        *(219, 217, 280, 241, 282, 105, 194, 170),
        *(279, 104, 265, 142, 224),
    ),
}
EVERYWHERE = {
    **{"clone3": 435, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "mount_setattr": 442},
    **{"pidfd_getfd": 438, "memfd_secret": 447, "pidfd_open": 434, "process_madvise": 440},
}
NUMBER = {**dict(zip(NAMES, NUMBERS[platform.machine()])), **EVERYWHERE}


def say(name, value=True, write=os.write, dumps=json.dumps):
    """A line for the judge, past all buffers."""
    write(1, (dumps({"say": name, "value": value}) + "\n").encode())


def attempt(name, action, write=os.write, dumps=json.dumps):
    """Do what must be refused, and tell what came of it: an error's name, or "done"."""
    try:
        action()
        got = "done"
    except OSError as error:
        got = errno.errorcode.get(error.errno, type(error).__name__) if error.errno else type(error).__name__
    except Exception as error:
        got = type(error).__name__
    write(1, (dumps({"attempt": name, "got": got}) + "\n").encode())


def call(name, *arguments):
    """A system call by its name (or number). OSError if it fails."""
    number = name if isinstance(name, int) else NUMBER[name]
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
