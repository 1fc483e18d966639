"""Content of several kinds (text, pictures, resources), as tools of LangChain and of MCP servers give it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from revet.tools.adapters._results import shown

__all__ = ["Content", "content_of"]

MOST_BLOCKS, MOST_PICTURES, LARGEST_PICTURE = 200, 4, 4 * 1024 * 1024


class Content(NamedTuple):
    """`text` is bounded, `pictures` are ``data:`` URLs."""

    text: str
    pictures: tuple[str, ...]


def content_of(blocks: Iterable[object]) -> Content:
    """Blocks as dicts with a ``type``, or plain text. What is no text and no picture is named, not shown."""
    lines: list[str] = []
    pictures: list[str] = []
    for number, block in enumerate(blocks):
        if number == MOST_BLOCKS:
            lines.append("(more follows, and is left out)")
            break
        text = _text(block)
        picture = _picture(block) if text is None and isinstance(block, Mapping) else None
        if text is not None:
            lines.append(text)
        elif picture is None:
            lines.append(_named(block))
        elif len(pictures) == MOST_PICTURES or len(picture) > LARGEST_PICTURE:
            lines.append("(a picture that is too large, or one too many)")
        else:
            pictures.append(picture)
            lines.append(f"(picture {len(pictures)})")
    return Content(shown("\n".join(lines).strip()), tuple(pictures))


def _text(block: object) -> str | None:
    if isinstance(block, str):
        return block
    if not isinstance(block, Mapping):
        return None
    inner = block.get("resource")
    for text in (block.get("text"), inner.get("text") if isinstance(inner, Mapping) else None):
        if isinstance(text, str):
            return text
    return None


def _picture(block: Mapping[str, Any]) -> str | None:
    """A picture as MCP has it (``data``, ``mimeType``), as LangChain has it (``base64``), or as an ``image_url``."""
    url = block.get("image_url") or block.get("url")
    url = url.get("url") if isinstance(url, Mapping) else url
    if isinstance(url, str) and url.startswith("data:image/"):
        return url
    inner = block.get("resource")
    holder = inner if isinstance(inner, Mapping) else block
    mime = holder.get("mimeType") or holder.get("mime_type")
    data = holder.get("data") or holder.get("base64") or holder.get("blob")
    if isinstance(mime, str) and mime.startswith("image/") and isinstance(data, str):
        return f"data:{mime};base64,{data}"
    return None


def _named(block: object) -> str:
    if not isinstance(block, Mapping):
        return f"(a {type(block).__name__})"
    inner = block.get("resource")
    where = block.get("uri") or block.get("url") or (inner.get("uri") if isinstance(inner, Mapping) else None)
    return f"({block.get('type', 'something')}{f' at {where}' if isinstance(where, str) else ''})"
