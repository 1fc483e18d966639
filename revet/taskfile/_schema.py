"""The JSON Schema of task files, for editors and for `revet schema`."""

from __future__ import annotations

from typing import Any

from revet.models import BUILTIN
from revet.schema import Check, Task
from revet.taskfile._settings import ROLES, Settings

__all__ = ["json_schema"]

_DESCRIPTIONS = {
    "id": "a short name: letters, digits and ._-; may be left out if the file has one task",
    "goal": "what is to be done, in a sentence",
    "workspace": "the folder to work in, relative to this file",
    "edit": "what a draft may change, as .gitignore-style patterns; default: all but tests and build files",
    "protect": "what a draft may not change, whatever `edit` says",
    "checks": "commands that must pass before anything is committed",
    "inputs": "further values for the method",
    "command": "the command, run in the workspace",
    "kind": "how its output is understood; auto decides by the command's words",
    "required": "whether it must pass before anything is committed",
}


def json_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of the YAML and JSON forms of a task file."""
    check = _object(Check, "Check", "A command that must pass.")
    task = _object(Task, "Task", "One thing to be done, and how to run it.")
    settings = _object(Settings, "Settings", "")
    commands = {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/check"}]}
    for name, item in (("edit", {"type": "string"}), ("protect", {"type": "string"}), ("checks", commands)):
        task["properties"][name] = _one_or_many(task["properties"][name], item)
    task["properties"]["inputs"]["additionalProperties"] = True
    task["properties"] |= settings["properties"]
    for role in ROLES:
        task["properties"][role]["examples"] = [*(BUILTIN if role == "model" else ()), "openai:NAME", "replay:FILE"]
    task["properties"]["options"]["additionalProperties"] = True
    task["properties"]["tools"] = _one_or_many(task["properties"]["tools"], {"$ref": "#/$defs/tool"})
    defaults = {
        **task,
        "title": "Defaults",
        "description": "Values for every task that does not give its own.",
        "properties": {name: value for name, value in task["properties"].items() if name != "id"},
    }
    tasks = {
        "title": "Tasks",
        "description": "What is to be done, in this order.",
        "type": "array",
        "items": {"$ref": "#/$defs/task"},
        "minItems": 1,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Revet task file",
        "description": "Tasks for `revet run`.",
        "type": "object",
        "properties": {
            "$schema": {
                "title": "Schema",
                "description": "where this schema lies, for editors",
                "type": "string",
            },
            "defaults": {"$ref": "#/$defs/defaults"},
            "tasks": tasks,
        },
        "required": ["tasks"],
        "additionalProperties": False,
        "$defs": {"check": check, "defaults": defaults, "task": task, "tool": _tool()},
    }


def _object(model: type[Check | Task | Settings], title: str, description: str) -> dict[str, Any]:
    """The model's own schema, with a title and a description for each property and no references."""
    schema = model.model_json_schema()
    for name, value in schema["properties"].items():
        value["title"] = name.replace("_", " ").capitalize()
        value["description"] = _DESCRIPTIONS.get(name) or value.get("description", "")
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": schema["properties"],
        "additionalProperties": False,
    } | ({"required": schema["required"]} if "required" in schema else {})


def _tool() -> dict[str, Any]:
    """A tool as it may be written: its name, or a mapping of that to its options."""
    from revet.tools.registry import TOOLS

    names = {"type": "string", "enum": list(TOOLS)}
    options = {"type": ["object", "null"]}
    named = {"type": "object", "propertyNames": names, "additionalProperties": options}
    tool = {"title": "Tool", "description": "A tool's name, or a mapping of its name to its options."}
    return {**tool, "anyOf": [names, {**named, "minProperties": 1, "maxProperties": 1}]}


def _one_or_many(value: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """The property `value`, a list of `item` that may be written as one `item` alone."""
    kept = {key: value[key] for key in ("title", "description", "default") if key in value}
    return kept | {"anyOf": [item, {"type": "array", "items": item}]}
