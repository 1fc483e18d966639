"""What the loop itself costs: a round of it against a hand-written graph, and many tasks at the same time.

`round` runs the loop with a model and a tool that answer at once, and beside it, in turn, a graph written by hand
with LangGraph: the same nodes, edges and checkpointer, the same words in its state as plain dictionaries, the whole
history kept, a custom event for each step, and none of Revet. A round is stage, examine, criticise, gate and revise.
What it takes is the slope between short and long runs, each the best of three that take turns; that gives a ratio for
each repeat, in wall time and in CPU time of the process, and the medians are reported.

`many` runs tasks without a workspace on a model that takes 0.3 s to answer, many at a time, and holds the time
against the ideal: as many waves as there must be, each as long as its calls. A task makes four calls: a proposal,
a critique that objects, a revision, a critique that accepts. The memory is what one more task in flight takes.

    python benchmarks/loop.py round --repeats 9
    python benchmarks/loop.py many --tasks 200 --flight 64
"""

from __future__ import annotations

import argparse
import asyncio
import math
import operator
import resource
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

from revet.graphs import Agent
from revet.graphs.persistence import open_memory
from revet.models import Account, Form, LanguageModel, Message, Reply, Request, Tokens
from revet.policy import Policy
from revet.schema import Critique, Draft, Evidence, Finding, Outcome, Run, Task, Verdict, new_id
from revet.store import Store
from revet.tools import ToolCall, View

GOAL = "How many marbles does Ann have left, if she gives away a third of 27 and finds 4?"
WORDS = "She gives away nine of twenty-seven, keeps eighteen and finds four more. " * 12
SHORT, LONG, BEST_OF = 2, 22, 3

# --- the loop, with parts that answer at once -----------------------------------------------------------------


class Quick:
    """Proposes and revises at once, another answer in each round."""

    name = "quick"

    async def propose(self, view: View) -> Draft:
        return Draft(author=self.name, answer=f"{WORDS[:200]} {view.round}")

    async def revise(self, view: View, critique: Critique) -> Draft:
        return Draft(author=self.name, answer=f"{WORDS[:200]} {view.round + 1}")


class Looker:
    """Sees the same thing in every draft."""

    name = "looker"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request="look")] if view.draft is not None else []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        return Evidence(tool=self.name, request=call.request, outcome=Outcome.inconclusive, observation=WORDS)


class Strict:
    """Objects until the last round."""

    name = "strict"

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    async def criticise(self, view: View) -> Critique:
        if view.round >= self.rounds:
            return Critique(critic=self.name, verdict=Verdict.accept, score=1.0)
        cited = tuple(e.id for e in view.evidence)
        finding = Finding(claim="it is not the number asked for", evidence=cited, suggestion="count again")
        return Critique(critic=self.name, verdict=Verdict.revise, findings=(finding,), possible_result="wrong")


async def ours(store: Store, rounds: int) -> float:
    agent = Agent(
        Quick(), critics=[Strict(rounds)], tools=[Looker()], sandbox=None, policy=Policy(rounds=rounds), store=store
    )
    start = time.perf_counter()
    run = await agent.arun(Task(id="marbles", goal=GOAL))
    seconds = time.perf_counter() - start
    assert len(run.attempts) == rounds + 1 and run.ok, run
    return seconds


# --- the same by hand -----------------------------------------------------------------------------------------


class ByHand(TypedDict, total=False):
    goal: str
    rounds: int
    round: int
    baseline: list[dict[str, Any]]
    draft: dict[str, Any]
    staged: bool
    evidence: list[dict[str, Any]]
    critiques: list[dict[str, Any]]
    decision: str
    approved: bool
    history: Annotated[list[dict[str, Any]], operator.add]
    result: dict[str, Any]


async def prepare(state: ByHand) -> ByHand:
    return {"baseline": [], "round": 0}


async def propose(state: ByHand) -> ByHand:
    draft = {"author": "quick", "answer": f"{WORDS[:200]} {state['round']}"}
    get_stream_writer()({"type": "proposed", "draft": draft})
    return {"draft": draft, "evidence": [], "critiques": []}


async def stage(state: ByHand) -> ByHand:
    get_stream_writer()({"type": "staged"})
    return {"staged": True}


async def examine(state: ByHand) -> ByHand:
    seen = {"tool": "looker", "request": "look", "outcome": "inconclusive", "observation": WORDS}
    get_stream_writer()({"type": "examined", "evidence": seen})
    return {"evidence": [seen]}


