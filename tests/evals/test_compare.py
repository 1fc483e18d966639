"""Comparing recipes: the same cases for each, a judge that the loop never sees, and figures that add up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Scripted
from revet.errors import InputError
from revet.evals import Source, as_pytest, judge
from revet.evals.compare import SUITES, BugCase, Case, Comparison, Suite, TaskCase, spread, suite_named, task_suite
from revet.evals.compare.compared import Ended, figures_of
from revet.evals.compare.samples import codet, ldb
from revet.evals.compare.suites import embedded_bugs
from revet.graphs import Agent
from revet.policy import Policy
from revet.sandboxes import get
from revet.schema import Draft, Run, RunOutcome, Task, WriteFile
from revet.store import Store

BUGS = embedded_bugs()
MEDIAN = BUGS[0]
Opens = Callable[[str, Case, Store], Any]


def draft(case: BugCase, code: str) -> Draft:
    return Draft(author="s", actions=(WriteFile(path=f"{case.bug.module}.py", content=code),))


def playing(*codes: str) -> Opens:
    """Agents that give these drafts, whatever the recipe."""

    @asynccontextmanager
    async def opens(recipe: str, case: Case, store: Store) -> AsyncIterator[Agent]:
        assert isinstance(case, BugCase)
        drafts = Scripted([draft(case, code) for code in codes])
        yield Agent(drafts, recipe=recipe, policy=Policy(rounds=len(codes) - 1), store=store)

    return opens


def compare(*cases: Case, opens: Opens, recipes: tuple[str, ...] = ("core",)) -> Comparison:
    comparison = Comparison(Suite("toy", cases), recipes, opens, get("local"))
    asyncio.run(comparison.run())
    return comparison


# --- the embedded bugs --------------------------------------------------------------------------------------


def test_there_are_twelve_bugs_and_no_two_alike() -> None:
    assert len({bug.id for bug in BUGS}) == len(BUGS) == 12
    for bug in BUGS:
        compile(bug.buggy, bug.module, "exec")
        assert bug.buggy != bug.fixed and bug.visible_tests is not None
        assert as_pytest(bug.visible_tests, bug.module).count("def test_") >= 2
        assert not set(bug.visible_tests.splitlines()) & set(bug.hidden_tests.splitlines())


@pytest.mark.sandbox
@pytest.mark.parametrize("bug", BUGS, ids=[bug.id for bug in BUGS])
async def test_the_judge_refuses_what_is_wrong_and_takes_what_is_mended(bug: Any) -> None:
    wrong, right = await asyncio.gather(*(judge(code, bug, get("local")) for code in (bug.buggy, bug.fixed)))
    assert (wrong.right, right.right) == (False, True), (wrong.why, right.why)


def test_the_loop_sees_the_visible_tests_alone(tmp_path: Path) -> None:
    task = BugCase(MEDIAN).prepare(tmp_path / "place")
    written = "".join(path.read_text() for path in (tmp_path / "place").iterdir())
    assert "median([3, 1, 2])" in written and not any(line in written for line in MEDIAN.hidden_tests.splitlines())
    assert task.edit == ("median_impl.py",) and [str(check) for check in task.checks] == ["pytest -q"]


# --- running and judging --------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_first_and_final_drafts_are_judged_by_hidden_tests() -> None:
    ((ended,),) = compare(BugCase(MEDIAN), opens=playing(MEDIAN.buggy, MEDIAN.fixed)).results.values()
    assert (ended.first, ended.final, ended.outcome, ended.drafts) == (False, True, RunOutcome.committed, 2)
    assert ended.tool_runs > 0 and ended.seconds > 0 and ended.tokens == ended.calls == 0 and ended.error is None


@pytest.mark.sandbox
def test_what_fits_the_visible_tests_alone_is_committed_and_not_right() -> None:
    over = "def median(v):\n    return {1: 5, 3: 2, 4: 2.5}[len(v)]\n"
    (figures,) = compare(BugCase(MEDIAN), opens=playing(over)).figures()
    assert (figures.accuracy, figures.first, figures.abstained) == (0.0, 0.0, 0)


@pytest.mark.sandbox
def test_a_right_draft_that_is_not_committed_counts_as_lost() -> None:
    class Sour:
        name = "sour"

        async def criticise(self, view: Any) -> Any:
            from revet.schema import Critique, Finding, Verdict

            return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim="I do not like it"),))

    @asynccontextmanager
    async def opens(recipe: str, case: Case, store: Store) -> AsyncIterator[Agent]:
        assert isinstance(case, BugCase)
        drafts = Scripted([draft(case, MEDIAN.fixed)])
        yield Agent(drafts, critic=Sour(), policy=Policy(rounds=0), store=store)

    (figures,) = compare(BugCase(MEDIAN), opens=opens).figures()
    assert (figures.right_to_wrong, figures.wrong_to_right, figures.abstained, figures.first) == (1, 0, 1, 1.0)


@pytest.mark.sandbox
def test_what_one_run_raises_is_kept_and_the_others_go_on() -> None:
    class Falls:
        async def arun(self, task: Task) -> Run:
            raise RuntimeError("it fell\nand more")

    played = playing(MEDIAN.fixed)

    @asynccontextmanager
    async def opens(recipe: str, case: Case, store: Store) -> AsyncIterator[Any]:
        if case.id == "first":
            yield Falls()
        else:
            async with played(recipe, case, store) as agent:
                yield agent

    cases = [BugCase(MEDIAN.model_copy(update={"id": name})) for name in ("first", "second")]
    (figures,) = compare(*cases, opens=opens).figures()
    assert (figures.n, figures.accuracy, figures.failed, figures.abstained) == (2, 0.5, 1, 0)
    assert [run.error for run in figures.runs] == ["RuntimeError: it fell", None]


@pytest.mark.sandbox
def test_recipes_take_turns_on_each_case_and_share_nothing_but_their_own_store() -> None:
    seen: list[tuple[str, str, str, bool]] = []

    class Looks:
        def __init__(self, recipe: str, case: str, store: Store) -> None:
            self.recipe, self.case, self.store = recipe, case, store

        async def arun(self, task: Task) -> Run:
            assert task.workspace is not None
            mark = Path(task.workspace) / "mark"
            seen.append((self.recipe, self.case, self.store.folder.name, mark.exists()))
            mark.touch()
            raise InputError("enough")

    @asynccontextmanager
    async def opens(recipe: str, case: Case, store: Store) -> AsyncIterator[Looks]:
        yield Looks(recipe, case.id, store)

    cases = [BugCase(bug) for bug in BUGS[:2]]
    told: list[tuple[str, str, int, int]] = []
    comparison = Comparison(Suite("toy", cases), ("core", "vote"), opens, get("local"))
    asyncio.run(comparison.run(lambda *words: told.append(words)))
    places = [("core", "median"), ("vote", "median"), ("core", "leap-year"), ("vote", "leap-year")]
    assert [each[:2] for each in seen] == places
    assert [each[2] for each in seen] == ["store-0", "store-1", "store-0", "store-1"]
    assert not any(each[3] for each in seen)
    assert told == [(*place, number, 4) for number, place in enumerate(places)]


# --- suites -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "said"), [("moon", "there is no suite 'moon'"), ("ldb", "--data")])
def test_suites_that_cannot_be_had(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        suite_named(name)


def test_a_limit_spreads_over_the_suite() -> None:
    suite = suite_named("bugs")
    assert [case.id for case in spread(suite, 3).cases] == [BUGS[n].id for n in (0, 4, 8)]
    assert spread(suite, 99) is suite and spread(suite, None) is suite


@settings(deadline=None)
@given(count=st.integers(1, 60), limit=st.integers(1, 80))
def test_a_limit_takes_distinct_cases_in_order(count: int, limit: int) -> None:
    cases = [TaskCase(Task(id=f"t{n}")) for n in range(count)]
    taken = [cases.index(case) for case in spread(Suite("s", cases), limit).cases]  # type: ignore[arg-type]
    assert taken == sorted(set(taken)) and len(taken) == min(count, limit)


def test_a_task_of_a_file_is_copied_and_judged_by_its_evidence(tmp_path: Path) -> None:
    (tmp_path / "place" / ".revet").mkdir(parents=True)
    (tmp_path / "place" / "a.txt").write_text("a")
    task = Task(id="t", workspace=str(tmp_path / "place"))
    (case,) = task_suite("file", [task]).cases
    copied = case.prepare(tmp_path / "copy")
    assert copied.workspace == str(tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["a.txt"]
    with pytest.raises(InputError, match="cannot be copied"):
        TaskCase(Task(id="t", workspace=str(tmp_path / "gone"))).prepare(tmp_path / "other")
    with pytest.raises(InputError, match="would work on the same one"):
        task_suite("file", [Task(id="t", inputs={"database": "sqlite:///a.db"})])


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    path = folder / f"{name}.dev.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


PROMPT = 'def double(x: int) -> int:\n    """Twice x."""\n'
HIDDEN = "\ndef check(candidate):\n    assert candidate(5) == 10\n\ncheck(double)\n"
TASK = {
    "task_id": "t/1",
    "prompt": PROMPT,
    "entry_point": "double",
    "visible_tests": ["assert double(2) == 4"],
    "hidden_test": HIDDEN,
}


@pytest.mark.sandbox
def test_recorded_samples_are_the_drafts_one_after_another(tmp_path: Path) -> None:
    bodies = ("    return 9\n", "    return x * x\n", "    return x + x\n")
    write(tmp_path, "code_tasks/humaneval", [TASK])
    row = {"task_id": "t/1", "samples": [{"body": body} for body in bodies]}
    write(tmp_path, "codet_humaneval/codegen16b_20samples", [row])
    suite = codet(Source(tmp_path))
    (case,) = suite.cases
    assert isinstance(case.proposer, Scripted) and len(case.proposer.drafts) == 3 and suite.rounds == 19

    @asynccontextmanager
    async def opens(recipe: str, case: Case, store: Store) -> AsyncIterator[Agent]:
        assert case.proposer is not None
        yield Agent(case.proposer, recipe=recipe, policy=Policy(rounds=19), store=store)

    ((ended,),) = compare(case, opens=opens).results.values()
    assert (ended.first, ended.final, ended.drafts) == (False, False, 2), "the second passes what it was shown"


def test_repair_runs_of_one_attempt_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "code_tasks/humaneval", [TASK, {**TASK, "task_id": "t/2", "visible_tests": []}])
    write(tmp_path, "code_tasks/mbpp500", [TASK])
    code = {"code": PROMPT + "    return x + x\n", "hidden": "pass"}
    rows = [{"task_id": "t/1", "run": "m", "attempts": [code] * n} for n in (1, 2)]
    rows += [{**rows[1], "exclude": True}, {**rows[1], "task_id": "t/2"}]
    write(tmp_path, "ldb_trajectories/humaneval", rows)
    write(tmp_path, "ldb_trajectories/mbpp", rows[:1])
    suite = ldb(Source(tmp_path))
    assert [case.id for case in suite.cases] == ["t-1-m"]
    assert suite.left_out == ("t-2-m: the tests assert nothing",)
    write(tmp_path, "ldb_trajectories/mbpp", [{**rows[1], "task_id": "t/9"}])
    with pytest.raises(InputError, match=r"mbpp.dev.jsonl: row 1: there is no task 't/9'"):
        ldb(Source(tmp_path))


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name, known in SUITES.items() if known.data])
def test_the_public_sets_are_suites(name: str, shared: Path, tmp_path: Path) -> None:
    suite = suite_named(name, shared)
    assert len(suite.cases) > 20
    for number, case in enumerate(spread(suite, 10).cases):
        task = case.prepare(tmp_path / str(number))
        assert task.workspace is not None and task.checks
        assert isinstance(case, BugCase)
        if case.shown == "visible":
            written = "".join(path.read_text() for path in Path(task.workspace).iterdir())
            assert "check(candidate)" not in written


# --- figures ------------------------------------------------------------------------------------------------

ENDED = st.builds(
    Ended,
    case=st.sampled_from(["a", "b", "c", "d"]),
    first=st.sampled_from([None, True, False]),
    final=st.booleans(),
    drafts=st.integers(0, 9),
    seconds=st.floats(0.1, 9),
    outcome=st.sampled_from([RunOutcome.committed, RunOutcome.abstained, RunOutcome.asked]),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(ENDED, min_size=1, max_size=12))
def test_figures_add_up(ended: list[Ended]) -> None:
    found = figures_of("x", "toy", ended, ended)
    finals = [each.final for each in ended]
    known = [each for each in ended if each.first is not None]
    assert found.accuracy == sum(finals) / len(finals)
    assert found.low is not None and found.high is not None and found.low <= found.accuracy <= found.high
    before, after = sum(bool(each.first) for each in known), sum(each.final for each in known)
    assert after - before == found.wrong_to_right - found.right_to_wrong
    assert found.n == len(ended) == len(found.runs)


def test_seconds_are_related_to_core_on_the_cases_that_both_ran() -> None:
    core = [Ended(case=name, seconds=2.0) for name in ("a", "b")]
    mine = [Ended(case=name, seconds=5.0) for name in ("b", "c")]
    assert figures_of("x", "toy", mine, core).times_core == 2.5
    assert figures_of("x", "toy", mine).times_core is None
    assert figures_of("x", "toy", []).accuracy is None
