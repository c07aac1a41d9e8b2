"""What other systems exported as totals, for a period and lines: for comparing, and for days that no log covers.

In: a cursor on a generation. Out: figures with the file and line they stand in. They are totals of others: they are
never added to what is counted from calls, and whatever shows them says "de exportación".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from etl.model import NOT_COUNTED
from etl.sources.exports import EXPORTS, SYSTEMS
from reports import terms
from reports.completeness import Completeness
from reports.definition import Period
from reports.format import date_text, number_text

ANSWERED, UNANSWERED = "answered", "unanswered"
_TITLES = {(report.system, report.name): report.title for report in EXPORTS.reports}
#: Where several reports tell the same days, the one nearest to a total is shown.
_GRAINS = ("total", "queue", "day", "cause", "wait", "hour", "weekday", "agent", "session")
FIGURES_SQL = """
-- One row per figure of an export whose own days lie within the period, with the line of its queue.
WITH source AS (
    SELECT figure.*, loads.name AS file
    FROM core.export_figures AS figure
    JOIN meta.loads AS loads ON loads.load = figure.load
    WHERE figure.first_date >= ? AND figure.last_date <= ?
),
-- A queue whose calls are told apart by the DID is of no one line.
ruled AS (
    SELECT queue, service, valid_from, valid_to
    FROM core.queue_lines
    WHERE did IS NULL OR did = ''
),
final AS (
    SELECT source.*,
        CASE
            WHEN EXISTS (SELECT 1 FROM core.queue_lines AS rule WHERE rule.queue = source.queue) THEN (
                SELECT MIN(rule.service) FROM ruled AS rule
                WHERE rule.queue = source.queue
                    AND (rule.valid_from IS NULL OR rule.valid_from <= source.first_date)
                    AND (rule.valid_to IS NULL OR rule.valid_to >= source.last_date)
            )
            WHEN source.queue IN (SELECT UNNEST(?)) THEN source.queue
        END AS service
    FROM source
)
SELECT system, report, measure, first_date, last_date, queue, service, value, load, line, grain, scope_queue,
    table_name, file
FROM final
ORDER BY load, line, measure, table_name
"""
MONTHS_SQL = """
-- One row per month that exports tell days of.
SELECT DISTINCT STRFTIME(day, '%Y-%m') AS month
FROM (
    SELECT first_date AS day FROM core.export_figures
    UNION ALL
    SELECT last_date AS day FROM core.export_figures
)
ORDER BY month
"""


@dataclass(frozen=True)
class ExportedFigure:
    """One figure of an export: its report, measure, own days, queue and line (None: all, or unknown), and its place."""

    system: str
    report: str
    measure: str
    first: date
    last: date
    queue: str | None
    service: str | None
    value: float
    load: int
    line: int
    grain: str = "total"
    queues: str = ""
    table: str = ""
    file: str = ""


@dataclass(frozen=True)
class ExportedTotal:
    """What one system's exports say of some days and lines, and where: answered and not answered, None if untold.

    ``service`` is the line, None where the exports do not tell lines apart.
    """

    system: str
    service: str | None
    first: date
    last: date
    days: int
    answered: int | None
    unanswered: int | None
    sources: tuple[str, ...]
    of_same_days: bool = True

    @property
    def registered(self) -> int | None:
        """Answered and not answered, as the manual adds them; None unless both are told of the same days."""
        if self.answered is None or self.unanswered is None or not self.of_same_days:
            return None
        return self.answered + self.unanswered


def read_exported(
    cursor: duckdb.DuckDBPyConnection, period: Period, services: Sequence[str] = ()
) -> tuple[ExportedFigure, ...]:
    """Return the figures whose own days lie within a period, of some lines or of all, in the order of their places.

    The figures of one load and report add up to what it says of its days; those of several reports tell the same calls
    again. Queues that do not count are left out; with lines asked for, so are figures of no one line.
    """
    rows = cursor.execute(FIGURES_SQL, [period.first, period.last, list(terms.LINES)]).fetchall()
    figures = (ExportedFigure(*row) for row in rows)
    return tuple(
        figure for figure in figures if figure.service != NOT_COUNTED and (not services or figure.service in services)
    )


def exported_months(cursor: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the months, as "2026-10", that exports tell days of, oldest first."""
    return tuple(month for (month,) in cursor.execute(MONTHS_SQL).fetchall())


def exported_instead(
    cursor: duckdb.DuckDBPyConnection, period: Period, lines: Sequence[str], found: Completeness | None
) -> tuple[ExportedTotal, ...]:
    """Return what exports say of what no log covers: the whole period (`found` is None), or its lines or days without.

    By system; by line where a line has no record and the exports tell it.
    """
    figures = read_exported(cursor, period, lines)
    if found is None:
        return totals_of(figures)
    silent = [line for line in found.lines if line not in found.lines_with_record]
    covered = found.covered

    def is_uncovered(figure: ExportedFigure) -> bool:
        days = Period(figure.first, figure.last)
        return not any(day in covered for day in days)

    of_days = totals_of([figure for figure in figures if is_uncovered(figure)])
    of_lines = [
        total
        for line in silent
        for total in totals_of([f for f in figures if f.service == line and not is_uncovered(f)], line)
    ]
    return (*of_days, *of_lines)


