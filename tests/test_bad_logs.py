"""Inputs Q01 to Q31 of the bad logs a reader meets: each a small file, its outcome as data, equal to the last count.

Times are seconds after 08:00 of 5 March 2024 in La Paz. Every file that is not refused holds one good call of three
lines besides what is bad in it, so that reading on after the fault is shown too.
"""

import gzip
import hashlib
import hmac
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from etl import pipeline, validate
from etl.pseudonyms import pseudonym, pseudonym_sql
from etl.readers.lines import BLOCK_BYTES, LineFeed, blocks
from etl.settings import Settings
from tests.product import Product, Rows
from tests.test_counting_properties import invented_log

pytestmark = pytest.mark.duckdb

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = Path(__file__).parent / "samples" / "queue_log"
EIGHT = 1709640000  # 2024-03-05 08:00 in La Paz
CALLER = "70712345"
MASTER_CSV = (
    f'"","{CALLER}","101","from-trunk","""Ana"" <{CALLER}>","SIP/trunk-1","SIP/201-2","Queue","101,t",'
    '"2024-03-05 08:00:00","2024-03-05 08:00:05","2024-03-05 08:01:05",65,60,"ANSWERED","","1709640000.1",""\n'
).encode() * 3
NOT_A_LOG = (
    "no es un queue_log: 0 de {} líneas tienen la forma «instante|llamada|cola|operador|EVENTO|…»; "
    "revise que sea el archivo queue_log de Asterisk"
)
DAMAGED = "el archivo comprimido está cortado o dañado; vuelva a copiarlo"


# --- builders --------------------------------------------------------------------------------------------------------


def line(at: int | str, call: str, event: str, *data: object, queue: str = "101", agent: str = "NONE") -> str:
    """A line; `at` in seconds after eight, or the text of its first field; `call` a number, or a callid as it is."""
    stamp = EIGHT + at if isinstance(at, int) else at
    callid = f"{EIGHT}.{call}" if call.isdigit() else call
    return f"{stamp}|{callid}|{queue}|{agent}|{event}|{'|'.join(map(str, data))}"


def enter(at: int | str, call: str, *, queue: str = "101", caller: str = CALLER) -> str:
    return line(at, call, "ENTERQUEUE", "", caller, 1, queue=queue)


def connect(at: int, call: str, wait: object = 5, *, queue: str = "101", agent: str = "SIP/201") -> str:
    return line(at, call, "CONNECT", wait, f"{EIGHT}.999", 3, queue=queue, agent=agent)


def complete(at: int, call: str, wait: object = 5, talk: object = 60, *, queue: str = "101") -> str:
    return line(at, call, "COMPLETECALLER", wait, talk, 1, queue=queue, agent="SIP/201")


def answered(at: int, call: str, *, queue: str = "101") -> list[str]:
    """Three lines of a call answered after 5 seconds that talks for 60."""
    return [enter(at, call, queue=queue), connect(at + 5, call, queue=queue), complete(at + 65, call, queue=queue)]


GOOD = answered(0, "1")


def log(*lines: str, end: str = "\n") -> bytes:
    return "".join(text + end for text in lines).encode()


@dataclass(frozen=True)
class Outcome:
    """What came of one file: line counts, the lines set aside with their reasons, the refusal, what was counted."""

    loaded: int = 0
    duplicates: int = 0
    quarantined: tuple[tuple[int, str], ...] = ()
    blank: int = 0
    held: int = 0
    refused: str = ""
    findings: tuple[str, ...] = ()
    registered: int = 0
    answered: int = 0
    still_open: int = 0
    reconstructed: int = 0
    other_encoding: int = 0
    clock_steps: int = 0

    @property
    def lines(self) -> int:
        """Lines read, the held one left out."""
        return self.loaded + self.duplicates + len(self.quarantined) + self.blank


#: The one good call alone.
ONE_CALL = Outcome(loaded=3, registered=1, answered=1)


def refused(why: str) -> Outcome:
    return Outcome(refused=why)


@dataclass(frozen=True)
class BadLog:
    """One bad log: number in the catalogue, what is wrong, the file, its outcome."""

    number: str
    title: str
    content: Callable[[], bytes]
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.number}-{self.title.replace(' ', '-')}"


def bad(number: str, title: str, content: bytes | Callable[[], bytes], outcome: Outcome) -> BadLog:
    return BadLog(number, title, (lambda: content) if isinstance(content, bytes) else content, outcome)


def good_and(*lines: str) -> bytes:
    """The good call, then these lines, from line 4 on."""
    return log(*GOOD, *lines)


def aside(*reasons: str) -> Outcome:
    """The good call, and from line 4 on one line set aside for each of the reasons."""
    return replace(ONE_CALL, quarantined=tuple((4 + place, reason) for place, reason in enumerate(reasons)))


def counted(lines: int, **changes: object) -> Outcome:
    """The good call and that many lines more, all loaded, one call more in them."""
    return replace(ONE_CALL, **{"loaded": 3 + lines, "registered": 2, "answered": 2, **changes})


def long_line(megabytes: int) -> Callable[[], bytes]:
    return lambda: log(*GOOD) + b"x" * (megabytes * 1024 * 1024) + b"\n" + log(*answered(100, "2"))


def damaged_gzip() -> bytes:
    """A gzip whose compressed data were overwritten in the middle."""
    packed = bytearray(gzip.compress(log(*GOOD) * 200, mtime=0))
    packed[30:34] = b"\xff\xff\xff\xff"
    return bytes(packed)


