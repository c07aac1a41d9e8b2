"""Accounts as a spreadsheet has them: the columns cuenta, nombre, rol, one row each.

In: the bytes of a CSV (UTF-8 or cp1252; semicolons, commas or tabs). Out: accounts to add; or every fault at once, with
line, column and remedy.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

from dashboard.people.accounts import AccountError, Role, check_full_name, name_of
from reports import terms
from reports.export import Column, Table

MOST_BYTES = 100 * 1024
MOST_ACCOUNTS = 300
COLUMNS = ("cuenta", "nombre", "rol")
EXAMPLE = "cuenta;nombre;rol\nrosa.mamani;Rosa Mamani Quispe;operadora\nelena.rojas;Elena Rojas Vargas;supervisora\n"
_HEADINGS = {
    "cuenta": "cuenta", "account": "cuenta", "usuario": "cuenta",
    "nombre": "nombre", "nombre completo": "nombre", "full_name": "nombre", "name": "nombre",
    "rol": "rol", "role": "rol",
}  # fmt: skip
_ROLES = {
    Role.OPERATOR: ("operador", "operadora"),
    Role.SUPERVISOR: ("supervisora",),
    Role.MANAGER: ("gerencia", "gerente", "gerenta"),
    Role.CHIEF: ("jefatura", "jefe", "jefa"),
    Role.QUALITY: ("calidad",),
    Role.ADMINISTRATOR: ("administracion", "administrador", "administradora"),
}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in (role.value, *words, terms.ROLES[role].casefold())}


@dataclass(frozen=True)
class NewAccount:
    """An account to add, as a row gives it; `line` is the row's in the file."""

    line: int
    name: str
    full_name: str
    role: Role


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cell, and what to do; without a column it is the whole line."""

    line: int
    column: str
    says: str

    @property
    def text(self) -> str:
        """The fault as one sentence."""
        where = f"Línea {self.line}, columna {self.column}" if self.column else f"Línea {self.line}"
        return f"{where}: {self.says}"


class AccountsFileError(Exception):
    """A file of accounts that adds nobody; ``faults`` are all that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults."""
        super().__init__("\n".join(fault.text for fault in faults))
        self.faults = tuple(faults)


def read_accounts(data: bytes, known: Collection[str] = ()) -> list[NewAccount]:
    """Return the accounts of a file, none of them `known`. AccountsFileError with every fault: none is taken then."""
    text = _text_of(data)
    heading = text.partition("\n")[0]
    delimiter = max(";,\t", key=heading.count)
    faults: list[Fault] = []
    accounts: list[NewAccount] = []
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []))
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                says = f"tiene {len(cells)} columnas y el encabezado {len(columns)}: revise los separadores."
                faults.append(Fault(reader.line_num, "", says))
                continue
            row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
            found = _account_of(reader.line_num, row)
            if isinstance(found, NewAccount):
                accounts.append(found)
            else:
                faults += found
    except csv.Error:
        raise AccountsFileError([Fault(reader.line_num, "", "unas comillas no se cierran: quítelas.")]) from None
    faults += [*_repeated(accounts), *known_faults(accounts, known)]
    if len(accounts) > MOST_ACCOUNTS:
        says = f"son {len(accounts)} cuentas y se agregan hasta {MOST_ACCOUNTS} por archivo: pártalo en varios."
        faults.append(Fault(1, "", says))
    if not accounts and not faults:
        faults.append(Fault(2, "", "no hay ninguna cuenta debajo del encabezado: escriba una por línea."))
    if faults:
        raise AccountsFileError(sorted(faults, key=lambda fault: fault.line))
    return accounts


def errors_of(name: str, full_name: str, role: object) -> list[str | None]:
    """Return what is wrong with each part of one account: its name, its full name, its role; None where nothing is."""
    given = {"cuenta": name, "nombre": full_name, "rol": role if isinstance(role, str) else ""}
    found = _account_of(0, given)
    says = {} if isinstance(found, NewAccount) else {fault.column: fault.says for fault in found}
    return [says.get(column) for column in COLUMNS]


def role_of(text: str) -> Role | None:
    """Return the role of a word, in Spanish or as the system itself calls it; None for no role."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.strip().casefold()) if not unicodedata.combining(c))
    return _ROLE_OF.get(text.strip().casefold()) or _ROLE_OF.get(plain)


def roles_text() -> str:
    """Return the words of all roles."""
    return (
        ", ".join(words[0] for words in _ROLES.values())
        .replace("supervisora", "supervisor")
        .replace("administracion", "administración")
    )


def first_passwords(given: Sequence[tuple[NewAccount, str]], *, made_at: datetime, demo: bool) -> Table:
    """Return accounts just added with their first passwords, to be handed out."""
    return Table(
        name="primeras-contrasenas",
        title="Primeras contraseñas",
        says=(),
        columns=(Column("Cuenta"), Column("Nombre"), Column("Rol"), Column("Primera contraseña")),
        rows=[[each.name, each.full_name, terms.ROLES[each.role], password] for each, password in given],
        made_at=made_at,
        demo=demo,
    )


def _text_of(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise AccountsFileError([Fault(1, "", f"el archivo pasa de {MOST_BYTES // 1024} KB: pártalo en varios.")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            text = "\0"
    if "\0" in text:
        says = "no es un CSV: guárdelo desde Excel como «CSV UTF-8 (delimitado por comas)»."
        raise AccountsFileError([Fault(1, "", says)])
    return text


def _columns(cells: list[str]) -> list[str]:
    """Return what each column is. AccountsFileError for a heading that is not ours."""
    found = [_HEADINGS.get(cell.strip().casefold(), "") for cell in cells]
    if sorted(found) != sorted(COLUMNS):
        says = f"el encabezado tiene que decir {';'.join(COLUMNS)} y nada más."
        raise AccountsFileError([Fault(1, "", says)])
    return found


def _account_of(line: int, row: dict[str, str]) -> NewAccount | list[Fault]:
    faults = []
    name, role = row["cuenta"], role_of(row["rol"])
    try:
        name = name_of(name)
    except AccountError as error:
        faults.append(Fault(line, "cuenta", str(error)))
    try:
        full_name = check_full_name(row["nombre"])
    except AccountError as error:
        faults.append(Fault(line, "nombre", str(error)))
    if role is None:
        faults.append(Fault(line, "rol", f"«{row['rol'][:64]}» no es un rol: escriba {roles_text()}."))
    return faults if faults or role is None else NewAccount(line, name, full_name, role)


def known_faults(accounts: Sequence[NewAccount], known: Collection[str]) -> list[Fault]:
    """Return what is wrong with accounts whose names are taken."""
    says = "ya existe: quite la línea; el rol y la contraseña de una cuenta se cambian en «Cuentas»."
    return [Fault(each.line, "cuenta", f"«{each.name}» {says}") for each in accounts if each.name in known]


def _repeated(accounts: Sequence[NewAccount]) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for account in accounts:
        line = first.setdefault(account.name, account.line)
        if line != account.line:
            says = f"«{account.name}» ya está en la línea {line}: cada cuenta va una vez."
            faults.append(Fault(account.line, "cuenta", says))
    return faults
