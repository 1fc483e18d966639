"""Any LangChain chat model as a `Backend`: its settings, forms of answers, usage and failures, all in our terms.

Needs langchain-core. What a model refuses (a setting, a form of answer) is learned from its first refusal and not tried
again.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from revet.errors import ModelFailed, RevetError
from revet.models import failures
from revet.models.convert import messages_of, reply_of, tools_of
from revet.models.language import FormUnsupported
from revet.models.loop import elsewhere
from revet.models.retry import Transient
from revet.models.shapes import without_lengths
from revet.models.wire import Finish, Form, Reply, Request, Tokens
from revet.schema import digest

__all__ = ["LangChainBackend", "name_of"]

FIELDS = {
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_output_tokens", "max_completion_tokens", "num_predict", "max_new_tokens"),
    "seed": ("seed", "random_seed"),
}
"""Our settings, and what the classes of different providers call them."""

METHODS = {Form.schema: "json_schema", Form.tool: "function_calling"}


class LangChainBackend:
    """Asks `model`. It can be used from any thread and event loop; the model itself is always called on one.

    `name` is ``provider:name`` (default: made from the model). `owned` closes the model with the backend. `timeout` is
    how long one request may take as a whole, in seconds; a client's own often only bounds its silences.
    """

    def __init__(
        self, model: BaseChatModel, *, name: str | None = None, owned: bool = False, timeout: float | None = None
    ) -> None:
        self.name = name or name_of(model)
        self.model, self._close_client = _with_own_client(model)
        self._owned, self._timeout = owned, timeout
        self._forms = list(_forms_of(model))
        self._refused: set[str] = set()
        self._misfits: set[tuple[Form, str]] = set()

    @property
    def forms(self) -> Sequence[Form]:
        """What the model has not refused."""
        return tuple(self._forms)

    @property
    def sees(self) -> bool:
        """Whether the model takes images, as LangChain's profile of it says."""
        profile = getattr(self.model, "profile", None)
        return isinstance(profile, Mapping) and profile.get("image_inputs") is True

    async def reply(self, request: Request) -> Reply:
        form = _form_of(request)
        if form is not Form.text and not self._takes(request, form):
            raise FormUnsupported(f"{self.name} cannot be asked for this answer in the form {form}")
        return await elsewhere(self._reply(request, form))

    async def close(self) -> None:
        close_client, self._close_client = self._close_client, None
        if close_client is not None:
            await elsewhere(_awaited(close_client))
        if self._owned:
            for name in ("aclose", "close"):
                if (close := getattr(self.model, name, None)) is not None:
                    done = close()
                    if inspect.isawaitable(done):
                        await done
                    break

    def _takes(self, request: Request, form: Form) -> bool:
        return form in self._forms and not request.tools and (form, _schema_digest(request)) not in self._misfits

    async def _reply(self, request: Request, form: Form) -> Reply:
        """Asks until the model takes the settings, which it does once those that it refuses are known."""
        while True:
            # Requests under way at the same time learn too: what counts is what this one sent.
            left_out = frozenset(self._refused)
            try:
                async with asyncio.timeout(self._timeout) as limit:
                    said = await self._said(request, form, left_out)
            except RevetError:
                raise
            except Exception as error:  # providers raise what they like; all of it becomes one of our errors
                if limit.expired():
                    raise Transient(f"{self.name}: no answer within {self._timeout:g} seconds") from error
                cut = _cut_short(error)
                if cut is not None:
                    return cut
                if not failures.is_garbled(error):
                    if self._learns_setting(error, request, left_out):
                        continue
                    self._learns_form(error, request, form)
                raise failures.classified(error, self.name) from error
            if _broke_off(said, self.model):
                raise Transient(f"{self.name}: the answer broke off before its end")
            return reply_of(said, request)

    async def _said(self, request: Request, form: Form, left_out: frozenset[str]) -> AIMessage:
        model, bound = self._set(request, left_out)
        messages = messages_of(request.messages)
        if form is not Form.text:
            assert request.answer is not None
            asking: Any = model.with_structured_output(
                _sent(request.answer, model), method=METHODS[form], include_raw=True, **_strict(model, form)
            )
            said = (await asking.ainvoke(messages))["raw"]
        else:
            if request.stop and "stop" not in left_out:
                bound["stop"] = list(request.stop)
            asking = model.bind_tools(tools_of(request.tools)) if request.tools else model
            said = await asking.ainvoke(messages, **bound)
        assert isinstance(said, AIMessage)
        return said

    def _set(self, request: Request, left_out: frozenset[str]) -> tuple[BaseChatModel, dict[str, Any]]:
        """The model with the settings of the request, and those that it has no field for.

        A field is the only way that works for every class. A seed without a field has no meaning for the provider.
        """
        update, bound = {}, {}
        for setting, names in FIELDS.items():
            value = getattr(request, setting)
            if value is None or setting in left_out:
                continue
            field = next((name for name in names if name in type(self.model).model_fields), None)
            if field is not None:
                update[field] = value
            elif setting != "seed":
                bound[setting] = value
        if "temperature" in update and self.model._llm_type.startswith("anthropic"):
            update["temperature"] = min(update["temperature"], 1.0)  # the top of Anthropic's scale
        return (self.model.model_copy(update=update) if update else self.model), bound

    def _learns_setting(self, error: Exception, request: Request, left_out: frozenset[str]) -> bool:
        """True if the error names a setting that was sent; it is never sent again."""
        for setting, names in {**FIELDS, "stop": ("stop", "stop_sequences")}.items():
            sent = getattr(request, setting) not in (None, ()) and setting not in left_out
            if sent and failures.names_setting(error, (setting, *names)) and self._refuses(error):
                self._refused.add(setting)
                return True
        return False

    def _learns_form(self, error: Exception, request: Request, form: Form) -> None:
        """Raises `FormUnsupported` if the error may come of the form: for good if it says so, or for this request."""
        if form is Form.text or not self._refuses(error):
            return
        if failures.rejects_schema(error):
            self._misfits.add((form, _schema_digest(request)))
        elif failures.rejects_form(error, form):
            if form in self._forms:
                self._forms.remove(form)
        elif failures.status_of(error) not in (400, 422, 501):
            return
        raise FormUnsupported(
            f"{self.name} refuses to answer in the form {form}: {error}", status=failures.status_of(error)
        ) from error

    def _refuses(self, error: Exception) -> bool:
        """False for a prompt that is too long, and for what may pass, whatever else the error may mention."""
        found = failures.classified(error, self.name)
        return isinstance(found, ModelFailed) and not found.retryable


