"""Details of calls that other systems export: the visits of a log where there is none, and never a second count."""

import gzip
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pytest

from etl import pipeline
from etl.call_details import detail_slab, details_of, source_of
from etl.landing import Undecided, recognise
from etl.pipeline import FileReport
from etl.readers.found_table import MOST_ROWS, FoundTable, TableRow
from etl.readers.lines import Slab
from etl.readers.tables import UnreadableTable, tables_of
from etl.records.audit import SYSTEM
from etl.schema import LINES_A_ROW
from etl.sources.call_detail import ASTERNIC_DETAIL, ISSABEL_DETAIL
from reports.definition import month
from reports.odd_lines import list_odd_lines
from tests.business import business
from tests.drawn_log import EIGHT, enter, line
from tests.mutations import mutated
from tests.product import Product, Rows
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
SAMPLES = Path(__file__).parent / "samples" / "call_detail"
LA_PAZ = -4 * 3600
TITLES = (
    "No. Agente", "Agente", "Start Time", "End Time", "Duración", "Tiempo Espera", "Cola", "Tipo", "Teléfono",
    "Transferencia", "Estado",
)  # fmt: skip
_COUNTED = (
    "queue, service, entered_local, outcome_local, registered, answered, is_open, cause, wait_seconds, talk_seconds"
)
_FIGURES = ("core.queue_visits", "core.line_calls", "core.calls")
_BY = tuple(f"{table}_by_{what}" for table in _FIGURES for what in ("wait", "half_hour"))


def clock(at: int) -> str:
    return datetime.fromtimestamp(EIGHT + at + LA_PAZ, UTC).strftime("%Y-%m-%d %H:%M:%S")


def abandoned(at: int, call: str, wait: int, *, queue: str = "101") -> list[str]:
    return [enter(at, call, queue=queue), line(at + wait, call, "ABANDON", 1, 1, wait, queue=queue)]


#: (second of the entry, queue, wait, talk or None for a caller who hung up)
CALLS = tuple(
    (n * 97 + (n % 3) * 1700, ("101", "102", "103")[n % 3], 5 + n % 30, None if n % 5 == 4 else 40 + n)
    for n in range(30)
)


def log_of(calls: Sequence[tuple[int, str, int, int | None]], later: int = 0) -> LogFile:
    """The log of these calls, as Asterisk writes it; `later` sets its clock a second off."""
    lines: list[tuple[int, str]] = []
    for n, (at, queue, wait, talk) in enumerate(calls):
        start = at + later
        told = [enter(start, str(n), queue=queue)]
        if talk is None:
            told += abandoned(start, str(n), wait, queue=queue)[1:]
        else:
            told.append(line(start + wait, str(n), "CONNECT", wait, "x", 1, queue=queue, agent="Agent/201"))
            told.append(
                line(start + wait + talk, str(n), "COMPLETECALLER", wait, talk, 1, queue=queue, agent="Agent/201")
            )
        lines += [(int(each.partition("|")[0]), each) for each in told]
    return LogFile("queue_log", tuple(each for _, each in sorted(lines, key=lambda pair: pair[0])))


def rows_of(calls: Sequence[tuple[int, str, int, int | None]]) -> list[tuple[str, ...]]:
    """The rows that Issabel exports of them: an answered call begins where the operator took it."""
    rows = []
    for n, (at, queue, wait, talk) in enumerate(calls):
        end = clock(at + wait + (talk or 0))
        phone = f"7001{n:04}"
        if talk is None:
            rows.append(("", "", clock(at), end, "", str(wait), queue, "Inbound", phone, "", "Abandoned"))
        else:
            length = f"00:{talk // 60:02}:{talk % 60:02}"
            rows.append(
                ("201", "Ana", clock(at + wait), end, length, str(wait), queue, "Inbound", phone, "", "Success")
            )
    return rows


