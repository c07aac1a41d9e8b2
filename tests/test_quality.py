"""The quality of the data: each defect once, every number against a count by hand, and against plain SQL."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from etl.schema import Loss
from etl.sources import SOURCES
from etl.views import months_between
from etl.warehouse import Generation, open_generation
from reports import terms
from reports.attention import Weight, issues_of
from reports.coverage import Coverage, Gap, State, missing_hours, read_coverage
from reports.definition import Period, month
from reports.freshness import freshness
from reports.limits import limits_among, limits_of, lines_by_source, suffering
from reports.odd_lines import KINDS, count_odd_lines, count_set_aside, list_odd_lines, list_set_aside
from reports.personal import Field, Level, Mask
from reports.quality import Quality, read_quality
from reports.rules import Rules
from tests.defects import COUNTED, EVENING, SET_ASIDE, at, defective_store, log
from tests.product import Product

pytestmark = pytest.mark.duckdb
OCTOBER, NOVEMBER = month("2026-10"), month("2026-11")
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return defective_store(tmp_path_factory.mktemp("defects"))


@pytest.fixture(scope="module")
def opened(product: Product) -> Iterator[tuple[Generation, duckdb.DuckDBPyConnection]]:
    generation, connection = open_generation(product.settings().warehouse, threads=1)
    with closing(connection):
        yield generation, connection


@pytest.fixture(scope="module")
def cursor(opened: tuple[Generation, duckdb.DuckDBPyConnection]) -> duckdb.DuckDBPyConnection:
    return opened[1]


def quality(opened: tuple[Generation, duckdb.DuckDBPyConnection], period: Period) -> Quality:
    generation, connection = opened
    return read_quality(connection, generation, Rules.default(), period, gap_lines=20, now=NOW)


@pytest.fixture(scope="module")
def october(opened: tuple[Generation, duckdb.DuckDBPyConnection]) -> Quality:
    return quality(opened, OCTOBER)


def one(cursor: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(cursor.execute(sql).fetchall()[0][0])


def test_every_defect_is_counted_once(october: Quality) -> None:
    assert {kind: october.findings.get(kind, 0) for kind in KINDS} == COUNTED
    assert dict(october.reasons) == SET_ASIDE
    assert october.set_aside == sum(SET_ASIDE.values())
    assert october.clock_behind_most == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_a_kind_opens_as_many_lines(
    kind: str, october: Quality, cursor: duckdb.DuckDBPyConnection
) -> None:
    lines = list_odd_lines(cursor, kind, OCTOBER, limit=100)
    assert len(lines) == count_odd_lines(cursor, kind, OCTOBER) == october.findings.get(kind, 0)
    for line in lines:
        assert (line.pbx, line.file) == ("pbx", "1-queue_log") and line.line > 0
    assert list_odd_lines(cursor, kind, OCTOBER, limit=100, offset=len(lines)) == []
    assert count_odd_lines(cursor, kind, month("2026-09")) == 0


@pytest.mark.parametrize(
    ("kind", "place", "detail"),
    [
        ("second_end", 3, ""),
        ("hold_differs", 5, ""),
        ("long_duration", 7, ""),
        ("unknown_event", 8, "CRMNOTE"),
        ("unended_talk", 1, ""),
    ],
)
def test_a_line_tells_its_call_and_where_it_stands(
    kind: str, place: int, detail: str, cursor: duckdb.DuckDBPyConnection
) -> None:
    (found,) = list_odd_lines(cursor, kind, OCTOBER, limit=10)
    begin = EVENING + 600 * place
    assert found.detail == detail
    assert found.callid == ("NONE" if kind == "unknown_event" else f"{begin}.{place}")
    assert found.at == datetime(2026, 10, 28, 18) + timedelta(minutes=10 * place)
    assert log().lines[found.line - 1].startswith(("1", "a")) and f"|{found.callid}|" in log().lines[found.line - 1]


def test_the_numbers_are_those_of_plain_sql_over_what_readers_see(
    october: Quality, cursor: duckdb.DuckDBPyConnection
) -> None:
    since, until = at(1, 0), at(1, 0, month=11)
    in_time = f"epoch >= {since} AND epoch < {until}"
    days = "entered_date BETWEEN DATE '2026-10-01' AND DATE '2026-10-31'"
    plain = {
        "reconstructed": f"SELECT COUNT(*) FROM core.queue_visits WHERE reconstructed AND {days}",
        "open": f"SELECT COUNT(*) FROM core.queue_visits WHERE is_open AND {days}",
        "clock_behind": f"SELECT COUNT(*) FROM raw.queue_log WHERE order_epoch <> epoch AND {in_time}",
        "restart": f"SELECT COUNT(*) FROM core.restarts WHERE {in_time}",
        "unknown_event": f"SELECT COUNT(*) FROM raw.queue_log WHERE event = 'CRMNOTE' AND {in_time}",
        "second_end": f"SELECT COUNT(*) FROM meta.findings WHERE kind = 'second_end' AND found_epoch >= {since}",
    }
    for kind, sql in plain.items():
        assert october.findings.get(kind, 0) == one(cursor, sql), kind
    for file in october.files:
        where = f"FROM meta.loads WHERE load BETWEEN {file.loads[0]} AND {file.loads[1]} AND name = '{file.name}'"
        assert file.loaded == one(cursor, f"SELECT SUM(loaded) {where}")
        assert file.duplicates + file.laid_aside == one(cursor, f"SELECT SUM(duplicates) {where}")
        assert file.set_aside == one(cursor, f"SELECT SUM(quarantined) {where}")
    assert october.set_aside == one(cursor, "SELECT COUNT(*) FROM meta.quarantine")


def test_every_line_of_a_file_is_told_and_they_add_up(october: Quality) -> None:
    by_name = {file.name: file for file in october.files}
    assert len(by_name) == 3
    for file in october.files:
        parts = (file.loaded, file.duplicates, file.laid_aside, file.set_aside, file.blank)
        assert sum(parts) == file.lines, file
    first, again = by_name["1-queue_log"], by_name["2-queue_log.1"]
    whole = len(log().lines)
    assert (first.lines, first.loaded, first.set_aside, first.blank) == (whole, whole - 4, 3, 1)
    assert (again.lines, again.loaded, again.duplicates) == (3, 0, 3)
    table = next(file for file in october.files if file.source == "asternic")
    # 1 October is told by the log too, 30 September by nothing else.
    assert (table.lines, table.laid_aside, table.loaded) == (120, 60, 60)


def test_what_nobody_mapped_is_told_with_its_did_days_and_hours(october: Quality) -> None:
    (queue,) = october.queues
    assert (queue.name, queue.visits, queue.dids) == ("5999", 1, ("4299999",))
    assert queue.first == queue.last == datetime(2026, 10, 28).date()
    assert [hour for hour, visits in enumerate(queue.hours) if visits] == [19]
    (interface,) = october.interfaces
    assert (interface.name, interface.visits) == ("SIP/299", 1)


def test_an_event_that_nobody_knows_is_told_with_its_first_line(october: Quality) -> None:
    (event,) = october.events
    assert (event.event, event.lines, event.file) == ("CRMNOTE", 1, "1-queue_log")
    assert "CRMNOTE" in log().lines[event.line - 1]


def test_a_period_before_the_log_has_nothing(opened: tuple[Generation, duckdb.DuckDBPyConnection]) -> None:
    found = quality(opened, month("2026-08"))
    assert (found.files, found.reasons, found.queues, found.events) == ((), (), (), ())
    assert sum(found.findings.values()) == 0
    assert [each.hours(State.OUTSIDE) for each in found.coverage] == [31 * 24]


# Lines set aside


def test_lines_set_aside_are_listed_by_their_reason_with_what_may_be_a_customers_hidden(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    rows = list_set_aside(cursor, OCTOBER, limit=100)
    assert len(rows) == count_set_aside(cursor, OCTOBER) == 3
    assert [row.line for row in rows] == sorted(row.line for row in rows)
    assert not any("77712345" in str(row.text) for row in rows)
    for reason in SET_ASIDE:
        assert count_set_aside(cursor, OCTOBER, reason) == 1
        (row,) = list_set_aside(cursor, OCTOBER, reason, limit=100)
        assert row.reasons == reason and row.text
    (stray,) = list_set_aside(cursor, OCTOBER, "wait_missing", limit=100)
    assert stray.text is not None and "ABANDON" in stray.text
    assert log().lines[stray.line - 1].endswith("NONE|ABANDON|1|1|")
    assert [row.line for row in list_set_aside(cursor, OCTOBER, limit=1, offset=2)] == [rows[2].line]
    assert count_set_aside(cursor, OCTOBER, "' OR TRUE --") == 0


def test_who_may_see_no_text_gets_none(cursor: duckdb.DuckDBPyConnection) -> None:
    mask = Mask({Field.SET_ASIDE: Level.NONE})
    assert [row.text for row in list_set_aside(cursor, OCTOBER, limit=100, mask=mask)] == [None] * 3


# Hours


def test_a_silence_in_busy_hours_is_a_gap_and_one_of_few_lines_or_of_the_night_is_none(october: Quality) -> None:
    (covered,) = october.coverage
    assert covered.gaps == (Gap("pbx", datetime(2026, 10, 14, 10), datetime(2026, 10, 14, 15)),)
    assert october.missing_hours == covered.hours(State.MISSING) == 5
    # 31 days of ten hours, without the seven left out; and the evenings with a defect: 28th and 29th.
    logged = 31 * 10 - 7 + 1 + len({(EVENING + 600 * place) // 3600 for place in range(12)})
    assert covered.hours(State.LOG) == logged
    assert covered.states[datetime(2026, 10, 20, 12)] is State.QUIET
    assert covered.states[datetime(2026, 10, 3, 3)] is State.QUIET
    assert covered.states[datetime(2026, 10, 31, 18)] is State.OUTSIDE
    assert sum(covered.hours(state) for state in State) == 31 * 24
    assert covered.lines[datetime(2026, 10, 2, 9)] == 6


def test_with_fewer_lines_for_a_gap_the_shorter_silence_is_one_too(cursor: duckdb.DuckDBPyConnection) -> None:
    (covered,) = read_coverage(cursor, OCTOBER, 12)
    assert [gap.hours for gap in covered.gaps] == [5, 2]
    (covered,) = read_coverage(cursor, OCTOBER, 31)
    assert covered.gaps == ()


def test_a_gap_reaches_over_the_night_between_two_missing_days() -> None:
    hours = {day * 24 + hour: 10 for day in range(60) if day not in (30, 31) for hour in range(8, 18)}
    missing = missing_hours(hours, range(8, 60 * 24 - 6), 20)
    assert missing == set(range(30 * 24 + 8, 31 * 24 + 18))


def test_where_nothing_tells_what_is_usual_twelve_silent_hours_are_a_gap() -> None:
    assert missing_hours({0: 5, 12: 5}, range(13), 20) == set()  # eleven
    assert missing_hours({0: 5, 13: 5}, range(14), 20) == set(range(1, 13))


def test_a_coverage_counts_the_hours_of_the_months_asked_for() -> None:
    noon = datetime(2026, 10, 31, 23)
    states = {noon: State.LOG, noon + timedelta(hours=1): State.MISSING}
    found = Coverage("pbx", noon, noon, states, {}, ())
    assert found.hours(State.MISSING) == found.hours(State.MISSING, [NOVEMBER.first]) == 1
    assert found.hours(State.MISSING, [OCTOBER.first]) == 0


class ReadOnce(dict[datetime, State]):
    """Hours that can be gone through once only."""

    def items(self) -> Any:
        hours = dict(super().items())
        self.clear()
        return hours.items()


def test_hours_are_gone_through_once_however_many_months_are_counted() -> None:
    first, second = datetime(2026, 10, 5, 8), datetime(2026, 11, 5, 8)
    found = Coverage("pbx", first, second, ReadOnce({first: State.LOG, second: State.MISSING}), {}, ())
    counts = [[found.hours(state, [part.first]) for state in State] for part in (OCTOBER, NOVEMBER)]
    assert counts == [[1, 0, 0, 0], [0, 1, 0, 0]]


# Sources that cannot tell


TWO_DAYS = Period(datetime(2026, 9, 30).date(), datetime(2026, 10, 1).date())


def test_the_share_of_a_source_that_cannot_tell_is_exact(cursor: duckdb.DuckDBPyConnection) -> None:
    (limit,) = limits_of(cursor, TWO_DAYS)
    assert (limit.source.name, limit.lines, limit.total) == ("asternic", 60, 120)
    assert limit.says == "60 de 120 líneas de este período vienen de: Tabla queue_stats de Asternic"
    assert lines_by_source(cursor, TWO_DAYS) == {"asternic": 60, "queue_log": 60}
    assert "tiempo promedio de atención" in limit.suffering
    (of_line,) = limits_of(cursor, TWO_DAYS, ["101"])
    assert (of_line.lines, of_line.total) == (60, 120)
    assert limits_of(cursor, TWO_DAYS, ["102"]) == ()


def test_what_a_better_source_tells_too_is_counted_there_and_nobody_suffers(cursor: duckdb.DuckDBPyConnection) -> None:
    assert lines_by_source(cursor, OCTOBER).keys() == {"queue_log"}
    assert limits_of(cursor, OCTOBER) == ()
    assert limits_of(cursor, NOVEMBER) == ()


def test_the_page_tells_the_same_limits(opened: tuple[Generation, duckdb.DuckDBPyConnection]) -> None:
    seen = {each.name: each.lines for each in quality(opened, TWO_DAYS).sources}
    assert limits_among(seen) == limits_of(opened[1], TWO_DAYS)
    assert limits_of(opened[1], OCTOBER) == ()


def test_every_figure_that_a_source_may_lose_has_its_word() -> None:
    for source in SOURCES:
        for loss in source.losses:
            assert set(loss.suffer) <= terms.SUFFERING.keys(), f"{source.name}: {loss.suffer}"
    assert suffering([Loss("x", "x", ("talk", "cause", "talk"))], ("talk",)) == (terms.SUFFERING["talk"],)


# What needs a hand


def test_what_needs_a_hand_comes_with_what_to_do_the_worst_first(october: Quality) -> None:
    issues = issues_of(october)
    assert [issue.weight for issue in issues] == sorted(issue.weight for issue in issues)
    assert {issue.code for issue in issues if issue.weight is Weight.MISSING} == {
        "stale", "gaps", "set_aside", "no_record",
    }  # fmt: skip
    assert {issue.code for issue in issues if issue.weight is Weight.MISPLACED} == {"queues", "interfaces"}
    said = {issue.code: issue.says for issue in issues}
    assert said["stale"] == "El registro de la central llega solo hasta el 31/10/2026 17:50."
    assert said["gaps"] == "Faltan 5 horas de registro en 1 hueco; el mayor, 14/10/2026 10:00 a 15:00 (5 horas)."
    assert said["queues"].startswith("1 cola sin línea: 1 ingreso en el total")
    assert all(issue.remedy.endswith(".") and issue.number for issue in issues)
    assert issues[0].code == "stale"


def test_a_lossy_source_needs_a_hand_only_where_its_lines_count(
    opened: tuple[Generation, duckdb.DuckDBPyConnection], october: Quality
) -> None:
    (issue,) = [issue for issue in issues_of(quality(opened, TWO_DAYS)) if issue.code.startswith("source")]
    assert issue.number == 60 and "60 de 120 líneas" in issue.says
    assert not any(issue.code.startswith("source") for issue in issues_of(october))


# Freshness


def test_each_pbx_is_held_against_the_time_by_itself() -> None:
    midnight = datetime(2026, 11, 1, 4, tzinfo=UTC)
    seconds = int(midnight.timestamp())
    generation = Generation(
        number=1, made_at="2026-11-01T12:00:00", code="0", mapping="", rules={}, loads=(), segments=(),
        last_epochs={"centro": seconds - 10, "norte": seconds - 37 * 3600},
    )  # fmt: skip
    found = freshness(generation, midnight)
    assert found.old == ("norte",)
    assert found.text == "Registro hasta centro: 31/10/2026 23:59 · norte: 30/10/2026 11:00"
    assert freshness(generation, None).old == ()


def test_months_are_read_where_the_period_lies_and_no_others(cursor: duckdb.DuckDBPyConnection) -> None:
    for table in ("raw.places", "raw.odd_lines", "meta.findings", "meta.strays", "raw.overlaid"):
        source = months_between(cursor, table, OCTOBER.first, OCTOBER.last)
        assert "calls_2026_10" in source and "calls_2026_09" not in source
        month_only = one(cursor, f"SELECT COUNT(*) FROM {source}")
        assert month_only <= one(cursor, f"SELECT COUNT(*) FROM {table}")
