"""Accounts, passwords and sessions: who may come in, and who holds which cookie.

In: the records' engine. Out: accounts and sign-ins. A password is never kept, logged or shown, a cookie only as hash.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import string
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import NewType
from weakref import WeakKeyDictionary

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from etl.records.audit import Action, Actor, note
from etl.records.engine import transaction
from etl.records.models import Account, SignIn

_LOG = logging.getLogger(__name__)
IDLE = timedelta(minutes=60)
LONGEST = timedelta(hours=12)
#: A session from further ahead than clocks differ was begun or used while the clock was wrong: it is over.
AHEAD = timedelta(minutes=5)
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 128
#: What is kept of a password. Made before the transaction that keeps it: nobody else's write waits for it.
PasswordHash = NewType("PasswordHash", str)
_SEEN_EVERY = timedelta(seconds=30)  # how exactly the last request is known; each note of it is a write
_TOKEN_BYTES = 32
#: By the records: until when (monotonic) nobody tries again to note who was seen. A full disk or a long lock that keeps
#: that from being written keeps nobody from reading.
_NOT_NOTED_UNTIL: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()
_LONGEST_FULL_NAME = 120
#: OWASP's second choice and the client's bar (19 MiB, two passes).
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
#: Few threads hash, not many with few at once: each that ever did keeps its 19 MiB.
_HASHING = ThreadPoolExecutor(4, thread_name_prefix="hashing")
#: As many guesses, by zxcvbn, as an attacker with the hash needs days for.
_FEWEST_GUESSES_LOG10 = 8.0
#: What anybody would try here first; the lists of zxcvbn are of English speakers.
_WORDS_HERE = (
    "comteco", "callcenter", "cochabamba", "bolivia", "llajta", "wilstermann", "aurora", "contraseña", "contrasena",
    "clave", "operador", "operadora", "supervisor", "supervisora", "gerencia", "jefatura", "administrador",
    "bienvenido", "bienvenida", "hola", "teamo", "amor", "familia", "telefono", "internet", "boliviatel", "central",
    "colibri",
)  # fmt: skip


class Role(StrEnum):
    """What somebody is to the call centre. What each may do stands in access.csv."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    CHIEF = "chief"
    QUALITY = "quality"
    ADMINISTRATOR = "administrator"


class AccountError(Exception):
    """An account or password that will not do; the message, for users, says why."""


@dataclass(frozen=True)
class Identity:
    """Who asks, as the records have it at this very request."""

    account_id: int
    name: str
    full_name: str
    role: Role
    must_change: bool
    sign_in_id: int
    address: str = ""

    @property
    def actor(self) -> Actor:
        """Return whom the audit names."""
        return Actor(self.account_id, self.name, self.role, self.address)


def hash_password(password: str) -> PasswordHash:
    """Return the argon2id hash of a password (2 passes, 19 MiB, one lane)."""
    return PasswordHash(_HASHING.submit(_HASHER.hash, password).result())


def hash_chosen(password: str, *, name: str, before: str | None = None) -> PasswordHash:
    """Return the hash of a password that somebody chose, where it will do; `before` is that of the one it replaces.

    AccountError.
    """
    check_password(password, name=name)
    if before is not None and is_password(password, before):
        raise AccountError("La contraseña nueva es la que ya tenía: elija otra.")
    return hash_password(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Tell whether a password is the one of a hash; without a hash it takes as long and is none."""
    try:
        return _HASHING.submit(_HASHER.verify, hashed or _nobody(), password).result() and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def check_password(password: str, *, name: str = "") -> None:
    """Refuse a password that is too short or long, among the most used, or the account's own name. AccountError."""
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"La contraseña necesita al menos {SHORTEST_PASSWORD} caracteres.")
    if len(password) > LONGEST_PASSWORD:
        raise AccountError(f"La contraseña admite hasta {LONGEST_PASSWORD} caracteres.")
    from zxcvbn import zxcvbn  # its lists take a while to read
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    guessed = zxcvbn(password[:72], user_inputs=[name, *_WORDS_HERE])
    if password.casefold() in FREQUENCY_LISTS["passwords"] or guessed["guesses_log10"] < _FEWEST_GUESSES_LOG10:
        raise AccountError(
            "Esa contraseña se adivina fácilmente: hágala más larga, sin su cuenta ni palabras de aquí (la ciudad, la "
            "cooperativa, su cargo)."
        )


