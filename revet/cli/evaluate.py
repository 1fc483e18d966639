"""`revet eval`: what Revet is worth, measured on what other people published, or on tasks of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from revet.cli import tasks as given
from revet.cli.common import FOLDER, Debug, Out, guarded
from revet.cli.eval_measure import evidence, gate

__all__ = ["evaluate"]

PLAY = "suite"


class _Suites(TyperGroup):
    """A first word that is no command is a suite: ``revet eval ldb`` is ``revet eval suite ldb``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [PLAY, *args]
        return super().parse_args(ctx, args)


evaluate = typer.Typer(
    name="eval",
    cls=_Suites,
    help="Measure Revet: `revet eval SUITE…` plays suites (`revet eval list`), a kind of suites, `all`, or a task file "
    "of yours with a metric. Options of that: `revet eval suite --help`.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else there.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write a page to FILE: tables and plots, one file, no network.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="REVET_DATA", help="Folder of the data sets, with files SET/NAME.SPLIT.jsonl."),
]


@evaluate.command(PLAY)
@guarded
def play(
    context: typer.Context,
    suites: Annotated[
        list[str], typer.Argument(metavar="SUITE…", help="Suites, kinds of suites, `all`, or one task file.")
    ],
    data: Data = None,
    split: Annotated[str, typer.Option("--split", help="Which rows: the part before .jsonl in file names.")] = "dev",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="NAME=VALUE, an option of the suite (for tasks: of the recipe)."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many cases, spread evenly over the suite.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Cases at once (two for each core; 1 for tasks).")
    ] = None,
    seed: given.Seed = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was stopped: what was played is not played again.")
    ] = False,
    require: Annotated[
        list[str] | None,
        typer.Option(help="FIGURE>=VALUE or [SUITE:]FIGURE<=VALUE, or `target`; exit 1 if missed. Can be repeated."),
    ] = None,
    json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table: each suite beside what others published.")
    ] = False,
    html: Html = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="For a task file: outcome, checks, exact, contains, regex, number, `command: CMD`, or MODULE:FUNCTION."
        ),
    ] = None,
    expected: Annotated[
        Path | None, typer.Option(help="For a task file: JSONL of {id, expected}. The loop never sees it.")
    ] = None,
    hidden: Annotated[
        Path | None, typer.Option(help="For `command:`: a folder of hidden tests, laid over the workspace's copy.")
    ] = None,
    model: given.Model = None,
    reviser: given.Reviser = None,
    critic: given.Critic = None,
    judge: given.Judge = None,
    base_url: given.BaseUrl = None,
    record: given.Record = None,
    prompts: given.Prompts = None,
    recipe: given.Recipe = None,
    tool: given.Tools = None,
    sandbox: given.Sandbox = None,
    rounds: given.Rounds = None,
    seconds: given.Seconds = None,
    tokens: given.Tokens = None,
    cost: given.Cost = None,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Play suites and show their figures. The word `suite` may be left out: `revet eval bugs`."""
    from revet.cli.eval_play import Asked, do

    asked = Asked(
        suites=tuple(suites),
        data=data,
        split=split,
        limit=limit,
        jobs=jobs,
        resume=resume,
        require=tuple(require or ()),
        json=json,
        markdown=markdown,
        html=html,
        out=out,
        given={name: value for name, value in context.params.items() if value is not None},
    )
    code = do(asked)
    if code:
        raise typer.Exit(code)


@evaluate.command("list")
@guarded
def listed(data: Data = None, json: Json = False, debug: Debug = False) -> None:
    """List the suites: what each is about, which data it needs, which figure it is known by."""
    from revet.cli.eval_show import list_suites

    list_suites(data, json=json)


@evaluate.command()
@guarded
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An evaluation's id or its beginning, or a suite: its newest.")
    ] = None,
    json: Json = False,
    html: Html = None,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Show an evaluation that was kept, or list them."""
    from revet.cli.eval_show import show_kept

    show_kept(name, json=json, html=html, out=out)


@evaluate.command()
@guarded
def compare(
    a: Annotated[str, typer.Argument(help="An evaluation's id or its beginning, or a suite: its newest.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    json: Json = False,
    html: Html = None,
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Compare two evaluations of one suite, case by case: differences with their 95 % intervals and p-values."""
    from revet.cli.eval_show import compare_kept

    compare_kept(a, b, json=json, html=html, out=out)


for command in (evidence, gate):
    evaluate.command()(command)
