"""Many tasks, one model: requests from any thread or event loop are gathered and answered together.

A thread works while there is something to do and ends when there is not. What comes in while it works joins the
running batch at the next step; who is done leaves at once. So nobody waits for the longest answer but its asker.
"""

from __future__ import annotations

import atexit
import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from weakref import WeakSet

import torch

from revet.errors import ContextOverflow, ModelFailed
from revet.models.local.batch import Batch, Prefixes
from revet.models.local.grammar import Grammars
from revet.models.local.loading import Loaded, out_of_memory
from revet.models.local.rows import Ask, Done, Row

__all__ = ["Engine", "Ready"]

MARKERS = ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|python_tag|>", "<tool_call>", "</tool_call>")
"""Special tokens that are part of an answer all the same: they tell where a call of a tool begins."""


OPEN: WeakSet[Engine] = WeakSet()
PATIENCE = 10.0
"""Seconds that the end of the program waits for a step to end."""


@atexit.register
def stop_all() -> None:
    """A thread that is stopped within torch by the end of the interpreter would abort the process."""
    working = [engine.stop() for engine in list(OPEN) if not engine._forked()]
    for thread in working:
        if thread is not None:
            thread.join(PATIENCE)


class Ready:
    """A loaded model, and what is made once from it."""

    def __init__(self, loaded: Loaded, prefix_tokens: int) -> None:
        self.loaded = loaded
        self.batch = Batch(loaded, Prefixes(prefix_tokens))
        self.grammars = Grammars(loaded.tokenizer, vocabulary=loaded.vocabulary, stops=sorted(loaded.stops))
        vocabulary = loaded.tokenizer.get_vocab()
        markers = {vocabulary[text] for text in MARKERS if text in vocabulary}
        self.hidden = frozenset(loaded.tokenizer.all_special_ids) - markers
        added = [(str(token.content), token.special) for token in loaded.tokenizer.added_tokens_decoder.values()]
        self.marks = dict(added) | dict.fromkeys(loaded.tokenizer.all_special_tokens, True)
        """The texts that are tokens of their own, and whether they are special."""
        backend: Any = getattr(loaded.tokenizer, "backend_tokenizer", None)
        if hasattr(backend, "no_truncation"):
            # Else the first prompt would turn it off, perhaps while another thread decodes: that is an error there.
            backend.no_truncation()
            backend.no_padding()
        self.lock = threading.Lock()
        """Held while text is made into tokens: a tokenizer must not be used by two threads at once."""


