"""Files of rules: where they are found, what they hold, and how a mistake in one is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.model import Analysis, Effect, EffectKind
from revet.effects.patterns import Roots
from revet.effects.rules_config import RulesError, load_rules, project_file, read_rules
from revet.errors import InputError


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "revet.toml"
    path.write_text(text, encoding="utf-8")
    return path


ALL = """
[gate]
dry_run = false
timeout = 2.5
doubt = "deny"
unrequested = "deny"
default = "deny"

[[gate.rule]]
decision = "ask"
effect = ["delete", "write"]
path = ["migrations/**", "!migrations/tmp/**"]
place = "workspace"
count = 10
reason = "migrations are kept"

[[gate.rule]]
decision = "allow"
effect = "remote_write"
command = "git push origin *"
at_most = 3
wide = false
reversible = true
requested = true
basis = "text"
cost = 1.5
table = ["tmp_*"]
"""


def test_a_file_may_use_every_field(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, ALL))
    assert (rules.dry_run, rules.timeout, rules.doubt, rules.unrequested, rules.otherwise) == (
        False,
        2.5,
        "deny",
        "deny",
        "deny",
    )
    first, second = rules.project
    assert first.effect == ("delete", "write")
    assert first.place == ("workspace",)
    assert (first.count, first.reason, first.source) == (10, "migrations are kept", f"{tmp_path}/revet.toml:9")
    assert (second.at_most, second.cost, second.requested, second.source[-3:]) == (3, 1.5, True, ":17")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[gate]\ntimeout = 0\n", 2, "gate.timeout: must lie between 0 and 600"),
        ("[gate]\n\ndry_runs = true\n", 3, "did you mean dry_run?"),
        ("[gate]\ndoubt = 'allow'\n", 2, "'allow' is none of ask, deny"),
        ("[gates]\n", 1, "did you mean gate?"),
        ("gate = 3\n", 1, "write [gate]"),
        ("[[gate.rule]]\neffect = 'delete'\n", 1, "has no decision"),
        ("[[gate.rule]]\ndecision = 'perhaps'\n", 2, "'perhaps' is none of allow, ask, deny"),
        (
            "[[gate.rule]]\ndecision = 'ask'\n\n[[gate.rule]]\ndecision = 'ask'\neffects = 'x'\n",
            6,
            "did you mean effect?",
        ),
        ("[[gate.rule]]\ndecision = 'ask'\neffect = ['delete', 'explode']\n", 3, "'explode' is none of read,"),
        ("[[gate.rule]]\ndecision = 'ask'\neffect = []\n", 3, "would hold for nothing"),
        ("[[gate.rule]]\ndecision = 'ask'\npath = ['[z-a]']\n", 3, "is no pattern"),
        ("[[gate.rule]]\ndecision = 'ask'\npath = ''\n", 3, "is no text"),
        ("[[gate.rule]]\ndecision = 'ask'\ncount = -1\n", 3, "whole number"),
        ("[[gate.rule]]\ndecision = 'ask'\nwide = 'yes'\n", 3, "must be true or false"),
        ("[[gate.rule]]\ndecision = 'ask'\nplace = 'here'\n", 3, "'here' is none of workspace,"),
        ("[gate]\nrule = 3\n", 2, "[[gate.rule]]"),
        ("[gate\n", 1, "is not TOML"),
        ("[gate]\nx = \n", 2, "is not TOML"),
    ],
)
def test_a_mistake_is_told_with_file_line_field_and_what_to_do(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(RulesError) as caught:
        read_rules(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)
    assert isinstance(caught.value, InputError)


def test_what_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "revet.toml"
    with pytest.raises(RulesError, match="no such file"):
        read_rules(path)
    path.write_bytes(b"[gate]\n# \xff\n")
    with pytest.raises(RulesError, match=r":2: is not UTF-8"):
        read_rules(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RulesError, match="cannot be read"):
        read_rules(path)
    path.rmdir()
    path.symlink_to("nowhere")
    with pytest.raises(RulesError):
        load_rules(str(tmp_path), str(tmp_path))


@settings(deadline=None, max_examples=200)
@given(
    st.text(max_size=80)
    | st.sampled_from(["[[gate.rule]]\n", "[gate]\n"]).flatmap(lambda h: st.text(max_size=40).map(h.__add__))
)
def test_any_text_is_rules_or_a_rules_error(text: str) -> None:
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"revet-rules-{os.getpid()}"
    try:
        path = written(folder, text.replace("\r", "\n").encode("utf-8", "replace").decode())
        read_rules(path)
    except RulesError as error:
        assert str(path) in str(error)
    finally:
        (folder / "revet.toml").unlink(missing_ok=True)
        folder.rmdir()


def test_the_outermost_file_of_the_project_counts(tmp_path: Path) -> None:
    inner = tmp_path / "node_modules" / "evil"
    written(inner, "[[gate.rule]]\ndecision = 'allow'\n")
    assert project_file(str(inner), str(tmp_path)) == f"{inner}/revet.toml"
    written(tmp_path, "")
    assert project_file(str(inner), str(tmp_path)) == f"{tmp_path}/revet.toml"
    assert project_file(str(tmp_path), str(inner)) is None


def test_the_users_file_is_read_after_the_projects_and_its_settings_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    written(tmp_path / "config" / "revet", "[gate]\ntrust_project = false\ntimeout = 1\n")
    written(tmp_path / "shop", "[gate]\ntrust_project = true\ntimeout = 9\ndry_run = false\n")
    rules = load_rules(str(tmp_path / "shop"), str(tmp_path / "shop"))
    assert (rules.trust_project, rules.timeout, rules.dry_run) == (False, 1, False)
    assert len(rules.files) == 2


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = written(tmp_path, "[gate]\ntimeout = 1\n")
    assert load_rules(str(tmp_path), str(tmp_path)).timeout == 1
    path.write_text("[gate]\ntimeout = 12\n", encoding="utf-8")
    assert load_rules(str(tmp_path), str(tmp_path)).timeout == 12


ROOTS = Roots(workspace="/w", home="/home/me", cwds=("/w/src", "sub", None))


@pytest.mark.parametrize(
    ("pattern", "target", "asks", "allows"),
    [
        ("*.sql", "schema.sql", True, True),
        ("*.sql", "db/schema.sql", True, True),
        ("migrations/**", "migrations/1.sql", True, True),
        ("migrations/", "migrations/a/1.sql", True, True),
        ("migrations/**", "src/migrations/1.sql", False, False),
        ("**/migrations/*", "src/migrations/1.sql", True, True),
        ("src/*.py", "src/a/b.py", False, False),
        ("src", "src/a/b.py", True, True),
        ("/etc/**", "/etc/hosts", True, True),
        ("~/.ssh/**", "~/.ssh/id", True, True),
        ("~/.ssh/**", "$HOME/.ssh/id", True, True),
        ("secret.*", "a/../secret.txt", True, True),
        ("a.txt", "b.txt", False, False),
        # A target with a pattern of its own: forbidden where the two may meet, allowed where all of it lies within.
        ("migrations/**", "migrations/*.sql", True, True),
        ("*.log", "*.log", True, True),
        ("?.log", "*.log", True, False),
        ("build/**", "*", True, False),
        ("src/**", "docs/*.md", False, False),
        ("[ab].txt", "a.txt", True, True),
        ("[!ab].txt", "a.txt", False, False),
    ],
)
def test_patterns_of_paths(tmp_path: Path, pattern: str, target: str, asks: bool, allows: bool) -> None:
    for decision, hit in (("deny", asks), ("allow", allows)):
        path = written(tmp_path, f"[[gate.rule]]\ndecision = '{decision}'\npath = ['{pattern}']\n")
        rules = read_rules(path)
        effect = Effect(EffectKind.write, "changes it", target, "workspace")
        assert any(rule.decision == decision for rule in rules.project if rule in matching(rules, effect)) is hit, (
            decision
        )


def matching(rules: object, effect: Effect) -> list[object]:
    from dataclasses import replace

    bare = replace(rules, defaults=(), user=(), otherwise="ask")  # type: ignore[type-var]
    step = bare.decide(Analysis((effect,)), roots=ROOTS).trace[0]
    return [] if step.rule == "no rule matches" else list(bare.project)


def test_a_folder_that_goes_takes_with_it_what_lies_in_it(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, "[[gate.rule]]\ndecision = 'deny'\npath = ['migrations/old/**']\n"))
    for target, kind, wide, denied in (
        ("migrations", "delete", True, True),
        (".", "delete", True, True),
        ("migrations", "delete", False, False),
        ("src", "delete", True, False),
        (".", "write", True, False),
    ):
        effect = Effect(EffectKind(kind), "it", target, "workspace", wide=wide)
        assert (rules.decide(Analysis((effect,)), roots=ROOTS).decision == "deny") is denied, (target, kind)


def test_an_exception_takes_away_from_the_patterns_before_it(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, "[[gate.rule]]\ndecision = 'deny'\npath = ['data/**', '!data/tmp/**']\n"))
    for target, wide, denied in (("data/a", False, True), ("data/tmp/a", False, False), ("data", True, True)):
        effect = Effect(EffectKind.delete, "it", target, "workspace", wide=wide)
        assert (rules.decide(Analysis((effect,)), roots=ROOTS).decision == "deny") is denied, target


def test_a_relative_target_lies_in_the_folder_of_its_command() -> None:
    for command, expected in ((0, "/w/src/a"), (1, "/w/sub/a"), (2, "/w/a"), (None, "/w/a")):
        assert ROOTS.of(Effect(EffectKind.write, "it", "a", "workspace", command=command, word="tee")) == expected
    measured = Effect(EffectKind.write, "it", "a", "workspace", command=0, basis="dry run")
    assert ROOTS.of(measured) == "/w/a"
