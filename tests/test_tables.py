"""Tables come out the same whatever they were written as; what is none, or a trap, is refused with what to do."""

import csv
import gzip
import io
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from etl.readers import html_table, workbook, workbook_child
from etl.readers.found_table import (
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    NO_VALUE,
    FoundTable,
    TableRow,
    UnreadableTable,
    cell_text,
)
from etl.readers.tables import is_table_file, read_tables, tables_of
from tests.crafted_files import FAR_CELL, X, bomb, ole
from tests.crafted_files import workbook as crafted
from tests.table_files import FORMATS, csv_of, html_of, spreadsheet_xml_of, xls_of, xls_with_a_day, xlsx_of

ROWS = (
    ("Fecha", "Operador(a)", "Número", "Duración", "Nota"),
    ("2026-08-01", "Ana Muñoz", "1,005", "1:14", ""),
    ("2026-08-02", "José Ñandú", "071234567", "", "=1+1"),
    ("2026-08-03", "SIP/201", "83.33 %", "75:10", '"entre comillas", y coma; y más'),
)


def refusal(content: bytes) -> tuple[str, str]:
    with pytest.raises(UnreadableTable) as refused:
        tables_of(content)
    return refused.value.code, refused.value.text


def only(content: bytes) -> FoundTable:
    (table,) = tables_of(content)
    return table


def cells(content: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in only(content).rows]


@pytest.mark.parametrize("name", FORMATS)
def test_one_table_is_the_same_rows_in_every_format(name: str) -> None:
    table = only(FORMATS[name](ROWS))
    assert table.rows == tuple(TableRow(line, row) for line, row in enumerate(ROWS, 1))
    assert (table.lines, table.blank) == (4, 0)


def test_the_name_of_a_file_says_nothing_and_a_gzip_is_opened(tmp_path: Path) -> None:
    for number, (name, make) in enumerate(FORMATS.items()):
        path = tmp_path / f"{number}.{'xls' if 'csv' in name else 'csv'}"
        path.write_bytes(make(ROWS))
        assert [row.cells for row in read_tables(path)[0].rows] == list(ROWS), name
    assert cells(gzip.compress(csv_of(ROWS))) == list(ROWS)
    assert cells(gzip.compress(xlsx_of(ROWS))) == list(ROWS)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a;b\r\n1;2\n3;4\r5;6", [(1, "a", "b"), (2, "1", "2"), (3, "3", "4"), (4, "5", "6")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [(1, "a", "b"), (2, "1", "2")]),
        (b'sep=;\na;b\n"1,5";2\n', [(2, "a", "b"), (3, "1,5", "2")]),
        (b"sep=,\na,b\n1,2\n", [(2, "a", "b"), (3, "1", "2")]),
        (b'a,b\n"uno\ndos",2\n3,4\n', [(1, "a", "b"), (2, "uno\ndos", "2"), (4, "3", "4")]),
        (b"\n\na;b\n;\n1;2\n\n", [(3, "a", "b"), (5, "1", "2")]),
        (b"Un informe, de agosto\na;b;c\n1,5;2,5;3\n2,5;3,5;4\n",
         [(1, "Un informe, de agosto"), (2, "a", "b", "c"), (3, "1,5", "2,5", "3"), (4, "2,5", "3,5", "4")]),
        (b'"a";"b"\n"Ana "la jefa" Rojas","2"\n"x","3"\n',
         [(1, "a", "b"), (2, 'Ana "la jefa" Rojas', "2"), (3, "x", "3")]),
        ("a;b\nMu\u00f1oz;1\n".encode("cp1252"), [(1, "a", "b"), (2, "Muñoz", "1")]),
        ("a;b\nMu\u00f1oz;1\n".encode("utf-16-le").join((b"\xff\xfe", b"")), [(1, "a", "b"), (2, "Muñoz", "1")]),
        ("a;b\nMun\u0303oz\u00a0;\u200b1\n".encode(), [(1, "a", "b"), (2, "Muñoz", "1")]),
    ],
)  # fmt: skip
def test_a_delimited_text_is_read_as_it_was_meant(content: bytes, told: list[tuple[object, ...]]) -> None:
    table = only(content)
    assert [(row.line, *row.cells) for row in table.rows] == told
    assert sum(row.span for row in table.rows) + table.blank == table.lines


