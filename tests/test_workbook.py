"""The monthly book: every figure is the one measured, in its place, and the look is the one agreed.

The golden text tests/golden/monthly.txt has every cell, width and print setting. A change that is meant is written
anew by running this file with the variable WRITE_GOLDEN=1, and looked at in the difference.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles.colors import Color
from openpyxl.utils.datetime import from_excel
from openpyxl.worksheet.worksheet import Worksheet

from reports import terms
from reports.definition import Period, PeriodError, Unit, ValueUnit, month
from reports.format import EXCEL_FORMATS
from reports.indicators import BY_NAME, INDICATORS
from reports.measured import Recorded, recorded
from reports.query import measure
from reports.rules import DEFAULTS, Rules
from reports.workbook import sheets
from reports.workbook.handover import Book, check, hand_over
from reports.workbook.monthly import TEMPLATE, monthly_workbook
from reports.workbook.sheets import SHEETS, TABLE_FIGURES
from reports.workbook.template import WorkbookError, line_number, open_template
from tests.drawn_month import MADE, MONTH, WITHOUT_LOG, drawn_book, drawn_store

pytestmark = pytest.mark.duckdb

GOLDEN = Path(__file__).parent / "golden" / "monthly.txt"
PERIOD = month(MONTH)


@pytest.fixture(scope="module")
def store() -> Iterator[duckdb.DuckDBPyConnection]:
    with drawn_store() as connection:
        yield connection


@pytest.fixture(scope="module")
def book(store: duckdb.DuckDBPyConnection) -> Book:
    return drawn_book(store)


@pytest.fixture(scope="module")
def opened(book: Book) -> Workbook:
    return load_workbook(BytesIO(book.content))


def described(content: bytes) -> str:
    """Every sheet in words: print set-up, widths, charts, cells that say something or look unlike an empty one."""
    book = load_workbook(BytesIO(content))
    lines = [f"{name} = {defined.attr_text}" for name, defined in sorted(book.defined_names.items())]
    for sheet in book.worksheets:
        setup, view = sheet.page_setup, sheet.sheet_view
        assert sheet.sheet_properties.pageSetUpPr is not None
        lines += [
            "",
            f"[{sheet.title}] paper {setup.paperSize} {setup.orientation} "
            f"fit {setup.fitToWidth}x{setup.fitToHeight} {sheet.sheet_properties.pageSetUpPr.fitToPage} "
            f"repeat {sheet.print_title_rows} freeze {sheet.freeze_panes} gridlines {view.showGridLines}",
            f"header {sheet.oddHeader.center.text} footer {sheet.oddFooter.left.text} | {sheet.oddFooter.right.text}",
            "widths " + " ".join(f"{key}={each.width:g}" for key, each in sorted(sheet.column_dimensions.items())),
            "heights " + " ".join(f"{key}={each.height:g}" for key, each in sorted(sheet.row_dimensions.items())
                                  if each.height),
            "merged " + " ".join(sorted(map(str, sheet.merged_cells.ranges))),
        ]  # fmt: skip
        for chart in sheet._charts:
            start, end = chart.anchor._from, chart.anchor.to
            ranges = [
                f"{series.cat.strRef.f} -> {series.val.numRef.f}" for each in chart._charts for series in each.ser
            ]
            lines.append(f"chart {start.col},{start.row} to {end.col},{end.row}: {'; '.join(ranges)}")
        lines += [text for row in sheet.iter_rows() for cell in row if (text := cell_text(cell))]
    return "\n".join(lines) + "\n"


def cell_text(cell: Any) -> str:
    if not isinstance(cell, Cell) or (cell.value is None and not cell.has_style):
        return ""
    value = cell.value.isoformat() if isinstance(cell.value, date | time) else cell.value
    parts = [cell.coordinate, "" if value is None else str(value).replace("\n", "\\n")]
    if cell.number_format != "General":
        parts.append(cell.number_format)
    font, fill = cell.font, cell.fill
    weight = ("b" if font.b else "") + ("i" if font.i else "")
    parts.append(f"{font.name} {font.sz:g}{weight} {_colour(font.color)}")
    if fill.fill_type:
        parts.append(f"on {fill.fgColor.rgb}")
    if cell.alignment.horizontal:
        parts.append(cell.alignment.horizontal)
    return " | ".join(parts)


def _colour(color: Color | None) -> str:
    if color is None:
        return ""
    return str(color.rgb) if color.type == "rgb" else f"{color.type} {color.theme}"


def test_every_cell_is_as_agreed(book: Book) -> None:
    text = described(book.content)
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text.splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()


# What is written against what is measured: each question asked anew.


def at(book: Workbook, name: str, row: int = 0) -> Cell:
    """The cell of a defined name, some rows below."""
    ((title, reference),) = book.defined_names[name].destinations
    sheet = book[title]
    assert isinstance(sheet, Worksheet)
    first = sheet[reference.replace("$", "").partition(":")[0]]
    cell = sheet.cell(first.row + row, first.column)
    assert isinstance(cell, Cell)
    return cell


def value_of(found: Any) -> float | None:
    """A cell's value as the query gives it: seconds for a duration."""
    if isinstance(found, timedelta):
        return found.total_seconds()
    return None if found is None or isinstance(found, str) else float(found)


