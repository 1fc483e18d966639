"""`Documenting`: a tool's documentation, rewritten after each trial until it settles (DRAFT, arXiv 2410.08197)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from revet.agents.base import Choice
from revet.agents.chat.critic import plain
from revet.agents.toolcare import Analyser, Explorer, Rewriter
from revet.errors import AnswerUnusable, InputError
from revet.graphs.parts.similarity import closeness, cosine
from revet.schema import Action, Attempt, Draft, WriteFile
from revet.tools.base import ToolCall, View

__all__ = ["EPISODE", "Documenting"]

EPISODE = "episode"
"""In ``Draft.data``: what was tried for this version, what came of it, and how little the documentation changed."""

MOST_REQUEST, MOST_QUERY, MOST_ANSWER, MOST_DOCUMENTATION = 300, 1_000, 2_048, 20_000


class Documenting:
    """Episode after episode, each from the newest version, until two versions are closer than `settled`.

    Of at most `tries` queries in an episode, the first whose cosine to all earlier ones is below `unlike` is tried.
    With `path`, the documentation is written to that file of the workspace, too.
    """

    name, selects = "draft", True

    def __init__(
        self,
        explorer: Explorer,
        analyser: Analyser,
        rewriter: Rewriter,
        *,
        episodes: int = 5,
        tries: int = 3,
        unlike: float = 0.9,
        settled: float = 0.75,
        path: str | None = None,
    ) -> None:
        self.explorer, self.analyser, self.rewriter = explorer, analyser, rewriter
        self.episodes, self.tries, self.unlike, self.settled, self.path = episodes, tries, unlike, settled, path

    async def drafts(self, view: View) -> Sequence[Draft]:
        tool, first = _tool_in(view)
        past = [a.draft for a in view.attempts if a.draft.answer is not None]
        versions = [first, *(str(draft.answer) for draft in past)]
        try:
            return [await self._episode(view, tool, versions, [_episode_of(draft) for draft in past])]
        except AnswerUnusable as error:
            problem = f"an answer could not be used ({error.why}): {error}"
            return [Draft(author=self.name, problem=plain(problem, MOST_ANSWER))]

    async def _episode(self, view: View, tool: str, versions: Sequence[str], past: Sequence[dict[str, Any]]) -> Draft:
        now, history = versions[-1], versions[:-1]
        query, call = await self._unlike(view, tool, now, past)
        shown = json.dumps(call, ensure_ascii=False, sort_keys=True)
        seen = await view.use(ToolCall(tool=tool, request=f"{tool} {shown}"[:MOST_REQUEST], arguments=call))
        answer = f"{seen.outcome}: {seen.observation}"[:MOST_ANSWER]
        trial = f"query: {query}\narguments: {shown}\nanswer: {answer}"
        advice = await self.analyser.suggestion(view, tool, now, trial, history)
        advised = plain(advice.suggestion, MOST_QUERY)
        new = await self.rewriter.rewriting(view, tool, now, trial, advised, history)
        text = plain(new.documentation, MOST_DOCUMENTATION)
        episode = {
            "query": query,
            "arguments": call,
            "answer": answer,
            "suggestion": advised,
            "explore": plain(new.explore, MOST_QUERY),
            "closeness": round(closeness(now, text), 6),
        }
        actions: tuple[Action, ...] = (WriteFile(path=self.path, content=text + "\n"),) if self.path else ()
        return Draft(author=self.name, answer=text, actions=actions, notes=advised, data={EPISODE: episode})

    async def _unlike(
        self, view: View, tool: str, documentation: str, past: Sequence[dict[str, Any]]
    ) -> tuple[str, dict[str, JsonValue]]:
        """A query that is unlike those before it, with its call; the last one thought of if none is."""
        explored = [str(each.get("query", "")) for each in past]
        advice = str(past[-1].get("explore", "")) if past else ""
        refused: list[str] = []
        for _ in range(self.tries):
            said = await self.explorer.query(view, tool, documentation, explored, advice, refused)
            query = plain(said.query, MOST_QUERY)
            if all(cosine(query, other) < self.unlike for other in explored):
                break
            refused.append(query)
        return query, said.call

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        alike = float(_episode_of(attempts[-1].draft).get("closeness", 0.0))
        if len(attempts) >= self.episodes or alike > self.settled:
            return None
        return f"the documentation has not settled: {alike:.2f} like the version before it"

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        alike = float(_episode_of(candidates[-1].draft).get("closeness", 0.0))
        return Choice(len(candidates) - 1, (f"version {len(candidates)}, {alike:.2f} like the one before it",))


def _tool_in(view: View) -> tuple[str, str]:
    """The tool's name, and its documentation as it was found. Raises `InputError` if this run cannot call it."""
    given = view.task.inputs.get("tool")
    told = given if isinstance(given, dict) else {"name": given}
    name, tool = str(told.get("name")), view.tools.get(str(told.get("name")))
    if tool is None or tool.arguments is None:
        known = ", ".join(name for name, each in view.tools.items() if each.arguments is not None) or "none"
        hint = f"give it to the run as one of its `tools` (--tool); those that can be called: {known}"
        raise InputError(f"this run has no tool {name} that can be called", hint=hint)
    schema = tool.arguments.model_json_schema()
    about = str(told.get("description") or schema.pop("description", ""))
    return name, f"{about}\narguments: {json.dumps(schema.get('properties', {}), ensure_ascii=False)}".strip()


def _episode_of(draft: Draft) -> dict[str, Any]:
    told = draft.data.get(EPISODE)
    return dict(told) if isinstance(told, dict) else {}
