"""A committed .xlsx that holds the look, and the places in it where values go.

In: the file, whose defined names (Excel: Fórmulas, Administrador de nombres) say where values go, and whose cell styles
say how verdicts and notes look. Out: the same book with values in it, and a note of everything written, for the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.utils import absolute_coordinate, get_column_letter, quote_sheetname, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from reports.definition import ValueUnit
from reports.format import EXCEL_FORMATS

DATE_FORMAT, TIME_FORMAT, PLAIN_NUMBER = "dd/mm/yyyy", "hh:mm", "0"
_SECONDS_A_DAY = 86_400
#: Height of a line of text, and how many characters of it go into one unit of width.
_LINE_POINTS, _CHARACTERS_A_UNIT = 14.5, 1.2
#: Excel keeps fifteen digits of a number.
_DIGITS = 15

Value = str | int | float | date | time | None


class WorkbookError(Exception):
    """A book that cannot be made or handed over; the message is for users."""


@dataclass(frozen=True)
class Place:
    """The cells of a defined name."""

    sheet: str
    column: int
    row: int
    last_column: int
    last_row: int


@dataclass(frozen=True)
class Written:
    """One cell as it must be read back: a value and its number format."""

    value: Value
    number_format: str


@dataclass
class Template:
    """An opened template. `written` has every cell filled so far, by sheet and coordinate."""

    name: str
    book: Workbook
    places: dict[str, Place]
    written: dict[tuple[str, str], Written] = field(default_factory=dict)

    def place(self, name: str) -> Place:
        """Return the cells of a defined name. WorkbookError where the template has none of that name."""
        if name not in self.places:
            raise WorkbookError(
                f"A la plantilla {self.name} le falta el nombre «{name}», que dice en qué celda va una cifra: "
                "devuélvaselo en Excel con Fórmulas, Administrador de nombres"
            )
        return self.places[name]

    def sheet(self, title: str) -> Worksheet:
        """Return a sheet by its title. WorkbookError where there is none."""
        if title not in self.book.sheetnames:
            raise WorkbookError(f"A la plantilla {self.name} le falta la hoja «{title}»")
        sheet = self.book[title]
        assert isinstance(sheet, Worksheet)
        return sheet

    def put(
        self, name: str, value: Value, unit: ValueUnit | None = None, *, row: int = 0, style: str | None = None
    ) -> None:
        """Write a value to a named place, `row` rows below its first cell.

        With `unit` a number: counts whole, percentages as fractions of one, seconds. Without: text, a date, a time of
        day, the number of a line. None leaves the cell blank. `style` names a cell style whose font and fill it takes.
        """
        place = self.place(name)
        if place.last_row > place.row and place.row + row > place.last_row:
            raise WorkbookError(
                f"En la plantilla {self.name}, el nombre «{name}» abarca menos filas de las que hacen falta"
            )
        self._write(place.sheet, place.row + row, place.column, value, unit, style)

    def row_of(self, names: Sequence[str]) -> Place:
        """Return the pattern row of a table, told by the names of its columns, from its first to its last column."""
        places = [self.place(name) for name in names]
        if len({(place.sheet, place.row) for place in places}) > 1:
            raise WorkbookError(f"En la plantilla {self.name} no están en una misma fila: {', '.join(names)}")
        return replace(
            places[0],
            column=min(place.column for place in places),
            last_column=max(place.last_column for place in places),
        )

    def grow(self, names: Sequence[str], rows: int) -> None:
        """Make a table's pattern row into so many like it; everything below moves down, names and all."""
        pattern = self.row_of(names)
        sheet, more = self.sheet(pattern.sheet), rows - 1
        if more < 1:
            return
        sheet.insert_rows(pattern.row + 1, more)
        merged = [each for each in sheet.merged_cells.ranges]
        for each in merged:
            if each.min_row > pattern.row:
                each.shift(row_shift=more)
        heights = {row: sheet.row_dimensions[row].height for row in sorted(sheet.row_dimensions)}
        for row in heights:
            if row > pattern.row:
                sheet.row_dimensions[row].height = None
        for row, height in heights.items():
            if row > pattern.row:
                sheet.row_dimensions[row + more].height = height
        for row in range(pattern.row + 1, pattern.row + rows):
            sheet.row_dimensions[row].height = heights.get(pattern.row)
            for column in range(1, sheet.max_column + 1):
                source = sheet.cell(pattern.row, column)
                if isinstance(source, Cell) and source.has_style:
                    _copy_style(source, sheet.cell(row, column))
            for each in merged:
                if each.min_row == each.max_row == pattern.row:
                    sheet.merge_cells(start_row=row, end_row=row, start_column=each.min_col, end_column=each.max_col)
        for name, place in self.places.items():
            if place.sheet == pattern.sheet and place.row > pattern.row:
                moved = replace(place, row=place.row + more, last_row=place.last_row + more)
                self.places[name] = moved
                self.book.defined_names[name].attr_text = _reference(moved)

    def fit_height(self, name: str, text: str, *, row: int = 0) -> None:
        """Make a row high enough for a text that is wrapped in the merged cells at a named place.

        Excel does this by itself only for cells that are not merged.
        """
        place = self.place(name)
        sheet = self.sheet(place.sheet)
        last = max(
            (each.max_col for each in sheet.merged_cells.ranges if each.min_row == place.row + row
             and each.min_col == place.column),
            default=place.column,
        )  # fmt: skip
        width = sum(
            sheet.column_dimensions[get_column_letter(column)].width for column in range(place.column, last + 1)
        )
        lines = -(-len(text) // int(width * _CHARACTERS_A_UNIT))
        dimension = sheet.row_dimensions[place.row + row]
        if lines > 1:
            dimension.height = max(dimension.height or 0, lines * _LINE_POINTS)

    def _write(
        self, title: str, row: int, column: int, value: Value, unit: ValueUnit | None, style: str | None
    ) -> None:
        cell = self.sheet(title).cell(row, column)
        if not isinstance(cell, Cell):
            raise WorkbookError(
                f"En la plantilla {self.name}, hoja «{title}», otra celda combinada tapa a {cell.coordinate}"
            )
        if (title, cell.coordinate) in self.written:
            raise WorkbookError(
                f"En la plantilla {self.name}, hoja «{title}», dos nombres señalan la celda {cell.coordinate}"
            )
        stored, number_format = _stored(value, unit)
        if style is not None:
            self._apply(cell, style)
        if number_format:
            cell.number_format = number_format
        cell.value = stored
        if isinstance(stored, str):
            cell.data_type = "s"  # "=1+1" is a text here, whatever it looks like
            cell.quotePrefix = stored.startswith(("=", "+", "-", "@"))
        self.written[title, cell.coordinate] = Written(stored, cell.number_format)

    def _apply(self, cell: Cell, style: str) -> None:
        """Give a cell the font and the fill of a named style and leave the rest of its look."""
        if style not in self.book.named_styles:
            raise WorkbookError(f"A la plantilla {self.name} le falta el estilo de celda «{style}»")
        alignment: Any = copy(cell.alignment)
        border: Any = copy(cell.border)
        number_format = cell.number_format
        cell.style = style
        cell.alignment, cell.border, cell.number_format = alignment, border, number_format


def open_template(path: Path) -> Template:
    """Open a template and find its places. WorkbookError when it is missing or no workbook."""
    try:
        book = load_workbook(path)
    except (OSError, BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise WorkbookError(f"No se puede abrir la plantilla {path}: falta o está dañada") from error
    places: dict[str, Place] = {}
    for name, defined in book.defined_names.items():
        for title, reference in defined.destinations:
            if title in book.sheetnames and "#" not in reference:
                column, row, last_column, last_row = range_boundaries(reference)
                if column and row and last_column and last_row:
                    places[name] = Place(title, column, row, last_column, last_row)
    return Template(path.name, book, places)


def line_number(service: str) -> str | int:
    """Return a line's number as a number, so that no spreadsheet marks it as one kept as text; other text as it is."""
    plain = service.isascii() and service.isdigit() and len(service) <= _DIGITS
    return int(service) if plain and str(int(service)) == service else service


def _copy_style(source: Any, target: Any) -> None:
    """Give a cell the whole style of another, which openpyxl has no public name for."""
    target._style = copy(source._style)


def _stored(value: Value, unit: ValueUnit | None) -> tuple[Value, str | None]:
    """Return what a cell holds for a value, and its number format where it is not the template's."""
    match value:
        case "":
            return None, None
        case str():
            return ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value), None
        case None:
            return None, EXCEL_FORMATS[unit] if unit else None
        case date():
            return value, DATE_FORMAT
        case time():
            return value, TIME_FORMAT
    if unit is None:
        return value, PLAIN_NUMBER
    if unit is ValueUnit.SECONDS:
        value = value / _SECONDS_A_DAY
    return int(value) if unit is ValueUnit.COUNT else float(value), EXCEL_FORMATS[unit]


def _reference(place: Place) -> str:
    first = absolute_coordinate(f"{get_column_letter(place.column)}{place.row}")
    last = absolute_coordinate(f"{get_column_letter(place.last_column)}{place.last_row}")
    return f"{quote_sheetname(place.sheet)}!{first}" + ("" if first == last else f":{last}")
