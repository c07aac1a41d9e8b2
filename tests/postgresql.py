"""A PostgreSQL server of the tests' own, from Debian's package: on loopback, in a temporary folder, for one session."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url

#: The newest version that is installed; Debian keeps what starts a server out of the path.
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path(), key=lambda p: int(p.parts[-3])).parent
PASSWORD = "solo para pruebas"
_numbers = count(1)


def installed() -> bool:
    return (PROGRAMS / "initdb").exists() and (os.geteuid() != 0 or shutil.which("runuser") is not None)


@contextmanager
def server() -> Iterator[URL]:
    """Start a server and give the address of its first database; it refuses root, who becomes postgres for it."""
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        asking: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            asking = ["runuser", "-u", "postgres", "--"]

        def run(program: str, *words: str) -> None:
            done = subprocess.run(
                [*asking, str(PROGRAMS / program), *words],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{program}: {done.stdout}"

        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)  # in a folder that is closed to others
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cluster = str(folder / "cluster")
        run("initdb", "--pgdata", cluster, "--username=test", f"--pwfile={password}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
        log = str(folder / "log")
        run("pg_ctl", "start", "--wait", "--silent", f"--pgdata={cluster}", f"--log={log}", f"--options={options}")
        try:
            yield make_url(f"postgresql+psycopg://test@127.0.0.1:{port}/postgres").set(password=PASSWORD)
        finally:
            run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate", f"--pgdata={cluster}")


@contextmanager
def database(server: URL, template: str = "template1") -> Iterator[str]:
    """Give the address, with its password, of a new database, dropped in the end with whoever is connected.

    It is empty, or a copy of another that nobody is connected to.
    """
    name = f"records_{next(_numbers)}"
    administration = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with administration.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
            try:
                yield server.set(database=name).render_as_string(hide_password=False)
            finally:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        administration.dispose()
