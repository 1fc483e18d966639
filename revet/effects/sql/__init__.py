"""SQL: what a text would do to a database and beyond it, and whether it is a good migration."""

from revet.effects.sql.analyse import analyse
from revet.effects.sql.lex import Dialect, Statement, Token, dialect_of, lex, split

__all__ = ["Dialect", "Statement", "Token", "analyse", "dialect_of", "lex", "split"]
