"""Rows of exported details of calls against the logs of their PBX: a row counts only where nothing better tells it.

In: a draft whose lines are loaded and whose logs and tables are settled (``etl.overlaps``). Out: the rows laid aside,
in ``raw.overlaid``, that are a visit of a better source (same queue, entered within two seconds, one to one), or that
stand where a better source covers the half hour and does not tell them: these are findings. Whatever came first, the
same is decided, as every row is judged by what is there at the end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from etl.draft import Draft, Month
from etl.months import period_of
from etl.schema import LINES_A_ROW, EventKind
from etl.sources.call_detail import DETAILS, ONLY_IN_EXPORT
from etl.validate import literal

MATCH_SECONDS = 2
HALF_HOUR = 1800
#: Rows this near to what changed are judged anew, and lines this much further are looked at for that.
_NEAR, _CONTEXT = 2 * HALF_HOUR, 86400
_RANKS = tuple(source.rank for source in DETAILS)
_Row = tuple[int, int]


@dataclass
class DetailPrecedence:
    """Lays the rows of details aside that a better source tells, or covers. ``move`` puts lines where they belong."""

    draft: Draft
    move: Callable[[Month, int, int], None]
    #: Per PBX: the span judged, and the rows that a log covers and does not tell: epoch, callid, queue, load, line.
    _only: dict[str, tuple[int, int, list[tuple[int, str, str, int, int]]]] = field(default_factory=dict)

    def settle(self, added: Iterable[int]) -> None:
        """Judge the rows around the lines of the files that were added."""
        windows: dict[str, tuple[int, int]] = {}
        for file in set(added):
            info, span = self.draft.files[file], self.draft.spans.get(file)
            for other, each in self.draft.files.items():
                details = self.draft.spans.get(other)
                if span is None or details is None or each.pbx != info.pbx or each.rank not in _RANKS:
                    continue
                low, high = max(span[0], details[0]) - _NEAR, min(span[1], details[1]) + _NEAR
                if low <= high:
                    before = windows.get(info.pbx, (low, high))
                    windows[info.pbx] = (min(low, before[0]), max(high, before[1]))
        for pbx, (low, high) in sorted(windows.items()):
            self._only[pbx] = (low, high, [])
            for rank in _RANKS:
                self._judge(pbx, rank, low, high)

    def note_findings(self) -> None:
        """Write the rows that only the export has, after the visits are told: telling them anew deletes findings."""
        for pbx, (low, high, only) in self._only.items():
            same = f"kind = {literal(ONLY_IN_EXPORT)} AND pbx = {literal(pbx)} AND found_epoch BETWEEN {low} AND {high}"
            by_period: dict[str, list[tuple[object, ...]]] = defaultdict(list)
            for epoch, callid, queue, load, line in sorted(only):
                by_period[period_of(epoch)].append((ONLY_IN_EXPORT, pbx, callid, queue, epoch, load, line))
            for month in list(self.draft.existing_months_between(low, high)):
                rows = by_period[period_of(month.start)]
                known = self.draft.run(
                    f"SELECT kind, pbx, callid, queue, found_epoch, load, line FROM {month.alias}.meta.findings "
                    f"WHERE {same} ORDER BY found_epoch, callid, queue, load, line"
                ).fetchall()
                if [tuple(row) for row in known] != rows:
                    alias = self.draft.month_of(month.start).alias
                    self.draft.run(f"DELETE FROM {alias}.meta.findings WHERE {same}")
                    self.draft.insert_rows(f"{alias}.meta.findings", rows)

    def _judge(self, pbx: str, rank: int, low: int, high: int) -> None:
        """Decide about the rows of one source that entered between two instants, and move those that change."""
        months = list(self.draft.existing_months_between(low - _CONTEXT, high + _CONTEXT))
        lines = " UNION ALL ".join(
            f"SELECT load, line, epoch, callid, queue, kind, hold_seconds, talk_seconds, {hidden} AS hidden "
            f"FROM {month.alias}.{table} WHERE epoch BETWEEN {low - _CONTEXT} AND {high + _CONTEXT}"
            for month in months
            for table, hidden in (("raw.queue_log", "FALSE"), ("raw.overlaid", "TRUE"))
        )
        if not lines:
            return
        self.draft.run(
            f"""CREATE OR REPLACE TABLE near_lines AS SELECT q.*, f.rank, f.place,
                (q.line - 1) // {LINES_A_ROW} AS row FROM ({lines}) AS q JOIN files AS f ON f.load = q.load
            WHERE f.pbx = {literal(pbx)} AND (f.rank = {rank} OR (f.rank < {rank} AND NOT q.hidden))"""
        )
        rows = self.draft.run(
            f"""SELECT queue, epoch, load, row, hidden, callid, line FROM near_lines
            WHERE rank = {rank} AND kind = {int(EventKind.ENTER)} AND epoch BETWEEN {low} AND {high}
            ORDER BY queue, epoch, place, load, row"""
        ).fetchall()
        if rows:
            told, covered = self._matched(rank, rows), self._covered(rank)
            changed: list[tuple[int, int, bool]] = []
            _, _, only = self._only[pbx]
            for queue, epoch, load, row, hidden, callid, line in rows:
                is_told = (load, row) in told
                lie_aside = is_told or covered(epoch)
                if lie_aside and not is_told:
                    only.append((epoch, callid, queue, load, line))
                if lie_aside != hidden:
                    changed.append((load, row, lie_aside))
            self._move(months, changed)
        self.draft.run("DROP TABLE near_lines")

    def _matched(self, rank: int, rows: list[tuple[object, ...]]) -> set[_Row]:
        """Return the rows that are visits of better sources. A visit whose entry no log has began where it says."""
        visits = self.draft.run(
            f"""SELECT queue, epoch FROM near_lines WHERE rank < {rank} AND kind = {int(EventKind.ENTER)}
            UNION ALL
            SELECT queue, MIN(epoch - COALESCE(hold_seconds, 0) - COALESCE(talk_seconds, 0)) FROM near_lines
            WHERE rank < {rank} AND kind BETWEEN {int(EventKind.ENTER)} AND {int(EventKind.UNANSWERED_END)}
            GROUP BY callid, queue HAVING COUNT(*) FILTER (kind = {int(EventKind.ENTER)}) = 0
            ORDER BY 1, 2"""
        ).fetchall()
        better: dict[str, list[int]] = defaultdict(list)
        for queue, epoch in visits:
            better[queue].append(epoch)
        at: dict[str, int] = defaultdict(int)
        found: set[_Row] = set()
        for queue, epoch, load, row, *_ in rows:
            entries, place = better[str(queue)], at[str(queue)]
            while place < len(entries) and entries[place] < int(str(epoch)) - MATCH_SECONDS:
                place += 1
            if place < len(entries) and entries[place] <= int(str(epoch)) + MATCH_SECONDS:
                found.add((int(str(load)), int(str(row))))
                place += 1
            at[str(queue)] = place
        return found

    def _covered(self, rank: int) -> Callable[[int], bool]:
        """Return what tells whether better sources cover an instant: lines in its half hour, before it and after it.

        Where a log begins or ends within the half hour, it covers no more than its own part.
        """
        minutes = [
            minute
            for (minute,) in self.draft.run(
                f"SELECT DISTINCT epoch // 60 FROM near_lines WHERE rank < {rank} ORDER BY 1"
            ).fetchall()
        ]

        def some(first: int, last: int) -> bool:
            return bisect_left(minutes, first) < bisect_right(minutes, last)

        def is_covered(epoch: int) -> bool:
            minute, first = epoch // 60, epoch // HALF_HOUR * 30
            return some(first, first + 29) and some(first - 30, minute) and some(minute, first + 59)

        return is_covered

    def _move(self, months: list[Month], changed: list[tuple[int, int, bool]]) -> None:
        """Move the lines of rows: ``told`` is what the mover of overlaps reads."""
        if not changed:
            return
        self.draft.run("CREATE OR REPLACE TABLE judged (load INTEGER, row BIGINT, matched BOOLEAN)")
        self.draft.insert_rows("judged", ((load, row, int(aside)) for load, row, aside in changed))
        self.draft.run(
            """CREATE OR REPLACE TABLE told AS SELECT n.load, n.line, n.epoch, n.hidden, j.matched
            FROM near_lines AS n JOIN judged AS j ON j.load = n.load AND j.row = n.row"""
        )
        for month in months:
            self.move(month, month.start, month.end - 1)
        self.draft.run("DROP TABLE told; DROP TABLE judged")
