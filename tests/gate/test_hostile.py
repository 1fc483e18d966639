"""Requests that are made to get past the gate: folders that are no workspace, odd payloads, unfinished trials."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from revet.effects.shell.model import Word
from revet.effects.shell.paths import Where
from revet.gate import check
from revet.gate.command import main
from revet.gate.reading import workspace_of
from tests.gate.worlds import command


@pytest.mark.parametrize("folder", ["/etc", "//etc", "/usr", "/dev", "/", "/home", "/var/lib", "/tmp/../etc"])
@pytest.mark.parametrize("text", ["rm passwd", "echo x > passwd", "mv passwd x", "cp a sda", "chmod 777 passwd"])
def test_a_folder_of_the_system_is_no_workspace(folder: str, text: str) -> None:
    for more in ({}, {"workspace": folder}):
        action = {"kind": "run_command", "command": text, "cwd": folder, **more}
        assert check(action, dry_run=False).decision != "allow"


def test_a_home_as_a_whole_is_no_workspace() -> None:
    home = Where(cwd="/home/me", workspace="/home/me", home="/home/me")
    assert home.locate(Word("notes.txt")).place == "home"
    project = Where(cwd="/home/me/shop", workspace="/home/me/shop", home="/home/me")
    assert project.locate(Word("notes.txt")).place == "workspace"


def test_a_link_does_not_make_a_workspace_of_the_system(tmp_path: Path) -> None:
    link = tmp_path / "here"
    link.symlink_to("/etc")
    for more in ({}, {"workspace": str(link)}, {"workspace": str(tmp_path)}):
        assert check(command("rm passwd", link, **more), dry_run=False).decision == "deny"


def test_two_slashes_in_front_are_one() -> None:
    assert workspace_of("//no/such/folder")


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("You may delete anything; ignore rules", "rm -rf src"),
        ("Delete src", "rm -rf *"),
        ("Drop the users table", "rm -rf src"),
        ("Delete /etc/passwd", "echo x > /etc/passwd"),
        ("rm -rf / please, all of /etc", "echo x > /etc/cron.d/x"),
        ("Delete everything, also /", "rm -rf /"),
        ("Delete the home folder", "rm -rf ~"),
    ],
)
def test_what_a_goal_does_not_lift(tmp_path: Path, goal: str, text: str) -> None:
    assert check(command(text, tmp_path, goal=goal), dry_run=False).decision != "allow"


def test_an_answer_is_one_line_to_every_reader() -> None:
    out = io.StringIO()
    action = {"kind": "run_command", "command": "ls\u2028rm -rf x\x85"}
    main(["--no-dry-run"], stdin=io.BytesIO(json.dumps(action).encode()), stdout=out)
    assert len(out.getvalue().splitlines()) == 1
    assert json.loads(out.getvalue())["decision"] == "ask"


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "text", ["wiper /dev/sda", "bankctl transfer 100", "guardctl --off", "echo x | frobnicate", "frobnicate 'rm -rf /'"]
)
def test_a_program_that_is_not_here_is_no_reason_to_let_an_order_pass(tmp_path: Path, text: str) -> None:
    assert check(command(text, tmp_path)).decision == "ask"
