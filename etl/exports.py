"""The tables of a file in, the figures that another system totalled in them out; every line accounted for.

What a file does not say itself (its period, its queue) its sender says. Totals are not calls: nothing here is ever
added to what is counted from a log. Pure: no IO.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from etl.export_tables import ReportTable, cover_of, known_table, label_of, seen_titles
from etl.export_values import amount, day, hour, plain, queue_names
from etl.readers.found_table import FoundTable, TableRow, UnreadableTable
from etl.schema import ExportColumn, ExportReport, ExportUnit
from etl.sources.exports import EXPORTS, INBOUND, ISSABEL, OUTBOUND, TOTALS, WEEKDAYS

#: Of a table more bad rows than this, or a greater part of them, are no bad rows but another table.
_MOST_BAD_ROWS, _MOST_BAD_SHARE = 500, 0.05
_PROBLEMS = {"nul": "nul", "encoding": "encoding", "line_too_long": "columns", "quote": "quote"}
_ALL = ("todas", "todos", "all")
_SHOWN = 500
_LONG_NUMBER = re.compile(r"\d{7,}")
_NO_TITLE = re.compile(r"\d{4}")
_GIVE = "indíquelo al cargar: --from aaaa-mm-dd --to aaaa-mm-dd (en la página Cargas, «Desde» y «Hasta»)"
_GIVE_QUEUE = "indíquela al cargar: --queue NOMBRE, o --queue todas (en la página Cargas, «Cola»)"


@dataclass(frozen=True)
class Told:
    """What the sender of a file says of it: first and last day, the queue (``todas`` for all), what source it is.

    None: nothing. The source is only asked of the file, the rest is taken where it does not say it itself.
    """

    first: date | None = None
    last: date | None = None
    queue: str | None = None
    source: str | None = None

    @property
    def columns(self) -> dict[str, Any] | None:
        """Return what an export may not say as plain JSON, None where nothing is said."""
        said = {
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "queue": self.queue,
        }
        return said if any(said.values()) else None

    @staticmethod
    def of(said: dict[str, Any] | None) -> Told:
        """Return what was kept as plain JSON."""
        said = said or {}
        first, last = said.get("first"), said.get("last")
        return Told(
            date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None, said.get("queue")
        )


NOTHING_TOLD = Told()


@dataclass(frozen=True)
class ExportFigure:
    """One number of an export: where it stands, of which report, days, queue and agent, and what it measures.

    ``scope_first``, ``scope_last`` and ``scope_queue`` are those of the table: another export of the same report and
    scope takes its place. ``queue`` is None where the number is of all queues, or of several that are not told apart.
    """

    table: str
    line: int
    system: str
    report: str
    scope_first: date
    scope_last: date
    scope_queue: str
    first: date
    last: date
    queue: str | None
    agent: str | None
    grain: str
    key: str
    measure: str
    value: float


@dataclass(frozen=True)
class RowSetAside:
    """A row that is no figure: where it stands, why, and the beginning of its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Export:
    """What a file of exported reports holds: lines loaded, set aside, and ``blank`` ones; headers count as blank."""

    figures: tuple[ExportFigure, ...]
    set_aside: tuple[RowSetAside, ...]
    lines: int
    loaded: int
    blank: int
    first: date
    last: date
    notes: tuple[str, ...]


@dataclass
class _Rows:
    """What became of the rows of one table."""

    figures: list[ExportFigure] = field(default_factory=list)
    set_aside: list[RowSetAside] = field(default_factory=list)
    loaded: int = 0
    passed: int = 0
    totals: list[tuple[int, dict[str, float]]] = field(default_factory=list)


class _Bad(Exception):
    """A row cannot be read; the code of the reason."""


