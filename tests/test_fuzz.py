"""Damaged input of every reader: no crash, none over ten seconds, and every line that came accounted for.

Two hundred a reader, and ten thousand with `make fuzz`: the seed is in the test's name, the mutant's number in what a
failure says. What is right is told here by plain means: line ends counted, Python's own gzip, rows counted as they are
made.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import duckdb
import pytest
from sqlalchemy import String

from etl import landing, pipeline
from etl.readers.lines import blocks
from etl.readers.sql_dump import DumpRefused, read_dump, write_rows
from etl.readers.table_rows import RowWriter, keep_rows, row_slabs
from etl.sources import TABLES
from etl.warehouse import read_current
from tests.databases import Addresses, database, product_in, pull
from tests.databases import new_mariadb as new_mariadb
from tests.drawn_log import EIGHT, answered, line
from tests.product import Product
from tests.table_log import Kept, odd_lines, table_of

pytestmark = pytest.mark.duckdb
BASE = [text.encode() for text in odd_lines()]
LATEST = EIGHT + 10 * 86400
MOST_SECONDS = 10
_ODD_BYTES = (b"\0", b"\r", b"\x02", b"\x1f", b"\xff", b"|", b"\n", b"\xef\xbb\xbf", b"\x85", "Ñ".encode(), b"'", b"\\")


@pytest.fixture
def mutants(request: pytest.FixtureRequest) -> int:
    """How many a seed: 4 seeds are 200; the 80 of `make fuzz` 10 000."""
    return 50 if request.config.getoption("draws") == 1 else 125


def mutated(content: bytes, chance: Random) -> bytes:
    """Bytes flipped, put in and cut out; lines dropped, joined, repeated, moved, made long."""
    lines = content.splitlines(keepends=True)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                del lines[at : at + chance.randint(1, 5)]
            case 1:
                lines[at] = lines[at].rstrip(b"\n")
            case 2:
                lines[at:at] = lines[at : at + chance.randint(1, 8)] * chance.randint(1, 3)
            case 3:
                lines.insert(chance.randrange(len(lines)), lines.pop(at))
            case 4:
                lines[at] = b"x" * chance.choice((200, 9000, 70_000)) + lines[at]
            case _:
                lines[at] = lines[at].replace(b"\n", b"\r\n")
        lines = lines or [b"\n"]
    return flipped(b"".join(lines), chance, chance.randint(0, 5))


def flipped(content: bytes, chance: Random, times: int) -> bytes:
    damaged = bytearray(content)
    for _ in range(times):
        at = chance.randrange(len(damaged) or 1)
        match chance.randrange(4):
            case 0 if damaged:
                damaged[at] = chance.randrange(256)
            case 1:
                del damaged[at : at + chance.randint(1, 40)]
            case 2:
                damaged[at:at] = damaged[at : at + chance.randint(1, 60)]
            case _:
                damaged[at:at] = chance.choice(_ODD_BYTES) * chance.randint(1, 3)
    return bytes(damaged)


def some_lines(chance: Random, number: int) -> bytes:
    """A few lines of the log; the first, which names the mutant, is damaged in none."""
    begin = chance.randrange(len(BASE) - 12)
    return b"".join(text + b"\n" for text in BASE[begin : begin + chance.randint(3, 12)])


def named(number: int) -> bytes:
    return f"{EIGHT - 1000 + number}|NONE|NONE|NONE|CONFIGRELOAD|\n".encode()


def accounted(product: Product, contents: dict[Path, bytes | None]) -> None:
    """Load files at once; `contents` are their bytes as text, None of what must be refused."""
    reports = pipeline.ingest(product.store(), list(contents))
    for report, (path, content) in zip(reports, contents.items(), strict=True):
        assert report.seconds < MOST_SECONDS, path.name
        if content is None:
            assert (report.state, report.read, report.load) == ("refused", 0, None), (path.name, report)
            continue
        assert report.state == "published", (path.name, report.message)
        assert report.read == content.count(b"\n"), path.name
        assert report.read == report.loaded + report.duplicates + report.quarantined + report.blank, path.name
        assert report.held == int(not content.endswith(b"\n")), path.name
    with product.one_connection():
        ((loaded, aside),) = product.rows("SELECT SUM(loaded), SUM(quarantined) FROM meta.loads")
        ((strays,),) = product.rows("SELECT COUNT(*) FROM meta.strays")
        assert product.rows("SELECT COUNT(*) FROM raw.queue_log") == [(loaded + strays,)]
        assert product.rows("SELECT COUNT(*) FROM meta.quarantine") == [(aside,)]
        visits = "SELECT COUNT(*), COUNT(DISTINCT (pbx, callid, ordinal)) FROM core.queue_visits"
        assert len(set(product.rows(visits)[0])) == 1, "a visit stands twice"
        assert aside > 0, "nothing was damaged"


@pytest.mark.drawn(4)
def test_damaged_logs(seed: int, mutants: int, product: Product) -> None:
    contents: dict[Path, bytes | None] = {}
    for number in range(mutants):
        chance = Random(f"log {seed} {number}")
        content = named(number) + mutated(some_lines(chance, number), chance)
        contents[path := product.folder / "in" / f"{number}"] = content
        path.write_bytes(content)
    accounted(product, contents)


@pytest.mark.drawn(4)
def test_damaged_compressed_logs(seed: int, mutants: int, product: Product) -> None:
    """Damaged before they were compressed, or after."""
    contents: dict[Path, bytes | None] = {}
    for number in range(mutants):
        chance = Random(f"gzip {seed} {number}")
        lines = named(number) + mutated(some_lines(chance, number), chance)
        content = gzip.compress(lines, mtime=0)
        if number % 2:
            content = flipped(content, chance, chance.randint(1, 3))
        contents[path := product.folder / "in" / f"{number}.gz"] = read_plainly(content)
        path.write_bytes(content)
    assert sum(content is None for content in contents.values()) > mutants // 8
    accounted(product, contents)


def read_plainly(content: bytes) -> bytes | None:
    """What a file holds for Python; None where it is damaged, or holds no event."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return None
    return content if is_log(content) else None


