-- One row per call to a line of the callids with several visits (a callid of one visit is its own line call).
-- reach: the visits of a callid; takes the relation "several" (their visits) and the parameter :chain_gap.
WITH ordered AS (
    SELECT
        *,
        LAG(service) OVER callid_order AS previous_service,
        LAG(answered) OVER callid_order AS previous_answered,
        LAG(cause) OVER callid_order AS previous_cause,
        LAG(ended_epoch) OVER callid_order AS previous_ended,
        LAG(ordinal) OVER callid_order AS previous_ordinal
    FROM several
    WINDOW callid_order AS (PARTITION BY pbx, callid ORDER BY ordinal)
),

chained AS (
    SELECT
        *,
        SUM(
            CASE
                WHEN
                    previous_ordinal IS NOT NULL
                    AND NOT previous_answered
                    AND previous_cause IN ('timeout', 'key', 'empty')
                    AND COALESCE(service, '') = COALESCE(previous_service, '')
                    AND ABS(entered_epoch - previous_ended) <= :chain_gap
                    THEN 0
                ELSE 1
            END
        ) OVER (PARTITION BY pbx, callid ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS chain
    FROM ordered
),

placed AS (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY pbx, callid, chain ORDER BY ordinal) AS place,
        ROW_NUMBER() OVER (PARTITION BY pbx, callid, chain ORDER BY ordinal DESC) AS place_from_end,
        COUNT(*) OVER (PARTITION BY pbx, callid, chain) AS visits
    FROM chained
),

final AS (
    SELECT
        pbx,
        callid,
        CAST(chain AS INTEGER) AS ordinal,
        MAX(CASE place WHEN 1 THEN service END) AS service,
        MAX(CASE place WHEN 1 THEN entered_epoch END) AS entered_epoch,
        MAX(visits) AS visits,
        BOOL_OR(answered) AS answered,
        BOOL_OR(place_from_end = 1 AND is_open) AS waits_still,
        MAX(CASE WHEN place_from_end = 1 AND NOT answered THEN cause END) AS last_cause,
        MAX(CASE WHEN place_from_end = 2 THEN cause END) AS cause_before,
        MAX(CASE WHEN place_from_end = 1 THEN entered_epoch + wait_seconds END) AS last_until,
        MAX(CASE WHEN place_from_end = 2 THEN entered_epoch + wait_seconds END) AS until_before,
        MAX(CASE WHEN place_from_end = 1 THEN wait_seconds END) AS last_wait,
        MAX(CASE WHEN place_from_end = 1 THEN talk_seconds END) AS talk_seconds,
        MAX(CASE WHEN place_from_end = 1 THEN outcome_event END) AS outcome_event,
        MAX(CASE WHEN place_from_end = 1 THEN ended_epoch END) AS ended_epoch,
        MAX(CASE place WHEN 1 THEN did END) AS did,
        ARG_MIN(caller, place) FILTER (WHERE caller IS NOT NULL) AS caller,
        MAX(CASE place WHEN 1 THEN position END) AS position,
        MAX(CASE WHEN place_from_end = 1 THEN transfer_kind END) AS transfer_kind,
        MAX(CASE WHEN place_from_end = 1 THEN transferred_to END) AS transferred_to
    FROM placed
    GROUP BY pbx, callid, chain
)

SELECT
    pbx,
    callid,
    ordinal,
    service,
    entered_epoch,
    CAST(visits AS INTEGER) AS visits,
    answered,
    waits_still AND visits = 1 AS is_open,
    CASE
        WHEN answered OR (waits_still AND visits = 1) THEN NULL
        WHEN waits_still THEN cause_before
        ELSE last_cause
    END AS cause,
    CASE
        WHEN visits = 1 THEN last_wait
        WHEN waits_still THEN until_before - entered_epoch
        ELSE last_until - entered_epoch
    END AS wait_seconds,
    talk_seconds,
    outcome_event,
    ended_epoch,
    did,
    caller,
    position,
    transfer_kind,
    transferred_to
FROM final