def test_a_line_that_cannot_be_read_costs_its_own_row_only() -> None:
    long = b"x;" + b"x" * (csv.field_size_limit() + 1)
    table = only(b"a;b\n1;2\n\x81\x8d;3\n4;\x005\n" + long + b"\n6;7\n8;9\n")
    assert [(row.line, row.problem) for row in table.rows] == [
        (1, ""), (2, ""), (3, "encoding"), (4, "nul"), (5, "line_too_long"), (6, ""), (7, ""),
    ]  # fmt: skip
    assert all(len(row.cells) == 1 and len(row.cells[0]) <= 200 for row in table.rows if row.problem)


def test_a_text_that_declares_the_tab_has_no_row_of_it() -> None:
    table = only(b"sep=\t\r\nCola\tNro\r\n101\t5\r\n102\t6\r\n")
    assert [row.cells for row in table.rows] == [("Cola", "Nro"), ("101", "5"), ("102", "6")]


def test_a_few_bytes_that_ask_for_millions_of_cells_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans = b"<tr><td colspan=200 rowspan=201>x" + b"<tr>" * 200
    monkeypatch.setattr(html_table, "_MOST_FILLED", 50_000)
    assert len(only(b"<table>" + spans + b"</table>").rows) == 201
    assert refusal(b"<table>" + spans * 2 + b"</table>")[0] == "too_many_cells"
    assert refusal((b"<table>" + spans + b"</table>") * 2)[0] == "too_many_cells", "over all tables"
    monkeypatch.setattr(workbook_child, "_MOST_TEXT", 1000)
    told = [
        list(workbook_child.sheets(xlsx_of([["x" * 100] * cells]), MOST_ROWS, MOST_COLUMNS, NO_VALUE))[-1]
        for cells in (9, 10)
    ]
    assert told == [{"end": True}, {"refused": "too_much_text"}]


def test_a_cell_holds_no_byte_that_ends_a_text() -> None:
    assert cell_text("x\0y") == "xy"
    assert only(xlsx_of([["Cola", "Nro"], ["x_x0000_y", "5"]])).rows[1].cells == ("xy", "5")


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "empty", "está vacío"),
        (b"\n \r\n", "empty", "está vacío"),
        (b'a,b\n1,2\n"3,4\n"5","6"\n', "quote", "la línea 3 abre comillas que no se cierran"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "quote", "línea 3"),
        (b"a,b,c\n1,2,3\n4,5,6\n7,8", "truncated", "termina a mitad de una fila (línea 4)"),
        (b"hola\nque tal\n", "no_columns", "un texto sin columnas"),
        (b"a;b\n" + b"1;2\n" * MOST_ROWS, "too_many_rows", "más de 200 000 filas"),
        (b";".join([b"a"] * 201) + b"\n" + b";".join([b"1"] * 201), "too_many_columns", "más de 200 columnas"),
        (b"<!DOCTYPE html><html><body>Sesi&oacute;n vencida</body></html>", "html_page", "página web sin tablas"),
        (b'{"rows": []}', "kind", "es un JSON"),
        (b"%PDF-1.7 ...", "kind", "es un PDF"),
        (bytes(range(256)) * 20, "not_text", "no es un texto"),
        (gzip.compress(csv_of(ROWS))[:-9], "damaged", "cortado o dañado"),
        (b"\xff\xfea\x00;", "truncated", "UTF-16"),
        (html_of([["a"] * 201]), "too_many_columns", "más de 200 columnas"),
        (b"<table><tr><td colspan=500>a</table>", "too_many_columns", "más de 200 columnas"),
        (spreadsheet_xml_of(ROWS)[:-40], "damaged", "cortado o dañado"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "a">]>' + spreadsheet_xml_of(ROWS)[21:], "dtd", "(DTD)"),
        (xlsx_of([["a"] * 201]), "too_many_columns", "más de 200 columnas"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(content: bytes, code: str, says: str) -> None:
    found, text = refusal(content)
    assert found == code and says in text


def test_a_file_of_more_than_20_mb_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UnreadableTable, match="20 MB"):
        read_tables(path)


@pytest.mark.parametrize(
    "name", [name for name in X if name.startswith(("X02", "X05", "X06", "X10 ", "X11 a part", "X12", "X13", "X18"))]
)
def test_the_guard_stands_before_every_workbook(name: str) -> None:
    make, why = X[name]
    code, text = refusal(make())
    assert code in ("guard", "kind") and (why in text or name.startswith("X18")), text


def test_a_bomb_is_refused_in_no_time() -> None:
    content = bomb(20)
    started = time.process_time()
    assert refusal(content) == ("guard", "es un libro de Excel y una de sus partes crece más de 100 veces al abrirse")
    assert time.process_time() - started < 5


