"""Judges tests by what candidates returned, in a process where no candidate ever ran.

Sent as text like `guest`, with ``data = {"prelude": source, "seconds": s, "runs": [{"entry", "source", "got"}]}``:
the test statement is executed with a stand-in for the entry point that gives back, call by call, the recorded values.
``result`` says of each run ``pass``, ``fail``, ``error:TYPE`` or ``unknown`` (the test uses a name that only the
candidate has, or the candidate gave what could not be written down).
"""

from __future__ import annotations

import builtins
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Types of the standard library whose values tests compare with plain ones, or read as such.
ITERABLES = ("generator", "map", "filter", "zip", "enumerate", "range", "reversed", "list_iterator", "deque")
VIEWS = ("dict_keys", "dict_values", "dict_items")
STANDARD = ("date", "datetime", "time", "timedelta", "Decimal", "Fraction", "PosixPath", "PurePosixPath", "UUID")
LENIENT = frozenset((*ITERABLES, *VIEWS, *STANDARD))


class Strange:
    """A value of a type that is not built in. It is equal to itself alone."""

    __slots__ = ()


class Slow(BaseException):
    """The test took too long."""


def decode(value: Any) -> Any:
    tag = value[0]
    if tag == "n":
        return None
    if tag in ("b", "s"):
        return value[1]
    if tag == "i":
        return int(value[1], 16)
    if tag == "f":
        return float(value[1])
    if tag == "c":
        return complex(float(value[1]), float(value[2]))
    if tag == "y":
        return bytes.fromhex(value[1])
    if tag == "l":
        return [decode(each) for each in value[1]]
    if tag == "t":
        return tuple(decode(each) for each in value[1])
    if tag == "S":
        return {decode(each) for each in value[1]}
    if tag == "d":
        return {decode(key): decode(each) for key, each in value[1]}
    return Strange()


def exception(name: str, message: str) -> BaseException:
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (NameError, AssertionError)):
        try:
            return kind(message)
        except TypeError:
            return RuntimeError(name)
    return RuntimeError(name)


def stand_in(got: list[Any]) -> Any:
    left = list(got)

    def entry(*_args: Any, **_kwargs: Any) -> Any:
        if not left:
            raise RuntimeError("called more often than recorded")
        record = left.pop(0)
        if "error" in record:
            raise exception(record["error"][0], record["error"][1])
        return decode(record["value"])

    return entry


def strangers(value: Any) -> set[str]:
    """The names of the types in it that were not written down."""
    if value[0] in ("l", "t", "S"):
        return set().union(*map(strangers, value[1]))
    if value[0] == "d":
        return set().union(*(strangers(each) for pair in value[1] for each in pair))
    return {value[1]} if value[0] in ("o", "long") else set()


def judge(run: Any, prelude: Any, seconds: float) -> str:
    strange = set().union(*(strangers(record["value"]) for record in run["got"] if "value" in record))
    said = tried(run, prelude, seconds)
    if strange and (said.startswith("error:") or (said == "fail" and strange <= LENIENT)):
        return "unknown"
    return said


def tried(run: Any, prelude: Any, seconds: float) -> str:
    names = dict(prelude)
    names[run["entry"]] = stand_in(run["got"])
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        exec(compile(run["source"], "<test>", "exec"), names)
    except AssertionError:
        return "fail"
    except NameError:
        return "unknown"
    except Slow:
        return "error:timeout"
    except BaseException as error:  # noqa: BLE001 (whatever a test raises is its result)
        return "error:" + type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "pass"


def late(_signal: int, _frame: Any) -> None:
    raise Slow


def main(order: Any) -> list[str]:
    signal.signal(signal.SIGALRM, late)
    prelude: dict[str, Any] = {"__name__": "tests"}
    signal.setitimer(signal.ITIMER_REAL, order["seconds"])
    try:
        exec(compile(order["prelude"], "<prelude>", "exec"), prelude)
    except (Exception, Slow):  # noqa: BLE001 (a prelude that fails is as good as none)
        prelude = {"__name__": "tests"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [judge(run, prelude, order["seconds"]) for run in order["runs"]]


if "data" in globals():
    result = main(globals()["data"])
