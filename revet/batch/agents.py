"""The agents of one batch: each as its task's settings say, all with the same few models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revet.errors import InputError

if TYPE_CHECKING:
    import asyncio

    from revet.batch.course import Runner
    from revet.graphs import Agent
    from revet.models import Library
    from revet.models.purse import Purse
    from revet.policy import Policy
    from revet.store import Store
    from revet.taskfile import Settings, ToolChoice
    from revet.tools.adapters import McpServer, ToolLike

__all__ = ["SharedAgents", "kept_settings", "policy_of"]

_BUDGETS = (
    "rounds",
    "seconds",
    "tool_calls",
    "tokens",
    "cost",
    "approve",
    "unproven",
    "ask_seconds",
    "sandbox_features",
)
"""The settings that are fields of a `Policy`."""


class SharedAgents:
    """Makes an agent for each task. A model is loaded when it is first needed, once, and freed by `close`.

    `record` is the file to which everything that is asked and answered is written. `purse` is the budget of the batch.
    `model_jobs` requests are under way at once, and `model_rate` begun in a second, at each provider: at all of its
    models together, whichever tasks ask them.
    """

    def __init__(
        self,
        record: Path | None = None,
        *,
        purse: Purse | None = None,
        model_jobs: int | None = None,
        model_rate: float | None = None,
    ) -> None:
        from revet.models.limits import ProviderLimits

        if record is not None and (record.is_dir() or not record.absolute().parent.is_dir()):
            problem = "is a folder" if record.is_dir() else "cannot be made: its folder does not exist"
            raise InputError(f"--record: {record} {problem}", hint="name a file in a folder that exists")
        if record is not None and record.is_file():
            _check_recording(record)
        if model_rate is not None and not 0 < model_rate < float("inf"):
            raise InputError(f"--model-rate: must be above 0, but is {model_rate}")
        self.record, self.purse = record, purse
        self._limits = ProviderLimits(model_jobs, model_rate)
        self._libraries: dict[str | None, Library] = {}
        self._servers: list[tuple[ToolChoice, McpServer]] = []
        self._asking: dict[int, asyncio.Future[None]] = {}
        self._tools: dict[int, list[ToolLike]] = {}

    async def ready(self, settings: Settings) -> None:
        """Ask the servers among the tools what they offer: each once, and without keeping other tasks waiting.

        InputError for one that does not say; it is not asked again.
        """
        import asyncio

        from revet.tools.adapters import asked

        for choice in settings.tools:
            if (server := self._server(choice)) is not None:
                if id(server) not in self._asking:
                    self._asking[id(server)] = asyncio.ensure_future(asked(server))
                await asyncio.shield(self._asking[id(server)])

    def __call__(self, settings: Settings, store: Store) -> Runner:
        """The agent for a task with these settings. What they leave open, the recipe may choose."""
        tools: list[ToolLike] = [self._server(choice) or _made(choice) for choice in settings.tools]
        agent = self.kind()(
            settings.model,
            reviser=settings.reviser,
            critic=settings.critic,
            judge=settings.judge,
            recipe=settings.recipe,
            options=settings.options,
            extra_tools=tools,
            prompts=settings.prompts,
            library=self._library(settings),
            sandbox=settings.sandbox,
            policy=policy_of(settings),
            store=store,
            seed=settings.seed,
            rules=settings.rules,
            database=settings.database,
            settings=kept_settings(settings, Path.cwd()),
            purse=self.purse,
        )
        servers = [server for _, server in self._servers]
        self._tools[id(agent)] = [tool for tool in tools if tool not in servers]
        return agent

    def kind(self) -> type[Agent]:
        """What the agents are."""
        from revet.graphs import Agent

        return Agent

    async def done(self, agent: Runner) -> None:
        """Free the tools of one agent, of which nothing is asked any more. Servers go on for the others."""
        for tool in self._tools.pop(id(agent), ()):
            await _closed(tool)

    async def close(self) -> None:
        """Free the models and the tools. Nothing may be asked of the agents any more."""
        import asyncio

        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        self._asking.clear()
        while self._tools:
            for tool in self._tools.popitem()[1]:
                await _closed(tool)
        while self._servers:
            await _closed(self._servers.pop()[1])
        while self._libraries:
            _, library = self._libraries.popitem()
            await library.close()

    def _server(self, choice: ToolChoice) -> McpServer | None:
        """The server that is chosen, one for all that choose it alike; None for another tool: each task has its own."""
        from revet.tools.adapters import McpServer
        from revet.tools.registry import TOOLS

        if not TOOLS[choice.name].many:
            return None
        known = next((server for each, server in self._servers if each == choice), None)
        if known is None and isinstance(made := _made(choice), McpServer):
            self._servers.append((choice, made))
            return made
        return known

    def _library(self, settings: Settings) -> Library:
        """One for each endpoint; an endpoint is for `openai:` models, so the others need not be loaded again for it."""
        from revet.models import Library

        named = (settings.model, settings.reviser, settings.critic, settings.judge)
        base_url = settings.base_url if any(name and name.startswith("openai:") for name in named) else None
        if base_url not in self._libraries:
            self._libraries[base_url] = Library(base_url=base_url, record=self.record, limits=self._limits)
        return self._libraries[base_url]


def policy_of(settings: Settings) -> Policy:
    """What these settings say of it. What they leave open, the recipe may choose."""
    from revet.policy import Policy

    return Policy(**{name: getattr(settings, name) for name in _BUDGETS if name in settings.model_fields_set})


def kept_settings(settings: Settings, folder: Path) -> dict[str, Any]:
    """The settings that were given, as data of which `Settings` can be made again in any folder: the relative paths
    among them are taken from `folder`.
    """
    from revet.taskfile import ROLES, path_options, rooted, rooted_database
    from revet.tools.registry import rooted_options

    kept = settings.model_dump(mode="json", exclude_unset=True)
    for name in {*ROLES, "prompts", "rules", "database"} & kept.keys():
        if kept[name] is not None:
            by_name = {"database": rooted_database, **dict.fromkeys(ROLES, rooted)}
            kept[name] = by_name.get(name, _rooted_path)(kept[name], folder)
    for name in {*path_options(settings.recipe)} & kept.get("options", {}).keys():
        if isinstance(kept["options"][name], str):
            kept["options"][name] = _rooted_path(kept["options"][name], folder)
    for tool in kept.get("tools", ()):
        tool["options"] = rooted_options(tool["name"], tool["options"], folder)
    return kept


def _rooted_path(path: str, folder: Path) -> str:
    return os.path.normpath(folder / Path(path).expanduser())


def _made(choice: ToolChoice) -> ToolLike:
    from revet.tools.registry import make_tool

    return make_tool(choice.name, choice.options)


async def _closed(tool: object) -> None:
    import asyncio

    if (close := getattr(tool, "close", None)) is not None:
        await asyncio.to_thread(close)


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
