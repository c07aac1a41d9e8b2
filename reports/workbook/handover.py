"""A finished book out of the house: the same bytes every time, read again and compared before anybody gets them.

In: a workbook and a note of every cell written. Out: bytes, or a file in its place; else WorkbookError and nothing.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from openpyxl import load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles.numbers import is_timedelta_format
from openpyxl.utils.datetime import from_excel
from openpyxl.workbook.workbook import Workbook

from etl.warehouse import sync_folder
from reports.workbook.template import WorkbookError, Written

#: openpyxl writes so many digits of a number; Excel computes with fifteen.
_DIGITS = 16
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_REASONS = {
    errno.ENOENT: "la carpeta no existe",
    errno.ENOTDIR: "la carpeta no existe",
    errno.EISDIR: "es una carpeta: agregue el nombre del archivo",
    errno.EACCES: "no hay permiso para escribir ahí, o el archivo está abierto en otro programa",
    errno.EPERM: "no hay permiso para escribir ahí",
    errno.EROFS: "ese disco es solo de lectura",
    errno.ENOSPC: "no queda espacio en el disco",
    errno.EDQUOT: "no queda espacio para este usuario en el disco",
    errno.EIO: "el disco falla",
    errno.EFBIG: "no cabe en el disco",
    errno.ENAMETOOLONG: "el nombre es demasiado largo",
}


@dataclass(frozen=True)
class Book:
    """A book ready to be handed over: its file's name, its bytes, and every cell it must hold."""

    name: str
    content: bytes
    written: Mapping[tuple[str, str], Written]


def packed(book: Workbook, made_at: datetime) -> bytes:
    """Return a workbook as bytes that depend on nothing but its content and an instant in UTC."""
    book.properties.created = made_at
    plain, fixed = BytesIO(), BytesIO()
    book.save(plain)
    stamp = f"{made_at:%Y-%m-%dT%H:%M:%SZ}".encode()
    with ZipFile(plain) as source, ZipFile(fixed, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":  # openpyxl stamps it with the clock
                part = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, part)
            elif name.startswith("xl/charts/"):  # else Excel titles a chart by the name of its only series
                part = part.replace(b"<chart><plotArea>", b'<chart><autoTitleDeleted val="1" /><plotArea>')
            target.writestr(ZipInfo(name, _ZIP_DATE), part, ZIP_DEFLATED)
    return fixed.getvalue()


def check(content: bytes, written: Mapping[tuple[str, str], Written]) -> None:
    """Read a book again and compare every cell written, and that there is no other number in it.

    Raises WorkbookError at the first difference.
    """
    try:
        book = load_workbook(BytesIO(content))
    except (BadZipFile, KeyError, ValueError) as error:
        raise WorkbookError(f"El libro no se puede volver a leer ({error}): no se entrega") from error
    left = dict(written)
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                expected = left.pop((sheet.title, cell.coordinate), None)
                if isinstance(cell, Cell):
                    _compare(cell, expected)
                elif expected is not None:
                    raise _different(cell, expected.value, None)
    for (title, coordinate), expected in left.items():
        if expected.value is not None:
            raise WorkbookError(
                f"El libro no coincide con lo medido: hoja «{title}», celda {coordinate}: se midió {expected.value}, "
                "la celda no está. No se entrega"
            )


def hand_over(book: Book, path: Path) -> None:
    """Put a book in its place, or nothing: written beside it, read again, compared, durable, then renamed.

    Raises WorkbookError with the reason; what stood there before stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "", str(path))
        with draft.open("wb") as file:
            file.write(book.content)
            file.flush()
            os.fsync(file.fileno())
        check(draft.read_bytes(), book.written)
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise WorkbookError(f"No se pudo escribir {path}: {reason}") from error
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    """Remove what was left of an attempt; where the folder is missing there is nothing."""
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        return


def _compare(cell: Cell, expected: Written | None) -> None:
    """Raise WorkbookError unless a cell read again holds what was written, or, where nothing was, only text."""
    if expected is None:
        if cell.value is not None and cell.data_type != "s":
            raise _different(cell, None, cell.value)
        return
    wanted: Any = expected.value
    if isinstance(wanted, float):
        wanted = float(f"{wanted:.{_DIGITS}g}")
    if is_timedelta_format(expected.number_format) and isinstance(wanted, float):
        wanted = from_excel(wanted, timedelta=True)
    found = cell.value
    if isinstance(found, datetime) and isinstance(wanted, date):
        found = found.date() if found.time() == datetime.min.time() else found
    if isinstance(found, (int, timedelta)) and isinstance(wanted, float):
        found = float(found) if isinstance(found, int) else found
    same = found == wanted and type(found) is type(wanted) and cell.number_format == expected.number_format
    if not same:
        raise _different(cell, wanted, found)


def _different(cell: Any, wanted: object, found: object) -> WorkbookError:
    return WorkbookError(
        f"El libro no coincide con lo medido: hoja «{cell.parent.title}», celda {cell.coordinate}: "
        f"se midió {wanted}, dice {found}. No se entrega"
    )
