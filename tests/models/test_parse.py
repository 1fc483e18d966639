"""Structured answers from end to end: `LanguageModel.parse` through the real clients, and what goes wrong there."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from revet.errors import AnswerUnusable, ModelFailed
from revet.models import Account, Form, LangChainBackend, LanguageModel
from tests.models.servers import Answer, Asked, Call, Fault, ModelServer
from tests.models.support import QUICK, request


class Verdict(BaseModel):
    """A judgement."""

    verdict: Literal["accept", "revise"]
    reasons: tuple[str, ...] = ()
    score: float = Field(ge=0, le=1)


GOOD = '{"verdict": "revise", "reasons": ["it is late"], "score": 0.25}'
READ = Verdict(verdict="revise", reasons=("it is late",), score=0.25)


@pytest.fixture
def model(backend: LangChainBackend) -> LanguageModel:
    return LanguageModel(backend, retries=QUICK)


def _said(text: str) -> Answer:
    """As text, where the form is a schema or words."""
    return Answer(text)


async def test_the_best_form_is_asked_for_first(model: LanguageModel, server: ModelServer) -> None:
    server.answer = lambda asked: _said(GOOD)
    account = Account()
    assert await model.parse(request(), Verdict, account) == READ
    assert len(server.asked) == 1
    schema = server.asked[0].schema
    assert schema is not None
    assert set(schema["required"]) == {"verdict", "reasons", "score"}
    assert account.usage.roles["critic"].calls == 1


async def test_a_provider_without_the_best_forms_is_asked_in_the_next(
    model: LanguageModel, server: ModelServer
) -> None:
    def answer(asked: Asked) -> Answer | Fault:
        if asked.schema is not None:
            return Fault(status=400, message="json_schema is not supported by this model")
        if asked.tools:
            return Fault(status=400, message="this model does not support tools")
        return _said(f"Here it is:\n```json\n{GOOD}\n```")

    server.answer = answer
    for _ in range(2):
        assert await model.parse(request(), Verdict, Account()) == READ
    assert len(server.asked) == 4, "what was refused is not tried again"
    assert str(server.bodies[-1]).count('"required": ["verdict"') == 1, "the schema is shown once"
    assert server.asked[-1].last == "Hello.", "what is asked comes last"


async def test_the_arguments_of_a_tool_are_an_answer_too(model: LanguageModel, server: ModelServer) -> None:
    def answer(asked: Asked) -> Answer | Fault:
        if asked.schema is not None:
            return Fault(status=400, message="output_config: json_schema is not supported by this model")
        call = Call("Verdict", {"verdict": "revise", "reasons": ["it is late"], "score": 0.25})
        return Answer(calls=(call,), finish="tools")

    server.answer = answer
    assert await model.parse(request(), Verdict, Account()) == READ
    assert tuple(model.backend.forms) == (Form.tool,)


async def test_a_wrong_schema_is_asked_about_once(model: LanguageModel, server: ModelServer) -> None:
    answers = iter(['{"verdict": "maybe", "reasons": [], "score": 7}', GOOD])
    server.answer = lambda asked: _said(next(answers))
    account = Account()
    assert await model.parse(request(), Verdict, account) == READ
    assert account.usage.roles["critic"].calls == 2
    assert "maybe" in str(server.bodies[1])
    assert "score" in server.asked[1].last


async def test_two_wrong_answers_are_a_typed_failure(model: LanguageModel, server: ModelServer) -> None:
    server.answer = lambda asked: _said('{"verdict": "maybe", "reasons": [], "score": 7}')
    with pytest.raises(AnswerUnusable) as caught:
        await model.parse(request(), Verdict, Account())
    assert caught.value.why == "schema"
    assert len(server.asked) == 2


async def test_half_an_answer_is_never_taken_for_a_whole_one(model: LanguageModel, server: ModelServer) -> None:
    server.answer = lambda asked: Answer(GOOD[:40], finish="length")
    with pytest.raises(AnswerUnusable) as caught:
        await model.parse(request(), Verdict, Account())
    assert caught.value.why == "truncated"


async def test_a_refusal_is_not_asked_about(model: LanguageModel, server: ModelServer) -> None:
    server.answer = lambda asked: Answer("", refusal="I cannot help with that.", finish="refusal")
    with pytest.raises(AnswerUnusable) as caught:
        await model.parse(request(), Verdict, Account())
    assert caught.value.why == "refused"
    assert len(server.asked) == 1


async def test_a_busy_provider_is_waited_for_in_the_midst_of_it(model: LanguageModel, server: ModelServer) -> None:
    server.fail(Fault(status=503), Fault("reset"), None, Fault(status=429, headers={"retry-after": "0.02"}))
    answers = iter(["nothing of use", GOOD])
    server.answer = lambda asked: _said(next(answers))
    assert await model.parse(request(), Verdict, Account()) == READ
    assert len(server.asked) == 5


async def test_a_failure_that_is_final_is_no_answer(model: LanguageModel, server: ModelServer) -> None:
    server.fail(*[Fault(status=401, message="bad key")] * 3)
    with pytest.raises(ModelFailed, match="bad key"):
        await model.parse(request(), Verdict, Account())
    assert len(server.asked) == 1
