"""Traces its parent, process 1 and its own child, and reads their memory."""

import os
import time

from tests.sandboxes.hostile.programs.kit import attempt, call, ctypes, say

TRACEME, ATTACH, SEIZE = 0, 16, 0x4206
child = os.fork()
if child == 0:
    time.sleep(60)
buffer = ctypes.create_string_buffer(64)


class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def peek(target):
    here = Vector(ctypes.addressof(buffer), 8)
    there = Vector(id(buffer), 8)
    call("process_vm_readv", target, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


others = {"process 1": 1, "the parent": os.getppid()}
for name, target in {**others, "the child": child}.items():
    if target in (0, os.getpid()):
        continue
    attempt("attach to " + name, lambda target=target: call("ptrace", ATTACH, target, 0, 0))
    attempt("seize " + name, lambda target=target: call("ptrace", SEIZE, target, 0, 0))
    attempt("read the memory of " + name, lambda target=target: peek(target))
attempt("be traced", lambda: call("ptrace", TRACEME, 0, 0, 0))
for name, target in others.items():
    if target in (0, os.getpid()):
        continue
    for part in ("mem", "fd/0", "fd/3"):
        path = "/proc/%d/%s" % (target, part)
        attempt("open %s of %s" % (part, name), lambda path=path: os.close(os.open(path, os.O_RDWR)))
os.kill(child, 9)
os.waitpid(child, 0)
say("tried")
