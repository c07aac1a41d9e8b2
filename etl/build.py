"""The private build of a generation: pieces of logs in, closed and checked segment files out. All heavy work is SQL.

One in-memory DuckDB instance per build, with the segments it writes attached from a folder of its own. Months are
written only where something changes; the others are attached read-only, and only when a callid reaches into them.
"""

import csv
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from etl.faults import reach
from etl.pseudonyms import MARK
from etl.readers.lines import Slab
from etl.records.site import Site
from etl.schema import EventKind, LogSource
from etl.settings import ZONE_OFFSET_SECONDS, Settings
from etl.validate import (
    EVENT_COLUMNS,
    accepted_sql,
    callers_sql,
    events_sql,
    literal,
    read_fields_sql,
    read_lines_sql,
    rejected_sql,
    split_fields_sql,
)
from etl.visits import LogEvent, fold_callids
from etl.warehouse import Generation, Segment, WarehouseError, digest

#: Events of a callid further apart than this belong to different calls (the reach of the models).
REACH_SECONDS = 31 * 86400
_MODELS = Path(__file__).parent / "models"
_COLUMNS = ", ".join(EVENT_COLUMNS)
_FIELDS = "epoch, callid, queue, agent, event, data"
_FETCH_ROWS = 20_000


Progress = Callable[[str, float | None], None]


def no_progress(text: str, share: float | None = None) -> None:
    """Tell nobody. A progress takes a text and, where it is known, the share done (0 to 1) of what is under way."""


class ReconciliationError(Exception):
    """The lines read are not the lines accounted for: the load is taken back."""


class CheckError(Exception):
    """A check of the built tables failed: nothing is published."""


@dataclass(frozen=True)
class LogFileInfo:
    """What the order between files needs: identity, PBX, first and last epoch, and how many lines it has."""

    file: int
    pbx: str
    name: str
    first_epoch: int
    last_epoch: int
    lines: int


@dataclass(frozen=True)
class Piece:
    """One landed piece to load: its slabs of clean lines and what the reader set aside."""

    load: int
    info: LogFileInfo
    source: LogSource
    sha256: str
    first_byte: int
    first_line: int
    lines: int
    held: int
    latest_epoch: int
    slabs: Callable[[Path], Iterator[Slab]]


@dataclass(frozen=True)
class Tally:
    """What became of the lines of a piece; the four numbers after ``lines`` add up to it."""

    load: int
    lines: int
    loaded: int
    duplicates: int
    quarantined: int
    blank: int


@dataclass
class _Month:
    alias: str
    path: Path | None
    writable: bool
    start: int
    end: int
    touched: bool = False


