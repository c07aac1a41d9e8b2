"""The tables of the page: one for each part, as it is shown and as it is saved.

In: the quality of a period's data, how much whoever asks may see. Out: headings and rows of plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.sources import SOURCES
from reports import terms
from reports.attention import WEIGHTS, issues_of
from reports.coverage import State
from reports.format import number_text
from reports.limits import suffering
from reports.odd_lines import KINDS, LineSetAside, OddLine, reason_text, shown_event
from reports.personal import Field, Level, Mask
from reports.quality import Quality, Unmapped

_TITLES = {source.name: source.title for source in SOURCES}


@dataclass(frozen=True)
class Part:
    """One table: its title, its headings, which of them are codes, its rows of plain values."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    codes: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[str, ...]:
        """The headings of columns of numbers."""
        return tuple(
            heading
            for place, heading in enumerate(self.headings)
            if any(isinstance(row[place], int) for row in self.rows)
        )


def issues(found: Quality, _mask: Mask) -> Part:
    """Return what needs a hand."""
    rows = [(WEIGHTS[each.weight], each.says, each.remedy) for each in issues_of(found)]
    return Part("Qué atender primero", ("Peso", "Qué pasa", "Qué hacer"), rows)


def hours(found: Quality, _mask: Mask) -> Part:
    """Return how many hours the log of each PBX covers, month by month."""
    rows = []
    for each in found.coverage:
        for part in found.period.months():
            counts = [each.hours(state, [part.first]) for state in State]
            gaps = sum(part.first <= gap.start.date() <= part.last for gap in each.gaps)
            rows.append((each.pbx, f"{part.first:%m/%Y}", *counts, gaps))
    return Part(
        "Horas con registro",
        ("Central", "Mes", "Con registro", "Faltan", "Silencio usual", "Fuera del registro", "Huecos"),
        rows,
        ("Mes",),
    )


def gaps(found: Quality, _mask: Mask) -> Part:
    """Return the gaps, the longest first."""
    all_gaps = sorted((gap for each in found.coverage for gap in each.gaps), key=lambda gap: (-gap.hours, gap.start))
    rows = [(gap.pbx, gap.start, gap.end, gap.hours) for gap in all_gaps]
    return Part("Huecos del registro", ("Central", "Desde", "Hasta", "Horas"), rows)


def lines(found: Quality, _mask: Mask) -> Part:
    """Return for how many days of the period each line has calls, none, or no record."""
    record = found.on_record
    states = (terms.WITH_DATA, terms.NO_CALLS, terms.NO_RECORD)
    rows = [(terms.line_name(line), *(record.days_of(line, state) for state in states)) for line in record.lines]
    return Part("Días de cada línea", ("Línea", "Con datos", "Sin llamadas", "Sin registro"), rows)


def files(found: Quality, _mask: Mask) -> Part:
    """Return the files with lines in the period."""
    rows = [
        (
            file.name, _TITLES.get(file.source, file.source), file.pbx, file.first, file.last, file.lines, file.loaded,
            file.duplicates, file.laid_aside, file.set_aside, file.blank, file.held,
        )
        for file in found.files
    ]  # fmt: skip
    headings = (
        "Archivo", "Fuente", "Central", "Desde", "Hasta", "Leídas", "Cargadas", "Repetidas", "Mejor en otra fuente",
        "Observadas", "En blanco", "Sin terminar",
    )  # fmt: skip
    return Part("Archivos del período", headings, rows)


def reasons(found: Quality, _mask: Mask) -> Part:
    """Return the reasons of the lines set aside, with how many each."""
    return Part(
        "Filas observadas", ("Motivo", "Filas"), [(reason_text(code), number) for code, number in found.reasons]
    )


def queues(found: Quality, _mask: Mask) -> Part:
    """Return the queues without a line."""
    rows = [
        (each.name, " ".join(each.dids), each.visits, each.first, each.last, busiest(each)) for each in found.queues
    ]
    headings = ("Cola", "DID", "Ingresos", "Primer día", "Último día", "Horas de más llamadas")
    return Part("Colas sin línea", headings, rows, ("Cola", "DID"))


