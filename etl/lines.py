"""Lines of logs into a draft: parsed, judged, put in order, duplicates and clear callers set apart."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from etl.draft import Draft, LogFileInfo, Month
from etl.faults import reach
from etl.months import period_of
from etl.pseudonyms import MARK
from etl.readers.lines import FIELD_OF_NO_LOG, Slab, ahead
from etl.schema import EventKind, LogSource
from etl.sources import QUEUE_LOG
from etl.validate import (
    EVENT_COLUMNS,
    accepted_sql,
    events_sql,
    literal,
    read_fields_sql,
    read_lines_sql,
    rejected_sql,
    split_fields_sql,
)

_COLUMNS = ", ".join(EVENT_COLUMNS)
#: The callids that are no call's, as SQL: every month has lines of theirs, none of which tells a visit.
NO_CALLS = ", ".join(map(literal, QUEUE_LOG.system_callids))
#: Over a longer span it is asked which months lines fall into.
_LONG_SECONDS = 100 * 86400
_FIELDS = "epoch, callid, queue, agent, COALESCE(CAST(event AS VARCHAR), other_event), data"
Progress = Callable[[str, float | None], None]


def no_progress(text: str, share: float | None = None) -> None:
    """Tell nobody. A progress takes a text and, where it is known, the share done (0 to 1) of what is under way."""


class Cancelled(Exception):
    """Whoever asked for the work wants it no longer: raised by a progress, and everything is as before."""


class ReconciliationError(Exception):
    """The lines read are not the lines accounted for: the load is taken back."""


@dataclass(frozen=True)
class Piece:
    """One landed piece to load: its slabs of clean lines and what the reader set aside.

    Of a table, ``row_ids`` tells the ids of rows by their line numbers; ``utc_offset`` is how far ahead of UTC the
    clock of its lines is, where they do not tell epochs.
    """

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
    row_ids: Callable[[Path, Collection[int]], dict[int, str]] | None = None
    utc_offset: int = 0


@dataclass(frozen=True)
class Tally:
    """What became of the lines of a piece; the four numbers after ``lines`` add up to it."""

    load: int
    lines: int
    loaded: int
    duplicates: int
    quarantined: int
    blank: int


def keep_callers(draft: Draft, period: str, clear: str) -> None:
    """Keep clear numbers and names, a relation of one column, apart from all else, each once a month."""
    is_new = period not in draft.callers and not (draft.base and draft.base.segment("callers", period))
    alias = draft.writable(draft.callers, "callers", period).alias
    known = "" if is_new else f"AND clear NOT IN (SELECT clear FROM {alias}.raw.callers)"
    draft.run(
        f"""INSERT INTO {alias}.raw.callers SELECT clear FROM ({clear}) AS seen(clear)
        WHERE NOT starts_with(clear, {literal(MARK)}) {known}"""
    )


@dataclass
class LineLoader:
    """Loads pieces into a draft, one after another in the order of their files."""

    draft: Draft
    progress: Progress = no_progress
    tallies: list[Tally] = field(default_factory=list)

    def add(self, piece: Piece) -> Tally:
        """Load the lines of a piece. Raises ReconciliationError unless every line read is accounted for."""
        blank = loaded = duplicates = quarantined = steps = read_lines = other_encoding = 0
        lines_a_row = piece.source.lines_a_row
        least = greatest = None
        order_epoch = self._last_order_epoch(piece)
        is_forgotten = piece.load in self.draft.forgotten
        reach("load")
        for slab in ahead(piece.slabs(self.draft.folder)):
            self.draft.insert_rows(
                "loads_db.meta.quarantine",
                ((piece.load, a.line, a.reason, None if is_forgotten else a.text) for a in slab.set_aside),
            )
            self._parse(piece, slab)
            accepted = accepted_sql(parsed="parsed", load=piece.load, first_line=slab.first_line)
            self.draft.run(f"CREATE OR REPLACE VIEW accepted AS {accepted}")
            read, count, low, high = self.draft.one("SELECT COUNT(*), COUNT(epoch), MIN(epoch), MAX(epoch) FROM parsed")
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
            blank += empty if lines_a_row == 1 else slab.blank_rows
            quarantined += set_aside + rejected
            if count:
                # The rows of an export stand in any order, and each tells one call.
                steps += self._order(order_epoch) if lines_a_row == 1 else 0
                order_epoch = max(high, order_epoch or high)
                repeated = self._set_duplicates_apart(piece, low, high)
                self._insert_accepted(piece, low, high)
                if lines_a_row > 1:
                    count, repeated = self._rows_of(repeated, lines_a_row)
                duplicates += repeated
                loaded += count - repeated
                least = low if least is None else min(least, low)
                greatest = high if greatest is None else max(greatest, high)
            done = (slab.first_line + slab.lines - piece.first_line) // lines_a_row
            self.progress(f"{piece.info.name}: {done} de {piece.lines} líneas", done / piece.lines)
            self.draft.run("DROP VIEW accepted")
        self.draft.run("DROP TABLE IF EXISTS stage; DROP TABLE IF EXISTS parsed; DROP TABLE IF EXISTS ordered_lines")
        if quarantined and piece.row_ids is not None and not is_forgotten:
            self._name_rows(piece, piece.row_ids)
        if lines_a_row > 1:
            read_lines //= lines_a_row
        tally = Tally(piece.load, piece.lines, loaded, duplicates, quarantined, blank)
        if not tally.lines == read_lines == loaded + duplicates + quarantined + blank:
            raise ReconciliationError(f"{piece.info.name}: las líneas no cuadran ({tally}); no se cargó nada")
        if greatest is not None and least is not None:
            self.draft.last_epochs[piece.info.pbx] = max(greatest, self.draft.last_epochs.get(piece.info.pbx, greatest))
            self.draft.widen(piece.info.file, least, greatest)
        self.draft.insert_rows(
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
            sql = events_sql(piece.source, fields=fields, latest_epoch=piece.latest_epoch, key=self.draft.key)
            self.draft.run(f"CREATE OR REPLACE TABLE parsed AS {sql}")

        threads = self.draft.settings.threads
        try:
            parse(read_fields_sql(slab.path, threads))
        except duckdb.InvalidInputException:
            parse(split_fields_sql(slab.path, threads))
        else:
            if self.draft.count("parsed") != slab.lines:
                parse(split_fields_sql(slab.path, threads))

    def _rows_of(self, repeated: int, lines_a_row: int) -> tuple[int, int]:
        """Return how many rows the accepted lines of a slab stand for, and how many of them are known."""
        first = f"%s %% {lines_a_row} = 0"
        (rows,) = self.draft.one(f"SELECT COUNT(*) FROM parsed WHERE epoch IS NOT NULL AND {first % 'rowid'}")
        if not repeated:
            return int(rows), 0
        (known,) = self.draft.one(f"SELECT COUNT(*) FROM repeated WHERE {first % '(line - 1)'}")
        return int(rows), int(known)

    def _reject(self, piece: Piece, slab: Slab) -> tuple[int, int]:
        """Set the lines that were not accepted aside with their reasons; return the blank and the set aside."""
        self.draft.run(f"CREATE OR REPLACE TABLE stage AS {read_lines_sql(slab.path, self.draft.settings.threads)}")
        sql = rejected_sql(piece.source, stage="stage", first_line=slab.first_line, latest_epoch=piece.latest_epoch)
        before = self.draft.count("loads_db.meta.quarantine")
        text = "NULL" if piece.load in self.draft.forgotten else "text"
        self.draft.run(f"INSERT INTO loads_db.meta.quarantine SELECT {piece.load}, line, reasons, {text} FROM ({sql})")
        empty: int = self.draft.one("SELECT COUNT(*) FROM stage WHERE line IS NULL OR trim(line) = ''")[0]
        return empty, self.draft.count("loads_db.meta.quarantine") - before

    def _name_rows(self, piece: Piece, row_ids: Callable[[Path, Collection[int]], dict[int, str]]) -> None:
        """Put the id of a table's row behind the text of each line set aside, and what no line can hold between."""
        where = f"FROM loads_db.meta.quarantine WHERE load = {piece.load}"
        lines = [int(line) for (line,) in self.draft.run(f"SELECT line {where}").fetchall()]
        for line, row_id in row_ids(self.draft.folder, lines).items():
            self.draft.run(
                f"UPDATE loads_db.meta.quarantine SET text = text || {literal(FIELD_OF_NO_LOG + row_id)} "
                f"WHERE load = {piece.load} AND line = {line}"
            )

    def _order(self, greatest_before: int | None) -> int:
        """Give the accepted lines their order: the running maximum of the epoch in the file. Return the steps back."""
        before = (
            "SELECT epoch, rowid, LAG(epoch) OVER {0} AS epoch_before, LAG(rowid) OVER {0} AS row_before FROM parsed"
        )
        before += " WHERE epoch IS NOT NULL"
        steps, shuffled = self.draft.one(
            "SELECT COUNT(*) FILTER (epoch < epoch_before), COUNT(*) FILTER (rowid < row_before) "
            f"FROM ({before.format('()')})"
        )
        if shuffled:
            steps = self.draft.one(
                f"SELECT COUNT(*) FROM ({before.format('(ORDER BY rowid)')}) WHERE epoch < epoch_before"
            )[0]
        first: int = self.draft.one("SELECT arg_min(epoch, rowid) FROM parsed WHERE epoch IS NOT NULL")[0]
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
        self.draft.run(f"CREATE OR REPLACE TABLE rewritten AS {sql}")
        self.draft.run("DROP TABLE IF EXISTS ordered_lines; ALTER TABLE rewritten RENAME TO ordered_lines")
        self.draft.run("CREATE OR REPLACE VIEW accepted AS SELECT * FROM ordered_lines")

    def _last_order_epoch(self, piece: Piece) -> int | None:
        found: int | None = self.draft.one(
            f"SELECT MAX(last_order_epoch) FROM loads_db.meta.loads WHERE file = {piece.info.file}"
        )[0]
        return found

    def _insert_accepted(self, piece: Piece, low: int, high: int) -> None:
        # One line of a wrong year must not make segments of all the months between.
        is_long = high - low > _LONG_SECONDS
        months = list(self.draft.months_between(low, high, only_with="SELECT epoch FROM accepted" if is_long else None))
        for month in months:
            within = f"epoch >= {month.start} AND epoch < {month.end}"
            self.draft.write(f"INSERT INTO {month.alias}.raw.queue_log SELECT {_COLUMNS} FROM accepted WHERE {within}")
            self._insert_callers(month, within if len(months) > 1 else "TRUE")
        self._note_changes(piece.info.pbx)

    def _insert_callers(self, month: Month, within: str) -> None:
        """Keep the clear numbers and names of the accepted lines apart, each once a month."""
        keep_callers(
            self.draft,
            period_of(month.start),
            f"""SELECT caller FROM accepted WHERE caller <> '' AND {within}
            UNION SELECT caller_name FROM accepted WHERE caller_name <> '' AND {within}""",
        )

    def _note_changes(self, pbx: str) -> None:
        """Remember what the accepted lines change: their callids, and restarts."""
        restarts = f"FROM accepted WHERE kind = {int(EventKind.RESTART)}"
        if self.draft.one(f"SELECT COUNT(*) {restarts}")[0]:
            self.draft.new_restarts = True
            self.draft.run(
                f"INSERT INTO loads_db.core.restarts SELECT {literal(pbx)}, epoch, order_epoch, load, line {restarts}"
            )
        if not self.draft.from_nothing:
            self.draft.run(
                f"""INSERT INTO changed SELECT DISTINCT {literal(pbx)}, callid FROM accepted
                WHERE kind < 7 AND callid NOT IN ({NO_CALLS}) EXCEPT SELECT pbx, callid FROM changed"""
            )
            low, high = self.draft.one("SELECT MIN(epoch), MAX(epoch) FROM accepted")
            if low is not None:
                self.draft.reach_low = min(self.draft.reach_low, low)
                self.draft.reach_high = max(self.draft.reach_high, high)

    def _set_duplicates_apart(self, piece: Piece, low: int, high: int) -> int:
        """Take out of ``accepted`` the lines that other files of the same rank already hold; return how many.

        The multiplicity of a line is the greatest it has in any one file; its canonical file is the first in the order
        of files, so a file that comes later but begins earlier takes the place of the stored line.
        """
        others = [
            span
            for file, span in self.draft.spans.items()
            if file != piece.info.file
            and self.draft.files[file].pbx == piece.info.pbx
            and self.draft.files[file].rank == piece.info.rank
            and span[0] <= high
            and low <= span[1]
        ]
        if not others:
            return 0
        start, end = max(low, min(s[0] for s in others)), min(high, max(s[1] for s in others))
        months = [month for month in self.draft.existing_months_between(start, end)]
        if not months:
            return 0
        within = f"epoch BETWEEN {start} AND {end}"
        identity = f"md5(concat_ws(chr(31), {_FIELDS}))"
        columns = f"load, line, epoch, order_epoch, {identity} AS identity"
        # A line that another source tells better is known all the same.
        tables = ("raw.queue_log", "raw.overlaid") if piece.info.rank else ("raw.queue_log",)
        stored = " UNION ALL ".join(
            f"SELECT {columns} FROM {m.alias}.{table} WHERE {within}" for m in months for table in tables
        )
        known = " UNION ALL ".join(
            f"SELECT load, identity FROM {m.alias}.raw.duplicates WHERE {within}" for m in months
        )
        own = piece.info.file
        own_place = self.draft.place_of(own)
        self.draft.run(
            f"""CREATE OR REPLACE TABLE repeated AS
            WITH stored AS (
                SELECT s.*, f.file, f.place, ROW_NUMBER() OVER (
                    PARTITION BY identity ORDER BY CASE WHEN f.file = {own} THEN 0 ELSE 1 END, f.place, s.load, s.line
                ) AS k
                FROM ({stored}) AS s JOIN files AS f ON f.load = s.load
                WHERE f.pbx = {literal(piece.info.pbx)} AND f.rank = {piece.info.rank}
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
        count, takeovers = self.draft.one("SELECT COUNT(*), COUNT(*) FILTER (takes_over) FROM repeated")
        if not count:
            return 0
        pbx = literal(piece.info.pbx)
        is_long = end - start > _LONG_SECONDS
        for month in self.draft.months_between(start, end, only_with="SELECT epoch FROM repeated" if is_long else None):
            of_month = f"epoch >= {month.start} AND epoch < {month.end}"
            self.draft.run(
                f"""INSERT INTO {month.alias}.raw.duplicates
                SELECT {piece.load}, line, {pbx}, epoch, order_epoch, identity FROM repeated
                WHERE NOT takes_over AND {of_month}
                UNION ALL
                SELECT stored_load, stored_line, {pbx}, epoch, stored_order_epoch, identity FROM repeated
                WHERE takes_over AND {of_month}"""
            )
            if takeovers:
                for table in tables:
                    self.draft.run(
                        f"""DELETE FROM {month.alias}.{table} AS q USING repeated AS r
                        WHERE r.takes_over AND q.load = r.stored_load AND q.line = r.stored_line"""
                    )
        if takeovers:
            self.draft.run(
                """DELETE FROM loads_db.core.restarts AS q USING repeated AS r
                WHERE r.takes_over AND q.load = r.stored_load AND q.line = r.stored_line"""
            )
        self._rewrite_accepted(
            "SELECT * FROM accepted AS a WHERE NOT EXISTS "
            "(SELECT 1 FROM repeated AS r WHERE r.line = a.line AND NOT r.takes_over)"
        )
        return int(count)
