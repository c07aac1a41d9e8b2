"""Sessions, pauses and rings of the operators of a draft, and where their time went by the half hour.

In: a draft whose lines are loaded and whose visits are told. Out: ``core.agent_spans``, ``core.agent_rings`` and
``core.agent_half_hours`` of the months that new lines touch. Nothing reaches further than 31 days: so much lies between
a line and what ends it, and a span that nothing ends until then ends there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from etl.agent_spans import (
    AGENT_EVENTS,
    DECLARED_EVENTS,
    LONGEST_WRAPUP_SECONDS,
    REACH_SECONDS,
    SPAN_COLUMNS,
    pauses_sql,
    sessions_sql,
    spans_sql,
)
from etl.draft import Draft, Month
from etl.model import model
from etl.months import month_span, period_of, periods_between
from etl.settings import ZONE_OFFSET_SECONDS
from etl.validate import literal

#: The latest instant that a range of epochs may name: that nothing is known to end yet.
_EVER = 2**62
_DAY = 86_400
_NO_EPOCH = "CAST(0 AS BIGINT)"
_EVENT = "COALESCE(CAST(q.event AS VARCHAR), q.other_event)"
_CUBE = (
    "on_date, half_hour, agent, reason, session_seconds, ruled_seconds, paused_seconds, busy_seconds, staffed_seconds, "
    "talked_seconds, connected, with_session, with_activity"
)
_TALKS_FROM = f"""
    SELECT COALESCE(person, agent) AS agent, began_epoch,
        LEAST(began_epoch + COALESCE(talk_seconds, 0), entered_epoch + {REACH_SECONDS}) AS until_epoch, TRUE AS is_call
    FROM (
        SELECT *, CASE WHEN wait_seconds IS NULL THEN ended_epoch - COALESCE(talk_seconds, 0)
            ELSE entered_epoch + wait_seconds END AS began_epoch
        FROM ({{visits}}) WHERE answered AND agent IS NOT NULL AND agent NOT IN ('', 'NONE')
    ) WHERE began_epoch IS NOT NULL AND began_epoch < entered_epoch + {REACH_SECONDS}"""


@dataclass
class AgentTeller:
    """Use: ``tell_spans`` before the visits are told, ``add_up`` after; ``remap`` when persons changed."""

    draft: Draft
    #: Epochs between which anything changed.
    _low: int = field(default=_EVER, init=False)
    _high: int = field(default=-_EVER, init=False)

    def tell_spans(self) -> None:
        """Tell sessions, pauses and rings anew around the lines that were loaded, by what they change."""
        draft = self.draft
        if draft.from_nothing:
            low, high = -_EVER, _EVER
        else:
            low, high = draft.reach_low, draft.reach_high
            if low > high:
                return
            self._note_visits()
            self._note_open_tails()
        self._widen(low, high)
        self._gather(low - REACH_SECONDS, high + REACH_SECONDS)
        sql = model("agent_spans").replace(":reach", str(REACH_SECONDS))
        sql = sql.replace(":longest_wrapup", str(LONGEST_WRAPUP_SECONDS))
        draft.run(f"CREATE OR REPLACE TABLE told_spans AS {sql}")
        # What lines of the range open or end: an opening line further back may be ended now, a logoff further on
        # may have got its login.
        draft.run(
            f"""DELETE FROM told_spans WHERE NOT CASE WHEN began_by = 'logged'
                THEN anchor_epoch BETWEEN {low - REACH_SECONDS} AND {high}
                ELSE anchor_epoch BETWEEN {low} AND {high + REACH_SECONDS} END"""
        )
        self._replace_spans(low, high)
        self._count_rings(low, high)
        draft.run("DROP TABLE told_spans; DROP TABLE agent_lines")

    def _note_visits(self) -> None:
        """Widen by the visits as they were told before, of the callids that are told anew."""
        draft = self.draft
        for month in list(
            draft.existing_months_between(draft.reach_low - REACH_SECONDS, draft.reach_high + REACH_SECONDS)
        ):
            low, high = draft.one(
                f"""SELECT MIN(v.entered_epoch),
                    MAX(v.entered_epoch + COALESCE(v.wait_seconds, 0) + COALESCE(v.talk_seconds, 0))
                FROM {month.alias}.core.queue_visits AS v
                JOIN changed AS c ON c.pbx = v.pbx AND c.callid = v.callid WHERE v.answered"""
            )
            if low is not None:
                self._widen(low, high)

    def _note_open_tails(self) -> None:
        """Widen from where the data of a PBX ended before: what is open goes on from there."""
        if self.draft.base is None:
            return
        for pbx, until in self.draft.base.last_epochs.items():
            now = self.draft.last_epochs.get(pbx, until)
            if now != until:
                self._widen(min(until, now), max(until, now))

    def _widen(self, low: int, high: int) -> None:
        self._low, self._high = min(self._low, low), max(self._high, high)

    def _gather(self, low: int, high: int) -> None:
        """Gather the operators' lines between two epochs, and the restarts."""
        names = ", ".join(map(literal, AGENT_EVENTS))
        known = ", ".join(map(literal, DECLARED_EVENTS))
        lines = " UNION ALL ".join(
            f"""SELECT q.load, q.line, q.epoch, q.order_epoch, q.queue, q.agent, {_EVENT} AS event, q.data
            FROM {month.alias}.raw.queue_log AS q
            WHERE {is_one} AND q.epoch BETWEEN {low} AND {high}"""
            for month in list(self.draft.existing_months_between(low, high))
            # One after the other: DuckDB passes over whole blocks by either, by none for both in one condition.
            for is_one in (f"q.event IN ({known})", f"q.other_event IN ({names})")
        )
        found = (
            f"""SELECT f.pbx, q.*, f.place, CASE WHEN f.tied THEN q.event ELSE '' END AS tied_event
            FROM ({lines}) AS q JOIN files AS f ON f.load = q.load
            WHERE q.event = 'QUEUESTART' OR (q.agent <> '' AND q.agent <> 'NONE')"""
            if lines
            else f"""SELECT '' AS pbx, 0 AS load, 0 AS line, {_NO_EPOCH} AS epoch, {_NO_EPOCH} AS order_epoch,
                '' AS queue, '' AS agent, '' AS event, '' AS data, 0 AS place, '' AS tied_event LIMIT 0"""
        )
        self.draft.run(f"CREATE OR REPLACE TABLE agent_lines AS {found}")

    def _replace_spans(self, low: int, high: int) -> None:
        """Put the spans told anew in the place of those of the same range; months in which none changes stay as are."""
        draft = self.draft
        stored = f"""CASE WHEN began_by = 'logged' THEN began_epoch BETWEEN {low - REACH_SECONDS} AND {high}
            ELSE ended_epoch BETWEEN {low} AND {high + REACH_SECONDS} END"""
        existing = draft.existing_months_between(low - REACH_SECONDS, high + REACH_SECONDS)
        periods = {period_of(month.start) for month in existing}
        hours = draft.run("SELECT DISTINCT began_epoch // 3600 * 3600 FROM told_spans").fetchall()
        for period in sorted(periods | {period_of(hour) for (hour,) in hours}):
            self._replace_month(period, stored)

    def _replace_month(self, period: str, stored: str) -> None:
        draft = self.draft
        start, end = month_span(period)
        fresh = f"SELECT {SPAN_COLUMNS} FROM told_spans WHERE began_epoch >= {start} AND began_epoch < {end}"
        found = draft.readable(period)
        if found is None or draft.from_nothing:
            draft.run(f"INSERT INTO {draft.month_of(start).alias}.core.agent_spans {fresh}")
            self._widen_by(fresh)
            return
        old = f"SELECT {SPAN_COLUMNS} FROM {found.alias}.core.agent_spans WHERE {stored}"
        draft.run(f"CREATE OR REPLACE TABLE gone_spans AS ({old}) EXCEPT ALL ({fresh})")
        draft.run(f"CREATE OR REPLACE TABLE come_spans AS ({fresh}) EXCEPT ALL ({old})")
        if draft.count("gone_spans") or draft.count("come_spans"):
            alias = draft.month_of(start).alias
            same = " AND ".join(
                f"t.{name} IS NOT DISTINCT FROM g.{name}" for name in ("what", "load", "line", "began_by")
            )
            draft.run(f"DELETE FROM {alias}.core.agent_spans AS t USING gone_spans AS g WHERE {same}")
            draft.run(f"INSERT INTO {alias}.core.agent_spans SELECT * FROM come_spans")
            self._widen_by("SELECT * FROM gone_spans UNION ALL SELECT * FROM come_spans")
        draft.run("DROP TABLE gone_spans; DROP TABLE come_spans")

    def _widen_by(self, spans: str) -> None:
        low, high = self.draft.one(
            f"SELECT MIN(began_epoch), MAX(COALESCE(ended_epoch, began_epoch + {REACH_SECONDS})) FROM ({spans})"
        )
        if low is not None:
            self._widen(low, high)

    def _count_rings(self, low: int, high: int) -> None:
        """Count the rings without answer of the days between two epochs anew, in the months written."""
        local = f"(q.epoch + ({ZONE_OFFSET_SECONDS}))"
        # Most have no field but this one.
        rung = "COALESCE(TRY_CAST(q.data AS BIGINT), TRY_CAST(split_part(q.data, '|', 1) AS BIGINT))"
        for month in self.draft.months.values():
            first, last = max(low, month.start), min(high, month.end - 1)
            if not month.touched or first > last:
                continue
            first -= (first + ZONE_OFFSET_SECONDS) % _DAY
            last += _DAY - 1 - (last + ZONE_OFFSET_SECONDS) % _DAY
            self.draft.run(
                f"DELETE FROM {month.alias}.core.agent_rings WHERE on_date BETWEEN {_date(first)} AND {_date(last)}"
            )
            self.draft.run(
                f"""INSERT INTO {month.alias}.core.agent_rings
                SELECT CAST(make_timestamp({local} // 1800 * 1800000000) AS DATE),
                    CAST({local} // 1800 % 48 AS UTINYINT), q.queue, q.agent, CAST(COUNT(*) AS INTEGER),
                    CAST(COALESCE(SUM(GREATEST({rung}, 0)), 0) AS BIGINT)
                FROM {month.alias}.raw.queue_log AS q
                WHERE q.event = 'RINGNOANSWER' AND q.agent <> '' AND q.agent <> 'NONE'
                    AND q.epoch BETWEEN {first} AND {last}
                GROUP BY {local} // 1800, q.queue, q.agent ORDER BY {local} // 1800"""
            )

    def add_up(self) -> None:
        """Add up the time of every person by half hour, around everything that this build changed."""
        if not self.draft.from_nothing:
            if self.draft.reach_low <= self.draft.reach_high:
                self._widen(self.draft.reach_low, self.draft.reach_high)
            self._note_told_visits()
        if self._low > self._high:
            return
        # A pause ends with its session: what changes that end changes up to 31 days after it.
        self._add_up(self._low, self._high + REACH_SECONDS)

    def _note_told_visits(self) -> None:
        if self._low > self._high:
            return
        for month in list(self.draft.existing_months_between(self._low - REACH_SECONDS, self._high)):
            low = self.draft.one(
                f"""SELECT MIN(v.entered_epoch) FROM {month.alias}.core.queue_visits AS v
                JOIN changed AS c ON c.pbx = v.pbx AND c.callid = v.callid WHERE v.answered AND v.reconstructed"""
            )[0]
            if low is not None:
                self._widen(low, low)

    def remap(self) -> None:
        """Add up again under the persons of the site as it is now: every month in which that changes anything."""
        before = self.draft.run("SELECT interface, person, valid_from, valid_to FROM loads_db.core.agent_persons")
        now = [(rule.interface, rule.person, rule.valid_from, rule.valid_to) for rule in self.draft.site.persons]
        if before.fetchall() != now:
            self._add_up(-_EVER, _EVER)

    def _add_up(self, low: int, high: int) -> None:
        """Add up whole local days from one epoch to another."""
        draft = self.draft
        ends = max(draft.last_epochs.values(), default=None)
        months = list(draft.existing_months_between(low - 2 * REACH_SECONDS, high))
        if ends is None or not months:
            return
        draft.insert_rows("sources", draft.last_epochs.items(), replace=True)
        low = max(low, min(month.start for month in months) - REACH_SECONDS)
        # Nothing goes on after the data; a talk that says so is added up when they get there.
        high = min(high, ends)
        low -= (low + ZONE_OFFSET_SECONDS) % _DAY
        high += _DAY - (high + ZONE_OFFSET_SECONDS) % _DAY
        # By month, so that memory stays bounded.
        for period in periods_between(low, high - 1):
            start, end = month_span(period)
            self._add_up_month(period, max(low, start), min(high, end))

    def _add_up_month(self, period: str, low: int, high: int) -> None:
        draft = self.draft
        near = list(draft.existing_months_between(low - 2 * REACH_SECONDS, high))
        if not near:
            return
        spans = " UNION ALL ".join(
            f"SELECT {SPAN_COLUMNS} FROM {month.alias}.core.agent_spans "
            f"WHERE began_epoch >= {low - 2 * REACH_SECONDS} AND began_epoch < {high}"
            for month in near
        )
        draft.run(f"CREATE OR REPLACE TABLE spans AS {spans_sql(spans, 'person_rules', 'sources')}")
        draft.run(f"CREATE OR REPLACE TABLE sessions AS {sessions_sql('spans')}")
        draft.run(f"CREATE OR REPLACE TABLE pauses AS {pauses_sql('spans', 'sessions')}")
        self._note_talks(near, low, high)
        sql = model("agent_half_hours").replace(":low", str(low)).replace(":high", str(high))
        draft.run(f"CREATE OR REPLACE TABLE added_up AS {sql}")
        self._replace_half_hours(period, low, high)
        draft.run(
            "DROP TABLE added_up; DROP TABLE talks; DROP TABLE rung; DROP TABLE reasons; DROP TABLE persons; "
            "DROP TABLE ringing; DROP TABLE talking; DROP TABLE pauses; DROP TABLE sessions; DROP TABLE spans"
        )

    def _note_talks(self, near: Sequence[Month], low: int, high: int) -> None:
        """Make "talks" and "rung" of persons by number, in half hours of the epoch; "persons" and "reasons" tell whose.

        A talk has the half hour it begins in, and from when on no earlier one of the person covers it.
        """
        draft = self.draft
        columns = "person, agent, entered_epoch, wait_seconds, talk_seconds, ended_epoch, answered"
        # A talk that reaches here began in a near month; one of them is there, with or without a visit.
        visits = " UNION ALL ".join(
            f"SELECT {columns} FROM {month.alias}.core.queue_visits "
            f"WHERE entered_epoch >= {low - REACH_SECONDS} AND entered_epoch < {high + REACH_SECONDS}"
            for month in near
        )
        draft.run(
            f"""CREATE OR REPLACE TABLE talking AS SELECT * FROM ({_TALKS_FROM.format(visits=visits)})
            WHERE until_epoch >= {low} AND began_epoch < {high}
            UNION ALL SELECT person, began_epoch, until_epoch, FALSE FROM spans WHERE what = 'wrapup'
                AND until_epoch >= {low} AND began_epoch < {high}"""
        )
        rings = " UNION ALL ".join(
            f"SELECT agent, on_date, half_hour FROM {month.alias}.core.agent_rings WHERE {_days(low, high)}"
            for month in draft.existing_months_between(low, high - 1)
        )
        day = "CAST(epoch(on_date) AS BIGINT) // 86400"
        found = (
            f"""SELECT COALESCE(rule.person, rings.agent) AS agent,
                {day} * 48 + half_hour - ({ZONE_OFFSET_SECONDS // 1800}) AS slot
            FROM ({rings}) AS rings
            LEFT JOIN person_rules AS rule ON rule.interface = rings.agent
                AND {day} BETWEEN rule.first_day AND rule.last_day"""
            if rings
            else "SELECT '' AS agent, CAST(0 AS BIGINT) AS slot LIMIT 0"
        )
        draft.run(f"CREATE OR REPLACE TABLE ringing AS {found}")
        # Numbers are put in order much quicker than names.
        draft.run(
            """CREATE OR REPLACE TABLE persons AS
            SELECT agent, CAST(ROW_NUMBER() OVER (ORDER BY agent) AS INTEGER) AS who FROM (
                SELECT person AS agent FROM spans UNION SELECT agent FROM pauses UNION SELECT agent FROM talking
                UNION SELECT agent FROM ringing
            )"""
        )
        draft.run(
            """CREATE OR REPLACE TABLE reasons AS SELECT reason, ROW_NUMBER() OVER (ORDER BY reason) AS number
            FROM (SELECT DISTINCT reason FROM pauses WHERE reason IS NOT NULL)"""
        )
        draft.run(
            f"""CREATE OR REPLACE TABLE talks AS
            SELECT who, began_epoch // 1800 AS slot, until_epoch, connected, GREATEST(began_epoch, COALESCE(
                MAX(until_epoch) OVER (PARTITION BY who ORDER BY began_epoch
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), began_epoch)) AS fresh_epoch
            FROM (
                SELECT who, GREATEST(began_epoch, {low}) AS began_epoch, LEAST(until_epoch, {high}) AS until_epoch,
                    CASE WHEN is_call AND began_epoch >= {low} THEN 1 ELSE 0 END AS connected
                FROM talking JOIN persons ON persons.agent = talking.agent
            )"""
        )
        draft.run(
            """CREATE OR REPLACE TABLE rung AS SELECT DISTINCT who, slot
            FROM ringing JOIN persons ON persons.agent = ringing.agent"""
        )

    def _replace_half_hours(self, period: str, low: int, high: int) -> None:
        """Put what was added up into the month, in the place of the same days; where nothing changes, leave it."""
        draft = self.draft
        start, _ = month_span(period)
        found = draft.readable(period)
        if found is None and not draft.count("added_up"):
            return
        days = _days(low, high)
        new = f"SELECT {_CUBE} FROM added_up"
        if found is not None and not draft.from_nothing:
            old = f"SELECT {_CUBE} FROM {found.alias}.core.agent_half_hours WHERE {days}"
            before, after = (draft.one(f"SELECT COUNT(*) FROM ({rows})")[0] for rows in (old, new))
            if before == after and not draft.one(f"SELECT COUNT(*) FROM (({old}) EXCEPT ALL ({new}))")[0]:
                return
        alias = draft.month_of(start).alias
        draft.run(f"DELETE FROM {alias}.core.agent_half_hours WHERE {days}")
        draft.run(f"INSERT INTO {alias}.core.agent_half_hours {new} ORDER BY on_date, half_hour, agent, reason")


def _days(low: int, high: int) -> str:
    """Return SQL of whether a row is of a local day from one epoch until before another."""
    return f"on_date BETWEEN {_date(low)} AND {_date(high - 1)}"


def _date(epoch: int) -> str:
    """Return the local day of an epoch as SQL."""
    return f"DATE '1970-01-01' + {(epoch + ZONE_OFFSET_SECONDS) // _DAY}"
