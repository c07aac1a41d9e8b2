"""Inputs Q01 to Q31 of the bad logs a reader meets: each a small file, its outcome as data, equal to the last count.

Every file that is not refused holds one good call of three lines besides what is bad in it, so that reading on after
the fault is shown too. What an outcome does not say stands in test_odd_lines, test_growing_files and
test_reading_bytes, under the same numbers.
"""

import gzip
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from etl.readers.lines import BLOCK_BYTES
from etl.settings import Settings
from tests.drawn_log import (
    CALLER,
    EIGHT,
    GOOD,
    ONE_CALL,
    Outcome,
    answered,
    complete,
    connect,
    counted,
    enter,
    ingest,
    line,
    log,
    observed,
    refused,
    write,
)
from tests.product import Product

pytestmark = pytest.mark.duckdb

TESTS = Path(__file__).parent
SAMPLES = TESTS / "samples" / "queue_log"
MASTER_CSV = (
    f'"","{CALLER}","101","from-trunk","""Ana"" <{CALLER}>","SIP/trunk-1","SIP/201-2","Queue","101,t",'
    '"2024-03-05 08:00:00","2024-03-05 08:00:05","2024-03-05 08:01:05",65,60,"ANSWERED","","1709640000.1",""\n'
).encode() * 3
NOT_A_LOG = (
    "no es un queue_log: 0 de {} líneas tienen la forma «instante|llamada|cola|operador|EVENTO|…»; "
    "revise que sea el archivo queue_log de Asterisk"
)
DAMAGED = "el archivo comprimido está cortado o dañado; vuelva a copiarlo"


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
    # Records of calls are a source of their own, which tells no visit of a queue.
    bad("Q30", "the call records", MASTER_CSV, Outcome(loaded=3)),
    bad("Q30", "the call records in a gzip", lambda: gzip.compress(MASTER_CSV), Outcome(loaded=3)),
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
    told = [path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py")]
    tried = {case.number for case in BAD_LOGS} | {
        number for text in told for number in re.findall(r'"""(Q\d\d): ', text)
    }
    assert tried == {f"Q{n:02d}" for n in range(1, 32)}


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


def test_a_refused_file_leaves_what_is_in_service(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(*GOOD)))
    current = (product.settings().warehouse / "CURRENT").read_bytes()
    (report,) = ingest(product, write(product, "Master.csv", MASTER_CSV.replace(b"2024-", b"ayer-")))
    assert report.state == "refused"
    assert (product.settings().warehouse / "CURRENT").read_bytes() == current
    assert not [path for path in Settings(data=product.settings().data).raw.rglob(".draft-*")]