class Engine:
    """Loads a model once, when it is first needed, and answers with it.

    At most `rows` requests are answered together, and at most so many that rows × (prompt + answer) stays within
    `columns` tokens; one is always answered. The first waits `gather` seconds for others.
    """

    def __init__(
        self, load: Callable[[], Loaded], *, rows: int, columns: int, gather: float, prefix_tokens: int
    ) -> None:
        self.rows, self.columns, self.gather = rows, columns, gather
        self.prefix_tokens = prefix_tokens
        self.forwards = self.computed = self.widest = 0
        """Forward passes so far, the tokens computed in them, and the most rows in one."""
        self._load = load
        self._lock = threading.Lock()
        self._loading: Future[Ready] | None = None
        self._waiting: deque[Row] = deque()
        self._working: threading.Thread | None = None
        self._closed = False
        self._process = os.getpid()
        OPEN.add(self)

    def ready(self) -> Future[Ready]:
        """The model, loaded in a thread. After a failure, the next call tries again."""
        if self._forked():
            raise ModelFailed(
                "a local model cannot be used in a process forked from the one that loaded it",
                hint="start processes by spawn, or make the model where it is used",
            )
        with self._lock:
            self._open()
            failed = self._loading is not None and self._loading.done() and self._loading.exception() is not None
            if self._loading is None or failed:
                self._loading, self._process = Future(), os.getpid()
                # Running futures cannot be cancelled: one caller who gives up must not take it from the others.
                self._loading.set_running_or_notify_cancel()
                threading.Thread(target=self._fetch, args=(self._loading,), name="revet-load", daemon=True).start()
            return self._loading

    def submit(self, ask: Ask) -> Future[Done]:
        """Answer it together with what else is asked. Cancel the future, and its row leaves the batch."""
        ready = self.ready().result()
        row = Row(ask, ready.loaded.tokenizer, ready.loaded.stops, ready.hidden)
        with self._lock:
            self._open()
            self._waiting.append(row)
            if self._working is None:
                self._working = threading.Thread(target=self._work, args=(ready,), name="revet-model", daemon=True)
                self._working.start()
        return row.future

    def close(self) -> None:
        """Free the model's memory. Requests under way fail; asking again is an error.

        A load under way cannot be stopped, and is not waited for; what it brings is dropped when it ends.
        """
        if self._forked():
            return
        working = self.stop()
        if working is not None and working is not threading.current_thread():
            working.join()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def stop(self) -> threading.Thread | None:
        """Begin to close: the thread that is returned ends after its step."""
        with self._lock:
            self._closed, self._loading = True, None
            return self._working

    def _forked(self) -> bool:
        """Whether its threads are in another process. Looked at before the lock, which may be held there for ever."""
        return self._loading is not None and self._process != os.getpid()

    def _open(self) -> None:
        if self._closed:
            raise ModelFailed("the local model was closed")

    def _fetch(self, loading: Future[Ready]) -> None:
        try:
            ready = Ready(self._load(), self.prefix_tokens)
        except BaseException as error:  # noqa: BLE001 - whoever waits must be told, whatever it was
            loading.set_exception(error)
            return
        if self._closed:
            del ready
            loading.set_exception(ModelFailed("the local model was closed while it was loaded"))
        else:
            loading.set_result(ready)

    def _work(self, ready: Ready) -> None:
        time.sleep(self.gather)
        batch = ready.batch
        while True:
            with self._lock:
                closed = self._closed
                new = [] if closed else self._admit(batch)
                if closed or not (new or batch.rows):
                    left = [*batch.rows, *self._waiting]
                    self._waiting.clear()
                    self._working = None
                    break
            try:
                if new:
                    batch.join(new)
                self.widest = max(self.widest, len(batch.rows))
                batch.step()
            except Exception as error:  # noqa: BLE001 - the thread must go on for those who wait
                self._recover(batch, new, error)
            self.forwards, self.computed = batch.forwards, batch.columns
        for row in left:
            row.fail(ModelFailed("the local model was closed while it answered"))

    def _admit(self, batch: Batch) -> list[Row]:
        """Those who wait and for whom there is room."""
        rows, new = list(batch.rows), list[Row]()
        while self._waiting and len(rows) < self.rows:
            row = self._waiting[0]
            if row.future.cancelled():
                self._waiting.popleft()
                continue
            longest = max(len(other.ask.prompt) + other.ask.max_tokens for other in [*rows, row])
            if rows and longest * (len(rows) + 1) > self.columns:
                break
            self._waiting.popleft()
            rows.append(row)
            new.append(row)
        return new

    def _recover(self, batch: Batch, new: list[Row], error: Exception) -> None:
        """After a failed step: with less at once if memory ran out, else all of them have failed."""
        rows = list(dict.fromkeys([*batch.reset(), *new]))
        rows = [row for row in rows if not row.future.done()]
        if not out_of_memory(error):
            for row in rows:
                row.fail(ModelFailed(f"the local model failed: {type(error).__name__}: {error}"))
            return
        if len(rows) <= 1:
            for row in rows:
                row.fail(ContextOverflow(f"memory ran out for a prompt of {len(row.ask.prompt)} tokens"))
            return
        with self._lock:
            self.rows = max(1, len(rows) // 2)
            self._waiting.extendleft(reversed(rows))
