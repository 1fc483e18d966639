"""`ChatAgent`: what it is shown, what it may ask for, and what becomes of what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from revet import agents
from revet.agents import ChatAgent
from revet.agents.chat import Schedule
from revet.agents.chat.asking import Room
from revet.agents.chat.drafting import SaidAction, SaidDraft
from revet.agents.chat.files import is_secret, look, shown_diff
from revet.agents.repair import Repair
from revet.errors import AnswerUnusable, BudgetSpent, ContextOverflow, InputError, ModelFailed
from revet.models import Account, Finish, Reply
from revet.schema import (
    CallTool,
    Check,
    Critique,
    DeleteFile,
    Draft,
    EditFile,
    Finding,
    Location,
    RunCommand,
    Task,
    Verdict,
    WriteFile,
)
from tests.agents.chat_support import (
    Talker,
    all_text,
    attempt,
    changed,
    inside_fences,
    outside_fences,
    said_action,
    said_draft,
    seen,
    view,
)

ANSWER = said_draft(answer="42", steps=["6 times 7"], thoughts="multiply")
CRITIQUE = Critique(
    critic="evidence",
    verdict=Verdict.revise,
    possible_result="1 test fails",
    findings=(Finding(claim="add is wrong", location=Location(path="shop/cart.py", line=2), evidence=("e-1",)),),
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {
        "shop/cart.py": "def add(a, b):\n    return a - b\n",
        "shop/other.py": "X = 1\n",
        "tests/test_cart.py": "from shop.cart import add\n\ndef test_add():\n    assert add(1, 2) == 3\n",
        ".env": "API_KEY=sesame\n",
        "keys/server.pem": "-----BEGIN sesame\n",
        ".git/config": "[core] sesame\n",
        "logo.png": "\0\1\2",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def allows(path: str) -> bool:
    return path.startswith("shop/")


# --- what it says --------------------------------------------------------------------------------------------


async def test_an_answer_becomes_a_draft() -> None:
    talker = Talker(ANSWER)
    draft = await ChatAgent(talker.model).propose(view(task=Task(goal="6 times 7?", inputs={"unit": "none"})))
    assert draft == Draft(author="chat", answer="42", steps=("6 times 7",), notes="multiply")
    (request,) = talker.requests
    assert (request.role, request.temperature) == ("proposer", 0.0)
    assert "6 times 7?" in outside_fences(talker.prompts[0])
    assert '"unit": "none"' in inside_fences(talker.prompts[0])[0]
    assert "write_file" not in talker.requests[0].messages[0].text.partition("JSON Schema")[0]


async def test_what_does_not_apply_may_be_left_out() -> None:
    edit = {"kind": "edit_file", "path": "a.py", "replacements": [{"search": "x", "replace": "y"}]}
    talker = Talker({"thoughts": "x is wrong", "actions": [edit, {"kind": "delete_file", "path": "b.py"}]})
    draft = await ChatAgent(talker.model).propose(view())
    assert len(talker.requests) == 1
    assert isinstance(draft.actions[0], EditFile) and draft.actions[1] == DeleteFile(path="b.py")
    assert (draft.answer, draft.steps, draft.notes) == (None, (), "x is wrong")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"thoughts": "fine"},
        {"thoughts": "fine", "actions": []},
        {"thoughts": "fine", "actions": [{}]},
        {"thoughts": "fine", "actions": [{"kind": "write_file", "path": "a.py"}]},
        {"thoughts": "fine", "actions": [{"kind": "edit_file", "path": "a.py"}]},
        {"actions": [{"kind": "delete_file", "path": "a.py"}]},
    ],
)
async def test_a_draft_that_says_nothing_is_none(said: dict[str, Any]) -> None:
    draft = await ChatAgent(Talker(said).model).propose(view())
    assert draft.problem is not None and "(schema)" in draft.problem
    assert not draft.actions and draft.answer is None and not draft.gives_up


async def test_every_kind_of_action_becomes_one_of_the_vocabulary() -> None:
    said = said_draft(
        actions=[
            said_action("write_file", path="a.py", content=""),
            said_action("edit_file", path="b.py", replacements=[{"search": "x", "replace": "y"}]),
            said_action("delete_file", path="c.py"),
            said_action("run_command", command="make"),
            said_action("execute_sql", sql="select 1"),
            said_action("call_tool", tool="mail", arguments='{"to": "a"}'),
        ]
    )
    draft = await ChatAgent(Talker(said).model).propose(view())
    assert [a.kind for a in draft.actions] == [a["kind"] for a in said["actions"]]
    assert draft.actions[0] == WriteFile(path="a.py", content="")
    assert isinstance(draft.actions[1], EditFile) and draft.actions[1].replacements[0].replace == "y"
    assert draft.actions[2:4] == (DeleteFile(path="c.py"), RunCommand(command="make"))
    assert draft.actions[5] == CallTool(name="mail", arguments={"to": "a"})


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (said_action("write_file", path="a.py"), "needs content"),
        (said_action("write_file", content="x"), "needs path"),
        (said_action("edit_file", path="a.py"), "needs at least one of replacements"),
        (said_action("edit_file", path="a.py", replacements=[{"search": "", "replace": "y"}]), "search"),
        (said_action("delete_file", path="a\0b"), "NUL"),
        (said_action("run_command", command=""), "needs command"),
        (said_action("call_tool", tool="t", arguments="[1]"), "JSON object"),
        (said_action("call_tool", tool="t", arguments='{"n": NaN}'), "NaN"),
        (said_action("call_tool", tool="t", arguments='{"n": 99999999999999999999}'), "64 bits"),
        (said_action("call_tool", tool="t", arguments="[" * 100_000), "not JSON"),
        (said_action("write_file", path="a.py", content="\ud800"), "surrogate"),
    ],
)
def test_an_action_that_is_none_says_what_it_lacks(action: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        SaidAction.model_validate(action)


def test_an_answer_that_says_nothing_is_refused_and_giving_up_is_not() -> None:
    with pytest.raises(ValidationError, match="holds nothing"):
        SaidDraft.model_validate(said_draft(thoughts="hm", answer="  "))
    draft = SaidDraft.model_validate(said_draft(give_up="the data is gone")).draft("chat")
    assert draft.gives_up and draft.notes == "the data is gone"


async def test_what_cannot_be_understood_is_a_draft_that_says_so_and_the_next_round_is_told() -> None:
    talker = Talker("I would rather not.")
    agent = ChatAgent(talker.model)
    draft = await agent.propose(view())
    assert draft.problem is not None and not draft.gives_up and len(talker.requests) == 2
    assert draft.data["said"] == "I would rather not."
    talker = Talker(ANSWER)
    await ChatAgent(talker.model).revise(view(attempts=(attempt(0, draft, "not understood"),)), CRITIQUE)
    told = "\n".join(inside_fences(talker.prompts[0]))
    assert "could not be understood" in told and "I would rather not." in told


@pytest.mark.parametrize(("finish", "why"), [(Finish.length, "truncated"), (Finish.refusal, "refused")])
async def test_half_an_answer_and_a_refusal_are_no_draft(finish: Finish, why: str) -> None:
    said = Reply(
        text='{"thoughts": "", "actions": [{"kind": "write_file", "path": "a.py", "content": "half', finish=finish
    )
    draft = await ChatAgent(Talker(said).model).propose(view())
    assert draft.problem is not None and why in draft.problem and draft.actions == ()


async def test_a_spent_budget_gives_up_and_a_failing_model_is_raised() -> None:
    spent = view(account=Account(tokens=0))
    draft = await ChatAgent(Talker(ANSWER).model).propose(spent)
    assert draft.gives_up and "budget" in draft.notes
    for error in (ModelFailed("401"), ContextOverflow("too long")):
        with pytest.raises(type(error)):
            await ChatAgent(Talker(error).model).propose(view())


# --- what it is shown ----------------------------------------------------------------------------------------


async def test_it_is_shown_the_files_that_matter_and_no_secrets(shop: Path) -> None:
    evidence = seen(f'File "{shop}/shop/cart.py", line 2\ntests/test_cart.py:4: AssertionError')
    task = Task(goal="Mend it.", checks=(Check(command="pytest -q"),))
    talker = Talker(ANSWER)
    shown = view(shop, task=task, evidence=(evidence,), critique=CRITIQUE, allows=allows)
    await ChatAgent(talker.model).propose(shown)
    prompt = talker.prompts[0]
    assert "sesame" not in all_text(talker.requests) and ".env" not in prompt and "server.pem" not in prompt
    for text in ("return a - b", "assert add(1, 2) == 3", "X = 1", "add is wrong"):
        assert text in prompt and text not in outside_fences(prompt)
    order = [
        "## Task",
        "- `pytest -q`",
        "shop/cart.py (32 bytes), may be changed",
        "tests/test_cart.py (",
        "return a - b",
    ]
    places = [prompt.index(text) for text in [*order, "add is wrong", f"Evidence {evidence.id}"]]
    assert places == sorted(places)
    assert prompt.index("return a - b") < prompt.index("assert add") < prompt.index("X = 1")
    assert "- edit_file" in talker.requests[0].messages[0].text
    assert "- run_command" not in talker.requests[0].messages[0].text


async def test_it_may_look_at_files_three_times(shop: Path) -> None:
    long = "y = 1\n" * 9000 + "NEEDLE\n"
    (shop / "shop" / "zz.py").write_text(long, encoding="utf-8")
    reads = [["shop/zz.py", "../../etc/passwd", f"{shop}/shop/other.py"], ["logo.png", ".env"], ["nowhere.py"]]
    said: list[Any] = [said_draft(read=paths) for paths in reads]
    heard: list[Any] = []
    talker = Talker(*said, ANSWER)
    draft = await ChatAgent(talker.model).propose(view(shop, allows=lambda p: p == "shop/cart.py", heard=heard))
    assert draft.answer == "42" and len(talker.requests) == 4
    assert "NEEDLE" not in talker.prompts[0] and "NEEDLE" in talker.prompts[1]
    assert "characters cut" in talker.prompts[1] and "ask to read it for more" in outside_fences(talker.prompts[1])
    assert "root:" not in all_text(talker.requests) and "X = 1" in talker.prompts[1]
    last = talker.prompts[3]
    assert "there is no such file" in last and "not text" in last and "may hold secrets" in last
    assert "sesame" not in all_text(talker.requests)
    assert "cannot ask for more files" in last and "cannot ask for more files" not in talker.prompts[2]
    assert [kind for kind, _ in heard] == ["reading"] * 3


async def test_whoever_only_reads_has_drafted_nothing(shop: Path) -> None:
    talker = Talker(said_draft(read=["shop/cart.py"]))
    draft = await ChatAgent(talker.model, looks=1).propose(view(shop))
    assert draft.problem is not None and len(talker.requests) == 2


def test_links_out_of_the_workspace_are_not_followed(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "passwords.txt").write_text("sesame", encoding="utf-8")
    (shop / "link.txt").symlink_to(outside / "passwords.txt")
    (shop / "folder").symlink_to(outside)
    (shop / "env.txt").symlink_to(".env")
    files = look(view(shop))
    assert files is not None
    text = files.contents(["link.txt", "folder/passwords.txt", "env.txt"], 5000)
    assert "sesame" not in text and text.count("there is no such file") == 3
    assert "link.txt" not in files.listing(5000)


def test_a_large_listing_says_what_it_leaves_out(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"f{number:03}.txt").write_text("x", encoding="utf-8")
    files = look(view(tmp_path))
    assert files is not None
    assert "… 200 more files not listed …" in files.listing(100_000)
    assert len(files.listing(1000)) < 1200


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (".env", True),
        ("app/.env.production", True),
        ("app/.env.example", False),
        ("id_rsa", True),
        ("id_rsa.pub", False),
        (".aws/config", True),
        ("config/credentials.json", True),
        ("lib/secrets.py", False),
        ("src/environment.py", False),
        ("src/keyboard.py", False),
    ],
)
def test_secrets_are_known_by_their_names(path: str, secret: bool) -> None:
    assert is_secret(path) is secret


def test_a_diff_leaves_out_what_secrets_held() -> None:
    diff = "diff --git a/.env b/.env\n-KEY=sesame\ndiff --git a/a.py b/a.py\n+x\n"
    both = changed(".env", diff).model_copy(update={"files": changed(".env").files + changed("a.py").files})
    said = shown_diff(both)
    assert "sesame" not in said and "+x" in said and ".env" in said
    assert shown_diff(changed("a.py", diff)) == diff
    odd = 'diff --git "a/\\"x\\"\\\\\\001/.env" "b/\\"x\\"\\\\\\001/.env"\n+KEY=sesame\n'
    assert "sesame" not in shown_diff(changed('"x"\\\x01/.env', odd))


async def test_a_small_context_is_asked_with_less_and_that_is_said(shop: Path) -> None:
    evidence = tuple(seen("z" * 20_000 + str(n)) for n in range(3))
    most = 12_000

    def small(request: Any) -> Any:
        if sum(len(m.text) for m in request.messages) > most:
            raise ContextOverflow("too long")
        return ANSWER

    heard: list[Any] = []
    draft = await ChatAgent(Talker(by=small).model).propose(view(shop, evidence=evidence, heard=heard))
    assert draft.answer == "42" and heard and {kind for kind, _ in heard} == {"shortened"}


# --- feedback that is heard ----------------------------------------------------------------------------------


async def test_what_was_tried_is_listed_and_the_temperature_rises() -> None:
    tried = [attempt(n, Draft(author="chat", answer=f"answer {n}"), f"`check` failed: because {n}") for n in range(3)]
    tried.append(
        attempt(3, Draft(author="chat", actions=(DeleteFile(path="x"),)), "no", changes=changed(diff="-gone\n"))
    )
    talker = Talker(ANSWER)
    shown = view(attempts=tried, round=3, draft=tried[-1].draft)
    await ChatAgent(talker.model, temperature=0.2).revise(shown, CRITIQUE)
    (request,) = talker.requests
    assert (request.role, request.temperature) == ("reviser", 0.8)
    told = inside_fences(talker.prompts[0])
    for n in range(3):
        assert any(f"answer {n}" in part and f"because {n}" in part for part in told)
    assert any("-gone" in part for part in told)
    assert "do not draft any of this again" in talker.prompts[0]


async def test_the_reviser_sees_its_steps_by_number_and_every_objection() -> None:
    other = Critique(critic="steps", verdict=Verdict.reject, possible_result="OBJECTION")
    praise = Critique(critic="nice", verdict=Verdict.accept, possible_result="PRAISE")
    last = Draft(author="chat", answer="41", steps=("six", "times seven"))
    made = attempt(0, last, "wrong", critiques=(praise, CRITIQUE, other))
    talker = Talker(ANSWER)
    await ChatAgent(talker.model).revise(view(attempts=[made], draft=last, best=made), CRITIQUE)
    told = inside_fences(talker.prompts[0])
    assert "0. six\n1. times seven" in told
    said = next(part for part in told if "OBJECTION" in part)
    assert said.count("add is wrong") == 1 and "PRAISE" not in said
    assert "attempt 0 was the best" in talker.prompts[0]


async def test_a_repeated_draft_is_pointed_out_and_asked_again_once_and_hotter() -> None:
    former = attempt(0, Draft(author="chat", answer="42"), "wrong")
    heard: list[Any] = []
    talker = Talker(ANSWER, said_draft(answer="43"))
    draft = await ChatAgent(talker.model).revise(view(attempts=[former], heard=heard), CRITIQUE)
    assert draft.answer == "43"
    first, second = (r.temperature or 0 for r in talker.requests)
    assert second > first == 0.15
    assert "exactly what attempt 0 did" in talker.prompts[1] and "exactly what" not in talker.prompts[0]
    assert heard == [("repeated", {"draft": former.draft.id, "round": 0})]
    talker = Talker(ANSWER)
    assert (await ChatAgent(talker.model).revise(view(attempts=[former]), CRITIQUE)).answer == "42"
    assert len(talker.requests) == 2


@pytest.mark.parametrize("error", [AnswerUnusable("?", why="empty"), BudgetSpent("spent")])
async def test_a_repeated_draft_stands_where_there_is_no_other(error: Exception) -> None:
    former = attempt(0, Draft(author="chat", answer="42"), "wrong")
    draft = await ChatAgent(Talker(ANSWER, error).model).revise(view(attempts=[former]), CRITIQUE)
    assert draft.answer == "42"


def test_the_schedule_is_the_published_one() -> None:
    schedule = Schedule()
    assert [schedule.at(0.0, n) for n in (0, 1, 2, 10, 20)] == [0.0, 0.15, 0.3, 1.5, 1.5]
    assert schedule.at(0.7, 20) == 2.0
    assert schedule.at(None, 0) is None and schedule.at(None, 1) == 1.15
    assert Schedule(start=0.1, step=0.0).at(0.5, 9) == 0.6


async def test_the_same_view_makes_the_same_request(shop: Path) -> None:
    shown = view(shop, evidence=(seen("boom"),), attempts=[attempt(0, Draft(author="chat", answer="1"), "no")])
    digests = set()
    for _ in range(2):
        talker = Talker(ANSWER)
        await ChatAgent(talker.model, room=Room(20_000)).revise(shown, CRITIQUE)
        digests.add(talker.requests[0].digest)
    assert len(digests) == 1


# --- the registry --------------------------------------------------------------------------------------------


async def test_a_proposer_for_a_name_a_model_or_itself() -> None:
    assert isinstance(agents.proposer("builtin:repair"), Repair)
    agent = agents.proposer(Talker(ANSWER).model)
    assert isinstance(agent, ChatAgent) and agents.proposer(agent) is agent
    with pytest.raises(InputError):
        agents.proposer("openai:gpt-4o")


@pytest.mark.parametrize("arguments", ['{"a": "\\ud800"}', '{"\\ud800": 1}', '{"a": 1e999}'])
def test_arguments_that_no_record_can_hold_are_refused(arguments: str) -> None:
    fields = dict.fromkeys(("path", "content", "replacements", "command", "sql"))
    with pytest.raises(ValueError, match=r"surrogate|range"):
        SaidAction.model_validate({**fields, "kind": "call_tool", "tool": "x", "arguments": arguments})


def test_to_read_with_a_blank_answer_is_to_read() -> None:
    said = {"thoughts": "", "read": ["a.py"], "steps": [], "actions": [], "answer": " ", "give_up": None}
    assert SaidDraft.model_validate(said).only_reads
    with pytest.raises(ValueError, match="surrogate"):
        SaidDraft.model_validate({**said, "read": ["\ud800"]})
