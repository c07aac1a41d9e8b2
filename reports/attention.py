"""What of the data needs a hand: the worst first, each with what to do about it.

In: the quality of a period's data. Out: issues, in words; where each is mended is said by a code, pages make the link.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from reports import terms
from reports.coverage import Gap
from reports.format import count_text, moment_text, number_text
from reports.limits import limits_among
from reports.quality import Quality


class Weight(IntEnum):
    """How much an issue hurts: calls are missing, calls stand in the wrong place, something should be looked at."""

    MISSING = 1
    MISPLACED = 2
    LOOK = 3


WEIGHTS = {
    Weight.MISSING: "faltan datos",
    Weight.MISPLACED: "incompleto",
    Weight.LOOK: "para revisar",
}


class Place(StrEnum):
    """Where an issue is mended or seen; LINES of the page itself, then `kind` tells which."""

    LOADS = "loads"
    SETUP = "setup"
    SET_ASIDE = "set_aside"
    LINES = "lines"


@dataclass(frozen=True)
class Issue:
    """One thing that needs a hand: `number` of lines, calls or hours it is about, what is the matter, what to do."""

    code: str
    weight: Weight
    number: int
    says: str
    remedy: str
    place: Place
    kind: str = ""


def issues_of(found: Quality) -> tuple[Issue, ...]:
    """Return what needs a hand, the worst first: by weight, then by how much it is about."""
    issues = [*_missing(found), *_misplaced(found), *_to_look_at(found)]
    return tuple(sorted(issues, key=lambda issue: (issue.weight, -issue.number)))


def gap_text(gap: Gap) -> str:
    """Return a gap in words: "05/10/2026 08:00 a 20:00 (12 horas)"."""
    end = f"{gap.end:%H:%M}" if gap.end.date() == gap.start.date() else moment_text(gap.end)
    return f"{moment_text(gap.start)} a {end} ({count_text(gap.hours, 'hora', 'horas')})"


def _missing(found: Quality) -> Iterator[Issue]:
    several = len(found.fresh.until) > 1
    for pbx in found.fresh.old:
        yield Issue(
            "stale", Weight.MISSING, 10**9,  # whatever else there is, nothing new arrives
            f"El registro de la central{f' {pbx}' if several else ''} llega solo hasta el "
            f"{moment_text(found.fresh.until[pbx])}.",
            "Vea si la central sigue escribiendo y enviando su registro; cargue los archivos que faltan.",
            Place.LOADS,
        )  # fmt: skip
    gaps = [gap for each in found.coverage for gap in each.gaps]
    if gaps:
        longest = max(gaps, key=lambda gap: gap.hours)
        in_gaps = count_text(len(gaps), "hueco", "huecos")
        yield Issue(
            "gaps", Weight.MISSING, found.missing_hours,
            f"{_of(found.missing_hours, 'Falta', 'hora', 'horas')} de registro en {in_gaps}; "
            f"el mayor, {gap_text(longest)}.",
            "Busque en la central el archivo rotado de esas horas (queue_log.1, .gz) y cárguelo; si estuvo apagada, "
            "no hay qué cargar.",
            Place.LOADS,
        )  # fmt: skip
    if found.set_aside:
        yield Issue(
            "set_aside", Weight.MISSING, found.set_aside,
            f"{count_text(found.set_aside, 'fila observada', 'filas observadas')} en los archivos de este período: "
            "no están en ninguna cifra.",
            "Vea los motivos: si la exportación llegó cortada o con otra forma, pídala otra vez y cárguela.",
            Place.SET_ASIDE,
        )  # fmt: skip
    record = found.on_record
    silent = [line for line in record.lines if line not in record.lines_with_record]
    if silent and record.covered:
        yield Issue(
            "no_record", Weight.MISSING, len(silent),
            f"{count_text(len(silent), 'línea', 'líneas')} {terms.NO_RECORD} en todo el período: {', '.join(silent)}. "
            "No son cero: no se conocen.",
            "Revise si su cola tiene otro nombre, o si la atiende otra central cuyo registro no se carga.",
            Place.SETUP,
        )  # fmt: skip


def _misplaced(found: Quality) -> Iterator[Issue]:
    if found.queues:
        visits = sum(queue.visits for queue in found.queues)
        yield Issue(
            "queues", Weight.MISPLACED, visits,
            f"{count_text(len(found.queues), 'cola', 'colas')} {terms.NO_LINE}: "
            f"{count_text(visits, 'ingreso', 'ingresos')} en el total y en ninguna línea.",
            "Diga qué línea es cada cola, o «no cuenta» si es interna.",
            Place.SETUP,
        )  # fmt: skip
    for limit in limits_among({each.name: each.lines for each in found.sources}):
        yield Issue(
            f"source {limit.source.name}", Weight.MISPLACED, limit.lines,
            f"{limit.says}, que no lo guarda todo: {_listed(limit.suffering)}.",
            "Cargue también el registro de la central (queue_log) de esos días: lo que cuenta mejor es lo que vale.",
            Place.LOADS,
        )  # fmt: skip
    if found.interfaces:
        visits = sum(interface.visits for interface in found.interfaces)
        yield Issue(
            "interfaces", Weight.MISPLACED, visits,
            f"{count_text(len(found.interfaces), 'interfaz', 'interfaces')} sin persona: "
            f"{count_text(visits, 'ingreso atendido', 'ingresos atendidos')} a nombre de nadie.",
            "Ponga el nombre de quien atendió en cada una.",
            Place.SETUP,
        )  # fmt: skip


def _to_look_at(found: Quality) -> Iterator[Issue]:
    remedies = {
        "reconstructed": "Cargue el archivo anterior, el que trae sus entradas.",
        "endless": "Cargue el archivo que sigue; si ya está, la central no anotó cómo terminaron.",
        "unknown_wait": "Revise la versión de la central: sus líneas CONNECT no traen una espera que valga.",
        "duration": "Revise esas líneas: una duración negativa viene de un cambio de hora en la central.",
        "long_duration": "Revise si son llamadas verdaderas o canales que quedaron colgados en la central.",
        "unknown_event": "Avise a quien mantiene el sistema qué eventos son: se conservan y no cuentan.",
        "restart": "Pregunte a quien administra la central por qué se reinició.",
    }
    for kind, remedy in remedies.items():
        if number := found.findings.get(kind, 0):
            label, _ = terms.ODD_KINDS[kind]
            says = terms.ODD_KINDS_SAY.get(kind)
            said = f"{label}: {number_text(number)}" + (f"; {says}." if says else ".")
            yield Issue(kind, Weight.LOOK, number, said, remedy, Place.LINES, kind)
    if number := found.findings.get("clock_behind", 0):
        yield Issue(
            "clock_behind", Weight.LOOK, number,
            f"La hora de la central retrocedió hasta {number_text(found.clock_behind_most)} segundos: "
            f"{count_text(number, 'línea', 'líneas')} con la hora atrasada.",
            "Ponga la central en hora por la red (NTP).",
            Place.LINES, "clock_behind",
        )  # fmt: skip


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} y {words[-1]}" if words else ""


def _of(number: int, verb: str, one: str, many: str) -> str:
    """Return "Falta 1 hora", "Faltan 12 horas"."""
    return f"{verb}{'' if number == 1 else 'n'} {count_text(number, one, many)}"
