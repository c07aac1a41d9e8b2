"""What is well with a site and what is not: versions, places, records, audit, figures, raw store, backup, disk.

In: settings. Out: findings, each with a verdict and, where something is to be done, with that. Nothing is changed,
created or migrated by looking; `deep` also reads every segment, which a process that has them open must not do.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import duckdb
import sqlalchemy
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.work.exports import bytes_kept
from etl.landing import raw_path
from etl.records.audit import broken_seals
from etl.records.engine import REVISION, RecordsError, engine_at, revision_of, shown_url
from etl.records.models import Account, AuditEntry, AuditSeal, Job, Load, Store
from etl.safekeeping.keys import keys_kept_at
from etl.safekeeping.manifest import backups_in
from etl.safekeeping.rotation import LONGEST, STALE, damaged_backups, last_backup
from etl.safekeeping.seals import other_seals
from etl.settings import SETTINGS_FILE, ZONE_OFFSET_SECONDS, Settings
from etl.store import DEMO
from etl.version import code_version
from etl.warehouse import WarehouseError, digest, read_current
from reports.format import count_text, number_text
from reports.freshness import freshness

_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_WAITS_LONG = timedelta(minutes=15)
_BEAT_LOST = timedelta(minutes=1)
_RENEW_DAYS, _LAST_DAYS = 30, 7
_LEAST_FREE_BYTES, _LEAST_FREE_SHARE = 1_000_000_000, 0.03
_GROWTH_DAYS = 30
_FULL_SOON_DAYS = 60
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SECRET_FILES = ("records.sqlite", "pseudonyms.key", "secret.key", SETTINGS_FILE, "tls/server.key", "tls/authority.key")


class Verdict(StrEnum):
    """How a thing stands, as users read it."""

    GOOD = "bien"
    ATTENTION = "atención"
    BAD = "mal"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, what was seen, and what to do where something is to be done."""

    subject: str
    verdict: Verdict
    seen: str
    remedy: str = ""


def examine(settings: Settings, now: datetime | None = None, *, deep: bool = True) -> list[Finding]:
    """Look at everything; what cannot be looked at is a finding of its own. `now` is in UTC."""
    now = now or datetime.now(UTC).replace(tzinfo=None)
    found = [_versions(), *_places(settings)]
    engine = _engine(settings)
    try:
        kind = _asked(engine, _kind)
        demo = kind == DEMO
        parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
            ("Registros", lambda: _records(settings, engine)),
            ("Cuentas", lambda: _accounts(engine)),
            ("Auditoría", lambda: _audit(settings, engine, now)),
            ("Cifras", lambda: _figures(settings, engine, now, demo=demo, deep=deep)),
            ("Archivos recibidos", lambda: _pieces(settings, engine)),
            ("Tareas", lambda: _jobs(engine, now)),
            ("Respaldo", lambda: _backup(settings, now, demo=demo)),
            ("Claves", lambda: _keys(settings, engine, demo=demo)),
            ("Certificado", lambda: _certificate(settings, now)),
            ("Disco", lambda: _disk(settings, engine, now)),
        ]
        for subject, look in parts:
            try:
                found += look()
            except (OSError, DBAPIError, duckdb.Error, RecordsError, WarehouseError) as error:
                reason = str(getattr(error, "orig", error)).strip().partition("\n")[0]
                found.append(Finding(subject, Verdict.BAD, f"no se pudo revisar ({reason})", _remedy(error)))
    finally:
        if engine is not None:
            engine.dispose()
    return found


def _remedy(error: Exception) -> str:
    if isinstance(error, WarehouseError):
        return "callcenter rebuild"
    if isinstance(error, OSError):
        return "revise el disco y sus permisos"
    return "revise la base de registros; si está dañada, callcenter restore"


def is_wrong(findings: list[Finding]) -> bool:
    """Tell whether anything stands badly."""
    return any(finding.verdict is Verdict.BAD for finding in findings)


def findings_text(findings: list[Finding]) -> str:
    """Return the findings as text, a line each."""
    widths = max(len(verdict) for verdict in Verdict), max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        remedy = f" -> {finding.remedy}" if finding.remedy else ""
        line = f"{finding.verdict:<{widths[0]}}  {finding.subject:<{widths[1]}}  {finding.seen}{remedy}"
        lines.append("".join(character if character.isprintable() else "?" for character in line))
    return "\n".join(lines) + "\n"


