"""Programs of one round that see what earlier ones defined: by repeating them, silently and with bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revet.agents import Scripted
from revet.errors import ModelFailed
from revet.graphs import Agent
from revet.policy import Policy
from revet.sandboxes import Local, Session
from revet.schema import Critique, Draft, Evidence, Outcome, Task, Verdict
from revet.tools import Python, ToolCall, View
from revet.tools.python import MOST_CODE, MOST_PROGRAMS

pytestmark = pytest.mark.sandbox
TASK = Task(goal="How much is it?")


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    folder = tmp_path / "ws"
    folder.mkdir()
    session = await Local().open(folder)
    yield session
    await session.close()


def program(code: str) -> ToolCall:
    return ToolCall(tool="python", request=code[:40], arguments={"code": code})


async def ran(session: Session, *codes: str, tool: Python | None = None) -> list[Evidence]:
    """The evidence of each program, one after another."""
    tool = tool or Python(seconds=5, persistent=True)
    view = View(task=TASK, run="r", session=session)
    for code in codes:
        view = replace(view, evidence=(*view.evidence, await tool.run(program(code), view)))
    return [*view.evidence]


async def test_what_earlier_programs_defined_is_there(session: Session) -> None:
    *_, last = await ran(
        session,
        "import math\nrate = 3\ndef double(x):\n    return x * factor\nprint('loud')",
        "class Box:\n    size = rate\nfactor = 2\nimport os; os.write(1, b'loud')",
        "print('mine')\nanswer = double(Box.size) + math.floor(1.5)",
    )
    assert last.outcome is Outcome.passed and last.data["value"] == 7
    assert last.observation.endswith("mine") and "loud" not in last.observation


async def test_without_it_each_program_is_alone(session: Session) -> None:
    first, second = await ran(session, "x = 1", "answer = x", tool=Python(seconds=5))
    assert first.outcome is Outcome.passed and second.outcome is Outcome.failed
    assert "NameError" in second.observation and "session" not in second.data


async def test_a_program_that_fails_leaves_nothing_behind(session: Session) -> None:
    seen = await ran(session, "x = [1]", "x.append(2)\ny = 1\nraise ValueError('no')", "answer = [x, 'y' in globals()]")
    assert [e.outcome.value for e in seen] == ["passed", "failed", "passed"]
    assert seen[1].observation.startswith("ValueError: no (line 3)")
    assert seen[2].data["value"] == [[1], False]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ok = 1\n\nanswer = missing", "(line 3)"),
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError: division by zero (line 2)"),
        ("answer = (1", "SyntaxError"),
        ("import sys\nsys.exit(0)", "before its end"),
        ("import os\nos._exit(0)", "before its end"),
        ("run, repeat, SessionLost", "NameError"),
        ("raise type('SessionLost', (Exception,), {})('mine')", "mine"),
    ],
)
async def test_failures_are_told_by_the_programs_own_lines(session: Session, code: str, says: str) -> None:
    last = (await ran(session, "first = 1", code))[-1]
    assert last.outcome is not Outcome.passed and says in last.observation, last.observation


@pytest.mark.parametrize(
    ("second", "value"),
    [
        ("answer = answer + 1", 6),
        ("answer = 5", 5),
        ("total = answer", None),
        ("if False:\n    answer = 1", None),
        ("def f():\n    global answer\n    answer = 8\nf()", 8),
        ("for answer in (1, 2): pass", 2),
        ("del answer", None),
        ("x = [answer for _ in range(2)]\nanswer = x + sorted(n for n in dir() if n == 'x')", [5, 5, "x"]),
    ],
)
async def test_an_earlier_answer_can_be_read_and_is_not_given_again(session: Session, second: str, value: Any) -> None:
    last = (await ran(session, "answer = 5", second))[-1]
    assert last.outcome is Outcome.passed and last.data["value"] == value


async def test_programs_see_one_main_module_and_chance_repeats_itself(session: Session) -> None:
    first, second = await ran(
        session,
        "import random, sys\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
        "n = random.random()\nanswer = n",
        "import pickle\nx = pickle.loads(pickle.dumps(P(1))).x\n"
        "answer = [n, x, sys.modules['__main__'].P is P, data, __name__]",
    )
    assert second.data["value"] == [first.data["value"], 1, True, None, "__main__"]


async def test_an_earlier_program_that_ends_otherwise_is_told(session: Session) -> None:
    view = View(task=TASK, run="r", session=session)
    (earlier,) = await ran(session, "x = 1")
    spoilt = earlier.model_copy(update={"data": {**earlier.data, "session": ["raise OSError('gone')"]}})
    last = await Python(persistent=True).run(program("answer = 1"), replace(view, evidence=(spoilt,)))
    assert last.outcome is Outcome.inconclusive and "an earlier program failed when repeated" in last.observation


async def test_a_session_is_bounded(session: Session) -> None:
    filler = "# " + "x" * (MOST_CODE // 2)
    _, second, third, last = await ran(
        session, f"a = 1\n{filler}", "b = 1", f"c = 1\n{filler}", "answer = 'c' in dir()"
    )
    assert "not kept" not in second.observation and third.outcome is Outcome.passed
    assert third.observation.startswith("it ran to its end (what it defines is not kept")
    assert last.data["value"] is False
    full = Evidence(
        tool="python",
        request="x",
        outcome=Outcome.passed,
        data={"session": [f"v{n} = {n}" for n in range(MOST_PROGRAMS)]},
    )
    view = View(task=TASK, run="r", session=session, evidence=(full,))
    more = await Python(persistent=True).run(program("w = 1\nanswer = v3"), view)
    assert more.data["value"] == 3 and more.data["session"] == full.data["session"]


async def test_what_takes_too_long_to_repeat_is_not_kept(session: Session) -> None:
    tool = Python(seconds=1, persistent=True)
    seen = await ran(
        session, "import time\ntime.sleep(.7)\na = 1", "time.sleep(.7)\nb = 1", "answer = dir()", tool=tool
    )
    assert [e.outcome.value for e in seen] == ["passed"] * 3
    assert "not kept" in seen[1].observation
    assert isinstance(seen[2].data["value"], list) and "a" in seen[2].data["value"] and "b" not in seen[2].data["value"]
    hung = await ran(session, "x = 1", "while True: pass", tool=tool)
    assert hung[1].outcome is Outcome.timeout and hung[1].data["session"] == ["x = 1"]


class Explores(Scripted):
    """Tries something out before it answers with a program."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        super().__init__(drafts)
        self.seen: list[Evidence] = []

    async def propose(self, view: View) -> Draft:
        self.seen.append(await view.use(program("import random\nbase = 40\nchance = random.random()")))
        self.seen.append(await view.use(program("base += 1\nanswer = chance")))
        return await super().propose(view)


