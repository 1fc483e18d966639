"""What the pages of `revet view` show, and how their forms are read. In the templates everything is text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote, urlencode

from markupsafe import Markup

from revet.policy import Policy, exhausted_budgets
from revet.report.html import changes_html, decision_html, draft_html, render, run_html
from revet.report.html.looks import Look, run_look
from revet.report.html.shelf import Shelf
from revet.report.sofar import step_line
from revet.report.text import again_command, by_exit_status, checks_line, duration, one_line, plural
from revet.report.view.desk import Answerer, Refused, Reply
from revet.schema import Run, RunOutcome, Usage, digest
from revet.store import Chosen, Row, Store

if TYPE_CHECKING:
    from revet.graphs.progress import SoFar

__all__ = [
    "EVALUATIONS",
    "Listed",
    "Seen",
    "error_page",
    "evaluations_page",
    "form_html",
    "gate_reply",
    "list_page",
    "policy_in",
    "role_reply",
    "rows_html",
    "run_page",
    "run_part",
]

HERE = Path(__file__).parent / "templates"
ROWS = 50
EVALUATIONS = 200
OUTCOMES = (*(outcome.value for outcome in RunOutcome), "unended", "undone")
WORDS = {"unended": "not ended", "undone": "taken back", "asked": "waits for a person"}
"""How an outcome is called in the filter, where it is not its name."""

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"')


def rendered(template: str, **values: Any) -> Markup:
    return render(template, folder=HERE, quoted=lambda text: quote(str(text), safe=""), **values)


# --- the list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A row of the list as it is shown."""

    row: Row
    look: Look
    took: str

    @property
    def goal(self) -> str:
        return one_line(self.row.goal, 160)