def _versions() -> Finding:
    seen = (
        f"sistema {code_version()}, Python {platform.python_version()}, DuckDB {duckdb.__version__}, "
        f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {sqlalchemy.__version__}, registros {REVISION}"
    )
    return Finding("Versiones", Verdict.GOOD, seen)


def _places(settings: Settings) -> Iterator[Finding]:
    data = settings.data.absolute()
    if not data.is_dir():
        yield Finding("Almacén", Verdict.BAD, f"no existe {data}", "callcenter init, o --data con otra carpeta")
        return
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "Almacén", Verdict.BAD, f"este usuario no puede escribir en {data}", f"chown -R a su dueño: {data}"
        )
        return
    yield Finding("Almacén", Verdict.GOOD, str(data))
    if os.name == "nt":  # who may read what is told in another way there
        return
    open_files = [name for name in _SECRET_FILES if (data / name).exists() and _is_open(data / name)]
    if open_files:
        yield Finding("Permisos", Verdict.BAD, f"otros usuarios pueden leer {', '.join(open_files)}",
                      f"chmod 600 {' '.join(str(data / name) for name in open_files)}")  # fmt: skip
    elif _is_open(data):
        yield Finding("Permisos", Verdict.ATTENTION, f"otros usuarios pueden entrar en {data}", f"chmod 700 {data}")
    else:
        yield Finding("Permisos", Verdict.GOOD, "carpeta y archivos secretos solo para su dueño")
    if sys.platform != "win32" and data.stat().st_uid == 0:
        yield Finding("Usuario", Verdict.ATTENTION, "el almacén es de root", "use una cuenta propia del servicio")


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)


def _engine(settings: Settings) -> Engine | None:
    """Return an engine for the records that are there; SQLite would make those that are not."""
    if not settings.records_url and not (settings.data / "records.sqlite").exists():
        return None
    try:
        return engine_at(settings.database_url)
    except RecordsError:
        return None


def _asked(engine: Engine | None, ask: Callable[[Session], str | None]) -> str | None:
    """Return an answer of the records, None where they do not give one: another finding says why."""
    if engine is None:
        return None
    try:
        with Session(engine) as session:
            return ask(session)
    except DBAPIError:
        return None


def _kind(session: Session) -> str | None:
    return session.scalar(select(Store.kind))


def _records(settings: Settings, engine: Engine | None) -> Iterator[Finding]:
    if engine is None:
        if settings.records_url:
            yield Finding("Registros", Verdict.BAD, "CALLCENTER_RECORDS_URL no es una dirección de base de datos",
                          "postgresql+psycopg://usuario:clave@servidor/base")  # fmt: skip
        else:
            yield Finding("Registros", Verdict.BAD, "no hay registros", "callcenter init, o callcenter restore")
        return
    where = shown_url(engine.url)
    revision = revision_of(engine)
    if revision is None:
        yield Finding("Registros", Verdict.BAD, f"{where} está vacía", "callcenter init, o callcenter restore")
    elif revision > REVISION:
        yield Finding("Registros", Verdict.BAD, f"{where}: revisión {revision}, esta versión conoce hasta {REVISION}",
                      "instale la versión nueva del sistema")  # fmt: skip
    elif revision < REVISION:
        yield Finding("Registros", Verdict.ATTENTION, f"{where}: revisión {revision}, corresponde la {REVISION}",
                      "haga un respaldo; se actualizan con la próxima orden")  # fmt: skip
    else:
        answer = "ok"
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                answer = str(connection.scalar(text("PRAGMA quick_check(1)")))
        if answer == "ok":
            yield Finding("Registros", Verdict.GOOD, f"{where}, revisión {revision}")
        else:
            yield Finding("Registros", Verdict.BAD, f"{where} está dañada ({answer})", "callcenter restore")


