"""Dumps of tables: read as their tables are, whatever the way of writing a value, or refused with a reason."""

import gzip
from contextlib import suppress
from pathlib import Path
from random import Random

import duckdb
import pytest
from sqlalchemy import text

from etl import pipeline
from etl.readers import lines as lines_reader
from etl.readers.sql_dump import DumpRefused, read_dump, write_rows
from tests import mariadb
from tests.databases import LINES, Addresses, database, engine_of, facts, product_in, pull
from tests.databases import new_mariadb as new_mariadb
from tests.table_log import (
    ADAPTIVE,
    asternic,
    table_of,
)

# The module asks for both servers by name, so that the marks are set before a fixture is.
pytestmark = pytest.mark.database


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