async def criticise(state: ByHand) -> ByHand:
    done = state["round"] >= state["rounds"]
    finding = {"claim": "it is not the number asked for", "evidence": ["e-1"], "suggestion": "count again"}
    said = {"critic": "strict", "verdict": "accept" if done else "revise", "findings": [] if done else [finding]}
    get_stream_writer()({"type": "criticised", "critique": said})
    return {"critiques": [said]}


async def gate(state: ByHand) -> ByHand:
    decision = "answer" if state["critiques"][0]["verdict"] == "accept" else "revise"
    get_stream_writer()({"type": "decided", "decision": decision})
    attempt = {
        "round": state["round"],
        "draft": state["draft"],
        "evidence": state["evidence"],
        "critiques": state["critiques"],
        "decision": decision,
    }
    return {"decision": decision, "history": [attempt]}


async def revise(state: ByHand) -> ByHand:
    draft = {"author": "quick", "answer": f"{WORDS[:200]} {state['round'] + 1}"}
    get_stream_writer()({"type": "proposed", "draft": draft})
    return {"draft": draft, "evidence": [], "critiques": [], "round": state["round"] + 1}


async def ask(state: ByHand) -> ByHand:
    return {"approved": bool(interrupt({"decision": state["decision"]}))}


async def commit(state: ByHand) -> ByHand:
    raise NotImplementedError("nothing is committed here")


async def finish(state: ByHand) -> ByHand:
    return {"result": {"outcome": "answered", "attempts": state["history"]}}


async def after_writing(state: ByHand) -> str:
    return "gate" if any(a["draft"] == state["draft"] for a in state["history"]) else "stage"


async def after_gate(state: ByHand) -> str:
    return "revise" if state["decision"] == "revise" else "finish"


async def after_ask(state: ByHand) -> str:
    return "commit" if state["approved"] else "finish"


async def after_commit(state: ByHand) -> str:
    return "finish"


def written_by_hand() -> StateGraph[ByHand]:
    graph = StateGraph(ByHand)
    for node in (prepare, propose, stage, examine, criticise, gate, revise, ask, commit, finish):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "propose")
    for writer in ("propose", "revise"):
        graph.add_conditional_edges(writer, after_writing, ["stage", "gate"])
    graph.add_edge("stage", "examine")
    graph.add_edge("examine", "criticise")
    graph.add_edge("criticise", "gate")
    graph.add_conditional_edges("gate", after_gate, ["commit", "revise", "ask", "finish"])
    graph.add_conditional_edges("ask", after_ask, ["commit", "finish"])
    graph.add_conditional_edges("commit", after_commit, ["finish", "examine"])
    graph.add_edge("finish", END)
    return graph


async def by_hand(store: Store, rounds: int) -> float:
    async with open_memory(store) as memory:
        graph = written_by_hand().compile(checkpointer=memory.checkpoints)
        thread = new_id("hand")
        config: Any = {"configurable": {"thread_id": thread}, "recursion_limit": 500}
        start = time.perf_counter()
        stream = graph.astream(
            {"goal": GOAL, "rounds": rounds}, config, stream_mode=["custom", "values"], durability="sync"
        )
        last: Any = None
        async for mode, data in stream:
            last = data if mode == "values" else last
        await memory.checkpoints.adelete_thread(thread)
        seconds = time.perf_counter() - start
        assert len(last["history"]) == rounds + 1
        return seconds


Times = dict[str, float]


async def slopes(store: Store) -> tuple[dict[Any, Times], dict[Any, Times]]:
    """Milliseconds for a round of each contender, and for a whole long run."""
    best: dict[Any, Times] = {}
    for _ in range(BEST_OF):
        for contender in (ours, by_hand):
            for rounds in (SHORT, LONG):
                cpu = time.process_time()
                took = {"wall": await contender(store, rounds), "CPU": time.process_time() - cpu}
                known = best.setdefault((contender, rounds), took)
                best[contender, rounds] = {clock: min(took[clock], known[clock]) for clock in took}
    a_round = {
        each: {c: (best[each, LONG][c] - best[each, SHORT][c]) / (LONG - SHORT) * 1e3 for c in ("wall", "CPU")}
        for each in (ours, by_hand)
    }
    return a_round, {each: {c: best[each, LONG][c] * 1e3 for c in ("wall", "CPU")} for each in (ours, by_hand)}


