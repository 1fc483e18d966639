"""What holds for any text: it is read in bounded time, nothing is raised, and words are those that bash makes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.shell.embedded import embedded_commands, embedded_doubts
from revet.effects.shell.parse import parse

TOKENS = [
    *"'\"\\$`(){}[]<>|&;#!*?~=,:/%@+-^ \n\t",
    "$(", "${", "$((", "))", "<<", "<<<", "<(", "$'", "&&", "||", ";;", "[[", "]]", "((", "\\\n", "\0", "\r", "\u00a0",
    "if", "then", "fi", "for", "do", "done", "case", "esac", "in", "while", "function", "f()", "x=", "a+=", "x[0]=",
    "rm", "echo", "sudo", "sh", "-c", "eval", "xargs", "find", "-exec", "{}", "read", "trap", "alias", "export", "env",
    "python3", "awk", "git", "EOF", "$x", "$@", "$1", "é", "\ud800", "base64", "-d", "printf", "%s", "exec", "coproc",
]  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)
    | st.lists(st.sampled_from(TOKENS), max_size=30).map(" ".join)
)
def test_nothing_is_raised_for_shell_like_text(text: str) -> None:
    found = parse(text)
    assert isinstance(found.doubts, tuple)


@settings(deadline=None, max_examples=200)
@given(
    st.text()
    | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape"))
    | st.binary().map(lambda b: b.decode("latin-1"))
)
def test_nothing_is_raised_for_any_text(text: str) -> None:
    parse(text)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["python", "javascript", "perl", "ruby", "php", "lua", "awk", "sed", "applescript", "cobol"]),
    st.text()
    | st.lists(st.sampled_from([*TOKENS, "system(", "os.system(", "exec(", "import os", "unlink", "\n"])).map("".join),
)
def test_nothing_is_raised_for_code(language: str, code: str) -> None:
    for command in embedded_commands(language, code):
        parse(command)
    embedded_doubts(language, code)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=6))
def test_quoted_words_come_back(given_words: list[str]) -> None:
    (found,) = parse("printf " + shlex.join(given_words)).invocations
    assert [w.text for w in found.argv[1:]] == given_words
    assert all(w.known and not w.glob and not w.split for w in found.argv)


HOSTILE = {
    "parentheses": "(" * 100_000,
    "substitutions": "$(" * 100_000,
    "arithmetic": "$((" * 50_000,
    "arithmetic closed": "$((" * 3_000 + "1" + "))" * 3_000,
    "quotes": "\"$(\"" * 50_000,
    "braces": "{a,b}" * 200,
    "nested braces": "{a," * 5_000 + "b" + "}" * 5_000,
    "range": "echo {1..100000000}",
    "commands": "a;" * 400_000,
    "words": "a " * 400_000,
    "pipes": "a|" * 300_000 + "a",
    "a word": "a" * 900_000,
    "a string": "echo '" + "a" * 900_000 + "'",
    "backslashes": "\\" * 900_000,
    "loops": "for i in 1 2 3 4 5 6 7 8; do " * 20 + "rm x; " + "done; " * 20,
    "whiles": "while x=$y; do z=a; " * 20 + "rm x; " + "done; " * 20,
    "functions": "f() { f; f; }; f",
    "doubling": "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }};" for n in range(30)) + "f30() { ls; }; f0",
    "doubling values": "x=aaaaaaaaaa;" + "x=$x$x;" * 60 + "echo $x",
    "aliases": "".join(f"alias a{n}='a{n + 1}; a{n + 1}'\n" for n in range(30)) + "a0",
    "evals": "eval " * 1_000 + "ls",
    "wrappers": "sudo " * 5_000 + "ls",
    "heredocs": "cat <<A\n" * 20_000,
    "patterns": "x=" + "a" * 4_000 + "; echo ${x##*a*a*a*a*a*b}",
    "extended": "x=" + "a" * 60 + "; echo ${x##+(+(+(a)))b}",
    "case": "case x in " + "a) ls;; " * 20_000 + "esac",
    "xargs": "printf '%s\\n' {1..900} | xargs -I% sh -c 'echo %'",
    "sed": "sed '" + "s/a/b/;" * 20_000 + "'",
    "awk": "awk '" + "system(" * 5_000 + "'",
    "perl": "perl -e '" + "system(" * 5_000 + "'",
    "python": "python -c '" + "(" * 5_000 + "'",
    "million": "x" * 1_000_001,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_bounded(name: str) -> None:
    begun = time.process_time()
    found = parse(HOSTILE[name])
    assert time.process_time() - begun < 5.0
    assert len(found.invocations) <= 5_000


PIECES = st.sampled_from(
    [
        "a",
        "b c",
        "'d e'",
        '"f g"',
        "\\h",
        "\\ ",
        "\\\n",
        "$x",
        '"$x"',
        "${x}",
        '"${x}"',
        "$'i\\tj'",
        "$'\\x41'",
        " ",
        "  ",
        "{k,l}",
        "{1..3}",
        "''",
        '""',
        '"a\\"b"',
        '"\\$x"',
        "'$x'",
        "${y:-m n}",
        '"${y:-m n}"',
        "${x#o}",
        '"${x%r}"',
        "$z",
        "${#x}",
        "$(echo p q)",
        '"$(echo p  q)"',
        "`echo r`",
        "$((1+2))",
        "~x",
        "a=b",
        "\\{a,b\\}",
        "${x/p/Q}",
        "${x:1:2}",
        "${x^^}",
        '"${a[@]}"',
        "${a[@]}",
        '"${a[*]}"',
        "${a[1]}",
        "$#",
        '"$@"',
        "$*",
        "$1",
        "#s",
        "-n",
        "${y-}",
        "${x:+t u}",
        "{",
        "}",
        ",",
        '"{v,w}"',
        "$w",
        "${w##* }",
        "x$x$x",
        "\"a\"'b'c",
        "\\\\",
        "$'\\''",
        '"$(printf "%s" "y z")"',
    ]
)
SETUP = "x=opqr; unset y; z=' s  t '; w='1 2 3'; a=(A 'B C' D); set -- P 'Q R'; "
BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="bash is not here to compare with")
@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(PIECES, min_size=1, max_size=8).map("".join), min_size=1, max_size=25))
def test_words_are_those_that_bash_makes(lines: list[str]) -> None:
    """Every line is only printed; what is known must be exactly what bash prints."""
    lines = [line for line in lines if "#" not in line or "\n" not in line]  # a comment ends with its line
    mark = "printf '%s\\1' "
    script = SETUP + "".join(f"({mark}{line}\n); printf '\\2'\n" for line in lines)
    ran = subprocess.run(
        [BASH or "bash", "-c", script], capture_output=True, timeout=20, env={"PATH": "/usr/bin:/bin"}, cwd="/"
    )
    expected = [part.split("\1")[:-1] for part in ran.stdout.decode("utf-8", "replace").split("\2")[:-1]]
    assert len(expected) == len(lines), ran.stderr
    for line, words in zip(lines, expected, strict=True):
        read = parse(f"{SETUP}{mark}{line}\n", home="/")
        if read.doubts:
            continue
        found = read.invocations[-1].argv[2:]
        if all(w.known and not w.glob for w in found):
            assert [w.text for w in found] == words or (not found and words == [""]), line