def gzip_cut_late() -> bytes:
    """A gzip cut after its first megabyte of text."""
    chance = random.Random(1)
    lines = [text for call in range(20_000) for text in answered(call, f"{call}", queue=f"{chance.getrandbits(64):x}")]
    packed = gzip.compress(log(*lines), mtime=0)
    return packed[: len(packed) - 100]


# --- the catalogue ---------------------------------------------------------------------------------------------------

BAD_LOGS = (
    bad("Q01", "no byte at all", b"", refused("el archivo está vacío (0 bytes)")),
    bad("Q02", "blank lines only", b"\n\r\n  \n\n", refused("el archivo no tiene eventos: solo líneas en blanco")),
    bad("Q03", "last line without its end", good_and() + enter(100, "2").encode(), replace(ONE_CALL, held=1)),
    bad("Q03", "one line without its end", enter(0, "1").encode(), Outcome(held=1)),
    bad("Q04", "four fields", good_and(f"{EIGHT}|{EIGHT}.2|101|NONE", f"{EIGHT}"), aside("fields", "fields")),
    bad(
        "Q04",
        "an event without a fifth pipe",
        good_and(f"{EIGHT + 90}|NONE|NONE|NONE|CONFIGRELOAD"),
        replace(ONE_CALL, loaded=4),
    ),
    bad("Q04", "neither fields nor instant", good_and("basura"), aside("fields,epoch")),
    bad(
        "Q05",
        "an instant of letters or none",
        good_and(enter("abc", "2"), enter("", "2"), enter(" 1709640100", "2")),
        aside("epoch", "epoch", "epoch"),
    ),
    bad(
        "Q05",
        "an instant in exponents or signs",
        good_and(enter("1.7e9", "2"), enter("+1709640100", "2"), enter("0x65E70000", "2")),
        aside("epoch", "epoch", "epoch"),
    ),
    bad(
        "Q06",
        "zero or negative or 1970",
        good_and(enter("0", "2"), enter("-1709640100", "2"), enter("86400", "2")),
        aside("epoch_range", "epoch_range", "epoch_range"),
    ),
    bad(
        "Q06",
        "years after the load",
        good_and(enter("4102444800", "2"), enter("99999999999", "2")),
        aside("epoch_range", "epoch_range"),
    ),
    bad(
        "Q07",
        "milliseconds",
        good_and(enter("1709640100000", "2"), enter("17096401000000000000000", "2")),
        aside("epoch_unit", "epoch_unit"),
    ),
    bad(
        "Q08",
        "a fraction of a second",
        good_and(enter(f"{EIGHT + 100}.5", "2"), connect(105, "2"), complete(165, "2")),
        counted(3),
    ),
    bad(
        "Q09",
        "an unknown event",
        good_and(line(70, "1", "FOOBAR", "x", agent="SIP/201"), line(200, "9", "foobar")),
        replace(ONE_CALL, loaded=5),
    ),
    bad(
        "Q10",
        "pipes in the name of the caller",
        good_and(line(100, "2", "ENTERQUEUE", "", CALLER, 1, "Ana|de|la|Cruz|y|más"), *answered(100, "2")[1:]),
        counted(3),
    ),
    bad(
        "Q11",
        "Latin-1",
        good_and(*answered(100, "2")).replace(
            f"{EIGHT}.2|101|SIP/201".encode(), f"{EIGHT}.2|101|José Peña".encode("latin-1")
        ),
        counted(3, other_encoding=2),
    ),
    bad(
        "Q11",
        "bytes of no text",
        log(*GOOD) + b"1709640100|2|101|\x81\x8d|CONNECT|5|x|1\n" + log(*answered(100, "2")),
        counted(3, quarantined=((4, "encoding"),)),
    ),
    bad(
        "Q12",
        "a hole of NULs",
        log(*GOOD) + b"\0" * 5000 + log(*answered(100, "2")),
        replace(counted(2, answered=2), quarantined=((4, "nul"),), reconstructed=1),
    ),
    bad(
        "Q12",
        "a hole of NULs at the beginning",
        lambda: b"\0" * (3 * BLOCK_BYTES) + b"\n" + log(*GOOD),
        replace(ONE_CALL, quarantined=((1, "line_too_long"),)),
    ),
    bad("Q13", "CRLF", log(*GOOD, *answered(100, "2"), end="\r\n"), counted(3)),
    bad("Q14", "a line of 10 MB", long_line(10), counted(3, quarantined=((4, "line_too_long"),))),
    bad(
        "Q14",
        "a line of 10 MB at the beginning",
        lambda: b"x" * 10 * 1024 * 1024 + b"\n" + log(*GOOD),
        replace(ONE_CALL, quarantined=((1, "line_too_long"),)),
    ),
    bad(
        "Q15",
        "two equal lines in one second",
        good_and(enter(100, "2"), *[line(101, "2", "RINGNOANSWER", 1000, agent="SIP/7")] * 2, *answered(100, "2")[1:]),
        counted(5),
    ),
    bad(
        "Q19",
        "the clock goes back",
        good_and(enter(100, "2"), connect(105, "2"), complete(75, "2", talk=-30), enter(80, "3")),
        counted(4, findings=("duration",), still_open=1, clock_steps=1),
    ),
    bad(
        "Q20",
        "a connection without its entry",
        good_and(connect(100, "2"), complete(160, "2")),
        counted(2, reconstructed=1),
    ),
    bad(
        "Q20",
        "an end without its entry",
        good_and(complete(160, "2"), line(190, "3", "ABANDON", 1, 1, 7)),
        counted(2, registered=3, reconstructed=2),
    ),
    bad(
        "Q21", "an entry without its end", good_and(enter(100, "2")), counted(1, registered=1, answered=1, still_open=1)
    ),
    bad("Q22", "two ends", good_and(*answered(100, "2"), complete(166, "2")), counted(4, findings=("second_end",))),
    bad(
        "Q23",
        "an abandon without its wait",
        good_and(enter(100, "2"), line(130, "2", "ABANDON", 1, 1)),
        counted(2, answered=1, findings=("wait_from_times",)),
    ),
    bad("Q23", "an abandon without wait nor entry", good_and(line(130, "2", "ABANDON", 1, 1)), aside("wait_missing")),
    bad(
        "Q24",
        "a negative wait",
        good_and(enter(100, "2"), connect(105, "2", -3), complete(165, "2", -3)),
        counted(3, findings=("duration",)),
    ),
    bad(
        "Q24",
        "a talk of letters",
        good_and(enter(100, "2"), connect(105, "2"), complete(165, "2", 5, "un rato")),
        counted(3, findings=("duration",)),
    ),
    bad(
        "Q24",
        "a wait with decimals or beyond all bounds",
        good_and(enter(100, "2"), connect(105, "2", "5.5"), complete(165, "2", 99999999999)),
        counted(3, findings=("duration",)),
    ),
    bad(
        "Q25",
        "milliseconds of ringing",
        good_and(
            enter(100, "2"),
            line(101, "2", "RINGNOANSWER", 1000, agent="SIP/7"),
            line(102, "2", "RINGCANCELED", 900000, agent="SIP/7"),
            *answered(100, "2")[1:],
        ),
        counted(5),
    ),
    bad(
        "Q26",
        "a talk of 25 hours",
        good_and(enter(100, "2"), connect(105, "2"), complete(90105, "2", 5, 90000)),
        counted(3, findings=("long_duration",)),
    ),
    bad(
        "Q27",
        "lines of the system",
        good_and(
            *[line(100, "NONE", event, queue="NONE") for event in ("QUEUESTART", "CONFIGRELOAD")],
            line(101, "REALTIME", "ADDMEMBER", agent="SIP/201"),
            line(102, "MANAGER", "REMOVEMEMBER", agent="SIP/201"),
            *[line(103, callid, "ENTERQUEUE", "", CALLER, 1) for callid in ("NONE", "REALTIME", "CLI", "")],
        ),
        replace(ONE_CALL, loaded=11),
    ),
    bad(
        "Q28",
        "a queue and an operator nobody knows",
        good_and(enter(100, "2", queue="cola nueva"), connect(105, "2", queue="cola nueva", agent="PJSIP/8007-0000a1")),
        counted(2),
    ),
    bad(
        "Q29",
        "a pause without its end",
        good_and(line(100, "NONE", "PAUSE", "refrigerio", agent="SIP/201")),
        replace(ONE_CALL, loaded=4),
    ),
    bad("Q30", "a binary", lambda: bytes(range(256)) * 300, refused(NOT_A_LOG.format(200))),
    bad("Q30", "the call records", MASTER_CSV, refused(NOT_A_LOG.format(3))),
    bad("Q30", "the call records in a gzip", lambda: gzip.compress(MASTER_CSV), refused(NOT_A_LOG.format(3))),
    bad(
        "Q30",
        "another log",
        b"[2024-03-05 08:00:00] NOTICE[1] chan_sip.c: Peer 'x' is now UNREACHABLE!\n" * 250,
        refused(NOT_A_LOG.format(200)),
    ),
    bad("Q30", "a gzip of a log", lambda: gzip.compress(log(*GOOD)), ONE_CALL),
    bad("Q30", "a gzip of nothing", lambda: gzip.compress(b""), refused("el archivo está vacío (0 bytes)")),
    bad("Q30", "a gzip cut off", lambda: gzip.compress(log(*GOOD) * 200)[:-9], refused(DAMAGED)),
    bad("Q30", "a gzip cut off late", gzip_cut_late, refused(DAMAGED)),
    bad("Q30", "a gzip overwritten", damaged_gzip, refused(DAMAGED)),
    bad("Q30", "the two bytes of a gzip and no more", b"\x1f\x8b", refused(DAMAGED)),
    bad(
        "Q31",
        "a forged end of a call that ended",
        good_and(enter(100, "2", caller=f"{CALLER}\r\n{complete(110, '1', 1, 9999)}\r\n"), *answered(100, "2")[1:]),
        counted(4, quarantined=((6, "fields,epoch"),), findings=("second_end",), clock_steps=1),
    ),
    bad(
        "Q31",
        "a forged end of a call that never was",
        good_and(enter(100, "2", caller=f"{CALLER}\n{complete(90, '77', 1, 8)}\n"), *answered(100, "2")[1:]),
        counted(4, registered=3, answered=3, quarantined=((6, "fields,epoch"),), reconstructed=1, clock_steps=1),
    ),
    bad(
        "Q31",
        "quotes and SQL in every field",
        good_and(line(100, "x'); DROP TABLE y; --", "ENTERQUEUE", '"', "''", '\\"', queue='"q\\"', agent="NONE")),
        counted(1, registered=1, answered=1, still_open=1),
    ),
)

