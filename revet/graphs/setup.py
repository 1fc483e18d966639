"""How an agent is set up, as data that is kept with its runs: for people to read, and to make the agent again.

Nothing secret is kept: passwords, keys and tokens, in URLs, options and command lines, become `WITHHELD`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import JsonValue

from revet.graphs.team import Recipe
from revet.schema import Setup
from revet.schema.urls import without_password

if TYPE_CHECKING:
    from revet.graphs.team import Team

__all__ = ["WITHHELD", "setup_of", "withheld", "without_secrets"]

WITHHELD = "***"
"""What stands for a secret that is not kept."""

_SECRET = (
    r"(?:passw|passphrase|(?<![a-z])pass(?![a-z])|(?<![a-z])pwd(?![a-z])|secret|token(?!s|iz)"
    r"|(?:api|access|private|auth|signing|encryption|ssh)[_-]?key|authori[sz]ation|(?<![a-z])auth(?![a-z])"
    r"|credential|cookie|bearer)"
)
_NAME = re.compile(_SECRET, re.IGNORECASE)
_WIDE = re.compile(rf"{_SECRET}|key|pass|pwd|cred|(?<![a-z])sig(?![a-z])|signature", re.IGNORECASE)
"""Names of parameters of a URL and of variables of the environment: there, whatever may be a key is taken for one."""

_VALUE = re.compile(
    r"\bsk[-_][\w-]{12,}|\bgh[oprsu]_\w{16,}|\bgithub_pat_\w+|\bglpat-[\w-]{8,}|\bhf_[a-z0-9]{16,}"
    r"|\bxox[abeprs]-[\w-]{8,}|\bAKIA[0-9A-Z]{12,}|\bAIza[\w-]{20,}|\beyJ[\w-]{8,}\.[\w.-]+"
    r"|(?<=\bBearer )\S+|(?<=\bBasic )\S+|(?<=hooks\.slack\.com/services/)\S+",
    re.IGNORECASE,
)
_SET = re.compile(
    rf"({_SECRET}[\w-]{{0,40}}['\"]?\s{{0,9}}=\s{{0,9}})(?:'[^']*'|\"[^\"]*\"|[^\s&]+)"
    rf"|({_SECRET}[\w-]{{0,40}}['\"]?:\s{{1,9}})[^\s'\"][^'\"\n]*"
    rf"|((?<!\S)--?[\w-]{{0,40}}{_SECRET}[\w-]{{0,40}}\s{{1,9}})(?:'[^']*'|\"[^\"]*\"|\S+)"
    r"|((?<!\S)(?:-u|--user)[\s=]{1,9}[^\s:]+:)\S+",
    re.IGNORECASE,
)
"""A secret that is given a value in a text: in a DSN, a header, a command line, the text that an object shows as."""

_VARIABLE = re.compile(r"\b([A-Z0-9_]{0,60}(?:KEY|PASS|PWD|SECRET|TOKEN(?!S)|CRED|AUTH)[A-Z0-9_]{0,60}=)(\S+)")
_PARAMETER = re.compile(r"(?<=[?&#])([^=&#]*)=([^&#]*)")
_FLAG = re.compile(r"^(--?[\w-]+)(?:=(.*))?$", re.DOTALL)
_URL = re.compile(r"\b[a-z][\w+.-]*://[^\s'\"]+", re.IGNORECASE)
_ALL = ("headers", "cookies")
"""The options whose values are all withheld: what is sent with every request is mostly who one is."""
_ENVIRONMENT = ("env", "environ", "environment")


def setup_of(
    team: Team,
    *,
    recipe: str | Recipe,
    options: Mapping[str, Any],
    sandbox: str | None,
    seed: int,
    settings: Mapping[str, Any] | None,
) -> Setup:
    """What is kept of an agent with this team. What is no plain data is kept as the text that it shows as."""
    return Setup(
        recipe=recipe.name if isinstance(recipe, Recipe) else recipe,
        options=_mapping(options),
        roles=_roles(team),
        tools=tuple(tool.name for tool in team.tools),
        sandbox=sandbox,
        policy=team.policy.model_dump(mode="json"),
        seed=seed,
        settings=None if settings is None else _mapping(settings),
    )


def without_secrets(value: object, name: str = "") -> JsonValue:
    """`value`, which is called `name`, as plain data that holds no secret that can be told as one."""
    secret = name in _ALL or _NAME.search(name) is not None
    if isinstance(value, Mapping):
        pairs = [(str(key), each) for key, each in value.items()]
        if name in _ENVIRONMENT:
            return {key: WITHHELD if _WIDE.search(key) and each else without_secrets(each, key) for key, each in pairs}
        return {key: without_secrets(each, name if secret else key) for key, each in pairs}
    if isinstance(value, list | tuple):
        return _words(value, name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        kept = value if isinstance(value, float) or -(2**63) <= value < 2**63 else str(value)
        return WITHHELD if secret else kept
    text = value if isinstance(value, str) else f"{value!r:.400}"
    return WITHHELD if text and secret else _text(text)


def withheld(value: object) -> bool:
    """True if something of this data was not kept, so that it cannot be made again from it."""
    if isinstance(value, Mapping):
        return any(withheld(each) for each in value.values())
    if isinstance(value, list | tuple):
        return any(withheld(each) for each in value)
    return isinstance(value, str) and WITHHELD in value


def _mapping(value: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {str(key): without_secrets(each, str(key)) for key, each in value.items()}


def _words(values: Sequence[Any], name: str) -> JsonValue:
    """A list; in a command line, what follows a flag such as ``--token`` is a secret as well."""
    kept: list[JsonValue] = []
    expected, before = False, None
    for each in values:
        flag = _FLAG.match(each) if isinstance(each, str) else None
        names_one = flag is not None and _NAME.search(flag[1]) is not None
        if names_one and flag is not None and flag[2] is not None:
            kept.append(f"{flag[1]}={WITHHELD}")
        elif expected and flag is None and isinstance(each, str):
            kept.append(WITHHELD)
        elif before in ("-u", "--user") and isinstance(each, str) and ":" in each:
            kept.append(f"{each.partition(':')[0]}:{WITHHELD}")
        else:
            kept.append(without_secrets(each, name))
        expected = names_one and flag is not None and flag[2] is None
        before = each
    return kept


def _text(text: str) -> str:
    text = _URL.sub(lambda found: _url(found[0]), text)
    text = _SET.sub(lambda found: f"{next(filter(None, found.groups()))}{WITHHELD}", text)
    return _VALUE.sub(WITHHELD, _VARIABLE.sub(rf"\1{WITHHELD}", text))


def _url(url: str) -> str:
    """The URL without its password, or, of the web, without its user, who may be a key, and without such parameters."""
    url = _PARAMETER.sub(_parameter, url)
    scheme, _, rest = url.partition("://")
    if scheme.lower() in ("http", "https") and "@" in rest.partition("/")[0]:
        url = f"{scheme}://{WITHHELD}@{rest.partition('/')[0].rpartition('@')[2]}/{rest.partition('/')[2]}".rstrip("/")
    cleaned = without_password(url)
    if cleaned == url:
        return url
    head, at, tail = cleaned.partition("@")
    return f"{head}:{WITHHELD}@{tail}" if at else cleaned.replace("://", f"://{WITHHELD}@", 1)


def _parameter(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    secret = value and (_WIDE.search(unquote(name)) or _SET.search(unquote(value)))
    return f"{name}={WITHHELD}" if secret else found[0]


def _roles(team: Team) -> dict[str, str]:
    """Who plays what, by name; with a language model, the model's besides."""
    cast: dict[str, Sequence[Any]] = {
        "proposer": (team.proposer,),
        "reviser": (team.reviser,),
        "critics": team.critics,
        "judge": (team.judge,),
        "strategy": (team.strategy,),
        "memory": (team.memory,),
    }
    named = {role: ", ".join(_called(who) for who in players if who is not None) for role, players in cast.items()}
    return {role: names for role, names in named.items() if names}


def _called(who: Any) -> str:
    name = str(getattr(who, "name", type(who).__name__))
    model = getattr(getattr(who, "model", None), "name", None)
    return f"{name} ({model})" if isinstance(model, str) and model != name else name
