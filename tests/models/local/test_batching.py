"""Many requests, one model: they share forward passes, and nobody's text depends on who else is there."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import ContextOverflow, InputError, ModelFailed
from revet.models.local.batch import Prefixes, alike
from tests.models.local.tiny import CONTEXT

Chat = Callable[..., Any]
KINDS = ("llama", "mistral", "lfm2", "gpt2")
PROMPTS = ["then " * count + "what?" for count in (1, 40, 7, 19, 2, 33)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if true():
                return
            await asyncio.sleep(0.0005)


async def texts(model: Any, prompts: list[str], **each: Any) -> list[str]:
    return [said.content for said in await asyncio.gather(*(model.ainvoke(prompt, **each) for prompt in prompts))]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_says_what_each_says_alone(chat: Chat, kind: str) -> None:
    model = chat(kind, gather=0.05)
    alone = [(await model.ainvoke(prompt)).content for prompt in PROMPTS]
    before = model.engine.forwards
    assert await texts(model, PROMPTS) == alone
    assert model.engine.widest > 1
    # One pass for each token of all, and a few for those who came late or begin alike; alone it is one for each token.
    assert model.engine.forwards - before < before / 2
    assert all(alone)


@pytest.mark.parametrize("kind", KINDS)
async def test_newcomers_join_a_running_batch(chat: Chat, kind: str) -> None:
    model = chat(kind, gather=0.0)
    alone = [(await model.ainvoke(prompt, max_tokens=60)).content for prompt in PROMPTS]
    late = [asyncio.ensure_future(model.ainvoke(PROMPTS[0], max_tokens=60))]
    for prompt in PROMPTS[1:]:
        at = model.engine.forwards
        await until(lambda at=at: model.engine.forwards >= at + 3 or late[0].done())
        late.append(asyncio.ensure_future(model.ainvoke(prompt, max_tokens=60)))
    assert [said.content for said in await asyncio.gather(*late)] == alone
    assert model.engine.widest >= 2


async def test_each_row_has_its_own_settings_and_seed(chat: Chat) -> None:
    model = chat(gather=0.05)
    settings = [
        {"temperature": 0.0},
        {"temperature": 1.0, "seed": 1},
        {"temperature": 1.0, "seed": 2},
        {"temperature": 0.7, "top_p": 0.5, "seed": 1},
        {"temperature": 1.5, "top_k": 5, "seed": 1},
        {"temperature": 1.0, "seed": 1, "max_tokens": 5},
        {"temperature": 1.0, "seed": 1, "repetition_penalty": 1.3},
    ]
    alone = [(await model.ainvoke("Look", **each)).content for each in settings]
    together = await asyncio.gather(*(model.ainvoke("Look", **each) for each in settings))
    assert [said.content for said in together] == alone
    assert len(set(alone)) == len(alone)
    assert alone[1].startswith(alone[5])


@pytest.mark.parametrize(
    "bad", [{"top_p": -1.0}, {"repetition_penalty": 0.0}, {"temperature": -1.0}, {"max_tokens": 0}]
)
async def test_settings_that_mean_nothing_fail_only_who_gave_them(chat: Chat, bad: dict[str, Any]) -> None:
    model = chat(max_tokens=200)
    await model.ainvoke("Look", max_tokens=1)
    other = asyncio.ensure_future(model.ainvoke("Look"))
    at = model.engine.forwards
    await until(lambda: model.engine.forwards > at)
    with pytest.raises(InputError, match="cannot be"):
        await model.ainvoke("Look", **{"temperature": 1.0, **bad})
    assert (await other).content


async def test_without_a_seed_samples_differ(chat: Chat) -> None:
    model = chat(temperature=1.0)
    assert len(set(await texts(model, ["Look"] * 4))) > 1


async def test_those_who_are_done_leave_at_once(chat: Chat) -> None:
    model = chat(gather=0.05)
    await model.ainvoke("Look")
    order: list[int] = []

    async def one(room: int) -> None:
        await model.ainvoke(f"Look {room}", max_tokens=room)
        order.append(room)

    before = model.engine.computed
    await asyncio.gather(one(400), one(4), one(8))
    assert order[-1] == 400
    # The long one pays for itself alone; if the others had stayed, it would be three times that.
    assert model.engine.computed - before < 400 + 12 + 3 * 40


def test_many_event_loops_share_a_model(chat: Chat) -> None:
    model = chat(gather=0.05)
    expected = asyncio.run(texts(model, PROMPTS))
    found: dict[int, list[str]] = {}

    def loop(number: int) -> None:
        found[number] = asyncio.run(texts(model, PROMPTS))

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [expected] * 3
    assert model.engine.widest > 1


async def test_rows_and_tokens_at_once_are_limited(chat: Chat) -> None:
    few = chat(max_batch=2, gather=0.05)
    alone = [(await few.ainvoke(prompt)).content for prompt in PROMPTS]
    assert await texts(few, PROMPTS) == alone
    assert few.engine.widest == 2
    narrow = chat(max_batch_tokens=1, gather=0.05)
    assert await texts(narrow, PROMPTS) == alone
    assert narrow.engine.widest == 1


async def test_a_cancelled_request_leaves_and_the_others_go_on(chat: Chat) -> None:
    model = chat(gather=0.05)
    alone = (await model.ainvoke("Look", max_tokens=300)).content
    before = model.engine.computed
    dropped = [asyncio.ensure_future(model.ainvoke(f"Look {n}", max_tokens=1500)) for n in range(3)]
    kept = asyncio.ensure_future(model.ainvoke("Look", max_tokens=300))
    await until(lambda: model.engine.computed - before >= 500)
    for task in dropped:
        task.cancel()
    assert (await kept).content == alone
    assert all(task.cancelled() for task in await settled(dropped))
    await until(lambda: model.engine._working is None)
    assert model.engine.computed - before < 3000


async def settled(tasks: list[asyncio.Future[Any]]) -> list[asyncio.Future[Any]]:
    await asyncio.wait(tasks)
    return tasks


async def test_memory_that_runs_out_halves_the_batch(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    model = chat(gather=0.05)
    alone = [(await model.ainvoke(prompt)).content for prompt in PROMPTS]
    loaded = model.engine.ready().result().loaded
    forward = loaded.model.forward

    def scarce(*, input_ids: torch.Tensor, **more: Any) -> Any:
        if input_ids.shape[0] > 2:
            raise torch.OutOfMemoryError("out of memory")
        return forward(input_ids=input_ids, **more)

    monkeypatch.setattr(loaded.model, "forward", scarce)
    assert await texts(model, PROMPTS) == alone
    assert model.engine.rows <= 3
    monkeypatch.setattr(loaded.model, "forward", lambda **_: (_ for _ in ()).throw(torch.OutOfMemoryError("no")))
    with pytest.raises(ContextOverflow, match="memory ran out for a prompt of"):
        await model.ainvoke("Look")


async def test_a_failure_of_the_model_fails_who_asked_and_nobody_later(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = chat()
    expected = (await model.ainvoke("Look")).content
    loaded = model.engine.ready().result().loaded
    with monkeypatch.context() as patch:
        patch.setattr(loaded.model, "forward", lambda **_: 1 / 0)
        with pytest.raises(ModelFailed, match="ZeroDivisionError"):
            await model.ainvoke("Look")
    assert (await model.ainvoke("Look")).content == expected


async def test_closing_frees_the_model_and_fails_what_is_under_way(chat: Chat) -> None:
    model = chat(max_tokens=1500)
    copy = model.model_copy(update={"temperature": 1.0})
    await copy.ainvoke("Look", max_tokens=3)
    ready = model.engine.ready().result()
    gone = [weakref.ref(ready.loaded.model), weakref.ref(ready.loaded.model.get_input_embeddings().weight)]
    del ready
    under_way = asyncio.ensure_future(model.ainvoke("Look"))
    at = model.engine.forwards
    await until(lambda: model.engine.forwards >= at + 3)
    await model.aclose()
    with pytest.raises(ModelFailed, match="closed"):
        await under_way
    del under_way
    # The thread that generated lets go of its last step when it ends, which may be a moment later.
    await until(lambda: gc.collect() >= 0 and [ref() for ref in gone] == [None, None])
    model.close()
    with pytest.raises(ModelFailed, match="closed"):
        await copy.ainvoke("Look")
    assert not [thread for thread in threading.enumerate() if thread.name == "revet-model"]


async def test_a_common_beginning_is_computed_once_and_changes_nothing(chat: Chat) -> None:
    shared, unshared = chat(gather=0.05), chat(gather=0.05, prefix_tokens=0)
    rules = ("system", "Look at the evidence first, then at the draft. " * 12)
    prompts = [[rules, ("user", f"Draft {'x' * number}")] for number in range(12)]
    first = await asyncio.gather(*(shared.ainvoke(prompt) for prompt in prompts))
    plain = await asyncio.gather(*(unshared.ainvoke(prompt) for prompt in prompts))
    assert [said.content for said in first] == [said.content for said in plain]
    assert shared.engine.computed < unshared.engine.computed / 2
    before = shared.engine.computed
    again = await shared.ainvoke(prompts[0])
    assert again.content == first[0].content
    assert again.usage_metadata["input_token_details"]["cache_read"] > 100
    assert shared.engine.computed - before < 100 + 24


async def test_a_model_with_windows_shares_no_beginnings(chat: Chat) -> None:
    model = chat("mistral", gather=0.05)
    for _ in range(2):
        said = await model.ainvoke("Look at the evidence first, then at the draft. " * 12)
        assert said.usage_metadata["input_token_details"]["cache_read"] == 0


def test_kept_beginnings_are_bounded() -> None:
    kept = Prefixes(200)
    for number in range(10):
        kept.put(tuple(range(number, number + 90)), object())
    assert sum(kept.get(tuple(range(number, number + 90))) is not None for number in range(10)) == 2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_how_far_two_texts_are_alike(one: list[int], other: list[int]) -> None:
    length = alike(tuple(one), tuple(other))
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]


async def test_a_prompt_that_does_not_fit_says_how_much_does(chat: Chat) -> None:
    model = chat()
    with pytest.raises(ContextOverflow, match=f"do not fit into the {CONTEXT} of") as caught:
        await model.ainvoke("Look " * CONTEXT)
    assert caught.value.limit == CONTEXT
    with pytest.raises(ContextOverflow):
        await model.ainvoke("Look", max_tokens=CONTEXT)
    small = chat(context=64)
    with pytest.raises(ContextOverflow) as caught:
        await small.ainvoke("Look " * 60)
    assert caught.value.limit == 64
    # Without a wish, an answer may take what is left.
    said = await chat(context=64, max_tokens=None).ainvoke("Look")
    assert said.usage_metadata["total_tokens"] <= 64


async def test_one_who_gives_up_while_it_loads_takes_it_from_nobody(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    from revet.models.local import loading

    load, go = loading.load, threading.Event()

    def slow(name: str, *given: Any, **more: Any) -> Any:
        assert go.wait(60)
        return load(name, *given, **more)

    monkeypatch.setattr(loading, "load", slow)
    model = chat()
    gone, stays = (asyncio.ensure_future(model.ainvoke("Look")) for _ in range(2))
    await asyncio.sleep(0.05)
    gone.cancel()
    await settled([gone])
    go.set()
    assert (await stays).content
    assert gone.cancelled()


async def test_loading_does_not_hold_up_the_loop(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    from revet.models.local import loading

    load, calls = loading.load, list[str]()

    def slow(name: str, *given: Any, **more: Any) -> Any:
        calls.append(name)
        time.sleep(0.3)
        return load(name, *given, **more)

    monkeypatch.setattr(loading, "load", slow)
    model = chat()
    asked = asyncio.gather(*(model.ainvoke("Look") for _ in range(4)))
    ticks = 0
    while not asked.done():
        ticks += 1
        await asyncio.sleep(0.01)
    await asked
    assert ticks > 3
    assert len(calls) == 1
