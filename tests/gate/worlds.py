"""What tests of the gate share: requests, and a repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["command", "git"]


def command(text: str, folder: Path, **more: object) -> dict[str, object]:
    """A request to run `text` in `folder`."""
    return {"kind": "run_command", "command": text, "cwd": str(folder), **more}


def git(folder: Path) -> None:
    """Make `folder` a repository that holds all of its files."""
    told = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env=os.environ | told)