def _accounts(engine: Engine | None) -> Iterator[Finding]:
    if not _is_current(engine):
        return
    with Session(engine) as session:
        roles = session.execute(select(Account.role, func.count()).where(~Account.disabled).group_by(Account.role))
        counts = {role: number for role, number in roles}
    administrators, all_of_them = counts.get("administrator", 0), sum(counts.values())
    seen = f"{count_text(all_of_them, 'habilitada', 'habilitadas')}, {administrators} de administración"
    if not all_of_them:
        yield Finding("Cuentas", Verdict.ATTENTION, "ninguna: nadie puede entrar", "callcenter user add")
    elif not administrators:
        yield Finding("Cuentas", Verdict.BAD, seen, "callcenter user add --role administrator")
    else:
        yield Finding("Cuentas", Verdict.GOOD, seen)


def _audit(settings: Settings, engine: Engine | None, now: datetime) -> Iterator[Finding]:
    if not _is_current(engine):
        return
    with Session(engine) as session:
        broken = broken_seals(session)
        entries = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
        sealed = session.scalar(select(func.max(AuditSeal.last_entry)))
        waiting = select(func.min(AuditEntry.entered_at))
        oldest = session.scalar(waiting.where(AuditEntry.entry_id > sealed) if sealed is not None else waiting)
        others = other_seals(session, backups_in(settings.backup) if settings.backup is not None else [])
    changed = [other for other in others if not other.is_explained]
    if not broken and changed:
        first = changed[0]
        yield Finding("Auditoría", Verdict.BAD, f"el cierre del {first.day:%d/%m/%Y} no es el que guarda el respaldo "
                      f"{first.backup}", "compare con ese respaldo y avise a quien corresponda")  # fmt: skip
    elif broken:
        days = ", ".join(f"{day:%d/%m/%Y}" for day in broken[:3]) + (", …" if len(broken) > 3 else "")
        yield Finding("Auditoría", Verdict.BAD, f"cambió después de su cierre diario: {days}",
                      "compare con un respaldo anterior y avise a quien corresponda")  # fmt: skip
    elif oldest is not None and now - oldest > timedelta(days=2):
        yield Finding("Auditoría", Verdict.ATTENTION, f"sin cierre diario desde el {oldest + _OFFSET:%d/%m/%Y}",
                      "deje abierto «callcenter serve»: cierra cada día")  # fmt: skip
    elif others:
        yield Finding("Auditoría", Verdict.ATTENTION, f"{others[0].backup} es de antes de una restauración: su cierre "
                      f"del {others[0].day:%d/%m/%Y} no se puede comparar",
                      "si nadie restauró un respaldo, avise a quien corresponda")  # fmt: skip
    else:
        yield Finding("Auditoría", Verdict.GOOD, f"{number_text(entries)} anotaciones, cierres diarios intactos")


def _figures(settings: Settings, engine: Engine | None, now: datetime, *, demo: bool, deep: bool) -> Iterator[Finding]:
    current = read_current(settings.warehouse)
    if current is None:
        yield Finding("Cifras", Verdict.ATTENTION, "todavía no hay", "callcenter ingest ARCHIVO")
        return
    wrong = []
    for segment in current.segments:
        path = settings.warehouse / segment.file
        if not path.exists():
            wrong.append(f"falta {segment.file}")
        elif path.stat().st_size != segment.bytes or (deep and digest(path) != segment.sha256):
            wrong.append(f"{segment.file} no es el que se publicó")
    if wrong:
        yield Finding("Cifras", Verdict.BAD, _some(wrong), "callcenter rebuild")
    else:
        looked = "" if deep else " (sin releer los archivos)"
        number = number_text(len(current.segments))
        yield Finding("Cifras", Verdict.GOOD, f"generación {current.number}, {number} archivos{looked}")
    if current.last_epochs:
        found = freshness(current, None if demo else now.replace(tzinfo=UTC))
        named = f" ({', '.join(found.old)})" if len(found.until) > 1 else ""
        remedy = f"vea si el registro de la central{named} sigue llegando; qué falta, en la página Calidad de datos"
        yield Finding(
            "Datos", Verdict.ATTENTION if found.old else Verdict.GOOD, found.text, remedy if found.old else ""
        )
    if _is_current(engine):
        with Session(engine) as session:
            published = set(session.scalars(select(Load.load_id).where(Load.state == "published")))
            landed = session.scalar(select(func.count()).where(Load.state == "landed")) or 0
        if unknown := set(current.loads) - published:
            yield Finding("Cargas", Verdict.BAD if not landed else Verdict.ATTENTION,
                          f"{len(unknown)} en las cifras y no en los registros",
                          "callcenter ingest las completa; si no, callcenter rebuild")  # fmt: skip
        elif landed or published - set(current.loads):
            yield Finding("Cargas", Verdict.ATTENTION, "recibidas y no publicadas todavía", "callcenter ingest")
        else:
            yield Finding("Cargas", Verdict.GOOD, f"{number_text(len(published))} en servicio")


