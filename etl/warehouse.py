"""Segments and the pointer to them: what is in service, how it is opened for reading, how a new generation replaces it.

A segment is an immutable DuckDB file ``<subject>-<period>-<generation>.duckdb``; ``CURRENT``, a small JSON replaced
atomically, names the segments of the generation in service. Nothing in service is ever written to.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from etl.faults import reach
from etl.model import model
from etl.views import create_record_views, create_views

SCHEMA_VERSION = 5
CURRENT = "CURRENT"
_HASH_BLOCK = 4 * 1024 * 1024
_READER_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


class WarehouseError(Exception):
    """The warehouse cannot be read or published; the message says what to do."""


class DamagedError(WarehouseError):
    """CURRENT does not tell what is in service; a rebuild writes it anew."""


@dataclass(frozen=True)
class Segment:
    """One file of a generation: its subject and period, its digest, its rows, and the visits that still wait in it."""

    subject: str
    period: str
    file: str
    sha256: str
    bytes: int
    rows: dict[str, int] = field(default_factory=dict)
    first_epoch: int | None = None
    last_epoch: int | None = None
    open_visits: int = 0
    unsettled_visits: int = 0


@dataclass(frozen=True)
class Generation:
    """What CURRENT says is in service."""

    number: int
    made_at: str
    code: str
    mapping: str
    rules: dict[str, str]
    loads: tuple[int, ...]
    segments: tuple[Segment, ...]
    last_epochs: dict[str, int] = field(default_factory=dict)
    schema: int = SCHEMA_VERSION

    def segment(self, subject: str, period: str) -> Segment | None:
        """Return the segment of a subject and period, if there is one."""
        return next((s for s in self.segments if s.subject == subject and s.period == period), None)

    def periods(self, subject: str) -> tuple[str, ...]:
        """Return the periods of a subject, oldest first."""
        return tuple(sorted(s.period for s in self.segments if s.subject == subject))


def read_current(folder: Path) -> Generation | None:
    """Return the generation in service, None where nothing was ever published.

    Raises WarehouseError when CURRENT was written by a newer version, DamagedError when it is damaged.
    """
    try:
        content = json.loads((folder / CURRENT).read_text(encoding="utf-8"))
        if content["schema"] > SCHEMA_VERSION:
            raise WarehouseError(
                "La base de cifras fue escrita por una versión más nueva del sistema: instale esa versión."
            )
        if content["schema"] < SCHEMA_VERSION:
            raise DamagedError(
                "La base de cifras fue escrita por una versión anterior del sistema; ejecute «callcenter rebuild»"
            )
        content["segments"] = tuple(Segment(**segment) for segment in content["segments"])
        content["loads"] = tuple(content["loads"])
        return Generation(**content)
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{folder / CURRENT} está dañado ({error!r}); ejecute «callcenter rebuild»") from error


def next_number(folder: Path, current: Generation | None) -> int:
    """Return a generation number that no file of the folder bears."""
    used = [current.number if current else 0]
    for path in folder.glob("*.duckdb"):
        with contextlib.suppress(ValueError):
            used.append(int(path.stem.rpartition("-")[2]))
    return max(used) + 1


def digest(path: Path, length: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first bytes."""
    sha = hashlib.sha256()
    left = path.stat().st_size if length is None else length
    with path.open("rb") as file:
        while block := file.read(min(_HASH_BLOCK, left)):
            sha.update(block)
            left -= len(block)
    return sha.hexdigest()


def publish(folder: Path, built: Iterable[Path], generation: Generation, *, in_service: bool = True) -> None:
    """Put closed, checked segment files into service: rename each, then replace CURRENT. All or nothing is seen.

    Not `in_service`, the files lie there for the next round of the load or rebuild, and CURRENT says what it said.
    Raises WarehouseError when a built file still has a write-ahead log beside it.
    """
    built = list(built)
    for path in built:
        if path.with_name(path.name + ".wal").exists():
            raise WarehouseError(f"{path.name} no se cerró limpiamente: no se publica")
    for path in built:
        _sync(path)
        reach("before_rename")
        path.rename(folder / path.name)
        reach("after_rename")
    sync_folder(folder)
    if not in_service:
        return
    superseded = files_in_service(folder) - {segment.file for segment in generation.segments}
    reach("before_current")
    replace_text(folder / CURRENT, json.dumps(asdict(generation), ensure_ascii=False, separators=(",", ":")))
    reach("after_current")
    for name in superseded:
        with contextlib.suppress(OSError):
            os.utime(folder / name)  # its age counts from here


