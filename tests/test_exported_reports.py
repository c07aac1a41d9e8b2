"""Reports that other systems export as totals: known by their titles, read to figures, every line accounted for."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from etl.export_values import amount, day, hour, plain, queue_names
from etl.exports import NOTHING_TOLD, Export, Told, read_export
from etl.readers.found_table import UnreadableTable
from etl.readers.tables import read_tables, tables_of
from etl.schema import ExportUnit
from etl.sources.exports import EXPORTS
from tests.table_files import FORMATS, csv_of, html_of

SAMPLES = Path(__file__).parent / "samples" / "exports"
AUGUST = (date(2026, 8, 1), date(2026, 8, 31))
TOLD = Told(*AUGUST, "todas")

#: Sample -> what it adds up to, by report and measure; lines, loaded, blank or header.
GOOD: dict[str, tuple[dict[str, float], tuple[int, int, int]]] = {
    "asternic_by_day.good.csv": (
        {"by_day answered": 1210, "by_day unanswered": 16, "by_day logins": 2, "by_day logoffs": 2}, (4, 3, 1),
    ),
    "asternic_by_hour.good.csv": (
        {"by_hour answered": 276, "by_hour unanswered": 132, "by_hour logins": 0, "by_hour logoffs": 0}, (25, 24, 1),
    ),
    "asternic_by_weekday.good.csv": (
        {"by_weekday answered": 28, "by_weekday unanswered": 21, "by_weekday logins": 0, "by_weekday logoffs": 0},
        (8, 7, 1),
    ),
    "asternic_by_agent.good.csv": (
        {"by_agent answered": 2000, "by_agent talk_seconds": 216000, "by_agent wait_seconds": 16000}, (3, 2, 1),
    ),
    "asternic_answered_page.good.html": (
        {
            "summary_answered answered": 2000, "summary_answered transferred": 30,
            "summary_answered talk_seconds": 216000, "by_agent answered": 2000, "by_agent talk_seconds": 216000,
            "by_agent wait_seconds": 16000, "service_level answered_within_15": 1500,
            "service_level answered_within_30": 1700, "service_level answered_within_45": 1800,
            "service_level answered_within_60": 1900, "service_level answered_within_75": 1950,
            "service_level answered_within_90": 1980, "service_level connected": 2030,
            "answered_by_queue answered": 2000, "ended_by ended_by_agent": 700, "ended_by ended_by_caller": 1300,
            "transfers transferred": 30,
        },
        (30, 19, 11),
    ),
    "asternic_unanswered_page.good.html": (
        {
            "summary_unanswered unanswered": 90, "unanswered_by_cause abandoned": 80,
            "unanswered_by_cause timed_out": 10, "unanswered_by_queue unanswered": 90,
        },
        (13, 4, 9),
    ),
    "issabel_waits.good.csv": (
        {
            "waits_by_queue waited_0_10": 55, "waits_by_queue waited_11_20": 24, "waits_by_queue waited_21_30": 13,
            "waits_by_queue waited_31_40": 7, "waits_by_queue waited_41_50": 4, "waits_by_queue waited_51_60": 2,
            "waits_by_queue waited_61_more": 10, "waits_by_queue calls": 115,
        },
        (4, 2, 2),
    ),
    "issabel_success.good.csv": (
        {
            "incoming_success answered": 92, "incoming_success abandoned": 23, "incoming_success unanswered": 23,
            "incoming_success wait_seconds": 1535, "incoming_success calls": 115,
        },
        (4, 2, 2),
    ),
    "issabel_agents.good.csv": (
        {
            "calls_by_agent answered": 92, "calls_by_agent talk_seconds": 15840,
            "calls_by_agent outbound_answered": 5, "calls_by_agent outbound_talk_seconds": 600,
        },
        (5, 3, 2),
    ),
    "issabel_sessions.good.csv": (
        {
            "sessions session_seconds": 43200, "sessions inbound_seconds": 18000, "sessions outbound_seconds": 600,
            "sessions call_seconds": 18600,
        },
        (4, 2, 2),
    ),
    "issabel_breaks.good.csv": ({"breaks break_seconds": 2700, "breaks break_seconds_of": 2700}, (5, 2, 3)),
}  # fmt: skip
#: Sample -> why it is refused, or (lines, loaded, blank) and its rows set aside.
AWFUL: dict[str, str | tuple[tuple[int, int, int], list[tuple[int, str]]]] = {
    "asternic_by_day.awful.csv": ((35, 30, 4), [(35, "date")]),
    "asternic_by_hour.awful.csv": ((25, 23, 1), [(9, "number")]),
    "asternic_by_weekday.awful.csv": ((8, 7, 1), []),
    "asternic_by_agent.awful.csv": ((23, 22, 1), []),
    "asternic_answered_page.awful.html": "html_page",
    "asternic_unanswered_page.awful.html": "bad_rows",
    "issabel_waits.awful.csv": "total",
    "issabel_success.awful.csv": "bad_rows",
    "issabel_agents.awful.csv": "bad_rows",
    "issabel_sessions.awful.csv": "bad_rows",
    "issabel_breaks.awful.csv": "bad_rows",
}


def read(content: bytes | str, told: Told = NOTHING_TOLD) -> Export:
    return read_export(tables_of(content.encode() if isinstance(content, str) else content), told)


def refused(content: bytes | str, told: Told = NOTHING_TOLD) -> UnreadableTable:
    with pytest.raises(UnreadableTable) as error:
        read(content, told)
    return error.value


def sums(export: Export) -> dict[str, float]:
    added: Counter[str] = Counter()
    for figure in export.figures:
        added[f"{figure.report} {figure.measure}"] += figure.value
    return dict(added)


def test_every_report_has_a_good_sample() -> None:
    told = {name.split()[0] for found, _ in GOOD.values() for name in found}
    assert told | {"summary_totals"} == {report.name for report in EXPORTS.reports}  # it is drawn below
    assert {path.name for path in SAMPLES.iterdir()} == {*GOOD, *AWFUL}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_sample_tells_its_figures(name: str) -> None:
    found, lines = GOOD[name]
    export = read_export(read_tables(SAMPLES / name), Told(*AUGUST) if "page" in name else TOLD)
    assert sums(export) == found
    assert (export.lines, export.loaded, export.blank) == lines and not export.set_aside
    assert all(figure.scope_first >= AUGUST[0] and figure.scope_last <= AUGUST[1] for figure in export.figures)


@pytest.mark.parametrize("name", AWFUL)
def test_an_awful_sample_is_told_apart(name: str) -> None:
    expected = AWFUL[name]
    if isinstance(expected, str):
        with pytest.raises(UnreadableTable) as error:
            read_export(read_tables(SAMPLES / name), TOLD)
        assert error.value.code == expected
        return
    export = read_export(read_tables(SAMPLES / name), TOLD)
    lines, set_aside = expected
    assert (export.lines, export.loaded, export.blank) == lines
    assert [(row.line, row.reason) for row in export.set_aside] == set_aside
    assert export.lines == export.loaded + export.blank + len(export.set_aside)


DAYS = [
    ["Fecha", "Atendidas", "% Atend", "Sin atender", "% Desat", "Duracion media", "Espera media"],
    ["2026-08-01", "1,005", "90.00 %", "7", "50.00 %", "1:14", "18"],
    ["2026-08-02", "5", "10.00 %", "7", "50.00 %", "0:07", "3"],
]


@pytest.mark.parametrize("name", FORMATS)
def test_a_report_tells_the_same_in_every_format(name: str) -> None:
    export = read(FORMATS[name](DAYS), Told(queue="101"))
    assert [(f.first, f.queue, f.measure, f.value, f.line) for f in export.figures] == [
        (date(2026, 8, 1), "101", "answered", 1005, 2), (date(2026, 8, 1), "101", "unanswered", 7, 2),
        (date(2026, 8, 2), "101", "answered", 5, 3), (date(2026, 8, 2), "101", "unanswered", 7, 3),
    ]  # fmt: skip
    assert export.notes == ("Asternic, distribución por día (2 filas, del 01/08/2026 al 02/08/2026, cola 101)",)


def test_titles_may_be_english_accented_in_entities_and_in_any_order() -> None:
    told = [["Answered", "DATE", " unanswered. ", "Avg Durat."], ["5", "2026-08-01", "7", "0:07"]]
    assert sums(read(csv_of(told), TOLD)) == {"by_day answered": 5, "by_day unanswered": 7}
    entities = [["D&iacute;a", "Atendidas", "Sin atender", "Duraci&oacute;n media"], ["Lunes", "5", "7", "0:07"]]
    assert sums(read(csv_of(entities), TOLD)) == {"by_weekday answered": 5, "by_weekday unanswered": 7}


def test_a_summary_tells_both_sides() -> None:
    rows = [["Inicio:", "2026-08-01"], ["Final:", "2026-08-31"], ["Cola:", "'101'"], ["Numero de llamadas atendidas:",
            "15,822 llamadas"], ["Numero de llamadas sin atender:", "3,826 llamadas"]]  # fmt: skip
    export = read(html_of(rows))
    assert sums(export) == {"summary_totals answered": 15822, "summary_totals unanswered": 3826}
    assert {(f.first, f.last, f.queue) for f in export.figures} == {(*AUGUST, "101")}


BY_QUEUE = "Cola;Nro;%\n101;5 llamadas;100 %\n"


@pytest.mark.parametrize(
    ("content", "told", "code", "says"),
    [
        ("a;b\n1;2\n", TOLD, "unknown", "2 columnas desconocidas"),
        ("Fecha;Atendidas;Ana Rosa Canario\n1;2;3\n", TOLD, "unknown", "«Fecha», «Atendidas» y 1 columna desconocida"),
        (csv_of(DAYS), NOTHING_TOLD, "queue", "--queue NOMBRE, o --queue todas"),
        (GOOD and "Hora;Atendidas;Sin atender\n08;1;2\n", Told(queue="101"), "period", "--from aaaa-mm-dd --to"),
        (BY_QUEUE, TOLD, "ambiguous", "atendidas por cola o Asternic, sin atender por cola"),
        ("Fecha;Atendidas;Atendidas;Sin atender\n2026-08-01;1;1;2\n", TOLD, "titles", "repite «Atendidas»"),
        ("Inicio;2026-08-01\nFinal;2026-08-31\nHora;Atendidas;Sin atender\n08;1;2\n",
         Told(date(2026, 9, 1), None, "todas"), "period", "se indicó otro período"),
        ("Hora;Atendidas;Sin atender\n08;1;2\n", Told(AUGUST[1], AUGUST[0], "todas"), "period", "antes de empezar"),
        ("Fecha;Atendidas;Sin atender\n", TOLD, "no_rows", "ninguna fila con cifras"),
        ("Hora;Atendidas;Sin atender\n08;1,5;2\n", TOLD, "bad_rows", "1 de 1 filas"),
        ("Hora;Atendidas;Sin atender\n08;1;2\nTotal;2;2\n", TOLD, "total", "no es la suma"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_saying_what_to_give(
    content: bytes | str, told: Told, code: str, says: str
) -> None:
    error = refused(content, told)
    assert error.code == code and says in error.text
    assert "Canario" not in error.text


def test_tables_of_one_header_are_told_apart_by_their_title() -> None:
    assert sums(read("Llamadas sin Atender por Cola\n" + BY_QUEUE, TOLD)) == {"unanswered_by_queue unanswered": 5}
    assert sums(read("Answered Calls by Queue\n" + BY_QUEUE, TOLD)) == {"answered_by_queue answered": 5}


def test_a_destination_of_a_transfer_that_may_be_a_telephone_is_not_kept() -> None:
    export = read_export(read_tables(SAMPLES / "asternic_answered_page.good.html"))
    keys = [figure.key for figure in export.figures if figure.report == "transfers"]
    assert keys == ["300@from-internal", "externo@from-internal", "externo@from-internal"]


def test_a_day_outside_the_period_is_set_aside() -> None:
    rows = [*DAYS, *([f"2026-08-{n:02}", "1", "1 %", "1", "1 %", "0:01", "1"] for n in range(3, 30)),
            ["2026-09-15", "1", "1 %", "1", "1 %", "0:01", "1"]]  # fmt: skip
    export = read(csv_of(rows), TOLD)
    assert [(row.line, row.reason) for row in export.set_aside] == [(31, "period")]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1,005", ExportUnit.COUNT, 1005), ("+7", ExportUnit.COUNT, 7), ("7.0", ExportUnit.COUNT, 7),
        ("1,005.00", ExportUnit.COUNT, 1005), ("5 llamadas", ExportUnit.COUNT, 5),
        ("5 calls", ExportUnit.COUNT, 5), ("", ExportUnit.COUNT, None), ("12 segs", ExportUnit.SECONDS, 12),
        ("1,234.50 secs", ExportUnit.SECONDS, 1234.5), ("1:14", ExportUnit.MINUTES, 74),
        ("75:10 min", ExportUnit.MINUTES, 4510), ("01:14:00", ExportUnit.MINUTES, 74), ("90", ExportUnit.MINUTES, 90),
        ("01:14:00", ExportUnit.CLOCK, 4440), ("100:00:01", ExportUnit.CLOCK, 360001),
    ],
)  # fmt: skip
def test_an_amount_is_read_in_its_unit(text: str, unit: ExportUnit, value: float | None) -> None:
    assert amount(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1.005", ExportUnit.COUNT), ("1.000", ExportUnit.COUNT), ("12.000", ExportUnit.COUNT),
        ("1.000.000", ExportUnit.COUNT), ("1,5", ExportUnit.COUNT), ("-1", ExportUnit.COUNT), ("x", ExportUnit.COUNT),
        ("83.33 %", ExportUnit.COUNT), ("1:60", ExportUnit.MINUTES), ("01:14:05", ExportUnit.MINUTES),
        ("1:14", ExportUnit.CLOCK), ("1:14", ExportUnit.SECONDS), ("7.12E+07", ExportUnit.COUNT),
        ("1e400", ExportUnit.SECONDS),
        ("٣", ExportUnit.COUNT), ("#N/A", ExportUnit.COUNT),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_never_guessed(text: str, unit: ExportUnit) -> None:
    with pytest.raises(ValueError):
        amount(text, unit)


def test_days_hours_titles_and_queues_are_read() -> None:
    assert day("2026-08-01") == day("2026-08-01 08:00:00") == AUGUST[0]
    for text in ("01/08/2026", "2026-02-30", "0000-00-00", "13/25/2026"):
        with pytest.raises(ValueError):
            day(text)
    assert (hour("08"), hour("8"), hour("23:00")) == (8, 8, 23)
    assert plain(" Duraci&oacute;n\u00a0media.") == plain("DURACIO\u0301N MEDIA") == "duracion media"
    assert (queue_names("'101','102','NONE'"), queue_names("'ALL'"), queue_names("101")) == (
        ("101", "102"),
        (),
        ("101",),
    )
