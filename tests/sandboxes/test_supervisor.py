"""The supervisor and its host: frames that cannot be forged, packs that arrive whole, programs that end for certain."""

from __future__ import annotations

import ast
import errno
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revet.errors import DiskFull, InputError, SandboxBroken, WorkspaceChanged
from revet.sandboxes import guests, packs
from revet.sandboxes._guest import frames as guest_frames
from revet.sandboxes._guest import staging
from revet.sandboxes.base import ExecResult, ExecVerdict, Layer, Limits
from revet.sandboxes.guests import Account, Corrupt
from revet.sandboxes.owners import is_gone, owner
from revet.sandboxes.view import View

KEY = b"k" * 32
SHORT = Limits(wall_seconds=20, cpu_seconds=20)
PATH = "/usr/local/bin:/usr/bin:/bin"


def told(*what: tuple[bytes, Any], key: bytes = KEY) -> bytes:
    """What a supervisor with this key would have sent."""
    sent = b""
    for number, (kind, payload) in enumerate(what):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent += guest_frames.FRAME.pack(kind, len(data)) + data + guest_frames.seal(key, number, kind, data)
    return sent


ENDED = {"status": 0, "cause": None, "error": None, "seconds": 0.5, "oom": 0, "cpu": 0.1}
WHOLE = (
    (b"R", {"python": "/usr/bin/python3"}),
    (b"S", b""),
    (b"B", b""),
    (b"1", b"out"),
    (b"2", b"err"),
    (b"3", b"report"),
    (b"E", ENDED),
    (b"A", {"path": "a", "kind": "file", "mode": 0o644, "size": 3, "modified": 1, "target": None, "sent": True}),
    (b"D", b"abc"),
    (b"T", ["a"]),
    (b"V", ["b\udcff"]),
    (b"Q", {"left_out": 0}),
)


def account(**options: Any) -> Account:
    return Account(KEY, SHORT, **options)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), max_size=20))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    data, seen = told(*WHOLE), []
    with account(on_report=seen.append) as heard:
        for cut in cuts:
            heard.feed(data[:cut])
            data = data[cut:]
        heard.feed(data)
        assert heard.done and heard.over and heard.synced == 1 and heard.began
        assert (heard.output(b"1"), heard.output(b"2"), heard.output(b"3")) == (b"out", b"err", b"report")
        assert [(left.path, b"".join(left.chunks())) for left in heard.left] == [("a", b"abc")]
        result = guests.judge(heard, ["x"], cause=None, died=ExecVerdict.crash, seconds=9)
    assert result.ok and result.touched == ("a", "b\\xff") and b"".join(seen) == b"report"


def test_what_the_caller_raises_is_not_the_supervisors() -> None:
    for error in (KeyError("mine"), ValueError("mine"), TypeError("mine")):

        def refuse(_: bytes, error: Exception = error) -> None:
            raise error

        with account(on_report=refuse) as heard, pytest.raises(type(error), match="mine"):
            heard.feed(told(*WHOLE))


def test_an_order_that_is_too_long_is_refused() -> None:
    given: dict[str, Any] = {"cwd": "/", "rlimits": {}, "python": None, "report": False, "keep": False}
    with pytest.raises(InputError, match="arguments and environment come to"):
        guests.order(["x" * guest_frames.MAX_FRAME], env={}, limits=SHORT, seccomp=None, **given)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "\x01" * 4000, "\udcff" * 4000, "é" * 9, "p" * 70_000]), max_size=60))
def test_paths_are_cut_into_frames(paths: list[str]) -> None:
    cut = list(staging.parts(paths))
    assert [path for part in cut for path in part] == paths
    assert all(part and len(json.dumps(part)) <= guest_frames.MAX_FRAME for part in cut)