def read_export(tables: Sequence[FoundTable], told: Told = NOTHING_TOLD) -> Export:
    """Read the figures of a file's tables. Raises UnreadableTable.

    Codes: unknown (no table is a known report), no_table (nor has columns), ambiguous, titles, period, queue, total,
    bad_rows, no_rows.
    """
    known = [each for table in tables if (each := known_table(table)) is not None]
    if not known:
        # A first row with long numbers is no header: a list of calls, say, which is not told here.
        heads = [table.rows[0] for table in tables if len(table.rows[0].cells) > 1 and not table.rows[0].problem]
        is_table = any(not any(_NO_TITLE.search(cell) for cell in head.cells) for head in heads)
        raise UnreadableTable(
            "unknown" if is_table else "no_table",
            f"ninguna tabla es de un informe conocido (se ve: {seen_titles(tables)}); se leen los informes de Asternic "
            "(atendidas por operador, nivel de servicio, por cola, causas, transferencias, distribución, resumen) y de "
            "Elastix/Issabel (tiempo de espera, éxito de llamadas entrantes, llamadas por operador, tiempo de sesión, "
            "recesos), con su encabezado",
        )
    scope = _Scope.of(tables, told)
    parts = [(each, *scope.of_table(each)) for each in known]
    same = [(each.report.name, *span) for each, *span in parts]
    if len(same) != len(set(same)):
        raise UnreadableTable(
            "ambiguous", "el archivo trae dos veces el mismo informe: deje una sola tabla de cada uno"
        )
    read = [(each, _read_rows(each, first, last, queue)) for each, first, last, queue in parts]
    figures = tuple(figure for _, rows in read for figure in rows.figures)
    set_aside = tuple(row for _, rows in read for row in rows.set_aside)
    loaded = sum(rows.loaded for _, rows in read)
    _check_bad_rows(loaded, set_aside)
    for each, rows in read:
        _check_totals(each, rows)
    if not figures:
        raise UnreadableTable(
            "no_rows", f"{known[0].report.title}: no tiene ninguna fila con cifras; vuelva a exportar"
        )
    lines = sum(table.lines for table in tables)
    read_tables = {id(each.table) for each in known}
    blank = sum(rows.passed for _, rows in read) + sum(table.blank for table in tables)
    blank += sum(row.span for table in tables if id(table) not in read_tables for row in table.rows)
    notes = tuple(
        f"{each.report.title} ({rows.loaded} {'fila' if rows.loaded == 1 else 'filas'}, {_span_text(first, last)}, "
        f"{_queue_text(each.report, queue)})"
        for (each, first, last, queue), (_, rows) in zip(parts, read, strict=True)
    )
    return Export(
        figures, set_aside, lines, loaded, blank,
        min(figure.first for figure in figures), max(figure.last for figure in figures), notes,
    )  # fmt: skip


@dataclass(frozen=True)
class _Scope:
    """From when to when, and of which queues, the tables of a file are, as far as file and sender say."""

    first: date | None
    last: date | None
    queue: str | None

    @staticmethod
    def of(tables: Sequence[FoundTable], told: Told) -> _Scope:
        firsts, lasts, queues = cover_of(tables)
        try:
            first, last = _one(firsts, "primer día"), _one(lasts, "último día")
        except ValueError:
            if told.first is None or told.last is None:
                raise UnreadableTable(
                    "period", f"el archivo escribe su período de una forma que no se entiende; {_GIVE}"
                ) from None
            first = last = None
        for said, seen in ((told.first, first), (told.last, last)):
            if said is not None and seen is not None and said != seen:
                raise UnreadableTable(
                    "period", f"el archivo dice que es {_span_text(first, last)}, y se indicó otro período"
                )
        first, last = first or told.first, last or told.last
        if first is not None and last is not None and first > last:
            raise UnreadableTable("period", "el período termina antes de empezar")
        names = {queue_names(text) for text in queues}
        queue = ",".join(next(iter(names))) if len(names) == 1 else None
        if told.queue is not None:
            said_queue = "" if plain(told.queue) in _ALL else ",".join(queue_names(told.queue))
            if queue is not None and queue != said_queue:
                raise UnreadableTable("queue", "el archivo dice de qué cola es, y se indicó otra")
            queue = said_queue
        return _Scope(first, last, queue)

    def of_table(self, table: ReportTable) -> tuple[date, date, str]:
        """Return first and last day and queues (empty: all) of a table. Raises UnreadableTable where none says."""
        report, first, last = table.report, self.first, self.last
        if report.grain in ("day", "session") and (first is None or last is None):
            days = list(_days_of(table))
            if days:
                first, last = first or min(days), last or max(days)
        if first is None or last is None or first > last:
            raise UnreadableTable("period", f"{report.title}: el archivo no dice de qué período es; {_GIVE}")
        if self.queue is None and report.per_queue and report.queue is None:
            raise UnreadableTable("queue", f"{report.title}: el archivo no dice de qué cola es; {_GIVE_QUEUE}")
        return first, last, self.queue or ""


