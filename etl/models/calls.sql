-- One row per caller's call (callid over all lines) of the callids with several visits.
-- reach: the visits of a callid; takes the relation "several" (their visits).
WITH placed AS (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY pbx, callid ORDER BY ordinal) AS place,
        ROW_NUMBER() OVER (PARTITION BY pbx, callid ORDER BY ordinal DESC) AS place_from_end,
        ROW_NUMBER() OVER (PARTITION BY pbx, callid, answered ORDER BY ordinal) AS place_by_outcome,
        COUNT(*) OVER (PARTITION BY pbx, callid) AS visits
    FROM several
),

final AS (
    SELECT
        pbx,
        callid,
        MAX(CASE place WHEN 1 THEN service END) AS service,
        MAX(CASE place WHEN 1 THEN entered_epoch END) AS entered_epoch,
        MAX(visits) AS visits,
        BOOL_OR(answered) AS answered,
        BOOL_OR(place_from_end = 1 AND is_open) AS waits_still,
        MAX(CASE WHEN place_from_end = 1 AND NOT answered THEN cause END) AS last_cause,
        MAX(CASE WHEN place_from_end = 2 AND NOT answered THEN cause END) AS cause_before,
        MAX(CASE WHEN place_from_end = 1 THEN entered_epoch + wait_seconds END) AS last_until,
        MAX(CASE WHEN place_from_end = 2 THEN entered_epoch + wait_seconds END) AS until_before,
        MAX(CASE WHEN answered AND place_by_outcome = 1 THEN entered_epoch + wait_seconds END) AS connected_at,
        SUM(CASE WHEN answered AND talk_seconds IS NULL THEN 1 ELSE 0 END) AS unknown_talks,
        SUM(CASE WHEN answered THEN talk_seconds END) AS talk_seconds,
        MAX(CASE WHEN place_from_end = 1 THEN outcome_event END) AS outcome_event,
        MAX(CASE WHEN place_from_end = 1 THEN ended_epoch END) AS ended_epoch,
        MAX(CASE place WHEN 1 THEN did END) AS did,
        ARG_MIN(caller, place) FILTER (WHERE caller IS NOT NULL) AS caller,
        MAX(CASE place WHEN 1 THEN position END) AS position,
        MAX(CASE WHEN place_from_end = 1 THEN transfer_kind END) AS transfer_kind,
        MAX(CASE WHEN place_from_end = 1 THEN transferred_to END) AS transferred_to
    FROM placed
    GROUP BY pbx, callid
)

SELECT
    pbx,
    callid,
    1 AS ordinal,
    service,
    entered_epoch,
    CAST(visits AS INTEGER) AS visits,
    answered,
    FALSE AS is_open,
    CASE WHEN answered THEN NULL WHEN waits_still THEN cause_before ELSE last_cause END AS cause,
    CASE
        WHEN answered THEN connected_at - entered_epoch
        WHEN waits_still THEN until_before - entered_epoch
        ELSE last_until - entered_epoch
    END AS wait_seconds,
    CASE WHEN unknown_talks = 0 THEN CAST(talk_seconds AS INTEGER) END AS talk_seconds,
    outcome_event,
    ended_epoch,
    did,
    caller,
    position,
    transfer_kind,
    transferred_to
FROM final
