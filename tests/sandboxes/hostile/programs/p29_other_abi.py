"""Calls the kernel by its other doors: x32 numbers and the 32-bit interrupt, which a filter may forget."""

import ctypes
import mmap

from tests.sandboxes.hostile.programs.kit import attempt, call, data, platform, say

X32 = 0x40000000


def interrupt(number):
    """``mov eax, number; int 0x80; ret``"""
    place = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    place.write(b"\x53\xb8" + number.to_bytes(4, "little") + b"\xcd\x80\x5b\xc3")
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(place)))
    result = function()
    if result < 0:
        raise OSError(-result, "refused")


if platform.machine() != "x86_64":
    say("tried", "there is no other door here")
elif data["variant"] == "x32":
    for name, number in (("getpid", 39), ("ptrace", 521), ("process_vm_readv", 539), ("keyctl", 250)):
        attempt("x32 " + name, lambda number=number: call(X32 | number, 0, 0, 0, 0))
    say("tried")
else:
    say("tried")
    for name, number in (("getpid", 20), ("unshare", 310), ("keyctl", 288)):
        attempt("i386 " + name, lambda number=number: interrupt(number))
