"""Archives: the same for the same content, whole on the other side, and never of a mixture."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest
from hypothesis import given, settings

from revet.batch.ray.archive import listing, pack, unpack
from revet.errors import HostError, WorkspaceChanged, WorkspaceError
from tests.batch.ray.trees import TREES, build, seen


def packed(folder: Path) -> tuple[str, io.BytesIO]:
    roots = {"": folder}
    file = io.BytesIO()
    digest = pack(roots, listing(roots), file)
    file.seek(0)
    return digest, file


@settings(deadline=None, max_examples=80)
@given(tree=TREES)
def test_what_is_unpacked_is_what_was_packed(tree: dict[str, object]) -> None:
    with TemporaryDirectory() as top:
        build(tree, Path(top, "one"))
        digest, file = packed(Path(top, "one"))
        unpack(file, Path(top, "two"))
        wanted = {path: what for path, what in seen(Path(top, "one")).items() if path.split("/")[0] != ".revet"}
        assert seen(Path(top, "two")) == wanted
        for folder in (path for path in wanted if Path(top, "one", path).is_dir()):
            if not Path(top, "one", folder).is_symlink():
                stamp = int(Path(top, "one", folder).stat().st_mtime)
                os.utime(Path(top, "two", folder), (stamp, stamp))
        stamp = int(Path(top, "one").stat().st_mtime)
        os.utime(Path(top, "two"), (stamp, stamp))
        assert packed(Path(top, "two"))[0] == digest


def test_another_content_mode_or_name_is_another_archive(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    os.utime(tmp_path / "a", (1, 1))
    os.utime(tmp_path, (1, 1))
    digests = {packed(tmp_path)[0]}
    (tmp_path / "a").chmod(0o700)
    digests.add(packed(tmp_path)[0])
    (tmp_path / "a").write_text("2")
    os.utime(tmp_path / "a", (1, 1))
    digests.add(packed(tmp_path)[0])
    (tmp_path / "a").rename(tmp_path / "b")
    os.utime(tmp_path, (1, 1))
    digests.add(packed(tmp_path)[0])
    assert len(digests) == 4


def test_several_roots_travel_together(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "critic.md").write_text("be strict")
    (tmp_path / "rules.toml").write_text("[rules]")
    roots = {"0": tmp_path / "prompts", "1": tmp_path / "rules.toml"}
    file = io.BytesIO()
    pack(roots, listing(roots), file)
    file.seek(0)
    unpack(file, tmp_path / "there")
    assert (tmp_path / "there" / "0" / "critic.md").read_text() == "be strict"
    assert (tmp_path / "there" / "1").read_text() == "[rules]"


def test_too_much_names_the_workspace_its_size_and_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "data" / "big").mkdir(parents=True)
    (tmp_path / "data" / "big" / "x.bin").write_bytes(bytes(3 << 20))
    (tmp_path / "a.py").write_text("1")
    with pytest.raises(WorkspaceError, match=r"takes 3\.0 MiB, and at most 1\.0 MiB .*data/big \(3\.0 MiB\)") as told:
        listing({"": tmp_path}, 1 << 20)
    assert str(tmp_path) in str(told.value)
    assert "--engine local" in str(told.value)


def test_sockets_and_pipes_do_not_travel_but_those_of_git_stay_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "fsmonitor")
    assert list(listing({"": tmp_path})) == ["", ".git"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(WorkspaceError, match="is a socket or pipe, which cannot travel"):
            listing({"": tmp_path})


class _Meddling(io.BytesIO):
    """Does something when it is first written to."""

    def __init__(self, what: Any) -> None:
        super().__init__()
        self._what = what

    def write(self, data: Any) -> int:
        self._what()
        return super().write(data)


@pytest.mark.parametrize("what", ["written", "made", "gone", "longer"])
def test_a_workspace_that_changes_meanwhile_is_no_archive(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.py").write_text("1" * 20_000)
    (tmp_path / "b.py").write_text("2" * 20_000)

    def meddle() -> None:
        if what == "written":
            (tmp_path / "a.py").write_text("3" * 20_000)
        elif what == "made":
            (tmp_path / "c.py").write_text("3")
        elif what == "gone":
            (tmp_path / "b.py").unlink(missing_ok=True)
        else:
            (tmp_path / "b.py").write_text("2" * 30_000)

    file: IO[bytes] = _Meddling(meddle)
    roots = {"": tmp_path}
    listed = listing(roots)
    with pytest.raises(WorkspaceChanged, match="was changed while the workspace was archived"):
        pack(roots, listed, file)


@pytest.mark.parametrize(
    "member", ["../out", "x/../out", "/etc/out", "x/link/out", "y/a", "x//a", "x/./a"], ids=lambda name: name
)
def test_an_archive_that_leads_out_is_refused(tmp_path: Path, member: str) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w|") as tar:
        top = tarfile.TarInfo("x")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(top)
        link = tarfile.TarInfo("x/link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(link)
        inside = tarfile.TarInfo(member)
        inside.size = 3
        tar.addfile(inside, io.BytesIO(b"bad"))
    file.seek(0)
    with pytest.raises(HostError, match="which no workspace has"):
        unpack(file, tmp_path / "there")
    assert not (tmp_path / "out").exists()


def test_what_is_no_file_folder_or_link_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w|") as tar:
        device = tarfile.TarInfo("x/null")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
    file.seek(0)
    with pytest.raises(HostError, match="neither a file, a folder nor a link"):
        unpack(file, tmp_path / "there")
