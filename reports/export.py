"""What a page shows, as files that a spreadsheet in Spanish opens at once.

In: a table of values with the units of its columns. Out: CSV (UTF-8 with its mark, semicolons, decimal comma, dates
dd/mm/yyyy) and Excel, as bytes.
"""

from __future__ import annotations

import csv
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pandas as pd
import xlsxwriter

from reports import terms
from reports.definition import ValueUnit
from reports.format import EXCEL_FORMATS

#: A cell that begins with one of these would be run as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_UNITS = {ValueUnit.PERCENT: " (fracción de 1)", ValueUnit.SECONDS: " (segundos)"}
_SECONDS_A_DAY = 86_400
_DATE, _MOMENT = "dd/mm/yyyy", "dd/mm/yyyy hh:mm:ss"
#: Widths of columns in characters.
_NARROWEST, _WIDEST, _MOMENT_WIDTH = 11, 42, 19
_LETTER = 1
_TOTAL = {"bold": True, "top": 1}
_APART = {"align": "left", "indent": 1}
_INDENT = 2
_PAD = 2  # characters left free in a column
#: Points of a line of text; characters of the shortest line that is broken.
_LINE_POINTS, _SHORTEST_LINE = 15, 80
_WIDE = 6  # more columns than this lie across the sheet


@dataclass(frozen=True)
class Column:
    """One column: its heading, and the unit of its numbers; without one it holds texts, dates or instants.

    A code looks like a number ("1793181600.12"): CSV marks it with an apostrophe, or a spreadsheet would round it.
    """

    heading: str
    unit: ValueUnit | None = None
    is_code: bool = False


@dataclass(frozen=True)
class Valued:
    """A number with a unit of its own, in a column where each row has another."""

    value: float | None
    unit: ValueUnit


@dataclass(frozen=True)
class Table:
    """A table to be saved: `name` is the file's without ending, `says` the lines that stand above it.

    Of invented data (`demo`) both say so: `file_name` and `heading`. `made_at` is when its figures were made.
    Values: counts as whole numbers, percentages as fractions of one, waits in seconds, None or NaN for a blank. A text
    where a number is usual ("sin registro") stays a text. With `total` the last row is that of all the others.
    """

    name: str
    title: str
    says: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    made_at: datetime
    demo: bool
    total: bool = False

    @property
    def file_name(self) -> str:
        """The name of the file without its ending."""
        return f"{self.name}_muestra" if self.demo else self.name

    @property
    def heading(self) -> tuple[str, ...]:
        """The lines that stand above the table, below its title."""
        return (terms.DEMO_DATA, *self.says) if self.demo else self.says


def file_word(text: str) -> str:
    """Return a text as a word of a file's name: "Por línea" as "por-linea"."""
    plain = text.lower().translate(str.maketrans("áéíóúüñ", "aeiouun"))
    return re.sub("[^0-9a-z]+", "-", plain).strip("-")


def csv_bytes(table: Table) -> bytes:
    """Return a table as CSV: headings and rows, numbers at full precision without grouping."""
    text = StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([column.heading + (_UNITS.get(column.unit, "") if column.unit else "") for column in table.columns])
    codes = [column.is_code for column in table.columns]
    writer.writerows(
        [f"'{value}" if code and value else _csv_cell(value) for code, value in zip(codes, row, strict=True)]
        for row in table.rows
    )
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def xlsx_bytes(table: Table) -> bytes:
    """Return a table as an Excel book of one sheet, its numbers unrounded under the formats of reports.format.

    The same table gives the same bytes. No text is ever a formula.
    """
    buffer = BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "default_date_format": _DATE, "remove_timezone": True,
    }  # fmt: skip
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"title": table.title, "author": terms.PRODUCT, "created": table.made_at})
        _write_sheet(book, book.add_worksheet("Datos"), table)
    return buffer.getvalue()


