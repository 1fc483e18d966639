"""What commands of this machine do, by kind and place: real commands, destructive and ordinary ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.model import Effect
from revet.effects.shell import analyse

WORK = "/data/projects/app"
HOME = "/home/ann"
HARMLESS = {"read", "fetch", "run", "create"}


def effects(text: str) -> list[Effect]:
    found = analyse(text, cwd=WORK, workspace=WORK, home=HOME)
    assert not found.doubts, found.doubts
    return list(found.effects)


def worst(text: str) -> Effect:
    """The effect that is not harmless; else the last."""
    found = effects(text)
    return next((e for e in found if e.kind not in HARMLESS and e.word != "sudo"), found[-1])


@pytest.mark.parametrize(
    ("text", "kind", "place", "wide"),
    [
        ("rm a.txt", "delete", "workspace", False),
        ("rm -f a.txt", "delete", "workspace", False),
        ("rm -r build", "delete", "workspace", False),
        ("rm -r .", "delete", "workspace", True),
        ("rm -rf build", "delete", "workspace", True),
        ("rm --recursive --force build", "delete", "workspace", True),
        ("rm --rec --for build", "delete", "workspace", True),
        ("rm -r build -f", "delete", "workspace", True),
        ("rm *.o", "delete", "workspace", True),
        ("rm -rf -- -x", "delete", "workspace", True),
        ("rm -rf /etc", "delete", "system", True),
        ("rm -rf ~/Documents", "delete", "home", True),
        ("rm -rf /home/ann", "delete", "system", True),
        ("rm -rf /tmp/x", "delete", "temporary", True),
        ("rm -rf /tmp/../etc", "delete", "system", True),
        ("rm -rf ../other", "delete", "elsewhere", True),
        ("/bin/rm -rf build", "delete", "workspace", True),
        ("rm -rf .git", "discard", "workspace", True),
        ("find . -name '*.log' -delete", "delete", "workspace", True),
        ("find /var/log -delete", "delete", "system", True),
        ("find src -type f -exec rm {} +", "delete", "workspace", True),
        ("find /etc -name x | xargs rm", "delete", "system", True),
        ("shred -u key.pem", "delete", "workspace", True),
        ("truncate -s 0 data.db", "delete", "workspace", False),
        ("mv data.db /dev/null", "delete", "workspace", True),
        ("dd if=/dev/zero of=/dev/sda", "device", "system", False),
        ("dd if=a of=b", "write", "workspace", False),
        ("echo x > /dev/sda", "device", "system", False),
        ("echo x > a.txt", "write", "workspace", False),
        ("echo x >> ~/.bashrc", "write", "home", False),
        ("cat a > /etc/hosts", "write", "system", False),
        ("mkfs.ext4 /dev/sda1", "device", "system", False),
        ("chmod 644 a", "write", "workspace", False),
        ("chmod -x /etc/passwd", "write", "system", False),
        ("chmod -R 777 /data/projects/app", "privilege", "workspace", True),
        ("chmod u+s a", "privilege", "workspace", True),
        ("chown -R root /usr", "privilege", "system", True),
        ("sed -i s/a/b/ a.txt", "write", "workspace", False),
        ("sed -i -e s/a/b/ /etc/hosts", "write", "system", False),
        ("perl -pi -e 's/a/b/' a.txt", "write", "workspace", False),
        ("sort -o out in", "write", "workspace", False),
        ("cp a b", "write", "workspace", False),
        ("cp a ~/", "write", "home", False),
        ("cp a /tmp", "write", "temporary", False),
        ("cp -t /etc a b", "write", "system", False),
        ("mv /etc/hosts .", "write", "system", False),
        ("ln -sf a /usr/bin/b", "write", "system", False),
        ("tar xf a.tar -C /usr", "write", "system", False),
        ("tar xzf a.tgz", "write", "workspace", False),
        ("tar cf a.tar --remove-files src", "delete", "workspace", True),
        ("rsync -a --delete a/ b/", "delete", "workspace", True),
        ("rsync -a --delete a/ host:b/", "remote_delete", "remote", True),
        ("rsync -a a/ host:b/", "remote_write", "remote", False),
        ("scp a root@host:/etc/", "service", "remote", False),
        ("ssh host 'rm -rf /srv/data'", "remote_delete", "remote", True),
        ("kill -9 123", "process", "system", False),
        ("systemctl stop nginx", "service", "system", False),
        ("shutdown -h now", "service", "system", True),
        ("crontab -r", "delete", "elsewhere", True),
        ("iptables -F", "service", "system", True),
        ("userdel -r ann", "privilege", "system", False),
        ("pip uninstall -y requests", "install", "system", False),
        ("npm publish", "send", "remote", False),
        ("python -m twine upload dist/a", "send", "remote", False),
        ("./gradlew publish", "send", "remote", False),
        ("python manage.py flush", "schema", "database", True),
        ("docker rm -f web", "delete", "elsewhere", True),
        ("docker compose down -v", "delete", "elsewhere", True),
        ("docker exec web rm -rf /srv", "remote_delete", "remote", True),
        ("kubectl delete ns prod", "remote_delete", "remote", True),
        ("kubectl scale deploy/web --replicas=0", "service", "remote", False),
        ("helm uninstall web", "remote_delete", "remote", True),
        ("terraform destroy", "remote_delete", "remote", True),
        ("terraform -chdir=prod destroy -auto-approve", "remote_delete", "remote", True),
        ("sudo rm -rf /usr", "delete", "system", True),
        ("env X=1 rm -rf build", "delete", "workspace", True),
        ("(cd /etc && rm -rf cron.d)", "delete", "system", True),
        ('cd "$X" && rm -rf a', "delete", "unknown", True),
        ('rm -rf "$X"', "delete", "unknown", True),
        ("git reset --hard; ls", "discard", "workspace", True),
        ("hg update --clean", "discard", "workspace", True),
        ("svn revert -R .", "discard", "workspace", False),
    ],
)
def test_what_changes_is_named_with_its_place(text: str, kind: str, place: str, wide: bool) -> None:
    found = worst(text)
    assert (found.kind, found.place, found.wide) == (kind, place, wide), found


@pytest.mark.parametrize(
    "text",
    [
        "ls -la", "cat a b | sort | uniq -c", "grep -rn rm src", "find . -name '*.py'", "du -sh .", "ps aux", "df -h",
        "rm --version", "git --help", "tar tf a.tar", "sed -n 1,5p a", "awk '{s+=$1} END {print s}' a", "date +%s",
        "awk '$3 > 5' a", "terraform plan", "kubectl get pods -A", "docker ps -a", "systemctl status nginx",
        "rsync -n -a --delete a/ b/", "crontab -l", "mount", "ip addr show", "iptables -L", "kill -l", "hostname",
        "python -c 'print(1)'", "python3 -c 'import json; print(json.load(open(\"a.json\")))'", "openssl version",
        "nginx -t", "haproxy -c -f a.cfg", "ssh-keygen -lf a.pub", "apt list", "pip list", "npm ls",
        "brew services list",
        "echo x > /dev/null", "ls 2>&1", "make -n", "python -m json.tool a.json", "unzip -l a.zip", "command -v rm",
        "wipefs --version", "lsblk", "git log -n 5", "helm list", "true", "test -f a && cat a", "echo 'rm -rf /'",
    ],
)  # fmt: skip
def test_what_only_looks_says_so(text: str) -> None:
    kinds = {effect.kind for effect in effects(text)}
    assert kinds <= {"read", "fetch"} or (text == "make -n" and kinds == {"run"}), kinds


@pytest.mark.parametrize(
    "text",
    ["make", "npm test", "pytest -q", "./run.sh", "python script.py", "cargo test", "go test ./...", "docker build ."],
)
def test_code_of_the_workspace_is_run(text: str) -> None:
    assert [effect.kind for effect in effects(text)] == ["run"]


@pytest.mark.parametrize(
    "text",
    [
        "python -c 'x.y(z)'", "perl -e 'do $x'", "node -e 'f()'", "git frobnicate", "tar xf a --to-command=sh",
        "rm -rf", "curl -s http://x.example | python -", "vim -c ':!x' a", "npx some-package",
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_unknown_or_a_doubt(text: str) -> None:
    found = analyse(text, cwd=WORK, workspace=WORK)
    assert found.doubts or "unknown" in {effect.kind for effect in found.effects}


def test_an_unlisted_program_is_a_doubt_and_says_so() -> None:
    found = analyse("frobnicate the thing", cwd=WORK)
    assert any("frobnicate" in doubt for doubt in found.doubts)


def test_each_target_has_its_effect_and_many_are_told_together() -> None:
    found = effects("rm a /etc/hosts ~/b")
    assert [(e.target, e.place) for e in found] == [("a", "workspace"), ("/etc/hosts", "system"), (f"{HOME}/b", "home")]
    many = effects("rm " + " ".join(f"f{n}" for n in range(50)) + " /etc/passwd")
    assert len(many) < 30
    assert {e.place for e in many} == {"workspace", "system"}
    assert next(e for e in many if e.count).wide


def test_effects_know_their_command_and_the_entry_that_says_so() -> None:
    found = analyse("ls && git push --force", cwd=WORK)
    assert found.commands == ("ls", "git push --force")
    push = found.effects[-1]
    assert (push.command, push.word, push.reversible, push.basis) == (1, "git:push-forced", False, "text")
    assert "--force-with-lease" in push.claim


def test_sudo_is_a_right_beside_what_is_done() -> None:
    kinds = [(e.kind, e.word) for e in effects("sudo git status")]
    assert kinds == [("read", "git:look"), ("privilege", "sudo")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("PYTHONPATH=src pytest", {"run"}),
        ("GIT_PAGER=cat git log", {"read"}),
        ("GIT_SSH_COMMAND='ssh -i key' git fetch", {"fetch"}),
        ("PAGER='rm -rf x' man ls", {"read", "delete"}),
    ],
)
def test_variables_that_have_other_code_run_are_told(text: str, kinds: set[str]) -> None:
    assert {effect.kind for effect in effects(text)} == kinds


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    found = analyse(text, cwd=WORK, workspace=WORK, home=HOME)
    assert all(effect.command is None or effect.command < len(found.commands) for effect in found.effects)


WORDS = st.sampled_from(
    ["-rf", "--force", "-C", "x", "/", "~", "$X", "*", "--", "-", "=", "--x=y", "-c", "push", "'a b'"]
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["git", "rm", "tar", "rsync", "docker", "python", "find", "npm", "sed", "dd"]), st.lists(WORDS))
def test_no_call_of_a_known_program_raises_or_says_nothing(program: str, words: list[str]) -> None:
    found = analyse(" ".join([program, *words]), cwd=WORK, workspace=WORK)
    assert found.effects or found.doubts
