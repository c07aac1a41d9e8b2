"""Bytes of an XML Spreadsheet 2003 in, its visible sheets as tables of text out.

Some systems write this under the name of an xls. Nothing is fetched, no entity is resolved, a DTD is refused.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from lxml import etree

from etl.readers.found_table import (
    MOST_ROWS,
    FoundTable,
    TableRow,
    UnreadableTable,
    cell_text,
    checked_height,
    checked_width,
)

_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
_EXCEL = "{urn:schemas-microsoft-com:office:excel}"
_START = 64 * 1024
_DAMAGED = "es un libro de Excel en XML (2003) cortado o dañado: guárdelo como libro de Excel (xlsx)"


def is_spreadsheet_xml(content: bytes) -> bool:
    """Tell whether a text begins as an XML Spreadsheet 2003."""
    start = content[:_START].replace(b"\0", b"")
    return b"urn:schemas-microsoft-com:office:spreadsheet" in start and b"<" in start[:16]


def read_spreadsheet_xml(content: bytes) -> tuple[FoundTable, ...]:
    """Read the sheets. Raises UnreadableTable: dtd, damaged, too_many_…"""
    if b"<!DOCTYPE" in content.replace(b"\0", b""):
        raise UnreadableTable("dtd", "su XML define entidades (DTD), que un libro no necesita")
    found: list[FoundTable] = []
    try:
        parser = etree.iterparse(
            io.BytesIO(content), events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=False,
            load_dtd=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
        rows: list[TableRow] = []
        name, number, height, hidden = "", 0, 0, False
        for event, element in parser:
            if event == "start":
                if element.tag == f"{_SS}Worksheet":
                    name, rows, number, hidden = element.get(f"{_SS}Name", ""), [], 0, False
                continue
            if element.tag == f"{_SS}Row":
                number = _place(element, number)
                cells = _cells(element)
                if any(cells):
                    rows.append(TableRow(number, cells))
                    height = checked_height(height + 1)
                number += _number(element.get(f"{_SS}Span"), 0)
                element.clear()
            elif element.tag == f"{_EXCEL}Visible":
                hidden = (element.text or "").strip() != "SheetVisible"
            elif element.tag == f"{_SS}Worksheet":
                if not hidden:
                    found.append(FoundTable(name, _padded(rows), rows[-1].line if rows else 0))
                element.clear()
    except etree.LxmlError:
        raise UnreadableTable("damaged", _DAMAGED) from None
    return tuple(found)


def _padded(rows: Sequence[TableRow]) -> tuple[TableRow, ...]:
    """Return rows with the empty cells that are not written at their ends."""
    width = max((len(row.cells) for row in rows), default=0)
    return tuple(TableRow(row.line, (*row.cells, *("" for _ in range(width - len(row.cells))))) for row in rows)


def _cells(row: etree._Element) -> tuple[str, ...]:
    cells: list[str] = []
    for cell in row.iterchildren(f"{_SS}Cell"):
        place = _place(cell, len(cells))
        checked_width(place)
        cells.extend("" for _ in range(place - 1 - len(cells)))
        data = cell.find(f"{_SS}Data")
        cells.append(_text(data) if data is not None else "")
        merged = _number(cell.get(f"{_SS}MergeAcross"), 0)
        checked_width(len(cells) + merged)
        cells.extend("" for _ in range(merged))
    return tuple(cells)


def _text(data: etree._Element) -> str:
    text = cell_text("".join(data.itertext()))
    kind = data.get(f"{_SS}Type")
    if kind == "DateTime":  # 2026-10-01T00:00:00.000
        day, _, clock = text.partition("T")
        clock = clock.partition(".")[0]
        return day if clock in ("", "00:00:00") else (clock if day.startswith("1899-12-3") else f"{day} {clock}")
    if kind == "Number":
        try:
            value = float(text)
        except ValueError:
            return text
        return str(int(value)) if value.is_integer() and abs(value) < 10**15 else repr(value)
    if kind == "Boolean":
        return "VERDADERO" if text == "1" else "FALSO"
    return text


def _place(element: etree._Element, before: int) -> int:
    """Return the 1-based place of a row or cell: as it says, never before the last one, else the next."""
    told = _number(element.get(f"{_SS}Index"), 0)
    if told > MOST_ROWS * 6:  # a sheet has at most 1 048 576 rows
        raise UnreadableTable("damaged", _DAMAGED)
    return max(told, before + 1)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else default
