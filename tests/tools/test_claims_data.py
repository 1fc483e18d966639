"""Claims on real text: what agents read and what they wrote about it, untouched, is hardly ever refuted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from revet.tools._claims.checking import check
from revet.tools._claims.library import Library
from revet.tools._claims.sources import Source

NO_PAGE = re.compile(r"Could not find|Answer is|No more results|Invalid|\s*\Z")


@pytest.mark.shared
def test_what_real_agents_read_and_wrote_is_not_refuted(shared: Path) -> None:
    lines = (shared / "reflexion_hotpotqa" / "react_trials.dev.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines[:600:16]]
    read = wrote = supported = refuted = 0
    for row in rows:
        pages = [s["observation"] for s in row["steps"] if s["observation"] and not NO_PAGE.match(s["observation"])]
        library = Library([Source(page, f"page {number}") for number, page in enumerate(dict.fromkeys(pages))])
        for page in dict.fromkeys(pages):
            checked = check(page, library)
            read += len(checked.judgements)
            supported += len(checked.of("supported"))
            refuted += len(checked.of("refuted"))
        checked = check("\n\n".join(str(s["thought"]) for s in row["steps"]), library)
        wrote += len(checked.judgements)
        refuted += len(checked.of("refuted"))
    assert read > 100 and wrote > 30
    assert supported / read > 0.97
    assert refuted / (read + wrote) < 0.01
