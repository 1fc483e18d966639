"""The rules that hold where no file says otherwise. "deny" is for what nobody sane wants an agent to do, "ask" for the
rest that needs a person. The first that matches an effect decides; each is named, so that `--explain` can say which.
"""

from __future__ import annotations

from revet.effects.rules import WITH_RIGHTS, Decision, Rule

__all__ = ["DEFAULTS", "KEY_FILES", "WATCHED"]

WATCHED = (
    "revet.toml",
    ".claude/**",
    ".cursor/**",
    ".mcp.json",
    ".git/hooks/**",
    ".envrc",
    "~/.config/revet/**",
    "~/.claude/**",
    "~/.claude.json",
    "~/.ssh/**",
    "~/.gnupg/**",
    "~/.aws/**",
    "~/.kube/**",
    "~/.netrc",
    "~/.pypirc",
    "~/.npmrc",
    "~/.gitconfig",
    "~/.config/git/**",
    "~/.config/systemd/**",
    "~/.config/autostart/**",
    "~/.bashrc",
    "~/.bash_profile",
    "~/.bash_logout",
    "~/.profile",
    "~/.zshrc",
    "~/.zshenv",
    "~/.zprofile",
    "~/.config/fish/**",
)
"""What decides what runs later, or what this gate says: a change of it is asked about wherever it lies."""

KEY_FILES = (
    "/etc/passwd*",
    "/etc/shadow*",
    "/etc/group*",
    "/etc/gshadow*",
    "/etc/sudoers*",
    "/etc/sudoers.d/**",
    "/etc/pam.d/**",
    "/etc/security/**",
    "/etc/ssh/**",
    "/etc/cron*",
    "/etc/cron*/**",
    "/etc/ld.so*",
    "/etc/profile*",
    "/etc/profile.d/**",
    "/etc/systemd/**",
    "/etc/init*/**",
    "/etc/rc*/**",
    "/etc/fstab",
    "/var/spool/cron/**",
    "/boot/**",
    "/bin/**",
    "/sbin/**",
    "/lib*/**",
    "/usr/**",
    "/proc/**",
    "/sys/**",
)
"""Files of the system that a goal may name, and that are asked about all the same."""

_CHANGES = ("create", "write", "delete", "discard", "privilege")
_NEAR = ("workspace", "temporary")
_FAR = ("home", "elsewhere", "unknown")
_FILES = (*_NEAR, *_FAR)


def _rule(
    name: str,
    decision: Decision,
    effect: str | tuple[str, ...] = (),
    place: str | tuple[str, ...] = (),
    *,
    path: tuple[str, ...] = (),
    reason: str = "",
    wide: bool | None = None,
    reversible: bool | None = None,
    requested: bool | None = None,
    basis: str | None = None,
    word: tuple[str, ...] = (),
    looking: bool | None = None,
    there: bool = False,
    at_most: int | None = None,
    guard: bool = False,
) -> Rule:
    return Rule(
        decision=decision,
        effect=(effect,) if isinstance(effect, str) else effect,
        place=(place,) if isinstance(place, str) else place,
        path=path,
        reason=reason,
        wide=wide,
        reversible=reversible,
        requested=requested,
        basis=basis,
        word=word,
        looking=looking,
        there=there,
        at_most=at_most,
        guard=guard,
        source=f"defaults: {name}",
    )


