"""The audit: nothing forges a line of it, nothing in it changes unseen, and no act goes without its entry."""

import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.people import accounts
from dashboard.people.accounts import Role
from etl.records import engine as records_engine
from etl.records.audit import Action, Actor, Result, broken_seals, note, seal_days
from etl.records.engine import open_records, transaction
from etl.records.models import APPEND_ONLY, Account, AuditEntry, AuditSeal, MappingVersion, Record

CHIEF = Actor(None, "jefa", "chief", "10.0.0.7")
NOON = datetime(2026, 11, 20, 16, 0)  # UTC: noon in La Paz
FRIDAY, SATURDAY, SUNDAY = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)


#: Of each table that is only added to, its key and a column that somebody could want to change.
KEYS = {
    "audit_entries": ("entry_id", "object"), "audit_seals": ("day", "sha256"),
    "mapping_versions": ("mapping_version_id", "text"),
}  # fmt: skip


def entry(at: datetime, object_: str) -> AuditEntry:
    """An entry as `note` writes it, of a day that is over."""
    return AuditEntry(
        entered_at=at, account_id=None, who="jefa", role="chief", address="10.0.0.7", action=Action.MAPPING,
        object=object_, result=Result.DONE, details="",
    )  # fmt: skip


def sealed(records: Engine) -> None:
    """Three days of two entries each, sealed on Monday; and a mapping, which is kept like them."""
    with transaction(records) as session:
        session.add(MappingVersion(what="queues", number=1, saved_at=NOON, who="jefa", rules=0, text="", sha256=""))
        for day in range(3):
            for number in range(2):
                session.add(entry(NOON + timedelta(days=day, minutes=number), f"{day}.{number}"))
                session.flush()
    with transaction(records) as session:
        assert seal_days(session, NOON + timedelta(days=3)) == [FRIDAY, SATURDAY, SUNDAY]
        assert broken_seals(session) == []


def without_triggers(records: Engine, statement: str) -> None:
    """Change the audit as somebody may who owns the database."""
    with records.begin() as connection:
        if records.dialect.name == "sqlite":
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            for table in APPEND_ONLY:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.exec_driver_sql(statement)


def test_an_entry_says_who_did_what_when_from_where_and_with_which_outcome(records: Engine) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    with transaction(records) as session:
        note(session, CHIEF, Action.EXPORT, "calls", rows=40, masked=True, where="101")
    with transaction(records) as session:
        found = session.scalars(select(AuditEntry)).one()
    assert before <= found.entered_at <= datetime.now(UTC).replace(tzinfo=None)
    assert (found.who, found.role, found.address) == ("jefa", "chief", "10.0.0.7")
    assert (found.action, found.object, found.result) == ("export", "calls", "done")
    assert json.loads(found.details) == {"rows": 40, "masked": True, "where": "101"}


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\x85", "\u2028", "\x1b[2K", "\x00", "\u202e"], ids=ascii)
def test_no_value_forges_a_line(sign: str, records: Engine) -> None:
    forged = f"cuenta{sign}2026-11-20 jefa DONE"
    with transaction(records) as session:
        note(session, Actor(None, forged, "chief", forged), Action.SIGN_IN, forged, reason=forged)
    with transaction(records) as session:
        found = session.scalars(select(AuditEntry)).one()
        for value in (found.who, found.address, found.object, found.details):
            assert value.isprintable()
            assert "jefa DONE" in value
            assert len(value.splitlines()) == 1


def test_a_value_of_any_length_is_cut(records: Engine) -> None:
    long = "ñ" * 10_000
    with transaction(records) as session:
        note(session, Actor(None, long, long, long), Action.MAPPING, long, reason=long)
    with transaction(records) as session:
        found = session.scalars(select(AuditEntry)).one()
    lengths = [len(value) for value in (found.who, found.role, found.address, found.object, found.details)]
    assert lengths == [64, 16, 64, 2000, 2000]


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table}"])
def test_the_database_itself_refuses_to_change_the_audit(verb: str, table: str, records: Engine) -> None:
    if "TRUNCATE" in verb and records.dialect.name == "sqlite":
        verb = "DELETE FROM {table} WHERE 1 = 1"  # its way of emptying a table
    sealed(records)
    _, column = KEYS[table]
    with pytest.raises(DBAPIError, match=f"{table} is only added to"), records.begin() as connection:
        connection.exec_driver_sql(verb.format(table=table, column=column))
    with transaction(records) as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 6
        assert session.scalar(select(func.count()).select_from(AuditSeal)) == 3


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a_row_that_is_there_is_not_put_in_anew(table: str, records: Engine) -> None:
    """REPLACE, in SQLite, deletes the old row without asking the triggers of deletions."""
    sealed(records)
    key, column = KEYS[table]
    with records.connect() as connection:
        names = [each.name for each in Record.metadata.tables[table].columns]
        (first,) = connection.execute(text(f"SELECT min({key}) FROM {table}")).one()
    columns, values = ", ".join(names), ", ".join("'otro'" if name == column else name for name in names)
    rows = f"SELECT {values} FROM {table} WHERE {key} = :first"
    if records.dialect.name == "sqlite":
        ways = [f"INSERT OR REPLACE INTO {table} ({columns}) {rows}", f"REPLACE INTO {table} ({columns}) {rows}"]
    else:
        ways = [f"INSERT INTO {table} ({columns}) {rows} ON CONFLICT ({key}) DO UPDATE SET {column} = 'otro'"]
    for way in ways:
        with pytest.raises(DBAPIError, match=f"{table} is only added to"), records.begin() as connection:
            connection.execute(text(way), {"first": first})
    with transaction(records) as session:
        assert broken_seals(session) == [] and session.scalar(select(func.count()).select_from(AuditEntry)) == 6


