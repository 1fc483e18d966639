"""Each limit holds, each verdict is told, and what was written until then is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from revet.sandboxes.base import ExecVerdict, Feature, Limits, Sandbox, Session, Support
from tests.sandboxes.conformance.running import LONG, MIB, python, shell


def but(**fields: float) -> Limits:
    return LONG.model_copy(update=fields)


async def test_wall_time_is_limited_and_what_was_written_is_kept(session: Session) -> None:
    ended = await shell(session, "echo x >made; echo partial; echo why >&2; sleep 50", limits=but(wall_seconds=1.5))
    assert (ended.verdict, ended.exit_code) == (ExecVerdict.timeout, None)
    assert (ended.stdout, ended.stderr, ended.touched) == (b"partial\n", b"why\n", ("made",))
    assert 1 < ended.seconds < 30 and not ended.ok


async def test_a_report_is_kept_on_timeout(session: Session) -> None:
    ended = await shell(session, "echo so far >&$REVET_REPORT; sleep 50", report=True, limits=but(wall_seconds=1.5))
    assert (ended.verdict, ended.report) == (ExecVerdict.timeout, b"so far\n")


async def test_processor_time_is_limited(session: Session) -> None:
    ended = await python(session, "print('so far', flush=True)\nwhile True: pass", limits=but(cpu_seconds=1))
    assert (ended.verdict, ended.stdout) == (ExecVerdict.timeout, b"so far\n")
    assert ended.seconds < 45


async def test_a_signal_for_time_that_has_not_run_out_is_a_signal(session: Session) -> None:
    ended = await python(session, "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)")
    assert (ended.verdict, ended.signal) == (ExecVerdict.signal, 15)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_output_is_limited_and_its_first_part_kept(session: Session, stream: str) -> None:
    source = f"import sys\nwhile True: sys.{stream}.write('0123456789' * 1000)"
    ended = await python(session, source, limits=but(output=5000))
    assert (ended.verdict, ended.truncated, ended.exit_code) == (ExecVerdict.output_limit, True, None)
    assert getattr(ended, stream) == b"0123456789" * 500


async def test_output_of_exactly_the_limit_is_whole(session: Session) -> None:
    ended = await python(session, "print('x' * 4999)", limits=but(output=5000))
    assert ended.ok and len(ended.stdout) == 5000 and not ended.truncated
    ended = await python(session, "print('x' * 5000)", limits=but(output=5000))
    assert ended.verdict is ExecVerdict.output_limit and len(ended.stdout) == 5000 and ended.truncated


async def test_the_report_is_limited(session: Session) -> None:
    flood = "import os\nwhile True: os.write(int(os.environ['REVET_REPORT']), b'x' * 1000)"
    ended = await python(session, flood, report=True, limits=but(report=2500))
    assert (ended.verdict, ended.report, ended.truncated) == (ExecVerdict.output_limit, b"x" * 2500, True)


async def test_memory_is_limited(session: Session) -> None:
    ended = await python(session, f"x = b'x' * {512 * MIB}\nprint(len(x))", limits=but(memory=256 * MIB))
    assert ended.verdict in (ExecVerdict.oom, ExecVerdict.exception) and ended.stdout == b""
    ended = await python(session, f"x = b'x' * {64 * MIB}\nprint(len(x))", limits=but(memory=256 * MIB))
    assert ended.ok, ended.stderr


TOGETHER = """
import os, select, time
r, w = os.pipe()
for _ in range(12):
    if os.fork() == 0:
        x = b"x" * (48 << 20)
        os.write(w, os.getpid().to_bytes(4, "little"))
        time.sleep(9)
        os._exit(0)
holding = []
end = time.monotonic() + 2
while time.monotonic() < end:
    if select.select([r], [], [], 0.1)[0]:
        holding.append(int.from_bytes(os.read(r, 4), "little"))
print(sum(os.waitpid(pid, os.WNOHANG) == (0, 0) for pid in holding))
"""


async def test_memory_of_all_processes_is_limited_where_promised(session: Session, support: Support) -> None:
    if Feature.memory_total not in support.features:
        assert support.missing[Feature.memory_total]
        return
    ended = await python(session, TOGETHER, limits=but(memory=192 * MIB))
    assert ended.verdict is ExecVerdict.oom or int(ended.stdout) <= 4, ended


async def test_processes_are_limited(session: Session) -> None:
    source = """
import os, time
made = 0
try:
    while made < 200:
        if os.fork() == 0: time.sleep(50)
        made += 1
except OSError:
    pass
print(made)
"""
    ended = await python(session, source, limits=but(processes=20))
    assert ended.ok, ended.stderr
    assert 10 <= int(ended.stdout) <= 24


async def test_each_run_has_its_own_count_of_processes_where_promised(session: Session, support: Support) -> None:
    if Feature.process_count not in support.features:
        assert support.missing[Feature.process_count]
        return
    source = "import os, time\nfor _ in range(12):\n    if os.fork() == 0: time.sleep(1.5); os._exit(0)\nprint('made')"
    ends = await asyncio.gather(*(python(session, source, limits=but(processes=16)) for _ in range(3)))
    assert [ended.stdout for ended in ends] == [b"made\n"] * 3, [ended.stderr for ended in ends]


async def test_file_size_is_limited(session: Session) -> None:
    ended = await python(session, f"open('x', 'wb').write(bytes({2 * MIB}))", limits=but(file_size=MIB))
    assert ended.verdict is ExecVerdict.exception and b"File too large" in ended.stderr
    assert (await python(session, f"open('x', 'wb').write(bytes({MIB}))", limits=but(file_size=MIB))).ok


async def test_open_files_are_limited(session: Session) -> None:
    source = "x = [open('/dev/null') for _ in range(40)]"
    ended = await python(session, source, limits=but(open_files=32))
    assert b"Too many open files" in ended.stderr
    assert (await python(session, source, limits=but(open_files=64))).ok


@pytest.mark.parametrize("place", ["x", "/tmp/x"])
async def test_disk_is_limited_where_promised(session: Session, support: Support, place: str) -> None:
    if Feature.capped_disk not in support.features:
        assert support.missing[Feature.capped_disk]
        return
    source = f"""
for number in range(16):
    with open("{place}%d" % number, "wb", 0) as stream: stream.write(bytes({2 * MIB}))
"""
    ended = await python(session, source, limits=but(disk=8 * MIB))
    assert ended.verdict is not ExecVerdict.ok and b"No space left" in ended.stderr, ended
    ended = await python(session, source.replace("16", "2"), limits=but(disk=8 * MIB))
    assert ended.ok, ended.stderr


async def test_the_sessions_limits_are_the_default_of_its_runs(sandbox: Sandbox, workspace: Path) -> None:
    session = await sandbox.open(workspace, limits=but(output=100, wall_seconds=2))
    try:
        ended = await session.exec(["/bin/sh", "-c", "while :; do echo 0123456789; done"])
        assert (ended.verdict, len(ended.stdout)) == (ExecVerdict.output_limit, 100)
        assert (await session.exec(["/bin/sh", "-c", "sleep 50"])).verdict is ExecVerdict.timeout
        assert (await session.run_python("while True: pass")).verdict is ExecVerdict.timeout
        assert (await session.exec(["/bin/sh", "-c", "sleep 3"], limits=LONG)).ok
    finally:
        await session.close()


@pytest.mark.parametrize("field", sorted(Limits.model_fields))
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "much"])
def test_limits_of_zero_or_below_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Limits.model_validate({field: value})


def test_unknown_limits_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="wall_second"):
        Limits.model_validate({"wall_second": 3})
