"""Writes what somebody else may run later: git's hooks, Python's start-up files, a test's configuration."""

import os

from tests.sandboxes.hostile.programs.kit import data, say

SHELL = "#!/bin/sh\ntouch '%s'\n" % data["flag"]
PYTHON = "import os; os.system(\"touch '%s'\")\n" % data["flag"]
FILES = {
    ".git/hooks/post-checkout": SHELL,
    ".git/hooks/pre-commit": SHELL,
    ".git/config": "[core]\n\tfsmonitor = \"touch '%s'\"\n" % data["flag"],
    "evil.pth": PYTHON,
    "sitecustomize.py": PYTHON,
    "usercustomize.py": PYTHON,
    "conftest.py": PYTHON,
    "json.py": PYTHON,
    "Makefile": "all:\n\ttouch '%s'\n" % data["flag"],
    ".envrc": SHELL,
}
for path, text in FILES.items():
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as stream:
        stream.write(text)
    os.chmod(path, 0o755)
say("written", sorted(FILES))
