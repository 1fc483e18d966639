"""``python -m revet`` and the `revet` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """The command line. ``revet gate`` is answered without loading the rest: a hook is a process for each action."""
    if sys.argv[1:2] == ["gate"]:
        from revet.gate.command import main as gate

        sys.exit(gate(sys.argv[2:]))
    from revet.cli import main as cli

    cli()


if __name__ == "__main__":
    main()
