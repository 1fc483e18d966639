"""Prompts are Markdown files with ``$placeholders``, and a folder can put others in the place of ours.

The files lie in a folder ``prompts`` beside the roles that use them. `string.Template` fills them in: what is filled
in is never read as a template, and ``$$`` is a dollar sign.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from string import Template

from revet.errors import InputError

__all__ = ["Prompts", "prompts_of"]

AGENTS = Path(__file__).resolve().parents[1]
HOME = Path(__file__).resolve().parent / "prompts"


class Prompts:
    """The prompts of one room. A file of the same name in `folder` is taken instead of the one in `home`.

    Raises `InputError` at once for a folder or a file that cannot be read, a file that no role would use, and a
    placeholder that ours does not have, naming file and placeholder. Leaving placeholders out is allowed.
    """

    def __init__(self, folder: Path | str | None = None, *, home: Path = HOME) -> None:
        self.home = home
        self.folder = None if folder is None else Path(folder)
        self._own = {path.stem: Template(path.read_text(encoding="utf-8")) for path in sorted(home.glob("*.md"))}
        self._used = dict(self._own)
        if self.folder is not None:
            self._override(self.folder)

    def fill(self, name: str, **values: str) -> str:
        """The prompt `name` with every placeholder filled in."""
        return self._used[name].substitute(values).strip()

    def _override(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"prompts: there is no folder {folder}", hint="give a folder of Markdown files")
        for path in sorted(folder.glob("*.md")):
            name = path.stem
            if name in self._own:
                self._used[name] = _checked(path, self._own[name])
            elif name not in _all_names() and name.casefold() != "readme":
                near = get_close_matches(name, _all_names(), n=1)
                known = f"did you mean {near[0]}.md?" if near else f"the prompts are {', '.join(_all_names())}"
                raise InputError(f"prompts: no role uses {path}", hint=known)


def prompts_of(given: Prompts | Path | str | None, home: Path = HOME) -> Prompts:
    """The prompts that a role was given: as they are, those of a folder, or ours in `home`."""
    return given if isinstance(given, Prompts) else Prompts(given, home=home)


def _checked(path: Path, own: Template) -> Template:
    try:
        template = Template(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"prompts: {path} cannot be read: {why}", hint="mend it, or take it out") from error
    known = own.get_identifiers()
    if not template.is_valid():
        hint = f"write $$ for a dollar sign; the placeholders are {_listed(known)}"
        raise InputError(f"prompts: {path} holds a $ that begins no placeholder", hint=hint)
    for name in template.get_identifiers():
        if name not in known:
            raise InputError(
                f"prompts: {path} has an unknown placeholder ${name}",
                hint=f"there are {_listed(known)}; $$ is a dollar",
            )
    return template


def _listed(names: list[str]) -> str:
    return ", ".join(f"${name}" for name in names) or "none"


@cache
def _all_names() -> tuple[str, ...]:
    """The names of all prompts that any role has: one folder can override those of several rooms."""
    return tuple(sorted(path.stem for path in AGENTS.rglob("prompts/*.md")))
