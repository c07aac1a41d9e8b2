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
_TRANSFER_NAMES = ", ".join(f"'{name}'" for name in TRANSFERS)
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
#: Of a place in the queue and of seconds of ring; more is no such number.
_GREATEST = 9999


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


def line_facts_sql() -> dict[str, str]:
    """Return what a line of a log tells, by the name it has in ``models/plain_visits.sql``; NULL where it has nothing.

    Places in the queue and seconds of ring are texts as written, to be read once a visit: ``place_sql``, ``ring_sql``.
    """
    enters = f"kind = {int(EventKind.ENTER)}"
    ends_answered = f"kind = {int(EventKind.ANSWERED_END)}"
    (entry,) = {event.position for event in QUEUE_LOG.events if event.kind is EventKind.ENTER}
    number = "split_part(data, '|', 2)"
    (ring,) = {event.ring for event in QUEUE_LOG.events if event.kind is EventKind.CONNECT}
    return {
        "caller": f"CASE WHEN {enters} THEN {caller_key_sql(number)} END",
        "position": f"CASE WHEN {enters} THEN split_part(data, '|', {entry}) END",
        "last_position": f"CASE WHEN kind = {int(EventKind.UNANSWERED_END)} "
        f"THEN split_part(data, '|', {_field_of('last_position')}) END",
        "transfer_data": f"CASE WHEN {ends_answered} AND event IN ({_TRANSFER_NAMES}) THEN data END",
        "ring": f"CASE WHEN kind = {int(EventKind.CONNECT)} THEN split_part(data, '|', {ring}) END",
    }


def end_place_sql() -> str:
    """Return the place at the entry that a line of an end tells; older exchanges write it only there."""
    return place_sql(f"split_part(data, '|', {_field_of('position')})")


def place_sql(text: str) -> str:
    """Return the place in a queue that a text tells: a number written plainly, from 1 on; else NULL."""
    return _plain_number_sql(text, 1)


def ring_sql(text: str) -> str:
    """Return the seconds of ring that a text tells: a number written plainly, from 0 on; else NULL."""
    return _plain_number_sql(text, 0)


def _plain_number_sql(text: str, least: int) -> str:
    number = f"TRY_CAST({text} AS INTEGER)"
    written = f"CAST({number} AS VARCHAR) = {text}"
    return f"CASE WHEN {written} AND {number} BETWEEN {least} AND {_GREATEST} THEN {number} END"


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
    transferred = f"v.outcome_event IN ({_TRANSFER_NAMES})"  # one visit in ten
    return f"""CASE WHEN v.caller IN ({withheld}) THEN NULL ELSE v.caller END,
        v.position, v.last_position,
        CASE WHEN {transferred} THEN
            CASE WHEN {blind} THEN '{BLIND}' WHEN {first} = 'BRIDGE' THEN '{BRIDGE}' WHEN {first} = 'APP'
                THEN '{APPLICATION}' WHEN {first} = '{ATTENDED_LINK}' THEN '{LINK}' END
        END,
        CASE WHEN {blind} THEN NULLIF({second}, '') END,
        CASE WHEN {transferred} THEN
            CASE WHEN {target} IN ({own or "''"}) THEN {target}
                WHEN regexp_matches({target}, '[0-9]{{{_PUBLIC_DIGITS},}}') THEN '{OUTSIDE}'
                ELSE NULLIF({target}, '') END
        END,
        v.ring_seconds"""
