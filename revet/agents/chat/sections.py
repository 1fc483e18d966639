"""The sections of a prompt that several roles share. What comes from outside is fenced in each of them.

A section is a heading with its text, or "" where there is nothing to say, so that prompts can simply join them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from revet.agents.chat.fence import ABOUT_FENCES, fence
from revet.agents.chat.files import shown_diff
from revet.agents.chat.show import cut, share
from revet.models import Message
from revet.schema import Changes, Critique, Draft, Finding, Task

__all__ = [
    "candidate_section",
    "checks_section",
    "critique_section",
    "inputs_section",
    "messages",
    "section",
]

MOST_FINDINGS = 30


def messages(system: str, user: str) -> tuple[Message, ...]:
    """A system message that says what fences are, and the user's."""
    return Message(role="system", text=f"{system}\n\n{ABOUT_FENCES}"), Message(role="user", text=user)


def section(heading: str, text: str) -> str:
    return f"## {heading}\n\n{text}\n" if text else ""


def inputs_section(task: Task, secret: str, most: int) -> str:
    if not task.inputs:
        return ""
    text = json.dumps(task.inputs, ensure_ascii=False, indent=1)
    return section("Inputs", fence(cut(text, most), secret, "inputs"))


def checks_section(task: Task) -> str:
    lines = [f"- `{check}`{'' if check.required else ' (not required)'}" for check in task.checks]
    return section("Checks that must pass", "\n".join(lines))


def candidate_section(draft: Draft, changes: Changes | None, secret: str, most: int, heading: str = "Draft") -> str:
    """What a draft says and what it changes: its diff where it was staged, else its actions as they are written."""
    parts = [(label, text) for label, text in _parts(draft, changes) if text]
    shares = share([len(text) for _, text in parts], most)
    fenced = (
        fence(cut(text, part), secret, f"draft-{label}") for (label, text), part in zip(parts, shares, strict=True)
    )
    return section(heading, "\n\n".join(fenced) or "The draft is empty.")


def _parts(draft: Draft, changes: Changes | None) -> Iterable[tuple[str, str]]:
    yield "steps", "\n".join(f"{number}. {step}" for number, step in enumerate(draft.steps))
    yield "notes", draft.notes
    beyond = [a for a in draft.actions if not changes or a.kind not in ("write_file", "edit_file", "delete_file")]
    listed = [f"action {n}: {a.model_dump_json(exclude_none=True)}" for n, a in enumerate(draft.actions)]
    yield "actions", "\n".join(line for a, line in zip(draft.actions, listed, strict=True) if a in beyond)
    yield "diff", shown_diff(changes)
    yield "answer", draft.answer or ""


def critique_section(critiques: Sequence[Critique], secret: str, most: int) -> str:
    """The findings, gravest first, with the evidence that they cite. All of it is fenced: it quotes what tools said."""
    lines: list[str] = []
    for critique in critiques:
        lines.append(f"{critique.critic}: {critique.verdict}. {critique.possible_result}".strip())
        findings = sorted(critique.findings, key=lambda f: -f.severity.rank)
        lines += [_line(finding) for finding in findings[:MOST_FINDINGS]]
        if len(findings) > MOST_FINDINGS:
            lines.append(f"… {len(findings) - MOST_FINDINGS} less grave findings not shown …")
    if not lines:
        return ""
    return section("Critique", fence(cut("\n".join(lines), most), secret, "critique"))


def _line(finding: Finding) -> str:
    where = f" at {finding.location}" if finding.location else ""
    rests = f" (see {', '.join(finding.evidence)})" if finding.evidence else " (an opinion: no evidence is cited)"
    do = f" Suggestion: {finding.suggestion}" if finding.suggestion else ""
    return f"- {finding.severity} {finding.category}{where}: {finding.claim}{rests}{do}"