class Asks:
    """A critic that goes on where the draft's program ended; breaks off where told."""

    name = "asks"

    def __init__(self, broken: bool) -> None:
        self.broken, self.seen = broken, list[Evidence]()

    async def criticise(self, view: View) -> Critique:
        if view.draft is not None:
            self.seen.append(await view.use(program("check = total + 1\nanswer = [check, chance]")))
            self.seen.append(await view.use(program("answer = check + base")))
            if self.broken:
                raise ModelFailed("gone")
        return Critique(critic=self.name, verdict=Verdict.accept)


def test_a_session_lasts_for_a_round_and_survives_the_process(tmp_path: Path) -> None:
    def agent(folder: str, critic: Asks) -> tuple[Agent, Explores]:
        drafts = [Draft(author="a", answer="```python\ntotal = base + 1\nanswer = total\n```")]
        proposer = Explores(drafts)
        tools = [Python(seconds=10, required=True, persistent=True)]
        return Agent(
            proposer, tools=tools, critics=[critic], store=tmp_path / folder, policy=Policy(rounds=0)
        ), proposer

    whole = Asks(broken=False)
    once, proposer = agent("a", whole)
    run = once.run(TASK)
    assert run.ok and run.best is not None and run.best.answer == "42"
    assert [e.data["value"] for e in whole.seen] == [[43, proposer.seen[1].data["value"]], 84]

    critic = Asks(broken=True)
    with pytest.raises(ModelFailed):
        agent("b", critic)[0].run(TASK, run_id="r")
    critic.broken = False
    again = agent("b", critic)[0].run(TASK, run_id="r")
    assert [e.data["value"] for e in critic.seen[2:]] == [e.data["value"] for e in critic.seen[:2]]
    assert [e.id for e in again.evidence] == [e.id for e in run.evidence]


def test_a_new_round_begins_anew(tmp_path: Path) -> None:
    def coded(code: str) -> Draft:
        return Draft(author="a", answer=f"```python\n{code}\n```")

    tools = [Python(seconds=10, required=True, persistent=True)]
    proposer = Scripted([coded("x = 1"), coded("answer = x")])
    run = Agent(proposer, tools=tools, critics=[], store=tmp_path, policy=Policy(rounds=1)).run(TASK)
    assert ["NameError" in a.evidence[0].observation for a in run.attempts] == [False, True]