def test_more_paths_than_are_told_are_corrupt() -> None:
    part = (b"T", ["p" * 4000] * 200)
    with account() as heard, pytest.raises(Corrupt, match="more paths"):
        heard.feed(told(*[part] * (3 * staging.MAX_PATH_BYTES // 800_000 + 2)))


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_give_a_result(data: bytes) -> None:
    with account() as heard:
        try:
            heard.feed(data)
        except Corrupt:
            pass
        assert not heard.done and heard.ended is None and heard.ready is None and not heard.output(b"1")


@settings(deadline=None)
@given(st.integers(0, len(told(*WHOLE)) - 1), st.integers(0, 7))
def test_one_flipped_bit_is_noticed(where: int, bit: int) -> None:
    data = bytearray(told(*WHOLE))
    data[where] ^= 1 << bit
    with account() as heard:
        try:
            heard.feed(bytes(data))
        except Corrupt:
            pass
        assert not heard.done
        assert guests.judge(heard, ["x"], cause=None, died=ExecVerdict.crash, seconds=1).verdict is ExecVerdict.crash


@pytest.mark.parametrize(
    "stream",
    [
        told(*WHOLE, key=b"x" * 32),
        told(*WHOLE[1:])[len(told(WHOLE[1])) :],
        told(*WHOLE) + told((b"1", b"more")),
        told((b"Q", {"left_out": 0})),
        told((b"1", b"x" * (SHORT.output + 1))[:2]) if SHORT.output < guest_frames.MAX_FRAME else told((b"Z", b"")),
        told((b"E", [])),
        told((b"E", b"{")),
        told((b"T", 1)),
        told((b"D", b"content of nothing")),
        told((b"A", {"path": "a", "kind": "disk", "mode": 0, "size": 0, "modified": 0, "target": None, "sent": False})),
        told(
            (
                b"A",
                {"path": "a", "kind": "file", "mode": 0, "size": 1 << 50, "modified": 0, "target": None, "sent": True},
            )
        ),
        guest_frames.FRAME.pack(b"1", 1 << 30) + b"x",
    ],
)
def test_what_makes_no_sense_is_corrupt(stream: bytes) -> None:
    with account() as heard, pytest.raises(Corrupt):
        heard.feed(stream)


def judged(because: Any = None, **ended: Any) -> ExecResult:
    with account() as heard:
        heard.feed(told((b"E", {**ENDED, **ended}), (b"Q", {"left_out": 0})))
        return guests.judge(heard, ["prog"], cause=because, died=ExecVerdict.crash, seconds=1)


@pytest.mark.parametrize(
    ("ended", "verdict", "code", "number"),
    [
        ({"status": 0}, "ok", 0, None),
        ({"status": 0, "oom": 1}, "ok", 0, None),
        ({"status": 3 << 8}, "exception", 3, None),
        ({"status": 139 << 8}, "exception", 139, None),
        ({"status": 3 << 8, "oom": 1}, "oom", 3, None),
        ({"status": signal.SIGSEGV}, "signal", 139, 11),
        ({"status": signal.SIGSYS}, "denied", 159, 31),
        ({"status": signal.SIGXCPU}, "timeout", 152, 24),
        ({"status": signal.SIGKILL, "cpu": 25.0}, "timeout", 137, 9),
        ({"status": signal.SIGKILL}, "signal", 137, 9),
        ({"status": signal.SIGKILL, "seconds": 30.0}, "signal", 137, 9),
        ({"status": signal.SIGKILL, "seconds": 30.0, "cpu": None}, "signal", 137, 9),
        ({"status": signal.SIGKILL, "oom": 2}, "oom", 137, 9),
        ({"status": signal.SIGKILL, "cause": "wall"}, "timeout", None, None),
        ({"status": signal.SIGKILL, "cause": "cpu"}, "timeout", None, None),
        ({"status": signal.SIGKILL, "cause": "output"}, "output_limit", None, None),
        ({"status": 127 << 8, "error": ["exec", 2, "No such file"]}, "exception", 127, None),
        ({"status": 127 << 8, "error": ["exec", 13, "Permission denied"]}, "exception", 126, None),
    ],
)
def test_verdicts(ended: dict[str, Any], verdict: str, code: int | None, number: int | None) -> None:
    result = judged(**ended)
    assert (result.verdict, result.exit_code, result.signal) == (verdict, code, number)
    assert result.truncated == (verdict == "output_limit")
    if "error" in ended:
        assert result.stderr.startswith(b"prog: ")


def test_what_is_the_sandboxes_fault_is_raised() -> None:
    with pytest.raises(SandboxBroken, match="closed"):
        judged(because="closed")
    with pytest.raises(SandboxBroken, match="could not be set up: no"):
        judged(error=["setup", 1, "no"])
    for kind, error in (("full", DiskFull), ("broken", SandboxBroken)):
        with account() as heard, pytest.raises(error, match="why"):
            heard.feed(told((b"X", {"kind": kind, "words": "why"})))
            guests.judge(heard, ["x"], cause=None, died=ExecVerdict.crash, seconds=1)


# Packs

NAMES = st.sampled_from(["a", "b", "é", "x y", "new\nline", "\udcff", ".git"])
FILES = st.tuples(st.binary(max_size=50), st.sampled_from([0o644, 0o755, 0o600, 0o444]))
TREES = st.recursive(
    st.one_of(FILES, st.sampled_from(["a", "../b", "/etc/passwd"])),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


def plant(top: Path, tree: Any) -> None:
    for name, what in tree.items():
        place = top / name
        if isinstance(what, dict):
            place.mkdir()
            plant(place, what)
        elif isinstance(what, str):
            place.symlink_to(what)
        else:
            place.write_bytes(what[0])
            place.chmod(what[1])


def shape(top: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path, stamp in packs.scan(View(top)).items():
        content = (top / path).read_bytes() if stamp.kind == b"f" else b""
        found[path] = (stamp.kind, stamp.mode, stamp.target, content, stamp.modified if stamp.kind == b"f" else 0)
    return found


def unpack(top: Path, pieces: Iterator[bytes], step: int) -> None:
    unpacker = staging.Unpacker(str(top), None)
    for piece in pieces:
        for start in range(0, len(piece), step):
            unpacker.feed(piece[start : start + step])
    unpacker.finish()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=TREES, second=TREES, step=st.integers(1, 200))
def test_a_pack_makes_one_tree_of_another(
    tmp_path_factory: pytest.TempPathFactory, first: Any, second: Any, step: int
) -> None:
    top = tmp_path_factory.mktemp("packs")
    for name, tree in (("one", first), ("two", second), ("copy", {})):
        (top / name).mkdir()
        plant(top / name, tree)
    one, two = packs.scan(View(top / "one")), packs.scan(View(top / "two"))
    unpack(top / "copy", packs.pack(packs.delta({}, one)), step)
    assert shape(top / "copy") == shape(top / "one")
    unpack(top / "copy", packs.pack(packs.delta(one, two)), step)
    assert shape(top / "copy") == shape(top / "two")
    assert not packs.delta(two, packs.scan(View(top / "two")))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(below=TREES, above=TREES, data=st.data())
def test_a_scan_shows_what_the_view_shows(
    tmp_path_factory: pytest.TempPathFactory, below: Any, above: Any, data: st.DataObject
) -> None:
    top = tmp_path_factory.mktemp("views")
    for name, tree in (("ws", below), ("layer", above)):
        (top / name).mkdir()
        plant(top / name, tree)
    paths = sorted(View(top / "ws").below("."))
    deleted = tuple(data.draw(st.lists(st.sampled_from(paths), max_size=3))) if paths else ()
    view = View(top / "ws", Layer(root=top / "layer", deleted=deleted))
    found = packs.scan(view)
    assert set(found) == set(view.below("."))
    assert all(stamp.source in ("", str(view.find(path))) for path, stamp in found.items())
    order = list(found)
    assert all(order.index(path.rpartition("/")[0]) < order.index(path) for path in order if "/" in path)


def test_a_folder_that_another_user_has_taken_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacker = staging.Unpacker(str(tmp_path), None)
    unpacker.feed(b"".join(packs.pack(packs.Delta([], {"shut": packs.Stamp(b"d", 0o500)}))))
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: os.getuid() + 1)
        unpacker.finish()
    assert (tmp_path / "shut").stat().st_mode & 0o777 == 0o700
    unpacker.finish()
    assert (tmp_path / "shut").stat().st_mode & 0o777 == 0o500


def test_a_change_that_hides_its_time_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_text("one")
    before, info = packs.scan(View(tmp_path)), place.stat()
    staging.let_clock_tick()
    place.write_text("two")
    os.utime(place, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert packs.delta(before, packs.scan(View(tmp_path))).made.keys() == {"a"}
    with pytest.raises(WorkspaceChanged):
        list(packs.pack(packs.delta({}, before)))


def test_a_link_that_is_replaced_while_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("a")
    for number in (errno.EINVAL, errno.ENOTDIR, errno.ENOENT):

        def readlink(path: str, number: int = number) -> str:
            raise OSError(number, os.strerror(number), path)

        with monkeypatch.context() as patched, pytest.raises(WorkspaceChanged, match="link was changed while"):
            patched.setattr(os, "readlink", readlink)
            packs.scan(View(tmp_path))


def test_a_file_that_changes_on_the_way_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "a"
    for change in (lambda: place.write_text("longer than before"), place.unlink, lambda: os.utime(place, (1, 1))):
        place.write_text("as it was")
        manifest = packs.scan(View(tmp_path))
        change()
        with pytest.raises(WorkspaceChanged, match="changed while"):
            list(packs.pack(packs.delta({}, manifest)))
    place.write_text("first")
    (tmp_path / "b").write_bytes(b"x" * (1 << 20))
    manifest = dict(sorted(packs.scan(View(tmp_path)).items()))
    pieces = packs.pack(packs.delta({}, manifest))
    next(pieces)
    place.write_text("second, when it had been read")
    with pytest.raises(WorkspaceChanged):
        list(pieces)


def test_locks_name_the_folders_above(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("c")
    (tmp_path / "a" / "d").write_text("d")
    (tmp_path / "link").symlink_to("a/d")
    view = View(tmp_path)
    manifest = packs.scan(view)
    locked = packs.locks(view, manifest, ["a/b", "link", "missing"])
    assert locked is not None
    assert locked.above == {"a"} and set(locked.held) == {"a/b", "a/b/c", "a/d"} and not locked.whole
    assert packs.locks(view, manifest, ["missing"]) is None
    new = dict(manifest)
    new["a/new"] = manifest["a/d"]
    assert not locked.hinder(packs.delta(manifest, new))
    new["a/b/new"] = manifest["a/d"]
    assert locked.hinder(packs.delta(manifest, new))
    assert locked.hinder(packs.delta(manifest, {"a": manifest["a"]}))


# The supervisor itself, as an ordinary process


class Spoken:
    """A supervisor on this machine, with `folder` as its workspace."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.key, self.folder = guests.new_key(), folder
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", guests.program()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.say(guests.head(folder, self.key, **options))

    def say(self, *parts: bytes) -> None:
        for part in parts:
            self.stdin.write(part)
        self.stdin.flush()

    def order(self, *argv: str, limits: Limits = SHORT, **options: Any) -> None:
        given: dict[str, Any] = {"rlimits": {}, "python": None, "report": False, "keep": False, "seccomp": None}
        env = {"PATH": PATH}
        self.say(guests.order(argv, env=env, cwd=str(self.folder), limits=limits, **{**given, **options}))

    def hear(self, heard: Account, until: Any = None) -> Account:
        while not heard.over and not (until and until(heard)):
            data = os.read(self.stdout.fileno(), 1 << 16)
            if not data:
                break
            heard.feed(data)
        return heard

    def end(self) -> int:
        self.stdin.close()
        self.stdout.close()
        return self.process.wait(20)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "old").write_text("old")
    (tmp_path / "ws" / "gone").write_text("gone")
    return tmp_path / "ws"


@pytest.fixture
def spoken(place: Path) -> Iterator[Spoken]:
    made = Spoken(place)
    yield made
    assert made.end() == 0


def shell(spoken: Spoken, script: str, limits: Limits = SHORT, **options: Any) -> tuple[ExecResult, Account]:
    spoken.order("/bin/sh", "-c", script, limits=limits, **options)
    with Account(spoken.key, limits) as heard:
        spoken.hear(heard)
        return guests.judge(heard, ["/bin/sh"], cause=None, died=ExecVerdict.crash, seconds=0), heard


def test_a_program_runs_and_is_told(spoken: Spoken) -> None:
    spoken.say(*guests.frames(b"I", b"in" * 100_000))
    result, heard = shell(
        spoken,
        "wc -c; echo err >&2; echo new >new; rm gone; echo more >>old; mkfifo pipe; mkdir d; ln -s old d/l; "
        "echo report >&$REVET_REPORT; exit 7",
        report=True,
        keep=True,
    )
    assert (result.verdict, result.exit_code) == (ExecVerdict.exception, 7)
    assert (result.stdout.strip(), result.stderr, result.report) == (b"200000", b"err\n", b"report\n")
    assert result.touched == ("d", "d/l", "gone", "new", "old", "pipe")
    assert heard.deleted == ["gone"] and heard.left_out == 0
    assert {left.path: (left.kind, left.size, left.target, left.sent) for left in heard.left} == {
        "d": ("folder", 0, None, False),
        "d/l": ("link", 0, "old", False),
        "new": ("file", 4, None, True),
        "old": ("file", 8, None, True),
        "pipe": ("other", 0, None, False),
    }


def test_all_that_it_started_is_dead(spoken: Spoken) -> None:
    script = "setsid sh -c 'trap \"\" TERM; sleep 77 & echo $$ >pid; wait' & while ! test -s pid; do :; done"
    started = time.monotonic()
    result, _ = shell(spoken, script)
    assert result.ok and time.monotonic() - started < 15
    pid = int((spoken.folder / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_limits_of_time_and_output(place: Path) -> None:
    for script, limits, verdict in (
        ("echo begun; sleep 77", Limits(wall_seconds=0.5), "timeout"),
        ("yes", Limits(output=10_000), "output_limit"),
        ("yes >&2", Limits(output=10_000), "output_limit"),
    ):
        spoken = Spoken(place)
        result, _ = shell(spoken, script, limits)
        assert spoken.end() == 0
        assert result.verdict == verdict
        assert result.stdout == b"begun\n" or len(result.stdout + result.stderr) == 10_000


def test_processor_time_is_counted_from_the_start(spoken: Spoken) -> None:
    _, heard = shell(spoken, "exit 0")
    assert heard.ended is not None and 0 <= heard.ended["cpu"] < 60, "not what the machine used since it was started"


def test_time_that_it_slept_is_no_processor_time(spoken: Spoken) -> None:
    limits = Limits(cpu_seconds=1, wall_seconds=20)
    result, heard = shell(spoken, "sleep 1.5; kill -9 $$", limits, alone=False)
    assert (result.verdict, result.signal) == (ExecVerdict.signal, 9)
    assert heard.ended is not None and heard.ended["cpu"] < 1 and heard.ended["oom"] == 0


def test_processor_time_is_limited_where_others_are_counted_too(spoken: Spoken) -> None:
    script = "trap '' XCPU; while :; do :; done"
    limits = Limits(cpu_seconds=1, wall_seconds=60)
    result, _ = shell(spoken, script, limits, alone=False, rlimits={"CPU": 1})
    assert (result.verdict, result.signal) == (ExecVerdict.timeout, 9)


def test_no_signal_of_its_program_ends_it(spoken: Spoken) -> None:
    script = "for s in INT TERM HUP QUIT USR1 USR2 ALRM; do kill -$s $PPID; done; grep SigIgn /proc/$$/status"
    result, _ = shell(spoken, script)
    assert result.ok
    ignored = int(result.stdout.split()[1], 16)
    # The two that glibc keeps for itself cannot be set from Python, and are inherited as they are.
    settable = [number for number in signal.valid_signals() if ignored >> (number - 1) & 1]
    assert settable == [], "its own signals are as they always are"


def test_it_ends_with_its_host(place: Path) -> None:
    spoken = Spoken(place)
    spoken.order("/bin/sh", "-c", "echo $$; exec sleep 77")
    heard = spoken.hear(Account(spoken.key, SHORT), lambda heard: heard.output(b"1"))
    assert spoken.end() == 0
    assert not Path(f"/proc/{int(heard.output(b'1'))}").exists()


def test_it_stays_while_nobody_asks(spoken: Spoken) -> None:
    heard = spoken.hear(Account(spoken.key, SHORT), lambda heard: heard.ready)
    assert heard.ready is not None and heard.ready["version"] == list(sys.version_info[:3])
    assert not select.select([spoken.stdout], [], [], 0.3)[0] and spoken.process.poll() is None
    spoken.say(guests.frame(b"S"))
    assert spoken.hear(heard, lambda heard: heard.synced).synced == 1


@pytest.mark.parametrize("said", [b"?", guests.frame(b"?"), guest_frames.FRAME.pack(b"W", 1 << 30)])
def test_a_host_that_errs_is_told(place: Path, said: bytes) -> None:
    spoken = Spoken(place)
    spoken.say(said if len(said) > 1 else guests.frame(b"W", b"half a record") + guests.frame(b"G", b"{}"))
    heard = spoken.hear(Account(spoken.key, SHORT))
    assert heard.trouble is not None and heard.trouble[0] == "broken"
    assert spoken.end() == 0


def test_guests_are_written_for_old_pythons() -> None:
    for part in guests.PARTS:
        source = (Path(staging.__file__).parent / f"{part}.py").read_text()
        ast.parse(source, feature_version=(3, 8))


# Whose it is


def test_a_process_that_proc_does_not_show_may_live(monkeypatch: pytest.MonkeyPatch) -> None:
    pid, _, rest = owner().split("/", 2)

    def hidden(_: Path) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_bytes", hidden)
    answers: tuple[tuple[OSError | None, bool], ...] = (
        (None, False),
        (PermissionError(), False),
        (ProcessLookupError(), True),
    )
    for answer, gone in answers:

        def kill(_pid: int, _number: int, answer: OSError | None = answer) -> None:
            if answer is not None:
                raise answer

        monkeypatch.setattr(os, "kill", kill)
        assert is_gone(f"{pid}/1/{rest}") is gone


def test_only_a_process_that_has_ended_is_gone() -> None:
    mine = owner()
    assert not is_gone(mine)
    pid, _, rest = mine.split("/", 2)
    assert is_gone(f"{pid}/1/{rest}"), "another process has its number now"
    child = subprocess.Popen(["true"])
    child.wait()
    assert is_gone(f"{child.pid}/1/{rest}")
    for other in ("", "x", f"{child.pid}/1/elsewhere/boot/1", f"{child.pid}"):
        assert not is_gone(other), "nobody knows"
