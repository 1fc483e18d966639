"""``python -m revet`` is the command line."""

from revet.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
