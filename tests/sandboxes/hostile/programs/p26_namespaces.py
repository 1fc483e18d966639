"""Mounts, and makes or enters namespaces, by every call that there is for it."""

import os

from tests.sandboxes.hostile.programs.kit import attempt, call, ctypes, say

FLAGS = {
    **{"user": 0x10000000, "mount": 0x20000, "net": 0x40000000, "pid": 0x20000000, "ipc": 0x8000000},
    **{"uts": 0x4000000, "cgroup": 0x2000000},
}


class CloneArguments(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("flags", "pidfd", "child", "parent", "exit", "stack", "size", "tls")
    )


def clone(flags):
    child = call("clone", flags | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def clone3(flags):
    words = CloneArguments(flags=flags, exit=17)
    child = call("clone3", ctypes.byref(words), ctypes.sizeof(words))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


for name, flag in FLAGS.items():
    attempt("unshare " + name, lambda flag=flag: call("unshare", flag))
    attempt("unshare user and " + name, lambda flag=flag: call("unshare", flag | FLAGS["user"]))
    attempt("clone user and " + name, lambda flag=flag: clone(flag | FLAGS["user"]))
    attempt("clone3 user and " + name, lambda flag=flag: clone3(flag | FLAGS["user"]))
attempt("setns", lambda: call("setns", os.open("/proc/self/ns/mnt", os.O_RDONLY), 0))
text = ctypes.create_string_buffer
attempt("mount tmpfs", lambda: call("mount", text(b"x"), text(b"/tmp"), text(b"tmpfs"), 0, None))
attempt("mount proc", lambda: call("mount", text(b"x"), text(b"/tmp"), text(b"proc"), 0, None))
attempt("remount", lambda: call("mount", text(b"x"), text(b"/usr"), None, 32, None))
attempt("umount", lambda: call("umount2", text(b"/tmp"), 2))
attempt("pivot_root", lambda: call("pivot_root", text(b"/tmp"), text(b"/tmp")))
attempt("chroot", lambda: call("chroot", text(b"/tmp")))
attempt("open_tree", lambda: call("open_tree", -100, text(b"/usr"), 1))
attempt("fsopen", lambda: call("fsopen", text(b"tmpfs"), 0))
attempt("move_mount", lambda: call("move_mount", -100, text(b"/tmp"), -100, text(b"/usr"), 0))
attempt("by handle", lambda: call("open_by_handle_at", -100, text(64), 0))
say("tried")
