"""Records of calls as Master.csv and the table cdr hold them: drawn legs, the file, the table.

Times are seconds after 08:00 of 5 March 2024 in La Paz.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine
from sqlalchemy.dialects import mysql
from sqlalchemy.pool import NullPool
from sqlalchemy.types import DateTime

from tests.drawn_log import EIGHT

LA_PAZ = -4 * 3600


@dataclass(frozen=True)
class Leg:
    """One leg of a call: when it began, of which channel, to whom, what became of it."""

    at: int
    number: int
    src: str = "70012345"
    dst: str = "4200400"
    app: str = "Dial"
    data: str = "SIP/201,30"
    disposition: str = "ANSWERED"
    duration: int = 60
    billed: int = 50
    context: str = "from-trunk"
    channel: str = "SIP/troncal-0000001a"
    dst_channel: str = "SIP/201-0000001b"
    linked: int | None = None
    sequence: int | None = None
    did: str = ""
    account: str = ""

    @property
    def uniqueid(self) -> str:
        return f"{EIGHT}.{self.number}"

    def clock(self, offset: int, later: int = 0) -> str:
        return datetime.fromtimestamp(EIGHT + self.at + later + offset, UTC).strftime("%Y-%m-%d %H:%M:%S")


def master(legs: Iterable[Leg], *, offset: int = LA_PAZ, new_columns: bool = False) -> tuple[str, ...]:
    """The lines of Master.csv, with linkedid, peeraccount and sequence where the site had them switched on."""
    lines = []
    for leg in legs:
        answered = leg.clock(offset, leg.duration - leg.billed) if leg.billed else ""
        fields: list[object] = [
            leg.account, leg.src, leg.dst, leg.context, f'"Ana, ""de"" Prueba" <{leg.src}>', leg.channel,
            leg.dst_channel, leg.app, leg.data, leg.clock(offset), answered, leg.clock(offset, leg.duration),
            leg.duration, leg.billed, leg.disposition, "DOCUMENTATION", leg.uniqueid, "",
        ]  # fmt: skip
        if new_columns:
            fields += [f"{EIGHT}.{leg.linked or leg.number}", "", leg.sequence or 0]
        lines.append(",".join(str(f) if isinstance(f, int) else '"' + f.replace('"', '""') + '"' for f in fields))
    return tuple(lines)


def table(url: str, legs: Sequence[Leg], *, offset: int = LA_PAZ) -> tuple[Engine, Table]:
    """Make the table cdr as FreePBX has it, and fill it."""
    engine = create_engine(url, poolclass=NullPool)
    time = mysql.DATETIME() if engine.dialect.name == "mysql" else DateTime()
    texts = ("clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "disposition",
             "accountcode", "uniqueid", "userfield", "did", "linkedid", "peeraccount")  # fmt: skip
    numbers = ("duration", "billsec", "amaflags", "sequence")
    made = Table(
        "cdr", MetaData(), Column("calldate", time), *(Column(name, String(80)) for name in texts),
        *(Column(name, Integer) for name in numbers),
    )  # fmt: skip
    made.create(engine)
    add(engine, made, legs, offset=offset)
    return engine, made


def add(engine: Engine, made: Table, legs: Sequence[Leg], *, offset: int = LA_PAZ) -> None:
    rows = [
        {
            "calldate": datetime.fromisoformat(leg.clock(offset)), "clid": f'"Ana" <{leg.src}>', "src": leg.src,
            "dst": leg.dst, "dcontext": leg.context, "channel": leg.channel, "dstchannel": leg.dst_channel,
            "lastapp": leg.app, "lastdata": leg.data, "disposition": leg.disposition, "accountcode": leg.account,
            "uniqueid": leg.uniqueid, "userfield": "", "did": leg.did,
            "linkedid": f"{EIGHT}.{leg.linked or leg.number}", "peeraccount": "", "duration": leg.duration,
            "billsec": leg.billed, "amaflags": 3, "sequence": leg.sequence,
        }
        for leg in legs
    ]  # fmt: skip
    with engine.begin() as connection:
        if rows:
            connection.execute(made.insert(), rows)


_QUEUE = Leg(0, 1, app="Queue", data="101,t,,,300", context="ext-queues")
#: What the log of queues tells too, what it cannot tell, and what is nobody's who called.
LEGS: tuple[Leg, ...] = (
    _QUEUE,
    replace(_QUEUE, number=2, at=30, dst="101", disposition="NO ANSWER", billed=0, dst_channel=""),
    Leg(60, 3, app="BackGround", data="bienvenida", context="ivr-1", dst_channel="", duration=14, billed=14),
    Leg(90, 4, dst="44200400", app="WaitExten", data="6", context="ivr-1", dst_channel="", duration=9, billed=9),
    Leg(120, 5, dst="4200224", app="Congestion", data="5", disposition="CONGESTION", billed=0, duration=5),
    Leg(150, 6, dst="4251000", data="SIP/100,30"),
    Leg(150, 6, dst="4251000", data="SIP/100,30"),
    Leg(180, 7, src="201", dst="70019999", context="from-internal", channel="SIP/201-1a", dst_channel="SIP/troncal-1b",
        account="fidelizacion"),
    Leg(200, 8, src="201", dst="202", context="from-internal", channel="SIP/201-1c", dst_channel="SIP/202-1d"),
    Leg(210, 9, linked=1, sequence=7, channel="Local/70012345@from-queue-0001;1", app="Dial"),
)  # fmt: skip
