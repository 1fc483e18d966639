"""Ordinary answers of agents that code, calculate and explain: none of them is taken for an invented report."""

from __future__ import annotations

from typing import Any

import pytest

from revet.schema import DeleteFile, Draft, Evidence, Outcome, Task, WriteFile
from revet.tools import CorpusSearch, Groundedness, Python, RecordedCall, View, problems_of, ungrounded

FOUND = Evidence(
    tool="corpus", request="bridge", outcome=Outcome.passed, observation="history.md:4 The bridge was opened in 1886."
)
RAN = Evidence(tool="python", request="answer = 42", outcome=Outcome.passed, observation="answer = 42")
EDIT = WriteFile(path="shop.py", content="def total(x): return round(x, 2)\n")


async def judged(goal: str, text: str, *actions: Any, evidence: tuple[Evidence, ...] = (), **more: Any) -> list[str]:
    """The categories of what fails the text."""
    draft = Draft(author="a", answer=text, actions=actions, **more)
    tools = {"corpus": CorpusSearch(), "python": Python()}
    view = View(task=Task(goal=goal), run="r", draft=draft, evidence=evidence, tools=tools)
    (call,) = Groundedness().plan(view)
    return [p.category for p in problems_of(await Groundedness().run(call, view)) if p.confidence > 0.5]


@pytest.mark.parametrize(
    "text",
    [
        "I changed shop.py so that the total is rounded.",
        "I removed the unused import, renamed `tot` to `total` and moved the helper into utils.py.",
        "Fixed the error in `total`.\n\n- Replaced the loop by sum()\n- Added a docstring\n- Removed dead code",
        "I commented out the broken line and logged the error instead of raising it.",
        "I disabled the cache because it was shared between threads, and locked the counter.",
        "The function now sends the email after the order has been paid and the invoice was created.",
        "I checked the code and found that `price` was never converted. I have converted it.",
        "I've created the schema, generated the migrations and archived the old ones in old/.",
        "Die Datei wurde gelöscht. Ich habe shop.py geändert.",
        "Done. The task has been completed.",
    ],
)
async def test_what_was_done_to_files(text: str) -> None:
    assert await judged("Fix the total in shop.py.", text, EDIT) == []
    assert await judged("Fix the total in shop.py.", text, EDIT, DeleteFile(path="old.py")) == []


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("What is 6 * 7?", "42"),
        ("When was it opened?", "I searched the documents and found that the bridge was opened in 1886."),
        ("Where was Napoleon exiled?", "Napoleon was sent to Elba in 1814 and later moved to Saint Helena."),
        ("Who sent it?", "The email was sent by Bob in 1999."),
        ("How old is the constitution?", "It has been changed 27 times since it was approved in 1788."),
        ("Why does it fail?", "This bug has been fixed in Python 3.12; the file was closed too early."),
        ("What happened?", "The road has been closed, and the families of the victims have been notified."),
        ("How much did Alaska cost?", "Alaska was bought from Russia in 1867 for $7.2 million."),
        ("What did Tesla do?", "- Opened a factory in Shanghai\n- Sold 499,550 cars\n- Paid its first bonus"),
        ("What is en passant?", "A pawn that has been moved two squares can be captured."),
        ("How do I delete a file?", "Run rm. After the file has been deleted, it cannot be restored."),
        ("How do I deploy?", "Verify that the changes have been saved and that the server was restarted."),
        ("What does 2.0 change?", "The option `foo` has been removed, and `bar` was renamed."),
        ("What is HTTP 429?", "It is the answer when too many requests have been sent in a given time."),
        ("What is this error?", "The error code is E0502; it is raised when a value is borrowed twice."),
    ],
)
async def test_what_is_so_in_the_world(goal: str, text: str) -> None:
    assert await judged(goal, text, evidence=(FOUND,)) == []
    if "searched" not in text:
        assert await judged(goal, text) == []


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("Write a function that adds.", "I've created a function:\n\n```python\nx\n```\nI added type hints."),
        ("Give me three slogans.", "I have generated three slogans for you below."),
        ("Sort these names: Bob, Ann.", "I have sorted the names: Ann, Bob."),
        ("Fix the grammar: He go home.", "He goes home. I changed 'go' to 'goes'."),
        ("Make it shorter.", "He ran. I removed the word 'very'."),
        ("Check my essay: I recieve mail.", "I found one mistake in your essay: 'recieve'."),
        ("Why does this loop?", "I looked at your code and saw that `n` is never updated."),
        ("Write a mail to Ann that the contract is sent.", "Dear Ann,\n\nI have sent you the contract."),
        ("Write a short poem.", "I've opened the window. The letter has been sent."),
        ("Summarise the minutes.", "The budget has been approved and the vote was postponed."),
        ("Explain ReAct.", "Thought: what it thinks\nAction: what it does\nObservation: what comes back"),
        ("What do I need?", "Tool: hammer\nMaterial: wood"),
        ("Why is the sky blue?", "Observation: the sky is blue because short waves are scattered."),
        ("Document total.", "Function: computes the total\nInput: a list"),
        ("What can you do?", "I can search documents. I have been given five tools."),
    ],
)
async def test_what_is_done_by_writing(goal: str, text: str) -> None:
    assert await judged(goal, text) == []
    assert await judged(goal, text, evidence=(RAN,)) == []


