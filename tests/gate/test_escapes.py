"""Whatever a text does to hide what it runs, the answer is ask or deny."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.gate import check
from revet.gate.trial import Grounds
from tests.effects.shell.escapes import ESCAPES
from tests.gate.worlds import command


def test_no_escape_is_allowed_from_its_text(tmp_path: Path) -> None:
    assert len(ESCAPES) >= 100
    allowed = [text for text in ESCAPES if check(command(text, tmp_path), dry_run=False).decision == "allow"]
    assert not allowed


@pytest.mark.sandbox
def test_no_escape_is_allowed_after_a_trial_that_saw_nothing(tmp_path: Path) -> None:
    grounds = Grounds()
    try:
        tried = ESCAPES[::8]
        answers = [check(command(text, tmp_path), timeout=1, grounds=grounds) for text in tried]
    finally:
        grounds.close()
    assert not [text for text, answer in zip(tried, answers, strict=True) if answer.decision == "allow"]
