"""What went wrong with a request to a provider: whether waiting helps, asking with less, or only a person.

Providers' libraries have exceptions of their own, and new ones all the time, so they are told by what they carry (an
HTTP status, a parameter, headers) and by what they say, not by their classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from revet.errors import ContextOverflow, ModelError, ModelFailed
from revet.models.providers import PROVIDERS
from revet.models.retry import Transient

__all__ = ["classified", "is_garbled", "names_setting", "rejects_form", "rejects_schema", "status_of"]

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""HTTP statuses after which the same request may succeed."""

OVERFLOWS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # OpenAI and the many servers that speak its protocol (vLLM, llama.cpp, DeepSeek, xAI, LiteLLM)
        r"context_length_exceeded",
        r"maximum context length(?: is| of)?\D{0,20}(?P<limit>\d+)?",
        r"context length is only (?P<limit>\d+)",
        r"exceeds? the context window",
        r"input tokens exceed the configured limit(?: of (?P<limit>\d+))?",
        r"longer than the maximum model length of (?P<limit>\d+)",
        r"maximum prompt length is (?P<limit>\d+)",
        r"exceeds? the available context size(?: \((?P<limit>\d+))?",
        r"contextwindowexceeded",
        r"exceed_context_size",
        # Anthropic, also through Bedrock
        r"prompt is too long(?::[^>]*> (?P<limit>\d+))?",
        r"exceed context limit(?::[^>]*> (?P<limit>\d+))?",
        r"request_too_large",
        r"input is too long for requested model",
        # Google
        r"input token count.{0,40}exceeds the maximum number of tokens allowed(?: \(?(?P<limit>\d+))?",
        # Ollama
        r"input length exceeds the (?:maximum )?context length",
        # Mistral, Cohere, Groq, text-generation-inference
        r"too large for model with (?P<limit>\d+) maximum context length",
        r"too many tokens: .{0,80}cannot exceed (?P<limit>\d+)",
        r"reduce the length of the messages",
        r"`inputs`.{0,40}must (?:be <=|have less than) (?P<limit>\d+)",
    )
)
"""How providers say that a prompt is too long."""

UNPAID = re.compile(r"insufficient_quota|billing|credit balance is too low|payment required", re.IGNORECASE)
GARBLED = (
    "Unexpected response type",
    "Response missing 'choices'",
    "No generations found in stream",
    "'str' object has no attribute",
)
BUSY = re.compile(r"server_error|internal_error|overloaded|unavailable|timeout|rate_limit|too_many_requests")
"""Codes of errors that come in the middle of a stream, or with a status of success."""
LOST = re.compile(r"timeout|timed ?out|connect|remoteprotocol|readerror|writeerror|closed|incomplete", re.IGNORECASE)
FORM_WORDS = {
    "schema": re.compile(
        r"response_?format|json_?schema|structured|output_config|output_format|response_schema"
        r"|text\.format|guided|grammar|schema",
        re.IGNORECASE,
    ),
    "tool": re.compile(r"tool|function", re.IGNORECASE),
}
BAD_SCHEMA = re.compile(
    r"invalid (?:json )?schema|unsupported (?:json )?schema|schemas? (?:is|are) too|schemas? contains? too many"
    r"|grammar is too large|too complex",
    re.IGNORECASE,
)


def classified(error: Exception, model: str) -> ModelError:
    """The same failure as one of ours. `model` is its name, for the message."""
    text, status = _said(error), status_of(error)
    told = f"HTTP {status}: {text or type(error).__name__}" if status else _with_causes(error, text)
    what = f"{model}: {_short(told)}"
    # A limit of tokens a minute is no limit of the context, though it is told in similar words.
    found = [match for pattern in OVERFLOWS if status != 429 and (match := pattern.search(text))]
    if found or status == 413:
        limits = [match["limit"] for match in found if "limit" in match.re.groupindex and match["limit"]]
        return ContextOverflow(what, limit=int(limits[0]) if limits else None)
    if status in (402, 429) and UNPAID.search(text):
        return ModelFailed(what, status=status, hint="the account has no credit left")
    if status in PASSING or (status is None and _passing(error)):
        return Transient(what, status=status, wait=_retry_after(error), hint=_hint(model, status, error))
    return ModelFailed(what, status=status, hint=_hint(model, status, error))


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the error carries, also as the code of an error that came with a status of success."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "code", "http_status", "status"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
                return value
    code = _details(error).get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else None


def names_setting(error: Exception, names: tuple[str, ...]) -> bool:
    """True if the provider, or its library, refuses the request because of a setting of one of these names."""
    if not isinstance(error, TypeError) and status_of(error) not in (400, 422):
        return False
    parameter = _details(error).get("param")
    if parameter:
        return parameter in names
    words = "|".join(map(re.escape, names))
    told = rf"['\"`](?:{words})['\"`]|(?:^|[\s.])(?:{words})(?::| is| may| must| does)"
    return re.search(told, _said(error)) is not None