def measured(
    store: duckdb.DuckDBPyConnection, indicator: str, period: Period = PERIOD, **where: str
) -> tuple[float | None, ...]:
    frame = measure(store, Rules.default(), [indicator], period, where=where, unit=Unit.LINE)
    cells = [frame[name].iloc[0] for name in ("numerator", "denominator", "value")]
    return tuple(None if pd.isna(cell) else cell for cell in cells)


def assert_row(
    book: Workbook, store: duckdb.DuckDBPyConnection, prefix: str, row: int, period: Period, **where: str
) -> None:
    """A row of a table has what is measured for it, or its state and blanks where nobody was registered."""
    registered = measured(store, "registered", period, **where)[2]
    for column, indicator in TABLE_FIGURES.items():
        cell = at(book, f"{prefix}_{column}", row)
        wanted = measured(store, indicator, period, **where)[2] if registered else None
        if not registered and column == "registradas":
            assert cell.value in (terms.NO_RECORD, terms.NO_CALLS, terms.OPEN, "ninguna")
        elif wanted is None:
            assert cell.value is None, cell.coordinate
        else:
            found = value_of(cell.value)
            assert found == pytest.approx(wanted, abs=1e-3 if indicator == "asa" else 1e-15), (cell.coordinate, column)
            assert cell.number_format == EXCEL_FORMATS[BY_NAME[indicator].value_unit]


def test_each_line_has_what_is_measured_for_it(opened: Workbook, store: duckdb.DuckDBPyConnection) -> None:
    lines = [*terms.LINES, terms.NO_LINE]
    for row, line in enumerate(lines):
        assert str(at(opened, "linea_numero", row).value) == line
        assert_row(opened, store, "linea", row, PERIOD, service=line)
    assert at(opened, "linea_numero", len(lines)).value == terms.TOTAL
    assert_row(opened, store, "linea", len(lines), PERIOD)


def test_each_day_has_what_is_measured_for_it(opened: Workbook, store: duckdb.DuckDBPyConnection) -> None:
    for row, day in enumerate(PERIOD):
        assert at(opened, "dia_desde", row).value == datetime.combine(day, time())
        assert_row(opened, store, "dia", row, Period(day, day))
    assert_row(opened, store, "dia", PERIOD.days, PERIOD)


