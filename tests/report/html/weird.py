"""Strategies for runs in which every text may hold anything, and the check that a page holds nothing but ours."""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup
from hypothesis import strategies as st

from revet.schema import (
    Answer,
    Attempt,
    CallPlan,
    CallTool,
    Changes,
    CommandRun,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    EffectReceipt,
    Evidence,
    ExecuteSQL,
    FileChange,
    FileState,
    Finding,
    FolderChange,
    Gui,
    Location,
    Note,
    Outcome,
    Receipt,
    RowChange,
    Run,
    RunCommand,
    RunOutcome,
    Setup,
    Severity,
    Spent,
    TableChange,
    Usage,
    Verdict,
    WriteFile,
)
from tests.report.html.samples import HOSTILE
from tests.report.samples import WHEN, task

__all__ = ["foreign", "runs", "texts"]

PIECES = ["<", ">", "&", '"', "'", "`", "{{", "}}", "{%", "<script>", "</pre>", "]]>", "\x1b[31m", "\n", "\u202e", "@@"]
texts = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(exclude_categories=()), max_size=6),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.just(HOSTILE),
)
words = texts.map(lambda text: text.encode("utf-8", "replace").decode()).filter(bool)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
named = ("tests", "counts", "passages", "columns", "first", "rows", "integrity", "problems", "kind", "collect_errors")
shaped = st.fixed_dictionaries(
    {},
    optional={
        "tests": st.lists(
            st.fixed_dictionaries(
                {"outcome": st.sampled_from(["failed", "passed", "error", "skipped"]) | texts},
                optional=dict.fromkeys(("id", "message", "traceback", "line", "path", "expected", "stdout"), values),
            ),
            max_size=3,
        ),
        "passages": st.lists(
            st.dictionaries(st.sampled_from(["title", "text", "url", "path", "line"]), values), max_size=2
        ),
        "columns": st.lists(values, max_size=2),
        "first": st.lists(st.lists(values, max_size=2), max_size=2),
        "rows": values,
        "counts": st.dictionaries(texts, values, max_size=2),
        "integrity": values,
    },
)
data = shaped | st.dictionaries(st.sampled_from(named) | texts, values, max_size=4)


def tuples(of: st.SearchStrategy[Any], size: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=size).map(tuple)


