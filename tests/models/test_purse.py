"""A budget that many runs share, and limits that all models of a provider share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import BudgetSpent, InputError
from revet.models import Account, Form, LanguageModel, Library, Reply, Request, Retries, Tokens
from revet.models.library import pricing
from revet.models.limits import ProviderLimits
from revet.models.purse import Purse
from revet.models.retry import Transient
from revet.models.scripted import ScriptedModel
from tests.models.support import request


class Spender:
    """Takes `tokens` and `cost` for each call; keeps how much of a purse was spent when each began."""

    forms: Sequence[Form] = ()

    def __init__(self, purse: Purse, *, tokens: int = 10, cost: float = 0.5, seconds: float = 0.0) -> None:
        self.name, self.purse, self.seconds = "fake:spender", purse, seconds
        self.said = Reply(text="yes", tokens=Tokens(input=tokens - 1, output=1), cost=cost)
        self.spent_before: list[tuple[int, float]] = []

    async def reply(self, request: Request) -> Reply:
        self.spent_before.append(self.purse.taken)
        await asyncio.sleep(self.seconds)
        return self.said

    async def close(self) -> None: ...


class Fails:
    """Fails as it is told, then replies; keeps when it was asked."""

    forms: Sequence[Form] = ()

    def __init__(self, *failures: Exception, name: str = "fake:one") -> None:
        self.name, self.failures, self.began = name, list(failures), list[float]()

    async def reply(self, request: Request) -> Reply:
        self.began.append(time.monotonic())
        if self.failures:
            raise self.failures.pop(0)
        return Reply(text="yes")

    async def close(self) -> None: ...


async def _spend(model: LanguageModel, purse: Purse, count: int) -> list[BaseException | Reply]:
    """What so many calls at once gave, each for a run of its own."""
    asked = (model.ask(request(str(number)), Account(purse=purse)) for number in range(count))
    return await asyncio.gather(*asked, return_exceptions=True)


# --- the budget of a batch -------------------------------------------------------------------------------------


def test_a_purse_says_when_it_is_spent_and_names_the_option() -> None:
    purse = Purse(tokens=100, cost=1.0)
    assert purse.spent is None
    purse.add(Reply(text="", tokens=Tokens(input=90, output=9), cost=0.2))
    purse.check()
    purse.add(Reply(text="", tokens=Tokens(input=0, output=1)))
    assert purse.taken == (100, 0.2)
    with pytest.raises(BudgetSpent, match=r"the batch's budget of tokens is spent \(100 of 100; --total-tokens\)"):
        purse.check()
    assert "(1.5 of 1 US dollars; --total-cost)" in str(_spent(Purse(cost=1.0), 1.5))
    assert _spent(Purse(), 1e9) is None


def _spent(purse: Purse, cost: float) -> str | None:
    purse.add(Reply(text="", cost=cost))
    return purse.spent


async def test_what_a_run_was_told_before_a_crash_is_not_paid_again() -> None:
    class Kept:
        def __init__(self) -> None:
            self.kept: dict[str, Reply] = {}

        async def get(self, key: str) -> Reply | None:
            return self.kept.get(key)

        async def put(self, key: str, reply: Reply) -> None:
            self.kept[key] = reply

    purse, replies = Purse(tokens=10), Kept()
    model = LanguageModel(Spender(purse))
    await model.ask(request(), Account("step", replies=replies, purse=purse))
    assert purse.spent is not None
    again = Account("step", replies=replies, purse=purse)
    assert (await model.ask(request(), again)).text == "yes"
    assert purse.taken == (10, 0.5) and again.usage.tokens == 10
    with pytest.raises(BudgetSpent, match="--total-tokens"):
        await model.ask(request("another"), again)


@settings(deadline=None, max_examples=60)
@given(
    budget=st.integers(1, 200),
    each=st.integers(1, 40),
    at_once=st.integers(1, 6),
    calls=st.integers(1, 40),
    dollars=st.none() | st.floats(0.1, 5.0),
)
def test_no_call_begins_once_it_is_spent(
    budget: int, each: int, at_once: int, calls: int, dollars: float | None
) -> None:
    """Also where it was spent while the call waited for its turn. What goes beyond is at most what was under way."""
    purse = Purse(budget, dollars)
    spender = Spender(purse, tokens=each, cost=0.25, seconds=0.0005)
    model = LanguageModel(spender, concurrency=at_once)
    ends = asyncio.run(_spend(model, purse, calls))
    told = [end for end in ends if isinstance(end, Reply)]
    assert all(isinstance(end, Reply | BudgetSpent) for end in ends)
    assert all(tokens < budget and (dollars is None or cost < dollars) for tokens, cost in spender.spent_before)
    assert purse.taken == (each * len(told), pytest.approx(0.25 * len(told)))
    assert len(told) == len(spender.spent_before)
    assert purse.taken[0] < budget + each * at_once
    assert len(told) == calls or purse.spent is not None


def test_it_is_one_purse_for_all_threads_and_loops() -> None:
    purse = Purse(tokens=2_000)
    models = [LanguageModel(Spender(purse, tokens=10), concurrency=1) for _ in range(4)]
    threads = [threading.Thread(target=lambda m=model: asyncio.run(_spend(m, purse, 100))) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = sum(len(model.backend.spent_before) for model in models)  # type: ignore[attr-defined]
    assert purse.taken[0] == told * 10 and 2_000 <= purse.taken[0] <= 2_000 + 3 * 10


def test_a_cost_that_nobody_knows_is_not_limited() -> None:
    Purse(tokens=5).admit("openai:unheard-of", priced=False)
    Purse(cost=5.0).admit("openai:gpt-5-mini", priced=True)
    with pytest.raises(InputError, match="what openai:unheard-of costs is not known") as caught:
        Purse(cost=5.0).admit("openai:unheard-of", priced=False)
    assert "--total-tokens" in (caught.value.hint or "")


def test_prices_are_known_by_name() -> None:
    assert pricing("openai:gpt-5-mini").known
    assert not pricing("openai:unheard-of").known
    for free in ("scripted:a.yaml", "replay:a.jsonl", "transformers:tiny", "ollama:llama3"):
        assert pricing(free).cost(Reply(text="", tokens=Tokens(input=1_000_000, output=1_000_000))) == 0.0


# --- limits of a provider ---------------------------------------------------------------------------------------


def test_models_of_one_provider_have_the_same_limits() -> None:
    limits = ProviderLimits(2)
    here, there = limits.of("openai:a"), limits.of("openai:a", "http://localhost:1/v1")
    assert limits.of("openai:b") is here and there is not here
    assert limits.of("openai:b", "http://localhost:1/v1") is there
    assert limits.of("anthropic:a") not in (here, there)


def test_libraries_share_the_limits_that_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    limits = ProviderLimits(2)
    one = Library(limits=limits).wrap(ScriptedModel([], name="openai:a"))
    two = Library(limits=limits).wrap(ScriptedModel([], name="openai:b"))
    own = Library(limits=limits, base_url="http://localhost:1/v1").wrap(ScriptedModel([], name="openai:b"))
    assert one.limits is two.limits and own.limits is not one.limits
    with pytest.raises(InputError, match="settings of the limits"):
        Library(limits=limits, concurrency=2)
    with pytest.raises(InputError, match="at least one request"):
        ProviderLimits(0)


async def test_no_more_requests_at_once_to_a_provider_than_allowed() -> None:
    purse, limits = Purse(), ProviderLimits(3)
    under_way, most = 0, 0

    class Counts(Spender):
        async def reply(self, request: Request) -> Reply:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1
            return self.said

    models = [LanguageModel(Counts(purse), limits=limits.of(name)) for name in ("fake:a", "fake:b")]
    await asyncio.gather(*(model.ask(request(str(n)), Account()) for model in models for n in range(6)))
    assert most == 3


async def test_one_refusal_that_names_a_time_holds_all_requests_to_the_provider_back() -> None:
    limits = ProviderLimits()
    busy = Fails(Transient("too many requests", status=429, wait=0.3), name="fake:a")
    other, elsewhere = Fails(name="fake:b"), Fails(name="another:c")
    first, second, third = (LanguageModel(each, limits=limits.of(each.name)) for each in (busy, other, elsewhere))
    refused = asyncio.create_task(first.ask(request(), Account()))
    await asyncio.sleep(0.05)
    await third.ask(request(), Account())
    assert not refused.done()
    await asyncio.gather(*(second.ask(request(str(n)), Account()) for n in range(20)))
    await refused
    assert all(began >= busy.began[0] + 0.3 for began in (*other.began, *busy.began[1:]))
    assert elsewhere.began[0] < busy.began[0] + 0.3


async def test_a_pause_that_nobody_waits_for_holds_nobody_back() -> None:
    retries = Retries(attempts=2, longest=1.0)
    busy = LanguageModel(Fails(Transient("come back tomorrow", status=429, wait=86_400.0)), retries=retries)
    with pytest.raises(Transient):
        await busy.ask(request(), Account())
    async with asyncio.timeout(5):
        await busy.ask(request(), Account())


async def test_after_a_pause_requests_are_spaced_as_before() -> None:
    limits = ProviderLimits(requests_per_second=50)
    fails = Fails()
    model = LanguageModel(fails, limits=limits.of("fake:one"))
    waiting = [asyncio.create_task(model.ask(request(str(n)), Account())) for n in range(6)]
    await asyncio.sleep(0.03)
    begun = len(fails.began)
    limits.of("fake:one").pause(0.2)
    await asyncio.gather(*waiting)
    late = fails.began[begun:]
    assert begun < 6 and late[0] - fails.began[0] >= 0.2
    assert late[-1] - late[0] >= (len(late) - 1) / 50 - 0.02


async def test_a_call_that_is_cancelled_in_a_pause_gives_its_turn_back() -> None:
    limits = ProviderLimits(1)
    model = LanguageModel(Fails(), limits=limits.of("fake:one"))
    limits.of("fake:one").pause(0.2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await model.ask(request(), Account())
    async with asyncio.timeout(5):
        await model.ask(request(), Account())