def files_in_service(folder: Path) -> set[str]:
    """Return the names of the segments in service; none where CURRENT does not tell them."""
    try:
        current = read_current(folder)
    except DamagedError:
        return set()
    return {segment.file for segment in current.segments} if current else set()


def replace_text(path: Path, text: str) -> None:
    """Replace a small file atomically and durably."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable (a folder cannot be opened on Windows: nothing to do there)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unused(folder: Path, current: Generation, *, older_than_seconds: float) -> list[str]:
    """Delete segments that CURRENT has not named for a while; return their names."""
    named = {segment.file for segment in current.segments}
    removed = []
    now = time.time()
    for path in [*folder.glob("*.duckdb"), *folder.glob("*.duckdb.wal")]:
        if path.name in named or now - path.stat().st_mtime < older_than_seconds:
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            removed.append(path.name)
    return removed


def set_stray_logs_aside(folder: Path, current: Generation) -> list[str]:
    """Rename write-ahead logs that lie beside files in service; return their names.

    Nothing in service is ever written to, so such a log is foreign to its file, which nobody could open beside it.
    """
    found = []
    for segment in current.segments:
        log = folder / f"{segment.file}.wal"
        if log.exists():
            log.rename(log.with_name(f"{log.name}.ajeno-{time.time_ns()}"))
            found.append(log.name)
    return found


def open_generation(
    folder: Path, *, threads: int = 2, memory_limit: str = "600MB"
) -> tuple[Generation, duckdb.DuckDBPyConnection]:
    """Open the generation in service for reading: one in-memory instance with views over the attached segments.

    The connection can reach nothing but those segments: external access is off and the configuration locked. Use a
    ``cursor()`` of it per thread. Raises WarehouseError when nothing was published yet or a segment cannot be opened.
    """
    for attempt in range(5):
        current = read_current(folder)
        if current is None:
            raise WarehouseError("Todavía no hay cifras: cargue un registro con «callcenter ingest ARCHIVO».")
        try:
            set_stray_logs_aside(folder, current)
            return current, _open(folder, current, threads, memory_limit)
        except (OSError, duckdb.Error) as error:
            # A file may have been replaced between reading CURRENT and opening it: read CURRENT again.
            if attempt == 4 or read_current(folder) == current:
                reason = str(error).partition("\n")[0]
                raise WarehouseError(
                    f"No se puede abrir la base de cifras ({reason}); si se repite, ejecute «callcenter rebuild»."
                ) from error
    raise AssertionError("unreachable")


def _open(folder: Path, current: Generation, threads: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {**_READER_CONFIG, "threads": threads, "memory_limit": memory_limit}
    connection = duckdb.connect(":memory:", config=config)
    try:
        aliases: dict[str, list[str]] = {"calls": [], "loads": [], "exports": [], "cdr": []}
        for segment in current.segments:
            if segment.subject not in aliases:
                continue
            alias = f"{segment.subject}_{segment.period.replace('-', '_')}"
            path = str(folder / segment.file).replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS {alias} (READ_ONLY)")
            aliases[segment.subject].append(alias)
        if not aliases["calls"]:  # every line received so far was set aside
            connection.execute("ATTACH ':memory:' AS calls_none")
            connection.execute(model("segment_calls").replace(":segment", "calls_none"))
            aliases["calls"].append("calls_none")
        if not aliases["cdr"]:
            connection.execute("ATTACH ':memory:' AS cdr_none")
            connection.execute(model("segment_cdr").replace(":segment", "cdr_none"))
            aliases["cdr"].append("cdr_none")
        (loads,) = aliases["loads"]
        if not aliases["exports"]:
            connection.execute("ATTACH ':memory:' AS exports_none")
            connection.execute(model("segment_exports").replace(":segment", "exports_none"))
            aliases["exports"].append("exports_none")
        create_views(connection, aliases["calls"], loads, aliases["exports"][0])
        create_record_views(connection, aliases["cdr"], loads)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection
