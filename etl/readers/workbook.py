"""Bytes of a workbook (xlsx, or xls in BIFF) in, its visible sheets as tables of text out.

First the guard looks at the packaging, then a process of its own parses within limits (``workbook_child``): whatever a
crafted file does there, this process only learns that it ended.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from etl.readers.found_table import (
    MOST_COLUMNS,
    MOST_ROWS,
    NO_VALUE,
    FoundTable,
    TableRow,
    UnreadableTable,
    cell_text,
)
from etl.readers.workbook_guard import OLE_START, ZIP_STARTS, judge_ole, judge_zip

_CHILD = Path(__file__).with_name("workbook_child.py")
_MOST_SECONDS = 90
# A crafted file asks for memory and time out of all proportion: what an honest one of its size needs, several times.
_LEAST_MEMORY, _MEMORY_PER_BYTE, _MOST_MEMORY = 384 * 1024**2, 20, 2 * 1024**3
_LEAST_CPU_SECONDS, _BYTES_PER_CPU_SECOND, _MOST_CPU_SECONDS = 8, 1024**2, 60
_REFUSED = {
    "too_many_rows": f"tiene más de {MOST_ROWS // 1000} 000 filas: expórtelo por partes (por semana o por día)",
    "too_many_columns": f"tiene más de {MOST_COLUMNS} columnas: deje solo la tabla del informe",
    "too_much_text": "tiene demasiado texto: expórtelo por partes (por semana o por día)",
    "encrypted": "está protegido con contraseña: quítela y vuelva a enviarlo",
    "damaged": "está cortado o dañado: ábralo en Excel, guárdelo otra vez y vuelva a enviarlo",
}


def is_workbook(content: bytes) -> bool:
    """Tell by the first bytes whether this may be a workbook in a container."""
    return content.startswith((*ZIP_STARTS, OLE_START))


def read_workbook(content: bytes) -> tuple[FoundTable, ...]:
    """Read a workbook's visible sheets. Raises UnreadableTable: guard, kind, encrypted, damaged, limits, too_many_…"""
    is_old = content.startswith(OLE_START)
    package = judge_ole(content) if is_old else judge_zip(content)
    if package.problem:
        raise UnreadableTable("guard", f"es {package.what} y {package.problem}")
    if not package.is_workbook:
        raise UnreadableTable("kind", f"es {package.what}: guárdelo como libro de Excel (xlsx) o como CSV")
    if "xlsb" in package.what:
        raise UnreadableTable("kind", f"es {package.what}: guárdelo como libro de Excel (xlsx)")
    found = []
    for sheet in _parsed(content):
        rows = []
        for number, *cells in sheet["rows"]:
            texts = tuple(cell_text(cell) for cell in cells)
            if any(texts):
                rows.append(TableRow(number, texts))
        found.append(FoundTable(sheet["name"], tuple(rows), sheet["lines"]))
    return tuple(found)


def quiet_environment() -> dict[str, str]:
    """Return the environment of a child: what the parser would say of its own end takes longer than the parsing."""
    return {**os.environ, "RUST_BACKTRACE": "0"}


def limits_for(content: bytes) -> tuple[int, int]:
    """Return the bytes of memory and the seconds of CPU that a workbook of this size may take, unpacked."""
    size = len(content)
    if content.startswith(ZIP_STARTS):
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            size = sum(part.file_size for part in package.infolist())  # the guard has read it all
    memory = _LEAST_MEMORY + _MEMORY_PER_BYTE * size
    return min(memory, _MOST_MEMORY), min(_LEAST_CPU_SECONDS + size // _BYTES_PER_CPU_SECOND, _MOST_CPU_SECONDS)


def run_child(content: bytes) -> bytes:
    """Return what a process of its own says of a workbook, as far as it came."""
    limits = map(str, (*limits_for(content), MOST_ROWS, MOST_COLUMNS))
    command = [sys.executable, "-I", str(_CHILD), *limits, NO_VALUE]
    try:
        return subprocess.run(
            command, input=content, capture_output=True, timeout=_MOST_SECONDS, check=False, env=quiet_environment()
        ).stdout
    except subprocess.TimeoutExpired:
        return b""


def _parsed(content: bytes) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in run_child(content).splitlines()]
    except ValueError:  # it ended in the middle of a line
        lines = []
    if lines and (code := lines[-1].get("refused")):
        raise UnreadableTable(code, _REFUSED[code])
    if not lines or not lines[-1].get("end"):
        raise UnreadableTable(
            "limits", "no se pudo abrir dentro de los límites de memoria y tiempo: guarde la hoja como CSV o xlsx nuevo"
        )
    return lines[:-1]
