"""A table of an export in, which report it is and where its columns stand out; pure.

A report is known by the titles of its columns, in any order and language, within the first rows of a table; tables of
one header are told apart by their caption or by what their rows say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from etl.export_values import plain
from etl.readers.found_table import FoundTable, TableRow, UnreadableTable
from etl.schema import ExportColumn, ExportLabel, ExportReport
from etl.sources.exports import EXPORTS, FIRST_DAY, LAST_DAY, QUEUES

#: Within so many rows a table shows its header.
_HEADER_ROWS = 10
#: Of an unknown header so many titles are told.
_MOST_TITLES = 12


@dataclass(frozen=True)
class ReportTable:
    """A table known as a report: its header (None of a table without one), and which column stands where."""

    report: ExportReport
    table: FoundTable
    header: TableRow | None
    places: dict[str, int]
    columns: tuple[tuple[ExportColumn, int], ...]
    rest: tuple[tuple[str, int], ...] = ()

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """Return the rows after the header."""
        if self.header is None:
            return self.table.rows
        return tuple(row for row in self.table.rows if row.line > self.header.line)


@dataclass
class _Cover:
    """What the tables of a file say of it: its first and last day, and its queues, as they are written."""

    first: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    queues: list[str] = field(default_factory=list)


def known_table(table: FoundTable) -> ReportTable | None:
    """Tell which report a table is, None where it is none. Raises UnreadableTable."""
    found: list[tuple[int, ReportTable]] = []
    for row in table.rows[:_HEADER_ROWS]:
        if row.problem:
            continue
        titles = [plain(cell) for cell in row.cells]
        for report in EXPORTS.reports:
            if report.key is not None and (placed := _placed(report, titles)) is not None:
                found.append((_known_titles(report, titles), ReportTable(report, table, row, *placed)))
        if found:
            break
    if not found:
        return _cover_table(table)
    best = max(score for score, _ in found)
    told = [each for score, each in found if score == best]
    if len(told) > 1:
        told = _by_caption(told) or _by_labels(told)
    if len(told) != 1:
        names = " o ".join(each.report.title for _, each in found)
        raise UnreadableTable(
            "ambiguous",
            f"la tabla puede ser {names}: conserve su título en la fila anterior al encabezado, o guarde la página "
            "entera",
        )
    if told[0].report.captions and told[0].report.rest and not _by_caption(told):
        return None  # any matrix of people and times has its columns
    _check_titles(told[0])
    return told[0]


def cover_of(tables: Iterable[FoundTable]) -> tuple[set[str], set[str], set[str]]:
    """Return what a file says of its first day, last day and queues, in rows of a label and a text."""
    cover = _Cover()
    places = ((FIRST_DAY, cover.first), (LAST_DAY, cover.last), (QUEUES, cover.queues))
    wanted = [({plain(text) for text in texts}, into) for texts, into in places]
    for table in tables:
        for row in table.rows[:50]:
            cells = [cell for cell in row.cells if cell]
            if len(cells) == 1 and ":" in cells[0]:
                cells = [text.strip() for text in cells[0].split(":", 1)]
            if len(cells) == 2 and not row.problem:
                for texts, into in wanted:
                    if plain(cells[0]) in texts:
                        into.append(cells[1])
    # A header of two columns is no statement about the file: one that says both days is.
    if not (cover.first and cover.last):
        return set(), set(), set()
    return set(cover.first), set(cover.last), set(cover.queues)


def label_of(report: ExportReport, text: str) -> tuple[ExportLabel, str] | None:
    """Return the label that a row's first cell is, with the number in it; None where it is none of the report."""
    told = plain(text)
    for label in report.labels:
        for pattern in label.texts:
            before, place, after = plain(pattern).partition("{}")
            if not place:
                if told == before:
                    return label, ""
                continue
            number = told.removeprefix(before).removesuffix(after).strip()
            if told == f"{before}{number}{after}" and re.fullmatch(r"\d{1,4}", number):
                return label, str(int(number))
    return None


def seen_titles(tables: Sequence[FoundTable]) -> str:
    """Say which known titles the first rows have, and how many others: a row may be somebody's name."""
    known = _all_titles()
    titles: list[str] = []
    others = 0
    for table in tables[:5]:
        for row in table.rows[:1]:
            for cell in row.cells:
                if plain(cell) in known:
                    titles.append(cell)
                else:
                    others += bool(cell)
    shown = ", ".join(f"«{title}»" for title in dict.fromkeys(titles[:_MOST_TITLES]))
    more = f"{others} {'columna desconocida' if others == 1 else 'columnas desconocidas'}"
    return f"{shown} y {more}" if shown and others else shown or more


