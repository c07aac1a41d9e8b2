"""Backups, made while people write and loads run: each a folder that is whole and has been restored on trial.

In: an open store, a folder for its backups. Out: there a folder ``callcenter-AAAA-MM-DD-HHMMSS`` (wall time of La Paz)
with the records (as portable text; of SQLite also its own file), the settings without their secrets, and a manifest;
beside it in ``pieces/`` those of the raw store, shared by all backups. The warehouse is not in it: it is rebuilt.
Keys and secrets go to another folder or nowhere; the manifest tells by a fingerprint which key belongs to the backup.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from etl.landing import raw_path
from etl.lines import Progress, no_progress
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import REVISION, engine_at, transaction
from etl.records.models import Load
from etl.records.portable import PortableError, TableText, write_tables
from etl.records.site import Site, read_site
from etl.safekeeping.contents import copy_piece, figures_in_service, fill_records
from etl.safekeeping.files import bring_to_disk, private_file
from etl.safekeeping.keys import fingerprint, keep_keys, settings_without_secrets
from etl.safekeeping.manifest import (
    NATIVE,
    PIECES,
    PREFIX,
    RECORDS,
    BackupError,
    FileText,
    Manifest,
    Seal,
    write_manifest,
)
from etl.safekeeping.places import TRIAL, alone, check_places, clear
from etl.safekeeping.rotation import DAYS, rotate
from etl.safekeeping.seals import last_seal
from etl.settings import SETTINGS_FILE, ZONE_OFFSET_SECONDS, Settings
from etl.store import OpenStore, is_no_space
from etl.store import now as clock
from etl.version import code_version
from etl.warehouse import WarehouseError, digest, sync_folder

_PATIENCE_SECONDS = 60
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)


@dataclass(frozen=True)
class Backup:
    """A backup that was made: where, what is in it, what was copied for it, which older ones gave way."""

    folder: Path
    manifest: Manifest
    copied_pieces: int
    copied_bytes: int
    dropped: tuple[str, ...]

    @property
    def made_at(self) -> datetime:
        """Return the instant, in UTC, as whose state the records are in it."""
        return self.manifest.made_at


def back_up(
    store: OpenStore,
    destination: Path,
    now: datetime | None = None,
    *,
    keys: Path | None = None,
    by: Actor = SYSTEM,
    progress: Progress = no_progress,
) -> Backup:
    """Make a backup, restore it on trial, drop those that are too old. `now` is in UTC; `keys` a folder elsewhere.

    Everything that was acknowledged before it began is in it. Raises BackupError: the audit has it, earlier backups
    are untouched.
    """
    destination = destination.absolute()
    try:
        with alone(store.settings), _told(destination):
            check_places(store, destination, keys)
            destination.mkdir(mode=0o700, parents=True, exist_ok=True)
            clear(destination)
            if keys is not None:
                keep_keys(store, keys.absolute(), by)
            return _make(store, destination, (now or clock()).replace(microsecond=0), by, progress)
    except BackupError as error:
        # Told is what stopped the backup: that may well be what keeps its entry from being written.
        with contextlib.suppress(Exception), transaction(store.records) as session:
            note(session, by, Action.BACKUP, str(destination), Result.FAILED, reason=str(error))
        raise


def _make(store: OpenStore, destination: Path, made_at: datetime, by: Actor, progress: Progress) -> Backup:
    """Build a backup privately, try it, give it its name in the transaction that writes the audit's entry."""
    while (folder := destination / f"{PREFIX}{made_at + _OFFSET:%Y-%m-%d-%H%M%S}").exists():
        made_at += timedelta(seconds=1)
    draft = destination / f".{folder.name}"
    draft.mkdir(mode=0o700)
    try:
        progress("copiando los registros", 0.0)
        tables, loads, figures, seal = _copy_records(store, draft)
        copied = _copy_pieces(store.settings, loads, destination / PIECES, made_at.date(), progress)
        _copy_settings(store.settings, draft)
        manifest = Manifest(
            made_at=made_at, product=code_version(), revision=REVISION, kind=store.kind,
            database=store.records.dialect.name, key=fingerprint(store.key), tables=tables,
            files=_describe_files(draft), pieces=_piece_sizes(store.settings, loads), figures=figures,
            seal=seal,
        )  # fmt: skip
        progress("probando el respaldo", 1.0)
        _try(store.settings, draft, manifest)
        write_manifest(draft, manifest)
        bring_to_disk(draft)
        try:
            with transaction(store.records) as session:
                rows = sum(table.rows for table in tables.values())
                note(session, by, Action.BACKUP, folder.name, folder=str(destination), rows=rows,
                     pieces=len(manifest.pieces), copied=copied[0])  # fmt: skip
                draft.rename(folder)
                sync_folder(destination)
        except BaseException:
            if folder.exists():  # no act without its entry
                folder.rename(draft)
            raise
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    dropped = rotate(destination, made_at)
    return Backup(folder, manifest, *copied, dropped)


class _Piece(NamedTuple):
    """What a backup needs to know of a load."""

    load_id: int
    sha256: str
    bytes: int
    state: str


