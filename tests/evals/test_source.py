"""Rows are found by set, name and split; what cannot be used is named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.errors import InputError
from revet.evals import Source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "easy.dev.jsonl").write_text('{"a": 1}\n\n{"a": "\\u2028"}\n', encoding="utf-8")
    (tmp_path / "sums" / "hard.dev.jsonl").write_text('{"b": 2}\n', encoding="utf-8")
    (tmp_path / "sums" / "easy.test.jsonl").write_text('{"a": 3}\n', encoding="utf-8")
    return tmp_path


def test_the_rows_of_a_split(folder: Path) -> None:
    assert Source(folder).rows("sums", "easy") == [{"a": 1}, {"a": "\u2028"}]
    assert Source(folder, "test").rows("sums", "easy") == [{"a": 3}]
    assert Source(folder).every("sums") == {"easy": [{"a": 1}, {"a": "\u2028"}], "hard": [{"b": 2}]}
    assert Source(folder).every("products") == {}


def test_a_missing_file_is_named_with_the_splits_that_are_there(folder: Path) -> None:
    with pytest.raises(InputError, match=r"sums/easy\.held\.jsonl.*\n.*splits there: dev, test"):
        Source(folder, "held").rows("sums", "easy")
    with pytest.raises(InputError, match=r"--data"):
        Source(folder / "sums").rows("sums", "easy")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1}\n{"a": \n', r"easy\.dev\.jsonl:2: no JSON"),
        (b'{"a": 1}\n\n[1]\n', r"easy\.dev\.jsonl:3: must be an object, but is list"),
        (b'{"a": ' + b"[" * 100_000, r"easy\.dev\.jsonl:1: no JSON"),
        (b"", "holds no rows"),
        (b'{"a": "\xff"}', "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(folder: Path, text: bytes, said: str) -> None:
    (folder / "sums" / "easy.dev.jsonl").write_bytes(text)
    with pytest.raises(InputError, match=said):
        Source(folder).rows("sums", "easy")
