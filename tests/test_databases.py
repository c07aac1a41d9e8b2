"""Call logs out of databases: every layout gives what the file gives, alone, beside it, and however pulls overlap."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest
import sqlalchemy
from sqlalchemy import Engine, String, create_engine, text, update
from sqlalchemy.dialects import mysql
from sqlalchemy.pool import NullPool

from dashboard.work import worker, works
from etl import known_logs, landing, pipeline
from etl.checkup import check
from etl.lines import Cancelled
from etl.pipeline import FileReport, loading
from etl.readers import databases
from etl.readers import lines as lines_reader
from etl.readers.sql_dump import DumpRefused, read_dump, write_rows
from etl.readers.table_zone import clock_of
from etl.records import jobs
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Job
from etl.settings import Database
from tests import mariadb, postgresql
from tests.business import business
from tests.commands import call
from tests.drawn_log import EIGHT, answered, enter, line
from tests.product import Product, Rows
from tests.reference_counter import LogFile
from tests.table_log import (
    ADAPTIVE,
    FREEPBX,
    LA_PAZ,
    ONE_COLUMN,
    WITH_IDS,
    Kept,
    asternic,
    odd_lines,
    table_of,
)

Addresses = Callable[[], str]
MARIADB = {"adaptive": ADAPTIVE, "one column": ONE_COLUMN, "freepbx": FREEPBX}
POSTGRESQL = {"with ids": WITH_IDS}
LINES = odd_lines()
TWENTY = [text for n in range(20) for text in answered(n * 100, str(n))]


@pytest.fixture
def new_mariadb(mariadb_server: sqlalchemy.URL) -> Iterator[Addresses]:
    with ExitStack() as databases:
        yield lambda: databases.enter_context(mariadb.database(mariadb_server))


@pytest.fixture
def new_postgresql(postgresql_server: sqlalchemy.URL) -> Iterator[Addresses]:
    with ExitStack() as databases:
        yield lambda: databases.enter_context(postgresql.database(postgresql_server))


@pytest.fixture(params=[*MARIADB, *POSTGRESQL])
def kept(request: pytest.FixtureRequest) -> tuple[Kept, str]:
    """Each way of keeping a log, and a new database for it."""
    if request.param in MARIADB:
        return MARIADB[request.param], request.getfixturevalue("new_mariadb")()
    return POSTGRESQL[request.param], request.getfixturevalue("new_postgresql")()


# The module asks for both servers by name, so that the marks are set before a fixture is.
pytestmark = pytest.mark.database


def engine_of(url: str | sqlalchemy.URL) -> Engine:
    return create_engine(url, poolclass=NullPool)


def product_in(folder: Path) -> Product:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "pseudonyms.key").write_text("5a" * 32)
    return Product(folder)


def database(url: str, **changes: object) -> Database:
    return Database.model_validate({"name": "central", "url": url, **changes})


def pull(product: Product, *connections: Database) -> list[FileReport]:
    return pipeline.ingest(product.store(), [], databases=connections)


def facts(product: Product) -> dict[str, Rows]:
    """What users count, the data of lines without the empty fields behind them."""
    found = business(product)
    lines = [tuple(str(v).rstrip("|") if n == 6 else v for n, v in enumerate(r)) for r in found["raw.queue_log"]]
    return found | {"raw.queue_log": sorted(lines, key=repr)}


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    product = product_in(tmp_path_factory.mktemp("file") / "store")
    (report,) = product.load(LogFile("queue_log", LINES))
    assert (report.loaded, report.quarantined) == (len(LINES), 0)
    return facts(product)


def test_a_table_alone_gives_what_its_file_gives(
    kept: tuple[Kept, str], from_file: dict[str, Rows], tmp_path: Path
) -> None:
    table_of(kept[1], kept[0], LINES)
    product = product_in(tmp_path / "table")
    (report,) = pull(product, database(kept[1]))
    assert (report.state, report.read) == ("published", len(LINES)), report.message
    assert facts(product) == from_file
    pipeline.rebuild(product.store())
    assert facts(product) == from_file


@pytest.mark.parametrize("first", ["file", "table"])
def test_a_table_beside_its_file_adds_nothing_whichever_came_first(
    first: str, kept: tuple[Kept, str], from_file: dict[str, Rows], tmp_path: Path
) -> None:
    table_of(kept[1], kept[0], LINES, later=(0, 1, 2, 0, 1))
    product = product_in(tmp_path / "both")
    file, connection = LogFile("queue_log", LINES), database(kept[1])
    reports = [*product.load(file), *pull(product, connection)] if first == "file" else [*pull(product, connection)]
    if first == "table":
        reports += product.load(file)
    assert {report.state for report in reports} == {"published"}, [report.message for report in reports]
    assert facts(product) == from_file
    loads = product.rows("SELECT lines, loaded + duplicates + quarantined + blank FROM meta.loads")
    assert [lines for lines, _ in loads] == [told for _, told in loads] == [len(LINES)] * 2


def test_pulls_that_overlap_are_exact_while_rows_arrive(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, ONE_COLUMN)
    product = product_in(tmp_path / "pulled")
    cuts = (200, 203, 204, 380, len(LINES))
    for before, after in zip((0, *cuts), cuts, strict=False):
        table.add(LINES[before:after])
        (report,) = pull(product, database(url, overlap_seconds=60 if after % 2 else 0))
        assert report.state == "published"
    (report,) = pull(product, database(url))
    assert (report.state, report.message) == ("known", "sin filas nuevas")
    whole = product_in(tmp_path / "whole")
    whole.load(LogFile("queue_log", LINES))
    assert facts(product) == facts(whole)
    # The rows come out of the raw store: the table is not needed any more.
    table.table.drop(table.engine)
    pipeline.rebuild(product.store())
    assert facts(product) == facts(whole)


def test_rows_without_ids_in_any_order_are_told_by_their_times(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    shuffled = Random(5).sample(TWENTY, len(TWENTY))
    table_of(url, Kept("queue_log", mysql.DATETIME()), shuffled)
    product, whole = product_in(tmp_path / "table"), product_in(tmp_path / "file")
    pull(product, database(url))
    whole.load(LogFile("queue_log", tuple(TWENTY)))
    assert facts(product) == facts(whole)


def test_small_slabs_and_rounds_settle_overlaps_alike(
    new_mariadb: Addresses, from_file: dict[str, Rows], tmp_path: Path
) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, LINES, later=(2, 0, 1))
    product = product_in(tmp_path / "small")
    product.slab_bytes, product.round_lines = 3000, 150
    path = product.write(LogFile("queue_log", LINES[:250]))
    pipeline.ingest(product.store(), [path], databases=[database(url)])
    path.write_bytes("".join(f"{each}\n" for each in LINES).encode())
    pipeline.ingest(product.store(), [path])
    assert facts(product) == from_file
    pipeline.rebuild(product.store())
    assert facts(product) == from_file


def test_a_table_taken_out_leaves_the_file_and_the_file_taken_out_leaves_the_table(
    new_mariadb: Addresses, tmp_path: Path
) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY, later=(1,))
    product = product_in(tmp_path / "both")
    (file,) = product.load(LogFile("queue_log", tuple(TWENTY)))
    alone = facts(product)
    (pulled,) = pull(product, database(url))
    assert (pulled.loaded, pulled.duplicates) == (0, len(TWENTY))
    pipeline.undo(product.store(), pulled.load or 0, by=SYSTEM)
    assert facts(product) == alone
    pull(product, database(url))
    pipeline.undo(product.store(), file.load or 0, by=SYSTEM)
    assert product.rows("SELECT COUNT(*), MIN(epoch) FROM raw.queue_log") == [(len(TWENTY), EIGHT + 1)]


def test_a_row_that_only_one_of_two_sources_holds_counts(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    rings = [line(n, "1", "RINGNOANSWER", 1000, agent="SIP/201") for n in (10, 12, 14)]
    table_of(url, ADAPTIVE, [enter(0, "1"), *TWENTY, rings[2]])
    product = product_in(tmp_path / "both")
    product.load(LogFile("queue_log", (*rings[:2], *TWENTY)))
    pull(product, database(url))
    rows = product.rows("SELECT epoch FROM raw.queue_log WHERE event = 'RINGNOANSWER' ORDER BY epoch")
    assert rows == [(EIGHT + 10,), (EIGHT + 12,)]  # the third is within two seconds of the second
    table = engine_of(url)
    with table.begin() as connection:
        connection.execute(
            text("UPDATE queue_log SET time = '2024-03-05 08:00:30.000001' WHERE event = 'RINGNOANSWER'")
        )
    other = product_in(tmp_path / "other")
    other.load(LogFile("queue_log", (*rings[:2], *TWENTY)))
    pull(other, database(url))
    rows = other.rows("SELECT epoch FROM raw.queue_log WHERE event = 'RINGNOANSWER' ORDER BY epoch")
    assert rows == [(EIGHT + 10,), (EIGHT + 12,), (EIGHT + 30,)]


# Asternic


def test_asternics_table_gives_what_it_keeps_and_says_what_it_loses(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    lines = asternic(url, LINES)
    product = product_in(tmp_path / "table")
    (report,) = pull(product, database(url))
    assert (report.state, report.source, report.loaded) == ("published", "asternic", len(lines)), report.message
    assert "no guarda EXITEMPTY" in report.message and "40 caracteres" in report.message
    plain = product_in(tmp_path / "file")
    plain.load(LogFile("queue_log", tuple(lines)))
    assert facts(product) == facts(plain)
    assert product.rows("SELECT source FROM meta.loads") == [("asternic",)]


@pytest.mark.parametrize("first", ["file", "table"])
def test_asternics_table_beside_the_file_adds_nothing(
    first: str, new_mariadb: Addresses, from_file: dict[str, Rows], tmp_path: Path
) -> None:
    url = new_mariadb()
    asternic(url, LINES, later=(0, 1))
    product = product_in(tmp_path / "both")
    if first == "table":
        pull(product, database(url))
    product.load(LogFile("queue_log", LINES))
    if first == "file":
        pull(product, database(url))
    assert facts(product) == from_file


def test_of_two_tables_of_one_pbx_the_one_of_more_facts_counts(new_mariadb: Addresses, tmp_path: Path) -> None:
    realtime, stats = new_mariadb(), new_mariadb()
    table_of(realtime, ADAPTIVE, LINES)
    asternic(stats, LINES, later=(1, 0))
    product = product_in(tmp_path / "both")
    pull(product, database(stats, name="asternic"))
    pull(product, database(realtime))
    alone = product_in(tmp_path / "alone")
    pull(alone, database(realtime))
    assert facts(product) == facts(alone)


# Dumps


@pytest.mark.parametrize("way", ["adaptive", "asternic"])
def test_a_dump_gives_what_its_table_gives_and_beside_it_adds_nothing(
    way: str, new_mariadb: Addresses, tmp_path: Path
) -> None:
    url = new_mariadb()
    if way == "adaptive":
        table_of(url, ADAPTIVE, LINES)
    else:
        asternic(url, LINES)
    with engine_of(url).begin() as connection:
        connection.execute(text("CREATE TABLE cdr (id INT, src VARCHAR(20), raw BLOB, at DATETIME)"))
        connection.execute(text("INSERT INTO cdr VALUES (1, 'a;''b\\\\', X'00FF27', NOW()), (2, NULL, NULL, NULL)"))
    content = mariadb.dump(url)
    product, dumped = product_in(tmp_path / "table"), product_in(tmp_path / "dump")
    pull(product, database(url))
    paths = [dumped.folder / "in" / "central.sql", dumped.folder / "in" / "central.sql.gz"]
    paths[0].write_bytes(content)
    paths[1].write_bytes(gzip.compress(content, mtime=0))
    (report,) = pipeline.ingest(dumped.store(), paths[:1])
    assert report.state == "published", report.message
    assert facts(dumped) == facts(product)
    (again,) = pipeline.ingest(dumped.store(), paths[:1])
    assert again.state == "known"
    (zipped,) = pipeline.ingest(dumped.store(), paths[1:])
    assert (zipped.state, zipped.loaded) == ("published", 0)
    (pulled,) = pull(dumped, database(url))
    assert pulled.loaded == 0
    assert facts(dumped) == facts(product)
    pipeline.rebuild(dumped.store())
    assert facts(dumped) == facts(product)


DUMP = rb"""-- MariaDB dump 10.19
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `queue_log`;
CREATE TABLE `queue_log` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `time` varchar(26) DEFAULT NULL,
  `callid` varchar(80),
  `queuename` varchar(80),
  `agent` varchar(80),
  `event` varchar(32),
  `data` varchar(100),
  PRIMARY KEY (`id`),
  KEY `time` (`time`)
) ENGINE=InnoDB;