SAMPLE_OUTCOMES = {
    "good.queue_log": Outcome(loaded=15, registered=3, answered=2),
    "awful.queue_log": Outcome(
        loaded=9,
        quarantined=(
            (1, "fields"),
            (3, "epoch"),
            (4, "epoch_range"),
            (5, "epoch_unit"),
            (10, "shifted"),
            (12, "wait_missing"),
            (17, "fields,epoch"),
        ),
        blank=1,
        held=1,
        findings=("duration", "second_end"),
        registered=3,
        answered=2,
        still_open=1,
        reconstructed=1,
        clock_steps=1,
    ),
}


def observed(product: Product, reports: list[pipeline.FileReport]) -> Outcome:
    """What came of the one file loaded, read from its report and from the generation in service."""
    (report,) = reports
    if report.state == "refused":
        name, _, why = report.message.partition(": rechazado: ")
        assert name == report.name
        assert (report.read, report.loaded, report.load) == (0, 0, None)
        return refused(why)
    if report.load is None:
        return Outcome(duplicates=report.duplicates, held=report.held)
    visits = product.visits()
    ((lines, *stored, other_encoding, steps),) = product.rows(
        f"""SELECT lines, loaded, duplicates, quarantined, blank, held, other_encoding, clock_steps FROM meta.loads
        WHERE load = {report.load}"""
    )
    told = [report.loaded, report.duplicates, report.quarantined, report.blank, report.held]
    assert told == stored, "the report and the warehouse disagree"
    assert report.read == lines == sum(told[:4]), "the lines do not add up"
    rows = product.rows(f"SELECT line, reasons FROM meta.quarantine WHERE load = {report.load} ORDER BY line")
    assert len(rows) == report.quarantined
    return Outcome(
        loaded=report.loaded,
        duplicates=report.duplicates,
        quarantined=tuple((int(str(row[0])), str(row[1])) for row in rows),
        blank=report.blank,
        held=report.held,
        findings=tuple(product.findings()),
        registered=sum(visit.registered for visit in visits),
        answered=sum(visit.answered for visit in visits),
        still_open=sum(visit.open for visit in visits),
        reconstructed=sum(visit.reconstructed for visit in visits),
        other_encoding=int(str(other_encoding)),
        clock_steps=int(str(steps)),
    )


