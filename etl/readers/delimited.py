"""Bytes of a delimited text in, one table of rows of text out.

Separated by semicolon, comma or tab; Asternic separates its header by semicolons and its rows by commas. A line is
decoded by itself, as UTF-8 or else as Windows' cp1252, so that one wrong byte costs its own row only.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.readers.found_table import (
    LONGEST_LINE_BYTES,
    FoundTable,
    TableRow,
    UnreadableTable,
    cell_text,
    checked_height,
    checked_width,
)

_DELIMITERS = (";", ",", "\t")
#: By so many lines the separators are told; among the first of them is the header.
_TOLD_BY = 60
_SHOWN = 200
#: A text has few bytes that are no text: at most one in so many of its first ones.
_TOLD_BY_BYTES, _MOST_CONTROLS = 4096, 20
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DECLARED = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class _Line:
    """A physical line as text, and why it cannot be read."""

    number: int
    text: str
    problem: str = ""


def is_utf16(content: bytes) -> bool:
    """Tell whether a text says by its first bytes that it is UTF-16."""
    return content.startswith(_UTF16)


def read_delimited(content: bytes) -> FoundTable:
    """Read a delimited text. Raises UnreadableTable: not_text, no_columns, quote, truncated, too_many_…, empty."""
    checked_height(content.count(b"\n"))  # before anything is made of them
    lines = list(_lines(content))
    checked_height(len(lines))
    ended = content.endswith((b"\n", b"\r", b"\0\n", b"\n\0", b"\0\r", b"\r\0"))
    filled = [line for line in lines if line.text.strip() or line.problem]
    if not filled:
        raise UnreadableTable("empty", "no tiene ninguna fila: vuelva a exportarlo")
    declared = _DECLARED.match(filled[0].text.strip(" "))
    if declared is not None:
        filled = filled[1:]
    told_by = [line.text for line in filled if not line.problem][:_TOLD_BY]
    at, header_by, rows_by = _separators(told_by, declared.group(1) if declared else None)
    header = next((i for i, line in enumerate(filled) if not line.problem and line.text == told_by[at]), 0)
    rows = [*_records(filled[: header + 1], header_by), *_records(filled[header + 1 :], rows_by)]
    _check_end(rows, ended)
    return FoundTable("", tuple(rows), len(lines))


def _lines(content: bytes) -> Iterator[_Line]:
    if is_utf16(content):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise UnreadableTable("truncated", "dice ser UTF-16 y está cortado: vuelva a exportarlo") from None
    content = content.removeprefix(_BOM)
    start = content[:_TOLD_BY_BYTES]
    if len(_CONTROLS.findall(start)) * _MOST_CONTROLS > len(start):
        raise UnreadableTable("not_text", "no es un texto: exporte el informe como CSV o Excel")
    if not content:
        return
    physical = _LINE_END.split(content)
    if not physical[-1]:
        physical.pop()
    for number, line in enumerate(physical, 1):
        shown = line[:_SHOWN].replace(b"\0", b"").decode("utf-8", errors="replace")
        if len(line) > LONGEST_LINE_BYTES:
            yield _Line(number, shown, "line_too_long")
        elif b"\0" in line:
            yield _Line(number, shown, "nul")
        else:
            try:
                yield _Line(number, line.decode("utf-8"))
            except UnicodeDecodeError:
                try:
                    yield _Line(number, line.decode("cp1252"))
                except UnicodeDecodeError:
                    yield _Line(number, shown, "encoding")


def _separators(lines: Sequence[str], declared: str | None) -> tuple[int, str, str]:
    """Tell which line is the first of the table's width, what separates up to it, and what after it."""
    candidates = (declared, *(each for each in _DELIMITERS if each != declared)) if declared else _DELIMITERS
    if not lines:
        return 0, candidates[0], candidates[0]
    widths = {each: [len(fields) for fields in _loosely(lines, each)] for each in candidates}
    width, _, most = max((_usual(counts) for counts in widths.values()), key=lambda usual: usual[1:])
    if not most:
        raise UnreadableTable(
            "no_columns", "es un texto sin columnas (separadas por punto y coma, coma o tabulador): exporte la tabla"
        )
    for at in range(len(lines)):
        header_by = next((each for each in candidates if widths[each][at] == width), None)
        if header_by is not None:
            break
    else:
        raise AssertionError("unreachable: a line has the usual width")
    after = {each: _usual(counts[at + 1 :]) for each, counts in widths.items()}
    best = max(candidates, key=lambda each: (*after[each][1:], each == header_by))
    return at, header_by, best if after[best][2] else header_by


def _usual(counts: Sequence[int]) -> tuple[int, int, int]:
    """Return the number of fields that most lines have, if it is more than one; how many have it; and again it."""
    several = Counter(count for count in counts if count > 1)
    if not several:
        return 0, 0, 0
    width, lines = max(several.items(), key=lambda item: (item[1], item[0]))
    return width, lines, width


def _loosely(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """Split lines, each by itself, whatever their quotes."""
    for line in lines:
        fields: list[str] = next(csv.reader([line], delimiter=delimiter), [])
        yield fields


def _records(lines: Sequence[_Line], delimiter: str) -> Iterator[TableRow]:
    """Yield the records of lines; a quoted line end joins lines, a line that cannot be read stands by itself."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.problem:
            yield TableRow(line.number, (line.text,), 1, line.problem)
            at += 1
            continue
        taken, cells, problem = _record(lines, at, delimiter)
        last = lines[at + taken - 1]
        span = last.number - line.number + 1
        if problem:
            yield TableRow(line.number, (line.text[:_SHOWN],), span, problem)
        else:
            checked_width(len(cells))
            if any(cells):
                yield TableRow(line.number, cells, span)
        at += taken


def _record(lines: Sequence[_Line], at: int, delimiter: str) -> tuple[int, tuple[str, ...], str]:
    """Return how many lines a record takes, its cells, and its problem. Raises UnreadableTable on an open quote."""
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        for place in range(at, len(lines)):
            if lines[place].problem and taken:
                return
            taken += 1
            yield lines[place].text + "\n"

    try:
        fields = next(csv.reader(feed(), delimiter=delimiter, strict=True))
        return taken, tuple(cell_text(field) for field in fields), ""
    except csv.Error:
        text = lines[at].text.strip()
        if taken == 1 and text.count('"') % 2 == 0:
            # Asternic writes quotes inside of quotes as they are: the borders between fields still tell them apart.
            if len(text) > 1 and text.startswith('"') and text.endswith('"'):
                return 1, tuple(cell_text(field) for field in text[1:-1].split(f'"{delimiter}"')), ""
            return 1, (), "quote"
        raise UnreadableTable(
            "quote", f"la línea {lines[at].number} abre comillas que no se cierran: corrija o vuelva a exportar"
        ) from None


def _check_end(rows: Sequence[TableRow], ended: bool) -> None:
    """Refuse a text whose last row is cut: shorter than the others, and without an end of line."""
    if ended or len(rows) < 3:
        return
    width = Counter(len(row.cells) for row in rows[:-1]).most_common(1)[0][0]
    if 1 <= len(rows[-1].cells) < width and not rows[-1].problem and len(rows[-1].cells) > 1:
        raise UnreadableTable(
            "truncated", f"termina a mitad de una fila (línea {rows[-1].line}): vuelva a exportarlo completo"
        )
