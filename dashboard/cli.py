"""The command ``callcenter``, assembled at the top of the chain. Every verb imports what it needs when it runs.

Exit codes: 0 done, 1 refused or failed, 2 usage, 75 another load runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import date
    from typing import NoReturn

    from etl.lines import Progress
    from etl.pipeline import FileReport, OpenStore
    from etl.settings import Settings

EXIT_REFUSED, EXIT_USAGE, EXIT_BUSY = 1, 2, 75
REPORTS = ("monthly",)

app = typer.Typer(
    name="callcenter",
    help="Cifras del Call Center: carga registros de llamadas y da el indicador del manual COM-DSO-P01.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
load_app = typer.Typer(help="Qué se cargó.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(load_app, name="load")


class _State:
    data: Path | None = None


@app.callback()
def _options(
    data: Annotated[
        Path | None, typer.Option("--data", envvar="CALLCENTER_DATA", help="Carpeta del almacén (por omisión ./data).")
    ] = None,
) -> None:
    _State.data = data


@app.command()
def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Archivos o carpetas; sin ellos, lo nuevo de <data>/inbox/.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Fuente esperada, por ejemplo queue_log.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Una línea JSON por archivo.")] = False,
) -> None:
    """Carga archivos: los reconoce por su contenido y publica las cifras nuevas."""
    from etl import pipeline

    settings = _settings()
    with _messages():
        _known_source(source)
        store = pipeline.open_store(settings)
        files = _files(paths, settings)
        reports = _ingest(store, files, quiet=json_lines)
        _print_reports(reports, json_lines=json_lines)
    if any(report.state == "refused" for report in reports):
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def check(paths: Annotated[list[Path], typer.Argument(help="Archivos o carpetas que se quieren revisar.")]) -> None:
    """Da el mismo dictamen que la carga y un resumen (período, huecos, colas, DID, operadores), sin cargar nada."""
    from dashboard import console
    from etl import checkup

    with _messages():
        found = checkup.check(_settings(), _files(paths, _settings()))
        typer.echo(console.checkup_text(found), nl=False)
    if any(report.state == "refused" for report in found.files):
        raise typer.Exit(EXIT_REFUSED)


@app.command(name="map")
def map_(
    what: Annotated[str, typer.Argument(help="queues (colas y DID a líneas) o agents (interfaces a personas).")],
    out: Annotated[Path | None, typer.Option("--out", help="Escribe el CSV en este archivo.")] = None,
    source: Annotated[Path | None, typer.Option("--in", help="Toma este CSV en lugar de las reglas actuales.")] = None,
) -> None:
    """Muestra o cambia a qué línea pertenece cada cola y qué persona es cada interfaz; lo no asignado va primero."""
    from etl import mapping, pipeline

    if what not in ("queues", "agents"):
        _usage(f"«{what}» no se puede asignar: escriba queues o agents.")
    if out is not None and source is not None:
        _usage("indique --out o --in, no los dos.")
    with _messages():
        store = pipeline.open_store(_settings(), kind=_kind(), create=source is not None)
        if source is not None:
            rules = mapping.take_in(store, what, mapping.read_text(source), name=source.name)
            typer.echo(f"{source.name}: {rules} reglas en vigor; las cifras ya las aplican.")
            return
        text = mapping.as_csv(store, what)
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")


@app.command()
def quarantine(
    source: Annotated[str | None, typer.Option("--source", help="Solo las de esta fuente.")] = None,
    load: Annotated[int | None, typer.Option("--load", help="Solo las de esta carga.")] = None,
) -> None:
    """Muestra las filas observadas: archivo, línea, motivos y el texto con los números ocultos."""
    from dashboard import console
    from etl.warehouse import open_generation

    with _messages():
        _known_source(source)
        _, connection = open_generation(_settings().warehouse)
        typer.echo(console.set_aside_text(connection, source=source, load=load), nl=False)


@app.command()
def rebuild() -> None:
    """Arma de nuevo todas las cifras desde los archivos recibidos y los registros."""
    from etl import pipeline

    with _messages():
        store = pipeline.open_store(_settings(), kind=_kind(), create=False)
        with _progress("Armando de nuevo", quiet=False) as tell:
            generation = pipeline.rebuild(store, progress=tell)
        typer.echo("No hay cargas." if generation is None else f"Generación {generation.number} en servicio.")


@app.command()
def kpi(
    names: Annotated[list[str], typer.Argument(help="Indicadores, por ejemplo service_level registered.")],
    first: Annotated[str, typer.Option("--from", help="Primer día, aaaa-mm-dd.")],
    last: Annotated[str, typer.Option("--to", help="Último día, aaaa-mm-dd (incluido).")],
    by: Annotated[str, typer.Option("--by", help="Dimensiones separadas por comas, por ejemplo month,service.")] = "",
    where: Annotated[list[str] | None, typer.Option("--where", help="Filtro DIMENSIÓN=VALOR; puede repetirse.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="visit, line o call.")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, csv o json.")] = "table",
) -> None:
    """Da indicadores de un período, cada uno con su numerador y su denominador."""
    from etl import pipeline
    from etl.warehouse import open_generation
    from reports.definition import Dimension, Period, PeriodError, Unit
    from reports.kpi import FORMATS, render
    from reports.query import QueryError, measure
    from reports.rules import Rules

    if format_ not in FORMATS:
        _usage(f"no existe el formato «{format_}»; hay {', '.join(FORMATS)}.")
    if unit is not None and unit not in list(Unit):
        _usage(f"no existe la unidad «{unit}»; hay {', '.join(Unit)}.")
    try:
        period = Period(_day(first, "--from"), _day(last, "--to"))
    except PeriodError as error:
        _usage(str(error))
    dimensions = [name.strip() for name in by.split(",") if name.strip()]
    filters: dict[str, list[str]] = {}
    for text in where or []:
        name, equals, value = text.partition("=")
        if not equals:
            _usage(f"--where {text}: falta el signo «=»; escriba DIMENSIÓN=VALOR.")
        filters.setdefault(name.strip(), []).append(value.strip())
    for name in (*dimensions, *filters):
        if name not in list(Dimension):
            _usage(f"no existe la dimensión «{name}»; hay {', '.join(Dimension)}.")
    with _messages():
        store = pipeline.open_store(_settings(), kind=_kind(), create=False)
        rules = Rules.from_rows(store.site().parameters)
        _, connection = open_generation(store.settings.warehouse, threads=store.settings.threads)
        try:
            frame = measure(
                connection, rules, names, period, by=[Dimension(name) for name in dimensions], where=filters,
                unit=Unit(unit) if unit else None,
            )  # fmt: skip
        except QueryError as error:
            _usage(str(error))
        finally:
            connection.close()
        typer.echo(render(frame, format_), nl=False)


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="Qué informe: monthly, el libro del mes en Excel.")],
    month: Annotated[
        str | None, typer.Option("--month", help="Mes, aaaa-mm; por omisión el último completo con registro.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Archivo que se escribe, terminado en .xlsx.")] = None,
) -> None:
    """Escribe un informe para llevar a la reunión: el libro del mes, con cada cifra y lo que se divide."""
    if name not in REPORTS:
        _usage(f"no existe el informe «{name}»; hay {', '.join(REPORTS)}.")
    if out is None:
        _usage("falta --out ARCHIVO.xlsx.")
    if out.suffix.lower() != ".xlsx" and not out.is_dir():
        _usage(f"--out {out}: el libro es de Excel; termine el nombre en .xlsx.")

    from etl import pipeline
    from etl.warehouse import open_generation
    from reports.definition import PeriodError
    from reports.measured import recorded
    from reports.query import QueryError
    from reports.rules import Rules, RulesError
    from reports.workbook.handover import hand_over
    from reports.workbook.monthly import monthly_workbook
    from reports.workbook.template import WorkbookError

    with _messages():
        store = pipeline.open_store(_settings(), kind=_kind(), create=False)
        generation, connection = open_generation(store.settings.warehouse, threads=store.settings.threads)
        try:
            log = recorded(connection)
            text = month or log.latest_whole or ""
            rules = Rules.from_rows(store.site().parameters)
            book = monthly_workbook(generation, connection, rules, text, log, demo=_kind() == pipeline.DEMO)
            hand_over(book, out)
        except (PeriodError, QueryError, RulesError, WorkbookError) as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        finally:
            connection.close()
        typer.echo(f"{out}: {text}")


@load_app.command(name="list")
def load_list() -> None:
    """Muestra las cargas en servicio: archivo, PBX, líneas leídas, cargadas, repetidas y observadas."""
    from dashboard import console
    from etl.warehouse import open_generation

    with _messages():
        _, connection = open_generation(_settings().warehouse)
        typer.echo(console.loads_text(connection), nl=False)


@app.command()
def demo(
    port: Annotated[int, typer.Option("--port", help="Puerto local; 0 toma uno libre.")] = 8050,
    until: Annotated[str | None, typer.Option("--until", help="Último mes de la muestra, aaaa-mm.")] = None,
    serve_: Annotated[bool, typer.Option("--serve/--no-serve", help="Abre la página al terminar.")] = True,
) -> None:
    """Arma un almacén con DATOS DE MUESTRA en una carpeta propia, lo carga de verdad y abre la página."""
    from dashboard import demo as demonstration
    from etl import pipeline
    from etl.settings import Settings

    settings = Settings(data=_State.data or Path("data") / "demo")
    with _messages():
        store, month = demonstration.open_demo(settings, until=until)
        if demonstration.needs_sample(store, month):
            with _progress("Inventando la muestra", quiet=False) as tell:
                files = demonstration.write_sample_files(store, month)
                reports = pipeline.ingest(store, files, progress=tell)
            _print_reports(reports, json_lines=False)
        typer.echo(f"DATOS DE MUESTRA hasta {month}, en {settings.data}")
        if serve_:
            _serve(settings, "127.0.0.1", port)


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Solo esta computadora, mientras no haya cuentas.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Puerto; 0 toma uno libre.")] = 8050,
) -> None:
    """Abre la página de cifras en esta computadora."""
    from etl import pipeline

    with _messages():
        from dashboard.server import check_host

        check_host(host)
        settings = _settings()
        if pipeline.store_kind(settings) == pipeline.DEMO:
            raise pipeline.StoreError(
                f"El almacén de {settings.data} es de demostración (DATOS DE MUESTRA): ábralo con «callcenter demo»."
            )
        _serve(settings, host, port)


def main() -> None:
    """Run the command."""
    app()


def _ingest(store: OpenStore, files: list[Path], *, quiet: bool) -> list[FileReport]:
    if not files:
        typer.echo(f"No hay archivos nuevos en {store.settings.inbox}.", err=True)
        return []
    from etl import pipeline

    with _progress("Cargando", quiet=quiet) as tell:
        return pipeline.ingest(store, files, progress=tell)


def _serve(settings: Settings, host: str, port: int) -> None:
    from dashboard.app import create_app
    from dashboard.context import Context
    from dashboard.server import serve as serve_app

    serve_app(create_app(Context(settings)), host, port)


def _settings() -> Settings:
    from etl.settings import Settings

    return Settings(data=_State.data) if _State.data is not None else Settings()


def _kind() -> str:
    """Reading verbs work on either kind of store."""
    from etl import pipeline

    return pipeline.store_kind(_settings()) or pipeline.SITE


def _known_source(source: str | None) -> None:
    from etl.sources import SOURCES

    names = [known.name for known in SOURCES]
    if source is not None and source not in names:
        _usage(f"no existe la fuente «{source}»; hay {', '.join(names)}.")


def _files(paths: list[Path] | None, settings: Settings) -> list[Path]:
    """Files as named, folders walked, hidden ones left out; without paths, those of the inbox."""
    if not paths:
        settings.inbox.mkdir(parents=True, exist_ok=True)
        paths = [settings.inbox]
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            files.append(path)
    return files


def _day(text: str, option: str) -> date:
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        _usage(f"{option} {text}: no es una fecha; escriba aaaa-mm-dd.")


def _print_reports(reports: list[FileReport], *, json_lines: bool) -> None:
    import json
    from dataclasses import asdict

    from dashboard.console import report_text

    for report in reports:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False) if json_lines else report_text(report))


@contextmanager
def _progress(title: str, *, quiet: bool) -> Iterator[Progress]:
    """Show a progress bar on the terminal's error stream, nothing where there is no terminal."""
    if quiet or not sys.stderr.isatty():
        from etl.lines import no_progress

        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0, detail="")

        def tell(text: str, share: float | None) -> None:
            bar.update(task, detail=text, completed=share if share is not None else bar.tasks[0].completed)

        yield tell


@contextmanager
def _messages() -> Iterator[None]:
    """Turn the errors that a user can act on into their message and an exit code."""
    import duckdb

    from etl.build import CheckError
    from etl.lines import ReconciliationError
    from etl.pipeline import AnotherLoadRuns, StoreError
    from etl.records.engine import RecordsError
    from etl.records.site import MappingError
    from etl.warehouse import WarehouseError

    try:
        yield
    except AnotherLoadRuns as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_BUSY) from None
    except (CheckError, MappingError, ReconciliationError, RecordsError, StoreError, WarehouseError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_REFUSED) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        typer.echo(f"{name}{error.strerror or error}", err=True)
        raise typer.Exit(EXIT_REFUSED) from None
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        typer.echo(f"No se pudo completar ({reason}). Las cifras anteriores siguen en servicio.", err=True)
        raise typer.Exit(EXIT_REFUSED) from None
    except Exception as error:
        if type(error).__name__ == "ServerError":
            typer.echo(str(error), err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        raise


def _usage(message: str) -> NoReturn:
    typer.echo(f"Uso: {message}", err=True)
    raise typer.Exit(EXIT_USAGE)
