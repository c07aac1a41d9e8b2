"""What is the matter with the data of a period: files, lines set aside, what nobody mapped, odd lines, sources.

In: a cursor, a generation, the rules, a period, what makes a silence a gap. Out: counts, each exact and told by the
SQL over the readers' views that stands here; nothing is divided. Lines set aside have no instant that could be trusted:
they belong to every period that their load touches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from etl.schema import LogSource
from etl.views import ODD_LINES, months_between
from etl.warehouse import Generation
from reports.completeness import Completeness, completeness
from reports.coverage import Coverage, State, read_coverage
from reports.definition import Period
from reports.freshness import Freshness, freshness
from reports.limits import BY_NAME, epochs, lines_by_source
from reports.measured import local_time
from reports.rules import Rules

#: Of which loads a period tells: those with lines in it, and those whose every line was set aside.
TOUCHES = (
    "(({p}least_epoch < {until} AND {p}greatest_epoch >= {since}) OR ({p}least_epoch IS NULL AND {p}quarantined > 0))"
)
PIECES_SQL = """
-- One row per load of the period, as it was read.
SELECT load, file, source, pbx, name, lines, loaded, duplicates, quarantined, blank, held, other_encoding, clock_steps,
    least_epoch, greatest_epoch
FROM meta.pieces
WHERE {touches}
ORDER BY load
"""
# What the build found only among the calls: a stray is set aside, what a better source tells is laid aside.
MOVED_SQL = """
-- One row per load with lines that moved.
SELECT load, COUNT(*) AS lines
FROM {table}
GROUP BY load
"""
REASONS_SQL = """
-- One row per reason of lines set aside; a line of two reasons is in both.
SELECT reason, COUNT(*) AS lines
FROM (
    SELECT UNNEST(string_split(reasons, ',')) AS reason
    FROM meta.rejected
    WHERE load IN (SELECT load FROM meta.pieces WHERE {touches})
    UNION ALL
    SELECT reason
    FROM {strays}
    WHERE load IN (SELECT load FROM meta.pieces WHERE {touches})
)
GROUP BY reason
ORDER BY lines DESC, reason
"""
VISITS_SQL = """
-- One row: the visits of the period that are odd in some way.
SELECT
    COUNT(*) FILTER (WHERE reconstructed) AS reconstructed,
    COUNT(*) FILTER (WHERE cause = 'unknown') AS endless,
    COUNT(*) FILTER (WHERE answered AND ended_epoch IS NULL) AS unended_talk,
    COUNT(*) FILTER (WHERE answered AND wait_seconds IS NULL) AS unknown_wait,
    COUNT(*) FILTER (WHERE is_open) AS open