def _pieces(settings: Settings, engine: Engine | None) -> Iterator[Finding]:
    if not _is_current(engine):
        return
    with Session(engine) as session:
        loads = session.execute(select(Load.load_id, Load.sha256, Load.bytes).where(Load.state != "refused")).all()
    wrong = []
    for load_id, sha256, size in loads:
        path = raw_path(settings, sha256)
        if not path.exists():
            wrong.append(f"falta el de la carga {load_id}")
        elif path.stat().st_size != size:
            wrong.append(f"el de la carga {load_id} no está entero")
    if wrong:
        yield Finding("Archivos recibidos", Verdict.BAD, _some(wrong),
                      "cópielos de la carpeta pieces de un respaldo")  # fmt: skip
    else:
        size = sum(size for _, _, size in loads)
        yield Finding("Archivos recibidos", Verdict.GOOD, f"{number_text(len(loads))}, {_bytes_text(size)}")


def _jobs(engine: Engine | None, now: datetime) -> Iterator[Finding]:
    if not _is_current(engine):
        return
    with Session(engine) as session:
        queued = session.scalar(select(func.min(Job.queued_at)).where(Job.state == "queued"))
        beat = session.scalar(select(func.min(Job.beat_at)).where(Job.state == "running"))
    if (beat is not None and now - beat > _BEAT_LOST) or (queued is not None and now - queued > _WAITS_LONG):
        yield Finding("Tareas", Verdict.ATTENTION, "hay tareas que nadie atiende", "deje abierto «callcenter serve»")
    else:
        yield Finding("Tareas", Verdict.GOOD, "al día")


def _backup(settings: Settings, now: datetime, *, demo: bool) -> Iterator[Finding]:
    if demo:
        yield Finding("Respaldo", Verdict.GOOD, "DATOS DE MUESTRA: no hace falta")
        return
    if settings.backup is None:
        yield Finding("Respaldo", Verdict.BAD, "sin carpeta de respaldos",
                      f"CALLCENTER_BACKUP en {SETTINGS_FILE}, en otro disco")  # fmt: skip
        return
    if damaged := damaged_backups(settings.backup):
        yield Finding("Respaldos dañados", Verdict.ATTENTION, _some([folder.name for folder in damaged]),
                      f"cópielos de nuevo o bórrelos; a los {LONGEST.days} días se retiran solos")  # fmt: skip
    last = last_backup(settings, now)
    if last is None:
        yield Finding("Respaldo", Verdict.BAD, f"ninguno en {settings.backup}", f"callcenter backup {settings.backup}")
    elif now - last > STALE:
        yield Finding("Respaldo", Verdict.BAD, f"el último es del {last + _OFFSET:%d/%m/%Y %H:%M}",
                      f"callcenter backup {settings.backup}")  # fmt: skip
    elif settings.backup.stat().st_dev == settings.data.stat().st_dev:
        yield Finding("Respaldo", Verdict.ATTENTION, f"del {last + _OFFSET:%d/%m/%Y %H:%M}, en el mismo disco que el "
                      "almacén", "indique en CALLCENTER_BACKUP una carpeta de otro disco o equipo")  # fmt: skip
    else:
        yield Finding("Respaldo", Verdict.GOOD, f"del {last + _OFFSET:%d/%m/%Y %H:%M}, en {settings.backup}")


def _keys(settings: Settings, engine: Engine | None, *, demo: bool) -> Iterator[Finding]:
    """Tell whether what a backup does not hold is kept elsewhere, as it is now."""
    if demo or not _is_current(engine):
        return
    with Session(engine) as session:
        kept = keys_kept_at(session)
    there = [settings.data / name for name in ("pseudonyms.key", "secret.key") if (settings.data / name).exists()]
    times = [datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None) for path in there]
    remedy = f"callcenter backup {settings.backup or 'CARPETA'} --keys OTRA_CARPETA"
    if kept is None:
        yield Finding("Claves", Verdict.ATTENTION, "sin copia: un respaldo no las contiene", remedy)
    elif any(time > kept for time in times):
        yield Finding("Claves", Verdict.ATTENTION, f"la copia del {_day(kept)} es anterior a ellas", remedy)
    else:
        yield Finding("Claves", Verdict.GOOD, f"copiadas aparte el {_day(kept)}")


