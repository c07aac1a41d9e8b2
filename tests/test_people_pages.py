"""The pages Cuentas, Mi cuenta and Auditoría, and the acts they offer: told by the server by right and by target."""

import base64
import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.pages import accounts, audit, own_account
from dashboard.people import accounts_csv, administration, audit_log
from dashboard.people.accounts import AccountError, Role, add_account, find_account, is_password, set_disabled, sign_in
from dashboard.people.accounts_csv import AccountsFileError, read_accounts
from dashboard.people.administration import NotAllowed
from dashboard.people.sessions_table import browser_text
from dashboard.security.identity import current
from etl import store as stores
from etl.records.audit import SYSTEM, Action, Actor, Result, note, seal_days
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, SignIn
from etl.settings import Settings
from reports import terms
from tests.people import DOOR, SignedIn, account_of, asking_as
from tests.served import find, texts

EVIL = "<img src=x onerror=alert(1)>"
ACT = "accounts-answer.children"


@dataclass
class House:
    """A site with one account for each role and some more; whoever is asked for has signed in once."""

    context: Context
    app: Any
    clients: dict[Role, SignedIn]

    def client(self, role: Role) -> SignedIn:
        if role not in self.clients:
            self.clients[role] = SignedIn(self.context, role, self.app)
        return self.clients[role]

    def call(self, role: Role, body: dict[str, Any]) -> TestResponse:
        return self.client(role).post("/_dash-update-component", json=body)

    def press(self, role: Role, act: str, account: object, fields: tuple[Any, ...] = ()) -> TestResponse:
        """Somebody presses a button of an account on the page of accounts."""
        button = {"account-act": act}
        return self.call(role, {
            "output": ACT,
            "outputs": {"id": "accounts-answer", "property": "children"},
            "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
            "state": [
                {"id": "location", "property": "search", "value": f"?cuenta={account}"},
                [{"id": {"account-field": "role"}, "property": "value", "value": each} for each in fields],
            ],
            "changedPropIds": [f"{json.dumps(button, separators=(',', ':'))}.n_clicks"],
        })  # fmt: skip

    def account(self, name: str) -> Account:
        with Session(self.context.records) as session:
            return find_account(session, name)

    def new(self, name: str, role: Role = Role.OPERATOR, full_name: str = "Alguien De Prueba") -> int:
        with transaction(self.context.records) as session:
            account = add_account(session, SYSTEM, name, full_name, role, None, must_change=False)
            account.password_hash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
            return account.account_id

    def session_of(self, account_id: int) -> int:
        with transaction(self.context.records) as session:
            account = session.get_one(Account, account_id)
            token = sign_in(session, account, address="10.0.0.9", browser="Firefox/128.0")
            session.flush()
            assert token
            return max(session.scalars(select(SignIn.sign_in_id).where(SignIn.account_id == account_id)))

    def entries(self, action: Action) -> list[AuditEntry]:
        with Session(self.context.records) as session:
            query = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.entry_id)
            return list(session.scalars(query))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = Settings(data=tmp_path_factory.mktemp("house") / "data")
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as context:
        for role in Role:
            account_of(context.records, role)
        yield House(context, create_app(context, DOOR), {})


def told(answer: TestResponse) -> str:
    """Every text of an answer, as the page would show it."""
    return " ".join(re.findall(r'"children": ?"([^"]*)"', json.dumps(answer.json, ensure_ascii=False)))


def changed(answer: TestResponse) -> dict[str, Any]:
    """What a callback changes on the page."""
    found: dict[str, Any] = json.loads(answer.text)["response"]
    return found


# Cuentas: who sees and may do what


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.ADMINISTRATOR, set(Role)),
        (Role.QUALITY, set(Role)),
        (Role.CHIEF, {Role.OPERATOR}),
        (Role.SUPERVISOR, {Role.OPERATOR}),
    ],
)
def test_each_role_sees_the_accounts_that_are_its_business(role: Role, seen: set[Role], house: House) -> None:
    with asking_as(house.context, role):
        shown = administration.accounts_shown(house.context, current())
        assert {each.role for each in shown} == seen
        content = accounts.content(house.context, current(), None)
        buttons = find(content, lambda each: getattr(each, "id", None) == "account-add")
        assert (buttons is not None) == (role is Role.ADMINISTRATOR)


