"""Programs that run another program named in their own words: where, after their options, that program stands.

From the manual pages of sudo 1.9, doas, coreutils 9, util-linux 2.38, strace 6, systemd 252, and of the named tools.
"""

from __future__ import annotations

from dataclasses import dataclass

from revet.effects.shell.model import Word

__all__ = ["PREFIXES", "SUBCOMMANDS", "Prefix", "after_option", "operand", "option_values"]


@dataclass(frozen=True, slots=True)
class Prefix:
    """`short` and `long` are the options that take a value in the next word. `skip` operands come before the program.
    `keep`: the wrapper has an effect of its own and stays an invocation. `remote`: the program runs elsewhere.
    `dashes`: the program comes after ``--`` only. `assignments`: ``name=value`` may stand before it."""

    short: str = ""
    long: str = ""
    skip: int = 0
    keep: bool = False
    remote: bool = False
    dashes: bool = False
    assignments: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.long.split())


_PLAIN = Prefix()
_CONTAINER = (
    "add-host annotation attach blkio-weight cap-add cap-drop cgroup-parent cidfile cpu-period cpu-quota cpu-shares "
    "cpus cpuset-cpus cpuset-mems detach-keys device dns entrypoint env env-file expose gpus group-add health-cmd "
    "hostname index ip ipc label label-file link log-driver log-opt mac-address memory memory-swap mount name net "
    "network network-alias pid pids-limit platform profile project-name publish pull restart runtime security-opt "
    "shm-size stop-signal stop-timeout storage-opt sysctl tmpfs ulimit user userns uts volume volume-driver "
    "volumes-from workdir file project-directory"
)
_KUBE = "namespace container context kubeconfig filename cluster user as server token"

