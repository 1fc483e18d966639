"""Commands of the clients, which stand among SQL: ``\\!`` of psql, ``.shell`` of sqlite3."""

from __future__ import annotations

from revet.effects.model import Effect, EffectKind
from revet.effects.sql.lex import Statement, words

__all__ = ["client"]

RUNS = {"\\!": "runs a shell command", ".shell": "runs a shell command", ".system": "runs a shell command"}
READS = frozenset(
    [
        r"\d",
        r"\dt",
        r"\dn",
        r"\du",
        r"\di",
        r"\dv",
        r"\df",
        r"\ds",
        r"\l",
        r"\list",
        r"\z",
        r"\dp",
        r"\sf",
        r"\sv",
        r"\x",
        r"\q",
        r"\?",
        r"\h",
        r"\conninfo",
        r"\timing",
        r"\a",
        r"\t",
        r"\pset",
        r"\echo",
        r"\qecho",
        r".tables",
        r".schema",
        r".databases",
        r".indexes",
        r".indices",
        r".headers",
        r".header",
        r".mode",
        r".width",
        r".help",
        r".show",
        r".quit",
        r".exit",
        r".timer",
        r".stats",
        r".nullvalue",
        r".separator",
        r".print",
        r".bail",
        r".echo",
        r".explain",
        r".eqp",
        r".dbinfo",
        r".dump",
        r".fullschema",
        r".lint",
        r".limit",
        r".changes",
    ]
)
WRITES = words(r"\o \g \gx \out \w \write .output .once .backup .save .clone .excel .log .archive .ar")
TAKES = words(r"\i \ir \include \include_relative .read .import .restore .open")


def client(statement: Statement) -> tuple[list[Effect], list[str]]:
    """The effects of one line that the client itself carries out."""
    said = statement.text.split()
    name, rest = said[0], " ".join(said[1:])
    if name.startswith("\\!"):
        name, rest = "\\!", statement.text[2:].strip()
    plain = name.rstrip("+S") if name.startswith("\\") else name.lower()
    if name in RUNS or plain in RUNS:
        return [Effect(EffectKind.run, f"{RUNS.get(name) or RUNS[plain]}: {rest}", rest, "system", word="sql/shell")], [
            f"the shell command {rest!r} within the SQL was not read"
        ]
    if "|" in rest[:1] or (plain in ("\\copy", "\\g", "\\gx") and ("program" in rest.lower() or "|" in rest)):
        return [Effect(EffectKind.run, f"runs a program: {rest}", rest, "system", word="sql/shell")], [
            f"the program in {statement.text!r} was not read"
        ]
    if plain == "\\copy":
        kind = EffectKind.create if " from " in f" {rest.lower()} " else EffectKind.write
        where = "adds rows from a file" if kind is EffectKind.create else "writes a file"
        place = "database" if kind is EffectKind.create else "elsewhere"
        return [Effect(kind, where, rest, place, word="sql/copy")], []  # type: ignore[arg-type]
    if plain in ("\\g", "\\gx", "\\G") and not rest:
        return [], []
    if plain in WRITES:
        return [Effect(EffectKind.write, f"{plain} writes a file", rest, "elsewhere", word="sql/client")], []
    if plain in TAKES:
        what = f"{plain} carries out or takes in another file: {rest}"
        return [Effect(EffectKind.unknown, what, rest, "database", word="sql/client")], [what]
    if plain == ".load":
        return [Effect(EffectKind.run, "loads a library into the process", rest, "system", word="sql/client")], []
    if plain in READS:
        return [Effect(EffectKind.read, "looks at the database", "", "database", True, word="sql/client")], []
    what = f"the client's command {name!r} is not known"
    return [Effect(EffectKind.unknown, what, "", "database", word="sql/client")], [what]
