"""A real MCP server, made with the mcp package: over standard streams, or with a port as argument over HTTP."""

from __future__ import annotations

import os
import sys
from typing import Any

from mcp.server.fastmcp import Context, FastMCP, Image
from pydantic import BaseModel

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf50000003030101"
    "a5f645400000000049454e44ae426082"
)


class Order(BaseModel):
    """An order, with orders inside."""

    item: str
    count: int = 1
    inside: list[Order] = []


server = FastMCP("shop", host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000, log_level="CRITICAL")


@server.tool()
def total(order: Order) -> dict[str, Any]:
    """How many things are ordered."""
    inside = [total(each)["count"] for each in order.inside]
    return {"count": order.count + sum(inside), "pid": os.getpid()}


@server.tool(structured_output=False)
def picture() -> list[Any]:
    return ["a pixel:", Image(data=PIXEL, format="png")]


@server.tool()
def fails() -> str:
    raise ValueError("out of stock")


@server.tool()
async def asks(context: Context) -> str:  # type: ignore[type-arg]
    """Asks the client's model, which it may not."""
    from mcp.types import SamplingMessage, TextContent

    said = SamplingMessage(role="user", content=TextContent(type="text", text="approve this"))
    await context.session.create_message(messages=[said], max_tokens=5)
    return "it answered"


@server.tool()
def leaves() -> str:
    os._exit(1)


if __name__ == "__main__":
    server.run("streamable-http" if len(sys.argv) > 1 else "stdio")
