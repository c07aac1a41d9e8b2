-- One row per callid that one aggregate can tell: entered once, one queue, connected and ended in order with equal waits, or ended unanswered.
-- reach: the lines of a callid within 31 days of each other; takes the relation "scope" (lines of the callids to build).
WITH per_callid AS (
    SELECT
        pbx,
        callid,
        SUM(CASE kind WHEN 1 THEN 1 WHEN 2 THEN 1000 WHEN 3 THEN 1000000 WHEN 4 THEN 1000000000
                      WHEN 6 THEN 1000000000000 ELSE 0 END) AS shape,
        SUM(CASE WHEN kind < 5 THEN 1 ELSE 0 END) AS steps,
        SUM(CASE kind WHEN 5 THEN 1 ELSE 0 END) AS dids,
        MIN(CASE WHEN kind < 5 THEN hash(queue) END) AS least_queue,
        MAX(CASE WHEN kind < 5 THEN hash(queue) END) AS greatest_queue,
        MIN(hold_seconds) AS least_hold,
        MAX(hold_seconds) AS greatest_hold,
        COUNT(hold_seconds) AS holds,
        MAX(talk_seconds) AS talk_seconds,
        MAX(CASE kind WHEN 1 THEN order_epoch END) AS enter_order,
        MAX(CASE kind WHEN 2 THEN order_epoch END) AS connect_order,
        MAX(CASE WHEN kind IN (3, 4) THEN order_epoch END) AS end_order,
        MAX(CASE kind WHEN 5 THEN order_epoch END) AS did_order,
        MAX(CASE kind WHEN 5 THEN load END) AS did_load,
        MAX(CASE kind WHEN 5 THEN line END) AS did_line,
        MAX(CASE kind WHEN 1 THEN epoch END) AS entered_epoch,
        MAX(CASE WHEN kind IN (3, 4) THEN epoch END) AS ended_epoch,
        MAX(CASE kind WHEN 1 THEN load END) AS enter_load,
        MAX(CASE kind WHEN 2 THEN load END) AS connect_load,
        MAX(CASE WHEN kind IN (3, 4) THEN load END) AS end_load,
        MAX(CASE kind WHEN 1 THEN line END) AS enter_line,
        MAX(CASE kind WHEN 2 THEN line END) AS connect_line,
        MAX(CASE WHEN kind IN (3, 4) THEN line END) AS end_line,
        MAX(CASE kind WHEN 1 THEN queue END) AS queue,
        MAX(CASE kind WHEN 2 THEN agent END) AS agent,
        MAX(CASE WHEN kind IN (3, 4) THEN event END) AS outcome_event,
        MAX(CASE kind WHEN 5 THEN split_part(data, '|', 1) END) AS did
    FROM scope
    WHERE kind BETWEEN 1 AND 6
    GROUP BY pbx, callid
),

judged AS (
    SELECT
        *,
        CASE
            WHEN shape >= 1000000000000 THEN 'outbound'
            WHEN steps = 0 THEN 'nothing'
            WHEN
                (dids = 0 OR (dids = 1 AND (did_order <> enter_order OR did_load = enter_load)))
                AND least_queue = greatest_queue
                AND least_hold = greatest_hold
                AND least_hold >= 0
                AND greatest_hold <= :long_seconds
                AND (
                    (
                        steps = 3 AND shape = 1001001 AND holds = 2
                        AND talk_seconds BETWEEN 0 AND :long_seconds
                        AND agent NOT IN ('', 'NONE')
                        AND (enter_order < connect_order
                             OR (enter_order = connect_order AND enter_load = connect_load AND enter_line < connect_line))
                        AND (connect_order < end_order
                             OR (connect_order = end_order AND connect_load = end_load AND connect_line < end_line))
                    )
                    OR (
                        steps = 2 AND shape = 1000000001 AND holds = 1
                        AND outcome_event <> 'SYSCOMPAT'
                        AND (enter_order < end_order
                             OR (enter_order = end_order AND enter_load = end_load AND enter_line < end_line))
                    )
                )
                THEN 'plain'
            ELSE 'irregular'
        END AS shape_name
    FROM per_callid
)

SELECT
    pbx,
    callid,
    shape_name,
    queue,
    CASE WHEN did_order < enter_order OR (did_order = enter_order AND did_line < enter_line) THEN did END AS did,
    CASE WHEN steps = 3 THEN agent END AS agent,
    entered_epoch,
    ended_epoch,
    steps = 3 AS answered,
    least_hold AS wait_seconds,
    CASE WHEN steps = 3 THEN talk_seconds END AS talk_seconds,
    outcome_event,
    enter_load,
    enter_line,
    connect_load,
    connect_line,
    end_load,
    end_line
FROM judged