def write(product: Product, name: str, content: bytes) -> Path:
    path = product.folder / "in" / name
    path.write_bytes(content)
    return path


def ingest(product: Product, *paths: Path) -> list[pipeline.FileReport]:
    return pipeline.ingest(product.store(), paths)


def loaded(folder: Path, content: bytes) -> Product:
    product = Product(folder)
    ingest(product, write(product, "queue_log", content))
    return product


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)


# --- the catalogue, walked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BAD_LOGS, ids=str)
def test_a_bad_log_comes_out_as_the_catalogue_says(case: BadLog, product: Product) -> None:
    content = case.content()
    assert observed(product, ingest(product, write(product, "queue_log", content))) == case.outcome
    if not case.outcome.refused and not content.startswith(b"\x1f\x8b"):
        assert content.count(b"\n") == case.outcome.lines


@pytest.mark.parametrize("name", SAMPLE_OUTCOMES)
def test_a_sample_comes_out_as_it_should(name: str, product: Product) -> None:
    assert observed(product, ingest(product, SAMPLES / name)) == SAMPLE_OUTCOMES[name]


def test_every_sample_has_its_outcome() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(SAMPLE_OUTCOMES)


def test_every_number_of_the_catalogue_is_tried() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    tried = {case.number for case in BAD_LOGS} | {f"Q{n:02d}" for n in range(1, 32) if f'"""Q{n:02d}: ' in here}
    assert tried == {f"Q{n:02d}" for n in range(1, 32)}


# --- what a file's outcome does not say ------------------------------------------------------------------------------


def test_a_held_line_is_loaded_once_it_is_complete(product: Product) -> None:
    """Q03: the offset stays before the unfinished line."""
    whole = log(*GOOD, *answered(100, "2"))
    cut = whole.rindex(b"CONNECT")
    first = observed(product, ingest(product, write(product, "queue_log", whole[:cut])))
    assert (first.loaded, first.held) == (4, 1)
    assert observed(product, ingest(product, write(product, "queue_log", whole))) == replace(counted(2), loaded=2)
    assert product.counted() == loaded(product.folder / "whole", whole).counted()


def test_a_fraction_of_a_second_is_dropped(product: Product) -> None:
    """Q08: the whole seconds stay."""
    ingest(product, write(product, "queue_log", log(enter(f"{EIGHT + 100}.999", "2"), enter(f"{EIGHT + 101}.", "3"))))
    assert [visit.entered_at for visit in product.visits()] == [EIGHT + 100, EIGHT + 101]


def test_an_unknown_event_is_kept_and_counted(product: Product) -> None:
    """Q09: its text stays, no figure has it."""
    ingest(product, write(product, "queue_log", log(*GOOD, line(10, "1", "FOOBAR", "a", "", "b", agent="SIP/201"))))
    assert product.rows("SELECT data, kind, hold_seconds FROM raw.queue_log WHERE event = 'FOOBAR'") == [
        ("a||b", 0, None)
    ]


def test_the_tail_of_a_line_is_joined_again(product: Product) -> None:
    """Q10: the name with pipes is one name, and only its pseudonym is kept."""
    event = line(10, "9", "INFO", *"abcdefghij")
    ingest(
        product, write(product, "queue_log", log(line(0, "1", "ENTERQUEUE", "", CALLER, 1, "Ana|de|la|Cruz"), event))
    )
    key = product.store().key
    assert product.rows("SELECT data FROM raw.queue_log ORDER BY line") == [
        (f"|{pseudonym(CALLER, key)}|1|{pseudonym('Ana|de|la|Cruz', key)}",),
        ("a|b|c|d|e|f|g|h|i|j",),
    ]


