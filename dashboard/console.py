"""What the command prints about files and loads: values in, Spanish text out; numbers and names of customers hidden."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb

from etl.checkup import Checkup
from etl.pipeline import FileReport
from etl.records.models import MappingVersion
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import SOURCES
from etl.sources.exports import EXPORTS
from reports.format import count_text, number_text
from reports.personal import hidden_line

_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_STATES = {"published": "cargado", "known": "sin novedad", "refused": "rechazado", "checked": "revisado"}


def report_text(report: FileReport) -> str:
    """One line per file: read, loaded, duplicate, set aside, seconds."""
    if report.state == "refused":
        return _printable(report.message)
    loaded = count_text(report.loaded, "cargada", "cargadas")
    if report.state == "checked":  # a check loads nothing
        loaded = f"se {'cargaría' if report.loaded == 1 else 'cargarían'} {number_text(report.loaded)}"
    parts = [count_text(report.read, "leída", "leídas"), loaded]
    others = ((report.duplicates, "repetida", "repetidas"), (report.quarantined, "observada", "observadas"),
              (report.blank, "en blanco", "en blanco"))  # fmt: skip
    parts += [count_text(*words) for words in others if words[0]]
    if report.held:
        parts.append("1 línea sin terminar, retenida")
    if report.message:
        parts.append(report.message)
    done = f"{_STATES[report.state]} ({report.source}): {', '.join(parts)}; {number_text(report.seconds, 1)} s"
    return f"{_printable(report.name)}: {done}"


def checkup_text(found: Checkup) -> str:
    """The verdict of every file, then span, gaps, queues with their DIDs, operators."""
    lines = [report_text(report) for report in found.files]
    for reason, count in sorted(found.reasons.items()):
        lines.append(f"  {count_text(count, 'fila observada', 'filas observadas')}: {reason_text(reason)}")
    if found.first and found.last:
        lines += ["", f"Período: {_instant(found.first)} a {_instant(found.last)}"]
        lines += [f"  sin registro de {_instant(start)} a {_instant(end)}" for start, end in found.gaps]
        if not found.gaps:
            lines.append("  sin huecos de más de 12 horas")
        lines += ["", "Colas:"]
        for queue in found.queues:
            dids = f", DID {' '.join(queue.dids)}" if queue.dids else ""
            line = f"línea {queue.service}" if queue.service else "sin línea: asígnela con «callcenter map queues»"
            lines.append(_printable(f"  {queue.queue}: {number_text(queue.entries)} ingresos, {line}{dids}"))
        lines += ["", "Operadores, como los escribe el registro:"]
        lines += [
            _printable(f"  {agent.agent}: {number_text(agent.connected)} llamadas conectadas") for agent in found.agents
        ]
    return "\n".join(lines) + "\n"


def mapping_text(rules: int) -> str:
    """How many rules are in force, and that they are applied."""
    one = rules == 1
    return f"{count_text(rules, 'regla', 'reglas')} en vigor; las cifras ya {'la aplica' if one else 'las aplica'}n."


def set_aside_text(connection: duckdb.DuckDBPyConnection, *, source: str | None, load: int | None) -> str:
    """Every line set aside: file, line, reasons, text with numbers and names hidden."""
    wanted = "" if load is None else f" AND q.load = {load}"
    wanted += "" if source is None else f" AND l.source = '{source}'"
    rows = connection.execute(
        f"""SELECT l.name, q.line, q.reasons, q.text FROM meta.quarantine AS q JOIN meta.loads AS l ON l.load = q.load
        WHERE TRUE{wanted} ORDER BY q.load, q.line"""
    ).fetchall()
    if not rows:
        return "No hay filas observadas.\n"
    lines = []
    for name, line, reasons, text in rows:
        why = "; ".join(reason_text(reason) for reason in reasons.split(","))
        lines += [f"{_printable(name)}, línea {line}: {why}", f"    {hidden(text)}"]
    return "\n".join(lines) + f"\n{count_text(len(rows), 'fila observada', 'filas observadas')}\n"


def loads_text(connection: duckdb.DuckDBPyConnection) -> str:
    """One line per load in service."""
    rows = connection.execute(
        """SELECT load, name, pbx, lines, loaded, duplicates, quarantined, blank, held FROM meta.loads ORDER BY load"""
    ).fetchall()
    lines = [
        f"{load}: {_printable(name)} (PBX {pbx}): {number_text(read)} leídas, {number_text(loaded)} cargadas, "
        f"{number_text(duplicates)} repetidas, {number_text(aside)} observadas, {number_text(blank)} en blanco"
        + (", 1 retenida" if held else "")
        for load, name, pbx, read, loaded, duplicates, aside, blank, held in rows
    ]
    return "\n".join(lines or ["No hay cargas."]) + "\n"


def versions_text(versions: Sequence[MappingVersion]) -> str:
    """One line per mapping that was saved: number, when (La Paz), who, rules, the beginning of its SHA-256."""
    lines = [
        f"{version.number}: {version.saved_at + _OFFSET:%d/%m/%Y %H:%M}, {_printable(version.who) or 'anterior'}, "
        f"{number_text(version.rules)} reglas, {version.sha256[:12]}"
        for version in versions
    ]
    return "\n".join(lines or ["No se guardó ninguna todavía."]) + "\n"


def reason_text(code: str) -> str:
    """The sentence of a reason's code, as its source declares it."""
    reasons = [reason for source in SOURCES for reason in source.reasons]
    for reason in (*reasons, *EXPORTS.reasons):
        if reason.code == code:
            return f"{code}: {reason.text}"
    return code


def hidden(text: str | None) -> str:
    """A line as it may be shown: what could be a customer's number or name hidden; None where it is kept no longer."""
    return _printable(hidden_line(text)) if text is not None else "(texto borrado por su antigüedad)"


def _printable(text: str) -> str:
    """A text from outside without what a terminal would obey."""
    return "".join(character if character.isprintable() else "·" for character in text)


def _instant(moment: datetime) -> str:
    return f"{moment:%d/%m/%Y %H:%M:%S}"
