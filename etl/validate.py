"""One declaration, the log lane: SQL that turns lines of text into typed events or gives every reason why not. No IO."""

from etl.pseudonyms import pseudonym_sql
from etl.readers.lines import SET_ASIDE
from etl.schema import EventKind, LogSource
from etl.sources.queue_log import ATTENDED_LINK

#: Columns of ``raw.queue_log``: accepted lines, one row each.
EVENT_COLUMNS = (
    "load", "line", "pbx", "epoch", "order_epoch", "callid", "queue", "agent", "event", "data",
    "kind", "hold_seconds", "talk_seconds",
)  # fmt: skip
_EPOCH = "-?[0-9]+(\\.[0-9]*)?"
_MILLISECOND_DIGITS = 13


def literal(text: str) -> str:
    """Return a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def read_lines_sql(path: str) -> str:
    """SQL of one row per physical line of a slab, in order; a blank line is NULL."""
    return (
        f"SELECT line FROM read_csv({literal(path)}, delim='\x1f', header=false, quote='', escape='', comment='', "
        "auto_detect=false, max_line_size=4194304, columns={'line': 'VARCHAR'})"
    )


def fields_sql(table: str) -> str:
    """SQL of the non-blank lines of a stage table split at the pipes: place (0-based row), text, f (list)."""
    return (
        f"SELECT rowid AS place, line AS text, string_split(line, '|') AS f FROM {table} "
        f"WHERE line IS NOT NULL AND line <> {literal(SET_ASIDE)} AND trim(line) <> ''"
    )


def accepted_sql(
    source: LogSource, *, stage: str, load: int, first_line: int, pbx: str, latest_epoch: int, key: bytes
) -> str:
    """SQL of the accepted lines of a stage table, with the columns of EVENT_COLUMNS and the clear caller.

    ``latest_epoch`` is the newest instant accepted: that of the landing plus a day, never the clock of a rebuild.
    """
    return f"""
        WITH fields AS ({fields_sql(stage)}),
        events AS (
            SELECT place, f, {_epoch_sql()} AS epoch, {_kind_sql(source)} AS kind FROM fields
            WHERE len(f) >= 5 AND regexp_full_match(f[1], '{_EPOCH}')
        )
        SELECT CAST({load} AS INTEGER) AS load, CAST(place + {first_line} AS INTEGER) AS line, {literal(pbx)} AS pbx,
            epoch, epoch AS order_epoch, f[2] AS callid, f[3] AS queue, f[4] AS agent, f[5] AS event,
            {_data_sql(key)} AS data, CAST(kind AS UTINYINT) AS kind,
            {_duration_sql(source, "hold")} AS hold_seconds, {_duration_sql(source, "talk")} AS talk_seconds,
            CASE WHEN f[5] = 'ENTERQUEUE' THEN f[7] END AS caller,
            CASE WHEN f[5] = 'ENTERQUEUE' AND len(f) > 8 THEN array_to_string(f[9:], '|') END AS caller_name
        FROM events WHERE epoch BETWEEN {source.earliest_epoch} AND {latest_epoch}"""


def rejected_sql(source: LogSource, *, stage: str, first_line: int, latest_epoch: int) -> str:
    """SQL of the lines that ``accepted_sql`` leaves out: line, text, reasons (codes joined by a comma)."""
    numeric = f"regexp_full_match(f[1], '{_EPOCH}')"
    digits = "length(split_part(trim(f[1], '-'), '.', 1))"
    in_range = f"{_epoch_sql()} BETWEEN {source.earliest_epoch} AND {latest_epoch}"
    return f"""
        WITH fields AS ({fields_sql(stage)}),
        judged AS (
            SELECT place, text, concat_ws(',',
                CASE WHEN len(f) < 5 THEN 'fields' END,
                CASE WHEN NOT {numeric} THEN 'epoch' END,
                CASE WHEN {numeric} AND {digits} >= {_MILLISECOND_DIGITS} THEN 'epoch_unit' END,
                CASE WHEN {numeric} AND {digits} < {_MILLISECOND_DIGITS} AND NOT {in_range} THEN 'epoch_range' END
            ) AS reasons FROM fields
        )
        SELECT CAST(place + {first_line} AS INTEGER) AS line, text, reasons FROM judged WHERE reasons <> ''"""


def _epoch_sql() -> str:
    return "TRY_CAST(split_part(f[1], '.', 1) AS BIGINT)"


def _kind_sql(source: LogSource) -> str:
    """The kind by the event's name; a system callid makes no call, an ENTERQUEUE with an agent is an outbound one."""
    branches = " ".join(
        f"WHEN {literal(event.name)} THEN {int(event.kind)}"
        for event in source.events
        if event.kind not in (EventKind.ENTER, EventKind.RESTART)
    )
    system = ", ".join(literal(callid) for callid in source.system_callids)
    return (
        f"CASE WHEN f[5] = 'QUEUESTART' THEN {int(EventKind.RESTART)} WHEN f[2] IN ({system}) THEN 0 "
        f"WHEN f[5] = 'ENTERQUEUE' THEN CASE WHEN f[4] IN ('NONE', '') THEN {int(EventKind.ENTER)} "
        f"ELSE {int(EventKind.OUTBOUND)} END ELSE CASE f[5] {branches} ELSE 0 END END"
    )


def _duration_sql(source: LogSource, which: str) -> str:
    """Whole seconds of wait (hold) or talk, NULL where absent or no whole number; negative ones are kept as they are."""
    places: dict[int, list[str]] = {}
    for event in source.events:
        position = event.hold if which == "hold" else event.talk
        if position is not None and event.name != "ATTENDEDTRANSFER":
            places.setdefault(position, []).append(event.name)
    branches = "".join(
        f" WHEN f[5] IN ({', '.join(literal(name) for name in names)}) THEN f[{position + 5}]"
        for position, names in sorted(places.items())
    )
    attended = {"hold": (9, 8), "talk": (10, 9)}[which]
    field = (
        f"CASE{branches} WHEN f[5] = 'ATTENDEDTRANSFER' "
        f"THEN CASE WHEN f[6] = '{ATTENDED_LINK}' THEN f[{attended[0]}] ELSE f[{attended[1]}] END END"
    )
    return (
        f"CASE WHEN kind BETWEEN 2 AND 4 AND regexp_full_match({field}, '-?[0-9]+') THEN TRY_CAST({field} AS INTEGER) END"
    )


def _data_sql(key: bytes) -> str:
    """The data fields joined again, the caller's number and name replaced by their pseudonyms."""
    name = "array_to_string(f[9:], '|')"
    enter = (
        f"concat_ws('|', f[6], {pseudonym_sql('f[7]', key)}, f[8], "
        f"CASE WHEN len(f) > 8 THEN {pseudonym_sql(name, key)} END)"
    )
    return f"CASE WHEN f[5] = 'ENTERQUEUE' THEN {enter} ELSE array_to_string(f[6:], '|') END"
