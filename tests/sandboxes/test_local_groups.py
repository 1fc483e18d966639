"""Control groups: where they can be made, and what they bound. Version 2 is tested on files that look like it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from revet.sandboxes import ExecVerdict, Feature, Limits, Local
from revet.sandboxes.local import LocalSession
from revet.sandboxes.local.cgroup import Groups, Place, find_place, sweep_groups
from tests.sandboxes.inside import MIB, alive, python, shell

GROUPS = find_place()
real = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not isinstance(GROUPS, Place), reason=f"no control groups can be made here: {GROUPS}"),
]
SMALL = Limits(wall_seconds=20, memory=64 * MIB)


def mine() -> list[Path]:
    assert isinstance(GROUPS, Place)
    return [left for folder in GROUPS.distinct for left in folder.glob(f"revet-{os.getpid()}-*")]


@pytest.fixture(params=["overlay", "copy"])
async def grouped(request: pytest.FixtureRequest, workspace: Path):  # type: ignore[no-untyped-def]
    sandbox = Local(overlay=request.param == "overlay", require=[Feature.memory_total])
    async with await sandbox.open(workspace) as session:
        yield session


class TestHere:
    pytestmark = real

    async def test_memory_of_all_processes_is_bounded(self, grouped: LocalSession) -> None:
        source = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        kept = bytearray(30 * 2**20)
        time.sleep(20.1212)
print("made", flush=True)
ends = [os.wait()[1] for _ in range(1)]
raise SystemExit(f"lost {ends}")
"""
        ended = await python(grouped, source, limits=SMALL)
        assert (ended.verdict, ended.stdout, ended.exit_code) == (ExecVerdict.oom, b"made\n", 1)
        assert not alive("20.1212")
        assert (await shell(grouped, "echo fine")).stdout == b"fine\n"

    @pytest.mark.parametrize("places", [("/dev/shm/x", "/tmp/x"), ("x", "/tmp/x")])
    async def test_files_in_memory_count(self, overlaid: LocalSession, places: tuple[str, ...]) -> None:
        script = "echo before; " + "; ".join(f"head -c 50000000 /dev/zero >{place}" for place in places) + "; exit 1"
        ended = await shell(overlaid, script, limits=Limits(wall_seconds=20, memory=64 * MIB, disk=64 * MIB))
        assert (ended.verdict, ended.stdout) == (ExecVerdict.oom, b"before\n")

    async def test_a_child_that_is_killed_for_memory_does_not_spoil_a_success(self, overlaid: LocalSession) -> None:
        source = """
import os
for _ in range(3):
    if os.fork() == 0:
        kept = bytearray(30 * 2**20)
        os.read(0, 1)
        import time; time.sleep(20)
print(os.wait()[1], flush=True)
os._exit(0)
"""
        ended = await python(overlaid, source, limits=SMALL)
        assert ended.stdout == b"9\n"
        assert ended.ok

    async def test_cpu_time_of_all_processes_is_bounded(self, overlaid: LocalSession) -> None:
        source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        while True: pass
print("made", flush=True)
time.sleep(60)
"""
        ended = await python(overlaid, source, limits=Limits(wall_seconds=40, cpu_seconds=1))
        assert (ended.verdict, ended.stdout) == (ExecVerdict.timeout, b"made\n") and ended.seconds < 30

    async def test_groups_go_with_the_run_and_with_the_session(self, workspace: Path) -> None:
        session = await Local().open(workspace)
        try:
            before = mine()
            assert before
            await asyncio.gather(*(shell(session, "true") for _ in range(3)))
            task = asyncio.create_task(shell(session, "sleep 604.1414"))
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for folder in before:
                assert not [inner for inner in folder.iterdir() if inner.is_dir()]
        finally:
            await session.close()
        assert not [folder for folder in before if folder.exists()]

    async def test_groups_of_the_killed_are_swept(self, workspace: Path) -> None:
        source = f"""
import asyncio
from pathlib import Path
from revet.sandboxes import Local
async def main():
    session = await Local().open(Path({str(workspace)!r}))
    command = ["sh", "-c", "echo up >&$REVET_REPORT; sleep 605.1616"]
    await session.exec(command, on_report=lambda chunk: print("up", flush=True))