def _write_sheet(book: Any, sheet: Any, table: Table) -> None:
    styles = _Styles(book)
    bold, plain = book.add_format({"bold": True}), book.add_format({})
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, table.title, book.add_format({"bold": True, "font_size": 14}))
    widths = [_width(column, [row[place] for row in table.rows]) for place, column in enumerate(table.columns)]
    # A line longer than the table would make the printed sheet wider than it is.
    above = [part for line in table.heading for part in textwrap.wrap(line, max(_SHORTEST_LINE, sum(widths)))]
    for number, line in enumerate(above, start=1):
        sheet.write_string(number, 0, line, bold if line == terms.DEMO_DATA else plain)
    top = len(above) + 2
    # A text beside a number to its left would touch it.
    apart = [
        place > 0 and column.unit is None and table.columns[place - 1].unit is not None
        for place, column in enumerate(table.columns)
    ]
    heights = (
        len(textwrap.wrap(column.heading, wide - _PAD)) for column, wide in zip(table.columns, widths, strict=True)
    )
    sheet.set_row(top, _LINE_POINTS * max(heights))
    for place, column in enumerate(table.columns):
        heading = styles.heading(right=column.unit is not None, apart=apart[place])
        sheet.write_string(top, place, column.heading, heading)
        sheet.set_column(place, place, widths[place] + _INDENT * apart[place])
    last = len(table.columns) - 1
    for number, row in enumerate(table.rows, start=top + 1):
        total = table.total and number == top + len(table.rows)
        for place, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
            value, unit = (cell.value, cell.unit) if isinstance(cell, Valued) else (cell, column.unit)
            match value:
                case str():
                    quoted = value.startswith(_FORMULA_STARTS)
                    # The next column would cut it; the last has room.
                    wrapped = place < last and len(value) > widths[place]
                    look = styles.text(quoted, apart=apart[place], total=total, wrapped=wrapped)
                    sheet.write_string(number, place, value, look)
                case _ if value is None or pd.isna(value):
                    if total:
                        sheet.write_blank(number, place, None, styles.text(False, apart=False, total=True))
                case datetime():
                    sheet.write_datetime(number, place, value, styles.number(_MOMENT, total=total))
                case date():
                    sheet.write_datetime(number, place, value, styles.number(_DATE, total=total))
                case _ if unit is ValueUnit.SECONDS:
                    code = EXCEL_FORMATS[unit]
                    sheet.write_number(number, place, float(value) / _SECONDS_A_DAY, styles.number(code, total=total))
                case _:
                    # A number of no stated unit is shown as it is.
                    code = EXCEL_FORMATS[unit or ValueUnit.COUNT] if unit or value == int(value) else "General"
                    sheet.write_number(number, place, value, styles.number(code, total=total))
    sheet.freeze_panes(top + 1, 1)
    if table.rows:
        sheet.autofilter(top, 0, top + len(table.rows) - table.total, last)  # a total is not sorted among the rest
        corner = xlsxwriter.utility.xl_rowcol_to_cell(top + len(table.rows), last)
        sheet.ignore_errors({"number_stored_as_text": f"A1:{corner}"})
    sheet.set_paper(_LETTER)
    if len(table.columns) > _WIDE:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(top)
    sheet.set_footer(f"&L{terms.PRODUCT}&RPágina &P de &N")


class _Styles:
    """The formats of a book's cells, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[Any, ...], Any] = {}

    def heading(self, *, right: bool, apart: bool) -> Any:
        aligned = {"align": "right"} if right else _APART if apart else {}
        return self._book.add_format({"bold": True, "text_wrap": True, "bottom": 1, **aligned})

    def text(self, quoted: bool, *, apart: bool, total: bool, wrapped: bool = False) -> Any:
        key = (quoted, apart, total, wrapped)
        if key not in self._made:
            said = {
                **({"quote_prefix": True} if quoted else {}), **(_APART if apart else {}),
                **({"text_wrap": True} if wrapped else {}),
            }  # fmt: skip
            self._made[key] = self._book.add_format({**said, **(_TOTAL if total else {})})
        return self._made[key]

    def number(self, code: str, *, total: bool) -> Any:
        key = (code, total)
        if key not in self._made:
            said = {"num_format": code, "align": "left" if code in (_DATE, _MOMENT) else "right"}
            self._made[key] = self._book.add_format({**said, **(_TOTAL if total else {})})
        return self._made[key]


def _width(column: Column, values: Sequence[Any]) -> int:
    """Return the width of a column in characters: its widest word of the heading, its widest text."""
    longest = max(map(len, column.heading.split()))
    for value in values:
        match value:
            case str():
                longest = max(longest, len(value))
            case datetime():
                longest = max(longest, _MOMENT_WIDTH)
    return min(_WIDEST, max(_NARROWEST, longest + _PAD))


def _csv_cell(value: Any) -> str:
    match value:
        case Valued(value=None):
            return ""
        case Valued(value=float() | int() as number, unit=unit):
            return _csv_cell(int(number) if unit is ValueUnit.COUNT else number)
        case str():
            return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        case None:
            return ""
        case datetime():
            return "" if pd.isna(value) else f"{value:%d/%m/%Y %H:%M:%S}"
        case date():
            return f"{value:%d/%m/%Y}"
    if pd.isna(value):
        return ""
    match value:
        case float() | Decimal():
            return str(value).replace(".", ",")
        case _:
            return str(value)
