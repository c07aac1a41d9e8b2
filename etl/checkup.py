"""The verdict of a load without loading: the same landing, reading and counting, in a scratch folder."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, inspect, select
from sqlalchemy.orm import Session

from etl import landing
from etl.build import Build
from etl.draft import Draft
from etl.export_pieces import ExportPiece
from etl.exports import NOTHING_TOLD, Told
from etl.lines import Piece, Progress, no_progress
from etl.pipeline import FileReport, move_strays, tell_landed
from etl.records import site as sites
from etl.records.engine import open_records, transaction
from etl.records.models import Load, LogFile
from etl.schema import Lane
from etl.settings import ZONE_OFFSET_SECONDS, Database, Settings
from etl.sources.exports import EXPORTS
from etl.store import store_key, store_kind
from etl.warehouse import read_current

#: A silence longer than this, inside the span of the files, is told as a gap.
GAP_SECONDS = 12 * 3600


@dataclass(frozen=True)
class QueueSeen:
    """A queue of the files: entries, the DIDs its calls carry, first and last local day, its line if it has one."""

    queue: str
    entries: int
    dids: tuple[str, ...]
    first: datetime
    last: datetime
    service: str | None


@dataclass(frozen=True)
class AgentSeen:
    """An agent of the files as the log writes it, with the calls connected to it."""

    agent: str
    connected: int


@dataclass
class Checkup:
    """What ``check`` tells. Instants are wall times of La Paz."""

    files: list[FileReport] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)
    queues: list[QueueSeen] = field(default_factory=list)
    agents: list[AgentSeen] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)


def check(
    settings: Settings, paths: Sequence[Path], *, databases: Sequence[Database] = (),
    progress: Progress = no_progress, told: Told = NOTHING_TOLD,
) -> Checkup:  # fmt: skip
    """Read files, and what is new in tables, as a load would, against what the store holds; tell what they contain.

    Nothing of the store is written: the manifest is copied to a scratch one, the segments are read. Raises Cancelled.
    """
    found = Checkup()
    with tempfile.TemporaryDirectory(prefix="callcenter-check-") as name:
        scratch = settings.model_copy(update={"data": Path(name), "records_url": ""})
        records = open_records(scratch.database_url)
        known = store_kind(settings) is not None
        with transaction(records) as session:
            if known:
                _copy_manifest(settings, session)
            else:
                sites.seed(session)
        try:
            for path in paths:
                found.files.append(_land(path, records, scratch, told))
            for database in databases:
                found.files.append(_land_pull(database, records, scratch, settings, progress))
            with transaction(records) as session:
                loads = list(
                    session.scalars(select(Load).where(Load.load_id.in_([r.load for r in found.files if r.load])))
                )
                site = sites.read_site(session)
                key = store_key(settings if known else scratch)
                build = Build(Draft(
                    settings=settings, site=site, key=key, folder=Path(name) / "build",
                    current=read_current(settings.warehouse) if known else None, number=0,
                    files=landing.file_infos(session),
                    load_files={
                        load.load_id: load.file_id
                        for load in session.scalars(
                            select(Load).join(LogFile, LogFile.file_id == Load.file_id)
                            .where(Load.state != "refused", LogFile.source != EXPORTS.name)
                        )
                    },
                ), progress)  # fmt: skip
                pieces = landing.pieces(session, scratch, loads)
            try:
                reports = {report.load: report for report in found.files}
                for piece in pieces:
                    tally, report = build.add(piece), reports[piece.load]
                    report.loaded, report.duplicates = tally.loaded, tally.duplicates
                    report.quarantined, report.blank = tally.quarantined, tally.blank
                if any(isinstance(piece, Piece) for piece in pieces):
                    build.build_visits()
                    for report in found.files:
                        move_strays(build, report)
                    _count_strays(build, found)
                _count_set_aside(build, [piece.load for piece in pieces], found)
                # Records of calls have no events, and so no part in what is told of queues and operators.
                _summarise(build, [piece.load for piece in pieces if _has_events(piece)], found)
            finally:
                build.close()
        finally:
            records.dispose()
    return found


def _land(path: Path, records: Engine, scratch: Settings, told: Told) -> FileReport:
    report = FileReport(name=path.name, state="checked")
    try:
        now = datetime.now(UTC).replace(tzinfo=None)
        landed = landing.land(path, records, scratch, name=path.name, now=now, told=told)
    except landing.Refused as refusal:
        return replace(report, state="refused", message=f"{path.name}: rechazado: {refusal}")
    except OSError as error:
        return replace(report, state="refused", message=f"{path.name}: no se puede leer: {error.strerror or error}")
    tell_landed(report, landed, "known")
    return report


def _land_pull(
    database: Database, records: Engine, scratch: Settings, settings: Settings, progress: Progress
) -> FileReport:
    report = FileReport(name=database.name, state="checked")
    # The calls of a connection without a PBX of its own are those of the store's.
    database = database.model_copy(update={"pbx": database.pbx or settings.pbx})
    try:
        now = datetime.now(UTC).replace(tzinfo=None)
        landed = landing.land_pull(database, records, scratch, now=now, raw=settings.raw, progress=progress)
    except landing.Refused as refusal:
        return replace(report, state="refused", message=f"{database.name}: rechazado: {refusal}")
    tell_landed(report, landed, "known")
    return report


def _copy_manifest(settings: Settings, scratch: Session) -> None:
    source = open_records(settings.database_url)
    try:
        with transaction(source) as session:
            rows = [
                type(row)(**{column.key: getattr(row, column.key) for column in inspect(type(row)).columns})
                for model in (LogFile, Load)
                for row in session.scalars(select(model))
            ]
            site = sites.read_site(session)
    finally:
        source.dispose()
    for model in (LogFile, Load):
        scratch.add_all(row for row in rows if isinstance(row, model))
        scratch.flush()
    sites.replace_queues(scratch, site.queues)
    sites.replace_persons(scratch, site.persons)
    sites.replace_parameters(scratch, site.parameters)


def _has_events(piece: Piece | ExportPiece) -> bool:
    return isinstance(piece, Piece) and piece.source.lane is not Lane.RECORDS


def _summarise(build: Build, loads: list[int], found: Checkup) -> None:
    if not loads or not build.draft.months:
        return
    where = f"load IN ({', '.join(map(str, loads))})"
    lines = " UNION ALL ".join(
        f"SELECT epoch, callid, queue, agent, kind, data FROM {month.alias}.raw.queue_log WHERE {where}"
        for month in build.draft.months.values()
    )
    build.draft.run(f"CREATE OR REPLACE TEMP TABLE seen AS {lines}")
    visits = " UNION ALL ".join(
        f"SELECT queue, did, service, entered_epoch FROM {month.alias}.core.queue_visits "
        f"WHERE enter_{where} OR end_{where}"
        for month in build.draft.months.values()
    )
    first, last = build.draft.run("SELECT MIN(epoch), MAX(epoch) FROM seen").fetchall()[0]
    if first is None:
        return
    found.first, found.last = _local(first), _local(last)
    gaps = build.draft.run(
        f"""SELECT before, epoch FROM (SELECT epoch, LAG(epoch) OVER (ORDER BY epoch) AS before FROM seen)
        WHERE epoch - before > {GAP_SECONDS} ORDER BY before"""
    ).fetchall()
    found.gaps = [(_local(before), _local(after)) for before, after in gaps]
    rows = build.draft.run(
        f"""SELECT queue, COUNT(*), STRING_AGG(DISTINCT did, ' ' ORDER BY did), MIN(entered_epoch), MAX(entered_epoch),
            STRING_AGG(DISTINCT service, ' ' ORDER BY service) FROM ({visits}) GROUP BY queue ORDER BY queue"""
    ).fetchall()
    found.queues = [
        QueueSeen(queue, entries, tuple((dids or "").split()), _local(low), _local(high), service)
        for queue, entries, dids, low, high, service in rows
    ]
    found.agents = [
        AgentSeen(agent, connected)
        for agent, connected in build.draft.run(
            "SELECT agent, COUNT(*) FILTER (kind = 2) FROM seen WHERE agent NOT IN ('', 'NONE') "
            "GROUP BY agent ORDER BY agent"
        ).fetchall()
    ]


def _count_set_aside(build: Build, loads: list[int], found: Checkup) -> None:
    """Count the lines of loads that were set aside, by reason."""
    if not loads:
        return
    where = f"load IN ({', '.join(map(str, loads))})"
    for reasons, count in build.draft.run(
        f"SELECT reasons, COUNT(*) FROM loads_db.meta.quarantine WHERE {where} GROUP BY reasons ORDER BY reasons"
    ).fetchall():
        for reason in reasons.split(","):
            found.reasons[reason] = found.reasons.get(reason, 0) + count


def _count_strays(build: Build, found: Checkup) -> None:
    """Count the lines of all loads that turned out to belong to no visit, by reason."""
    loads = ", ".join(str(report.load) for report in found.files if report.load is not None)
    strays = build.draft.run(f"SELECT reason, COUNT(*) FROM strays WHERE load IN ({loads}) GROUP BY reason")
    for reason, count in strays.fetchall():
        found.reasons[reason] = found.reasons.get(reason, 0) + count


def _local(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch + ZONE_OFFSET_SECONDS, UTC).replace(tzinfo=None)
