"""Verbs that make and open the system: init, demo, serve; and the processes that serve is made of.

In: a store. Out: a site; or a server with its worker, until it is stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.base import (
    EXIT_REFUSED,
    Chosen,
    console_user,
    print_reports,
    progress_shown,
    store_settings,
    told,
    usage,
)
from dashboard.commands.spanish import Verbs

if TYPE_CHECKING:
    from dashboard.serving.certificates import Pair
    from etl.settings import Settings

verbs = Verbs()
_DEMO_FOLDER = Path("data") / "demo"


@verbs.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Carpeta del sitio; se crea si no existe.")],
    names: Annotated[
        list[str] | None, typer.Option("--name", help="Nombre o dirección del servidor en la red; se puede repetir.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Puerto del servidor (por omisión 8050).")] = None,
    admin: Annotated[str, typer.Option("--admin", help="Nombre de la primera cuenta de administración.")] = "",
    admin_name: Annotated[str, typer.Option("--admin-name", help="Nombre completo de esa persona.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Lee su contraseña de la entrada; si no, se inventa una.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Certificado propio del sitio, en formato PEM.")
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option("--certificate-key", help="Clave del certificado propio, en formato PEM.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="No pregunta nada: toma lo indicado y lo habitual.")] = False,
) -> None:
    """Prepara un sitio: ajustes, registros vacíos, clave secreta, certificado y la primera cuenta de administración."""
    if (certificate is None) != (certificate_key is None):
        usage("indique --certificate y --certificate-key, los dos.")
    with told():
        from dashboard.serving.certificates import Pair
        from dashboard.site.new_site import Answers, Piece, make_site, missing_pieces
        from etl.settings import Settings

        data = folder.expanduser().resolve()
        missing = missing_pieces(Settings(data=data))
        if not missing:
            typer.echo(f"{data} ya es un sitio y no le falta nada: no se cambió nada.", err=True)
            raise typer.Exit(EXIT_REFUSED)
        own: Pair | None = None
        if certificate is not None and certificate_key is not None:
            own = Pair(certificate.expanduser().resolve(), certificate_key.expanduser().resolve())
        if Piece.SETTINGS in missing:
            names = names or _asked_names(yes=yes)
            if port is None:
                port = 8050 if yes else typer.prompt("Puerto del servidor", default=8050, type=int)
        elif names or port or own:
            typer.echo("Los ajustes ya existían: no se cambian los nombres, el puerto ni el certificado.", err=True)
        password = None
        if Piece.ADMINISTRATOR in missing:
            admin = admin or _asked("Cuenta de quien administra el sistema", "admin", yes=yes)
            admin_name = admin_name or _asked("Su nombre completo", "Administración del sistema", yes=yes)
            password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
        answers = Answers(tuple(names or ()), port or 8050, own, admin, admin_name, password)
        settings = make_site(
            data, answers, console_user(),
            tell=lambda line: typer.echo(f"  {line}"), show_password=_show_password,
        )  # fmt: skip
        _tell_next(settings)


@verbs.command()
def demo(
    port: Annotated[int, typer.Option("--port", help="Puerto local; 0 toma uno libre.")] = 8050,
    until: Annotated[str | None, typer.Option("--until", help="Último mes de la muestra, aaaa-mm.")] = None,
    serve_: Annotated[bool, typer.Option("--serve/--no-serve", help="Abre la página al terminar.")] = True,
) -> None:
    """Arma un almacén con DATOS DE MUESTRA en una carpeta propia, lo carga de verdad y abre la página."""
    from dashboard.site import demo as demonstration
    from etl import pipeline
    from etl.settings import Settings

    with told():
        settings = Settings(data=Chosen.data or _DEMO_FOLDER)
        store, month = demonstration.open_demo(settings, until=until)
        if demonstration.needs_sample(store, month):
            with progress_shown("Inventando la muestra", quiet=False) as tell:
                files = demonstration.write_sample_files(store, month)
                reports = pipeline.ingest(store, files, progress=tell)
            print_reports(reports, json_lines=False)
        typer.echo(f"DATOS DE MUESTRA hasta {month}, en {settings.data}")
        if not serve_:
            return
        from dashboard.serving import opening
        from reports import terms

        typer.echo("Cuentas de muestra, con contraseñas que valen hasta que se abra otra vez:")
        for role, (name, password) in demonstration.accounts_anew(store).items():
            typer.echo(f"  {terms.ROLES[role]:<15} {name:<15} {password}")
        store.records.dispose()
        raise typer.Exit(opening.open_system(settings, opening.demo_place(port), demo=True))


@verbs.command()
def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Dónde atiende: 0.0.0.0 es toda la red; solo con certificado.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Puerto; 0 toma uno libre (por omisión 8050).")] = None,
) -> None:
    """Abre el sistema: el servidor web y los trabajos, que vuelven a abrirse si se caen."""
    with told():
        from dashboard.serving import opening

        settings = store_settings()
        place = opening.place_of(settings, host=host, port=port)
        opening.check_site(settings)
        raise typer.Exit(opening.open_system(settings, place))


@verbs.command(hidden=True)
def web(
    host: Annotated[str, typer.Option("--host", help="Dónde atiende.")],
    port: Annotated[int, typer.Option("--port", help="Puerto en que atiende.")],
    descriptor: Annotated[int | None, typer.Option("--socket", help="Puerto ya abierto, heredado.")] = None,
    demo_: Annotated[bool, typer.Option("--demo", help="Atiende un almacén de muestra.")] = False,
) -> None:
    """Atiende a los navegadores: lo abre «callcenter serve» y termina con él."""
    with told():
        from dashboard.serving import opening

        opening.run_web(store_settings(), host=host, port=port, descriptor=descriptor, demo=demo_)


@verbs.command(hidden=True)
def work() -> None:
    """Hace los trabajos pendientes: lo abre «callcenter serve» y termina con él."""
    with told():
        from dashboard.serving import opening

        opening.run_worker(store_settings())


def _asked(question: str, usual: str, *, yes: bool) -> str:
    return usual if yes else str(typer.prompt(question, default=usual))


def _asked_names(*, yes: bool) -> list[str]:
    import socket

    answer = _asked("Nombres o direcciones del servidor en la red, separados por comas", socket.getfqdn(), yes=yes)
    return [name for each in answer.split(",") if (name := each.strip())]


def _show_password(name: str, password: str) -> None:
    typer.echo(f"\n  Cuenta {name}, primera contraseña: {password}")
    typer.echo("  No se guarda ni se muestra otra vez; al ingresar se cambia por otra.\n")


def _tell_next(settings: Settings) -> None:
    """Say what is left to do by hand."""
    from dashboard.serving.certificates import authority, fingerprint
    from dashboard.serving.server import addresses
    from etl.settings import SETTINGS_FILE

    typer.echo("\nQué falta:")
    step = 1
    if settings.certificate is None:
        root = authority(settings).certificate
        typer.echo(
            f"  {step}. Instale en cada puesto la autoridad {root} (no copie la clave que está a su lado).\n"
            "     Windows, como administrador: certutil -addstore Root authority.pem; en un dominio, por directiva.\n"
            f"     Huella SHA-256: {fingerprint(root)}"
        )
        step += 1
    order = f"callcenter --data {settings.data}"
    typer.echo(
        f"  {step}. Elija dónde se respalda cada noche, en otro disco: CALLCENTER_BACKUP en "
        f"{settings.data / SETTINGS_FILE}\n"
        f"     Las claves van aparte, una vez: {order} backup CARPETA --keys OTRA_CARPETA"
    )
    typer.echo(f"  {step + 1}. Abra el sistema: {order} serve")
    typer.echo(f"  {step + 2}. Los registros que deje en {settings.inbox} se cargan solos.")
    typer.echo(
        f"  {step + 3}. En los puestos: {'  '.join(addresses(settings.host, settings.port, settings.hosts, tls=True))}"
    )
