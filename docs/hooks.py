"""What the site holds besides the pages in docs/, and where links lead (hooks of MkDocs, named in mkdocs.yml).

Links in the sources are those of the repository, so that they work on a code host. Here each is turned into a link to
the page that the file has become: the project's README, the examples, the notebooks; other files are shown as code. The
reference is made from the ``__all__`` of the public modules.
"""

from __future__ import annotations

import html
import importlib
import inspect
import json
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
MODULES = (
    "schema",
    "policy",
    "errors",
    "agents",
    "graphs",
    "models",
    "tools",
    "sandboxes",
    "actions",
    "gate",
    "batch",
    "store",
    "evals",
    "report",
    "taskfile",
)
"""The public modules, by their place below ``revet``. A name that several offer is described with the first."""
MOVED = {"README.md": "start.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
CODE = re.compile(r"^(?P<fence>```+).*?^(?P=fence)$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(\[[^\]]*\]\()([^)#\s]*)((?:#[^)\s]+)?\))")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sql": "sql", ".json": "json", ".md": "markdown"}
MERMAID = "As text, in the notation of Mermaid (a code host draws it; so does any editor of Mermaid):"
REMOTE = re.compile(r'<script type="module">(?:(?!</script>).)*import\("https://.*?</script>', re.DOTALL)
MOST = 200_000
"""Characters of a file that is shown as code."""

_scratch = tempfile.TemporaryDirectory(prefix="revet-site-")


@event_priority(50)  # before the notebooks are looked for
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    places = places_of_pages()
    for source, place in places.items():
        if source.endswith(".ipynb"):
            files.append(notebook_file(source, place, places, config))
        elif not source.startswith("docs/"):
            files.append(File.generated(config, place, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in linked_files(places):
        files.append(File.generated(config, shown_at(path), content=file_page(path)))
    for place, content in reference_pages().items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a page of the repository into those of the site."""
    places = places_of_pages()
    source = {place: source for source, place in places.items()}.get(page.file.src_uri)
    if source is None:
        return markdown
    # Nothing that draws Mermaid comes with the generator, and none is loaded from elsewhere: the source is shown.
    markdown = markdown.replace("\n```mermaid\n", f"\n{MERMAID}\n\n```text\n")
    return relinked(markdown, source, page.file.src_uri, places)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take out of a notebook what would load a drawing library from elsewhere; no notebook here draws with it."""
    return REMOTE.sub("", content) if page.file.src_uri.endswith(".ipynb") else content


def on_shutdown() -> None:
    _scratch.cleanup()


def places_of_pages() -> dict[str, str]:
    """For every page or notebook of the repository, by its path, the path that it has in the site's sources."""
    places = dict(MOVED)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        places[page.relative_to(ROOT).as_posix()] = page.relative_to(ROOT / "docs").as_posix()
    for page in sorted((ROOT / "examples").glob("*/README.md")):
        places[page.relative_to(ROOT).as_posix()] = f"examples/{page.parent.name}.md"
    places["examples/notebooks/README.md"] = "tutorials/README.md"
    for page in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        places[page.relative_to(ROOT).as_posix()] = f"tutorials/{page.name}"
    return places


# --- links ---------------------------------------------------------------------------------------------------


def relinked(text: str, source: str, place: str, places: Mapping[str, str], *, final: bool = False) -> str:
    """The text of `source`, which stands at `place`, with its links to files led to what they have become.

    `final` is for what MkDocs does not look at: the links are those of the built pages.
    """

    def led(found: re.Match[str]) -> str:
        target = target_of(found[2], source)
        if target is None:
            return found[0]
        to = places.get(target) or shown_at(target)
        to = posixpath.relpath(built(to) if final else to, posixpath.dirname(place) or ".")
        return f"{found[1]}{to}{found[3]}"

    pieces, end = [], 0
    for code in CODE.finditer(text):
        pieces += [LINK.sub(led, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*pieces, LINK.sub(led, text[end:])])


def target_of(link: str, source: str) -> str | None:
    """The file or folder that a link of `source` leads to, from the root; None for one that leads elsewhere."""
    if not link or "://" in link or link.startswith("mailto:"):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    folder = f"{target}/README.md"
    if (ROOT / folder).is_file():
        return folder
    return target if (ROOT / target).exists() else None


def linked_files(places: Mapping[str, str]) -> list[str]:
    """The files and folders that pages link to and that are no pages, with what such folders hold."""
    found: set[str] = set()
    for source in places:
        for text in texts_of(ROOT / source):
            for link in LINK.findall(CODE.sub("", text)):
                target = target_of(link[1], source)
                if target is not None and target not in places:
                    found |= {target, *held_by(target)}
    return sorted(found)


def texts_of(path: Path) -> Iterator[str]:
    """The Markdown of a page, or of the cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        yield text
        return
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "markdown":
            yield "".join(cell["source"])


def held_by(path: str) -> list[str]:
    """The files right in a folder; none of a file."""
    folder = ROOT / path
    return [f"{path}/{each.name}" for each in sorted(folder.iterdir()) if each.is_file()] if folder.is_dir() else []


def shown_at(path: str) -> str:
    return f"files/{path}.md"


def built(place: str) -> str:
    """Where the page of a source ends."""
    stem = re.sub(r"\.(md|ipynb)$", "", place)
    return re.sub(r"(^|/)README$", r"\1index", stem) + ".html"


# --- pages ---------------------------------------------------------------------------------------------------


def file_page(path: str) -> str:
    """A file as code; a folder as a list."""
    full = ROOT / path
    if full.is_dir():
        lines = [f"- [{name}]({posixpath.basename(path)}/{name}.md)" for name in map(posixpath.basename, held_by(path))]
        return "\n".join([f"# {path}/", "", *lines, ""])
    text = full.read_text(encoding="utf-8", errors="replace")[:MOST]
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`{3,}", text)), 3)
    return f"# {path}\n\n{fence}{LANGUAGES.get(full.suffix, 'text')}\n{text.rstrip()}\n{fence}\n"


def notebook_file(source: str, place: str, places: Mapping[str, str], config: MkDocsConfig) -> File:
    """The notebook with the links of the site, and plots with their words. The plugin reads files alone."""
    notebook = json.loads((ROOT / source).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = relinked("".join(cell["source"]), source, place, places, final=True)
        for output in cell.get("outputs", ()):
            with_words(output)
    copy = Path(_scratch.name, place)
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    return File(place, _scratch.name, config.site_dir, config.use_directory_urls)


def with_words(output: dict[str, Any]) -> None:
    """Turn a picture whose metadata say what it shows into an image with that text, which the converter would lose."""
    words = output.get("metadata", {}).get("image/png", {}).get("alt")
    if words is not None:
        picture = "".join(output["data"].pop("image/png")).replace("\n", "")
        output["data"]["text/html"] = f'<img alt="{html.escape(words)}" src="data:image/png;base64,{picture}">'


def reference_pages() -> dict[str, str]:
    """A page for each public module, one for the names of ``revet`` itself, and an index."""
    homes: dict[str, str] = {}
    pages: dict[str, str] = {}
    rows: list[str] = []
    for name in MODULES:
        module = importlib.import_module(f"revet.{name}")
        pages[f"reference/{name}.md"] = module_page(module, homes)
        rows.append(f"| [revet.{name}]({name}.md) | {first_line(module)} |")
    top = importlib.import_module("revet")
    pages["reference/revet.md"] = module_page(top, homes)
    index = [
        "# Reference",
        "",
        "Every public name, from its signature and docstring. How the parts work together: [the loop](../loop.md).",
        "",
        "| module | is |",
        "|---|---|",
        f"| [revet](revet.md) | {first_line(top)} |",
        *rows,
        "",
    ]
    pages["reference/README.md"] = "\n".join(index)
    return pages


def module_page(module: Any, homes: dict[str, str]) -> str:
    """Every name of the module's ``__all__``. `homes` says where an object was described before, and grows."""
    lines = [f"# {module.__name__}", "", inspect.cleandoc(module.__doc__ or ""), ""]
    elsewhere: list[str] = []
    described: list[str] = []
    for name in module.__all__:
        value = getattr(module, name)
        full = f"{module.__name__}.{name}"
        if inspect.ismodule(value):
            elsewhere.append(f"- `{full}`: {first_line(value)}")
            continue
        key = canonical(value, full)
        if key in homes:
            elsewhere.append(f"- `{full}`: see [{homes[key]}][]")
            continue
        homes[key] = full
        described += [f"::: {full}", ""]
    return "\n".join([*lines, *elsewhere, "", *described])


def canonical(value: Any, otherwise: str) -> str:
    """The same for one class or function under all its names."""
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__}"
    return otherwise


def first_line(module: Any) -> str:
    return inspect.cleandoc(module.__doc__ or "").partition("\n")[0]
