"""A run as a page: how it ended and how to undo it, what it was set up with and spent, and every draft's story.

The first, the best and the last drafts stand open to be read; those between are folded, in groups where there are
many. A browser lays out none of what is folded, so a long run opens as quickly as a short one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from revet.policy import drafts_made
from revet.report.html.budgets import bars, setup_facts
from revet.report.html.looks import Look, look_of, run_look
from revet.report.html.page import page
from revet.report.html.parts import (
    changes_html,
    critique_html,
    decision_html,
    draft_html,
    evidence_html,
    receipt_html,
)
from revet.report.html.room import shelf_for
from revet.report.html.shelf import Shelf
from revet.report.html.templating import render
from revet.report.html.words import as_text, moment
from revet.report.spent import dollars
from revet.report.text import by_exit_status, checks_line, dry, evidence_line, one_line, plural, usage_line, why
from revet.schema import Attempt, DecisionKind, Evidence, Outcome, Run, RunOutcome

__all__ = ["attempt_html", "run_html", "run_page"]

FEW = 5
"""Runs of no more drafts are not grouped."""

GROUP = 25
"""Folded drafts in one group."""

MOST_ATTEMPTS = 2_000
MOST_SEEN = 60
"""Pieces of evidence, and critiques, of one draft that are shown."""

MOST_MARKUP = 4_000_000
"""Bytes of the drafts on a page. When they are spent, a draft that would be folded stands there with its line alone."""


@dataclass(frozen=True)
class Round:
    """An attempt with its place in the story: its number among the drafts, how it is called, and what marks it."""

    attempt: Attempt
    name: str
    anchor: str
    best: bool = False
    chosen: bool = False

    @property
    def look(self) -> Look | None:
        return look_of(self.attempt.decision.kind) if self.attempt.decision else None

    @property
    def line(self) -> str:
        """What is most worth knowing of it, in a line."""
        attempt = self.attempt
        if attempt.draft.gives_up:
            return one_line(attempt.draft.notes, 160)
        if attempt.draft.problem is not None:
            return f"no draft: {one_line(attempt.draft.problem, 160)}"
        reasons = attempt.decision.reasons if attempt.decision else ()
        seen = checks_line(attempt.evidence) or next(map(evidence_line, _failing(attempt.evidence)), "")
        return one_line(seen or next(iter(reasons), ""), 200)


def run_page(run: Run, *, folder: str | None = None, doing: str = "") -> str:
    """The whole file: see `run_html`."""
    look = run_look(_outcome(run, doing), undone=_undone(run))
    return page(f"{run.id}: {look.word}", run_html(run, folder=folder, doing=doing))


def run_html(run: Run, *, folder: str | None = None, doing: str = "", level: int = 1, prefix: str = "") -> Markup:
    """Everything about a run, for a page of `page` or one with its stylesheet.

    `folder` is the store's where it is not the usual one, quoted for a shell; `doing` says what a run is at that has
    not ended. `level` is that of its first heading; `prefix` keeps its anchors apart from those of other fragments.
    """
    shelf = shelf_for(run, prefix=prefix, folder=folder)
    shelf.where = "what was seen before"
    before = [evidence_html(each, shelf, opened=False) for each in _foremost(run.baseline)]
    if run.diagnosis is not None:
        before.append(critique_html(run.diagnosis, run.baseline, shelf))
    rounds = list(_rounds(run, prefix))
    shown = _rounds_html(rounds, run, shelf, level)
    return render(
        "run.html",
        run=run,
        look=run_look(_outcome(run, doing), undone=_undone(run)),
        doing=doing,
        sentence=why(run) if not doing else "",
        warning=by_exit_status(run),
        facts=_facts(run),
        setup=setup_facts(run.setup) if run.setup else [],
        bars=bars(run),
        roles=[(role, spent, dollars(spent.cost) if spent.cost else "") for role, spent in run.usage.roles.items()],
        before=before,
        more_before=max(0, len(run.baseline) - MOST_SEEN),
        rounds=rounds,
        groups=_groups(shown),
        more=max(0, len(run.attempts) - MOST_ATTEMPTS),
        best=next((each for each in rounds if each.best), None),
        best_words=_best_words(run),
        asks=as_text(run.question.get("asks") or "", 4_000),
        seat=as_text(run.question.get("seat") or "", 100),
        until=moment(run.asked_at) if run.asked_at else "",
        decision=decision_html(run.decision),
        receipt=receipt_html(run.receipt, run=run.id, folder=folder) if run.receipt else None,
        answer=run.answer if run.outcome is RunOutcome.answered else None,
        stays=_STAYS.get(run.outcome, "Nothing was changed."),
        shelf=shelf,
        level=level,
        plural=plural,
    )


def attempt_html(
    attempt: Attempt,
    shelf: Shelf | None = None,
    *,
    known: frozenset[str] = frozenset(),
    level: int = 4,
) -> Markup:
    """One trip round the loop: the draft, what it changes, what was seen of it and said of it, what was decided.

    Evidence whose id is `known` was seen before the first draft, and is only counted. `level` is that of the headings.
    """
    shelf = shelf or Shelf()
    findings = [finding for critique in attempt.critiques for finding in critique.findings]
    own = [each for each in attempt.evidence if each.id not in known]
    opened = {each.id for each in own if each.required and each.outcome is not Outcome.passed}
    draft = draft_html(attempt.draft, shelf, staged=attempt.changes is not None)
    changed = attempt.changes is not None and bool(attempt.changes or attempt.changes.commands or attempt.changes.diff)
    return render(
        "attempt.html",
        attempt=attempt,
        draft=draft,
        changes=changes_html(attempt.changes, findings, shelf) if changed and attempt.changes else None,
        evidence=[evidence_html(each, shelf, opened=each.id in opened) for each in _foremost(own)],
        before=len(attempt.evidence) - len(own),
        more=max(0, len(own) - MOST_SEEN),
        critiques=[critique_html(each, attempt.evidence, shelf) for each in attempt.critiques[:MOST_SEEN]],
        more_critiques=max(0, len(attempt.critiques) - MOST_SEEN),
        decision=decision_html(attempt.decision) if attempt.decision else None,
        shelf=shelf,
        level=level,
        plural=plural,
    )


def _rounds(run: Run, prefix: str) -> Iterator[Round]:
    """The attempts that are shown, named as the terminal names them."""
    numbers: dict[tuple[str, tuple[str, ...]], int] = {}
    number, choosing, best_seen = 0, False, False
    for place, attempt in enumerate(run.attempts[:MOST_ATTEMPTS], 1):
        number += not (attempt.draft.gives_up or choosing)
        first = numbers.setdefault((attempt.draft.id, attempt.draft.steps), number)
        best = not best_seen and run.best is not None and attempt == run.best
        best_seen = best_seen or best
        name = "No further draft" if attempt.draft.gives_up else f"Draft {number}"
        if choosing and not attempt.draft.gives_up:
            name = f"Chosen: draft {first}"
        yield Round(attempt, name, f"{prefix}draft-{place}", best=best, chosen=choosing)
        choosing = attempt.decision is not None and attempt.decision.kind is DecisionKind.choose


def _opened(rounds: Sequence[Round]) -> Iterator[tuple[Round, bool]]:
    """Each round, and whether it stands open: the best and the last one, and the first of a few."""
    best = next((place for place, each in enumerate(rounds) if each.best), None)
    for place, each in enumerate(rounds):
        yield each, place in (best, len(rounds) - 1) or (place == 0 and len(rounds) <= FEW)


def _groups(shown: Sequence[tuple[Round, Markup]]) -> list[tuple[str, list[Markup]]]:
    """The rounds in order; in a long run, runs of folded ones under a name of their own ("": not grouped)."""
    if len(shown) <= 2 * GROUP:
        return [("", [markup for _, markup in shown])]
    alone = {0, len(shown) - 1, *(place for place, (each, _) in enumerate(shown) if each.best)}
    groups: list[tuple[str, list[Markup]]] = []
    members: list[int] = []

    def close() -> None:
        if members:
            first, last = shown[members[0]][0], shown[members[-1]][0]
            name = f"{first.name} to {last.name[:1].lower()}{last.name[1:]}"
            groups.append((name, [shown[place][1] for place in members]))
            members.clear()

    for place in range(len(shown)):
        if place in alone:
            close()
            groups.append(("", [shown[place][1]]))
            continue
        members.append(place)
        if len(members) == GROUP:
            close()
    close()
    return groups


def _rounds_html(rounds: Sequence[Round], run: Run, shelf: Shelf, level: int) -> list[tuple[Round, Markup]]:
    """Each round as a fold; what is in it as long as there is room, and in any case where it stands open.

    The open ones are written first: what comes again stands in full there, and the folded ones link to it.
    """
    known = frozenset(each.id for each in run.baseline)
    size, written = 0, {}
    places = sorted(enumerate(_opened(rounds)), key=lambda place: not place[1][1])
    for place, (each, opened) in places:
        shelf.where = each.name[:1].lower() + each.name[1:]
        fits = opened or size < MOST_MARKUP
        inside = attempt_html(each.attempt, shelf, known=known, level=level + 3) if fits else None
        best = _best_words(run) if each.best else ""
        written[place] = render(
            "round.html", round=each, inside=inside, opened=opened, level=level + 2, best=best, shelf=shelf
        )
        size += len(written[place].encode())
    return [(each, written[place]) for place, each in enumerate(rounds)]


def _best_words(run: Run) -> str:
    """What the best draft is, in words: committed or not (any more), to be committed, or only the best."""
    if _undone(run):
        return "committed, and taken back"
    if run.outcome in (RunOutcome.committed, RunOutcome.asked):
        return "committed" if run.outcome is RunOutcome.committed else "waits for an answer"
    return "passes the gate, not committed" if dry(run) else "the best"


def _foremost(evidence: Sequence[Evidence]) -> list[Evidence]:
    """As much evidence as a page shows, in order; of more, what does not pass before what does."""
    ranked = sorted(range(len(evidence)), key=lambda place: evidence[place].outcome is Outcome.passed)
    return [evidence[place] for place in sorted(ranked[:MOST_SEEN])]


def _undone(run: Run) -> bool:
    return run.receipt is not None and run.receipt.undone_at is not None


def _failing(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    yield from (each for each in evidence if each.outcome is not Outcome.passed)


def _outcome(run: Run, doing: str) -> RunOutcome | None:
    return None if doing else run.outcome


_STAYS = {
    RunOutcome.asked: "Nothing was changed yet.",
    RunOutcome.failed: "It broke off. Once its cause is mended, the same command with --resume goes on with it.",
    RunOutcome.answered: "",
}
"""How a run without a receipt stands."""


def _facts(run: Run) -> list[tuple[str, str]]:
    """The task in words: what may be changed and what must pass, as far as it says so."""
    task = run.task
    changes = task.workspace is not None and run.outcome is not RunOutcome.answered
    facts = [("run", run.id), ("workspace", task.workspace or "none")]
    if changes:
        facts.append(("may change", ", ".join(task.edit) or "everything but tests and build files"))
    facts += [("protected", ", ".join(task.protect))] if task.protect else []
    if task.checks or changes:
        facts.append(("checks", "; ".join(check.command for check in task.checks) or "none"))
    facts += [("started", moment(run.started_at)), ("spent", usage_line(run))]
    facts += [("drafts", str(len(drafts_made(run.attempts))))] if len(run.attempts) > MOST_ATTEMPTS else []
    return [(name, one_line(value, 2_000)) for name, value in facts]
