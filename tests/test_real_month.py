"""A real month, call by call, against counts made from its own table by another program; whole, rotated, growing.

Data: 30 161 calls of January 1999 of a bank's call centre (the "Anonymous Bank" data of the Technion, Guedj and
Mandelbaum), re-expressed as a queue_log. They lie beside the project; without them the tests are skipped.
"""

import csv
import gzip
import json
import random
from contextlib import closing
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from etl import pipeline
from etl.settings import Settings
from etl.warehouse import open_generation
from reports.bridge import measure_bridge
from reports.definition import Period, Unit
from reports.rules import Rules
from tests.product import Product

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"
LOG, EXPECTED = REAL / "technion-1999-01.queue_log.gz", REAL / "technion-1999-01.expected.json"

pytestmark = [
    pytest.mark.duckdb,
    pytest.mark.skipif(not (LOG.exists() and EXPECTED.exists()), reason=f"no real month: {LOG.name} lies elsewhere"),
]

MONTH = ("--from", "1999-01-01", "--to", "1999-01-31")
#: Count of the table of expected counts -> indicator, and the column of its row that holds it.
COUNTS = {
    "registered": ("registered", "value"),
    "answered": ("answered", "value"),
    "in_time": ("answered_in_time", "value"),
    "wait_answered": ("asa", "numerator"),
    "talk": ("aht", "numerator"),
}
JANUARY = Period(date(1999, 1, 1), date(1999, 1, 31))
LINES, CALLS = 87_382, 30_161
Counts = dict[str, dict[str, int]]


def rows(data: Path, *question: str) -> list[dict[str, str]]:
    """The rows that ``callcenter kpi`` prints as CSV."""
    result = CliRunner().invoke(app, ["--data", str(data), "kpi", *question, *MONTH, "--format", "csv"])
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(result.stdout.splitlines()))


def counts(data: Path, unit: str) -> Counts:
    """All counts of the month, under the keys of the table of expected counts."""
    found: Counts = {}
    names = [name for name, _ in COUNTS.values()]
    keys = {
        "month": lambda row: f"month {row['month']}",
        "month,service": lambda row: f"month {row['month']} line {row['service']}",
        "hour": lambda row: f"hour {row['hour']}",
    }
    for by, key in keys.items():
        for row in rows(data, *names, "--by", by, "--unit", unit):
            group = found.setdefault(key(row), {})
            group |= {count: int(row[column]) for count, (name, column) in COUNTS.items() if name == row["indicator"]}
    return found


def load(folder: Path, *batches: list[Path]) -> Product:
    product = Product(folder, threads=2)
    for batch in batches:
        reports = pipeline.ingest(product.store(), batch)
        assert [report.state for report in reports] == ["published"] * len(batch)
    return product


@pytest.fixture(scope="module")
def expected() -> Counts:
    found: Counts = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def text() -> bytes:
    return gzip.decompress(LOG.read_bytes())


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with the month, loaded whole by the command."""
    data = tmp_path_factory.mktemp("month")
    result = CliRunner().invoke(app, ["--data", str(data), "ingest", str(LOG)])
    assert result.exit_code == 0, result.output
    assert "87.382 leídas, 87.382 cargadas" in result.stdout
    return Settings(data=data)


@pytest.mark.parametrize("unit", ["visit", "line", "call"])
def test_every_count_is_that_of_the_other_program(month: Settings, expected: Counts, unit: str) -> None:
    """Each call entered one queue once, so the three units agree."""
    assert len(expected) == 30
    assert counts(month.data, unit) == expected


def test_nothing_is_set_aside(month: Settings) -> None:
    result = CliRunner().invoke(app, ["--data", str(month.data), "quarantine"])
    assert result.stdout == "No hay filas observadas.\n"


def test_the_service_level_divides_the_month_and_is_no_mean_of_its_days(month: Settings) -> None:
    (level,) = rows(month.data, "service_level")
    (of_answered,) = rows(month.data, "service_level_of_answered")
    assert (level["numerator"], level["denominator"]) == ("16402", "30161")
    assert f"{float(level['value']):.4f} {float(of_answered['value']):.4f}" == "0.5438 0.6061"
    days = [float(row["value"]) for row in rows(month.data, "service_level", "--by", "day")]
    assert f"{sum(days) / len(days):.4f}" == "0.5884", "the mean of the days, which is not the month's"
    table = CliRunner().invoke(
        app, ["--data", str(month.data), "kpi", "service_level", "service_level_of_answered", *MONTH]
    )
    assert [line.split()[-2:] for line in table.stdout.splitlines() if "%" in line] == [["54,4", "%"], ["60,6", "%"]]


def test_days_add_up_to_the_month(month: Settings) -> None:
    for name in ("registered", "answered", "answered_in_time", "abandoned"):
        (whole,) = rows(month.data, name)
        days = rows(month.data, name, "--by", "day")
        assert sum(int(row["value"]) for row in days) == int(whole["value"])
        assert len(days) == 30, "one day of the month nobody called"


@pytest.mark.parametrize("unit", Unit)
def test_asternic_would_show_every_call_of_it(month: Settings, expected: Counts, unit: Unit) -> None:
    with closing(open_generation(month.warehouse)[1]) as connection:
        bridge = measure_bridge(connection, Rules.default(), JANUARY, (), unit)
    of_month = expected["month 1999-01"]
    assert (bridge.shown.answered, bridge.shown.total) == (of_month["answered"], of_month["registered"])
    assert (bridge.registered, bridge.unexplained, [step for step in bridge.steps if step.number]) == (CALLS, 0, [])


def test_rotated_pieces_in_any_order_count_as_the_whole(text: bytes, expected: Counts, tmp_path: Path) -> None:
    """Seven pieces, three of them compressed, cut at any line, first the newest and then the rest shuffled."""
    chance = random.Random(1999)
    ends = [0, *sorted(text.index(b"\n", chance.randrange(len(text))) + 1 for _ in range(6)), len(text)]
    pieces = []
    for number, (start, end) in enumerate(pairwise(ends)):
        packed = number in (0, 2, 5)
        piece = tmp_path / f"queue_log.{7 - number}{'.gz' if packed else ''}"
        piece.write_bytes(gzip.compress(text[start:end], 1) if packed else text[start:end])
        pieces.append(piece)
    newest, *rest = reversed(pieces)
    chance.shuffle(rest)
    product = load(tmp_path / "store", [newest], rest[:3], rest[3:])
    assert counts(product.settings().data, "line") == expected
    assert product.rows("SELECT SUM(lines), SUM(loaded), SUM(duplicates) FROM meta.loads") == [(LINES, LINES, 0)]


def test_a_log_that_grows_counts_as_the_whole(text: bytes, expected: Counts, tmp_path: Path) -> None:
    """Three chunks, each cut inside a line; then the whole again, which adds nothing."""
    live, product = tmp_path / "queue_log", Product(tmp_path / "store")
    landed = []
    for end in (len(text) // 3, len(text) * 2 // 3 + 7, len(text)):
        live.write_bytes(text[:end])
        (report,) = pipeline.ingest(product.store(), [live])
        landed.append((report.state, report.read, report.held))
    assert [held for _, _, held in landed] == [1, 1, 0]
    assert sum(read for _, read, _ in landed) == LINES
    assert counts(product.settings().data, "line") == expected
    (again, packed) = pipeline.ingest(product.store(), [live, LOG])
    assert (again.state, again.duplicates) == ("known", LINES)
    assert (packed.loaded, packed.duplicates) == (0, LINES)
    assert counts(product.settings().data, "line") == expected
