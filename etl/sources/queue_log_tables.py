"""Tables that hold a queue_log: Asterisk's realtime ones, that of FreePBX and Elastix, and Asternic's.

Known by their columns, never by a version. Those of more facts come first: that is their rank where two of one PBX
hold the same events. Asternic's keeps what its page needs; what it drops is declared with it.
"""

from dataclasses import dataclass

from etl.schema import Lookup, Loss, TableLayout

_DATA = tuple((f"data{place}",) for place in range(1, 6))
#: The events that Asternic's ``qevent`` knows; its reader passes over any other.
ASTERNIC_EVENTS = (
    "ABANDON", "AGENTDUMP", "AGENTLOGIN", "AGENTCALLBACKLOGIN", "AGENTLOGOFF", "AGENTCALLBACKLOGOFF", "COMPLETEAGENT",
    "COMPLETECALLER", "CONFIGRELOAD", "CONNECT", "ENTERQUEUE", "EXITWITHKEY", "EXITWITHTIMEOUT", "QUEUESTART",
    "SYSCOMPAT", "TRANSFER", "PAUSE", "UNPAUSE",
)  # fmt: skip


@dataclass(frozen=True)
class TableSource:
    """One layout: what its loads are called, what users read of it, its columns, what it loses."""

    name: str
    title: str
    table: TableLayout
    losses: tuple[Loss, ...] = ()


ADAPTIVE = TableSource(
    name="queue_log_table",
    title="Tabla queue_log de Asterisk en tiempo real (data1 a data5)",
    table=TableLayout(
        tables=("queue_log",),
        time=("time",),
        callid=("callid",),
        queue=("queuename", "queue"),
        agent=("agent",),
        event=("event",),
        data=_DATA,
        encoded=True,
    ),
)

ONE_COLUMN = TableSource(
    name="queue_log_data",
    title="Tabla queue_log de Asterisk en tiempo real (una columna data)",
    table=TableLayout(
        tables=("queue_log",),
        time=("time",),
        callid=("callid",),
        queue=("queuename", "queue"),
        agent=("agent",),
        event=("event",),
        data=(("data",),),
        encoded=True,
    ),
)

FREEPBX = TableSource(
    name="queuelog",
    title="Tabla queuelog de FreePBX, Elastix o Issabel",
    table=TableLayout(
        tables=("queuelog", "queue_log"),
        time=("time",),
        callid=("callid",),
        queue=("queuename", "queue"),
        agent=("agent",),
        event=("event",),
        data=_DATA,
        markers=("serverid",),
        encoded=True,
    ),
)

ASTERNIC = TableSource(
    name="asternic",
    title="Tabla queue_stats de Asternic",
    table=TableLayout(
        tables=("queue_stats",),
        time=("datetime",),
        callid=("uniqueid",),
        queue=("qname",),
        agent=("qagent",),
        event=("qevent",),
        data=(("info1",), ("info2",), ("info3",)),
        id=("queue_stats_id",),
        lookups=(
            ("queue", Lookup("qname", ("qname_id", "queue_id", "id"), ("queue", "qname"))),
            ("agent", Lookup("qagent", ("agent_id", "qagent_id", "id"), ("agent", "qagent"))),
            ("event", Lookup("qevent", ("event_id", "qevent_id", "id"), ("event", "qevent"))),
        ),
    ),
    losses=(
        Loss(
            "events",
            "no guarda EXITEMPTY, WITHDRAW, BLINDTRANSFER, ATTENDEDTRANSFER, DID, RINGNOANSWER ni las altas y bajas de "
            "operadores en la cola",
            ("cause", "talk", "transfers", "rings", "did", "sessions"),
        ),
        Loss("cut", "corta cada dato en 40 caracteres", ("transfers",)),
        Loss("repeats", "pierde el mismo evento repetido en un mismo segundo", ("rings", "findings")),
    ),
)

#: In the order in which a table is held against them.
BY_COLUMNS = (ASTERNIC, FREEPBX, ADAPTIVE, ONE_COLUMN)
#: The one of the most facts first.
BY_FACTS = (ADAPTIVE, ONE_COLUMN, FREEPBX, ASTERNIC)
