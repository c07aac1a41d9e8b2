"""A store made anew from a backup, its key and nothing else, and shown to be the one that was saved.

In: a backup, the folder of its keys, settings that name an empty place. Out: a store with the records, the raw store
and the settings of the backup, and figures built from them. It is made beside its place and gets its name when all of
it is there: what fails, or is killed, leaves the place empty.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine, inspect, update
from sqlalchemy.exc import DBAPIError

from etl import pipeline
from etl.build import CheckError
from etl.landing import raw_path
from etl.lines import Progress, ReconciliationError, no_progress
from etl.pseudonyms import read_key
from etl.records import jobs
from etl.records.audit import SYSTEM, Action, Actor, broken_seals, note
from etl.records.engine import REVISION, create_tables, engine_at, keep_private, shown_url, transaction, upgrade
from etl.records.models import SignIn, Upload
from etl.records.portable import PortableError, describe_tables, read_tables, write_tables
from etl.safekeeping.contents import check_tables, copy_piece, figures_in_service, fill_records
from etl.safekeeping.files import bring_to_disk, private_file
from etl.safekeeping.keys import KEY_NAMES, fingerprint
from etl.safekeeping.manifest import (
    MANIFEST,
    NATIVE,
    PIECES,
    PREFIX,
    RECORDS,
    BackupError,
    Manifest,
    backups_in,
    read_manifest,
)
from etl.safekeeping.seals import other_seals
from etl.settings import SETTINGS_FILE, Settings, setting_line, setting_named
from etl.store import OpenStore, is_no_space, now, open_store
from etl.warehouse import WarehouseError, digest, sync_folder

#: Settings of the saved site that a store made from it does not take over: where its records and its backups are.
_URL, _BACKUP = "CALLCENTER_RECORDS_URL", "CALLCENTER_BACKUP"


class RestoreError(BackupError):
    """Nothing was restored; the message says why and what to do. The place is as it was."""


@dataclass(frozen=True)
class Restored:
    """What was restored: whether its figures could be compared, and those that are not the backup's (there, here).

    ``missing_keys`` are the keys and secrets of a site that were not in the folder of the keys; ``cancelled_jobs`` how
    many were waiting then; ``backup_setting`` is the saved site's folder of backups as its settings name it, which is
    not taken over; ``broken_days`` are days of the audit that are not as they were sealed, by their own seals or by
    those that older backups beside this one remember.
    """

    folder: Path
    manifest: Manifest
    compared: bool
    differences: Mapping[str, tuple[list[int] | None, list[int] | None]]
    missing_keys: tuple[str, ...]
    cancelled_jobs: int
    backup_setting: str
    broken_days: tuple[date, ...]


def restore(
    source: Path,
    settings: Settings,
    keys: Path | None,
    *,
    new_key: bool = False,
    by: Actor = SYSTEM,
    progress: Progress = no_progress,
) -> Restored:
    """Restore a backup (or the newest of a folder of them) into the empty place that the settings name.

    Sessions of then are ended, jobs that waited cancelled: they are orders of then. So are uploads discarded: their
    files are not in a backup. The saved site's folder of backups is not taken over. With `new_key` the store gets
    another key of pseudonyms: for a key that is lost. Raises RestoreError.
    """
    try:
        with _told(settings):
            folder = _backup_at(source)
            manifest = _checked(folder)
            found_keys = _keys_for(manifest, keys, new_key=new_key)
            _check_place(settings)
            return _restore(folder, manifest, settings, found_keys, by, progress)
    except RestoreError:
        raise
    except BackupError as error:
        raise RestoreError(str(error)) from error


def _restore(
    folder: Path, manifest: Manifest, settings: Settings, keys: Mapping[str, Path], by: Actor, progress: Progress
) -> Restored:
    place = settings.data.absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(f".{place.name}.restore-*"):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    draft = place.with_name(f".{place.name}.restore-{os.getpid()}")
    draft.mkdir(mode=0o700)
    here = settings.model_copy(update={"data": draft, "records_url": ""})
    try:
        for name, path in keys.items():
            _copy(path, draft / name)
        backup_setting = _write_settings(folder, draft, settings)
        _copy_pieces(folder, manifest, here, progress)
        progress("restaurando los registros", 1.0)
        try:
            records = fill_records(f"sqlite:///{draft / NATIVE}", manifest.revision, folder / RECORDS, manifest.tables)
        except PortableError as error:
            raise RestoreError(f"Los registros de {folder.name} no se pueden restaurar ({error}).") from error
        if manifest.revision != REVISION:
            upgrade(records)
        records.dispose()
        store = open_store(here, kind=manifest.kind, create=False)
        try:
            broken = _broken_days(store, folder, manifest)
            cancelled = _settle(store, folder, by)
            pipeline.rebuild(store, progress=progress)
            differences = _differences(here, manifest)
            _put_in_place(draft, place, settings, store.records)
        finally:
            store.records.dispose()
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    there = {Path(key).parts[0] for key in keys}
    missing = tuple(name for name in KEY_NAMES if name not in there) if SETTINGS_FILE in manifest.files else ()
    compared = bool(manifest.figures)
    return Restored(place, manifest, compared, differences, missing, cancelled, backup_setting, broken)


def _backup_at(source: Path) -> Path:
    source = source.absolute()
    if source.name.startswith(PREFIX) or (source / MANIFEST).exists() or not source.is_dir():
        return source
    if not (found := backups_in(source)):
        raise RestoreError(f"En {source} no hay ningún respaldo entero.")
    return found[-1]


def _checked(folder: Path) -> Manifest:
    """Return the manifest of a backup that is whole and that this version can read. Raises RestoreError."""
    manifest = read_manifest(folder)
    if manifest.revision > REVISION:
        raise RestoreError(
            f"{folder.name} fue hecho por una versión más nueva del sistema (revisión {manifest.revision}, "
            f"esta versión conoce hasta {REVISION}): instale la versión nueva."
        )
    for name, file in manifest.files.items():
        if digest(folder / name) != file.sha256:
            raise RestoreError(f"{folder.name} está dañado ({name}): use otro respaldo.")
    for sha256, size in manifest.pieces.items():
        path = _piece(folder, sha256)
        if not path.exists() or path.stat().st_size != size:
            raise RestoreError(
                f"A {folder.name} le falta el archivo recibido {path}, o no está entero: copie también la carpeta "
                f"{PIECES}, o use otro respaldo."
            )
    return manifest


def _keys_for(manifest: Manifest, keys: Path | None, *, new_key: bool) -> dict[str, Path]:
    """Return the keys and secrets by their place in the store. Raises RestoreError unless the key is the backup's."""
    if keys is not None and not keys.is_dir():
        raise RestoreError(f"No existe la carpeta de las claves {keys}.")
    found = {
        path.relative_to(keys).as_posix(): path
        for path in (sorted(keys.rglob("*")) if keys is not None else [])
        if keys is not None and path.is_file() and path.relative_to(keys).parts[0] in KEY_NAMES
    }
    (name, *_) = KEY_NAMES
    if new_key:
        found.pop(name, None)
        return found
    if name not in found:
        raise RestoreError(
            f"Falta la clave {name} de este respaldo: indique su carpeta con --keys. Si se perdió, --new-key hace otra."
        )
    try:
        own = fingerprint(read_key(found[name]))
    except ValueError as error:
        raise RestoreError(f"{found[name]} está dañado.") from error
    if own != manifest.key:
        raise RestoreError(f"{found[name]} no es la clave de este respaldo (es {own}, hace falta {manifest.key}).")
    return found


