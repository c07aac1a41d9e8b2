-- One row per day, half hour, person and reason of pause (NULL: not paused) from :low to :high, the latter not included.
-- reach: 31 days; takes "persons" and "reasons" by number, "spans", "pauses", "talks" (see etl.agents) and "rung".
-- What overlaps counts once: no second of a person is busy twice. Busy is talking, or the time after a call as logged.
-- Seconds are ruled where only spans cover them whose end the log does not tell.
-- What goes on beside talks is one number, so that one sum tells it: sessions, a thousand times those whose end the log
-- tells, and a million times the reason of the pause, of which a person has one at a time.
WITH layers AS (
    SELECT
        person AS agent,
        began_epoch,
        until_epoch,
        CASE WHEN ended_by = 'logged' THEN 1001 ELSE 1 END AS goes_on
    FROM spans
    WHERE what = 'session'
    UNION ALL
    SELECT pauses.agent, pauses.began_epoch, pauses.until_epoch, 1000000 * reasons.number AS goes_on
    FROM pauses JOIN reasons ON reasons.reason = pauses.reason
),

clipped AS (
    SELECT
        persons.who,
        GREATEST(layers.began_epoch, :low) AS began_epoch,
        LEAST(layers.until_epoch, :high) AS until_epoch,
        layers.goes_on
    FROM layers JOIN persons ON persons.agent = layers.agent
    WHERE layers.until_epoch > :low AND layers.began_epoch < :high AND layers.until_epoch > layers.began_epoch
),

edges AS (
    SELECT who, epoch, CAST(SUM(change) AS BIGINT) AS change
    FROM (
        SELECT who, began_epoch AS epoch, goes_on AS change FROM clipped
        UNION ALL
        SELECT who, until_epoch AS epoch, -goes_on AS change FROM clipped
    ) AS both_ends
    GROUP BY who, epoch
),

states AS (
    SELECT
        who,
        epoch AS began_epoch,
        LEAD(epoch) OVER who_order AS until_epoch,
        CAST(SUM(change) OVER who_order AS BIGINT) AS goes_on
    FROM edges
    WINDOW who_order AS (PARTITION BY who ORDER BY epoch)
),

