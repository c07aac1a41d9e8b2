"""Asterisk's record of calls (CDR): one leg of a call a line or row, written when the leg ends.

As a file it is Master.csv: no header, every text quoted, 16 columns, behind them what the site had switched on:
uniqueid, userfield, and linkedid, sequence and peeraccount in whatever order. As a table it is ``cdr`` of the database
asteriskcdrdb, whose columns are told by their names; a row stands for the line that Master.csv would have of it, with
the number that was called (did) as one column more, which no file has.
"""

from dataclasses import replace

from etl.schema import Lane, LogSource, Loss, Reason, RecordLayout

#: The columns of a line, in order; those from uniqueid on may be missing.
LINE_COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "time", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "linkedid", "sequence",
    "peeraccount", "did",
)  # fmt: skip
LEAST_COLUMNS = LINE_COLUMNS.index("amaflags") + 1
#: What the caller told by voice or name is nobody's business here: these columns are not even read of a table.
_UNREAD = ("accountcode", "clid", "answer", "end", "amaflags", "userfield", "peeraccount", "time")
_NEEDED = ("time", "src", "dst", "channel", "lastapp", "duration", "billsec", "disposition")

CDR = LogSource(
    name="cdr",
    title="Registro detallado de llamadas de Asterisk (CDR, Master.csv)",
    events=(),
    system_callids=(),
    reasons=(
        Reason("record_fields", "no tiene las columnas de un CDR (de 16 a 22, con comillas completas)"),
        Reason("record_start", "el inicio de la llamada no es una fecha con hora"),
        Reason("record_duration", "la duración o el tiempo hablado no es un número de segundos"),
        Reason("record_range", "el inicio está fuera de rango (antes de 1990 o después de la fecha de carga)"),
    ),
    rank=20,
    losses=(
        Loss(
            "did", "Master.csv no guarda el número marcado por quien llamó cuando la llamada pasa por un menú", ("did",)
        ),
    ),
    lane=Lane.RECORDS,
)

CDR_TABLE = replace(
    CDR,
    name="cdr_table",
    title="Tabla cdr de Asterisk (asteriskcdrdb)",
    table=RecordLayout(
        tables=("cdr",),
        time=("calldate", "start"),
        columns=tuple((name, (name,)) for name in LINE_COLUMNS if name not in _UNREAD),
        needed=_NEEDED,
        id=("cdr_id", "acctid", "id"),
    ),
    rank=21,
    losses=(),
)
