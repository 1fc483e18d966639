"""What the pages show of stores in PostgreSQL is what happens there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs_support import Block, blocks, copy_examples, pages
from tests.store.databases import database
from tests.test_docs import run_console
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

URL = "postgresql://revet@localhost/runs"
BLOCKS = [pytest.param(b, id=b.where) for page in pages() for b in blocks(page) if b.notes.get("needs") == "postgres"]


@pytest.mark.sandbox
@pytest.mark.parametrize("block", BLOCKS)
def test_commands_that_need_a_database_do_what_the_page_shows(block: Block, database: str, tmp_path: Path) -> None:
    lines = tuple(line.replace(URL, f"'{database}'") for line in block.lines)
    run_console(replace(block, lines=lines), copy_examples(tmp_path))