INSERTED = (
    "INSERT INTO audit_entries (entry_id, entered_at, who, role, address, action, object, result, details) "
    "VALUES (0, '2026-11-20 16:00:30.000000', 'jefa', 'chief', '', 'edit', 'nunca', 'done', '')"
)


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit_entries SET result = 'refused' WHERE object = '1.0'", [SATURDAY, SUNDAY]),
        ("UPDATE audit_entries SET entered_at = '2026-11-21 16:00:01.000000' WHERE object = '1.0'", [SATURDAY, SUNDAY]),
        ("DELETE FROM audit_entries WHERE object = '2.1'", [SUNDAY]),
        ("DELETE FROM audit_entries WHERE object = '0.0'", [FRIDAY, SATURDAY, SUNDAY]),
        (INSERTED, [FRIDAY, SATURDAY, SUNDAY]),
        ("UPDATE audit_seals SET entries = 3 WHERE last_entry = 4", [SATURDAY]),
        ("DELETE FROM audit_seals WHERE last_entry = 4", [SUNDAY]),
    ],
    ids=["changed", "other-time", "last-deleted", "first-deleted", "slipped-in", "seal-changed", "seal-deleted"],
)
def test_what_changes_after_its_seal_is_found(statement: str, broken: list[date], records: Engine) -> None:
    sealed(records)
    without_triggers(records, statement)
    with transaction(records) as session:
        assert broken_seals(session) == broken


def test_a_day_is_sealed_only_when_it_has_been_over_for_a_while(records: Engine) -> None:
    with transaction(records) as session:
        session.add(entry(NOON, "0.0"))
    midnight = datetime(2026, 11, 21, 4, 0)  # in La Paz
    for now, days in [
        (NOON, []), (midnight + timedelta(minutes=9), []), (midnight + timedelta(minutes=10), [FRIDAY]),
        (midnight + timedelta(days=3), []),
    ]:  # fmt: skip
        with transaction(records) as session:
            assert seal_days(session, now) == days


def test_an_entry_of_a_clock_gone_back_is_sealed_with_a_later_day(records: Engine) -> None:
    sealed(records)
    with transaction(records) as session:
        session.add(entry(NOON, "late"))
    with transaction(records) as session:
        assert seal_days(session, NOON + timedelta(days=4)) == [date(2026, 11, 23)]
        assert broken_seals(session) == []
    without_triggers(records, "UPDATE audit_entries SET details = 'x' WHERE object = 'late'")
    with transaction(records) as session:
        assert broken_seals(session) == [date(2026, 11, 23)]


@pytest.mark.parametrize("ahead", [timedelta(hours=50), timedelta(days=365)])
def test_an_entry_of_a_clock_gone_ahead_is_sealed_and_keeps_no_later_day_from_it(
    ahead: timedelta, records: Engine
) -> None:
    with transaction(records) as session:
        for number, at in enumerate((timedelta(0), ahead, timedelta(minutes=5), timedelta(days=1), timedelta(days=2))):
            session.add(entry(NOON + at, f"{number}"))
            session.flush()
    with transaction(records) as session:
        assert seal_days(session, NOON + timedelta(days=1)) == [FRIDAY]
        assert seal_days(session, NOON + timedelta(days=3)) == [SATURDAY, SUNDAY]
        assert broken_seals(session) == []
    without_triggers(records, "UPDATE audit_entries SET details = 'x' WHERE object = '1'")
    with transaction(records) as session:
        assert broken_seals(session) == [FRIDAY, SATURDAY, SUNDAY]


