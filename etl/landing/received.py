"""What is received and what came of it: for whom, under which manifest; why a file is not taken in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from etl.landing.raw_store import keep
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import transaction
from etl.records.models import Load, LogFile
from etl.schema import LogSource
from etl.settings import Settings
from etl.sources import QUEUE_LOG

DAMAGED = "el archivo comprimido está cortado o dañado; vuelva a copiarlo"
_DAY_SECONDS = 86400


class Refused(Exception):
    """A file is not taken in; the message says why and what to do. Nothing was loaded from it.

    ``is_no_log`` where it can be read and is nothing that is known.
    """

    def __init__(self, text: str, *, is_no_log: bool = False) -> None:
        """Say why, in Spanish."""
        super().__init__(text)
        self.is_no_log = is_no_log


class Undecided(Refused):
    """A file of which no more was to be read tells nothing in its beginning."""


@dataclass(frozen=True)
class Receiver:
    """For whom files are received: who, as the audit names them, and the worker's job where one does it."""

    actor: Actor = SYSTEM
    job: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """Return what a load's row keeps of it."""
        return {"landed_by": asdict(self.actor), "job_id": self.job}


NOBODY = Receiver()


@dataclass(frozen=True)
class Landed:
    """What landing a file led to: a new piece (``load``), or nothing new (its lines are known or still unfinished).

    ``known`` is the last piece of a file that brought nothing new. ``source`` is what it was recognised as, ``name``
    and ``notes`` what users are told of a table.
    """

    load: int | None
    lines: int
    held: int
    known: int | None = None
    source: str = QUEUE_LOG.name
    name: str = ""
    notes: tuple[str, ...] = ()


def latest_epoch(landed_at: datetime) -> int:
    """Return the newest instant that a line landed at this time (UTC, naive) may carry: a day later."""
    return int(landed_at.replace(tzinfo=UTC).timestamp()) + _DAY_SECONDS


def notes_of(source: LogSource) -> tuple[str, ...]:
    """Return what users are told of a file of a source: what it is, where it is no log, and what it loses."""
    if source is QUEUE_LOG:
        return ()
    return (source.title, *(loss.text for loss in source.losses))


@dataclass(frozen=True)
class Contents:
    """What a piece holds: its bytes from ``first_byte`` on, its lines from ``first_line`` on, between which instants.

    ``held`` lines wait for the next time. ``offset`` is how far its clock is ahead of UTC, None if lines tell epochs.
    """

    sha256: str
    bytes: int
    lines: int
    first_epoch: int | None
    last_epoch: int | None
    held: int = 0
    first_byte: int = 0
    first_line: int = 1
    tail_sha256: str = ""
    offset: int | None = None


@dataclass(frozen=True)
class Reception:
    """One file on its way into the raw store and the manifest: under which name, when, for whom.

    The records are held only to ask and to write, never while bytes are copied: others write there too.
    """

    records: Engine
    settings: Settings
    name: str
    now: datetime
    receiver: Receiver
    pbx: str
    expected: str | None = None

    @property
    def latest(self) -> int:
        """The newest instant that a line of it may carry."""
        return latest_epoch(self.now)

    @contextmanager
    def draft(self, suffix: str = "") -> Iterator[Path]:
        """Give where bytes are copied to; what is not kept is deleted."""
        draft = self.settings.raw / f".draft-{os.getpid()}{suffix}"
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def same_closed(self, digest: str) -> Landed | None:
        """Return what a closed file led to that was landed before, byte for byte."""
        query = select(Load, LogFile.source).join(LogFile, LogFile.file_id == Load.file_id)
        query = query.where(Load.sha256 == digest, LogFile.pbx == self.pbx, Load.state != "refused")
        with transaction(self.records) as session:
            same = session.execute(query.limit(1)).first()
        if same is None:
            return None
        load, source = same
        return Landed(None, load.lines, load.held, load.load_id, source)

    def keep(
        self, draft: Path, source: str, held: Contents, *, head: tuple[int, str] | None = None,
        file: int | None = None, nothing: str = "ninguna línea tiene un instante legible", **columns: Any,
    ) -> int:  # fmt: skip
        """Put a draft into the raw store and its row into the manifest (state ``landed``); return its load.

        It is a piece of the logical `file`, or begins one that is known by its `head` (so many bytes, their hash;
        nothing of a closed file). Raises Refused with `nothing` for what has no readable instant, and for what is of
        another source than the one expected.
        """
        if self.expected not in (None, source):
            raise Refused(
                f"se esperaba la fuente {self.expected} y el archivo es de {source}: revise cuál es, o cárguelo sin "
                "--source"
            )
        if held.first_epoch is None or held.last_epoch is None:
            raise Refused(nothing)
        keep(draft, held.sha256, self.settings)
        with transaction(self.records) as session:
            if file is None:
                head_bytes, head_sha256 = head or (0, held.sha256)
                log = LogFile(
                    source=source, pbx=self.pbx, name=self.name, head_bytes=head_bytes, head_sha256=head_sha256
                )
                session.add(log)
                session.flush()
                file = log.file_id
            load = Load(
                file_id=file, sha256=held.sha256, first_byte=held.first_byte, bytes=held.bytes,
                tail_sha256=held.tail_sha256, first_line=held.first_line, lines=held.lines, held=held.held,
                first_epoch=held.first_epoch, last_epoch=held.last_epoch, landed_at=self.now, state="landed",
                utc_offset=held.offset, **self.receiver.columns, **columns,
            )  # fmt: skip
            session.add(load)
        return int(load.load_id)
