"""A site, made piece by piece: whatever interrupts it, the next run makes what is still missing and nothing else.

In: what was asked. Out: the store with empty records, its secret, its settings, its certificate, its first
administrator; folders that only their owner enters. Raises ConfigurationError, StoreError, AccountError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine, select

from dashboard.people.accounts import Role, add_account, hash_chosen, new_password
from dashboard.serving.certificates import FOLDER as TLS_FOLDER
from dashboard.serving.certificates import Pair, authority, check_names, check_pair, make_certificates, our_pair
from dashboard.serving.server import is_loopback
from dashboard.site.configuration import close_to_others, make_private_folder, write_private
from dashboard.site.secret import SECRET_FILE, make_secret, secret_file
from etl import store as stores
from etl.records.audit import Actor
from etl.records.engine import open_records, shown_url, transaction
from etl.records.models import Account
from etl.settings import SETTINGS_FILE, Settings, setting_line


class Piece(StrEnum):
    """What a site is made of, as users read it, in the order in which it is made."""

    SETTINGS = "ajustes"
    STORE = "registros"
    SECRET = "clave secreta"
    CERTIFICATE = "certificado"
    ADMINISTRATOR = "primera cuenta de administración"


@dataclass(frozen=True)
class Answers:
    """What was asked of whoever makes a site; without a password one is made up."""

    names: Sequence[str] = ()
    port: int = 8050
    own: Pair | None = None
    admin: str = ""
    admin_name: str = ""
    password: str | None = None


def missing_pieces(settings: Settings) -> list[Piece]:
    """Return what a folder lacks to be a site. StoreError where it is something else."""
    _refuse_other(settings)
    has_store = stores.store_kind(settings) is not None
    ours = our_pair(settings)
    there = {
        Piece.SETTINGS: (settings.data / SETTINGS_FILE).exists(),
        Piece.STORE: has_store,
        Piece.SECRET: bool(settings.secret.get_secret_value()) or secret_file(settings).exists(),
        Piece.CERTIFICATE: settings.certificate is not None
        or all(path.exists() for path in (ours.certificate, ours.key, authority(settings).certificate)),
        Piece.ADMINISTRATOR: has_store and _has_administrator(settings),
    }
    return [piece for piece in Piece if not there[piece]]


def make_site(
    data: Path, answers: Answers, by: Actor, *, tell: Callable[[str], None], show_password: Callable[[str, str], None]
) -> Settings:
    """Make what is missing of a site; tell every piece made, and show the first password where it was made up.

    Nothing is written when what was answered will not do.
    """
    settings = Settings(data=data)
    missing = missing_pieces(settings)
    if Piece.SETTINGS in missing:
        check_names([name.casefold() for name in answers.names])
        if answers.own is not None:
            check_pair(answers.own, [name.casefold() for name in answers.names], datetime.now(UTC))
    make_private_folder(data)
    close_to_others(data)
    if Piece.SETTINGS in missing:
        write_private(data / SETTINGS_FILE, settings_text(answers).encode())
        settings = Settings(data=data)
        tell(f"{Piece.SETTINGS}: {data / SETTINGS_FILE}")
    store = stores.open_store(settings)
    try:
        if Piece.STORE in missing:
            tell(f"{Piece.STORE}: {shown_url(store.records.url)}")
        if make_secret(settings):
            tell(f"{Piece.SECRET}: {secret_file(settings)}")
        if settings.certificate is None and make_certificates(settings):
            tell(f"{Piece.CERTIFICATE}: {our_pair(settings).certificate}")
        if Piece.ADMINISTRATOR in missing:
            password = new_password() if answers.password is None else answers.password
            hashed = hash_chosen(password, name=answers.admin)
            with transaction(store.records) as session:
                account = add_account(
                    session, by, answers.admin, answers.admin_name, Role.ADMINISTRATOR, hashed,
                    must_change=answers.password is None,
                )  # fmt: skip
                # Shown before it is kept: whatever happens between the two, no account is left that nobody can open.
                if answers.password is None:
                    show_password(account.name, password)
            tell(f"{Piece.ADMINISTRATOR}: {account.name}")
    finally:
        store.records.dispose()
    make_private_folder(settings.inbox)
    close_to_others(data)
    return settings


def settings_text(answers: Answers) -> str:
    """Return the text of the settings file."""
    everywhere = any(not is_loopback(name) for name in answers.names)
    values = {
        "CALLCENTER_HOSTS": ",".join(dict.fromkeys(name.strip().casefold() for name in answers.names)),
        "CALLCENTER_HOST": "0.0.0.0" if everywhere else "127.0.0.1",
        "CALLCENTER_PORT": str(answers.port),
    }
    if answers.own is not None:
        values["CALLCENTER_CERTIFICATE"] = str(answers.own.certificate)
        values["CALLCENTER_CERTIFICATE_KEY"] = str(answers.own.key)
    lines = [
        "# Ajustes de este sitio. Una variable de entorno con el mismo nombre vale más que esta línea.",
        "# CALLCENTER_HOSTS: nombres con que se abre el sistema desde la red, separados por comas.",
        "# Otros que puede agregar: CALLCENTER_RECORDS_URL, CALLCENTER_BACKUP, CALLCENTER_OIDC_ISSUER,",
        "# CALLCENTER_OIDC_CLIENT_ID, CALLCENTER_OIDC_CLIENT_SECRET, CALLCENTER_OIDC_NAME.",
    ]
    return "\n".join(lines) + "\n" + "".join(setting_line(name, value) for name, value in values.items())


def _refuse_other(settings: Settings) -> None:
    """Refuse a folder that holds something else than a site, or a part of one."""
    data = settings.data
    if data.exists() and not data.is_dir():
        raise stores.StoreError(f"{data} es un archivo: indique una carpeta.")
    known = (SETTINGS_FILE, SECRET_FILE, TLS_FOLDER, "records.sqlite", "pseudonyms.key")
    if data.is_dir() and any(data.iterdir()) and not any((data / name).exists() for name in known):
        # A draft of the settings, left by a run that was killed, is no sign of anybody else.
        strangers = [path for path in data.iterdir() if not path.name.startswith(f".{SETTINGS_FILE}.")]
        if strangers:
            raise stores.StoreError(
                f"La carpeta {data} no está vacía y no es un almacén: indique una nueva, que solo abrirá su dueño."
            )
    if stores.store_kind(settings) == stores.DEMO:
        raise stores.StoreError(f"El almacén de {data} es de demostración (DATOS DE MUESTRA): indique otra carpeta.")


def _has_administrator(settings: Settings) -> bool:
    with _records(settings) as records, transaction(records) as session:
        enabled = select(Account.account_id).where(Account.disabled.is_(False), Account.role == Role.ADMINISTRATOR)
        return session.scalar(enabled.limit(1)) is not None


@contextmanager
def _records(settings: Settings) -> Iterator[Engine]:
    records = open_records(settings.database_url)
    try:
        yield records
    finally:
        records.dispose()