def _check_place(settings: Settings) -> None:
    """Refuse a folder or a database that is not empty: nothing is ever written over."""
    place = settings.data
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise RestoreError(f"{place} no está vacía: indique con --data una carpeta nueva.")
    if os.path.ismount(place):
        raise RestoreError(f"{place} es un disco entero: indique con --data una carpeta nueva dentro de él.")
    if settings.records_url:
        engine = engine_at(settings.records_url)
        try:
            with engine.connect() as connection:
                tables = inspect(connection).get_table_names()
        finally:
            engine.dispose()
        if tables:
            raise RestoreError(f"La base de registros {shown_url(engine.url)} no está vacía: indique una base nueva.")


def _copy_pieces(folder: Path, manifest: Manifest, here: Settings, progress: Progress) -> None:
    here.raw.mkdir(mode=0o700)
    for number, sha256 in enumerate(manifest.pieces, start=1):
        progress("copiando los archivos recibidos", number / len(manifest.pieces))
        copy_piece(_piece(folder, sha256), raw_path(here, sha256), sha256)


def _piece(folder: Path, sha256: str) -> Path:
    return folder.parent / PIECES / sha256[:2] / sha256


def _write_settings(folder: Path, draft: Path, settings: Settings) -> str:
    """Write the settings, whole from the keys or without secrets from the backup; the records' place is today's.

    A drill opened with the site's own folder of backups would take the place of the site's: return that and leave it.
    """
    path, saved = draft / SETTINGS_FILE, folder / SETTINGS_FILE
    if not path.exists():
        if not saved.exists():
            return ""
        _copy(saved, path)
    lines = [f"{line}\n" for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if setting_named(line) not in (_URL, _BACKUP)]
    if settings.records_url:
        kept.append(setting_line(_URL, settings.records_url))
    path.write_text("".join(kept), encoding="utf-8")
    named = [line.partition("=")[2].strip().strip("'\"") for line in lines if setting_named(line) == _BACKUP]
    return named[-1] if named else ""