def test_days_sealed_while_the_clock_was_ahead_keep_no_later_day_from_it(records: Engine) -> None:
    with transaction(records) as session:
        session.add(entry(NOON + timedelta(days=30), "ahead"))
    with transaction(records) as session:
        assert seal_days(session, NOON + timedelta(days=31)) == [date(2026, 12, 20)]
    for day in range(2):
        with transaction(records) as session:
            session.add(entry(NOON + timedelta(days=day), f"{day}"))
            session.flush()
            assert seal_days(session, NOON + timedelta(days=day, hours=1)) == [], "the day is not over"
        with transaction(records) as session:
            assert seal_days(session, NOON + timedelta(days=day, hours=13)) == [date(2026, 12, 21 + day)]
            assert broken_seals(session) == []


def test_an_act_that_is_taken_back_leaves_no_entry(records: Engine) -> None:
    with pytest.raises(accounts.AccountError, match="ya existe"), transaction(records) as session:
        for _ in range(2):
            accounts.add_account(session, CHIEF, "ana", "Ana Paz", Role.OPERATOR, None, must_change=False)
    with transaction(records) as session:
        assert session.scalars(select(AuditEntry)).all() == []
        assert session.scalars(select(Account)).all() == []


def test_without_room_for_its_entry_an_act_fails(tmp_path: Path) -> None:
    records = open_records(f"sqlite:///{tmp_path / 'records.sqlite'}")
    records.dispose()

    def full(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 60")

    event.listen(records, "connect", full)
    acts = 0
    with pytest.raises(DBAPIError, match="disk is full"):
        for acts in range(10_000):
            with transaction(records) as session:
                accounts.add_account(session, CHIEF, f"cuenta{acts}", "Ana Paz", Role.OPERATOR, None, must_change=False)
    assert acts > 0
    with transaction(records) as session:
        assert session.scalar(select(func.count()).select_from(Account)) == acts
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == acts
    records.dispose()


def test_while_the_audit_is_locked_an_act_fails(records_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_engine, "_PATIENCE_SECONDS", 1)
    records, other = open_records(records_url), open_records(records_url)
    with transaction(records) as session:
        accounts.add_account(session, CHIEF, "ana", "Ana Paz", Role.OPERATOR, None, must_change=False)
    with transaction(other) as holding:
        holding.execute(select(AuditEntry))
        with pytest.raises(DBAPIError, match="lock"), transaction(records) as session:
            accounts.set_role(session, CHIEF, accounts.find_account(session, "ana"), Role.CHIEF)
    with transaction(records) as session:
        assert accounts.find_account(session, "ana").role == Role.OPERATOR
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 1
    for engine in (records, other):
        engine.dispose()


def test_an_audit_that_takes_no_entry_stops_every_act(records: Engine) -> None:
    hashed, other = (accounts.hash_password(text) for text in ("tres palabras y un mapa", "otras palabras y un tren"))
    with transaction(records) as session:
        for name in ("ana", "juan"):
            accounts.add_account(session, CHIEF, name, "Ana Paz", Role.OPERATOR, hashed, must_change=False)
    refusing = (
        "CREATE TRIGGER closed BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no room'); END"
        if records.dialect.name == "sqlite"
        else "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$; "
        "CREATE TRIGGER closed BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION closed()"
    )
    with records.begin() as connection:
        connection.exec_driver_sql(refusing)

    def acts(session: Session) -> list[tuple[str, str, str | None, bool]]:
        rows = session.scalars(select(Account).order_by(Account.name))
        return [(row.name, row.role, row.password_hash, row.disabled) for row in rows]

    with transaction(records) as session:
        before = acts(session)
    for act in (
        lambda s: accounts.set_role(s, CHIEF, accounts.find_account(s, "ana"), Role.CHIEF),
        lambda s: accounts.set_disabled(s, CHIEF, accounts.find_account(s, "ana"), True),
        lambda s: accounts.set_password(s, CHIEF, accounts.find_account(s, "ana"), other, must_change=True),
        lambda s: accounts.add_account(s, CHIEF, "eva", "Eva Sol", Role.CHIEF, None, must_change=False),
    ):
        with pytest.raises(DBAPIError, match="no room"), transaction(records) as session:
            act(session)
    with transaction(records) as session:
        assert acts(session) == before


def test_entries_of_many_at_once_are_sealed_in_the_order_of_their_numbers(records: Engine) -> None:
    """A number given out but not yet committed when a later one was sealed would break the chain."""

    def write() -> None:
        for number in range(10):
            with transaction(records) as session:
                session.add(entry(NOON, f"{number}"))

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    sealed_days = []
    for minutes in range(20):
        with transaction(records) as session:
            sealed_days += seal_days(session, NOON + timedelta(days=1 + minutes))
            assert broken_seals(session) == []
    for thread in threads:
        thread.join()
    with transaction(records) as session:
        seal_days(session, NOON + timedelta(days=30))
        assert broken_seals(session) == []
        assert session.scalar(select(func.sum(AuditSeal.entries))) == 40
