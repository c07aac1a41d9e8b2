"""What a caller did after a call: called the same line again, or was answered later that day.

In: SELECTs of visits or calls with their callers' keys. Out: SELECTs of the same rows with what came after. Nothing of
it is stored: the next call may lie in a month that is loaded years later, and a call's line changes with the mapping.
"""

from datetime import timedelta

from etl.settings import ZONE_OFFSET_SECONDS

#: The longest time within which a call is one more of the same caller.
NEXT_CALL_DAYS = timedelta(days=7)
#: An answer of a day belongs to an entry of it or of the day before; waits of more than a day are broken clocks.
LONGEST_TO_ANSWER = timedelta(days=1)


def next_calls_sql(calls: str, ends: str) -> str:
    """Return the calls of known callers, each with the seconds to the caller's next one to the same line.

    Adds next_call_seconds (NULL where none is on record) and observed_seconds, from the entry to the end of the record
    of its PBX (`ends`: pbx, last_epoch). Several calls to a line of one callid are one: coming back by a transfer is
    not calling again.
    """
    same = "PARTITION BY caller, COALESCE(service, '') ORDER BY entered_epoch, callid"
    first = f"CASE WHEN LAG(callid) OVER ({same}) IS DISTINCT FROM callid THEN entered_epoch END"
    return f"""SELECT again.* EXCLUDE (begun_epoch, next_epoch), next_epoch - entered_epoch AS next_call_seconds,
            ends.last_epoch - entered_epoch AS observed_seconds
        FROM (
            SELECT *, LEAD(begun_epoch IGNORE NULLS) OVER ({same}) AS next_epoch
            FROM (SELECT *, {first} AS begun_epoch FROM ({calls}) WHERE caller IS NOT NULL)
        ) AS again
        JOIN {ends} AS ends ON ends.pbx = again.pbx"""


def later_answers_sql(abandoned: str, answered: str) -> str:
    """Return abandoned calls, each with when and where its caller was first answered afterwards, the same local day.

    `answered` are queue visits: whoever overflows to another line and is answered there was answered. Adds
    answered_after_seconds, from the end of the call, and answered_service; NULL where nobody answered that day.
    """
    connected = "entered_epoch + COALESCE(wait_seconds, 0)"
    day = f"DATE '1970-01-01' + CAST(({connected} + ({ZONE_OFFSET_SECONDS})) // 86400 AS INTEGER)"
    return f"""WITH given_up AS (
            SELECT *, COALESCE(ended_epoch, entered_epoch) AS given_up_epoch FROM ({abandoned})
        ),
        answers AS (
            SELECT caller, {day} AS day, {connected} AS connected_epoch, MIN(COALESCE(service, '')) AS service
            FROM ({answered}) WHERE caller IN (SELECT caller FROM given_up)
            GROUP BY caller, {day}, {connected}
        )
        SELECT given_up.* EXCLUDE (given_up_epoch),
            answers.connected_epoch - given_up.given_up_epoch AS answered_after_seconds,
            NULLIF(answers.service, '') AS answered_service
        FROM given_up ASOF LEFT JOIN answers
            ON given_up.caller = answers.caller AND given_up.entered_date = answers.day
            AND given_up.given_up_epoch <= answers.connected_epoch"""