PREFIXES: dict[str, Prefix] = {
    "sudo": Prefix(
        "ugpCDhrtTUR",
        "user group prompt close-from chdir host role type command-timeout other-user chroot",
        assignments=True,
    ),
    "doas": Prefix("uCa", assignments=True),
    "dzdo": Prefix("ugp", assignments=True),
    "run0": Prefix("uDM", "user group unit slice nice chdir setenv property machine"),
    "pkexec": Prefix("", "user"),
    "nice": Prefix("n", "adjustment"),
    "nohup": _PLAIN,
    "timeout": Prefix("ks", "kill-after signal", skip=1),
    "gtimeout": Prefix("ks", "kill-after signal", skip=1),
    "stdbuf": Prefix("ioe", "input output error"),
    "setsid": _PLAIN,
    "time": Prefix("fo", "format output"),
    "gtime": Prefix("fo", "format output"),
    "ionice": Prefix("cnpPu", "class classdata pid pgid uid"),
    "chrt": Prefix("TPDp", "sched-runtime sched-period sched-deadline pid", skip=1),
    "taskset": Prefix("", "", skip=1),
    "chroot": Prefix("", "userspec groups", skip=1),
    "unshare": Prefix("SGRw", "setuid setgid root wd map-user map-group propagation setgroups"),
    "nsenter": Prefix("tSG", "target setuid setgid"),
    "strace": Prefix("eopPsSuUabIOXE", "trace output attach user env"),
    "ltrace": Prefix("eopsSuanlDAFwx", ""),
    "setarch": Prefix("", "", skip=1),
    "linux32": _PLAIN,
    "linux64": _PLAIN,
    "setpriv": Prefix("", "reuid regid groups ruid euid rgid egid inh-caps ambient-caps bounding-set securebits"),
    "prlimit": Prefix("po", "pid output"),
    "numactl": Prefix("impNC", "interleave membind preferred cpunodebind physcpubind"),
    "systemd-run": Prefix("upEHM", "unit property setenv host machine slice description uid gid nice service-type"),
    "systemd-inhibit": Prefix("", "what who why mode"),
    "systemd-cat": Prefix("tp", "identifier priority"),
    "dbus-run-session": Prefix("", "config-file dbus-daemon"),
    "dbus-launch": _PLAIN,
    "xvfb-run": Prefix("nsefpw", "server-num server-args error-file auth-file"),
    "fakeroot": Prefix("lsifbu", "lib faked"),
    "fakechroot": _PLAIN,
    "firejail": _PLAIN,
    "caffeinate": Prefix("tw"),
    "valgrind": _PLAIN,
    "unbuffer": _PLAIN,
    "chronic": _PLAIN,
    "torsocks": Prefix("aPup"),
    "torify": _PLAIN,
    "proxychains": Prefix("f"),
    "proxychains4": Prefix("f"),
    "rlwrap": Prefix("bCDfgHlOPqsStw"),
    "eatmydata": _PLAIN,
    "faketime": Prefix("", "", skip=1),
    "ssh-agent": Prefix("atEOP"),
    "cgexec": Prefix("g"),
    "cpulimit": Prefix("plPec", "pid limit path exe"),
    "softlimit": Prefix("acdflmnoprst"),
    "catchsegv": _PLAIN,
    "nocorrect": _PLAIN,
    "noglob": _PLAIN,
    "builtin": _PLAIN,
    "busybox": _PLAIN,
    "toybox": _PLAIN,
    "entr": _PLAIN,
    "bear": Prefix("", "output config", dashes=False),
    "c8": Prefix("rodxn", "reporter reports-dir temp-directory exclude include src lines functions branches"),
    "nyc": Prefix("rtxne", "reporter report-dir temp-dir exclude include extension require cwd"),
    "watchexec": Prefix("wefisWd", "watch exts filter ignore signal debounce delay-run workdir"),
    "npx": Prefix("pc", "package call workspace", keep=True),
    "bunx": Prefix("", "", keep=True),
    "pnpx": Prefix("", "package", keep=True),
    "uvx": Prefix("p", "from with python index-url", keep=True),
    "pipx": Prefix("", "", keep=True),
    "aws-vault": Prefix("dn", "duration region", dashes=True, keep=True),
    "gosu": Prefix("", "", skip=1),
    "su-exec": Prefix("", "", skip=1),
    "tini": Prefix("pe"),
    "dumb-init": _PLAIN,
    "catatonit": _PLAIN,
    "setlock": Prefix("", "", skip=1),
    "lockf": Prefix("t", "", skip=1),
    "with-lock-ex": Prefix("", "", skip=1),
    "dotenv": Prefix("fepcv", "file"),
    "foreman": Prefix("", "", dashes=True),
    "op": Prefix("", "", dashes=True, keep=True),
    "cross-env": Prefix("", "", assignments=True),
    "distrobox": Prefix("", "", dashes=True, keep=True),
    "wsl": Prefix("du", "distribution user cd", keep=True),
    "wsl.exe": Prefix("du", "distribution user cd", keep=True),
}

_RUN = Prefix("", "with python package project directory extra group env-file index-url", keep=False)

