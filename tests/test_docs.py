"""The documentation is true: its commands and programs run and say what it shows, its files and links exist."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from revet.models.scriptfile import read_rules
from revet.taskfile import json_schema, load
from tests.docs_support import ROOT, Block, blocks, check_output, commands, copy_examples, pages, start
from tests.traced import unconfigured

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]
PROGRAMS = [
    pytest.param(b, id=b.where, marks=pytest.mark.docker if b.notes.get("needs") == "docker" else ())
    for page in pages()
    for b in blocks(page)
    if b.language == "python"
]
DOCKER = [pytest.param(b, id=b.where) for page in pages() for b in blocks(page) if b.notes.get("needs") == "docker"]
LANGUAGES = {"", "console", "json", "mermaid", "python", "sh", "text", "yaml"}
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Future[None]]]:
    """The commands of every page, one page after another, beside the tests in this thread."""
    with ThreadPoolExecutor(1) as pool:
        folders = {page: tmp_path_factory.mktemp("page") for page in pages()}
        yield {page: pool.submit(visit, page, folder) for page, folder in folders.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.sandbox
@pytest.mark.usefixtures("visits")
@pytest.mark.parametrize("block", PROGRAMS)
def test_programs_do_what_the_page_shows(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, for imports are most of what such a program costs."""
    monkeypatch.chdir(copy_examples(tmp_path))
    unconfigured(monkeypatch)
    Path("program.py").write_text(block.text, encoding="utf-8")
    runpy.run_path("program.py", run_name="__main__")
    check_output(shown_after(block), capsys.readouterr().out, block.where)


@pytest.mark.sandbox
@pytest.mark.parametrize("page", PAGES)
def test_commands_do_what_the_page_shows(page: Path, visits: dict[Path, Future[None]]) -> None:
    visits[page].result()


@pytest.mark.docker
@pytest.mark.parametrize("block", [p for p in DOCKER if p.values[0].language == "console"])
def test_commands_that_need_an_engine_do_what_the_page_shows(block: Block, tmp_path: Path) -> None:
    run_console(block, copy_examples(tmp_path))


@pytest.mark.parametrize("page", PAGES)
def test_task_files_of_the_page_load(page: Path, tmp_path: Path) -> None:
    """All but those that a command of the page refuses."""
    folder = copy_examples(tmp_path)
    found = list(blocks(page))
    refused = {
        word for b in found if b.language == "console" and b.status == 2 for c in commands(b) for word in c.words
    }
    for block in found:
        if block.language == "yaml":
            assert block.file, f"{block.where}: say which file this is: <!-- file: PATH --> or <!-- script: PATH -->"
            path = folder / block.file
            path.write_text(block.text, encoding="utf-8")
            if "script" in block.notes:
                assert read_rules(path)
            elif block.file not in refused:
                assert load(path)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    for target, heading in LINK.findall(text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: the link to {target} leads nowhere"
            assert not heading or heading in headings(page.parent / target), f"{page.name}: {target} has no #{heading}"


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_a_known_kind(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, block.where


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = {target for target, _ in LINK.findall(index)}
    docs = ROOT / "docs"
    assert listed >= {str(page.relative_to(docs)) for page in docs.rglob("*.md")} - {"README.md"}


def test_the_schema_beside_the_quickstart_is_up_to_date() -> None:
    path = ROOT / "examples" / "quickstart" / "task-file.schema.json"
    remedy = f"run: revet schema > {path.relative_to(ROOT)}"
    assert json.loads(path.read_text(encoding="utf-8")) == json_schema(), remedy
    first = (path.parent / "tasks.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={path.name}"


def visit(page: Path, folder: Path) -> None:
    """Do what the page says, from its top: write its files, run its commands, look at what they print."""
    copy_examples(folder)
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "console" and "needs" not in block.notes:
            run_console(block, folder)


def run_console(block: Block, folder: Path) -> None:
    for command in commands(block):
        name, *words = command.words
        text = ""
        if name == "echo" and words[1:3] == ["|", "revet"]:
            text, name, words = words[0], "revet", words[3:]
        if name != "revet":
            check_other(name, words, block.where)
            continue
        added = block.notes.get("with", "").split()
        done = start("-m", "revet", *words, *added, folder=folder, text=text)
        line = " ".join(command.words)
        assert done.returncode == block.status, f"{block.where}: {line} ended with {done.returncode}:\n{done.stdout}"
        check_output(command.shown, done.stdout, f"{block.where}: {line}")


def check_other(name: str, words: list[str], where: str) -> None:
    """What is not run must at least exist."""
    if name == "make":
        targets = TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
        assert words and set(words) <= set(targets), f"{where}: the Makefile has no {' '.join(words)}"
    elif name == "python":
        assert (ROOT / words[0]).is_file(), f"{where}: there is no {words[0]}"
    else:
        assert name in ("git", "pip"), f"{where}: nobody knows whether `{name}` is right"


def shown_after(block: Block) -> tuple[str, ...]:
    """The lines of the text block that follows this one at once, as its output; none if another comes first."""
    following = [b for b in blocks(block.page) if b.line > block.line][:1]
    return following[0].lines if following and following[0].language == "text" else ()


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    lines = [line.lstrip("#").strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
