"""The host's side of `run_python`: the order that a guest gets, and what its answer means."""

from __future__ import annotations

import json
import secrets
from functools import cache
from importlib import resources
from typing import Any

from pydantic import JsonValue

from revet.errors import InputError
from revet.sandboxes.base import ExecResult, ExecVerdict, Layer, Limits, PythonError, PythonResult, Session

__all__ = ["FAILED", "PROGRAM", "Order", "conclude", "interpret", "make_order", "program", "run_cold"]

PROGRAM = "/revet/snippet.py"
SECRET_BYTES = 32
NOTHING = b'{"value": null, "error": null}'
FAILED = b"\0"
"""What ends the record of code that failed. JSON text never holds it."""


class Order:
    """One piece of code to run. `stdin` is what the guest reads; `secret` ends the record of code that ran to its end.

    `data` is JSON. The secret is as good as its being new each time, and known to nobody else.
    """

    __slots__ = ("code", "data", "returns", "secret")

    def __init__(self, code: bytes, data: bytes, returns: str) -> None:
        self.code, self.data, self.returns = code, data, returns
        self.secret = secrets.token_bytes(SECRET_BYTES)

    @property
    def stdin(self) -> bytes:
        head = {
            "code": len(self.code),
            "data": len(self.data),
            "returns": self.returns,
        }
        return json.dumps(head).encode() + b"\n" + self.code + self.data + self.secret


def make_order(code: str | bytes, data: JsonValue, returns: str) -> Order:
    """InputError if `data` is not JSON or `returns` is not a name."""
    if not returns.isidentifier():
        raise InputError(f"{returns!r} is not the name of a variable", hint="name the variable that holds the result")
    try:
        packed = b"null" if data is None else json.dumps(data, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the data for the code is not JSON: {error}", hint="pass plain values") from None
    return Order(code.encode("utf-8", "surrogatepass") if isinstance(code, str) else code, packed, returns)


@cache
def program() -> bytes:
    """The source of the guest."""
    return resources.files("revet.sandboxes").joinpath("_guest", "snippet.py").read_bytes()


def interpret(ended: ExecResult, order: Order) -> PythonResult:
    """What the code did, from how its process ended and what came over the report channel."""
    return conclude(dict(ended.__dict__), order)


def conclude(fields: dict[str, Any], order: Order) -> PythonResult:
    """`interpret`, where the fields of the `ExecResult` are not in one yet. They are taken over."""
    report, fields["report"] = fields["report"], b""
    fields["value"] = fields["error"] = None
    if fields["verdict"] in (ExecVerdict.ok, ExecVerdict.exception):
        if report.endswith(order.secret):
            fields.update(success(report[: -len(order.secret)]))
        else:
            fields.update(failure(report, fields["exit_code"]))
    return PythonResult.model_construct(**fields)  # every field is checked here, or was made by us


def success(record: bytes) -> dict[str, Any]:
    """The fields for code that ran to its end. What it wrote to the channel itself may have spoilt the record."""
    if record == NOTHING:
        return {"verdict": ExecVerdict.ok, "exit_code": 0}
    try:
        text = record.decode()
        told = DECODER.decode(text)
        if "\\ud" in text:  # half a character, which is no text
            json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return spoilt(f"the result cannot be read: {error}")
    if not isinstance(told, dict) or told.keys() != {"value", "error"} or told["error"] is not None:
        return spoilt("the code wrote to the channel of its result")
    return {"verdict": ExecVerdict.ok, "exit_code": 0, "value": told["value"]}


def failure(record: bytes, exit_code: int | None) -> dict[str, Any]:
    """The fields for code that did not run to its end. It may have written the record itself, to no gain."""
    told: dict[str, Any] = {}
    error = None
    try:
        if record.endswith(FAILED):
            told = DECODER.decode(record[:-1].decode())["error"]
            error = PythonError(**{name: told[name] for name in PythonError.model_fields})
    except (ValueError, TypeError, KeyError, RecursionError):
        error = None
    if error is None:
        return spoilt(f"the code ended its process with status {exit_code} before its end", "EarlyExit")
    verdict = ExecVerdict.exception
    if told.get("memory") is True:
        verdict = ExecVerdict.oom
    if told.get("denied") is True:
        verdict = ExecVerdict.denied
    return {"verdict": verdict, "exit_code": exit_code or 1, "error": error}


def spoilt(words: str, kind: str = "ResultError") -> dict[str, Any]:
    return {"verdict": ExecVerdict.exception, "error": PythonError(type=kind, message=words)}


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_constant=no_constant)


async def run_cold(
    session: Session,
    order: Order,
    *,
    python: str,
    layer: Layer | None,
    limits: Limits | None,
    stdin: bytes = b"",
) -> PythonResult:
    """`run_python` by way of `exec`: a fresh interpreter, for sandboxes that have none running."""
    ended = await session.exec(
        [python, "-I", PROGRAM],
        layer=layer,
        limits=limits,
        stdin=order.stdin + stdin,
        files={PROGRAM: program()},
        report=True,
    )
    return interpret(ended, order)