state_slots AS (
    SELECT *, UNNEST(range(began_epoch // 1800, (until_epoch - 1) // 1800 + 1)) AS slot
    FROM states
    WHERE goes_on > 0
),

slots AS (
    SELECT
        who,
        slot,
        goes_on // 1000000 AS q,
        CASE WHEN goes_on % 1000 > 0 THEN 1 ELSE 0 END AS in_session,
        CASE WHEN goes_on % 1000 > 0 AND goes_on // 1000 % 1000 = 0 THEN 1 ELSE 0 END AS by_rule,
        CASE WHEN goes_on >= 1000000 THEN 1 ELSE 0 END AS paused,
        GREATEST(began_epoch, slot * 1800) AS began_epoch,
        LEAST(until_epoch, (slot + 1) * 1800) AS until_epoch
    FROM state_slots
),

-- The seconds of a talk that no earlier one of the person covers, by half hour: most talks lie within one.
busy_slots AS (
    SELECT
        who,
        slot,
        fresh_epoch AS began_epoch,
        LEAST(until_epoch, (slot + 1) * 1800) AS until_epoch,
        connected
    FROM talks
    UNION ALL
    SELECT
        who,
        slot,
        GREATEST(fresh_epoch, slot * 1800) AS began_epoch,
        LEAST(until_epoch, (slot + 1) * 1800) AS until_epoch,
        0 AS connected
    FROM (
        SELECT
            who,
            fresh_epoch,
            until_epoch,
            UNNEST(range(slot + 1, (until_epoch - 1) // 1800 + 1)) AS slot
        FROM talks
        WHERE until_epoch > (slot + 1) * 1800
    ) AS further
),

talked_slots AS (
    SELECT
        slots.who,
        slots.slot,
        slots.q,
        slots.in_session,
        slots.paused,
        LEAST(busy_slots.until_epoch, slots.until_epoch) - GREATEST(busy_slots.began_epoch, slots.began_epoch) AS seconds
    FROM busy_slots JOIN slots ON slots.who = busy_slots.who AND slots.slot = busy_slots.slot
    WHERE
        busy_slots.began_epoch < busy_slots.until_epoch
        AND busy_slots.began_epoch < slots.until_epoch
        AND slots.began_epoch < busy_slots.until_epoch
),

pieces AS (
    SELECT
        who,
        slot,
        q,
        in_session * (until_epoch - began_epoch) AS session_seconds,
        by_rule * (until_epoch - began_epoch) AS ruled_seconds,
        paused * (until_epoch - began_epoch) AS paused_seconds,
        0 AS busy_seconds,
        in_session * (1 - paused) * (until_epoch - began_epoch) AS staffed_seconds,
        0 AS talked_seconds,
        0 AS connected,
        0 AS rung
    FROM slots
    UNION ALL
    -- Who talks is not paused meanwhile, and at work if in session.
    SELECT
        who, slot, q, 0, 0, -paused * seconds, in_session * seconds, in_session * paused * seconds, paused * seconds, 0, 0
    FROM talked_slots
    UNION ALL
    -- Below, all talking stands with those not paused.
    SELECT who, slot, 0, 0, 0, 0, 0, 0, -seconds, 0, 0
    FROM talked_slots
    WHERE paused = 1
    UNION ALL
    SELECT who, slot, 0, 0, 0, 0, 0, 0, GREATEST(until_epoch - began_epoch, 0), connected, 0
    FROM busy_slots
    UNION ALL
    SELECT who, slot, 0, 0, 0, 0, 0, 0, 0, 0, 1
    FROM rung
),

summed AS (
    SELECT
        who,
        slot,
        q,
        SUM(session_seconds) AS session_seconds,
        SUM(ruled_seconds) AS ruled_seconds,
        SUM(paused_seconds) AS paused_seconds,
        SUM(busy_seconds) AS busy_seconds,
        SUM(staffed_seconds) AS staffed_seconds,
        SUM(talked_seconds) AS talked_seconds,
        SUM(connected) AS connected,
        SUM(rung) AS rung
    FROM pieces
    GROUP BY who, slot, q
    HAVING q > 0 OR SUM(session_seconds + talked_seconds + connected + rung) > 0
),

-- Where a person has several rows in a half hour, one of them counts the person.
paused_halves AS (
    SELECT DISTINCT who, slot FROM summed WHERE q > 0
),

halves AS (
    SELECT
        summed.who,
        summed.slot,
        MIN(summed.q) AS first_q,
        MAX(summed.session_seconds) AS session_seconds,
        MAX(summed.talked_seconds + summed.connected + summed.rung) AS activity
    FROM summed
    JOIN paused_halves ON paused_halves.who = summed.who AND paused_halves.slot = summed.slot
    GROUP BY summed.who, summed.slot
),

known AS (
    SELECT
        summed.*,
        COALESCE(halves.first_q, summed.q) = summed.q AS is_first,
        COALESCE(halves.session_seconds, summed.session_seconds) > 0 AS has_session,
        COALESCE(halves.activity, summed.talked_seconds + summed.connected + summed.rung) > 0 AS has_activity
    FROM summed
    LEFT JOIN halves ON halves.who = summed.who AND halves.slot = summed.slot
)

SELECT
    CAST(make_timestamp((slot * 1800 + (:zone_offset_seconds)) * 1000000) AS DATE) AS on_date,
    CAST((slot * 1800 + (:zone_offset_seconds)) // 1800 % 48 AS UTINYINT) AS half_hour,
    persons.agent,
    reasons.reason,
    CAST(session_seconds AS INTEGER) AS session_seconds,
    CAST(ruled_seconds AS INTEGER) AS ruled_seconds,
    CAST(paused_seconds AS INTEGER) AS paused_seconds,
    CAST(busy_seconds AS INTEGER) AS busy_seconds,
    CAST(staffed_seconds AS INTEGER) AS staffed_seconds,
    CAST(talked_seconds AS INTEGER) AS talked_seconds,
    CAST(connected AS INTEGER) AS connected,
    CAST(CASE WHEN is_first AND has_session THEN 1 ELSE 0 END AS UTINYINT) AS with_session,
    CAST(CASE WHEN is_first AND NOT has_session AND has_activity THEN 1 ELSE 0 END AS UTINYINT) AS with_activity
FROM known
JOIN persons ON persons.who = known.who
LEFT JOIN reasons ON reasons.number = known.q