def test_who_only_reads_is_offered_no_act(house: House) -> None:
    operator = house.new("leida")
    house.session_of(operator)
    acts: dict[Role, set[str]] = {}
    for role in (Role.ADMINISTRATOR, Role.CHIEF, Role.SUPERVISOR, Role.QUALITY):
        with asking_as(house.context, role):
            drawn = json.dumps(accounts.content(house.context, current(), operator).to_plotly_json(), default=_plain)
            acts[role] = set(re.findall(r'"account-act": "(\w+)"', drawn))
    assert acts == {
        Role.ADMINISTRATOR: {"role", "password", "end", "close"},
        Role.CHIEF: {"password", "end"},
        Role.SUPERVISOR: {"password", "end"},
        Role.QUALITY: set(),
    }


def _plain(component: Any) -> Any:
    return component.to_plotly_json()


@pytest.mark.parametrize("act", ["password", "end", "close", "open", "role"])
@pytest.mark.parametrize("target", [Role.OPERATOR, Role.SUPERVISOR, Role.CHIEF, Role.ADMINISTRATOR])
@pytest.mark.parametrize("asking", [Role.SUPERVISOR, Role.CHIEF])
def test_a_button_that_was_never_offered_does_nothing_and_is_written_down(
    asking: Role, act: str, target: Role, house: House
) -> None:
    """S09, S12: whoever may reset operators' passwords names another account, or another act."""
    name = f"meta.{asking}.{act}.{target}"
    account = house.new(name, target)
    held = house.session_of(account)
    denied = len(house.entries(Action.DENIED))
    before = vars_of(house.account(name))
    answer = house.press(asking, act, account, ("administrator",))
    may = target is Role.OPERATOR and act in ("password", "end")
    assert answer.status_code == (200 if may else 403)
    assert (vars_of(house.account(name)) == before) == (not may or act == "end")
    with Session(house.context.records) as session:
        assert (session.get_one(SignIn, held).ended_at is None) == (not may)
    written = house.entries(Action.DENIED)[denied:]
    assert [each.object.endswith(f"account {account}") for each in written] == ([] if may else [True])
    if not may:
        assert "no tiene permiso" in told(answer) and answer.headers["X-Said"]


def vars_of(account: Account) -> dict[str, Any]:
    return {name: value for name, value in vars(account).items() if not name.startswith("_")}


@pytest.mark.parametrize("asking", [Role.OPERATOR, Role.MANAGER, Role.QUALITY])
def test_who_has_no_such_right_reaches_no_act_at_all(asking: Role, house: House) -> None:
    account = house.new(f"lejos.{asking}")
    assert house.press(asking, "password", account).status_code == 403
    with asking_as(house.context, asking):
        me = current()
        acts: list[Callable[[], Any]] = [
            lambda: administration.give_password(house.context, me, account),
            lambda: administration.end_sessions(house.context, me, account),
            lambda: administration.change_role(house.context, me, account, Role.ADMINISTRATOR),
            lambda: administration.close(house.context, me, account, disabled=True),
            lambda: administration.add(house.context, me, "intruso", "Intruso", Role.ADMINISTRATOR),
            lambda: administration.add_file(house.context, me, b"cuenta;nombre;rol\nintruso;I;jefe\n"),
        ]
        for act in acts:
            with pytest.raises(NotAllowed):
                act()
    with pytest.raises(AccountError):
        house.account("intruso")


@pytest.mark.parametrize("account", ["", "0", "-1", "9999999", "99999999999999999999", "1e3", "abc", "1 OR 1=1", "²"])
def test_an_account_that_is_not_there_is_nobody(account: str, house: House) -> None:
    for role in (Role.ADMINISTRATOR, Role.SUPERVISOR):
        answer = house.press(role, "password", account)
        assert answer.status_code in (200, 204, 403) and "contraseña" not in (told(answer) if answer.data else "")


