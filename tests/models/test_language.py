"""`LanguageModel`: retries, fallbacks, limits, accounts, prices and memory, whatever the backend."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import BudgetSpent, ContextOverflow, DiskFull, InputError, ModelFailed, ReplayMiss
from revet.models import Account, Form, FormUnsupported, LanguageModel, Library, Prices, Reply, Request, Retries, Tokens
from revet.models.retry import Transient
from tests.models.servers import Fault, ModelServer
from tests.models.support import QUICK, request

PASSING = Transient("busy", status=503)
FINAL = ModelFailed("no", status=400)
REPLY = Reply(text="yes", tokens=Tokens(input=100, output=10))


class Fake:
    """Fails as it is told, then replies; `seconds` is how long it takes."""

    forms: Sequence[Form] = ()

    def __init__(
        self, *failures: Exception, name: str = "fake:one", seconds: float = 0.0, reply: Reply = REPLY
    ) -> None:
        self.name, self.seconds, self.said = name, seconds, reply
        self.failures = list(failures)
        self.asked: list[Request] = []
        self.began: list[float] = []
        self.at_once = self.most_at_once = self.closed = 0

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        self.began.append(time.monotonic())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.failures:
            raise self.failures.pop(0)
        return self.said

    async def close(self) -> None:
        self.closed += 1


class Memory:
    """`Replies` that are kept in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, Reply] = {}

    async def get(self, key: str) -> Reply | None:
        return self.kept.get(key)

    async def put(self, key: str, reply: Reply) -> None:
        self.kept[key] = reply


# --- retries ---------------------------------------------------------------------------------------------------------


async def test_passing_failures_are_tried_again() -> None:
    fake, account = Fake(PASSING, PASSING), Account()
    assert (await LanguageModel(fake, retries=QUICK).ask(request(), account)).text == "yes"
    assert len(fake.asked) == 3
    assert account.usage.roles["critic"].calls == 1


async def test_the_last_failure_is_told_when_the_attempts_are_used_up() -> None:
    fake = Fake(*[PASSING] * 9)
    with pytest.raises(ModelFailed, match="busy"):
        await LanguageModel(fake, retries=QUICK).ask(request(), Account())
    assert len(fake.asked) == 3


@pytest.mark.parametrize(
    "failure", [FINAL, ContextOverflow("long"), ReplayMiss("none"), FormUnsupported("no"), ValueError("a bug")]
)
async def test_nothing_else_is_tried_again(failure: Exception) -> None:
    fake = Fake(failure)
    with pytest.raises(type(failure)):
        await LanguageModel(fake, retries=QUICK).ask(request(), Account())
    assert len(fake.asked) == 1


async def test_the_provider_says_when_to_come_back() -> None:
    fake = Fake(Transient("busy", status=429, wait=0.3))
    await LanguageModel(fake, retries=Retries(attempts=2, first=30.0)).ask(request(), Account())
    assert 0.29 <= fake.began[1] - fake.began[0] < 10


async def test_a_provider_that_asks_for_too_long_is_not_waited_for() -> None:
    fake = Fake(Transient("come back tomorrow", wait=86400))
    with pytest.raises(ModelFailed, match="tomorrow"):
        await LanguageModel(fake, retries=Retries(longest=5)).ask(request(), Account())


@settings(deadline=None)
@given(st.integers(1, 30), st.floats(0, 10), st.floats(0, 100))
def test_waits_grow_up_to_the_longest_and_are_spread(attempt: int, first: float, longest: float) -> None:
    bound = min(longest, first * 2 ** (attempt - 1))
    assert bound / 2 - 1e-9 <= Retries(first=first, longest=longest).wait(attempt, PASSING) <= bound


async def test_retries_through_the_real_client(library: Library, server: ModelServer) -> None:
    server.fail(Fault(status=429, headers={"retry-after": "0.05"}), Fault("reset"), None)
    reply = await library.get("openai:gpt-4o-mini").ask(request(), Account())
    assert reply.text == "you said: Hello."
    assert len(server.asked) == 3


# --- fallbacks -------------------------------------------------------------------------------------------------------


