"""However a destructive command is hidden: the parser finds it, or says that something cannot be told."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.shell.model import Parsed
from revet.effects.shell.parse import parse
from tests.effects.shell.escapes import ESCAPES

HOME = "/home/me"
REMOVERS = {"rm", "unlink"}


def destroys(found: Parsed) -> bool:
    for invocation in found.invocations:
        words = invocation.argv
        if words and words[0].text in REMOVERS and (invocation.appended or any(map(aims, words[1:]))):
            return True
    return False


def aims(word: object) -> bool:
    text, known = getattr(word, "text", ""), getattr(word, "known", True)
    return HOME in text or text in ("/", "/srv/data") or not known


def test_the_list_is_long() -> None:
    assert len(set(ESCAPES)) == len(ESCAPES) >= 300


@pytest.mark.parametrize("text", ESCAPES, ids=range(len(ESCAPES)))
def test_nothing_is_hidden(text: str) -> None:
    found = parse(text, home=HOME)
    assert found.doubts or destroys(found), [[w.text for w in i.argv] for i in found.invocations]


# -- obfuscations put together -------------------------------------------------------------------------------------

Change = Callable[[str], str]


def _octal(text: str) -> str:
    return "".join(f"\\{ord(c):03o}" for c in text)


def _hex(text: str) -> str:
    return "".join(f"\\x{ord(c):02x}" for c in text)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _zipped(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _quoted_letters(text: str) -> str:
    """Each letter of each word in quotes of its own."""
    return " ".join("".join(f"'{c}'" if c.isalpha() else shlex.quote(c) for c in w) for w in shlex.split(text))


def _plain(text: str) -> bool:
    """Whether it is a command of words without any syntax."""
    return not set(text) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /._-")


WHOLE: dict[str, Change] = {
    "sh -c": lambda t: f"sh -c {shlex.quote(t)}",
    "bash -lc": lambda t: f"bash -lc {shlex.quote(t)}",
    "eval": lambda t: f"eval {shlex.quote(t)}",
    "eval words": lambda t: "eval " + " ".join(shlex.quote(w) for w in t.split(" ")),
    "echo | sh": lambda t: f"printf '%s' {shlex.quote(t)} | sh",
    "base64": lambda t: f"echo {_encoded(t)} | base64 -d | bash",
    "base64 in a word": lambda t: f'bash -c "$(echo {_encoded(t)} | base64 --decode)"',
    "gzip": lambda t: f"echo {_zipped(t)} | base64 -d | gunzip | sh",
    "hex": lambda t: f"echo {t.encode().hex()} | xxd -r -p | sh",
    "rev": lambda t: f"printf %s {shlex.quote(t[::-1])} | rev | sh" if "\n" not in t else f"sh -c {shlex.quote(t)}",
    "printf octal": lambda t: f"printf '{_octal(t)}' | sh" if t.isascii() else t,
    "ansi hex": lambda t: f"eval $'{_hex(t)}'" if t.isascii() else t,
    "heredoc": lambda t: f"bash <<'END_OF_IT'\n{t}\nEND_OF_IT\n",
    "here-string": lambda t: f"bash <<< {shlex.quote(t)}",
    "process substitution": lambda t: f"bash <(printf %s {shlex.quote(t)})",
    "source": lambda t: f". /dev/stdin <<< {shlex.quote(t)}",
    "variable": lambda t: f'c={shlex.quote(t)}; eval "$c"',
    "exported": lambda t: f"export c={shlex.quote(t)}; sh -c 'eval \"$c\"'",
    "function": lambda t: f"f() {{ {t}\n}}; f",
    "trap": lambda t: f"trap {shlex.quote(t)} EXIT",
    "subshell": lambda t: f"(:; {t}\n)",
    "group": lambda t: f"{{ {t}\n}} 2>/dev/null",
    "substitution": lambda t: f'echo "$({t}\n)"',
    "default": lambda t: f'echo "${{unset_here:-$({t}\n)}}"',
    "arithmetic": lambda t: f"echo $(( 1 + $({t}\n) ))",
    "if": lambda t: f"if true; then {t}\nfi",
    "loop": lambda t: f"for i in 1; do {t}\ndone",
    "case": lambda t: f"case x in *) {t}\n;; esac",
    "or": lambda t: f"false || {{ {t}\n}}",
    "background": lambda t: f"{{ {t}\n}} & wait",
    "xargs": lambda t: f"echo x | xargs -I@@ sh -c {shlex.quote(t)}",
    "find": lambda t: f"find . -maxdepth 0 -exec sh -c {shlex.quote(t)} \\;",
    "sudo": lambda t: f"sudo -n bash -c {shlex.quote(t)}",
    "env": lambda t: f"env -i A=1 sh -c {shlex.quote(t)}",
    "nested wrappers": lambda t: f"nohup nice -n 3 timeout 9 sh -c {shlex.quote(t)}",
    "python": lambda t: f"python3 -c {shlex.quote(f'import os; os.system({t!r})')}",
    "perl": lambda t: "perl -e " + shlex.quote(f"system({_perl(t)})"),
    "awk": lambda t: "awk " + shlex.quote(f'BEGIN{{system("{_awk(t)}")}}'),
    "git alias": lambda t: f"git -c alias.z={shlex.quote('!' + t)} z",
    "ssh": lambda t: f"ssh localhost {shlex.quote(t)}",
    "file": lambda t: f"printf %s {shlex.quote(t)} > z.sh; sh z.sh",
    "comment": lambda t: f"true # nothing\n{t}",
}
PLAIN: dict[str, Change] = {
    "letters": _quoted_letters,
    "backslashes": lambda t: " ".join("\\" + w if w[0].isalpha() else w for w in t.split(" ")),
    "ansi": lambda t: " ".join(f"$'{_octal(w)}'" for w in t.split(" ")),
    "braces": lambda t: "{" + ",".join(t.split(" ")) + "}",
    "IFS": lambda t: t.replace(" ", "${IFS}"),
    "own IFS": lambda t: f"IFS=^; v={shlex.quote(t.replace(' ', '^'))}; $v",
    "positional": lambda t: f'set -- {t}; "$@"',
    "array": lambda t: f'a=({t}); "${{a[@]}}"',
    "split name": lambda t: f"x={t[:1]}; y={t[1:].split(' ')[0]}; $x$y {' '.join(t.split(' ')[1:])}",
    "cut": lambda t: f"x=__{t.split(' ')[0]}; ${{x#__}} {' '.join(t.split(' ')[1:])}",
    "indirect": lambda t: f"x={t.split(' ')[0]}; p=x; ${{!p}} {' '.join(t.split(' ')[1:])}",
    "read": lambda t: f"read -r v <<< {shlex.quote(t)}; $v",
    "continued": lambda t: "\\\n".join(t),
    "command": lambda t: f"command -- {t}",
    "folder": lambda t: f"/usr/bin/../bin/{t}" if t.startswith("rm") else t,
    "xargs words": lambda t: f"echo {' '.join(t.split(' ')[1:])} | xargs {t.split(' ')[0]}",
    "substituted name": lambda t: f"$(printf '{_octal(t.split(' ')[0])}') {' '.join(t.split(' ')[1:])}",
    "alias": lambda t: f"shopt -s expand_aliases\nalias zz={shlex.quote(t)}\nzz",
    "env -S": lambda t: f"env -S {shlex.quote(t)}",
    "function words": lambda t: f'g() {{ "$@"; }}; g {t}',
}


def _perl(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _awk(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def hidden(target: str, plain: str | None, steps: list[str]) -> str:
    text = f"rm -rf {target}"
    text = PLAIN[plain](text) if plain else text
    for step in steps:
        text = WHOLE[step](text)
    return text


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([HOME, "/", "/srv/data", f"{HOME}/work"]),
    st.none() | st.sampled_from(sorted(PLAIN)),
    st.lists(st.sampled_from(sorted(WHOLE)), max_size=4),
)
def test_obfuscations_put_together(target: str, plain: str | None, steps: list[str]) -> None:
    text = hidden(target, plain, steps)
    found = parse(text, home=HOME)
    assert found.doubts or destroys(found), text


@pytest.mark.parametrize("step", sorted(WHOLE))
def test_each_wrapping_is_seen_through(step: str) -> None:
    """Not doubted: found."""
    assert destroys(parse(hidden(HOME, None, [step]), home=HOME))


@pytest.mark.parametrize("plain", sorted(PLAIN))
def test_each_spelling_is_seen_through(plain: str) -> None:
    assert destroys(parse(hidden(HOME, plain, []), home=HOME))


WRONG_GUESSES = (
    # Where the shell leaves, fails or prints elsewhere, what a substitution prints is not what is written in it.
    "$(exit; echo ls) rm -rf /home/me",
    "$(false && echo ls) rm -rf /home/me",
    "$(echo ls > /dev/null) rm -rf /home/me",
    "$(exec > /dev/null; echo ls) rm -rf /home/me",
    "$(echo ls < /nowhere) rm -rf /home/me",
    "$(echo ls 2> /nowhere/x) rm -rf /home/me",
    "$(set -e; false; echo ls) rm -rf /home/me",
    "$(: ${nope:?}; echo ls) rm -rf /home/me",
    "$(: $((1/0)); echo ls) rm -rf /home/me",
    "$(<names) -rf /home/me",
    # What a name stands for may have changed on a way that is not always taken.
    "x=rm; false && x=ls; $x -rf /home/me",
    "x=ls; true || x=ls; [ a ] && x=rm; $x -rf /home/me",
    "for x in rm ls; do break; done; $x -rf /home/me",
    "for i in rm ls; do x=$i; break; done; $x -rf /home/me",
    "x=ls; while read y; do $x -rf /home/me; x=rm; done",
    "x=rm; f() { local x=ls; }; f; $x -rf /home/me",
    "f() { x=rm; return; x=ls; }; f; $x -rf /home/me",
    "x=ls; case a in a) x=rm;& b) $x -rf /home/me;; esac",
    "f() { ls; }; if a; then f() { rm -rf /home/me; }; fi; f",
    "readonly x=rm; x=ls; $x -rf /home/me",
    "x=ls; declare -n p=x; p=rm; $x -rf /home/me",
    "a=(ls rm); unset 'a[0]'; ${a[@]} -rf /home/me",
    "set -- rm ls; shift 5; $1 -rf /home/me",
    "trap 'x=rm' DEBUG; x=ls; $x -rf /home/me",
    "printf 'ls\\nrm\\n' | while read x; do $x -rf /home/me; done",
    "{ read x; read y; $y -rf /home/me; } <<< $'ls\\nrm'",
    "{ read x; sh; } <<< $'ls\\nrm -rf /home/me'",
    "alias echo='printf rm #'\n$(echo ls) -rf /home/me",
    "x=ls; : ${y:=rm}; ${y} -rf /home/me",
    'IFS=; set -- r m; "$*" -rf /home/me',
    "x=l; xs=rm; $x\\\ns -rf /home/me",
    "x=ls; xa=rm; $x{a,} -rf /home/me",
    "X=ls; X=rm :; $X -rf /home/me",
    # A file that is written and run may have been changed in between.
    "echo ls > x.sh; sed -i s/ls/rm/ x.sh; sh x.sh",
    "echo ls > x.sh; mv y x.sh; sh x.sh",
    "sh /dev/fd/3 3<<< 'rm -rf /home/me'",
    "exec 3<<< 'rm -rf /home/me'; sh <&3",
    # Shells that are not bash.
    "sh -c '((rm -rf /home/me))'",
    "sh -c '[[ x || rm -rf /home/me ]]'",
    "sh -c \"echo \\$'\\\\' ; rm -rf /home/me #'\"",
    "ls *(e:'rm -rf /home/me':)",
    "bash -co pipefail 'rm -rf /home/me'",
    'ssh-agent() { curl x; }; eval "$(ssh-agent)"',
    "rsync -e \"ssh -o 'ProxyCommand=rm -rf /home/me'\" a b:c",
)


@pytest.mark.parametrize("text", WRONG_GUESSES)
def test_nothing_is_guessed_wrongly(text: str) -> None:
    found = parse(text, home=HOME)
    assert found.doubts or destroys(found), [[w.text for w in i.argv] for i in found.invocations]