@dataclass(frozen=True)
class Listed:
    """A page of the list. `mark` changes with anything that it shows."""

    store: Store
    chosen: Chosen
    query: Mapping[str, str]
    page: int
    count: int
    lines: tuple[Line, ...] = field(repr=False)

    @classmethod
    def of(cls, store: Store, query: Mapping[str, str]) -> Self:
        """What the query asks for; what it asks for that there is not, it does not get."""
        asked = {name: query.get(name, "").strip() for name in ("outcome", "task", "recipe", "text")}
        outcome = asked["outcome"] if asked["outcome"] in OUTCOMES else None
        chosen = Chosen(cast(Any, outcome), asked["task"] or None, asked["recipe"] or None, asked["text"])
        count = store.count(chosen)
        number = int(query["page"]) if re.fullmatch(r"\d{1,6}", query.get("page", "")) else 1
        page = max(1, min(number, -(-count // ROWS)))
        rows = store.rows(ROWS, offset=(page - 1) * ROWS, chosen=chosen)
        lines = tuple(_line(store, row) for row in rows)
        return cls(store, chosen, {name: text for name, text in asked.items() if text}, page, count, lines)

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // ROWS))

    @property
    def mark(self) -> str:
        return digest(self.count, [(line.row.model_dump(mode="json"), line.look) for line in self.lines], length=16)

    def link(self, **change: Any) -> str:
        """The address of this list with something changed."""
        return "/?" + urlencode({**self.query, **change})


def _line(store: Store, row: Row) -> Line:
    ended = row.outcome not in (None, RunOutcome.asked, RunOutcome.failed)
    working = None if ended else store.worked_on(row.id)
    look = run_look(row.outcome, undone=row.undone)
    if working:
        look = Look("info", "…", "in progress")
    elif row.outcome is None and not row.undone:
        look = Look("warn", "…", "broke off") if working is False else Look("", "…", "not ended")
    elif row.outcome is RunOutcome.asked:
        look = Look("info", "?", "waits for you")
    return Line(row, look, duration(row.seconds) if row.outcome else "–")


def list_page(shown: Listed) -> str:
    waiting = shown.store.count(Chosen(RunOutcome.asked))
    return str(
        rendered(
            "list.html",
            title="Runs",
            shown=shown,
            outcomes=[(name, WORDS.get(name, name)) for name in OUTCOMES],
            tasks=shown.store.named("task")[:1000],
            recipes=shown.store.named("recipe"),
            rows=rows_html(shown),
            waiting=waiting,
            place=shown.store.shown if shown.store.url else str(shown.store.folder.absolute()),
            plural=plural,
        )
    )


def rows_html(shown: Listed) -> Markup:
    return rendered("rows.html", shown=shown, plural=plural)


# --- one run -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What is known of a run when its page is made: its record if it has one, and how far it is if it goes on."""

    row: Row
    run: Run | None
    sofar: SoFar | None
    folder: str | None
    working: bool | None
    busy: bool
    failure: str | None
    taken_up: bool = False

    @classmethod
    def of(cls, store: Store, run_id: str, *, folder: str | None, busy: bool, failure: str | None) -> Self:
        from revet.graphs.progress import so_far
        from revet.graphs.turn import taken_up

        working = store.worked_on(run_id)
        row, run = store.row(run_id), store.find(run_id)
        over = run is not None and not (busy or working) and run.outcome is not RunOutcome.asked
        sofar = None if over else so_far(store, run_id)
        if sofar is None and run is None:
            run = store.find(run_id)  # it ended between the two
        answered = run is not None and taken_up(store, run)
        if run is not None and run.outcome not in (RunOutcome.asked, RunOutcome.failed):
            failure = None  # somebody else has brought it to its end
        return cls(row, run, sofar, folder, working, busy, failure, answered)

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def goes_on(self) -> bool:
        """True while somebody is at work on it, here or elsewhere, as far as that can be known."""
        return self.busy or bool(self.working) or (self.run is None and self.working is None)

    @property
    def waits(self) -> Run | None:
        """The run, if it waits for a person now."""
        asked = self.run is not None and self.run.outcome is RunOutcome.asked
        return self.run if asked and not self.goes_on and not self.answered else None

    @property
    def answered(self) -> bool:
        """True for a run that was answered and whose process ended before it had come to its end or to a question."""
        return self.taken_up and not self.goes_on

    @property
    def mark(self) -> str:
        """Changes with anything that the page shows of how the run goes on."""
        changed = str(self.sofar.changed_at) if self.sofar else ""
        outcome = "" if self.run is None else f"{self.run.outcome.value} {len(self.run.attempts)}"
        return digest(outcome, changed, self.goes_on, self.busy, self.failure or "", length=16)

    @property
    def look(self) -> Look:
        if self.goes_on:
            return Look("info", "…", "in progress")
        if self.run is None or self.answered:
            return Look("warn", "…", "broke off")
        undone = self.run.receipt is not None and self.run.receipt.undone_at is not None
        return run_look(self.run.outcome, undone=undone)


def run_page(seen: Seen, *, form: Markup | None, notice: str) -> str:
    return str(
        rendered(
            "run.html",
            title=f"{seen.id}: {seen.look.word}",
            seen=seen,
            form=form,
            notice=notice,
            part=run_part(seen),
        )
    )


def run_part(seen: Seen) -> Markup:
    """Everything about the run: its record, or how far it is."""
    if not seen.goes_on and not seen.answered and seen.run is not None:
        body = run_html(seen.run, folder=seen.folder)
    elif seen.sofar is not None:
        body = run_html(seen.sofar.run, folder=seen.folder, doing=_doing(seen))
    else:
        body = None
    return rendered(
        "part.html",
        seen=seen,
        body=body,
        since=_since(seen),
        doing=_doing(seen),
        undo=again_command(seen.id, "undo", seen.folder),
    )


def _doing(seen: Seen) -> str:
    """What the run is at, in a sentence; of one that broke off, what it was at."""
    if seen.sofar is None:
        return "It has begun." if seen.goes_on else "It broke off before its first step had ended."
    return step_line(seen.sofar, goes_on=seen.goes_on)


def _since(seen: Seen) -> str:
    """When something of it was last written down: a time of the clock, for the page stays as it is while nothing is."""
    if seen.sofar is None or seen.sofar.changed_at is None:
        return f"It began at {seen.row.begun_at.astimezone():%H:%M:%S}"
    return f"Its last step ended at {seen.sofar.changed_at.astimezone():%H:%M:%S}"


# --- what a run asks -----------------------------------------------------------------------------------------


def form_html(run: Run, answerer: Answerer, *, secret: str, mark: str, notice: str, given: Mapping[str, str]) -> Markup:
    """The question of a run that waits, with the form for it. `given` is what stood in one that was not taken."""
    left = answerer.seconds_left(run)
    choices = run.question.get("choices")
    shelf = Shelf(prefix="asked-")
    shelf.where = "what is asked"
    best = run.best
    findings = [finding for critique in best.critiques for finding in critique.findings] if best else []
    return rendered(
        "form.html",
        run=run,
        secret=secret,
        mark=mark,
        notice=notice,
        given=given,
        refusal=answerer.refusal(run),
        late=left is not None and left <= 0,
        left=duration(left) if left is not None and left > 0 else "",
        spent=_spent(run),
        goal=one_line(run.task.goal, 2_000),
        proposed=draft_html(best.draft, shelf) if best else None,
        warning=by_exit_status(run),
        lines=_known(run),
        changes=changes_html(best.changes, findings, shelf) if best and best.changes else None,
        decision=decision_html(run.decision),
        draft=given.get("actions") or (answerer.written(run) if not run.question else ""),
        question={str(name): str(value) for name, value in run.question.items() if value and name != "choices"},
        choices=[str(choice) for choice in choices] if isinstance(choices, list) else [],
        many=run.question.get("seat") == "writer",
    )


def _known(run: Run) -> list[str]:
    """What the checks saw, and what would happen, in lines."""
    from revet.agents.preoperative import possible_result

    if run.best is None:
        return []
    result = possible_result(run.best.changes, run.best.evidence, run.best.critiques).splitlines()
    return [one_line(line, 400) for line in (checks_line(run.best.evidence), *result) if line.strip()]


def _spent(run: Run) -> str:
    """Why no other draft can come, if the budget is spent."""
    if run.setup is None:
        return ""
    try:
        policy = Policy.model_validate(run.setup.policy)
    except ValueError:
        return ""  # of another version
    return "; ".join(exhausted_budgets(policy, run.usage or Usage()))


def gate_reply(form: Mapping[str, str], answerer: Answerer) -> Reply:
    """The answer to the gate. Raises `Refused` for none."""
    said = form.get("answer")
    if said == "approve":
        return {"type": "approve"}
    if said == "reject":
        return {"type": "reject", "reason": form.get("reason", "").strip()}
    if said == "respond":
        message = form.get("message", "").strip()
        if not message:
            raise Refused("Write what should be different.")
        return {"type": "respond", "message": message}
    if said == "edit":
        actions = answerer.read(form.get("actions", "").replace("\r\n", "\n"))
        if not actions:
            raise Refused("Nothing but comments is left of the draft, so there is nothing to do instead.")
        return {"type": "edit", "actions": list(actions)}
    if said == "expire":
        return {"type": "expire"}
    raise Refused("That is no answer: approve, reject, respond or edit.")


def role_reply(run: Run, form: Mapping[str, str], answerer: Answerer) -> Reply:
    """The answer to a role that asks. Raises `Refused` for none."""
    said = form.get("answer")
    if said == "pass":
        return {"type": "pass"}
    if said == "expire":
        return {"type": "expire"}
    text = form.get("text", "").replace("\r\n", "\n").strip() or form.get("choice", "").strip()
    if not text:
        raise Refused("Write an answer, or pass.")
    return answerer.role_reply(text, run)


# --- the rest ------------------------------------------------------------------------------------------------


def evaluations_page(newest: Sequence[tuple[Any, int]]) -> str:
    return str(rendered("evaluations.html", title="Evaluations", newest=newest))


def error_page(message: str, *, title: str) -> str:
    problem, _, hint = message.partition("\n  → ")
    return str(rendered("error.html", title=title, problem=problem, hint=hint))


def policy_in(page: str) -> str | None:
    """The Content-Security-Policy that a self-contained page states for itself, to be sent with it as well."""
    found = _POLICY.search(page[:4000])
    return f"{unescape(found[1])}; frame-ancestors 'none'" if found else None
