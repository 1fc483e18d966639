"""The requests to `revet view` and what each leads to. Starlette calls the handlers in threads: they read the store."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from revet.errors import RevetError, RunNotFound
from revet.report.view import pages
from revet.report.view.desk import Answerer, Desk, Refused, Reply, mark_of
from revet.report.view.guard import Guard
from revet.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Evaluations", "View", "make_app"]

HERE = Path(__file__).parent


class Evaluations(Protocol):
    """What the pages need of the evaluations of a store."""

    def newest(self, limit: int) -> Sequence[tuple[Any, int]]: ...

    def get(self, name: str) -> Any: ...

    def trials(self, evaluation: Any) -> Sequence[Any]: ...


class View:
    """The handlers. `folder` is the store's for command lines that are shown, where it is not the usual one."""

    def __init__(self, store: Store, desk: Desk, *, folder: str | None, evaluations: Evaluations | None) -> None:
        self.store, self.desk, self.folder, self.evaluations = store, desk, folder, evaluations
        self.secret = ""
        self.notices: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._lock = threading.Lock()

    # --- the list --------------------------------------------------------------------------------------------

    def runs(self, request: Request) -> Response:
        """The list of runs; with ``live``, only its changing part, or nothing (204) where that is as it was."""
        shown = pages.Listed.of(self.store, request.query_params)
        if "live" in request.query_params:
            return self._live(request, shown.mark, lambda: pages.rows_html(shown))
        return _page(pages.list_page(shown))

    # --- one run ---------------------------------------------------------------------------------------------

    def run(self, request: Request) -> Response:
        """One run: how it ended, what it asks, or how far it is."""
        seen = self._seen(request)
        notice, given = self._noticed(seen.id)
        form = None
        if seen.waits is not None:
            form = pages.form_html(
                seen.waits, self.desk.answerer, secret=self.secret, mark=mark_of(seen.waits), notice=notice, given=given
            )
        return _page(pages.run_page(seen, form=form, notice=notice if form is None else ""))

    def live(self, request: Request) -> Response:
        """The changing part of one run's page, or nothing where that is as it was."""
        seen = self._seen(request)
        return self._live(request, seen.mark, lambda: pages.run_part(seen))

    def _seen(self, request: Request) -> pages.Seen:
        run_id = self.store.row(request.path_params["run"]).id
        busy, failure = self.desk.busy(run_id), self.desk.failure(run_id)
        return pages.Seen.of(self.store, run_id, folder=self.folder, busy=busy, failure=failure)

    def _live(self, request: Request, mark: str, part: Any) -> Response:
        from starlette.responses import Response

        if request.query_params.get("live") == mark:
            return Response(status_code=204)
        return _page(str(part()))

    # --- answers ---------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """Take an answer, and show the run again: how it goes on, or why the answer was not taken."""
        run_id = self.store.row(request.path_params["run"]).id
        form: Mapping[str, str] = request.scope["state"]["form"]
        try:
            self.desk.take(run_id, form.get("mark", ""), self._reply(run_id, form))
        except Refused as refused:
            with self._lock:
                self.notices[run_id] = (str(refused), dict(form))
        return _onward(f"/run/{quote(run_id, safe='')}")

    def _reply(self, run_id: str, form: Mapping[str, str]) -> Reply:
        run = self.store.get(run_id)
        if run.question:
            return pages.role_reply(run, form, self.desk.answerer)
        return pages.gate_reply(form, self.desk.answerer)

    def _noticed(self, run_id: str) -> tuple[str, Mapping[str, str]]:
        """Why the last answer was not taken, said once, with what was written."""
        with self._lock:
            return self.notices.pop(run_id, ("", {}))

    # --- evaluations -----------------------------------------------------------------------------------------

    def listed(self, request: Request) -> Response:
        newest = self.evaluations.newest(pages.EVALUATIONS) if self.evaluations is not None else ()
        return _page(pages.evaluations_page(newest))

    def evaluation(self, request: Request) -> Response:
        """The page of a suite, as `revet eval show --html` writes it."""
        if self.evaluations is None:
            raise RunNotFound("there are no evaluations here")
        from revet.report.html.suite import suite_page

        found = self.evaluations.get(request.path_params["name"])
        page = suite_page(found, self.evaluations.trials(found))
        return _page(page, policy=pages.policy_in(page))

    # --- what goes with it -----------------------------------------------------------------------------------

    def style(self, request: Request) -> Response:
        from revet.report.html import stylesheet

        return _page(f"{stylesheet()}\n{(HERE / 'view.css').read_text(encoding='utf-8')}", kind="text/css")

    def script(self, request: Request) -> Response:
        return _page((HERE / "view.js").read_text(encoding="utf-8"), kind="text/javascript")

    def wrong(self, request: Request, error: Exception) -> Response:
        """An error of ours as a page."""
        missing = isinstance(error, RunNotFound)
        title = "Not found" if missing else "That cannot be shown"
        return _page(pages.error_page(str(error), title=title), status=404 if missing else 500)

    def fault(self, request: Request, error: Exception) -> Response:
        """An error that is none of ours; the server writes its traceback to the terminal."""
        told = f"This is a fault in revet itself: {type(error).__name__}\n  → its traceback is in the terminal"
        return _page(pages.error_page(told, title="That went wrong"), status=500)


def make_app(
    store: Store,
    answerer: Answerer,
    *,
    port: int,
    token: str,
    folder: str | None = None,
    evaluations: Evaluations | None = None,
) -> Guard:
    """The ASGI application over `store`, for a server at `port` of the loopback address; `token` opens it."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    desk = Desk(store, answerer)
    view = View(store, desk, folder=folder, evaluations=evaluations)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        desk.close()

    routes = [
        Route("/", view.runs, methods=["GET"]),
        Route("/run/{run:path}/live", view.live, methods=["GET"]),
        Route("/run/{run:path}", view.run, methods=["GET"]),
        Route("/run/{run:path}", view.answer, methods=["POST"]),
        Route("/evaluations", view.listed, methods=["GET"]),
        Route("/evaluations/{name}", view.evaluation, methods=["GET"]),
        Route("/view.css", view.style, methods=["GET"]),
        Route("/view.js", view.script, methods=["GET"]),
    ]
    errors: Any = {RevetError: view.wrong, Exception: view.fault}
    guard = Guard(Starlette(routes=routes, lifespan=lifespan, exception_handlers=errors), port=port, token=token)
    view.secret = guard.secret
    return guard


def _page(body: str, *, status: int = 200, kind: str = "text/html", policy: str | None = None) -> Response:
    from starlette.responses import Response

    headers = {} if policy is None else {"content-security-policy": policy}
    return Response(body.encode("utf-8", "replace"), status, headers, media_type=kind)


def _onward(url: str) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse(url, 303)
