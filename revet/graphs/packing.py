"""How the state becomes bytes: LangGraph's serialiser, with our own models packed once each and stored once each.

A checkpoint holds the whole state, so what was tried rounds ago would be packed and written again at every step. The
models of the vocabulary are frozen: their bytes are kept as long as they live, and of the large ones a checkpoint
holds a digest only. Those parts are written beside the checkpoints (see `checkpoints`).
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import ref

import ormsgpack
from langgraph.checkpoint.serde.jsonplus import EXT_PYDANTIC_V2, JsonPlusSerializer

from revet import schema
from revet.errors import StoreError
from revet.schema import Model

__all__ = ["Packer", "serializer"]

THINGS = [getattr(schema, name) for name in schema.__all__]
KINDS = frozenset(thing for thing in THINGS if inspect.isclass(thing) and issubclass(thing, Model))
OPTIONS = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_REPLACE_SURROGATES

EXT_PART = 82
"""The msgpack type of a part: ``thread NUL digest``. Not one of LangGraph's."""
LARGE = 512
"""Bytes from which a model is a part."""


def serializer() -> JsonPlusSerializer:
    """Allows the models and enumerations of `revet.schema`, and nothing else beyond plain data."""
    return JsonPlusSerializer(allowed_msgpack_modules=_names())


def _names() -> list[tuple[str, str]]:
    return [(thing.__module__, thing.__name__) for thing in THINGS if inspect.isclass(thing)]


@dataclass(frozen=True)
class Packed:
    """A model's bytes, in the form in which `JsonPlusSerializer` writes and reads it."""

    model: ref[Model]
    data: bytes
    whole: ormsgpack.Ext
    digest: str


class Packer(JsonPlusSerializer):
    """`part(thread, digest)` reads a part that was written, or raises `StoreError`. Used in one thread at a time."""

    def __init__(self, part: Callable[[str, str], bytes]) -> None:
        super().__init__(allowed_msgpack_modules=_names())
        self._part = part
        self._packed: dict[int, Packed] = {}

    def dumps_checkpoint(
        self, checkpoint: Mapping[str, Any], thread: str
    ) -> tuple[tuple[str, bytes], dict[str, bytes]]:
        """A checkpoint of `thread`, and the parts that it needs, by digest."""
        parts: dict[str, bytes] = {}
        values = {name: self._split(value, thread, parts) for name, value in checkpoint["channel_values"].items()}
        return self.dumps_typed({**checkpoint, "channel_values": values}), parts

    def dumps_value(self, value: Any, thread: str) -> tuple[tuple[str, bytes], dict[str, bytes]]:
        """One value of the state of `thread`, and the parts that it needs, by digest."""
        parts: dict[str, bytes] = {}
        return self.dumps_typed(self._split(value, thread, parts)), parts

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, content = data
        if kind != "msgpack":
            return super().loads_typed(data)
        lost: list[StoreError] = []  # for what a hook raises is not passed on

        def revive(code: int, content: bytes) -> Any:
            if code == EXT_PART:
                thread, _, digest = content.decode().partition("\0")
                try:
                    code, content = EXT_PYDANTIC_V2, self._part(thread, digest)
                except StoreError as error:
                    lost.append(error)
                    raise
            return super(Packer, self).loads_typed(("msgpack", ormsgpack.packb(ormsgpack.Ext(code, content))))

        try:
            return ormsgpack.unpackb(content, ext_hook=revive, option=ormsgpack.OPT_NON_STR_KEYS)
        except ValueError as error:
            raise (lost[0] if lost else error) from None

    def _split(self, value: Any, thread: str, parts: dict[str, bytes]) -> Any:
        """The value with digests in the place of its large models, whose bytes are put among the `parts`."""

        def packed(each: Any) -> Any:
            if type(each) not in KINDS:
                return each
            known = self._pack(each)
            if len(known.data) < LARGE:
                return known.whole
            parts[known.digest] = known.data
            return ormsgpack.Ext(EXT_PART, f"{thread}\0{known.digest}".encode())

        return [packed(each) for each in value] if type(value) is list else packed(value)

    def _pack(self, model: Model) -> Packed:
        key = id(model)
        known = self._packed.get(key)
        if known is not None and known.model() is model:
            return known
        kind = type(model)
        parts = (kind.__module__, kind.__name__, model.model_dump(), "model_validate_json")
        data = ormsgpack.packb(parts, option=OPTIONS)
        whole = ormsgpack.Ext(EXT_PYDANTIC_V2, data)
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        packed = Packed(ref(model, lambda _: self._packed.pop(key, None)), data, whole, digest)
        self._packed[key] = packed
        return packed
