"""What a file is, by its bytes alone: neither its name nor what a browser says of it counts.

In: bytes. Out: what it is in the words of users, and whether it could be a log of lines. Nothing is opened or parsed
further than that takes.
"""

from __future__ import annotations

import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path

from etl.readers.lines import blocks, is_gzip, open_text
from etl.readers.workbook_guard import OLE_START, ZIP_STARTS, Package, judge_ole, judge_zip

_START_BYTES = 64 * 1024
#: Names of columns as exports of calls, damages, orders and payments write them.
_COLUMN_WORDS = frozenset({
    "agente", "agent", "atendidas", "answered", "calldate", "call", "callid", "cantidad", "ci", "cliente", "codigo",
    "cola", "contrato", "correo", "customer", "date", "desde", "destino", "dia", "direccion", "disposition", "dst",
    "duracion", "duration", "email", "estado", "event", "evento", "fecha", "hasta", "hora", "hour", "id", "importe",
    "linea", "llamadas", "monto", "motivo", "nombre", "nombres", "numero", "observacion", "orden", "origen", "pago",
    "phone", "plan", "producto", "queue", "queuename", "registro", "servicio", "service", "solicitud", "src",
    "start", "status", "telefono", "time", "tipo", "total", "uniqueid", "usuario", "vencimiento", "zona",
})  # fmt: skip
_MOST_COLUMNS = 8
_BINARIES = (
    (b"7z\xbc\xaf\x27\x1c", "un archivo 7z"),
    (b"Rar!\x1a\x07", "un archivo rar"),
    (b"\xfd7zXZ\x00", "un archivo xz"),
    (b"BZh", "un archivo bzip2"),
    (b"\x28\xb5\x2f\xfd", "un archivo zstd"),
    (b"\x89PNG\r\n", "una imagen"),
    (b"\xff\xd8\xff", "una imagen"),
    (b"GIF8", "una imagen"),
    (b"RIFF", "un audio o video"),
    (b"ID3", "un audio"),
    (b"SQLite format 3\x00", "una base de datos SQLite"),
    (b"\x7fELF", "un programa"),
    (b"MZ", "un programa"),
)
_SEPARATORS = {";": "punto y coma", ",": "coma", "\t": "tabulador", "|": "barra vertical"}


@dataclass(frozen=True)
class Seen:
    """What a file is; ``could_be_log`` where only its lines can tell, ``problem`` why it is not even opened."""

    what: str
    could_be_log: bool = False
    problem: str = ""


def sniff(content: bytes) -> Seen:
    """Tell what a file is by its bytes."""
    if is_gzip(content[:2]):
        inner = _tell(_unpacked_start(content), whole=False)
        return inner if inner.could_be_log else Seen(f"un archivo gzip que contiene {inner.what}")
    return _tell(content, whole=True)


def unpacks_beyond(path: Path, limit: int) -> bool:
    """Tell whether a file has, or as gzip unpacks to, more bytes than a limit; memory stays within a block."""
    total = 0
    try:
        with open_text(path) as file:
            for block in blocks(file, limit + 1):
                total += len(block)
    except (OSError, EOFError, zlib.error):
        pass  # damaged: whoever reads it says so
    return total > limit


def header_of(content: bytes) -> str:
    """Describe the first line of a text, quoting of it only the words that usually name columns: a row may be names."""
    start = _unpacked_start(content) if is_gzip(content[:2]) else content[:_START_BYTES]
    lines = start.decode("utf-8", errors="replace").lstrip("\ufeff").splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    if not first.replace("\t", " ").isprintable() or "\ufffd" in first:
        return "datos que no son texto"
    if not first.count(separator):
        return "un texto sin columnas"
    said = f"un texto separado por {_SEPARATORS[separator]}"
    known = [field for each in first.split(separator) if _plain(field := each.strip().strip('"')) in _COLUMN_WORDS]
    return f"{said} con las columnas {', '.join(known[:_MOST_COLUMNS])}" if known else said


def _plain(text: str) -> str:
    """Return a column's name without accents, in small letters."""
    return unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode().casefold()


def _tell(content: bytes, *, whole: bool) -> Seen:
    start = content[:_START_BYTES]
    if start.startswith(ZIP_STARTS) or start.startswith(OLE_START):
        return _of_package(content) if whole else Seen("otro archivo comprimido o un libro")
    if b"%PDF-" in start[:1024]:
        return Seen("un PDF")
    if is_gzip(start[:2]):
        return Seen("otro archivo gzip")
    for magic, what in _BINARIES:
        if start.startswith(magic):
            return Seen(what)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Seen("un texto en UTF-16: guárdelo como UTF-8")
    return _of_markup(start) or Seen("", could_be_log=True)


def _of_package(content: bytes) -> Seen:
    package: Package = judge_ole(content) if content.startswith(OLE_START) else judge_zip(content)
    return Seen(package.what, problem=package.problem)


def _of_markup(start: bytes) -> Seen | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<table")):
        return Seen("una página web (HTML)")
    if text.startswith(b"<?xml") or text.startswith(b"<!doctype"):
        if b"urn:schemas-microsoft-com:office:spreadsheet" in text:
            return Seen("un libro de Excel en XML (2003)")
        if b"<html" in text:
            return Seen("una página web (HTML)")
        return Seen("un XML", problem="define entidades (DTD)" if b"<!doctype" in text else "")
    if text.startswith((b"{", b"[{")):
        return Seen("un JSON")
    return None


def _unpacked_start(content: bytes) -> bytes:
    """Return the beginning of what gzip content unpacks to; whatever there is where it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(content, _START_BYTES)
    except zlib.error:
        return b""
