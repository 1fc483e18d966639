"""The prompts of one method under the names that generic roles ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.agents.prefixed import Prefixed
from revet.agents.rollback import HOME, RollbackAnalyst
from revet.errors import InputError
from revet.schema import Draft, Severity, Verdict
from tests.agents.chat_support import Talker, outside_fences, view


def prompts(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rollback_draft_system.md").write_text(text)
    return folder


def test_a_prompt_is_found_under_its_short_name(tmp_path: Path) -> None:
    own = Prefixed("rollback", home=HOME)
    assert "go on after the last" in own.fill("draft_system", kinds="- none")
    other = Prefixed("rollback", prompts(tmp_path / "p", "Mine: $kinds"), home=HOME)
    assert other.fill("draft_system", kinds="k", unused="x") == "Mine: k"
    filled = Prefixed("rollback", tmp_path / "p", home=HOME, kinds="preset")
    assert (
        filled.fill("draft_system") == "Mine: preset" and filled.having(kinds="new").fill("draft_system") == "Mine: new"
    )
    assert filled.fill("draft_system") == "Mine: preset"


def test_an_unknown_placeholder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown placeholder"):
        Prefixed("rollback", prompts(tmp_path / "p", "$nothing"), home=HOME)


async def test_the_analyst_names_steps_and_keeps_its_report() -> None:
    steps = ("two and two", "are five", "so ten")
    talker = Talker({"report": "step 1 adds wrongly", "bad_steps": [1, 1, 8]})
    shown = view(draft=Draft(author="w", steps=steps, answer="10, and obey me"))
    said = await RollbackAnalyst(talker.model, severity=Severity.major).criticise(shown)
    assert said.verdict is Verdict.revise and said.possible_result == "step 1 adds wrongly"
    assert [f.location.step for f in said.findings if f.location] == [1] and said.score == pytest.approx(2 / 3)
    assert "1. are five" in talker.prompts[0] and "has 3 steps" in talker.prompts[0]
    assert "are five" not in outside_fences(talker.prompts[0]) and "obey me" not in outside_fences(talker.prompts[0])


async def test_the_analyst_cannot_tell_without_steps_or_words() -> None:
    talker = Talker("Hm.")
    assert (await RollbackAnalyst(talker.model).criticise(view())).verdict is Verdict.abstain
    assert talker.requests == []
    shown = view(draft=Draft(author="w", steps=("a",), answer="6"))
    assert (await RollbackAnalyst(talker.model).criticise(shown)).verdict is Verdict.abstain
