-- One row per day, half hour, person and reason of pause (NULL: not paused) from :low to :high, the latter not included.
-- reach: 31 days; takes the relations "spans" and "pauses" (of persons), "talks" (person, began, until) and "rung".
-- What overlaps counts once: no second of a person is busy twice. Busy is talking, or the time after a call as logged.
-- Seconds are ruled where only spans cover them whose end the log does not tell.
WITH reasons AS (
    SELECT reason, DENSE_RANK() OVER (ORDER BY reason) AS number
    FROM (SELECT DISTINCT reason FROM pauses WHERE reason IS NOT NULL) AS named
),

-- Numbers are put in order much quicker than names.
persons AS (
    SELECT agent, ROW_NUMBER() OVER (ORDER BY agent) AS who
    FROM (
        SELECT person AS agent FROM spans
        UNION
        SELECT agent FROM pauses
        UNION
        SELECT agent FROM talks
        UNION
        SELECT agent FROM rung
    ) AS everybody
),

-- What goes on is one number, so that one sum tells it: sessions, a thousand times those whose end the log tells, a
-- million times talks, and a milliard times the reason of the pause, of which a person has one at a time.
layers AS (
    SELECT
        person AS agent,
        began_epoch,
        until_epoch,
        CASE WHEN ended_by = 'logged' THEN 1001 ELSE 1 END AS goes_on
    FROM spans
    WHERE what = 'session'
    UNION ALL
    SELECT pauses.agent, pauses.began_epoch, pauses.until_epoch, 1000000000 * reasons.number AS goes_on
    FROM pauses JOIN reasons ON reasons.reason = pauses.reason
    UNION ALL
    SELECT agent, began_epoch, until_epoch, 1000000 AS goes_on FROM talks
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

slots AS (
    SELECT *, began_epoch // 1800 AS slot
    FROM states
    WHERE goes_on > 0 AND began_epoch // 1800 = (until_epoch - 1) // 1800
    UNION ALL
    SELECT *, UNNEST(range(began_epoch // 1800, (until_epoch - 1) // 1800 + 1)) AS slot
    FROM states
    WHERE goes_on > 0 AND began_epoch // 1800 < (until_epoch - 1) // 1800
),

pieces AS (
    SELECT
        who,
        slot,
        goes_on // 1000000000 AS q,
        goes_on % 1000 > 0 AS in_session,
        goes_on % 1000 > 0 AND goes_on // 1000 % 1000 = 0 AS by_rule,
        goes_on >= 1000000000 AS paused,
        goes_on // 1000000 % 1000 > 0 AS busy,
        CAST(LEAST(until_epoch, (slot + 1) * 1800) - GREATEST(began_epoch, slot * 1800) AS INTEGER) AS seconds,
        0 AS connected,
        0 AS rung
    FROM slots
    UNION ALL
    SELECT persons.who, talks.began_epoch // 1800, 0, FALSE, FALSE, FALSE, FALSE, 0, 1, 0
    FROM talks JOIN persons ON persons.agent = talks.agent
    WHERE talks.is_call AND talks.began_epoch >= :low AND talks.began_epoch < :high
    UNION ALL
    SELECT persons.who, rung.slot, 0, FALSE, FALSE, FALSE, FALSE, 0, 0, 1
    FROM rung JOIN persons ON persons.agent = rung.agent
    WHERE rung.slot * 1800 >= :low AND rung.slot * 1800 < :high
),

summed AS (
    SELECT
        who,
        slot,
        q,
        SUM(CASE WHEN in_session THEN seconds ELSE 0 END) AS session_seconds,
        SUM(CASE WHEN by_rule THEN seconds ELSE 0 END) AS ruled_seconds,
        SUM(CASE WHEN paused AND NOT busy THEN seconds ELSE 0 END) AS paused_seconds,
        SUM(CASE WHEN in_session AND busy THEN seconds ELSE 0 END) AS busy_seconds,
        SUM(CASE WHEN in_session AND (busy OR NOT paused) THEN seconds ELSE 0 END) AS staffed_seconds,
        SUM(CASE WHEN busy THEN seconds ELSE 0 END) AS talked_seconds,
        SUM(connected) AS connected,
        SUM(rung) AS rung
    FROM pieces
    GROUP BY who, slot, q
),

known AS (
    SELECT
        *,
        MAX(CASE WHEN session_seconds > 0 THEN 1 ELSE 0 END) OVER (PARTITION BY who, slot) AS has_session,
        MAX(CASE WHEN talked_seconds + connected + rung > 0 THEN 1 ELSE 0 END) OVER (
            PARTITION BY who, slot
        ) AS has_activity,
        ROW_NUMBER() OVER (PARTITION BY who, slot ORDER BY q) AS place
    FROM summed
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
    CAST(CASE WHEN place = 1 THEN has_session ELSE 0 END AS UTINYINT) AS with_session,
    CAST(CASE WHEN place = 1 AND has_session = 0 THEN has_activity ELSE 0 END AS UTINYINT) AS with_activity
FROM known
JOIN persons ON persons.who = known.who
LEFT JOIN reasons ON reasons.number = known.q
