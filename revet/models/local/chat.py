"""`ChatTransformers`: a chat model of the transformers library, as LangChain's models are used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from revet.errors import ContextOverflow, InputError, ModelFailed, ModelNotFound
from revet.models.local import forms, loading
from revet.models.local.engine import Engine, Ready
from revet.models.local.grammar import SPARE, Guide
from revet.models.local.rows import Ask, Done
from revet.models.local.sampling import Sampling
from revet.models.local.speech import as_dicts, disarmed, render, tongue_of, with_note

__all__ = ["ChatTransformers"]

ANSWER = 2048
"""Tokens that an answer may take, if neither the caller nor the model says."""


class ChatTransformers(BaseChatModel):
    """A causal language model with a chat template, from a folder or the hub.

    It is loaded once, when it is first asked, in a thread. Requests that come in together are answered in one batch;
    each has its own settings, seed and grammar, and its text does not depend on the others. Copies (`model_copy`)
    share the loaded model. `close` frees its memory.

    Settings that are None are the model's own, from its generation_config. The beginnings that prompts share are
    computed once (`prefix_tokens`; 0 turns it off), for models whose layers all attend to the whole text.
    """

    model: str
    """A folder, or a name on the hub."""
    tokenizer: str | None = None
    """Where the tokenizer is, if not with the model."""
    chat_template: str | None = None
    """A template, or a file that holds one, for a model without one or instead of its own."""
    template_options: dict[str, Any] = Field(default_factory=dict)
    """Given to the template, for example ``{"enable_thinking": False}``."""
    device_map: Any = None
    """None: over the accelerators that are there, else the CPU."""
    dtype: Any = "auto"
    quantization_config: Any = None
    load_options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of ``from_pretrained``."""
    context: int | None = None
    """In tokens, if not as the model says."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    seed: int | None = None
    close_early: bool | None = None
    """Whether an answer that must fit a schema is closed before its tokens run out, with what it has: the JSON is then
    whole, its last strings and lists may not be. Else it breaks off. None: closed only if the schema bounds every
    string and list, so that a file's contents are never taken for whole when they are not."""
    max_batch: int = Field(default=32, gt=0)
    max_batch_tokens: int = Field(default=65_536, gt=0)
    """Rows × (prompt + answer) at once. One request is always answered."""
    gather: float = Field(default=0.005, ge=0)
    """Seconds that the first request waits for others."""
    prefix_tokens: int = Field(default=8192, ge=0)

    _engine: Engine = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        # Not bound to self: the engine must not keep the object alive, nor the copies each other.
        name, options, tokenizer, limit = self.model, self._options(), self.tokenizer, self.context
        self._engine = Engine(
            lambda: loading.load(name, options, tokenizer=tokenizer, context=limit),
            rows=self.max_batch,
            columns=self.max_batch_tokens,
            gather=self.gather,
            prefix_tokens=self.prefix_tokens,
        )

    @property
    def _llm_type(self) -> str:
        return "transformers"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    @property
    def engine(self) -> Engine:
        """What answers; it counts what it computes."""
        return self._engine

    def close(self) -> None:
        """Free the model's memory. Can be called twice. What is under way fails.

        A load under way is not waited for; what it brings is dropped when it ends.
        """
        self._engine.close()

    async def aclose(self) -> None:
        await asyncio.to_thread(self._engine.close)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """`tool_choice`: "auto", "none", "any" or "required" or True (one of them), or a tool's name."""
        return self.bind(tools=[forms.as_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["json_schema", "function_calling", "json_mode"] = "json_schema",
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Answers that fit a JSON Schema or a pydantic class: no token that does not fit is ever taken.

        ``finish_reason`` is "length" for one that ran out of tokens, also if it was closed (`close_early`).
        """
        if method == "function_calling":
            tool = forms.as_tool(schema)
            asked = self.bind_tools([tool], tool_choice=tool["function"]["name"], **kwargs)
        else:
            asked = self.bind(json_schema=forms.json_schema(schema if method == "json_schema" else {}), **kwargs)
        return forms.parsed(asked, schema, include_raw=include_raw)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        ready = self._engine.ready().result()
        ask = self._ask(ready, messages, stop, kwargs)
        future = self._engine.submit(ask)
        try:
            return ChatResult(generations=[self._answer(ready, future.result(), kwargs)])
        finally:
            future.cancel()  # who was interrupted waits no more

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        ready = await asyncio.wrap_future(self._engine.ready())
        ask = await asyncio.to_thread(self._ask, ready, messages, stop, kwargs)
        done = await asyncio.wrap_future(self._engine.submit(ask))
        return ChatResult(generations=[self._answer(ready, done, kwargs)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        ready = self._engine.ready().result()
        ask = self._ask(ready, messages, stop, kwargs)
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        future = self._start(ask, pieces.put, kwargs)
        try:
            while (piece := pieces.get()) is not None:
                yield self._piece(piece)
            yield self._last(ready, future.result(), kwargs)
        finally:
            future.cancel()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        loop = asyncio.get_running_loop()
        ready = await asyncio.wrap_future(self._engine.ready())
        ask = await asyncio.to_thread(self._ask, ready, messages, stop, kwargs)
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        def put(piece: str | None) -> None:
            # A loop that was closed has nobody who listens.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        future = self._start(ask, put, kwargs)
        try:
            while (piece := await pieces.get()) is not None:
                yield self._piece(piece)
            yield self._last(ready, await asyncio.wrap_future(future), kwargs)
        finally:
            future.cancel()

    def _start(self, ask: Ask, put: Callable[[str | None], None], kwargs: Mapping[str, Any]) -> Future[Done]:
        """Submit it; `put` gets the pieces, then None. With tools, what is text is known only at the end."""
        if not kwargs.get("tools"):
            ask.said = put
        future = self._engine.submit(ask)
        future.add_done_callback(lambda _: put(None))
        return future

    def _options(self) -> dict[str, Any]:
        given = {
            "device_map": self.device_map,
            "dtype": self.dtype,
            "quantization_config": self.quantization_config,
            **self.load_options,
        }
        return {key: value for key, value in given.items() if value is not None}

    def _ask(
        self, ready: Ready, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> Ask:
        """The request as tokens and settings. Raises `ContextOverflow` if there is no room for the answer."""
        template = self._template(ready)
        tools, schema, opening = forms.wanted(kwargs, tongue_of(template))
        spoken = disarmed(as_dicts(messages, self.model), ready.marks, template)
        note = forms.note(kwargs.get("json_schema"), tools if "tools" not in template else ())
        with ready.lock:
            tokenizer = ready.loaded.tokenizer
            more = {**self.template_options, **({"tools": tools} if tools else {})}
            prompt = render(tokenizer, with_note(spoken, note) if note else spoken, template, self.model, **more)
            prompt += tokenizer.encode(opening, add_special_tokens=False) if opening else []
        guide = self._guide(ready, schema) if schema is not None else None
        limit = self._room(ready, len(prompt), guide.shortest if guide is not None else None, kwargs)
        seed, stops = kwargs.get("seed", self.seed), stop if stop is not None else self.stop
        return Ask(prompt, limit, self._sampling(ready, kwargs), seed, tuple(stops or ()), guide)

    def _template(self, ready: Ready) -> str:
        given = self.chat_template
        if given is None:
            found = ready.loaded.tokenizer.chat_template
            found = found.get("default") if isinstance(found, dict) else found
            if not found:
                raise ModelNotFound(
                    f"{self.model} has no chat template, so it is not a chat model as it stands",
                    hint="take its instruct version, or give the template: chat_template=FILE",
                )
            return str(found)
        if "{" in given:
            return given
        try:
            return Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the chat template {given} cannot be read: {error}") from None

    def _guide(self, ready: Ready, schema: dict[str, Any]) -> Guide:
        early = self.close_early if self.close_early is not None else forms.bounded(schema)
        return ready.grammars.guide(schema, close=early)

    def _room(self, ready: Ready, prompt: int, shortest: int | None, kwargs: Mapping[str, Any]) -> int:
        """How many tokens the answer may take. Raises `ContextOverflow`, or `ModelFailed` where none can be whole."""
        context, wanted = ready.loaded.context, kwargs.get("max_tokens", self.max_tokens)
        if wanted is not None and wanted < 1:
            raise InputError(f"max_tokens cannot be {wanted}", hint="give 1 or more, or none")
        if wanted is not None and shortest is not None and wanted < shortest:
            raise ModelFailed(
                f"the shortest answer that fits the schema takes {shortest} tokens, and {wanted} are allowed",
                hint="raise max_tokens",
            )
        enough = 1 if shortest is None else shortest + SPARE
        default = wanted or max(ready.loaded.model.generation_config.max_new_tokens or ANSWER, enough)
        if context is None:
            return int(default)
        need = wanted or enough
        if prompt + need > context:
            raise ContextOverflow(
                f"{prompt} tokens of prompt and {need} for the answer do not fit into the {context} of {self.model}",
                limit=context,
            )
        return int(min(default, context - prompt))

    def _sampling(self, ready: Ready, kwargs: Mapping[str, Any]) -> Sampling:
        own = ready.loaded.model.generation_config

        def setting(name: str, otherwise: float) -> Any:
            given = kwargs.get(name, getattr(self, name, None))
            found = getattr(own, name, None) if given is None else given
            return otherwise if found is None else found

        temperature = kwargs.get("temperature", self.temperature)
        if temperature is None:
            temperature = setting("temperature", 1.0) if own.do_sample else 0.0
        return Sampling(
            float(temperature),
            float(setting("top_p", 1.0)),
            int(setting("top_k", 0)),
            float(setting("repetition_penalty", 1.0)),
        )

    def _answer(self, ready: Ready, done: Done, kwargs: Mapping[str, Any]) -> ChatGeneration:
        """The message. `finish_reason` is "stop", "length" or "tool_calls"."""
        tongue = tongue_of(self._template(ready))
        text, calls, broken, finish = done.text, [], [], str(done.finish)
        tools, schema, _ = forms.wanted(kwargs, tongue)
        if tools:
            names = [tool["function"]["name"] for tool in tools]
            found = tongue.read(text, names) if schema is None else tongue.forced(text)
            text, calls, broken = found.text, found.calls, found.broken
            finish = "tool_calls" if calls and finish == "stop" else finish
        message = AIMessage(
            content=text,
            tool_calls=calls,
            invalid_tool_calls=broken,
            usage_metadata={
                "input_tokens": done.prompt,
                "output_tokens": done.tokens,
                "total_tokens": done.prompt + done.tokens,
                "input_token_details": {"cache_read": done.cached},
            },
            response_metadata={"finish_reason": finish, "model_name": self.model, "model_provider": "transformers"},
        )
        return ChatGeneration(message=message, generation_info={"finish_reason": finish})

    def _piece(self, text: str) -> ChatGenerationChunk:
        return ChatGenerationChunk(message=AIMessageChunk(content=text))

    def _last(self, ready: Ready, done: Done, kwargs: Mapping[str, Any]) -> ChatGenerationChunk:
        """What is known at the end: the calls, the usage, and the text if it was held back for the calls."""
        message = self._answer(ready, done, kwargs).message
        assert isinstance(message, AIMessage)
        chunks = [
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=number)
            for number, call in enumerate(message.tool_calls)
        ]
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=message.content if kwargs.get("tools") else "",
                tool_call_chunks=chunks,
                usage_metadata=message.usage_metadata,
                response_metadata=message.response_metadata,
                chunk_position="last",
            )
        )
