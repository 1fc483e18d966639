"""Programs of another purpose that run a shell text given in an option, a setting or on standard input.

Those that people know from https://gtfobins.github.io and the manual pages of the programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.prefixes import Prefix, operand, option_values
from revet.effects.shell.wrappers import Inner, Unwrapped, joined_code

__all__ = ["hosted"]

_OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "awslocal": ("", ()),
    "chokidar": ("c", ("--command",)),
    "flatpak": ("", ("--command",)),
    "fzf": ("", ("--preview",)),
    "man": ("P", ("--pager",)),
    "nix-shell": ("", ("--run", "--command")),
    "nodemon": ("x", ("--exec",)),
    "rsync": ("e", ("--rsh", "--rsync-path")),
    "scp": ("S", ()),
    "script": ("c", ("--command",)),
    "sftp": ("S", ()),
    "sort": ("", ("--compress-program",)),
    "split": ("", ("--filter",)),
    "start-stop-daemon": ("a", ("--exec", "--startas")),
    "tar": ("IF", ("--use-compress-program", "--to-command", "--info-script", "--new-volume-script", "--rsh-command")),
    "tcpdump": ("z", ()),
    "vagrant": ("c", ("--command",)),
    "gcloud": ("", ("--command",)),
    "fly": ("C", ("--command",)),
    "flyctl": ("C", ("--command",)),
    "wget": ("", ("--use-askpass",)),
    "zip": ("", ("-TT", "--unzip-command")),
}
_LONGEST = 10_000
_CLUSTERS = frozenset({"script"})
"""Programs that are often given the option in a cluster: ``script -qc``."""
_REMOTE = frozenset({"vagrant", "gcloud", "fly", "flyctl"})
_PLAIN_VALUE = re.compile(
    r"(?:/usr/bin/|/bin/)?(?:ssh(?: (?:-[A-Za-z]|-i \S+|-p ?\d+|-l \w+|-o (?:StrictHostKeyChecking|UserKnownHostsFile"
    r"|BatchMode|ConnectTimeout|IdentitiesOnly|LogLevel)[= ]\S+))*|l?b?p?(?:bzip2|gzip|xz)|pigz|plzip|zstd|lz4|brotli"
    r"|cat|less|more)(?: -[\w#-]+)*"
)
"""Values that only name the usual program."""

_EDITORS = frozenset({"vi", "vim", "nvim", "view", "rvim", "vimdiff", "ex", "gvim"})
_VIM_BANG = re.compile(
    r"(?:^|[|:\n])\s*(?:silent!?\s+)?(?:[\d%.,$]*\s*)(?:r(?:ead)?\s*|w(?:rite)?\s+)?!+\s*(.+)", re.MULTILINE
)
_VIM_SYSTEM = re.compile(r"system(?:list)?\(\s*(['\"])(.*?)\1")


def hosted(invocation: Invocation) -> Unwrapped | None:
    """The shell code that the invocation makes its program run; None if there is none. The program itself stays."""
    name = invocation.argv[0].text
    texts = invocation.argv if invocation.stdin is None else (*invocation.argv, invocation.stdin)
    if name in _SPECIAL and any(len(w.text) > _LONGEST for w in texts):
        return Unwrapped(keep=True, doubts=[f"What {name} is given is too long to be read."])
    found = _SPECIAL[name](invocation) if name in _SPECIAL else Unwrapped()
    short, long = _OPTIONS.get(name, ("", ()))
    values = [v for letter in short for v in option_values(invocation.argv[1:], letter)]
    values += option_values(invocation.argv[1:], "", long) if long else []
    if name in _CLUSTERS:
        marks = [n for n, w in enumerate(invocation.argv) if re.fullmatch(rf"-[A-Za-z]+{short}", w.text)]
        values += [invocation.argv[n + 1] for n in marks if n + 1 < len(invocation.argv)]
    for value in values:
        if not _PLAIN_VALUE.fullmatch(value.text):
            found.inner.append(Inner(name, code=value, stdin=False, remote=name in _REMOTE))
    found.keep = True
    return found if found.inner or found.doubts else None


def _codes(via: str, codes: list[Word]) -> Unwrapped:
    return Unwrapped([Inner(via, code=code, stdin=False) for code in codes])


def _tar(invocation: Invocation) -> Unwrapped:
    codes: list[Word] = []
    for value in option_values(invocation.argv, "", ("--checkpoint-action",)):
        name, _, code = value.text.partition("=")
        if name == "exec":
            codes.append(Word(code, value.known))
    return _codes("tar", codes)


_GIT_CODE = re.compile(
    r"(?i)alias\..+|core\.(pager|editor|sshcommand|fsmonitor|askpass|gitproxy|hookspath)|sequence\.editor|pager\..+"
    r"|diff\.external|(diff|merge|filter)(tool)?\..*\.(cmd|driver|command|textconv|clean|smudge|process|path)"
    r"|credential\.(.*\.)?helper|gpg\.(.*\.)?program|interactive\.difffilter|browser\..+\.cmd|sendemail\..*cmd|protocol\.ext\.allow"
)
_GIT_SAFE = re.compile(
    r"(?:|true|false|:|cat|less(?: -[A-Za-z]+)*|vim?|nano|store|cache.*|osxkeychain|manager.*|delta|code --wait)"
)


def _git(invocation: Invocation) -> Unwrapped:
    argv = invocation.argv
    found = Unwrapped()
    prefix = Prefix("Cc", "git-dir work-tree namespace exec-path super-prefix config-env")
    at = operand(argv, prefix)
    for setting in option_values(argv[:at], "c", ("--config-env",)):
        name, _, value = setting.text.partition("=")
        _git_setting(found, name, Word(value, setting.known), set_only=False)
    if any(w.text.startswith("--exec-path=") for w in argv[:at]):
        found.doubts.append("git is told to take its programs from another folder.")
    if argv[at:]:
        _git_command(found, argv[at:])
    return found


def _git_command(found: Unwrapped, words: tuple[Word, ...]) -> None:
    command = words[0].text
    for word in words:
        mark = re.match(r"ext::|--(?:upload|receive)-pack=", word.text)
        if mark:
            found.inner.append(Inner("git", code=Word(word.text[mark.end() :], word.known), stdin=False))
    if command == "config" and len(words) > 2:
        names = [w for w in words[1:] if not w.text.startswith("-") and w.text not in ("set", "get", "unset", "list")]
        if len(names) > 1:
            _git_setting(found, names[0].text, names[1], set_only=True)
    elif command == "rebase":
        found.inner += _codes("git rebase", option_values(words, "x", ("--exec",))).inner
    elif command == "bisect" and len(words) > 2 and words[1].text == "run":
        found.inner.append(Inner("git bisect run", words[2:], stdin=False))
    elif command == "submodule" and "foreach" in [w.text for w in words]:
        rest = words[[w.text for w in words].index("foreach") + 1 :]
        rest = rest[operand(rest, Prefix(), 0) :]
        if rest:
            found.inner.append(Inner("git submodule foreach", code=joined_code(rest), stdin=False))
    elif command == "filter-branch":
        filters = tuple(f"--{n}-filter" for n in ("tree", "index", "msg", "env", "commit", "parent", "tag-name"))
        found.inner += _codes("git filter-branch", option_values(words, "", filters)).inner
    elif command == "difftool" or command == "grep":
        values = option_values(words, "x" if command == "difftool" else "O", ("--extcmd", "--open-files-in-pager"))
        found.inner += _codes(f"git {command}", [v for v in values if v.text not in ("diff", "less", "vim")]).inner


def _git_setting(found: Unwrapped, name: str, value: Word, *, set_only: bool) -> None:
    if not _GIT_CODE.fullmatch(name):
        return
    text = value.text
    if not value.known:
        found.doubts.append(f"The git setting {name} is a command that cannot be told.")
    elif name.lower().startswith("alias.") or "helper" in name.lower():
        if text.startswith("!"):
            found.inner.append(Inner("git alias", code=Word(text[1:]), stdin=False, conditional=set_only))
        elif name.lower().startswith("alias.") and text:
            found.inner.append(Inner("git alias", code=Word("git " + text), stdin=False, conditional=set_only))
        elif text.startswith("/"):
            found.inner.append(Inner(f"git {name}", code=Word(text), stdin=False, conditional=set_only))
    elif name.lower() in ("core.hookspath", "protocol.ext.allow"):
        if text not in (".husky", ".githooks", "/dev/null", "", "never") and not text.startswith(".husky/"):
            found.doubts.append(f"The git setting {name} decides what code git runs.")
    elif not _GIT_SAFE.fullmatch(text):
        found.inner.append(Inner(f"git {name}", code=Word(text), stdin=False, conditional=set_only))


def _vim(invocation: Invocation) -> Unwrapped:
    argv = invocation.argv
    texts = [w for w in option_values(argv, "c", ("--cmd",)) if w.text]
    texts += [Word(w.text[1:], w.known) for w in argv[1:] if w.text.startswith("+") and len(w.text) > 1]
    if invocation.stdin is not None and "-" not in [w.text for w in argv[1:]]:
        texts.append(invocation.stdin)
    found = Unwrapped()
    for text in texts:
        codes = [m[1] for m in _VIM_BANG.finditer(text.text)] + [m[2] for m in _VIM_SYSTEM.finditer(text.text)]
        found.inner += _codes(argv[0].text, [Word(c, text.known) for c in codes]).inner
        if not text.known or re.search(
            r"\b(py3?|python3?|perl|ruby|lua|exe(cute)?|term(inal)?|so(urce)?|libcall|call|e?val)\b", text.text
        ):
            found.doubts.append(f"The commands given to {argv[0].text} cannot be told.")
    return found


def _ed(invocation: Invocation) -> Unwrapped:
    if invocation.stdin is None:
        return Unwrapped()
    if not invocation.stdin.known:
        return Unwrapped(doubts=["The commands given to ed cannot be told."])
    found = re.findall(r"^(?:[\d,.$%;]*[rwe]?\s*)!(.+)", invocation.stdin.text, re.MULTILINE)
    return _codes("ed", [Word(code) for code in found])


def _gdb(invocation: Invocation) -> Unwrapped:
    values = option_values(invocation.argv, "", ("-ex", "-iex", "--eval-command", "-eval-command"))
    codes = [Word(m[1], v.known) for v in values if (m := re.match(r"\s*(?:!|shell\s|make\s|pipe\s+.*\|)(.*)", v.text))]
    doubts = (
        ["gdb is given code to run."]
        if any(re.match(r"\s*(python|py|source|call|print)\b.*\(", v.text) for v in values)
        else []
    )
    found = _codes("gdb", codes)
    found.doubts += doubts
    return found


_CLIENT_CODE = re.compile(
    r"(?:^|[\n;])\s*(?:\.(?:shell|system)\s+|\\!\s*|(?:--execute=|-e)?system\s+)(.+)|(?i:\bprogram\s+'([^']*)')"
    r"|(?:\.(?:once|output|import)|\\[go]|\\copy.*)\s+\|\s*(.+)"
)


def _sql_client(invocation: Invocation) -> Unwrapped:
    """``.shell`` of sqlite3, ``\\!`` and ``COPY … PROGRAM`` of psql, ``system`` of mysql."""
    texts = [w for w in invocation.argv[1:] if w.text]
    if invocation.stdin is not None and invocation.stdin.known:
        texts.append(invocation.stdin)
    codes = [Word(m[1] or m[2] or m[3] or "", t.known) for t in texts for m in _CLIENT_CODE.finditer(t.text)]
    return _codes(invocation.argv[0].text, codes)


def _stdin_code(invocation: Invocation) -> Unwrapped:
    """at and batch: what they read is run later."""
    name = invocation.argv[0].text
    options = {w.text for w in invocation.argv[1:]}
    if options & {"-l", "-r", "-d", "-c", "-f", "-q", "-V"} or (name == "at" and len(options) == 0):
        return Unwrapped()
    if invocation.stdin is None:
        return Unwrapped()
    if not invocation.stdin.known:
        return Unwrapped(doubts=[f"What {name} is to run cannot be told."])
    return Unwrapped([Inner(name, code=invocation.stdin, stdin=False)])


_CRON = re.compile(r"^\s*(?:@\w+|(?:\S+\s+){5})(.+)$")


def _crontab(invocation: Invocation) -> Unwrapped:
    operands = [w.text for w in invocation.argv[1:] if not w.text.startswith("-") or w.text == "-"]
    if invocation.stdin is None or operands not in (["-"], []) or (len(invocation.argv) > 1 and not operands):
        return Unwrapped()
    if not invocation.stdin.known:
        return Unwrapped(doubts=["What crontab is to run cannot be told."])
    lines = [
        m[1] for line in invocation.stdin.text.splitlines() if not line.startswith("#") and (m := _CRON.match(line))
    ]
    return _codes("crontab", [Word(line) for line in lines])


_MAKEFILE = re.compile(r"^\t[@+-]*(.+)$", re.MULTILINE)


def _make(invocation: Invocation) -> Unwrapped:
    argv = invocation.argv
    texts = option_values(argv, "", ("--eval", "-E"))
    if any(v.text in ("-", "/dev/stdin") for v in option_values(argv, "f", ("--file", "--makefile"))):
        texts.append(invocation.stdin or Word("", known=False))
    found = Unwrapped()
    for text in texts:
        lines = _MAKEFILE.findall(text.text) + re.findall(r"^[^\t\n#=]+:[^=\n]*;(.+)$", text.text, re.MULTILINE)
        lines += re.findall(r"\$\(shell\s+([^)]*)\)", text.text)
        if not text.known:
            found.doubts.append("The makefile cannot be told.")
        found.inner += _codes("make", [Word(re.sub(r"\$\$", "$", line)) for line in lines]).inner
    for word in argv[1:]:
        if re.match(r"(SHELL|MAKE|\.SHELLFLAGS)\s*:?=", word.text):
            found.doubts.append("make is told to use another shell.")
    return found


def _tmux(invocation: Invocation) -> Unwrapped:
    argv = invocation.argv
    at = operand(argv, Prefix("cfLST"))
    command = argv[at].text if at < len(argv) else ""
    rest = argv[at + 1 :]
    if command in ("send-keys", "send", "send-key"):
        words = rest[operand(rest, Prefix("tN"), 0) :]
        keys = tuple(w for w in words if w.text not in ("Enter", "C-m", "C-j", "KPEnter"))
        return _codes("tmux", [joined_code(keys)] if keys and len(keys) < len(words) else [])
    if command in (
        "new-session",
        "new",
        "new-window",
        "neww",
        "split-window",
        "splitw",
        "respawn-pane",
        "respawn-window",
        "run-shell",
        "run",
        "if-shell",
        "if",
        "pipe-pane",
        "display-popup",
        "popup",
    ):
        words = rest[operand(rest, Prefix("ctsnxyFelpwh"), 0) :]
        return _codes("tmux", [joined_code(words)] if words else [])
    return Unwrapped()


def _screen(invocation: Invocation) -> Unwrapped:
    argv = invocation.argv
    at = operand(argv, Prefix("cehSstTpd"))
    rest, options = argv[at:], [w.text for w in argv[1:]]
    if "-X" in options:  # a command for a session that runs: only these carry anything out in it
        stuffed = argv[-1:] if any(word in ("stuff", "exec", "screen") for word in options) else ()
        return _codes("screen", list(stuffed))
    # To attach to a session: what follows is its name.
    attached = any(re.fullmatch(r"-[dDqRx]*[rRx][dDqRx]*|-ls|-list|-wipe", word) for word in options)
    return Unwrapped([Inner("screen", rest, stdin=False)]) if rest and not attached else Unwrapped()


def _each_operand(invocation: Invocation) -> Unwrapped:
    argv = invocation.argv
    prefix = Prefix(
        "wmMrpcsLPDuniNShk",
        "warmup min-runs max-runs runs prepare cleanup setup shell export-json names prefix max-processes style",
    )
    words = [w for w in argv[operand(argv, prefix) :] if not w.text.startswith("-")]
    codes = option_values(argv, "", ("--prepare", "--cleanup", "--setup", "--conclude"))
    return _codes(
        argv[0].text, [*codes, *(w for w in words if re.search(r"[\s;|&]", w.text) or argv[0].text == "hyperfine")]
    )


def _nmap(invocation: Invocation) -> Unwrapped:
    scripts = option_values(invocation.argv, "", ("--script",))
    names = re.compile(r"[\w*,() -]+")
    if any(not names.fullmatch(v.text) or not v.known for v in scripts):
        return Unwrapped(doubts=["nmap is given a script to run."])
    return Unwrapped()


def _expect(invocation: Invocation) -> Unwrapped:
    texts = option_values(invocation.argv, "c")
    if invocation.stdin is not None:
        texts.append(invocation.stdin)
    codes = [Word(m[1], t.known) for t in texts for m in re.finditer(r"\b(?:spawn|exec|system)\s+([^;\n]+)", t.text)]
    found = _codes("expect", codes)
    if any(re.search(r"\bsend\b", t.text) or not t.known for t in texts):
        found.doubts.append("What expect types into the program cannot be followed.")
    return found


def _scp(invocation: Invocation) -> Unwrapped:
    values = [
        v.text.partition("=")[2]
        for v in option_values(invocation.argv, "o")
        if v.text.lower().startswith("proxycommand")
    ]
    return _codes(invocation.argv[0].text, [Word(v) for v in values if v.lower() != "none"])


def _less(invocation: Invocation) -> Unwrapped:
    codes = [Word(w.text[2:], w.known) for w in invocation.argv[1:] if w.text.startswith("+!")]
    return _codes(invocation.argv[0].text, codes)


def _npx(invocation: Invocation) -> Unwrapped:
    values = option_values(invocation.argv, "c", ("--call",))
    return _codes(invocation.argv[0].text, [v for v in values if v.text not in ("", "ci")])


_SPECIAL: dict[str, Callable[[Invocation], Unwrapped]] = {
    **dict.fromkeys(_EDITORS, _vim),
    **dict.fromkeys(("tar", "gtar", "bsdtar"), _tar),
    **dict.fromkeys(("sqlite3", "psql", "mysql", "mariadb", "duckdb"), _sql_client),
    **dict.fromkeys(("at", "batch"), _stdin_code),
    **dict.fromkeys(("make", "gmake"), _make),
    **dict.fromkeys(("hyperfine", "concurrently"), _each_operand),
    **dict.fromkeys(("scp", "sftp"), _scp),
    **dict.fromkeys(("less", "more"), _less),
    "crontab": _crontab,
    "ed": _ed,
    "expect": _expect,
    "gdb": _gdb,
    "git": _git,
    "nmap": _nmap,
    "npx": _npx,
    "screen": _screen,
    "tmux": _tmux,
}
