"""What reading a table of a database costs against the driver's bare fetch of the same rows, in the same run.

Of MariaDB and PostgreSQL, where they are installed: the pull as a load does it (layout, cursor on the server's side,
the clock told by the callids, the order, Parquet), against the driver that fetches every row and keeps none.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pymysql
from sqlalchemy.engine import URL, make_url

from etl.landing import latest_epoch
from etl.pulls import pulled
from etl.settings import Database, Settings
from etl.simulation.volume import write_volume
from etl.store import OpenStore, open_store
from tests import mariadb, postgresql
from tests.table_log import ADAPTIVE, table_of

ROWS = 200_000
_PER, _BATCH = 100_000, 10_000
_QUERY = "SELECT time, callid, queuename, agent, event, data1, data2, data3, data4, data5 FROM queue_log"


@dataclass(frozen=True)
class Server:
    """A kind of server: how one is started, a database made on it, and its rows fetched by the driver alone."""

    name: str
    installed: Callable[[], bool]
    start: Callable[[], AbstractContextManager[URL]]
    database: Callable[[URL], AbstractContextManager[str]]
    fetch: Callable[[URL], int]


def _fetch_mariadb(url: URL) -> int:
    with pymysql.connect(
        host=url.host or "", port=url.port or 0, user=url.username, password=str(url.password),
        database=url.database, charset="utf8mb4", cursorclass=pymysql.cursors.SSCursor,
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute(_QUERY)
        return _count(cursor.fetchmany)


def _fetch_postgresql(url: URL) -> int:
    with (
        psycopg.connect(
            host=url.host, port=url.port, user=url.username, password=str(url.password), dbname=url.database
        ) as connection,
        connection.cursor("rows") as cursor,
    ):
        cursor.execute(_QUERY)
        return _count(cursor.fetchmany)


def _count(fetch: Callable[[int], Sequence[object]]) -> int:
    rows = 0
    while batch := fetch(_BATCH):
        rows += len(batch)
    return rows


SERVERS = (
    Server("MariaDB", mariadb.installed, mariadb.server, mariadb.database, _fetch_mariadb),
    Server("PostgreSQL", postgresql.installed, postgresql.server, postgresql.database, _fetch_postgresql),
)


def measure_database_reads(folder: Path, rounds: int = 5) -> None:
    """Print, for each kind of server at hand, seconds per 100 000 rows of both ways, and their ratio."""
    log = folder / "database.log"
    write_volume(log, lines=ROWS)
    lines = log.read_text(encoding="utf-8").splitlines()
    log.unlink()
    for kind in SERVERS:
        if not kind.installed():
            print(f"{kind.name} is not installed: not measured", flush=True)
            continue
        with kind.start() as server, kind.database(server) as address:
            table = table_of(address, ADAPTIVE)
            for first in range(0, len(lines), _BATCH):
                table.add(lines[first : first + _BATCH])
            fetches, pulls = [], []
            for number in range(rounds):
                store = open_store(Settings(data=folder / f"{kind.name}-{number}"))
                fetches.append(_seconds(partial(kind.fetch, make_url(address)), len(lines)))
                pulls.append(_seconds(partial(_pull, address, store), len(lines)))
                store.records.dispose()
        ratio = statistics.median(pull / fetch for pull, fetch in zip(pulls, fetches, strict=True))
        print(
            f"{kind.name}, per {_PER:,} rows: read {statistics.median(pulls):5.2f} s, the driver's bare fetch "
            f"{statistics.median(fetches):5.2f} s; ratio {ratio:.2f} (at most 3)",
            flush=True,
        )


def _pull(address: str, store: OpenStore) -> int:
    now = datetime.now(UTC).replace(tzinfo=None)
    with pulled(
        Database(name="central", url=address), store.settings.pbx, store.records, store.settings,
        now=now, latest_epoch=latest_epoch(now), raw=store.settings.raw,
    ) as found:  # fmt: skip
        return found.kept.rows + found.held


def _seconds(read: Callable[[], int], rows: int) -> float:
    """Seconds per 100 000 rows of a read, which has to give them all."""
    started = time.perf_counter()
    found = read()
    seconds = time.perf_counter() - started
    if found != rows:
        raise AssertionError(f"{found} rows of {rows}")
    return seconds / rows * _PER
