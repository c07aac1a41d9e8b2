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
        talk_seconds
    FROM :segment.core.queue_visits
    WHERE NOT is_open
    UNION ALL
    SELECT unit AS part, entered_date, entered_epoch, service, answered, wait_seconds, talk_seconds
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
    CAST(SUM(CASE WHEN answered AND wait_seconds IS NOT NULL THEN 1 ELSE 0 END) AS INTEGER) AS waits,
    CAST(SUM(CASE WHEN answered AND wait_seconds IS NOT NULL THEN wait_seconds ELSE 0 END) AS BIGINT) AS waited_seconds,
    CAST(SUM(CASE WHEN answered AND talk_seconds IS NOT NULL THEN 1 ELSE 0 END) AS INTEGER) AS talks,
    CAST(SUM(CASE WHEN answered AND talk_seconds IS NOT NULL THEN talk_seconds ELSE 0 END) AS BIGINT) AS talked_seconds,
    MAX(wait_seconds) AS longest_wait,
    :within_sums
FROM source
GROUP BY part, entered_date, half_hour, service
