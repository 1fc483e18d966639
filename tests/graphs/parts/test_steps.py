"""Going back to a step: what is kept, which step is wrong first, and what is joined."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.graphs.parts.steps import continued, critique_of, first_wrong, prefix, wrong_at
from revet.schema import Attempt, Critique, Draft, Finding, Location, Verdict

STEPS = st.lists(st.text("abc", min_size=1, max_size=3), max_size=6).map(tuple)


def objecting(*steps: int | None, verdict: Verdict = Verdict.revise, critic: str = "c") -> Critique:
    findings = tuple(Finding(claim=f"{s}", location=None if s is None else Location(step=s)) for s in steps)
    return Critique(critic=critic, verdict=verdict, findings=findings)


def attempt(steps: tuple[str, ...], *critiques: Critique) -> Attempt:
    return Attempt(round=0, draft=Draft(author="a", answer="x", steps=steps), critiques=critiques)


def test_the_first_wrong_step_is_that_of_the_critics_who_object() -> None:
    accepting = objecting(0, verdict=Verdict.accept)
    assert first_wrong(attempt(("a", "b", "c"), accepting, objecting(2), objecting(1, critic="d"))) == 1
    assert first_wrong(attempt(("a", "b", "c"), accepting, objecting(None))) is None
    assert first_wrong(attempt(("a",), objecting(3))) is None
    assert first_wrong(attempt((), objecting(0))) == 0  # the lines of the answer are the steps


def test_who_is_heard_and_what_of_it() -> None:
    found = wrong_at(attempt(("a", "b"), objecting(1, critic="ann"), objecting(1, critic="bob")))
    assert found is not None
    step, critique, finding = found
    assert (step, critique.critic) == (1, "ann")
    alone = critique_of(objecting(1, 0, None), finding)
    assert alone.findings == (finding,) and alone.verdict is Verdict.revise


@settings(deadline=None)
@given(STEPS, STEPS, st.integers(-1, 8), st.booleans())
def test_what_is_kept_comes_first_and_once(steps: tuple[str, ...], own: tuple[str, ...], at: int, again: bool) -> None:
    draft = Draft(author="a", answer="x", steps=steps)
    kept = prefix(draft, at)
    assert len(kept) <= max(0, at) and (draft.steps or ("x",))[: len(kept)] == kept
    new = Draft(author="a", answer="y", steps=(*kept, *own) if again else own)
    joined = continued(kept, new)
    assert joined.steps[: len(kept)] == kept and joined.answer == "y" and joined.id == new.id
    if again and (kept or own):
        assert joined.steps == (*kept, *own)


def test_what_is_no_draft_is_not_continued() -> None:
    nothing, problem = Draft(author="a"), Draft(author="a", problem="?")
    assert continued(("a",), nothing) is nothing and continued(("a",), problem) is problem
