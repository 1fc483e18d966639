"""Hears of what a candidate does to the interpreter: an audit hook cannot be taken out again, nor missed.

Only what suspect code does is noted: code that the draft could have made (`Origins.suspect`).
"""

from __future__ import annotations

import sys
import threading
import types
from typing import Any

from .origins import Origins

TAMPERS = {
    "sys.settrace": "set a trace function",
    "sys.setprofile": "set a profile function",
    "sys.monitoring.register_callback": "set a monitoring callback",
    "gc.get_objects": "searched the objects of the process (gc.get_objects)",
    "gc.get_referrers": "searched the objects of the process (gc.get_referrers)",
}
SETS = "object.__setattr__"
CODE = ("__code__", "__class__", "__defaults__", "__kwdefaults__")
FRAMES, GETS = "sys._getframe", "object.__getattr__"
LOOKED = "looked at the frames of its callers"
HOLD_FRAMES = ("tb_frame", "gi_frame", "cr_frame", "ag_frame")
# Who asks for a frame through these is their caller.
BETWEEN = ("inspect.py", "threading.py", "gc.py")


def listen(origins: Origins, heard: dict[str, bool]) -> None:
    """Collect sentences in `heard`: True for what is tampering, False for what may be the workspace's habit.

    Call before any code of the workspace runs.
    """
    getframe, suspect, ident = sys._getframe, origins.suspect, threading.get_ident
    busy: set[int] = set()

    def hook(event: str, arguments: Any) -> None:
        frames = event == FRAMES or (event == GETS and arguments[1] in HOLD_FRAMES)
        sets = event == SETS and arguments[1] in CODE
        if not (frames or sets or event in TAMPERS) or ident() in busy:
            return
        busy.add(ident())  # what follows raises such events of its own
        try:
            frame = caller(getframe().f_back)
            if frame is None or not suspect(frame.f_code.co_filename) or (sets and suspect(file_of(arguments[0]))):
                return
            what = f"replaced the {arguments[1]} of an object" if sets else TAMPERS.get(event, LOOKED)
            heard[f"{origins.where(frame.f_code)} {what}"] = not frames
        finally:
            busy.discard(ident())

    sys.addaudithook(hook)


def file_of(target: Any) -> str:
    """The file of a function or module; for anything else one that is suspect, since its own class is its business."""
    if isinstance(target, types.FunctionType):
        return target.__code__.co_filename
    if isinstance(target, types.ModuleType):
        return str(vars(target).get("__file__") or "<none>")
    return "<none>"


def caller(frame: Any) -> Any:
    while frame is not None and frame.f_code.co_filename.endswith(BETWEEN):
        frame = frame.f_back
    return frame
