"""Tables of the records, the same on SQLite and PostgreSQL; changed only through a migration."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, ForeignKey, Index, MetaData, String, Text
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

    ``state`` goes landed -> published; a piece that the build refuses is ``refused``. ``first_byte`` and ``bytes`` are
    the part of the file that this piece holds; ``first_line`` is the number of its first line in the file.
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


class Parameter(Record):
    """A dated parameter of the counting rules, with the rule it comes from."""

    __tablename__ = "parameters"

    parameter_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), index=True)
    value: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    rule: Mapped[str] = mapped_column(Text)
