"""A MariaDB server of the tests' own, from Debian's package: on loopback, in a temporary folder, for one session."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

PASSWORD = "solo: para/pruebas@"
_numbers = count(1)


def _program(name: str) -> str:
    """Debian keeps the server out of the path of some users."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or ""


def installed() -> bool:
    return bool(_program("mariadbd") and _program("mariadb-install-db"))


def dump(url: str, *tables: str) -> bytes:
    """What mysqldump writes of tables."""
    address = make_url(url)
    words = [_program("mariadb-dump"), "--protocol=tcp", "--skip-ssl", f"--host={address.host}",
             f"--port={address.port}", f"--user={address.username}", str(address.database), *tables]  # fmt: skip
    environment = os.environ | {"MYSQL_PWD": str(address.password)}
    return subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True).stdout


@contextmanager
def server() -> Iterator[URL]:
    """Start a server and give its address, for the user `test`; one that is root becomes mysql for it."""
    with tempfile.TemporaryDirectory(prefix="mariadb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        who: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "mysql", "mysql")
            who = ["--user=mysql"]
        data = folder / "data"
        made = subprocess.run(
            [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", *who],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        granted = folder / "init.sql"
        granted.write_text(
            f"CREATE USER test@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO test@'%' WITH GRANT OPTION;\n"
        )
        granted.chmod(0o644)
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [_program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={folder / 'socket'}",
             "--bind-address=127.0.0.1", f"--port={port}", f"--init-file={granted}", "--skip-name-resolve",
             "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", *who],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        address = make_url(f"mysql+pymysql://test@127.0.0.1:{port}/").set(password=PASSWORD)
        try:
            _wait_for(address, process, folder / "log")
            yield address
        finally:
            process.kill()
            process.wait()
            log.close()


def _wait_for(address: URL, process: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(address, poolclass=NullPool)
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with engine.connect():
                break
        except DBAPIError as error:
            # Nothing listens yet.
            if error.orig is None or error.orig.args[0] != 2003 or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    engine.dispose()


@contextmanager
def database(server: URL, charset: str = "utf8mb4") -> Iterator[str]:
    """Give the address, with its password, of a new, empty database, dropped in the end."""
    name = f"asterisk_{next(_numbers)}"
    administration = create_engine(server, poolclass=NullPool)
    try:
        with administration.begin() as connection:
            connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET {charset}"))
        yield server.set(database=name).render_as_string(hide_password=False)
        with administration.begin() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
    finally:
        administration.dispose()
