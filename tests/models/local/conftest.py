"""Tiny models on disk, made once, and chat models of them that are closed when a test ends."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra `local` is not installed")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """More threads cost time with matrices this small, and could change the order of sums."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package", autouse=True)
def _little_to_collect(folder: Callable[..., Path]) -> Iterator[None]:
    """Each model that is closed collects garbage, and the libraries are a quarter of a second of looking every time."""
    from revet.models.local.engine import Ready
    from revet.models.local.loading import load

    Ready(load(str(folder()), {}), 0)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model of a kind."""
    from tests.models.local.tiny import make_model

    made: dict[str, Path] = {}

    def of(kind: str = "llama") -> Path:
        if kind not in made:
            made[kind] = make_model(tmp_path_factory.mktemp("model") / kind, kind)
        return made[kind]

    return of


@pytest.fixture
def chat(folder: Callable[[str], Path]) -> Iterator[Callable[..., Any]]:
    """Makes chat models: ``chat("gpt2", temperature=0.5)``."""
    from revet.models.local import ChatTransformers

    opened: list[Any] = []

    def make(kind: str = "llama", **settings: Any) -> Any:
        opened.append(ChatTransformers(**{"model": str(folder(kind)), "max_tokens": 24, **settings}))
        return opened[-1]

    yield make
    for model in opened:
        model.close()