async def test_fallbacks_are_asked_in_their_order() -> None:
    first, second, third = Fake(*[PASSING] * 3), Fake(FINAL, name="fake:two"), Fake(name="fake:three")
    model = LanguageModel(
        first,
        retries=QUICK,
        fallbacks=[LanguageModel(second, retries=QUICK), LanguageModel(third), LanguageModel(Fake())],
    )
    assert (await model.ask(request(), Account())).text == "yes"
    assert [len(fake.asked) for fake in (first, second, third)] == [3, 1, 1]
    await model.close()
    assert first.closed == second.closed == third.closed == 1


async def test_when_all_fail_the_first_failure_is_told_with_the_others() -> None:
    model = LanguageModel(Fake(FINAL), fallbacks=[LanguageModel(Fake(ModelFailed("nor I"), name="fake:two"))])
    with pytest.raises(ModelFailed, match="no") as caught:
        await model.ask(request(), Account())
    assert caught.value.__notes__ == ["fake:two instead: nor I"]


@pytest.mark.parametrize("failure", [ContextOverflow("long"), FormUnsupported("no")])
async def test_what_the_caller_must_mend_is_not_passed_on(failure: Exception) -> None:
    spare = Fake()
    with pytest.raises(type(failure)):
        await LanguageModel(Fake(failure), fallbacks=[LanguageModel(spare)]).ask(request(), Account())
    assert not spare.asked


# --- limits ----------------------------------------------------------------------------------------------------------


async def _many(model: LanguageModel, count: int) -> None:
    await asyncio.gather(*(model.ask(request(str(n)), Account()) for n in range(count)))


async def test_no_more_requests_at_once_than_allowed() -> None:
    fake = Fake(seconds=0.01)
    await _many(LanguageModel(fake, concurrency=3), 12)
    assert fake.most_at_once == 3
    fake = Fake(seconds=0.05)
    await _many(LanguageModel(fake), 12)
    assert fake.most_at_once == 12


async def test_no_more_requests_at_once_reach_the_server(server: ModelServer) -> None:
    server.seconds = 0.03
    library = Library(base_url=server.url, concurrency=4)
    await _many(library.get("openai:gpt-4o-mini"), 12)
    assert server.most_at_once <= 4
    await library.close()


async def test_the_wait_before_a_retry_is_nobody_elses_wait() -> None:
    fake = Fake(Transient("busy", wait=0.5))
    model = LanguageModel(fake, concurrency=1)
    slow = asyncio.create_task(model.ask(request("one"), Account()))
    await asyncio.sleep(0.05)
    await model.ask(request("two"), Account())
    assert not slow.done()
    await slow


async def test_requests_begin_no_faster_than_allowed() -> None:
    fake = Fake()
    await _many(LanguageModel(fake, requests_per_second=50), 6)
    gaps = [after - before for before, after in zip(fake.began, fake.began[1:], strict=False)]
    assert len(gaps) == 5
    assert sum(gaps) >= 5 / 50 - 0.01


def test_limits_hold_in_event_loops_one_after_another() -> None:
    fake = Fake(seconds=0.01)
    model = LanguageModel(fake, concurrency=2, requests_per_second=1000)
    for _ in range(3):
        asyncio.run(_many(model, 5))
    assert fake.most_at_once == 2


async def test_a_cancelled_call_gives_everything_back() -> None:
    fake = Fake(seconds=30)
    model = LanguageModel(fake, concurrency=2)
    waiting = [asyncio.create_task(model.ask(request(str(n)), Account())) for n in range(6)]
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True)
    )
    fake.seconds = 0
    async with asyncio.timeout(10):
        await _many(model, 6)
    assert fake.at_once == 0


async def test_a_call_that_is_cancelled_while_it_waits_for_its_turn_in_time_gives_it_back() -> None:
    model = LanguageModel(Fake(), concurrency=1, requests_per_second=2)
    await model.ask(request(), Account())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await model.ask(request(), Account())
    async with asyncio.timeout(10):
        await model.ask(request(), Account())


async def test_turns_in_time_of_cancelled_calls_are_taken_by_later_ones() -> None:
    model = LanguageModel(Fake(), requests_per_second=2)
    waiting = [asyncio.create_task(model.ask(request(str(n)), Account())) for n in range(200)]
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(30):  # not the 100 seconds of all those
        await asyncio.gather(*(model.ask(request(str(n)), Account()) for n in range(3)))


@pytest.mark.parametrize(
    "make", [lambda: LanguageModel(Fake(), concurrency=0), lambda: LanguageModel(Fake(), requests_per_second=0)]
)
def test_limits_that_allow_nothing_are_refused(make: Callable[[], LanguageModel]) -> None:
    with pytest.raises(InputError):
        make()


