"""The demo judges what it shows: it ends with 0 only if everything came out as it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from revet.store import Store
from tests.report.samples import abstained, asked, committed, task

HERE = Path(__file__).resolve().parents[1]
RECORDED = {
    "models/captions.yaml": "quickstart",
    "models/question.yaml": "question",
    "models/word_problem.yaml": "word_problem",
}
EVIDENCE, GATE = "evidence/tasks.yaml", "gate/tasks.yaml"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The demo on two small packages, with a `revet run` that only records how it would have ended."""
    spec = importlib.util.spec_from_file_location("demo", HERE / "examples" / "demo.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("one", "two"):
        (tmp_path / "quickstart" / name / "sub").mkdir(parents=True)
        (tmp_path / "quickstart" / name / "sub" / "code.py").write_text("x = 1\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "prepare.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "COPY", tmp_path / "copy")
    monkeypatch.setattr(module, "EXPECTED", {"committed": 2, "abstained": 1})
    monkeypatch.setattr(module, "revet", lambda *words: fake_revet(tmp_path / "copy", *words))
    return module


def fake_revet(copy: Path, command: str, run: str, *more: str) -> int:
    if command == "run" and more:
        return int(more != ("--model", f"replay:models/recordings/{RECORDED[run]}.jsonl"))
    if (command, run) == ("run", EVIDENCE):
        return 0
    if (command, run) == ("run", GATE):
        for name in ("cities", "exports", "braga"):
            Store(copy / ".revet").save(committed(f"{name}-run", task(name)))
        Store(copy / ".revet").save(asked("forget-run", task("forget")))
        return 1
    copy = copy / "quickstart"
    if command == "run":
        store = Store(copy.parent / ".revet")
        for name in ("one", "two"):
            (copy / name / "sub" / "code.py").write_text("x = 2\n")
            (copy / name / ".pytest_cache").mkdir()
            (copy / name / ".pytest_cache" / "x").write_text("not ours")
            store.save(committed(f"{name}-run", task(name, str(copy / name))))
        store.save(abstained("three-run", task("three", str(copy / "three"))))
    else:
        (copy / run.removesuffix("-run") / "sub" / "code.py").write_text("x = 1\n")
    return 0


def test_it_ends_well_and_says_what_to_look_at(demo: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main() == 0
    said = capsys.readouterr().out
    assert "one is again what it was, byte for byte" in said
    assert "-m revet show two-run" in said and "-m revet fix quickstart/one" in said
    assert all((HERE / "examples" / "models" / "recordings" / f"{name}.jsonl").is_file() for name in RECORDED.values())
    assert all((HERE / "examples" / path).is_file() for path in [*RECORDED, EVIDENCE, GATE])


def test_it_fails_if_the_tasks_end_otherwise(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "EXPECTED", {"committed": 3, "abstained": 0})
    assert demo.main() == 1
    assert "The demo failed: expected" in capsys.readouterr().err


def test_it_fails_if_the_undo_is_refused(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = demo.revet
    monkeypatch.setattr(demo, "revet", lambda *words: done(*words) or int(words[0] == "undo"))
    assert demo.main() == 1
    assert "one-run could not be taken back" in capsys.readouterr().err


def test_it_fails_if_a_recording_ends_otherwise(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = demo.revet
    monkeypatch.setattr(demo, "revet", lambda *words: done(*words) or int("models/question.yaml" in words))
    assert demo.main() == 1
    assert "models/question.yaml did not end as recorded" in capsys.readouterr().err


def test_it_fails_if_the_tools_find_nothing(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = demo.revet
    monkeypatch.setattr(demo, "revet", lambda *words: done(*words) or int(EVIDENCE in words))
    assert demo.main() == 1
    assert "evidence/tasks.yaml did not end as its page says" in capsys.readouterr().err


def test_it_fails_if_the_gate_ends_otherwise(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "GATE", {**demo.GATE, "forget": "committed"})
    assert demo.main() == 1
    assert "of gate/tasks.yaml, but saw" in capsys.readouterr().err


@pytest.mark.parametrize("left", ["one/sub/code.py", "one/new.py"])
def test_it_fails_if_a_byte_is_left(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], left: str
) -> None:
    done = demo.revet

    def careless(*words: str) -> int:
        code = int(done(*words))
        (demo.COPY / "quickstart" / left).write_text("x = 1\n#")
        return code

    monkeypatch.setattr(demo, "revet", careless)
    assert demo.main() == 1
    assert "after the undo" in capsys.readouterr().err