def written(product: Product, rows: Sequence[Sequence[str]], kind: str = "csv", titles: Sequence[str] = TITLES) -> Path:
    product.files += 1
    path = product.folder / "in" / f"{product.files}-detalle.{kind}"
    table = [titles, *rows]
    match kind:
        case "csv":
            text = "\r\n".join(";".join(f'"{cell}"' for cell in row) for row in table)
            path.write_bytes(text.encode("cp1252"))
        case "xlsx":
            book = openpyxl.Workbook()
            for row in table:
                book.active.append(list(row))
            book.save(path)
        case "html":
            body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in table)
            path.write_text(f"<html><meta charset=utf-8><body><table>{body}</table></body></html>", encoding="utf-8")
    return path


def ingest(product: Product, *paths: Path) -> list[FileReport]:
    return pipeline.ingest(product.store(), list(paths))


def product_in(folder: Path) -> Product:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "pseudonyms.key").write_text("5a" * 32)
    return Product(folder)


def figures(product: Product) -> dict[str, Rows]:
    """What is counted, however a call is called."""
    with product.one_connection():
        found = {t: sorted(product.rows(f"SELECT {_COUNTED_OF[t]} FROM {t}"), key=repr) for t in _FIGURES}
        return found | {t: sorted(product.rows(f"SELECT * FROM {t}"), key=repr) for t in _BY}


_COUNTED_OF = {t: _COUNTED if t == "core.queue_visits" else _COUNTED.removeprefix("queue, ") for t in _FIGURES}


@pytest.fixture(scope="module")
def of_log(tmp_path_factory: pytest.TempPathFactory) -> Product:
    product = product_in(tmp_path_factory.mktemp("log") / "store")
    product.load(log_of(CALLS))
    return product


@pytest.mark.parametrize("kind", ["csv", "xlsx", "html"])
def test_details_alone_give_the_figures_of_the_log_they_tell(kind: str, of_log: Product, tmp_path: Path) -> None:
    product = product_in(tmp_path / kind)
    shuffled = Random(3).sample(rows_of(CALLS), len(CALLS))
    (report,) = ingest(product, written(product, shuffled, kind))
    assert (report.state, report.source, report.read, report.loaded, report.blank) == (
        "published", "call_detail", len(CALLS) + 1, len(CALLS), 1,
    ), report.message  # fmt: skip
    assert "no guarda el instante de ingreso a cola" in report.message
    assert figures(product) == figures(of_log)
    if kind == "csv":
        before = business(product)
        pipeline.rebuild(product.store())
        assert business(product) == before


