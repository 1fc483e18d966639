"""Shell commands inside code of other languages, and calls that do what a well-known command does.

``os.system("ls")`` is the command ``ls``; ``shutil.rmtree("x")`` is shown as ``rm -rf -- x``. What the code computes
appears as a variable that nobody knows. This finds what is written plainly; it is no proof that there is nothing else.
"""

from __future__ import annotations

import re
import shlex

from revet.effects.shell.python_code import python_commands

__all__ = ["embedded_commands", "embedded_doubts"]

UNKNOWN = '"$value"'
_LONGEST = {"python": 200_000, "sed": 5_000}
_LONG = 20_000  # patterns are searched for in it, at a cost that grows with its square

_STRING = r"""(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`)"""
_ARGUMENTS = re.compile(rf"\s*(?:\(|\s)\s*((?:{_STRING}|[^;()\n]|\([^()]*\))*)", re.DOTALL)
_PIECE = re.compile(rf"{_STRING}|,|[^,'\"`]+", re.DOTALL)

_RUNS = {
    "javascript": r"\b(?:exec(?:Sync|File|FileSync)?|spawn(?:Sync)?|execa(?:Sync|Command)?|Command)(?=\s*\()",
    "perl": r"(?<![\w$@%>])(?:system|exec|qx|readpipe)\b(?!\s*=>)",
    "ruby": r"(?<![\w$@])(?:system|exec|spawn|popen[23e]*|capture[23e]*|pipeline)\b",
    "php": r"\b(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)(?=\s*\()",
    "lua": r"\b(?:os\.execute|io\.popen)\b",
    "applescript": r"\bdo shell script\b",
}
_DOES = {
    "javascript": (
        (r"\b(?:rmSync|rm|rimraf(?:\.sync)?|removeSync|emptyDirSync|remove|del|deleteAsync)(?=\s*\()", "rm -rf --"),
        (r"\b(?:unlinkSync|unlink)(?=\s*\()", "rm --"),
        (r"\b(?:rmdirSync|rmdir)(?=\s*\()", "rm -r --"),
        (r"\b(?:writeFileSync|writeFile|truncateSync|truncate|createWriteStream)(?=\s*\()", ": >"),
        (r"\b(?:renameSync|rename)(?=\s*\()", "mv --"),
    ),
    "perl": (
        (r"(?<![\w$@%>-])(?:rmtree|remove_tree)\b", "rm -rf --"),
        (r"(?<![\w$@%>-])unlink\b", "rm --"),
        (r"(?<![\w$@%>-])rmdir\b", "rmdir --"),
        (r"(?<![\w$@%>-])rename\b", "mv --"),
    ),
    "ruby": (
        (
            r"\b(?:FileUtils\.)(?:rm_r|rm_rf|rmtree|remove_dir|remove_entry\w*|remove|rm|rm_f|safe_unlink)\b",
            "rm -rf --",
        ),
        (r"\b(?:File|Pathname)\.(?:delete|unlink)\b", "rm --"),
        (r"\bDir\.(?:rmdir|delete|unlink)\b", "rmdir --"),
        (r"\b(?:File|IO)\.(?:write|truncate|binwrite)\b", ": >"),
        (r"\b(?:File\.rename|FileUtils\.(?:mv|move))\b", "mv --"),
    ),
    "php": (
        (r"\bunlink(?=\s*\()", "rm --"),
        (r"\brmdir(?=\s*\()", "rmdir --"),
        (r"\b(?:file_put_contents|ftruncate)(?=\s*\()", ": >"),
        (r"\brename(?=\s*\()", "mv --"),
    ),
    "lua": ((r"\bos\.remove\b", "rm --"), (r"\bos\.rename\b", "mv --")),
}
_BACKQUOTES = re.compile(
    r"`((?:\\.|[^`\\])*)`|(?:%x|qx)\s*(?:\{([^}]*)\}|\(([^)]*)\)|/([^/]*)/|\[([^\]]*)\]|\|([^|]*)\|)", re.DOTALL
)
_INTERPOLATED = re.compile(r"#\{[^}]*\}|\$\{[^}]*\}|\$\w+(?:(?:->)?[\[{][^\]}]*[\]}])?|@\w+")

