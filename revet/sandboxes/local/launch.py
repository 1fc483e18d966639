"""The launcher: a process of its own that gives up its rights, starts bwrap and outlives it.

Run as ``python -I -S launch.pyc PLAN_FD`` with an empty environment. It takes its start-up time in every
`exec`, so it imports little, and reads its plan by `marshal` (same interpreter, and half of what `json` would
cost).

As root it first builds, in a mount namespace of its own, a small private tree that the user it becomes can
reach: sources are cloned read-only and, where asked, with their owner mapped to that user. Then it drops to
that user, enters a user namespace (so that the process limit counts this run alone), forks bwrap, and waits.
A byte on the control pipe, or its end, kills bwrap; the launcher exits when nothing of the sandbox is left,
and reaps it, so that hosts whose init reaps nothing gather no zombies.

It tells its parent of trouble by lines on the status descriptor: ``!kind text``.
"""

# pathlib would double the start-up time, hence os.path.
# ruff: noqa: PTH102, PTH103, PTH116, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the enumerations of `signal`
import _socket
import ctypes
import marshal
import os
import resource
import select
import sys

TYPE_CHECKING = False  # importing typing would take longer than most of what is done here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 1 << 18
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE, OPEN_TREE_CLONE = -100, 0x1000, 0x8000, 1
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_IDMAP = 1, 0x100000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
SIGKILL = 9
REPORT_FD = 3
# bwrap's monitor and its process 1, the launcher, and a namespace helper: not the program's, yet they are
# counted.
OWN_PROCESSES = 4
# Without so many bytes of address space, bwrap itself does not start.
LEAST_ADDRESSES = 1 << 24
# Nor without so many descriptors.
LEAST_FILES = 32
# The kernel counts them as nanoseconds in 64 bits.
MOST_SECONDS = 10**9


