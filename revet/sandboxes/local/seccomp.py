"""The system-call filter of the local sandbox: a classic BPF program, assembled here, for x86_64 and aarch64.

It takes away what namespaces leave open: AF_VSOCK, the kernel's key rings, io_uring, new namespaces, tracing,
the other architecture's calls, terminal injection, and memory that no limit counts (memfd; System V shared
memory, semaphores and message queues; POSIX message queues). AF_UNIX stays: path sockets of the host are not
mounted, abstract ones belong to the network namespace, and `multiprocessing` needs them. A refused call fails
with an errno; nothing is killed.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["filter_program", "supported"]

LOAD, AND, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
OFFSET_NUMBER, OFFSET_ARCH = 0, 4
X32_BIT = 0x40000000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
CLONE_NEW = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCK_STREAM, SOCK_SEQPACKET, SOCK_TYPE_MASK = 1, 5, 0xF

# The numbers that all architectures share since Linux 5.1.
MISSING_EVERYWHERE = (425, 426, 427, 435, 447)  # io_uring_setup, _enter, _register, clone3, memfd_secret
REFUSED_EVERYWHERE = (
    *range(428, 434),  # open_tree, move_mount, fsopen, fsconfig, fsmount, fspick
    438,  # pidfd_getfd
    440,  # process_madvise
    442,  # mount_setattr
    443,  # quotactl_fd
    467,  # open_tree_attr
)


@dataclass(frozen=True)
class Calls:
    """One architecture's numbers. `sockets` are socket and socketpair.

    `missing` answer ENOSYS, so that libraries take their other way; `refused` EPERM.
    """

    arch: int
    clone: int
    ioctl: int
    sockets: tuple[int, int]
    missing: tuple[int, ...]
    refused: tuple[int, ...]
    x32: bool = False


X86_64 = Calls(
    arch=0xC000003E,
    clone=56,
    ioctl=16,
    sockets=(41, 53),
    missing=(319, 29, 68, 64, 240),  # memfd_create, shmget, msgget, semget, mq_open
    refused=(
        *(272, 308, 101, 310, 311),  # unshare, setns, ptrace, process_vm_readv, process_vm_writev
        *(165, 166, 155),  # mount, umount2, pivot_root
        *(250, 248, 249),  # keyctl, add_key, request_key
        *(321, 323, 298, 300),  # bpf, userfaultfd, perf_event_open, fanotify_init
        *(246, 320, 175, 313, 176),  # kexec_load, kexec_file_load, init_module, finit_module, delete_module
        *(304, 212, 312, 279, 256),  # open_by_handle_at, lookup_dcookie, kcmp, move_pages, migrate_pages
        *(163, 179, 167, 168, 169, 103),  # acct, quotactl, swapon, swapoff, reboot, syslog
        *(164, 227, 305),  # settimeofday, clock_settime, clock_adjtime
        *(172, 173, 154, 153),  # iopl, ioperm, modify_ldt, vhangup
    ),
    x32=True,
)

AARCH64 = Calls(
    arch=0xC00000B7,
    clone=220,
    ioctl=29,
    sockets=(198, 199),
    missing=(279, 194, 186, 190, 180),
    refused=(
        *(97, 268, 117, 270, 271),
        *(40, 39, 41),
        *(219, 217, 218),
        *(280, 282, 241, 262),
        *(104, 294, 105, 273, 106),
        *(265, 18, 272, 239, 238),
        *(89, 60, 224, 225, 142, 116),
        *(170, 112, 266),
        *(58,),
    ),
)

KNOWN = {"x86_64": X86_64, "amd64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}


def supported(machine: str | None = None) -> bool:
    """Whether there is a filter for this machine (as `os.uname` names it)."""
    return (machine or os.uname().machine).lower() in KNOWN


@lru_cache
def filter_program(machine: str | None = None, *, local_sockets: bool = True) -> bytes:
    """The filter as an array of `struct sock_filter`, which `bwrap --seccomp FD` reads. KeyError if unsupported.

    Without `local_sockets`, no AF_UNIX socket can be made but by ``socketpair``, and none that sends to any address:
    where the host's network is shared, its abstract sockets are within reach.
    """
    calls = KNOWN[(machine or os.uname().machine).lower()]
    program = [
        step(LOAD, OFFSET_ARCH),
        step(JUMP_EQUAL, calls.arch, 1, 0),
        refuse(errno.EPERM),
        step(LOAD, OFFSET_NUMBER),
    ]
    if calls.x32:
        program += [step(JUMP_AT_LEAST, X32_BIT, 0, 1), refuse(errno.EPERM)]
    for number in (*MISSING_EVERYWHERE, *calls.missing):
        program += when(number, [refuse(errno.ENOSYS)])
    for number in (*REFUSED_EVERYWHERE, *calls.refused):
        program += when(number, [refuse(errno.EPERM)])
    program += when(
        calls.clone,
        [argument(0), step(JUMP_ANY_BIT, CLONE_NEW, 0, 1), refuse(errno.EPERM), step(RETURN, ALLOW)],
    )
    program += when(
        calls.ioctl,
        [
            argument(1),
            step(JUMP_EQUAL, TIOCSTI, 1, 0),
            step(JUMP_EQUAL, TIOCLINUX, 0, 1),
            refuse(errno.EPERM),
            step(RETURN, ALLOW),
        ],
    )
    families = (AF_INET, AF_INET6, AF_UNIX) if local_sockets else (AF_INET, AF_INET6)
    single, pair = calls.sockets
    program += when(single, [argument(0), *only(families, errno.EAFNOSUPPORT)])
    if local_sockets:
        program += when(pair, [argument(0), *only(families, errno.EAFNOSUPPORT)])
    else:
        # A pair of datagram sockets (which SOCK_RAW makes, too) is connected, yet can send to others.
        connected = only((SOCK_STREAM, SOCK_SEQPACKET), errno.ESOCKTNOSUPPORT)
        other = [step(JUMP_EQUAL, AF_UNIX, 1, 0), refuse(errno.EAFNOSUPPORT)]
        program += when(pair, [argument(0), *other, argument(1), step(AND, SOCK_TYPE_MASK), *connected])
    program.append(step(RETURN, ALLOW))
    return b"".join(program)


def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def refuse(number: int) -> bytes:
    return step(RETURN, ERRNO | number)


def argument(index: int) -> bytes:
    """Load the low half of an argument. The kernel looks at no more of these arguments, so neither may we."""
    return step(LOAD, 16 + 8 * index)


def only(values: tuple[int, ...], otherwise: int) -> list[bytes]:
    """Allow the call if what is loaded is one of `values`."""
    jumps = [step(JUMP_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)]
    return [*jumps, refuse(otherwise), step(RETURN, ALLOW)]


def when(number: int, then: list[bytes]) -> list[bytes]:
    """Run `then`, which must end in a return, for one call; go past it, the number still loaded, for the others."""
    return [step(JUMP_EQUAL, number, 0, len(then)), *then]