def test_each_half_hour_has_what_is_measured_for_it(opened: Workbook, store: duckdb.DuckDBPyConnection) -> None:
    for row in range(48):
        start = time(row // 2, row % 2 * 30)
        assert at(opened, "hora_desde", row).value == start
        assert_row(opened, store, "hora", row, PERIOD, interval=f"{start:%H:%M}")
    assert_row(opened, store, "hora", 48, PERIOD)


def test_the_figures_of_the_month_have_both_their_sides(opened: Workbook, store: duckdb.DuckDBPyConnection) -> None:
    row = 0
    for name in sheets.MONTH_FIGURES:
        indicator = BY_NAME[name]
        assert at(opened, "cifra_nombre", row).value == indicator.label
        for prefix, period in (("cifra", PERIOD), ("cifra_anterior", month("2026-09"))):
            numerator, denominator, value = measured(store, name, period)
            sides = [at(opened, f"{prefix}_{side}", row) for side in ("numerador", "denominador", "valor")]
            found = [value_of(cell.value) for cell in sides]
            assert found == pytest.approx([numerator if denominator else None, denominator, value], abs=1e-3)
        row += 2 if indicator.denominator else 1


def test_each_month_of_the_trend_is_measured_and_those_without_log_are_blank(
    opened: Workbook, store: duckdb.DuckDBPyConnection
) -> None:
    shown = {str(at(opened, "tendencia_mes", row).value): row for row in range(13)}
    assert (min(shown.values()), shown["oct 2025"], shown["oct 2026"]) == (0, 0, 12)
    for text, label in (("2025-10", "oct 2025"), ("2026-09", "sep 2026"), (MONTH, "oct 2026")):
        found = [at(opened, f"tendencia_{name}", shown[label]).value for name in ("a_tiempo", "registradas", "nivel")]
        assert found == pytest.approx(list(measured(store, "service_level", month(text))))
    blank = [at(opened, f"tendencia_{name}", shown["mar 2026"]).value for name in ("a_tiempo", "registradas", "nivel")]
    assert blank == [None, None, None]
    assert at(opened, "tendencia_cumple", shown["mar 2026"]).value == terms.NO_RECORD


def test_totals_are_divided_anew_and_are_values(opened: Workbook, book: Book) -> None:
    for prefix, rows in (("linea", 13), ("dia", 31), ("hora", 48)):
        in_time, registered, level = (
            [at(opened, f"{prefix}_{name}", row).value for row in range(rows + 1)]
            for name in ("a_tiempo", "registradas", "nivel")
        )
        parts = [n for n in in_time[:-1] if isinstance(n, int)], [n for n in registered[:-1] if isinstance(n, int)]
        assert (sum(parts[0]), sum(parts[1])) == (in_time[-1], registered[-1]) == (14, 18)
        assert level[-1] == pytest.approx(14 / 18)
        shares = [share for share in level[:-1] if share is not None]
        assert sum(shares) / len(shares) != pytest.approx(14 / 18), "the mean of the rows, which is not the total"
    with ZipFile(BytesIO(book.content)) as parts_of:
        assert not [name for name in parts_of.namelist() if b"<f>" in parts_of.read(name) and "worksheets" in name]


def test_what_is_not_on_record_is_said_and_never_zero(opened: Workbook) -> None:
    lines = {str(at(opened, "linea_numero", row).value): row for row in range(13)}
    states = {line: at(opened, "linea_registradas", row).value for line, row in lines.items()}
    assert (states["103"], states["104"], states["4639999"]) == (terms.OPEN, terms.NO_CALLS, terms.NO_RECORD)
    assert (states["101"], states["102"], states[terms.NO_LINE]) == (10, 6, 2)
    days = {day.isoformat(): at(opened, "dia_registradas", row).value for row, day in enumerate(PERIOD)}
    assert {days[day] for day in WITHOUT_LOG} == {terms.NO_RECORD}
    assert (days["2026-10-08"], days["2026-10-09"]) == (terms.OPEN, terms.NO_CALLS)
    facts = {at(opened, "registro_nombre", row).value: at(opened, "registro_texto", row).value for row in range(9)}
    assert facts["Días sin registro"] == "12 a 13"
    assert facts["Llamadas en curso"] == "1 de 103 Instalaciones: todavía en ninguna cifra"
    assert str(facts["Llamadas sin línea"]).startswith("2, dentro del total")
    assert "4639999 Telefonía Pública" in str(facts["Líneas sin registro"])


def test_a_verdict_has_a_mark_and_a_word(opened: Workbook) -> None:
    verdicts = [at(opened, "linea_cumple", row).value for row in range(14)]
    assert verdicts == ["✓ Cumple", "✗ No cumple", *[None] * 11, "✗ No cumple"]
    assert [at(opened, "linea_faltaron", row).value for row in range(3)] == [0, 2, None]
    assert at(opened, "nivel_veredicto").value == "✗ No cumple"
    assert at(opened, "nivel_brecha").value == "faltó 1 llamada"
    assert at(opened, "nivel_mes_anterior").value == "Septiembre de 2026: 80,0 % (4 de 5); bajó 2,2 puntos"
    assert at(opened, "nivel_gestion_anterior").value == "Octubre de 2025: 75,0 % (3 de 4); subió 2,8 puntos"


def test_every_indicator_and_every_parameter_in_force_is_explained(opened: Workbook) -> None:
    sheet = opened[sheets.DEFINITIONS]
    texts = {str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None}
    for indicator in INDICATORS:
        assert {indicator.label, indicator.edge_case, indicator.clause} <= texts
        if indicator.denominator is not None:
            assert f"{terms.NUMERATORS[indicator.name]} / {terms.DENOMINATORS[indicator.name]}" in texts
    assert {terms.PARAMETERS[each.name] for each in DEFAULTS} | {each.rule for each in DEFAULTS} <= texts
    assert "7, armada el 02/11/2026 08:30" in texts


def test_a_demo_store_is_marked_on_every_sheet_and_page(store: duckdb.DuckDBPyConnection, opened: Workbook) -> None:
    demo = load_workbook(BytesIO(drawn_book(store, demo=True).content))
    for title in SHEETS:
        assert terms.DEMO_DATA in {cell.value for cell in demo[title][1]}
        assert demo[title].oddHeader.center.text == terms.DEMO_DATA
        assert terms.DEMO_DATA not in {cell.value for cell in opened[title][1]}
        assert not opened[title].oddHeader.center.text


def test_a_month_that_is_not_over_says_so(store: duckdb.DuckDBPyConnection) -> None:
    log = Recorded(tuple(day for day in recorded(store).days if day < date(2026, 10, 20)))
    book = monthly_workbook(MADE, store, Rules.default(), MONTH, log, demo=False)
    scope = at(load_workbook(BytesIO(book.content)), "resumen_alcance").value
    assert "mes en curso: cifras hasta la fecha" in str(scope)


def test_without_a_target_there_is_no_verdict_and_no_line_of_it(store: duckdb.DuckDBPyConnection) -> None:
    rules = Rules(tuple(each for each in DEFAULTS if each.name != "target"))
    book = load_workbook(BytesIO(monthly_workbook(MADE, store, rules, MONTH, recorded(store), demo=False).content))
    assert at(book, "nivel_veredicto").value == terms.NO_TARGET
    assert at(book, "nivel_meta").value is None
    assert "raya" not in str(at(book, "linea_grafico_nivel").value)
    assert len(book[sheets.SUMMARY]._charts[0]._charts) == 1


def test_a_month_with_a_log_and_no_calls_has_no_figures(store: duckdb.DuckDBPyConnection) -> None:
    log = Recorded((date(2026, 8, 31), *recorded(store).days))
    book = load_workbook(BytesIO(monthly_workbook(MADE, store, Rules.default(), "2026-08", log, demo=False).content))
    assert at(book, "nivel_valor").value is None
    assert at(book, "nivel_veredicto").value == terms.NO_CALLS
    assert at(book, "dia_nivel", 31).value is None


# Text, numbers, names.


def test_text_that_looks_like_a_formula_stays_text(store: duckdb.DuckDBPyConnection) -> None:
    template = open_template(TEMPLATE)
    for row, text in enumerate(("=1+1", "+5", "-5", "@SUM(A1)")):
        template.put("cifra_nombre", text, row=row)
        cell = template.sheet(sheets.SUMMARY).cell(template.place("cifra_nombre").row + row, 1)
        assert (cell.value, cell.data_type) == (text, "s")
    template.put("resumen_mes", "a\x00b")
    assert template.sheet(sheets.SUMMARY)["A2"].value == "a\N{REPLACEMENT CHARACTER}b"


def test_the_number_of_a_line_is_a_number_where_it_can_be_one() -> None:
    assert [line_number(text) for text in ("101", "800131313", "0101", "1" * 16, "101-A", "٣")] == [
        101, 800131313, "0101", "1" * 16, "101-A", "٣",
    ]  # fmt: skip


def test_a_template_without_a_name_is_refused_by_that_name(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    changed = load_workbook(TEMPLATE)
    del changed.defined_names["linea_nivel"]
    path = tmp_path / "changed.xlsx"
    changed.save(path)
    with pytest.raises(WorkbookError, match=r"le falta el nombre «linea_nivel»"):
        monthly_workbook(MADE, store, Rules.default(), MONTH, recorded(store), demo=False, template=path)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not a book"])
def test_a_template_that_is_no_workbook_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "monthly.xlsx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkbookError, match="falta o está dañada"):
        open_template(path)


def test_two_names_for_one_cell_are_refused(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    changed = load_workbook(TEMPLATE)
    changed.defined_names["nivel_brecha"].attr_text = changed.defined_names["nivel_meta"].attr_text
    path = tmp_path / "changed.xlsx"
    changed.save(path)
    with pytest.raises(WorkbookError, match="dos nombres señalan la celda"):
        monthly_workbook(MADE, store, Rules.default(), MONTH, recorded(store), demo=False, template=path)


def test_columns_may_change_places_in_the_template(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    changed = load_workbook(TEMPLATE)
    names = changed.defined_names
    names["dia_nivel"].attr_text, names["dia_espera"].attr_text = (
        names["dia_espera"].attr_text,
        names["dia_nivel"].attr_text,
    )
    path = tmp_path / "changed.xlsx"
    changed.save(path)
    made = monthly_workbook(MADE, store, Rules.default(), MONTH, recorded(store), demo=False, template=path)
    assert at(load_workbook(BytesIO(made.content)), "dia_nivel", 31).value == pytest.approx(14 / 18)


def test_a_month_that_is_none_or_without_record_has_no_book(store: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(PeriodError, match="no es un mes"):
        drawn_book(store, "2026-13")
    with pytest.raises(
        WorkbookError, match="No hay registro de enero de 2020; hay desde octubre de 2025 hasta octubre"
    ):
        drawn_book(store, "2020-01")
    with pytest.raises(WorkbookError, match="Todavía no hay registro"):
        monthly_workbook(MADE, store, Rules.default(), MONTH, Recorded(()), demo=False)


# The same bytes, and only what was measured.


def test_the_same_generation_makes_the_same_bytes(book: Book) -> None:
    with drawn_store() as another:
        assert drawn_book(another).content == book.content
    with ZipFile(BytesIO(book.content)) as parts:
        assert {info.date_time for info in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = parts.read("docProps/core.xml").decode()
    assert re.findall(r"2026-11-02T12:30:00Z", core) == ["2026-11-02T12:30:00Z"] * 2
    assert "<dc:creator>COMTECO R.L.</dc:creator>" in core and "octubre de 2026" in core


def tampered(book: Book, name: str, row: int, value: Any) -> Book:
    """The book with one cell changed between writing and handing over."""
    changed = load_workbook(BytesIO(book.content))
    at(changed, name, row).value = value
    content = BytesIO()
    changed.save(content)
    return replace(book, content=content.getvalue())


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [
        ("nivel_valor", 0, 0.9),
        ("linea_registradas", 0, 11),
        ("linea_nivel", 5, 0),
        ("dia_registradas", 11, 0),
        ("hora_espera", 48, timedelta(seconds=1)),
        ("dia_desde", 0, date(2026, 9, 30)),
        ("tendencia_registradas", 12, "18"),
        ("nivel_brecha", 0, "margen de 1 llamada sobre la meta"),
        ("linea_total", 0, 1),
    ],
)
def test_a_book_that_differs_from_what_was_measured_is_not_handed_over(
    book: Book, tmp_path: Path, name: str, row: int, value: object
) -> None:
    if name == "linea_total":  # a number where none was written
        changed = load_workbook(BytesIO(book.content))
        changed[sheets.BY_LINE]["Z99"] = value
        content = BytesIO()
        changed.save(content)
        different = replace(book, content=content.getvalue())
    else:
        different = tampered(book, name, row, value)
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"before")
    with pytest.raises(WorkbookError, match="no coincide con lo medido"):
        hand_over(different, path)
    assert [each.name for each in tmp_path.iterdir()] == ["book.xlsx"]
    assert path.read_bytes() == b"before"


def test_a_book_cut_short_is_not_handed_over(book: Book, tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="no se puede volver a leer"):
        hand_over(replace(book, content=book.content[:5000]), tmp_path / "book.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_book_without_a_cell_that_was_written_is_not_handed_over(book: Book) -> None:
    empty = Workbook()
    for title in SHEETS:
        empty.create_sheet(title)
    content = BytesIO()
    empty.save(content)
    with pytest.raises(WorkbookError, match="la celda no está"):
        check(content.getvalue(), book.written)


def test_a_duration_is_compared_as_it_is_read(book: Book) -> None:
    """Excel keeps a duration as a part of a day; reading rounds it to the millisecond."""
    seconds = [each for each in book.written.values() if each.number_format == EXCEL_FORMATS[ValueUnit.SECONDS]]
    assert any(
        isinstance(each.value, float) and from_excel(each.value, timedelta=True).microseconds for each in seconds
    )
    check(book.content, book.written)


# No repair prompt.


def test_charts_name_ranges_that_are_there_and_no_blank_is_a_zero(book: Book, opened: Workbook) -> None:
    with ZipFile(BytesIO(book.content)) as parts:
        assert len(parts.namelist()) == len(set(parts.namelist()))
        charts = {name: parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/charts/chart")}
    assert len(charts) == 7
    for text in charts.values():
        assert '<autoTitleDeleted val="1" />' in text and 'dispBlanksAs val="gap"' in text and ">None<" not in text
        for title, column, first, other, last in re.findall(
            r"'?([^'<>!]+)'?!\$([A-Z]+)\$(\d+):\$([A-Z]+)\$(\d+)", text
        ):
            sheet = opened[title]
            assert column == other and int(first) <= int(last) <= sheet.max_row
            assert sheet[f"{column}{int(first) - 1}"].value, "the heading stands above"
    names = list(opened.defined_names)
    assert len(names) == len(set(name.lower() for name in names))


def test_every_number_stands_in_the_look_of_its_unit(opened: Workbook) -> None:
    formats = {*EXCEL_FORMATS.values(), "0", "dd/mm/yyyy", "hh:mm"}
    numbers = [
        cell for sheet in opened.worksheets for row in sheet.iter_rows() for cell in row
        if cell.value is not None and not isinstance(cell.value, str)
    ]  # fmt: skip
    assert len(numbers) > 200
    assert {cell.number_format for cell in numbers} <= formats
