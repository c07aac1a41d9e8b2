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
_ENTER_FORM = 100 * int(EventKind.ENTER)


def literal(text: str) -> str:
    """Return a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def read_lines_sql(path: str) -> str:
    """SQL of one row per physical line of a slab, in order; a blank line is NULL."""
    return (
        f"SELECT line FROM read_csv({literal(path)}, delim='\x1f', header=false, quote='', escape='', comment='', "
        "auto_detect=false, max_line_size=4194304, columns={'line': 'VARCHAR'})"
    )


def events_sql(
    source: LogSource, *, stage: str, load: int, first_line: int, pbx: str, latest_epoch: int, key: bytes
) -> str:
    """SQL of one row per line of a stage table, with the columns of EVENT_COLUMNS and the clear caller.

    A line that is not accepted has a NULL epoch: no filter here, nor IN, because either would cost the order of the
    lines or a second split. ``latest_epoch`` is the newest instant accepted: that of the landing plus a day, never the
    clock of a rebuild.
    """
    return f"""
        SELECT CAST({load} AS INTEGER) AS load, CAST(place + {first_line} AS INTEGER) AS line, {literal(pbx)} AS pbx,
            epoch, epoch AS order_epoch, f[2] AS callid, f[3] AS queue, f[4] AS agent, f[5] AS event,
            {_data_sql(key)} AS data, CAST({_kind_sql(source)} AS UTINYINT) AS kind,
            {_duration_sql("form // 10 % 10")} AS hold_seconds, {_duration_sql("form % 10")} AS talk_seconds,
            CASE WHEN form = {_ENTER_FORM} THEN f[7] END AS caller,
            CASE WHEN form = {_ENTER_FORM} AND len(f) > 8 THEN array_to_string(f[9:], '|') END AS caller_name
        FROM (
            SELECT place, f, CASE WHEN f[5] IS NOT NULL AND seconds BETWEEN {source.earliest_epoch} AND {latest_epoch}
                THEN seconds END AS epoch, {_form_sql(source)} AS form
            FROM (SELECT place, f, {_epoch_sql()} AS seconds
                FROM (SELECT rowid AS place, string_split(line, '|') AS f FROM {stage}))
        )"""


def rejected_sql(source: LogSource, *, stage: str, first_line: int, latest_epoch: int) -> str:
    """SQL of the lines that ``events_sql`` does not accept: line, text, reasons (codes joined by a comma)."""
    numeric = f"regexp_full_match(f[1], '{_EPOCH}')"
    lines = (
        f"SELECT rowid AS place, line AS text, string_split(line, '|') AS f FROM {stage} "
        f"WHERE trim(line) <> '' AND line <> {literal(SET_ASIDE)}"
    )
    digits = "length(split_part(trim(f[1], '-'), '.', 1))"
    in_range = f"{_epoch_sql()} BETWEEN {source.earliest_epoch} AND {latest_epoch}"
    return f"""
        WITH fields AS ({lines}),
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
    """Seconds; a fraction is dropped. Ten plain digits, as all real ones are, need no pattern."""
    return (
        "CASE WHEN CAST(TRY_CAST(f[1] AS BIGINT) AS VARCHAR) = f[1] THEN TRY_CAST(f[1] AS BIGINT) "
        f"WHEN regexp_full_match(f[1], '{_EPOCH}') THEN TRY_CAST(split_part(f[1], '.', 1) AS BIGINT) END"
    )


def _form_sql(source: LogSource) -> str:
    """One number that says what a line is: 100 x kind + 10 x position of the wait + position of the talk (0: none)."""
    branches = ""
    for event in source.events:
        form = 100 * int(event.kind) + 10 * (event.hold or 0) + (event.talk or 0)
        if event.name == "ATTENDEDTRANSFER":
            branches += f" WHEN {literal(event.name)} THEN CASE WHEN f[6] = '{ATTENDED_LINK}' THEN {form + 11} ELSE {form} END"
        else:
            branches += f" WHEN {literal(event.name)} THEN {form}"
    return f"CASE f[5]{branches} ELSE 0 END"


def _kind_sql(source: LogSource) -> str:
    """The kind of a line; a system callid makes no call, an ENTERQUEUE with an agent is an outbound one."""
    system = " OR ".join(f"f[2] = {literal(callid)}" for callid in source.system_callids)
    return (
        f"CASE WHEN form = 0 THEN 0 WHEN form = {100 * int(EventKind.RESTART)} THEN {int(EventKind.RESTART)} "
        f"WHEN {system} THEN 0 WHEN form = {_ENTER_FORM} AND f[4] <> 'NONE' AND f[4] <> '' "
        f"THEN {int(EventKind.OUTBOUND)} ELSE form // 100 END"
    )


def _duration_sql(position: str) -> str:
    """Whole seconds of wait or talk; NULL where absent or unusual (the fold reads those from the data)."""
    text = f"CASE {position} WHEN 1 THEN f[6] WHEN 2 THEN f[7] WHEN 3 THEN f[8] WHEN 4 THEN f[9] WHEN 5 THEN f[10] END"
    return f"CASE WHEN form >= 200 THEN CASE WHEN {_canonical(text)} THEN TRY_CAST({text} AS INTEGER) END END"


def _canonical(text: str) -> str:
    """True where a text is a whole number written plainly (no sign but minus, no leading zero, no blank)."""
    return f"CAST(TRY_CAST({text} AS INTEGER) AS VARCHAR) = {text}"


def _data_sql(key: bytes) -> str:
    """The data fields joined again, the caller's number and name replaced by their pseudonyms."""
    name = "array_to_string(f[9:], '|')"
    enter = (
        f"concat_ws('|', f[6], {pseudonym_sql('f[7]', key)}, f[8], "
        f"CASE WHEN len(f) > 8 THEN {pseudonym_sql(name, key)} END)"
    )
    return f"CASE WHEN form = {_ENTER_FORM} THEN {enter} ELSE array_to_string(f[6:], '|') END"
