"""A workbook on standard input, its visible sheets as JSON on standard output; run by path, in a process of its own.

A crafted workbook of a kilobyte makes the parser ask for half a terabyte and abort: so it is this process that ends,
within limits it sets itself before it reads anything. Nothing else of the product is imported here.

Out: a line of JSON per sheet, ``{"name", "lines", "rows": [[row number, cells...], ...]}``; then ``{"end": true}``; or
one ``{"refused": code}``.
"""

import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree  # of parts in which the guard found no DTD
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

_EXACT = 10**15
#: So many characters, and a few for each cell, are told at most: one text may stand in any number of cells.
_MOST_TEXT, _CELL_TEXT = 64 * 1024 * 1024, 4
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(r"^([A-Z]{1,3})([0-9]{1,7})$")


def _limit(memory: int, cpu_seconds: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows: there the parent's clock alone ends it
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _text(value: Any) -> str:
    """Return a value of a cell as text: dates as ISO, whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "VERDADERO" if value else "FALSO"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, datetime):
        return value.replace(microsecond=0).isoformat(sep=" ")
    if isinstance(value, time):
        return value.replace(microsecond=0).isoformat()
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
        return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _without_value(content: bytes) -> dict[str, dict[tuple[int, int], str]]:
    """Return by sheet the cells (row, column; from 0) that hold an error, or a formula without a value."""
    found: dict[str, dict[tuple[int, int], str]] = {}
    if not content.startswith(b"PK"):
        return found
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts = {name.lower(): name for name in package.namelist()}
        relations = parts.get("xl/_rels/workbook.xml.rels")
        if relations is None:
            return found
        targets = {
            each.get("Id"): each.get("Target", "") for each in ElementTree.fromstring(package.read(relations)).iter()
        }
        for sheet in ElementTree.fromstring(package.read(parts["xl/workbook.xml"])).iter():
            if not sheet.tag.endswith("}sheet"):
                continue
            target = targets.get(sheet.get(_RELATION), "") or ""
            part = parts.get(target.lower().lstrip("/")) or parts.get(f"xl/{target}".lower())
            if part is not None:
                xml = package.read(part)
                if b"<f" in xml or b'"e"' in xml or b"'e'" in xml or b":f" in xml:
                    found[sheet.get("name", "")] = _cells_without_value(xml)
    return found


def _cells_without_value(xml: bytes) -> dict[tuple[int, int], str]:
    found = {}
    for _, cell in ElementTree.iterparse(io.BytesIO(xml)):
        tag = cell.tag.rpartition("}")[2]
        if tag == "c":
            parts = {part.tag.rpartition("}")[2]: part.text or "" for part in cell}
            is_error = cell.get("t") == "e"
            if (is_error or ("f" in parts and not parts.get("v"))) and (place := _CELL.match(cell.get("r", ""))):
                column = 0
                for letter in place.group(1):
                    column = column * 26 + ord(letter) - 64
                found[int(place.group(2)) - 1, column - 1] = parts.get("v", "") if is_error else ""
            cell.clear()
        elif tag == "row":
            cell.clear()
    return found


def sheets(content: bytes, most_rows: int, most_columns: int, no_value: str) -> Iterator[dict[str, Any]]:
    """Yield the visible sheets of a workbook, then the end; or why it is not read."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        marks = _without_value(content)
        rows_before = told = 0
        for sheet_at, about in enumerate(workbook.sheets_metadata):
            if about.visible != SheetVisibleEnum.Visible or about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_index(sheet_at)
            _, first_column = sheet.start or (0, 0)
            rows = []
            marked = marks.get(about.name, {})
            if sheet.width > most_columns and _used_width(sheet) > most_columns:
                yield {"refused": "too_many_columns"}
                return
            for at, values in enumerate(sheet.iter_rows()):  # from the sheet's first row on, the blank ones too
                cells = [_text(value) for value in values]
                for column in range(len(cells)) if marked else ():
                    mark = marked.get((at, first_column + column))
                    if mark is not None:
                        cells[column] = mark or no_value
                if any(cells):
                    rows.append([at + 1, *cells])
                    told += sum(map(len, cells)) + _CELL_TEXT * len(cells)
                    if told > _MOST_TEXT:
                        yield {"refused": "too_much_text"}
                        return
            rows_before += len(rows)
            if rows_before > most_rows:
                yield {"refused": "too_many_rows"}
                return
            last = sheet.end[0] + 1 if sheet.end else 0
            yield {"name": about.name, "lines": last, "rows": rows}
        yield {"end": True}
    except PasswordError:
        yield {"refused": "encrypted"}
    except (CalamineError, zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError, OverflowError):
        yield {"refused": "damaged"}


def _used_width(sheet: Any) -> int:
    """Return up to which column the sheet holds something: formatted cells beyond hold nothing."""
    width = 0
    for values in sheet.iter_rows():
        for at in range(len(values), width, -1):
            if values[at - 1] != "":
                width = at
                break
    return width


def main() -> None:
    """Read, print, end."""
    memory, cpu_seconds, most_rows, most_columns = map(int, sys.argv[1:5])
    _limit(memory, cpu_seconds)
    no_value = sys.argv[5]
    for sheet in sheets(sys.stdin.buffer.read(), most_rows, most_columns, no_value):
        print(json.dumps(sheet))


if __name__ == "__main__":
    main()
