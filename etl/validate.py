"""The log lane: SQL that turns lines of text into typed events or gives every reason why not."""

from pathlib import Path

from etl.pseudonyms import pseudonym_sql
from etl.readers.lines import FIELD_OF_NO_LOG, SET_ASIDE
from etl.schema import EventKind, LogSource
from etl.sources.queue_log import ATTENDED_LINK

#: Columns of ``raw.queue_log``: accepted lines, one row each.
EVENT_COLUMNS = (
    "load", "line", "epoch", "order_epoch", "callid", "queue", "agent", "event", "other_event", "data",
    "kind", "hold_seconds", "talk_seconds",
)  # fmt: skip
_EPOCH = "-?[0-9]+(\\.[0-9]*)?"
_MILLISECOND_DIGITS = 13
#: Longer lines never reach the slabs.
_LINE_BYTES = 256 * 1024
#: Smaller files are read by one thread.
_LEAST_BUFFER_BYTES = 8 * 1024 * 1024
#: With a buffer that is no multiple of 16 bytes DuckDB 1.5 refuses to read on, or loses a line at its end.
_BUFFER_STEP = 4096
#: Five fields of the line itself and six of data: the most that any event of Asterisk writes.
_FIELDS = tuple(f"f{place}" for place in range(1, 12))
_NAME = "concat_ws('|', f9, f10, f11)"
_ENTER_FORM = 100 * int(EventKind.ENTER)