def test_every_event_is_found_again_in_its_row(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    rows = rows_of(CALLS[:6])
    ingest(product, written(product, rows))
    found = product.rows("SELECT q.line, q.epoch, q.event FROM raw.queue_log AS q WHERE q.event = 'ENTERQUEUE'")
    assert sorted((row, epoch - EIGHT) for row, epoch, _ in found) == [(n + 2, CALLS[n][0]) for n in range(6)]
    assert {row for row, _, _ in found} == set(range(2, 8))
    everything = repr(product.rows("SELECT * FROM raw.queue_log"))
    assert "7001000" not in everything


def test_details_beside_a_log_add_nothing_whatever_came_first(of_log: Product, tmp_path: Path) -> None:
    extra = [*CALLS, (400, "101", 7, 33)]  # a row that the log does not have, in a half hour that it covers
    for order in permutations(("log", "details", "half")):
        product = product_in(tmp_path / "-".join(order))
        for each in order:
            match each:
                case "log":
                    product.load(log_of(CALLS, later=1))
                case "details":
                    ingest(product, written(product, rows_of(extra)))
                case "half":
                    ingest(product, written(product, rows_of(extra)[10:]))
        with product.one_connection():
            found = product.rows("SELECT kind, queue, found_epoch FROM meta.findings")
            counted = product.rows("SELECT lines, loaded + duplicates + quarantined + blank FROM meta.loads")
            sources = product.rows("SELECT DISTINCT l.source FROM raw.queue_log AS q JOIN meta.loads AS l USING (load)")
            visits = product.rows("SELECT COUNT(*) FROM core.queue_visits")
        assert found == [("only_in_export", "101", EIGHT + 400)]
        with closing(product.open()) as reading:
            (odd,) = list_odd_lines(reading, "only_in_export", month("2024-03"), limit=5)
        assert odd.line in (len(extra) + 1, len(extra) - 10 + 1)  # its row in the whole file, or in the half
        assert all(lines == told for lines, told in counted)
        assert sources == [("queue_log",)]
        assert visits == [(len(CALLS),)]
    pipeline.rebuild(product.store())
    assert product.rows("SELECT kind, queue, found_epoch FROM meta.findings") == found
    assert product.rows("SELECT COUNT(*) FROM core.queue_visits") == visits


def test_where_the_log_begins_late_the_export_tells_the_rest_and_no_call_twice(tmp_path: Path) -> None:
    """The log begins within a half hour, in the middle of a call: that call is rebuilt from its end, and is one."""
    calls = [(at, "101", 5, 60) for at in range(0, 1700, 100)]
    whole, both = product_in(tmp_path / "whole"), product_in(tmp_path / "both")
    whole.load(log_of(calls))
    late = log_of(calls)
    both.load(LogFile("queue_log", tuple(each for each in late.lines if int(each.partition("|")[0]) >= EIGHT + 850)))
    assert both.rows("SELECT COUNT(*) FROM core.queue_visits") == [(9,)]
    ingest(both, written(both, rows_of(calls)))
    assert [visit.entered_at for visit in both.visits()] == [visit.entered_at for visit in whole.visits()]
    assert both.rows("SELECT COUNT(*) FROM meta.findings") == [(0,)]


def test_a_log_taken_out_leaves_the_details_and_the_other_way_round(of_log: Product, tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    (log,) = product.load(log_of(CALLS))
    (details,) = ingest(product, written(product, rows_of(CALLS)))
    assert (details.loaded, details.duplicates, details.blank) == (0, len(CALLS), 1)
    pipeline.undo(product.store(), log.load or 0, by=SYSTEM)
    assert figures(product) == figures(of_log)
    product.load(log_of(CALLS))
    pipeline.undo(product.store(), details.load or 0, by=SYSTEM)
    assert figures(product) == figures(of_log)
    assert product.rows("SELECT COUNT(*) FROM raw.overlaid") == [(0,)]


def test_outbound_rows_enter_no_figure_of_callers(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    row = ("201", "Ana", clock(0), clock(60), "60", "5", "", "Outbound", "70019999", "", "Success")
    (report,) = ingest(product, written(product, [*rows_of(CALLS[:3]), row]))
    assert (report.loaded, report.quarantined) == (4, 0)
    assert product.rows("SELECT COUNT(*) FROM core.queue_visits") == [(3,)]


def test_the_detail_of_asternic_pro_is_told_by_its_columns(of_log: Product, tmp_path: Path) -> None:
    titles = ("Fecha", "Hora", "Queue", "Agent", "Event", "Wait", "Talk Time", "Caller ID", "UniqueID")
    rows = [
        (
            clock(at)[:10], clock(at)[11:], queue, "Agent/201" if talk is not None else "",
            "COMPLETECALLER" if talk is not None else "ABANDON", f"{wait} segs",
            "" if talk is None else f"{talk // 60}:{talk % 60:02}", f"7001{n:04}", f"{EIGHT}.{n}",
        )
        for n, (at, queue, wait, talk) in enumerate(CALLS)
    ]  # fmt: skip
    product = product_in(tmp_path / "store")
    (report,) = ingest(product, written(product, rows, titles=titles))
    assert (report.source, report.loaded) == ("call_detail_asternic", len(CALLS)), report.message
    assert figures(product) == figures(of_log)
    # The better of two details counts, and the log before both.
    ingest(product, written(product, rows_of(CALLS)))
    assert product.rows("SELECT DISTINCT l.source FROM raw.queue_log AS q JOIN meta.loads AS l USING (load)") == [
        ("call_detail",)
    ]
    assert figures(product) == figures(of_log)


def test_the_samples_come_out_as_they_should(tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    good, awful = ingest(product, SAMPLES / "good.csv", SAMPLES / "awful.csv")
    assert (good.read, good.loaded, good.blank) == (6, 5, 1)
    assert (awful.read, awful.loaded, awful.duplicates, awful.quarantined, awful.blank) == (12, 2, 2, 3, 5)
    assert product.rows("SELECT line, reasons FROM meta.quarantine ORDER BY line") == [
        (6, "detail_queue"), (7, "detail_time"), (8, "detail_outcome"),
    ]  # fmt: skip
    assert product.rows("SELECT COUNT(*) FILTER (answered), COUNT(*) FROM core.queue_visits") == [(5, 6)]
    assert "2026-10-05 08:00:00" in str(product.rows("SELECT MIN(entered_local) FROM core.queue_visits")[0][0])


@pytest.mark.parametrize("talk", ["", "00:00:12"])
def test_a_call_exported_under_way_and_again_at_its_end_counts_once(talk: str, tmp_path: Path) -> None:
    product = product_in(tmp_path / "store")
    (done,) = rows_of([(300, "101", 5, 30)])
    under_way = (*done[:3], "", talk, *done[5:10], "activa")
    earlier = rows_of(CALLS[:1])
    first, second = ingest(product, written(product, [*earlier, under_way]), written(product, [*earlier, done]))
    assert (first.loaded, first.quarantined, second.loaded + second.duplicates) == (1, 1, 2)
    assert product.rows("SELECT reasons FROM meta.quarantine") == [("detail_under_way",)]
    counted = product.rows("SELECT wait_seconds, talk_seconds, is_open FROM core.queue_visits ORDER BY entered_epoch")
    assert counted == [(5, 40, False), (5, 30, False)]


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2024-03-05 14:15:00", "14:15:00"), ("2024-03-05 14:15:00.250", "14:15:00"), ("05/03/2024 14:15", "14:15:00"),
        ("2024-03-05T14:15:07", "14:15:07"), ("05/03/2024 02:15:00 PM", "14:15:00"),
        ("05/03/2024 2:15:00 p. m.", "14:15:00"), ("05/03/2024 02:15 a.m.", "02:15:00"),
        ("2024-03-05 12:15:00 AM", "00:15:00"), ("2024-03-05 12:15:00 pm", "12:15:00"),
        ("2024-03-05 14:15:00 PM", None), ("2024-03-05T14:15:00Z", None), ("2024-03-05 14:15:00-04:00", None),
        ("2024-03-05 14:15:00 y pico", None),
    ],
)  # fmt: skip
def test_whatever_stands_behind_a_time_is_read_or_the_row_set_aside(told: str, meant: str | None) -> None:
    row = ("", "", told, "", "", "31", "101", "Inbound", "70010003", "", "Abandoned")
    table = "\r\n".join(";".join(cells) for cells in (TITLES, row)).encode("cp1252")
    found = details_of(tables_of(table), ISSABEL_DETAIL, offset=LA_PAZ, latest_epoch=EIGHT + 10**7)
    entered = [datetime.fromtimestamp(int(found.first_epoch) + LA_PAZ, UTC)] if found.first_epoch else []
    assert [f"{at:%Y-%m-%d %H:%M:%S}" for at in entered] == ([f"2024-03-05 {meant}"] if meant else [])
    assert [each.reason for each in found.set_aside] == ([] if meant else ["detail_time"])


def test_the_hour_of_a_column_of_its_own_says_which_half_of_the_day_it_is() -> None:
    table = b"Fecha;Hora;Queue;Agent;Event;Wait;Talk\r\n2024-03-05;02:15:00 PM;101;Agent/201;ABANDON;31;\r\n"
    found = details_of(tables_of(table), ASTERNIC_DETAIL, offset=LA_PAZ, latest_epoch=EIGHT + 10**7)
    assert found.first_epoch == EIGHT + 6 * 3600 + 15 * 60


def test_blank_lines_and_the_rest_of_a_quoted_row_are_counted_as_read(tmp_path: Path) -> None:
    rows = [list(TITLES), *map(list, rows_of(CALLS[:2]))]
    rows[2][1] = "Ana\nPrueba"
    text = "".join(";".join(f'"{cell}"' for cell in row) + "\n" for row in rows) + "\n\n"
    found = details_of(tables_of(text.encode()), ISSABEL_DETAIL, offset=LA_PAZ, latest_epoch=EIGHT + 10**7)
    assert (found.rows, sum("|ENTERQUEUE|" in line for line in found.lines)) == (6, 2)


def test_rows_that_do_not_add_up_with_what_the_reader_counted_refuse_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = product_in(tmp_path / "store")

    def one_blank_more(*args: Any, **named: Any) -> Slab:
        slab = detail_slab(*args, **named)
        return replace(slab, blank_rows=slab.blank_rows + 1)

    monkeypatch.setattr(sys.modules["etl.landing.pieces"], "detail_slab", one_blank_more)
    (report,) = ingest(product, SAMPLES / "good.csv")
    assert report.state == "refused" and "no cuadran" in report.message


def test_details_that_stand_far_down_in_many_sheets_are_refused_before_their_places_are_made() -> None:
    titles = TableRow(1, TITLES)
    tables = [FoundTable("", (titles, TableRow(MOST_ROWS, ("x",))), MOST_ROWS), FoundTable("", (titles,), 1)]
    assert details_of(tables[:1], ISSABEL_DETAIL, offset=LA_PAZ, latest_epoch=EIGHT).rows == MOST_ROWS
    with pytest.raises(UnreadableTable, match="más de 200 000 filas"):
        details_of(tables, ISSABEL_DETAIL, offset=LA_PAZ, latest_epoch=EIGHT)


def test_a_large_table_is_undecided_where_no_more_of_it_is_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "detalle.csv.gz"
    path.write_bytes(gzip.compress("\r\n".join(";".join(row) for row in (TITLES, *rows_of(CALLS))).encode()))
    assert recognise(path, latest_epoch=EIGHT + 10**7) is ISSABEL_DETAIL
    with pytest.raises(Undecided):
        recognise(path, latest_epoch=EIGHT + 10**7, within=1000)


def test_a_table_of_totals_is_no_detail() -> None:
    totals = (
        b'"Cola";"Exitosas";"Abandonadas";"Tiempo de espera";"Llamadas Totales"\r\n"101";"5";"1";"00:01:00";"6"\r\n'
    )
    assert source_of(tables_of(totals)) is None


@pytest.mark.parametrize("source", [ISSABEL_DETAIL, ASTERNIC_DETAIL], ids=lambda source: source.name)
def test_what_a_detail_cannot_tell_is_said(source: object) -> None:
    assert {loss.code for loss in getattr(source, "losses", ())} == {"entry", "events", "visits", "end"}


@pytest.mark.drawn(200)
def test_a_mutated_detail_is_accounted_for_row_by_row(seed: int) -> None:
    chance = Random(seed)
    rows = [TITLES, *rows_of(CALLS[:12])]
    text = "\r\n".join(";".join(f'"{cell}"' for cell in row) for row in rows)
    try:
        tables = tables_of(mutated(text.encode("cp1252"), chance))
    except UnreadableTable:
        return
    found = details_of(tables, ISSABEL_DETAIL, offset=LA_PAZ, latest_epoch=EIGHT + 10**7)
    assert len(found.lines) == found.rows * LINES_A_ROW
    assert len({each.line for each in found.set_aside}) == len(found.set_aside)
    for row in range(found.rows):
        first, *others = found.lines[row * LINES_A_ROW : (row + 1) * LINES_A_ROW]
        assert not any(others) or "|ENTERQUEUE|" in first
        assert all(each.count("|") >= 4 for each in (first, *others) if each and each != "\x02")