def test_latin_1_is_read_as_cp1252(product: Product) -> None:
    """Q11: the declared fallback."""
    text = log(connect(5, "1", agent="José Peña “fijo”")).replace(
        "José Peña “fijo”".encode(), "José Peña “fijo”".encode("cp1252")
    )
    ingest(product, write(product, "queue_log", log(GOOD[0]) + text))
    assert [visit.agent for visit in product.visits()] == ["José Peña “fijo”"]


@pytest.mark.parametrize("lines", [1, 3])
def test_a_file_from_windows_counts_as_the_plain_one(lines: int, tmp_path: Path) -> None:
    """Q13: what an editor does to the beginning of a file and to the ends of its lines."""
    plain = log(*GOOD[:lines])
    forms = {"plain": plain, "crlf": plain.replace(b"\n", b"\r\n"), "bom": b"\xef\xbb\xbf" + plain}
    shown = "SELECT line, epoch, callid, event, hold_seconds FROM raw.queue_log ORDER BY line"
    products = [loaded(tmp_path / name, raw) for name, raw in forms.items()]
    found = [(product.rows(shown), product.counted()) for product in products]
    assert found[1] == found[2] == found[0]


def test_the_same_file_twice_is_all_known(product: Product) -> None:
    """Q16: under its name, another name, as a gzip, and in one go."""
    content = log(*GOOD, "basura", *[line(70, "1", "RINGNOANSWER", 1000)] * 2, "")
    path = write(product, "queue_log", content)
    ingest(product, path)
    before = product.counted(), product.findings(), product.set_aside()
    again = ingest(product, path, write(product, "copia.txt", content))
    assert [(r.state, r.read, r.loaded, r.duplicates) for r in again] == [("known", 7, 0, 7)] * 2
    packed = write(product, "queue_log.gz", gzip.compress(content))
    assert observed(product, ingest(product, packed)).duplicates == 5
    assert [(r.state, r.duplicates) for r in ingest(product, packed)] == [("known", 7)]
    assert (product.counted(), product.findings()) == before[:2]


def test_a_rotated_log_and_the_new_one_lose_and_double_nothing(product: Product) -> None:
    """Q17: known by its beginning, not by its name."""
    old = [*GOOD, *answered(100, "2"), enter(200, "3")]
    new = [line(201, "NONE", "CONFIGRELOAD", queue="NONE"), connect(205, "3"), complete(265, "3"), *answered(300, "4")]
    live = write(product, "queue_log", log(*old[:4]))
    ingest(product, live)
    live.rename(live.with_name("queue_log.1"))
    rotated, live = write(product, "queue_log.1", log(*old)), write(product, "queue_log", log(*new[:3]))
    assert [(r.name, r.read, r.loaded) for r in ingest(product, live, rotated)] == [
        ("queue_log", 3, 3),
        ("queue_log.1", 3, 3),
    ]
    write(product, "queue_log", log(*new))
    assert [(r.read, r.loaded, r.duplicates) for r in ingest(product, rotated, live)] == [(7, 0, 7), (3, 3, 0)]
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(loaded), SUM(duplicates) FROM meta.loads") == [(2, 13, 0)]
    assert product.counted() == loaded(product.folder / "whole", log(*old, *new)).counted()


def test_a_log_cut_in_place_is_a_new_file(product: Product) -> None:
    """Q18: smaller than what was landed of it (copytruncate), then grown past the old size."""
    first, second = [*GOOD, *answered(100, "2")], answered(300, "3")
    ingest(product, write(product, "queue_log", log(*first)))
    assert observed(product, ingest(product, write(product, "queue_log", log(*second[:2])))).loaded == 2
    more = [*second, *answered(400, "4"), *answered(500, "5")]
    assert [(r.read, r.loaded) for r in ingest(product, write(product, "queue_log", log(*more)))] == [(7, 7)]
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(loaded) FROM meta.loads") == [(2, 15)]
    assert product.counted() == loaded(product.folder / "whole", log(*first, *more)).counted()


def test_the_order_of_the_file_stands_when_the_clock_goes_back(product: Product) -> None:
    """Q19: an end written after its entry belongs to it, whatever the clock said."""
    lines = [
        enter(100, "2"),
        connect(102, "2", 2),
        complete(40, "2", 2, ""),
        enter(41, "2"),
        line(45, "2", "ABANDON", 1, 1, 4),
    ]
    ingest(product, write(product, "queue_log", log(*lines)))
    found = {(visit.entered_at - EIGHT, visit.answered, visit.wait) for visit in product.visits()}
    assert found == {(100, True, 2), (41, False, 4)}
    assert product.rows("SELECT clock_steps FROM meta.loads") == [(1,)]
    steps = "SELECT epoch, order_epoch FROM raw.queue_log ORDER BY line"
    expected = [(100, 100), (102, 102), (40, 102), (41, 102), (45, 102)]
    assert product.rows(steps) == [(EIGHT + epoch, EIGHT + order) for epoch, order in expected]


def test_ringing_is_never_read_as_seconds_of_waiting(product: Product) -> None:
    """Q25: 1000 is one second of ringing; it is in no wait and no talk."""
    ring = [line(101, "2", event, 90_000, agent="SIP/7") for event in ("RINGNOANSWER", "RINGCANCELED")]
    ingest(product, write(product, "queue_log", log(enter(100, "2"), *ring, *answered(100, "2")[1:])))
    assert [(visit.wait, visit.talk) for visit in product.visits()] == [(5, 60)]
    assert product.rows("SELECT DISTINCT hold_seconds, talk_seconds FROM raw.queue_log WHERE event LIKE 'RING%'") == [
        (None, None)
    ]
    assert product.findings() == []


