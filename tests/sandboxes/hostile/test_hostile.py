"""Every hostile program on every backend: contained, the host unharmed, nothing left, the next run clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from revet.sandboxes.base import Sandbox
from tests.sandboxes.conformance import backends
from tests.sandboxes.conformance.gaps import GAPS
from tests.sandboxes.conformance.host import temporary_folder
from tests.sandboxes.hostile.attack import PROGRAMS_FOLDER, Program, attack, source
from tests.sandboxes.hostile.corpus import PROGRAMS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "program" in metafunc.fixturenames:
        found = []
        for name in backends.NAMES:
            for program in PROGRAMS:
                reason = GAPS.get((name, program.name))
                marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
                found.append(pytest.param(name, program, id=f"{name}-{program.name}", marks=marks))
        metafunc.parametrize(("backend", "program"), found)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tmp_path_factory.getbasetemp()  # pytest's own files stay where they are
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def sandbox(backend: str, temporary: Path) -> Iterator[Sandbox]:
    reason = backends.missing(backend)
    if reason is not None:
        pytest.skip(reason)
    with backends.backend(backend) as made:
        yield made


async def test_contained(backend: str, program: Program, sandbox: Sandbox, temporary: Path) -> None:
    outcome = await attack(program, backend, sandbox, backends.support_of(backend), temporary)
    assert not outcome.problems, "\n".join([program.title, *outcome.problems])


def test_the_corpus_is_whole() -> None:
    """Forty-three programs, one file each, each compiled by Python 3.8's grammar, each in the table."""
    import ast

    assert [program.number for program in PROGRAMS] == list(range(1, 44))
    assert {program.name for program in PROGRAMS} == {place.stem for place in PROGRAMS_FOLDER.glob("p[0-9][0-9]_*.py")}
    for program in PROGRAMS:
        assert program.cases and program.title
        ast.parse(source(program), feature_version=(3, 8))