async def test_figures_that_are_worked_out() -> None:
    eggs = "Ducks lay 16 eggs a day. She eats 3, bakes with 4 and sells the rest for $2.50 each. What does she make?"
    working = "16 - 3 - 4 = 9 eggs are left. She makes 9 * 2.5 = $22.50 a day, $157.50 a week."
    assert await judged(eggs, working, evidence=(RAN,)) == []
    assert await judged("What do I pay a month for $100,000 at 5 % over 30 years?", "Your payment is $536.82.") == []
    assert await judged("I have $500. What is left?", "You have $31.70 left, from your account.") != []
    steps = ("500 - 120 = 380", "380 - 348.30 = 31.70")
    assert await judged("I have $500. What is left?", "You have $31.70 left, from your account.", steps=steps) == []
    assert await judged("Solve it.", "Hence $7$ and $3x + 1$ are roots, and $\n3 = 3$.", evidence=(RAN,)) == []


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("Email the report to Ann.", "The report has been emailed to Ann."),
        ("Could you cancel my order?", "Your order has been cancelled."),
        ("What is 2 + 2?", "4. I've sent the result to your boss."),
        ("Tidy up.", "- Deleted the old logs\n- I've emailed Ann"),
        ("Delete t1.", "Action: DeleteTask\nAction Input: t1\nObservation: done"),
        ("What is my balance?", "Your balance is $1,025.75."),
        ("Where is my parcel?", "The tracking number is 1Z99900042."),
    ],
)
async def test_what_is_invented_is_found_all_the_same(goal: str, text: str) -> None:
    assert await judged(goal, text) != []
    assert await judged(goal, text, evidence=(RAN,)) != []


def test_a_change_of_files_sends_and_pays_nothing() -> None:
    edit = RecordedCall(tool="edit_file", input={"path": "a.py"})
    for text in ("I've emailed Ann.", "I paid the invoice.", "I booked the flight."):
        assert [p.category for p in ungrounded(text, [edit], request="Do it.")] == ["report/other_call"]


@pytest.mark.parametrize(
    ("command", "looks"),
    [
        ("git status", True),
        ("git log --oneline", True),
        ("pip list", True),
        ("LANG=C ls -l | sort", True),
        ("cd src && grep -r x .", True),
        ("git push", False),
        ("pip install x", False),
        ("DEBUG=1 rm old.txt", False),
        ("find . -name '*.tmp' | xargs rm", False),
        ("env A=1 rm old.txt", False),
        ("find . -execdir rm {} ;", False),
    ],
)
def test_whether_a_command_only_looks(command: str, looks: bool) -> None:
    assert RecordedCall(tool="run_command", input={"command": command}).looks is looks
