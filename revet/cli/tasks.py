"""`revet run` and `revet fix`: do the tasks of a file, or mend one project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revet.cli.common import FOLDER, Debug, Out, StoreUrl, guarded

if TYPE_CHECKING:
    from revet.cli.way import Way
    from revet.taskfile import Tasks

__all__ = ["fix", "run"]

Model = Annotated[
    str | None, typer.Option("--model", help="Who proposes, as provider:name; builtin:repair needs no key.")
]
Reviser = Annotated[str | None, typer.Option("--reviser", help="Who revises (the model that proposes).")]
Critic = Annotated[str | None, typer.Option("--critic", help="A language model that criticises, too.")]
Judge = Annotated[str | None, typer.Option("--judge", help="A language model that chooses between equal attempts.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint for openai:NAME.")]
Record = Annotated[
    Path | None, typer.Option("--record", help="Write what models are asked and answer to FILE, for replay:FILE.")
]
Prompts = Annotated[str | None, typer.Option("--prompts", help="Folder with prompts that replace the shipped ones.")]
Recipe = Annotated[str | None, typer.Option("--recipe", help="The method; `revet recipes` lists them.")]
Choices = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE, an option of the recipe. Can be repeated.")
]
Tools = Annotated[
    list[str] | None,
    typer.Option("--tool", help="A tool besides the recipe's, NAME or NAME:OPTION=VALUE,…; see `revet tools`."),
]
Sandbox = Annotated[str | None, typer.Option("--sandbox", help="Where code runs; `revet doctor` says which work.")]
Rounds = Annotated[int | None, typer.Option("--rounds", help="Revisions after the first draft (4).")]
Seconds = Annotated[float | None, typer.Option("--seconds", help="Wall time for each task (no limit).")]
Tokens = Annotated[int | None, typer.Option("--tokens", help="Tokens of models for each task (no limit).")]
Cost = Annotated[float | None, typer.Option("--cost", help="US dollars for models for each task (no limit).")]
Approve = Annotated[str | None, typer.Option("--approve", help="auto, ask (you decide) or never (a dry run).")]
Unproven = Annotated[
    str | None,
    typer.Option("--unproven", help="What no required check proves: ask, abstain, allowed (by the rules) or commit."),
]
AskSeconds = Annotated[
    float | None, typer.Option("--ask-seconds", help="How long you may take to answer; then the task abstains.")
]
Rules = Annotated[
    str | None,
    typer.Option("--rules", help="A file of rules in place of the workspace's revet.toml."),
]
Database = Annotated[
    str | None, typer.Option("--database", help="URL of the database that SQL works on, such as sqlite:///shop.db.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same run (0).")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with what was interrupted; what is done is not done again.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object for each task on stdout, nothing else there.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Tasks at once (1); one at a time on one workspace.")
]
OnError = Annotated[
    str, typer.Option("--on-error", help="What a bad line of a JSONL file does: stop (nothing is run) or skip.")
]
Results = Annotated[
    Path | None, typer.Option("--results", help="JSONL file with one line for each task (below --out, by the file).")
]
Summary = Annotated[Path | None, typer.Option("--summary", help="Write what became of the batch to FILE, as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress: only how the batch ended.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Run nothing: say what would be run, with what, and what it may cost.")
]
TotalTokens = Annotated[int | None, typer.Option("--total-tokens", min=1, help="Tokens of models for the batch.")]
TotalCost = Annotated[float | None, typer.Option("--total-cost", help="US dollars for models for the batch.")]
TotalSeconds = Annotated[float | None, typer.Option("--total-seconds", help="Wall time for the batch.")]
ModelJobs = Annotated[
    int | None, typer.Option("--model-jobs", min=1, help="Requests under way at once, for each provider.")
]
ModelRate = Annotated[float | None, typer.Option("--model-rate", help="Requests begun in a second, for each provider.")]
EngineName = Annotated[str, typer.Option("--engine", help="Where tasks run: local, or ray (a cluster).")]
Address = Annotated[
    str | None, typer.Option("--address", help="The cluster: auto (the one of this machine), HOST:PORT or ray://….")
]


@guarded
def run(
    context: typer.Context,
    tasks: Annotated[Path, typer.Argument(help="A task file: YAML, JSON or JSONL (- is stdin). See `revet schema`.")],
    model: Model = None,
    reviser: Reviser = None,
    critic: Critic = None,
    judge: Judge = None,
    base_url: BaseUrl = None,
    record: Record = None,
    prompts: Prompts = None,
    recipe: Recipe = None,
    option: Choices = None,
    tool: Tools = None,
    sandbox: Sandbox = None,
    rounds: Rounds = None,
    seconds: Seconds = None,
    tokens: Tokens = None,
    cost: Cost = None,
    approve: Approve = None,
    unproven: Unproven = None,
    ask_seconds: AskSeconds = None,
    rules: Rules = None,
    database: Database = None,
    seed: Seed = None,
    jobs: Jobs = None,
    on_error: OnError = "stop",
    dry_run: DryRun = False,
    total_tokens: TotalTokens = None,
    total_cost: TotalCost = None,
    total_seconds: TotalSeconds = None,
    model_jobs: ModelJobs = None,
    model_rate: ModelRate = None,
    engine: EngineName = "local",
    address: Address = None,
    resume: Resume = False,
    json: Json = False,
    quiet: Quiet = False,
    results: Results = None,
    summary: Summary = None,
    store: StoreUrl = None,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Do every task of a file: propose, prove in a sandbox, commit what passes."""
    from revet.cli.way import way_of
    from revet.taskfile import open_tasks

    way = way_of(context.params)
    _do(open_tasks(tasks, _settings(context), on_error=way.on_error), way)


@guarded
def fix(
    context: typer.Context,
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
    reviser: Reviser = None,
    critic: Critic = None,
    judge: Judge = None,
    base_url: BaseUrl = None,
    record: Record = None,
    prompts: Prompts = None,
    recipe: Recipe = None,
    option: Choices = None,
    tool: Tools = None,
    sandbox: Sandbox = None,
    rounds: Rounds = None,
    seconds: Seconds = None,
    tokens: Tokens = None,
    cost: Cost = None,
    approve: Approve = None,
    ask_seconds: AskSeconds = None,
    rules: Rules = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
    quiet: Quiet = False,
    store: StoreUrl = None,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Make one project's failing tests pass."""
    from revet.cli.way import way_of
    from revet.taskfile import Entry, Tasks, check_settings, project_task, settings_from

    settings = settings_from(_settings(context))
    check_settings(settings)
    task = project_task(path, test or ["pytest -q"], edit or [], python, model=settings.model)
    check_settings(settings, task)
    _do(Tasks.of([Entry(task=task, settings=settings)]), way_of(context.params))


def _settings(context: typer.Context) -> dict[str, Any]:
    """The settings that the command line gives, by name."""
    from revet.taskfile import Settings, option_values, rooted_database, tool_choices

    given = {name: value for name, value in context.params.items() if name in Settings.model_fields}
    given["options"] = option_values(context.params["option"] or ()) or None
    given["tools"] = tool_choices(context.params["tool"] or ()) or None
    if isinstance(given.get("database"), str):
        given["database"] = rooted_database(given["database"], Path.cwd())
    return {name: value for name, value in given.items() if value is not None}


def _do(tasks: Tasks, way: Way) -> None:
    from revet.cli.session import do

    code = do(tasks, way)
    if code:
        raise typer.Exit(code)
