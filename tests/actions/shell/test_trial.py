"""What a trial tells of a command: the difference, what it wanted outside and of the network, how it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from revet.errors import InputError, WorkspaceError
from revet.sandboxes.local.profile import Recipe, Stage
from revet.sandboxes.local.python import find_interpreter
from revet.sandboxes.trial import Ground, Tried, try_now
from revet.sandboxes.trial.runner import Bounds
from tests.actions.shell.ground import build, look

pytestmark = pytest.mark.sandbox


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    top = build(tmp_path / "ws")
    time.sleep(0.02)  # what was changed a moment ago cannot be told from what is changed now
    before = look(top)
    yield top
    assert look(top) == before, "the workspace was changed"


@pytest.fixture
def ground(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    home = tmp_path / "home"
    (home / "docs").mkdir(parents=True)
    (home / "docs" / "letter").write_text("dear")
    (home / ".ssh").mkdir()
    (home / ".config").mkdir()
    (home / ".cache" / "t").mkdir(parents=True)
    (home / ".cache" / "t" / "kept").touch()
    (home / "todo").write_text("much")
    monkeypatch.setenv("HOME", str(home))
    with Ground(workspace) as made:
        yield made
    assert (home / "docs" / "letter").read_text() == "dear" and (home / "todo").read_text() == "much"


def outside(tried: Tried, home: Path) -> list[str]:
    return [f"{seen.what} {seen.path.removeprefix(str(home) + '/')}" for seen in tried.outside]


def test_every_sort_of_change(ground: Ground) -> None:
    tried = ground.run(
        "echo new >new; echo more >>a.txt; rm b; chmod 700 tool.sh; ln -s nowhere soft; ln a.txt hard; mv sub moved;"
        "mkdir -p e/f; rmdir empty; : > $'n\\nl'"
    )
    assert tried.exit_code == 0 and tried.complete, tried
    files = {left.path: left for left in tried.files}
    assert set(files) == {
        *("a.txt", "hard", "moved/c.txt", "moved/deep/d.bin", "n\nl", "new", "soft", "tool.sh"),
    }
    assert files["a.txt"].data == b"one\ntwo\nthree\nmore\n" and not files["a.txt"].new
    assert files["soft"].kind == "symlink" and files["soft"].data == b"nowhere"
    assert files["tool.sh"].mode == 0o700 and files["new"].new and files["hard"].data == files["a.txt"].data
    assert tried.deleted == ("b", "sub/c.txt", "sub/deep/d.bin")
    assert [folder.path for folder in tried.made] == ["e", "e/f", "moved", "moved/deep"]
    assert tried.removed == ("empty", "sub", "sub/deep")
    assert tried.processes is not None and tried.processes >= 8


def test_what_is_as_before_is_no_change(ground: Ground) -> None:
    tried = ground.run(
        "cp a.txt t; cat t >a.txt; rm t; touch b; sed -i s/x/y/ sub/c.txt; mv b z; mv z b; ls -lR; find ."
    )
    assert tried.complete and not tried, tried


def test_the_folder_to_start_in(ground: Ground) -> None:
    assert ground.run("pwd; echo here >x", cwd="sub/deep").files[0].path == "sub/deep/x"
    for bad in ("nowhere", "a.txt", "../ws", "/", "sub/../..", "x\0y"):
        with pytest.raises(InputError):
            ground.run("true", cwd=bad)
    for command in ("echo \0", "x" * 200_000):
        with pytest.raises(InputError):
            ground.run(command)


def test_the_exit_status_and_output(ground: Ground) -> None:
    tried = ground.run("echo out; echo err >&2; exit 3")
    assert (tried.exit_code, tried.verdict) == (3, "exception") and tried.complete
    assert (tried.stdout, tried.stderr) == (b"out\n", b"err\n")
    assert ground.run("cat; echo $? | wc -l; yes | head -n 1").stdout == b"1\ny\n"
    signal = ground.run("kill -9 $$")
    assert signal.verdict == "signal" and not signal.complete
    unknown = ground.run("no-such-program --now")
    assert unknown.exit_code == 127 and not unknown.complete and "cannot be run" in unknown.unseen[0]


def test_what_does_not_end_and_what_never_stops_talking(ground: Ground) -> None:
    slow = ground.run("echo 1 >one; sleep 60; echo 2 >two", bounds=Bounds(wall_seconds=0.5))
    assert slow.verdict == "timeout" and slow.exit_code is None and not slow.complete and slow.seconds < 5
    assert [left.path for left in slow.files] == ["one"] and "did not end" in slow.unseen[0]
    loud = ground.run("yes")
    assert loud.verdict == "output_limit" and len(loud.stdout) == Bounds().output and not loud.complete
    assert len(loud.run().stdout) < 10_000
    with Ground(ground.workspace) as other:
        big = other.run("head -c 100000000 /dev/zero >big", bounds=Bounds(disk=1 << 20))
    assert big.exit_code != 0 or big.verdict == "signal"


def test_processes_that_are_left_are_told(ground: Ground) -> None:
    start = time.monotonic()
    tried = ground.run("sleep 99 & disown; (setsid sh -c 'sleep 98' >/dev/null 2>&1 &); echo gone")
    assert time.monotonic() - start < 8
    assert tried.exit_code == 0 and not tried.complete and "left processes" in tried.unseen[0], tried
    assert subprocess.run(["pgrep", "-f", "sleep 9[89]"], capture_output=True).returncode == 1
    assert ground.run("sleep 0.01 & wait").complete


def test_what_is_done_to_the_home_is_seen(ground: Ground, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert outside(ground.run("rm -rf ~/docs ~/nothing"), home) == ["delete docs"]
    tried = ground.run("rm -rf ~/* && echo x >~/new && mkdir ~/d && touch ~/d/e")
    assert outside(tried, home) == ["create d", "delete docs", "create new", "delete todo"]
    assert not tried.complete and not tried
    read = ground.run("cat ~/todo || true")
    assert outside(read, home) == ["read todo"] and "was not shown" in read.unseen[0] and b"much" not in read.stdout
    assert outside(ground.run("ls ~/.ssh"), home) == ["read .ssh"]
    assert ground.run("cat ~/.config/git/config 2>/dev/null; ls ~ >/dev/null").outside == ()
    for command in ("echo evil >>~/todo", "python3 -c \"open('$HOME/todo','w')\"", "tee ~/todo <b"):
        assert outside(ground.run(command), home) == ["write todo"], command
    assert outside(ground.run("echo >~/.config/autostart 2>/dev/null"), home) == ["create .config/autostart"]
    for command in (
        "cp a.txt ~/todo; true",
        "sed -i s/m/n/ ~/todo",
        "echo x >~/docs/new",
        "mkdir -p ~/docs/a; true",
        "touch ~/docs/letter; true",
    ):
        tried = ground.run(command)
        assert not tried.complete and tried.outside, (command, tried)
    hidden = ground.run("exec 2>/dev/null; mkdir -p ~/.config/git; echo evil >~/.config/git/config; rm ~/.cache/t/*; :")
    assert outside(hidden, home) == ["delete .cache/t/kept", "create .config/git"] and not hidden.complete
    assert ground.run("echo x >~/.cache/t/new; mkdir ~/.cache/u; touch ~/.cache/u/v").complete
    assert ground.run("tar cf - ~/docs | wc -c >size").unseen and ground.run("cp -r ~/docs .").unkept


def test_what_is_done_beside_the_workspace_is_seen(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "f").write_text("f")
    assert [(s.what, s.path) for s in ground.run("rm -rf ../other").outside] == [("delete", f"{tmp_path}/other")]
    assert [(s.what, s.path) for s in ground.run("mv a.txt ..").outside] == [("create", f"{tmp_path}/a.txt")]
    assert ground.run("echo >>../other/f || true").outside[0].path == f"{tmp_path}/other"
    assert (tmp_path / "other" / "f").read_text() == "f"


def test_what_is_done_to_the_system_is_seen(ground: Ground) -> None:
    assert [
        (s.what, s.path) for s in ground.run("echo 1 >/etc/new; echo >>/etc/hosts; echo >>/etc/hostid").outside
    ] == [
        ("create", "/etc/hostid"),
        ("write", "/etc/hosts"),
        ("create", "/etc/new"),
    ]
    there = next(name for name in ("fstab", "issue", "adduser.conf", "profile") if Path("/etc", name).exists())
    assert [(s.what, s.path) for s in ground.run(f"echo >>/etc/{there}").outside] == [("write", f"/etc/{there}")]
    before = Path("/usr/bin/env").read_bytes()
    usr = ground.run("exec 2>/dev/null; mkdir /usr/new; touch /usr/new/f; echo >>/usr/bin/env; rm -r /usr/share/doc; :")
    assert not usr.complete or os.geteuid()
    if not os.geteuid():  # nobody else can do that
        said = [("write", "/usr/bin/env"), ("create", "/usr/new"), ("delete", "/usr/share/doc")]
        assert [(s.what, s.path) for s in usr.outside] == said
    assert not Path("/usr/new").exists() and Path("/usr/bin/env").read_bytes() == before
    devices = ground.run(
        "exec 2>/dev/null; echo >/dev/sdz; echo x >/dev/full; head -c 4 /dev/zero >z; rm -f /dev/fd; :"
    )
    assert [(s.what, s.path) for s in devices.outside] == [("delete", "/dev/fd"), ("create", "/dev/sdz")]
    assert [left.size for left in devices.files] == [4] and not devices.complete
    pair = "import pty,os; a,b=pty.openpty(); os.write(b,b'hi'); print(os.read(a,2), open(os.ttyname(b)).isatty())"
    assert ground.run(f'python3 -c "{pair}" </dev/stdin | tee /dev/stderr').stderr == b"b'hi' True\n"
    locked = ground.run("chmod 444 a.txt; echo 1 >a.txt")
    assert locked.exit_code == 1 and locked.complete == bool(os.geteuid())
    owner = ground.run("chown 0 a.txt || true")
    assert owner.refused and not owner
    opt = ground.run("rm -rf /opt /var/log /srv 2>/dev/null; true")
    assert not opt.complete and any(seen.path == "/var/log" and seen.what == "delete" for seen in opt.outside)
    passing = ground.run("f=$(mktemp); echo x >$f; echo y >/var/tmp/z; cat $f >x")
    assert [seen.what for seen in passing.outside] == ["create", "create"] and passing.complete


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("curl -s http://example.com/", "looked up example.com"),
        ("exec 3<>/dev/tcp/192.0.2.1/80", "another machine"),
        ("echo hi >/dev/udp/192.0.2.1/53", "another machine"),
        ("exec 3<>/dev/tcp/127.0.0.1/5432", "a service of this machine"),
        ("python3 -c 'import socket; socket.create_connection((\"registry.npmjs.org\", 443))'", "registry.npmjs.org"),
        ("getent hosts a.example; true", "looked up a.example"),
    ],
)
def test_attempts_to_reach_others_are_counted(ground: Ground, command: str, told: str) -> None:
    tried = ground.run(command)
    assert told in "; ".join(tried.network) and not tried.complete, tried
    quiet = ground.run("hostname; id; echo 1 | cat; ls -l")
    assert quiet.network == () and quiet.complete, quiet


def test_a_service_of_its_own_is_no_attempt(ground: Ground) -> None:
    script = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname());"
        "s.accept()[0].sendall(b'x'); print(c.recv(1))"
    )
    tried = ground.run(f'python3 -c "{script}"')
    assert tried.stdout == b"b'x'\n" and tried.network == () and tried.complete, tried


def test_the_trials_own_limits_are_told(ground: Ground) -> None:
    small = Bounds(disk=1 << 20, file_size=1 << 19, processes=20)
    for command in ("head -c 3M /dev/zero >big", "for i in 1 2 3 4 5; do head -c 400k /dev/zero >b$i; done; true"):
        tried = ground.run(command, bounds=small)
        assert not tried.complete and ("limit" in " ".join(tried.unseen) or tried.verdict == "signal"), (command, tried)
    bomb = ground.run("for i in $(seq 60); do sleep 1 & done; wait", bounds=small)
    assert not bomb.complete


def not_laid_over(recipe: Recipe, stage: Stage, folder: Path) -> list[str]:
    """What the kernel refuses: the two folders are one."""
    once = str(recipe.tmp)
    return ["--overlay-src", str(stage.place(folder, "try")), "--overlay", once, once, str(folder)]


def test_an_interpreter_is_laid_over_too_where_that_works(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    with Ground(workspace, interpreter=find_interpreter(made / "bin" / "python")) as ground:
        tried = ground.run("exec 2>/dev/null; python -c 'import sys; print(sys.prefix)'; echo >>$(which python)x; :")
        assert tried.stdout.decode().strip() == str(made)
        assert [(seen.what, seen.path) for seen in tried.outside] == [("create", f"{made}/bin/pythonx")]
        monkeypatch.setattr("revet.sandboxes.local.profile.laid_over", not_laid_over)
        assert "Read-only" in ground.run(f"touch {made}/x").refused[0] and ground.run("python -c 1").complete
    assert not (made / "bin" / "pythonx").exists()


def test_sockets_of_the_host_are_missed(ground: Ground) -> None:
    tried = ground.run("test -S /var/run/docker.sock; cat /run/user/1000/bus; true")
    there = {f"/run/{name}" for name in os.listdir("/run")}  # noqa: PTH208
    assert {seen.path for seen in tried.outside} == there & {"/run/docker.sock", "/run/user"}


def test_nothing_of_the_hosts_is_shown(ground: Ground, tmp_path: Path) -> None:
    os.environ["REVET_SECRET"] = "hush"
    try:
        tried = ground.run("env; cat /proc/1/environ /etc/shadow ~/todo; ls /proc/self/fd; cat /etc/passwd; ip addr")
    finally:
        del os.environ["REVET_SECRET"]
    assert (
        b"hush" not in tried.stdout and b"much" not in tried.stdout and b"root:x:0:0:root:/:/bin/false" in tried.stdout
    )
    assert b"/root:/bin/bash" not in tried.stdout


def test_what_cannot_be_kept_is_said(ground: Ground) -> None:
    for command in ("mkfifo p", "chmod 700 sub", "chmod u+s tool.sh", "echo >$'\\xff'", "mkdir -m 1777 t"):
        tried = ground.run(command)
        assert tried.exit_code == 0 and tried.unkept and not tried.complete, (command, tried)


def test_all_may_go(ground: Ground) -> None:
    tried = ground.run('rm -rf "$PWD"; ls -A')
    assert set(tried.deleted) == {"a.txt", "b", "sub/c.txt", "sub/deep/d.bin", "tool.sh", "with space", "link"}
    assert tried.removed == ("empty", "sub", "sub/deep") and tried.files == ()


def test_edits_by_others_meanwhile_are_told(tmp_path: Path) -> None:
    top = build(tmp_path / "ws")
    time.sleep(0.02)
    with Ground(top) as ground:
        editor = threading.Timer(0.4, lambda: (top / "b").write_text("mine\n"))
        editor.start()
        tried = ground.run("sleep 0.8; sed -i s/[bm]/c/ b")
        editor.join()
        assert "somebody else changed b" in tried.unseen[-1] and tried.moved(top) == ["b"]
        time.sleep(0.02)
        assert ground.run("sed -i s/m/c/ b").complete


def test_several_at_once(ground: Ground) -> None:
    found: dict[int, Tried] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: ground.run(f"echo {n} >f{n}; sleep 0.2")}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: [left.path for left in tried.files] for n, tried in found.items()} == {n: [f"f{n}"] for n in range(4)}
    assert all(tried.complete for tried in found.values()), found


def test_workspaces_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for bad in (tmp_path / "no", tmp_path / "file", Path("/usr"), Path("/")):
        with pytest.raises(WorkspaceError):
            try_now("true", workspace=bad)
    assert try_now("echo hi", workspace=tmp_path).stdout == b"hi\n"


def test_it_needs_neither_pydantic_nor_an_event_loop(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from revet.sandboxes.trial import observed, try_now;"
        f"tried = try_now('echo 1 >x', workspace=Path({str(tmp_path)!r})); first = {{*sys.modules}};"
        f"tried = try_now('echo 1 >x', workspace=Path({str(tmp_path)!r})); observed(tried, workspace=Path('/'));"
        "print(tried.complete, *sorted({'pydantic', 'asyncio', 'typer', 'langchain'} & {*sys.modules}))"
    )
    python = [sys.executable, "-c", script]
    for _ in range(2):  # the first may have to find out how the sandbox is started
        ended = subprocess.run(python, capture_output=True, text=True)
    assert ended.stdout == "True\n", ended
