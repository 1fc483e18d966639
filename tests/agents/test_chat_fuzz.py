"""10,000 spoiled answers through the critic and the agent, and on to the gate.

None crashes, none is read as an acceptance that is not there, none gets a draft past a required check, and every one
that cannot be used says why.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from revet.agents import ChatAgent, ChatCritic
from revet.models import Reply
from revet.policy import Case, Policy, decide
from revet.schema import Attempt, Check, DecisionKind, Draft, Outcome, Verdict
from tests.agents.chat_support import (
    Talker,
    changed,
    check_seen,
    said_action,
    said_critique,
    said_draft,
    said_finding,
    view,
)
from tests.models import fuzz

CHECK = Check(command="pytest -q")
CHANGES = changed()
FAILED = check_seen(CHECK, Outcome.failed, changes=CHANGES)
PASSED = check_seen(CHECK, Outcome.passed, changes=CHANGES)
DRAFT = Draft(author="chat", answer="done")
WHY = ("empty", "malformed", "schema", "truncated", "ambiguous", "refused")
LET_THROUGH = {DecisionKind.commit, DecisionKind.answer}


def critique(rng: random.Random) -> dict[str, Any]:
    findings = [
        said_finding(
            rng.choice(fuzz.TEXTS),
            severity=rng.choice(["info", "minor", "major", "critical"]),
            path=rng.choice([None, "a.py", "../x", ""]),
            line=rng.choice([None, 0, 3, -1, 10**30]),
            action=rng.choice([None, 0, 99]),
            step=rng.choice([None, 0, -5]),
            evidence=rng.sample([FAILED.id, "e-ffffffff", "all"], rng.randint(0, 2)),
            suggestion=rng.choice([None, *fuzz.TEXTS]),
            confidence=rng.choice([0.5, 1, 7, -1]),
        )
        for _ in range(rng.randint(0, 3))
    ]
    verdict = rng.choice(["revise", "reject", "abstain"])
    return said_critique(verdict, *findings, score=rng.choice([0, 0.3, 1, 10]), possible_result=rng.choice(fuzz.TEXTS))


def accepting(rng: random.Random) -> dict[str, Any]:
    return critique(rng) | {"verdict": "accept"}


def draft(rng: random.Random) -> dict[str, Any]:
    kinds = [
        said_action("write_file", path="a.py", content=rng.choice(fuzz.TEXTS)),
        said_action("edit_file", path="a.py", replacements=[{"search": "x", "replace": rng.choice(fuzz.TEXTS)}]),
        said_action("edit_file", path="a.py"),
        said_action("delete_file", path="../../etc"),
        said_action("call_tool", tool="t", arguments=rng.choice(["{}", "{", "[]", '{"n": 1e999}', None])),
    ]
    return said_draft(
        thoughts=rng.choice(fuzz.TEXTS),
        read=rng.sample(["a.py", "/etc/passwd"], rng.randint(0, 1)),
        steps=rng.sample(fuzz.TEXTS, rng.randint(0, 2)),
        actions=rng.sample(kinds, rng.randint(0, 2)),
        answer=rng.choice([None, *fuzz.TEXTS]),
        give_up=rng.choice([None, None, "no idea"]),
    )


def decided(made: Attempt, *evidence: Any, required: bool) -> DecisionKind:
    attempt = made.model_copy(update={"evidence": evidence})
    case = Case(attempt=attempt, required=(CHECK,) if required else ())
    return decide(Policy(), case).kind


@pytest.mark.parametrize(("make", "seed"), [(critique, 3), (accepting, 4)])
async def test_spoiled_critiques_never_accept_by_accident(make: fuzz.Make, seed: int) -> None:
    """No verdict that `critique` gives is `accept`; other texts of the same answer demand it."""
    seen: Counter[str] = Counter()
    shown = view(draft=DRAFT, changes=CHANGES, evidence=(FAILED,))
    for spoiled in fuzz.answers(make, 2_500, seed):
        said = await ChatCritic(Talker(Reply(text=spoiled.text, finish=spoiled.finish)).model).criticise(shown)
        made = Attempt(round=0, draft=DRAFT, changes=CHANGES, critiques=(said,))
        assert decided(made, FAILED, required=True) not in LET_THROUGH
        assert decided(made, required=True) not in LET_THROUGH
        assert decided(made, required=False) not in LET_THROUGH
        unread = "could not be used" in said.possible_result
        if unread:
            assert said.verdict is Verdict.abstain and any(f"({why})" in said.possible_result for why in WHY)
        if make is critique and spoiled.meant is not None:
            assert said.verdict is not Verdict.accept, spoiled.kind
        assert said.verdict is not Verdict.accept or all(f.severity.rank < 2 for f in said.findings)
        assert all(set(f.evidence) <= {FAILED.id} for f in said.findings)
        if decided(made, PASSED, required=True) is DecisionKind.revise:
            assert said.verdict in (Verdict.revise, Verdict.reject)
        seen["unread" if unread else said.verdict] += 1
    assert seen.total() == 2_500 and seen["unread"] > 500, seen
    usual = [Verdict.accept, Verdict.revise] if make is accepting else [Verdict.revise, Verdict.reject, Verdict.abstain]
    assert all(seen[verdict] > 100 for verdict in usual), seen


async def test_spoiled_drafts_are_drafts_or_say_why_they_are_none() -> None:
    seen: Counter[str] = Counter()
    for spoiled in fuzz.answers(draft, 5_000, seed=5):
        made = await ChatAgent(Talker(Reply(text=spoiled.text, finish=spoiled.finish)).model).propose(view())
        Draft.model_validate_json(made.model_dump_json())
        attempt = Attempt(round=0, draft=made, changes=CHANGES if made.actions else None)
        evidence = FAILED if made.actions else FAILED.model_copy(update={"changes": None})
        assert decided(attempt, evidence, required=True) not in LET_THROUGH
        assert decided(attempt, required=True) not in LET_THROUGH
        if made.problem is not None:
            assert not made.actions and made.answer is None and not made.gives_up
            assert any(f"({why})" in made.problem for why in WHY) or "asked to read" in made.problem
            assert decided(attempt, required=False) not in LET_THROUGH
            seen["problem"] += 1
        elif made.gives_up:
            seen["gives up"] += 1
        else:
            seen["draft"] += 1
    assert seen.total() == 5_000 and min(seen["problem"], seen["draft"]) > 500 and seen["gives up"], seen
