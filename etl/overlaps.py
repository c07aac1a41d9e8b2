"""One event told by several sources of a PBX, a log file and a table say: which of their lines counts.

In: a draft whose lines are loaded. Out: the same, with the lines of lesser sources that a better one tells too laid
aside in ``raw.overlaid``. The stamps of one event differ by up to two seconds, and tables cut their texts: lines match
by what all of them keep. Within one rank lines are known by their whole text (``etl.lines``).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from etl.details import DetailPrecedence
from etl.draft import Draft, Month
from etl.lines import NO_CALLS
from etl.schema import LINES_A_ROW, EventKind
from etl.sources.call_detail import DETAILS
from etl.validate import EVENT_COLUMNS, literal

MATCH_SECONDS = 2
#: Lines this near to those that changed may be matched anew, and lines this much nearer are looked at for that.
_NEAR, _CONTEXT = 300, 300
_COLUMNS = ", ".join(EVENT_COLUMNS)
#: The narrowest columns that are known: 20 characters for a queue or operator, 40 for what Asternic keeps of a field.
_NAME_WIDTH, _DATA_WIDTH = 20, 40
_AGENT = f"left(agent, {_NAME_WIDTH})"
_LOCAL = "'^Local/([0-9]+)(@.*)?$', 'Agent/\\1'"
#: What all sources keep of a line. The caller's name is left out, Asternic calls a local channel an agent.
_KEY = f"""
    left(callid, {_DATA_WIDTH}) AS callid, left(queue, {_NAME_WIDTH}) AS queue,
    CASE WHEN starts_with(agent, 'Local/') THEN regexp_replace({_AGENT}, {_LOCAL}) ELSE {_AGENT} END AS agent,
    left(event, {_NAME_WIDTH}) AS event,
    rtrim(concat_ws('|', left(f[1], {_DATA_WIDTH}), left(f[2], {_DATA_WIDTH}), left(rtrim(array_to_string(
        CASE WHEN event = 'ENTERQUEUE' THEN f[3:3] ELSE f[3:] END, '|'), '|'), {_DATA_WIDTH})), '|') AS data"""
#: Rows of details of calls have no line in common with a log: ``etl.details`` judges them.
_FIRST_DETAIL = min(source.rank for source in DETAILS)
_SAME = "callid, queue, agent, event, data"
_Line = tuple[int, int]


@dataclass
class Overlaps:
    """Lays the lines of a draft aside that a better source tells too. ``laid_aside`` counts them by load."""

    draft: Draft
    laid_aside: Counter[int] = field(default_factory=Counter)
    details: DetailPrecedence = field(init=False)

    def __post_init__(self) -> None:
        """Let the rows of details of calls be judged after the lines of logs and tables."""
        self.details = DetailPrecedence(self.draft, self._move)

    def settle(self, added: Iterable[int]) -> None:
        """Decide anew around the lines of the files that were added."""
        added = sorted(set(added))
        for file in added:
            info, span = self.draft.files[file], self.draft.spans.get(file)
            others = [
                self.draft.spans[other]
                for other, each in self.draft.files.items()
                if each.pbx == info.pbx
                and each.rank != info.rank
                and other in self.draft.spans
                and max(each.rank, info.rank) < _FIRST_DETAIL
            ]
            if span is None or not others:
                continue
            low = max(span[0], min(low for low, _ in others)) - _NEAR
            high = min(span[1], max(high for _, high in others)) + _NEAR
            for month in list(self.draft.existing_months_between(low, high)):
                self._settle_month(info.pbx, month, max(low, month.start), min(high, month.end - 1))
        self.details.settle(added)

    def _settle_month(self, pbx: str, month: Month, low: int, high: int) -> None:
        """Decide about the lines between two instants of a month."""
        near = [low - _CONTEXT, high + _CONTEXT]
        months = list(self.draft.existing_months_between(*near))
        columns = (
            "load, line, epoch, callid, queue, agent, COALESCE(CAST(event AS VARCHAR), other_event) AS event, "
            "string_split(data, '|') AS f"
        )
        lines = " UNION ALL ".join(
            f"SELECT {columns}, {hidden} AS hidden FROM {each.alias}.{table} "
            f"WHERE epoch BETWEEN {near[0]} AND {near[1]}"
            for each in months
            for table, hidden in (("raw.queue_log", "FALSE"), ("raw.overlaid", "TRUE"))
        )
        self.draft.run(
            f"""CREATE OR REPLACE TABLE told AS
            SELECT q.load, q.line, q.epoch, f.rank, f.place, q.hidden, FALSE AS matched, {_KEY}
            FROM ({lines}) AS q JOIN files AS f ON f.load = q.load
            WHERE f.pbx = {literal(pbx)} AND f.rank < {_FIRST_DETAIL}"""
        )
        ranks = [rank for (rank,) in self.draft.run("SELECT DISTINCT rank FROM told ORDER BY rank").fetchall()]
        for rank in ranks[1:]:
            self._match(rank)
        self._move(month, low, high)
        self.draft.run("DROP TABLE told; DROP TABLE IF EXISTS clusters; DROP TABLE IF EXISTS pairs")

    def _match(self, rank: int) -> None:
        """Mark the lines of a rank that lines of lesser ranks match, the k-th of a cluster with the k-th."""
        within = f"PARTITION BY {_SAME} ORDER BY epoch, rank, place, load, line"
        self.draft.run(
            f"""CREATE OR REPLACE TABLE clusters AS
            SELECT *, ROW_NUMBER() OVER (PARTITION BY {_SAME}, cluster, own ORDER BY epoch, place, load, line) AS k
            FROM (
                SELECT *, SUM(begins) OVER ({within} ROWS UNBOUNDED PRECEDING) AS cluster FROM (
                    SELECT *, rank = {rank} AS own,
                        CASE WHEN epoch - LAG(epoch) OVER ({within}) <= {MATCH_SECONDS} THEN 0 ELSE 1 END AS begins
                    FROM told WHERE rank <= {rank} AND NOT matched
                )
            )"""
        )
        same = " AND ".join(f"t.{name} IS NOT DISTINCT FROM b.{name}" for name in (*_SAME.split(", "), "cluster"))
        self.draft.run(
            f"""CREATE OR REPLACE TABLE pairs AS SELECT t.load, t.line FROM clusters AS t JOIN clusters AS b
            ON {same} AND t.k = b.k AND t.own AND NOT b.own AND abs(t.epoch - b.epoch) <= {MATCH_SECONDS}"""
        )
        self.draft.run(
            """UPDATE told SET matched = TRUE FROM pairs WHERE told.load = pairs.load AND told.line = pairs.line"""
        )
        self._match_uneven()

    def _match_uneven(self) -> None:
        """Match the clusters in which one side lacks lines: the k-th need not be the k-th there."""
        same = " AND ".join(f"c.{name} IS NOT DISTINCT FROM uneven.{name}" for name in (*_SAME.split(", "), "cluster"))
        self.draft.run(
            f"""CREATE OR REPLACE TABLE pairs AS SELECT c.* FROM clusters AS c JOIN (
                SELECT {_SAME}, cluster FROM clusters AS c LEFT JOIN pairs AS p ON p.load = c.load AND p.line = c.line
                GROUP BY {_SAME}, cluster
                HAVING COUNT(*) FILTER (own AND p.load IS NULL) > 0 AND COUNT(*) FILTER (NOT own) > 0
            ) AS uneven ON {same}"""
        )
        rows = self.draft.run(
            f"SELECT dense_rank() OVER (ORDER BY {_SAME}, cluster) AS part, own, epoch, load, line FROM pairs "
            "ORDER BY part, epoch, place, load, line"
        ).fetchall()
        parts: dict[int, tuple[list[int], list[tuple[int, _Line]]]] = {}
        for part, own, epoch, load, line in rows:
            better, lesser = parts.setdefault(part, ([], []))
            if own:
                lesser.append((epoch, (load, line)))
            else:
                better.append(epoch)
        matched = [place for better, lesser in parts.values() for place in _paired(better, lesser)]
        every = [place for _, lesser in parts.values() for _, place in lesser]
        for places, value in ((every, "FALSE"), (matched, "TRUE")):
            for at in range(0, len(places), 500):
                wanted = ", ".join(f"({load}, {line})" for load, line in places[at : at + 500])
                self.draft.run(f"UPDATE told SET matched = {value} WHERE (load, line) IN ({wanted})")

    def _move(self, month: Month, low: int, high: int) -> None:
        """Put lines where they belong now, and remember what that changes."""
        moved = f"FROM told WHERE matched <> hidden AND epoch BETWEEN {low} AND {high}"
        self.draft.run(f"CREATE OR REPLACE TABLE moved AS SELECT load, line, epoch, hidden {moved}")
        if not self.draft.count("moved"):
            return
        alias = self.draft.month_of(month.start).alias
        shown = "q.load = m.load AND q.line = m.line"
        for hidden, source, target in (
            ("FALSE", "raw.queue_log", "raw.overlaid"),
            ("TRUE", "raw.overlaid", "raw.queue_log"),
        ):
            lines = f"FROM {alias}.{source} AS q JOIN moved AS m ON {shown} AND m.hidden = {hidden}"
            columns = ", ".join(f"q.{name}" for name in EVENT_COLUMNS)
            self.draft.run(f"CREATE OR REPLACE TABLE moving AS SELECT {columns} {lines}")
            self.draft.run(f"DELETE FROM {alias}.{source} AS q USING moved AS m WHERE {shown} AND m.hidden = {hidden}")
            self.draft.run(f"INSERT INTO {alias}.{target} SELECT {_COLUMNS} FROM moving")
            self._note(hidden == "FALSE")
        self.draft.run("DROP TABLE moving; DROP TABLE moved")

    def _note(self, is_laid_aside: bool) -> None:
        """Take note of the lines that were moved: loads, restarts, callids to tell anew."""
        for load, count in self.draft.run(
            f"""SELECT m.load, COUNT(*) FILTER (f.rank < {_FIRST_DETAIL} OR m.line % {LINES_A_ROW} = 1)
            FROM moving AS m JOIN files AS f ON f.load = m.load GROUP BY m.load"""
        ).fetchall():
            self.laid_aside[load] += count if is_laid_aside else -count
        restarts = f"FROM moving WHERE kind = {int(EventKind.RESTART)}"
        if self.draft.one(f"SELECT COUNT(*) {restarts}")[0]:
            self.draft.new_restarts = True
            if is_laid_aside:
                self.draft.run(
                    f"""DELETE FROM loads_db.core.restarts AS r USING (SELECT load, line {restarts}) AS m
                    WHERE r.load = m.load AND r.line = m.line"""
                )
            else:
                self.draft.run(
                    f"""INSERT INTO loads_db.core.restarts SELECT f.pbx, m.epoch, m.order_epoch, m.load, m.line
                    FROM moving AS m JOIN files AS f ON f.load = m.load WHERE kind = {int(EventKind.RESTART)}"""
                )
        if self.draft.from_nothing:
            return
        self.draft.run(
            f"""INSERT INTO changed SELECT DISTINCT f.pbx, m.callid FROM moving AS m JOIN files AS f ON f.load = m.load
            WHERE kind < 7 AND m.callid NOT IN ({NO_CALLS}) EXCEPT SELECT pbx, callid FROM changed"""
        )
        low, high = self.draft.one("SELECT MIN(epoch), MAX(epoch) FROM moving")
        if low is not None:
            self.draft.reach_low = min(self.draft.reach_low, low)
            self.draft.reach_high = max(self.draft.reach_high, high)


def _paired(better: list[int], lesser: list[tuple[int, _Line]]) -> list[_Line]:
    """Return which of the lesser lines find one of the better, each used once; both in order of time."""
    found = []
    at = 0
    for epoch, place in lesser:
        while at < len(better) and better[at] < epoch - MATCH_SECONDS:
            at += 1
        if at < len(better) and better[at] <= epoch + MATCH_SECONDS:
            found.append(place)
            at += 1
    return found