def _copy_records(
    store: OpenStore, draft: Path
) -> tuple[dict[str, TableText], list[_Piece], dict[str, list[int]] | None, Seal | None]:
    """Copy the records as of one moment; return what the tables hold, the loads, their figures, the audit's seal."""
    (draft / RECORDS).mkdir(mode=0o700)
    records = store.records
    if records.dialect.name == "sqlite":
        # Its own copy first: reading a text out of the live file would keep writers waiting for as long as it takes.
        _copy_sqlite(store.records, draft / NATIVE)
        records = engine_at(f"sqlite:///{draft / NATIVE}")
    try:
        with records.connect() as connection:
            if records is store.records:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            tables = write_tables(connection, draft / RECORDS)
            found = connection.execute(select(Load.load_id, Load.sha256, Load.bytes, Load.state))
            loads = [_Piece(*row) for row in found]
            with Session(connection) as session:
                site, seal = read_site(session), last_seal(session)
    finally:
        if records is not store.records:
            records.dispose()
            (draft / f"{NATIVE}-journal").unlink(missing_ok=True)
    return tables, loads, _figures_of(store.settings, loads, site), seal


def _figures_of(settings: Settings, loads: Sequence[_Piece], site: Site) -> dict[str, list[int]] | None:
    """Return the figures in service where they are those of these records; None while a load is under way."""
    try:
        generation, figures = figures_in_service(settings)
    except (WarehouseError, duckdb.Error):
        return None
    made_of = set(generation.loads), generation.mapping, generation.rules
    told = {load.load_id for load in loads if load.state != "refused"}, site.mapping_digest, site.build_rules
    return figures if made_of == told else None


def _copy_sqlite(engine: Engine, path: Path) -> None:
    """Copy live SQLite records whole, in one step of SQLite's own, and look whether the copy is sound."""
    path.touch(mode=0o600)  # SQLite takes an empty file for a new one
    until = time.monotonic() + _PATIENCE_SECONDS

    def patient(_status: int, _left: int, _total: int) -> None:
        if time.monotonic() > until:
            raise BackupError("Los registros están ocupados desde hace un minuto: repita el respaldo.")

    with closing(engine.raw_connection()) as live, closing(sqlite3.connect(path)) as copy:
        source: Any = live.driver_connection
        source.backup(copy, progress=patient, sleep=0.05)
        (answer,) = copy.execute("PRAGMA integrity_check").fetchone()
    if answer != "ok":
        raise BackupError(f"Los registros están dañados ({answer}): restaure un respaldo anterior.")


def _copy_pieces(
    settings: Settings, loads: Sequence[_Piece], raw: Path, today: date, progress: Progress
) -> tuple[int, int]:
    """Bring the pieces to the backups that these lack; read a part of those they have again each day.

    A piece that was refused need not be there any more. Return how many were copied, and their bytes.
    """
    raw.mkdir(mode=0o700, exist_ok=True)
    wanted = _piece_sizes(settings, loads)
    copied = copied_bytes = 0
    for number, (sha256, size) in enumerate(wanted.items(), start=1):
        progress("copiando los archivos recibidos", number / len(wanted))
        target = raw / sha256[:2] / sha256
        there = target.exists() and target.stat().st_size == size
        if there and int(sha256[:4], 16) % DAYS == today.toordinal() % DAYS:
            there = digest(target) == sha256
        if not there:
            copy_piece(raw_path(settings, sha256), target, sha256)
            copied, copied_bytes = copied + 1, copied_bytes + size
    return copied, copied_bytes


def _piece_sizes(settings: Settings, loads: Sequence[_Piece]) -> dict[str, int]:
    """Return the pieces of a backup with their bytes. Raises BackupError for one that is needed and not there."""
    found: dict[str, int] = {}
    for load in loads:
        path = raw_path(settings, load.sha256)
        if path.exists() and path.stat().st_size == load.bytes:
            found[load.sha256] = load.bytes
        elif load.state != "refused":
            raise BackupError(
                f"Falta el archivo recibido de la carga {load.load_id} ({path}), o no está entero: cópielo de un "
                f"respaldo anterior, o deshaga esa carga con «callcenter load undo {load.load_id}»."
            )
    return found


def _copy_settings(settings: Settings, draft: Path) -> None:
    source = settings.data / SETTINGS_FILE
    if source.exists():
        with private_file(draft / SETTINGS_FILE) as file:
            file.write(settings_without_secrets(source.read_text(encoding="utf-8")).encode())


def _try(settings: Settings, draft: Path, manifest: Manifest) -> None:
    """Restore the records of a backup into a place of their own and compare them. Raises BackupError."""
    try:
        with tempfile.TemporaryDirectory(prefix=TRIAL, dir=settings.data) as place:
            url = f"sqlite:///{Path(place) / NATIVE}"
            fill_records(url, manifest.revision, draft / RECORDS, manifest.tables).dispose()
    except PortableError as error:
        raise BackupError(f"El respaldo no se pudo restaurar a prueba ({error}): se descartó.") from error


def _describe_files(draft: Path) -> dict[str, FileText]:
    return {
        path.relative_to(draft).as_posix(): FileText(path.stat().st_size, digest(path))
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }


@contextmanager
def _told(destination: Path) -> Iterator[None]:
    """Say what failed at a full or lost disk, or at the database."""
    try:
        yield
    except (OSError, DBAPIError, sqlite3.Error) as error:
        if is_no_space(error):
            raise BackupError(
                f"No hay espacio para el respaldo en {destination}: los anteriores siguen intactos. Libere espacio."
            ) from error
        reason = error.strerror if isinstance(error, OSError) else getattr(error, "orig", error)
        name = getattr(error, "filename", None)
        raise BackupError(
            f"No se pudo hacer el respaldo en {destination} ({f'{name}: ' if name else ''}{reason or error})."
        ) from error
