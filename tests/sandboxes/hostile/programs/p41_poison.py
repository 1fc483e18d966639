"""Poisons the next run: modules, builtins, folders where Python looks, the environment. Then looks for it."""

import builtins
import json
import os
import sys

from tests.sandboxes.hostile.programs.kit import data, say

PLACES = ("/tmp", "/var/tmp", "/dev/shm", ".", os.environ.get("HOME", "/tmp"), os.environ.get("TMPDIR", "/tmp"))
POISON = "import builtins\nbuiltins.poisoned = True\n"

if data["variant"] == "poison":
    builtins.poisoned = True
    json.poisoned = True
    sys.modules["poisoned"] = json
    sys.path.insert(0, "/tmp")
    sys.dont_write_bytecode = False
    os.environ["PYTHONSTARTUP"] = os.environ["LD_PRELOAD"] = "/tmp/poisoned.py"
    for place in PLACES:
        for name in ("json.py", "sitecustomize.py", "usercustomize.py", "poisoned.py", "poisoned.pth", ".bashrc"):
            try:
                with open(os.path.join(place, name), "w") as stream:
                    stream.write(POISON)
            except OSError:
                continue
    os.umask(0)
    os.nice(5)
    say("poisoned")
else:
    found = [name for name in ("builtins", "json") if hasattr(sys.modules[name], "poisoned")]
    found += [name for name in ("poisoned",) if name in sys.modules]
    found += [name for name in ("PYTHONSTARTUP", "LD_PRELOAD") if name in os.environ]
    for place in PLACES:
        names = os.listdir(place) if os.path.isdir(place) else []
        found += [place + "/" + name for name in names if "poison" in name or "customize" in name]
    found += ["umask"] if os.umask(0o022) == 0 else []
    say("found", found)
