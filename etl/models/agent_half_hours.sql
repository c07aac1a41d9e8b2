-- One row per day, half hour, person and reason of pause (NULL: not paused) from :low to :high, the latter not included.
-- reach: 31 days; takes the relations "spans" and "pauses" (of persons), "talks" (person, began, until) and "rung".
-- What overlaps counts once: no second of a person is busy twice. Busy is talking, or the time after a call as logged.
-- Seconds are ruled where only spans cover them whose end the log does not tell.
WITH reasons AS (
    SELECT reason, DENSE_RANK() OVER (ORDER BY reason) AS number
    FROM (SELECT DISTINCT reason FROM pauses WHERE reason IS NOT NULL) AS named
),

layers AS (
    SELECT
        person AS agent,
        began_epoch,
        until_epoch,
        1 AS s,
        CASE WHEN ended_by = 'logged' THEN 1 ELSE 0 END AS g,
        0 AS q,
        0 AS b
    FROM spans
    WHERE what = 'session'
    UNION ALL
    SELECT pauses.agent, pauses.began_epoch, pauses.until_epoch, 0 AS s, 0 AS g, reasons.number AS q, 0 AS b
    FROM pauses JOIN reasons ON reasons.reason = pauses.reason
    UNION ALL
    SELECT agent, began_epoch, until_epoch, 0 AS s, 0 AS g, 0 AS q, 1 AS b FROM talks
),

clipped AS (
    SELECT agent, GREATEST(began_epoch, :low) AS began_epoch, LEAST(until_epoch, :high) AS until_epoch, s, g, q, b
    FROM layers
    WHERE until_epoch > :low AND began_epoch < :high AND until_epoch > began_epoch
),

edges AS (
    SELECT agent, epoch, SUM(s) AS s, SUM(g) AS g, SUM(q) AS q, SUM(b) AS b
    FROM (
        SELECT agent, began_epoch AS epoch, s, g, q, b FROM clipped
        UNION ALL
        SELECT agent, until_epoch AS epoch, -s AS s, -g AS g, -q AS q, -b AS b FROM clipped
    ) AS both_ends
    GROUP BY agent, epoch
),

states AS (
    SELECT
        agent,
        epoch AS began_epoch,
        LEAD(epoch) OVER agent_order AS until_epoch,
        SUM(s) OVER agent_order AS s,
        SUM(g) OVER agent_order AS g,
        SUM(q) OVER agent_order AS q,
        SUM(b) OVER agent_order AS b
    FROM edges
    WINDOW agent_order AS (PARTITION BY agent ORDER BY epoch)
),

slots AS (
    SELECT *, UNNEST(range(began_epoch // 1800, (until_epoch - 1) // 1800 + 1)) AS slot
    FROM states
    WHERE until_epoch IS NOT NULL AND (s > 0 OR q > 0 OR b > 0)
),

pieces AS (
    SELECT
        slots.agent,
        slots.slot,
        reasons.reason,
        slots.s > 0 AS in_session,
        slots.s > 0 AND slots.g = 0 AS by_rule,
        slots.q > 0 AS paused,
        slots.b > 0 AS busy,
        LEAST(slots.until_epoch, (slots.slot + 1) * 1800) - GREATEST(slots.began_epoch, slots.slot * 1800) AS seconds,
        0 AS connected,
        0 AS rung
    FROM slots LEFT JOIN reasons ON reasons.number = slots.q
    UNION ALL
    SELECT agent, began_epoch // 1800, NULL, FALSE, FALSE, FALSE, FALSE, 0, 1, 0
    FROM talks WHERE is_call AND began_epoch >= :low AND began_epoch < :high
    UNION ALL
    SELECT agent, slot, NULL, FALSE, FALSE, FALSE, FALSE, 0, 0, 1
    FROM rung WHERE slot * 1800 >= :low AND slot * 1800 < :high
),

summed AS (
    SELECT
        agent,
        slot,
        reason,
        SUM(CASE WHEN in_session THEN seconds ELSE 0 END) AS session_seconds,
        SUM(CASE WHEN by_rule THEN seconds ELSE 0 END) AS ruled_seconds,
        SUM(CASE WHEN paused AND NOT busy THEN seconds ELSE 0 END) AS paused_seconds,
        SUM(CASE WHEN in_session AND busy THEN seconds ELSE 0 END) AS busy_seconds,
        SUM(CASE WHEN in_session AND (busy OR NOT paused) THEN seconds ELSE 0 END) AS staffed_seconds,
        SUM(CASE WHEN busy THEN seconds ELSE 0 END) AS talked_seconds,
        SUM(connected) AS connected,
        SUM(rung) AS rung
    FROM pieces
    GROUP BY agent, slot, reason
),

known AS (
    SELECT
        *,
        MAX(CASE WHEN session_seconds > 0 THEN 1 ELSE 0 END) OVER (PARTITION BY agent, slot) AS has_session,
        MAX(CASE WHEN talked_seconds + connected + rung > 0 THEN 1 ELSE 0 END) OVER (
            PARTITION BY agent, slot
        ) AS has_activity,
        ROW_NUMBER() OVER (PARTITION BY agent, slot ORDER BY CASE WHEN reason IS NULL THEN 0 ELSE 1 END, reason) AS place
    FROM summed
)

SELECT
    CAST(make_timestamp((slot * 1800 + (:zone_offset_seconds)) * 1000000) AS DATE) AS on_date,
    CAST((slot * 1800 + (:zone_offset_seconds)) // 1800 % 48 AS UTINYINT) AS half_hour,
    agent,
    reason,
    CAST(session_seconds AS INTEGER) AS session_seconds,
    CAST(ruled_seconds AS INTEGER) AS ruled_seconds,
    CAST(paused_seconds AS INTEGER) AS paused_seconds,
    CAST(busy_seconds AS INTEGER) AS busy_seconds,
    CAST(staffed_seconds AS INTEGER) AS staffed_seconds,
    CAST(talked_seconds AS INTEGER) AS talked_seconds,
    CAST(connected AS INTEGER) AS connected,
    CAST(CASE WHEN place = 1 THEN has_session ELSE 0 END AS UTINYINT) AS with_session,
    CAST(CASE WHEN place = 1 AND has_session = 0 THEN has_activity ELSE 0 END AS UTINYINT) AS with_activity
FROM known
