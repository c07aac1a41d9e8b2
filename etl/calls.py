"""Queue visits, line calls and callers' calls of a draft, told from its lines. All heavy work is SQL.

Plain callids are told by one aggregate, the few others by the ordered fold of ``etl.visits``.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import duckdb

from etl.call_facts import caller_key_sql, end_place_sql, line_facts_sql, place_sql, ring_sql, visit_facts_sql
from etl.draft import Draft, Month
from etl.model import model
from etl.schema import EventKind
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import QUEUE_LOG
from etl.validate import literal
from etl.visits import REACH_SECONDS, LogEvent, fold_callids

#: Stands for no value in what the fold writes: a queue's name may be empty.
_NULL = "\x02"
_FETCH_ROWS = 20_000
_FOLD_TABLES = {
    "folded": (
        "pbx VARCHAR, callid VARCHAR, ordinal INTEGER, alone BOOLEAN, queue VARCHAR, did VARCHAR, agent VARCHAR, "
        "entered_epoch BIGINT, answered BOOLEAN, waits BOOLEAN, cause VARCHAR, wait_seconds INTEGER, "
        "talk_seconds INTEGER, outcome_event VARCHAR, ended_epoch BIGINT, reconstructed BOOLEAN, "
        "enter_load INTEGER, enter_line INTEGER, connect_load INTEGER, connect_line INTEGER, "
        "end_load INTEGER, end_line INTEGER, caller VARCHAR, position INTEGER, last_position INTEGER, "
        "transfer_data VARCHAR, ring_seconds INTEGER"
    ),
    "oddities": (
        "kind VARCHAR, pbx VARCHAR, callid VARCHAR, queue VARCHAR, found_epoch BIGINT, load INTEGER, line INTEGER"
    ),
    "strays": "pbx VARCHAR, callid VARCHAR, epoch BIGINT, load INTEGER, line INTEGER, reason VARCHAR",
}
_ENTERED_DATE = f"DATE '1970-01-01' + CAST((entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400 AS INTEGER)"


_CAUSES = " ".join(
    f"WHEN {literal(event.name)} THEN {literal(event.cause)}" for event in QUEUE_LOG.events if event.cause
)
#: The visits that the aggregate told, with the columns of those that the fold told.
_PLAIN = f"""
    SELECT pbx, callid, 1 AS ordinal, TRUE AS alone, queue, did, agent, entered_epoch, answered, FALSE AS waits,
        CASE outcome_event {_CAUSES} END AS cause, wait_seconds, talk_seconds,
        CAST(outcome_event AS VARCHAR) AS outcome_event, ended_epoch,
        FALSE AS reconstructed, load AS enter_load, enter_line,
        CASE WHEN connect_line IS NOT NULL THEN load END AS connect_load, connect_line,
        load AS end_load, end_line, caller, position, last_position, transfer_data,
        ring_seconds
    FROM told WHERE shape = 'plain'"""
_FOLDED = f"SELECT * REPLACE ({caller_key_sql('caller')} AS caller) FROM folded"
#: Files wholly within one same second: those whose first event of the callid comes first in a call.
_TIED_RANK = (
    "CASE WHEN f.tied THEN FIRST_VALUE(CASE q.kind WHEN 4 THEN 3 WHEN 5 THEN 0 ELSE q.kind END) "
    "OVER (PARTITION BY q.pbx, q.callid, f.file ORDER BY q.line) ELSE 0 END"
)


@dataclass
class CallTeller:
    """Tells the calls of a draft whose lines are loaded."""

    draft: Draft

    def build_visits(self) -> None:
        """Tell the queue visits of every changed callid anew, settle what waits, and the calls of several visits."""
        self.draft.place_files()
        servers = {info.pbx for info in self.draft.files.values()}
        self._make_scope(servers)
        self._forget_changed()
        sql = model("plain_visits").replace(":long_seconds", str(self.long_seconds))
        # A second key of the groups costs: only where there are two PBXs.
        pbx, keys = (literal(*servers), "callid") if len(servers) == 1 else ("pbx", "pbx, callid")
        sql = sql.replace(":pbx", pbx).replace(":keys", keys)
        # Reading the data column costs: only where there are DID events.
        dids = self.draft.one(f"SELECT COUNT(*) FROM scope WHERE kind = {int(EventKind.DID)}")[0]
        sql = sql.replace(":did_data", "CASE kind WHEN 5 THEN data END" if dids else "CAST(NULL AS VARCHAR)")
        for name, expression in line_facts_sql().items():
            sql = sql.replace(f"MAX(:{name})", f"MAX({expression})")
        for name in ("position_text", "last_position_text"):
            sql = sql.replace(f":place_of({name})", place_sql(name))
        sql = sql.replace(":ring_of(ring_text)", ring_sql("ring_text"))
        self.draft.run(f"CREATE OR REPLACE TABLE told AS {sql}")
        self._find_places()
        with ThreadPoolExecutor(1) as folder:
            # The fold is Python and keeps one core busy: the plain visits are written meanwhile.
            folding = folder.submit(self._fold_irregular)
            self._insert_visits(_PLAIN)
            folding.result()
        self._read_folded()
        self._insert_strays()
        self._insert_visits(_FOLDED)
        self._insert_unsettled()
        self._settle()
        self._chain()
        self._note_coverage()

    def _find_places(self) -> None:
        """Take the place in the queue from the ends of plain visits whose entry lacks it."""
        lacking = "shape = 'plain' AND position IS NULL"
        if self.draft.one(f"SELECT COUNT(*) FROM told WHERE {lacking}")[0]:
            ends = f"kind IN ({int(EventKind.ANSWERED_END)}, {int(EventKind.UNANSWERED_END)})"
            self.draft.run(
                f"""UPDATE told SET position = ends.place
                FROM (SELECT load, line, {end_place_sql()} AS place FROM scope WHERE {ends}) AS ends
                WHERE {lacking} AND ends.load = told.load AND ends.line = told.end_line"""
            )

    def _make_scope(self, servers: set[str]) -> None:
        """Make "scope": every line of the callids to tell, with its PBX."""
        if self.draft.from_nothing:
            union = " UNION ALL ".join(f"SELECT * FROM {m.alias}.raw.queue_log" for m in self.draft.months.values())
            lines = union or "SELECT * FROM no_lines"
        else:
            self._gather_changed()
            lines = "SELECT * FROM scope_lines"
        if len(servers) == 1:
            sql = f"SELECT {literal(*servers)} AS pbx, * FROM ({lines})"
        else:
            sql = f"SELECT f.pbx, q.* FROM ({lines}) AS q JOIN files AS f ON f.load = q.load"
        self.draft.run(f"CREATE OR REPLACE VIEW scope AS {sql}")

    def _gather_changed(self) -> None:
        """Gather the lines of the changed callids: widen until no month is left that could hold some."""
        low, high = self.draft.reach_low, self.draft.reach_high
        seen: set[str] = set()
        self.draft.run("CREATE OR REPLACE TABLE scope_lines AS SELECT * FROM no_lines")
        while low <= high:
            near = self.draft.existing_months_between(low - REACH_SECONDS, high + REACH_SECONDS)
            fresh = [month for month in near if month.alias not in seen]
            if not fresh:
                break
            for month in fresh:
                seen.add(month.alias)
                self.draft.run(
                    f"""INSERT INTO scope_lines SELECT q.* FROM {month.alias}.raw.queue_log AS q
                    JOIN files AS f ON f.load = q.load
                    JOIN changed AS c ON c.pbx = f.pbx AND c.callid = q.callid"""
                )
            low, high = self.draft.one(
                f"SELECT COALESCE(MIN(epoch), {low}), COALESCE(MAX(epoch), {high}) FROM scope_lines"
            )
        self.draft.reach_low, self.draft.reach_high = min(low, self.draft.reach_low), max(high, self.draft.reach_high)

    def _fold_irregular(self) -> None:
        """Fold the callids that one aggregate cannot tell, into files so that memory stays bounded."""
        with self.draft.another_connection() as connection:
            self._write_folded(connection)

    def _write_folded(self, connection: duckdb.DuckDBPyConnection) -> None:
        tied = connection.execute("SELECT COUNT(*) FROM files WHERE tied").fetchone() != (0,)
        rank = f"{_TIED_RANK}, " if tied else ""
        query = connection.execute(
            f"""SELECT q.pbx, q.callid, q.epoch, q.order_epoch, q.load, q.line, q.kind, q.queue, q.agent, q.event,
                q.data, q.hold_seconds, q.talk_seconds
            FROM scope AS q
            JOIN told AS t ON t.pbx = q.pbx AND t.callid = q.callid
            JOIN files AS f ON f.load = q.load
            WHERE t.shape = 'irregular' AND q.kind BETWEEN 1 AND 5
            ORDER BY q.pbx, q.callid, q.order_epoch, f.place, {rank}f.file, q.line"""
        )
        with (
            self._file("folded").open("w", encoding="utf-8", newline="") as folded,
            self._file("oddities").open("w", encoding="utf-8", newline="") as oddities,
            self._file("strays").open("w", encoding="utf-8", newline="") as strays,
        ):
            files = {"folded": folded, "oddities": oddities, "strays": strays}
            out = {name: _Rows(file) for name, file in files.items()}
            for pbx, callid, visits, odd, stray in fold_callids(_rows(query), long_seconds=self.long_seconds):
                for ordinal, visit in enumerate(visits, start=1):
                    out["folded"].writerow(
                        (
                            pbx, callid, ordinal, int(len(visits) == 1), visit.queue, visit.did, visit.agent,
                            visit.entered_at, int(visit.answered), int(visit.waiting), visit.cause, visit.wait,
                            visit.talk, visit.outcome_event, visit.ended_at, int(visit.reconstructed),
                            *(visit.enter or (None, None)), *(visit.connect or (None, None)),
                            *(visit.end or (None, None)),
                            visit.caller, visit.position, visit.last_position, visit.transfer_data,
                            visit.ring,
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

    def _file(self, name: str) -> Path:
        return self.draft.folder / f"{name}.csv"

    def _read_folded(self) -> None:
        """Make the tables of what the fold told: visits, oddities, strays."""
        for name, columns in _FOLD_TABLES.items():
            self.draft.read_table(name, self._file(name), columns, null=_NULL)
        self.draft.run(
            """UPDATE strays SET epoch = q.epoch FROM scope AS q WHERE q.load = strays.load AND q.line = strays.line"""
        )

    def _resolve_mapping(self, sql: str) -> None:
        """Find line and person for every (queue, did, day) and (agent, day) of a relation of visits."""
        day = f"(entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
        numbers = ", ".join(literal(line.number) for line in self.draft.site.lines)
        digits = "regexp_replace({}, '[^0-9]', '', 'g')"
        event_did, rule_did = digits.format("seen.did"), digits.format("rule.did")
        self.draft.run(
            f"""CREATE OR REPLACE TABLE service_of AS
            WITH seen AS (SELECT DISTINCT queue, NULLIF(did, '') AS did, {day} AS day FROM ({sql})),
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
        self.draft.run("CREATE OR REPLACE TABLE person_of (agent VARCHAR, day BIGINT, person VARCHAR)")
        if not self.draft.site.persons:
            return
        self.draft.run(
            f"""INSERT INTO person_of
            SELECT seen.agent, seen.day, MIN(rule.person) AS person
            FROM (
                SELECT DISTINCT agent, {day} AS day FROM ({sql}) WHERE agent IN (SELECT interface FROM person_rules)
            ) AS seen
            JOIN person_rules AS rule
                ON rule.interface = seen.agent AND seen.day BETWEEN rule.first_day AND rule.last_day
            GROUP BY seen.agent, seen.day"""
        )

    def _insert_visits(self, visits: str) -> None:
        """Put visits told anew, a relation of the columns of "folded", with line and person into their months."""
        entered = f"SELECT entered_epoch AS epoch FROM ({visits})"
        low, high = self.draft.one(f"SELECT MIN(epoch), MAX(epoch) FROM ({entered})")
        if low is None:
            return
        self._resolve_mapping(visits)
        day = f"(entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
        facts = visit_facts_sql(self.draft.key, [line.number for line in self.draft.site.lines])
        for month in self.draft.months_between(low, high, only_with=entered):
            self.draft.write(
                f"""INSERT INTO {month.alias}.core.queue_visits
                SELECT v.pbx, v.callid, v.ordinal, v.alone, v.queue, v.did, v.agent, p.person, s.service,
                    v.entered_epoch, {_ENTERED_DATE}, v.answered, v.waits, v.cause, v.wait_seconds, v.talk_seconds,
                    v.outcome_event, v.ended_epoch, v.reconstructed,
                    v.enter_load, v.enter_line, v.connect_load, v.connect_line, v.end_load, v.end_line,
                    {facts}
                FROM ({visits}) AS v
                LEFT JOIN service_of AS s ON s.queue = v.queue AND s.did = COALESCE(v.did, '') AND s.day = {day}
                LEFT JOIN person_of AS p ON p.agent = v.agent AND p.day = {day}
                WHERE entered_epoch >= {month.start} AND entered_epoch < {month.end}"""
            )

    def _insert_unsettled(self) -> None:
        """Note the visits without an end, each with the place of its callid's last event, and the oddities."""
        self.draft.run(
            "CREATE OR REPLACE TABLE unsettled (pbx VARCHAR, callid VARCHAR, ordinal INTEGER, entered_epoch BIGINT, "
            "order_epoch BIGINT, load INTEGER, line INTEGER)"
        )
        if self.draft.one("SELECT COUNT(*) FROM folded WHERE waits")[0]:
            self._place_unsettled()
        for table, epoch, notes in (
            ("core.unsettled_visits", "entered_epoch", "unsettled"),
            ("meta.findings", "found_epoch", "oddities"),
        ):
            low, high = self.draft.one(f"SELECT MIN({epoch}), MAX({epoch}) FROM {notes}")
            if low is None:
                continue
            for month in self.draft.months_between(low, high, only_with=f"SELECT {epoch} AS epoch FROM {notes}"):
                self.draft.run(
                    f"INSERT INTO {month.alias}.{table} SELECT * FROM {notes} "
                    f"WHERE {epoch} >= {month.start} AND {epoch} < {month.end}"
                )

    def _place_unsettled(self) -> None:
        self.draft.run(
            """INSERT INTO unsettled
            SELECT pbx, callid, ordinal, entered_epoch, order_epoch, load, line FROM (
                SELECT v.pbx, v.callid, v.ordinal, v.entered_epoch, q.order_epoch, q.load, q.line,
                ROW_NUMBER() OVER (
                    PARTITION BY v.pbx, v.callid, v.ordinal ORDER BY q.order_epoch DESC, f.place DESC, q.line DESC
                ) AS place
                FROM (SELECT * FROM folded WHERE waits) AS v JOIN scope AS q ON q.pbx = v.pbx AND q.callid = v.callid
                JOIN files AS f ON f.load = q.load
                WHERE NOT EXISTS (SELECT 1 FROM strays AS s WHERE s.load = q.load AND s.line = q.line)
            ) WHERE place = 1"""
        )

    def strays_of(self, load: int) -> int:
        """Return how many lines of a load the fold of this build set aside."""
        return int(self.draft.one(f"SELECT COUNT(*) FROM strays WHERE load = {load}")[0])

    def _insert_strays(self) -> None:
        low, high = self.draft.one("SELECT MIN(epoch), MAX(epoch) FROM strays")
        if low is None:
            return
        for month in self.draft.months_between(low, high, only_with="SELECT epoch FROM strays"):
            self.draft.run(
                f"INSERT INTO {month.alias}.meta.strays SELECT * FROM strays "
                f"WHERE epoch >= {month.start} AND epoch < {month.end}"
            )

    def _forget_changed(self) -> None:
        """Take out what was told before of the callids that changed."""
        if self.draft.from_nothing:
            return
        low, high = self.draft.reach_low - REACH_SECONDS, self.draft.reach_high + REACH_SECONDS
        tables = ("core.queue_visits", "core.unsettled_visits", "core.chained_calls", "meta.findings", "meta.strays")
        same = "t.pbx = c.pbx AND t.callid = c.callid"
        for month in list(self.draft.existing_months_between(low, high)):
            held = " + ".join(
                f"(SELECT COUNT(*) FROM {month.alias}.{table} AS t JOIN changed AS c ON {same})" for table in tables
            )
            if self.draft.one(f"SELECT {held}")[0]:
                alias = self.draft.month_of(month.start).alias
                for table in tables:
                    self.draft.run(f"DELETE FROM {alias}.{table} AS t USING changed AS c WHERE {same}")

    def _settle(self) -> None:
        """Say what every visit without an end stands for, now that the sources' last events may have moved."""
        self.draft.run("CREATE OR REPLACE TABLE resettled (pbx VARCHAR, callid VARCHAR)")
        self.draft.insert_rows("sources", self.draft.last_epochs.items(), replace=True)
        sql = model("unsettled").replace(":open_after_seconds", str(self.open_after_seconds))
        for period in sorted(set(self.draft.months) | set(self.draft.base.periods("calls") if self.draft.base else ())):
            segment = self.draft.base.segment("calls", period) if self.draft.base else None
            touched = period in self.draft.months and self.draft.months[period].touched
            if (
                not touched
                and segment
                and not segment.open_visits
                and not (self.draft.new_restarts and segment.unsettled_visits)
            ):
                continue
            month = self.draft.readable(period)
            if month is None or not self.draft.count(f"{month.alias}.core.unsettled_visits"):
                continue
            self.draft.run(
                f"""CREATE OR REPLACE TABLE settled AS
                WITH waiting AS (SELECT * FROM {month.alias}.core.unsettled_visits), told AS ({sql})
                SELECT told.* FROM told JOIN {month.alias}.core.queue_visits AS v
                    ON v.pbx = told.pbx AND v.callid = told.callid AND v.ordinal = told.ordinal
                WHERE v.cause IS DISTINCT FROM told.cause OR v.is_open IS DISTINCT FROM told.is_open"""
            )
            if not self.draft.count("settled"):
                continue
            month = self.draft.month_of(month.start)
            self.draft.run(
                f"""UPDATE {month.alias}.core.queue_visits AS v
                SET cause = s.cause, is_open = s.is_open
                FROM settled AS s WHERE v.pbx = s.pbx AND v.callid = s.callid AND v.ordinal = s.ordinal"""
            )
            self.draft.run("INSERT INTO resettled SELECT DISTINCT pbx, callid FROM settled")
            low, high = self.draft.one("SELECT MIN(entered_epoch), MAX(entered_epoch) FROM settled")
            self.draft.reach_low, self.draft.reach_high = (
                min(self.draft.reach_low, low),
                max(self.draft.reach_high, high),
            )

    def _chain(self) -> None:
        """Build line calls and callers' calls of the callids with several visits that changed."""
        self.draft.run(
            """CREATE OR REPLACE TABLE to_chain AS
            SELECT pbx, callid FROM folded WHERE NOT alone UNION SELECT pbx, callid FROM resettled"""
        )
        if not self.draft.count("to_chain"):
            return
        low, high = self.draft.reach_low, self.draft.reach_high
        if self.draft.from_nothing:
            near = list(self.draft.months.values())
        else:
            near = list(self.draft.existing_months_between(low - REACH_SECONDS, high + REACH_SECONDS))
        self._chain_months(near)

    def _chain_months(self, near: Sequence[Month]) -> None:
        same = "t.pbx = c.pbx AND t.callid = c.callid"
        several = " UNION ALL ".join(
            f"SELECT t.* FROM {m.alias}.core.queue_visits AS t JOIN to_chain AS c ON {same} WHERE NOT t.alone"
            for m in near
        )
        self.draft.run(f"CREATE OR REPLACE TABLE several AS {several}")
        if not self.draft.count("several"):
            return
        line_calls = model("line_calls").replace(":chain_gap", str(self.chain_gap))
        self.draft.run(
            f"""CREATE OR REPLACE TABLE chained AS
            SELECT 'line' AS unit, * FROM ({line_calls}) UNION ALL SELECT 'call', * FROM ({model("calls")})"""
        )
        for month in near:
            if self.draft.one(
                f"SELECT COUNT(*) FROM {month.alias}.core.chained_calls AS t JOIN to_chain AS c ON {same}"
            )[0]:
                writable = self.draft.month_of(month.start)
                self.draft.run(f"DELETE FROM {writable.alias}.core.chained_calls AS t USING to_chain AS c WHERE {same}")
        low, high = self.draft.one("SELECT MIN(entered_epoch), MAX(entered_epoch) FROM chained")
        for month in self.draft.months_between(low, high, only_with="SELECT entered_epoch AS epoch FROM chained"):
            self.draft.run(
                f"""INSERT INTO {month.alias}.core.chained_calls
                SELECT unit, pbx, callid, ordinal, service, entered_epoch, {_ENTERED_DATE}, visits, answered,
                    is_open, cause,
                    CASE WHEN wait_seconds >= 0 THEN wait_seconds END, talk_seconds, outcome_event, ended_epoch,
                    did, caller, position, transfer_kind, transferred_to
                FROM chained WHERE entered_epoch >= {month.start} AND entered_epoch < {month.end}"""
            )

    def _note_coverage(self) -> None:
        """Count, for the months written, the hours the logs cover and the queues they name."""
        local = f"(q.epoch + ({ZONE_OFFSET_SECONDS}))"
        for month in self.draft.months.values():
            if not month.touched:
                continue
            self.draft.run(f"DELETE FROM {month.alias}.core.log_hours; DELETE FROM {month.alias}.core.log_queues")
            self.draft.run(
                f"""CREATE OR REPLACE TABLE covered AS
                SELECT f.pbx, {local} // 3600 AS hour, q.queue, COUNT(*) AS lines FROM {month.alias}.raw.queue_log AS q
                JOIN files AS f ON f.load = q.load GROUP BY f.pbx, {local} // 3600, q.queue"""
            )
            self.draft.run(
                f"""INSERT INTO {month.alias}.core.log_hours
                SELECT pbx, make_timestamp(hour * 3600000000), CAST(SUM(lines) AS BIGINT) FROM covered
                GROUP BY pbx, hour ORDER BY pbx, hour"""
            )
            self.draft.run(
                f"""INSERT INTO {month.alias}.core.log_queues
                SELECT pbx, CAST(make_timestamp(hour // 24 * 86400000000) AS DATE), queue, CAST(SUM(lines) AS BIGINT)
                FROM covered WHERE queue <> '' AND queue <> 'NONE' GROUP BY pbx, hour // 24, queue
                ORDER BY pbx, hour // 24, queue"""
            )

    def remap(self) -> None:
        """Apply the site's mapping as it is now to every month in service, from visits; no log is read again."""
        self.draft.place_files()
        self.draft.run("CREATE OR REPLACE TABLE folded AS SELECT NULL AS pbx, NULL AS callid, TRUE AS alone LIMIT 0")
        day = f"(entered_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
        changed_periods = []
        for period in self.draft.base.periods("calls") if self.draft.base else ():
            month = self.draft.readable(period)
            if month is None:
                continue
            self._resolve_mapping(f"SELECT queue, did, agent, entered_epoch FROM {month.alias}.core.queue_visits")
            self.draft.run(
                f"""CREATE OR REPLACE TABLE remapped AS
                SELECT v.pbx, v.callid, v.ordinal, s.service, p.person FROM {month.alias}.core.queue_visits AS v
                JOIN service_of AS s ON s.queue = v.queue AND s.did = COALESCE(v.did, '') AND s.day = {day}
                LEFT JOIN person_of AS p ON p.agent = v.agent AND p.day = {day}
                WHERE v.service IS DISTINCT FROM s.service OR v.person IS DISTINCT FROM p.person"""
            )
            if not self.draft.count("remapped"):
                continue
            month = self.draft.month_of(month.start)
            self.draft.run(
                f"""UPDATE {month.alias}.core.queue_visits AS v SET service = r.service, person = r.person
                FROM remapped AS r WHERE v.pbx = r.pbx AND v.callid = r.callid AND v.ordinal = r.ordinal"""
            )
            changed_periods.append(period)
            self.draft.run("CREATE TABLE IF NOT EXISTS resettled (pbx VARCHAR, callid VARCHAR)")
            self.draft.run("INSERT INTO resettled SELECT DISTINCT pbx, callid FROM remapped")
            self.draft.reach_low, self.draft.reach_high = (
                min(self.draft.reach_low, month.start),
                max(self.draft.reach_high, month.end - 1),
            )
        if changed_periods:
            self._chain()

    @property
    def long_seconds(self) -> int:
        """Longer durations are kept and listed."""
        return int(float(self.draft.site.parameter("long_hours")) * 3600)

    @property
    def open_after_seconds(self) -> int:
        """A wait without an end is given up when the source went on this long."""
        return int(float(self.draft.site.parameter("open_after_hours")) * 3600)

    @property
    def chain_gap(self) -> int:
        """Seconds between the end of one visit and the entry of the next of one line call."""
        return int(self.draft.site.parameter("chain_gap_seconds"))


class _Rows:
    """Writes rows of CSV in which an empty text and no value differ."""

    def __init__(self, file: TextIO) -> None:
        self.writer = csv.writer(file, lineterminator="\n")

    def writerow(self, row: Iterable[object]) -> None:
        self.writer.writerow([_NULL if value is None else value for value in row])


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[LogEvent]:
    while batch := result.fetchmany(_FETCH_ROWS):
        yield from map(LogEvent._make, batch)
