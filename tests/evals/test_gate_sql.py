"""The measurement on PostgreSQL migrations."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Figure, Source
from revet.evals.gate.sql import MEASUREMENT


def measured(folder: Path, rows: list[dict[str, Any]]) -> Figure:
    (folder / "risk_sql").mkdir(exist_ok=True)
    path = folder / "risk_sql" / "squawk.new.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return asyncio.run(MEASUREMENT.run(Source(folder, "new"), lambda done, of: None))


def row(sql: str, label: str, category: str = "BanDropColumn", risk: str = "destructive") -> dict[str, Any]:
    return {"id": sql, "kind": "sql", "action": sql, "label": label, "category": category, "risk_class": risk}


def test_what_is_let_through_and_held_is_counted(tmp_path: Path) -> None:
    figure = measured(
        tmp_path,
        [
            row("ALTER TABLE s.t DROP COLUMN a", "deny"),
            row("ALTER TABLE s.t ADD COLUMN a text", "deny"),
            row("ALTER TABLE s.t ADD COLUMN a text", "allow", "Other", "style"),
            row("CREATE TABLE s.t (a integer)", "allow", "Other", "style"),
            row('DROP TABLE "cut off', "allow", "Other", "style"),
        ],
    )
    assert (figure.value, figure.n, figure.target) == (0.5, 2, 0.95)
    counts = figure.counts
    assert (counts["let_through"], counts["safe_allowed"], counts["safe_asked"], counts["safe_denied"]) == (1, 1, 2, 0)
    assert (counts["lax_safe_allowed"], counts["lax_safe_asked"]) == (2, 1)
    assert (counts["destructive_unsafe"], counts["destructive_let_through"], counts["Other_safe_held"]) == (2, 1, 2)


def test_odd_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1: label"):
        measured(tmp_path, [row("SELECT 1", "maybe")])


@pytest.mark.shared
def test_unsafe_migrations_are_held_back(shared: Path) -> None:
    figure = asyncio.run(MEASUREMENT.run(Source(shared), lambda done, of: None))
    assert figure.value is not None and figure.value >= 0.95
    assert figure.counts["safe_denied"] == 0
