"""`revet view`: the runs in a browser on this machine, and answers to those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from revet.cli.common import FOLDER, Debug, Out, StoreUrl, folder_shown, guarded, open_store

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from revet.batch.agents import SharedAgents
    from revet.report.view.desk import Reply
    from revet.schema import Run
    from revet.store import Store
    from revet.taskfile import Settings

__all__ = ["Answering", "view"]

HOST = "127.0.0.1"
PORT = 7388


@guarded
def view(
    out: Out = FOLDER,
    store: StoreUrl = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where on 127.0.0.1 it listens; 0: any free one.")
    ] = PORT,
    debug: Debug = False,
) -> None:
    """Look at the runs in a browser, and answer those that wait for you."""
    import secrets

    kept = open_store(out, store)
    _check_runs(kept)
    listening = _listen(port)
    token = secrets.token_urlsafe(24)
    port = int(listening.getsockname()[1])
    typer.echo(f"The runs in {kept.shown}: http://{HOST}:{port}/?token={token}")
    typer.echo("Only this address opens them, and only on this machine. Ctrl-C ends it.")
    _serve(kept, listening, port=port, token=token, folder=folder_shown(out, store))
    typer.echo("Stopped.")


def _check_runs(store: Store) -> None:
    """Raise `InputError` where there is nothing to see."""
    from revet.errors import InputError

    if not store.rows(1) and not (store.folder / "results.db").exists():
        hint = "`revet fix PATH` or `revet run TASKS` makes one; --out DIR names another folder"
        raise InputError(f"there are no runs in {store.shown} yet", hint=hint)


def _listen(port: int) -> socket.socket:
    """A socket that listens on the loopback address. `InputError` for a port that cannot be had."""
    import errno
    import socket

    from revet.errors import InputError

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        problem = "is in use, perhaps by another `revet view`" if taken else f"cannot be had: {error.strerror}"
        raise InputError(
            f"--port: {port} {problem}", hint="name another one, or --port 0 for any that is free"
        ) from None
    return listening


def _serve(store: Store, listening: socket.socket, *, port: int, token: str, folder: str | None) -> None:
    """Serve until Ctrl-C."""
    import contextlib

    import uvicorn

    from revet.evals.evaluation import Evaluations
    from revet.report.view import make_app
    from revet.store import ResultStore

    evaluations = Evaluations(ResultStore(store.folder))
    app = make_app(store, Answering(store), port=port, token=token, folder=folder, evaluations=evaluations)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=3
    )
    with listening, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


class Answering:
    """Answers as the terminal does, by the agent made again from a run's settings (`revet.report.view.Answerer`)."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def refusal(self, run: Run) -> str | None:
        from revet.errors import InputError
        from revet.graphs.setup import withheld

        setup = run.setup
        terminal = "Answer it in a terminal: the command that began it, with --resume."
        if setup is None:
            return f"It was begun by a version of revet that did not keep how runs are set up. {terminal}"
        if setup.settings is None:
            return (
                "It was begun by a Python program, and only that program can go on with it: "
                f"agent.resume({run.id!r}, answer), or run.resume(answer)."
            )
        if withheld(setup.settings):
            return f"Its settings hold a password or a key, which is not kept. {terminal}"
        try:
            self._settings(run)
        except InputError as error:
            return f"{error}\n{terminal}"
        return None

    def seconds_left(self, run: Run) -> float | None:
        from revet.batch.course import seconds_left

        given = run.setup.policy.get("ask_seconds") if run.setup else None
        return seconds_left(run, float(given) if isinstance(given, int | float) else None)

    def written(self, run: Run) -> str:
        from revet.cli.editing import as_yaml

        return as_yaml(run.best.draft.actions if run.best is not None else ())

    def read(self, text: str) -> Sequence[Mapping[str, Any]]:
        from revet.cli.editing import NotActions, read_actions
        from revet.report.view.desk import Refused

        try:
            return read_actions(text, "draft.yaml")
        except NotActions as problems:
            raise Refused(str(problems)) from None

    def role_reply(self, text: str, run: Run) -> Reply:
        from revet.cli.asking import SAID_IN_FULL
        from revet.cli.editing import read_mapping

        return read_mapping(text, SAID_IN_FULL[run.question.get("seat") == "writer"]) or text

    async def answer(self, run: Run, reply: Reply) -> None:
        from contextlib import aclosing

        settings = self._settings(run)
        agents = self._agents()
        try:
            await agents.ready(settings)
            agent: Any = agents(settings, self.store)
            async with aclosing(agent.aresume(run, reply)) as events:
                async for _ in events:
                    pass
        finally:
            await agents.close()

    def _agents(self) -> SharedAgents:
        from revet.batch.agents import SharedAgents

        return SharedAgents()

    def _settings(self, run: Run) -> Settings:
        from revet.taskfile import settings_from

        assert run.setup is not None and run.setup.settings is not None
        return settings_from(run.setup.settings)
