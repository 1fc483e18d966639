"""What is right, or stops no program, is not told as a grave fault; and what is read is bounded."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from revet.schema import Severity
from revet.tools._static.grades import grade_of
from revet.tools._static.news import Fault
from revet.tools._static.ruff import look
from revet.tools._static.sources import Source
from revet.tools._static.syntax import fault_in
from revet.tools._static.target import required_by, version_of


async def graves(code: str | bytes, **more: int) -> list[str]:
    data = code.encode() if isinstance(code, str) else code
    looked = await look([Source("a.py", None, data)], None, select=None, seconds=30, **more)
    assert looked.problem is None
    return [fault.rule for fault in looked.after if _grave(fault)]


def _grave(fault: Fault) -> bool:
    return grade_of(fault.rule, mild=fault.mild).severity.rank >= Severity.major.rank


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\nsubprocess.run('ls -l', shell=True, check=True)\n",
        "import os\nos.system('clear')\n",
        "import hashlib\n\ndef etag(data):\n    return hashlib.md5(data).hexdigest()\n",
        "from jinja2 import Environment\nenv = Environment()\n",
        "from jaxtyping import Float\n\ndef f(x: Float[object, 'batch dim']) -> None:\n    batch = x\n    x(batch)\n",
        "def f(x: 'pd.DataFrame') -> 'np.ndarray':\n    return x.values\n",
        "from __future__ import annotations\n\ndef f(x: Path) -> Row:\n    return x\n",
        "__all__ = ['Heavy']\n\ndef __getattr__(name):\n    return name\n",
        "print('{0}'.format(1, 2))\nprint('{a}'.format(a=1, b=2))\nprint('%(a)s' % {'a': 1, 'b': 2})\n",
        "def fail():\n    raise\n",
        "print(_('hello'))\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    ],
)
async def test_what_stops_no_program_is_not_grave(code: str | bytes) -> None:
    assert await graves(code) == []


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("import subprocess\n\ndef f(a):\n    subprocess.run('ls ' + a, shell=True)\n", "S602"),
        ("def f(x):\n    return np.sum(x)\n", "F821"),
        ("def f(x: Path) -> None:\n    return x\n", "F821"),
        ('def f(a):\n    return f"""\n{a}\n{missing}\n"""\n', "F821"),
        ("print('{0} {1}'.format(1))\n", "F524"),
        (b"x = 1\0\n", "syntax"),
    ],
)
async def test_what_stops_a_program_is(code: str | bytes, rule: str) -> None:
    assert rule in await graves(code)


async def test_the_syntax_is_that_of_the_workspace_s_python() -> None:
    code = "type Pair[T] = tuple[T, T]\n"
    assert await graves(code, minor=11) == ["syntax"]
    assert await graves(code, minor=13) == []
    assert await graves("x = 1\n", minor=99) == []


def test_the_version_of_an_interpreter_is_told_without_running_it(tmp_path: Path) -> None:
    home = tmp_path / "env" / "bin"
    home.mkdir(parents=True)
    (home / "python").write_text("")
    assert version_of(home / "python") == sys.version_info.minor
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.13.2\n")
    assert version_of(home / "python") == 13
    (tmp_path / "python3.12").write_text("")
    (tmp_path / "python").symlink_to("python3.12")
    assert version_of(tmp_path / "python") == 12
    assert required_by(tmp_path) == 0
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\nrequires-python = ">=3.13,<4"\n')
    assert required_by(tmp_path) == 13


def test_a_yaml_file_that_is_nested_without_end_is_left_soon() -> None:
    start = time.monotonic()
    assert fault_in("a.yaml", b"[" * 500_000) is None
    assert fault_in("a.yaml", b"a: [1, 2\nb: 3\n") is not None
    assert time.monotonic() - start < 20
