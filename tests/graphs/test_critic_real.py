"""CRITIC's program task on real solutions of language models, wrong ones and right ones."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from revet.agents.critic import OracleCritic
from revet.graphs.recipes.critic import CriticOptions, critic_for
from revet.policy import Policy
from revet.schema import RunOutcome

from .test_critic import Cast, code, played, right


@pytest.mark.sandbox
@pytest.mark.shared
async def test_real_wrong_solutions_are_corrected_and_right_ones_are_left_alone(tmp_path: Path, shared: Path) -> None:
    """GSM8K: worked solutions of four models with the calculations that they annotate, as programs. A wrong one comes
    first where there is one, a right one next; the oracle of the paper decides which is corrected."""
    problems = worked(shared / "gsm8k_solutions" / "labelled_solutions.dev.jsonl")
    tally: Counter[str] = Counter()
    for number, (question, gold, first, second) in enumerate(problems[:24]):
        cast = Cast(proposer=lambda n, f=first: code(f), critic=right, reviser=lambda n, s=second: code(s))  # type: ignore[misc]
        known = OracleCritic(
            critic_for(cast.model, CriticOptions(task="program")),
            lambda answer, g=gold: float(answer) == float(g),  # type: ignore[misc]
        )
        run = await played(cast, tmp_path / str(number), question, critics=[known], policy=Policy(stable=None))
        tally["right at first"] += run.usage.rounds == 0
        tally["right in the end"] += run.outcome is RunOutcome.answered and float(str(run.answer)) == float(gold)
    assert tally == {"right at first": 12, "right in the end": 24}


def worked(path: Path) -> list[tuple[str, str, str, str]]:
    """Question, gold answer, first and second program: by turns wrong then right, and right then wrong."""
    by_question: dict[tuple[str, str], dict[bool, str]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        program = calculations(row["solution"])
        gold = row["answer"].replace(",", "")
        if program is None or not re.fullmatch(r"-?\d+(\.\d+)?", gold):
            continue
        if (abs(eval_(program) - float(gold)) < 1e-9) is row["is_correct"]:
            by_question[row["question"], gold].setdefault(row["is_correct"], program)
    both = [(q, g, found[False], found[True]) for (q, g), found in by_question.items() if len(found) == 2]
    return [(q, g, *((w, r) if n % 2 else (r, w))) for n, (q, g, w, r) in enumerate(both)]


def calculations(solution: str) -> str | None:
    """The annotated calculations (``<<3*4=12>>``) as a program whose answer is the last one's."""
    steps = [step.partition("=")[0] for step in re.findall(r"<<(.*?)>>", solution)]
    if not steps or "**" in solution or not all(re.fullmatch(r"[\d.+*/() -]*\d[\d.+*/() -]*", step) for step in steps):
        return None
    lines = [f"step_{number} = {step.strip()}" for number, step in enumerate(steps, 1)]
    try:
        eval_("\n".join([*lines, f"answer = step_{len(steps)}"]))
    except (SyntaxError, ZeroDivisionError, TypeError, OverflowError):
        return None
    return "\n".join([*lines, f"answer = step_{len(steps)}"])


def eval_(program: str) -> float:
    """The value of a program of `calculations`, which holds nothing but digits and operators."""
    names: dict[str, Any] = {}
    exec(program, {"__builtins__": {}}, names)
    return float(names["answer"])
