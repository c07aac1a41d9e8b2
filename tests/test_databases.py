"""Call logs out of databases: every layout gives what the file gives, alone, beside it, and however pulls overlap."""

from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import mysql

from etl import pipeline
from etl.records.audit import SYSTEM
from tests.databases import LINES, TWENTY, Addresses, database, engine_of, facts, product_in, pull
from tests.databases import new_mariadb as new_mariadb
from tests.databases import new_postgresql as new_postgresql
from tests.drawn_log import EIGHT, enter, line
from tests.product import Rows
from tests.reference_counter import LogFile
from tests.table_log import (
    ADAPTIVE,
    FREEPBX,
    ONE_COLUMN,
    WITH_IDS,
    Kept,
    asternic,
    table_of,
)

# The module asks for both servers by name, so that the marks are set before a fixture is.
pytestmark = pytest.mark.database


MARIADB = {"adaptive": ADAPTIVE, "one column": ONE_COLUMN, "freepbx": FREEPBX}
POSTGRESQL = {"with ids": WITH_IDS}


@pytest.fixture(params=[*MARIADB, *POSTGRESQL])
def kept(request: pytest.FixtureRequest) -> tuple[Kept, str]:
    """Each way of keeping a log, and a new database for it."""
    if request.param in MARIADB:
        return MARIADB[request.param], request.getfixturevalue("new_mariadb")()
    return POSTGRESQL[request.param], request.getfixturevalue("new_postgresql")()


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
