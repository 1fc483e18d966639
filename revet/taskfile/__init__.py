"""Task files: YAML, JSON or JSONL in, tasks with their settings out, or every error of the file at once.

::

    defaults: {model: builtin:repair, rounds: 6}
    tasks:
      - id: late-fee
        workspace: ./late_fee         # relative to the task file
        edit: [late_fee.py]
        checks: ["pytest -q"]
"""

from __future__ import annotations

from revet.taskfile._choices import (
    check_settings,
    option_values,
    path_options,
    rooted,
    rooted_database,
    tool_choices,
)
from revet.taskfile._problems import TaskFileErrors
from revet.taskfile._project import project_task
from revet.taskfile._schema import json_schema
from revet.taskfile._settings import ROLES, Entry, Settings, ToolChoice, settings_from
from revet.taskfile._stream import BadEntry, Tasks, load, open_tasks

__all__ = [
    "ROLES",
    "BadEntry",
    "Entry",
    "Settings",
    "TaskFileErrors",
    "Tasks",
    "ToolChoice",
    "check_settings",
    "json_schema",
    "load",
    "open_tasks",
    "option_values",
    "path_options",
    "project_task",
    "rooted",
    "rooted_database",
    "settings_from",
    "tool_choices",
]
