"""The rules of accounts, on both databases: who may do what to whom, and what is written down of it."""

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.people.accounts import (
    AccountError,
    PasswordHash,
    Role,
    add_account,
    find_account,
    set_disabled,
    set_password,
    set_role,
)
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry
from tests.signing import PASSWORD


@pytest.fixture
def chiefs(records: Engine) -> Engine:
    """Two who administer, one operator; none with a password."""
    with transaction(records) as session:
        for name, role in (("mario", Role.ADMINISTRATOR), ("nina", Role.ADMINISTRATOR), ("rosa", Role.OPERATOR)):
            add_account(session, SYSTEM, name, name.title(), role, None, must_change=False)
    return records


def actor(records: Engine, name: str) -> Actor:
    with Session(records) as session:
        account = find_account(session, name)
        return Actor(account.account_id, account.name, account.role)


def test_the_last_who_administers_keeps_account_and_role(chiefs: Engine) -> None:
    with transaction(chiefs) as session:
        set_disabled(session, SYSTEM, find_account(session, "nina"), True)
    for act in (
        lambda session, account: set_role(session, SYSTEM, account, Role.CHIEF),
        lambda session, account: set_disabled(session, SYSTEM, account, True),
    ):
        with pytest.raises(AccountError, match="última cuenta de administración"), transaction(chiefs) as session:
            act(session, find_account(session, "mario"))
    with transaction(chiefs) as session:
        set_disabled(session, SYSTEM, find_account(session, "nina"), False)
    with transaction(chiefs) as session:
        set_role(session, SYSTEM, find_account(session, "mario"), Role.CHIEF)
        assert find_account(session, "mario").role == Role.CHIEF


def test_nobody_changes_their_own_role_or_closes_their_own_account(chiefs: Engine) -> None:
    mario = actor(chiefs, "mario")
    with transaction(chiefs) as session:
        account = find_account(session, "mario")
        with pytest.raises(AccountError, match="su propio rol"):
            set_role(session, mario, account, Role.CHIEF)
        with pytest.raises(AccountError, match="su propia cuenta"):
            set_disabled(session, mario, account, True)
        set_role(session, mario, find_account(session, "nina"), Role.CHIEF)


@pytest.mark.parametrize("name", ["", "a", "x" * 65, "ñandú", "dos palabras", "a;b", "<b>", "a\nb", "\uff41na", "../a"])
def test_a_name_that_is_none_is_refused(name: str, chiefs: Engine) -> None:
    with pytest.raises(AccountError, match="nombre de cuenta"), transaction(chiefs) as session:
        add_account(session, SYSTEM, name, "Alguien", Role.OPERATOR, None, must_change=False)


@pytest.mark.parametrize("full_name", ["", "   ", "x" * 121, "a\x00b", "a\u202eb"])
def test_a_full_name_that_is_none_is_refused(full_name: str, chiefs: Engine) -> None:
    with pytest.raises(AccountError, match="nombre completo"), transaction(chiefs) as session:
        add_account(session, SYSTEM, "ana", full_name, Role.OPERATOR, None, must_change=False)


def test_a_name_is_one_account_however_it_is_written(chiefs: Engine) -> None:
    with pytest.raises(AccountError, match="ya existe"), transaction(chiefs) as session:
        add_account(session, SYSTEM, " ROSA ", "Otra Rosa", Role.OPERATOR, None, must_change=False)
    with transaction(chiefs) as session:
        assert find_account(session, "Rosa ").name == "rosa"


def test_every_change_of_an_account_has_its_entry_and_no_password_is_in_it(
    chiefs: Engine, hashed: PasswordHash
) -> None:
    mario = actor(chiefs, "mario")
    with transaction(chiefs) as session:
        rosa = find_account(session, "rosa")
        set_password(session, mario, rosa, hashed, must_change=True)
        set_role(session, mario, rosa, Role.SUPERVISOR)
        set_disabled(session, mario, rosa, True)
        set_disabled(session, mario, rosa, False)
    with Session(chiefs) as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.who == "mario").order_by(AuditEntry.entry_id)).all()
        assert [(each.action, each.object) for each in kept] == [
            ("password", "rosa"), ("role", "rosa"), ("account", "rosa"), ("account", "rosa"),
        ]  # fmt: skip
        assert '"before": "operator", "after": "supervisor"' in kept[1].details
        assert not any(PASSWORD in each.details + each.object for each in kept)
        assert session.scalar(select(Account.must_change).where(Account.name == "rosa")) is True