async def one_round(repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        async with open_memory(store):
            await slopes(store)  # warm up
            measured = [await slopes(store) for _ in range(repeats)]
    for clock in ("wall", "CPU"):
        mine, hand = (statistics.median(m[0][each][clock] for m in measured) for each in (ours, by_hand))
        ratios = [m[0][ours][clock] / m[0][by_hand][clock] for m in measured]
        whole = statistics.median(m[1][ours][clock] / m[1][by_hand][clock] for m in measured)
        print(
            f"{clock}: a round takes {mine:.2f} ms in the loop and {hand:.2f} ms by hand; ratio:"
            f" median {statistics.median(ratios):.2f} of {repeats}, {min(ratios):.2f} to {max(ratios):.2f};"
            f" of a whole run of {LONG} rounds, with its record in the store: {whole:.2f}"
        )


# --- many tasks at the same time ------------------------------------------------------------------------------


class Slow:
    """A model that takes `seconds` to answer, whatever it is asked."""

    name = "slow"
    forms: Sequence[Form] = ()

    def __init__(self, seconds: float) -> None:
        self.seconds, self.calls = seconds, 0

    async def reply(self, request: Request) -> Reply:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        return Reply(text=f"{len(request.messages)} {WORDS[:200]}", tokens=Tokens(input=400, output=60))

    async def close(self) -> None:
        return


class Asking:
    """Every role, each asking the model once."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.name = model, "asking"

    async def propose(self, view: View) -> Draft:
        return Draft(author=self.name, answer=await self._said("proposer", view.account, GOAL, str(view.round)))

    async def revise(self, view: View, critique: Critique) -> Draft:
        again = f"{view.round + 1}: {critique.possible_result}"
        return Draft(author=self.name, answer=again + await self._said("reviser", view.account, GOAL, WORDS, again))

    async def criticise(self, view: View) -> Critique:
        answer = view.draft.answer if view.draft else None
        said = await self._said("critic", view.account, GOAL, str(answer))
        finding = Finding(claim="count again")
        if view.round:
            return Critique(critic=self.name, verdict=Verdict.accept, possible_result=said)
        return Critique(critic=self.name, verdict=Verdict.revise, possible_result=said, findings=(finding,))

    async def _said(self, role: str, account: Account, *texts: str) -> str:
        messages = tuple(Message(role="user", text=text) for text in texts)
        return (await self.model.ask(Request(role=role, messages=messages), account)).text


async def flown(tasks: int, flight: int, latency: float, folder: Path) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and calls of so many tasks, `flight` of them at the same time."""
    slow = Slow(latency)
    role = Asking(LanguageModel(slow))
    agent = Agent(role, critics=[role], tools=[], sandbox=None, store=folder)
    free = asyncio.Semaphore(flight)

    async def one(number: int) -> Run:
        async with free:
            return await agent.arun(Task(id=f"marbles-{number}", goal=GOAL))

    start, cpu = time.perf_counter(), time.process_time()
    runs = await asyncio.gather(*(one(number) for number in range(tasks)))
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    assert all(run.ok and run.usage.rounds == 1 for run in runs)
    assert slow.calls == sum(spent.calls for run in runs for spent in run.usage.roles.values())
    return seconds, used, slow.calls


async def many(tasks: int, flight: int, latency: float, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await flown(2, 2, 0.0, Path(folder) / "warm")
        ratios = []
        for number in range(repeats):
            seconds, cpu, calls = await flown(tasks, flight, latency, Path(folder) / str(number))
            each = calls // tasks
            ideal = math.ceil(tasks / flight) * each * latency
            ratios.append(seconds / ideal)
            print(
                f"{tasks} tasks, {flight} in flight, {each} calls each of {latency * 1e3:.0f} ms: {seconds:.2f} s,"
                f" ideal {ideal:.2f} s, ratio {seconds / ideal:.3f}; {cpu / tasks * 1e3:.1f} ms of CPU a task"
            )
        print(f"ratio to the ideal: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")
        peaks = []
        for number in (1, flight):
            tracemalloc.start()
            await flown(number, number, latency, Path(folder) / f"traced-{number}")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        more = (peaks[1] - peaks[0]) / (flight - 1) / 1024 if flight > 1 else float("nan")
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory for each task in flight: {more:.0f} KiB at the peak (tracemalloc); the process: {rss:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("round")
    one.add_argument("--repeats", type=int, default=9)
    flight = what.add_parser("many")
    flight.add_argument("--tasks", type=int, default=200)
    flight.add_argument("--flight", type=int, default=64)
    flight.add_argument("--latency", type=float, default=0.3, help="seconds that the model takes to answer")
    flight.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.what == "round":
        asyncio.run(one_round(options.repeats))
    else:
        asyncio.run(many(options.tasks, options.flight, options.latency, options.repeats))


if __name__ == "__main__":
    main()
