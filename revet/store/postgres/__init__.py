"""What is remembered, in PostgreSQL, for many processes on many machines: everything in the schema ``revet`` of one
database. Needs the extra ``postgres``.
"""

from revet.errors import MissingDependency

try:
    from revet.store.postgres.connection import Postgres, options
    from revet.store.postgres.migrations import MIGRATIONS, SCHEMA
    from revet.store.postgres.telling import telling
    from revet.store.postgres.text import escaped, unescaped
except ImportError as error:
    raise MissingDependency(
        f"a store in PostgreSQL needs a package that is missing: {error}", hint="pip install 'revet[postgres]'"
    ) from error

__all__ = ["MIGRATIONS", "SCHEMA", "Postgres", "escaped", "options", "telling", "unescaped"]