_COMPUTED = {
    "javascript": r"\beval\s*\(|\bFunction\s*\(|\bvm\.|process\.(?:binding|dlopen)|\brequire\s*\(\s*[^'\"`\s)]|\]\s*\(|"
    r"\bimport\s*\(\s*[^'\"`]|child_process(?!['\"]\s*\)\s*\.\s*(?:exec|spawn))(?!.*\b(?:exec|spawn)\w*\s*\()",
    "perl": r"\beval\b(?!\s*\{)|\bsyscall\b|\bdo\s+['\"$]|&\{|&\$\w|/\w*ee\w*\s*[;}]?\s*$|\brequire\s+\$"
    r"|\b(?:system|exec|qx)\b.*\b(?:pack|unpack|decode_base64|chr|reverse)\b"
    r"|\b(?:pack|decode_base64|chr|reverse)\b.*\b(?:system|exec)\b",
    "ruby": r"\b(?:instance_|class_|module_)?eval\b|\b(?:public_)?(?:send|__send__)\b|\bmethod\s*\(|const_get"
    r"|\bFiddle\b|\bload\b|\b(?:system|exec|spawn)\b.*(?:decode64|\bpack\b|\bchr\b|\breverse\b)|\bsyscall\b",
    "php": r"\b(?:eval|assert)\s*\(|create_function|call_user_func|\$\w+\s*\(|base64_decode|\binclude\b|\brequire\b"
    r"|\bFFI\b",
    "lua": r"\bload(?:string|file)?\b|\bdofile\b|\bstring\.char\b|\brequire\b|\]\s*\(",
    "applescript": r"\b(?:run script|tell)\b",
}


def embedded_commands(language: str, code: str) -> list[str]:
    """The shell commands in `code`, each a text to be parsed. Languages: python, javascript, perl, ruby, php, lua, awk,
    sed, applescript. An unknown language or a code that is too long gives none (see `embedded_doubts`)."""
    if len(code) > _LONGEST.get(language, _LONG):
        return []
    if language == "python":
        return python_commands(code)[0]
    if language == "awk":
        return _awk(code)
    if language == "sed":
        return _sed(code)
    if language not in _RUNS:
        return []
    found: list[tuple[int, str]] = []
    for hit in re.finditer(_RUNS[language], code):
        found.append((hit.start(), _command(language, code, hit.end())))
    for pattern, command in _DOES.get(language, ()):
        for hit in re.finditer(pattern, code):
            words = _arguments(language, code, hit.end())
            target = " ".join(words[: 2 if command.startswith("mv") else 20]) or UNKNOWN
            found.append((hit.start(), f"{command} {words[0] if command == ': >' and words else target}"))
    if language in ("perl", "ruby", "php"):
        for hit in _BACKQUOTES.finditer(code):
            text = next((g for g in hit.groups() if g is not None), "")
            found.append((hit.start(), _INTERPOLATED.sub("$value", text)))
    if language in ("perl", "ruby"):
        for hit in re.finditer(
            r"\bopen\b[^;]*?['\"]\s*\|\s*([^'\"]+)['\"]|\bopen\b[^;]*?['\"]([^'\"|<>]+)\|\s*['\"]|['\"]-?\|-?['\"]\s*,\s*(.*)",
            code,
        ):
            found.append((hit.start(), next((g for g in hit.groups() if g), UNKNOWN)))
    return [command for _, command in sorted(found)][:200]


def embedded_doubts(language: str, code: str) -> list[str]:
    """Sentences for what the code computes and then runs, so that it cannot be read from the text."""
    if len(code) > _LONGEST.get(language, _LONG):
        return [f"The {language} code is too long to be read."]
    if language == "python":
        return python_commands(code)[1]
    if language == "sed":
        return ["sed runs what a substitution makes."] if _SED_EVALUATES.search(code) else []
    if language == "awk":
        return (
            ["The awk code calls a function that it computes."] if re.search(r"(?<![\w@])@\w+\s*\(|@load", code) else []
        )
    pattern = _COMPUTED.get(language)
    if pattern is None:
        return [f"The {language} code is not read."]
    return [f"The {language} code computes what it runs."] if re.search(pattern, code, re.DOTALL) else []


def _arguments(language: str, code: str, at: int) -> list[str]:
    """The arguments of a call as words for a shell; unknown ones as a variable."""
    found = _ARGUMENTS.match(code, at)
    if found is None:
        return []
    words: list[str] = []
    current: list[str] = []
    for piece in [*_PIECE.findall(found[1]), ","]:
        if piece == ",":
            if current:
                words.append("".join(current))
            current = []
        elif piece[0] in "'\"`":
            current.append(_literal(piece))
        elif not re.fullmatch(r"[\s\[\](){}+.;]*", piece):
            if re.match(r"\s*[\]}]?\s*\{?\s*\w+\s*(?::|=>)", piece):  # options
                break
            current.append(UNKNOWN)
    return words


def _literal(piece: str) -> str:
    text = piece[1:-1]
    if piece[0] == "'":
        return shlex.quote(re.sub(r"\\(['\\])", r"\1", text))
    parts = _INTERPOLATED.split(text)
    quoted = [
        shlex.quote(re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), p)) if p else "" for p in parts
    ]
    return UNKNOWN.join(quoted) or "''"