def name_of(model: BaseChatModel) -> str:
    """``provider:name``, as well as it can be told from the object."""
    provider = model._llm_type.removesuffix("-chat").removeprefix("chat-").replace("-", "_")
    name = getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__
    return f"{provider}:{name}"


def _form_of(request: Request) -> Form:
    return request.form if request.answer is not None else Form.text


def _schema_digest(request: Request) -> str:
    return digest(request.answer)


def _forms_of(model: BaseChatModel) -> Sequence[Form]:
    """Told by what the class brings along; whether its model can do it shows when it is asked."""
    own = type(model)
    structured = own.with_structured_output is not BaseChatModel.with_structured_output
    if structured and "method" in inspect.signature(own.with_structured_output).parameters:
        return (Form.schema, Form.tool)
    return (Form.tool,) if own.bind_tools is not BaseChatModel.bind_tools else ()


def _sent(schema: Mapping[str, Any], model: BaseChatModel) -> dict[str, Any]:
    """The lengths of texts are there for the grammar of local models, which keep to them."""
    return dict(schema) if model._llm_type == "transformers" else without_lengths(schema)


def _strict(model: BaseChatModel, form: Form) -> dict[str, Any]:
    """Enforced by the provider where there is a choice."""
    named = inspect.signature(type(model).with_structured_output).parameters
    return {"strict": True} if form is Form.schema and "strict" in named else {}


def _with_own_client(model: BaseChatModel) -> tuple[BaseChatModel, Callable[[], Awaitable[None]] | None]:
    """The model with connections of its own, and what closes them, if it is one of OpenAI's or Anthropic's family.

    Those share one client for the whole process, also with code that uses it on other event loops. A client or a proxy
    that was given explicitly is kept.
    """
    openai, anthropic = sys.modules.get("openai"), sys.modules.get("anthropic")
    root: Any = getattr(model, "root_async_client", None)
    if openai is not None and isinstance(root, openai.AsyncOpenAI):
        if getattr(model, "http_async_client", None) is not None:
            return model, None
        client = openai.DefaultAsyncHttpxClient(base_url=root.base_url, timeout=root.timeout)
        own = root.copy(http_client=client)
        return model.model_copy(update={"root_async_client": own, "async_client": own.chat.completions}), client.aclose
    if anthropic is None or getattr(model, "anthropic_proxy", None) or not hasattr(type(model), "_async_client"):
        return model, None
    shared: Any = getattr(model, "_async_client", None)
    if not isinstance(shared, anthropic.AsyncAnthropic):
        return model, None
    client = anthropic.DefaultAsyncHttpxClient(base_url=shared.base_url, timeout=shared.timeout)
    # A cached property: what is put in its place is used instead of it, by copies of the model too.
    return model.model_copy(update={"_async_client": shared.copy(http_client=client)}), client.aclose


async def _awaited(call: Callable[[], Awaitable[None]]) -> None:
    await call()
    await asyncio.sleep(0)  # closed connections are let go of in the next turn of the loop


def _cut_short(error: Exception) -> Reply | None:
    """The reply inside the exceptions that OpenAI's library makes of structured answers that ended early."""
    kind = type(error).__name__
    if kind == "ContentFilterFinishReasonError":
        return Reply(finish=Finish.refusal)
    completion: Any = getattr(error, "completion", None) if kind == "LengthFinishReasonError" else None
    if completion is None:
        return None
    usage = completion.usage
    tokens = Tokens(input=usage.prompt_tokens, output=usage.completion_tokens) if usage else Tokens()
    text = completion.choices[0].message.content or ""
    return Reply(text=text, finish=Finish.length, tokens=tokens, model=completion.model)


def _broke_off(said: AIMessage, model: BaseChatModel) -> bool:
    """True for a stream that ended without saying why, which OpenAI's and Anthropic's always say."""
    about = said.response_metadata
    if not getattr(model, "streaming", False) or about.get("model_provider") not in ("openai", "anthropic"):
        return False
    return not any(about.get(name) for name in ("finish_reason", "stop_reason", "status", "incomplete_details"))
