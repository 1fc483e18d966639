"""Self-Contrast: perspectives, contrast by pairs, a checklist, revision until all agree; and the gate after that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revet.agents.contrast import PERSPECTIVES
from revet.errors import InputError
from revet.graphs import Agent
from revet.models import Request
from revet.policy import Policy
from revet.schema import Run, RunOutcome, Task
from tests.agents.chat_support import outside_fences, said_action, said_critique, said_finding
from tests.graphs.recipes.cutting import ends_alike_wherever_it_is_cut
from tests.graphs.recipes.loop_support import Cast, asked, drafted, played, workspace_task

RECIPE = "self-contrast"
WAYS = ("from the front", "from the back", "by example")


def ways(*said: str) -> dict[str, Any]:
    return {"perspectives": list(said or WAYS)}


def cast(answers: tuple[str, ...], *revised: str, **more: Any) -> Cast:
    """Three perspectives with these first answers, then these revisions in turn (the last again and again)."""
    says: dict[str, Callable[[int], Any]] = {
        "perspectives": lambda n: ways(*WAYS[: len(answers)]),
        "proposer": lambda n: drafted(answers[n], f"way {n}"),
        "contrast": lambda n: {"differences": [f"difference {n}"]},
        "checklist": lambda n: {"items": [f"look at item {n} again"]},
        "reviser": lambda n: drafted(revised[min(n, len(revised) - 1)], f"revised {n}"),
    }
    return Cast(**{**says, **more})


async def contrast(told: Cast, folder: Path, task: str | Task = "How much is it?", **more: Any) -> Run:
    return await played(told, folder, RECIPE, task, **more)


async def test_results_that_agree_are_not_contrasted(tmp_path: Path) -> None:
    told = cast(("4", "4.0", "$4"))
    run = await contrast(told, tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "4"
    assert told.order == ["perspectives", "proposer", "proposer", "proposer"]
    assert "3 of 3 votes" in run.decision.reasons[0] and "they agree" in run.decision.reasons[1]
    assert {request.temperature for request in told.requests} == {0.0}


async def test_each_perspective_is_told_to_its_writer_alone_and_nobody_sees_the_others(tmp_path: Path) -> None:
    told = cast(("4", "4", "4"))
    await contrast(told, tmp_path)
    prompts = [told.prompt("proposer", n) for n in range(3)]
    for n, prompt in enumerate(prompts):
        assert WAYS[n] in prompt and WAYS[n] not in outside_fences(prompt), "a model wrote it: it is data"
        assert not any(way in prompt for way in WAYS if way != WAYS[n]) and "way 0" not in prompt


async def test_what_differs_becomes_a_checklist_and_all_revise_until_they_agree(tmp_path: Path) -> None:
    told = cast(("4", "5", "4"), "5", "5")
    run = await contrast(told, tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "5"
    assert told.order[4:] == ["contrast", "checklist", "reviser", "reviser"]
    assert [a.draft.data["turn"] for a in run.attempts][:5] == [0, 0, 0, 1, 1]
    assert run.attempts[3].draft.data["parent"] == 0 and run.attempts[4].draft.data["parent"] == 1
    assert "after 1 turns of contrast they agree" in run.decision.reasons[1]


async def test_what_each_role_sees_of_a_turn(tmp_path: Path) -> None:
    told = cast(("4", "5", "4"), "5", "5")
    await contrast(told, tmp_path)
    pair, checklist = told.prompt("contrast"), told.prompt("checklist")
    assert "way 0" in pair and "way 1" in pair and "way 2" not in pair, "one of each group of similar results"
    assert "difference 0" in checklist and "way 0" not in checklist
    first, second = told.prompt("reviser", 0), told.prompt("reviser", 1)
    assert "look at item 0 again" in first and "difference 0" not in first
    assert "way 0" in first and "way 1" not in first and WAYS[0] in first
    assert "way 1" in second and "way 0" not in second and WAYS[1] in second
    assert "refused" not in first, "what was held was not refused, and may be said again"


async def test_three_different_results_are_contrasted_pair_by_pair(tmp_path: Path) -> None:
    told = cast(("4", "5", "6"), "6")
    await contrast(told, tmp_path)
    assert told.order.count("contrast") == 3 and told.order.count("checklist") == 1 and told.order.count("reviser") == 3
    assert all(f"difference {n}" in told.prompt("checklist") for n in range(3))


async def test_at_most_so_many_results_are_compared_those_of_the_majority_first(tmp_path: Path) -> None:
    answers = ("1", "2", "3", "3")
    told = cast(answers, "3", perspectives=lambda n: ways(*WAYS, "at once"))
    await contrast(told, tmp_path, options={"compared": 2})
    pair = told.prompt("contrast")
    assert told.order.count("contrast") == 1 and "way 2" in pair and "way 0" in pair and "way 1" not in pair


async def test_a_revision_may_keep_what_it_had(tmp_path: Path) -> None:
    kept = {WAYS[0]: drafted("4", "way 0"), WAYS[1]: drafted("4", "way 1, mended")}

    def by(request: Request) -> Any:
        return next(said for way, said in kept.items() if way in asked(request))

    told = cast(("4", "5"))
    told.says["reviser"] = lambda n: by(told.of("reviser")[n])
    run = await contrast(told, tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "4" and told.order.count("reviser") == 2


async def test_after_the_last_turn_the_majority_is_chosen(tmp_path: Path) -> None:
    told = cast(("1", "2"), "1", "2")
    told.says["reviser"] = lambda n: drafted(("1", "2")[n % 2], f"revised {n}")
    run = await contrast(told, tmp_path, options={"turns": 2})
    assert told.order.count("checklist") == 2 and run.outcome is RunOutcome.answered and run.answer == "1"
    assert "they do not agree" in run.decision.reasons[1]


async def test_a_spent_budget_leads_to_what_most_come_to(tmp_path: Path) -> None:
    told = cast(("1", "2", "2"), "7")
    run = await contrast(told, tmp_path, policy=Policy(rounds=2))
    assert run.outcome is RunOutcome.answered and run.answer == "2" and "contrast" not in told.order


async def test_a_reviser_of_its_own_revises_and_a_critic_contrasts(tmp_path: Path) -> None:
    told = cast(("4", "5"))
    reviser = Cast(reviser=lambda n: drafted("5", f"revised {n}"))
    critic = Cast(**{**told.says, "critic": lambda n: said_critique("accept")})
    run = await contrast(told, tmp_path, reviser=reviser.model, critic=critic.model)
    assert run.answer == "5" and told.order == ["proposer", "proposer"]
    assert reviser.order == ["reviser", "reviser"]
    assert set(critic.order) == {"perspectives", "critic", "contrast", "checklist"}


async def test_perspectives_may_be_given(tmp_path: Path) -> None:
    told = cast(("4", "4"))
    run = await contrast(told, tmp_path, options={"given": ["as a clerk", "as a judge"]})
    assert told.order == ["proposer", "proposer"] and "as a judge" in told.prompt("proposer", 1)
    assert run.attempts[0].draft.data["perspective"] == "as a clerk"


@pytest.mark.parametrize("said", ["many", {"perspectives": ["one"]}, {"perspectives": ["same", " same "]}])
async def test_without_usable_perspectives_there_are_ours(said: Any, tmp_path: Path) -> None:
    told = cast(("4",) * 5, perspectives=lambda n: said)
    await contrast(told, tmp_path)
    assert PERSPECTIVES[4] in told.prompt("proposer", 4) and told.order.count("proposer") == 5


async def test_without_usable_differences_or_checklist_the_bare_difference_is_the_checklist(tmp_path: Path) -> None:
    told = cast(("4", "5"), "5", contrast=lambda n: "hm", checklist=lambda n: {"items": []})
    run = await contrast(told, tmp_path)
    assert run.answer == "5" and "the results are different: 4; 5" in told.prompt("reviser")


async def test_a_writer_who_cannot_be_understood_or_has_nothing_is_no_result(tmp_path: Path) -> None:
    said = [drafted("4", "way 0"), "what?", drafted(give_up="no way")]
    told = cast(("", "", ""), proposer=lambda n: said[n] if n < 3 else said[1])
    run = await contrast(told, tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "4"
    assert sum(a.draft.problem is not None for a in run.attempts) == 1


async def test_where_nobody_has_anything_the_run_abstains(tmp_path: Path) -> None:
    told = cast(("", ""), proposer=lambda n: drafted(give_up="no way"))
    run = await contrast(told, tmp_path)
    assert run.outcome is RunOutcome.abstained and "no way" in run.decision.reasons[0]


async def test_what_a_critic_refuses_is_no_candidate(tmp_path: Path) -> None:
    told = cast(
        ("4", "5", "5"),
        critic=lambda n: said_critique("accept") if n else said_critique("revise", said_finding("wrong")),
    )
    run = await contrast(told, tmp_path, critic=told.model)
    assert run.outcome is RunOutcome.answered and run.answer == "5" and "2 of 2 votes" in run.decision.reasons[0]
    assert "contrast" not in told.order, "what is refused is not compared where something stands"


def code(text: str) -> dict[str, Any]:
    return drafted(actions=[said_action("write_file", path="twice.py", content=text)])


@pytest.mark.sandbox
async def test_that_all_agree_commits_nothing_that_fails_its_check(tmp_path: Path) -> None:
    wrong = "def twice(n):\n    return 3\n"
    told = cast(
        ("", ""), proposer=lambda n: code(wrong), reviser=lambda n: code(f"def twice(n):\n    return {n + 4}\n")
    )
    run = await contrast(told, tmp_path, workspace_task(tmp_path), policy=Policy(rounds=3))
    assert run.outcome is RunOutcome.abstained and run.receipt is None
    assert told.order == ["perspectives", "proposer", "proposer", "reviser", "reviser"], "the best is mended"
    assert "8" in told.prompt("reviser"), "by what the tools saw"


@pytest.mark.sandbox
async def test_of_results_that_differ_the_one_that_passes_is_committed_at_once(tmp_path: Path) -> None:
    right, wrong = "def twice(n):\n    return 2 * n\n", "def twice(n):\n    return 3\n"
    told = cast(("", ""), proposer=lambda n: code(right if n else wrong))
    run = await contrast(told, tmp_path, workspace_task(tmp_path))
    assert run.outcome is RunOutcome.committed and told.order == ["perspectives", "proposer", "proposer"]
    assert (tmp_path / "work" / "twice.py").read_text() == right


async def test_a_run_that_is_cut_off_anywhere_goes_on_as_it_would_have(tmp_path: Path) -> None:
    first = dict(zip(WAYS, ("4", "5", "6"), strict=True))

    def by(request: Request) -> Any:
        text, way = asked(request), next((way for way in WAYS if way in asked(request)), "")
        if request.role == "reviser":
            return drafted("9" if "item B" in text else {"4": "7", "5": "8", "6": "7"}[first[way]], f"again {way}")
        return {
            "perspectives": ways(),
            "proposer": drafted(first.get(way), f"way {way}"),
            "contrast": {"differences": ["second" if "again" in text else "first"]},
            "checklist": {"items": ["item B" if "second" in text else "item A"]},
        }[request.role]

    run = await ends_alike_wherever_it_is_cut(RECIPE, Task(goal="How much is it?"), by, tmp_path)
    assert run.answer == "9" and [a.draft.data["turn"] for a in run.attempts] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    "options",
    [{"perspectives": 1}, {"perspectives": 10}, {"given": ["x"] * 10}, {"given": [""]}, {"compared": 1}, {"turns": 0}],
)
def test_options_out_of_range_are_explained(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"options of the recipe self-contrast: {next(iter(options))}"):
        Agent(cast(("4",)).model, recipe=RECIPE, options=options, store=tmp_path / "store")


def test_too_few_rounds_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 1 round"):
        Agent(cast(("4",)).model, recipe=RECIPE, policy=Policy(rounds=0), store=tmp_path / "store")
