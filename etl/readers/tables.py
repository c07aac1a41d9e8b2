"""A file in, the tables in it as rows of text out, whatever its name says: its bytes decide who reads it.

Delimited texts, workbooks (xlsx, xls), HTML, XML Spreadsheet 2003; each also within gzip. Raises UnreadableTable with a
code, and for users why and what to do.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from etl.readers.delimited import is_utf16, read_delimited
from etl.readers.found_table import (
    MOST_BYTES,
    MOST_UNPACKED_BYTES,
    ROW_PROBLEMS,
    FoundTable,
    TableRow,
    UnreadableTable,
)
from etl.readers.html_table import read_html_tables
from etl.readers.lines import is_gzip
from etl.readers.sniff import sniff
from etl.readers.spreadsheet_xml import is_spreadsheet_xml, read_spreadsheet_xml
from etl.readers.workbook import is_workbook, read_workbook

__all__ = ["ROW_PROBLEMS", "FoundTable", "TableRow", "UnreadableTable", "read_tables", "tables_of"]

_START_BYTES = 64 * 1024
_REMEDY = "expórtelo como CSV o como libro de Excel (xlsx)"
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<meta", b"<div", b"<style", b"<center", b"<br")


def read_tables(path: Path, *, most_bytes: int = MOST_BYTES) -> tuple[FoundTable, ...]:
    """Read the tables of a file, at least one, each with at least one row. Raises UnreadableTable; OSError."""
    if path.stat().st_size > most_bytes:
        raise UnreadableTable("too_large", f"pasa de {most_bytes // 1024**2} MB: expórtelo por partes")
    return tables_of(path.read_bytes())


def tables_of(content: bytes) -> tuple[FoundTable, ...]:
    """Read the tables of a file's bytes, as read_tables does."""
    if is_gzip(content[:2]):
        content = _unpacked(content)
    if not content.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise UnreadableTable("empty", "está vacío: vuelva a exportarlo")
    found = tuple(table for table in _read(content) if table.rows)
    if not found:
        raise UnreadableTable("empty", "no tiene ninguna fila: vuelva a exportarlo")
    return found


def is_table_file(path: Path) -> bool:
    """Tell by its beginning whether a file can be nothing but tables: a workbook, a page, or a text in UTF-16."""
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    if is_gzip(start[:2]):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, _START_BYTES)
        except zlib.error:
            return False
    plain = start.replace(b"\0", b"")[2:] if is_utf16(start) else start
    return is_workbook(start) or is_utf16(start) or is_spreadsheet_xml(start) or _is_html(plain)


def _is_html(start: bytes) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith(_MARKUP) or (text.startswith((b"<?xml", b"<!--", b"<!doctype")) and b"<html" in text)


def _read(content: bytes) -> tuple[FoundTable, ...]:
    if is_workbook(content):
        return read_workbook(content)
    if is_spreadsheet_xml(content):
        return read_spreadsheet_xml(content)
    start = content[:_START_BYTES]
    if is_utf16(content):
        start = start.replace(b"\0", b"")[2:]
    if _is_html(start):
        return read_html_tables(content)
    seen = sniff(start)
    if seen.problem:
        raise UnreadableTable("kind", f"es {seen.what} y {seen.problem}")
    if not seen.could_be_log:
        raise UnreadableTable("kind", f"es {seen.what}: {_REMEDY}")
    return (read_delimited(content),)


def _unpacked(content: bytes) -> bytes:
    """Unpack gzip, never more than is taken of any table."""
    try:
        unpacker = zlib.decompressobj(wbits=31)
        unpacked = unpacker.decompress(content, MOST_UNPACKED_BYTES // 4 + 1)
        if len(unpacked) > MOST_UNPACKED_BYTES // 4:
            raise UnreadableTable("too_large", "al descomprimirlo es demasiado grande: expórtelo por partes")
        if not unpacker.eof:
            raise EOFError
        return unpacked
    except (zlib.error, EOFError, gzip.BadGzipFile):
        raise UnreadableTable("damaged", "el archivo comprimido está cortado o dañado: vuelva a copiarlo") from None
