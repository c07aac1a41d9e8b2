"""One table written in every format that the reader of tables knows; and files that no reader may trust.

In: rows of text. Out: bytes, as other programs would write them.
"""

import io
from collections.abc import Callable, Sequence
from datetime import date
from html import escape

import openpyxl
import xlwt

Rows = Sequence[Sequence[str]]


def csv_of(rows: Rows, *, delimiter: str = ",", header: str | None = None, end: str = "\r\n") -> bytes:
    """Every value quoted; the header may be separated by something else, as Asternic does."""

    def line(cells: Sequence[str], by: str) -> str:
        return by.join('"' + cell.replace('"', '""') + '"' for cell in cells) + end

    return "".join(line(row, delimiter if n else header or delimiter) for n, row in enumerate(rows)).encode()


def xlsx_of(rows: Rows, *, sheet: str = "Hoja1", before: Sequence[tuple[str, str]] = ()) -> bytes:
    """A workbook of texts; `before` are sheets (name, state) that stand before it."""
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    for name, state in before:
        other = book.create_sheet(name)
        other.sheet_state = state
        other.append(["otra", "cosa"])
    found = book.create_sheet(sheet)
    for number, row in enumerate(rows, 1):
        for at, text in enumerate(row, 1):
            if text:
                cell = found.cell(number, at)
                cell.value, cell.data_type = text, "s"
    book.remove(first)
    book.active = len(book.worksheets) - 1
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def xls_of(rows: Rows) -> bytes:
    """An old workbook, in BIFF."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Hoja1")
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell:
                sheet.write(at, column, cell)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def xls_with_a_day(day: date, number: float) -> bytes:
    """An old workbook with a day and a number as such."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Hoja1")
    sheet.write(0, 0, "Fecha")
    sheet.write(0, 1, "Total")
    sheet.write(1, 0, day, xlwt.easyxf(num_format_str="DD/MM/YYYY"))
    sheet.write(1, 1, number)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def html_of(rows: Rows, *, caption: str = "") -> bytes:
    head, *others = rows
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    lines = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in others]
    heading = f"<thead><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr></thead>"
    return f"<html><body><table>{title}{heading}<tbody>{''.join(lines)}</tbody></table></body></html>".encode()


def spreadsheet_xml_of(rows: Rows) -> bytes:
    """An XML Spreadsheet 2003; as Excel does, empty cells are left out and the next one says its place."""
    lines = []
    for row in rows:
        cells = [
            f'<Cell ss:Index="{at}"><Data ss:Type="String">{escape(cell)}</Data></Cell>'
            for at, cell in enumerate(row, 1)
            if cell
        ]
        lines.append(f"<Row>{''.join(cells)}</Row>")
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    return (
        f'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="{space}" xmlns:ss="{space}">'
        f'<Worksheet ss:Name="Hoja1"><Table>{"".join(lines)}</Table></Worksheet></Workbook>'
    ).encode()


FORMATS: dict[str, Callable[[Rows], bytes]] = {
    "csv with commas": csv_of,
    "csv with semicolons": lambda rows: csv_of(rows, delimiter=";"),
    "csv as Asternic writes it": lambda rows: csv_of(rows, header=";"),
    "text with tabs": lambda rows: csv_of(rows, delimiter="\t", end="\n"),
    "UTF-16 with tabs": lambda rows: csv_of(rows, delimiter="\t").decode().encode("utf-16"),
    "csv of Windows": lambda rows: csv_of(rows, delimiter=";").decode().encode("cp1252"),
    "xlsx": xlsx_of,
    "xls": xls_of,
    "html": html_of,
    "xml of 2003": spreadsheet_xml_of,
}