def test_a_long_talk_is_kept_and_listed(product: Product) -> None:
    """Q26: 25 hours."""
    ingest(product, write(product, "queue_log", log(enter(0, "1"), connect(5, "1"), complete(90_005, "1", 5, 90_000))))
    assert [visit.talk for visit in product.visits()] == [90_000]
    assert product.findings() == ["long_duration"]


def test_a_queue_without_a_line_stays_in_the_total(product: Product) -> None:
    """Q28: shown as "sin línea"."""
    ingest(product, write(product, "queue_log", log(*GOOD, *answered(100, "2", queue="cola nueva"))))
    question = ["--data", str(product.settings().data), "kpi", "registered", "--format", "csv"]
    question += ["--from", "2024-03-05", "--to", "2024-03-05"]
    by_line, total = (CliRunner().invoke(app, [*question, *by]).output for by in (["--by", "service"], []))
    assert by_line.splitlines()[1:] == ["registered,101,1,,1", "registered,sin línea,1,,1"]
    assert total.splitlines()[1:] == ["registered,2,,2"]


# --- memory ----------------------------------------------------------------------------------------------------------


def test_a_line_of_any_length_is_carried_in_a_few_blocks(tmp_path: Path) -> None:
    """Q14: 200 MB without a line end."""
    feed = LineFeed(tmp_path, "log", slab_bytes=BLOCK_BYTES, line_limit=64 * 1024)
    block = b"x" * BLOCK_BYTES
    feed.feed(b"before\n")
    for _ in range(200):
        feed.feed(block)
        assert len(feed._carry) + len(feed._too_long or b"") <= BLOCK_BYTES
    (slab,) = feed.slabs([b"\nafter\n"])
    assert slab.path.read_text(encoding="utf-8") == "before\n\x02\nafter\n"
    assert [(aside.line, aside.reason, len(aside.text)) for aside in slab.set_aside] == [(2, "line_too_long", 200)]