def interfaces(found: Quality, mask: Mask) -> Part:
    """Return the interfaces of nobody; none of them to whoever sees no operators."""
    seen = found.interfaces if mask.level(Field.AGENT) is not Level.NONE else ()
    rows = [
        (mask.shown(Field.AGENT, each.name), each.visits, each.first, each.last, busiest(each)) for each in seen
    ]  # fmt: skip
    headings = ("Interfaz", "Atendidos", "Primer día", "Último día", "Horas de más llamadas")
    return Part("Interfaces sin persona", headings, rows, ("Interfaz",))


def findings(found: Quality, _mask: Mask) -> Part:
    """Return how many odd lines there are of each kind, and what is done with them."""
    rows = []
    for kind in KINDS:
        label, unit = terms.ODD_KINDS[kind]
        says = terms.ODD_KINDS_SAY.get(kind) or reason_text(kind)
        rows.append((label, found.findings.get(kind, 0), unit, says))
    return Part("Hallazgos", ("Qué", "Cuántos", "Se cuentan", "Qué se hace"), rows)


def events(found: Quality, _mask: Mask) -> Part:
    """Return the events that no source knows."""
    rows = [(shown_event(each.event), each.lines, each.file, each.line) for each in found.events]
    return Part("Eventos desconocidos", ("Evento", "Líneas", "Archivo", "Línea del archivo"), rows)


def sources(found: Quality, _mask: Mask) -> Part:
    """Return what each source of each PBX told and cannot tell."""
    rows = [
        (
            _TITLES.get(each.name, each.name), each.pbx, each.last, each.lines,
            "; ".join(loss.text for loss in each.source.losses) if each.source else "",
            ", ".join(suffering(each.source.losses)) if each.source else "",
        )
        for each in found.sources
    ]  # fmt: skip
    headings = (
        "Fuente", "Central", "Último evento", "Líneas contadas en el período", "Lo que no guarda", "Cifras que sufren",
    )  # fmt: skip
    return Part("Fuentes: lo que cada una no guarda", headings, rows)


#: Every part that the page shows, by the name of its file.
PARTS: Mapping[str, Callable[[Quality, Mask], Part]] = {
    "issues": issues, "hours": hours, "gaps": gaps, "lines": lines, "files": files, "reasons": reasons,
    "queues": queues, "interfaces": interfaces, "findings": findings, "events": events, "sources": sources,
}  # fmt: skip


def set_aside(listed: Sequence[LineSetAside], *, with_text: bool) -> Part:
    """Return lines that were set aside, with their texts for whoever may see them."""
    headings = ("Archivo", "Carga", "Línea", "Motivo", *(("Texto",) if with_text else ()))
    rows = [
        (each.file, each.load, each.line, "; ".join(map(reason_text, each.reasons.split(","))),
         *((each.text or "",) if with_text else ()))
        for each in listed
    ]  # fmt: skip
    return Part("Filas observadas", headings, rows, ("Texto",))


def odd_lines(kind: str, listed: Sequence[OddLine]) -> Part:
    """Return the lines of a kind of finding."""
    headings = ("Hora", "Cola", "Llamada (callid)", "Archivo", "Línea", "Detalle")
    rows = [(each.at, each.queue, each.callid, each.file, each.line, each.detail) for each in listed]
    return Part(terms.ODD_KINDS[kind][0], headings, rows, ("Cola", "Llamada (callid)"))


def busiest(seen: Unmapped) -> str:
    """Return the three hours with the most calls: "10 h (45), 11 h (40), 09 h (12)"."""
    by_calls = sorted(range(24), key=lambda hour: (-seen.hours[hour], hour))
    return ", ".join(f"{hour:02} h ({number_text(seen.hours[hour])})" for hour in by_calls[:3] if seen.hours[hour])