def _one(texts: set[str], what: str) -> date | None:
    days = {day(text) for text in texts}
    if len(days) > 1:
        raise UnreadableTable("period", f"el archivo nombra más de un {what}: guarde cada informe por separado")
    return next(iter(days), None)


def _days_of(table: ReportTable) -> list[date]:
    at, days = table.places["key"], []
    for row in table.rows:
        try:
            days.append(day(row.cells[at]))
        except (ValueError, IndexError):
            continue  # the row is judged later
    return days


def _read_rows(table: ReportTable, first: date, last: date, queue: str) -> _Rows:
    rows = _Rows()
    header = table.header
    rows.passed = sum(row.span for row in table.table.rows) - sum(row.span for row in table.rows)
    for row in table.rows:
        try:
            if row.problem:
                raise _Bad(_PROBLEMS[row.problem])
            cells = row.cells
            if header is not None:
                width = len(header.cells)
                if len(cells) < width or any(cells[width:]):
                    raise _Bad("columns")
                if _is_total(table, cells):
                    rows.totals.append((row.line, _amounts(table, cells)))
                    rows.passed += row.span
                    continue
            figures = _figures_of(table, row, cells, first, last, queue)
        except _Bad as bad:
            rows.set_aside.append(RowSetAside(row.line, str(bad), _shown(table, row)))
            rows.passed += row.span - 1
            continue
        if figures is None:
            rows.passed += row.span
            continue  # a row that says nothing: a line of a summary, a title
        rows.loaded += row.span
        rows.figures += figures
    return rows


def _figures_of(
    table: ReportTable, row: TableRow, cells: Sequence[str], first: date, last: date, scope_queue: str
) -> list[ExportFigure] | None:
    report = table.report
    measured = _labelled(table, cells) if report.labels else _amounts(table, cells)
    if measured is None:
        return None
    key, own_first, own_last = _key(table, cells, first, last)
    queue: str | None = scope_queue if scope_queue and "," not in scope_queue else None
    if report.queue is not None:
        queue = cells[table.places["queue"]]
        if not queue:
            raise _Bad("key")
    agent = cells[table.places["agent"]] if report.agent is not None else None
    if agent == "":
        raise _Bad("key")
    if report.kind is not None:
        kind = plain(cells[table.places["kind"]])
        if kind in map(plain, OUTBOUND):
            measured = {f"outbound_{measure}": value for measure, value in measured.items()}
        elif kind not in map(plain, INBOUND):
            raise _Bad("key")
    own = (table.table.name, row.line, report.system, report.name, first, last, scope_queue)
    figures = [
        ExportFigure(*own, own_first, own_last, queue, agent, report.grain, key, measure, value)
        for measure, value in measured.items()
    ]
    for title, at in table.rest:
        if (value := _amount(cells[at], report.rest_unit)) is not None:
            figures.append(
                ExportFigure(*own, own_first, own_last, queue, agent, report.grain, title, report.rest, value)
            )
    return figures


def _key(table: ReportTable, cells: Sequence[str], first: date, last: date) -> tuple[str, date, date]:
    """Return what a row is of, and its own first and last day. Raises _Bad."""
    report = table.report
    if report.key is None:
        return "", first, last
    text = cells[table.places["key"]]
    if not text:
        raise _Bad("key")
    if report.grain in ("day", "session"):
        try:
            told = day(text)
        except ValueError:
            raise _Bad("date") from None
        if not first - timedelta(1) <= told <= last + timedelta(1):
            raise _Bad("period")
        return (told.isoformat() if report.grain == "day" else text), told, told
    if report.grain == "hour":
        try:
            return f"{hour(text):02}", first, last
        except ValueError:
            raise _Bad("key") from None
    if report.grain == "weekday":
        for number, names in enumerate(WEEKDAYS, 1):
            if plain(text) in map(plain, names):
                return str(number), first, last
        raise _Bad("key")
    # A call may be transferred to a customer's or a colleague's own telephone.
    return _LONG_NUMBER.sub("externo", text), first, last


