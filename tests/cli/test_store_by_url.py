"""`--store URL` and REVET_STORE: where runs are kept, what is suggested then, and that no password is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import Result

from revet.cli import common
from revet.report.view import make_app
from revet.schema import Run
from revet.store import Store
from tests.cli.fakes import World, commit_for_real, task_file
from tests.report.samples import abstained, asked, committed, task
from tests.report.view.conftest import HERE, PORT, TOKEN, Person
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

Revet = Callable[..., Result]


@pytest.fixture
def url(world: World, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database, with a password (that this server does not ask for)."""
    monkeypatch.setenv("COLUMNS", "200")
    return database.replace("//revet@", "//revet:secret@")


def said(result: Result, code: int = 0) -> str:
    told = result.stdout + result.stderr
    assert result.exit_code == code, told
    assert "secret" not in told
    return " ".join(told.split())


def test_a_batch_is_kept_there_and_what_is_suggested_names_it(url: str, revet: Revet, tmp_path: Path) -> None:
    file = task_file(tmp_path, {"id": "a"})
    told = said(revet("run", file, "--store", url))
    shown = f"--store '{Store(url).shown}'"
    assert f"revet show a-run {shown}" in told and f"revet undo a-run {shown}" in told
    assert [row.id for row in Store(url).rows()] == ["a-run"]
    assert not list((tmp_path / ".revet").glob("*.db")), "here are only the results"


def test_what_the_environment_names_needs_no_option(
    url: str, revet: Revet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVET_STORE", url)
    told = said(revet("run", task_file(tmp_path, {"id": "a"}), "--jobs", "2"))
    assert "revet show a-run" in told and "--store" not in told
    assert "a-run" in said(revet("show"))
    Store(url).save(committed())
    assert "revet undo late-fee-abc123" in said(revet("show", "late-fee-a"))
    assert Run.model_validate_json(revet("show", "late-fee-a", "--json").stdout) == committed()
    monkeypatch.delenv("REVET_STORE")
    assert "No runs in .revet yet" in said(revet("show"))


def test_show(url: str, revet: Revet) -> None:
    assert f"No runs in {Store(url).shown} yet" in said(revet("show", "--store", url))
    store = Store(url)
    for run in (committed(), abstained(), asked()):
        store.save(run)
    rows = [json.loads(line) for line in revet("show", "--store", url, "--json").stdout.splitlines()]
    assert {row["id"] for row in rows} == {committed().id, abstained().id, asked().id}
    told = said(revet("show", committed().id, "--store", url))
    assert f"revet undo {committed().id} --store '{store.shown}'" in told
    page = revet("show", committed().id, "--store", url, "--html", "-").stdout
    assert "--store" in page and "secret" not in page
    assert f"no run 'nix' in {store.shown}" in said(revet("show", "nix", "--store", url), 2)


def test_undo(url: str, revet: Revet, tmp_path: Path) -> None:
    shop, store = tmp_path / "shop", Store(url)
    shop.mkdir()
    (shop / "late.py").write_text("x = 1\n")
    store.begin("shop-run", task("shop", str(shop)))
    commit_for_real(shop, "shop-run.1234abcd")
    store.save(committed("elsewhere-run", task("elsewhere", "/nowhere/at/all")))
    told = said(revet("undo", "elsewhere-run", "--store", url), 2)
    assert "worked in /nowhere/at/all, which is not on this machine" in told and "on the machine that has it" in told
    assert not store.row("elsewhere-run").undone
    assert "Taken back: shop-run" in said(revet("undo", "shop-run", "--store", url))
    assert (shop / "late.py").read_text() == "x = 1\n" and store.row("shop-run").undone


def test_view_shows_where_runs_are_kept(url: str, revet: Revet) -> None:
    assert f"no runs in {Store(url).shown} yet" in said(revet("view", "--store", url), 2)
    store = Store(url)
    store.save(committed())
    folder = common.folder_shown(common.FOLDER, url)
    with TestClient(make_app(store, Person(store), port=PORT, token=TOKEN, folder=folder), base_url=HERE) as client:
        client.get(f"/?token={TOKEN}")
        listed, one = client.get("/").text, client.get(f"/run/{committed().id}").text
    assert store.shown.replace("&", "&amp;") in listed and committed().id in listed
    assert f"revet undo {committed().id} --store" in one
    assert "secret" not in listed + one


@pytest.mark.parametrize("command", [["run", "t.jsonl"], ["fix", "."], ["show"], ["undo", "x"], ["view"]])
def test_what_is_no_store_is_refused_before_anything_runs(
    world: World, revet: Revet, tmp_path: Path, command: list[str]
) -> None:
    task_file(tmp_path, {"id": "a"}).rename(tmp_path / "t.jsonl")
    for given in ("me:secret@host/db", "mysql://me:secret@host/db"):
        told = said(revet(*command, "--store", given), 2)
        assert "postgresql://" in told
    assert "no server answers there" in said(revet(*command, "--store", "postgresql://me:secret@127.0.0.1:1/db"), 2)
    assert world.log == [] and not (tmp_path / ".revet").exists()


def test_a_command_line_is_shown_again_without_the_password() -> None:
    url = "postgresql://me:secret@host/db"
    for words in (["run", "t.yaml", "--store", url], ["run", f"--store={url}", "t.yaml"]):
        assert "secret" not in common.again(words) and "postgresql://me@host/db" in common.again(words)
    assert common.again(["run", "a b.yaml"]) == "revet run 'a b.yaml'"