class Trouble(Exception):
    """What the parent is told: a kind that it acts on, and words."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class MountAttr(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("namespace", ctypes.c_uint64),
    )


def check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def call(number: int, *arguments: Any) -> int:
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return check(libc.syscall(ctypes.c_long(number), *longs), f"system call {number}")


def mount_tmpfs(target: str, size: int, mode: str) -> None:
    options = f"mode={mode},size={size},nr_inodes={max(4096, size // 2048)}"
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV)
    check(
        libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", flags, options.encode()),
        f"mount a tmpfs on {target}",
    )


def write_file(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def namespace_mapping(owner: int, group: int, user: int) -> int:
    """A descriptor of a user namespace that maps the owner of the files to `user`."""
    ready_r, ready_w = os.pipe()
    hold_r, hold_w = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hold_w)
        os.write(ready_w, b"1" if libc.unshare(CLONE_NEWUSER) == 0 else b"0")
        os.read(hold_r, 1)
        os._exit(0)
    try:
        if os.read(ready_r, 1) != b"1":
            raise OSError("a user namespace for mapping owners was refused")
        write_file(f"/proc/{child}/uid_map", f"{owner} {user} 1")
        write_file(f"/proc/{child}/gid_map", f"{group} {user} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
    finally:
        for fd in (ready_r, ready_w, hold_r, hold_w):
            os.close(fd)
        os.waitpid(child, 0)


def clone_tree(source: str, flags: int, namespace: int | None) -> int:
    """A detached, read-only copy of the mount at `source`; its owner mapped if there is a namespace."""
    fd = call(SYS_OPEN_TREE, AT_FDCWD, os.fsencode(source), OPEN_TREE_CLONE | os.O_CLOEXEC | flags)
    attributes = MountAttr(MOUNT_ATTR_RDONLY, 0, 0, 0)
    if namespace is not None:
        attributes.set |= MOUNT_ATTR_IDMAP
        attributes.namespace = namespace
    try:
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        call(SYS_MOUNT_SETATTR, fd, b"", AT_EMPTY_PATH | flags, ctypes.byref(attributes), size)
    except OSError:
        os.close(fd)
        raise
    return fd


def stage(plan: dict[str, Any]) -> None:
    """Build the private tree. `stage` lists (source, name, how): how is "plain", "try" (map owners) or "must"."""
    user = plan["drop"]
    namespaces: dict[tuple[int, int], int] = {}
    clones = []
    for source, name, how in plan["stage"]:
        info = os.stat(source)
        recursive = 0 if how == "must" else AT_RECURSIVE
        fd = None
        if how != "plain" and (info.st_uid, info.st_gid) != (user, user):
            owner = (info.st_uid, info.st_gid)
            try:
                if owner not in namespaces:
                    namespaces[owner] = namespace_mapping(*owner, user)
                fd = clone_tree(source, recursive, namespaces[owner])
            except OSError as error:
                if how == "must":
                    raise Trouble("idmap", f"{source}: {error}") from None
        clones.append((clone_tree(source, recursive, None) if fd is None else fd, name, info.st_mode))
    for fd in namespaces.values():
        os.close(fd)
    mount_tmpfs(plan["mount"], plan["scratch"], "755")
    for fd, name, mode in clones:
        target = os.path.join(plan["mount"], name)
        if mode & 0o170000 == 0o040000:
            os.makedirs(target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        call(SYS_MOVE_MOUNT, fd, b"", AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH)
        os.close(fd)


def scratch(plan: dict[str, Any]) -> None:
    """Make the capped folders that the program writes to, and hand the upper one to the parent, which may fill it."""
    base, user = plan["mount"], plan["drop"]
    for name in ("up", "work", "tmp", "shm", *plan.get("folders", ())):
        folder = os.path.join(base, name)
        os.mkdir(folder, 0o755)
        if name in plan:
            mount_tmpfs(folder, plan[name], "1777")
        elif user is not None:
            os.chown(folder, user, user)
    fd = os.open(os.path.join(base, "up"), os.O_RDONLY | os.O_DIRECTORY)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))
    plan["parent"].sendmsg([b"u"], [rights])
    os.close(fd)


def drop(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # A changed uid makes a process undumpable, and its /proc/self root's: it could not write its own maps.
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def enter_namespace(flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    check(libc.unshare(flags), "a user namespace")
    write_file("/proc/self/setgroups", "deny")
    write_file("/proc/self/uid_map", f"{user} {user} 1")
    write_file("/proc/self/gid_map", f"{group} {group} 1")


def make_private() -> None:
    check(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "private mounts")


def prepare(plan: dict[str, Any]) -> None:
    if plan["drop"] is not None:
        check(libc.unshare(CLONE_NEWNS), "a mount namespace")
        make_private()
        stage(plan)
        if plan["capped"]:
            scratch(plan)
        drop(plan["drop"])
        if plan["nested"]:
            enter_namespace(CLONE_NEWUSER)
    elif plan["nested"]:
        enter_namespace(CLONE_NEWUSER | CLONE_NEWNS)
        if plan["capped"]:
            make_private()
            mount_tmpfs(plan["mount"], plan["scratch"], "755")
            scratch(plan)


def tasks_of(user: int) -> int:
    """How many threads the user has: what the kernel counts where the limit is not this run's alone."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    count += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return count


