"""Records of calls (CDR): Master.csv and the table tell the same, once, whole, and nobody's number is in them."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
import sqlalchemy

from etl import pipeline
from etl.build import Build
from etl.call_records import number_key
from etl.checkup import check
from etl.draft import Draft, LogFileInfo
from etl.lines import Piece
from etl.readers.lines import LineFeed
from etl.records.audit import SYSTEM
from etl.settings import Database
from etl.sources import CDR
from etl.store import open_store
from etl.warehouse import Generation, read_current
from tests import mariadb, postgresql
from tests.drawn_log import EIGHT, answered
from tests.mutations import mutated
from tests.product import Product, Rows
from tests.records_log import LA_PAZ, LEGS, Leg, add, master, table
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
SAMPLES = Path(__file__).parent / "samples" / "cdr"
KEY = bytes.fromhex("5a" * 32)
_FACTS = (
    "pbx, uniqueid, started_epoch, src, src_digits, dst, dst_digits, dst_key, context, channel, dst_channel, last_app, "
    "queue, disposition, duration_seconds, billed_seconds"
)


def product_in(folder: Path) -> Product:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "pseudonyms.key").write_text("5a" * 32)
    return Product(folder)


def records(product: Product, columns: str = _FACTS) -> Rows:
    return sorted(product.rows(f"SELECT {columns} FROM core.cdr_calls"), key=repr)


def file_of(lines: tuple[str, ...], name: str = "Master.csv") -> LogFile:
    return LogFile(name, lines)


def in_service(product: Product) -> Generation:
    current = read_current(product.settings().warehouse)
    assert current is not None
    return current


def adds_up(product: Product) -> None:
    for lines, told in product.rows("SELECT lines, loaded + duplicates + quarantined + blank FROM meta.loads"):
        assert lines == told


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    product = product_in(tmp_path_factory.mktemp("cdr") / "store")
    (report,) = product.load(file_of(master(LEGS)))
    assert (report.source, report.loaded, report.quarantined) == ("cdr", len(LEGS), 0)
    return records(product)


def test_master_csv_becomes_one_row_a_leg_without_a_number_of_anybody(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    product.load(file_of(master(LEGS)))
    found = product.rows(
        """SELECT uniqueid, last_app, queue, disposition, duration_seconds, billed_seconds, channel, load, line
        FROM core.cdr_calls ORDER BY line"""
    )
    assert [row[:6] for row in found[:3]] == [
        (f"{EIGHT}.1", "Queue", "101", "ANSWERED", 60, 50),
        (f"{EIGHT}.2", "Queue", "101", "NO ANSWER", 60, 0),
        (f"{EIGHT}.3", "BackGround", "", "ANSWERED", 14, 14),
    ]
    assert [row[-1] for row in found] == list(range(1, len(LEGS) + 1))
    everything = repr(product.rows("SELECT * FROM raw.cdr") + product.rows("SELECT * FROM core.cdr_calls"))
    assert not any(number in everything for number in ("70012345", "70019999", "4200400", "Ana", "fidelizacion"))
    (segment,) = [s for s in in_service(product).segments if s.subject == "cdr"]
    assert (segment.period, segment.rows["core.cdr_calls"]) == ("2024-03", len(LEGS))


def test_a_number_is_hidden_however_it_is_written(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    legs = (Leg(0, 1, src="707-11-111", dst="+591 707 22222", account="70766666"), Leg(9, 2, src="201", dst="(4) 20"))
    product.load(file_of(master(legs)))
    found = product.rows("SELECT src, dst FROM core.cdr_calls ORDER BY started_epoch")
    assert [[name[:1] for name in row] for row in found] == [["~", "~"], ["2", "("]]
    everything = repr([product.rows(f"SELECT * FROM {table}") for table in ("raw.cdr", "core.cdr_calls")])
    assert not any(number in everything for number in ("11-111", "22222", "70766666"))


def test_numbers_of_a_line_are_one_however_they_are_dialled() -> None:
    ways = {number_key(each, KEY) for each in ("4200400", "44200400", "59144200400", "+591 4 4200400")}
    assert len(ways) == 1
    assert number_key("64200400", KEY) not in ways
    assert number_key("101", KEY) == "101"


def test_lines_carry_the_same_key_as_the_records_that_call_them(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    product.load(file_of(master(LEGS)))
    found = product.rows(
        """SELECT c.uniqueid, n.service FROM core.cdr_calls AS c JOIN core.line_numbers AS n
        ON n.number_key = c.dst_key ORDER BY c.started_epoch, c.line"""
    )
    assert [(uniqueid.partition(".")[2], line) for uniqueid, line in found] == [
        ("1", "4200400"), ("2", "101"), ("3", "4200400"), ("4", "4200400"), ("5", "4200224"), ("6", "4251000"),
        ("6", "4251000"), ("9", "4200400"),
    ]  # fmt: skip


def test_pieces_in_any_order_a_gzip_and_a_growing_file_tell_each_leg_once(tmp_path: Path, from_file: Rows) -> None:
    lines = master(LEGS)
    product = product_in(tmp_path / "pieces")
    product.load(file_of(lines[4:], "b.csv"))
    product.load(file_of(lines[:6], "a.csv"))
    path = product.folder / "in" / "whole.csv.gz"
    path.write_bytes(gzip.compress("".join(f"{each}\n" for each in lines).encode()))
    pipeline.ingest(product.store(), [path])
    assert records(product) == from_file
    adds_up(product)
    pipeline.rebuild(product.store())
    assert records(product) == from_file
    growing = product_in(tmp_path / "growing")
    path = growing.folder / "in" / "Master.csv"
    for until in (3, 7, len(lines)):
        path.write_bytes("".join(f"{each}\n" for each in lines[:until]).encode() + b'"cortada')
        pipeline.ingest(growing.store(), [path])
    assert records(growing) == from_file
    assert growing.rows("SELECT COUNT(DISTINCT file), COUNT(*) FROM meta.loads") == [(1, 3)]


def test_a_file_in_utc_and_one_with_the_newer_columns_tell_the_same(tmp_path: Path, from_file: Rows) -> None:
    product = product_in(tmp_path / "utc")
    product.load(file_of(master(LEGS, offset=0, new_columns=True), "utc.csv"))
    assert records(product) == from_file
    assert records(product, "linkedid")[0] == (f"{EIGHT}.1",)
    # What one source lacks the other lends, whichever came first.
    both = product_in(tmp_path / "both")
    both.load(file_of(master(LEGS)), file_of(master(LEGS, new_columns=True), "new.csv"))
    assert records(both, f"{_FACTS}, linkedid, sequence") == records(product, f"{_FACTS}, linkedid, sequence")


def test_a_load_taken_out_leaves_the_records_of_the_others(tmp_path: Path, from_file: Rows) -> None:
    lines = master(LEGS)
    product = product_in(tmp_path / "undo")
    (whole,) = product.load(file_of(lines))
    (part,) = product.load(file_of(lines[2:], "part.csv"))
    assert (part.loaded, part.duplicates) == (0, len(lines) - 2)
    pipeline.undo(product.store(), part.load or 0, by=SYSTEM)
    assert records(product) == from_file
    product.load(file_of(lines[2:], "part.csv"))
    pipeline.undo(product.store(), whole.load or 0, by=SYSTEM)
    alone = product_in(tmp_path / "alone")
    alone.load(file_of(lines[2:], "part.csv"))
    assert records(product) == records(alone)


def test_records_change_no_figure_of_the_log(tmp_path: Path) -> None:
    log = LogFile("queue_log", tuple(answered(0, "1") + answered(30, "2")))
    alone, both = product_in(tmp_path / "alone"), product_in(tmp_path / "both")
    alone.load(log)
    both.load(file_of(master(LEGS)))
    both.load(log)
    assert both.counted() == alone.counted()
    assert both.rows("SELECT * FROM core.log_hours") == alone.rows("SELECT * FROM core.log_hours")
    assert in_service(both).last_epochs == in_service(alone).last_epochs


def test_the_awful_sample_is_set_aside_line_by_line(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    (good,) = pipeline.ingest(product.store(), [SAMPLES / "good.csv"])
    assert (good.loaded, good.quarantined) == (8, 0)
    (awful,) = pipeline.ingest(product.store(), [SAMPLES / "awful.csv"])
    assert (awful.read, awful.loaded, awful.duplicates, awful.quarantined, awful.blank, awful.held) == (
        12, 2, 3, 6, 1, 1,
    )  # fmt: skip
    assert product.rows("SELECT line, reasons FROM meta.quarantine ORDER BY line") == [
        (3, "record_fields"), (4, "record_start"), (6, "record_duration"), (7, "record_range"), (10, "record_fields"),
        (12, "nul"),
    ]  # fmt: skip


def test_a_check_of_records_alone_tells_their_counts_and_reasons_and_that_of_a_log_beside_its_queues(
    tmp_path: Path,
) -> None:
    product = product_in(tmp_path / "store")
    whole, wrong = master(LEGS), master(LEGS)[0].replace("2024-", "2024-99-", 1)
    path = tmp_path / "Master.csv"
    path.write_text("\n".join([*whole, "no record", wrong]) + "\n")
    alone = check(product.settings(), [path])
    (report,) = alone.files
    assert (report.state, report.read, report.loaded, report.quarantined) == (
        "checked", len(LEGS) + 2, len(LEGS), 2,
    )  # fmt: skip
    assert sum(alone.reasons.values()) >= 2 and "record_fields" in alone.reasons
    assert (alone.queues, alone.first) == ([], None)
    log = tmp_path / "queue_log"
    log.write_text("\n".join(answered(0, "7.1")) + "\n")
    beside = check(product.settings(), [path, log])
    assert beside.reasons == alone.reasons
    assert [queue.entries for queue in beside.queues] == [1]


def test_a_file_whose_clock_nothing_tells_is_refused_with_what_to_set(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    without = tuple(line.replace(f'"{EIGHT}.', '"sin.') for line in master(LEGS))
    (report,) = product.load(file_of(without))
    assert report.state == "refused"
    assert "CALLCENTER_TABLE_ZONE" in report.message


# Tables of databases.


@pytest.fixture
def new_mariadb(mariadb_server: sqlalchemy.URL) -> Iterator[Callable[[], str]]:
    with ExitStack() as databases:
        yield lambda: databases.enter_context(mariadb.database(mariadb_server))


@pytest.fixture
def new_postgresql(postgresql_server: sqlalchemy.URL) -> Iterator[Callable[[], str]]:
    with ExitStack() as databases:
        yield lambda: databases.enter_context(postgresql.database(postgresql_server))


def pull(product: Product, url: str, **changes: object) -> pipeline.FileReport:
    connection = Database.model_validate({"name": "cdr", "url": url, "table": "cdr", **changes})
    (report,) = pipeline.ingest(product.store(), [], databases=[connection])
    return report


@pytest.mark.database
@pytest.mark.parametrize("server", ["new_mariadb", "new_postgresql"])
def test_the_table_tells_what_its_file_tells_alone_and_beside_it(
    server: str, request: pytest.FixtureRequest, tmp_path: Path, from_file: Rows
) -> None:
    url = request.getfixturevalue(server)()
    table(url, LEGS, offset=0)
    product = product_in(tmp_path / "table")
    report = pull(product, url)
    assert (report.state, report.source, report.loaded) == ("published", "cdr_table", len(LEGS)), report.message
    assert records(product) == from_file
    (again,) = product.load(file_of(master(LEGS)))
    assert (again.loaded, again.duplicates) == (0, len(LEGS))
    assert records(product) == from_file
    pipeline.rebuild(product.store())
    assert records(product) == from_file
    assert pull(product, url).message == "sin filas nuevas"


@pytest.mark.database
def test_calls_that_ended_after_the_last_pull_come_with_the_next(
    new_mariadb: Callable[[], str], tmp_path: Path
) -> None:
    url = new_mariadb()
    late = Leg(-7200, 90, duration=9000, billed=8990)  # began two hours before the others, ends after them
    engine, made = table(url, LEGS[:6])
    product = product_in(tmp_path / "pulled")
    pull(product, url, overlap_seconds=0)
    add(engine, made, [*LEGS[6:], late])
    pull(product, url, overlap_seconds=0)
    whole = product_in(tmp_path / "whole")
    whole.load(file_of(master([*LEGS, late])))
    assert records(product) == records(whole)
    made.drop(engine)
    pipeline.rebuild(product.store())
    assert records(product) == records(whole)


@pytest.mark.database
def test_a_dump_of_the_table_tells_the_same(new_mariadb: Callable[[], str], tmp_path: Path, from_file: Rows) -> None:
    url = new_mariadb()
    table(url, LEGS)
    product = product_in(tmp_path / "dump")
    path = product.folder / "in" / "cdr.sql"
    path.write_bytes(mariadb.dump(url, "cdr"))
    (report,) = pipeline.ingest(product.store(), [path])
    assert (report.state, report.source, report.loaded) == ("published", "cdr_table", len(LEGS)), report.message
    assert records(product) == from_file


# Whatever arrives.


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """One build that takes every mutated file as one more piece of a file."""
    product = product_in(tmp_path_factory.mktemp("mutated") / "store")
    settings = product.settings()
    site = open_store(settings).site()
    files = {1: LogFileInfo(1, "pbx", "Master.csv", EIGHT, EIGHT + 999, 1, CDR.rank)}
    draft = Draft(settings, site, KEY, settings.warehouse / ".build-1", None, 1, files, {1: 1})
    made = Build(draft)
    yield made
    made.close()


@pytest.mark.drawn(200)
def test_a_mutated_file_is_accounted_for_line_by_line(seed: int, build: Build, tmp_path: Path) -> None:
    chance = Random(seed)
    clean = "".join(f"{each}\n" for each in master(chance.choices(LEGS, k=12), new_columns=seed % 2 == 0)).encode()
    content = mutated(clean, chance) + b"\n"
    feed = LineFeed(tmp_path, "log", 1 << 20, 1 << 16)
    lines = content.count(b"\n")
    piece = Piece(
        1, build.draft.files[1], CDR, "", 0, 1, lines, 0, EIGHT + 10**7,
        lambda _: feed.slabs([content]), utc_offset=LA_PAZ,
    )  # fmt: skip
    tally = build.add(piece)
    assert tally.lines == lines == tally.loaded + tally.duplicates + tally.quarantined + tally.blank