FROM {visits}
WHERE entered_date BETWEEN ? AND ?
"""
QUEUES_SQL = """
-- One row per queue without a line, DID and hour of entry: visits, first and last day.
SELECT queue, COALESCE(did, '') AS did, entered_hour, COUNT(*) AS visits, MIN(entered_date), MAX(entered_date)
FROM {visits}
WHERE service IS NULL AND entered_date BETWEEN ? AND ?
GROUP BY queue, COALESCE(did, ''), entered_hour
"""
AGENTS_SQL = """
-- One row per interface of nobody and hour of entry: answered visits, first and last day.
SELECT agent, '' AS did, entered_hour, COUNT(*) AS visits, MIN(entered_date), MAX(entered_date)
FROM {visits}
WHERE agent IS NOT NULL AND person IS NULL AND entered_date BETWEEN ? AND ?
GROUP BY agent, entered_hour
"""
FINDINGS_SQL = """
-- One row per kind of finding.
SELECT kind, COUNT(*) AS findings
FROM {findings}
WHERE found_epoch >= ? AND found_epoch < ?
GROUP BY kind
"""
CLOCK_SQL = """
-- One row: lines whose clock is behind an earlier line of their file, and the most seconds that it is.
SELECT COUNT(*) AS lines, MAX(order_epoch - epoch) AS most
FROM {odd}
WHERE order_epoch <> epoch AND epoch >= ? AND epoch < ?
"""
UNKNOWN_EVENTS_SQL = """
-- One row per event that no source knows: lines, the first of them.
SELECT other_event, COUNT(*) AS lines, ARG_MIN(struct_pack(load := load, line := line), (epoch, load, line)) AS sample
FROM {odd}
WHERE other_event IS NOT NULL AND epoch >= ? AND epoch < ?
GROUP BY other_event
ORDER BY lines DESC, other_event
"""
RESTARTS_SQL = """
-- One row: restarts of a PBX.
SELECT COUNT(*) FROM core.restarts WHERE epoch >= ? AND epoch < ?
"""
NEWEST_SQL = """
-- One row per PBX and source: its last event, over all that is loaded.
SELECT pbx, source, MAX(greatest_epoch) AS last_epoch
FROM meta.pieces
GROUP BY pbx, source
ORDER BY pbx, source
"""


@dataclass(frozen=True)
class LoadedFile:
    """One file or table with lines in the period: all its pieces together, whole, whatever of them lies outside.

    `lines` read are the sum of loaded, duplicates (another file holds them too), laid_aside (a better source tells
    them), set_aside and blank; `held` waits for its end. Instants are of La Paz, None where no line has any.
    """

    source: str
    pbx: str
    name: str
    loads: tuple[int, int]
    pieces: int
    first: datetime | None
    last: datetime | None
    lines: int
    loaded: int
    duplicates: int
    laid_aside: int
    set_aside: int
    blank: int
    held: int
    other_encoding: int
    clock_steps: int


@dataclass(frozen=True)
class Unmapped:
    """A queue without a line, or an interface of nobody: its visits, DIDs, days, and visits by hour of the day."""

    name: str
    visits: int
    dids: tuple[str, ...]
    first: date
    last: date
    hours: tuple[int, ...]


@dataclass(frozen=True)
class UnknownEvent:
    """An event that no source knows: how many lines, and the file and line of the first."""

    event: str
    lines: int
    file: str
    line: int


@dataclass(frozen=True)
class SourceSeen:
    """What one source told of a PBX: its last event; with its lines counted in the period, over all PBXs."""

    name: str
    pbx: str
    last: datetime | None
    lines: int

    @property
    def source(self) -> LogSource | None:
        """Its declaration; None of a source that this version does not know."""
        return BY_NAME.get(self.name)


@dataclass(frozen=True)
class Quality:
    """Everything the page tells of a period. `findings` are counts by kind (``reports.odd_lines``)."""

    period: Period
    fresh: Freshness
    coverage: tuple[Coverage, ...]
    on_record: Completeness
    files: tuple[LoadedFile, ...]
    reasons: tuple[tuple[str, int], ...]
    queues: tuple[Unmapped, ...]
    interfaces: tuple[Unmapped, ...]
    findings: Mapping[str, int]
    clock_behind_most: int
    events: tuple[UnknownEvent, ...]
    sources: tuple[SourceSeen, ...]

    @property
    def set_aside(self) -> int:
        """Lines set aside in the loads of the period."""
        return sum(file.set_aside for file in self.files)

    @property
    def missing_hours(self) -> int:
        """Hours of the period that lack their log, over all PBXs."""
        return sum(each.hours(State.MISSING) for each in self.coverage)


def touches(period: Period, prefix: str = "") -> str:
    """Return the SQL condition for the loads of a period."""
    since, until = epochs(period)
    return TOUCHES.format(p=prefix, since=since, until=until)


def read_quality(
    cursor: duckdb.DuckDBPyConnection,
    generation: Generation,
    rules: Rules,
    period: Period,
    *,
    gap_lines: int,
    now: datetime | None,
) -> Quality:
    """Read everything of a period; `now` is the time it is, None where nothing can be late (invented data)."""
    visits = months_between(cursor, "core.queue_visits", period.first, period.last)
    days = [period.first, period.last]
    files = read_files(cursor, period)
    findings, most = _findings(cursor, period, visits)
    events = _unknown_events(cursor, period)
    findings["unknown_event"] = sum(event.lines for event in events)
    return Quality(
        period=period,
        fresh=freshness(generation, now),
        coverage=read_coverage(cursor, period, gap_lines),
        on_record=completeness(cursor, rules, period),
        files=files,
        reasons=read_reasons(cursor, period),
        queues=_unmapped(cursor.execute(QUEUES_SQL.format(visits=visits), days).fetchall()),
        interfaces=_unmapped(cursor.execute(AGENTS_SQL.format(visits=visits), days).fetchall()),
        findings=findings,
        clock_behind_most=most,
        events=events,
        sources=_sources(cursor, period),
    )


def read_files(cursor: duckdb.DuckDBPyConnection, period: Period) -> tuple[LoadedFile, ...]:
    """Read the files with lines in a period, the newest first; a growing file is one, however many its pieces."""
    pieces = cursor.execute(PIECES_SQL.format(touches=touches(period))).fetchall()
    spans = [piece[-2:] for piece in pieces if piece[-1] is not None]
    strays, laid = (_moved(cursor, table, spans) for table in ("meta.strays", "raw.overlaid"))
    by_file: dict[int, list[tuple[int, ...]]] = {}
    for piece in pieces:
        by_file.setdefault(piece[1], []).append(piece)
    files = []
    for own in by_file.values():
        loads = [int(piece[0]) for piece in own]
        lines, loaded, duplicates, aside, blank, held, encoding, steps = (
            sum(int(piece[place] or 0) for piece in own) for place in range(5, 13)
        )
        stray, overlaid = (sum(found.get(load, 0) for load in loads) for found in (strays, laid))
        _, _, source, pbx, name = own[-1][:5]
        files.append(
            LoadedFile(
                str(source), str(pbx), str(name), (loads[0], loads[-1]), len(own),
                _local(min((piece[13] for piece in own if piece[13] is not None), default=None)),
                _local(max((piece[14] for piece in own if piece[14] is not None), default=None)),
                lines, loaded - stray - overlaid, duplicates, overlaid, aside + stray, blank, held, encoding, steps,
            )
        )  # fmt: skip
    return tuple(sorted(files, key=lambda file: -file.loads[1]))


def read_reasons(cursor: duckdb.DuckDBPyConnection, period: Period) -> tuple[tuple[str, int], ...]:
    """Count the lines set aside in the loads of a period by the code of their reason, the most first."""
    strays = strays_of(cursor, period)
    sql = REASONS_SQL.format(touches=touches(period), strays=strays)
    return tuple((str(reason), int(lines)) for reason, lines in cursor.execute(sql).fetchall())


def strays_of(cursor: duckdb.DuckDBPyConnection, period: Period) -> str:
    """Return what stands behind FROM for the strays of the loads of a period, wherever in time those reach."""
    found = cursor.execute(
        f"SELECT MIN(least_epoch), MAX(greatest_epoch) FROM meta.pieces WHERE {touches(period)}"
    ).fetchall()
    low, high = (_local(epoch) for epoch in found[0])
    first, last = (low.date(), high.date()) if low and high else (period.first, period.last)
    return months_between(cursor, "meta.strays", first, last)


def _moved(cursor: duckdb.DuckDBPyConnection, table: str, spans: list[tuple[int, ...]]) -> dict[int, int]:
    """Count the lines of each load in a table of the months that loads span."""
    if not spans:
        return {}
    low, high = _local(min(span[0] for span in spans)), _local(max(span[1] for span in spans))
    assert low is not None and high is not None
    source = months_between(cursor, table, low.date(), high.date())
    return dict(cursor.execute(MOVED_SQL.format(table=source)).fetchall())


def _findings(cursor: duckdb.DuckDBPyConnection, period: Period, visits: str) -> tuple[dict[str, int], int]:
    """Return the counts by kind, and by how many seconds a clock was behind at most."""
    days, instants = [period.first, period.last], list(epochs(period))
    kinds = months_between(cursor, "meta.findings", period.first, period.last)
    found = {str(kind): int(n) for kind, n in cursor.execute(FINDINGS_SQL.format(findings=kinds), instants).fetchall()}
    names = ("reconstructed", "endless", "unended_talk", "unknown_wait", "open")
    (counts,) = cursor.execute(VISITS_SQL.format(visits=visits), days).fetchall()
    found |= {name: int(number) for name, number in zip(names, counts, strict=True)}
    odd = months_between(cursor, ODD_LINES, period.first, period.last)
    ((behind, most),) = cursor.execute(CLOCK_SQL.format(odd=odd), instants).fetchall()
    ((restarts,),) = cursor.execute(RESTARTS_SQL, instants).fetchall()
    return {**found, "clock_behind": int(behind), "restart": int(restarts)}, int(most or 0)


def _unknown_events(cursor: duckdb.DuckDBPyConnection, period: Period) -> tuple[UnknownEvent, ...]:
    odd = months_between(cursor, ODD_LINES, period.first, period.last)
    rows = cursor.execute(UNKNOWN_EVENTS_SQL.format(odd=odd), list(epochs(period))).fetchall()
    if not rows:
        return ()
    names = dict(cursor.execute("SELECT load, name FROM meta.pieces").fetchall())
    return tuple(
        UnknownEvent(str(event), int(lines), str(names.get(sample["load"], "")), int(sample["line"]))
        for event, lines, sample in rows
    )


def _unmapped(rows: list[tuple[str, str, int, int, date, date]]) -> tuple[Unmapped, ...]:
    parts: dict[str, list[tuple[str, str, int, int, date, date]]] = {}
    for row in rows:
        parts.setdefault(row[0], []).append(row)
    found = []
    for name, own in parts.items():
        hours = [0] * 24
        for _, _, hour, visits, _, _ in own:
            hours[hour] += visits
        dids = tuple(sorted({did for _, did, *_ in own if did}))
        first, last = min(row[4] for row in own), max(row[5] for row in own)
        found.append(Unmapped(name, sum(hours), dids, first, last, tuple(hours)))
    return tuple(sorted(found, key=lambda each: (-each.visits, each.name)))


def _sources(cursor: duckdb.DuckDBPyConnection, period: Period) -> tuple[SourceSeen, ...]:
    counted = lines_by_source(cursor, period)
    return tuple(
        SourceSeen(str(name), str(pbx), _local(last), counted.get(name, 0))
        for pbx, name, last in cursor.execute(NEWEST_SQL).fetchall()
    )


def _local(epoch: int | None) -> datetime | None:
    return None if epoch is None else local_time(datetime.fromtimestamp(epoch, UTC))
