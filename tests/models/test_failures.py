"""How failures are told apart, by the words of real providers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from revet.errors import ContextOverflow, ModelFailed
from revet.models import failures
from revet.models.retry import Transient


class Raised(Exception):
    """What a provider's library might raise."""

    def __init__(self, message: str, **carried: Any) -> None:
        super().__init__(message)
        for name, value in carried.items():
            setattr(self, name, value)


OVERFLOWS: list[tuple[str, int | None]] = [
    (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        8192,
    ),
    ("Your input exceeds the context window of this model. Please adjust your input and try again.", None),
    ("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.", 272000),
    ("prompt is too long: 208310 tokens > 200000 maximum", 200000),
    ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease one of them", 200000),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1048576),
    ("The input token count exceeds the maximum number of tokens allowed 1048576.", 1048576),
    ("the input length exceeds the context length", None),
    ("The decoder prompt (length 5000) is longer than the maximum model length of 4096.", 4096),
    ("You passed 4097 input tokens. However, the model's context length is only 4096 tokens.", 4096),
    ("the request exceeds the available context size (4096 tokens), try increasing it", 4096),
    ("Prompt contains 40000 tokens, too large for model with 32768 maximum context length", 32768),
    ("too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5001.", 4081),
    ("This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 131072),
    ("Input is too long for requested model.", None),
    ("`inputs` must have less than 4096 tokens. Given: 5000", 4096),
    ("litellm.ContextWindowExceededError: too much", None),
]


@pytest.mark.parametrize(("text", "limit"), OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 500, None])
def test_a_prompt_that_is_too_long_is_told_whatever_the_status(
    text: str, limit: int | None, status: int | None
) -> None:
    found = failures.classified(Raised(text, status_code=status), "openai:x")
    assert isinstance(found, ContextOverflow)
    assert found.limit == limit
    assert "openai:x" in str(found)


def test_a_limit_of_tokens_a_minute_is_no_limit_of_the_context() -> None:
    text = "Rate limit reached: Limit 6000 tokens per min. Please reduce the length of the messages."
    assert isinstance(failures.classified(Raised(text, status_code=429), "groq:x"), Transient)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_statuses_that_pass(status: int) -> None:
    assert isinstance(failures.classified(Raised("busy", status_code=status), "x:y"), Transient)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 501])
def test_statuses_that_do_not(status: int) -> None:
    found = failures.classified(Raised("no", code=status), "x:y")
    assert type(found) is ModelFailed
    assert (found.retryable, found.status) == (False, status)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError("peer"),
        json.JSONDecodeError("Expecting value", "<html>", 0),
        Raised("?", is_retryable=True),
        Raised("?", response=Raised("", status_code=200)),
        ValueError("Unexpected response type from OpenAI-compatible endpoint."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_without_a_status_that_pass(error: Exception) -> None:
    assert isinstance(failures.classified(error, "x:y"), Transient)


def test_the_cause_counts_too() -> None:
    error = Raised("something went wrong")
    error.__cause__ = ConnectionResetError()
    assert isinstance(failures.classified(error, "x:y"), Transient)
    assert type(failures.classified(Raised("something went wrong"), "x:y")) is ModelFailed


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_the_provider_asks_for(headers: dict[str, str], wait: float | None) -> None:
    error = Raised("busy", status_code=429, response=Raised("", headers=headers))
    found = failures.classified(error, "x:y")
    assert isinstance(found, Transient)
    assert found.wait == wait


@pytest.mark.parametrize(
    ("text", "carried", "named"),
    [
        ("Unsupported value: 'temperature' does not support 0.3", {"status_code": 400}, True),
        ("no", {"status_code": 400, "body": {"param": "temperature"}}, True),
        ("'temperature' is fine", {"status_code": 400, "body": {"param": "seed"}}, False),
        ("`temperature` may only be set to 1 when thinking is enabled", {"status_code": 400}, True),
        ("temperature: Extra inputs are not permitted", {"status_code": 400}, True),
        ("temperature is not supported", {"status_code": 422}, True),
        ("the room temperature is high", {"status_code": 500}, False),
        ("bad request", {"status_code": 400}, False),
    ],
)
def test_a_setting_that_is_named(text: str, carried: dict[str, Any], named: bool) -> None:
    assert failures.names_setting(Raised(text, **carried), ("temperature",)) is named


def test_an_argument_that_the_library_does_not_know_is_a_setting_too() -> None:
    error = TypeError("create() got an unexpected keyword argument 'seed'")
    assert failures.names_setting(error, ("seed",))
    assert not failures.names_setting(error, ("stop",))


def test_the_providers_own_words_are_what_is_told() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    found = failures.classified(Raised("Error code: 529 - {…}", status_code=529, body=body), "anthropic:x")
    assert str(found).splitlines()[0] == "anthropic:x: HTTP 529: Overloaded (overloaded_error)"


def test_the_reason_is_told_wherever_the_library_hides_it() -> None:
    try:
        try:
            raise OSError("the socket is gone")
        except OSError as error:
            raise RuntimeError("It failed.") from error
    except RuntimeError as raised:
        assert str(failures.classified(raised, "x:y")) == "x:y: It failed: the socket is gone"
    assert str(failures.classified(KeyError("choices"), "x:y")) == "x:y: KeyError: 'choices'"
    assert str(failures.classified(RuntimeError(), "x:y")) == "x:y: RuntimeError"


@pytest.mark.parametrize(
    ("model", "url", "hint"),
    [
        ("openai:x", "http://me:secret@127.0.0.1:8000/v1/chat", "the endpoint 127.0.0.1:8000 wants a key"),
        (
            "openai:x",
            "https://llm.example.org/v1",
            "the endpoint llm.example.org wants a key that it accepts: set OPENAI_API_KEY",
        ),
        ("openai:x", "https://api.openai.com/v1", "the key was not accepted: check OPENAI_API_KEY"),
        ("anthropic:x", "http://127.0.0.1:8000", "the key was not accepted: check ANTHROPIC_API_KEY"),
    ],
)
def test_an_endpoint_of_ones_own_may_want_a_key(model: str, url: str, hint: str) -> None:
    answered = Raised("", url=url)
    told = failures.classified(Raised("Unauthorized", status_code=401, response=answered), model).hint
    assert told is not None and told.startswith(hint)


def test_long_messages_are_cut() -> None:
    assert len(str(failures.classified(Raised("word " * 1000), "x:y"))) < 500


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Please stop sending such prompts.", ("stop", "stop_sequences")),
        ("A seed phrase must not be told.", ("seed", "random_seed")),
        ("Invalid image: its max_tokens-like name is odd", ("temperature", "top_temperature")),
    ],
)
def test_a_word_in_passing_names_no_setting(text: str, names: tuple[str, ...]) -> None:
    assert not failures.names_setting(Raised(text, status_code=400), names)


@pytest.mark.parametrize("text", ["seed: is not permitted", "'random_seed' is unknown", "body.seed may not be given"])
def test_a_setting_that_is_refused_is_named(text: str) -> None:
    assert failures.names_setting(Raised(text, status_code=400), ("seed", "random_seed"))