def begins_as_report(start: bytes) -> bool:
    """Tell whether one of the first lines of a text has two titles of known reports, whatever else it holds."""
    known = _all_titles()
    for line in start.decode("utf-8", errors="replace").splitlines()[:_HEADER_ROWS]:
        titles = {plain(cell) for cell in re.split("[;,\t]", line)}
        # A row with long numbers is no header: calls, say, whose words may be titles elsewhere.
        if len((titles & known) - {""}) > 1 and not re.search(r"\d{4}", line):
            return True
    return False


def _placed(
    report: ExportReport, titles: Sequence[str]
) -> tuple[dict[str, int], tuple[tuple[ExportColumn, int], ...], tuple[tuple[str, int], ...]] | None:
    """Return where the columns of a report stand in a header, None where one that it must have is missing."""
    places: dict[str, int] = {}
    roles = {"key": report.key, "agent": report.agent, "queue": report.queue, "kind": report.kind}
    for role, column in roles.items():
        if column is not None:
            at = _place(column, titles)
            if at is None:
                return None
            places[role] = at
    columns = []
    for column in report.columns:
        at = _place(column, titles)
        if at is None and column.required:
            return None
        if at is not None:
            columns.append((column, at))
    taken = {*places.values(), *(at for _, at in columns)}
    rest = tuple((title, at) for at, title in enumerate(titles) if title and at not in taken) if report.rest else ()
    return places, tuple(columns), rest


def _place(column: ExportColumn, titles: Sequence[str]) -> int | None:
    # In the order of the titles that it may have: "Nombre" is a person before "Agente", which may be their number.
    for wanted in map(plain, column.titles):
        if wanted in titles:
            return titles.index(wanted)
    return None


def _known_titles(report: ExportReport, titles: Sequence[str]) -> int:
    known = {plain(title) for column in _columns(report) for title in column.titles}
    return sum(title in known for title in titles if title)


def _columns(report: ExportReport) -> list[ExportColumn]:
    roles = (report.key, report.agent, report.queue, report.kind)
    return [*report.columns, *(column for column in roles if column is not None)]


def _by_caption(found: Sequence[ReportTable]) -> list[ReportTable]:
    """Keep the tables whose caption, or a row above their header, is one of their report's."""
    kept = []
    for each in found:
        header = each.header.line if each.header else 0
        above = [cell for row in each.table.rows if row.line < header for cell in row.cells]
        told = {plain(text) for text in (each.table.name, *above) if text}
        if any(plain(caption) in told for caption in each.report.captions):
            kept.append(each)
    return kept


def _by_labels(found: Sequence[ReportTable]) -> list[ReportTable]:
    """Keep the tables in which the rows say all that their report must have."""
    kept = []
    for each in found:
        needed = [label for label in each.report.labels if label.required]
        texts = [row.cells[each.places["key"]] for row in each.rows if len(row.cells) > each.places["key"]]
        told = [known[0] for text in texts if (known := label_of(each.report, text)) is not None]
        if needed and any(label in told for label in needed):
            kept.append(each)
    return kept


def _cover_table(table: FoundTable) -> ReportTable | None:
    """Tell which summary a table of labels and values is; the first of those that have all they need."""
    texts = [row.cells[0] for row in table.rows if len(row.cells) > 1 and not row.problem]
    for report in EXPORTS.reports:
        if report.key is not None:
            continue
        told = [known[0] for text in texts if (known := label_of(report, text)) is not None]
        if all(label in told for label in report.labels if label.required):
            return ReportTable(report, table, None, {"key": 0}, ())
    return None


def _check_titles(told: ReportTable) -> None:
    """Refuse a header in which a column that figures are read from stands twice."""
    if told.header is None:
        return
    titles = [plain(cell) for cell in told.header.cells]
    read = [column for column, _ in told.columns if column.measures]
    twice = [
        told.header.cells[titles.index(title)]
        for column in read
        for title in map(plain, column.titles)
        if titles.count(title) > 1 and title not in _COUNTED_TWICE
    ]
    if twice:
        raise UnreadableTable(
            "titles", f"el encabezado repite {', '.join(f'«{title}»' for title in twice)}: deje uno de cada uno"
        )


def _all_titles() -> frozenset[str]:
    columns = (column for report in EXPORTS.reports for column in _columns(report))
    labels = (text for report in EXPORTS.reports for label in report.labels for text in label.texts)
    titles = (title for column in columns for title in column.titles)
    return frozenset(map(plain, (*titles, *labels, *FIRST_DAY, *LAST_DAY, *QUEUES)))


#: Asternic heads the column of percentages with the title of the counts, in one of its tables.
_COUNTED_TWICE = frozenset(map(plain, ("Nro", "Count")))
