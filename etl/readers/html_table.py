"""Bytes of a web page in, the tables in it as rows of text out: what systems save as .xls, and pages saved whole.

Cells are text as written, leading zeros too. Nothing is fetched and no entity of the page's own is resolved. Tables
that lay out a page hold other tables: a row belongs to the innermost one, and a table without text of its own is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from etl.readers.found_table import (
    MOST_COLUMNS,
    MOST_TABLES,
    FoundTable,
    TableRow,
    UnreadableTable,
    cell_text,
    checked_height,
    checked_width,
)

_NO_TEXT = frozenset({"script", "style", "table", "template", "noscript", "caption"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_LONGEST_NAME = 120
_CELLS = ("td", "th")
#: Places of a page that cells fill beyond their first one: a few bytes may ask for millions.
_MOST_FILLED = 1_000_000


def read_html_tables(content: bytes) -> tuple[FoundTable, ...]:
    """Read the tables of a page. Raises UnreadableTable: html_page (there is none), damaged, too_many_…"""
    root = _parsed(content)
    found: list[FoundTable] = []
    heading = ""
    height = filled = 0
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag in _HEADINGS:
            heading = _own_text(element)
        elif element.tag == "table":
            rows, lines, more = _rows(element, height, filled)
            filled += more
            if rows:
                height += lines
                found.append(FoundTable(_name(element) or heading, rows, lines))
                if len(found) > MOST_TABLES:
                    raise UnreadableTable(
                        "too_many_tables", f"tiene más de {MOST_TABLES} tablas: guarde solo el informe"
                    )
    if not found:
        raise UnreadableTable(
            "html_page",
            "es una página web sin tablas (¿la de ingreso, un error?): abra el informe y expórtelo otra vez",
        )
    return tuple(found)


def _parsed(content: bytes) -> etree._Element:
    encoding = None
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            content.decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = "cp1252"
    else:
        content, encoding = content.decode("utf-16", errors="replace").encode(), "utf-8"
    parser = etree.HTMLParser(
        encoding=encoding, no_network=True, recover=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content.replace(b"\0", b""), parser)
    except etree.LxmlError:
        root = None
    if root is None:
        raise UnreadableTable("damaged", "es una página web que no se puede leer: expórtela otra vez")
    return root


def _own_rows(table: etree._Element) -> Iterator[list[etree._Element]]:
    """Yield the cells of the rows of a table, not of tables within it; cells outside of rows are one."""
    loose: list[etree._Element] = []
    for child in table:
        if child.tag in _CELLS:
            loose.append(child)
            continue
        if loose:
            yield loose
            loose = []
        if child.tag == "tr":
            yield [cell for cell in child if cell.tag in _CELLS]
        elif child.tag in ("thead", "tbody", "tfoot", "form"):
            yield from _own_rows(child)
    if loose:
        yield loose


def _rows(table: etree._Element, height: int, filled: int) -> tuple[tuple[TableRow, ...], int, int]:
    """Return the rows of a table, cells that span several places filled into each of them.

    Also how many rows there are, and how many places were filled. Before it were so many, of the whole page: the limits
    hold while rows are made.
    """
    before = filled
    rows: list[TableRow] = []
    pending: dict[int, tuple[int, str]] = {}
    number = 0
    for number, row in enumerate(_own_rows(table), 1):
        checked_height(height + number)
        cells: list[str] = []
        below: dict[int, tuple[int, str]] = {}

        def fill_from_above(
            cells: list[str] = cells, below: dict[int, tuple[int, str]] = below, above: dict = pending
        ) -> None:
            while (spanning := above.get(len(cells))) is not None:
                if spanning[0] > 1:
                    below[len(cells)] = (spanning[0] - 1, spanning[1])
                cells.append(spanning[1])

        for cell in row:
            fill_from_above()
            text = _own_text(cell)
            span = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if span > 1:
                    below[len(cells)] = (span - 1, text)
                cells.append(text)
                checked_width(len(cells))
        fill_from_above()
        below.update((at, (left - 1, text)) for at, (left, text) in pending.items() if at >= len(cells) and left > 1)
        pending = below
        filled += len(cells) - len(row)
        if filled > _MOST_FILLED:
            raise UnreadableTable(
                "too_many_cells", "tiene celdas combinadas que ocupan demasiadas filas y columnas: expórtelo sin ellas"
            )
        if any(cells):
            rows.append(TableRow(number, tuple(cells)))
    return tuple(rows), number, filled - before


def _span(cell: etree._Element, name: str) -> int:
    text = (cell.get(name) or "1").strip()
    return min(max(int(text), 1), MOST_COLUMNS + 1) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _own_text(element: etree._Element) -> str:
    """Return the text of an element without that of tables in it, in one line."""
    return " ".join(cell_text(" ".join(_texts(element))).split())


def _texts(element: etree._Element) -> Iterator[str]:
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _NO_TEXT:
            yield from _texts(child)
        if child.tail:
            yield child.tail


def _name(table: etree._Element) -> str:
    """Return a table's caption; where it has none, that of a table which lays out the page around it."""
    for each in (table, *table.iterancestors("table")):
        caption = each.find("caption")
        if caption is not None and (text := _own_text(caption)):
            return text[:_LONGEST_NAME]
    return ""
