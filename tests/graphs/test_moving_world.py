"""What was examined is what is committed: files that move anywhere, runs that are resumed, roles that dawdle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from revet.agents import EvidenceCritic, Scripted
from revet.agents.repair import Repair
from revet.errors import InputError, SandboxBroken
from revet.graphs import Agent, events
from revet.graphs.world import fingerprint
from revet.policy import Policy
from revet.schema import Critique, Draft, RunOutcome, Task, Verdict
from revet.store import Store
from revet.tools.base import View
from tests.graphs.conftest import BUGGY, TESTS, edit


class Meddler:
    """A critic that does something to the world, once, while a draft is judged."""

    name = "meddler"

    def __init__(self, deed: Callable[[], object]) -> None:
        self.deed: Callable[[], object] | None = deed

    async def criticise(self, view: View) -> Critique:
        if view.draft is not None and self.deed is not None:
            self.deed()
            self.deed = None
        return Critique(critic=self.name, verdict=Verdict.abstain)


def test_the_fingerprint_sees_every_file_but_caches(workspace: Path) -> None:
    first = fingerprint(workspace)
    assert fingerprint(workspace) == first
    (workspace / "__pycache__").mkdir()
    (workspace / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert fingerprint(workspace) == first
    source = workspace / "shop.py"
    text = source.read_text()
    source.write_text(text.replace("result", "outcome"))
    second = fingerprint(workspace)
    assert second != first
    (workspace / "new").mkdir()
    (workspace / "new" / "data.txt").write_text("1")
    third = fingerprint(workspace)
    assert third not in (first, second)
    (workspace / "new" / "data.txt").chmod(0o600)
    assert fingerprint(workspace) != third


@pytest.mark.sandbox
def test_a_test_that_changes_after_the_examination_is_run_again(
    task: Task, workspace: Path, right: Draft, tmp_path: Path
) -> None:
    stricter = TESTS + "\n\ndef test_more():\n    assert total([1], 1) == 3\n"
    meddler = Meddler(lambda: (workspace / "test_shop.py").write_text(stricter))
    agent = Agent(Scripted([right]), critics=[EvidenceCritic(), meddler], store=tmp_path / "store")
    run = agent.run(task)
    assert run.outcome is RunOutcome.abstained
    assert "result - shipping" in (workspace / "shop.py").read_text()


@pytest.mark.sandbox
async def test_what_a_person_approves_is_examined_again_if_the_world_moved(
    task: Task, workspace: Path, right: Draft, tmp_path: Path
) -> None:
    agent = Agent(Scripted([right]), store=tmp_path / "store", policy=Policy(approve="ask"))
    run = await agent.arun(task)
    assert run.outcome is RunOutcome.asked
    (workspace / "test_shop.py").write_text(TESTS + "\n\ndef test_more():\n    assert total([1], 1) == 3\n")
    said = [e async for e in agent.aresume(run.id, True)]
    assert isinstance(said[-1], events.Finished)
    assert said[-1].run.outcome is not RunOutcome.committed
    assert "result - shipping" in (workspace / "shop.py").read_text()


@pytest.mark.sandbox
async def test_a_draft_that_no_longer_applies_when_resumed_is_criticised(
    task: Task, workspace: Path, right: Draft, wrong: Draft, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    async with aclosing(Agent(Scripted([wrong, right]), store=store).astream(task, run_id="r-1")) as stream:
        async for event in stream:
            if isinstance(event, events.Staged):
                break
    source = workspace / "shop.py"
    source.write_text(source.read_text().replace("return result - shipping", "return result  - shipping"))
    run = await Agent(Scripted([wrong, edit("result  - shipping", "result + shipping")]), store=store).arun(
        task, run_id="r-1"
    )
    assert run.outcome is RunOutcome.committed
    assert run.attempts[0].evidence[0].tool == "stage"


TWO_BUGS = BUGGY + "\n\ndef discount(price: int, percent: int) -> int:\n    return price + price * percent // 100\n"
TWO_TESTS = TESTS.replace("import total", "import discount, total") + (
    "\n\ndef test_discount():\n    assert discount(200, 10) == 180\n    assert discount(100, 0) == 100\n"
)


@pytest.mark.sandbox
async def test_a_repair_resumed_between_two_bugs_goes_on_from_the_first_fix(workspace: Path, tmp_path: Path) -> None:
    (workspace / "shop.py").write_text(TWO_BUGS)
    (workspace / "test_shop.py").write_text(TWO_TESTS)
    task = Task(id="two", workspace=str(workspace), checks=("pytest -q",))
    store = tmp_path / "store"
    # Pairs are left out, so that the bugs are mended one after the other.
    repair = Repair(combine=False)
    decided = 0
    async with aclosing(Agent(repair, store=store).astream(task, run_id="r-2")) as stream:
        async for event in stream:
            decided += event.type == "decided"
            if decided and isinstance(event, events.Progressed):
                break
    assert decided == 1
    run = await Agent(repair, store=store).arun(task, run_id="r-2")
    assert run.outcome is RunOutcome.committed
    text = (workspace / "shop.py").read_text()
    assert "result + shipping" in text and "price - price" in text


@pytest.mark.sandbox
async def test_a_stream_left_early_leaves_nothing_running(task: Task, right: Draft, tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with aclosing(Agent(Scripted([right]), store=tmp_path / "store").astream(task)) as stream:
        async for event in stream:
            if event.type == "examined":
                break
    assert asyncio.all_tasks() == before


@pytest.mark.sandbox
def test_a_run_id_belongs_to_one_task(task: Task, right: Draft, tmp_path: Path) -> None:
    agent = Agent(Scripted([right]), store=tmp_path / "store")
    agent.run(task, run_id="r-3")
    with pytest.raises(InputError, match="another task"):
        agent.run(task.model_copy(update={"goal": "something else"}), run_id="r-3")


@pytest.mark.sandbox
def test_a_run_that_breaks_off_is_kept_and_can_be_continued(task: Task, right: Draft, tmp_path: Path) -> None:
    class Breaks(EvidenceCritic):
        broken = True

        async def criticise(self, view: View) -> Critique:
            if view.draft is not None and self.broken:
                raise SandboxBroken("the engine is gone")
            return await super().criticise(view)

    critic = Breaks()
    agent = Agent(Scripted([right]), critics=[critic], store=tmp_path / "store")
    with pytest.raises(SandboxBroken):
        agent.run(task, run_id="r-4")
    record = Store(tmp_path / "store").get("r-4")
    assert record.outcome is RunOutcome.failed
    assert record.error is not None and "the engine is gone" in record.error
    critic.broken = False
    assert agent.run(task, run_id="r-4").outcome is RunOutcome.committed


@pytest.mark.sandbox
def test_a_role_that_dawdles_is_stopped_by_the_budget(task: Task, tmp_path: Path) -> None:
    class Sleeper(Scripted):
        async def propose(self, view: View) -> Draft:
            await asyncio.sleep(600)
            return await super().propose(view)

    start = time.monotonic()
    run = Agent(Sleeper([]), store=tmp_path / "store", policy=Policy(seconds=8)).run(task)
    assert run.outcome is RunOutcome.abstained
    assert "wall time" in run.decision.reasons[0]
    assert time.monotonic() - start < 60


@pytest.mark.sandbox
async def test_an_interrupt_in_a_notebook_stops_the_run(
    task: Task, workspace: Path, right: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    real = threading.Thread.join

    def interrupted(self: threading.Thread, timeout: float | None = None) -> None:
        monkeypatch.setattr(threading.Thread, "join", real)
        time.sleep(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Agent(Scripted([right]), store=tmp_path / "store").run(task)
    assert "result - shipping" in (workspace / "shop.py").read_text()
    assert not [t for t in threading.enumerate() if t.name == "revet-run"]


async def test_a_graph_without_roles_says_what_is_missing(task: Task, tmp_path: Path) -> None:
    from revet.graphs import initial_state
    from revet.schema import utcnow

    graph = Agent(store=tmp_path / "store").graph
    with pytest.raises(InputError, match="context=agent"):
        await graph.ainvoke(initial_state(task, "r-5", utcnow()))  # type: ignore[call-overload]