locations = st.none() | st.builds(
    Location, path=st.none() | texts | st.just("a"), line=st.none() | st.integers(1, 9), action=st.none() | st.just(0)
)
findings = st.builds(
    Finding,
    claim=texts,
    severity=st.sampled_from(Severity),
    category=texts | st.just("suspicious-line"),
    location=locations,
    evidence=tuples(texts),
    suggestion=st.none() | texts,
    confidence=st.floats(0, 1),
)
critiques = st.builds(
    Critique,
    critic=texts,
    verdict=st.sampled_from(Verdict),
    possible_result=texts,
    findings=tuples(findings),
    heard=st.booleans(),
)
evidence = st.builds(
    Evidence,
    tool=texts,
    request=texts,
    outcome=st.sampled_from(Outcome),
    observation=texts,
    data=data,
    source=st.none() | texts,
    artefacts=tuples(texts | st.sampled_from(["data:image/png;base64,aGk=", "data:image/svg+xml;base64,aGk="])),
    check=st.none() | texts,
    required=st.booleans(),
)
actions = st.one_of(
    st.builds(Answer, text=texts),
    st.builds(WriteFile, path=words, content=texts),
    st.builds(RunCommand, command=words, cwd=words),
    st.builds(ExecuteSQL, sql=words, database=st.none() | texts),
    st.builds(CallTool, name=words, arguments=st.dictionaries(texts, texts, max_size=2)),
    st.builds(Gui, operation=words, target=st.none() | texts, text=st.none() | texts),
)
drafts = st.builds(
    Draft,
    author=texts,
    actions=tuples(actions),
    answer=st.none() | texts,
    steps=tuples(texts),
    notes=texts,
    data=data | st.just({"also_passing": [HOSTILE]}),
    problem=st.none() | texts,
)
states = st.none() | st.just(FileState(sha256="0" * 64, size=1, mode=0o644))
rows = st.none() | st.dictionaries(texts | st.just("rowid"), values, max_size=3)
diffs = texts | st.lists(
    st.sampled_from(["--- a/x", "+++ b/x", "diff --git a/x b/x", "@@ -1 +1 @@", "@@ -1,3 +1,9 @@ f"])
    | st.builds(lambda sign, text: sign + text, st.sampled_from("+- \\"), texts),
    max_size=9,
).map("\n".join)
changes = st.builds(
    Changes,
    files=tuples(st.builds(FileChange, path=texts, before=states, after=states)),
    folders=tuples(st.builds(FolderChange, path=texts, made=st.booleans())),
    tables=tuples(
        st.builds(
            TableChange,
            database=texts,
            table=texts,
            updated=st.integers(0, 3),
            rows=tuples(st.builds(RowChange, before=rows, after=rows)),
            ddl=tuples(texts),
            reversible=st.booleans(),
            why=texts,
        )
    ),
    calls=tuples(
        st.builds(
            CallPlan,
            name=texts,
            arguments=st.dictionaries(texts, texts, max_size=2),
            effects=tuples(texts),
            result=st.none() | texts,
        )
    ),
    commands=tuples(
        st.builds(
            CommandRun, command=texts, exit_code=st.none() | st.integers(0, 3), stdout=texts, refused=tuples(texts)
        )
    ),
    diff=diffs,
)
decisions = st.builds(Decision, kind=st.sampled_from(DecisionKind), reasons=tuples(texts, 3), held=st.booleans())
attempts = st.builds(
    Attempt,
    round=st.integers(0, 3),
    draft=drafts,
    changes=st.none() | changes,
    evidence=tuples(evidence),
    critiques=tuples(critiques),
    decision=st.none() | decisions,
)
receipts = st.builds(
    Receipt,
    id=texts,
    workspace=texts,
    fingerprint=texts,
    files=tuples(st.builds(FileChange, path=texts, before=states, after=states)),
    effects=tuples(
        st.builds(EffectReceipt, kind=texts, what=texts, reversible=st.booleans(), undone=st.booleans(), why=texts)
    ),
    committed_at=st.just(WHEN),
    undone_at=st.none() | st.just(WHEN),
    failed=texts,
)
runs = st.builds(
    Run,
    id=texts,
    task=st.builds(task, workspace=texts, goal=words),
    setup=st.none()
    | st.builds(
        Setup,
        recipe=texts,
        options=data,
        roles=st.dictionaries(texts, texts, max_size=2),
        tools=tuples(texts),
        sandbox=st.none() | texts,
        policy=st.dictionaries(st.sampled_from(["rounds", "seconds", "tokens", "approve"]) | texts, values, max_size=3),
    ),
    outcome=st.sampled_from(RunOutcome),
    decision=decisions,
    baseline=tuples(evidence),
    diagnosis=st.none() | critiques,
    notes=tuples(st.builds(Note, id=texts, kind=texts, text=texts, run=texts)),
    attempts=tuples(attempts, 3),
    best=st.none() | attempts,
    receipt=st.none() | receipts,
    usage=st.builds(
        Usage,
        rounds=st.integers(0, 9),
        roles=st.dictionaries(texts, st.builds(Spent, calls=st.integers(0, 9)), max_size=2),
    ),
    started_at=st.just(WHEN),
    asked_at=st.none() | st.just(WHEN),
    question=data | st.fixed_dictionaries({"asks": values, "seat": values}),
    error=st.none() | texts,
)

_ELEMENTS = (
    "html head meta title style body a main article header section nav h1 h2 h3 h4 h5 h6 p div span b dl dt dd ul ol li"
    " code pre details summary table caption colgroup col thead tbody tr th td ins del br blockquote figure img"
)
_ATTRIBUTES = (
    "lang charset http-equiv content name class href id tabindex aria-label aria-hidden role scope colspan open rel"
    " target src alt style"
)
ELEMENTS, ATTRIBUTES = frozenset(_ELEMENTS.split()), frozenset(_ATTRIBUTES.split())
STYLE = re.compile(r"width:\d{1,3}(\.\d)?%\Z")


def foreign(page: str) -> list[str]:
    """Every element, attribute and address of the page that no template of ours makes."""
    found = []
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        if element.name not in ELEMENTS:
            found.append(f"<{element.name}>")
        for name, value in element.attrs.items():
            text = " ".join(value) if isinstance(value, list) else value
            found += [f"{element.name}[{name}]"] if name not in ATTRIBUTES else []
            found += (
                [f"href {text}"] if name == "href" and not re.match(r"#[a-z0-9-]+\Z|https?://[^\s]+\Z", text) else []
            )
            found += [f"src {text}"] if name == "src" and not text.startswith("data:image/png;base64,") else []
            found += [f"style {text}"] if name == "style" and not STYLE.match(text) else []
            found += [f"id {text}"] if name == "id" and not re.match(r"[a-z0-9-]+\Z", text) else []
    return found