@dataclass
class Build:
    """One build. Use: ``add`` each piece, then ``finish``; ``close`` in any case."""

    settings: Settings
    site: Site
    key: bytes
    folder: Path
    current: Generation | None
    number: int
    files: dict[int, LogFileInfo]
    load_files: dict[int, int]
    anew: bool = False
    progress: Progress = no_progress
    tallies: list[Tally] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = None if self.anew else self.current
        self.from_nothing = self.base is None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(
            ":memory:",
            config={
                "threads": self.settings.threads,
                "memory_limit": self.settings.memory_limit,
                "temp_directory": str(self.folder / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self.run = self.connection.execute
        self.run("SET enable_progress_bar = false")
        self.run("SET checkpoint_threshold = '100GB'")  # a segment is checkpointed once, when it is closed
        self.months: dict[str, _Month] = {}
        self.callers: dict[str, _Month] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.last_epochs: dict[str, int] = dict(self.base.last_epochs) if self.base else {}
        self.new_restarts = False
        self._attach_loads()
        self._make_temporary_tables()

    def close(self) -> None:
        """Close the instance and delete whatever of the build was not published."""
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- lines -------------------------------------------------------------------------------------------------

    def add(self, piece: Piece) -> Tally:
        """Load the lines of a piece. Raises ReconciliationError unless every line read is accounted for."""
        blank = loaded = duplicates = quarantined = steps = read_lines = other_encoding = 0
        least = greatest = None
        order_epoch = self._last_order_epoch(piece)
        reach("load")
        for slab in piece.slabs(self.folder):
            self._insert_rows(
                "loads_db.meta.quarantine", ((piece.load, a.line, a.reason, a.text) for a in slab.set_aside)
            )
            self._parse(piece, slab)
            self.run(f"CREATE OR REPLACE TEMP TABLE slab_callers AS {callers_sql(parsed='parsed', key=self.key)}")
            accepted = accepted_sql(parsed="parsed", callers="slab_callers", first_line=slab.first_line)
            self.run(f"CREATE OR REPLACE TEMP VIEW accepted AS {accepted}")
            read, count, low, high = self._one("SELECT COUNT(*), COUNT(epoch), MIN(epoch), MAX(epoch) FROM parsed")
            set_aside = len(slab.set_aside)
            read_lines += read
            other_encoding += slab.other_encoding
            if read != slab.lines:
                raise ReconciliationError(
                    f"{piece.info.name}: se contaron {slab.lines} líneas y se leyeron {read}; no se cargó nada"
                )
            empty = rejected = 0
            if count + set_aside != slab.lines:
                empty, rejected = self._reject(piece, slab)
            if count + empty + set_aside + rejected != slab.lines:
                raise ReconciliationError(
                    f"{piece.info.name}: {slab.lines} líneas leídas, {count} aceptadas, {empty} en blanco y "
                    f"{set_aside + rejected} observadas no suman; no se cargó nada"
                )
            blank += empty
            quarantined += set_aside + rejected
            if count:
                steps += self._order(order_epoch)
                order_epoch = max(high, order_epoch or high)
                repeated = self._set_duplicates_apart(piece, low, high)
                self._insert_accepted(piece, low, high)
                duplicates += repeated
                loaded += count - repeated
                least = low if least is None else min(least, low)
                greatest = high if greatest is None else max(greatest, high)
            slab.path.unlink(missing_ok=True)
            done = slab.first_line + slab.lines - piece.first_line
            self.progress(f"{piece.info.name}: {done} de {piece.lines} líneas", done / piece.lines)
            self.run("DROP VIEW accepted")
        self.run("DROP TABLE IF EXISTS stage; DROP TABLE IF EXISTS parsed; DROP TABLE IF EXISTS slab_callers; DROP TABLE IF EXISTS ordered_lines")
        tally = Tally(piece.load, piece.lines, loaded, duplicates, quarantined, blank)
        if not tally.lines == read_lines == loaded + duplicates + quarantined + blank:
            raise ReconciliationError(f"{piece.info.name}: las líneas no cuadran ({tally}); no se cargó nada")
        if greatest is not None and least is not None:
            self.last_epochs[piece.info.pbx] = max(greatest, self.last_epochs.get(piece.info.pbx, greatest))
            self._widen(piece.info.file, least, greatest)
        self._insert_rows(
            "loads_db.meta.loads",
            [
                (
                    piece.load, piece.info.file, piece.source.name, piece.info.pbx, piece.info.name, piece.sha256,
                    piece.first_byte, piece.first_line, piece.lines, loaded, duplicates, quarantined, blank, piece.held,
                    other_encoding, steps, piece.info.first_epoch, piece.info.last_epoch, least, greatest,
                    order_epoch,
                )
            ],
        )  # fmt: skip
        self.tallies.append(tally)
        return tally

    def _parse(self, piece: Piece, slab: Slab) -> None:
        """Make "parsed": one row per line of the slab. The quick reading serves all but odd slabs."""

        def parse(fields: str) -> None:
            sql = events_sql(
                piece.source, fields=fields, load=piece.load, latest_epoch=piece.latest_epoch, key=self.key
            )
            self.run(f"CREATE OR REPLACE TEMP TABLE parsed AS {sql}")

        try:
            parse(read_fields_sql(str(slab.path)))
        except duckdb.InvalidInputException:
            parse(split_fields_sql(str(slab.path)))
        else:
            if self._count("parsed") != slab.lines:
                parse(split_fields_sql(str(slab.path)))

    def _reject(self, piece: Piece, slab: Slab) -> tuple[int, int]:
        """Set the lines that were not accepted aside with their reasons; return the blank and the set aside."""
        self.run(f"CREATE OR REPLACE TEMP TABLE stage AS {read_lines_sql(str(slab.path))}")
        sql = rejected_sql(
            piece.source, stage="stage", first_line=slab.first_line, latest_epoch=piece.latest_epoch
        )
        before = self._count("loads_db.meta.quarantine")
        self.run(f"INSERT INTO loads_db.meta.quarantine SELECT {piece.load}, line, reasons, text FROM ({sql})")
        empty: int = self._one("SELECT COUNT(*) FROM stage WHERE line IS NULL OR trim(line) = ''")[0]
        return empty, self._count("loads_db.meta.quarantine") - before

    def _order(self, greatest_before: int | None) -> int:
        """Give the accepted lines their order: the running maximum of the epoch in the file. Return the steps back."""
        before = "SELECT epoch, rowid, LAG(epoch) OVER {0} AS epoch_before, LAG(rowid) OVER {0} AS row_before FROM parsed"
        before += " WHERE epoch IS NOT NULL"
        steps, shuffled = self._one(
            f"SELECT COUNT(*) FILTER (epoch < epoch_before), COUNT(*) FILTER (rowid < row_before) FROM ({before.format('()')})"
        )
        if shuffled:
            steps = self._one(f"SELECT COUNT(*) FROM ({before.format('(ORDER BY rowid)')}) WHERE epoch < epoch_before")[0]
        first: int = self._one("SELECT arg_min(epoch, rowid) FROM parsed WHERE epoch IS NOT NULL")[0]
        starts_back = greatest_before is not None and first < greatest_before
        if steps or starts_back:
            floor = greatest_before if greatest_before is not None else 0
            self._rewrite_accepted(
                f"""SELECT * REPLACE (GREATEST({floor}, MAX(epoch) OVER (
                    ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS order_epoch)
                FROM accepted"""
            )
        return int(steps) + int(starts_back)

    def _rewrite_accepted(self, sql: str) -> None:
        self.run(f"CREATE OR REPLACE TEMP TABLE rewritten AS {sql}")
        self.run("DROP TABLE IF EXISTS ordered_lines; ALTER TABLE rewritten RENAME TO ordered_lines")
        self.run("CREATE OR REPLACE TEMP VIEW accepted AS SELECT * FROM ordered_lines")

    def _last_order_epoch(self, piece: Piece) -> int | None:
        found: int | None = self._one(
            f"SELECT MAX(last_order_epoch) FROM loads_db.meta.loads WHERE file = {piece.info.file}"
        )[0]
        return found

    def _insert_accepted(self, piece: Piece, low: int, high: int) -> None:
        months = list(self._months_between(low, high))
        for month in months:
            within = f"epoch >= {month.start} AND epoch < {month.end}"
            self._write(f"INSERT INTO {month.alias}.raw.queue_log SELECT {_COLUMNS} FROM accepted WHERE {within}")
            self._insert_callers(month, within if len(months) > 1 else "TRUE")
        self._note_changes(piece.info.pbx)

    def _insert_callers(self, month: _Month, within: str) -> None:
        """Keep the clear numbers and names of the accepted lines apart, each once a month."""
        period = _period(month.start)
        is_new = period not in self.callers and not (self.base and self.base.segment("callers", period))
        alias = self._writable(self.callers, "callers", period).alias
        numbers = "clear FROM slab_callers" if within == "TRUE" else f"DISTINCT caller FROM accepted WHERE {within}"
        known = "" if is_new else f"AND clear NOT IN (SELECT clear FROM {alias}.raw.callers)"
        self.run(
            f"""INSERT INTO {alias}.raw.callers SELECT clear FROM (
                SELECT {numbers} UNION SELECT caller_name FROM accepted WHERE caller_name <> '' AND {within}
            ) AS seen(clear) WHERE clear <> '' AND NOT starts_with(clear, {literal(MARK)}) {known}"""
        )

    def _note_changes(self, pbx: str) -> None:
        """Remember what the accepted lines change: their callids, and restarts."""
        restarts = f"FROM accepted WHERE kind = {int(EventKind.RESTART)}"
        if self._one(f"SELECT COUNT(*) {restarts}")[0]:
            self.new_restarts = True
            self.run(
                f"INSERT INTO loads_db.core.restarts SELECT {literal(pbx)}, epoch, order_epoch, load, line {restarts}"
            )
        if not self.from_nothing:
            self.run(
                f"""INSERT INTO changed SELECT DISTINCT {literal(pbx)}, callid FROM accepted WHERE kind < 7
                EXCEPT SELECT pbx, callid FROM changed"""
            )
            low, high = self._one("SELECT MIN(epoch), MAX(epoch) FROM accepted")
            if low is not None:
                self.reach_low = min(self.reach_low, low)
                self.reach_high = max(self.reach_high, high)

    # --- duplicates --------------------------------------------------------------------------------------------

    def _set_duplicates_apart(self, piece: Piece, low: int, high: int) -> int:
        """Take out of ``accepted`` the lines that other files already hold; return how many.

        The multiplicity of a line is the greatest it has in any one file; its canonical file is the first in the order
        of files, so a file that comes later but begins earlier takes the place of the stored line.
        """
        others = [
            span
            for file, span in self.spans.items()
            if file != piece.info.file and self.files[file].pbx == piece.info.pbx and span[0] <= high and low <= span[1]
        ]
        if not others:
            return 0
        start, end = max(low, min(s[0] for s in others)), min(high, max(s[1] for s in others))
        months = [month for month in self._existing_months_between(start, end)]
        if not months:
            return 0
        within = f"epoch BETWEEN {start} AND {end}"
        identity = f"md5(concat_ws(chr(31), {_FIELDS}))"
        columns = f"load, line, epoch, order_epoch, {identity} AS identity"
        stored = " UNION ALL ".join(f"SELECT {columns} FROM {m.alias}.raw.queue_log WHERE {within}" for m in months)
        known = " UNION ALL ".join(
            f"SELECT load, identity FROM {m.alias}.raw.duplicates WHERE {within}" for m in months
        )
        own = piece.info.file
        own_place = self._place(own)
        self.run(
            f"""CREATE OR REPLACE TEMP TABLE repeated AS
            WITH stored AS (
                SELECT s.*, f.file, f.place, ROW_NUMBER() OVER (
                    PARTITION BY identity ORDER BY CASE WHEN f.file = {own} THEN 0 ELSE 1 END, f.place, s.load, s.line
                ) AS k
                FROM ({stored}) AS s JOIN files AS f ON f.load = s.load
                WHERE f.pbx = {literal(piece.info.pbx)}
            ),
            own AS (
                SELECT identity, COUNT(*) AS lines FROM (
                    SELECT identity FROM stored WHERE file = {own}
                    UNION ALL
                    SELECT identity FROM ({known}) AS d JOIN files AS f ON f.load = d.load WHERE f.file = {own}
                ) GROUP BY identity
            ),
            fresh AS (
                SELECT line, epoch, order_epoch, {identity} AS identity,
                    ROW_NUMBER() OVER (PARTITION BY {_FIELDS} ORDER BY line) AS k
                FROM accepted WHERE {within}
            )
            SELECT fresh.line, fresh.epoch, fresh.order_epoch, fresh.identity, stored.load AS stored_load,
                stored.line AS stored_line, stored.order_epoch AS stored_order_epoch,
                stored.place > {own_place} AS takes_over
            FROM fresh
            LEFT JOIN own ON own.identity = fresh.identity
            JOIN stored ON stored.identity = fresh.identity AND stored.k = fresh.k + COALESCE(own.lines, 0)"""
        )
        count, takeovers = self._one("SELECT COUNT(*), COUNT(*) FILTER (takes_over) FROM repeated")
        if not count:
            return 0
        pbx = literal(piece.info.pbx)
        for month in self._months_between(start, end):
            of_month = f"epoch >= {month.start} AND epoch < {month.end}"
            self.run(
                f"""INSERT INTO {month.alias}.raw.duplicates
                SELECT {piece.load}, line, {pbx}, epoch, order_epoch, identity FROM repeated
                WHERE NOT takes_over AND {of_month}
                UNION ALL
                SELECT stored_load, stored_line, {pbx}, epoch, stored_order_epoch, identity FROM repeated
                WHERE takes_over AND {of_month}"""
            )
            if takeovers:
                self.run(
                    f"""DELETE FROM {month.alias}.raw.queue_log AS q USING repeated AS r
                    WHERE r.takes_over AND q.load = r.stored_load AND q.line = r.stored_line"""
                )
        if takeovers:
            self.run(
                """DELETE FROM loads_db.core.restarts AS q USING repeated AS r
                WHERE r.takes_over AND q.load = r.stored_load AND q.line = r.stored_line"""
            )
        self._rewrite_accepted(
            "SELECT * FROM accepted AS a WHERE NOT EXISTS "
            "(SELECT 1 FROM repeated AS r WHERE r.line = a.line AND NOT r.takes_over)"
        )
        return int(count)

    # --- visits ------------------------------------------------------------------------------------------------

    def build_visits(self) -> None:
        """Tell the queue visits of every changed callid anew, settle what waits, and the calls of several visits."""
        self._place_files()
        self._make_scope()
        sql = _model("plain_visits").replace(":long_seconds", str(self.long_seconds))
        # Reading the data column costs: only where there are DID events.
        dids = self._one(f"SELECT COUNT(*) FROM scope WHERE kind = {int(EventKind.DID)}")[0]
        sql = sql.replace(":did_data", "CASE kind WHEN 5 THEN data END" if dids else "CAST(NULL AS VARCHAR)")
        self.run(f"CREATE OR REPLACE TEMP TABLE told AS {sql}")
        self._fold_irregular()
        self._resolve_mapping("SELECT queue, did, agent, entered_epoch FROM told WHERE shape = 'plain' "
                              "UNION ALL SELECT queue, did, agent, entered_epoch FROM folded")
        self._replace_visits()
        self._settle()
        self._chain()
        self._note_coverage()

    def _make_scope(self) -> None:
        """Make "scope": every line of the callids to tell, with its PBX."""
        if self.from_nothing:
            union = " UNION ALL ".join(f"SELECT * FROM {m.alias}.raw.queue_log" for m in self.months.values())
            lines = union or "SELECT * FROM no_lines"
        else:
            self._gather_changed()
            lines = "SELECT * FROM scope_lines"
        servers = {info.pbx for info in self.files.values()}
        if len(servers) == 1:
            sql = f"SELECT {literal(servers.pop())} AS pbx, * FROM ({lines})"
        else:
            sql = f"SELECT f.pbx, q.* FROM ({lines}) AS q JOIN files AS f ON f.load = q.load"
        self.run(f"CREATE OR REPLACE TEMP VIEW scope AS {sql}")

    def _gather_changed(self) -> None:
        """Gather the lines of the changed callids: widen until no month is left that could hold some."""
        low, high = self.reach_low, self.reach_high
        seen: set[str] = set()
        self.run("CREATE OR REPLACE TEMP TABLE scope_lines AS SELECT * FROM no_lines")
        while low <= high:
            near = self._existing_months_between(low - REACH_SECONDS, high + REACH_SECONDS)
            fresh = [month for month in near if month.alias not in seen]
            if not fresh:
                break
            for month in fresh:
                seen.add(month.alias)
                self.run(
                    f"""INSERT INTO scope_lines SELECT q.* FROM {month.alias}.raw.queue_log AS q
                    JOIN files AS f ON f.load = q.load
                    JOIN changed AS c ON c.pbx = f.pbx AND c.callid = q.callid"""
                )
            low, high = self._one(f"SELECT COALESCE(MIN(epoch), {low}), COALESCE(MAX(epoch), {high}) FROM scope_lines")
        self.reach_low, self.reach_high = min(low, self.reach_low), max(high, self.reach_high)

    def _fold_irregular(self) -> None:
        """Fold the callids that one aggregate cannot tell, through a file so that memory stays bounded."""
        names = ("folded", "oddities", "strays")
        paths = {name: self.folder / f"{name}.csv" for name in names}
        query = self.connection.execute(
            """SELECT q.pbx, q.callid, q.epoch, q.order_epoch, q.load, q.line, q.kind, q.queue, q.agent, q.event, q.data,
                q.hold_seconds, q.talk_seconds
            FROM scope AS q
            JOIN told AS t ON t.pbx = q.pbx AND t.callid = q.callid
            JOIN files AS f ON f.load = q.load
            WHERE t.shape = 'irregular' AND q.kind BETWEEN 1 AND 5
            ORDER BY q.pbx, q.callid, q.order_epoch, f.place,
                CASE WHEN f.tied THEN FIRST_VALUE(CASE q.kind WHEN 4 THEN 3 WHEN 5 THEN 0 ELSE q.kind END)
                    OVER (PARTITION BY q.pbx, q.callid, f.file ORDER BY q.line) ELSE 0 END,
                f.file, q.line"""
        )
        with (
            paths["folded"].open("w", encoding="utf-8", newline="") as folded,
            paths["oddities"].open("w", encoding="utf-8", newline="") as oddities,
            paths["strays"].open("w", encoding="utf-8", newline="") as strays,
        ):
            out = {name: csv.writer(file, lineterminator="\n") for name, file in zip(names, (folded, oddities, strays), strict=True)}
            for pbx, callid, visits, odd, stray in fold_callids(_rows(query), long_seconds=self.long_seconds):
                for ordinal, visit in enumerate(visits, start=1):
                    out["folded"].writerow(
                        (
                            pbx, callid, ordinal, int(len(visits) == 1), visit.queue, visit.did, visit.agent,
                            visit.entered_at, int(visit.answered), int(visit.waiting), visit.cause, visit.wait,
                            visit.talk, visit.outcome_event, visit.ended_at, int(visit.reconstructed),
                            *(visit.enter or (None, None)), *(visit.connect or (None, None)),
                            *(visit.end or (None, None)),
                        )
                    )  # fmt: skip
                    place = visit.end or visit.connect or visit.enter or (None, None)
                    for kind in sorted(visit.findings):
                        out["oddities"].writerow((kind, pbx, callid, visit.queue, visit.entered_at, *place))
                for oddity in odd:
                    epoch = min((visit.entered_at for visit in visits), default=0)
                    out["oddities"].writerow((oddity.kind, pbx, callid, oddity.queue, epoch, oddity.load, oddity.line))
                for line in stray:
                    out["strays"].writerow((pbx, callid, 0, line.load, line.line, line.reason))
        for name, columns in (
            ("folded", _FOLDED_COLUMNS),
            ("oddities", "kind VARCHAR, pbx VARCHAR, callid VARCHAR, queue VARCHAR, found_epoch BIGINT, load INTEGER, line INTEGER"),
            ("strays", "pbx VARCHAR, callid VARCHAR, epoch BIGINT, load INTEGER, line INTEGER, reason VARCHAR"),
        ):
            self._read_table(name, paths[name], columns)
        self.run(
            """UPDATE strays SET epoch = q.epoch FROM scope AS q WHERE q.load = strays.load AND q.line = strays.line"""
        )

    def _resolve_mapping(self, sql: str) -> None:
        """Find line and person for every (queue, did, day) and (agent, day) of a relation of visits."""
        day = f"(entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
        numbers = ", ".join(literal(line.number) for line in self.site.lines)
        digits = "regexp_replace({}, '[^0-9]', '', 'g')"
        event_did, rule_did = digits.format("seen.did"), digits.format("rule.did")
        self.run(
            f"""CREATE OR REPLACE TEMP TABLE service_of AS
            WITH seen AS (SELECT DISTINCT queue, did, {day} AS day FROM ({sql})),
            matched AS (
                SELECT seen.queue, seen.did, seen.day, rule.service, ROW_NUMBER() OVER (
                    PARTITION BY seen.queue, seen.did, seen.day
                    ORDER BY CASE WHEN rule.did IS NULL THEN 1 ELSE 0 END, length({rule_did}) DESC, rule.place
                ) AS choice
                FROM seen JOIN queue_rules AS rule
                    ON rule.queue = seen.queue AND seen.day BETWEEN rule.first_day AND rule.last_day
                    AND (rule.did IS NULL OR ({event_did} <> ''
                        AND ({event_did} LIKE '%' || {rule_did} OR {rule_did} LIKE '%' || {event_did})))
            )
            SELECT seen.queue, COALESCE(seen.did, '') AS did, seen.day,
                CASE WHEN matched.service IS NOT NULL THEN matched.service
                    WHEN seen.queue IN ({numbers}) AND seen.queue NOT IN (SELECT queue FROM queue_rules)
                    THEN seen.queue END AS service
            FROM seen LEFT JOIN matched ON matched.queue = seen.queue AND matched.day = seen.day
                AND COALESCE(matched.did, '') = COALESCE(seen.did, '') AND matched.choice = 1"""
        )
        self.run(
            f"""CREATE OR REPLACE TEMP TABLE person_of AS
            SELECT seen.agent, seen.day, MIN(rule.person) AS person
            FROM (SELECT DISTINCT agent, {day} AS day FROM ({sql}) WHERE agent IN (SELECT interface FROM person_rules)) AS seen
            JOIN person_rules AS rule ON rule.interface = seen.agent AND seen.day BETWEEN rule.first_day AND rule.last_day
            GROUP BY seen.agent, seen.day"""
        )

    def _replace_visits(self) -> None:
        """Put the visits told anew in the place of those their callids had."""
        self.run("CREATE OR REPLACE TEMP TABLE unsettled (pbx VARCHAR, callid VARCHAR, ordinal INTEGER, entered_epoch BIGINT, "
                 "last_order_epoch BIGINT, last_load INTEGER, last_line INTEGER)")
        if self._one("SELECT COUNT(*) FROM folded WHERE waits")[0]:
            self.run(
                """INSERT INTO unsettled SELECT pbx, callid, ordinal, entered_epoch, order_epoch, load, line FROM (
                    SELECT v.pbx, v.callid, v.ordinal, v.entered_epoch, q.order_epoch, q.load, q.line, ROW_NUMBER() OVER (
                        PARTITION BY v.pbx, v.callid, v.ordinal ORDER BY q.order_epoch DESC, f.place DESC, q.line DESC
                    ) AS place
                    FROM folded AS v JOIN scope AS q ON q.pbx = v.pbx AND q.callid = v.callid
                    JOIN files AS f ON f.load = q.load
                    WHERE v.waits AND NOT EXISTS (SELECT 1 FROM strays AS s WHERE s.load = q.load AND s.line = q.line)
                ) WHERE place = 1"""
            )
        entered = self._one(
            "SELECT MIN(e), MAX(e) FROM (SELECT MIN(entered_epoch) AS e FROM told WHERE shape = 'plain' UNION ALL "
            "SELECT MAX(entered_epoch) FROM told WHERE shape = 'plain' UNION ALL "
            "SELECT MIN(entered_epoch) FROM folded UNION ALL SELECT MAX(entered_epoch) FROM folded)"
        )
        if not self.from_nothing:
            low = min(entered[0] if entered[0] is not None else self.reach_low, self.reach_low)
            high = max(entered[1] if entered[1] is not None else self.reach_high, self.reach_high)
            for month in list(self._existing_months_between(low - REACH_SECONDS, high + REACH_SECONDS)):
                self._forget_changed(month)
        self._insert_strays()
        if entered[0] is None:
            return
        visits = _model_visits()
        for month in self._months_between(entered[0], entered[1], only_with="SELECT entered_epoch AS epoch FROM told WHERE "
                                          "shape = 'plain' UNION ALL SELECT entered_epoch FROM folded"):
            within = f"entered_epoch >= {month.start} AND entered_epoch < {month.end}"
            self._write(f"INSERT INTO {month.alias}.core.queue_visits {visits.replace(':within', within)}")
            self.run(f"INSERT INTO {month.alias}.core.unsettled_visits SELECT * FROM unsettled WHERE {within}")
            found = within.replace("entered_epoch", "found_epoch")
            self.run(f"INSERT INTO {month.alias}.meta.findings SELECT * FROM oddities WHERE {found}")

    def strays_of(self, load: int) -> int:
        """Return how many lines of a load the fold of this build set aside."""
        return int(self._one(f"SELECT COUNT(*) FROM strays WHERE load = {load}")[0])

    def _insert_strays(self) -> None:
        for (epoch,) in self.run("SELECT DISTINCT epoch FROM strays").fetchall():
            month = self._month_of(epoch)
            self.run(f"INSERT INTO {month.alias}.meta.strays SELECT * FROM strays WHERE epoch = {epoch}")

    def _forget_changed(self, month: _Month) -> None:
        tables = ("core.queue_visits", "core.unsettled_visits", "core.chained_calls", "meta.findings", "meta.strays")
        same = "t.pbx = c.pbx AND t.callid = c.callid"
        held = " + ".join(
            f"(SELECT COUNT(*) FROM {month.alias}.{table} AS t JOIN changed AS c ON {same})" for table in tables
        )
        if self._one(f"SELECT {held}")[0]:
            month = self._month_of(month.start)
            for table in tables:
                self.run(f"DELETE FROM {month.alias}.{table} AS t USING changed AS c WHERE {same}")

    def _settle(self) -> None:
        """Say what every visit without an end stands for, now that the sources' last events may have moved."""
        self.run("CREATE OR REPLACE TEMP TABLE resettled (pbx VARCHAR, callid VARCHAR)")
        self._insert_rows("sources", self.last_epochs.items(), replace=True)
        sql = _model("unsettled").replace(":open_after_seconds", str(self.open_after_seconds))
        for period in sorted(set(self.months) | set(self.base.periods("calls") if self.base else ())):
            segment = self.base.segment("calls", period) if self.base else None
            touched = period in self.months and self.months[period].touched
            if not touched and segment and not segment.open_visits and not (self.new_restarts and segment.unsettled_visits):
                continue
            month = self._readable(period)
            if month is None:
                continue
            self.run(
                f"""CREATE OR REPLACE TEMP TABLE settled AS
                WITH waiting AS (SELECT * FROM {month.alias}.core.unsettled_visits), told AS ({sql})
                SELECT told.* FROM told JOIN {month.alias}.core.queue_visits AS v
                    ON v.pbx = told.pbx AND v.callid = told.callid AND v.ordinal = told.ordinal
                WHERE v.cause IS DISTINCT FROM told.cause OR v.is_open IS DISTINCT FROM told.is_open"""
            )
            if not self._count("settled"):
                continue
            month = self._month_of(month.start)
            self.run(
                f"""UPDATE {month.alias}.core.queue_visits AS v
                SET cause = s.cause, is_open = s.is_open
                FROM settled AS s WHERE v.pbx = s.pbx AND v.callid = s.callid AND v.ordinal = s.ordinal"""
            )
            self.run("INSERT INTO resettled SELECT DISTINCT pbx, callid FROM settled")
            low, high = self._one("SELECT MIN(entered_epoch), MAX(entered_epoch) FROM settled")
            self.reach_low, self.reach_high = min(self.reach_low, low), max(self.reach_high, high)

    def _chain(self) -> None:
        """Build line calls and callers' calls of the callids with several visits that changed."""
        self.run(
            """CREATE OR REPLACE TEMP TABLE to_chain AS
            SELECT pbx, callid FROM folded WHERE NOT alone UNION SELECT pbx, callid FROM resettled"""
        )
        if not self._count("to_chain"):
            return
        low, high = self.reach_low, self.reach_high
        if self.from_nothing:
            near = list(self.months.values())
        else:
            near = list(self._existing_months_between(low - REACH_SECONDS, high + REACH_SECONDS))
        self._chain_months(near)

    def _chain_months(self, near: Sequence[_Month]) -> None:
        same = "t.pbx = c.pbx AND t.callid = c.callid"
        several = " UNION ALL ".join(
            f"SELECT t.* FROM {m.alias}.core.queue_visits AS t JOIN to_chain AS c ON {same} WHERE NOT t.alone" for m in near
        )
        self.run(f"CREATE OR REPLACE TEMP TABLE several AS {several}")
        if not self._count("several"):
            return
        line_calls = _model("line_calls").replace(":chain_gap", str(self.chain_gap))
        self.run(
            f"""CREATE OR REPLACE TEMP TABLE chained AS
            SELECT 'line' AS unit, * FROM ({line_calls}) UNION ALL SELECT 'call', * FROM ({_model("calls")})"""
        )
        for month in near:
            if self._one(f"SELECT COUNT(*) FROM {month.alias}.core.chained_calls AS t JOIN to_chain AS c ON {same}")[0]:
                writable = self._month_of(month.start)
                self.run(f"DELETE FROM {writable.alias}.core.chained_calls AS t USING to_chain AS c WHERE {same}")
        low, high = self._one("SELECT MIN(entered_epoch), MAX(entered_epoch) FROM chained")
        for month in self._months_between(low, high, only_with="SELECT entered_epoch AS epoch FROM chained"):
            self.run(
                f"""INSERT INTO {month.alias}.core.chained_calls
                SELECT unit, pbx, callid, ordinal, service, entered_epoch, {_ENTERED_DATE}, visits, answered, is_open, cause,
                    CASE WHEN wait_seconds >= 0 THEN wait_seconds END, talk_seconds, outcome_event, ended_epoch
                FROM chained WHERE entered_epoch >= {month.start} AND entered_epoch < {month.end}"""
            )

    def _note_coverage(self) -> None:
        """Count, for the months written, the hours the logs cover and the queues they name."""
        local = f"(q.epoch + ({ZONE_OFFSET_SECONDS}))"
        for month in self.months.values():
            if not month.touched:
                continue
            self.run(f"DELETE FROM {month.alias}.core.log_hours; DELETE FROM {month.alias}.core.log_queues")
            self.run(
                f"""INSERT INTO {month.alias}.core.log_hours
                SELECT pbx, make_timestamp(hour * 3600000000), lines FROM (
                    SELECT f.pbx, {local} // 3600 AS hour, COUNT(*) AS lines FROM {month.alias}.raw.queue_log AS q
                    JOIN files AS f ON f.load = q.load GROUP BY f.pbx, {local} // 3600) ORDER BY pbx, hour"""
            )
            self.run(
                f"""INSERT INTO {month.alias}.core.log_queues
                SELECT pbx, CAST(make_timestamp(day * 86400000000) AS DATE), queue, lines FROM (
                    SELECT f.pbx, {local} // 86400 AS day, q.queue, COUNT(*) AS lines FROM {month.alias}.raw.queue_log AS q
                    JOIN files AS f ON f.load = q.load WHERE q.queue <> '' AND q.queue <> 'NONE'
                    GROUP BY f.pbx, {local} // 86400, q.queue) ORDER BY pbx, day, queue"""
            )

    # --- mapping -----------------------------------------------------------------------------------------------

    def remap(self) -> None:
        """Apply the site's mapping as it is now to every month in service, from visits; no log is read again."""
        self._place_files()
        self.run("CREATE OR REPLACE TEMP TABLE folded AS SELECT NULL AS pbx, NULL AS callid, TRUE AS alone LIMIT 0")
        day = f"(entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
        changed_periods = []
        for period in self.base.periods("calls") if self.base else ():
            month = self._readable(period)
            if month is None:
                continue
            self._resolve_mapping(f"SELECT queue, did, agent, entered_epoch FROM {month.alias}.core.queue_visits")
            self.run(
                f"""CREATE OR REPLACE TEMP TABLE remapped AS
                SELECT v.pbx, v.callid, v.ordinal, s.service, p.person FROM {month.alias}.core.queue_visits AS v
                JOIN service_of AS s ON s.queue = v.queue AND s.did = COALESCE(v.did, '') AND s.day = {day}
                LEFT JOIN person_of AS p ON p.agent = v.agent AND p.day = {day}
                WHERE v.service IS DISTINCT FROM s.service OR v.person IS DISTINCT FROM p.person"""
            )
            if not self._count("remapped"):
                continue
            month = self._month_of(month.start)
            self.run(
                f"""UPDATE {month.alias}.core.queue_visits AS v SET service = r.service, person = r.person
                FROM remapped AS r WHERE v.pbx = r.pbx AND v.callid = r.callid AND v.ordinal = r.ordinal"""
            )
            changed_periods.append(period)
            self.run("CREATE TEMP TABLE IF NOT EXISTS resettled (pbx VARCHAR, callid VARCHAR)")
            self.run("INSERT INTO resettled SELECT DISTINCT pbx, callid FROM remapped")
            self.reach_low, self.reach_high = min(self.reach_low, month.start), max(self.reach_high, month.end - 1)
        if changed_periods:
            self._chain()

    # --- checks and finish -------------------------------------------------------------------------------------

    def finish(self, *, code: str, made_at: str) -> tuple[list[Path], Generation]:
        """Check, checkpoint and close the segments; return their files and the generation that names them.

        Raises CheckError naming the check that failed.
        """
        reach("checks")
        for month in self.months.values():
            if month.touched:
                self._check(month)
        reach("checkpoint")
        built: list[Path] = []
        segments: list[Segment] = []
        for subject, months in (("calls", self.months), ("callers", self.callers)):
            for period, month in sorted(months.items()):
                if month.writable and month.path is not None:
                    segments.append(self._close_segment(subject, period, month))
                    built.append(month.path)
        self._write_mapping()
        loads = tuple(row[0] for row in self.run("SELECT load FROM loads_db.meta.loads ORDER BY load").fetchall())
        segments.append(self._close_segment("loads", "all", self.loads))
        if self.loads.path is not None:
            built.append(self.loads.path)
        written = {(segment.subject, segment.period) for segment in segments}
        kept = [s for s in (self.base.segments if self.base else ()) if (s.subject, s.period) not in written]
        self.connection.close()
        generation = Generation(
            number=self.number,
            made_at=made_at,
            code=code,
            mapping=self.site.mapping_digest,
            rules=self.site.build_rules,
            loads=loads,
            segments=tuple(sorted([*kept, *segments], key=lambda s: (s.subject, s.period))),
            last_epochs=self.last_epochs,
        )
        return built, generation

    def _check(self, month: _Month) -> None:
        for severity, name, sql in checks():
            bad = self._one(sql.replace(":segment", month.alias).replace(":start", str(month.start)).replace(":end", str(month.end)))[0]
            if bad and severity == "fail":
                raise CheckError(f"La comprobación «{name}» falló en {_period(month.start)} ({bad} filas): no se publica nada.")

    def _close_segment(self, subject: str, period: str, month: _Month) -> Segment:
        rows: dict[str, int] = {}
        low = high = None
        opened = unsettled = 0
        if subject == "calls":
            for table in ("raw.queue_log", "raw.duplicates", "core.queue_visits", "core.chained_calls", "meta.findings", "meta.strays"):
                rows[table] = self._count(f"{month.alias}.{table}")
            low, high = self._one(f"SELECT MIN(epoch), MAX(epoch) FROM {month.alias}.raw.queue_log")
            opened = self._one(f"SELECT COUNT(*) FROM {month.alias}.core.queue_visits WHERE is_open")[0]
            unsettled = self._count(f"{month.alias}.core.unsettled_visits")
        self.run(f"CHECKPOINT {month.alias}")
        self.run(f"DETACH {month.alias}")
        path = month.path
        if path is None or path.with_name(path.name + ".wal").exists():
            raise WarehouseError(f"{subject}-{period} no se cerró limpiamente: no se publica")
        return Segment(subject, period, path.name, digest(path), path.stat().st_size, rows, low, high, opened, unsettled)

    def _write_mapping(self) -> None:
        self.run("DELETE FROM loads_db.core.queue_lines; DELETE FROM loads_db.core.agent_persons")
        self._insert_rows("loads_db.core.queue_lines", ((r.queue, r.did, r.service, r.valid_from, r.valid_to) for r in self.site.queues))
        self._insert_rows("loads_db.core.agent_persons", ((r.interface, r.person, r.valid_from, r.valid_to) for r in self.site.persons))

    # --- months ------------------------------------------------------------------------------------------------

    def _attach_loads(self) -> None:
        self.loads = self._open_writable("loads", "all", "loads_db", 0, 0)

    def _open_writable(self, subject: str, period: str, alias: str, start: int, end: int) -> _Month:
        """Attach a private, writable copy of a segment in service, or a new one."""
        path = self.folder / f"{subject}-{period}-{self.number}.duckdb"
        base = self.base.segment(subject, period) if self.base else None
        if base is not None:
            shutil.copyfile(self.settings.warehouse / base.file, path)
        # No write-ahead log: a private segment is either closed whole or thrown away.
        self.run(f"ATTACH {literal(str(path))} AS {alias} (RECOVERY_MODE no_wal_writes)")
        if base is None:
            self.run(_model(f"segment_{subject}").replace(":segment", alias))
        return _Month(alias, path, True, start, end, touched=True)

    def _writable(self, months: dict[str, _Month], subject: str, period: str) -> _Month:
        found = months.get(period)
        if found is not None and found.writable:
            found.touched = True
            return found
        if found is not None:
            self.run(f"DETACH {found.alias}")
        start, end = month_span(period)
        months[period] = self._open_writable(subject, period, f"{subject}_{period.replace('-', '_')}", start, end)
        return months[period]

    def _readable(self, period: str) -> _Month | None:
        found = self.months.get(period)
        if found is None and self.base is not None and (segment := self.base.segment("calls", period)):
            start, end = month_span(period)
            alias = f"calls_{period.replace('-', '_')}"
            self.run(f"ATTACH {literal(str(self.settings.warehouse / segment.file))} AS {alias} (READ_ONLY)")
            found = self.months[period] = _Month(alias, None, False, start, end)
        return found

    def _month_of(self, epoch: int) -> _Month:
        return self._writable(self.months, "calls", _period(epoch))

    def _months_between(self, low: int, high: int, *, only_with: str | None = None) -> Iterator[_Month]:
        """Writable months from one epoch to another; with ``only_with`` those that hold an epoch of that relation."""
        for period in _periods(low, high):
            if only_with is not None:
                start, end = month_span(period)
                if not self._one(f"SELECT COUNT(*) FROM ({only_with}) WHERE epoch >= {start} AND epoch < {end}")[0]:
                    continue
            yield self._writable(self.months, "calls", period)

    def _existing_months_between(self, low: int, high: int) -> Iterator[_Month]:
        known = set(self.months) | set(self.base.periods("calls") if self.base else ())
        for period in sorted(known):
            start, end = month_span(period)
            if start <= high and low < end:
                month = self._readable(period)
                if month is not None:
                    yield month

    # --- small things ------------------------------------------------------------------------------------------

    @property
    def long_seconds(self) -> int:
        """Longer durations are kept and listed."""
        return int(float(self.site.parameter("long_hours")) * 3600)

    @property
    def open_after_seconds(self) -> int:
        """A wait without an end is given up when the source went on this long."""
        return int(float(self.site.parameter("open_after_hours")) * 3600)

    @property
    def chain_gap(self) -> int:
        """Seconds between the end of one visit and the entry of the next of one line call."""
        return int(self.site.parameter("chain_gap_seconds"))

    def _make_temporary_tables(self) -> None:
        self.reach_low, self.reach_high = 2**62, -(2**62)
        self.run("CREATE TEMP VIEW restarts AS SELECT * FROM loads_db.core.restarts")
        self.run("CREATE TEMP TABLE changed (pbx VARCHAR, callid VARCHAR)")
        self.run("CREATE TEMP TABLE sources (pbx VARCHAR, last_epoch BIGINT)")
        self.run("CREATE TEMP TABLE files (load INTEGER, file INTEGER, pbx VARCHAR, place INTEGER, tied BOOLEAN)")
        self.run("CREATE TEMP TABLE queue_rules (place INTEGER, queue VARCHAR, did VARCHAR, service VARCHAR, first_day BIGINT, last_day BIGINT)")
        self.run("CREATE TEMP TABLE person_rules (interface VARCHAR, person VARCHAR, first_day BIGINT, last_day BIGINT)")
        self.run(
            """CREATE TEMP TABLE no_lines (load INTEGER, line INTEGER, epoch BIGINT, order_epoch BIGINT, callid VARCHAR,
            queue VARCHAR, agent VARCHAR, event VARCHAR, data VARCHAR, kind UTINYINT, hold_seconds INTEGER,
            talk_seconds INTEGER)"""
        )
        self._insert_rows(
            "queue_rules",
            ((n, r.queue, r.did, r.service, _day(r.valid_from, -(10**9)), _day(r.valid_to, 10**9)) for n, r in enumerate(self.site.queues)),
        )
        self._insert_rows(
            "person_rules",
            ((r.interface, r.person, _day(r.valid_from, -(10**9)), _day(r.valid_to, 10**9)) for r in self.site.persons),
        )
        for file, low, high in self.run(
            "SELECT file, MIN(least_epoch), MAX(greatest_epoch) FROM loads_db.meta.loads WHERE least_epoch IS NOT NULL GROUP BY file"
        ).fetchall():
            self.spans[file] = (low, high)
        self._place_files()

    def _place_files(self) -> None:
        """Number the files in the order that counts: first epoch, last epoch, the longer one first."""
        ordered = sorted(self.files.values(), key=lambda f: (f.first_epoch, f.last_epoch, -f.lines, f.file))
        self.places = {info.file: place for place, info in enumerate(ordered)}
        seconds: dict[tuple[str, int, int], int] = {}
        for info in ordered:
            key = (info.pbx, info.first_epoch, info.last_epoch)
            seconds[key] = seconds.get(key, 0) + 1
        tied = {
            info.file
            for info in ordered
            if info.first_epoch == info.last_epoch and seconds[(info.pbx, info.first_epoch, info.last_epoch)] > 1
        }
        first_of_tie: dict[tuple[str, int, int], int] = {}
        rows = []
        for load, file in self.load_files.items():
            info = self.files[file]
            place = self.places[file]
            if file in tied:
                place = first_of_tie.setdefault((info.pbx, info.first_epoch, info.last_epoch), place)
            rows.append((load, file, info.pbx, place, int(file in tied)))
        self.run("DELETE FROM files")
        self._insert_rows("files", rows)

    def _place(self, file: int) -> int:
        return self.places[file]

    def _widen(self, file: int, low: int, high: int) -> None:
        before = self.spans.get(file, (low, high))
        self.spans[file] = (min(low, before[0]), max(high, before[1]))

    def _insert_rows(self, table: str, rows: Iterable[Sequence[Any]], *, replace: bool = False) -> None:
        """Insert a few rows by literals (bound parameters would import pandas, which costs more than the load)."""
        if replace:
            self.run(f"DELETE FROM {table}")
        batch = [f"({', '.join(_value(value) for value in row)})" for row in rows]
        for at in range(0, len(batch), 500):
            self.run(f"INSERT INTO {table} VALUES {', '.join(batch[at : at + 500])}")

    def _read_table(self, name: str, path: Path, columns: str) -> None:
        names = {column.split()[0]: column.split()[1] for column in columns.split(", ")}
        spec = ", ".join(f"'{column}': '{kind}'" for column, kind in names.items())
        self.run(
            f"""CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM read_csv({literal(str(path))}, delim=',', header=false,
            quote='"', escape='"', auto_detect=false, nullstr='', columns={{{spec}}})"""
        )

    def _write(self, sql: str) -> None:
        """Insert many rows that carry their own order: two threads may write them in any."""
        self.run("SET preserve_insertion_order = false")
        try:
            self.run(sql)
        finally:
            self.run("SET preserve_insertion_order = true")

    def _one(self, sql: str) -> tuple[Any, ...]:
        row = self.run(sql).fetchone()
        if row is None:
            raise WarehouseError("la consulta no dio ninguna fila")
        return tuple(row)

    def _count(self, table: str) -> int:
        return int(self._one(f"SELECT COUNT(*) FROM {table}")[0])


_FOLDED_COLUMNS = (
    "pbx VARCHAR, callid VARCHAR, ordinal INTEGER, alone BOOLEAN, queue VARCHAR, did VARCHAR, agent VARCHAR, "
    "entered_epoch BIGINT, answered BOOLEAN, waits BOOLEAN, cause VARCHAR, wait_seconds INTEGER, talk_seconds INTEGER, "
    "outcome_event VARCHAR, ended_epoch BIGINT, reconstructed BOOLEAN, enter_load INTEGER, enter_line INTEGER, "
    "connect_load INTEGER, connect_line INTEGER, end_load INTEGER, end_line INTEGER"
)
_ENTERED_DATE = f"DATE '1970-01-01' + CAST((entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400 AS INTEGER)"


def _model_visits() -> str:
    """SQL of the visits told anew within a month, plain and folded, with their line and person."""
    day = f"(entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
    causes = " ".join(
        f"WHEN {literal(event.name)} THEN {literal(event.cause)}" for event in _queue_log_events() if event.cause
    )
    return f"""
        SELECT v.pbx, v.callid, v.ordinal, v.alone, v.queue, v.did, v.agent, p.person, s.service,
            v.entered_epoch, {_ENTERED_DATE}, v.answered, v.waits, v.cause, v.wait_seconds, v.talk_seconds, v.outcome_event, v.ended_epoch,
            v.reconstructed, v.enter_load, v.enter_line, v.connect_load, v.connect_line, v.end_load, v.end_line
        FROM (
            SELECT pbx, callid, 1 AS ordinal, TRUE AS alone, queue, did, agent, entered_epoch, answered, FALSE AS waits,
                CASE outcome_event {causes} END AS cause, wait_seconds, talk_seconds, outcome_event, ended_epoch,
                FALSE AS reconstructed, load AS enter_load, enter_line,
                CASE WHEN connect_line IS NOT NULL THEN load END AS connect_load, connect_line, load AS end_load, end_line
            FROM told WHERE shape = 'plain' AND :within
            UNION ALL
            SELECT * FROM folded WHERE :within
        ) AS v
        LEFT JOIN service_of AS s ON s.queue = v.queue AND s.did = COALESCE(v.did, '') AND s.day = {day}
        LEFT JOIN person_of AS p ON p.agent = v.agent AND p.day = {day}"""


def _queue_log_events() -> Iterable[Any]:
    from etl.sources.queue_log import QUEUE_LOG

    return QUEUE_LOG.events


def checks() -> list[tuple[str, str, str]]:
    """Return the checks of ``models/checks.sql``: severity, name, SQL that counts bad rows."""
    found = []
    for block in _model("checks").split("-- check: ")[1:]:
        title, _, sql = block.partition("\n")
        name, _, severity = title.rpartition(" | ")
        found.append((severity.strip(), name.strip(), sql.strip().rstrip(";")))
    return found


def month_span(period: str) -> tuple[int, int]:
    """Return the first epoch of a month of the wall clock of La Paz and the first of the next."""
    year, month = (int(part) for part in period.split("-"))
    following = (year + month // 12, month % 12 + 1)
    return tuple(  # type: ignore[return-value]
        int(datetime(y, m, 1, tzinfo=UTC).timestamp()) - ZONE_OFFSET_SECONDS for y, m in ((year, month), following)
    )


def _period(epoch: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=epoch + ZONE_OFFSET_SECONDS)).strftime("%Y-%m")


def _periods(low: int, high: int) -> Iterator[str]:
    period = _period(low)
    while month_span(period)[0] <= high:
        yield period
        period = _period(month_span(period)[1])


def _day(day: date | None, default: int) -> int:
    return default if day is None else (day - date(1970, 1, 1)).days


def _value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    return literal(str(value))


def _model(name: str) -> str:
    return (_MODELS / f"{name}.sql").read_text(encoding="utf-8")


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[LogEvent]:
    while batch := result.fetchmany(_FETCH_ROWS):
        yield from map(LogEvent._make, batch)
