"""What a reader of tables hands on, whatever the file was: tables of rows of text, or why there are none.

Out of here: the words the readers and those who use them share, and the limits that hold for every format.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_BYTES = 20 * 1024 * 1024
MOST_UNPACKED_BYTES = 300 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200
MOST_TABLES = 200
#: Python's reader of delimited text takes no longer field.
LONGEST_LINE_BYTES = 128 * 1024
#: Text that a cell holds where the file has an error or a formula without a value: no number, date or name reads so.
NO_VALUE = "#SIN_VALOR"

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class TableRow:
    """A row with something in it: its place, its cells as text, and the physical lines it takes (quoted line ends).

    ``line`` is 1-based: the physical line of a text, the row of a sheet, the row of a table of a page. A row that
    cannot be read has the code of its ``problem`` and one cell with the beginning of its text.
    """

    line: int
    cells: tuple[str, ...]
    span: int = 1
    problem: str = ""


@dataclass(frozen=True)
class FoundTable:
    """A table: the name the file gives it (empty where it gives none), its rows in order, and its ``lines``.

    ``lines`` counts the blank ones too: they are the lines less the spans of the rows.
    """

    name: str
    rows: tuple[TableRow, ...]
    lines: int = 0

    @property
    def blank(self) -> int:
        """Return how many of the lines hold nothing."""
        return self.lines - sum(row.span for row in self.rows)


class UnreadableTable(Exception):
    """A file holds no table that could be read: a code, and for users why, and what to do."""

    def __init__(self, code: str, text: str) -> None:
        """Say why, by a code and in Spanish."""
        super().__init__(text)
        self.code, self.text = code, text


#: Why a row that was read from a file could not be one, as people read it.
ROW_PROBLEMS = {
    "nul": "tiene bytes nulos",
    "encoding": "tiene caracteres que no se pueden leer",
    "line_too_long": "es demasiado larga",
    "quote": "tiene comillas mal cerradas",
}


def cell_text(text: str) -> str:
    """Return the text of a cell as it is compared: composed accents, plain blanks, nothing invisible, trimmed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _CONTROLS.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFC", text)))
    lines = [" ".join(line.split()) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip()


def checked_width(columns: int) -> int:
    """Return a number of columns that is within the limit. Raises UnreadableTable."""
    if columns > MOST_COLUMNS:
        raise UnreadableTable(
            "too_many_columns", f"tiene más de {MOST_COLUMNS} columnas: exporte solo la tabla del informe"
        )
    return columns


def checked_height(rows: int) -> int:
    """Return a number of rows that is within the limit. Raises UnreadableTable."""
    if rows > MOST_ROWS:
        raise UnreadableTable(
            "too_many_rows", f"tiene más de {MOST_ROWS // 1000} 000 filas: expórtelo por partes (por semana o por día)"
        )
    return rows
