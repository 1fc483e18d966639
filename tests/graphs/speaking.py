"""Roles that ask a language model, a tool that reads the staged file, and a process that is killed on the way."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from revet.agents import EvidenceCritic
from revet.graphs import Agent, Bench, nodes
from revet.graphs.persistence import RunReplies
from revet.models import Account, Form, LanguageModel, Message, Reply, Request, Tokens
from revet.policy import Policy
from revet.schema import Critique, Draft, Evidence, Finding, Outcome, Run, Task, Verdict, WriteFile
from revet.store import Store
from revet.tools import ToolCall, View

RIGHT = "answer = 42\n"
CHECK = "the file says 42"


class Teller:
    """A model that answers as `tell` says, writes down what it was asked, and may be stopped by `before`."""

    name = "teller"
    forms: Sequence[Form] = ()

    def __init__(
        self,
        tell: Callable[[Request], str],
        log: Path | None = None,
        then: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self.tell, self.log, self.then = tell, log, then
        self.asked: list[Request] = []
        self.closed = 0

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{request.role} {re.sub('after [0-9a-f]+', 'after that', request.messages[-1].text)}\n")
        text = self.tell(request)
        if self.then is not None:
            await self.then(len(self.asked))
        return Reply(text=text, tokens=Tokens(input=10, output=2), cost=0.001)

    async def close(self) -> None:
        self.closed += 1


class Writer:
    """Asks what is known, looks it up, and writes the file; a revision asks once."""

    name = "writer"

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    async def propose(self, view: View) -> Draft:
        where = await said(self.model, view.account, "proposer", f"where to look for {view.task.goal}")
        seen = await view.use(ToolCall(tool="library", request=where))
        return draft(await said(self.model, view.account, "proposer", f"first, after {seen.observation}"))

    async def revise(self, view: View, critique: Critique) -> Draft:
        return draft(await said(self.model, view.account, "reviser", f"again, for {critique.possible_result}"))


class Reader:
    """Asks the model what it thinks of the draft."""

    def __init__(self, model: LanguageModel, name: str) -> None:
        self.model, self.name = model, name

    async def criticise(self, view: View) -> Critique:
        if view.draft is None:
            return Critique(critic=self.name, verdict=Verdict.abstain)
        word = await said(self.model, view.account, self.name, f"is {view.draft.id} right?")
        finding = Finding(claim=word, evidence=tuple(e.id for e in view.evidence if e.required))
        verdict = Verdict.accept if word == "right" else Verdict.revise
        findings = () if verdict is Verdict.accept else (finding,)
        return Critique(critic=self.name, verdict=verdict, possible_result=word, findings=findings)


class Checker:
    """Answers the task's check by what the staged file holds."""

    name = "checker"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request=c.command, check=c.id, required=True) for c in view.task.checks]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        staged = view.layer.root / "answer.py" if view.layer is not None else None
        good = staged is not None and staged.exists() and staged.read_text() == RIGHT
        return Evidence(
            tool=self.name,
            request=call.request,
            outcome=Outcome.passed if good else Outcome.failed,
            check=call.check,
            required=call.required,
            changes=view.changes.fingerprint if view.changes else None,
        )


class Library:
    """Says another thing each time that it is asked, as the web does."""

    name = "library"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        return Evidence(tool=self.name, request=call.request, outcome=Outcome.passed, observation=os.urandom(4).hex())


def draft(text: str) -> Draft:
    return Draft(author="writer", actions=(WriteFile(path="answer.py", content=text),))


async def said(model: LanguageModel, account: Account, role: str, text: str) -> str:
    return (await model.ask(Request(role=role, messages=(Message(role="user", text=text),)), account)).text


def story(request: Request) -> str:
    """The first draft is wrong, and the critics say so; the second is right."""
    text = request.messages[-1].text
    if text.startswith("where"):
        return "the shelf"
    if text.startswith("first"):
        return "answer = 41\n"
    if text.startswith("again"):
        return RIGHT
    return "right" if draft(RIGHT).id in text else f"{request.role} says that it is wrong"


def agent(teller: Teller, store: Path | Store, **more: Any) -> Agent:
    model = LanguageModel(teller)
    critics = [EvidenceCritic(), Reader(model, "ann"), Reader(model, "bob")]
    given: dict[str, Any] = {"critics": critics, "tools": [Checker(), Library()], "sandbox": None, "store": store}
    return Agent(Writer(model), **{**given, **more})


def task_in(folder: Path) -> Task:
    folder.mkdir(parents=True, exist_ok=True)
    return Task(id="answer", goal="the answer", workspace=str(folder), edit=("*.py",), checks=(CHECK,))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


LEASE = 0.8
"""Seconds after which a database's run of a process that was killed can be gone on with."""


def store_at(folder: Path, url: str) -> Store:
    """The store in the database at `url`; without one, in the folder."""
    return Store(url, lease=LEASE, folder=folder) if url else Store(folder / "store")


def victim(folder: Path, where: str, url: str) -> None:
    """Run the story in `folder` and be killed at `where`. The store is the database at `url`, if there is one.

    ``reply 3``: while the third reply is on its way; ``kept 3``: when it is kept; ``node gate 2``: at the end of the
    second gate; ``commit``: after it; ``save`` and ``saved``: before and after the record of the run is written.
    """
    kind, *rest = where.split()
    arm = {"kept": _at_kept, "node": _at_node, "commit": _at_commit, "save": _at_save, "saved": _at_save}
    if kind in arm:
        arm[kind](where)

    async def then(number: int) -> None:
        if kind == "reply" and number == int(rest[0]):
            die()

    teller = Teller(story, folder / "log", then)
    policy = Policy(rounds=3)
    asyncio.run(agent(teller, store_at(folder, url), policy=policy).arun(task_in(folder / "work"), run_id="r-1"))


class Countdown:
    """Kills this process at the last count."""

    def __init__(self, number: str) -> None:
        self.left = int(number)

    def __call__(self) -> None:
        self.left -= 1
        if not self.left:
            die()


def _at_kept(where: str) -> None:
    put, count = RunReplies.put, Countdown(where.split()[1])

    async def kept(self: RunReplies, key: str, reply: Reply) -> None:
        await put(self, key, reply)
        count()

    RunReplies.put = kept  # type: ignore[method-assign]


def _at_node(where: str) -> None:
    _, name, number = where.split()
    node, count = getattr(nodes, name), Countdown(number)

    async def ended(state: Any, runtime: Any) -> Any:
        update = await node(state, runtime)
        count()
        return update

    setattr(nodes, name, ended)


def _at_commit(where: str) -> None:
    commit = Bench.commit

    async def committed(self: Bench, *arguments: Any) -> Any:
        await commit(self, *arguments)
        die()

    Bench.commit = committed  # type: ignore[method-assign, assignment]


def _at_save(where: str) -> None:
    record = Store.record

    def recorded(self: Store, news: Sequence[Any]) -> None:
        ended = any(isinstance(each, Run) for each in news)
        if not ended or where == "saved":
            record(self, news)
        if ended:
            die()

    Store.record = recorded  # type: ignore[method-assign]


def main() -> None:
    """For each line `FOLDER|WHERE|URL` on stdin: be killed there in a process of its own, and print how that ended."""
    for line in sys.stdin:
        folder, where, url = line.rstrip("\n").split("|")
        child = os.fork()
        if child == 0:
            try:
                victim(Path(folder), where, url)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