def test_another_password_is_shown_once_ends_the_sessions_and_must_be_changed(house: House) -> None:
    account = house.new("olvidadiza")
    held = house.session_of(account)
    answer = house.press(Role.SUPERVISOR, "password", account)
    found = re.search(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", told(answer))
    assert found and is_password(found[0], house.account("olvidadiza").password_hash)
    assert "Contraseña nueva" in told(answer) and "Primera contraseña" not in told(answer)
    assert house.account("olvidadiza").must_change
    with Session(house.context.records) as session:
        assert session.get_one(SignIn, held).ended_at is not None
        kept = [each.details + each.object for each in session.scalars(select(AuditEntry))]
    assert not any(found[0] in each for each in kept)
    with asking_as(house.context, Role.SUPERVISOR):
        drawn = json.dumps(accounts.content(house.context, current(), account).to_plotly_json(), default=_plain)
    assert found[0] not in drawn


def test_one_is_added_closed_opened_and_given_another_role(house: House) -> None:
    def add(name: str, full_name: str, role: Any) -> TestResponse:
        fields = ("account-name", "account-full-name", "account-role")
        return house.call(Role.ADMINISTRATOR, {
            "output": "..account-name.error...account-full-name.error...account-role.error..",
            "outputs": [{"id": field, "property": "error"} for field in fields],
            "inputs": [{"id": "account-add", "property": "n_clicks", "value": 1}],
            "state": [
                {"id": field, "property": "value", "value": value}
                for field, value in zip(fields, (name, full_name, role), strict=True)
            ],
            "changedPropIds": ["account-add.n_clicks"],
        })  # fmt: skip

    assert "Falta el nombre de cuenta" in changed(add("", "", "operator"))["account-name"]["error"]
    errors = changed(add("ñ", "", "rey"))
    assert "no sirve" in errors["account-name"]["error"]
    assert (
        "Falta el nombre" in errors["account-full-name"]["error"] and "no es un rol" in errors["account-role"]["error"]
    )
    added = add(" Nueva.Persona ", "Nueva  Persona", "operator")
    assert "Se agregó la cuenta «nueva.persona»" in told(added) and "Primera contraseña" in told(added)
    assert "Copiar" in told(added)
    assert house.account("nueva.persona").full_name == "Nueva Persona" and house.account("nueva.persona").must_change
    again = changed(add("nueva.persona", "Otra", "operator"))
    assert "ya existe" in again["account-name"]["error"]
    account = house.account("nueva.persona").account_id
    for act, fields, state in (
        ("role", ("supervisor",), ("supervisor", False)),
        ("close", (), ("supervisor", True)),
        ("open", (), ("supervisor", False)),
        ("role", ("rey",), ("supervisor", False)),
        ("role", (), ("supervisor", False)),
        ("borrar", (), ("supervisor", False)),
    ):
        assert house.press(Role.ADMINISTRATOR, act, account, fields).status_code in (200, 204)
        kept = house.account("nueva.persona")
        assert (kept.role, kept.disabled) == state, act


def test_who_administers_does_not_act_on_their_own_account(house: House) -> None:
    own = account_of(house.context.records, Role.ADMINISTRATOR).account_id
    for act, fields in (("role", ("chief",)), ("close", ()), ("password", ())):
        answer = house.press(Role.ADMINISTRATOR, act, own, fields)
        assert "propi" in told(answer)
    assert house.account("cuenta.administrator").role == Role.ADMINISTRATOR
    assert house.client(Role.ADMINISTRATOR).get("/cuentas").status_code == 200


# Many at once


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


# Mi cuenta


def end(house: House, role: Role, which: str) -> TestResponse:
    button = {"own-end": which}
    return house.call(role, {
        "output": "own-answer.children",
        "outputs": {"id": "own-answer", "property": "children"},
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "changedPropIds": [f"{json.dumps(button, separators=(',', ':'))}.n_clicks"],
    })  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_everybody_sees_their_own_sessions_and_this_one_is_marked(role: Role, house: House) -> None:
    """S21."""
    house.session_of(account_of(house.context.records, role).account_id)
    with asking_as(house.context, role):
        drawn = texts(own_account.content(house.context, current()))
    assert f"cuenta.{role}" in drawn and terms.ROLES[role] in drawn
    assert drawn.count("esta sesión") == 1 and "Firefox 128" in drawn and "10.0.0.9" in drawn


def test_one_ends_one_s_own_sessions_and_nobody_else_s(house: House) -> None:
    mine = house.session_of(account_of(house.context.records, Role.MANAGER).account_id)
    others = house.session_of(house.new("vecina"))
    assert "Esa sesión terminó" in told(end(house, Role.MANAGER, str(mine)))
    assert "no es suya" in told(end(house, Role.MANAGER, str(others)))
    for nothing in ("", "-1", "x", "99999999999999", "1;2"):
        assert end(house, Role.MANAGER, nothing).status_code in (200, 204)
    with Session(house.context.records) as session:
        assert session.get_one(SignIn, mine).ended_at is not None
        assert session.get_one(SignIn, others).ended_at is None


def test_all_the_other_sessions_end_and_this_one_stays(house: House) -> None:
    own = account_of(house.context.records, Role.OPERATOR).account_id
    house.client(Role.OPERATOR)
    for _ in range(3):
        house.session_of(own)
    assert "Terminaron" in told(end(house, Role.OPERATOR, "others"))
    assert house.client(Role.OPERATOR).get("/mi-cuenta").status_code == 200
    with asking_as(house.context, Role.OPERATOR):
        assert len(administration.sessions_of(house.context, current(), own)) == 2  # this one, and the client's


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0 Safari/537.36 Edg/131.0", "Edge 131, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128, Linux"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome 130, Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/17.4 Safari/605", "Safari 17, Mac"),
        (EVIL, EVIL),
        ("", terms.BLANK),
    ],
)  # fmt: skip
def test_a_browser_is_told_as_people_know_it(agent: str, says: str) -> None:
    assert browser_text(agent) == says


