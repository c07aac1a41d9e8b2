"""Verbs that keep a site from being lost: backup, restore, doctor.

In: a store, or a backup of one. Out: a backup, a store made from one, or what is well and what is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.base import (
    EXIT_REFUSED,
    console_user,
    progress_shown,
    store_kind_or_site,
    store_settings,
    told,
    usage,
)
from dashboard.commands.spanish import Verbs

if TYPE_CHECKING:
    from etl.safekeeping.restore import Restored

verbs = Verbs()


@verbs.command()
def backup(
    destination: Annotated[Path, typer.Argument(help="Carpeta de los respaldos; mejor en otro disco.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Otra carpeta, aparte, donde se guardan las claves y los secretos.")
    ] = None,
) -> None:
    """Hace un respaldo con el sistema en marcha y lo prueba: registros, archivos recibidos y configuración."""
    from etl import store as stores
    from etl.safekeeping.backup import back_up
    from reports.format import number_text

    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=False)
        with progress_shown("Respaldando", quiet=False) as tell:
            made = back_up(store, destination, keys=keys, by=console_user(), progress=tell)
        rows = sum(table.rows for table in made.manifest.tables.values())
        typer.echo(
            f"{made.folder}: {number_text(rows)} filas de registros, {number_text(len(made.manifest.pieces))} archivos "
            f"recibidos ({number_text(made.copied_pieces)} nuevos); restaurado a prueba, igual."
        )
        for name in made.dropped:
            typer.echo(f"Retirado por antiguo: {name}")
        if keys is None:
            typer.echo("Las claves no van en el respaldo: guárdelas aparte con --keys CARPETA.", err=True)


@verbs.command()
def restore(
    source: Annotated[Path, typer.Argument(help="Un respaldo, o la carpeta de los respaldos para el último.")],
    keys: Annotated[Path | None, typer.Option("--keys", help="Carpeta donde se guardaron las claves.")] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Hace otra clave de seudónimos, solo si la del respaldo se perdió.")
    ] = False,
) -> None:
    """Arma un almacén en una carpeta vacía (--data) a partir de un respaldo y su clave, y compara las cifras."""
    from etl.safekeeping.restore import restore as restore_store

    if keys is None and not new_key:
        usage("falta --keys CARPETA con las claves del respaldo (o --new-key, si se perdieron).")
    with told():
        with progress_shown("Restaurando", quiet=False) as tell:
            found = restore_store(source, store_settings(), keys, new_key=new_key, by=console_user(), progress=tell)
        _print_restored(found)
    if found.differences or found.broken_days:
        raise typer.Exit(EXIT_REFUSED)


def _print_restored(found: Restored) -> None:
    from datetime import timedelta

    from etl.settings import ZONE_OFFSET_SECONDS
    from reports.format import number_text

    made_at = found.manifest.made_at + timedelta(seconds=ZONE_OFFSET_SECONDS)
    rows = sum(table.rows for table in found.manifest.tables.values())
    same = "las cifras son las del respaldo" if found.compared else "sin cifras que comparar"
    typer.echo(
        f"{found.folder}: el sistema del {made_at:%d/%m/%Y %H:%M}, {number_text(rows)} filas de registros, "
        f"{number_text(len(found.manifest.pieces))} archivos recibidos; "
        f"{'ATENCIÓN: hay cifras distintas' if found.differences else same}."
    )
    for name, (there, here) in found.differences.items():
        typer.echo(f"  {name}: {there} en el respaldo, {here} ahora", err=True)
    if found.missing_keys:
        typer.echo(
            f"No estaban entre las claves: {', '.join(found.missing_keys)}. Las hace «callcenter init».", err=True
        )
    if found.broken_days:
        days = ", ".join(f"{day:%d/%m/%Y}" for day in found.broken_days)
        typer.echo(f"ATENCIÓN: la auditoría de estos días no es la que se cerró: {days}.", err=True)
    if found.backup_setting:
        typer.echo(
            f"CALLCENTER_BACKUP ({found.backup_setting}) se quitó de los ajustes, para que un simulacro no escriba en "
            "los respaldos del sitio. Si este almacén es ahora el del sitio, escríbalo otra vez.", err=True,
        )  # fmt: skip
    if found.cancelled_jobs:
        typer.echo(f"Trabajos de entonces que se cancelaron: {number_text(found.cancelled_jobs)}.")
    typer.echo("Las sesiones de entonces se cerraron y las contraseñas son las de ese momento.")


@verbs.command()
def doctor() -> None:
    """Revisa el sistema: versiones, permisos, registros, auditoría, cifras, respaldo, certificado y disco."""
    from dashboard.site.doctor import examine, findings_text, is_wrong

    with told():
        findings = examine(store_settings())
        typer.echo(findings_text(findings), nl=False)
    if is_wrong(findings):
        raise typer.Exit(EXIT_REFUSED)
