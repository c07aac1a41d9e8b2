"""Tables of the records, the same on SQLite and PostgreSQL; changed only through a migration."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    event,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Record(DeclarativeBase):
    """Base of all records."""

    metadata = MetaData(naming_convention=NAMING)


class Store(Record):
    """What this store is: one row, written when it is created."""

    __tablename__ = "store"

    store_id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(DateTime)

    __table_args__ = (CheckConstraint("kind in ('site', 'demo')", name="kind"),)


class LogFile(Record):
    """One logical file of a log: known by its beginning, landed in one or more pieces."""

    __tablename__ = "log_files"

    file_id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    pbx: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(Text)
    head_bytes: Mapped[int] = mapped_column(BigInteger)
    head_sha256: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("ix_log_files_head", "pbx", "head_sha256"),)


class Load(Record):
    """One landed piece: where it lies, what became of its lines, and whether it is in service.

    ``state`` goes landed -> published; a piece that the build refuses, or that is taken out again, is ``refused`` (the
    reason in ``refusal``): the same bytes may then be received anew. ``first_byte`` and ``bytes`` are
    the part of the file that this piece holds; ``first_line`` is the number of its first line in the file.
    ``utc_offset`` is how many seconds the clock of a table was ahead of UTC, for rows of one; ``told`` what its sender
    says of an export (first, last, queue).
    ``landed_by`` is who received it, as the audit names them, and ``job_id`` for which job (no foreign key: SQLite adds
    none to a table that is there); neither is known of what was received before there were these columns.
    """

    __tablename__ = "loads"

    load_id: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("log_files.file_id"))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    first_byte: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    tail_sha256: Mapped[str] = mapped_column(String(64))
    first_line: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    first_epoch: Mapped[int] = mapped_column(BigInteger)
    last_epoch: Mapped[int] = mapped_column(BigInteger)
    landed_at: Mapped[datetime] = mapped_column(DateTime)
    state: Mapped[str] = mapped_column(String(10))
    loaded: Mapped[int | None] = mapped_column(BigInteger)
    duplicates: Mapped[int | None] = mapped_column(BigInteger)
    quarantined: Mapped[int | None] = mapped_column(BigInteger)
    blank: Mapped[int | None] = mapped_column(BigInteger)
    published_at: Mapped[datetime | None] = mapped_column(DateTime)
    generation: Mapped[int | None] = mapped_column(BigInteger)
    refusal: Mapped[str | None] = mapped_column(Text)
    landed_by: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    job_id: Mapped[int | None] = mapped_column()
    utc_offset: Mapped[int | None] = mapped_column()
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (CheckConstraint("state in ('landed', 'published', 'refused')", name="state"),)


class QueueLine(Record):
    """A queue, or a queue with a DID, belongs to a line between two dates (inclusive; blank is open)."""

    __tablename__ = "queue_lines"

    queue_line_id: Mapped[int] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(String(256))
    did: Mapped[str | None] = mapped_column(String(80))
    service: Mapped[str] = mapped_column(String(20))
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)


class AgentPerson(Record):
    """An interface or member name is a person between two dates: extensions change hands."""

    __tablename__ = "agent_persons"

    agent_person_id: Mapped[int] = mapped_column(primary_key=True)
    interface: Mapped[str] = mapped_column(String(256))
    person: Mapped[str] = mapped_column(String(256))
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)


class MappingVersion(Record):
    """A mapping as it once was saved, whole: ``text`` is the CSV, ``sha256`` its digest. Only ever added to.

    ``number`` counts the versions of queues or of agents; ``who`` is blank for what was in force before any was kept.
    """

    __tablename__ = "mapping_versions"

    mapping_version_id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(String(16))
    number: Mapped[int] = mapped_column()
    saved_at: Mapped[datetime] = mapped_column(DateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.account_id"))
    who: Mapped[str] = mapped_column(String(64))
    rules: Mapped[int] = mapped_column()
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("ix_mapping_versions_what", "what", "number", unique=True),)


class Parameter(Record):
    """A dated parameter of the counting rules, with the rule it comes from."""

    __tablename__ = "parameters"

    parameter_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), index=True)
    value: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    rule: Mapped[str] = mapped_column(Text)


class Account(Record):
    """Somebody who signs in. ``name`` is typed in small letters; ``subject`` is who a single sign-on says they are.

    An account is never deleted, since the audit names it: it is ``disabled``.
    """

    __tablename__ = "accounts"

    account_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(Text)
    must_change: Mapped[bool] = mapped_column(Boolean)
    disabled: Mapped[bool] = mapped_column(Boolean)
    subject: Mapped[str | None] = mapped_column(String(255), unique=True)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    password_at: Mapped[datetime | None] = mapped_column(DateTime)

    __table_args__ = (
        CheckConstraint(
            "role in ('operator', 'supervisor', 'manager', 'chief', 'quality', 'administrator')", name="role"
        ),
    )


class SignIn(Record):
    """A session: who holds the cookie whose SHA-256 this is, from when to when. Ended ones stay, as a trace."""

    __tablename__ = "sign_ins"

    sign_in_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    started_at: Mapped[datetime] = mapped_column(DateTime)
    seen_at: Mapped[datetime] = mapped_column(DateTime)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime)
    address: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(200))


class AuditEntry(Record):
    """One act that matters: who did what to what, with which outcome. Only ever added to.

    ``details`` is text of one line without personal data. ``who`` and ``role`` are what they were then.
    """

    __tablename__ = "audit_entries"

    entry_id: Mapped[int] = mapped_column(primary_key=True)
    entered_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.account_id"))
    who: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40), index=True)
    object: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(String(16))
    details: Mapped[str] = mapped_column(Text)


class AuditSeal(Record):
    """A day of the audit, closed: the SHA-256 of its entries and of the seal before. Only ever added to."""

    __tablename__ = "audit_seals"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    entries: Mapped[int] = mapped_column(BigInteger)
    last_entry: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(DateTime)


class Job(Record):
    """Work for the worker: queued -> running -> done, failed or cancelled. What ended is tried again as a new row.

    ``work`` names it, ``asked`` is what it needs, ``answer`` what came of it (both plain JSON); ``role`` and
    ``address`` are those that its account asked with. A running job whose worker died (``beat_at`` too old) is queued
    again, at most so many ``attempts``.
    """

    __tablename__ = "jobs"

    job_id: Mapped[int] = mapped_column(primary_key=True)
    work: Mapped[str] = mapped_column(String(20))
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.account_id"))
    state: Mapped[str] = mapped_column(String(10), index=True)
    cancel: Mapped[bool] = mapped_column(Boolean)
    attempts: Mapped[int] = mapped_column()
    share: Mapped[float | None] = mapped_column(Float)
    tells: Mapped[str] = mapped_column(Text)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    queued_at: Mapped[datetime] = mapped_column(DateTime)
    started_at: Mapped[datetime | None] = mapped_column(DateTime)
    beat_at: Mapped[datetime | None] = mapped_column(DateTime)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime)
    retry_of: Mapped[int | None] = mapped_column(ForeignKey("jobs.job_id"))
    role: Mapped[str | None] = mapped_column(String(16))
    address: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),)


class Upload(Record):
    """A file that somebody sent, under a name of ours until it is loaded; ``name`` is only ever shown.

    ``state`` goes received -> checked (its verdict is there) -> loading -> loaded; or refused, or discarded.
    """

    __tablename__ = "uploads"

    upload_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(DateTime)
    state: Mapped[str] = mapped_column(String(10))
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    loads: Mapped[list[int] | None] = mapped_column(JSON)
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        CheckConstraint("state in ('received', 'checked', 'loading', 'loaded', 'refused', 'discarded')", name="state"),
    )


#: Tables that are only ever added to, and what makes the database itself hold to that.
APPEND_ONLY = ("audit_entries", "audit_seals", "mapping_versions")


def never_replaced(table: str) -> str:
    """Return the statement after which SQLite refuses a row that is there already: REPLACE deletes past its triggers.

    (PostgreSQL's ON CONFLICT changes the row, which is refused anyway.)
    """
    found = Record.metadata.tables[table]
    keys = [found.primary_key.columns, *(index.columns for index in found.indexes if index.unique)]
    same = " OR ".join(" AND ".join(f"{each.name} = NEW.{each.name}" for each in key) for key in keys)
    return (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END"
    )


def append_only(table: str, dialect: str) -> list[str]:
    """Return the statements after which a table refuses every change of a row and every deletion."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END"
            for verb in ("UPDATE", "DELETE")
        ] + [never_replaced(table)]
    return [
        f"CREATE FUNCTION {table}_only_added() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is only added to'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_only_added()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_only_added()",
    ]


def _hold_to_that() -> None:
    ddl: Any = DDL  # SQLAlchemy gives it no types
    for table in APPEND_ONLY:
        for dialect in ("sqlite", "postgresql"):
            for statement in append_only(table, dialect):
                event.listen(Record.metadata.tables[table], "after_create", ddl(statement).execute_if(dialect=dialect))


_hold_to_that()
