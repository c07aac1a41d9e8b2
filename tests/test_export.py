"""A downloaded table opens in a spreadsheet in Spanish with the values the page shows."""

import csv
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pandas as pd
import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from reports.definition import ValueUnit
from reports.export import Column, Table, csv_bytes, file_word, xlsx_bytes


def read_back(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf"), "without its mark Excel takes UTF-8 for something else"
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Facturación", "Facturación"),
        ("dos; tres", "dos; tres"),
        ('con "comillas"\ny salto', 'con "comillas"\ny salto'),
        (1234567, "1234567"),
        (0.7600494, "0,7600494"),
        (Decimal("0.80"), "0,80"),
        (date(2026, 10, 5), "05/10/2026"),
        (datetime(2026, 10, 5, 8, 9, 10), "05/10/2026 08:09:10"),
        (pd.Timestamp("2026-10-05 08:09:10"), "05/10/2026 08:09:10"),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        ("=1+1", "'=1+1"),
        ("@cola", "'@cola"),
        ("-3", "'-3"),
        (-3, "-3"),
    ],
)
def test_a_cell_is_written_as_a_spreadsheet_in_spanish_reads_it(value: object, written: str) -> None:
    assert read_back(csv_bytes(drawn([Column("x")], [[value]]))) == [["x"], [written]]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Por línea", "por-linea"),
        ("Por día de la semana y media hora", "por-dia-de-la-semana-y-media-hora"),
        ("sin línea", "sin-linea"),
        ("> 300", "300"),
        ("08:30", "08-30"),
        ("../../x; rm\u202e", "x-rm"),
    ],
)
def test_a_text_becomes_a_word_of_a_files_name(text: str, word: str) -> None:
    assert file_word(text) == word


def test_a_table_without_rows_keeps_its_headings() -> None:
    table = drawn([Column("Línea"), Column("Registradas", ValueUnit.COUNT)], [])
    assert csv_bytes(table).decode("utf-8-sig") == "Línea;Registradas\r\n"
    assert [cell.value for cell in sheet(table)[5]] == ["Línea", "Registradas"]


def test_headings_of_a_csv_say_the_unit_of_plain_numbers() -> None:
    columns = [Column("Nivel", ValueUnit.PERCENT), Column("Espera", ValueUnit.SECONDS), Column("callid", is_code=True)]
    content = csv_bytes(drawn(columns, [[0.5, 12, "1793181600.10"]]))
    assert read_back(content) == [
        ["Nivel (fracción de 1)", "Espera (segundos)", "callid"],
        ["0,5", "12", "'1793181600.10"],
    ]


@pytest.mark.parametrize(
    ("unit", "value", "held", "number_format"),
    [
        (ValueUnit.COUNT, 1234567, 1234567, "#,##0"),
        (ValueUnit.PERCENT, 0.7600494, 0.7600494, "0.0 %"),
        (ValueUnit.SECONDS, 12, timedelta(seconds=12), "[hh]:mm:ss"),
        (ValueUnit.COUNT, "sin registro", "sin registro", "General"),
        (ValueUnit.COUNT, None, None, "General"),
        (ValueUnit.PERCENT, float("nan"), None, "General"),
        (None, "1793181600.10", "1793181600.10", "General"),
        (None, "=1+1", "=1+1", "General"),
        (None, "@cola", "@cola", "General"),
        (None, "https://x", "https://x", "General"),
        (None, date(2026, 10, 5), datetime(2026, 10, 5), "dd/mm/yyyy"),
        (None, pd.Timestamp("2026-10-05 08:09:10"), datetime(2026, 10, 5, 8, 9, 10), "dd/mm/yyyy hh:mm:ss"),
        (None, pd.NaT, None, "General"),
        (ValueUnit.MEAN, 1.25, 1.25, "#,##0.0"),
        (None, 1.25, 1.25, "General"),
        (None, 4, 4, "#,##0"),
    ],
)
def test_a_cell_of_excel_holds_the_value_under_its_format(
    unit: ValueUnit | None, value: object, held: object, number_format: str
) -> None:
    cell = sheet(drawn([Column("x", unit)], [[value]]))["A6"]
    assert (cell.value, cell.number_format) == (held, number_format)
    assert cell.data_type != "f" and cell.hyperlink is None
    assert cell.quotePrefix == (isinstance(value, str) and value.startswith(("=", "@")))


def test_a_book_says_what_it_shows_and_is_the_same_each_time() -> None:
    table = drawn([Column("Línea"), Column("Registradas", ValueUnit.COUNT)], [["101", 3]])
    assert xlsx_bytes(table) == xlsx_bytes(table)
    found = sheet(table)
    assert [found.cell(row, 1).value for row in range(1, 7)] == [
        "Por línea",
        "DATOS DE MUESTRA",
        "octubre",
        None,
        "Línea",
        "101",
    ]
    assert table.file_name == "x_muestra"
    real = replace(table, demo=False)
    assert (real.file_name, real.heading, sheet(real)["A2"].value) == ("x", ("octubre",), "octubre")
    assert (found.freeze_panes, found.page_setup.paperSize, found.print_title_rows) == ("B6", 1, "$5:$5")


def test_a_long_heading_is_seen_whole_and_a_long_line_above_makes_no_sheet_wider() -> None:
    columns = [Column("Tasa de transferencia: transferidas", ValueUnit.COUNT), Column("Entrada"), Column("Línea")]
    table = replace(drawn(columns, [[1, datetime(2026, 10, 1, 8), "101"]]), says=("palabra " * 40, "corta"))
    found = sheet(table)
    assert [str(found.cell(row, 1).value).count("palabra") for row in range(3, 8)] == [10, 10, 10, 10, 0]
    assert found["A9"].value == columns[0].heading and found.row_dimensions[9].height == 45
    assert found["B10"].alignment.horizontal == "left", "or it would touch the line beside it"


def drawn(columns: list[Column], rows: list[list[object]]) -> Table:
    return Table("x", "Por línea", ("octubre",), tuple(columns), rows, datetime(2026, 11, 1, 8), demo=True)


def sheet(table: Table) -> Worksheet:
    found = load_workbook(BytesIO(xlsx_bytes(table))).active
    assert isinstance(found, Worksheet)
    return found


def test_a_total_is_set_apart_and_stays_out_of_the_filter_and_a_text_never_touches_the_number_before_it() -> None:
    columns = (Column("Nivel de servicio", ValueUnit.PERCENT), Column("Meta"), Column("Faltaron", ValueUnit.COUNT))
    rows = [[0.5, "No cumple", 1], [0.9, "Cumple", None], [0.7, "No cumple", 1]]
    table = Table("t", "T", (), columns, rows, datetime(2026, 11, 1), demo=False, total=True)
    sheet = load_workbook(BytesIO(xlsx_bytes(table))).active
    assert sheet is not None and sheet.auto_filter.ref == "A3:C5"
    bold = {row: {bool(cell.font.b) for cell in sheet[row]} for row in (4, 5, 6)}
    assert bold == {4: {False}, 5: {False}, 6: {True}}
    assert [sheet.cell(row, 2).alignment.indent for row in (3, 4, 6)] == [1, 1, 1]
    assert [sheet.cell(row, 1).alignment.horizontal for row in (3, 4, 6)] == ["right"] * 3