DEFAULTS: tuple[Rule, ...] = (
    # Guards: a rule of a file lifts them only by naming the path.
    _rule(
        "system-whole",
        "deny",
        ("delete", "write", "discard", "privilege"),
        "system",
        wide=True,
        guard=True,
        reason="it would take the system, or a whole home folder, with it",
    ),
    _rule(
        "raw-device",
        "deny",
        "device",
        reversible=False,
        guard=True,
        reason="what is on a device or file system is lost as a whole",
    ),
    # What decides what runs later.
    _rule(
        "watched-files",
        "ask",
        _CHANGES,
        path=WATCHED,
        there=True,
        reason="the file decides what is run or allowed later",
    ),
    _rule(
        "git-records",
        "ask",
        _CHANGES,
        path=(".git/**",),
        there=True,
        basis="text",
        reason="only git should change its own records",
    ),
    _rule(
        "asked-for-key-files",
        "ask",
        ("create", "write", "delete", "discard"),
        "system",
        path=KEY_FILES,
        requested=True,
        reason="it decides who may do what on this machine, or what runs on it",
    ),
    _rule("asked-for-system", "allow", ("create", "write"), "system", wide=False, requested=True),
    _rule(
        "system-files",
        "deny",
        ("delete", "write", "create", "discard"),
        "system",
        reason="the operating system's own files are not an agent's to change",
    ),
    # Looking.
    _rule("looking", "allow", ("read", "fetch")),
    # What the goal asks for, as long as it is files or rows.
    _rule("asked-for", "allow", ("create", "write", "delete", "run", "schema"), (*_FILES, "database"), requested=True),
    _rule("asked-for-rights", "allow", "privilege", _FILES, requested=True),
    # Making and changing.
    _rule("making-near", "allow", ("create", "write"), _NEAR),
    _rule("making-new", "allow", "create", _FAR),
    _rule("writing-far", "ask", "write", _FAR, reason="it lies outside the workspace"),
    _rule("running-near", "allow", "run", (*_NEAR, "system", "remote", "database")),
    _rule("running-far", "ask", "run", reason="the code lies outside the workspace"),
    # Deleting.
    _rule("deleting-temporary", "allow", "delete", "temporary"),
    _rule("deleting-restorable", "allow", "delete", "workspace", wide=False, reversible=True),
    _rule("deleting-empty", "allow", "delete", _NEAR, word=("rmdir:empty",)),
    _rule("deleting-few", "allow", "delete", "workspace", wide=False, reversible=False, at_most=10),
    _rule(
        "deleting-many",
        "ask",
        "delete",
        "workspace",
        reason="it may delete many files that nothing brings back",
    ),
    _rule("deleting-far", "ask", "delete", _FAR, reason="it lies outside the workspace"),
    _rule("discarding", "ask", "discard", reason="uncommitted work or history would be lost"),
    # Databases.
    _rule("rows-new", "allow", "create", "database"),
    _rule("rows-all", "ask", ("write", "delete"), "database", wide=True, reason="it concerns all rows, or any number"),
    _rule("rows-some", "allow", ("write", "delete"), "database", at_most=100),
    _rule("rows-many", "ask", ("write", "delete"), "database", reason="it concerns many rows"),
    _rule("shape-kept", "allow", "schema", reversible=True),
    _rule("shape", "ask", ("schema", "lock", "style"), reason="it changes a schema, or keeps others waiting"),
    # Beyond this machine.
    _rule("remote-making", "allow", ("remote_create", "remote_write")),
    _rule("remote-deleting", "ask", "remote_delete", reason="what is deleted elsewhere does not come back by itself"),
    _rule("sending", "ask", "send", reason="it reaches people or money"),
    _rule("leaking", "ask", "leak", reason="secrets or local data would be shown or sent"),
    # The machine. What the project declares somebody has decided on; what a goal names, somebody asks for.
    _rule("installing-declared", "allow", "install", "workspace", reversible=True),
    _rule("asked-for-install", "allow", "install", "workspace", requested=True),
    _rule("installing", "ask", "install", reason="it changes what is installed, and runs code of others"),
    _rule("services", "ask", "service", reason="others depend on it"),
    _rule("processes", "ask", "process", reason="running work would be ended"),
    _rule("looking-with-rights", "allow", "privilege", word=(WITH_RIGHTS,), looking=True),
    _rule("rights-near", "allow", "privilege", _NEAR, wide=False),
    _rule("rights", "ask", "privilege", reason="it gives more rights, or takes them"),
    _rule("devices", "ask", "device", reason="it changes devices or file systems"),
    _rule("unknown", "ask", "unknown"),
)
