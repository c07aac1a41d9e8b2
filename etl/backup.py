"""Backups, made while people write and loads run: each a folder that is whole and has been restored on trial.

In: an open store, a folder for its backups. Out: there a folder ``callcenter-AAAA-MM-DD-HHMMSS`` (wall time of La Paz)
with the records (as portable text; of SQLite also its own file), the settings without their secrets, and a manifest;
beside it in ``pieces/`` those of the raw store, shared by all backups. The warehouse is not in it: it is rebuilt.
Keys and secrets go to another folder or nowhere; the manifest tells by a fingerprint which key belongs to the backup.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from filelock import FileLock, Timeout
from sqlalchemy import Engine, make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from etl.landing import raw_path
from etl.lines import Progress, no_progress
from etl.pipeline import code_version
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import REVISION, engine_at, open_records, transaction, upgrade
from etl.records.models import AuditEntry, Load
from etl.records.portable import PortableError, TableText, describe_tables, read_tables, write_tables
from etl.records.site import Site, read_site
from etl.settings import SETTINGS_FILE, ZONE_OFFSET_SECONDS, Settings
from etl.store import OpenStore, StoreError, is_no_space
from etl.store import now as clock
from etl.warehouse import CURRENT, Generation, WarehouseError, digest, open_generation, sync_folder

FORMAT = 1
PREFIX = "callcenter-"
MANIFEST = "manifest.json"
SUM = "manifest.sha256"  # for sha256sum --check, too
RECORDS = "records"
NATIVE = "records.sqlite"
PIECES = "pieces"  # not "raw": what no backup names is deleted there, and a store's own pieces lie in that
#: What is secret or names secrets: kept apart from the backup. ``tls`` holds the certificate and the authority.
KEY_NAMES = ("pseudonyms.key", "secret.key", SETTINGS_FILE, "tls")
#: When the worker has missed its daily backup, and users are told.
STALE = timedelta(hours=26)
DAYS, WEEKS, LONGEST = 14, 8, timedelta(days=60)
_PATIENCE_SECONDS = 60
_BLOCK = 4 * 1024 * 1024
_TRIAL = ".backup-trial-"
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN")


class BackupError(StoreError):
    """No backup came about; the message says why and what to do. Earlier ones are as they were."""


@dataclass(frozen=True)
class FileText:
    """A file of a backup: how long it is, and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. ``figures`` are left out where a load was under way; ``key`` is a fingerprint.

    ``made_at`` is in UTC; ``pieces`` are bytes by SHA-256; ``figures`` are those of ``figures_in_service``.
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
    format: int = FORMAT


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
        with _alone(store.settings), _told(destination):
            _check_places(store, destination, keys)
            destination.mkdir(mode=0o700, parents=True, exist_ok=True)
            _clear(destination)
            if keys is not None:
                _keep_keys(store, keys.absolute())
            return _make(store, destination, (now or clock()).replace(microsecond=0), by, progress)
    except BackupError as error:
        with contextlib.suppress(Exception), transaction(store.records) as session:
            note(session, by, Action.BACKUP, str(destination), Result.FAILED, reason=str(error))
        raise


def last_backup(settings: Settings) -> datetime | None:
    """Return when (UTC) the newest whole backup in the site's folder of backups was made, None where there is none."""
    if settings.backup is None:
        return None
    for folder in reversed(backups_in(settings.backup)):
        with contextlib.suppress(BackupError):
            return read_manifest(folder).made_at
    return None


def backup_warning(settings: Settings, now: datetime) -> str | None:
    """Return what users are told when the newest backup is older than 26 hours or there is none, None otherwise."""
    last = last_backup(settings)
    if last is not None and now - last <= STALE:
        return None
    return "Sin respaldo" if last is None else f"Sin respaldo desde {last + _OFFSET:%d/%m/%Y %H:%M}"


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
        manifest = Manifest(**content)
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


def fingerprint(key: bytes) -> str:
    """Return what tells one key of pseudonyms from another, and nothing else of it."""
    return hashlib.sha256(b"callcenter pseudonyms.key " + key).hexdigest()[:16]


def figures_in_service(settings: Settings) -> tuple[Generation, dict[str, list[int]]]:
    """Return what is in service, and of it per table and month: calls, registered, answered, seconds waited.

    Raises WarehouseError where there are no figures.
    """
    generation, connection = open_generation(settings.warehouse, threads=settings.threads)
    try:
        figures: dict[str, list[int]] = {}
        for table in ("core.queue_visits", "core.line_calls", "core.calls"):
            rows = connection.execute(
                f"""SELECT year(entered_date), month(entered_date), CAST(SUM(calls) AS BIGINT),
                    CAST(SUM(CASE WHEN registered THEN calls ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN answered THEN calls ELSE 0 END) AS BIGINT),
                    CAST(SUM(COALESCE(wait_seconds, 0) * calls) AS BIGINT)
                FROM {table}_by_wait GROUP BY year(entered_date), month(entered_date) ORDER BY 1, 2"""
            ).fetchall()
            figures |= {f"{table} {year:04}-{month:02}": list(counts) for year, month, *counts in rows}
        return generation, figures
    finally:
        connection.close()


