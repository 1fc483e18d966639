"""What a local model's batching, grammars and shared beginnings are worth, and whether its critiques always parse.

Without --model, a tiny random model is made: what it says is noise, which is the hardest case for a grammar, and its
forward pass costs next to nothing, so the overhead of all else shows in full. Trust the ratios; they were taken in
turns, in one run.

    python benchmarks/local.py --critiques 1000
    python benchmarks/local.py --model Qwen/Qwen3-0.6B --critiques 50 --tokens 256
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from revet.agents.chat.critic import SaidCritique
from revet.errors import ModelError
from revet.models import Account, LangChainBackend, LanguageModel, Message, Request
from revet.models.answers import schema_of
from revet.schema import Spent

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROUNDS = 3
INSTRUCTIONS = (
    "You are a careful critic. Look at the evidence first, then at the draft. Say what is wrong and where. " * 12
)


@contextlib.contextmanager
def a_model(name: str | None) -> Iterator[str]:
    if name is not None:
        yield name
        return
    from tests.models.local.tiny import make_model

    with tempfile.TemporaryDirectory() as home:
        yield str(make_model(Path(home) / "model"))


def messages(number: int, note: str = "") -> list[tuple[str, str]]:
    return [
        ("system", INSTRUCTIONS + note),
        ("user", f"Draft {number}: return {number} * total. " + "It was tried. " * (number % 7)),
    ]


async def always_parses(chat: Any, count: int, tokens: int, flight: int) -> dict[str, Any]:
    """Critiques of different seeds and budgets, asked as `ChatCritic` asks. Asked twice counts as failed."""
    model, gate = LanguageModel(LangChainBackend(chat, name="local")), asyncio.Semaphore(flight)
    spent, outcomes = Spent(), Counter[str]()

    async def one(number: int) -> None:
        nonlocal spent
        account = Account(str(number))
        request = Request(
            role="critic",
            messages=tuple(Message(role=role, text=text) for role, text in messages(number)),
            temperature=1.0,
            seed=number,
            max_tokens=tokens // (1 + number % 4),
        )
        async with gate:
            try:
                await model.parse(request, SaidCritique, account)
            except ModelError as error:
                outcomes[f"{type(error).__name__}: {error}"[:300]] += 1
            else:
                outcomes["parsed" if account.usage.roles["critic"].calls == 1 else "parsed when asked again"] += 1
        spent = spent + account.usage.roles.get("critic", Spent())

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    seconds = time.perf_counter() - begun
    return {
        "critiques": count,
        "parsed": outcomes.pop("parsed", 0),
        "others": dict(outcomes),
        "tokens": spent.output_tokens,
        "seconds": round(seconds, 1),
        "tokens_a_second": round(spent.output_tokens / seconds, 1),
    }


async def rate(asked: Any, count: int, tokens: int, *, together: bool, note: str = "") -> float:
    """Tokens a second. `note` joins the instructions."""
    settings = {"temperature": 1.0, "max_tokens": tokens}
    begun = time.perf_counter()
    if together:
        answers = await asyncio.gather(*(asked.ainvoke(messages(n, note), seed=n, **settings) for n in range(count)))
    else:
        answers = [await asked.ainvoke(messages(n, note), seed=n, **settings) for n in range(count)]
    seconds = time.perf_counter() - begun
    said = [answer["raw"] if isinstance(answer, dict) else answer for answer in answers]
    return sum(answer.usage_metadata["output_tokens"] for answer in said) / seconds


async def main(options: argparse.Namespace) -> int:
    from revet.models.local import ChatTransformers

    console = Console(stderr=options.json)
    with a_model(options.model) as name:
        settings: dict[str, Any] = {"model": name, "max_batch": options.batch, "gather": 0.005}
        chat, unshared = ChatTransformers(**settings), ChatTransformers(**settings, prefix_tokens=0)
        asked = chat.with_structured_output(schema_of(SaidCritique), include_raw=True)
        schema = json.dumps(schema_of(SaidCritique))  # the guided see it too
        await rate(asked, 2, 64, together=True)
        await rate(unshared, 2, 16, together=True)
        rates: dict[str, list[float]] = {
            "batched": [],
            "alone": [],
            "free": [],
            "guided": [],
            "short": [],
            "short, unshared": [],
        }
        for _ in range(ROUNDS):
            rates["batched"].append(await rate(chat, options.batch, options.tokens // 4, together=True))
            rates["alone"].append(await rate(chat, max(2, options.batch // 8), options.tokens // 4, together=False))
            rates["free"].append(await rate(chat, options.batch, options.tokens // 4, together=True, note=schema))
            rates["guided"].append(await rate(asked, options.batch, options.tokens // 4, together=True))
            rates["short"].append(await rate(chat, options.batch, 8, together=True))
            rates["short, unshared"].append(await rate(unshared, options.batch, 8, together=True))
        median = {key: statistics.median(values) for key, values in rates.items()}
        parse = await always_parses(chat, options.critiques, options.tokens, 2 * options.batch)
        chat.close()
        unshared.close()
    found = {
        "model": options.model or "tiny random",
        "batch": options.batch,
        "tokens_a_second": {key: round(value, 1) for key, value in median.items()},
        "batched_to_alone": round(median["batched"] / median["alone"], 2),
        "guided_to_free": round(median["guided"] / median["free"], 2),
        "shared_beginning_to_not": round(median["short"] / median["short, unshared"], 2),
        "always_parses": parse,
    }
    table = Table(title=f"{found['model']}, {options.batch} at once", show_header=False)
    table.add_row("batched, against one by one", f"{found['batched_to_alone']} ×")
    table.add_row("guided by a grammar, against free", f"{found['guided_to_free']} ×")
    table.add_row("8 tokens, beginning shared, against not", f"{found['shared_beginning_to_not']} ×")
    table.add_row("critiques that parse", f"{parse['parsed']:,} of {parse['critiques']:,}")
    for why, times in parse["others"].items():
        table.add_row(f"… {why}", f"{times:,}")
    table.add_row("… tokens a second", f"{parse['tokens_a_second']:,.0f}")
    console.print(table)
    if options.json:
        print(json.dumps(found))
    return 0 if parse["parsed"] == parse["critiques"] else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder or a name on the hub (default: a tiny random model)")
    parser.add_argument("--critiques", type=int, default=1000)
    parser.add_argument(
        "--tokens", type=int, default=512, help="the most that a critique may take; others get down to a quarter"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    sys.exit(asyncio.run(main(parser.parse_args())))