def new_password() -> str:
    """Return a first password: 16 letters and digits that are not mistaken for each other, in groups of four."""
    letters = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("0o1li")))
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def add_account(
    session: Session,
    by: Actor,
    name: str,
    full_name: str,
    role: Role,
    hashed: PasswordHash | None,
    *,
    must_change: bool,
) -> Account:
    """Add an account; without a password it only signs in through the site's single sign-on. AccountError."""
    name = name_of(name)
    full_name = check_full_name(full_name)
    if session.scalar(select(Account).where(Account.name == name)) is not None:
        raise AccountError(f"La cuenta «{name}» ya existe.")
    account = Account(
        name=name, full_name=full_name, role=role, password_hash=hashed,
        must_change=must_change and hashed is not None, disabled=False, subject=None,
        created_at=_now(), password_at=_now() if hashed else None,
    )  # fmt: skip
    session.add(account)
    session.flush()
    note(session, by, Action.ACCOUNT, name, change="added", role=role)
    return account


def name_of(text: str) -> str:
    """Return the name of an account as it is kept: small letters, digits, point, dash. AccountError."""
    name = text.strip().casefold()
    if not name:
        raise AccountError("Falta el nombre de cuenta: de 2 a 64 letras sin tilde, números, punto, guion o arroba.")
    if not (2 <= len(name) <= 64 and all(c.isascii() and (c.isalnum() or c in "._-@") for c in name)):
        raise AccountError(f"«{text.strip()[:64]}» no sirve como nombre de cuenta: de 2 a 64 letras sin tilde, "
                           "números, punto, guion o arroba.")  # fmt: skip
    return name


def check_full_name(text: str) -> str:
    """Return somebody's name as it is kept, single spaces between its words. AccountError."""
    name = " ".join(text.split())
    if not name or len(name) > _LONGEST_FULL_NAME:
        raise AccountError(f"Falta el nombre completo (hasta {_LONGEST_FULL_NAME} letras).")
    if not name.isprintable():
        raise AccountError("El nombre completo tiene signos que no se ven: escríbalo otra vez.")
    return name


def find_account(session: Session, name: str) -> Account:
    """Return the account of a name. AccountError."""
    account = session.scalar(select(Account).where(Account.name == name.strip().casefold()))
    if account is None:
        raise AccountError(f"No existe la cuenta «{name.strip()[:64]}».")
    return account


def set_password(session: Session, by: Actor, account: Account, hashed: PasswordHash, *, must_change: bool) -> None:
    """Give an account another password and end its sessions."""
    account.password_hash, account.password_at, account.must_change = hashed, _now(), must_change
    end_sign_ins(session, account.account_id)
    note(session, by, Action.PASSWORD, account.name, must_change=must_change)


def set_role(session: Session, by: Actor, account: Account, role: Role) -> None:
    """Give an account another role, from its next request on. AccountError: one's own, the last administrator's."""
    if account.role != role:
        if by.account_id == account.account_id:
            raise AccountError("Nadie cambia su propio rol: pídalo a otra persona que administre las cuentas.")
        _keep_an_administrator(session, account)
        note(session, by, Action.ROLE, account.name, before=account.role, after=role)
        account.role = role


def set_disabled(session: Session, by: Actor, account: Account, disabled: bool) -> None:
    """Close an account, and its sessions, or open it again. AccountError: one's own, the last administrator's."""
    if account.disabled != disabled:
        if by.account_id == account.account_id:
            raise AccountError("Nadie cierra su propia cuenta: pídalo a otra persona que administre las cuentas.")
        if disabled:
            _keep_an_administrator(session, account)
        account.disabled = disabled
        if disabled:
            end_sign_ins(session, account.account_id)
        note(session, by, Action.ACCOUNT, account.name, change="disabled" if disabled else "enabled")


