"""Where a source cannot tell: which figures of a period suffer because lines of it come from a lossy source.

In: a cursor, a period, lines of the call centre. Out: how many of the lines of the log that are counted there come from
each source with losses (``LogSource.losses``), of how many, and its words. Nothing is asked where no such source was
loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from etl.schema import LogSource, Loss
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import SOURCES
from etl.views import LINES, PLACES, months_between
from reports import terms
from reports.definition import Period
from reports.format import number_text

BY_NAME = {source.name: source for source in SOURCES}
PIECES_SQL = """
-- One row per load and its source, of those with lines between two instants.
SELECT load, source
FROM meta.pieces
WHERE least_epoch < ? AND greatest_epoch >= ?
"""
COUNT_SQL = """
-- One row per load with lines that are counted in the period.
SELECT load, COUNT(*) AS lines
FROM {source}
WHERE epoch >= ? AND epoch < ?
GROUP BY load
"""
# Of some lines of the call centre: the lines of the queues in which their calls were.
COUNT_OF_LINES_SQL = """
-- One row per load with lines of these queues in the period.
SELECT load, COUNT(*) AS lines
FROM {source}
WHERE epoch >= ? AND epoch < ? AND queue IN (
    SELECT queue
    FROM {visits}
    WHERE entered_date BETWEEN ? AND ? AND COALESCE(service, '') IN ({marks})
)
GROUP BY load
"""


@dataclass(frozen=True)
class Limit:
    """One source that cannot tell everything: `lines` of the `total` lines of the log counted are its own."""

    source: LogSource
    lines: int
    total: int

    @property
    def says(self) -> str:
        """Exactly how much of the period rests on it: "1.200 de 4.800 líneas de este período vienen de ..."."""
        one = self.lines == 1
        return (
            f"{number_text(self.lines)} de {number_text(self.total)} líneas de este período "
            f"{'viene' if one else 'vienen'} de: {self.source.title}"
        )

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the figures that suffer."""
        return frozenset(code for loss in self.source.losses for code in loss.suffer)

    @property
    def suffering(self) -> tuple[str, ...]:
        """The figures that suffer, as users call them, each once."""
        return suffering(self.source.losses)


def suffering(losses: Sequence[Loss], shown: Collection[str] = terms.SUFFERING) -> tuple[str, ...]:
    """Return the figures that suffer from losses, as users call them, each once; of those `shown` by their codes."""
    codes = dict.fromkeys(code for loss in losses for code in loss.suffer)
    return tuple(terms.SUFFERING[code] for code in codes if code in shown and code in terms.SUFFERING)


def epochs(period: Period) -> tuple[int, int]:
    """Return the first instant of a period, and the first after it (La Paz), as epochs."""
    return epoch_of(period.first), epoch_of(period.last + timedelta(days=1))


def epoch_of(day: date) -> int:
    """Return the instant in which a day begins in La Paz."""
    return (day - date(1970, 1, 1)).days * 86_400 - ZONE_OFFSET_SECONDS


def lines_by_source(
    cursor: duckdb.DuckDBPyConnection, period: Period, lines: Sequence[str] = ()
) -> dict[str, int]:  # fmt: skip
    """Count the lines of the log that are counted in a period, by the name of their source.

    With `lines` of the call centre, those of the queues in which their calls were. What another source tells better is
    laid aside and not counted.
    """
    since, until = epochs(period)
    loads = dict(cursor.execute(PIECES_SQL, [until, since]).fetchall())
    if lines:
        asked = ["" if line == terms.NO_LINE else line for line in lines]
        sql = COUNT_OF_LINES_SQL.format(
            source=months_between(cursor, LINES, period.first, period.last),
            visits=months_between(cursor, "core.queue_visits", period.first, period.last),
            marks=", ".join("?" * len(asked)),
        )
        bound = [since, until, period.first, period.last, *asked]
    else:
        sql = COUNT_SQL.format(source=months_between(cursor, PLACES, period.first, period.last))
        bound = [since, until]
    found: dict[str, int] = {}
    for load, number in cursor.execute(sql, bound).fetchall():
        found[loads[load]] = found.get(loads[load], 0) + int(number)
    return found


def limits_of(cursor: duckdb.DuckDBPyConnection, period: Period, lines: Sequence[str] = ()) -> tuple[Limit, ...]:
    """Return the sources with losses that lines counted in a period come from, those of the most lines first."""
    since, until = epochs(period)
    sources = {source for _, source in cursor.execute(PIECES_SQL, [until, since]).fetchall()}
    if not any(name in BY_NAME and BY_NAME[name].losses for name in sources):
        return ()
    return limits_among(lines_by_source(cursor, period, lines))


def limits_among(found: Mapping[str, int]) -> tuple[Limit, ...]:
    """Return the sources with losses among those that lines come from, those of the most lines first."""
    total = sum(found.values())
    limits = [
        Limit(BY_NAME[name], number, total)
        for name, number in found.items()
        if number and name in BY_NAME and BY_NAME[name].losses
    ]
    return tuple(sorted(limits, key=lambda limit: (-limit.lines, limit.source.name)))


def untold(cursor: duckdb.DuckDBPyConnection, period: Period, lines: Sequence[str] = ()) -> frozenset[str]:
    """Return the codes (terms.SUFFERING) of what no source of the lines counted in a period tells."""
    limits = limits_of(cursor, period, lines)
    codes = {code for limit in limits for code in limit.codes}
    # Each source once: those that lose it are all the lines there are.
    return frozenset(
        code for code in codes if 0 < sum(limit.lines for limit in limits if code in limit.codes) == limits[0].total
    )
