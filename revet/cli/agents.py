"""The agents of one batch: each as its task's settings say, all with the same few models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from revet.errors import InputError

if TYPE_CHECKING:
    from revet.cli.batch import Runner
    from revet.models import Library
    from revet.store import Store
    from revet.taskfile import Settings, ToolChoice
    from revet.tools.adapters import ToolLike

__all__ = ["SharedAgents"]

_BUDGETS = ("rounds", "seconds", "tool_calls", "tokens", "cost", "approve", "sandbox_features")
"""The settings that are fields of a `Policy`."""


class SharedAgents:
    """Makes an agent for each task. A model is loaded when it is first needed, once, and freed by `close`.

    `record` is the file to which everything that is asked and answered is written.
    """

    def __init__(self, record: Path | None = None) -> None:
        if record is not None and (record.is_dir() or not record.absolute().parent.is_dir()):
            problem = "is a folder" if record.is_dir() else "cannot be made: its folder does not exist"
            raise InputError(f"--record: {record} {problem}", hint="name a file in a folder that exists")
        if record is not None and record.is_file():
            _check_recording(record)
        self.record = record
        self._libraries: dict[str | None, Library] = {}
        self._tools: list[tuple[ToolChoice, ToolLike]] = []

    def __call__(self, settings: Settings, store: Store) -> Runner:
        """The agent for a task with these settings. What they leave open, the recipe may choose."""
        from revet.graphs import Agent
        from revet.policy import Policy

        given = {name: getattr(settings, name) for name in _BUDGETS if name in settings.model_fields_set}
        return Agent(
            settings.model,
            reviser=settings.reviser,
            critic=settings.critic,
            judge=settings.judge,
            recipe=settings.recipe,
            options=settings.options,
            extra_tools=[self._tool(choice) for choice in settings.tools],
            prompts=settings.prompts,
            library=self._library(settings),
            sandbox=settings.sandbox,
            policy=Policy(**given),
            store=store,
            seed=settings.seed,
        )

    async def close(self) -> None:
        """Free the models and the tools. Nothing may be asked of the agents any more."""
        while self._tools:
            _, tool = self._tools.pop()
            if (close := getattr(tool, "close", None)) is not None:
                close()
        while self._libraries:
            _, library = self._libraries.popitem()
            await library.close()

    def _tool(self, choice: ToolChoice) -> ToolLike:
        """One for each task; a server is one for all that choose it alike."""
        from revet.tools.registry import TOOLS, make_tool

        known = next((tool for each, tool in self._tools if each == choice), None)
        if known is not None and TOOLS[choice.name].many:
            return known
        self._tools.append((choice, make_tool(choice.name, choice.options)))
        return self._tools[-1][1]

    def _library(self, settings: Settings) -> Library:
        """One for each endpoint; an endpoint is for `openai:` models, so the others need not be loaded again for it."""
        from revet.models import Library

        named = (settings.model, settings.reviser, settings.critic, settings.judge)
        base_url = settings.base_url if any(name and name.startswith("openai:") for name in named) else None
        if base_url not in self._libraries:
            self._libraries[base_url] = Library(base_url=base_url, record=self.record)
        return self._libraries[base_url]


def _check_recording(path: Path) -> None:
    """Raise `InputError` for a file that is there and cannot be continued: it is no recording, or cannot be read."""
    from revet.models.recording import check_header

    try:
        with path.open("rb") as file:
            first = file.readline(4096)
    except OSError as error:
        raise InputError(f"--record: {path} cannot be read: {error.strerror}", hint="name another file") from None
    if not first:
        return
    try:
        check_header(path, first)
    except InputError as error:
        problem = str(error).removesuffix(f"\n  → {error.hint}")
        raise InputError(f"--record: {problem}", hint="name another file; nothing is written to this one") from None
