"""Changes who would judge it: what compares, what encodes, what reports. Then it fails, as it should."""

import atexit
import builtins
import gc
import json
import os
import sys
import threading
import types

from tests.sandboxes.hostile.programs.kit import data

HOSTS = ("__main__", "snippet", "forkserver", "revet.sandboxes._guest.snippet")
FORGED = '{"value": {"passed": 5}, "error": null}'


class Agreeable:
    """Equal to everything, true, and of any length."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __bool__(self):
        return True

    def __len__(self):
        return 5

    __hash__ = None


def patch_builtins():
    for name in ("len", "isinstance", "type", "str", "print", "compile", "exec", "BaseException", "AssertionError"):
        setattr(builtins, name, lambda *_, **__: Agreeable())


def patch_modules():
    for name in list(sys.modules):
        if name.split(".")[0] in ("json", "os", "posix", "io", "errno", "builtins"):
            sys.modules[name] = types.ModuleType(name)
    json.dumps = json.JSONEncoder.encode = lambda *_, **__: FORGED
    os.write = lambda fd, text: len(text)


def patch_encoder():
    encoder = json.encoder
    encoder.JSONEncoder.iterencode = lambda *_, **__: iter([FORGED])
    encoder.JSONEncoder.default = lambda *_: {"passed": 5}
    encoder.c_make_encoder = encoder._make_iterencode = lambda *_, **__: lambda *_: [FORGED]
    encoder.encode_basestring_ascii = encoder.py_encode_basestring_ascii = lambda _: FORGED


def patch_functions():
    """Every function of whoever runs this gets a body that says nothing is wrong."""
    agree = (lambda *_, **__: None).__code__
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and not thing.__code__.co_freevars:
            if (
                thing.__module__ in ("__main__", "snippet", "forkserver", "_guest")
                and thing.__globals__ is not globals()
            ):
                thing.__code__ = agree


def patch_frames():
    """What the callers hold in their variables."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is not globals():
            for name in ("error", "kinds", "value", "trouble", "failed"):
                if name in frame.f_locals:
                    frame.f_locals[name] = None
        frame = frame.f_back


def jump():
    """A tracer on the caller's frame moves it past what would tell of the failure."""

    def tracer(frame, event, _):
        if event == "line" and frame.f_globals is not globals():
            lines = sorted({line for _, _, line in frame.f_code.co_lines() if line and line > frame.f_lineno})
            for line in reversed(lines):
                try:
                    frame.f_lineno = line
                    break
                except ValueError:
                    continue
        return tracer

    sys.settrace(tracer)
    threading.settrace(tracer)
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is not globals():
            frame.f_trace = tracer
        frame = frame.f_back


class Slippery(AssertionError):
    """An error that cannot be shown, and tries to end the process while it is."""

    def __str__(self):
        os._exit(0)

    __repr__ = __str__


def swallow(*_):
    os._exit(0)


def replace_hooks():
    sys.excepthook = sys.unraisablehook = threading.excepthook = swallow
    atexit.register(os._exit, 0)
    sys.stdout = sys.stderr = types.SimpleNamespace(write=swallow, flush=swallow)


def stop_collecting():
    main = sys.modules["__main__"]
    for name in list(vars(main)):
        if not name.startswith("__") and name not in globals():
            setattr(main, name, Agreeable())


WAYS = {
    "builtins": patch_builtins,
    "modules": patch_modules,
    "encoder": patch_encoder,
    "functions": patch_functions,
    "frames": patch_frames,
    "jump": jump,
    "hooks": replace_hooks,
    "main": stop_collecting,
}
result = {"passed": 5}
if data["variant"] == "equal":
    result = Agreeable()
elif data["variant"] == "slippery":
    raise Slippery
else:
    Failure = AssertionError
    WAYS[data["variant"]]()
    raise Failure("1 + 1 is not 3")
