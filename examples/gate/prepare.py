"""Makes the shop's database anew, from `shop.sql`: the gate looks at it, and the tasks change it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    path = HERE / "shop" / "shop.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript((HERE / "shop.sql").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
