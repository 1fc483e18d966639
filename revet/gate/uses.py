"""How the calls of somebody else's tools become actions that the gate can decide on. The adapters share this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from revet.effects.rules import Rules
from revet.errors import InputError
from revet.gate.answer import Answer
from revet.gate.judge import acheck, check

__all__ = ["Gate", "Use", "calls", "feedback", "files", "passed", "rules_of", "shell", "sql"]


@dataclass(frozen=True, slots=True)
class Use:
    """What a call of one tool does. Made with `shell`, `sql`, `files`, `calls` or `passed`.

    `fields` says which argument of the tool holds which field of the action.
    """

    kind: Literal["run_command", "execute_sql", "write_file", "edit_file", "delete_file", "call_tool", "passed"]
    fields: Mapping[str, str]
    fixed: Mapping[str, Any]

    def action(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """The action that a call is, None if it is not for the gate. An argument that is missing stays missing: the
        gate answers that."""
        if self.kind == "passed":
            return None
        if self.kind == "call_tool":
            return {"kind": "call_tool", "name": name, "arguments": dict(arguments), **self.fixed}
        found = {field: arguments[argument] for field, argument in self.fields.items() if argument in arguments}
        return {"kind": self.kind, **self.fixed, **{field: _words(value) for field, value in found.items()}}


def shell(argument: str = "command", *, cwd: str | None = None) -> Use:
    """The tool runs its `argument` as a shell command (a list of words is quoted); `cwd` names the argument with the
    folder."""
    return Use("run_command", {"command": argument} | ({"cwd": cwd} if cwd else {}), {})


def sql(argument: str = "query", *, database: str | None = None) -> Use:
    """The tool carries out its `argument` as SQL on `database`, a URL (`sqlite:///…`, `duckdb:///…`, `postgresql://…`).

    Without a URL the decision rests on the text alone.
    """
    return Use("execute_sql", {"sql": argument}, {"database": database} if database else {})


def files(
    kind: Literal["write_file", "edit_file", "delete_file"] = "write_file",
    *,
    path: str = "path",
    content: str | None = "content",
) -> Use:
    """The tool writes, edits or deletes the file named by its argument `path`."""
    return Use(kind, {"path": path} | ({"content": content} if content and kind == "write_file" else {}), {})


def calls(*effects: str, reversible: bool = False, cost: float | None = None) -> Use:
    """The tool has the declared `effects` (kinds of `revet.effects.model.EffectKind`: read, send …)."""
    fixed: dict[str, Any] = {"effects": list(effects), "reversible": reversible}
    return Use("call_tool", {}, fixed if cost is None else fixed | {"cost": cost})


passed = Use("passed", {}, {})
"""The tool is not for the gate: its calls are made at once."""

UNDECLARED = Use("call_tool", {}, {})


def _words(value: Any) -> Any:
    """A command given as a list of words, as one would type it."""
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        import shlex

        return shlex.join(value)
    return value


def rules_of(given: Rules | str | Path | None) -> Rules | None:
    """`Rules` as they are; of a path, the rules of that file before those of the user and the built-in ones.

    Raises `RulesError`, which names file and line.
    """
    if isinstance(given, str | Path):
        from revet.effects.rules_config import load_rules

        return load_rules(str(Path.cwd()), file=str(given))
    return given


@dataclass(frozen=True)
class Gate:
    """The gate before somebody else's tools.

    `uses` says by the tool's name what its calls do; calls of other tools are decided as calls whose effects nobody has
    declared. `rules` are `Rules` or the path of a file of them (default: the ``revet.toml`` that applies to the
    folder); `dry_run` is as in `revet.gate.check`. `workspace` is the folder that commands run in.
    """

    uses: Mapping[str, Use]
    rules: Rules | str | Path | None = None
    dry_run: bool = True
    workspace: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", rules_of(self.rules))
        for name, use in self.uses.items():
            if not isinstance(use, Use):
                raise InputError(
                    f"what the tool {name!r} does is given as {use!r:.80}",
                    hint="give revet.gate.uses.shell(), sql(), files(), calls() or passed",
                )

    def _rules(self) -> Rules | None:
        assert self.rules is None or isinstance(self.rules, Rules)
        return self.rules

    def action(self, name: str, arguments: Mapping[str, Any], goal: str | None) -> dict[str, Any] | None:
        """The action to decide on, None for a tool that is passed."""
        action = self.uses.get(name, UNDECLARED).action(name, arguments)
        if action is None:
            return None
        if self.workspace is not None:
            action = {"cwd": self.workspace, **action}
        return action if goal is None else {**action, "goal": goal}

    def check(self, name: str, arguments: Mapping[str, Any], goal: str | None = None) -> Answer | None:
        """What the gate says of a call, None for a tool that is passed."""
        action = self.action(name, arguments, goal)
        return None if action is None else check(action, rules=self._rules(), dry_run=self.dry_run)

    async def acheck(self, name: str, arguments: Mapping[str, Any], goal: str | None = None) -> Answer | None:
        """As `check`."""
        action = self.action(name, arguments, goal)
        return None if action is None else await acheck(action, rules=self._rules(), dry_run=self.dry_run)


def feedback(answer: Answer, name: str) -> str:
    """What a model is told whose call was not made: why, what would have happened, and what to do instead."""
    lines = [f"The call of {name} was not made: {answer.reason}"]
    result = str(answer.critique.get("possible_result", "")).strip()
    if result and result not in answer.reason:
        lines.append(f"What would have happened: {result}")
    findings: Sequence[Any] = answer.critique.get("findings") or ()
    lines += [f"Instead: {each['suggestion']}" for each in findings if each.get("suggestion")]
    return "\n".join(dict.fromkeys(lines))