def test_a_load_stays_small_whatever_the_length_of_a_line(tmp_path: Path) -> None:
    """Q14: a whole load in a process of its own; a hole of 200 MB costs no more memory than a file of three lines."""
    small, huge = tmp_path / "small", tmp_path / "huge"
    small.write_bytes(log(*GOOD))
    with huge.open("wb") as file:
        file.write(log(*answered(100, "2")))
        file.seek(200 * 1024 * 1024, 1)
        file.write(b"\n" + log(*answered(300, "3")))
    program = """
        import resource, sys
        from pathlib import Path
        from etl import pipeline
        from etl.settings import Settings

        store = pipeline.open_store(Settings(data=Path(sys.argv[1])))
        for name in sys.argv[2:]:
            (report,) = pipeline.ingest(store, [Path(name)])
            print(report.loaded, report.quarantined, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "data"), str(small), str(huge)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    (*before, small_mb), (*after, huge_mb) = ([int(word) for word in row.split()] for row in done.stdout.splitlines())
    assert (before, after) == ([3, 0], [6, 1])
    assert huge_mb - small_mb < 60


# --- growing files ---------------------------------------------------------------------------------------------------


def messy_log(chance: random.Random) -> bytes:
    """Nonsense of every kind: events in any order, Latin-1, NULs, blank lines, CRLF, long lines."""
    lines = [text.encode() for text in invented_log(chance, lines=60, callids=6)]
    for odd in (
        b"",
        b"  ",
        b"\0\0\0",
        "1709640900|x|101|Peña|CONNECT|1".encode("latin-1"),
        b"1709640900|\x81",
        b"y" * 70_000,
    ):
        lines.insert(chance.randrange(1, len(lines)), odd)
    return b"".join(text + chance.choice([b"\n", b"\n", b"\r\n"]) for text in lines)


def cuts(chance: random.Random, content: bytes, pieces: int) -> list[int]:
    """Random places after the first line, the end included; most lie inside a line."""
    after_first = content.index(b"\n") + 1
    return sorted({*(chance.randrange(after_first, len(content)) for _ in range(pieces - 1)), len(content)})


def lines_set_aside(product: Product) -> Rows:
    return product.rows("SELECT line, reasons, text FROM meta.quarantine ORDER BY line")


@pytest.mark.parametrize("seed", range(2))
def test_a_log_landed_as_it_grows_equals_the_whole(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    content = messy_log(chance)
    whole, grown = loaded(tmp_path / "whole", content), Product(tmp_path / "grown", slab_bytes=2000)
    reports = [ingest(grown, write(grown, "queue_log", content[:cut]))[0] for cut in cuts(chance, content, 4)]
    assert grown.counted() == whole.counted()
    assert grown.findings() == whole.findings()
    assert lines_set_aside(grown) == lines_set_aside(whole)
    assert all(report.state in ("published", "known") for report in reports)
    totals = "SELECT SUM(lines), SUM(loaded), SUM(quarantined), SUM(blank), SUM(other_encoding) FROM meta.loads"
    assert grown.rows(totals) == whole.rows(totals)
    assert sum(report.read for report in reports if report.state == "published") == content.count(b"\n")


def test_growth_of_nothing_but_rubbish_is_set_aside_with_its_file(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(*GOOD)))
    (report,) = ingest(product, write(product, "queue_log", log(*GOOD, "basura", "", "más")))
    assert (report.state, report.read, report.quarantined, report.blank) == ("published", 3, 2, 1)
    (report,) = ingest(product, write(product, "queue_log", log(*GOOD, "basura", "", "más", *answered(100, "2"))))
    assert (report.read, report.loaded) == (3, 3)


@pytest.mark.parametrize("seed", range(40))
def test_lines_do_not_depend_on_how_the_bytes_arrive(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    limit = 64
    parts = [
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"\x02",
        b"\x1f",
        b"\xef\xbb\xbf",
        b"\xf1",
        "ñ".encode(),
        b"\x81",
        b"a|b",
        b"x" * (limit - 1),
        b"x" * limit,
        b"x" * (limit + 1),
    ]
    content = b"".join(chance.choices(parts, weights=[9, 5, 1, 1, 1, 1, 1, 1, 1, 1, 5, 1, 1, 1], k=120)) + b"\n"

    def slabs(fed: list[bytes], slab_bytes: int) -> tuple[str, list[object], int]:
        texts, set_aside, encoded = "", [], 0
        for slab in LineFeed(tmp_path, "log", slab_bytes, limit).slabs(fed):
            text = slab.path.read_bytes().decode()
            assert text.count("\n") == slab.lines
            assert slab.first_line == texts.count("\n") + 1
            texts += text
            set_aside += slab.set_aside
            encoded += slab.other_encoding
        return texts, set_aside, encoded

    whole = slabs([content], 10**9)
    assert whole[0].count("\n") == content.count(b"\n")
    places = sorted(chance.choices(range(len(content)), k=chance.randint(1, 60)))
    pieces = [content[start:end] for start, end in zip([0, *places], [*places, len(content)], strict=True)]
    for slab_bytes in (1, 100, 10**9):
        assert slabs(pieces, slab_bytes) == whole


@pytest.mark.parametrize("seed", range(2))
def test_whatever_arrives_is_accounted_for(seed: int, product: Product) -> None:
    """A good log with bytes changed at random: every line is loaded, set aside or blank, and nothing stops the load."""
    chance = random.Random(seed)
    lines = [text for call in range(40) for text in answered(call * 3, f"{call}", queue=chance.choice(["101", "cola"]))]
    content = bytearray(log(*lines))
    for _ in range(150):
        content[chance.randrange(100, len(content))] = chance.choice(b"\n\n|||-0179\0\r\x02\x1f'\"\\\xf1\x81 \t")
    content += b"\n"
    found = observed(product, ingest(product, write(product, "queue_log", bytes(content))))
    assert found.lines == bytes(content).count(b"\n")
    assert found.loaded > 0


def test_a_wait_of_68_years_does_not_stop_the_load(product: Product) -> None:
    """Q24: 2147483647 seconds, in a call that overflowed from one queue visit to the next."""
    overflow = [enter(0, "1"), line(1, "1", "EXITWITHTIMEOUT", 1, 1, 1), enter(1, "1"), connect(2, "1", 2147483647)]
    (report,) = ingest(product, write(product, "queue_log", log(*overflow)))
    assert report.state == "published"


def test_an_end_of_a_wait_of_months_may_come_before_its_entry(tmp_path: Path) -> None:
    """Q26: the entry lies in a file that is loaded later."""
    first, second = log(enter(0, "1"), connect(5, "1")), log(complete(100, "1", 100 * 86400, 90))
    in_order, reversed_ = Product(tmp_path / "a"), Product(tmp_path / "b")
    ingest(in_order, write(in_order, "1", first), write(in_order, "2", second))
    ingest(reversed_, write(reversed_, "2", second))
    ingest(reversed_, write(reversed_, "1", first))
    assert reversed_.counted() == in_order.counted()


def test_a_queue_without_a_name_keeps_it(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(enter(0, "1", queue=""), *answered(5, "1", queue=""))))
    assert {visit.queue for visit in product.visits()} == {""}


# --- callers' numbers ------------------------------------------------------------------------------------------------

HMAC_VECTORS = (  # RFC 4231, cases 1 and 2
    (b"\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
)


def pseudonym_by_sql(text: str | None, key: bytes) -> str | None:
    row = duckdb.execute(f"SELECT {pseudonym_sql('clear', key)} FROM (SELECT ? AS clear)", [text]).fetchone()
    assert row is not None
    return None if row[0] is None else str(row[0])


@pytest.mark.parametrize(("key", "text", "expected"), HMAC_VECTORS)
def test_a_pseudonym_is_the_beginning_of_the_published_hmac(key: bytes, text: str, expected: str) -> None:
    assert hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == expected
    assert pseudonym(text, key) == pseudonym_by_sql(text, key) == "~" + expected[:24]


def test_the_pseudonym_of_sql_is_that_of_python() -> None:
    chance = random.Random(7)
    for size in (1, 7, 8, 55, 56, 63, 64, 65, 500):
        key = chance.randbytes(32)
        text = "".join(chance.choices("0123456789+ áñ'\"\\%€😀", k=size))
        assert pseudonym_by_sql(text, key) == pseudonym(text, key)


def test_a_pseudonym_stays_and_so_do_blanks() -> None:
    key = b"k" * 32
    known = pseudonym(CALLER, b"another key")
    assert [pseudonym_by_sql(text, key) for text in (known, "", None)] == [known, "", None]
    assert pseudonym_by_sql("~70712345", key) == pseudonym("~70712345", key)


def test_a_log_of_pseudonyms_counts_as_the_clear_one(product: Product) -> None:
    """So the clear numbers can be forgotten later and no line changes its identity."""
    key = product.store().key
    ingest(product, write(product, "queue_log", log(*GOOD)))
    known = log(*GOOD).replace(CALLER.encode(), pseudonym(CALLER, key).encode())
    assert observed(product, ingest(product, write(product, "otro", known))).duplicates == 3
    assert product.rows("SELECT DISTINCT data FROM raw.queue_log WHERE kind = 1") == [(f"|{pseudonym(CALLER, key)}|1",)]


def texts_of(path: Path) -> list[str]:
    """Every text that a segment holds, of every table."""
    found: list[str] = []
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE data_type = 'VARCHAR'"
        ).fetchall()
        for schema, table, column in columns:
            rows = connection.execute(f'SELECT DISTINCT "{column}" FROM {schema}.{table}').fetchall()
            found += [str(row[0]) for row in rows]
    return found


CALLERS = ("70712345", "59170712345", "4251234", "800131399", "Ana Vargas")
LINES_WITH_CALLERS = (
    enter(0, "1", caller=CALLERS[0]),
    enter(1, "2", caller=CALLERS[1]),
    line(2, "3", "ENTERQUEUE", "", CALLERS[2], 1, CALLERS[4]),
    line(3, "4", "ENTERQUEUE", "-", CALLERS[3], agent="SIP/201"),
    line(4, "NONE", "ENTERQUEUE", "", CALLERS[0], 1),
    complete(5, "1"),
)
BAD_LINES_WITH_CALLERS = (
    enter("abc", "5", caller=CALLERS[0]),
    enter("1709640100000", "6", caller=CALLERS[1]),
    enter("0", "7", caller=CALLERS[2]),
    f"{CALLERS[1]}|1|{CALLERS[0]}.",
    f"{CALLERS[3]}",
    f"x.{CALLERS[0]}.5|+591 707-12345",
)


def test_no_caller_is_in_the_segments_of_calls_nor_in_what_the_command_prints(product: Product) -> None:
    """Numbers in the clear stand in the raw store, in the segment of callers, and in lines set aside: nowhere else."""
    path = write(product, "queue_log", log(*LINES_WITH_CALLERS, *BAD_LINES_WITH_CALLERS))
    data = ["--data", str(product.settings().data)]
    printed = ""
    for words in (["check", str(path)], ["ingest", str(path)], ["ingest", "--json", str(path)], ["load", "list"]):
        result = CliRunner().invoke(app, [*data, *words])
        assert result.exit_code == 0, result.output
        printed += result.output
    printed += CliRunner().invoke(app, [*data, "quarantine"]).output
    warehouse = product.settings().warehouse
    segments = list(warehouse.glob("calls-*.duckdb"))
    assert len(segments) == 1
    stored = "\n".join(text for path in segments for text in texts_of(path))
    binary = b"".join(path.read_bytes() for path in segments)
    for caller in CALLERS:
        assert caller not in printed
        assert caller not in stored
        assert caller.encode() not in binary
    assert "707-12345" not in printed
    assert pseudonym(CALLERS[0], product.store().key) in stored
    (callers,) = warehouse.glob("callers-*.duckdb")
    assert set(CALLERS) <= set(texts_of(callers))


def test_no_caller_is_in_the_segments_when_a_pipe_in_a_name_shifts_the_fields(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(enter(0, "1", queue="soporte|nuevo"))))
    assert product.set_aside() == [("shifted",)]
    assert not list(product.settings().warehouse.glob("calls-*.duckdb"))


def test_what_a_terminal_would_obey_is_not_printed(product: Product) -> None:
    """Q31: a line set aside and a queue's name may hold escapes."""
    escape = "\x1b]0;título\x07\x1b[2J"
    path = write(product, f"queue{escape}_log", log(*answered(0, "1", queue=f"q{escape}"), f"basura{escape}"))
    data = ["--data", str(product.settings().data)]
    for words in (["check", str(path)], ["ingest", str(path)], ["load", "list"], ["quarantine"]):
        result = CliRunner().invoke(app, [*data, *words], color=True)
        assert not any(character < " " and character != "\n" for character in result.output), result.output


