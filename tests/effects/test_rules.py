"""How rules decide: each built-in rule both ways, what a rule matches, and the order of precedence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.model import Analysis, Effect, EffectKind, Place
from revet.effects.patterns import Roots
from revet.effects.rules import Decision, Rule, Rules, strictest
from revet.effects.rules_default import DEFAULTS

ROOTS = Roots(workspace="/home/me/shop", home="/home/me")
DEFAULT = Rules(defaults=DEFAULTS)


def effect(kind: str, target: str = "", place: Place = "workspace", **more: object) -> Effect:
    return Effect(EffectKind(kind), f"{kind}s {target}", target, place, **more)  # type: ignore[arg-type]


def decided(*effects: Effect, rules: Rules = DEFAULT, doubts: tuple[str, ...] = (), **more: object) -> Decision:
    return rules.decide(Analysis(effects, doubts, ("x",)), roots=ROOTS, **more).decision  # type: ignore[arg-type]


@dataclass(frozen=True)
class Asked:
    requested: tuple[Effect, ...] = ()
    unrequested: tuple[tuple[Effect, str], ...] = ()


@pytest.mark.parametrize(
    ("one", "decision"),
    [
        (effect("read", "/etc/passwd", "system"), "allow"),
        (effect("fetch", "https://x", "remote"), "allow"),
        (effect("create", "a.txt"), "allow"),
        (effect("write", "src/a.py"), "allow"),
        (effect("write", "/tmp/x", "temporary"), "allow"),
        (effect("write", "/home/me/notes", "home"), "ask"),
        (effect("write", "/data/x", "elsewhere"), "ask"),
        (effect("write", "$X", "unknown"), "ask"),
        (effect("write", "/etc/hosts", "system"), "deny"),
        (effect("create", "/home/me/notes", "home"), "allow"),
        (effect("create", "/etc/new", "system"), "deny"),
        (effect("run", "make"), "allow"),
        (effect("delete", "a.txt"), "allow"),
        (effect("delete", "build", wide=True), "ask"),
        (effect("delete", "build", wide=True, count=3, reversible=True, basis="dry run"), "ask"),
        (effect("delete", "a", count=30, reversible=True, basis="dry run"), "allow"),
        (effect("delete", "a", count=30, reversible=False, basis="dry run"), "ask"),
        (effect("delete", "/tmp/x", "temporary", wide=True), "allow"),
        (effect("delete", "/home/me/x", "home"), "ask"),
        (effect("delete", "/etc/hosts", "system"), "deny"),
        (effect("delete", "/", "system", wide=True), "deny"),
        (effect("discard", "HEAD"), "ask"),
        (effect("device", "/dev/sda", "system", reversible=False), "deny"),
        (effect("device", "/mnt", "elsewhere", reversible=True), "ask"),
        (effect("create", "orders", "database"), "allow"),
        (effect("write", "orders", "database"), "allow"),
        (effect("write", "orders", "database", wide=True), "ask"),
        (effect("delete", "orders", "database"), "allow"),
        (effect("delete", "orders", "database", wide=True), "ask"),
        (effect("delete", "orders", "database", count=3, basis="dry run"), "allow"),
        (effect("delete", "orders", "database", count=3000, basis="dry run"), "ask"),
        (effect("schema", "orders", "database"), "ask"),
        (effect("schema", "orders", "database", reversible=True), "allow"),
        (effect("style", "orders", "database"), "ask"),
        (effect("lock", "orders", "database"), "ask"),
        (effect("remote_write", "origin/main", "remote"), "allow"),
        (effect("remote_create", "pr", "remote"), "allow"),
        (effect("remote_delete", "s3://b", "remote"), "ask"),
        (effect("send", "mail", "remote"), "ask"),
        (effect("leak", "~/.ssh/id_rsa", "remote"), "ask"),
        (effect("install", "left-pad", "unknown"), "ask"),
        (effect("service", "nginx", "system"), "ask"),
        (effect("process", "1234", "unknown"), "ask"),
        (effect("privilege", "run.sh"), "allow"),
        (effect("privilege", "src", wide=True), "ask"),
        (effect("privilege", "", "unknown"), "ask"),
        (effect("unknown", "foo", "unknown"), "ask"),
        (effect("write", "revet.toml"), "ask"),
        (effect("create", "sub/revet.toml"), "ask"),
        (effect("write", ".claude/settings.json"), "ask"),
        (effect("create", ".git/hooks/pre-commit"), "ask"),
        (effect("write", ".git/config"), "ask"),
        (effect("write", ".git", count=4, basis="dry run"), "allow"),
        (effect("write", ".gitignore"), "allow"),
        (effect("write", "/home/me/.ssh/authorized_keys", "home"), "ask"),
        (effect("write", "~/.bashrc", "home"), "ask"),
        (effect("write", "src/revet.toml.md"), "allow"),
    ],
    ids=lambda each: f"{each.kind}-{each.target}-{each.place}" if isinstance(each, Effect) else str(each),
)
def test_a_built_in_rule_decides(one: Effect, decision: Decision) -> None:
    assert decided(one) == decision


def test_nothing_to_be_seen_and_nothing_in_doubt_is_allowed() -> None:
    assert DEFAULT.decide(Analysis()).decision == "allow"
    assert decided(effect("read"), doubts=("the word is computed",)) == "ask"


def test_every_kind_of_effect_is_decided_by_some_rule() -> None:
    for kind in EffectKind:
        ruling = DEFAULT.decide(Analysis((effect(kind, "x", "unknown"),)), roots=ROOTS)
        assert ruling.trace[0].rule.startswith("defaults: "), kind


def test_what_the_goal_asks_for_is_allowed_and_what_it_does_not_is_asked() -> None:
    wide = effect("delete", "/system/logs", "elsewhere", wide=True)
    assert decided(wide) == "ask"
    assert decided(wide, scope=Asked(requested=(wide,))) == "allow"
    harmless = effect("create", "a.txt")
    ruling = DEFAULT.decide(Analysis((harmless,)), Asked(unrequested=((harmless, "asked to list; this creates"),)))
    assert ruling.decision == "ask"
    assert ruling.reasons == ("asked to list; this creates",)


def test_a_goal_does_not_lift_what_is_denied() -> None:
    root = effect("delete", "/", "system", wide=True)
    assert decided(root, scope=Asked(requested=(root,))) == "deny"


def test_the_first_matching_rule_decides_in_the_order_project_user_defaults() -> None:
    one = effect("delete", "a.txt")
    project, user = Rule("ask", effect=("delete",), source="p:1"), Rule("deny", effect=("delete",), source="u:1")
    rules = replace(DEFAULT, project=(project,), user=(user,))
    assert rules.decide(Analysis((one,)), roots=ROOTS).trace[0].rule == "p:1"
    assert replace(rules, project=()).decide(Analysis((one,)), roots=ROOTS).trace[0].rule == "u:1"
    assert decided(one, rules=replace(rules, project=(Rule("allow"),))) == "allow"


def test_a_project_that_is_not_trusted_can_only_forbid() -> None:
    one = effect("delete", "build", wide=True)
    loose = replace(DEFAULT, project=(Rule("allow"),))
    assert decided(one, rules=loose) == "allow"
    assert decided(one, rules=replace(loose, trust_project=False)) == "ask"
    strict = replace(DEFAULT, project=(Rule("deny", effect=("read",)),), trust_project=False)
    assert decided(effect("read", "a"), rules=strict) == "deny"


def test_a_guard_is_lifted_only_by_a_rule_that_names_the_path() -> None:
    one = effect("delete", "/etc", "system", wide=True)
    for path, decision in ((("/**",), "deny"), (("/et*",), "deny"), (("/etc",), "allow"), ((), "deny")):
        rules = replace(DEFAULT, project=(Rule("allow", path=path),))
        assert decided(one, rules=rules) == decision, path
    root = effect("delete", "/", "system", wide=True)
    assert decided(root, rules=replace(DEFAULT, project=(Rule("allow", path=("/etc",)),))) == "deny"
    by_command = replace(DEFAULT, project=(Rule("allow", command=("x",)),))
    assert decided(replace(one, command=0), rules=by_command) == "allow"


def test_without_a_matching_rule_the_setting_decides() -> None:
    assert decided(effect("read"), rules=Rules()) == "ask"
    assert decided(effect("read"), rules=Rules(otherwise="deny")) == "deny"


@pytest.mark.parametrize(
    ("rule", "one", "matches"),
    [
        (Rule("ask", count=10), effect("delete", "x", count=10), True),
        (Rule("ask", count=10), effect("delete", "x", count=9), False),
        (Rule("ask", count=10), effect("delete", "x", wide=True), True),
        (Rule("ask", count=10), effect("delete", "x"), False),
        (Rule("allow", at_most=3), effect("delete", "x", count=3), True),
        (Rule("allow", at_most=3), effect("delete", "x", count=4), False),
        (Rule("allow", at_most=3), effect("delete", "x", wide=True), False),
        (Rule("ask", reversible=False), effect("delete", "x"), True),
        (Rule("ask", reversible=False), effect("delete", "x", reversible=True), False),
        (Rule("allow", reversible=True), effect("delete", "x"), False),
        (Rule("ask", table=("users",)), effect("write", "public.users", "database"), True),
        (Rule("ask", table=("public.*",)), effect("write", '"public"."Users"', "database"), True),
        (Rule("ask", table=("users",)), effect("write", "users", "workspace"), False),
        (Rule("ask", place=("home",)), effect("write", "x", "home"), True),
        (Rule("ask", wide=True), effect("write", "x"), False),
    ],
)
def test_what_a_rule_matches(rule: Rule, one: Effect, matches: bool) -> None:
    rules = Rules(project=(rule,), otherwise="deny" if rule.decision != "deny" else "ask")
    assert (rules.decide(Analysis((one,)), roots=ROOTS).decision == rule.decision) is matches


def test_commands_match_by_whole_words_or_by_a_pattern() -> None:
    analysis = Analysis((effect("run").at(1),), (), ("git status", "git  push origin main"))
    for pattern, hit in (("git push", True), ("git pus", False), ("git push*main", True), ("git status", False)):
        rules = Rules(project=(Rule("deny", command=(pattern,)),))
        assert (rules.decide(analysis).decision == "deny") is hit, pattern


def test_looking_with_other_rights_is_looking() -> None:
    rights = effect("privilege", "sudo", "system", word="sudo", command=0)
    look, change = effect("read", "a", command=0), effect("write", "a", command=0)
    assert decided(look, rights) == "allow"
    assert decided(look, rights, change) == "ask"
    assert decided(rights) == "ask"
    assert decided(replace(look, command=1), rights) == "ask"


def test_cost_is_that_of_the_call() -> None:
    rules = replace(DEFAULT, project=(Rule("ask", cost=5),))
    call = effect("fetch", "x", "remote")
    assert decided(call, rules=rules, cost=4.99) == "allow"
    assert decided(call, rules=rules, cost=5.0) == "ask"
    assert decided(call, rules=rules) == "allow"


places = st.sampled_from(["workspace", "temporary", "home", "system", "elsewhere", "remote", "database", "unknown"])
kinds = st.sampled_from(list(EffectKind))
names = st.sampled_from(
    ["", "a.txt", "build", "src/*.py", "/etc", "/", "/home/me/.ssh/id", "users", "migrations/1.sql", "."]
)
effects = st.builds(
    Effect,
    kind=kinds,
    claim=st.just("does it"),
    target=names,
    place=places,
    wide=st.booleans(),
    count=st.none() | st.integers(0, 50),
    reversible=st.none() | st.booleans(),
    possible=st.booleans(),
    basis=st.sampled_from(["text", "dry run"]),
    command=st.just(0),
)
patterns = st.sampled_from(
    ["*.txt", "migrations/**", "/etc", "/etc/**", "src/", "build", "**/*.py", "!a.txt", "~/.ssh/**"]
)
rules = st.builds(
    Rule,
    decision=st.sampled_from(["allow", "ask", "deny"]),
    effect=st.lists(kinds, max_size=2).map(tuple),
    place=st.lists(places, max_size=1).map(tuple),
    path=st.lists(patterns, max_size=2).map(tuple),
    command=st.sampled_from([(), ("x",), ("y*",)]),
    count=st.none() | st.integers(0, 20),
    wide=st.none() | st.booleans(),
)
RANK = {"allow": 0, "ask": 1, "deny": 2}


@settings(deadline=None)
@given(
    st.lists(effects, max_size=5), st.lists(rules, max_size=4), st.integers(0, 4), rules, st.booleans(), st.booleans()
)
def test_one_more_deny_never_makes_it_laxer(
    found: list[Effect], ours: list[Rule], at: int, more: Rule, trusted: bool, doubtful: bool
) -> None:
    analysis = Analysis(tuple(found), ("doubt",) if doubtful else (), ("x",))
    before = Rules(project=tuple(ours), defaults=DEFAULTS, trust_project=trusted)
    after = replace(before, project=(*ours[:at], replace(more, decision="deny"), *ours[at:]))
    assert RANK[after.decide(analysis, roots=ROOTS).decision] >= RANK[before.decide(analysis, roots=ROOTS).decision]


@settings(deadline=None)
@given(
    st.lists(effects, max_size=5).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))),
    st.lists(rules, max_size=3),
)
def test_the_order_of_effects_is_irrelevant(both: tuple[list[Effect], list[Effect]], ours: list[Rule]) -> None:
    held = Rules(project=tuple(ours), defaults=DEFAULTS)
    one, other = (held.decide(Analysis(tuple(each), (), ("x",)), roots=ROOTS) for each in both)
    assert one.decision == other.decision
    assert set(one.reasons) == set(other.reasons)


@settings(deadline=None)
@given(st.lists(effects, min_size=1, max_size=4), effects)
def test_one_more_effect_never_makes_it_laxer(found: list[Effect], more: Effect) -> None:
    before, after = Analysis(tuple(found), (), ("x",)), Analysis((*found, more), (), ("x",))
    assert RANK[decided_of(after)] >= RANK[decided_of(before)]
    assert decided_of(after) == strictest([decided_of(before), decided_of(Analysis((more,), (), ("x",)))])


def decided_of(analysis: Analysis) -> Decision:
    return DEFAULT.decide(analysis, roots=ROOTS).decision
