"""The vocabulary: what the parts of Revet say to each other.

Every model is frozen, refuses unknown fields, and survives a round trip through JSON. Ids are short, and are digests
of the content where the content is what matters (drafts, evidence, changes), so that the same draft has the same id in
every run.
"""

from revet.schema.base import (
    DecisionKind,
    EvidenceId,
    Fraction,
    Model,
    Outcome,
    RunOutcome,
    Severity,
    Verdict,
    digest,
    new_id,
    utcnow,
)
from revet.schema.draft import (
    Action,
    Answer,
    CallPlan,
    CallTool,
    Changes,
    CommandRun,
    DeleteFile,
    Draft,
    EditFile,
    ExecuteSQL,
    FileChange,
    FileState,
    FolderChange,
    Gui,
    Replacement,
    RowChange,
    RunCommand,
    TableChange,
    WriteFile,
)
from revet.schema.evidence import Critique, Evidence, Finding, Location
from revet.schema.note import Note
from revet.schema.record import Attempt, Decision, EffectReceipt, Receipt, Run, Setup, Spent, Usage
from revet.schema.task import Check, Task

__all__ = [
    "Action",
    "Answer",
    "Attempt",
    "CallPlan",
    "CallTool",
    "Changes",
    "Check",
    "CommandRun",
    "Critique",
    "Decision",
    "DecisionKind",
    "DeleteFile",
    "Draft",
    "EditFile",
    "EffectReceipt",
    "Evidence",
    "EvidenceId",
    "ExecuteSQL",
    "FileChange",
    "FileState",
    "Finding",
    "FolderChange",
    "Fraction",
    "Gui",
    "Location",
    "Model",
    "Note",
    "Outcome",
    "Receipt",
    "Replacement",
    "RowChange",
    "Run",
    "RunCommand",
    "RunOutcome",
    "Setup",
    "Severity",
    "Spent",
    "TableChange",
    "Task",
    "Usage",
    "Verdict",
    "WriteFile",
    "digest",
    "new_id",
    "utcnow",
]