def is_log(content: bytes) -> bool:
    """Whether a line of the first 200 that are not blank has an instant and four separators."""
    lines = [text for text in content.split(b"\n") if text.strip()][:200]
    for text in lines:
        stamp = re.match(rb"(?:\xef\xbb\xbf)?(\d{1,12})(?:\.[^|]*)?\|", text[:65536])
        if stamp and text[:65536].count(b"|") >= 4 and 631152000 <= int(stamp[1]) <= LATEST:
            return True
    return False


@pytest.mark.drawn(4)
def test_damaged_beginnings_are_recognised_or_refused(seed: int, mutants: int, tmp_path: Path) -> None:
    verdicts = Counter[bool]()
    for number in range(mutants):
        chance = Random(f"beginning {seed} {number}")
        content = mutated(BASE[number] + b"\n", chance)
        (path := tmp_path / "log").write_bytes(content)
        recognised = False
        with suppress(landing.Refused):
            recognised = landing.recognise(path, latest_epoch=LATEST) is not None
        assert recognised == is_log(content), (number, content[:300])
        verdicts[recognised] += 1
    assert min(verdicts[True], verdicts[False]) > 3


# Tables

_ODD_VALUES = ("", "\n", "'", "^3B^5E", "|||||", "0000-00-00 00:00:00", "9" * 30, "Ñandú ;")
COLUMNS = ("id", "time", "callid", "queuename", "agent", "event", "data")
DUMP_HEAD = b"""-- MySQL dump 10.13
CREATE TABLE `queue_log` (
  `id` int(10) NOT NULL, `time` varchar(40), `callid` varchar(80), `queuename` varchar(80), `agent` varchar(80),
  `event` varchar(32), `data` varchar(255),
  PRIMARY KEY (`id`)
);
""".replace(b", `", b",\n  `")
SOURCE = next(source for source in TABLES if source.name == "queue_log_data")


def row_of(number: int, text: str) -> list[str]:
    stamp, callid, queue, agent, event, data = text.split("|", 5)
    seconds = int(stamp) - EIGHT
    return [str(number), f"2024-03-05 08:{seconds // 60 % 60:02}:{seconds % 60:02}", callid, queue, agent, event, data]


