"""The forward passes: rows of different lengths as one batch, with their keys and values kept.

The batch is padded on the left, so every row ends in the last column. Positions are counted over what is not padding,
so padding may also stand in the middle: that lets newcomers be joined to a running batch, and lets rows share the keys
and values of a common beginning (`Prefixes`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import torch
import xgrammar
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from revet.errors import ModelFailed
from revet.models.local.loading import Loaded
from revet.models.local.rows import Row
from revet.models.local.sampling import rank

__all__ = ["Batch", "Prefixes"]

SHARED = 64
"""Tokens. A shorter common beginning is not worth keeping."""


class Prefixes:
    """Keys and values of beginnings that prompts have in common, such as a role's instructions: the last few used.

    At most `tokens` in all; 0 keeps none. Only for models whose layers all attend to the whole text: what others keep
    of a beginning is not a part of what they keep of the whole.
    """

    def __init__(self, tokens: int, *, remembered: int = 16) -> None:
        self.tokens = tokens
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._seen: deque[tuple[int, ...]] = deque(maxlen=remembered)

    def common(self, prompts: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """For each prompt, its beginning that is worth sharing: it was there before, or is here twice. Or ().

        One that is kept already, or chosen for another prompt, is taken if it is nearly as long as the longest.
        """
        longest = []
        for at, prompt in enumerate(prompts):
            others = [*self._kept, *self._seen, *prompts[:at], *prompts[at + 1 :]]
            # One token at least is left to go through the model: its output is what is wanted.
            length = max((alike(prompt, other) for other in others), default=0)
            longest.append(min(length, len(prompt) - 1, self.tokens))
        self._seen.extend(prompts)
        found: list[tuple[int, ...]] = [()] * len(prompts)
        for at in sorted(range(len(prompts)), key=longest.__getitem__):
            prompt = prompts[at]
            known = self.longest(prompt, also=found)
            found[at] = known if longest[at] - len(known) < SHARED else prompt[: longest[at]]
        return found

    def longest(self, prompt: tuple[int, ...], also: Sequence[tuple[int, ...]] = ()) -> tuple[int, ...]:
        """The longest kept beginning of a prompt, shorter than it. Or ()."""
        fitting = (key for key in (*self._kept, *also) if len(key) < len(prompt) and prompt[: len(key)] == key)
        return max(fitting, key=len, default=())

    def get(self, key: tuple[int, ...]) -> Any:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple[int, ...], kept: Any) -> None:
        self._kept[key] = kept
        while sum(map(len, self._kept)) > self.tokens:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()
        self._seen.clear()


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many tokens they begin with in common. By halves: comparing slices is far faster than tokens."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Batch:
    """The rows that are being answered. `forwards` counts the passes, `columns` what they computed: rows × tokens."""

    def __init__(self, loaded: Loaded, prefixes: Prefixes) -> None:
        self.rows: list[Row] = []
        self.forwards = self.columns = 0
        self._loaded, self._prefixes = loaded, prefixes
        self._cache: Any = None
        self._mask = torch.empty((0, 0), dtype=torch.long)
        self._logits = torch.empty((0, 0))

    @torch.inference_mode()
    def join(self, rows: Sequence[Row]) -> None:
        """Take rows in. Each then has the logits of its next token."""
        if not self.rows:
            parts = self._prefill(rows)
        elif plain(self._cache):
            parts = [(self._cache, self._mask, self._logits, self.rows), *self._prefill(rows)]
        else:
            # What such a model keeps cannot be joined by columns: all of it is computed anew.
            parts = self._prefill([*self.rows, *rows])
        self.rows = [row for part in parts for row in part[3]]
        self._logits = torch.cat([part[2] for part in parts])
        self._cache, self._mask = joined([(cache, mask) for cache, mask, _, _ in parts], self._loaded)

    @torch.inference_mode()
    def step(self) -> None:
        """One token for each row. Rows that are done, or that nobody waits for, leave."""
        self._keep([at for at, row in enumerate(self.rows) if not row.future.cancelled()])
        if not self.rows:
            return
        tokens = self._choose()
        self._keep([at for at, row in enumerate(self.rows) if not taken(row, tokens[at])])
        if self.rows:
            ids = torch.tensor([[row.tokens[-1]] for row in self.rows], device=self._loaded.device)
            self._mask = pad(self._mask, (0, 1), value=1)
            self._logits, self._cache = self._forward(ids, self._mask, self._cache)

    def reset(self) -> list[Row]:
        """Forget all that was computed. Returns the rows; those that are not done can join again."""
        rows, self.rows = self.rows, []
        self._cache, self._mask, self._logits = None, self._mask[:0], self._logits[:0]
        self._prefixes.clear()
        return rows

    def _choose(self) -> list[int]:
        scores = self._logits.float()
        guides = {at: row.ask.guide for at, row in enumerate(self.rows) if row.ask.guide is not None}
        if guides:
            bits = xgrammar.allocate_token_bitmask(len(self.rows), scores.shape[-1])
            for at, guide in guides.items():
                guide.mask(bits, at)
            # The kernels for accelerators need a compiler at run time, and know only the current device.
            xgrammar.apply_token_bitmask_inplace(
                scores,
                bits.to(scores.device),
                indices=list(guides),
                backend="cpu" if scores.device.type == "cpu" else "torch_native",
            )
        ranked = rank(
            scores,
            [row.ask.sampling for row in self.rows],
            [row.dice for row in self.rows],
            [row.ids for row in self.rows]
            if any(row.ask.sampling.repetition_penalty != 1 for row in self.rows)
            else [],
        )
        found: list[int] = ranked.argmax(dim=-1).tolist()
        return found

    def _keep(self, places: list[int]) -> None:
        if len(places) == len(self.rows):
            return
        self.rows = [self.rows[at] for at in places]
        if not places:
            self._cache = None
            return
        index = torch.tensor(places, device=self._mask.device)
        self._mask, self._logits = self._mask[index], self._logits[index]
        self._cache.reorder_cache(index)
        used = self._mask.any(dim=0)
        if plain(self._cache) and int(used.sum()) * 4 <= used.numel() * 3:
            # The long ones have left: their columns are padding for all who stay.
            self._mask = self._mask[:, used]
            layers = [
                (layer.keys[:, :, used.to(layer.keys.device)], layer.values[:, :, used.to(layer.values.device)])
                for layer in self._cache.layers
            ]
            self._cache = fresh(self._loaded, layers)

    def _prefill(self, rows: Sequence[Row]) -> list[tuple[Any, torch.Tensor, torch.Tensor, list[Row]]]:
        """What is kept, the mask and the next logits, for rows grouped by the beginning that they share."""
        keys: list[tuple[int, ...]] = [()] * len(rows)
        if self._prefixes.tokens:
            keys = self._prefixes.common([tuple(row.ids) for row in rows])
        begun = {key: self._begin(key) for key in dict.fromkeys(keys)}
        if not self._prefixes.tokens:  # as it may turn out on the first try
            keys, begun = [()] * len(rows), {(): None}
        parts = []
        for key in dict.fromkeys(keys):
            group = [row for row, other in zip(rows, keys, strict=True) if other == key]
            parts.append((*self._fill([row.ids for row in group], begun[key], len(key)), group))
            for row in group:
                row.cached = row.cached if row.tokens else len(key)
        return parts

    def _begin(self, key: tuple[int, ...]) -> Any:
        """The keys and values of that beginning, for one row; None for the empty one, and if the model has none."""
        if not key:
            return None
        kept = self._prefixes.get(key)
        if kept is None:
            shorter = self._prefixes.longest(key)
            kept, _, _ = self._fill([list(key)], self._prefixes.get(shorter), len(shorter))
            if not plain(kept):
                self._prefixes.tokens = 0
                return None
            self._prefixes.put(key, kept)
        return kept

    def _fill(self, texts: Sequence[list[int]], begun: Any, done: int) -> tuple[Any, torch.Tensor, torch.Tensor]:
        device, count = self._loaded.device, len(texts)
        longest = max(map(len, texts))
        ids = torch.zeros((count, longest - done), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for at, text in enumerate(texts):
            ids[at, longest - len(text) :] = torch.tensor(text[done:])
            mask[at, longest - len(text) :] = 1
        mask = pad(mask, (done, 0), value=1).to(device)
        cache = None
        if begun is not None:
            cache = fresh(
                self._loaded,
                [
                    (layer.keys.expand(count, -1, -1, -1), layer.values.expand(count, -1, -1, -1))
                    for layer in begun.layers
                ],
            )
        logits, cache = self._forward(ids.to(device), mask, cache)
        return cache, mask, logits

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """Logits after the last column, and the cache with these columns in it."""
        optional = {"position_ids": (mask.cumsum(-1) - 1).clamp_min(0)[:, -ids.shape[1] :], "logits_to_keep": 1}
        out = self._loaded.model(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=fresh(self._loaded, []) if cache is None else cache,
            use_cache=True,
            **{key: value for key, value in optional.items() if key in self._loaded.takes},
        )
        self.forwards += 1
        self.columns += ids.numel()
        return out.logits[:, -1, :].to(ids.device), out.past_key_values


def taken(row: Row, token: int) -> bool:
    """Whether the row is done with this token, or cannot go on: that is its own affair, not the batch's."""
    try:
        return row.take(token)
    except ModelFailed as error:
        row.fail(error)
        return True


def plain(cache: Any) -> bool:
    """Whether every layer keeps one key and one value for each column, and nothing else."""
    return bool(cache.layers) and all(type(layer) is DynamicLayer and layer.is_initialized for layer in cache.layers)


def fresh(loaded: Loaded, layers: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> DynamicCache:
    cache = DynamicCache(config=loaded.model.config)
    for number, (keys, values) in enumerate(layers):
        cache.update(keys, values, number)
    return cache


def joined(parts: Sequence[tuple[Any, torch.Tensor]], loaded: Loaded) -> tuple[Any, torch.Tensor]:
    """Several batches as one: rows below rows, padded on the left to the longest."""
    if len(parts) == 1:
        return parts[0]
    longest = max(mask.shape[1] for _, mask in parts)
    mask = torch.cat([pad(mask, (longest - mask.shape[1], 0)) for _, mask in parts])

    def column(number: int, name: str) -> torch.Tensor:
        each = [(getattr(cache.layers[number], name), longest - mask.shape[1]) for cache, mask in parts]
        return torch.cat([pad(kept, (0, 0, short, 0)) for kept, short in each])

    layers = [(column(number, "keys"), column(number, "values")) for number in range(len(parts[0][0].layers))]
    return fresh(loaded, layers), mask