def literal(text: str) -> str:
    """Return a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def read_lines_sql(path: Path, threads: int) -> str:
    """SQL of one row per physical line of a slab, in order; a blank line is NULL."""
    return f"SELECT line FROM {_read_csv(path, FIELD_OF_NO_LOG, ('line',), threads)}"


def read_fields_sql(path: Path, threads: int) -> str:
    """SQL of the fields f1 to f11 of each line of a slab, in order; NULL where a line has no such field.

    DuckDB skips blank lines and refuses lines of more fields here: then ``split_fields_sql`` reads the slab.
    """
    return f"SELECT * FROM {_read_csv(path, '|', _FIELDS, threads)}"


def split_fields_sql(path: Path, threads: int) -> str:
    """SQL of the same fields for any slab, blank lines and lines of more fields included (the last holds the tail)."""
    fields = ", ".join(f"f[{place}] AS {name}" for place, name in enumerate(_FIELDS[:-1], start=1))
    tail = f"CASE WHEN f[11] IS NOT NULL THEN array_to_string(f[11:], '|') END AS {_FIELDS[-1]}"
    return f"SELECT {fields}, {tail} FROM (SELECT string_split(line, '|') AS f FROM ({read_lines_sql(path, threads)}))"


def _read_csv(path: Path, delimiter: str, columns: tuple[str, ...], threads: int) -> str:
    types = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
    # An empty field is not an absent one; but a blank line must be a row, which DuckDB gives only as a NULL.
    null = SET_ASIDE if len(columns) > 1 else ""
    # One part for each thread: more, smaller ones would be put in order by copying them once more.
    part = max(_LEAST_BUFFER_BYTES, path.stat().st_size // threads + _LINE_BYTES)
    buffer_bytes = -(-part // _BUFFER_STEP) * _BUFFER_STEP
    return (
        f"read_csv({literal(str(path))}, delim='{delimiter}', header=false, quote='', escape='', comment='', "
        f"nullstr='{null}', null_padding=true, auto_detect=false, max_line_size={_LINE_BYTES}, "
        f"buffer_size={buffer_bytes}, columns={{{types}}})"
    )


def events_sql(source: LogSource, *, fields: str, latest_epoch: int, key: bytes) -> str:
    """SQL of one row per line of a slab, in order: what EVENT_COLUMNS says of the line itself, and the clear caller.

    A line that is not accepted has a NULL epoch: there is no filter here, nor a join or an IN: any of them would
    cost the order of the lines, and with it their numbers. ``latest_epoch`` is the newest instant accepted: that of the
    landing plus a day, never the clock of a rebuild.
    """
    return f"""
        SELECT epoch, f2 AS callid, f3 AS queue, f4 AS agent,
            event, CASE WHEN event IS NULL THEN f5 END AS other_event,
            {_data_sql(key)} AS data, CAST({_kind_sql(source)} AS UTINYINT) AS kind,
            {_whole_sql("hold_text")} AS hold_seconds, {_whole_sql("talk_text")} AS talk_seconds,
            CASE WHEN form = {_ENTER_FORM} THEN f7 END AS caller,
            CASE WHEN form = {_ENTER_FORM} AND f9 IS NOT NULL THEN {_NAME} END AS caller_name
        FROM (
            SELECT *, {_field_sql("form // 10 % 10")} AS hold_text, {_field_sql("form % 10")} AS talk_text
            FROM (
                SELECT *, CASE WHEN f5 IS NULL OR f6 = 'ENTERQUEUE' OR f7 = 'ENTERQUEUE' THEN NULL
                    WHEN seconds BETWEEN {source.earliest_epoch} AND {latest_epoch} THEN seconds END AS epoch,
                    {_form_sql(source)} AS form
                FROM (
                    SELECT *, {_epoch_sql("f1")} AS seconds, TRY_CAST(f5 AS {source.event_type}) AS event
                    FROM ({fields})
                )
            )
        )"""


def accepted_sql(*, parsed: str, load: int, first_line: int) -> str:
    """SQL of the accepted lines of a table of ``events_sql``: EVENT_COLUMNS and the clear caller."""
    return (
        f"SELECT CAST({load} AS INTEGER) AS load, CAST(rowid + {first_line} AS INTEGER) AS line, "
        f"epoch AS order_epoch, * FROM {parsed} WHERE epoch IS NOT NULL"
    )


def rejected_sql(source: LogSource, *, stage: str, first_line: int, latest_epoch: int) -> str:
    """SQL of the lines of a stage table that ``events_sql`` does not accept: line, text, reasons (codes, by commas)."""
    numeric = f"regexp_full_match(f[1], '{_EPOCH}')"
    lines = (
        f"SELECT rowid AS place, line AS text, string_split(line, '|') AS f FROM {stage} "
        f"WHERE trim(line) <> '' AND line <> {literal(SET_ASIDE)}"
    )
    digits = "length(split_part(trim(f[1], '-'), '.', 1))"
    in_range = f"{_epoch_sql('f[1]')} BETWEEN {source.earliest_epoch} AND {latest_epoch}"
    return f"""
        WITH fields AS ({lines}),
        judged AS (
            SELECT place, text, concat_ws(',',
                CASE WHEN len(f) < 5 THEN 'fields' END,
                CASE WHEN f[6] = 'ENTERQUEUE' OR f[7] = 'ENTERQUEUE' THEN 'shifted' END,
                CASE WHEN NOT {numeric} THEN 'epoch' END,
                CASE WHEN {numeric} AND {digits} >= {_MILLISECOND_DIGITS} THEN 'epoch_unit' END,
                CASE WHEN {numeric} AND {digits} < {_MILLISECOND_DIGITS} AND NOT {in_range} THEN 'epoch_range' END
            ) AS reasons FROM fields
        )
        SELECT CAST(place + {first_line} AS INTEGER) AS line, text, reasons FROM judged WHERE reasons <> ''"""


def _epoch_sql(text: str) -> str:
    """Seconds; a fraction is dropped. Plain digits, as all real ones are, need no pattern."""
    return (
        f"CASE WHEN CAST(TRY_CAST({text} AS BIGINT) AS VARCHAR) = {text} THEN TRY_CAST({text} AS BIGINT) "
        f"WHEN regexp_full_match({text}, '{_EPOCH}') THEN TRY_CAST(split_part({text}, '.', 1) AS BIGINT) END"
    )


def _form_sql(source: LogSource) -> str:
    """One number that says what a line is: 100 x kind + 10 x position of the wait + position of the talk (0: none)."""
    branches = ""
    for event in source.events:
        form = 100 * int(event.kind) + 10 * (event.hold or 0) + (event.talk or 0)
        if event.kind is EventKind.OTHER:
            continue
        if event.name == "ATTENDEDTRANSFER":
            branches += (
                f" WHEN {literal(event.name)} THEN CASE WHEN f6 = '{ATTENDED_LINK}' THEN {form + 11} ELSE {form} END"
            )
        else:
            branches += f" WHEN {literal(event.name)} THEN {form}"
    return f"CASE event{branches} ELSE 0 END"


def _kind_sql(source: LogSource) -> str:
    """The kind of a line; a system callid makes no call, an ENTERQUEUE with an agent is an outbound one."""
    system = " OR ".join(f"f2 = {literal(callid)}" for callid in source.system_callids)
    return (
        f"CASE WHEN form = 0 THEN 0 WHEN form = {100 * int(EventKind.RESTART)} THEN {int(EventKind.RESTART)} "
        f"WHEN {system} THEN 0 WHEN form = {_ENTER_FORM} AND f4 <> 'NONE' AND f4 <> '' "
        f"THEN {int(EventKind.OUTBOUND)} ELSE form // 100 END"
    )


def _field_sql(position: str) -> str:
    """The data field at a position from 1 to 5, of an event that carries durations."""
    fields = " ".join(f"WHEN {place} THEN f{place + 5}" for place in range(1, 6))
    return f"CASE WHEN form >= 200 THEN CASE {position} {fields} END END"


def _whole_sql(text: str) -> str:
    """A whole number written plainly; NULL where absent or unusual (the fold reads those from the data)."""
    return f"CASE WHEN CAST(TRY_CAST({text} AS INTEGER) AS VARCHAR) = {text} THEN TRY_CAST({text} AS INTEGER) END"


def _data_sql(key: bytes) -> str:
    """The data fields joined again; the caller's number and name replaced by their pseudonyms."""
    name = f"CASE WHEN f9 IS NOT NULL THEN {pseudonym_sql(_NAME, key)} END"
    enter = f"concat_ws('|', f6, {pseudonym_sql('f7', key)}, f8, {name})"
    others = "CASE WHEN f7 IS NULL THEN COALESCE(f6, '') ELSE concat_ws('|', f6, f7, f8, f9, f10, f11) END"
    return f"CASE WHEN form = {_ENTER_FORM} THEN {enter} ELSE {others} END"
