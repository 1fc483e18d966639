"""From the names of models to models: each is loaded once, shared by whoever names it, and closed with the library."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import inspect
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revet.errors import InputError, MissingDependency, ModelNotFound, RevetError
from revet.models import providers
from revet.models.language import Backend, LanguageModel, Recorder
from revet.models.limits import ProviderLimits
from revet.models.prices import FREE, Listed, Pricing
from revet.models.retry import Retries
from revet.models.spec import OWN, ModelSpec, check, check_address, parse

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["Library", "as_model", "pricing"]

NO_KEY = "no-key-needed"
"""What is sent as the key to a server that wants none."""


class Library:
    """The language models of one program or batch.

    `base_url` is an OpenAI-compatible endpoint, and holds for the models named ``openai:…``; other providers have
    environment variables of their own for that. `record` is a file that every exchange is added to. `timeout` is how
    long one request may take, in seconds. The other settings are those of `LanguageModel`; `fallbacks` are names.
    `prices` holds for all, and replaces the listed ones. `concurrency` and `requests_per_second` hold for all models of
    one provider together, as fallbacks too; in their place, `limits` are shared with other libraries.

    `local` holds options for the models named ``transformers:…``, as `revet.models.local.ChatTransformers` takes them:
    how they are loaded (``device_map``, ``dtype``, ``quantization_config``, ``tokenizer``, ``load_options``), how they
    are asked (``chat_template``, ``template_options``, ``context``, ``temperature``, ``top_p``, …), and how
    they share their time (``max_batch``, ``max_batch_tokens``, ``gather``, ``prefix_tokens``)::

        Library(local={"device_map": "auto", "dtype": "bfloat16", "max_batch": 16})

    The library can be used from several threads and event loops. Close it when no model is used any more.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        record: str | Path | None = None,
        fallbacks: tuple[str, ...] = (),
        retries: Retries | None = None,
        concurrency: int | None = None,
        requests_per_second: float | None = None,
        limits: ProviderLimits | None = None,
        prices: Pricing | None = None,
        timeout: float | None = 600.0,
        local: Mapping[str, Any] | None = None,
    ) -> None:
        check_address(base_url)
        if limits is not None and (concurrency is not None or requests_per_second is not None):
            raise InputError(
                "concurrency and requests_per_second are settings of the limits", hint="give them to those"
            )
        self.base_url, self.timeout, self.local = base_url, timeout, dict(local or {})
        self._record = Path(record).expanduser() if record is not None else None
        self._recorder = _recorder(self._record) if self._record is not None else None
        self._fallbacks = fallbacks
        self._prices = prices
        self._retries = retries
        self._limits = limits or ProviderLimits(concurrency, requests_per_second)
        self._models: dict[str, LanguageModel] = {}
        self._loaded: dict[str, tuple[Backend, Pricing]] = {}
        self._objects: dict[int, tuple[object, LanguageModel]] = {}
        self._spares: dict[str, LanguageModel] = {}
        self._lock = threading.RLock()

    def get(self, spec: str) -> LanguageModel:
        """The model of that name. Raises `InputError` (`ModelNotFound`) or `MissingDependency`, as `check` does."""
        with self._lock:
            if spec not in self._models:
                self._models[spec] = self._dressed(*self._load(spec), self._spared(spec))
            return self._models[spec]

    def wrap(self, model: BaseChatModel | Backend) -> LanguageModel:
        """The same chat model or backend, with the settings of this library. The same object is wrapped once."""
        with self._lock:
            if id(model) not in self._objects:
                # The object is kept too, so that no other one gets its id.
                self._objects[id(model)] = (model, self._dressed(*_wrapped(model), self._spared()))
            return self._objects[id(model)][1]

    async def close(self) -> None:
        """Free what the models hold. Can be called twice; a model that is named again later is loaded again."""
        with self._lock:
            backends = [backend for backend, _ in self._loaded.values()]
            backends += [model.backend for _, model in self._objects.values()]
            self._models, self._objects, self._loaded, self._spares = {}, {}, {}, {}
        # All of them, whatever becomes of the others.
        ends = await asyncio.gather(*(backend.close() for backend in backends), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    def _spared(self, spec: str | None = None) -> tuple[LanguageModel, ...]:
        """The fallbacks of a model, which are the same for all; it is none of its own."""
        for name in self._fallbacks:
            if name not in self._spares:
                self._spares[name] = self._dressed(*self._load(name), ())
        return tuple(self._spares[name] for name in self._fallbacks if name != spec)

    def _load(self, text: str) -> tuple[Backend, Pricing]:
        """Loaded once, whether it is asked for itself, as a fallback, or both."""
        if text not in self._loaded:
            spec = check(text, self.base_url)
            if spec.provider == "replay" and self._record is not None:
                _check_other_file(Path(spec.name).expanduser(), self._record)
            self._loaded[text] = _load(spec, self._address_of(text), self.timeout, self.local)
        return self._loaded[text]

    def _dressed(self, backend: Backend, listed: Pricing | None, fallbacks: tuple[LanguageModel, ...]) -> LanguageModel:
        return LanguageModel(
            backend,
            fallbacks=fallbacks,
            retries=self._retries,
            limits=self._limits.of(backend.name, self._address_of(backend.name)),
            prices=self._prices or listed,
            recorder=self._recorder,
        )

    def _address_of(self, model: str) -> str | None:
        """The endpoint that holds for a model."""
        return self.base_url if model.startswith("openai:") else None


def as_model(given: str | BaseChatModel | Backend | LanguageModel, library: Library) -> LanguageModel:
    """The language model that is meant: named, or an object. Raises `InputError` for anything else."""
    if isinstance(given, LanguageModel):
        return given
    if isinstance(given, str):
        return library.get(given)
    if _is_chat_model(given) or isinstance(given, Backend):
        return library.wrap(given)
    raise InputError(
        f"{type(given).__name__} is no language model",
        hint="give provider:name, a LangChain chat model (without .bind, .with_retry and the like), or a LanguageModel",
    )


def pricing(name: str, base_url: str | None = None) -> Pricing:
    """What a model costs, told by its name: nothing is loaded. `base_url` is where an ``openai:`` model is served."""
    spec = parse(name)
    provider = None if spec.provider in OWN else providers.find(spec.provider)
    if provider is None or provider.free:
        return FREE
    return Listed(spec.name, provider.prices, base_url if spec.provider == "openai" else None)


def _is_chat_model(given: object) -> bool:
    """Never imports LangChain: if nobody has, there is no such object."""
    module = sys.modules.get("langchain_core.language_models.chat_models")
    return module is not None and isinstance(given, module.BaseChatModel)


def _wrapped(model: Any) -> tuple[Backend, Pricing | None]:
    """The backend for an object, and what it costs: nothing for our own, unknown for backends of other makes."""
    if not _is_chat_model(model):
        return model, FREE if type(model).__module__.startswith("revet.") else None
    from revet.models.chat import LangChainBackend

    backend = LangChainBackend(model)
    provider, _, name = backend.name.partition(":")
    known = providers.PROVIDERS.get(provider)
    base_url = getattr(model, "openai_api_base", None)
    free = known is not None and known.free
    return backend, FREE if free else Listed(name, known.prices if known else None, base_url)


def _check_other_file(replayed: Path, record: Path) -> None:
    if replayed.samefile(record):
        raise InputError(f"{record} cannot be played back and recorded to at once", hint="record to another file")


def _recorder(path: Path) -> Recorder:
    from revet.models.tape import Recorder as Tape

    tape: Recorder = Tape(path)
    return tape


def _load(
    spec: ModelSpec, base_url: str | None, timeout: float | None, local: Mapping[str, Any]
) -> tuple[Backend, Pricing]:
    """The backend for a checked spec, and what it costs."""
    if spec.provider == "builtin":
        raise ModelNotFound(f"{spec} is no language model", hint="name one as provider:name, for example ollama:NAME")
    if spec.provider == "replay":
        from revet.models.tape import Replay

        return Replay(Path(spec.name).expanduser()), FREE
    if spec.provider == "scripted":
        from revet.models.scripted import ScriptedModel

        return ScriptedModel.from_file(Path(spec.name).expanduser()), FREE
    from revet.models.chat import LangChainBackend

    if spec.provider == "transformers":
        return LangChainBackend(_local_model(spec, local), name=str(spec), owned=True), FREE
    provider = providers.find(spec.provider)
    assert provider is not None
    backend = LangChainBackend(_chat_model(spec, provider, base_url, timeout), name=str(spec), timeout=timeout)
    return backend, pricing(str(spec), base_url)


def _local_model(spec: ModelSpec, options: Mapping[str, Any]) -> BaseChatModel:
    from revet.models.local import ChatTransformers

    taken = sorted(name for name, field in ChatTransformers.model_fields.items() if name != "model")
    for name in options:
        if name not in taken:
            near = difflib.get_close_matches(name, taken, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "further arguments of from_pretrained go in load_options"
            raise InputError(f"local models have no option {name!r}", hint=hint)
    try:
        return ChatTransformers(model=str(Path(spec.name).expanduser()), **options)
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(f"local: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def _chat_model(
    spec: ModelSpec, provider: providers.Provider, base_url: str | None, timeout: float | None
) -> BaseChatModel:
    """LangChain's chat model. Its client never tries again by itself: `LanguageModel` does."""
    from langchain.chat_models import init_chat_model

    wanted: dict[str, Any] = {"max_retries": 0, "timeout": timeout}
    if base_url is not None:
        wanted["base_url"] = base_url
    if _needs_no_key(spec, provider, base_url):
        wanted["api_key"] = NO_KEY
    known = _arguments(provider)
    settings = {name: value for name, value in wanted.items() if name in known and value is not None}
    try:
        model: BaseChatModel = init_chat_model(spec.name, model_provider=spec.provider, **settings)
        return model
    except RevetError:
        raise
    except ImportError as error:
        raise MissingDependency(f"{spec} cannot be loaded: {error}", hint=provider.install) from error
    except Exception as error:
        raise ModelNotFound(f"{spec} cannot be loaded: {error}", hint=_hint(provider)) from error


def _arguments(provider: providers.Provider) -> set[str]:
    """The names of the arguments that the provider's class takes."""
    try:
        chat_model = getattr(importlib.import_module(provider.module), provider.chat_model)
    except ImportError as error:
        raise MissingDependency(f"{provider.chat_model} cannot be imported: {error}", hint=provider.install) from error
    fields = getattr(chat_model, "model_fields", {})
    return {
        *fields,
        *(field.alias for field in fields.values() if field.alias),
        *inspect.signature(chat_model).parameters,
    }


def _needs_no_key(spec: ModelSpec, provider: providers.Provider, base_url: str | None) -> bool:
    """True for an endpoint of one's own and no key in the environment: the client insists on one."""
    own = base_url or any(os.environ.get(name) for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"))
    return spec.provider == "openai" and bool(own) and not any(os.environ.get(name) for name in provider.keys)


def _hint(provider: providers.Provider) -> str | None:
    return f"check {provider.keys[0]} and the model's name" if provider.keys else None
