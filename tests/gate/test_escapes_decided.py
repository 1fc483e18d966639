"""However a destructive command is hidden, the gate's answer from the text alone is never "allow"."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.gate import check
from tests.effects.shell.escapes import ESCAPES
from tests.effects.shell.test_escapes import PLAIN, WHOLE, WRONG_GUESSES, hidden

TEXTS = (
    *ESCAPES,
    *WRONG_GUESSES,
    *(hidden("/home/me", plain, []) for plain in sorted(PLAIN)),
    *(hidden("/home/me", None, [step]) for step in sorted(WHOLE)),
    *(hidden("/", "letters", [first, second]) for first in ("base64", "function") for second in sorted(WHOLE)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_never_allowed(text: str, folder: Path) -> None:
    answer = check({"kind": "run_command", "command": text, "cwd": str(folder)}, dry_run=False)
    assert answer.decision in ("ask", "deny"), (text, answer.reason)
