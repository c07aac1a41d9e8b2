"""Verbs of who may come in: user add, list, disable, password, role, import.

In: the store, passwords from a prompt or the standard input, never as an argument. Out: accounts, written down in the
audit as done from the console.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.commands.base import (
    EXIT_REFUSED,
    console_user,
    store_kind_or_site,
    store_settings,
    told,
    usage,
)
from dashboard.commands.spanish import Verbs

if TYPE_CHECKING:
    from dashboard.people.accounts import Role
    from etl.store import OpenStore

verbs = Verbs()
user_verbs = Verbs(help="Quién ingresa al sistema, y como qué.", no_args_is_help=True)
verbs.add_typer(user_verbs, name="user")

Name = Annotated[str, typer.Argument(metavar="CUENTA", help="Nombre de la cuenta, con el que se ingresa.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Lee la contraseña de la entrada; si no, la pregunta dos veces.")
]
MadeUp = Annotated[
    bool, typer.Option("--made-up", help="Inventa la contraseña, la muestra una vez y obliga a cambiarla al ingresar.")
]
MustChange = Annotated[bool, typer.Option("--must-change", help="Obliga a cambiar la contraseña al ingresar.")]


@user_verbs.command()
def add(
    name: Name,
    full_name: Annotated[str, typer.Option("--full-name", help="Nombre completo de la persona.")],
    role: Annotated[
        str,
        typer.Option("--role", help="operador, supervisor, gerencia, jefatura, calidad o administración."),
    ],
    password_stdin: FromInput = False,
    made_up: MadeUp = False,
    must_change: MustChange = False,
) -> None:
    """Agrega una cuenta; la primera de un sitio se agrega así."""
    from dashboard.people.accounts import add_account, hash_chosen
    from etl.records.engine import transaction

    with _store(create=True) as store:
        known = _role(role)
        password = _password(password_stdin=password_stdin, made_up=made_up)
        hashed = hash_chosen(password, name=name)
        with transaction(store.records) as session:
            account = add_account(
                session, console_user(), name, full_name, known, hashed, must_change=must_change or made_up
            )
            # Shown before it is kept: no account is left that nobody can open.
            _show(account.name, password, made_up=made_up)
        typer.echo(f"Se agregó la cuenta «{account.name}».", err=True)


@user_verbs.command("list")
def list_() -> None:
    """Muestra las cuentas: nombre, rol, estado, último ingreso y sesiones abiertas."""
    from datetime import timedelta

    from rich.console import Console
    from rich.table import Table
    from sqlalchemy import select

    from dashboard.people.accounts import count_sign_ins
    from etl.records.engine import transaction
    from etl.records.models import Account
    from etl.settings import ZONE_OFFSET_SECONDS
    from reports import terms
    from reports.format import moment_text

    with _store() as store:
        with transaction(store.records) as session:
            accounts = session.scalars(select(Account).order_by(Account.name)).all()
            sign_ins = count_sign_ins(session)
        if not accounts:
            typer.echo("No hay cuentas: agregue la primera con «callcenter user add».")
            return
        table = Table(*terms.ACCOUNT_COLUMNS.values(), box=None, pad_edge=False)
        for account in accounts:
            last, number = sign_ins.get(account.account_id, (None, 0))
            state = "cerrada" if account.disabled else "ingreso único" if account.password_hash is None else "abierta"
            table.add_row(
                account.name, account.full_name, terms.ROLES[account.role], state,
                moment_text(last + timedelta(seconds=ZONE_OFFSET_SECONDS)) if last else "nunca", str(number),
            )  # fmt: skip
        # In a file or a pipe nothing is cut or wrapped.
        Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)


@user_verbs.command()
def disable(
    name: Name, enable: Annotated[bool, typer.Option("--enable", help="La abre otra vez en lugar de cerrarla.")] = False
) -> None:
    """Cierra una cuenta y sus sesiones; no se borra, porque la auditoría la nombra."""
    from dashboard.people.accounts import find_account, set_disabled
    from etl.records.engine import transaction

    with _store() as store, transaction(store.records) as session:
        account = find_account(session, name)
        set_disabled(session, console_user(), account, not enable)
        typer.echo(f"La cuenta «{account.name}» está {'abierta' if enable else 'cerrada'}.")


@user_verbs.command()
def password(
    name: Name, password_stdin: FromInput = False, made_up: MadeUp = False, must_change: MustChange = False
) -> None:
    """Da otra contraseña a una cuenta y termina sus sesiones."""
    from dashboard.people.accounts import find_account, hash_chosen, set_password
    from etl.records.engine import transaction

    with _store() as store:
        with transaction(store.records) as session:
            account = find_account(session, name)  # told before anything is asked
        new = _password(password_stdin=password_stdin, made_up=made_up)
        hashed = hash_chosen(new, name=account.name, before=account.password_hash)
        with transaction(store.records) as session:
            account = find_account(session, name)
            set_password(session, console_user(), account, hashed, must_change=must_change or made_up)
            _show(account.name, new, made_up=made_up)
        typer.echo(f"«{account.name}» tiene otra contraseña; sus sesiones terminaron.", err=True)


@user_verbs.command("role")
def role_(
    name: Name,
    role: Annotated[
        str, typer.Argument(metavar="ROL", help="operator, supervisor, manager, chief, quality o administrator.")
    ],
) -> None:
    """Cambia el rol de una cuenta, desde su próximo pedido."""
    from dashboard.people.accounts import find_account, set_role
    from etl.records.engine import transaction
    from reports import terms

    with _store() as store, transaction(store.records) as session:
        known = _role(role)
        account = find_account(session, name)
        set_role(session, console_user(), account, known)
        typer.echo(f"El rol de «{account.name}» es {terms.ROLES[known]}.")


@user_verbs.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="CSV", help="Archivo con las columnas cuenta;nombre;rol.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Dónde escribe las primeras contraseñas; si no, en la salida de la orden."),
    ] = None,
) -> None:
    """Agrega muchas cuentas, todas o ninguna; da un CSV con sus primeras contraseñas, que se cambian al ingresar."""
    import os
    from datetime import datetime

    from dashboard.people.accounts_csv import MOST_BYTES, first_passwords
    from dashboard.people.administration import add_many
    from etl import store as stores
    from etl.settings import ZONE
    from reports.export import csv_bytes

    with _store(create=True) as store:
        with path.open("rb") as given_file:
            data = given_file.read(MOST_BYTES + 1)
        # Made before the accounts are: where it cannot be written, nobody is added.
        file = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") if out else None
        try:
            given = add_many(store.records, console_user(), data)
        except BaseException:
            if file and out:
                file.close()
                out.unlink()
            raise
        made_at = datetime.now(ZONE).replace(tzinfo=None)
        content = csv_bytes(first_passwords(given, made_at=made_at, demo=store.kind == stores.DEMO))
        if file:
            with file:
                file.write(content)
        else:
            typer.echo(content.decode("utf-8-sig").replace("\r\n", "\n"), nl=False)
        typer.echo(f"Cuentas agregadas: {len(given)}.", err=True)


@contextmanager
def _store(*, create: bool = False) -> Iterator[OpenStore]:
    """Open the store that was chosen, and tell what is wrong with an account or a file of accounts."""
    from dashboard.people.accounts import AccountError
    from dashboard.people.accounts_csv import AccountsFileError
    from etl import store as stores

    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=create)
        try:
            yield store
        except (AccountError, AccountsFileError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        finally:
            store.records.dispose()


def _role(text: str) -> Role:
    from dashboard.people.accounts_csv import role_of, roles_text

    found = role_of(text)
    if found is None:
        usage(f"no existe el rol «{text}»; hay {roles_text()}.")
    return found


def _password(*, password_stdin: bool, made_up: bool) -> str:
    """Return a password: made up, from the standard input, or asked for twice."""
    from dashboard.people.accounts import AccountError, new_password

    if made_up and password_stdin:
        usage("--made-up y --password-stdin no van juntos.")
    if made_up:
        return new_password()
    if password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Contraseña", hide_input=True)
    if typed != typer.prompt("Otra vez, la misma", hide_input=True):
        raise AccountError("Las dos contraseñas no son iguales.")
    return typed


def _show(name: str, password: str, *, made_up: bool) -> None:
    if made_up:
        typer.echo(f"Cuenta {name}, primera contraseña: {password}")
        typer.echo("No se guarda ni se muestra otra vez; al ingresar se cambia por otra.", err=True)
