"""The page Cuentas and its acts: told by the server by right and by target."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.pages import accounts
from dashboard.people import administration
from dashboard.people.accounts import AccountError, Role, find_account, is_password, set_disabled
from dashboard.people.administration import NotAllowed
from dashboard.security.identity import current
from etl.records.audit import SYSTEM, Action
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, SignIn
from tests.house import House, changed, told
from tests.people import account_of, asking_as
from tests.served import find


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
