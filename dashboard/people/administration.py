"""What people do with accounts, their own and others': every act checked by who asks, by right and by target.

In: a context, who asks (from the session), ids as a browser sent them. Out: values for the pages, or an act with its
entry in the audit; AccountError with the reason, NotAllowed where the right is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.context import Context
from dashboard.people.accounts import (
    AccountError,
    Identity,
    Role,
    add_account,
    count_sign_ins,
    end_sign_in,
    end_sign_ins,
    hash_password,
    new_password,
    open_sign_ins,
    set_disabled,
    set_password,
    set_role,
)
from dashboard.people.accounts_csv import AccountsFileError, NewAccount, known_faults, read_accounts
from dashboard.security.access import RIGHT, may
from etl.records.audit import Action, Actor, Result, note
from etl.records.engine import transaction
from etl.records.models import Account, SignIn
from etl.settings import ZONE_OFFSET_SECONDS

MANAGE, RESET_OPERATORS, SEE_ALL = "manage_accounts", "reset_operators", "see_all_accounts"
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_NOT_THERE = "Esa cuenta no existe."


class NotAllowed(AccountError):
    """Who asks has no right to this; it is written down."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("Su cuenta no tiene permiso para esto.")


@dataclass(frozen=True)
class SessionShown:
    """A session that is still good; instants are La Paz time."""

    session: int
    started_at: datetime
    seen_at: datetime
    address: str
    browser: str
    is_this: bool


@dataclass(frozen=True)
class AccountShown:
    """An account as who asks may see it; instants are La Paz time.

    ``may_manage``: its role and state may be changed; ``may_reset``: another password, and its sessions ended.
    """

    account: int
    name: str
    full_name: str
    role: Role
    disabled: bool
    must_change: bool
    has_password: bool
    last_at: datetime | None
    sessions: int
    may_manage: bool
    may_reset: bool


def accounts_shown(context: Context, me: Identity) -> list[AccountShown]:
    """Return the accounts that somebody may see, by name."""
    roles = _seen_by(me)
    with Session(context.records_to_read() or context.records) as session:
        sign_ins = count_sign_ins(session)
        accounts = session.scalars(select(Account).where(Account.role.in_(roles)).order_by(Account.name)).all()
        return [_shown(me, account, *sign_ins.get(account.account_id, (None, 0))) for account in accounts]


def sessions_of(context: Context, me: Identity, account_id: int) -> list[SessionShown]:
    """Return the sessions of an account that somebody may see, the newest first; none of another's. AccountError."""
    with Session(context.records_to_read() or context.records) as session:
        account = session.get(Account, account_id)
        if account is None or (account_id != me.account_id and account.role not in _seen_by(me)):
            raise AccountError(_NOT_THERE)
        return [_session(me, each) for each in open_sign_ins(session, account_id)]


def add(context: Context, me: Identity, name: str, full_name: str, role: Role) -> tuple[str, str]:
    """Add an account; return its name and its first password, which is shown once and kept nowhere. AccountError."""
    _require(context, me, MANAGE)
    password = new_password()
    hashed = hash_password(password)
    with transaction(context.records) as session:
        account = add_account(session, me.actor, name, full_name, role, hashed, must_change=True)
        return account.name, password


def add_file(context: Context, me: Identity, data: bytes) -> list[tuple[NewAccount, str]]:
    """Add the accounts of a file, all or none; return each with its first password. AccountsFileError, NotAllowed."""
    _require(context, me, MANAGE)
    return add_many(context.records, me.actor, data)


def add_many(records: Engine, by: Actor, data: bytes) -> list[tuple[NewAccount, str]]:
    """Do what add_file does, for whoever may without being asked: a command on the server itself. AccountsFileError."""
    with Session(records) as session:
        accounts = read_accounts(data, frozenset(session.scalars(select(Account.name))))
    # Hashed one after another, and before the transaction: nobody who signs in or types waits for all of them.
    given = [(account, password, hash_password(password)) for account in accounts for password in [new_password()]]
    with transaction(records) as session:
        names = select(Account.name).where(Account.name.in_([each.name for each in accounts]))
        if faults := known_faults(accounts, frozenset(session.scalars(names))):  # somebody was quicker
            raise AccountsFileError(faults)
        for new, _, hashed in given:
            add_account(session, by, new.name, new.full_name, new.role, hashed, must_change=True)
    return [(account, password) for account, password, _ in given]