def _amounts(table: ReportTable, cells: Sequence[str]) -> dict[str, float]:
    """Return what the columns of a row measure. Raises _Bad."""
    measured: dict[str, float] = {}
    for column, at in table.columns:
        if not column.measures:
            continue
        value = _amount(cells[at], column.unit)
        if value is None:
            if column.required:
                raise _Bad("duration" if _is_time(column) else "number")
            continue
        measured.update(dict.fromkeys(column.measures, value))
    return measured


def _labelled(table: ReportTable, cells: Sequence[str]) -> dict[str, float] | None:
    """Return what a row measures that says so by its first cell; None where it says nothing that is read."""
    report = table.report
    at = table.places["key"]
    known = label_of(report, cells[at]) if len(cells) > at else None
    if known is None:
        if report.key is not None:
            raise _Bad("key")
        return None
    label, number = known
    if label.unit is ExportUnit.UNREAD:
        return None
    values = cells[table.columns[0][1] :] if table.columns else cells[at + 1 :]
    value = _amount(values[0], label.unit) if values else None
    if value is None:
        raise _Bad("number")
    return {measure.format(number): value for measure in label.measures}


def _amount(text: str, unit: ExportUnit) -> float | None:
    try:
        return amount(text, unit)
    except ValueError:
        raise _Bad("number" if unit is ExportUnit.COUNT else "duration") from None


def _is_time(column: ExportColumn) -> bool:
    return column.unit is not ExportUnit.COUNT


def _is_total(table: ReportTable, cells: Sequence[str]) -> bool:
    """Tell the row that adds the others up: its key says so, or it has none and says so first, or nothing at all."""
    names = {plain(name) for name in TOTALS}
    key = cells[table.places["key"]]
    if plain(key) in names:
        return True
    texts = [cell for at, cell in enumerate(cells) if cell and not any(c.isdigit() for c in cell)]
    if key or table.report.system != ISSABEL:
        return False
    return not texts or plain(texts[0]) in names


def _check_bad_rows(loaded: int, set_aside: Sequence[RowSetAside]) -> None:
    """Refuse a file of which too much cannot be read."""
    bad, rows = len(set_aside), loaded + len(set_aside)
    if bad <= _MOST_BAD_ROWS and bad <= rows * _MOST_BAD_SHARE:
        return
    reasons = {reason.code: reason.text for reason in EXPORTS.reasons}
    first = set_aside[0]
    why = reasons.get(first.reason, first.reason)
    raise UnreadableTable(
        "bad_rows",
        f"{bad} de {rows} filas no se pueden leer (la primera, línea {first.line}: {why}): corrija o vuelva a exportar",
    )


def _check_totals(table: ReportTable, rows: _Rows) -> None:
    """Refuse a table whose own total is not the sum of its rows; where some were set aside it cannot be."""
    if rows.set_aside:
        return
    for line, total in rows.totals:
        for measure, value in total.items():
            added = sum(figure.value for figure in rows.figures if figure.measure == measure)
            if measure.removeprefix("outbound_") == measure and round(added - value, 6):
                outbound = sum(figure.value for figure in rows.figures if figure.measure == f"outbound_{measure}")
                if round(added + outbound - value, 6):
                    raise UnreadableTable(
                        "total",
                        f"{table.report.title}: la fila de totales (línea {line}) no es la suma de las demás "
                        f"({added + outbound:g} y no {value:g}): vuelva a exportarlo completo",
                    )


def _shown(table: ReportTable, row: TableRow) -> str:
    name = f"{table.table.name}: " if table.table.name else ""
    return (name + " | ".join(row.cells))[:_SHOWN]


def _span_text(first: date | None, last: date | None) -> str:
    return f"del {first:%d/%m/%Y} al {last:%d/%m/%Y}" if first and last else "de otro período"


def _queue_text(report: ExportReport, queue: str) -> str:
    if not report.per_queue:
        return "sin colas"
    if queue:
        return f"cola {queue}" if "," not in queue else f"colas {queue.replace(',', ', ')}"
    return "por cola" if report.queue is not None else "todas las colas"
