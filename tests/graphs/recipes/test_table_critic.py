"""Table-Critic: judge, route, critic with a leaf's templates, refiner, curator; and a tree that grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.table import SEEDS, Tree
from revet.agents.table.curator import SaidCuration, placed
from revet.agents.table.tree import path_of, seeds
from revet.errors import InputError
from revet.graphs import Agent
from revet.models import Request
from revet.policy import Policy
from revet.schema import Note, Run, RunOutcome, Task, Verdict
from revet.store import Corrections
from tests.agents.chat_support import inside_fences, outside_fences, said_action
from tests.graphs.recipes.cutting import ends_alike_wherever_it_is_cut
from tests.graphs.recipes.loop_support import Cast, asked, drafted, played, workspace_task

RECIPE = "table-critic"
CSV = "day,place,result\n2 May,home,lost\n9 May,away,lost\n16 May,home,won\n"
TASK = Task(goal="How many games were lost at home?", inputs={"table": CSV})
ROW, COLUMN, QUERY = ("sub-table error", "row error"), ("sub-table error", "column error"), ("final query error",)


def judged(right: bool, why: str = "worked out anew") -> dict[str, Any]:
    return {"explanation": why, "right": right, "confidence": 0.9}


def routed(*route: str) -> dict[str, Any]:
    return {"analysis": "it goes wrong early", "route": list(route)}


def found(step: int | None, suggestion: str = "keep the rows of home") -> dict[str, Any]:
    return {
        "analysis": f"step {step} keeps a row too many",
        "wrong_step": step,
        "suggestion": suggestion,
        "confidence": 0.8,
    }


def curated(action: str = "keep", **fields: Any) -> dict[str, Any]:
    return {"reason": "so it is", "action": action, "path": [], "names": [], "places": [], **fields}


def cast(*rights: bool, **more: Any) -> Cast:
    """A first answer of two steps; the judge says `rights` in turn."""
    says: dict[str, Callable[[int], Any]] = {
        "proposer": lambda n: drafted("2", "keep all lost games", "count them: 2"),
        "judge": lambda n: judged(rights[min(n, len(rights) - 1)]),
        "router": lambda n: routed(*ROW),
        "critic": lambda n: found(0),
        "reviser": lambda n: drafted(f"1{'!' * n}", f"keep those at home ({n})", "count them: 1"),
        "curator": lambda n: curated(),
    }
    return Cast(**{**says, **more})


def templates(folder: Path) -> list[Note]:
    return Corrections(folder / "store").all(("template",))


async def table(told: Cast, folder: Path, task: Task = TASK, **more: Any) -> Run:
    return await played(told, folder, RECIPE, task, **more)


async def test_an_answer_that_the_judge_calls_right_is_looked_at_by_nobody_else(tmp_path: Path) -> None:
    told = cast(True)
    run = await table(told, tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "2" and told.order == ["proposer", "judge"]
    assert templates(tmp_path) == [], "nothing was wrong, so nothing is learnt"


async def test_judge_route_critic_refiner_judge_curator_in_this_order(tmp_path: Path) -> None:
    told = cast(False, True)
    run = await table(told, tmp_path)
    assert told.order == ["proposer", "judge", "router", "critic", "reviser", "judge", "curator"]
    assert run.outcome is RunOutcome.answered and run.answer == "1"
    finding = run.attempts[0].critiques[-1].findings[0]
    assert finding.location is not None and finding.location.step == 0 and finding.opinion
    assert finding.category == "template/sub-table error/row error"
    assert {request.temperature for request in told.requests} == {0.0}


async def test_what_each_role_is_shown_and_what_not(tmp_path: Path) -> None:
    told = cast(False, True, critic=lambda n: found(1, "count only home"))
    await table(told, tmp_path)
    judge, router, critic, refiner = (told.prompt(role) for role in ("judge", "router", "critic", "reviser"))
    assert "9 May,away,lost" in judge and "2" in judge and "keep all lost games" not in judge
    assert "- row error" in router and "0. keep all lost games" in router and "Instead:" not in router
    row, column = (next(note for note in seeds() if path_of(note) == path) for path in (ROW, COLUMN))
    assert row.text in critic and column.text not in critic, "only the templates of the leaf"
    assert "count only home" in refiner and "keep all lost games" in refiner
    assert "keep a row too many" not in outside_fences(refiner)
    assert row.text not in refiner and row.text not in told.prompt("proposer")
    assert all("9 May" not in outside_fences(text) for text in (judge, router, critic))


async def test_the_refiner_goes_on_from_the_wrong_step(tmp_path: Path) -> None:
    told = cast(False, True, critic=lambda n: found(1), reviser=lambda n: drafted("1", "count those at home: 1"))
    run = await table(told, tmp_path)
    assert run.best is not None and run.best.draft.steps == ("keep all lost games", "count those at home: 1")


@pytest.mark.parametrize("route", [("no", "such"), ()])
async def test_without_a_route_examples_come_from_the_whole_tree(route: tuple[str, ...], tmp_path: Path) -> None:
    told = cast(False, True, router=lambda n: routed(*route))
    run = await table(told, tmp_path)
    shown = [text for text in inside_fences(told.prompt("critic")) if text.startswith("Task: ")]
    assert len(shown) == 5 < len(seeds())
    assert shown[0].startswith("Task: How many games were lost at home in May?"), "the nearest first"
    assert run.attempts[0].critiques[-1].findings[0].category == "template/none"
    assert path_of(templates(tmp_path)[0]) == ("other error",)


async def test_a_router_that_cannot_be_understood_is_no_route(tmp_path: Path) -> None:
    told = cast(False, True, router=lambda n: "well, the row error I think")
    assert (await table(told, tmp_path)).outcome is RunOutcome.answered


async def test_where_the_critic_finds_no_wrong_step_the_answer_stays(tmp_path: Path) -> None:
    told = cast(False, critic=lambda n: found(None))
    run = await table(told, tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "2" and told.order[-1] == "critic"
    assert run.attempts[0].critiques[-1].verdict is Verdict.abstain and templates(tmp_path) == []


async def test_a_judge_that_cannot_be_understood_abstains(tmp_path: Path) -> None:
    run = await table(cast(False, judge=lambda n: "hm"), tmp_path)
    assert run.outcome is RunOutcome.answered and run.attempts[0].critiques[-1].verdict is Verdict.abstain
    assert run.usage.rounds == 0


@pytest.mark.parametrize("said", ["hm", found(2), found(99)])
async def test_a_critic_that_cannot_be_understood_takes_back_no_judgement(said: object, tmp_path: Path) -> None:
    told = cast(False, True, critic=lambda n: said, reviser=lambda n: drafted("1", "count those at home: 1"))
    run = await table(told, tmp_path)
    first = run.attempts[0].critiques[-1]
    assert first.verdict is Verdict.revise and [f.claim for f in first.findings] == ["worked out anew"]
    assert run.answer == "1" and "worked out anew" in told.prompt("reviser")


async def test_after_five_loops_it_ends_without_an_answer_and_nothing_is_learnt(tmp_path: Path) -> None:
    told = cast(False)
    run = await table(told, tmp_path)
    assert run.outcome is RunOutcome.abstained and run.usage.rounds == 5
    assert told.order.count("reviser") == 5 and told.order.count("judge") == 6 and "curator" not in told.order
    assert templates(tmp_path) == []


async def test_fewer_loops_and_examples_may_be_asked_for(tmp_path: Path) -> None:
    told = cast(False)
    run = await table(told, tmp_path, options={"loops": 2, "examples": 1})
    assert run.usage.rounds == 2 and told.prompt("critic").count("Task: ") == 1


async def test_what_helped_is_an_example_in_later_runs(tmp_path: Path) -> None:
    await table(cast(False, True), tmp_path)
    [kept] = templates(tmp_path)
    assert path_of(kept) == ROW and kept.goal == TASK.goal
    assert kept.text.startswith("Steps:\n0. keep all lost games") and "Instead: keep the rows of home" in kept.text
    later = cast(False, True)
    await table(later, tmp_path, TASK.model_copy(update={"goal": "How many games were lost at home in June?"}))
    assert kept.text in later.prompt("critic") and kept.text not in later.prompt("proposer")
    assert next(note for note in templates(tmp_path) if note.id == kept.id).uses == 1


async def test_the_curator_splits_a_leaf_and_later_routes_lead_below_it(tmp_path: Path) -> None:
    split = curated("split", names=["too many rows", "too few rows"], places=[0, 1, 0])
    told = cast(False, True, curator=lambda n: split)
    await table(told, tmp_path)
    assert "row error" in told.prompt("curator") and told.prompt("curator").count("⟦data") == 5
    tree = Tree(templates(tmp_path))
    assert set(tree.leaves) == {(*ROW, "too many rows"), (*ROW, "too few rows"), COLUMN, QUERY}
    assert [len(tree.at((*ROW, name))) for name in ("too many rows", "too few rows")] == [2, 1]
    later = cast(False, True, router=lambda n: routed(*ROW, "Too few  rows"))
    await table(later, tmp_path, TASK.model_copy(update={"goal": "Another question?"}))
    assert "  - too few rows" in later.prompt("router")
    assert sum(text.startswith("Task: ") for text in inside_fences(later.prompt("critic"))) == 1


async def test_the_curator_begins_a_new_branch(tmp_path: Path) -> None:
    told = cast(False, True, curator=lambda n: curated("branch", path=["sub-table error", "grouping error"]))
    await table(told, tmp_path)
    assert ("sub-table error", "grouping error") in Tree(templates(tmp_path)).leaves


async def test_a_curator_that_cannot_be_understood_keeps_the_tree(tmp_path: Path) -> None:
    await table(cast(False, True, curator=lambda n: "nothing of use"), tmp_path)
    assert [path_of(note) for note in templates(tmp_path)] == [ROW]


async def test_without_learning_the_tree_stays_as_it_is(tmp_path: Path) -> None:
    told = cast(False, True)
    await table(told, tmp_path, options={"learns": False})
    assert "curator" not in told.order and templates(tmp_path) == []


async def test_told_twice_of_a_run_the_curator_curates_once(tmp_path: Path) -> None:
    told = cast(False, True)
    run = await table(told, tmp_path)
    agent = Agent(told.model, recipe=RECIPE, store=tmp_path / "store", sandbox=None)
    from tests.agents.chat_support import view

    assert agent.team.memory is not None
    await agent.team.memory.learn(view(task=TASK), run)
    assert told.order.count("curator") == 1 and len(templates(tmp_path)) == 1


async def test_a_table_of_rows_is_shown_row_by_row_and_other_inputs_as_they_are(tmp_path: Path) -> None:
    rows = TASK.model_copy(update={"inputs": {"table": [["day", "result"], ["2 May", 3]], "unit": "games", "n": 2}})
    told = cast(True)
    await table(told, tmp_path, rows)
    assert inside_fences(told.prompt("judge"))[:3] == ["day | result\n2 May | 3", "games", "2"]


async def test_where_there_are_no_steps_the_judges_word_is_the_critique(tmp_path: Path) -> None:
    def file(code: str) -> dict[str, Any]:
        return drafted(actions=[said_action("write_file", path="answer.py", content=code)])

    told = cast(False, True, proposer=lambda n: file("answer = 42\n#"), reviser=lambda n: file("answer = 42\n"))
    place = tmp_path / "work"
    place.mkdir()
    task = Task(goal="Write it.", workspace=str(place), edit=("*.py",))
    run = await table(told, tmp_path, task, sandbox=None, policy=Policy(unproven="commit"))
    assert run.outcome is RunOutcome.committed and told.order == ["proposer", "judge", "reviser", "judge"]
    assert "worked out anew" in told.prompt("reviser") and templates(tmp_path) == [], "there is no step to learn from"


async def test_prompts_of_ones_own_take_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "prompts"
    own.mkdir()
    (own / "table_judge_system.md").write_text("You judge as I say.")
    told = cast(True)
    await table(told, tmp_path, prompts=own)
    assert told.of("judge")[0].messages[0].text.startswith("You judge as I say.")


@pytest.mark.sandbox
async def test_a_judge_that_says_right_waves_no_failed_check_through(tmp_path: Path) -> None:
    def code(text: str) -> dict[str, Any]:
        return drafted(actions=[said_action("write_file", path="twice.py", content=text)])

    told = cast(
        True,
        proposer=lambda n: code("def twice(n):\n    return 3\n"),
        reviser=lambda n: code(f"def twice(n):\n    return {n}\n"),
    )
    run = await table(told, tmp_path, workspace_task(tmp_path), policy=Policy(rounds=1))
    assert run.outcome is RunOutcome.abstained and run.receipt is None
    assert told.order == ["proposer", "judge", "reviser", "judge"], "what the tools saw sends it back, not a step"


async def test_a_run_that_is_cut_off_anywhere_goes_on_as_it_would_have(tmp_path: Path) -> None:
    def by(request: Request) -> Any:
        text = asked(request)
        return {
            "proposer": drafted("2", "keep all lost games", "count them: 2"),
            "judge": judged("⟧\n1\n⟦" in text),
            "router": routed(*ROW),
            "critic": found(1 if "keep those" in text else 0),
            "reviser": drafted("1", "count home: 1")
            if "count all" in text
            else drafted("3", "keep those", "count all"),
            "curator": curated("branch", path=["counting error"]),
        }[request.role]

    run = await ends_alike_wherever_it_is_cut(RECIPE, TASK, by, tmp_path)
    assert (
        run.answer == "1" and run.usage.rounds == 2 and run.attempts[-1].draft.steps == ("keep those", "count home: 1")
    )
    folders = [each for each in tmp_path.iterdir() if each.name.isdigit()]
    assert len(folders) == 11 and all(len(Corrections(each).all(("template",))) == 1 for each in folders)


@pytest.mark.parametrize("options", [{"loops": 0}, {"examples": -1}, {"temperature": 3}, {"most": 0}])
def test_options_out_of_range_are_explained(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"options of the recipe table-critic: {next(iter(options))}"):
        Agent(cast(True).model, recipe=RECIPE, options=options, store=tmp_path / "store")


def test_too_few_rounds_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 1 round"):
        Agent(cast(True).model, recipe=RECIPE, policy=Policy(rounds=0), store=tmp_path / "store")


# --- the tree ----------------------------------------------------------------------------------------------------


def test_the_seeds_hang_in_the_three_leaves_of_the_publication() -> None:
    assert SEEDS.is_file() and Tree().leaves == (ROW, COLUMN, QUERY)
    assert Tree().outline().splitlines() == [
        "- final query error",
        "- sub-table error",
        "  - column error",
        "  - row error",
    ]


names = st.text(st.characters(categories=["L"]), min_size=1, max_size=4)
curations = st.builds(
    SaidCuration,
    reason=st.just(""),
    action=st.sampled_from(["keep", "split", "branch"]),
    path=st.lists(st.sampled_from(["sub-table error", "row error", "other error", "/", " ", "x"]), max_size=8),
    names=st.lists(names, max_size=4),
    places=st.lists(st.integers(0, 4), max_size=6),
)


@settings(deadline=None)
@given(st.lists(st.tuples(curations, st.integers(0, 9)), max_size=12))
def test_however_the_curator_answers_every_template_is_in_the_tree_once(said: list[tuple[SaidCuration, int]]) -> None:
    kept: dict[str, Note] = {}
    for number, (curation, leaf) in enumerate(said):
        tree = Tree(kept.values())
        nodes = [*tree.leaves, *(p[:1] for p in tree.leaves)]
        path = nodes[leaf] if leaf < len(nodes) else None
        note = Note(id=f"n-{number}", kind="template", text=str(number))
        *moved, new = placed(curation, tree, path, note)
        assert new.id == note.id and path_of(new)
        kept.update({each.id: each for each in (*moved, new)})
        after = Tree(kept.values())
        assert len(after.templates) == len(seeds()) + number + 1
        assert sum(len(after.at(p)) for p in after.leaves) == len(after.templates), "all hang on leaves"
