"""Recordings of what models were asked and what they answered: `Recorder` writes them, `Replay` plays them back.

A recording is JSON Lines: a header ``{"revet_recording": 1}``, then a line for each exchange::

    {"digest": "…", "role": "critic", "request": {…}, "reply": {"text": "…", "tokens": {…}, "cost": …}, "at": "…"}

It holds whole prompts and answers, and of images their digests. No key and no provider's address is in it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from revet.errors import DiskFull, HostError, InputError
from revet.models.alike import Masked, renamed
from revet.models.language import FormUnsupported
from revet.models.misses import miss
from revet.models.recording import HEADER, VERSION, Exchange, Recorded, check_header, encoded, load, without_images
from revet.models.wire import Form, Reply, Request

__all__ = ["Exchange", "Recorder", "Replay"]

_log = logging.getLogger(__name__)


class Recorder:
    """Adds exchanges to the recording at `path`; one that is there already is continued.

    Each exchange is one write at the end of the file, under a lock: many tasks, threads and processes may record to
    the same file. A line that a killed process left half-written is removed. Raises `InputError` if `path` cannot be
    written or holds something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self._append(b"")
        except FileNotFoundError:
            raise InputError(f"there is no folder {self.path.parent} to record to", hint="create it") from None
        except IsADirectoryError:
            raise InputError(f"{self.path} is a folder", hint="name a file to record to") from None
        except PermissionError:
            raise InputError(f"{self.path} cannot be written", hint="check its permissions") from None
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}", hint="name another file") from None

    def add(self, request: Request, reply: Reply, forms: Sequence[Form] = ()) -> None:
        """Keep an exchange. `forms` are not kept: the recorded requests tell which forms worked."""
        request = without_images(request)
        exchange = Exchange(digest=request.digest, role=request.role, request=request, reply=reply)
        self._append(encoded(exchange.model_dump(mode="json", exclude_defaults=True) | {"at": exchange.at.isoformat()}))

    def _append(self, line: bytes) -> None:
        with self._lock:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                end = self._end(handle)
                self._write(handle, line if end else encoded({HEADER: VERSION}) + line, end)
            finally:
                os.close(handle)

    def _end(self, handle: int) -> int:
        """Where the recording ends, at the end of a line. Raises `InputError` for what is no recording."""
        size = os.fstat(handle).st_size
        if size == 0:
            return 0
        check_header(self.path, os.pread(handle, 4096, 0).partition(b"\n")[0])
        end = _whole(handle, size)
        if end < size:
            os.ftruncate(handle, end)
            _log.warning("%s: removed a line that was half-written", self.path)
        return end

    def _write(self, handle: int, data: bytes, end: int) -> None:
        try:
            whole = os.write(handle, data) == len(data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise HostError(f"the recording {self.path} cannot be written: {error.strerror}") from error
            whole = False
        if not whole:
            os.ftruncate(handle, end)
            raise DiskFull(f"there is no room to go on with the recording {self.path}")


def _whole(handle: int, size: int) -> int:
    """The offset after the last line break of a file."""
    at = size
    while at > 0:
        start = max(0, at - 65_536)
        found = os.pread(handle, at - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0


class Replay:
    """A `Backend` that answers from a recording, and never reaches a network.

    A request that was recorded is answered as it was then. If it was recorded several times, its replies come in the
    order of the recording, and after the last the first again, so that a second run gets what the first one got. A
    request that differs from a recorded one only in what varies from run to run (`revet.models.alike`) is answered
    like that one, with the names of this run in the answer. Any other raises `ReplayMiss`.

    Tokens, cost and seconds are reported as recorded, so that budgets and totals are those of the recorded run; none
    of it is spent again. Raises `ModelNotFound` if there is no such file, `InputError` with the line for a bad one. A
    last line that was half-written is left out, with a warning in the log.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = f"replay:{path}"
        self.recorded = load(self.path)
        structured = {one.exchange.request.form for one in self.recorded if one.exchange.request.answer is not None}
        self.forms: Sequence[Form] = tuple(form for form in (Form.schema, Form.tool) if form in structured)
        asked = (message for one in self.recorded for message in one.exchange.request.messages)
        self.sees = any(message.images for message in asked)
        self._exact: dict[str, list[Recorded]] = defaultdict(list)
        self._alike: dict[str, list[Recorded]] = defaultdict(list)
        for one in self.recorded:
            self._exact[one.exchange.request.digest].append(one)
            self._alike[one.masked.key].append(one)
        self._lock = threading.Lock()

    async def reply(self, request: Request) -> Reply:
        request = without_images(request)
        if same := self._exact.get(request.digest):
            return self._next(same).exchange.reply
        asked = Masked(request)
        names = {one.line: one.masked.names_in(asked) for one in self._alike.get(asked.key, ())}
        alike = [one for one in self._alike.get(asked.key, ()) if names[one.line] is not None]
        if not alike:
            self._refuse_form(request)
            raise miss(self.path, self.recorded, request)
        chosen = self._next(alike)
        return renamed(chosen.exchange.reply, names[chosen.line] or {})

    async def close(self) -> None:
        """Nothing to free."""

    def _next(self, candidates: Sequence[Recorded]) -> Recorded:
        """The first of those that were played back least."""
        with self._lock:
            chosen = min(candidates, key=lambda one: (one.used, one.line))
            chosen.used += 1
            return chosen

    def _refuse_form(self, request: Request) -> None:
        """Raise `FormUnsupported` where such an answer was recorded in other forms only: so it was then, too."""
        if request.answer is None or request.form is Form.text:
            return
        forms = {
            one.exchange.request.form
            for one in self.recorded
            if one.exchange.role == request.role and one.exchange.request.answer == request.answer
        }
        if forms and request.form not in forms:
            raise FormUnsupported(f"{self.name}: such an answer was recorded in the form {min(forms)} only")
