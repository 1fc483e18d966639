"""What a task file says of rules, of proof and of the time to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.batch.agents import SharedAgents
from revet.errors import InputError
from revet.graphs import Agent
from revet.store import Store
from revet.taskfile import load


def written(folder: Path, settings: str) -> Path:
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "a.py").touch()
    path = folder / "tasks.yaml"
    path.write_text(f"tasks:\n  - workspace: ./work\n    checks: ['true']\n    edit: ['*.py']\n{settings}")
    return path


async def test_they_reach_the_agent(tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text('[[gate.rule]]\neffect = ["delete"]\ndecision = "deny"\n')
    path = written(
        tmp_path,
        "    rules: strict.toml\n    unproven: allowed\n    ask_seconds: 2.5\n    database: sqlite:///work/shop.db\n",
    )
    (entry,) = load(path)
    assert entry.settings.rules == str(tmp_path / "strict.toml")
    agents = SharedAgents()
    agent = agents(entry.settings, Store(tmp_path / "store"))
    assert isinstance(agent, Agent)
    assert (agent.policy.unproven, agent.policy.ask_seconds) == ("allowed", 2.5)
    assert agent.database == f"sqlite:///{tmp_path}/work/shop.db", "relative to the task file"
    await agents.close()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("    rules: none.toml\n", r"tasks\.yaml:5: tasks\[0\]\.rules: .*none\.toml"),
        ("    rules: wrong.toml\n", r"tasks\.yaml:5: tasks\[0\]\.rules: .*wrong\.toml:2"),
        ("    ask_seconds: 0\n", r"tasks\.yaml:5: tasks\[0\]\.ask_seconds"),
        ("    database: shop.db\n", r"tasks\.yaml:5: tasks\[0\]\.database: the database 'shop\.db' is no URL"),
        (
            "    database: sqlite:///a.db\n    inputs: {database: 'sqlite:///b.db'}\n",
            r"tasks\.yaml:5: tasks\[0\]\.database: the task names one in inputs\.database",
        ),
        ("    unproven: perhaps\n", r"tasks\.yaml:5: tasks\[0\]\.unproven: must be one of"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, settings: str, told: Any) -> None:
    (tmp_path / "wrong.toml").write_text("[[gate.rule]]\ndecide = 1\n")
    with pytest.raises(InputError, match=told):
        load(written(tmp_path, settings))
