"""Verbs of what comes in: ingest, check, map, quarantine, rebuild, load.

In: files and the store. Out: the same store with them, or what they hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.base import (
    DATABASE,
    EXIT_REFUSED,
    console_user,
    databases_named,
    files_named,
    ingest_shown,
    known_source,
    print_reports,
    progress_shown,
    store_kind_or_site,
    store_settings,
    told,
    told_of,
    usage,
)
from dashboard.commands.spanish import Verbs

if TYPE_CHECKING:
    from etl.store import OpenStore

verbs = Verbs()
load_verbs = Verbs(help="Qué se cargó, y cómo deshacerlo.", no_args_is_help=True)
verbs.add_typer(load_verbs, name="load")
_FROM = typer.Option("--from", help="De un informe exportado que no lo dice: primer día (aaaa-mm-dd).")
_TO = typer.Option("--to", help="De un informe exportado que no lo dice: último día (aaaa-mm-dd).")
_SOURCE = typer.Option("--source", help="Fuente esperada (p. ej. queue_log): un archivo de otra se rechaza.")
_QUEUE = typer.Option("--queue", help="De un informe exportado que no lo dice: su cola, o «todas».")


@verbs.command()
def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Archivos o carpetas; sin ellos, lo nuevo de <data>/inbox/.")
    ] = None,
    source: Annotated[str | None, _SOURCE] = None,
    database: Annotated[list[str] | None, DATABASE] = None,
    first: Annotated[str | None, _FROM] = None,
    last: Annotated[str | None, _TO] = None,
    queue: Annotated[str | None, _QUEUE] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Una línea JSON por archivo.")] = False,
) -> None:
    """Carga archivos, o lo nuevo de una base de datos: los reconoce por su contenido y publica las cifras nuevas."""
    from etl import store as stores

    with told():
        of_files = told_of(first, last, queue, source)
        settings = store_settings()
        databases = databases_named(database, settings)
        store = stores.open_store(settings)
        # Who names a database alone does not mean the inbox.
        files = files_named(paths, settings) if paths or not databases else []
        if not paths:
            files = _not_undone(store, files)
        reports = ingest_shown(store, files, databases, told=of_files, quiet=json_lines)
        print_reports(reports, json_lines=json_lines)
    if any(report.state == "refused" for report in reports):
        raise typer.Exit(EXIT_REFUSED)


def _agreed(question: str) -> bool:
    """Ask, and take anything but a yes for a no."""
    try:
        answer: str = typer.prompt(question, default="n", show_default=False)
    except typer.Abort:  # nobody there to answer
        typer.echo()
        return False
    return answer.strip().casefold() in ("s", "si", "sí")


def _not_undone(store: OpenStore, files: list[Path]) -> list[Path]:
    """Leave out what lies in the inbox and was undone: that is loaded again when somebody names it."""
    from etl import pipeline

    undone = [path for path in files if pipeline.was_undone(store, path)]
    for path in undone:
        typer.echo(f"{path.name}: se deshizo su carga; para cargarlo otra vez, nómbrelo.", err=True)
    return [path for path in files if path not in undone]


@verbs.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Archivos o carpetas que se quieren revisar.")] = None,
    database: Annotated[list[str] | None, DATABASE] = None,
    first: Annotated[str | None, _FROM] = None,
    last: Annotated[str | None, _TO] = None,
    queue: Annotated[str | None, _QUEUE] = None,
) -> None:
    """Da el mismo dictamen que la carga y un resumen (período, huecos, colas, DID, operadores), sin cargar nada."""
    from dashboard import console
    from etl import checkup

    if not paths and not database:
        usage("nombre los archivos que quiere revisar, o una base de datos con --database.")
    with told():
        settings = store_settings()
        files = files_named(paths, settings) if paths else []
        of_exports = told_of(first, last, queue)
        found = checkup.check(settings, files, databases=databases_named(database, settings), told=of_exports)
        typer.echo(console.checkup_text(found), nl=False)
    if any(report.state == "refused" for report in found.files):
        raise typer.Exit(EXIT_REFUSED)


@verbs.command(name="map")
def map_(
    what: Annotated[str, typer.Argument(help="queues (colas y DID a líneas) o agents (interfaces a personas).")],
    out: Annotated[Path | None, typer.Option("--out", help="Escribe el CSV en este archivo.")] = None,
    source: Annotated[Path | None, typer.Option("--in", help="Toma este CSV en lugar de las reglas actuales.")] = None,
    versions: Annotated[bool, typer.Option("--versions", help="Muestra las que se guardaron: cuándo y quién.")] = False,
    version: Annotated[int | None, typer.Option("--version", help="Escribe una de las que se guardaron.")] = None,
) -> None:
    """Muestra o cambia a qué línea pertenece cada cola y qué persona es cada interfaz; lo no asignado va primero."""
    from dashboard.console import mapping_text
    from etl import mapping
    from etl import store as stores

    if what not in ("queues", "agents"):
        usage(f"«{what}» no se puede asignar: escriba queues o agents.")
    if out is not None and source is not None:
        usage("indique --out o --in, no los dos.")
    if source is not None and (versions or version is not None):
        usage("--versions y --version solo muestran: no van con --in.")
    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=source is not None)
        if source is not None:
            rules = mapping.take_in(store, what, mapping.read_text(source), name=source.name, by=console_user())
            typer.echo(f"{source.name}: {mapping_text(rules)}")
            return
        is_past = versions or version is not None
        text = _version_text(store, what, version) if is_past else mapping.as_csv(store, what)
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")


def _version_text(store: OpenStore, what: str, number: int | None) -> str:
    """Return a mapping as it was saved, or the list of them all."""
    from dashboard import console
    from etl import mapping
    from etl.records.engine import transaction
    from etl.records.site import MappingError

    with transaction(store.records) as session:
        found = mapping.versions(session, what)
        if number is None:
            return console.versions_text(found)
        for version in found:
            if version.number == number:
                return version.text
    raise MappingError(f"no se guardó ninguna versión {number}: vea los números con --versions")


@verbs.command()
def quarantine(
    source: Annotated[str | None, typer.Option("--source", help="Solo las de esta fuente.")] = None,
    load: Annotated[int | None, typer.Option("--load", help="Solo las de esta carga.")] = None,
) -> None:
    """Muestra las filas observadas: archivo, línea, motivos y el texto con los números ocultos."""
    from dashboard import console
    from etl.warehouse import open_generation

    with told():
        known_source(source)
        _, connection = open_generation(store_settings().warehouse)
        typer.echo(console.set_aside_text(connection, source=source, load=load), nl=False)


@verbs.command()
def rebuild() -> None:
    """Arma de nuevo todas las cifras desde los archivos recibidos y los registros."""
    from etl import pipeline
    from etl import store as stores

    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=False)
        with progress_shown("Armando de nuevo", quiet=False) as tell:
            generation = pipeline.rebuild(store, progress=tell, by=console_user())
        typer.echo("No hay cargas." if generation is None else f"Generación {generation.number} en servicio.")


@load_verbs.command(name="list")
def load_list() -> None:
    """Muestra las cargas en servicio: número, archivo, PBX, líneas leídas, cargadas, repetidas y observadas."""
    from dashboard import console
    from etl.warehouse import open_generation

    with told():
        _, connection = open_generation(store_settings().warehouse)
        typer.echo(console.loads_text(connection), nl=False)


@load_verbs.command()
def undo(
    number: Annotated[int, typer.Argument(help="Número de la carga, el que muestra el listado de cargas.")],
    yes: Annotated[bool, typer.Option("--yes", help="Sin preguntar.")] = False,
) -> None:
    """Deshace una carga y lo que siguió del mismo archivo: las cifras quedan como si no se hubiera cargado."""
    from etl import pipeline
    from etl import store as stores
    from etl.records.engine import transaction
    from reports.format import number_text

    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=False)
        with transaction(store.records) as session:
            going = pipeline.loads_undone_with(session, number)
        for load in going:
            last = load.first_line + load.lines - 1
            typer.echo(
                f"{load.load}: {load.name}, líneas {number_text(load.first_line)} a {number_text(last)} del archivo"
            )
        typer.echo("Si el archivo sigue en la carpeta de entrada, no se vuelve a cargar solo: hay que nombrarlo.")
        if not yes and not _agreed("¿Deshacer? (s/n)"):
            typer.echo("No se cambió nada.")
            raise typer.Exit(EXIT_REFUSED)
        with progress_shown("Deshaciendo", quiet=False) as tell:
            told_of = [load.load for load in going]
            generation = pipeline.undo(store, number, by=console_user(), told=told_of, progress=tell)
        left = len(generation.loads) if generation else 0
        typer.echo(f"La carga {number} se deshizo. Cargas en servicio: {number_text(left)}.")
