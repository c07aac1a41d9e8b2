"""One log with every oddity of the format, as a file and as the tables that databases keep of it.

Rows are made from the lines as Asterisk makes them: the clock of the table, fields in their columns, the last with the
rest, `;` and `^` encoded where the realtime engine does so. What no row can hold (cut lines, bytes, times that
are none) is not in this log.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, String, Table, create_engine
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from etl.simulation.log import Call, Channels, Entry, call_entries, entry
from etl.simulation.oddities import CALL_ODDITIES, STRAYS, outbound_entries
from etl.simulation.queueing import Visit
from etl.sources.queue_log_tables import ASTERNIC_EVENTS
from tests.drawn_log import EIGHT

LA_PAZ = -4 * 3600
#: What a row cannot be, or what its clock does not write.
_NO_ROWS = {"fractional_epoch", "few_fields", "epoch_of_letters", "epoch_of_13_digits", "nul_run", "latin_1_member"}
_ODD_TEXTS = ("Peña; turno ^1", "a|b")


def odd_lines() -> tuple[str, ...]:
    """Each oddity told of an answered or an abandoned call, plain calls between, two calls in one second."""
    channels = Channels()
    entries: list[Entry] = []
    at = EIGHT
    for number, oddity in enumerate(CALL_ODDITIES):
        for outcome in ("answered", "abandoned"):
            at += 7
            call = _call(at, number, outcome)
            callid = channels.open_for(call)
            usual = call_entries(call, callid, channels)
            if oddity.name not in _NO_ROWS and oddity.suits(call):
                usual = oddity.retell(call, callid, usual, channels)
            entries += usual
            twin = _call(at, number + 50, "abandoned" if outcome == "answered" else "timeout")
            entries += call_entries(twin, channels.open_for(twin), channels)
    for name, stray in STRAYS.items():
        if name not in _NO_ROWS:
            entries.append((EIGHT + 60, stray(EIGHT + 60)))
    for number in range(3):
        entries += outbound_entries(EIGHT + 100 + number, number, "SIP/401", "70000099", channels)
    entries += [entry(EIGHT + 130 + n, "NONE", "101", "SIP/201", "PAUSE", text) for n, text in enumerate(_ODD_TEXTS)]
    entries.append(entry(EIGHT + 400, "NONE", "NONE", "NONE", "QUEUESTART"))
    entries.sort(key=lambda each: each[0])
    return tuple(re.sub("\r$", "", text) for _, text in entries)


def _call(at: int, number: int, outcome: str) -> Call:
    agent = "SIP/201" if number % 2 else "Local/204@from-queue/n"
    visit = Visit("103", at, 1, "answered", 8 + number % 20, 1, agent, 3, 40 + number, "COMPLETECALLER")
    if outcome != "answered":
        visit = Visit("104", at, 2, "timeout" if outcome == "timeout" else "abandoned", 9 + number % 30)
    return Call("101", "4200101" if number % 3 == 0 else "", f"7000{1000 + number}", [visit])


@dataclass(frozen=True)
class Kept:
    """How a table keeps a log: its name, the types of its columns, its clock."""

    table: str
    time: TypeEngine[object]
    data: int = 5
    width: int = 100
    ids: bool = False
    microseconds: bool = False
    offset: int = LA_PAZ
    serverid: bool = False
    encoded: bool = True
    options: dict[str, str] = field(default_factory=dict)

    def columns(self) -> list[Column[object]]:
        names = ["data"] if self.data == 1 else [f"data{n}" for n in range(1, self.data + 1)]
        width = self.width if self.data > 1 else 255
        found: list[Column[object]] = [Column("time", self.time), Column("callid", String(self.width))]
        found += [Column(name, String(self.width)) for name in ("queuename", "agent")]
        found += [Column("event", String(40)), *(Column(name, String(width)) for name in names)]
        if self.serverid:
            found.insert(3, Column("serverid", String(20)))
        if self.ids:
            found.insert(0, Column("id", Integer, primary_key=True, autoincrement=True))
        return found


ADAPTIVE = Kept("queue_log", String(26), microseconds=True)
WITH_IDS = Kept("queue_log", pg.TIMESTAMP(precision=6), ids=True, microseconds=True, offset=0)
ONE_COLUMN = Kept("queue_log", mysql.DATETIME(), data=1, ids=True)
#: As the contributed scripts of Asterisk 1.8 and 11 made it.
CLASSIC = Kept("queue_log", mysql.DATETIME(), width=50)
FREEPBX = Kept("queuelog", mysql.DATETIME(), width=50, ids=True, serverid=True)


@dataclass
class KeptRows:
    """Rows of a table that is filled bit by bit."""

    engine: Engine
    kept: Kept
    table: Table
    written: int = 0
    same_second: dict[int, int] = field(default_factory=dict)

    def add(self, lines: Iterable[str], later: Sequence[int] = (0,)) -> None:
        """Write lines as rows, stamped so many seconds later in turn."""
        rows = []
        for line in lines:
            stamp, callid, queue, agent, event, data = [*line.split("|", 5), ""][:6]
            at = int(stamp) + later[self.written % len(later)]
            nth = self.same_second[at] = self.same_second.get(at, 0) + 1
            time = datetime.fromtimestamp(at + self.kept.offset, UTC).replace(tzinfo=None)
            if self.kept.microseconds:
                time = time.replace(microsecond=nth)
            textual = isinstance(self.kept.time, String)
            texts = [callid, queue, agent, event, *_fields(data, self.kept.data)]
            if self.kept.encoded:
                texts = [text.replace("^", "^5E").replace(";", "^3B") for text in texts]
            widths = [c.type.length for c in self.table.columns if c.name not in ("id", "time", "serverid")]
            texts = [text[:width] for text, width in zip(texts, widths, strict=True)]
            names = [c.name for c in self.table.columns if c.name not in ("id", "time", "serverid")]
            row: dict[str, object] = dict(zip(names, texts, strict=True))
            row["time"] = time.isoformat(" ") if textual else time
            if self.kept.serverid:
                row["serverid"] = "central"
            rows.append(row)
            self.written += 1
        with self.engine.begin() as connection:
            if rows:
                connection.execute(self.table.insert(), rows)


def _fields(data: str, number: int) -> list[str]:
    """The data columns: the last keeps the rest with its pipes."""
    fields = data.split("|", number - 1)
    return fields + [""] * (number - len(fields))


def table_of(url: str, kept: Kept, lines: Iterable[str] = (), later: Sequence[int] = (0,)) -> KeptRows:
    """Make a table and fill it."""
    engine = create_engine(url, poolclass=NullPool)
    table = Table(kept.table, MetaData(), *kept.columns())
    table.create(engine)
    rows = KeptRows(engine, kept, table)
    rows.add(lines, later)
    return rows


def asternic(url: str, lines: Iterable[str], later: Sequence[int] = (0,)) -> list[str]:
    """Fill Asternic's tables as its reader does, and return the lines that it keeps."""
    engine = create_engine(url, poolclass=NullPool)
    meta = MetaData()
    stats = Table(
        "queue_stats", meta, Column("queue_stats_id", Integer, primary_key=True), Column("uniqueid", String(40)),
        Column("datetime", mysql.DATETIME()), Column("qname", Integer), Column("qagent", Integer),
        Column("qevent", Integer), *(Column(f"info{n}", String(40)) for n in (1, 2, 3)),
    )  # fmt: skip
    lookups = (("qname", "queue_id", "queue"), ("qagent", "agent_id", "agent"), ("qevent", "event_id", "event"))
    numbers = {
        name: Table(name, meta, Column(key, BigInteger, primary_key=True), Column(text, String(40)))
        for name, key, text in lookups
    }
    meta.create_all(engine)
    known: dict[str, dict[str, int]] = {"qname": {}, "qagent": {}, "qevent": {}}
    for event in ASTERNIC_EVENTS:
        known["qevent"][event] = len(known["qevent"]) + 1
    seen: set[tuple[object, ...]] = set()
    rows, kept = [], []
    for line in lines:
        stamp, callid, queue, agent, event, data = [*line.split("|", 5), ""][:6]
        agent = re.sub(r"^Local/(\d+)@.*", r"Agent/\1", agent)
        if event not in ASTERNIC_EVENTS or (same := (stamp, callid, queue, agent, event)) in seen:
            continue
        seen.add(same)
        at = int(stamp) + later[len(rows) % len(later)]
        row: dict[str, object] = {
            "uniqueid": callid[:40],
            "datetime": datetime.fromtimestamp(at + LA_PAZ, UTC).replace(tzinfo=None),
        }
        for name, text in (("qname", queue), ("qagent", agent), ("qevent", event)):
            row[name] = known[name].setdefault(text[:40], len(known[name]) + 1)
        row |= {f"info{n}": text[:40] for n, text in enumerate(_fields(data, 3), start=1)}
        rows.append(row)
        kept.append("|".join([stamp, callid, queue, agent, event, data]))
    with engine.begin() as connection:
        connection.execute(stats.insert(), rows)
        for name, table in numbers.items():
            key, text = table.columns
            connection.execute(table.insert(), [{key.name: n, text.name: word} for word, n in known[name].items()])
    engine.dispose()
    return kept