def totals_of(figures: Iterable[ExportedFigure], service: str | None = None) -> tuple[ExportedTotal, ...]:
    """Add up what each system says, each day and queue once: of reports of the same, the one nearest to a total."""
    by_system: dict[str, list[ExportedFigure]] = defaultdict(list)
    for figure in figures:
        if figure.measure in (ANSWERED, UNANSWERED):
            by_system[figure.system].append(figure)
    totals = []
    for system, told in sorted(by_system.items()):
        chosen = {measure: _chosen([f for f in told if f.measure == measure]) for measure in (ANSWERED, UNANSWERED)}
        used = [figure for each in chosen.values() for figure in each]
        told_days = [{day for f in each for day in Period(f.first, f.last)} for each in chosen.values()]
        days = set().union(*told_days)
        answered, unanswered = (
            round(sum(figure.value for figure in chosen[measure])) if chosen[measure] else None
            for measure in (ANSWERED, UNANSWERED)
        )
        totals.append(
            ExportedTotal(
                system,
                service,
                min(days),
                max(days),
                len(days),
                answered,
                unanswered,
                _places(used),
                told_days[0] == told_days[1],
            )
        )
    return tuple(totals)


def exported_words(total: ExportedTotal) -> list[tuple[str, str]]:
    """Return a total as pairs of a label and a text: registered, answered, not answered, days, place."""
    span = (
        date_text(total.first)
        if total.first == total.last
        else f"del {date_text(total.first)} al {date_text(total.last)}"
    )
    days = f"{number_text(total.days)} {'día' if total.days == 1 else 'días'}, {span}"
    return [
        ("Registradas", number_text(total.registered)),
        ("Atendidas", number_text(total.answered)),
        ("No atendidas", number_text(total.unanswered)),
        ("Días", days),
        ("De dónde", "; ".join(total.sources)),
    ]


def report_title(figure: ExportedFigure) -> str:
    """Return the report that a figure stands in, as users know it: "Asternic, distribución por día"."""
    return _TITLES.get((figure.system, figure.report), figure.report)


def exported_title(total: ExportedTotal) -> str:
    """Return what a total is of: the system, and the line where it is of one."""
    system = SYSTEMS.get(total.system, total.system)
    return f"{system}, {terms.line_name(total.service)}" if total.service else system


def _chosen(figures: Sequence[ExportedFigure]) -> list[ExportedFigure]:
    """Return the figures of the report that tells most days of most queues, none of them twice."""
    by_report: dict[str, list[ExportedFigure]] = defaultdict(list)
    for figure in figures:
        by_report[figure.report].append(figure)
    told = [_without_overlaps(each) for each in by_report.values()]
    return max(told, key=_reach, default=[])


def _without_overlaps(figures: Sequence[ExportedFigure]) -> list[ExportedFigure]:
    """Leave out what a longer or newer table of the same report, days and queues tells already."""
    blocks: dict[tuple[date, date, str, int], list[ExportedFigure]] = defaultdict(list)
    for figure in figures:
        blocks[figure.first, figure.last, figure.queues, figure.load].append(figure)

    def longest_newest(block: tuple[date, date, str, int]) -> tuple[int, int, int]:
        first, last, queues, load = block
        return -(last - first).days, int(bool(queues)), -load

    kept: list[tuple[date, date, str, int]] = []
    for block in sorted(blocks, key=longest_newest):
        if not any(_overlap(block, other) for other in kept):
            kept.append(block)
    return [figure for block in kept for figure in blocks[block]]


def _overlap(one: tuple[date, date, str, int], other: tuple[date, date, str, int]) -> bool:
    """Tell whether two tables tell a day of a queue both; one without queues is of all of them."""
    if one[0] > other[1] or other[0] > one[1]:
        return False
    queues = [set(each[2].split(",")) if each[2] else set() for each in (one, other)]
    return not all(queues) or bool(queues[0] & queues[1])


def _reach(figures: Sequence[ExportedFigure]) -> tuple[int, int, int]:
    is_of_all = all(not figure.queues for figure in figures)
    days = {(day, figure.queues) for figure in figures for day in Period(figure.first, figure.last)}
    nearest = max((_GRAINS.index(figure.grain) for figure in figures), default=0)
    return int(is_of_all), len(days), -nearest


def _places(figures: Sequence[ExportedFigure]) -> tuple[str, ...]:
    """Return file, report and lines of figures, one text per table."""
    by_table: dict[tuple[int, str, str, str], list[int]] = defaultdict(list)
    for figure in figures:
        title = _TITLES.get((figure.system, figure.report), figure.report)
        by_table[figure.load, figure.file, title, figure.table].append(figure.line)
    return tuple(
        f"{file} (carga {load}), {name}, {_lines_text(lines)}" for (load, file, name, _), lines in by_table.items()
    )


def _lines_text(lines: Sequence[int]) -> str:
    first, last = min(lines), max(lines)
    return f"fila {first}" if first == last else f"filas {first} a {last}"
