"""What every verb of the command needs: the store that was chosen, errors told to the user, progress, exit codes.

In: what the user typed. Out: settings, files, days; or a message and an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from datetime import date
    from typing import NoReturn

    from etl.exports import Told
    from etl.lines import Progress
    from etl.pipeline import FileReport
    from etl.records.audit import Actor
    from etl.settings import Database, Settings
    from etl.store import OpenStore

EXIT_REFUSED, EXIT_USAGE, EXIT_BUSY, EXIT_CONFIGURATION = 1, 2, 75, 78
DATABASE = typer.Option("--database", help="Conexión de CALLCENTER_DATABASES que se lee; puede repetirse.")
#: Errors of modules that most verbs do not import, by name, and how each ends the command.
_OF_THE_SYSTEM = {
    "AccountError": EXIT_REFUSED,
    "AlreadyOpenError": EXIT_BUSY,
    "ConfigurationError": EXIT_CONFIGURATION,
    "ServerError": EXIT_REFUSED,
}


class Chosen:
    """The folder of the store that --data names, for the verb that runs."""

    data: Path | None = None


def store_settings() -> Settings:
    """Return the settings of the store that was chosen."""
    from etl.settings import Settings

    return Settings(data=Chosen.data) if Chosen.data is not None else Settings()


def store_kind_or_site() -> str:
    """Reading verbs work on either kind of store."""
    from etl import store as stores

    return stores.store_kind(store_settings()) or stores.SITE


def console_user() -> Actor:
    """Return whom the audit names for what is done by command: who the machine says it is."""
    import getpass

    from etl.records.audit import console_actor

    try:
        return console_actor(getpass.getuser())
    except (KeyError, OSError):  # a container's user without a name
        return console_actor("consola")


def usage(message: str) -> NoReturn:
    """Say how the command is used, and end it."""
    typer.echo(f"Uso: {message}", err=True)
    raise typer.Exit(EXIT_USAGE)


@contextmanager
def told() -> Iterator[None]:
    """Turn the errors that a user can act on into their message and an exit code."""
    import duckdb
    from pydantic import ValidationError

    from etl.build import CheckError
    from etl.lines import ReconciliationError
    from etl.records.engine import RecordsError
    from etl.records.site import MappingError
    from etl.store import AnotherLoadRuns, StoreError
    from etl.warehouse import WarehouseError

    try:
        yield
    except AnotherLoadRuns as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_BUSY) from None
    except ValidationError as error:
        settings = {str(each["loc"][0]) if each["loc"] else "databases" for each in error.errors()}
        wrong = ", ".join(f"CALLCENTER_{name.upper()}" for name in sorted(settings))
        typer.echo(f"Hay ajustes que no se entienden: {wrong}.", err=True)
        raise typer.Exit(EXIT_CONFIGURATION) from None
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
    except Exception as error:  # by its name: what raises it is not imported for every verb
        code = _OF_THE_SYSTEM.get(type(error).__name__)
        if code is None:
            raise
        typer.echo(str(error), err=True)
        raise typer.Exit(code) from None


@contextmanager
def progress_shown(title: str, *, quiet: bool) -> Iterator[Progress]:
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


def files_named(paths: list[Path] | None, settings: Settings) -> list[Path]:
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


def databases_named(names: list[str] | None, settings: Settings) -> list[Database]:
    """Return the connections of the settings that are named, or say which there are."""
    known = {each.name: each for each in settings.databases}
    for name in names or ():
        if name not in known:
            there = f"hay {', '.join(known)}" if known else "no hay ninguna: indíquelas en CALLCENTER_DATABASES"
            usage(f"no existe la conexión «{name}»; {there}.")
    return [known[name] for name in dict.fromkeys(names or ())]


def day_of(text: str, option: str) -> date:
    """Return the day that an option names (aaaa-mm-dd)."""
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        usage(f"{option} {text}: no es una fecha; escriba aaaa-mm-dd.")


def told_of(first: str | None, last: str | None, queue: str | None, source: str | None = None) -> Told:
    """Return what options say of files: of exported totals the first and last day and the queue; of all the source."""
    from etl.exports import Told

    days = [day_of(text, option) if text else None for text, option in ((first, "--from"), (last, "--to"))]
    if days[0] and days[1] and days[0] > days[1]:
        usage("--from es posterior a --to.")
    known_source(source)
    return Told(days[0], days[1], queue.strip() or None if queue else None, source)


def known_source(source: str | None) -> None:
    """Refuse a source that is none."""
    from etl.sources import SOURCES
    from etl.sources.exports import EXPORTS

    names = [*(known.name for known in SOURCES), EXPORTS.name]
    if source is not None and source not in names:
        usage(f"no existe la fuente «{source}»; hay {', '.join(names)}.")


def ingest_shown(
    store: OpenStore, files: list[Path], databases: Sequence[Database] = (), *, told: Told | None = None, quiet: bool
) -> list[FileReport]:
    """Load files and what is new in databases with a progress bar."""
    if not files and not databases:
        typer.echo(f"No hay archivos nuevos en {store.settings.inbox}.", err=True)
        return []
    from etl import pipeline
    from etl.exports import NOTHING_TOLD

    with progress_shown("Cargando", quiet=quiet) as tell:
        return pipeline.ingest(
            store, files, progress=tell, by=console_user(), databases=databases, told=told or NOTHING_TOLD
        )


def print_reports(reports: list[FileReport], *, json_lines: bool) -> None:
    """Print a line per file."""
    import json
    from dataclasses import asdict

    from dashboard.console import report_text

    for report in reports:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False) if json_lines else report_text(report))