def _broken_days(store: OpenStore, folder: Path, manifest: Manifest) -> tuple[date, ...]:
    """Return the days of the audit that are not as they were sealed, or not as older backups remember them."""
    with transaction(store.records) as session:
        others = other_seals(session, backups_in(folder.parent), before=manifest.made_at)
        return tuple(sorted({*broken_seals(session), *(other.day for other in others if not other.is_explained)}))


def _settle(store: OpenStore, folder: Path, by: Actor) -> int:
    """End what cannot go on from a backup, and say in the audit that it was restored; return how many jobs waited."""
    with transaction(store.records) as session:
        # A session that was ended after the backup must not come alive again.
        session.execute(update(SignIn).where(SignIn.ended_at.is_(None)).values(ended_at=now()))
        cancelled = jobs.cancel_all(session, "Se canceló al restaurar un respaldo.", by=by, reason="restore")
        session.execute(
            update(Upload).where(Upload.state.in_(("received", "checked", "loading"))).values(state="discarded")
        )
        note(session, by, Action.RESTORE, folder.name, folder=str(folder.parent))
    return cancelled


def _differences(settings: Settings, manifest: Manifest) -> dict[str, tuple[list[int] | None, list[int] | None]]:
    if not manifest.figures:
        return {}
    _, found = figures_in_service(settings)
    wanted = manifest.figures
    return {
        name: (wanted.get(name), found.get(name))
        for name in sorted({*wanted, *found})
        if wanted.get(name) != found.get(name)
    }


def _put_in_place(draft: Path, place: Path, settings: Settings, records: Engine) -> None:
    """Give the store its name; where its records belong into another database, both or neither."""
    words = draft / ".records"
    if settings.records_url:
        words.mkdir(mode=0o700)
        with records.connect() as connection:
            tables = write_tables(connection, words)
    records.dispose()
    (draft / f"{NATIVE}-journal").unlink(missing_ok=True)
    if not settings.records_url:
        _rename(draft, place)
        return
    (draft / NATIVE).unlink()
    target = engine_at(settings.records_url)
    keep_private(target)
    try:
        with target.begin() as connection:
            create_tables(connection)
            read_tables(connection, words)
            check_tables(describe_tables(connection), tables)
            shutil.rmtree(words)
            _rename(draft, place)  # the commit follows at once
    except (DBAPIError, PortableError) as error:
        if not draft.exists():
            place.rename(draft)
        raise RestoreError(f"La base de registros no tomó el respaldo ({_reason(error)}).") from error
    finally:
        target.dispose()


def _rename(draft: Path, place: Path) -> None:
    bring_to_disk(draft)
    if place.exists():
        place.rmdir()
    draft.rename(place)
    sync_folder(place.parent)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with private_file(target) as file:
        file.write(source.read_bytes())


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """Say what failed at a full disk, or at the database."""
    try:
        yield
    except (OSError, DBAPIError) as error:
        if is_no_space(error):
            raise RestoreError(f"No hay espacio en el disco de {settings.data}: no se restauró nada.") from error
        raise RestoreError(f"No se pudo restaurar ({_reason(error)}).") from error
    except (CheckError, ReconciliationError, WarehouseError) as error:
        raise RestoreError(f"No se restauró nada: las cifras no se pudieron armar ({error})") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]
