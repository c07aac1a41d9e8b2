"""What the lines of a queue visit tell beside its outcome: who called, its places, how long it rang, its transfer.

In: columns of lines and visits. Out: SQL expressions, the same for the aggregate and the fold. A caller is known by the
beginning of the number's pseudonym (64 of its bits), never in the clear; a number that is empty or withheld
is nobody's.
"""

from collections.abc import Iterable

from etl.pseudonyms import MARK, pseudonym
from etl.schema import EventKind
from etl.sources.queue_log import ATTENDED_LINK, QUEUE_LOG

TRANSFERS = ("TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER")
#: How a transfer was made: to an extension without asking, or with: into another conversation, to an application of the
#: exchange, or by linking two channels.
BLIND, BRIDGE, APPLICATION, LINK = "blind", "bridge", "app", "link"
#: Stands for whatever number of the public network a call was transferred to: it may be a customer's.
OUTSIDE = "número externo"
#: Digits in a row from which on a target is a number of the public network.
_PUBLIC_DIGITS = 7
#: What exchanges write in the place of a number that the caller did not give, in lower case; also capitalised, and in
#: capitals. All of them would be one caller who calls all day.
WITHHELD = (
    "anonymous", "unknown", "restricted", "unavailable", "private", "withheld", "asterisk", "anonimo", "anónimo",
    "desconocido", "privado", "s", "0", "-",
)  # fmt: skip
KEY_DIGITS = 16
_MOST_PLACES = 9999


def caller_key(text: str) -> int | None:
    """Return the key of a caller's pseudonym; None where it is none."""
    return int(text[1 : 1 + KEY_DIGITS], 16) if text.startswith(MARK) else None


def caller_key_sql(text: str) -> str:
    """Return a DuckDB expression equal to ``caller_key``."""
    return f"CASE WHEN starts_with({text}, '{MARK}') THEN CAST('0x' || substr({text}, 2, {KEY_DIGITS}) AS UBIGINT) END"


def withheld_keys(key: bytes) -> tuple[int, ...]:
    """Return the keys of the words that stand for no number, for a store's secret."""
    words = {form for word in WITHHELD for form in (word, word.capitalize(), word.upper())}
    keys = (caller_key(pseudonym(word, key)) for word in words)
    return tuple(sorted(each for each in keys if each is not None))


def line_facts_sql(*, from_ends: bool) -> dict[str, str]:
    """Return what a line of a log tells, by the name it has in ``models/plain_visits.sql``; NULL where it has nothing.

    ``from_ends``: the place at the entry is read of the ends, too; older exchanges write it only there.
    """
    enters = f"kind = {int(EventKind.ENTER)}"
    (entry,) = {event.position for event in QUEUE_LOG.events if event.kind is EventKind.ENTER}
    ends = f"kind IN ({int(EventKind.ANSWERED_END)}, {int(EventKind.UNANSWERED_END)})"
    number = "split_part(data, '|', 2)"
    (ring,) = {event.ring for event in QUEUE_LOG.events if event.kind is EventKind.CONNECT}
    transfers = ", ".join(f"'{name}'" for name in TRANSFERS)
    return {
        "caller": f"CASE WHEN {enters} THEN {caller_key_sql(number)} END",
        "position": f"CASE WHEN {enters} THEN {_place_sql(str(entry))} END",
        "end_position": f"CASE WHEN {ends} THEN {_place_sql(_field_of('position'))} END" if from_ends else "NULL",
        "last_position": f"CASE WHEN kind = {int(EventKind.UNANSWERED_END)} "
        f"THEN {_place_sql(_field_of('last_position'))} END",
        "transfer_data": f"CASE WHEN kind = {int(EventKind.ANSWERED_END)} AND event IN ({transfers}) THEN data END",
        "ring": f"CASE WHEN kind = {int(EventKind.CONNECT)} THEN {_place_sql(str(ring), 0)} END",
    }


def _of(column: str) -> str:
    # DuckDB 2.0 fails to compare a part of what is NULL in every row.
    return f"COALESCE({column}, '')"


def _field_of(which: str) -> str:
    branches = ""
    for event in QUEUE_LOG.events:
        position = getattr(event, which)
        if position is None or event.kind is EventKind.ENTER:
            continue
        link = (
            f"CASE WHEN split_part({_of('data')}, '|', 1) = '{ATTENDED_LINK}' THEN {position + 1} ELSE {position} END"
        )
        branches += f" WHEN '{event.name}' THEN {link if event.name == 'ATTENDEDTRANSFER' else position}"
    return f"CASE event{branches} END"


def _place_sql(position: str, least: int = 1) -> str:
    """A place, or a number of seconds, written plainly in a data field."""
    number = f"TRY_CAST(split_part(data, '|', {position}) AS INTEGER)"
    written = f"CAST({number} AS VARCHAR) = split_part(data, '|', {position})"
    return f"CASE WHEN {written} AND {number} BETWEEN {least} AND {_MOST_PLACES} THEN {number} END"


def visit_facts_sql(key: bytes, lines: Iterable[str]) -> str:
    """Return the columns of a told visit `v` that end ``core.queue_visits``; `lines` are the numbers of the site's own.

    Where a call went is a number of the house, one of its lines, an application or a channel; any other number is
    OUTSIDE. Into another conversation (BRIDGE) the log does not say whose.
    """
    withheld = ", ".join(map(str, withheld_keys(key)))
    first, second, third = (f"split_part({_of('v.transfer_data')}, '|', {place})" for place in (1, 2, 3))
    blind = "v.outcome_event IN ('TRANSFER', 'BLINDTRANSFER')"
    # A channel's name ends in what tells it from others of its peer.
    peer = f"regexp_replace({third}, '(-[0-9a-fA-F]+)?(;[12])?$', '')"
    target = (
        f"CASE WHEN {blind} THEN {first} WHEN {first} = 'APP' THEN {second} "
        f"WHEN {first} = '{ATTENDED_LINK}' THEN {peer} END"
    )
    own = ", ".join("'" + number.replace("'", "''") + "'" for number in lines)
    return f"""CASE WHEN v.caller IN ({withheld}) THEN NULL ELSE v.caller END,
        v.position, v.last_position,
        CASE WHEN {blind} THEN '{BLIND}' WHEN {first} = 'BRIDGE' THEN '{BRIDGE}' WHEN {first} = 'APP'
            THEN '{APPLICATION}' WHEN {first} = '{ATTENDED_LINK}' THEN '{LINK}' END,
        CASE WHEN {blind} THEN NULLIF({second}, '') END,
        CASE WHEN {target} IN ({own or "''"}) THEN {target}
            WHEN regexp_matches({target}, '[0-9]{{{_PUBLIC_DIGITS},}}') THEN '{OUTSIDE}'
            ELSE NULLIF({target}, '') END,
        v.ring_seconds"""
