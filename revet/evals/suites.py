"""The suites by name: what is known of each stands in ``suites.toml``, and the module that plays it opens at need."""

from __future__ import annotations

import hashlib
import importlib
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals.evaluation import Evaluation
from revet.evals.source import Source
from revet.evals.suite import Known, Opens, Player

__all__ = ["GROUPS", "files_of", "filled", "near", "open_suite", "rows_digest", "spread", "suite_named", "suites"]

FILE = Path(__file__).with_name("suites.toml")
GROUPS = {
    "replay": "recorded drafts of real models, played through the loop",
    "critic": "critiques and labels that others published",
    "evidence": "how good the tools' evidence is",
    "gate": "what the gate lets through and holds back",
    "recipes": "repair without a model, or with one of yours",
    "experiment": "asks a language model of yours; not among `all`",
}
"""The kinds of suites. The name of a kind stands for all its suites."""


@cache
def suites() -> Mapping[str, Known]:
    """Every suite by its name, in the order of the file."""
    listed = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: Known.model_validate({"name": name, **entry}) for name, entry in listed.items()}


def suite_named(name: str) -> Known:
    """The suite. Raises `InputError` with the nearest names."""
    known = suites()
    if name not in known:
        hint = f"{near(name.casefold(), list(known))}; `revet eval list` shows all; a task file ends in .yaml or .jsonl"
        raise InputError(f"there is no suite {name!r}", hint=hint)
    return known[name]


def near(name: str, known: Sequence[str]) -> str:
    """The names that look most like `name`, or all of them where none does, as a hint."""
    found = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"nearest: {', '.join(found)}" if found else f"there are: {', '.join(known)}"


async def open_suite(known: Known, source: Source | None, options: Mapping[str, JsonValue]) -> Player:
    """The suite, ready to be played. Raises `InputError` for files that are not there, and for what its module says."""
    files = files_of(known, source)
    module, _, name = known.module.partition(":")
    loaded = importlib.import_module(module)
    opens: Opens = loaded.opener(name) if name else loaded.open_suite
    return await opens(source or Source(Path()) if not files else _sure(source), options)


def filled(known: Known, evaluation: Evaluation) -> Known:
    """The suite with the values of what is logged beside it, as this evaluation counted them."""
    beside = []
    for each in known.beside:
        figure = evaluation.figure(each.figure) if each.figure else None
        value = each.value if figure is None else figure.value
        if value is not None:
            beside.append(each.model_copy(update={"value": value}))
    return known.model_copy(update={"beside": tuple(beside)})


def files_of(known: Known, source: Source | None) -> list[Path]:
    """The files that the suite reads. Raises `InputError` that names those that are not there, and their sets."""
    if not known.sets:
        return []
    if source is None:
        wanted = ", ".join(f"{each}.SPLIT.jsonl" for each in known.sets)
        hint = "name the folder that holds them: --data FOLDER, or REVET_DATA in the environment"
        raise InputError(f"the suite {known.name} reads published data ({wanted})", hint=hint)
    if not source.folder.is_dir():
        raise InputError(f"--data: there is no folder {source.folder}", hint="name the folder that holds the data sets")
    found: list[Path] = []
    missing: list[Path] = []
    for each in known.sets:
        folder, _, name = each.partition("/")
        split, whole = source.folder / folder / f"{name}.{source.split}.jsonl", source.folder / folder / f"{name}.jsonl"
        place = split if split.is_file() or not whole.is_file() else whole
        (found if place.is_file() else missing).append(place)
    if missing:
        have = sorted({path.name.split(".")[-2] for path in source.folder.glob("*/*.*.jsonl")})
        splits = f"splits there: {', '.join(have)}" if have else f"{source.folder} holds no files SET/NAME.SPLIT.jsonl"
        sets = ", ".join(dict.fromkeys(path.parent.name for path in missing))
        raise InputError(
            f"the suite {known.name} cannot be played: there is no file {', '.join(map(str, missing))}",
            hint=f"put the set {sets} there, or name another folder with --data or split with --split; {splits}",
        )
    return found


def rows_digest(files: Sequence[Path], cases: Sequence[str]) -> str:
    """A digest of the content of the files and of the cases that are played."""
    told = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            told.update(hashlib.file_digest(file, "sha256").digest())
    told.update("\n".join(cases).encode("utf-8", "surrogatepass"))
    return told.hexdigest()[:16]


def spread(cases: Sequence[str], limit: int | None) -> list[str]:
    """At most `limit` of the cases, spread evenly over them: neighbours are often alike."""
    count = len(cases)
    if limit is None or limit >= count:
        return list(cases)
    return [cases[number * count // limit] for number in range(limit)]


def _sure(source: Source | None) -> Source:
    assert source is not None
    return source