def _day(at: datetime) -> str:
    return f"{at + _OFFSET:%d/%m/%Y}"


def _certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    from dashboard.serving.certificates import Pair, our_pair, valid_until
    from dashboard.site.configuration import ConfigurationError

    pair = our_pair(settings)
    if settings.certificate is not None and settings.certificate_key is not None:
        pair = Pair(settings.certificate, settings.certificate_key)
    elif not pair.certificate.exists():
        yield Finding("Certificado", Verdict.GOOD, "ninguno: se abre solo en esta computadora")
        return
    try:
        until = valid_until(pair).replace(tzinfo=None)
    except (ConfigurationError, OSError) as error:
        yield Finding("Certificado", Verdict.BAD, str(error), "callcenter init")
        return
    days = (until - now).days
    seen = (
        f"vence el {until + _OFFSET:%d/%m/%Y} (en {days} días)"
        if days >= 0
        else f"venció el {until + _OFFSET:%d/%m/%Y}"
    )
    ours = settings.certificate is None
    if days < 0 or (days < _LAST_DAYS and not ours):
        yield Finding("Certificado", Verdict.BAD, seen, "abra de nuevo «callcenter serve»" if ours else "renuévelo")
    elif days < _RENEW_DAYS:
        yield Finding("Certificado", Verdict.ATTENTION, seen,
                      "se renueva al abrir de nuevo «callcenter serve»" if ours else "renuévelo")  # fmt: skip
    else:
        yield Finding("Certificado", Verdict.GOOD, seen)


def _disk(settings: Settings, engine: Engine | None, now: datetime) -> Iterator[Finding]:
    if not settings.data.is_dir():
        return
    usage = shutil.disk_usage(settings.data)
    raw = warehouse = 0.0
    recent = 0
    if _is_current(engine):
        with Session(engine) as session:
            raw = session.scalar(select(func.sum(Load.bytes)).where(Load.state != "refused")) or 0
            since = now - timedelta(days=_GROWTH_DAYS)
            recent = session.scalar(
                select(func.sum(Load.bytes)).where(Load.state != "refused", Load.landed_at > since)
            ) or 0  # fmt: skip
        warehouse = sum(path.stat().st_size for path in settings.warehouse.glob("*.duckdb"))
    # What a received byte takes in the end: itself, and its share of the figures.
    daily = float(recent) / _GROWTH_DAYS * (1 + (float(warehouse) / float(raw) if raw else 0))
    days = usage.free / daily if daily else None
    grows = f", crece {_bytes_text(daily)} por día" if daily >= 1000 else ""
    prepared = bytes_kept(settings)
    waits = f", {_bytes_text(prepared)} en archivos pedidos" if prepared else ""
    seen = f"{_bytes_text(usage.free)} libres de {_bytes_text(usage.total)}{grows}{waits}"
    if usage.free < _LEAST_FREE_BYTES or usage.free < usage.total * _LEAST_FREE_SHARE:
        yield Finding("Disco", Verdict.BAD, seen, "libere espacio")
    elif days is not None and days < _FULL_SOON_DAYS:
        yield Finding("Disco", Verdict.ATTENTION, f"{seen}, alcanza para {int(days)} días", "libere espacio o amplíelo")
    else:
        yield Finding("Disco", Verdict.GOOD, seen)


def _is_current(engine: Engine | None) -> bool:
    """Tell whether the records can be asked with the models of this code; another finding says why not."""
    if engine is None:
        return False
    try:
        return revision_of(engine) == REVISION
    except (DBAPIError, RecordsError):
        return False


def _some(found: list[str]) -> str:
    return "; ".join(found[:3]) + (f"; y {len(found) - 3} más" if len(found) > 3 else "")


def _bytes_text(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{number_text(size, 0 if unit == 'bytes' else 1)} {unit}"
        size /= 1000
    return f"{number_text(size, 1)} TB"
