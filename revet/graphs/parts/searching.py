"""What is searched, for methods that search: options, the tool, and what a task lacks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from revet.graphs.team import Options, Unmet
from revet.schema import Task
from revet.tools import CorpusSearch, Tool, WebSearch

__all__ = ["SearchOptions", "search_tool", "unmet_search"]


class SearchOptions(Options):
    """Where to search."""

    paths: ClassVar[tuple[str, ...]] = ("folder",)

    search: Literal["corpus", "web"] = Field(
        default="corpus", description="corpus: a folder of documents; web: the web, where there is a network"
    )
    folder: str | None = Field(default=None, description="what is searched (corpus); default: the task's workspace")


def search_tool(options: SearchOptions, results: int) -> Tool:
    """The tool, which finds `results` passages at a time. It is named as `options.search` is."""
    return WebSearch(results=results) if options.search == "web" else CorpusSearch(options.folder, results=results)


def unmet_search(task: Task, options: Options) -> Iterator[Unmet]:
    """Something to search."""
    assert isinstance(options, SearchOptions)
    if options.search == "web":
        return
    if options.folder is None and task.workspace is None:
        hint = "name the folder to search, as `workspace` or as options: {folder: …}; or search the web: {search: web}"
        yield Unmet(("workspace",), "is missing, and there is no folder to search", hint)
    elif options.folder is not None and not Path(options.folder).expanduser().is_dir():
        hint = "name the folder that holds the texts to search"
        yield Unmet(("options", "folder"), f"there is no folder {options.folder}", hint)
