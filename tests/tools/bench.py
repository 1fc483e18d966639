"""What the tests of the tools share: a workspace made of a dict, and a round on it, drafted or not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent

from revet.protected import is_test_or_build
from revet.sandboxes import Layer, Session
from revet.schema import Changes, Check, Evidence, FileChange, FileState, Task
from revet.tools import Tests, View
from revet.tools.facts import TestFacts, facts_of


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def state(data: bytes) -> FileState:
    return FileState(sha256=hashlib.sha256(data).hexdigest(), size=len(data), mode=0o644)


# Without the plugins that happen to be installed beside Revet, pytest starts in a third of the time.
PYTEST = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 pytest -q"


@dataclass
class Bench:
    """A workspace in a session, and the tool."""

    root: Path
    session: Session
    command: str
    tool: Tests
    folder: Path

    @property
    def check(self) -> Check:
        return self.view().task.checks[0]

    def view(self, timeout: float = 30.0) -> View:
        check = Check(command=self.command, timeout=timeout)
        task = Task(workspace=str(self.root), checks=(check,))
        return View(
            task=task,
            run="r",
            workspace=self.root,
            session=self.session,
            allows=lambda path: not is_test_or_build(path),
        )

    async def run(self, view: View | None = None) -> Evidence:
        view = view or self.view()
        return await self.tool.run(self.tool.plan(view)[0], view)

    def drafted(self, files: Mapping[str, str], view: View | None = None) -> View:
        """The view of a draft that writes `files`."""
        layer = self.folder / f"layer-{len(list(self.folder.iterdir()))}"
        write(layer, files)
        changes = []
        for name in files:
            before = (self.root / name).read_bytes() if (self.root / name).exists() else None
            after = (layer / name).read_bytes()
            changes.append(
                FileChange(path=name, before=state(before) if before is not None else None, after=state(after))
            )
        return replace(view or self.view(), layer=Layer(root=layer), changes=Changes(files=tuple(changes)))

    async def judged(self, files: Mapping[str, str], baseline: Evidence | None = None) -> Evidence:
        """The evidence about a draft that writes `files`, after a baseline."""
        view = self.view()
        baseline = baseline or await self.run(view)
        drafted = self.drafted(files, replace(view, baseline={view.task.checks[0].id: baseline}))
        return await self.run(drafted)


def facts(evidence: Evidence) -> TestFacts:
    found = facts_of(evidence)
    assert found is not None, evidence
    return found
