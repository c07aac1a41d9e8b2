"""What a backup says of itself, and what a folder of backups holds.

In: a backup's folder, or that of all backups. Out: the manifest, read only where all that it names has arrived; the
backups by their names. The manifest stands in the backup with a sum of its own, for ``sha256sum --check``, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from etl.records.portable import TableText
from etl.safekeeping.files import private_file
from etl.store import DEMO, SITE, StoreError

FORMAT = 2
PREFIX = "callcenter-"
MANIFEST = "manifest.json"
SUM = "manifest.sha256"
RECORDS = "records"
NATIVE = "records.sqlite"
_SHA256 = re.compile("[0-9a-f]{64}")
_REVISION = re.compile("(?!0000)[0-9]{4}")
_TABLE = re.compile("[a-z][a-z0-9_]*")
#: A file of a backup, by its path in it.
_FILE = re.compile("[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
PIECES = "pieces"  # not "raw": what no backup names is deleted there, and a store's own pieces lie in that


class BackupError(StoreError):
    """No backup came about; the message says why and what to do. Earlier ones are as they were."""


@dataclass(frozen=True)
class FileText:
    """A file of a backup: how long it is, and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Seal:
    """The last sealed day of the audit (ISO), and what its seal says: see ``etl.records.audit``."""

    day: str
    sha256: str
    entries: int
    last_entry: int


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. ``figures`` are left out where a load was under way; ``key`` is a fingerprint.

    ``made_at`` is in UTC; ``pieces`` are bytes by SHA-256; ``figures`` are those of ``figures_in_service``; ``seal``
    holds the records to their audit, from outside.
    """

    made_at: datetime
    product: str
    revision: str
    kind: str
    database: str
    key: str
    tables: Mapping[str, TableText]
    files: Mapping[str, FileText]
    pieces: Mapping[str, int]
    figures: Mapping[str, list[int]] | None
    seal: Seal | None = None
    format: int = FORMAT


def backups_in(destination: Path) -> list[Path]:
    """Return the backups of a folder, the oldest first; none where the folder cannot be read."""
    try:
        return sorted(path for path in destination.iterdir() if path.name.startswith(PREFIX) and path.is_dir())
    except OSError:
        return []


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup says of itself, and look whether its files are there in their length. Raises BackupError."""
    try:
        written = (folder / MANIFEST).read_bytes()
        if (folder / SUM).read_bytes() != _sum(written):
            raise ValueError(SUM)
        content = json.loads(written)
        if content["format"] > FORMAT:
            raise BackupError(f"{folder.name} es de una versión más nueva del sistema: instale esa versión.")
        content["made_at"] = datetime.fromisoformat(content["made_at"]).replace(tzinfo=None)
        content["tables"] = {name: TableText(**table) for name, table in content["tables"].items()}
        content["files"] = {name: FileText(**file) for name, file in content["files"].items()}
        content["seal"] = Seal(**content["seal"]) if content.get("seal") else None  # there since format 2
        manifest = Manifest(**content)
        _check(manifest)
        for name, file in manifest.files.items():
            if (folder / name).stat().st_size != file.bytes:
                raise BackupError(f"{folder.name} está incompleto o dañado ({name}): use otro respaldo.")
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise BackupError(f"{folder.name} está incompleto (falta {missing}): cópielo de nuevo o use otro.") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackupError(f"{folder.name} está dañado ({MANIFEST}): use otro respaldo.") from error
    except OSError as error:
        raise BackupError(f"{folder}: {error.strerror or error}") from error
    return manifest


def _check(manifest: Manifest) -> None:
    """Refuse what no backup of ours says: its sum tells that nothing was lost, not who wrote it. ValueError."""
    texts = (manifest.product, manifest.revision, manifest.kind, manifest.database, manifest.key)
    files, tables, figures = manifest.files.values(), manifest.tables.values(), manifest.figures
    sums = [*manifest.pieces, *(file.sha256 for file in files), *(table.sha256 for table in tables)]
    sizes = [*manifest.pieces.values(), *(file.bytes for file in files), *(table.rows for table in tables)]
    is_ours = (
        all(isinstance(text, str) for text in texts)
        and manifest.kind in (SITE, DEMO)
        and _REVISION.fullmatch(manifest.revision) is not None
        and all(_SHA256.fullmatch(each) for each in sums)
        and all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in sizes)
        and all(_FILE.fullmatch(name) for name in manifest.files)
        and all(_TABLE.fullmatch(name) for name in manifest.tables)
        and (figures is None or all(isinstance(each, list) for each in figures.values()))
    )
    if not is_ours:
        raise ValueError(MANIFEST)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a backup says of itself, and the sum that tells whether all of that has arrived."""
    content = {**asdict(manifest), "made_at": f"{manifest.made_at.isoformat()}Z"}
    text = (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
    for name, words in ((MANIFEST, text), (SUM, _sum(text))):
        with private_file(folder / name) as file:
            file.write(words)


def _sum(manifest: bytes) -> bytes:
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