def dump_lines(chance: Random) -> list[bytes]:
    begin = chance.randrange(len(BASE) - 12)
    rows = [row_of(n, text.decode()) for n, text in enumerate(BASE[begin : begin + 12], start=1)]
    quoted = [", ".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in row) for row in rows]
    return [f"INSERT INTO `queue_log` VALUES ({values});\n".encode() for values in quoted]


@pytest.mark.drawn(4)
def test_damaged_dumps(seed: int, mutants: int, tmp_path: Path) -> None:
    """Of whole lines dropped and repeated the rows are known; bytes are read or refused, and what is read is kept."""
    outcomes = Counter[str]()
    path, draft = tmp_path / "dump.sql", tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        for number in range(mutants):
            chance = Random(f"dump {seed} {number}")
            lines = dump_lines(chance)
            for _ in range(chance.randint(0, 4)):
                at = chance.randrange(len(lines))
                lines[at : at + 1] = [] if chance.random() < 0.5 and len(lines) > 1 else [lines[at]] * 2
            expected: int | None = len(lines)
            content = DUMP_HEAD + b"".join(lines)
            if number % 2:
                content, expected = flipped(content, chance, chance.randint(1, 6)), None
            path.write_bytes(content)
            try:
                rows = write_rows(path, read_dump(path), draft)
            except DumpRefused:
                assert expected is None, number
                outcomes["refused"] += 1
                continue
            assert expected is None or rows == expected, number
            assert connection.execute(f"SELECT COUNT(*) FROM read_parquet('{draft}')").fetchone() == (rows,), number
            outcomes["read"] += 1
    assert outcomes["read"] > mutants // 2


def damaged_rows(chance: Random, number: int) -> Iterator[list[str | None]]:
    """Rows with values exchanged, emptied, damaged; some left out, some twice, each with an id of its own."""
    begin = chance.randrange(len(BASE) - 8)
    for place, text in enumerate(BASE[begin : begin + 8]):
        row: list[str | None] = list(row_of(number * 100 + place, text.decode()))
        for _ in range(chance.randint(0, 2)):
            at, other = chance.randrange(1, len(row)), chance.randrange(1, len(row))
            match chance.randrange(4):
                case 0:
                    row[at], row[other] = row[other], row[at]
                case 1:
                    row[at] = None
                case 2:
                    row[at] = chance.choice(
                        ("", "\n", "'", "^3B^5E", "|||||", "0000-00-00 00:00:00", "9" * 30, "Ñandú ;")
                    )
                case _:
                    row[at] = flipped((row[at] or "").encode(), chance, 2).decode("latin-1").replace("\0", "")
        if row[1] is not None:
            row[1] = row[1].replace("|", "/")  # else nobody knows where in the line the time ends
        if chance.random() < 0.9:
            yield row


@pytest.mark.drawn(4)
def test_damaged_rows_of_a_table(seed: int, mutants: int, tmp_path: Path) -> None:
    """Every row is a line, with what it held."""
    rows = [row for n in range(mutants) for row in damaged_rows(Random(f"rows {seed} {n}"), n)]
    assert SOURCE.table is not None
    writer = RowWriter(tmp_path / "draft", SOURCE.table)
    for at in range(0, len(rows), 100):
        writer.write([list(column) for column in zip(*rows[at : at + 100], strict=True)])
    writer.close()
    kept = keep_rows(
        tmp_path / "draft", tmp_path / "rows", SOURCE, tmp_path, offset=-14400, latest_epoch=LATEST, but=(1, 0)
    )
    assert kept.rows == len(rows)
    lines: list[str] = []
    for slab in row_slabs(tmp_path / "rows", SOURCE, tmp_path, offset=-14400, slab_bytes=20_000, line_limit=65536):
        found = slab.path.read_bytes().split(b"\n")[:-1]
        assert len(found) == slab.lines and slab.set_aside == ()
        lines += [text.decode() for text in found]
    kept_texts = Counter(rest for text in lines if plain(rest := text.partition("|")[2]))
    assert kept_texts == Counter(text for row in rows if plain(text := line_of(row)))
    assert len(lines) == len(rows)


