"""The form of recordings: JSON Lines, a header ``{"revet_recording": 1}``, then a line for each exchange."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from revet.errors import InputError, ModelNotFound
from revet.models.alike import Masked
from revet.models.wire import Message, Reply, Request
from revet.schema import Model, utcnow

__all__ = ["HEADER", "VERSION", "Exchange", "Recorded", "check_header", "encoded", "load", "without_images"]

HEADER = "revet_recording"
VERSION = 1
"""Of the form of recordings. A recording of another version cannot be read."""

_log = logging.getLogger(__name__)


class Exchange(Model):
    """One line of a recording. `digest` is the request's, for whoever reads the file: it is not relied upon."""

    digest: str
    role: str
    request: Request
    reply: Reply
    at: datetime = Field(default_factory=utcnow)


@dataclass
class Recorded:
    """An exchange in its line of the recording (from 1), and how often it was played back."""

    exchange: Exchange
    line: int
    masked: Masked
    used: int = 0


def without_images(request: Request) -> Request:
    """`request` with a digest in place of each image. What is recorded and looked up."""
    if not any(message.images for message in request.messages):
        return request
    return request.model_copy(update={"messages": tuple(map(_without_images, request.messages))})


def _without_images(message: Message) -> Message:
    images = tuple(
        image.model_copy(update={"data": "sha256:" + hashlib.sha256(image.data.encode()).hexdigest()})
        for image in message.images
    )
    return message.model_copy(update={"images": images})


def encoded(value: Any) -> bytes:
    """One line. Text that UTF-8 cannot hold is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value).encode() + b"\n"


def check_header(path: Path, line: bytes) -> None:
    """Raises `InputError` unless `line` begins a recording that this version can read."""
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    version = header.get(HEADER) if isinstance(header, dict) else None
    if version is None:
        raise InputError(f"{path}:1: this is no recording", hint=f'the first line of one is {{"{HEADER}": {VERSION}}}')
    if version != VERSION:
        raise InputError(
            f"{path}:1: the recording is of version {version}, and this Revet reads version {VERSION}",
            hint="record it again with --record",
        )


def load(path: Path) -> list[Recorded]:
    """The exchanges of a recording. Raises `ModelNotFound` and `InputError`."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ModelNotFound(f"the recording {path} {what}", hint="correct the path, or record one with --record FILE")
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"the recording {path} cannot be read: {error.strerror}") from None
    check_header(path, lines[0] if lines else last)
    recorded = [_read(path, line, number) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    if lines and last.strip():
        try:
            recorded.append(_read(path, last, len(lines) + 1))
        except InputError:
            _log.warning("%s:%d: left out a line that was half-written", path, len(lines) + 1)
    return recorded


def _read(path: Path, line: bytes, number: int) -> Recorded:
    try:
        exchange = Exchange.model_validate(json.loads(line))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(map(str, fault["loc"]))
        raise InputError(f"{path}:{number}: {field or 'the line'}: {fault['msg']}", hint=_HINT) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}:{number}: not valid JSON: {error}", hint=_HINT) from None
    return Recorded(exchange, number, Masked(exchange.request))


_HINT = "remove the line, or record it again with --record"
