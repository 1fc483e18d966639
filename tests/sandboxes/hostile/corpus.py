"""The table: how each hostile program is run, with which limits, and which verdicts it may come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from revet.sandboxes.base import ExecVerdict, Limits
from tests.sandboxes.hostile import checks
from tests.sandboxes.hostile.attack import Case, Check, Mode, Program

__all__ = ["PROGRAMS"]

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40
SMALL = Limits(
    wall_seconds=30,
    cpu_seconds=20,
    memory=256 * MIB,
    processes=32,
    file_size=4 * MIB,
    disk=16 * MIB,
    open_files=64,
    output=256 * KIB,
    report=64 * KIB,
)
"""For programs that end by themselves."""
BRIEF = SMALL.model_copy(update={"wall_seconds": 1.5})
"""For programs that must be stopped."""
HALF = SMALL.model_copy(update={"memory": 128 * MIB})
ROOMY = SMALL.model_copy(update={"file_size": 2 * TIB})
FEW = BRIEF.model_copy(update={"disk": 4 * MIB})
ONE_CPU_SECOND = SMALL.model_copy(update={"cpu_seconds": 1})
MODES: dict[str, Mode] = {"exec": "exec", "keep": "keep", "python": "python"}
FULL = ("full .", "full /tmp", "full /dev/shm")
ANY_DEATH = "ok exception signal crash timeout"


def on(
    modes: str,
    verdicts: str,
    *,
    variants: Sequence[str] = ("",),
    limits: Limits = SMALL,
    says: Sequence[str] = (),
    allowed: Sequence[str] = (),
    check: Sequence[Check] = (),
) -> Iterator[Case]:
    """Cases for each variant in each of the modes, all with the same expectations."""
    for variant in variants:
        for mode in modes.split():
            wanted = frozenset(ExecVerdict(verdict) for verdict in verdicts.split())
            yield Case(MODES[mode], wanted, limits, variant, tuple(says), tuple(allowed), tuple(check))


BOTH = "exec python"
TABLE: dict[str, tuple[Iterator[Case], ...]] = {
    "p01_fork_bomb": (
        on(BOTH, "ok timeout", limits=BRIEF, check=[checks.few_processes]),
        on("exec", "ok exception timeout", variants=["shell"], limits=BRIEF),
    ),
    "p02_memory_bomb": (
        on("python", "oom", variants=["at once", "bit by bit"], check=[checks.never_said("held")]),
        on("exec", "oom exception", variants=["at once", "bit by bit"], check=[checks.never_said("held")]),
    ),
    "p03_memfd_bomb": (on(BOTH, "ok oom", check=[checks.bounded_memory]),),
    "p04_many_children": (on(BOTH, "ok oom", limits=HALF, check=[checks.bounded_total]),),
    "p05_stdout_flood": (on(BOTH, "output_limit", check=[checks.truncated("stdout")]),),
    "p06_stderr_flood": (on(BOTH, "output_limit", check=[checks.truncated("stderr")]),),
    "p07_spin": (
        on(BOTH, "timeout", variants=["loop", "C call"], limits=BRIEF, says=["started"]),
        on("exec", "timeout", variants=["threads"], limits=BRIEF, says=["started"]),
        on(BOTH, "timeout", variants=["processor time"], limits=ONE_CPU_SECOND, says=["started"]),
    ),
    "p08_deaf": (on(BOTH, "timeout", limits=BRIEF, says=["deaf"]),),
    "p09_daemon": (on(BOTH, "ok", says=["left"]),),
    "p10_held_stdout": (on(BOTH, "ok", says=["ended"], check=[checks.prompt(15)]),),
    "p11_zombies": (on(BOTH, "ok", variants=["own", "orphans"], says=["made"]),),
    "p12_huge_file": (
        on(BOTH, "ok", says=["written ."], allowed=FULL, check=[checks.bounded_disk]),
        on(BOTH, "signal", variants=["deadly"], check=[checks.killed_by(25)]),
    ),
    "p13_many_files": (on("exec python keep", "ok timeout exception", limits=FEW),),
    "p14_sparse": (
        on("keep", "ok", variants=["limited"], says=["size"]),
        on("keep", "ok", variants=["roomy"], limits=ROOMY, allowed=["one TB"], check=[checks.refuses("sparse.bin")]),
    ),
    "p15_symlinks": (
        on(
            "keep",
            "ok",
            says=["made"],
            check=[checks.refuses("passwd", "etc", "secret", "climbs", "environ", "folder/out", "a.txt")],
        ),
    ),
    "p16_names": (
        on("keep", "ok", says=["made"], check=[checks.names_refused]),
        on(BOTH, "ok", says=["made"]),
    ),
    "p17_special_files": (
        on("keep", "ok", says=["made"], check=[checks.refuses("pipe", "folder/pipe", "socket", "a.txt")]),
        on(BOTH, "ok", says=["made"]),
    ),
    "p18_swap": (on("keep exec", "ok", says=["swapping"]),),
    "p19_setuid": (on("keep exec python", "ok", says=["made"]),),
    "p20_private_files": (on(BOTH, "ok", says=["tried"]),),
    "p21_environment": (on(BOTH, "ok", says=["own", "tried"]),),
    "p22_descriptors": (on(BOTH, "ok", says=["descriptors"], check=[checks.no_foreign_descriptor]),),
    "p23_network": (on(BOTH, "ok", says=["tried"]),),
    "p24_sockets": (on(BOTH, "ok", says=["tried"]),),
    "p25_tracing": (on(BOTH, "ok", says=["tried"]),),
    "p26_namespaces": (on(BOTH, "ok", says=["tried"]),),
    "p27_kernel_interfaces": (on(BOTH, "ok", says=["tried"]),),
    "p28_terminal": (on(BOTH, "ok", says=["tried"]),),
    "p29_other_abi": (
        on(BOTH, "ok", variants=["x32"], says=["tried"]),
        on(BOTH, "ok signal denied", variants=["i386"], says=["tried"]),
    ),
    "p30_binary": (on(BOTH, "ok", check=[checks.binary_kept]),),
    "p31_stdin": (on(BOTH, "ok", check=[checks.equal("read", 0), checks.equal("again", 0)]),),
    "p32_closed": (
        on(BOTH, "ok", says=["closing"]),
        on(BOTH, "exception", variants=["then fails"], says=["closing"], check=[checks.status(7)]),
    ),
    "p33_early_exit": (
        on(
            "python",
            "exception",
            variants=[
                *("sys.exit", "os._exit", "SystemExit", "exit in C", "exec", "thread", "alarm", "atexit"),
                *("child goes on", "KeyboardInterrupt"),
            ],
        ),
    ),
    "p34_segfault": (
        on(BOTH, "signal", variants=["segfault"], says=["dying"], check=[checks.killed_by(11)]),
        on(BOTH, "signal", variants=["abort"], says=["dying"]),
        on("exec", "signal", variants=["illegal"], says=["dying"]),
        on(BOTH, "exception", variants=["pretend"], says=["dying"], check=[checks.status(139)]),
    ),
    "p35_recursion": (
        on(BOTH, "exception", variants=["plain", "json"], says=["falling"], check=[checks.never_said("landed")]),
        on(BOTH, "exception signal oom", variants=["no limit", "repr", "brackets"], limits=HALF, says=["falling"]),
        on(BOTH, "ok exception signal oom", variants=["operators"], says=["falling"]),
    ),
    "p36_huge_int": (on(BOTH, "timeout", limits=BRIEF, says=["started"], check=[checks.never_said("length")]),),
    "p37_clock": (on(BOTH, "timeout", limits=BRIEF, says=["stopped"]),),
    "p38_kill": (
        on(BOTH, ANY_DEATH, variants=["parent", "everybody", "process 1", "group"], limits=BRIEF, says=["killing"]),
    ),
    "p39_forged_output": (
        on("python", "exception", variants=["claims", "records first", "digs"]),
        on("exec", "exception", variants=["claims"], check=[checks.status(3)]),
    ),
    "p40_patched_judge": (
        on(
            "python",
            "exception",
            variants=[
                *("builtins", "modules", "encoder", "functions", "frames", "jump", "hooks", "main"),
                *("equal", "slippery"),
            ],
        ),
    ),
    "p41_poison": (
        on(BOTH, "ok", variants=["poison"], says=["poisoned"]),
        on(BOTH, "ok", variants=["look"], check=[checks.equal("found", [])]),
    ),
    "p42_pickle": (
        on("python", "exception", variants=["object", "bytes", "set", "NaN", "loop", "deep", "class", "keys"]),
        on("python", "ok exception", variants=["items"]),
        on("python", "ok", variants=["text"], check=[checks.whole_value(lambda value: isinstance(value, str))]),
        on("exec", "ok", variants=["bytes"], says=["returned"]),
    ),
    "p43_hooks": (
        on("keep exec", "ok", says=["written"], check=[checks.hooks_kept]),
        on("python", "ok", says=["written"]),
    ),
}

ALONE = {*range(1, 5), *range(10, 15), 41}
"""The numbers of those that eat memory, processes or disk, are timed, or whose cases build on each other."""


def program(name: str, parts: Sequence[Iterator[Case]]) -> Program:
    number = int(name[1:3])
    return Program(number, name, tuple(case for part in parts for case in part), alone=number in ALONE)


PROGRAMS = tuple(program(name, parts) for name, parts in TABLE.items())