def line_of(row: list[str | None]) -> str:
    """What a row says behind its time, as a line."""
    values = [(value or "").replace("^3B", ";").replace("^5E", "^").replace("\n", "␊") for value in row[2:]]
    return "|".join([*values[:4], values[4].rstrip("|")])


def plain(text: str) -> bool:
    """Whether nothing in a text is written another way in a line: what was damaged so is only counted."""
    return text.isascii() and text.isprintable()


def values_damaged(mutants: int, of: Callable[[int], Random]) -> list[list[str | None]]:
    return [row for n in range(mutants) for row in damaged_rows(of(n), n)]


@pytest.mark.database
@pytest.mark.drawn(1)
def test_a_table_of_damaged_rows_is_loaded_and_every_row_accounted_for(
    seed: int, mutants: int, new_mariadb: Addresses, tmp_path: Path
) -> None:
    url = new_mariadb()
    table = table_of(url, Kept("queue_log", String(200), data=1, width=200, ids=True))
    rows = values_damaged(4 * mutants, lambda n: Random(f"table {seed} {n}"))
    values = [dict(zip(COLUMNS, [n, *row[1:]], strict=True)) for n, row in enumerate(rows, start=1)]
    with table.engine.begin() as connection:
        connection.execute(table.table.insert(), values)
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url, zone="-04:00"))
    assert (report.state, report.read) == ("published", len(rows)), report.message
    assert report.read == report.loaded + report.duplicates + report.quarantined + report.blank
    assert report.quarantined > 50 and report.seconds < MOST_SECONDS
    ((strays,),) = product.rows("SELECT COUNT(*) FROM meta.strays")
    assert product.rows("SELECT COUNT(*) FROM raw.queue_log") == [(report.loaded + strays,)]


@pytest.mark.drawn(1)
def test_damaged_dumps_loaded_as_files(seed: int, product: Product) -> None:
    """The whole way, for some: every row of those that are taken is accounted for."""
    contents = []
    for number in range(12):
        chance = Random(f"dump loaded {seed} {number}")
        damaged = flipped(b"".join(dump_lines(chance)), chance, number % 4)
        contents.append(product.folder / "in" / f"{number}.sql")
        contents[-1].write_bytes(DUMP_HEAD + damaged)
    store = product.store()
    store.settings = store.settings.model_copy(update={"table_zone": "-04:00"})
    reports = pipeline.ingest(store, contents)
    taken = [report for report in reports if report.state == "published"]
    assert len(taken) >= 3
    for report in taken:
        assert report.read == report.loaded + report.duplicates + report.quarantined + report.blank, report.name
        assert report.seconds < MOST_SECONDS


def test_a_block_may_end_anywhere(tmp_path: Path) -> None:
    """The oracle of line ends: what is counted is what the blocks hold."""
    (path := tmp_path / "log").write_bytes(b"\n".join(BASE))
    with path.open("rb") as file:
        assert sum(block.count(b"\n") for block in blocks(file)) == len(BASE) - 1


# What the drawn logs found


def test_a_did_without_a_number_doubles_nobody(product: Product) -> None:
    calls = [f"{text}\n" for n in range(3) for text in answered(n * 100, str(n))]
    calls.insert(3, line(100, "1", "DID", "") + "\n")
    (path := product.folder / "in" / "queue_log").write_text("".join(calls))
    pipeline.ingest(product.store(), [path])
    assert len(product.visits()) == len(product.calls("line")) == 3


def test_a_line_of_a_wrong_year_makes_no_months_between(product: Product) -> None:
    lines = [f"{text}\n" for text in (*answered(0, "1"), f"{EIGHT - 30 * 365 * 86400}|NONE|NONE|NONE|CONFIGRELOAD|")]
    (path := product.folder / "in" / "queue_log").write_text("".join(lines))
    pipeline.ingest(product.store(), [path])
    pipeline.ingest(product.store(), [path.rename(path.with_name("copy"))])
    current = read_current(product.settings().warehouse)
    assert current is not None and current.periods("calls") == ("1994-03", "2024-03")
