"""What is read from a shell text: programs, words, wrappers, streams, folders, conditions, doubts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from revet.effects.shell.model import Invocation, Parsed
from revet.effects.shell.parse import parse


def words(text: str) -> list[list[str]]:
    return [[w.text for w in i.argv] for i in parse(text, home="/home/me").invocations if i.argv]


def last(text: str, **known: str) -> Invocation:
    return parse(text, home="/home/me", **known).invocations[-1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rm -rf 'a b' \"c d\" e\\ f", ["rm", "-rf", "a b", "c d", "e f"]),
        ("rm x{1,2}.{o,c}", ["rm", "x1.o", "x1.c", "x2.o", "x2.c"]),
        ("rm f{1..3} {03..1} {a,b", ["rm", "f1", "f2", "f3", "03", "02", "01", "{a,b"]),
        ("rm ~/x ~ '~'/x", ["rm", "/home/me/x", "/home/me", "~/x"]),
        ("rm $'a\\tb\\x41\\101\\u00e9'", ["rm", "a\tbAAé"]),
        ("rm $((2+3*4)) $((16#ff)) $((7/2)) $((-7%3))", ["rm", "14", "255", "3", "-1"]),
        ("x=a/b.tar.gz; rm ${x%%.*} ${x%.*} ${x#*/} ${x##*.} ${#x}", ["rm", "a/b", "a/b.tar", "b.tar.gz", "gz", "10"]),
        ("x=abcabc; rm ${x/b/X} ${x//b/X} ${x/#a/X} ${x/%c/X} ${x:1:2} ${x: -2}", None),
        ("x=aB; rm ${x^} ${x^^} ${x,,}", ["rm", "AB", "AB", "ab"]),
        ("unset x; rm ${x:-d} ${x-e} ${x:+f}g", ["rm", "d", "e", "g"]),
        ("a=(x 'y z'); rm \"${a[@]}\" ${#a[@]} ${a[1]}", ["rm", "x", "y z", "2", "y", "z"]),
        ("x='a  b'; rm $x \"$x\"", ["rm", "a", "b", "a  b"]),
        ('set -- a \'b c\'; rm "$@" $# "$*" $1', ["rm", "a", "b c", "2", "a b c", "a"]),
        ("rm a#b # c", ["rm", "a#b"]),
        ('rm "" \'\' $nothing_here""', ["rm", "", "", "$nothing_here"]),
        ("/usr/bin/rm x", ["rm", "x"]),
        ("rm `echo a b` \"$(printf 'c\\n\\n')\"", ["rm", "a", "b", "c"]),
    ],
)
def test_words(text: str, expected: list[str] | None) -> None:
    assert words(text)[-1] == (expected or ["rm", "aXcabc", "aXcaXc", "Xbcabc", "abcabX", "bc", "bc"])


def test_what_is_not_known_stands_as_written() -> None:
    invocation = last('rm "$DIR/x" $OTHER *.o "*.c" $(cat list)')
    assert [(w.text, w.known, w.glob, w.split) for w in invocation.argv[1:]] == [
        ("$DIR/x", False, False, False),
        ("$OTHER", False, False, True),
        ("*.o", True, True, False),
        ("*.c", True, False, False),
        ("$(cat list)", False, False, True),
    ]
    assert not parse('rm "$DIR/x"').doubts


def test_redirections_and_heredocs() -> None:
    invocation = last("cat > out.txt 2>&1 <<EOF\nhello $NAME\n  EOF\nEOF")
    assert [(r.operator, r.target.text, r.fd) for r in invocation.redirections] == [
        (">", "out.txt", None),
        (">&", "1", 2),
        ("<<", "hello $NAME\n  EOF\n", None),
    ]
    assert invocation.stdin is not None and not invocation.stdin.known
    bare = parse("> empty.txt").invocations[0]
    assert bare.argv == () and bare.redirections[0].target.text == "empty.txt"
    group = parse("{ echo a; echo b; } >> log")
    assert group.invocations[0].redirections[0].operator == ">>"


def test_pipelines_say_where_input_comes_from() -> None:
    found = parse("cat x | sort | uniq -c > y").invocations
    assert [i.piped_from for i in found] == [None, 0, 1]
    assert found[1].stdin is not None and not found[1].stdin.known
    fed = parse("printf 'a\\nb\\n' | sort").invocations[1]
    assert fed.stdin is not None and fed.stdin.text == "a\nb\n" and fed.stdin.known


@pytest.mark.parametrize(
    ("text", "conditional"),
    [
        ("a || rm x", True),
        ("a && rm x", False),
        ("if a; then rm x; fi", True),
        ("while a; do rm x; done", True),
        ("for f in *; do rm x; done", True),
        ("for f in a b; do rm x; done", False),
        ("f() { rm x; }", True),
        ("f() { rm x; }; f", False),
        ("exit; rm x", True),
        ("trap 'rm x' EXIT", False),
        ("trap 'rm x' INT", True),
    ],
)
def test_what_may_not_be_reached(text: str, conditional: bool) -> None:
    assert last(text).conditional is conditional


@pytest.mark.parametrize(
    ("text", "cwd"),
    [
        ("cd a && rm x", "./a"),
        ("cd a; cd ..; rm x", "."),
        ("cd /etc; rm x", "/etc"),
        ("cd; rm x", "/home/me"),
        ("cd ~/b; rm x", "/home/me/b"),
        ("(cd a; ls); rm x", "."),
        ("pushd a; popd; rm x", "."),
        ("cd a; cd -; rm x", "."),
        ("cd $where; rm x", None),
        ("if a; then cd b; fi; rm x", None),
        ("cd a || exit; rm x", "./a"),
        ("cd a | cat; rm x", "."),
        ("sudo -D /srv rm x", "/srv"),
        ("env -C /srv rm x", "/srv"),
        ("ssh host rm x", None),
    ],
)
def test_the_folder_is_followed(text: str, cwd: str | None) -> None:
    found = last(text).cwd
    assert (found.removeprefix("./") if found else found) == (cwd.removeprefix("./") if cwd else cwd)


@pytest.mark.parametrize(
    ("text", "via", "argv"),
    [
        ("sudo -u bob -- rm -f x", ("sudo",), ["rm", "-f", "x"]),
        ("sudo env A=1 nice -n 5 rm x", ("sudo", "env", "nice"), ["rm", "x"]),
        ("timeout -k 5 10s rm x", ("timeout",), ["rm", "x"]),
        ("bash -c 'rm \"$1\"' _ x", ("bash -c",), ["rm", "x"]),
        ("xargs -0 -n 5 rm -f", ("xargs",), ["rm", "-f"]),
        ("find . -name '*.o' -exec rm {} +", ("find -exec",), ["rm", "{}"]),
        ("ssh -p 22 host rm x", ("ssh",), ["rm", "x"]),
        ("docker run --rm -v /a:/b -it img rm x", ("docker run",), ["rm", "x"]),
        ("docker compose exec -T web rm x", ("docker exec",), ["rm", "x"]),
        ("kubectl exec -n ns pod -c c -- rm x", ("kubectl exec",), ["rm", "x"]),
        ("uv run main.py x", ("uv run",), ["python", "main.py", "x"]),
        ("poetry run pytest -q", ("poetry run",), ["pytest", "-q"]),
        ("eval rm x", ("eval",), ["rm", "x"]),
        ("command rm x", ("command",), ["rm", "x"]),
        ("busybox rm x", ("busybox",), ["rm", "x"]),
        ("flock /tmp/l rm x", ("flock",), ["rm", "x"]),
        ("python3 -c 'import os; os.unlink(\"x\")'", ("python3 code",), ["rm", "--", "x"]),
    ],
)
def test_wrappers_are_taken_off(text: str, via: tuple[str, ...], argv: list[str]) -> None:
    found = last(text)
    assert found.via == via and [w.text for w in found.argv] == argv


def test_wrappers_that_have_effects_of_their_own_stay() -> None:
    assert [w[0] for w in words("find . -exec rm {} \\;")] == ["find", "rm"]
    assert [w[0] for w in words("ssh host rm x")] == ["ssh", "rm"]
    assert last("ls | xargs rm").appended
    assert not last("find . -exec rm {} \\;").argv[1].known


def test_assignments_stand_before_their_command() -> None:
    invocation = last("A=1 B=$C make all")
    assert [(n, w.text, w.known) for n, w in invocation.env] == [("A", "1", True), ("B", "$C", False)]
    assert parse("x=1").invocations[0].kind == "assignment"


def test_variables_of_the_environment() -> None:
    found = parse("rm $TMPDIR/x $PWD/y $HOME/z", cwd="/w", env={"TMPDIR": "/tmp/t"}, home="/home/me").invocations[0]
    assert [w.text for w in found.argv[1:]] == ["/tmp/t/x", "/w/y", "/home/me/z"]


@pytest.mark.parametrize(
    "text",
    [
        "$cmd x",
        "`cat x` y",
        "/bin/r? x",
        "curl x | sh",
        'eval "$x"',
        "bash <(curl x)",
        "echo 'unclosed",
        "if a; then b",
        "ls )",
        "a && && b",
        "du <file>",
        "r\0m x",
    ],
)
def test_what_cannot_be_told_is_a_doubt(text: str) -> None:
    assert parse(text).doubts
    assert all(d.endswith(".") for d in parse(text).doubts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "# only a comment",
        'git commit -m "it\'s done; rm -rf / is not run"',
        "echo 'rm -rf /' '$(rm -rf /)' \"\\$(rm -rf /)\"",
        "cat <<'EOF'\nrm -rf / $(rm -rf /)\nEOF",
        "grep -rn 'a\\|b' . | awk '{print $2}' | sort -u | head -5",
        'for f in *.txt; do mv "$f" "${f%.txt}.md"; done',
        'while read -r line; do echo "$line"; done < file',
        "[ -f x ] && [[ $a == b* ]] && (( n > 3 )) && echo yes",
        "find . \\( -name a -o -name b \\) -print0 | xargs -0 grep -l x",
        "export PATH=$PATH:$HOME/bin PAGER=less EDITOR='code --wait'",
        'eval "$(ssh-agent -s)"',
        "source venv/bin/activate && pip list",
        "diff <(sort a) <(sort b)",
        "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"a\"])' < x",
        "sed -i.bak -e 's/e /x/g' -e '1,5d' x",
        "awk -F: '$3 > 1000 {print $1}' /etc/passwd",
        "perl -pe 's/(\\d+)/<$1>/g' x",
        "x=1; case $x in 1|2) echo a;; *) echo b;; esac",
        "ls -d !(*.c|*.h) +(a|b)",
        "git log --format='%h %s' | while IFS=' ' read -r a b; do echo $a; done",
        "alias ll='ls -l'",
        "EDITOR=vim git rebase -i HEAD~3",
        "ssh host 'cd /srv && git pull'",
        "node -e 'console.log(JSON.stringify({a: 1}))'",
    ],
)
def test_ordinary_commands_leave_no_doubt(text: str) -> None:
    assert parse(text, home="/home/me").doubts == ()


def test_text_in_quotes_is_not_run() -> None:
    assert words("echo 'rm -rf /' \"; rm -rf /\"") == [["echo", "rm -rf /", "; rm -rf /"]]
    assert words("cat <<'E'\n$(rm -rf /)\nE") == [["cat"]]


def commands(folder: Path, name: str) -> list[dict[str, object]]:
    lines = (folder / "risk_shell" / f"{name}.dev.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.shared
def test_human_commands_are_read(shared: Path) -> None:
    """Of ordinary commands that only read, few are doubted, and half of these a shell would refuse, too."""
    rows = [r for r in commands(shared, "nl2bash_stream") if r["read_only_heuristic"]][::3]
    found: list[Parsed] = [parse(str(r["action"]), home="/home/me") for r in rows]
    doubted = [p for p in found if p.doubts]
    refused = [p for p in doubted if any("cannot be parsed" in d for d in p.doubts)]
    assert len(doubted) - len(refused) <= 0.012 * len(rows)
    assert len(refused) <= 0.012 * len(rows)