def limit(plan: dict[str, Any]) -> None:
    limits = plan["limits"]
    processes = limits["processes"] + OWN_PROCESSES
    if not plan["nested"]:
        processes += tasks_of(os.geteuid())
    wanted = {
        resource.RLIMIT_AS: max(limits["memory"], LEAST_ADDRESSES),
        resource.RLIMIT_CPU: min(limits["cpu_seconds"], MOST_SECONDS),
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_FSIZE: limits["file_size"],
        resource.RLIMIT_NOFILE: max(limits["open_files"], LEAST_FILES),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 1 << 20,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for which, value in wanted.items():
        _, most = resource.getrlimit(which)
        soft = value if most == resource.RLIM_INFINITY else min(value, most)
        # One second between the two lets the program end by SIGXCPU, which says why, and not by SIGKILL.
        hard = soft + 1 if which == resource.RLIMIT_CPU and most == resource.RLIM_INFINITY else soft
        resource.setrlimit(which, (soft, hard))


def supervise(plan: dict[str, Any], child: int, served: dict[int, Callable[[], None]]) -> None:
    """Wait for bwrap's end, or kill it at a word on the control pipe; return when all its offspring is gone.

    Meanwhile each function in `served` is called when its descriptor can be read.
    """
    pidfd = os.pidfd_open(child)
    poll = select.poll()
    for fd in (pidfd, plan["control"], *served):
        poll.register(fd, select.POLLIN)
    while not (ready := {fd for fd, _ in poll.poll()}) & {pidfd, plan["control"]}:
        for fd in ready:
            served[fd]()
    told = plan["control"] in ready
    if told:
        os.kill(child, SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and not told:
        tell(plan, "killed", f"bwrap was killed by signal {os.WTERMSIG(status)}; is the host out of memory?")
    # Orphans come to this process. bwrap has them killed with itself, unless it died before asking for that.
    while True:
        try:
            for orphan in children():
                os.kill(orphan, SIGKILL)
            os.wait()
        except ChildProcessError:
            return


def children() -> list[int]:
    """This process's children, all still to be waited for. None where the kernel does not list them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as stream:
            return [int(pid) for pid in stream.read().split()]
    except FileNotFoundError:
        return []


def main() -> None:
    with os.fdopen(int(sys.argv[1]), "rb") as stream:
        plan = marshal.loads(stream.read())
    run(plan, prepare)


def run(plan: dict[str, Any], prepare: Callable[[dict[str, Any]], dict[int, Callable[[], None]] | None]) -> None:
    """Carry the plan out, to the end of everything. What `prepare` returns is served meanwhile (see `supervise`)."""
    for fd in (plan["control"], plan["socket"]):
        os.set_inheritable(fd, False)
    plan["parent"] = _socket.socket(fileno=plan["socket"])
    os.umask(0o022)  # the same everywhere, and what is made here is for the user that it becomes
    try:
        # Opened with the rights of now, written when these are given up.
        joins = [os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in plan.get("join", ())]
        served = prepare(plan) or {}
        # A changed uid also clears this, hence so late; a parent gone before it is seen by the pipe's end.
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for _ in range(plan.get("waits", 0)):
            if not plan["parent"].recv(1):
                raise Trouble("parent", "the parent did not do its part")
        plan["parent"].close()
        launcher = os.getpid()
        child = os.fork()
        if child == 0:
            libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
            if os.getppid() != launcher:  # it died before that, and told nobody
                os._exit(1)
            for fd in joins:
                os.write(fd, b"0")
            write_file("/proc/self/oom_score_adj", "1000")
            os.umask(plan.get("umask", 0o022))
            limit(plan)
            if plan["report"] >= 0:
                # A shell can only name descriptors below 10.
                os.dup2(plan["report"], REPORT_FD)
                os.close(plan["report"])
            for ignored in (_signal.SIGPIPE, _signal.SIGXFSZ):  # by Python, and that would be inherited
                _signal.signal(ignored, _signal.SIG_DFL)
            os.execve(plan["bwrap"], plan["argv"], {})
    except Trouble as trouble:
        tell(plan, trouble.kind, str(trouble))
        os._exit(1)
    except OSError as error:
        tell(plan, "error", f"{error.filename or 'the launcher'}: {error.strerror or error}")
        os._exit(1)
    supervise(plan, child, served)


def tell(plan: dict[str, Any], kind: str, text: str) -> None:
    os.write(plan["status"], f"!{kind} {text!r}\n".encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    main()
