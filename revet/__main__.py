"""``python -m revet`` and the `revet` command."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """The command line."""
    from revet.cli import main as cli

    cli()


if __name__ == "__main__":
    main()
