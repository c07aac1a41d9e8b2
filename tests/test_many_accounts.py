"""Many accounts at once, by a file: all of it or none, and every fault told."""

import base64
import csv
from io import StringIO

import pytest
from werkzeug.test import TestResponse

from dashboard.people import accounts_csv
from dashboard.people.accounts import AccountError, Role, is_password
from dashboard.people.accounts_csv import AccountsFileError, read_accounts
from etl.records.audit import Action
from reports import terms
from tests.house import House, changed, told


def send(house: House, content: bytes | str) -> TestResponse:
    told = content if isinstance(content, str) else "data:text/csv;base64," + base64.b64encode(content).decode()
    return house.call(Role.ADMINISTRATOR, {
        "output": "accounts-file.data",
        "outputs": {"id": "accounts-file", "property": "data"},
        "inputs": [{"id": "accounts-csv", "property": "contents", "value": told}],
        "changedPropIds": ["accounts-csv.contents"],
    })  # fmt: skip


def test_many_are_added_by_a_file_and_their_first_passwords_come_back_as_one(house: House) -> None:
    lines = "cuenta;nombre;rol\r\nmuchas.a;María Ñáñez;Operadora\r\nmuchas.b;=SUMA(1);JEFE\r\n\r\n"
    answer = send(house, lines.encode("cp1252"))
    file = changed(answer)["accounts-file"]["data"]
    rows = list(csv.reader(StringIO(base64.b64decode(file["content"]).decode("utf-8-sig")), delimiter=";"))
    assert file["filename"] == "primeras-contrasenas.csv"
    assert [row[:3] for row in rows] == [
        ["Cuenta", "Nombre", "Rol"], ["muchas.a", "María Ñáñez", "Operador(a)"], ["muchas.b", "'=SUMA(1)", "Jefatura"],
    ]  # fmt: skip
    for name, _, _, password in rows[1:]:
        assert is_password(password, house.account(name).password_hash) and house.account(name).must_change
    assert house.entries(Action.EXPORT)[-1].object == "primeras-contrasenas.csv"
    assert not any(rows[1][3] in each.details for each in house.entries(Action.ACCOUNT))


def test_one_bad_row_keeps_all_out_and_every_fault_is_told(house: House) -> None:
    house.new("ya.esta")
    answer = send(house, b"cuenta,nombre,rol\nbuena,Buena Persona,operador\nya.esta,Otra,operador\n!,,rey\n")
    says = told(answer)
    assert "No se agregó ninguna cuenta" in says
    assert "Línea 3, columna cuenta: «ya.esta» ya existe" in says
    for column in ("cuenta", "nombre", "rol"):
        assert f"Línea 4, columna {column}: " in says
    with pytest.raises(AccountError):
        house.account("buena")


@pytest.mark.parametrize(
    "content", ["", "data:,", "data:text/csv;base64,%%%", "no es una", "data:text/csv;base64,AAAA"]
)
def test_what_is_no_file_adds_nobody(content: str, house: House) -> None:
    answer = send(house, content)
    assert answer.status_code == 200 and "No se agregó ninguna cuenta" in told(answer)


@pytest.mark.parametrize(
    ("text_", "says"),
    [
        ("", "Línea 1: el encabezado"),
        ("cuenta;nombre\na;b", "Línea 1: el encabezado"),
        ("cuenta;nombre;rol;clave\nana;Ana;jefa;secreta", "Línea 1: el encabezado"),
        ("cuenta;nombre;rol;rol\nana;Ana;jefa;jefa", "Línea 1: el encabezado"),
        ("cuenta;nombre;rol\n", "Línea 2: no hay ninguna cuenta"),
        ("cuenta;nombre;rol\nana;Ana", "Línea 2: tiene 2 columnas"),
        ("cuenta;nombre;rol\nana;Ana;jefa\nANA;Otra;jefa", "Línea 3, columna cuenta: «ana» ya está en la línea 2"),
        ('cuenta;nombre;rol\nana;"Ana;jefa\n', "unas comillas no se cierran"),
        ("cuenta;nombre;rol\nana;Ana;reina", "Línea 2, columna rol: «reina» no es un rol: escriba operador"),
        ("cuenta;nombre;rol\n\x00;Ana;jefa", "no es un CSV"),
        ("PK\x03\x04" + "\x00" * 50, "no es un CSV"),
        ("cuenta;nombre;rol\n" + "".join(f"p{n};Persona;jefa\n" for n in range(301)), "son 301 cuentas"),
        ("x" * (accounts_csv.MOST_BYTES + 1), "pasa de 100 KB"),
    ],
)
def test_a_file_that_will_not_do_says_where_and_what_to_do(text_: str, says: str) -> None:
    with pytest.raises(AccountsFileError) as refused:
        read_accounts(text_.encode())
    assert says in str(refused.value)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_file_is_read_however_a_spreadsheet_writes_it(coding: str, delimiter: str) -> None:
    rows = [("Rol", "CUENTA", "Nombre completo"), ("Operador(a)", "Rosa", "Rosa Ñ."), ("administración", "m", "")]
    rows[2] = ("administración", "mario", '"Mario ""M"" Ó"')
    found = read_accounts("\r\n".join(delimiter.join(row) for row in rows).encode(coding))
    assert [(each.name, each.full_name, each.role, each.line) for each in found] == [
        ("rosa", "Rosa Ñ.", Role.OPERATOR, 2), ("mario", 'Mario "M" Ó', Role.ADMINISTRATOR, 3),
    ]  # fmt: skip


def test_every_role_has_a_word_users_read_and_the_file_takes_it() -> None:
    assert set(terms.ROLES) == {role.value for role in Role}
    for role, word in terms.ROLES.items():
        assert accounts_csv.role_of(word) == accounts_csv.role_of(role.upper()) == Role(role)
    for word in accounts_csv.roles_text().split(", "):
        assert accounts_csv.role_of(word) is not None