def _command(language: str, code: str, at: int) -> str:
    """The command of ``system("text")`` or ``system("program", "word", …)``."""
    words = _arguments(language, code, at)
    if not words:
        return UNKNOWN
    if len(words) == 1 or (
        language in ("javascript", "php", "lua") and not re.match(r"\s*\(\s*\S[^,]*,\s*\[", code[at:])
    ):
        # A single text goes to a shell.
        first = words[0]
        try:
            plain = " ".join(shlex.split(first.replace(UNKNOWN, "\1")))
        except ValueError:
            return UNKNOWN
        return plain.replace("\1", "$value")
    return " ".join(words)


# -- awk and sed ---------------------------------------------------------------------------------------------------

_AWK_LITERAL = re.compile(r"\"(?:\\.|[^\"\\])*\"|(?<=[~(,!&|])\s*/(?:\\.|[^/\\\n])+/")
_AWK_SYSTEM = re.compile(r"\bsystem\s*\(((?:\"(?:\\.|[^\"\\])*\"|[^()\"]|\([^()]*\))*)\)")
_AWK_OUT = re.compile(r"\|&?\s*(\"(?:\\.|[^\"\\])*\"(?:\s*[\w$]+)*|\(?[A-Za-z_$]\w*\)?(?=\s*(?:[;}\n]|$)))")
_AWK_IN = re.compile(r"(\"(?:\\.|[^\"\\])*\"(?:\s*[\w$]+)*|[A-Za-z_]\w*|\([^()]*\))\s*\|&?\s*getline")
_AWK_FILE = re.compile(r"\bprintf?\b[^;}|\n]*?[^>=]>>?\s*(\"(?:\\.|[^\"\\])*\")")
_AWK_PIECE = re.compile(r"\"((?:\\.|[^\"\\])*)\"|([\w$.\[\]]+(?:\([^()]*\))?)")


def _awk_text(expression: str) -> str:
    """A concatenation: its texts, and a variable for anything else."""
    out: list[str] = []
    for hit in _AWK_PIECE.finditer(expression):
        out.append(
            re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), hit[1])
            if hit[1] is not None
            else "$value"
        )
    return "".join(out)


def _awk(code: str) -> list[str]:
    # Regular expressions are taken out, not what looks like one within a text.
    plain = _AWK_LITERAL.sub(lambda hit: hit[0] if hit[0].startswith('"') else " ", code)
    found = [_awk_text(hit[1]) for hit in _AWK_SYSTEM.finditer(plain)]
    found += [_awk_text(hit[1]) for hit in _AWK_IN.finditer(plain)]
    for hit in _AWK_OUT.finditer(plain):
        if not plain[: hit.start()].endswith("|") and not plain[hit.end() :].lstrip().startswith("|"):
            found.append(f'printf %s "$value" | {_awk_text(hit[1])}')
    found += [f": > {shlex.quote(hit[1][1:-1])}" for hit in _AWK_FILE.finditer(plain)]
    return [text for text in found if text.strip()]


_SED_SUBSTITUTE = r"s([^\w\s\\])(?:\\.|(?!\1).)*\1(?:\\.|(?!\1).)*\1"
_SED_EVALUATES = re.compile(rf"(?:^|[;{{\n/\d$!])\s*{_SED_SUBSTITUTE}[gpiImM0-9]*e", re.DOTALL)
_SED_WRITES = re.compile(rf"(?:^|[;{{\n/\d$!])\s*{_SED_SUBSTITUTE}[gpiImM0-9]*w\s*(?P<file>[^\n;}}]+)", re.DOTALL)
_SED_ADDRESS = r"(?:\d+(?:~\d+)?|\$|/(?:\\.|[^/\\])*/I?)"
_SED_RUNS = re.compile(
    rf"^\s*\{{?\s*(?:{_SED_ADDRESS}(?:,\s*(?:{_SED_ADDRESS}|[+~]\d+))?)?\s*!?\s*(?:e\s+(?P<e>\S.*)|(?P<w>[wW])\s+(?P<file>[^\s}};]+)|(?P<bare>e)\s*$)"
)


def _sed(code: str) -> list[str]:
    found: list[str] = []
    for line in re.split(r"[\n;]", code):
        hit = _SED_RUNS.match(line)
        if hit and hit["e"]:
            found.append(hit["e"])
        elif hit and hit["bare"]:
            found.append("$value")
        elif hit and hit["w"]:
            found.append(f": > {shlex.quote(hit['file'])}")
    found += [f": > {shlex.quote(hit['file'].strip())}" for hit in _SED_WRITES.finditer(code)]
    return found
