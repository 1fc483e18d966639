"""How a local model ends: with the program, in a fork of it, while it is loaded, and when its device is lost."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.messages import HumanMessage

from revet.errors import ContextOverflow, HostError, ModelFailed
from revet.models.local import loading

Chat = Callable[..., Any]

PROGRAM = """
import os, sys, threading
import torch
from revet.errors import ModelFailed
from revet.models.local import ChatTransformers

torch.set_num_threads(1)
model = ChatTransformers(model=sys.argv[1], max_tokens=4000)
model.invoke("Look", max_tokens=2)

def ask():
    try:
        model.invoke("Look")
    except ModelFailed:
        pass

for _ in range(2):
    threading.Thread(target=ask, daemon=True).start()
at = model.engine.forwards
while model.engine.forwards < at + 3:
    pass
if os.fork() == 0:
    try:
        model.invoke("Look", max_tokens=2)
    except ModelFailed as error:
        print(str(error).splitlines()[0], flush=True)
    model.close()
    os._exit(0)
os.wait()
print("under way", model.engine._working is not None)
"""


def test_the_program_ends_though_the_model_is_at_work_and_a_fork_of_it_does_not_wait(
    folder: Callable[..., Path],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder())], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines() == [
        "a local model cannot be used in a process forked from the one that loaded it",
        "under way True",
    ]
    assert done.returncode == 0, done.stderr
    assert "terminate called" not in done.stderr


async def test_closing_does_not_wait_for_a_load_and_drops_what_it_brings(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, go, brought = loading.load, threading.Event(), list[weakref.ref[Any]]()

    def slow(*given: Any, **more: Any) -> Any:
        assert go.wait(60)
        loaded = load(*given, **more)
        brought.append(weakref.ref(loaded.model))
        return loaded

    monkeypatch.setattr(loading, "load", slow)
    model = chat()
    asked = asyncio.ensure_future(model.ainvoke("Look"))
    await asyncio.sleep(0.05)
    model.close()  # on this loop: it must not stand still
    go.set()
    with pytest.raises(ModelFailed, match="closed while it was loaded"):
        await asked
    del asked
    gc.collect()
    assert [ref() for ref in brought] == [None]


async def test_a_load_that_fails_keeps_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    brought: list[weakref.ref[Any]] = []

    def half(*_: Any, **__: Any) -> None:
        weights = torch.nn.Linear(8, 8)
        brought.append(weakref.ref(weights))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", half)
    with pytest.raises(HostError, match="not enough memory") as caught:
        await chat().ainvoke("Look")
    gc.collect()
    assert caught.value.__cause__ is not None
    assert [ref() for ref in brought] == [None]


async def test_a_device_that_is_lost_hangs_nobody(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    model = chat()
    await model.ainvoke("Look")

    def lost(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    def full(**_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model.engine.ready().result().loaded.model, "forward", full)
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "empty_cache", lost)
        async with asyncio.timeout(60):
            with pytest.raises(ContextOverflow):
                await model.ainvoke("Look")


async def test_a_cancelled_request_at_the_head_holds_up_nobody(chat: Chat) -> None:
    model = chat(max_batch_tokens=1200, gather=0.0)
    ready = model.engine.ready().result()

    def ask(room: int) -> Any:
        return model._ask(ready, [HumanMessage("Look")], None, {"max_tokens": room})

    long = model.engine.submit(ask(500))
    wide = model.engine.submit(ask(3000))
    short = model.engine.submit(ask(5))
    wide.cancel()
    done = await asyncio.wrap_future(short)
    assert done.tokens == 5
    assert not long.done()
    long.cancel()
