"""Pages in the sandbox: what they say, what they ask for, and what hostile ones can do. Needs a Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.agents import EvidenceCritic, Scripted
from revet.agents.chat import ChatCritic
from revet.graphs import Agent
from revet.models import LanguageModel
from revet.policy import Policy
from revet.sandboxes import Layer, Session
from revet.schema import Changes, Draft, FileChange, Outcome, Task
from revet.store import Store
from revet.tools import Rendered, View, problems_of
from revet.tools._render.pictures import is_blank, is_picture
from tests.agents.test_chat_pictures import Looker

from .bench import state
from .test_render import SVG, answering, chromium, drawn, kinds
from .test_render import session as session


@pytest.mark.sandbox
@chromium
async def test_a_page_is_drawn_and_what_it_says_is_told(session: Session) -> None:
    page = """<!doctype html><title>Shop</title><h1>Total</h1><img src="no.png"><div style="width:3000px">wide</div>
    <script>console.log("ready", 3); console.error("odd"); fetch("http://example.com/x").catch(() => 0);
    setTimeout(() => { throw new Error("boom") }, 1)</script>"""
    evidence = await drawn(answering(page, session))
    assert evidence.outcome is Outcome.failed
    assert sorted(kinds(evidence)) == [
        "render/console",
        "render/exception",
        "render/external",
        "render/overflow",
        "render/resource",
    ]
    assert "Error: boom" in evidence.observation and "console log: ready 3" in evidence.observation
    (picture,) = evidence.artefacts
    assert is_picture(picture)
    assert is_blank(picture.partition(",")[2]) is False


@pytest.mark.sandbox
@chromium
async def test_a_staged_page_finds_its_neighbours(tmp_path: Path, session: Session) -> None:
    root, layer = tmp_path / "plain", tmp_path / "layer"
    (root / "app.js").write_text("document.body.textContent = 'old'\n")
    layer.mkdir()
    (layer / "index.html").write_text('<body><script src="app.js"></script><script src="gone.js"></script></body>')
    (layer / "app.js").write_text("document.title = 'new'\n\nnowhere()\n")
    files = tuple(
        FileChange(path=name, before=None, after=state((layer / name).read_bytes()))
        for name in ("app.js", "index.html")
    )
    view = View(
        task=Task(workspace=str(root)),
        run="r",
        workspace=root,
        session=session,
        layer=Layer(root=layer),
        changes=Changes(files=files),
    )
    evidence = await drawn(view)
    found = {problem.category: problem for problem in problems_of(evidence)}
    assert str(found["render/exception"].location) == "app.js:3"
    assert "gone.js" in found["render/resource"].claim
    assert "title 'new'" in evidence.observation
    assert "render/blank" in found


@pytest.mark.sandbox
@chromium
async def test_an_svg_is_drawn_and_a_broken_one_is_told(session: Session) -> None:
    good = await drawn(answering(SVG, session))
    assert (good.outcome, len(good.artefacts), kinds(good)) == (Outcome.passed, 1, [])
    assert kinds(await drawn(answering(SVG[:-6], session))) == ["render/markup"]


@pytest.mark.sandbox
@chromium
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("while (1) {}", "render/hangs"),
        ("while (1) alert(1)", "render/hangs"),
        ("let a = []; while (1) a.push(new Uint8Array(5e7).fill(1))", "render/ends"),
    ],
)
async def test_hostile_pages_end(session: Session, script: str, kind: str) -> None:
    evidence = await drawn(answering(f"<html>x<script>{script}</script></html>", session), Rendered(seconds=4))
    assert evidence.outcome is Outcome.failed
    assert kind in kinds(evidence)
    after = await drawn(answering(SVG, session))
    assert after.outcome is Outcome.passed


@pytest.mark.sandbox
@chromium
async def test_a_page_sees_no_file_of_this_machine(session: Session, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    page = f"<html><iframe src='file://{secret}'></iframe><script>fetch('file://{secret}')</script></html>"
    evidence = await drawn(answering(page, session))
    assert "hidden" not in evidence.observation
    assert kinds(evidence).count("render/resource") == 2


@pytest.mark.sandbox
async def test_no_browser_is_inconclusive_with_what_to_do(session: Session) -> None:
    evidence = await drawn(answering(SVG, session), Rendered(browser="no-such-browser"))
    assert evidence.outcome is Outcome.inconclusive
    assert "no no-such-browser" in evidence.observation and "apt-get install" in evidence.observation


@pytest.mark.sandbox
@chromium
async def test_in_the_loop_a_page_is_mended_and_the_picture_reaches_a_critic_that_sees(tmp_path: Path) -> None:
    looker = Looker(sees=True)
    drafts = [Draft(author="me", answer=f"<!doctype html><h1>Till</h1><script>{js}</script>") for js in ("nope()", "")]
    agent = Agent(
        Scripted(drafts),
        tools=[Rendered(required=True)],
        critics=[EvidenceCritic(), ChatCritic(LanguageModel(looker))],
        store=tmp_path / "store",
        policy=Policy(rounds=2),
    )
    run = await agent.arun(Task(id="till", goal="a till"))
    assert [[e.outcome for e in attempt.evidence] for attempt in run.attempts] == [[Outcome.failed], [Outcome.passed]]
    assert [f.category for f in run.attempts[0].critiques[0].findings] == ["render/exception"]
    assert [len(request.messages[-1].images) for request in looker.asked] == [1, 1]
    kept = Store(tmp_path / "store").get(run.id).attempts[1].evidence[0].artefacts
    assert kept == run.attempts[1].evidence[0].artefacts
    assert is_picture(kept[0])
