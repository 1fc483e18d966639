"""The notebooks run, and show what they would show if they were run now."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs_support import ROOT, start

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.ipynb"))]
MACHINE = re.compile(r"""(?<![\w.…])/(?:root|home|tmp|work|usr/lib|var)/|\.venv|site-packages""")
MOST = 400_000
"""Bytes of a notebook: what a code host still shows."""


def outputs(path: Path) -> list[dict[str, object]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", ())]


@pytest.mark.sandbox
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_running_it_again_shows_the_same(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "build.py"), path.stem, "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_it_is_kept_as_it_was_run(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(cell["outputs"] for cell in code)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert path.stat().st_size < MOST


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_what_it_shows_is_no_error_and_of_no_machine(path: Path) -> None:
    for output in outputs(path):
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", output
        for part in (output.get("text", ""), *dict(output.get("data", {})).values()):  # type: ignore[call-overload]
            text = "".join(part)
            assert text.startswith("iVBOR") or not MACHINE.search(text), text[:500]


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_its_pictures_are_told_in_words(path: Path) -> None:
    for output in outputs(path):
        if "image/png" in dict(output.get("data", {})):  # type: ignore[call-overload]
            assert len(output["metadata"]["image/png"]["alt"]) > 30  # type: ignore[index]


def test_each_is_in_the_list() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"]({path.name})" in listed for path in FOLDER.glob("*.ipynb"))


def test_a_name_that_no_notebook_has_is_told(tmp_path: Path) -> None:
    done = start(str(FOLDER / "build.py"), "99", folder=tmp_path)
    assert done.returncode == 2
    assert "no notebook begins with 99" in done.stdout
