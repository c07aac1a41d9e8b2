"""Files that mean harm, made here."""

import gzip
import io
import random
import struct
import warnings
import zipfile
from typing import Any

from tests.sending import LOG, MB
from tests.table_files import xls_of, xlsx_of


def workbook(**parts: bytes | str) -> bytes:
    """A zip of the parts that make a workbook, and of those given (a double underscore stands for a slash)."""
    whole: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": "<workbook/>",
        "xl/worksheets/sheet1.xml": "<worksheet><sheetData/></worksheet>",
    }
    whole |= {name.replace("__", "/"): part for name, part in parts.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in whole.items():
            package.writestr(name, part)
    return file.getvalue()


def bomb(megabytes: int) -> bytes:
    """A workbook one part of which unpacks to so many megabytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        package.writestr("xl/workbook.xml", "<workbook/>")
        with package.open("xl/sharedStrings.xml", "w", force_zip64=False) as part:
            for _ in range(megabytes):
                part.write(b" " * MB)
    return file.getvalue()


def lying() -> bytes:
    """A workbook whose directory announces 1000 bytes for a part of a hundred thousand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", "<workbook/>")
        package.writestr("xl/sharedStrings.xml", b"<a>" + b"b" * 100_000 + b"</a>")
    return file.getvalue().replace(struct.pack("<L", 100_007), struct.pack("<L", 1000))


def many_parts(names: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package, warnings.catch_warnings(action="ignore"):
        package.writestr("xl/workbook.xml", "<workbook/>")
        for name in names:
            package.writestr(name, "")
    return file.getvalue()


def overlapping() -> bytes:
    """A workbook two entries of whose directory share the same bytes."""
    content = bytearray(many_parts(["xl/a.xml", "xl/b.xml"]))
    at = content.rfind(b"PK\x01\x02")
    before = content.rfind(b"PK\x01\x02", 0, at)
    content[at + 42 : at + 46] = content[before + 42 : before + 46]
    return bytes(content)


def ole(*streams: str) -> bytes:
    names = b"".join(name.encode("utf-16-le") + b"\0\0" for name in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + names + b"\0" * 1024


FAR_CELL = '<worksheet><sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><workbook>&b;</workbook>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "secreto.txt">]><workbook>&e;</workbook>'
DAMAGED = "está cortado o dañado"
UNKNOWN = "ninguna tabla es de un informe conocido"
#: What reliability.md calls it: the file, and what its refusal says. Made when asked for: some are large.
X: dict[str, tuple[Any, str]] = {
    "X01 empty": (lambda: b"", "está vacío (0 bytes)"),
    "X01 random": (lambda: random.Random(1).randbytes(5000), "no es un queue_log"),
    "X01 a PDF": (lambda: b"%PDF-1.7\n" + bytes(200), "es un PDF; aquí se carga"),
    "X02 a cut zip": (lambda: workbook()[:-30], "está cortado o dañado"),
    "X02 a damaged zip": (lambda: workbook()[:60] + b"\xff" * 40 + workbook()[100:], "está cortado o dañado"),
    "X03 a bomb": (lambda: bomb(280), "crece más de 100 veces"),
    "X04 a larger bomb": (lambda: bomb(310), "ocuparía más de 300 MB"),
    "X05 a part of blanks": (lambda: workbook(xl__s="<a>" + " " * (2 * MB)), "crece más de 100 veces"),
    "X06 a directory that lies": (lying, "está cortado o dañado"),
    "X07 a far cell": (lambda: workbook(**{"xl__worksheets__sheet1.xml": FAR_CELL}), DAMAGED),
    "X09 a dimension that lies": (
        lambda: workbook(**{"xl__worksheets__sheet1.xml": '<worksheet><dimension ref="A1:XFD1048576"/></worksheet>'}),
        DAMAGED,
    ),
    "X10 laughs": (lambda: workbook(**{"xl__workbook.xml": LAUGHS}), "define entidades (DTD)"),
    "X10 an entity from outside": (lambda: workbook(**{"xl__sharedStrings.xml": OUTSIDE}), "define entidades (DTD)"),
    "X10 in UTF-16": (lambda: workbook(**{"xl__a.xml": LAUGHS.encode("utf-16")}), "define entidades (DTD)"),
    "X10 behind a comment": (
        lambda: workbook(**{"xl__a.xml": "<!--" + random.Random(1).randbytes(9000).hex() + "-->" + LAUGHS}),
        "define entidades (DTD)",
    ),
    "X11 too many parts": (lambda: many_parts([f"xl/{n}.xml" for n in range(2001)]), "más de 2000 partes"),
    "X11 a part twice": (lambda: many_parts(["xl/a.xml", "xl/A.xml"]), "dos veces la misma parte"),
    "X11 a part outside": (lambda: many_parts(["../../etc/a.xml"]), "partes fuera de sí mismo"),
    "X11 a part outside, as Windows writes it": (lambda: many_parts(["xl\\..\\..\\a"]), "partes fuera de sí mismo"),
    "X11 parts that overlap": (overlapping, "se superponen"),
    "X12 under a password": (lambda: ole("EncryptionInfo", "EncryptedPackage"), "está protegido con contraseña"),
    "X13 macros": (lambda: workbook(**{"xl__vbaProject.bin": b"x"}), "tiene macros"),
    "X13 macros in an old one": (lambda: ole("Workbook", "_VBA_PROJECT_CUR"), "tiene macros"),
    "X14 a workbook without its relations": (workbook, DAMAGED),
    "X14 an honest workbook": (lambda: xlsx_of([["Fecha", "Otra"], ["1", "2"]]), UNKNOWN),
    "an old workbook of nothing": (lambda: ole("Workbook"), DAMAGED),
    "an old workbook": (lambda: xls_of([["Fecha", "Otra"], ["1", "2"]]), UNKNOWN),
    "X15 a table of HTML": (lambda: b"\xef\xbb\xbf\n<HTML><table><tr><td>1", UNKNOWN),
    "C31 a page to sign in": (lambda: b"<!doctype html><html><form>Clave", "es una página web sin tablas"),
    "X17 XML of 2003": (
        lambda: b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
        "no tiene ninguna fila",
    ),
    "X18 binary": (lambda: many_parts(["xl/workbook.bin"]), "es un libro de Excel binario (xlsb)"),
    "X18 LibreOffice": (lambda: _zip_of("mimetype", "content.xml"), "es un documento de OpenDocument"),
    "a PDF in a gzip": (lambda: gzip.compress(b"%PDF-1.4 ..."), "es un archivo gzip que contiene un PDF"),
    "a gzip in a gzip": (lambda: gzip.compress(gzip.compress(LOG)), "que contiene otro archivo gzip"),
    "a cut gzip": (lambda: gzip.compress(LOG * 500)[:40], "cortado o dañado"),
    "UTF-16": (lambda: LOG.decode().encode("utf-16"), "es un texto sin columnas"),
    "U06 another source": (
        lambda: b"Fecha;Cola;Operador;Espera\n01/10/2026;101;Ana;5\n",
        "Se esperaba: Registro de colas de Asterisk (queue_log); lo que llegó es un texto separado por punto y coma "
        "con las columnas Fecha, Cola.",
    ),
    "Q30 a list of calls": (lambda: b'"","70712345","101","default"\n' * 9, "es un texto separado por coma."),
}


def _zip_of(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        for name in names:
            package.writestr(name, "x")
    return file.getvalue()
