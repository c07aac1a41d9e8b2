"""What is told of each file of a load: landing and the tallies of a build in, a report in users' words out."""

from dataclasses import dataclass

from etl import landing
from etl.build import Build
from etl.settings import Settings
from etl.sources import QUEUE_LOG
from etl.sources.exports import EXPORTS
from etl.warehouse import Generation, open_generation


@dataclass
class FileReport:
    """What became of one file: line counts, seconds, and a message where it was refused or held nothing new.

    ``known`` is the load that already holds a file without anything new.
    """

    name: str
    source: str = "queue_log"
    state: str = "published"
    read: int = 0
    loaded: int = 0
    duplicates: int = 0
    quarantined: int = 0
    blank: int = 0
    held: int = 0
    seconds: float = 0.0
    message: str = ""
    load: int | None = None
    known: int | None = None
    generation: int | None = None


def tell_landed(report: FileReport, landed: landing.Landed, nothing_new: str) -> None:
    """Say in a report what landing led to."""
    report.read, report.held, report.load = landed.lines, landed.held, landed.load
    report.source, report.name = landed.source, landed.name or report.name
    report.message = "; ".join(landed.notes)
    if landed.load is None:
        report.state, report.known = nothing_new, landed.known
        report.duplicates = landed.lines
        if landed.source == QUEUE_LOG.name:
            report.message = "sin líneas nuevas" if landed.lines else "solo una línea sin terminar: se retiene"
        else:
            report.message = "sin filas nuevas" if landed.source != EXPORTS.name else "ya estaba cargado"


def move_strays(build: Build, report: FileReport) -> None:
    """Count in a report what was set aside, or laid aside for a better source, after its lines were loaded."""
    strays, overlaid = build.calls.strays_of(report.load or 0), build.overlaps.laid_aside[report.load or 0]
    report.loaded -= strays + overlaid
    report.quarantined += strays
    report.duplicates += overlaid


def settle(settings: Settings, reports: dict[int, FileReport], generation: Generation, *, several: bool) -> None:
    """Say of each file which generation has it; a later round may have placed lines that an earlier one could not."""
    for report in reports.values():
        report.generation = generation.number
    if several and reports:
        _, connection = open_generation(settings.warehouse)
        try:
            for load, loaded, duplicates, quarantined in connection.execute(
                "SELECT load, loaded, duplicates, quarantined FROM meta.loads"
            ).fetchall():
                if load in reports:
                    reports[load].loaded, reports[load].quarantined = loaded, quarantined
                    reports[load].duplicates = duplicates
        finally:
            connection.close()
