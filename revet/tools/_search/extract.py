"""Takes the text out of a page or a PDF, in a process of its own: a document can only cost what that process may take.

Run as a script by `revet.tools._search.reading`: ``python -P extract.py KIND CHARACTERS SECONDS [CHARSET]``, with the
document on the standard input. It prints JSON, one object a line: ``{"page", "text"}`` for each page of a PDF, for a
web page ``{"title", "text"}`` (headings marked as in Markdown), and ``{"problem"}`` for what cannot be read.
"""

from __future__ import annotations

import io
import json
import resource
import sys

__all__ = ["main"]

MEMORY = 2 * 1024**3
HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
UNREAD = ("script", "style", "template", "noscript", "nav", "footer", "aside", "form", "iframe", "svg")
PARAGRAPHS = ("p", "li", "pre", "blockquote", "td", "th", "dt", "dd", "figcaption", *HEADINGS)


def main(kind: str, most: int, seconds: int, charset: str = "") -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    try:
        pdf(most) if kind == "pdf" else page(most, charset)
    except MemoryError:
        tell(problem="it needs too much memory")
    except RecursionError:
        tell(problem="it is nested too deeply")
    except Exception as error:  # noqa: BLE001 - a document can break its reader in any way; that is what is told
        tell(problem=f"it is broken ({type(error).__name__}: {error})"[:300])


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - this is how it answers


def pdf(most: int) -> None:
    """Each page's text, until there are `most` characters."""
    import pypdf
    from pypdf.errors import DependencyError

    source = sys.stdin.buffer
    reader = pypdf.PdfReader(source if source.seekable() else io.BytesIO(source.read()))
    try:
        locked = reader.is_encrypted and not reader.decrypt("")
    except (DependencyError, NotImplementedError):
        tell(problem="it is encrypted, and its kind of encryption needs: pip install 'pypdf[crypto]'")
        return
    if locked:
        tell(problem="it is encrypted, and needs a password")
        return
    said, failed, broken = 0, 0, ""
    for number in range(len(reader.pages)):
        try:
            text = reader.pages[number].extract_text()
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - one broken page; the others may be whole
            failed, broken = failed + 1, f"{type(error).__name__}: {error}"
            continue
        if text.strip():
            tell(page=number + 1, text=text[: most - said])
        said += len(text)
        if said >= most:
            tell(problem=f"only its first {number + 1} of {len(reader.pages)} pages are read")
            return
    if failed:
        tell(problem=f"{failed} of {len(reader.pages)} pages are broken ({broken})"[:300])
    elif not said or not any(True for _ in reader.pages):
        tell(problem="there is no text in it: its pages are images")


def page(most: int, charset: str) -> None:
    """The main text: by trafilatura if it is installed and finds one, else all paragraphs without the navigation."""
    from bs4 import BeautifulSoup, UnicodeDammit

    content = sys.stdin.buffer.read()
    found = UnicodeDammit(content, [charset] if charset else [], is_html=True).unicode_markup
    html = content.decode("utf-8", "replace") if found is None else found
    soup = BeautifulSoup(html, "lxml")
    title = " ".join(soup.title.get_text(" ").split()) if soup.title else ""
    text = main_text(html) or paragraphs(soup)
    tell(title=title[:300], text=text[:most])


def main_text(html: str) -> str:
    try:
        import trafilatura
    except ImportError:
        return ""
    return trafilatura.extract(html, output_format="markdown", include_links=False, favor_recall=True) or ""


def paragraphs(soup: object) -> str:
    from bs4 import BeautifulSoup

    assert isinstance(soup, BeautifulSoup)
    for hidden in soup.find_all(UNREAD):
        hidden.decompose()
    found = []
    for block in soup.find_all(PARAGRAPHS):
        if block.find_parent(PARAGRAPHS) is None:
            text = " ".join(block.get_text(" ").split())
            found += [f"{HEADINGS[block.name]} {text}" if block.name in HEADINGS else text] if text else []
    return "\n\n".join(found) or "\n\n".join(soup.get_text("\n").split("\n"))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