LOCK TABLES `queue_log` WRITE;
INSERT INTO `queue_log` VALUES (1,'2024-03-05 08:00:00','1.1','101','O\'Brien; ''x'' y','PAUSE','a\nb\\'),
(2,NULL,'NONE',X'313031',0x4E4F4E45,_binary 'PAUSE','');
-- ; 'a remark
UNLOCK TABLES;
INSERT INTO `queue_log` (`event`, `time`) VALUES ('QUEUESTART','2024-03-05 09:00:00');
"""


@pytest.mark.parametrize("block_bytes", [1, 7, 100, 1024 * 1024])
def test_every_way_of_writing_a_value_is_read_wherever_a_block_ends(
    block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_reader, "BLOCK_BYTES", block_bytes)
    path, draft = tmp_path / "dump.sql", tmp_path / "rows.parquet"
    path.write_bytes(DUMP)
    assert write_rows(path, read_dump(path), draft) == 3
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT * EXCLUDE (place) FROM read_parquet('{draft}') ORDER BY place").fetchall()
    assert rows == [
        ("1", "2024-03-05 08:00:00", "1.1", "101", "O'Brien; 'x' y", "PAUSE", "a\nb\\"),
        ("2", None, "NONE", "101", "NONE", "PAUSE", ""),
        (None, "2024-03-05 09:00:00", None, None, None, "QUEUESTART", None),
    ]


@pytest.mark.drawn(4)
def test_damaged_dumps_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    for number in range(50):
        _read_damaged(Random(f"{seed} {number}"), tmp_path)


def _read_damaged(chance: Random, folder: Path) -> None:
    content = bytearray(DUMP * 3)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content))
        match chance.randrange(3):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                del content[at : at + chance.randrange(40)]
            case _:
                content[at:at] = content[chance.randrange(len(content)) :][:30]
    path = folder / "dump.sql"
    path.write_bytes(content)
    with suppress(DumpRefused):
        write_rows(path, read_dump(path), folder / "rows.parquet")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"-- MySQL dump 10.13\nCREATE TABLE `cdr` (\n  `src` varchar(20)\n);\n", "sin ninguna tabla queue_log"),
        (b"-- MySQL dump 10.13\nCREATE TABLE `queue_log` (\n  `time` datetime,\n  `callid` char(50),\n"
         b"  `queuename` char(50),\n  `agent` char(50),\n  `event` char(20),\n  `data` char(50)\n);\n", "sin filas"),
        (b"-- MySQL dump 10.13\nINSERT INTO `queue_log` (`time`,`callid`,`queuename`,`agent`,`event`,`data`) VALUES\n"
         b"('2024-03-05 08:00:00','1709640000.1','101','NO", "cortado"),
        (b"-- MySQL dump 10.13\nINSERT INTO `queue_log` (`time`,`callid`,`queuename`,`agent`,`event`,`data`) VALUES\n"
         b"('2024-03-05 08:00:00','1709640000.1','101','NONE','ENTERQUEUE','|70712345|1');\n", "CALLCENTER_TABLE_ZONE"),
    ],
)  # fmt: skip
def test_a_dump_that_cannot_be_read_says_why(content: bytes, said: str, tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    path = product.folder / "in" / "central.sql"
    path.write_bytes(content)
    (report,) = pipeline.ingest(product.store(), [path])
    assert report.state == "refused"
    assert said in report.message


# Clocks


@pytest.mark.parametrize("offset", [0, LA_PAZ, -5 * 3600, -4 * 3600 - 1800])
def test_the_clock_of_a_table_is_told_by_its_callids(offset: int) -> None:
    menus = [(offset + seconds, 3) for seconds in (-1, 0, 4, 30, 200, 900)] + [(offset + 5400, 1)]
    assert clock_of(menus).offset == offset


def test_a_clock_of_too_few_calls_or_of_two_offsets_is_not_told() -> None:
    assert clock_of([(LA_PAZ, 9)]).offset is None
    assert clock_of([(LA_PAZ, 500), (0, 40)]).offset is None
    assert clock_of([(0, 500), (LA_PAZ, 4)]).offset is None  # no menu takes negative time
    assert clock_of([(LA_PAZ, 500), (0, 3)]).offset == LA_PAZ


def test_a_table_of_two_clocks_is_refused_until_the_settings_say_which(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, ADAPTIVE, TWENTY)
    table.add([text for n in range(20) for text in answered(9000 + n, f"{n + 100}")], later=(14400,))
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    assert report.state == "refused"
    assert "no es una sola" in report.message and "CALLCENTER_DATABASES" in report.message
    (report,) = pull(product, database(url, zone="-04:00"))
    assert report.state == "published"


def test_few_new_rows_are_read_by_the_clock_known(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, replace(ADAPTIVE, offset=0), TWENTY)
    product = product_in(tmp_path / "store")
    pull(product, database(url))
    table.add(answered(9000, "77"))
    (report,) = pull(product, database(url, overlap_seconds=0))
    assert report.state == "published"
    assert product.rows("SELECT MAX(epoch) FROM raw.queue_log") == [(EIGHT + 9065,)]
    (first,) = pull(product_in(tmp_path / "few"), database(url, zone="auto", table="queue_log"))
    assert first.state == "published"


# What may be wrong


def test_rows_set_aside_are_named_by_line_and_id(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, replace(ONE_COLUMN, time=String(26)), TWENTY)
    with table.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO queue_log VALUES (4711, 'ayer', 'x.1', '101', 'NONE', 'PAUSE', '70712345')")
        )
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    assert (report.loaded, report.quarantined) == (len(TWENTY), 1)
    printed = call(product.folder / "data", "quarantine").stdout
    assert "(id 4711)" in printed and "70712345" not in printed
    assert product.rows("SELECT line, reasons FROM meta.quarantine") == [(len(TWENTY) + 1, "epoch")]


def test_texts_that_fill_their_column_are_told(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    long = "Local/2010000000000000000000000000000000000000000000000000000@from-queue/n"
    table_of(url, FREEPBX, [*TWENTY, line(5, "1", "RINGNOANSWER", 1000, agent=long)])
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    assert "pueden estar cortados (agent)" in report.message
    product.load(LogFile("queue_log", (*TWENTY, line(5, "1", "RINGNOANSWER", 1000, agent=long))))
    assert product.rows("SELECT agent FROM raw.queue_log WHERE event = 'RINGNOANSWER'") == [(long,)]


def test_old_tables_of_latin1_keep_their_letters(mariadb_server: sqlalchemy.URL, tmp_path: Path) -> None:
    names = ("Peña Ágreda", "Muñoz")
    with mariadb.database(mariadb_server, charset="latin1") as url:
        table = table_of(url, ADAPTIVE, TWENTY)
        table.add([line(3, "1", "RINGNOANSWER", 1, agent=names[0])])
        # As Asterisk does: UTF-8 through a connection that the server takes for latin1.
        raw = engine_of(f"{url}?charset=latin1")
        with raw.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO queue_log (time, callid, queuename, agent, event) "
                    "VALUES ('2024-03-05 08:00:04.000009', 'NONE', '101', :agent, 'PAUSE')"
                ),
                {"agent": names[1].encode().decode("cp1252")},
            )
        product = product_in(tmp_path / "store")
        for address in (url, f"{url}?charset=latin1"):
            pull(product, database(address))
            rows = product.rows("SELECT DISTINCT agent FROM raw.queue_log WHERE agent LIKE '%ñ%'")
            assert sorted(row[0] for row in rows) == sorted(names)


@pytest.mark.parametrize("way", ["mariadb", "postgresql"])
def test_a_wrong_password_is_refused_without_a_secret(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(request.getfixturevalue(f"new_{way}")()).set(password="clave-secreta")
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url.render_as_string(hide_password=False)))
    assert report.state == "refused"
    assert "no acepta el usuario o la contraseña" in report.message
    assert "clave-secreta" not in repr(report) + repr(database(url.render_as_string(hide_password=False)))


@pytest.mark.parametrize("way", ["mariadb", "postgresql"])
def test_what_is_wrong_with_a_connection_is_told(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(request.getfixturevalue(f"new_{way}")())
    wrong = {
        "no existe la base": url.set(database="no_hay"),
        "no se puede conectar": url.set(port=9),
        "no se entiende": url.set(drivername="oracle"),
        "no hay en esa base una tabla": url,
    }
    product = product_in(tmp_path / "store")
    addresses = [database(each.render_as_string(hide_password=False)) for each in wrong.values()]
    for report, said in zip(pull(product, *addresses), wrong, strict=True):
        assert report.state == "refused"
        assert said in report.message
        assert mariadb.PASSWORD not in report.message and postgresql.PASSWORD not in report.message


def test_a_pull_that_is_killed_or_cancelled_leaves_nothing_and_the_next_one_completes(
    new_mariadb: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY)
    product = product_in(tmp_path / "store")

    def cancel(told: str, share: float | None) -> None:
        if "filas leídas" in told:
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.ingest(product.store(), [], databases=[database(url)], progress=cancel)
    assert [path.name for path in product.settings().warehouse.iterdir()] == [".lock"]
    assert not [path for path in product.settings().raw.rglob("*") if path.is_file()]
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        # Landed, and killed before anything is built.
        broken.setattr(loading, "publish_landed", _killed)
        pull(product, database(url))
    (report,) = pull(product, database(url))
    assert (report.state, report.message) == ("known", "sin filas nuevas")
    assert product.rows("SELECT COUNT(*) FROM raw.queue_log") == [(len(TWENTY),)]


@pytest.mark.parametrize("way", ["mariadb", "postgresql"])
def test_who_cancels_does_not_wait_for_the_rest_of_the_table(
    way: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = request.getfixturevalue(f"new_{way}")()
    table_of(url, ADAPTIVE, TWENTY * 40)
    monkeypatch.setattr(databases, "_BATCH_ROWS", 5)
    told: list[str] = []

    def cancel(text: str, share: float | None) -> None:
        told.append(text)
        if "filas leídas" in text:
            raise Cancelled

    product = product_in(tmp_path / "store")
    with pytest.raises(Cancelled):
        pipeline.ingest(product.store(), [], databases=[database(url)], progress=cancel)
    assert told[-1] == "central: 5 filas leídas"


def test_the_worker_pulls_what_is_due_and_not_what_was_undone(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, ADAPTIVE, TWENTY)
    product = product_in(tmp_path / "store")
    settings = product.settings().model_copy(update={"databases": (database(url),), "pull_seconds": 60})
    store = replace(product.store(), settings=settings)
    a_worker = worker._Worker(store, threading.Event(), worker.Pace())

    def work() -> list[str]:
        done = []
        while (job := jobs.claim(store.records, datetime(2030, 1, 1), jobs.Lane.LOADS)) is not None:
            assert works.do(store, job, lambda text, share: None)
            with transaction(store.records) as session:
                done.append(session.get_one(Job, job.job_id).tells)
        return done

    a_worker._queue_pulls()
    a_worker._queue_pulls()
    (tells,) = work()
    assert "60 leídas, 60 cargadas" in tells
    last = Job(work="inbox", state="done", queued_at=datetime(2030, 1, 1, 8))
    due = [worker.pull_is_due(last, datetime(2030, 1, 1, 8, 0) + timedelta(seconds=s), 60) for s in (0, 59, 60)]
    assert due == [False, False, True]

    def a_day_later() -> None:
        with transaction(store.records) as session:
            session.execute(update(Job).values(queued_at=datetime(2020, 1, 1)))
        a_worker._queue_pulls()

    pipeline.undo(store, 1, by=SYSTEM)
    table.add(answered(9000, "77"))
    a_day_later()
    assert work() == []  # undone: somebody has to name it
    pull(product, database(url))
    a_day_later()
    assert work() == ["1 sin novedad."]


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_check_says_of_a_table_what_it_says_of_a_file(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, LINES)
    product = product_in(tmp_path / "store")
    found = check(product.settings(), [], databases=[database(url)])
    path = product.write(LogFile("queue_log", LINES))
    of_file = check(product.settings(), [path])
    assert (found.queues, found.agents, found.first, found.last) == (
        of_file.queues, of_file.agents, of_file.first, of_file.last,
    )  # fmt: skip
    (report,) = found.files
    assert (report.state, report.read, report.loaded) == ("checked", len(LINES), of_file.files[0].loaded)
    assert not product.settings().warehouse.exists() or not list(product.settings().warehouse.iterdir())
    pull(product, database(url))
    (known,) = check(product.settings(), [], databases=[database(url)]).files
    assert known.state == "known"


def test_the_command_pulls_by_name_and_shows_no_secret(
    new_mariadb: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY)
    monkeypatch.setenv("CALLCENTER_DATABASES", json.dumps([{"name": "central", "url": url}]))
    data = tmp_path / "data"
    checked, loaded = call(data, "check", "--database", "central"), call(data, "ingest", "--database", "central")
    unknown = call(data, "ingest", "--database", "otra")
    assert (checked.exit_code, loaded.exit_code, unknown.exit_code) == (0, 0, 2)
    assert "central (tabla queue_log de 127.0.0.1/" in loaded.output
    assert "hay central" in unknown.output
    monkeypatch.setenv("CALLCENTER_DATABASES", json.dumps([{"name": "central", "url": url, "zone": "marte"}]))
    wrong = call(data, "ingest", "--database", "central")
    assert (wrong.exit_code, wrong.output.strip()) == (78, "Hay ajustes que no se entienden: CALLCENTER_DATABASES.")
    monkeypatch.setenv("CALLCENTER_DATABASES", url)
    for said in (checked, loaded, unknown, wrong):
        assert mariadb.PASSWORD not in said.output and "pruebas" not in said.output


def test_only_reading_is_asked_of_the_server(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(new_mariadb())
    table_of(url.render_as_string(hide_password=False), ADAPTIVE, TWENTY)
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE OR REPLACE USER solo_lee@'%%' IDENTIFIED BY 'x'")
        connection.exec_driver_sql(f"GRANT SELECT ON {url.database}.* TO solo_lee@'%%'")
    reader = url.set(username="solo_lee", password="x").render_as_string(hide_password=False)
    (report,) = pull(product_in(tmp_path / "store"), database(reader))
    assert report.state == "published"


def test_a_pull_lands_as_a_file_by_its_digest(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY)
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    (sha256,) = product.rows(f"SELECT sha256 FROM meta.loads WHERE load = {report.load}")[0]
    path = landing.raw_path(product.settings(), str(sha256))
    assert known_logs.piece_digest(path, 0, path.stat().st_size) == sha256
    assert path.read_bytes().startswith(b"PAR1")