# Auditoría


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """An audit of 130 entries of three days, two of them sealed."""
    settings = Settings(data=tmp_path_factory.mktemp("audit") / "data")
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as context:
        with transaction(context.records) as session:
            for number in range(130):
                who = "ana" if number % 2 else "beto"
                entry = note(
                    session, Actor(None, who, "chief", "10.0.0.7"), Action.EXPORT if number % 3 else Action.ROLE,
                    f"{EVIL}-{number}", Result.REFUSED if number % 5 == 0 else Result.DONE,
                    rows=number, masked=True, before="operator", after=EVIL, nothing=None,
                )  # fmt: skip
                session.expunge(entry)
        with context.records.begin() as connection:  # as if those days had been
            connection.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
            for number in range(130):
                at = datetime(2026, 10, 1 + number // 50, 12) + timedelta(minutes=number)
                connection.execute(
                    text("UPDATE audit_entries SET entered_at = :at WHERE entry_id = :id"),
                    {"at": f"{at:%Y-%m-%d %H:%M:%S.000000}", "id": number + 1},
                )
        with transaction(context.records) as session:
            assert len(seal_days(session, datetime(2026, 10, 3, 20))) == 2
        yield context


@pytest.mark.parametrize(
    ("search", "number"),
    [
        ("", 130),
        ("?desde=&hasta=&accion=&cuenta=&resultado=", 130),
        ("?cuenta=ana", 65),
        ("?cuenta=ANA", 65),
        ("?accion=role", 44),
        ("?resultado=refused", 26),
        ("?desde=2026-10-02", 80),
        ("?hasta=01%2F10%2F2026", 50),
        ("?desde=2/10/2026&hasta=2026-10-02&cuenta=ana", 25),
        ("?desde=2030-01-01", 0),
        ("?cuenta=%27+OR+1%3D1+--", 0),
    ],
)
def test_a_part_of_the_audit_is_asked_for_by_its_address(search: str, number: int, written: Context) -> None:
    asked = audit_log.read_asked(search)
    assert audit_log.count_asked(written, asked) == number
    assert audit_log.read_asked(asked.address) == asked
    drawn = texts(audit.page_of(written, search))
    assert f"{number} anotaciones" in drawn


@pytest.mark.parametrize(
    "search",
    ["?desde=ayer", "?desde=31/02/2026", "?desde=2026-10-02&hasta=2026-10-01", "?accion=x", "?resultado=x",
     "?pagina=0", "?pagina=-1", "?pagina=x", "?pagina=99999999999999999999", "?desde=0001-01-01", "?hasta=9999-12-31"],
)  # fmt: skip
def test_what_cannot_be_read_of_an_address_is_told_and_the_rest_of_the_page_stays(
    search: str, written: Context
) -> None:
    with pytest.raises(FilterError) as caught:
        audit_log.read_asked(search)
    drawn = audit.page_of(written, search)
    marked = [str(getattr(each, "error", None) or "") for each in drawn._traverse()]
    assert str(caught.value) in texts(drawn) or f"{caught.value}." in marked
    assert "anotaciones" in texts(drawn) and "Filtrar" in texts(drawn)
    assert audit.saved_entries(written, search, 10) is None


def test_a_wrong_day_keeps_what_was_typed_and_says_how_a_day_is_written(written: Context) -> None:
    drawn = audit.page_of(written, "?desde=32/01/2026&cuenta=ana")
    day = next(each for each in drawn._traverse() if getattr(each, "name", "") == "desde")
    assert (day.value, day.error) == ("32/01/2026", "«32/01/2026» no es una fecha; escriba dd/mm/aaaa.")
    assert "65 anotaciones" in texts(drawn)  # the other filter holds


def test_details_are_told_as_figures_are_and_only_what_says_something() -> None:
    told = audit_log.details_text('{"lines": 31055, "must_change": false, "masked": true, "of": 12345}')
    assert told == "líneas: 31.055 · con datos ocultos: sí · del trabajo: 12345"


def test_the_audit_is_read_page_by_page_newest_first(written: Context) -> None:
    asked = audit_log.read_asked("")
    first = audit_log.entries_shown(written, asked, limit=50)
    rest = [audit_log.entries_shown(written, asked, limit=50, offset=offset) for offset in (50, 100)]
    numbers = [int(entry.about.rpartition("-")[2]) for page in (first, *rest) for entry in page]
    assert numbers == list(range(129, -1, -1))
    assert first[0].at == datetime(2026, 10, 3, 8) + timedelta(minutes=129)  # La Paz
    for page, has in ((1, {"Más antiguas"}), (2, {"Más nuevas", "Más antiguas"}), (3, {"Más nuevas"})):
        drawn = texts(audit.page_of(written, f"?pagina={page}"))
        assert {word for word in ("Más nuevas", "Más antiguas") if word in drawn} == has
        assert f"Página {page} de 3" in drawn
    assert "Página 3 de 3" in texts(audit.page_of(written, "?pagina=7"))


def test_an_entry_reads_in_words_and_a_name_stays_a_text(written: Context) -> None:
    """S32."""
    entry = audit_log.entries_shown(written, audit_log.read_asked("?accion=role"), limit=1)[0]
    assert (entry.role, entry.action, entry.result) == ("Jefatura", "cambio de rol", "hecho")
    assert entry.details == f"filas: 129 · con datos ocultos: sí · antes: Operador(a) · después: {EVIL}"
    cells = find(audit.page_of(written, "?accion=role"), lambda each: type(each).__name__ == "Tbody")
    assert f"{EVIL}-129" in texts(cells)
    assert not find(cells, lambda each: type(each).__name__ not in ("Tbody", "Tr", "Td", "Span"))


def test_what_was_cut_or_is_no_json_is_shown_as_it_is() -> None:
    for details in ("", '{"reason": "cort', "[1]", "7"):
        assert audit_log.details_text(details) == details
    assert audit_log.about_text("load 3") == "carga 3" and audit_log.about_text("load") == "load"
    assert audit_log.about_text("page.csv x") == "page.csv x"


def test_every_act_and_result_has_a_word() -> None:
    assert set(terms.AUDIT_ACTIONS) == {action.value for action in Action}
    assert set(terms.AUDIT_RESULTS) == {result.value for result in Result}


def test_the_audit_is_saved_as_it_is_asked_for(written: Context) -> None:
    table = audit.saved_entries(written, "?cuenta=ana&desde=2026-10-02", 1000)
    assert table is not None and len(table.rows) == 40
    assert table.says == ("Desde 02/10/2026", "Cuenta: ana")
    few = audit.saved_entries(written, "", 10)
    assert few is not None and len(few.rows) == 10 and "Las 10 más nuevas de 130" in few.says


def test_the_chain_tells_what_somebody_changed_behind_the_system_s_back(
    written: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = audit_log.chain_of(written, days=None)
    assert (whole.days, whole.last, whole.looked_at, whole.broken) == (2, date(2026, 10, 2), 2, ())
    assert audit_log.chain_of(written, days=1).looked_at == 1
    assert "El último día sellado coincide" in texts(audit._chain(audit_log.chain_of(written, days=1)))
    with written.records.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entries SET who = 'nadie' WHERE entry_id = 60")
    try:
        for days in (None, 1, 31):
            assert audit_log.chain_of(written, days=days).broken == (date(2026, 10, 2),)
        assert "no coincide" in texts(audit._chain(audit_log.chain_of(written)))
    finally:
        with written.records.begin() as connection:
            connection.exec_driver_sql("UPDATE audit_entries SET who = 'ana' WHERE entry_id = 60")
    assert audit_log.chain_of(written).broken == ()


@pytest.mark.parametrize("role", Role)
def test_the_audit_is_read_by_chief_and_quality_only(role: Role, house: House) -> None:
    """S45, over HTTP: the page, its entries, its chain, its file."""
    reads = role in (Role.CHIEF, Role.QUALITY)
    client = house.client(role)
    assert client.get("/auditoria", headers={"Accept": "text/html"}).status_code == (200 if reads else 403)
    bodies: list[dict[str, Any]] = [
        {
            "output": "..audit-content.children...audit-shown.data..",
            "outputs": [{"id": "audit-content", "property": "children"}, {"id": "audit-shown", "property": "data"}],
            "inputs": [{"id": "location", "property": "search", "value": ""}],
            "state": [{"id": "audit-shown", "property": "data", "value": None}],
            "changedPropIds": ["location.search"],
        },
        {
            "output": "audit-chain.children",
            "outputs": {"id": "audit-chain", "property": "children"},
            "inputs": [{"id": "audit-check", "property": "n_clicks", "value": 1}],
            "changedPropIds": ["audit-check.n_clicks"],
        },
        {
            "output": "audit-file.data",
            "outputs": {"id": "audit-file", "property": "data"},
            "inputs": [[{"id": {"part": "entries", "ending": "csv"}, "property": "n_clicks", "value": 1}]],
            "state": [{"id": "audit-shown", "property": "data", "value": {"search": "", "generation": None}}],
            "changedPropIds": ['{"ending":"csv","part":"entries"}.n_clicks'],
        },
    ]
    answers = [house.call(role, body) for body in bodies]
    assert [answer.status_code for answer in answers] == ([200] * 3 if reads else [403] * 3)
    if reads:
        file = changed(answers[2])["audit-file"]["data"]
        assert "sin permiso" in base64.b64decode(file["content"]).decode() or role is Role.CHIEF
        assert house.entries(Action.EXPORT)[-1].object == "auditoria.csv"


def test_a_closed_account_is_marked_and_opened_again_only_by_who_administers(house: House) -> None:
    account = house.new("cerrada")
    with transaction(house.context.records) as session:
        set_disabled(session, SYSTEM, find_account(session, "cerrada"), True)
    with asking_as(house.context, Role.SUPERVISOR):
        drawn = json.dumps(accounts.content(house.context, current(), account).to_plotly_json(), default=_plain)
    assert '"account-act"' not in drawn and "cerrada" in drawn
    assert house.press(Role.SUPERVISOR, "open", account).status_code == 403
    assert house.press(Role.ADMINISTRATOR, "open", account).status_code == 200
    assert not house.account("cerrada").disabled
