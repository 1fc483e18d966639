"""The pieces of a run as markup: evidence, critiques, decisions, drafts and receipts.

Each takes a `Shelf`, which shows long contents once and keeps the page small; without one, a piece stands alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from revet.agents.evidence import SUSPICIOUS
from revet.report.effects import action_text
from revet.report.html.differences import changes_html, diff_html
from revet.report.html.looks import look_of
from revet.report.html.seen import Seen, seen_in
from revet.report.html.shelf import Shelf
from revet.report.html.templating import render
from revet.report.html.words import as_text, moment
from revet.report.text import again_command, duration, one_line, plural, said_once, seen_line, suspects
from revet.schema import (
    Action,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    EditFile,
    EffectReceipt,
    Evidence,
    Finding,
    Receipt,
    WriteFile,
)

__all__ = [
    "changes_html",
    "critique_html",
    "decision_html",
    "diff_html",
    "draft_html",
    "evidence_html",
    "receipt_html",
    "undo_command",
]

MOST_FINDINGS, MOST_ACTIONS, MOST_STEPS, MOST_REASONS, MOST_CITED = 50, 100, 200, 40, 12
FOLDED_LINES = 12
"""An output of more lines is folded."""


def evidence_html(evidence: Evidence, shelf: Shelf | None = None, *, opened: bool = False) -> Markup:
    """What a tool saw: one line, and below it what proves it, folded unless `opened`."""
    shelf = shelf or Shelf()
    seen = seen_in(evidence)
    place = shelf.put((evidence.tool, evidence.request, evidence.outcome, evidence.source, seen), "e")
    shelf.shows(evidence.id, place.anchor)
    line = seen_line(evidence, names=6)
    return render(
        "evidence.html",
        evidence=evidence,
        request=_request(evidence),
        look=look_of(evidence.outcome),
        line=line,
        time=duration(evidence.seconds),
        place=place,
        seen=seen,
        says_more=_says_more(seen, line),
        opened=opened,
        pictures=[picture for picture in seen.pictures if shelf.has_room_for(picture)],
        shelf=shelf,
        plural=plural,
        folded_lines=FOLDED_LINES,
    )


def critique_html(critique: Critique, evidence: Sequence[Evidence] = (), shelf: Shelf | None = None) -> Markup:
    """What a critic says; findings link to the evidence that they cite, where the page shows it.

    `evidence` are the pieces that the critic saw: a citation of one of them shows its request, not only its id.
    """
    shelf = shelf or Shelf()
    findings = [finding for finding in critique.findings if finding.category != SUSPICIOUS]
    findings.sort(key=lambda finding: -finding.severity.rank)
    requests = {each.id: one_line(each.request, 60) for each in evidence}
    content = ("critique", critique.critic, critique.possible_result, *(_key(f, shelf) for f in critique.findings))
    return render(
        "critique.html",
        critique=critique,
        look=look_of(critique.verdict),
        place=shelf.put(content, "k") if len(repr(content)) > 300 else None,
        findings=[(finding, look_of(finding.severity), _cited(finding, requests, shelf)) for finding in findings][
            :MOST_FINDINGS
        ],
        more=max(0, len(findings) - MOST_FINDINGS),
        suspects=suspects([critique]),
        shelf=shelf,
        plural=plural,
    )


def decision_html(decision: Decision) -> Markup:
    """What the gate decided, and why."""
    reasons = said_once(decision.reasons)
    shown, more = reasons[:MOST_REASONS], max(0, len(reasons) - MOST_REASONS)
    look = look_of(decision.kind)
    return render(
        "decision.html", look=look, words=decided(decision), reasons=[one_line(each, 300) for each in shown], more=more
    )


def decided(decision: Decision) -> str:
    """What was decided, in words where the name alone would mislead."""
    if decision.held and decision.kind is DecisionKind.revise:
        return "nothing speaks against it; it is held while more drafts are made"
    if decision.kind is DecisionKind.choose:
        held = "nothing speaks against it, and no more are made; " if decision.held else ""
        return f"{held}one of the drafts that nothing speaks against is chosen"
    return _DECIDED[decision.kind]


_DECIDED = {
    DecisionKind.commit: "it passes the gate, and is committed",
    DecisionKind.answer: "the answer stands",
    DecisionKind.revise: "it does not pass; another draft is asked for",
    DecisionKind.ask: "a person decides",
    DecisionKind.abstain: "nothing is changed",
    DecisionKind.reject: "the draft is rejected; nothing is changed",
}


def draft_html(draft: Draft, shelf: Shelf | None = None, *, staged: bool = True) -> Markup:
    """What its author proposes. The contents of files stand here only if the draft was not `staged`: a diff shows
    them otherwise."""
    shelf = shelf or Shelf()
    others = draft.data.get("also_passing")
    actions = [(action.kind, *_action(action, staged=staged)) for action in draft.actions[:MOST_ACTIONS]]
    size = sum(len(text) for _, _, text in actions) + len(draft.answer or "") + sum(map(len, draft.steps))
    return render(
        "draft.html",
        draft=draft,
        place=shelf.put(("draft", draft.id, draft.notes, draft.steps), "d") if size > 300 else None,
        actions=actions,
        more_actions=max(0, len(draft.actions) - MOST_ACTIONS),
        steps=draft.steps[:MOST_STEPS],
        more_steps=max(0, len(draft.steps) - MOST_STEPS),
        others=[as_text(each) for each in others[:20]] if isinstance(others, list) else [],
        shelf=shelf,
    )


def receipt_html(receipt: Receipt, *, run: str | None = None, folder: str | None = None) -> Markup:
    """What was committed where and when, what became of each effect, and the exact command that takes it back.

    `run` is the id of the run (by default it is read from the receipt's), `folder` the store's where it is not the
    usual one, quoted for a shell.
    """
    return render(
        "receipt.html",
        receipt=receipt,
        files=[(file.kind, file.path) for file in receipt.files[:200]],
        more_files=max(0, len(receipt.files) - 200),
        effects=[(became(effect), effect.what, effect.why) for effect in receipt.effects[:200]],
        command=undo_command(receipt, run=run, folder=folder),
        committed=moment(receipt.committed_at),
        undone=moment(receipt.undone_at) if receipt.undone_at else None,
    )


def undo_command(receipt: Receipt, *, run: str | None = None, folder: str | None = None) -> str | None:
    """``revet undo RUN``, as it is to be typed; None where nothing can be taken back (any more)."""
    if not receipt.undoable:
        return None
    command = again_command(shlex.quote(run or receipt.id.rpartition(".")[0] or receipt.id), "undo", folder)
    return f"{command} --partial" if receipt.irreversible else command


def became(effect: EffectReceipt) -> str:
    """What became of one action beyond the files, in words."""
    if effect.undone:
        return "taken back"
    if effect.uncertain:
        return "nobody knows whether it happened"
    if not effect.done:
        return "not done"
    return "done, can be taken back" if effect.reversible else "done, cannot be taken back"


def _request(evidence: Evidence) -> str:
    named = evidence.check or evidence.tool in evidence.request
    return one_line(evidence.request if named else f"{evidence.tool}: {evidence.request}", 300)


def _says_more(seen: Seen, line: str) -> bool:
    """True if there is something that the one line does not say already."""
    said = one_line(seen.observation, 400)
    listed = seen.tests or seen.passing or seen.integrity or seen.passages or seen.rows or seen.pictures
    return bool(listed) or not (said == line or said.endswith(f" {line}"))


def _key(finding: Finding, shelf: Shelf) -> tuple[object, ...]:
    """All that is shown of a finding. Of evidence its place: what rests on other evidence is not the same."""
    cited = tuple(shelf.cited(each) or each for each in finding.evidence)
    told = finding.claim, finding.severity, finding.location and str(finding.location), finding.suggestion
    return *told, finding.category, finding.confidence, cited


def _cited(finding: Finding, requests: dict[str, str], shelf: Shelf) -> list[tuple[str, str | None]]:
    """Each piece of evidence that is cited: how it is called, and its anchor on this page."""
    cited: Iterable[str] = finding.evidence[:MOST_CITED]
    return [(requests.get(each, one_line(each, 60)), shelf.cited(each)) for each in cited]


def _action(action: Action, *, staged: bool) -> tuple[str, str]:
    """What an action concerns, in a line, and its text."""
    beyond = action_text(action)
    if beyond:
        return "", beyond
    if action.kind == "answer":
        return "", action.text
    path = getattr(action, "path", "")
    return path, "" if staged else _content(action)


def _content(action: Action) -> str:
    match action:
        case WriteFile():
            return action.content if action.content is not None else f"{len(action.to_bytes()):,} bytes"
        case EditFile():
            blocks = (f"<<<<<<<\n{each.search}\n=======\n{each.replace}\n>>>>>>>" for each in action.replacements)
            return action.diff if action.diff is not None else "\n".join(blocks)
        case _:
            return ""
