"""What goes wrong with a database, told as a `StoreError`: who cannot get in where, and what to do; no password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import conninfo, pq

from revet.errors import InputError, StoreError
from revet.store.place import VARIABLE, from_environment, shown_url

__all__ = ["telling", "unusable_url"]

START = "sudo apt-get install postgresql (Debian), or docker run -e POSTGRES_PASSWORD=… -p 5432:5432 postgres"

# What servers and the client library say where no connection comes about (there is no code for it then).
_CONNECTING = (
    (
        r"password authentication failed|no password supplied",
        "the password of user {user} is missing or wrong",
        "put it into ~/.pgpass (HOST:PORT:NAME:USER:PASSWORD, mode 600) or the variable PGPASSWORD",
    ),
    (
        r'database ".*" does not exist',
        "there is no database {dbname} there",
        "make it: createdb -E UTF8 {dbname}",
    ),
    (
        r'role ".*" does not exist|authentication failed',
        "the server does not let user {user} in",
        "make the user (createuser {user}) or name another one; pg_hba.conf of the server says who may come from where",
    ),
    (
        r"no pg_hba.conf entry|pg_hba.conf rejects",
        "the server lets nobody in as user {user} to database {dbname} from this machine",
        "add a line for them to pg_hba.conf of the server",
    ),
    (
        r"too many clients|remaining connection slots|too many connections",
        "all its connections are taken",
        "raise max_connections in postgresql.conf, or run fewer processes: each takes up to 5",
    ),
    (
        r"could not translate host name|Name or service not known|failed to resolve host|nodename nor servname"
        r"|Temporary failure in name resolution|No address associated",
        "no machine is known by that name",
        "look for a slip in the host's name",
    ),
    (
        r"invalid response to SSL negotiation|expected authentication request",
        "what answers there is no PostgreSQL server",
        "look for a slip in the host and the port",
    ),
    (
        r"Connection refused|No such file or directory|timeout expired|No route to host|unreachable|timed out",
        "no server answers there",
        f"start one: {START}",
    ),
)

_NO_SCHEMA = "as the database's owner: GRANT CREATE, CONNECT ON DATABASE {dbname} TO {user}"
_NO_TABLE = (
    "as the owner of the schema: GRANT USAGE ON SCHEMA revet TO {user};"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA revet TO {user}"
)


def unusable_url(url: str) -> InputError:
    """What to say of a URL that cannot be read. What is wrong with it is not quoted: it may be the password."""
    return InputError(
        f"the URL of the store cannot be read: {shown_url(url)}",
        hint="write postgresql://USER@HOST:PORT/NAME; special characters in a part of it are written as %XX",
    )


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Errors of the database at `url` inside, told as `StoreError`."""
    try:
        yield
    except psycopg.Error as error:
        raise told(error, url) from error


def told(error: psycopg.Error, url: str) -> StoreError:
    """The error, for people."""
    if error.sqlstate == "42501":
        return _error(
            url, f"it refuses: {_first_line(error)}", _NO_SCHEMA if "for database" in str(error) else _NO_TABLE
        )
    if error.sqlstate == "25006":
        return _error(url, _first_line(error), "name the server that takes writes, not one that follows it")
    if error.sqlstate is None or error.sqlstate.startswith(("08", "28", "3D", "53", "57P")):
        for pattern, problem, hint in _CONNECTING:
            if re.search(pattern, str(error), re.IGNORECASE):
                return _error(url, problem, hint)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _error(url, _first_line(error), "look at the server and its log; nothing that was kept is lost")
    return _error(url, _first_line(error), "if somebody changed the schema `revet` by hand, put it back as it was")


def _error(url: str, problem: str, hint: str) -> StoreError:
    names = _names(url)
    came = f" ({VARIABLE} names it)" if from_environment(url) else ""
    said, what = problem.format_map(names), hint.format_map(names)
    return StoreError(f"the store {shown_url(url)} cannot be used: {said} ({where(names)})", hint=f"{what}{came}")


def where(names: dict[str, str]) -> str:
    host = f"socket in {names['host']}" if names["host"].startswith("/") else f"host {names['host']}"
    return f"{host}, port {names['port']}, database {names['dbname']}, user {names['user']}"


def _names(url: str) -> dict[str, str]:
    """Host, port, database and user, as the client library takes them from the URL and the environment."""
    known = {each.keyword.decode(): (each.val or each.compiled or b"").decode() for each in pq.Conninfo.get_defaults()}
    known |= {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items() if value}
    user, host = known["user"], known["host"] or known["hostaddr"] or "/var/run/postgresql"
    return {"host": host, "port": known["port"], "user": user, "dbname": known["dbname"] or user}


def _first_line(error: Exception) -> str:
    """What the server says, in one line. Braces are doubled: the line goes into a form that is filled in."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).replace("{", "{{").replace("}", "}}")