SUBCOMMANDS: dict[str, dict[str, Prefix]] = {
    "docker": {
        "run": Prefix("acehlmpuvw", _CONTAINER, skip=1, keep=True, remote=True),
        "exec": Prefix("euw", "detach-keys env env-file user workdir", skip=1, keep=True, remote=True),
        "create": Prefix("acehlmpuvw", _CONTAINER, skip=1, keep=True, remote=True),
    },
    "docker-compose": {
        "run": Prefix("evuwlp", _CONTAINER, skip=1, keep=True, remote=True),
        "exec": Prefix("euw", _CONTAINER, skip=1, keep=True, remote=True),
    },
    "kubectl": {
        "exec": Prefix("ncf", _KUBE, skip=1, dashes=True, keep=True, remote=True),
        "run": Prefix("nl", _KUBE + " image labels overrides restart", dashes=True, keep=True, remote=True),
        "debug": Prefix("nc", _KUBE + " image target", dashes=True, keep=True, remote=True),
    },
    "lxc": {"exec": Prefix("", "", skip=1, dashes=True, keep=True, remote=True)},
    "incus": {"exec": Prefix("", "", skip=1, dashes=True, keep=True, remote=True)},
    "multipass": {"exec": Prefix("", "", skip=1, dashes=True, keep=True, remote=True)},
    "heroku": {"run": Prefix("ar", "app remote size", keep=True, remote=True)},
    "adb": {"shell": Prefix("", "", keep=True, remote=True)},
    "perf": {
        "stat": Prefix("eoprICGxD", "event output repeat"),
        "record": Prefix("eocFmgpsC", "event output freq call-graph"),
        "trace": Prefix("eopt", "event output"),
    },
    "uv": {"run": Prefix("p", _RUN.long)},
    "poetry": {"run": _RUN},
    "pipenv": {"run": _RUN},
    "pdm": {"run": Prefix("p", "project")},
    "hatch": {"run": _PLAIN, "env": Prefix("", "", skip=1)},
    "rye": {"run": _PLAIN},
    "pixi": {"run": Prefix("e", "environment manifest-path")},
    "bundle": {"exec": _PLAIN},
    "zellij": {"run": Prefix("", "", dashes=True), "r": Prefix("", "", dashes=True)},
    "npm": {
        "explore": Prefix("", "", skip=1, dashes=True),
        "exec": Prefix("wc", "package workspace call", keep=True),
        "x": Prefix("wc", "package call", keep=True),
    },
    "pnpm": {"exec": Prefix("C", "filter dir"), "dlx": Prefix("", "package", keep=True)},
    "yarn": {"exec": _PLAIN, "dlx": Prefix("p", "package", keep=True)},
    "bun": {"x": Prefix("", "", keep=True)},
    "pipx": {"run": Prefix("", "spec python", keep=True)},
    "mise": {"exec": Prefix("", "", dashes=True), "x": Prefix("", "", dashes=True)},
    "asdf": {"exec": _PLAIN},
    "rbenv": {"exec": _PLAIN},
    "pyenv": {"exec": _PLAIN},
    "nvm": {"exec": Prefix("", "", skip=1)},
    "direnv": {"exec": Prefix("", "", skip=1)},
    "doppler": {"run": Prefix("cp", "config project token", dashes=True)},
    "infisical": {"run": Prefix("", "env path token", dashes=True)},
    "chamber": {"exec": Prefix("", "", dashes=True)},
    "teller": {"run": Prefix("", "", dashes=True)},
    "conda": {"run": Prefix("np", "name prefix cwd")},
    "mamba": {"run": Prefix("np", "name prefix cwd")},
    "micromamba": {"run": Prefix("np", "name prefix cwd")},
    "xcrun": {},
    "guix": {"shell": Prefix("", "", dashes=True), "environment": Prefix("", "", dashes=True)},
    "start-stop-daemon": {},
}
for _same, _as in (("podman", "docker"), ("nerdctl", "docker"), ("oc", "kubectl"), ("k3s", "kubectl")):
    SUBCOMMANDS[_same] = SUBCOMMANDS[_as]


def after_option(words: tuple[Word, ...], prefix: Prefix, at: int) -> int:
    """The place after the option at `at` and its value."""
    text = words[at].text
    if text.startswith("--"):
        return at + 1 + ("=" not in text and text[2:] in prefix.names)
    place = next((n for n, letter in enumerate(text[1:], 1) if letter in prefix.short), 0)
    return at + 1 + (place == len(text) - 1 and place > 0)


def operand(words: tuple[Word, ...], prefix: Prefix, start: int = 1) -> int:
    """The place of the first operand from `start` on; the number of words if there is none."""
    at = start
    while at < len(words):
        text = words[at].text
        if text == "--":
            return at + 1
        if len(text) < 2 or text[0] != "-" or not words[at].known:
            if prefix.assignments and "=" in text and text.split("=", 1)[0].isidentifier():
                at += 1
                continue
            return at
        at = after_option(words, prefix, at)
    return len(words)


def option_values(words: tuple[Word, ...], short: str, long: tuple[str, ...] = ()) -> list[Word]:
    """The values of an option, in any place: ``-o v``, ``-ov``, ``--long v``, ``--long=v``."""
    found: list[Word] = []
    for at, word in enumerate(words):
        name, equals, rest = word.text.partition("=")
        if name in long:
            if equals:
                found.append(Word(rest, word.known))
            elif at + 1 < len(words):
                found.append(words[at + 1])
        elif short and word.text.startswith("-" + short) and not word.text.startswith("--"):
            if len(word.text) > 2:
                found.append(Word(word.text[2:], word.known))
            elif at + 1 < len(words):
                found.append(words[at + 1])
    return found
