"""Which source a file is of, told by its content and never by its name."""

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from etl.call_details import names_details, source_of
from etl.known_logs import HEAD_BYTES
from etl.landing.received import DAMAGED, Refused, Undecided
from etl.landing.scanning import LINE_SHOWN_BYTES, epoch_of
from etl.readers import call_records
from etl.readers.found_table import UnreadableTable
from etl.readers.lines import blocks, is_gzip, open_text
from etl.readers.sniff import sniff, unpacks_beyond
from etl.readers.sql_dump import looks_like_dump
from etl.readers.tables import read_tables
from etl.schema import LogSource
from etl.sources import CDR, QUEUE_LOG

_RECOGNISED_LINES = 200
#: Lines of a delimited text among which the titles of its columns are looked for.
_TITLE_LINES = 20
#: How far a file is searched for a first good line, past the hole that a crash or a cut left at its beginning.
_RECOGNISED_BYTES = 256 * 1024 * 1024


def recognise(path: Path, *, latest_epoch: int, within: int = _RECOGNISED_BYTES) -> LogSource | None:
    """Tell by content which source a file is of, None of a dump of tables, which say it themselves.

    Raises Refused for an empty, unreadable or unknown file. No more than `within` of its bytes are read (unpacked
    ones): Undecided where there are more, and those tell nothing.
    """
    try:
        with open_text(path) as file:
            lines, empty = _first_lines(file, within)
            more = len(lines) < _RECOGNISED_LINES and bool(file.read(1))
    except FileNotFoundError as error:
        raise Refused("no existe el archivo") from error
    except PermissionError as error:
        raise Refused("no hay permiso para leer el archivo") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refused(DAMAGED) from error
    except OSError as error:
        raise Refused(f"no se puede leer ({error.strerror or error}); vuelva a copiar el archivo") from error
    if empty:
        raise Refused("el archivo está vacío (0 bytes)")
    if looks_like_dump(b"\n".join(lines)):
        return None
    events = sum(line.count(b"|") >= 4 and epoch_of(line, QUEUE_LOG, latest_epoch) is not None for line in lines)
    records = sum(bool(call_records.fields_of(line)) for line in lines)
    if events or records:
        return QUEUE_LOG if events >= records else CDR
    if (found := _recognised_details(path, lines, within)) is not None:
        return found
    if more:
        raise Undecided("el comienzo del archivo no tiene eventos")
    if not lines:
        raise Refused("el archivo no tiene eventos: solo líneas en blanco")
    raise Refused(
        f"no es un queue_log: 0 de {len(lines)} líneas tienen la forma «instante|llamada|cola|operador|EVENTO|…»; "
        "revise que sea el archivo queue_log de Asterisk",
        is_no_log=True,
    )


def _recognised_details(path: Path, lines: Sequence[bytes], within: int) -> LogSource | None:
    """Tell which details of calls a file holds: read as a table where that is what it seems to be. Raises Undecided."""
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES)
    if not is_gzip(start) and sniff(start).could_be_log:
        texts = [line.decode("utf-8", errors="replace").replace("\0", "") for line in lines[:_TITLE_LINES]]
        split = (re.split(r"[;,\t]", text) for text in texts)
        if not any(names_details([cell.strip('" ') for cell in cells]) for cells in split):
            return None
    if unpacks_beyond(path, within):
        raise Undecided(f"es una tabla de más de {within // 1024**2} MB: expórtela por partes")
    try:
        return source_of(read_tables(path))
    except UnreadableTable:
        return None


def _first_lines(file: BinaryIO, within: int) -> tuple[list[bytes], bool]:
    """Return the beginnings of the first lines that are not blank, and whether there is no byte at all."""
    lines: list[bytes] = []
    carry, empty = b"", True
    for block in blocks(file, within):
        empty = False
        *whole, rest = (carry + block).split(b"\n")
        lines += [line[:LINE_SHOWN_BYTES] for line in whole if line.strip()]
        if len(lines) >= _RECOGNISED_LINES:
            return lines[:_RECOGNISED_LINES], empty
        carry = rest[:LINE_SHOWN_BYTES]
    return [*lines, *([carry] if carry.strip() else [])], empty
