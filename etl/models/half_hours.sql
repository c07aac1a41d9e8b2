-- One row per part, day, half hour of entry and line: registered calls and what is added up of them.
-- reach: its own month.
WITH source AS (
    SELECT
        CASE WHEN alone THEN 'alone' ELSE 'visit' END AS part,
        entered_date,
        entered_epoch,
        service,
        answered,
        wait_seconds,
        -- Told once here, not once for each of the seconds counted below.
        CASE WHEN answered THEN wait_seconds END AS answered_wait,
        CASE WHEN answered THEN talk_seconds END AS answered_talk
    FROM :segment.core.queue_visits
    WHERE NOT is_open
    UNION ALL
    SELECT
        unit AS part,
        entered_date,
        entered_epoch,
        service,
        answered,
        wait_seconds,
        CASE WHEN answered THEN wait_seconds END AS answered_wait,
        CASE WHEN answered THEN talk_seconds END AS answered_talk
    FROM :segment.core.chained_calls
    WHERE NOT is_open
)

SELECT
    part,
    entered_date,
    CAST((entered_epoch + (:zone_offset_seconds)) // 1800 % 48 AS UTINYINT) AS half_hour,
    service,
    CAST(COUNT(*) AS INTEGER) AS calls,
    CAST(SUM(CASE WHEN answered THEN 1 ELSE 0 END) AS INTEGER) AS answered_calls,
    CAST(COUNT(answered_wait) AS INTEGER) AS waits,
    CAST(COALESCE(SUM(answered_wait), 0) AS BIGINT) AS waited_seconds,
    CAST(COUNT(answered_talk) AS INTEGER) AS talks,
    CAST(COALESCE(SUM(answered_talk), 0) AS BIGINT) AS talked_seconds,
    MAX(wait_seconds) AS longest_wait,
    :within_sums
FROM source
GROUP BY part, entered_date, half_hour, service
