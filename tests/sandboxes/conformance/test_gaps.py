"""The table of gaps names what exists, and says why."""

from __future__ import annotations

import re
from pathlib import Path

from tests.sandboxes.conformance.backends import NAMES
from tests.sandboxes.conformance.gaps import GAPS
from tests.sandboxes.hostile.corpus import PROGRAMS


def test_every_gap_is_of_a_backend_and_a_test_and_has_a_reason() -> None:
    found = {program.name for program in PROGRAMS}
    for place in Path(__file__).parent.glob("test_*.py"):
        found.update(re.findall(r"^(?:async )?def (test_\w+)", place.read_text(), re.MULTILINE))
    for (backend, name), reason in GAPS.items():
        assert backend in NAMES, backend
        assert name.partition("[")[0] in found, name
        assert len(reason.split()) > 3, (name, "say why")