def give_password(context: Context, me: Identity, account_id: int) -> tuple[str, str]:
    """Give an account another first password and end its sessions; return its name and that password. AccountError."""
    password = new_password()
    hashed = hash_password(password)
    with _acting(context, me, account_id, MANAGE, RESET_OPERATORS) as (session, account):
        if account.account_id == me.account_id:
            raise AccountError("Su propia contraseña se cambia en «Mi cuenta».")
        if account.password_hash is None and not may(me.role, RIGHT, MANAGE):
            raise AccountError("Esa cuenta ingresa sin contraseña: pídalo a quien administra las cuentas.")
        set_password(session, me.actor, account, hashed, must_change=True)
        return account.name, password


def end_sessions(context: Context, me: Identity, account_id: int) -> tuple[str, int]:
    """End the sessions of an account; return its name and how many were open. AccountError."""
    with _acting(context, me, account_id, MANAGE, RESET_OPERATORS) as (session, account):
        own = me.sign_in_id if account.account_id == me.account_id else None
        number = end_sign_ins(session, account.account_id, but=own)
        note(session, me.actor, Action.SIGN_OUT, account.name, change="sessions ended", sessions=number)
        return account.name, number


def change_role(context: Context, me: Identity, account_id: int, role: Role) -> str:
    """Give an account another role; return its name. AccountError."""
    with _acting(context, me, account_id, MANAGE) as (session, account):
        set_role(session, me.actor, account, role)
        return account.name


def close(context: Context, me: Identity, account_id: int, *, disabled: bool) -> str:
    """Close an account, or open it again; return its name. AccountError."""
    with _acting(context, me, account_id, MANAGE) as (session, account):
        set_disabled(session, me.actor, account, disabled)
        return account.name


def end_own_session(context: Context, me: Identity, sign_in_id: int) -> bool:
    """End one of one's own sessions; tell whether it was one that was still open."""
    with transaction(context.records) as session:
        if not end_sign_in(session, sign_in_id, me.account_id):
            return False
        note(session, me.actor, Action.SIGN_OUT, me.name, change="sessions ended", sessions=1)
        return True


def end_other_sessions(context: Context, me: Identity) -> int:
    """End one's own sessions but this one; return how many were open."""
    with transaction(context.records) as session:
        number = end_sign_ins(session, me.account_id, but=me.sign_in_id)
        note(session, me.actor, Action.SIGN_OUT, me.name, change="sessions ended", sessions=number)
        return number


@contextmanager
def _acting(context: Context, me: Identity, account_id: int, *rights: str) -> Iterator[tuple[Session, Account]]:
    """Give a transaction and the account it is about, to whoever has one of the rights over it. AccountError."""
    try:
        with transaction(context.records) as session:
            account = session.get(Account, account_id)
            if account is None and may(me.role, RIGHT, MANAGE):
                raise AccountError(_NOT_THERE)
            if account is None or not any(_has(me, right, account) for right in rights):
                raise NotAllowed
            yield session, account
    except NotAllowed:
        context.note(me.actor, Action.DENIED, f"{RIGHT} {rights[-1]}, account {account_id}", Result.REFUSED)
        raise


def _require(context: Context, me: Identity, right: str) -> None:
    if not may(me.role, RIGHT, right):
        context.note(me.actor, Action.DENIED, f"{RIGHT} {right}", Result.REFUSED)
        raise NotAllowed


def _has(me: Identity, right: str, account: Account) -> bool:
    """Tell whether a right of somebody reaches an account: RESET_OPERATORS reaches operators only."""
    return may(me.role, RIGHT, right) and (right != RESET_OPERATORS or account.role == Role.OPERATOR)


def _seen_by(me: Identity) -> tuple[Role, ...]:
    if may(me.role, RIGHT, SEE_ALL):
        return tuple(Role)
    return (Role.OPERATOR,) if may(me.role, RIGHT, RESET_OPERATORS) else ()


def _shown(me: Identity, account: Account, last: datetime | None, sessions: int) -> AccountShown:
    return AccountShown(
        account.account_id, account.name, account.full_name, Role(account.role), account.disabled, account.must_change,
        account.password_hash is not None, last + _OFFSET if last else None, sessions,
        may_manage=_has(me, MANAGE, account) and account.account_id != me.account_id,
        may_reset=(_has(me, MANAGE, account) or _has(me, RESET_OPERATORS, account))
        and account.account_id != me.account_id,
    )  # fmt: skip


def _session(me: Identity, held: SignIn) -> SessionShown:
    return SessionShown(
        held.sign_in_id, held.started_at + _OFFSET, held.seen_at + _OFFSET, held.address, held.browser,
        held.sign_in_id == me.sign_in_id,
    )  # fmt: skip
