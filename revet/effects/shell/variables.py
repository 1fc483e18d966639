"""Variables whose value is code, or decides which code is run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from revet.effects.shell.model import Word

if TYPE_CHECKING:
    from revet.effects.shell.walk import Context, Walker

__all__ = ["check_variable"]

_COMMANDS = frozenset(
    [
        "BROWSER",
        "CVS_RSH",
        "EDITOR",
        "FCEDIT",
        "FZF_DEFAULT_COMMAND",
        "GIT_ASKPASS",
        "GIT_EDITOR",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_PROXY_COMMAND",
        "GIT_SEQUENCE_EDITOR",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "HGEDITOR",
        "KUBE_EDITOR",
        "LESSCLOSE",
        "LESSOPEN",
        "MANPAGER",
        "PAGER",
        "PROMPT_COMMAND",
        "PSQL_EDITOR",
        "PSQL_PAGER",
        "RSYNC_RSH",
        "RUSTC_WRAPPER",
        "SSH_ASKPASS",
        "SUDO_ASKPASS",
        "SUDO_EDITOR",
        "SVN_EDITOR",
        "SVN_SSH",
        "SYSTEMD_EDITOR",
        "SYSTEMD_PAGER",
        "VISUAL",
    ]
)
"""Read by programs as a command line."""

_COMPILERS = frozenset({"AR", "AS", "CC", "CXX", "CPP", "FC", "LD", "MAKE", "SHELL"})
_LOADERS = frozenset(
    [
        "BASH_ENV",
        "DYLD_INSERT_LIBRARIES",
        "GCONV_PATH",
        "GIT_EXEC_PATH",
        "LD_AUDIT",
        "LD_PRELOAD",
        "PERL5DB",
        "PYTHONSTARTUP",
        "SHELLOPTS",
        "BASHOPTS",
        "npm_config_script_shell",
        "ZDOTDIR",
    ]
)
"""Make a program load or run a file before anything else."""

_OPTIONS = {
    "ENV": re.compile(r"[/$]"),
    "GIT_CONFIG_GLOBAL": re.compile(r"^(?!/dev/null$)."),
    "GIT_CONFIG_PARAMETERS": re.compile("."),
    "GIT_CONFIG_SYSTEM": re.compile(r"^(?!/dev/null$)."),
    "JAVA_TOOL_OPTIONS": re.compile("agent"),
    "MAKEFLAGS": re.compile("eval|SHELL|-f"),
    "NODE_OPTIONS": re.compile("require|import|loader|-r"),
    "PERL5OPT": re.compile("-[dMm]"),
    "RUBYOPT": re.compile("-[re]"),
    "HISTFILE": re.compile(r"^(?:/dev/null)?$"),
    "HISTFILESIZE": re.compile("^0*$"),
    "HISTSIZE": re.compile("^0*$"),
    "TAR_OPTIONS": re.compile("checkpoint|command|program|-I|rmt|rsh"),
}
_PROMPTS = frozenset({"PS0", "PS1", "PS2", "PS3", "PS4"})
_HARMLESS = re.compile(
    r"(?:/usr/bin/|/bin/)?(?:|:|true|cat|less|more|most|bat|delta|ssh|vim?|nvim|nano|emacs|code|ed|w3m|lynx|firefox|sccache)"
    r"(?: (?:-[A-Za-z]+|--wait|--plain|-i [\w~./-]+|-o (?:StrictHostKeyChecking|UserKnownHostsFile|BatchMode"
    r"|ConnectTimeout|IdentitiesOnly|LogLevel)=\S+))*"
)
_USUAL_FOLDERS = re.compile(
    r"/usr(/local|/[\w.-]+)?(/s?bin|/games)?|/s?bin|/opt/.+|/snap/bin|/home/linuxbrew/.+|/Applications/.+|/Library/.+"
    r"|(.*/)?(node_modules/\.bin|\.?venv/bin|\.?env/bin|\.local/bin|\.cargo/bin|go/bin|\.bun/bin|\.deno/bin|\.pyenv/.+"
    r"|\.rbenv/.+|\.nvm/.+|\.asdf/.+|\.npm-global/bin|\.yarn/bin|\.dotnet.*|google-cloud-sdk/bin|flutter/bin|vendor/bin)"
)


def check_variable(walker: Walker, name: str, value: Word, context: Context) -> None:
    """Follows the code in the value of a variable, or doubts where that cannot be done."""
    if name in _PROMPTS:
        if value.known:
            walker.expander(context).prompt(value.text)
        else:
            walker.state.suspect(f"{name} is set to a text that cannot be told, and commands in it are run.")
    elif name in _COMMANDS or (name in _COMPILERS and " " in value.text):
        if not value.known:
            walker.state.suspect(f"{name} is set to a command that cannot be told.")
        elif not _HARMLESS.fullmatch(value.text):
            inner = replace(context, conditional=True, via=(*context.via, name), stdin=None, piped_from=None)
            with walker.within(walker.state.copy()):
                walker.script(value.text.lstrip("|-"), inner)
    elif (name in _LOADERS and value.text) or (
        name in _OPTIONS and (not value.known or _OPTIONS[name].search(value.text))
    ):
        walker.state.suspect(f"{name} makes programs load or run what it names.")
    elif name.startswith("TF_CLI_ARGS") and (not value.known or re.search("destroy|auto-approve|force", value.text)):
        walker.state.suspect(f"{name} adds options that destroy, or that ask nothing.")
    elif name.startswith(("GIT_CONFIG_VALUE_", "GIT_CONFIG_KEY_", "BASH_FUNC_")):
        walker.state.suspect(f"{name} configures code that is run.")
    elif name == "PATH":
        _check_path(walker, value.text)


def _check_path(walker: Walker, path: str) -> None:
    """Folders before the usual ones may hold programs of the usual names."""
    folders = path.split(":")
    for folder in folders:
        if folder in ("$PATH", "${PATH}", "/usr/bin", "/bin"):
            return
        below = re.sub(r"^(\$HOME|\$\{HOME\}|~)(?=/)", "", folder)
        home = walker.state.home
        if below != folder or (home and folder.startswith(home + "/")):
            continue
        if not _USUAL_FOLDERS.fullmatch(folder):
            walker.state.suspect(f"PATH is changed so that programs come from “{folder}” first.")
            return