asyncio.run(main())
"""
        environment = {**os.environ, "TMPDIR": str(workspace.parent)}
        process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        assert isinstance(GROUPS, Place)
        left = [place for folder in GROUPS.distinct for place in folder.glob(f"revet-{process.pid}-*")]
        sweep_groups(GROUPS, grace=0)
        assert left and all(place.exists() for place in left)
        process.kill()
        process.wait()
        process.stdout.close()
        for _ in range(100):
            sweep_groups(GROUPS, grace=0)
            if not any(place.exists() for place in left):
                break
            await asyncio.sleep(0.05)
        assert not any(place.exists() for place in left) and not alive("605.1616")


def second(top: Path, *, own: str, handed: dict[str, str]) -> Path:
    """A system with version 2 alone. `handed`: what each group hands down."""
    (top / "proc/self").mkdir(parents=True)
    (top / "proc/self/cgroup").write_text(f"0::{own}\n")
    (top / "proc/self/mountinfo").write_text(
        "24 1 0:22 / /proc rw - proc proc rw\n30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
    )
    for path, names in handed.items():
        group = top / "sys/fs/cgroup" / path.lstrip("/")
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.subtree_control").write_text(names)
        (group / "cgroup.procs").touch()
    return top / "sys/fs/cgroup"


def test_version_2_takes_the_nearest_group_that_hands_its_controllers_down(tmp_path: Path) -> None:
    handed = {"/": "cpu memory pids", "/user": "memory pids", "/user/app": "", "/user/app/me": ""}
    top = second(tmp_path, own="/user/app/me", handed=handed)
    found = find_place(tmp_path)
    assert isinstance(found, Place) and found.version == 2 and found.distinct == [top / "user"]


def test_version_2_says_why_it_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second(tmp_path, own="/me", handed={"/": "cpu", "/me": ""})
    assert "hands the memory and pids controllers down" in str(find_place(tmp_path))
    (tmp_path / "proc/self/cgroup").write_text("0::/../elsewhere\n")
    assert isinstance(find_place(tmp_path), str)
    (tmp_path / "proc/self/mountinfo").write_text("24 1 0:22 / /proc rw - proc proc rw\n")
    assert "no memory and pids controllers" in str(find_place(tmp_path))
    assert "cannot be read" in str(find_place(tmp_path / "none"))


def test_a_group_that_this_user_may_not_write_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second(tmp_path, own="/me", handed={"/": "memory pids", "/me": "memory pids"})
    access = os.access
    monkeypatch.setattr(os, "access", lambda place, how: "cgroup" not in str(place) and access(place, how))
    assert isinstance(find_place(tmp_path), str)


def test_version_1_needs_memory_and_pids(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("9:cpu,cpuacct:/\n4:memory:/box/me\n3:pids:/box/me\n0::/\n")
    lines = [
        "31 24 0:27 /box /sys/fs/cgroup/memory\\0401 rw - cgroup cgroup rw,memory",
        "32 24 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
        "33 24 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
        "34 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    ]
    (tmp_path / "proc/self/mountinfo").write_text("\n".join(lines))
    top = tmp_path / "sys/fs/cgroup"
    for name in ("memory 1/me", "pids/box/me", "cpu,cpuacct", "unified"):
        (top / name).mkdir(parents=True)
    found = find_place(tmp_path)
    folders = {"memory": top / "memory 1/me", "pids": top / "pids/box/me", "cpuacct": top / "cpu,cpuacct"}
    assert found == Place(1, folders)
    shutil.rmtree(top / "pids")
    assert isinstance(find_place(tmp_path), str)


def test_a_group_of_version_2_has_its_limits_and_tells_its_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)  # the kernel's files vanish with their group
    place = Place(2, dict.fromkeys(("memory", "pids", "cpuacct"), tmp_path))
    groups = Groups(place)
    (own,) = tmp_path.iterdir()
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"
    group = groups.make(Limits(memory=100 * MIB, processes=7))
    (inner,) = (place for place in own.iterdir() if place.is_dir())
    assert int((inner / "memory.max").read_text()) == 108 * MIB and (inner / "pids.max").read_text() == "10"
    assert group.joins == [f"{inner}/cgroup.procs"]
    group.join(4711)
    assert (inner / "cgroup.procs").read_text() == "4711"
    assert (group.cpu_seconds(), group.oom_kills()) == (0, 0)
    (inner / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 7\n")
    (inner / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert (group.cpu_seconds(), group.oom_kills()) == (1.5, 2)
    groups.drop(group)
    assert not inner.exists()
    sweep_groups(place, grace=0)
    assert own.exists()
    groups.close()
    groups.close()
    assert not own.exists()


def test_what_is_in_use_young_or_of_others_is_not_swept(tmp_path: Path) -> None:
    place = Place(2, {"memory": tmp_path / "me"})
    for name in ("me/revet-1-old", "me/revet-1-young", "me/other", "you/revet-2-old"):
        (tmp_path / name / "0").mkdir(parents=True)
    for name in ("me/revet-1-old", "me/other", "you/revet-2-old"):
        os.utime(tmp_path / name, (time.time() - 3600,) * 2)
    sweep_groups(place)
    assert sorted(left.name for left in tmp_path.glob("*/*")) == ["other", "revet-1-young"]


def test_a_group_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="none"):
        Groups(Place(1, {"memory": tmp_path / "a", "pids": tmp_path / "none"}))
    assert not list((tmp_path / "a").iterdir())


def test_a_forked_child_leaves_the_groups_to_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom revet.sandboxes.local.cgroup import Groups, Place\n"
        "top = Path(sys.argv[1])\ngroups = Groups(Place(1, {'memory': top, 'pids': top}))\n"
        "if os.fork() == 0:\n    groups.close()\n    sys.exit(0)\n"
        "assert os.wait()[1] == 0 and list(top.iterdir())\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sandbox
@pytest.mark.skipif(not isinstance(GROUPS, Place), reason="no control groups can be made here")
def test_what_still_runs_in_a_group_of_the_killed_is_killed() -> None:
    assert isinstance(GROUPS, Place)
    groups = Groups(GROUPS)
    left = mine()
    group = groups.make(SMALL)
    process = subprocess.Popen(["sleep", "606.1717"])
    group.join(process.pid)
    sweep_groups(GROUPS, grace=0)
    assert process.poll() is None
    while groups._held:  # as the kernel does when the process is killed
        os.close(groups._held.pop())
    sweep_groups(GROUPS, grace=0)
    assert process.wait(10) == -9
    sweep_groups(GROUPS, grace=0)
    assert left and not any(place.exists() for place in left)
