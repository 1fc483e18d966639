"""Shell commands of real models, refused and chosen before anybody says whether they are right (InterCode-Bash: Yang et
al. 2023).

A case is one run of a model at one task. Its commands are the drafts, in order, each once. Where the model submits
(``react``), what it submits is its only draft, and the commands before only look. The loop is shown the task, the
command, and what the log says that the shell printed. Two tools look:

- `gate` reads the command's text as ``revet gate`` does, in an empty folder for a workspace: what would be denied is
  refused, and so is what a person would be asked about, for nobody is there to be asked. The file trees of the tasks
  are not in the data, so nothing is tried.
- `environment` reads what was printed: a command that complains (``program: …``, as the GNU standards have it) is
  refused, and one that only looks and prints nothing.

The judge is the reward of the log: 1 is right, anything less wrong. The log's rewards stopped the model (all but
``react``) as soon as it was right. That is an oracle: the last command of a run is right wherever any is, and
``max_reward`` is out of reach without it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Estimate
from revet.evals.replay.environment import Environment
from revet.evals.replay.logged import Options, case_id, logged, number, objects, placed, recall_of_right, said_of_drafts
from revet.evals.replay.playing import Answers, Once, Playback, Recorded, Replayed, choices, drafts_of, trial_of
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial
from revet.gate import check
from revet.schema import Evidence, Outcome, Task
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Gate", "complaint", "open_suite"]

SET = "intercode_bash"
SUBMIT = "submit"
EXECUTE = re.compile(r"execute\[(.*)\]\s*", re.DOTALL)
COMPLAINT = re.compile(r"^(?:[\w./-]*/)?([\w.+-]+): ", re.MULTILINE)
WORD = re.compile(r"[\w.+-]+")
SHELLS = ("bash", "sh")
LOOKS = ("read", "fetch")


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    """The runs of all models. Options: see `Options`."""
    wanted = choices("intercode-bash", Options, options)
    tasks = {field(row, "task_id", str, where): (row, where) for row, where in placed(source, SET, "tasks")}
    told = [_told(row, where, tasks) for row, where in placed(source, SET, "trajectories")]
    return _Suite(told, Playback(None, wanted.runs))


class Gate:
    """What the gate says of the command that a draft answers with, from its text, in `folder`. Required."""

    name = "gate"
    arguments: type[BaseModel] | None = None
    terms = Terms(keep="draft")

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def plan(self, view: View) -> Sequence[ToolCall]:
        answer = view.draft.answer if view.draft is not None else None
        if not answer or not answer.strip():
            return []
        return [ToolCall(tool=self.name, request="the gate's word on the command", required=True)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """``data["looks"]``: all that the text is known to do is to look."""
        command = (view.draft.answer if view.draft is not None else None) or ""
        here = {"cwd": self.folder, "workspace": self.folder}
        request = {"kind": "run_command", "command": command, "goal": view.task.goal, **here}
        said = await asyncio.to_thread(check, request, dry_run=False)
        outcome = Outcome.passed if said.decision == "allow" else Outcome.failed
        looks = said.decision == "allow" and all(s.effect is not None and s.effect.kind in LOOKS for s in said.trace)
        return evidence_for(call, view, outcome, f"{said.decision}: {said.reason}", data={"looks": looks})


def complaint(command: str, printed: str) -> str | None:
    """The first line that begins with the name of a program of the command, or of the shell, and a colon."""
    programs = {*WORD.findall(command), *SHELLS}
    for found in COMPLAINT.finditer(printed):
        if found[1] in programs:
            return printed[found.start() :].partition("\n")[0]
    return None


def _read(view: View, printed: str) -> Problem | None:
    """What speaks against the command in what it printed."""
    line = complaint((view.draft.answer if view.draft is not None else None) or "", printed)
    if line is not None:
        return Problem(claim=f"it complains: {clip(line, 300)}", category="shell/complaint", confidence=0.95)
    looks = any(each.tool == Gate.name and each.data.get("looks") is True for each in view.evidence)
    if looks and not printed.strip():
        claim = "it only looks, and prints nothing: nothing comes of it"
        return Problem(claim=claim, category="shell/nothing", confidence=0.9)
    return None


class _Suite(Replayed):
    """What the gate said of a command at a task is known to all cases."""

    def __init__(self, told: Sequence[tuple[Recorded, Mapping[int, str]]], playback: Playback) -> None:
        super().__init__([recorded for recorded, _ in told], playback, self._played, figures)
        self._printed = {recorded.case: printed for recorded, printed in told}
        gate = Gate(str(playback.folder("nothing")))
        self._gate = Once(gate, Answers(), lambda call, view: (view.task.goal, view.draft and view.draft.answer))

    async def _played(self, recorded: Recorded) -> Trial:
        printed = {number: [("printed", text)] for number, text in self._printed[recorded.case].items()}
        tools: list[Tool] = [self._gate, Environment(printed, reading=_read)]
        return trial_of(recorded, await self.playback.run(recorded, tools=tools))


def _told(row: Row, where: str, tasks: Mapping[str, tuple[Row, str]]) -> tuple[Recorded, Mapping[int, str]]:
    """The case, and what was printed at each draft."""
    name, strategy = field(row, "task_id", str, where), field(row, "strategy", str, where)
    if name not in tasks:
        raise InputError(f"{where}: there is no task {name!r} in the tasks of {SET}")
    task, place = tasks[name]
    proposed = _proposed(objects(row, "attempts", where), where)
    model = f"{field(row, 'model', str, where)} {strategy}"
    case = case_id(name, model)
    right = tuple(each.right for each in proposed.values())
    quiet = [each for command, each in proposed.items() if complaint(command, each.printed) is None]
    recorded = Recorded(
        case=case,
        task=Task(id=case, goal=field(task, "query", str, place)),
        drafts=drafts_of([*proposed], model),
        correct=right,
        cluster=name,
        group=model,
        data={
            "first": bool(right) and right[0],
            "first_quiet": bool(quiet) and quiet[0].right,
            "first_quiet_wrong": not quiet[0].right if quiet else None,
            "any_right": any(right),
            "oracle": number(row, "max_reward", where) == 1.0,
        },
    )
    return recorded, dict(enumerate(each.printed for each in proposed.values()))


@dataclass(frozen=True)
class _Proposed:
    printed: str
    right: bool


def _proposed(attempts: Sequence[Mapping[str, Any]], where: str) -> dict[str, _Proposed]:
    """The distinct commands that are proposed, in order, each as it went when it was first proposed.

    A later time may have gone otherwise, and which one is shown must not hang on the verdict. Where the model submits,
    it proposes the last command before, and the others only look.
    """
    told = [(_command(each, where), each) for each in attempts]
    reads = [(command, str(field(each, "obs", str, where))) for command, each in told]
    rewards = [number(each, "reward", where) == 1.0 for _, each in told]
    found: dict[str, _Proposed] = {}
    before: tuple[str, str] | None = None
    submits = any(command == SUBMIT for command, _ in reads)
    for (command, printed), right in zip(reads, rewards, strict=True):
        if command and command != SUBMIT:
            before = command, printed
        proposes = command == SUBMIT if submits else bool(command)
        if proposes and before is not None and before[0] not in found:
            found[before[0]] = _Proposed(before[1], right)
    return found


def _command(attempt: Mapping[str, Any], where: str) -> str:
    said = str(field(attempt, "cmd", str, where)).strip()
    whole = EXECUTE.fullmatch(said)
    return (whole[1] if whole else said).strip()


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """What is said of the commands first, then what the runs end with. Those of the log are over the same cases."""
    return [
        *said_of_drafts(trials),
        metrics.accuracy(trials),
        metrics.first_accuracy(trials),
        logged("log_first_without_complaint", trials, "first_quiet"),
        logged("log_oracle_stop", trials, "oracle"),
        recall_of_right("accuracy_where_any_is_right", trials),
        metrics.false_commits(trials),
        logged("log_first_without_complaint_false_commits", trials, "first_quiet_wrong", better="lower"),
        metrics.abstention(trials),
        metrics.wrong_to_right(trials),
        metrics.right_to_wrong(trials),
    ]
