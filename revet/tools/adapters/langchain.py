"""A tool of LangChain's as a tool of the loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from revet.errors import InputError
from revet.schema import Evidence, Outcome, digest
from revet.tools.adapters._content import Content, content_of
from revet.tools.adapters._results import plain, shown
from revet.tools.adapters._schema import model_of_schema, tool_name
from revet.tools.adapters._threads import in_thread
from revet.tools.adapters.function import Plan, calls_of
from revet.tools.base import Terms, ToolCall, View, evidence_for

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

__all__ = ["LangChainTool"]


class LangChainTool:
    """Calls any `BaseTool`. Its ``args_schema``, pydantic or JSON Schema, is what a language model is told.

    Its content is the observation (pictures are artefacts), the artefact of a tool with ``content_and_artifact`` is
    ``data["result"]``. A `ToolException`, handled by the tool or not, is evidence of an `error`; any other exception
    becomes that in the loop. A tool without an asynchronous version runs in a thread, which nothing can stop: past
    ``terms.seconds`` nobody listens any more.
    """

    def __init__(
        self,
        tool: BaseTool,
        *,
        name: str | None = None,
        plan: Plan | None = None,
        required: bool = False,
        terms: Terms | None = None,
    ) -> None:
        from langchain_core.tools import BaseTool

        if not isinstance(tool, BaseTool):
            raise InputError(f"{tool!r:.200} is no tool of LangChain's", hint="give a BaseTool, or use as_tool")
        self.tool, self.required = tool, required
        self.name = name or tool_name(tool.name)
        self.terms = terms or Terms(seconds=60)
        self.arguments: type[BaseModel] | None = _model(tool, self.name)
        self._plan = plan
        self._threaded = _threaded(tool)

    def plan(self, view: View) -> Sequence[ToolCall]:
        return calls_of(self._plan, self.name, view, required=self.required)

    async def run(self, call: ToolCall, view: View) -> Evidence:
        from langchain_core.tools import ToolException

        asked: Any = {
            "type": "tool_call",
            "name": self.tool.name,
            "args": dict(call.arguments),
            "id": digest(call.request, call.arguments),
        }
        start = time.monotonic()
        try:
            said = await (in_thread(self.tool.invoke, asked) if self._threaded else self.tool.ainvoke(asked))
        except ToolException as error:
            seconds = time.monotonic() - start
            return evidence_for(call, view, Outcome.error, shown(str(error) or "it gave no reason"), seconds=seconds)
        return _evidence(call, view, said, time.monotonic() - start)


def _evidence(call: ToolCall, view: View, said: object, seconds: float) -> Evidence:
    content: object = getattr(said, "content", said)
    blocks: list[object] = content if isinstance(content, list) else [content]
    texts = [each if isinstance(each, str | dict) else plain(each)[1] for each in blocks]
    told: Content = content_of(texts)
    artefact = getattr(said, "artifact", None)
    result = plain(artefact)[0] if artefact is not None else None
    data: dict[str, JsonValue] = {"result": result} if result is not None else {}
    outcome = Outcome.error if getattr(said, "status", "success") == "error" else Outcome.passed
    if not told.text and not told.pictures and not data and outcome is Outcome.passed:
        return evidence_for(call, view, Outcome.inconclusive, f"{call.tool} returned nothing", seconds=seconds)
    text = told.text or f"{call.tool} gave no text"
    return evidence_for(call, view, outcome, text, data=data, artefacts=told.pictures, seconds=seconds)


def _model(tool: BaseTool, name: str) -> type[BaseModel]:
    """The model of what a language model gives; what LangChain injects is left out."""
    try:
        schema: Any = tool.tool_call_schema
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            schema.model_json_schema()
            return schema
        told = schema if isinstance(schema, dict) else schema.schema()  # pydantic's first version
    except Exception as error:  # noqa: BLE001 - the schema is made by the tool's own code, on each access
        raise InputError(
            f"the arguments of the tool {name} cannot be described: {str(error)[:300]}", hint="give it an args_schema"
        ) from None
    return model_of_schema(name, tool.description, told)


def _threaded(tool: BaseTool) -> bool:
    """Whether it has no asynchronous version of its own: LangChain would take a thread that cannot be left behind."""
    from langchain_core.tools import BaseTool, StructuredTool, Tool

    if isinstance(tool, StructuredTool | Tool) and type(tool)._arun in (StructuredTool._arun, Tool._arun):
        return tool.coroutine is None
    return type(tool)._arun is BaseTool._arun