def test_a_workbook_that_breaks_the_parser_breaks_nothing_else() -> None:
    assert refusal(crafted(**{"xl__worksheets__sheet1.xml": FAR_CELL}))[0] in ("limits", "damaged", "too_many_columns")
    assert refusal(bomb(1))[0] in ("damaged", "empty", "guard")
    assert refusal(ole("Workbook"))[0] == "damaged"
    assert refusal(xls_of(ROWS)[:3000])[0] in ("damaged", "guard", "kind", "limits")
    far = openpyxl.Workbook()
    far.worksheets[0].cell(1, 1).value = "a"
    far.worksheets[0].cell(1_048_576, 16_384).value = 1
    file = io.BytesIO()
    far.save(file)
    assert refusal(file.getvalue())[0] in ("limits", "too_many_columns")


def test_a_parser_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_MOST_SECONDS", 0.001)
    assert refusal(xlsx_of(ROWS))[0] == "limits"


def test_cells_of_a_workbook_are_text_as_people_read_them() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Fecha", "Valor"])
    values = (date(2026, 10, 1), 5.0), (datetime(2026, 10, 1, 8), 71234567.0), ("x", "=1+1"), ("#N/A", 0.5)
    for row in (*values, (True, timedelta(hours=30)), ("071234567", datetime(2026, 1, 1, 1, 14).time())):
        sheet.append(list(row))
    sheet["A9"].number_format = "0.00"  # formatted, and blank
    file = io.BytesIO()
    book.save(file)
    assert cells(file.getvalue()) == [
        ("Fecha", "Valor"), ("2026-10-01", "5"), ("2026-10-01 08:00:00", "71234567"), ("x", NO_VALUE), ("#N/A", "0.5"),
        ("VERDADERO", "30:00:00"), ("071234567", "01:14:00"),
    ]  # fmt: skip
    assert cells(xls_with_a_day(date(2026, 10, 1), 5)) == [("Fecha", "Total"), ("2026-10-01", "5")]


def test_hidden_sheets_are_not_read_and_rows_keep_their_numbers() -> None:
    content = xlsx_of([["", ""], ["", ""], ["a", "b"], ["1", "2"]], before=[("oculta", "hidden"), ("vista", "visible")])
    assert [(table.name, [row.line for row in table.rows]) for table in tables_of(content)] == [
        ("vista", [1]), ("Hoja1", [3, 4]),
    ]  # fmt: skip


PAGE = b"""<html><head><script>var x = "<table><tr><td>no</td></tr></table>"</script></head><body>
<table><caption>La de afuera</caption><tr><td><table><thead><tr><th colspan=2>A</th><th>B&oacute;</th></tr></thead>
<tbody><tr><td rowspan=2>071</td><td>2<br>3</td><td>&nbsp;4 </td></tr><tr><td>x</td><td>y</td></tr></tr><td>1</td><td>2
</td><td>3</td></tbody></table></td></tr></table>
<h2>Otra</h2><table><tr><td>sola</td></tr></table><img src="http://127.0.0.1:1/x.png">
<iframe src="FILE"></iframe><object data="FILE"></object><link rel="import" href="FILE"><table></table></body></html>"""


def test_the_tables_of_a_page_are_told_apart_by_their_captions_and_spanned_cells_are_filled(tmp_path: Path) -> None:
    canary = tmp_path / "otra.html"
    canary.write_text("<table><tr><td>canario</td></tr></table>")
    tables = tables_of(PAGE.replace(b"FILE", canary.as_uri().encode()))
    assert [(table.name, [row.cells for row in table.rows]) for table in tables] == [
        ("La de afuera", [("A", "A", "Bó"), ("071", "2 3", "4"), ("071", "x", "y"), ("1", "2", "3")]),
        ("Otra", [("sola",)]),
    ]  # fmt: skip
    assert "canario" not in repr(tables), "a page is read, and nothing that it names"


def test_an_entity_of_a_page_resolves_to_nothing_from_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secreto.txt"
    secret.write_text("secreto")
    entity = f'<!DOCTYPE html [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    told = tables_of(f"{entity}<html><table><tr><td>&e;</td><td>1</td></tr></table></html>".encode())
    assert "secreto" not in str(told)


def test_what_can_only_be_tables_is_known_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for name, make in FORMATS.items():
        path.write_bytes(make(ROWS))
        assert is_table_file(path) == (not name.startswith(("csv", "text"))), name
    path.write_bytes(b"1366720340|NONE|NONE|NONE|QUEUESTART|\n")
    assert not is_table_file(path)