def rejects_form(error: Exception, form: str) -> bool:
    """True if the provider, or its library, cannot be asked for answers in that form at all."""
    if isinstance(error, NotImplementedError):
        return True
    known = isinstance(error, TypeError | ValueError) or status_of(error) in (400, 404, 422, 501)
    return known and FORM_WORDS[form].search(_said(error)) is not None


def rejects_schema(error: Exception) -> bool:
    """True if it is this one schema that is refused."""
    return status_of(error) in (400, 422) and BAD_SCHEMA.search(_said(error)) is not None


def is_garbled(error: Exception) -> bool:
    """True if the provider's library could not make sense of what came with a status of success."""
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return True
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) == 200:
        return True
    return any(sign in str(error) for sign in GARBLED)


def _passing(error: BaseException) -> bool:
    """True for an error without a status that came of the connection, or of an answer that broke off on the way."""
    for cause in _chain(error):
        if isinstance(cause, TimeoutError | ConnectionError | json.JSONDecodeError | UnicodeDecodeError):
            return True
        if getattr(cause, "is_retryable", False) is True:  # langchain-core's own verdict
            return True
        if BUSY.search(_code(cause) or ""):
            return True
        kind = type(cause)
        if kind.__module__.split(".")[0] in (
            "httpx",
            "httpx2",
            "httpcore",
            "httpcore2",
            "openai",
            "anthropic",
            "aiohttp",
        ) and LOST.search(kind.__name__):
            return True
    return isinstance(error, Exception) and is_garbled(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _retry_after(error: BaseException) -> float | None:
    """Seconds, from the headers of the response. Dates are not used by any provider of models."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    if headers is None:
        return None
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name)) / unit)
        except (TypeError, ValueError):
            continue
    return None


def _hint(model: str, status: int | None, error: Exception) -> str | None:
    provider = PROVIDERS.get(model.partition(":")[0])
    key = provider.keys[0] if provider and provider.keys else "the provider's key"
    match status:
        case 401:
            own = _own_endpoint(model, error)
            return f"{own} wants a key that it accepts: set {key}" if own else f"the key was not accepted: check {key}"
        case 403:
            return f"{key} is not allowed to use this model"
        case 404:
            return "there is no such model at this address: check its name and the base URL"
        case 429:
            return "too many requests: allow fewer at a time, or wait"
        case None if _code(error) is None and is_garbled(error):
            return "the answer was not of the expected protocol: check the base URL"
        case None if _code(error) is None and _passing(error):
            return "the provider cannot be reached: check the network and the base URL"
    return None


def _own_endpoint(model: str, error: BaseException) -> str | None:
    """The server that answered, where that is not the provider of OpenAI's models though it speaks its protocol."""
    try:
        response: Any = getattr(error, "response", None)
        parts = urlsplit(str(response.url))
        host, port = parts.hostname or "", parts.port
    except (AttributeError, RuntimeError, ValueError):  # httpx raises RuntimeError for a response to no request
        return None
    if not model.startswith("openai:") or not host or host.endswith("openai.com"):
        return None
    return f"the endpoint {host}{f':{port}' if port else ''}"


def _with_causes(error: BaseException, text: str) -> str:
    """`text`, and what the exceptions say that it was raised from: libraries often hide the reason there."""
    told = [text if " " in text else f"{type(error).__name__}: {text}".rstrip(": ")]
    while (cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error, words = cause, str(cause)
        if words and not any(words in known for known in told):
            told.append(words)
    return ": ".join([*(part.rstrip(".") for part in told[:-1]), told[-1]])


def _said(error: BaseException) -> str:
    """The message, with the provider's own code where the message leaves it out."""
    details = _details(error)
    message, code = details.get("message"), _code(error)
    text = message if isinstance(message, str) and message else str(error)
    return f"{text} ({code})" if code is not None and code not in text else text


def _code(error: BaseException) -> str | None:
    """The provider's own name for the error; langchain-openai puts that of a stream before the message."""
    code = _details(error).get("code") or _details(error).get("type")
    if isinstance(code, str):
        return code
    told = BUSY.match(str(error))
    return told[0] if told else None


def _details(error: BaseException) -> Mapping[str, Any]:
    """The provider's own error object, where the exception carries it."""
    body = getattr(error, "body", None)
    if body is None and error.args:
        body = error.args[0]  # langchain-openai raises ValueError({…}) for an error that came with a status of success
    inner = body.get("error", body) if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _short(text: str, limit: int = 400) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
