"""What goes wrong with a PostgreSQL store is told with who and where and what to do, and never with a password."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from revet.errors import InputError, StoreError
from revet.store import Store
from revet.store.postgres import Postgres
from revet.store.postgres import connection as connections
from tests.report.samples import committed
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for is not waited for long."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 2)
    for name in ("REVET_STORE", "PGPASSWORD", "PGHOST", "PGUSER"):
        monkeypatch.delenv(name, raising=False)


def refused(url: str) -> str:
    """What is said, by reading and by writing."""
    said = []
    for use in (Store(url).rows, Store(url).prepare, lambda: Store(url).save(committed())):
        with pytest.raises(StoreError) as error:
            use()
        said.append(str(error.value))
    assert len(set(said)) == 1, said
    assert "secret" not in said[0]
    return said[0]


def test_no_server_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgresql://ann:secret@127.0.0.1:{port}/runs"
    told = refused(url)
    assert f"the store postgresql://ann@127.0.0.1:{port}/runs cannot be used: no server answers there" in told
    assert f"(host 127.0.0.1, port {port}, database runs, user ann)" in told
    assert "apt-get install postgresql" in told and "docker run" in told
    assert "REVET_STORE" not in told
    monkeypatch.setenv("REVET_STORE", url)
    assert "(REVET_STORE names it)" in refused(url)
    assert "no server answers there (socket in /nowhere, port 5432" in refused("postgresql:///runs?host=/nowhere")


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://ann@127.0.0.1:{silent.getsockname()[1]}/runs"
        with pytest.raises(StoreError, match="no server answers there"):
            Store(url).rows()


def test_a_server_of_something_else() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            asking, _ = other.accept()
            with asking:
                asking.recv(100)
                asking.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(StoreError, match=r"answers there is no PostgreSQL server[\s\S]*the port"):
            Store(f"postgresql://ann@127.0.0.1:{other.getsockname()[1]}/runs").rows()
        answering.join()


def test_no_such_host_database_or_user(postgres: str) -> None:
    assert "no machine is known by that name" in refused("postgresql://ann@nohost.invalid/runs")
    told = refused(postgres.replace("/postgres?", "/nix?"))
    assert "no database nix there" in told and "createdb -E UTF8 nix" in told
    told = refused(postgres.replace("//revet@", "//eve:secret@"))
    assert "does not let user eve in" in told and "createuser eve" in told


def test_a_url_that_cannot_be_read() -> None:
    for url in ("postgresql://ann:secret%zz@host/db", "postgresql://ann@host/db?nonsense=secret"):
        with pytest.raises(InputError, match=r"cannot be read: postgresql://ann@host[\s\S]*%XX") as error:
            Store(url).prepare()
        assert "secret" not in str(error.value)


@pytest.mark.parametrize("password", ["se@cret", "se/cret", "se?cret", "se%decret", "se%zzcret"])
def test_a_password_that_is_not_escaped(password: str) -> None:
    with pytest.raises(InputError, match="%XX") as error:
        Store(f"postgresql://ann:{password}@localhost:1/db").prepare()
    assert "se" not in str(error.value).replace("database", "").partition("store cannot be read: ")[2].partition("→")[0]
    assert "cret" not in str(error.value)


@pytest.fixture
def guarded(postgres: str, database: str) -> Iterator[str]:
    """A database that asks for the password of its user ``ann``; its URL, without it."""
    there = conninfo.conninfo_to_dict(database)
    file = Path(str(there["host"])) / "data" / "pg_hba.conf"
    before = file.read_text()
    file.write_text(f"local {there['dbname']} ann scram-sha-256\nlocal {there['dbname']} bob reject\n{before}")
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("CREATE ROLE ann LOGIN PASSWORD 'secret'")
        db.execute("CREATE ROLE bob LOGIN")
        db.execute("SELECT pg_reload_conf()")
        yield database.replace("//revet@", "//ann@")
        db.execute(f"DROP DATABASE {there['dbname']} WITH (FORCE)".encode())
        db.execute(f"CREATE DATABASE {there['dbname']}".encode())
        db.execute("DROP ROLE ann")
        db.execute("DROP ROLE bob")
        file.write_text(before)
        db.execute("SELECT pg_reload_conf()")


def test_passwords_and_rights(guarded: str, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (guarded, guarded.replace("//ann@", "//ann:secretly@")):
        told = refused(url)
        assert "the password of user ann is missing or wrong" in told
        assert "~/.pgpass" in told and "PGPASSWORD" in told
    assert "lets nobody in as user bob" in refused(guarded.replace("//ann@", "//bob@"))
    url = guarded.replace("//ann@", "//ann:secret@")
    assert Store(url).rows() == (), "there is nothing to read, and that may be read"
    with pytest.raises(StoreError, match=r"permission denied for database[\s\S]*GRANT CREATE") as error:
        Store(url).prepare()
    assert "secret" not in str(error.value)
    with psycopg.connect(guarded.replace("//ann@", "//revet@"), autocommit=True) as db:
        db.execute("CREATE SCHEMA revet AUTHORIZATION ann")
    monkeypatch.setenv("PGPASSWORD", "secret")
    Store(guarded).save(committed())
    assert Store(url).get(committed().id) == committed(), "a schema of one's own is enough"
    with psycopg.connect(guarded.replace("//ann@", "//revet@"), autocommit=True) as db:
        db.execute("REASSIGN OWNED BY ann TO revet")
        for what in ("schema revet", "table runs"):
            with pytest.raises(StoreError, match=rf"denied for {what}[\s\S]*GRANT USAGE .* TO ann; GRANT SELECT"):
                Store(url).count()
            db.execute("GRANT USAGE ON SCHEMA revet TO ann")
        db.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA revet TO ann")
        Store(url).save(committed("b"))
        db.execute("ALTER ROLE ann SET default_transaction_read_only = on")
        Postgres(url).close()
        assert Store(url).count() == 2
        with pytest.raises(StoreError, match=r"read-only transaction[\s\S]*takes writes"):
            Store(url).save(committed("c"))
    Postgres(url).close()
    Postgres(guarded).close()


def test_an_encoding_that_cannot_hold_all_texts(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        told = refused(postgres.replace("/postgres?", "/latin?"))
        assert "has the encoding LATIN1" in told and "createdb -E UTF8 -T template0" in told
        db.execute("DROP DATABASE latin")


def end_all(server: str) -> None:
    """End every other connection, as a restart of the server does."""
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'revet'")


def test_lost_connections_are_made_again(database: str, postgres: str) -> None:
    store = Store(database)
    store.save(committed("a"))
    end_all(postgres)
    assert store.get("a") == committed("a")
    end_all(postgres)
    store.save(committed("b"))
    end_all(postgres)
    with store.alone("a"):
        end_all(postgres)
        store.leases.check("a")
        end_all(postgres)
    assert [row.id for row in store.rows()] == ["b", "a"] and store.worked_on("a") is False
    end_all(postgres)
    with Postgres(database).transaction() as connection:
        assert connection.execute("SELECT count(*) FROM revet.runs").fetchone() == (2,)


def test_connections_that_end_all_the_time_lose_nothing(database: str, postgres: str) -> None:
    store, over = Store(database), threading.Event()

    def disturb() -> None:
        while not over.wait(0.05):
            end_all(postgres)

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        done = 0
        for number in range(60):
            try:
                store.save(committed(f"r-{number}"))
                done += 1
            except StoreError as error:  # lost twice in a row: told, and not half done
                assert "terminating connection" in str(error) or "closed" in str(error)
    finally:
        over.set()
        disturbing.join()
    assert done > 30 and done <= store.count() <= 60


def test_a_server_that_is_full_is_asked_again_and_told(database: str, postgres: str) -> None:
    with ExitStack() as held:
        with pytest.raises(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(postgres))
        told = refused(database)
        assert "all its connections are taken" in told and "max_connections" in told
        freed = threading.Timer(0.5, held.pop_all().close)
        freed.start()
        Store(database).save(committed())
        freed.join()


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from revet.errors import MissingDependency\n"
        "from revet.store import Store\n"
        "Store('runs').prepare()\n"
        "try: Store('postgresql://me@host/db')\n"
        "except MissingDependency as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'revet[postgres]'" in done.stdout and "PostgreSQL" in done.stdout
