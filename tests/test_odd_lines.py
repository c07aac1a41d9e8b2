"""What is read from a line that is odd but no fault: its text, its instant, its waits, its place among the others.

The numbers are those of the catalogue in test_bad_logs.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from etl.pseudonyms import pseudonym
from tests.drawn_log import CALLER, EIGHT, GOOD, answered, complete, connect, enter, ingest, line, loaded, log, write
from tests.product import Product

pytestmark = pytest.mark.duckdb


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


def test_a_wait_of_68_years_does_not_stop_the_load(product: Product) -> None:
    """Q24: 2147483647 seconds, in a call that overflowed from one queue visit to the next."""
    overflow = [enter(0, "1"), line(1, "1", "EXITWITHTIMEOUT", 1, 1, 1), enter(1, "1"), connect(2, "1", 2147483647)]
    (report,) = ingest(product, write(product, "queue_log", log(*overflow)))
    assert report.state == "published"


def test_a_queue_without_a_line_stays_in_the_total(product: Product) -> None:
    """Q28: shown as "sin línea"."""
    ingest(product, write(product, "queue_log", log(*GOOD, *answered(100, "2", queue="cola nueva"))))
    question = ["--data", str(product.settings().data), "kpi", "registered", "--format", "csv"]
    question += ["--from", "2024-03-05", "--to", "2024-03-05"]
    by_line, total = (CliRunner().invoke(app, [*question, *by]).output for by in (["--by", "service"], []))
    assert by_line.splitlines()[1:] == ["registered,101,1,,1", "registered,sin línea,1,,1"]
    assert total.splitlines()[1:] == ["registered,2,,2"]


def test_a_queue_without_a_name_keeps_it(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(enter(0, "1", queue=""), *answered(5, "1", queue=""))))
    assert {visit.queue for visit in product.visits()} == {""}
