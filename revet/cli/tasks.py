"""`revet run` and `revet fix`: do the tasks of a file, or mend one project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revet.cli.common import FOLDER, Debug, Out, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revet.cli.batch import Runner
    from revet.store import Store
    from revet.taskfile import Entry, Settings

__all__ = ["fix", "make_agent", "run"]

Model = Annotated[str | None, typer.Option("--model", help="Who proposes: builtin:repair needs no key.")]
Recipe = Annotated[str | None, typer.Option("--recipe", help="The method; `revet recipes` lists them.")]
Sandbox = Annotated[str | None, typer.Option("--sandbox", help="Where code runs; `revet doctor` says which work.")]
Rounds = Annotated[int | None, typer.Option("--rounds", help="Revisions after the first draft (4).")]
Seconds = Annotated[float | None, typer.Option("--seconds", help="Wall time for each task (no limit).")]
Approve = Annotated[str | None, typer.Option("--approve", help="auto, ask (you decide) or never (a dry run).")]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same run (0).")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with what was interrupted; what is done is not done again.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object for each task on stdout, nothing else there.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Tasks at once; one at a time on one workspace.")]


@guarded
def run(
    tasks: Annotated[Path, typer.Argument(help="A task file: YAML, JSON or JSONL. `revet schema` describes it.")],
    model: Model = None,
    recipe: Recipe = None,
    sandbox: Sandbox = None,
    rounds: Rounds = None,
    seconds: Seconds = None,
    jobs: Jobs = 1,
    approve: Approve = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Do every task of a file: propose, prove in a sandbox, commit what passes."""
    from revet.taskfile import load

    given = _given(
        model=model,
        recipe=recipe,
        sandbox=sandbox,
        rounds=rounds,
        seconds=seconds,
        approve=approve,
        seed=seed,
    )
    _do(load(tasks, given), out=out, jobs=jobs, resume=resume, json=json)


@guarded
def fix(
    path: Annotated[Path, typer.Argument(help="The project's folder, or the one file that may be changed.")],
    test: Annotated[
        list[str] | None,
        typer.Option("--test", help="A command that must pass (pytest -q). Can be repeated."),
    ] = None,
    edit: Annotated[
        list[str] | None,
        typer.Option("--edit", help="What may be changed, as a .gitignore pattern. Can be repeated."),
    ] = None,
    python: Annotated[
        str | None, typer.Option("--python", help="Interpreter of the tests (the project's own environment).")
    ] = None,
    model: Model = None,
    recipe: Recipe = None,
    sandbox: Sandbox = None,
    rounds: Rounds = None,
    seconds: Seconds = None,
    approve: Approve = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Make one project's failing tests pass."""
    from revet.taskfile import Entry, project_task, settings_from

    given = _given(
        model=model,
        recipe=recipe,
        sandbox=sandbox,
        rounds=rounds,
        seconds=seconds,
        approve=approve,
        seed=seed,
    )
    settings = settings_from(given)
    task = project_task(path, test or ["pytest -q"], edit or [], python, model=settings.model)
    _do([Entry(task=task, settings=settings)], out=out, jobs=1, resume=resume, json=json)


def make_agent(settings: Settings, store: Store) -> Runner:
    """The agent for a task with these settings."""
    from revet.graphs import Agent
    from revet.policy import Policy

    policy = Policy(
        rounds=settings.rounds,
        seconds=settings.seconds,
        tool_calls=settings.tool_calls,
        tokens=settings.tokens,
        cost=settings.cost,
        approve=settings.approve,
        sandbox_features=settings.sandbox_features,
    )
    return Agent(settings.model, sandbox=settings.sandbox, policy=policy, store=store, seed=settings.seed)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _do(entries: Sequence[Entry], *, out: Path, jobs: int, resume: bool, json: bool) -> None:
    from revet.cli.session import do

    code = do(entries, make_agent, out=out, jobs=jobs, resume=resume, json=json)
    if code:
        raise typer.Exit(code)