# --- accounts --------------------------------------------------------------------------------------------------------


async def test_usage_is_kept_by_role() -> None:
    model = LanguageModel(Fake(), prices=Prices(input=10, output=100))
    account = Account()
    for role in ("proposer", "critic", "critic"):
        await model.ask(request(role=role), account)
    critic = account.usage.roles["critic"]
    assert (critic.calls, critic.input_tokens, critic.output_tokens) == (2, 200, 20)
    assert critic.cost == pytest.approx(2 * (100 * 10 + 10 * 100) / 1e6)
    assert account.usage.roles["proposer"].calls == 1
    assert account.usage.tokens == 330


@pytest.mark.parametrize("limit", [{"tokens": 150}, {"cost": 0.003}])
async def test_a_budget_ends_the_asking(limit: dict[str, float]) -> None:
    fake = Fake()
    model = LanguageModel(fake, prices=Prices(input=10, output=100))
    account = Account("step", **limit)  # type: ignore[arg-type]
    await model.ask(request(), account)
    await model.ask(request(), account)
    with pytest.raises(BudgetSpent):
        await model.ask(request(), account)
    assert len(fake.asked) == 2


async def test_what_was_answered_is_not_asked_again() -> None:
    fake, memory = Fake(), Memory()
    model = LanguageModel(fake, prices=Prices(input=1, output=1))
    first, again = (Account("run/1/propose", replies=memory) for _ in range(2))
    for account in (first, again):
        assert (await model.ask(request("a"), account)).text == "yes"
        assert (await model.ask(request("b"), account)).text == "yes"
        assert (await model.ask(request("a"), account)).text == "yes"
    assert [asked.messages[-1].text for asked in fake.asked] == ["a", "b", "a"]
    assert first.usage == again.usage, "what a step has spent is known when it is done again"
    await model.ask(request("a"), Account("run/2/propose", replies=memory))
    assert len(fake.asked) == 4


async def test_what_was_answered_is_told_again_whatever_the_budget() -> None:
    """Two requests began together within the budget; done again, each must find its answer, in whatever order."""
    fake, memory = Fake(), Memory()
    model = LanguageModel(fake)
    for _ in range(2):
        account = Account("s", tokens=100, replies=memory)
        await asyncio.gather(*(model.ask(request(text), account) for text in "ab"))
        with pytest.raises(BudgetSpent):
            await model.ask(request("c"), account)
    assert len(fake.asked) == 2


async def test_a_reply_that_cannot_be_kept_is_spent() -> None:
    class Full(Memory):
        async def put(self, key: str, reply: Reply) -> None:
            raise DiskFull("no room")

    account = Account("s", replies=Full())
    with pytest.raises(DiskFull):
        await LanguageModel(Fake()).ask(request(), account)
    assert account.usage.tokens == 110


async def test_a_failure_is_not_remembered() -> None:
    fake, memory = Fake(FINAL), Memory()
    model = LanguageModel(fake)
    with pytest.raises(ModelFailed):
        await model.ask(request(), Account("s", replies=memory))
    assert not memory.kept
    assert (await model.ask(request(), Account("s", replies=memory))).text == "yes"


async def test_no_second_request_reaches_the_server(library: Library, server: ModelServer) -> None:
    memory, model = Memory(), library.get("openai:gpt-4o-mini")
    replies = [await model.ask(request(), Account("s", replies=memory)) for _ in range(3)]
    assert len(server.asked) == 1
    assert replies[0] == replies[2]


async def test_seconds_are_measured() -> None:
    reply = await LanguageModel(Fake(seconds=0.05)).ask(request(), Account())
    assert reply.seconds >= 0.045


async def test_each_reply_is_told_to_the_recorder_once() -> None:
    told: list[tuple[Request, Reply]] = []

    class Tape:
        def add(self, request: Request, reply: Reply, forms: Sequence[Form]) -> None:
            told.append((request, reply))

    memory = Memory()
    model = LanguageModel(Fake(PASSING), retries=QUICK, recorder=Tape(), prices=Prices(input=1, output=1))
    for _ in range(2):
        await model.ask(request(), Account("s", replies=memory))
    assert len(told) == 1
    assert told[0][1].cost == pytest.approx(110 / 1e6)
