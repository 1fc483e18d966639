"""What the driver does without a cluster: what it refuses, what travels, and how errors and paths come home."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Any, cast

import pytest

from revet.batch.ray import RayAgents, bootstrap, cluster
from revet.batch.ray.carried import MOST_CARRIED, carried, check
from revet.batch.ray.cluster import Cluster, address_of
from revet.batch.ray.recorded import append
from revet.batch.ray.shelf import Shelf
from revet.batch.ray.wire import Fault, Returned, brought_home, moved
from revet.errors import HostError, InputError, MissingDependency, ModelFailed, RevetError
from revet.schema import Attempt, Check, Critique, Decision, Draft, Evidence, Finding, Outcome, Run, Task, Verdict
from revet.taskfile import Settings

# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", ":80", "ray://", "http://host:1", "host:port", "ray://host/x"])
def test_what_is_no_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nonsense://")
    with pytest.raises(InputError, match="is no address of a Ray cluster"):
        address_of(address)


def test_the_address_of_the_environment_is_for_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert address_of(None) == "auto"
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert [address_of(None), address_of("auto"), address_of("local")] == ["head:6379", "head:6379", "local"]


@pytest.mark.parametrize("address", ["127.0.0.1:{0}", "ray://127.0.0.1:{0}"])
async def test_nobody_there_is_told_at_once_with_host_and_port(address: str) -> None:
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=f"no Ray cluster at 127.0.0.1, port {port} .*refused") as told:
        await RayAgents(address.format(port)).start()
    assert "ray start --head" in str(told.value)


async def test_what_the_client_of_ray_needs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with (
        socket.create_server(("127.0.0.1", 0)) as there,
        pytest.raises(MissingDependency, match=r"pip install 'ray\[client\]'"),
    ):
        await RayAgents(f"ray://127.0.0.1:{there.getsockname()[1]}").start()


async def test_somebody_else_there_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(cluster, "JOIN_SECONDS", 0.2)
    monkeypatch.setattr(cluster, "_init", lambda ray, address, folder: asyncio.run(asyncio.sleep(1)))
    with pytest.raises(InputError, match="did not let this process join within"):
        await RayAgents("auto").start()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            ConnectionError("Could not find any running Ray instance."),
            InputError,
            "no Ray cluster runs on this machine",
        ),
        (
            RuntimeError("Version mismatch: The cluster: Ray: 2.9\nThis process: Ray: 2.60"),
            InputError,
            "2.9 This process",
        ),
        (ConnectionError("Failed to connect to Ray cluster"), InputError, "RAY_AUTH_MODE=token"),
        (ValueError("what"), InputError, "cannot be joined: what"),
    ],
    ids=["none", "version", "client", "other"],
)
async def test_why_it_cannot_be_joined(
    error: Exception, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")

    def fails(ray: Any, address: str, folder: str | None) -> None:
        raise error

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(cluster, "_init", fails)
    with pytest.raises(kind, match=words):
        await RayAgents("auto").start()


async def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependency, match=r"pip install 'revet\[ray\]'"):
        await RayAgents("auto").start()


def test_another_version_on_a_worker_names_the_node_and_both() -> None:
    pytest.importorskip("ray.util")
    returned = Returned.model_validate_json(bootstrap.work("99.0", b"", {}))
    assert returned.fault is not None
    error = returned.fault.error(returned.node)
    assert isinstance(error, MissingDependency)
    assert "the driver is revet 99.0" in str(error)
    assert returned.node in str(error)


# --- what is refused, what travels ---------------------------------------------------------------------------


def test_what_cannot_be_committed_from_a_worker_is_refused() -> None:
    check(Task(inputs={"database": "shop.db"}), Settings())
    with pytest.raises(InputError, match=r"changes a database.*\n.*--engine local"):
        check(Task(), Settings(database="sqlite:///shop.db"))
    with pytest.raises(InputError, match="changes a database"):
        check(Task(inputs={"database": "postgresql://h/shop"}), Settings())
    with pytest.raises(InputError, match="seats a person"):
        check(Task(), Settings(recipe="collective", options={"person": "leader"}))


def test_small_files_that_settings_name_travel(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    for folder in (workspace, tmp_path / "prompts"):
        folder.mkdir()
    for name in ("w/rules.toml", "prompts/critic.md", "tape.jsonl"):
        (tmp_path / name).write_text("x")
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(MOST_CARRIED + 1)
    settings = {
        "model": f"replay:{tmp_path}/tape.jsonl",
        "prompts": str(tmp_path / "prompts"),
        "rules": str(workspace / "rules.toml"),
        "base_url": "http://localhost:1/v1",
        "options": {"data": [str(tmp_path / "large.bin"), "/not/there", "/"]},
    }
    found = carried(settings, workspace)
    assert found == {str(tmp_path / "prompts"): "0", str(tmp_path / "tape.jsonl"): "1"}
    there = moved(settings, {**{path: f"/s/{name}" for path, name in found.items()}, str(workspace): "/c/w"})
    assert there["model"] == "replay:/s/1"
    assert there["prompts"] == "/s/0"
    assert there["rules"] == "/c/w/rules.toml"
    assert there["options"] == settings["options"]


def test_a_path_that_only_begins_alike_stays() -> None:
    assert moved(["/a/b", "/a/bc", "x/a/b", "=/a/b/c"], {"/a/b": "/n"}) == ["/n", "/a/bc", "x/a/b", "=/n/c"]
    assert moved("/t", {"/t": "/t/s/t"}) == "/t/s/t"


# --- back again ---------------------------------------------------------------------------------------------


def test_errors_come_home_as_what_they_are() -> None:
    error = ModelFailed("no quota", status=429, retryable=True, hint="wait")
    back = Fault.model_validate_json(Fault.of(error).model_dump_json()).error("n1")
    assert isinstance(back, ModelFailed)
    assert (back.status, back.retryable, back.hint) == (429, True, "wait")
    assert str(back) == "on n1: no quota\n  → wait"
    unknown = Fault.of(KeyError("x")).error("n1")
    assert type(unknown) is RevetError
    assert "a worker on n1 broke off: KeyError: 'x'" in str(unknown)


def test_a_record_comes_home_with_its_paths_and_what_cites_what() -> None:
    task = Task(id="t", workspace="/home/w", checks=(Check(command="python /home/w/check.py"),))
    there = Task.model_validate(moved(task.model_dump(mode="json"), {"/home/w": "/tmp/s/copy/w"}))
    seen = Evidence(
        tool="tests",
        request="r",
        outcome=Outcome.failed,
        observation='rootdir: /tmp/s/copy/w "quoted"',
        check=there.checks[0].id,
    )
    draft = Draft(author="a", answer="in /tmp/s/copy/w")
    critique = Critique(critic="c", verdict=Verdict.revise, findings=(Finding(claim="bad", evidence=(seen.id,)),))
    attempt = Attempt(round=0, draft=draft, evidence=(seen,), critiques=(critique,))
    decision = Decision(kind="abstain", draft=draft.id)
    run = Run(id="t-1", task=there, outcome="abstained", decision=decision, attempts=(attempt,), best=attempt)
    home = brought_home(run, {"/tmp/s/copy/w": "/home/w"}, task)
    (tried,) = home.attempts
    assert home.task == task
    assert tried.evidence[0].observation == 'rootdir: /home/w "quoted"'
    assert tried.evidence[0].check == task.checks[0].id
    assert tried.critiques[0].findings[0].evidence == (tried.evidence[0].id,)
    assert home.decision.draft == tried.draft.id


def test_recordings_of_workers_are_one(tmp_path: Path) -> None:
    append(tmp_path / "tape.jsonl", b'{"revet_recording": 1}\n{"a": 1}\n')
    append(tmp_path / "tape.jsonl", b'{"revet_recording": 1}\n{"b": 2}\n')
    assert (tmp_path / "tape.jsonl").read_text() == '{"revet_recording": 1}\n{"a": 1}\n{"b": 2}\n'
    with pytest.raises(HostError, match="cannot be written"):
        append(tmp_path, b"x\n")


# --- the shelf ----------------------------------------------------------------------------------------------


class Puts:
    """A cluster that counts what is put into it."""

    def __init__(self, room: int) -> None:
        self.room, self.puts = room, 0

    async def put(self, archive: IO[bytes]) -> list[Any]:
        self.puts += 1
        await asyncio.sleep(0)
        return [object()]


def folders(top: Path, count: int, content: str = "") -> list[Path]:
    for number in range(count):
        (top / f"w{number}").mkdir()
        (top / f"w{number}" / "a").write_text(content or str(number))
    return [top / f"w{number}" for number in range(count)]


async def test_a_workspace_is_put_once_for_all_that_need_it_at_once(tmp_path: Path) -> None:
    puts = Puts(10**9)
    shelf = Shelf(cast(Cluster, puts), 10**6)
    (folder,) = folders(tmp_path, 1)

    async def use() -> str:
        async with shelf.parcel({"": folder}) as parcel:
            await asyncio.sleep(0.01)
            return parcel.digest

    assert len(set(await asyncio.gather(*(use() for _ in range(8))))) == 1
    assert puts.puts == 1
    (folder / "a").write_text("other")
    await use()
    assert puts.puts == 2


async def test_no_more_lies_there_than_there_is_room_for(tmp_path: Path) -> None:
    shelf = Shelf(cast(Cluster, Puts(60_000)), 10**6)  # an archive of these takes 10 kB, and two fit
    most = 0

    async def use(folder: Path) -> None:
        nonlocal most
        async with shelf.parcel({"": folder}):
            most = max(most, shelf.size)
            await asyncio.sleep(0.01)

    async with asyncio.timeout(20):
        await asyncio.gather(*(use(folder) for folder in folders(tmp_path, 12)))
    assert 0 < most <= 24_000


async def test_what_comes_besides_waits_for_nobody(tmp_path: Path) -> None:
    shelf = Shelf(cast(Cluster, Puts(10_000)), 10**6)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        for folder in folders(tmp_path, 3):
            await stack.enter_async_context(shelf.parcel({"0": folder}, waits=False))


def test_a_fault_of_the_caller_is_one() -> None:
    with pytest.raises(InputError, match="most_bytes"):
        RayAgents(most_bytes=0)
    with pytest.raises(RevetError, match="was not joined"):
        _ = RayAgents().shelf
