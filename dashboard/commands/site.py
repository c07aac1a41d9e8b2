"""Verbs that open the system: demo, serve.

In: a store. Out: a server, until it is stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.base import Chosen, print_reports, progress_shown, store_settings, told

if TYPE_CHECKING:
    from etl.settings import Settings

verbs = typer.Typer()


@verbs.command()
def demo(
    port: Annotated[int, typer.Option("--port", help="Puerto local; 0 toma uno libre.")] = 8050,
    until: Annotated[str | None, typer.Option("--until", help="Último mes de la muestra, aaaa-mm.")] = None,
    serve_: Annotated[bool, typer.Option("--serve/--no-serve", help="Abre la página al terminar.")] = True,
) -> None:
    """Arma un almacén con DATOS DE MUESTRA en una carpeta propia, lo carga de verdad y abre la página."""
    from dashboard import demo as demonstration
    from etl import pipeline
    from etl.settings import Settings

    settings = Settings(data=Chosen.data or Path("data") / "demo")
    with told():
        store, month = demonstration.open_demo(settings, until=until)
        if demonstration.needs_sample(store, month):
            with progress_shown("Inventando la muestra", quiet=False) as tell:
                files = demonstration.write_sample_files(store, month)
                reports = pipeline.ingest(store, files, progress=tell)
            print_reports(reports, json_lines=False)
        typer.echo(f"DATOS DE MUESTRA hasta {month}, en {settings.data}")
        if serve_:
            _serve(settings, "127.0.0.1", port)


@verbs.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Solo esta computadora, mientras no haya cuentas.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Puerto; 0 toma uno libre.")] = 8050,
) -> None:
    """Abre la página de cifras en esta computadora."""
    from etl import store as stores

    with told():
        from dashboard.server import check_host

        check_host(host)
        settings = store_settings()
        if stores.store_kind(settings) == stores.DEMO:
            raise stores.StoreError(
                f"El almacén de {settings.data} es de demostración (DATOS DE MUESTRA): ábralo con «callcenter demo»."
            )
        _serve(settings, host, port)


def _serve(settings: Settings, host: str, port: int) -> None:
    from dashboard.app import create_app
    from dashboard.context import Context
    from dashboard.server import serve as serve_app

    serve_app(create_app(Context(settings)), host, port)
