-- One row per callid that one aggregate can tell: entered once, one queue, connected and ended in order with equal waits, or ended unanswered.
-- reach: the lines of a callid within 31 days of each other; takes the relation "scope" (lines of the callids to build).
-- :caller, :position, :last_position, :transfer_data, :ring: what a line tells of these (etl.call_facts).
-- :place_of(text), :ring_of(text): the place, the seconds that a text tells.
-- :pbx and :keys: a literal and "callid" where there is one PBX, else "pbx" and "pbx, callid".
-- "form" counts the kinds in one number (64 to the power of the kind's place); with the number of rows it is unmistakable.
WITH per_callid AS (
    SELECT
        :pbx AS pbx,
        callid,
        SUM(CASE kind WHEN 1 THEN 1 WHEN 2 THEN 64 WHEN 3 THEN 4096 WHEN 4 THEN 262144 WHEN 5 THEN 16777216
                      ELSE 0 END) AS form,
        COUNT(*) AS rows_seen,
        MAX(kind) AS greatest_kind,
        MIN(kind) AS least_kind,
        MIN(CASE WHEN kind < 5 THEN hash(queue) END) AS least_queue,
        MAX(CASE WHEN kind < 5 THEN hash(queue) END) AS greatest_queue,
        MIN(load) AS least_load,
        MAX(load) AS greatest_load,
        MIN(hold_seconds) AS least_hold,
        MAX(hold_seconds) AS greatest_hold,
        COUNT(hold_seconds) AS holds,
        MAX(talk_seconds) AS talk_seconds,
        MAX(CASE kind WHEN 1 THEN epoch END) AS entered_epoch,
        MAX(CASE WHEN kind IN (3, 4) THEN epoch END) AS ended_epoch,
        MAX(CASE kind WHEN 1 THEN line END) AS enter_line,
        MAX(CASE kind WHEN 2 THEN line END) AS connect_line,
        MAX(CASE WHEN kind IN (3, 4) THEN line END) AS end_line,
        MAX(CASE kind WHEN 5 THEN line END) AS did_line,
        MAX(CASE kind WHEN 1 THEN queue END) AS queue,
        MAX(CASE kind WHEN 2 THEN agent END) AS agent,
        MAX(CASE WHEN kind IN (3, 4) THEN event END) AS outcome_event,
        MAX(:did_data) AS did_data,
        MAX(:caller) AS caller,
        MAX(:position) AS position_text,
        MAX(:last_position) AS last_position_text,
        MAX(:transfer_data) AS transfer_data,
        MAX(:ring) AS ring_text
    FROM scope
    WHERE kind BETWEEN 1 AND 6
    GROUP BY :keys
)

SELECT
    pbx,
    callid,
    CASE
        WHEN greatest_kind = 6 THEN 'outbound'
        WHEN least_kind = 5 THEN 'nothing'
        WHEN
            -- Inside one piece the order of the lines is the order that counts.
            least_load = greatest_load
            AND least_queue = greatest_queue
            AND least_hold = greatest_hold
            AND least_hold >= 0
            AND greatest_hold <= :long_seconds
            AND (
                (
                    ((form = 4161 AND rows_seen = 3) OR (form = 16781377 AND rows_seen = 4))
                    AND holds = 2
                    AND talk_seconds BETWEEN 0 AND :long_seconds
                    AND agent <> ''
                    AND agent <> 'NONE'
                    AND enter_line < connect_line
                    AND connect_line < end_line
                )
                OR (
                    ((form = 262145 AND rows_seen = 2) OR (form = 17039361 AND rows_seen = 3))
                    AND holds = 1
                    AND outcome_event <> 'SYSCOMPAT'
                    AND enter_line < end_line
                )
            )
            THEN 'plain'
        ELSE 'irregular'
    END AS shape,
    queue,
    CASE WHEN did_line < enter_line THEN split_part(did_data, '|', 1) END AS did,
    agent,
    entered_epoch,
    ended_epoch,
    connect_line IS NOT NULL AS answered,
    least_hold AS wait_seconds,
    CASE WHEN connect_line IS NOT NULL THEN talk_seconds END AS talk_seconds,
    outcome_event,
    least_load AS load,
    enter_line,
    connect_line,
    end_line,
    caller,
    :place_of(position_text) AS position,
    :place_of(last_position_text) AS last_position,
    transfer_data,
    :ring_of(ring_text) AS ring_seconds
FROM per_callid
