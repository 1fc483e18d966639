"""A server that speaks the providers' protocols, and a model that talks to it in each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from revet.models import LangChainBackend, Library
from tests.models.servers import ModelServer
from tests.models.support import MODELS, QUICK


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Answers with the shortest thing that fits; see `ModelServer.answer` and `fail`."""
    with ModelServer() as server:
        yield server


@pytest.fixture(params=MODELS)
async def backend(request: pytest.FixtureRequest, server: ModelServer) -> AsyncIterator[LangChainBackend]:
    """The real client of each protocol, whole and streaming, against the server."""
    backend = LangChainBackend(MODELS[request.param](server), name=f"openai:{request.param}")
    yield backend
    await backend.close()


@pytest.fixture
async def library(server: ModelServer) -> AsyncIterator[Library]:
    """A library whose ``openai:…`` models are served by the server."""
    library = Library(base_url=server.url, retries=QUICK)
    yield library
    await library.close()
