"""Whether a workbook may be opened at all, told from its packaging: no cell is read and no XML is parsed here.

In: the bytes of a file that begins as a zip or as an OLE container. Out: what it is, and why it is not opened (Spanish,
for whoever sent it). Memory stays within a few blocks whatever the file claims to unpack to.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MOST_PARTS = 2000
MOST_UNPACKED_BYTES = 300 * 1024 * 1024
#: Honest workbooks unpack to 8 to 16 times their size; small parts may be anything.
MOST_RATIO, RATIO_FROM_BYTES = 100, 100 * 1024
#: What a part needs in the directory, with a name and extra fields of generous length.
_ENTRY_BYTES = 46 + 512
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_BLOCK_BYTES = 256 * 1024
_DOCTYPE = b"<!DOCTYPE"
_XML = (".xml", ".rels", ".vml")


@dataclass(frozen=True)
class Package:
    """What a container holds, as users call it, and what keeps it from being opened (empty where nothing does)."""

    is_workbook: bool
    what: str
    problem: str = ""


class _Unfit(Exception):
    """The container is not opened; the message says why."""


def judge_zip(content: bytes) -> Package:
    """Tell what a zip file is, and whether its parts are what its directory says, within the limits."""
    what, is_workbook = "un archivo zip", False
    try:
        _check_directory(content)
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            what, is_workbook = _kind(package, {part.filename for part in parts})
            _check_names(parts)
            _check_sizes(parts)
            _check_places(parts)
            for part in parts:
                _read_through(package, part)
    except _Unfit as unfit:
        return Package(is_workbook, what, str(unfit))
    # All that zipfile and its decompressors were seen to raise over damaged or invented bytes: no list is documented.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, struct.error):
        return Package(is_workbook, what, "está cortado o dañado: vuelva a guardarlo y a enviarlo")
    return Package(is_workbook, what)


def judge_ole(content: bytes) -> Package:
    """Tell what an OLE container is by the names of its streams: an old workbook, or one under a password."""
    if _stream("EncryptedPackage") in content:
        return Package(True, "un libro de Excel", "está protegido con contraseña: quítela y vuelva a enviarlo")
    if _stream("Workbook") in content or _stream("Book") in content:
        macros = "tiene macros: guárdelo sin ellas" if _stream("_VBA_PROJECT_CUR") in content else ""
        return Package(True, "un libro de Excel antiguo (xls)", macros)
    return Package(False, "un documento de Office antiguo")


def _stream(name: str) -> bytes:
    """Return how the directory of an OLE container writes a name, with the zeros that end it."""
    return name.encode("utf-16-le") + b"\0\0"


def _check_directory(content: bytes) -> None:
    """Refuse by the directory's end, before anything is made of the directory itself."""
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - 65_535 - _DIRECTORY_END.size))
    if at < 0 or at + _DIRECTORY_END.size > len(content):
        raise zipfile.BadZipFile
    _, _, _, _, count, size, start, _ = _DIRECTORY_END.unpack_from(content, at)
    if count == 0xFFFF or 0xFFFFFFFF in (size, start):
        raise _Unfit("usa el formato ZIP64, que un libro de este tamaño no necesita")
    if count > MOST_PARTS or size > MOST_PARTS * _ENTRY_BYTES:
        raise _Unfit(f"tiene más de {MOST_PARTS} partes")


def _kind(package: zipfile.ZipFile, names: set[str]) -> tuple[str, bool]:
    small = {name.lower() for name in names}
    if any(PurePosixPath(name).name == "vbaproject.bin" for name in small):
        raise _Unfit("tiene macros: guárdelo como libro sin macros (xlsx)")
    if "xl/workbook.bin" in small:
        return "un libro de Excel binario (xlsb)", True
    if "xl/workbook.xml" in small:
        return "un libro de Excel", True
    if "encryptedpackage" in small:
        raise _Unfit("está protegido con contraseña: quítela y vuelva a enviarlo")
    if any(name.startswith("word/") for name in small):
        return "un documento de Word", False
    if "content.xml" in small and "mimetype" in small:
        return "un documento de OpenDocument (LibreOffice)", False
    return "un archivo zip", False


def _check_names(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MOST_PARTS:
        raise _Unfit(f"tiene más de {MOST_PARTS} partes")
    seen: set[str] = set()
    for part in parts:
        # zipfile cuts a name at a zero byte; what was written there is kept apart.
        name = part.orig_filename.replace("\\", "/").lower()
        if name.startswith("/") or ":" in name or "\0" in name or ".." in name.split("/"):
            raise _Unfit("nombra partes fuera de sí mismo")
        if name in seen:
            raise _Unfit("nombra dos veces la misma parte")
        seen.add(name)


def _check_sizes(parts: list[zipfile.ZipInfo]) -> None:
    if sum(part.file_size for part in parts) > MOST_UNPACKED_BYTES:
        raise _Unfit("al abrirse ocuparía más de 300 MB")
    for part in parts:
        if part.flag_bits & 1:
            raise _Unfit("está protegido con contraseña: quítela y vuelva a enviarlo")
        if part.file_size > RATIO_FROM_BYTES and part.file_size > MOST_RATIO * part.compress_size:
            raise _Unfit(f"una de sus partes crece más de {MOST_RATIO} veces al abrirse")


def _check_places(parts: list[zipfile.ZipInfo]) -> None:
    end = 0
    for part in sorted(parts, key=lambda part: part.header_offset):
        if part.header_offset < end:
            raise _Unfit("sus partes se superponen")
        end = part.header_offset + 30 + part.compress_size


def _read_through(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Unpack a part without keeping it: the size and the checksum are those announced, and no DTD is in its XML."""
    is_xml = part.filename.lower().endswith(_XML)
    before = b""
    with package.open(part) as stream:
        while block := stream.read(_BLOCK_BYTES):
            if is_xml:
                text = before + (block.replace(b"\0", b"") if b"\0" in block else block)  # UTF-16 has zeros
                if _DOCTYPE in text:
                    raise _Unfit("su XML define entidades (DTD), que un libro no necesita")
                before = text[1 - len(_DOCTYPE) :]
