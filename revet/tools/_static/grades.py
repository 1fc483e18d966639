"""How grave a rule is that a checker names, and how probable that what it says is really wrong.

What stops a program at that place is major; so are bandit's rules of high severity (in ruff's group S), as the rules
of its documentation grade them. What is only probably wrong is minor; habits and hints are information.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from revet.schema import Severity

__all__ = ["Grade", "grade_of"]


class Grade(NamedTuple):
    severity: Severity
    confidence: float


# The program stops there, or does not start.
FATAL = re.compile(
    r"syntax|E9\d*|F82[13]|F70[1-7]|F50[1-35-9]|F52[145]|F404|F622|PLE(?!0704)\d+"
    r"|mypy-(?:name-defined|syntax|call-arg|used-before-def)"
)
# As bandit grades them, but for weak hashes and templates that do not escape: those depend on what they are for.
HIGH = re.compile(r"S(?:201|202|304|305|312|321|401|402|413|501|502|503|505|507|602|605|609)")
MEDIUM = re.compile(r"S(?:10[2348]|113|301|302|30[678]|310|31[3-9]|32[034]|50[4689]|604|608|61[0124]|70[124])")
# Probably another thing than was meant.
DOUBTFUL = re.compile(
    r"F402|F504|F52[23]|F822|PLE0704|F60[12]|F63[1234]|F702|F811|B0(?:02|03|06|12|15|18|20|21|22|23|25|29|30|32|35)|mypy-.*"
)


def grade_of(rule: str, *, mild: bool = False) -> Grade:
    """The grade of a rule by its name: ruff's, ``syntax``, ``mypy-CODE`` or ``silenced``. `mild`: see `Fault`."""
    if mild:
        return Grade(Severity.minor, 0.4)
    if rule == "syntax":
        return Grade(Severity.major, 1.0)
    if FATAL.fullmatch(rule):
        return Grade(Severity.major, 0.95)
    if HIGH.fullmatch(rule):
        return Grade(Severity.major, 0.7)
    if MEDIUM.fullmatch(rule) or DOUBTFUL.fullmatch(rule):
        return Grade(Severity.minor, 0.5)
    return Grade(Severity.minor if rule == "silenced" else Severity.info, 0.3)