def test_a_refused_file_leaves_what_is_in_service(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(*GOOD)))
    current = (product.settings().warehouse / "CURRENT").read_bytes()
    (report,) = ingest(product, write(product, "Master.csv", MASTER_CSV))
    assert report.state == "refused"
    assert (product.settings().warehouse / "CURRENT").read_bytes() == current
    assert not [path for path in Settings(data=product.settings().data).raw.rglob(".draft-*")]


def test_blocks_end_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"x" * (2 * BLOCK_BYTES + 5))
    with path.open("rb") as file:
        assert [len(block) for block in blocks(file, BLOCK_BYTES + 1)] == [BLOCK_BYTES, 1]


def test_every_line_is_read_in_order_whatever_the_parts_it_is_read_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a part of an odd size DuckDB 1.5 refuses the file or, worse, leaves its last line out."""
    monkeypatch.setattr(validate, "_LEAST_BUFFER_BYTES", 1)
    monkeypatch.setattr(validate, "_LINE_BYTES", 64 * 1024)
    chance = random.Random(7)
    slab = tmp_path / "slab"
    with duckdb.connect() as connection:
        for _ in range(12):
            lines = [
                f"{1709640000 + n}|{n}.1|101|NONE|DID|{'x' * chance.randint(0, 90)}"
                for n in range(chance.randint(9000, 12000))
            ]
            slab.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            threads = chance.randint(2, 9)
            fields = connection.execute(validate.read_fields_sql(slab, threads)).fetchall()
            assert ["|".join(part for part in row if part is not None) for row in fields] == lines
            assert [row[0] for row in connection.execute(validate.read_lines_sql(slab, threads)).fetchall()] == lines
