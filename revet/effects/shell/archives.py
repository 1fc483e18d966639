"""tar: what it does is told by its mode (-x, -c, -t …), and where by -C and -f."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from revet.effects.model import Effect
from revet.effects.shell.call import Call
from revet.effects.shell.model import Word

__all__ = ["examine"]

_RUNS = (
    "--to-command",
    "--checkpoint-action",
    "-I",
    "--use-compress-program",
    "-F",
    "--info-script",
    "--new-volume-script",
    "--rsh-command",
)
_PACKERS = re.compile(
    r"^(?:.*/)?(?:p?g?un)?(?:gzip|pigz|bzip2|pbzip2|lbzip2|xz|pixz|zstdmt|zstd|pzstd|lz4|lzma|lzop|brotli|compress|lzip)(?:\s+-[\w=-]+)*$"
)


def examine(call: Call) -> Sequence[Effect] | None:
    """None where only the table's default, a look at the archive, is left."""
    for option in call.find(*_RUNS):
        value = option.value.text if option.value is not None else ""
        harmless = (
            _PACKERS.match(value) or value in ("dot", "bell", "ttyout") or value.startswith(("echo", "dot", "ttyout"))
        )
        if not harmless:
            return (call.effect("unknown", "has tar run {target}", option.value, id="program"),)
    archive = call.value("-f", "--file")
    folder = call.value("-C", "--directory")
    if call.has("-x", "--extract", "--get"):
        if call.has("-O", "--to-stdout"):
            return None
        target = folder if folder is not None else Word(".")
        wide = call.has("-P", "--absolute-names", "--recursive-unlink", "--unlink-first")
        claim = "unpacks into {target}" + (", or wherever the archive says" if wide else "")
        effect = call.effect("write", claim, target, wide=wide, id="extract")
        return (replace(effect, place="unknown") if call.has("-P", "--absolute-names") else effect,)
    if call.has("--delete"):
        return (call.effect("write", "deletes entries of {target}", archive, reversible=False, id="delete"),)
    if call.has("-c", "-r", "-u", "-A", "--create", "--append", "--update", "--catenate", "--concatenate"):
        found: list[Effect] = []
        if call.has("--remove-files"):
            found += [
                call.effect("delete", "packs {target} and deletes it", word, wide=True, id="forced")
                for word in call.operands
            ]
        if archive is not None and archive.text != "-":
            remote = re.match(r"^[\w.@-]+:", archive.text) is not None and not call.has("--force-local")
            found.append(
                call.effect("remote_write" if remote else "write", "writes the archive {target}", archive, id="create")
            )
        return found or (
            call.effect("read", "packs {target}", call.operands[0] if call.operands else None, id="create"),
        )
    return None