def fill_records(url: str, revision: str, folder: Path, tables: Mapping[str, TableText]) -> Engine:
    """Make records of a revision from portable text and return them, neither migrated nor opened for more.

    Raises PortableError when what came of it is not what the text was made of.
    """
    if revision == REVISION:
        engine = open_records(url)
    else:
        engine = engine_at(url)
        upgrade(engine, revision)
    try:
        with engine.begin() as connection:
            read_tables(connection, folder)
            check_tables(describe_tables(connection), tables)
    except BaseException:
        engine.dispose()
        raise
    return engine


def check_tables(found: Mapping[str, TableText], wanted: Mapping[str, TableText]) -> None:
    """Compare tables with what they should hold. Raises PortableError that names the first that differs."""
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise PortableError(f"la tabla {name} no es la misma")


def copy_piece(source: Path, target: Path, sha256: str) -> None:
    """Copy a piece of the raw store and see on the way that it is what its name says. Raises BackupError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{sha256}")
    sha = hashlib.sha256()
    try:
        with source.open("rb") as file, private_file(draft) as out:
            while block := file.read(_BLOCK):
                sha.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if sha.hexdigest() != sha256:
            raise BackupError(f"{source} está dañado: no es el archivo que se recibió.")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def settings_without_secrets(text: str) -> str:
    """Return a settings file without the lines that hold a secret: those named so, and an address with a password."""
    return "".join(line for line in text.splitlines(keepends=True) if not _is_secret(line))


def _is_secret(line: str) -> bool:
    name, _, value = line.partition("=")
    if any(word in name.upper() for word in _SECRET_WORDS):
        return True
    try:
        return name.strip().upper().endswith("_URL") and make_url(value.strip().strip("'\"")).password is not None
    except Exception:  # what cannot be read may hold anything
        return True


def _make(store: OpenStore, destination: Path, made_at: datetime, by: Actor, progress: Progress) -> Backup:
    """Build a backup privately, try it, give it its name in the transaction that writes the audit's entry."""
    while (folder := destination / f"{PREFIX}{made_at + _OFFSET:%Y-%m-%d-%H%M%S}").exists():
        made_at += timedelta(seconds=1)
    draft = destination / f".{folder.name}"
    draft.mkdir(mode=0o700)
    try:
        progress("copiando los registros", 0.0)
        tables, loads, figures = _copy_records(store, draft)
        copied = _copy_pieces(store.settings, loads, destination / PIECES, made_at.date(), progress)
        _copy_settings(store.settings, draft)
        manifest = Manifest(
            made_at=made_at, product=code_version(), revision=REVISION, kind=store.kind,
            database=store.records.dialect.name, key=fingerprint(store.key), tables=tables,
            files=_describe_files(draft), pieces=_piece_sizes(store.settings, loads), figures=figures,
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
    dropped = _rotate(destination, made_at)
    return Backup(folder, manifest, *copied, dropped)


class _Piece(NamedTuple):
    """What a backup needs to know of a load."""

    load_id: int
    sha256: str
    bytes: int
    state: str


def _copy_records(
    store: OpenStore, draft: Path
) -> tuple[dict[str, TableText], list[_Piece], dict[str, list[int]] | None]:
    """Copy the records as of one moment; return what the tables hold, the loads, and the figures made of them."""
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
                site = read_site(session)
    finally:
        if records is not store.records:
            records.dispose()
            (draft / f"{NATIVE}-journal").unlink(missing_ok=True)
    return tables, loads, _figures_of(store.settings, loads, site)


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


def _keep_keys(store: OpenStore, folder: Path) -> None:
    """Copy keys and secrets to their own folder; never over the key of another store."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = folder / KEY_NAMES[0]
    if known.exists() and known.read_text(encoding="ascii").strip() != store.key.hex():
        raise BackupError(f"{known} es la clave de otro almacén: indique otra carpeta con --keys.")
    for path in (store.settings.data / name for name in KEY_NAMES):
        for source in [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []:
            target = folder / source.relative_to(store.settings.data)
            if source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                draft = target.with_name(f".{target.name}.nuevo")
                with private_file(draft) as file:
                    file.write(source.read_bytes())
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(target)
                sync_folder(target.parent)


def _try(settings: Settings, draft: Path, manifest: Manifest) -> None:
    """Restore the records of a backup into a place of their own and compare them. Raises BackupError."""
    try:
        with tempfile.TemporaryDirectory(prefix=_TRIAL, dir=settings.data) as place:
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


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a backup says of itself, and the sum that tells whether all of that has arrived."""
    content = {**asdict(manifest), "made_at": f"{manifest.made_at.isoformat()}Z"}
    text = (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
    for name, words in ((MANIFEST, text), (SUM, _sum(text))):
        with private_file(folder / name) as file:
            file.write(words)


def _sum(manifest: bytes) -> bytes:
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def _rotate(destination: Path, now: datetime) -> tuple[str, ...]:
    """Drop the backups that are too old or too many, and the pieces that none names any more; return their names."""
    manifests: dict[Path, Manifest] = {}
    damaged = False
    for folder in backups_in(destination):
        try:
            manifests[folder] = read_manifest(folder)
        except BackupError:  # somebody should look at it: neither dropped nor counted
            damaged = True
    keep = kept([manifest.made_at for manifest in manifests.values()], now)
    dropped = [folder for folder, manifest in manifests.items() if manifest.made_at not in keep]
    for folder in dropped:
        # The name goes first: what is half deleted is not to be taken for a backup.
        going = folder.rename(folder.with_name(f".{folder.name}"))
        shutil.rmtree(going, ignore_errors=True)
    if not damaged:
        named = {
            sha256 for folder, manifest in manifests.items() if folder not in dropped for sha256 in manifest.pieces
        }
        _drop_pieces(destination / PIECES, named)
    return tuple(folder.name for folder in dropped)


def kept(made: Sequence[datetime], now: datetime) -> set[datetime]:
    """Return which are kept: the last of each of 14 days and 8 weeks, all of the last 24 hours, none over 60 days."""
    newest_first = sorted(made, reverse=True)
    keep = {at for at in newest_first if now - at < timedelta(days=1)}
    days: dict[date, datetime] = {}
    weeks: dict[tuple[int, int], datetime] = {}
    for at in newest_first:
        day = (at + _OFFSET).date()
        days.setdefault(day, at)
        weeks.setdefault(day.isocalendar()[:2], at)
    keep |= {*list(days.values())[:DAYS], *list(weeks.values())[:WEEKS]}
    return {at for at in keep if now - at < LONGEST}


def _drop_pieces(raw: Path, named: set[str]) -> None:
    for path in raw.glob("??/*"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    for folder in raw.glob("??"):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def _check_places(store: OpenStore, destination: Path, keys: Path | None) -> None:
    """Refuse places where a backup would be none: within a store, beside its keys, of another store, not there."""
    data, to = store.settings.data.resolve(), destination.resolve()
    if data in (to, *to.parents) or any(
        (to / name).exists() for name in (NATIVE, KEY_NAMES[0], f"warehouse/{CURRENT}")
    ):
        raise BackupError(f"{destination} es un almacén o está dentro de uno: indique otra carpeta.")
    if keys is not None and {data, to} & {keys.resolve(), *keys.resolve().parents}:
        raise BackupError(f"La carpeta de las claves ({keys}) no puede estar en la del respaldo ni en el almacén.")
    there = backups_in(destination)
    if _key_of(there) not in (None, fingerprint(store.key)):
        raise BackupError(f"{destination} guarda respaldos de otro almacén: indique otra carpeta.")
    if not there and _was_used(store, destination):
        same_disk = destination.exists() and destination.stat().st_dev == store.settings.data.stat().st_dev
        if same_disk or not destination.exists():
            raise BackupError(
                f"En {destination} no está ningún respaldo, y ya se habían hecho: revise que el disco esté conectado. "
                "Si los borró usted, indique otra carpeta."
            )


def _key_of(backups: Sequence[Path]) -> str | None:
    """Return the key's fingerprint that the newest whole backup tells, None without one."""
    for folder in reversed(backups):
        with contextlib.suppress(BackupError):
            return read_manifest(folder).key
    return None


def _was_used(store: OpenStore, destination: Path) -> bool:
    """Tell whether the audit knows of backups in this folder, young enough to be there still."""
    since = clock() - LONGEST
    with transaction(store.records) as session:
        entries = session.scalars(
            select(AuditEntry.details).where(
                AuditEntry.action == Action.BACKUP, AuditEntry.result == Result.DONE, AuditEntry.entered_at > since
            )
        ).all()
    return any(_folder_noted(details) == str(destination) for details in entries)


def _folder_noted(details: str) -> object:
    with contextlib.suppress(ValueError):
        found: object = json.loads(details).get("folder")
        return found
    return None


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    lock = FileLock(settings.data / ".backup.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BackupError("Otro respaldo está en curso: espere a que termine.") from None
    try:
        for left in settings.data.glob(f"{_TRIAL}*"):  # of one that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()


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


def _clear(destination: Path) -> None:
    """Delete what backups that were killed have left behind."""
    for path in destination.glob(f".{PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in (destination / PIECES).glob("*/.*"):
        path.unlink(missing_ok=True)


@contextmanager
def private_file(path: Path) -> Iterator[Any]:
    """Open a file to write that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file


def bring_to_disk(folder: Path) -> None:
    """Make everything in a folder, and its names, durable."""
    for path in (*sorted(folder.rglob("*")), folder):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
