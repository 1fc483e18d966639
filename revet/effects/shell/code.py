"""Interpreters: code on the command line, a file of code, a module. What code plainly runs, deletes and writes is found
by the parser (`embedded`) and stands as commands beside the call; here is what is said of the call itself.

Only what is plainly harmless is called so: code whose every call is in a list of calls that compute, look and print.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from revet.effects.model import Effect
from revet.effects.shell.call import Call
from revet.effects.shell.model import Parsed, Word
from revet.effects.shell.table import lookup

__all__ = ["examine"]

_CODE = {
    "python": ("-c",),
    "perl": ("-e", "-E"),
    "ruby": ("-e",),
    "php": ("-r", "-R", "-B", "-E"),
    "node": ("-e", "--eval", "-p", "--print", "-pe"),
    "lua": ("-e",),
    "R": ("-e",),
}
_STRINGS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_OPENED = re.compile(r"\bopen\((?=\s*[^,()]+(?:\)|,\s*(?:mode\s*=\s*)?['\"]r[bt]?['\"]|,\s*encoding))")
_CALLED = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
_LOOKING = """
print len str int float bool list dict set tuple sorted sum min max abs range enumerate zip map filter any all
round repr type format join split strip lstrip rstrip upper lower title replace startswith endswith isinstance
hasattr dir help id hex oct bin ord chr pow divmod reversed next iter items keys values get dumps loads load
dump read readlines readline decode encode exists isfile isdir listdir getcwd getenv basename dirname abspath
realpath expanduser glob rglob iterdir now today time strftime isoformat total_seconds timedelta datetime date
monotonic perf_counter sqrt floor ceil log sin cos pi random randint choice uuid4 sha256 sha1 md5 hexdigest
digest Counter defaultdict namedtuple version platform python_version machine uname most_common parse
fromtimestamp utcnow findall search match sub if for while in and or not return pprint puts printf p say echo
console.log console.error console.table JSON.stringify JSON.parse parseInt parseFloat toString toFixed slice
reduce forEach sort reverse length phpversion phpinfo var_dump print_r count strlen strtolower strtoupper
json_encode json_decode chomp uc lc substr sprintf scalar each defined gsub toUpperCase toLowerCase Object.keys
which find_spec getsitepackages get_path get_paths getpreferredencoding exit read_text safe_load getsize stat
getmtime Path is_file is_dir resolve is_available device_count cuda_version arange linspace zeros ones array mean
median std cumsum head tail describe DataFrame Series to_string value_counts nunique unique read_csv read_json
read_parquet get_version
"""
_LOOKS = frozenset(_LOOKING.split())
_BEYOND = re.compile(
    r"socket|urllib|requests|httpx|aiohttp|http\.client|ftplib|smtplib|paramiko|\bfetch\b|child_process"
    r"|\bnet\b|Net::|IO::Socket|TCPSocket|fsockopen|curl_|LWP|\beval\b|\bexec\b|`|%x|\bqx\b|\bsystem\b"
    r"|subprocess|__\w+__|importlib|ctypes|pickle|marshal|\bfs\.|writeFile|process\.(?:kill|exit)|\bkill\b"
    r"|\bunlink\b|\brename\b|\bmkdir\b|\bchmod\b|\bdo\b\s*['\"]|=\s*require\b"
)
_LABELS = re.compile(r"\b[A-Za-z_][\w.]*\.__(?:version|file|name|doc|path)__\b(?!\s*[\[(.=])")
_IMPORT = re.compile(r"\bimport\s+([A-Za-z_]\w*)(?=\s*(?:;|\n|$))")
_READ_JSON = re.compile(r"\brequire\(\s*(['\"])\.{1,2}/[\w./-]+\.json\1\s*\)")
_LONGEST = 2000
_MODULES = frozenset(
    {
        "tabnanny",
        "tokenize",
        "dis",
        "ast",
        "pydoc",
        "platform",
        "sysconfig",
        "site",
        "this",
        "calendar",
        "timeit",
        "symtable",
        "pyclbr",
        "inspect",
        "keyword",
        "mimetypes",
        "base64",
    }
)
_RUN = frozenset(
    {
        "unittest",
        "doctest",
        "pdb",
        "cProfile",
        "profile",
        "trace",
        "compileall",
        "webbrowser",
        "idlelib",
        "py_compile",
        "zipapp",
    }
)
_PROGRAMS = {"venv": "virtualenv", "build": "pyproject-build", "awscli": "aws", "django": "django-admin"}


def examine(call: Call) -> Sequence[Effect] | None:
    """What is to be said of the call itself."""
    if call.name == "java":
        return _jar(call)
    family = _family(call.name)
    words = [o.value for o in call.find(*_CODE[family], exact=True) if o.value is not None]
    if words:
        in_place = _in_place(call, family)
        if family == "perl" and in_place and all(_substitutes(word.text) for word in words):
            return in_place
        return (_of_code(call, "\n".join(w.text for w in words), all(w.known for w in words)), *in_place)
    if family == "python" and any(re.match(r"-[A-Za-z]*m", word.text) for word in call.invocation.argv[1:2]):
        return _module(call)
    checks = ("-l", "--syntax-check") if family == "php" else ("-c", "--check")
    if family in ("perl", "ruby", "node", "php") and call.has(*checks, exact=True):
        return (call.effect("read", "checks the syntax of a script", id="check", place="workspace"),)
    if not call.operands and any(o.name in ("-V", "-v", "-VV", "--version") for o in call.options):
        return (call.effect("read", "shows its version", id="help", place="workspace"),)
    if family == "php" and (served := [*call.find("-S", exact=True)]):
        near = served[-1].value is not None and re.match(r"(?:localhost|127\.0\.0\.1|\[::1\]):", served[-1].value.text)
        kind, claim = (
            ("run", "serves the folder to this machine") if near else ("service", "serves the folder to others")
        )
        return (call.effect(kind, claim, id="serve"),)
    if call.operands and call.operands[0].text not in ("-", "/dev/stdin"):
        target = call.operands[0]
        if re.match(r"https?://|/dev/fd/|/proc/", target.text):
            return (call.effect("unknown", "runs code from {target}", target, id="download"),)
        return _script(call, target)
    return (_from_input(call),)


_SUBSTITUTES = re.compile(r"^(?:\s*(?:s|tr|y)([/|#,!@])(?:(?!\1)[^\\]|\\.)*\1(?:(?!\1)[^\\]|\\.)*\1[gimsxr]*\s*;?)+$")


def _substitutes(code: str) -> bool:
    """Whether the code is ``s/a/b/`` and nothing else."""
    return len(code) <= _LONGEST and _SUBSTITUTES.match(code.strip()) is not None


def _family(name: str) -> str:
    for family in ("python", "perl", "ruby", "php", "node", "lua"):
        if family in name:
            return family
    return "python" if name.startswith("py") else "R"


def _from_input(call: Call) -> Effect:
    """Code that comes on standard input."""
    for redirection in call.invocation.redirections:
        if redirection.operator.lstrip("0") == "<":
            return call.effect("run", "runs {target}", redirection.target, id="script")
    text = call.invocation.stdin
    if text is not None and text.text:
        return _of_code(call, text.text, text.known)
    if call.invocation.piped_from is not None or call.invocation.appended or text is not None:
        return call.effect("unknown", "runs code that comes from another command", id="input")
    return call.effect("read", "waits for a person to type", id="interactive", place="workspace")


def _of_code(call: Call, code: str, known: bool) -> Effect:
    """`read` where the code plainly only computes; what the parser found in it stands beside."""
    if len(code) > _LONGEST:
        return call.effect("unknown", "runs code that is too long to be understood", id="code")
    outside = _plainer(_STRINGS.sub('""', _OPENED.sub("read(", _READ_JSON.sub("{}", code))))
    called = _CALLED.findall(outside)
    if (
        known
        and not _BEYOND.search(outside)
        and not re.search(r"\bopen\b", outside)
        and all(n in _LOOKS or n.rpartition(".")[2] in _LOOKS for n in called)
        and not re.search(r">>?\s*['\"$A-Za-z]+[\"/.]", outside)
    ):
        return call.effect("read", "computes and prints", id="code", place="workspace")
    return call.effect("unknown", "runs code that was not understood", id="code")


def _plainer(code: str) -> str:
    """Without what a module says of itself (``requests.__version__``), and the import that was for this alone."""
    rest = _LABELS.sub("0", code)
    if rest == code:
        return code
    return _IMPORT.sub(lambda m: m[0] if len(re.findall(rf"\b{m[1]}\b", rest)) > 1 else "", rest)


def _in_place(call: Call, family: str) -> Sequence[Effect]:
    """``perl -i``, ``ruby -i``: the files are changed."""
    if family not in ("perl", "ruby") or not any(
        o.name[:2] == "-i" or (re.match(r"-[A-Za-z]+$", o.name) and "i" in o.name) for o in call.options
    ):
        return ()
    return [call.effect("write", "changes {target} in place", word, id="in-place") for word in call.operands]


def _script(call: Call, script: Word) -> Sequence[Effect]:
    """A file of code; some have names that say what they do (``manage.py``, ``artisan``)."""
    name = script.text.rpartition("/")[2]
    if not script.known or lookup(name) is None:
        return (call.effect("run", "runs {target}", script, id="script"),)
    words = call.invocation.argv
    at = next(n for n, word in enumerate(words) if n and word is script)
    return _as(call, name, words[at + 1 :])


def _serves(call: Call, words: Sequence[Word]) -> Effect:
    """``python -m http.server``: a folder of the workspace, as any server in development does, or another."""
    options = {word.text: value for word, value in pairwise(words)}
    folder = options.get("-d") or options.get("--directory") or Word(".")
    joined = next((w.text.partition("=")[2] for w in words if w.text.startswith(("--directory=", "--dir"))), None)
    place = call.locate(folder if joined is None else Word(joined), "read").place
    if place in ("workspace", "temporary") and call.where.cwd is not None:
        return call.effect("run", "serves a folder of the workspace", id="http.server", place=place)
    return call.effect("service", "serves a folder to others", id="http.server")


def _as(call: Call, program: str, words: Sequence[Word]) -> Sequence[Effect]:
    """What the table says of another program with these words."""
    from revet.effects.shell.classify import effects_of

    inner = replace(call.invocation, argv=(Word(program), *words), redirections=(), via=(), env=(), conditional=False)
    return effects_of(inner, call.where, Parsed((inner,)))[0]


def _jar(call: Call) -> Sequence[Effect] | None:
    """``java -jar NAME.jar …``: what the table knows of the program of that name."""
    words = list(call.invocation.argv)
    at = next((n for n, word in enumerate(words[:-1]) if word.text == "-jar"), None)
    if at is None:
        return None
    name = words[at + 1].text.rpartition("/")[2].removesuffix(".jar")
    if lookup(name) is None:
        return (call.effect("run", "runs {target}", words[at + 1], id="script"),)
    return _as(call, name, words[at + 2 :])


def _module(call: Call) -> Sequence[Effect]:
    """``python -m NAME …``: what the table knows of the program of that name."""
    words = list(call.invocation.argv)
    inline = words[1].text.partition("m")[2]
    name = inline or (words[2].text if len(words) > 2 else "")
    rest = words[2:] if inline else words[3:]
    if name == "http.server":
        return (_serves(call, rest),)
    if name == "json.tool":
        files = [word for word in rest if not word.text.startswith("-")]
        if len(files) > 1:
            return (call.effect("write", "writes {target}", files[-1], id=name),)
        return (call.effect("read", "reads JSON", id=name, place="workspace"),)
    if name in _MODULES:
        return (call.effect("read", f"runs {name}", id=name, place="workspace"),)
    if name in _RUN:
        return (call.effect("run", "runs code of the workspace", id=name),)
    if name in ("zipfile", "tarfile", "gzip"):
        return (call.effect("write", "packs or unpacks archives", id=name),)
    program = _PROGRAMS.get(name, name)
    if lookup(program) is not None:
        return _as(call, program, rest)
    return (call.effect("run", "runs the module {target}", name, place="workspace", id="module"),)