def sign_in(session: Session, account: Account, *, address: str, browser: str) -> str:
    """Begin a session and return what its cookie holds, which is kept nowhere."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = _now()
    session.add(SignIn(
        account_id=account.account_id, token_sha256=_sha256(token), started_at=now, seen_at=now, ended_at=None,
        address=address[:64], browser=browser[:200],
    ))  # fmt: skip
    return token


def identify(reading: Engine, writing: Engine, token: str, *, address: str, by_itself: bool = False) -> Identity | None:
    """Return who holds a cookie, None for nobody: unknown, ended, idle for an hour, twelve hours old,
    or from a clock that was ahead.

    What an open page asks by itself (`by_itself`) does not tell that somebody is there: the session goes on ageing.
    """
    now = _now()
    with Session(reading) as session:
        found = session.execute(
            select(SignIn, Account)
            .join(Account, Account.account_id == SignIn.account_id)
            .where(SignIn.token_sha256 == _sha256(token))
        ).one_or_none()
        if found is None:
            return None
        held, account = found
        alive = (
            held.ended_at is None
            and -AHEAD < now - held.seen_at < IDLE
            and -AHEAD < now - held.started_at < LONGEST
        )  # fmt: skip
        if not alive or account.disabled:
            return None
        identity = Identity(
            account.account_id, account.name, account.full_name, Role(account.role), account.must_change,
            held.sign_in_id, address,
        )  # fmt: skip
    if not by_itself and now - held.seen_at > _SEEN_EVERY:
        _note_seen(writing, identity.sign_in_id, now)
    return identity


def _note_seen(records: Engine, sign_in_id: int, now: datetime) -> None:
    """Write down that somebody was there, if the records can be written; after a failure nobody tries for a while."""
    failed_before = records in _NOT_NOTED_UNTIL
    if time.monotonic() < _NOT_NOTED_UNTIL.get(records, 0.0):
        return
    if failed_before:  # one tries, the others do not wait with it
        _NOT_NOTED_UNTIL[records] = time.monotonic() + _SEEN_EVERY.total_seconds()
    try:
        with transaction(records) as session:
            session.execute(update(SignIn).where(SignIn.sign_in_id == sign_in_id).values(seen_at=now))
    except SQLAlchemyError as error:
        _NOT_NOTED_UNTIL[records] = time.monotonic() + _SEEN_EVERY.total_seconds()
        if not failed_before:
            _LOG.error("sessions are not noted as seen until the records can be written: %s", type(error).__name__)
    else:
        _NOT_NOTED_UNTIL.pop(records, None)


def is_open(session: Session, sign_in_id: int) -> bool:
    """Tell whether a session still is good."""
    return session.scalar(select(SignIn.sign_in_id).where(SignIn.sign_in_id == sign_in_id, *_still_good())) is not None


def end_sign_in(session: Session, sign_in_id: int, account_id: int | None = None) -> bool:
    """End one session (of that account, where one is named); tell whether there was one to end."""
    ending = update(SignIn).where(SignIn.sign_in_id == sign_in_id, SignIn.ended_at.is_(None))
    if account_id is not None:
        ending = ending.where(SignIn.account_id == account_id)
    return session.execute(ending.values(ended_at=_now()).returning(SignIn.sign_in_id)).first() is not None


def end_sign_ins(session: Session, account_id: int, *, but: int | None = None) -> int:
    """End every session of an account, `but` one; return how many were still good."""
    ending = update(SignIn).where(SignIn.account_id == account_id, SignIn.ended_at.is_(None))
    good = sum(each.sign_in_id != but for each in open_sign_ins(session, account_id))
    session.execute((ending if but is None else ending.where(SignIn.sign_in_id != but)).values(ended_at=_now()))
    return good


def open_sign_ins(session: Session, account_id: int) -> Sequence[SignIn]:
    """Return the sessions of an account that are still good, the newest first."""
    return session.scalars(
        select(SignIn)
        .where(SignIn.account_id == account_id, *_still_good())
        .order_by(SignIn.started_at.desc(), SignIn.sign_in_id.desc())
    ).all()


def count_sign_ins(session: Session) -> dict[int, tuple[datetime, int]]:
    """Return for each account that ever signed in when it last did, and how many of its sessions are still good."""
    last = select(SignIn.account_id, func.max(SignIn.started_at)).group_by(SignIn.account_id)
    good = select(SignIn.account_id, func.count()).where(*_still_good()).group_by(SignIn.account_id)
    numbers = {account_id: number for account_id, number in session.execute(good)}
    return {account_id: (at, numbers.get(account_id, 0)) for account_id, at in session.execute(last)}


def _still_good() -> tuple[ColumnElement[bool], ...]:
    now = _now()
    return (
        SignIn.ended_at.is_(None),
        SignIn.seen_at > now - IDLE, SignIn.seen_at < now + AHEAD,
        SignIn.started_at > now - LONGEST, SignIn.started_at < now + AHEAD,
    )  # fmt: skip


def _keep_an_administrator(session: Session, account: Account) -> None:
    """Refuse to take the role from the last account that administers the others. AccountError."""
    if account.role != Role.ADMINISTRATOR or account.disabled:
        return
    others = select(func.count()).where(
        Account.role == Role.ADMINISTRATOR, Account.disabled.is_(False), Account.account_id != account.account_id
    )
    if not session.scalar(others):
        raise AccountError(f"«{account.name}» es la última cuenta de administración abierta: abra otra antes.")


@cache
def _nobody() -> str:
    """Return a hash for accounts that are not there, so that looking for one takes as long as having one."""
    return _HASHER.hash(secrets.token_urlsafe(16))


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
