-- One row per part, day of entry, line, outcome, cause and second of wait: calls, known talks and their sum.
-- reach: its own month. Whatever a figure does not split by is added up here once, a quarter of the rows or fewer.
WITH source AS (
    SELECT
        CASE WHEN alone THEN 'alone' ELSE 'visit' END AS part,
        entered_date,
        service,
        answered,
        is_open,
        cause,
        wait_seconds,
        talk_seconds
    FROM :segment.core.queue_visits
    UNION ALL
    SELECT unit AS part, entered_date, service, answered, is_open, cause, wait_seconds, talk_seconds
    FROM :segment.core.chained_calls
)

SELECT
    part,
    entered_date,
    service,
    answered,
    is_open,
    cause,
    wait_seconds,
    CAST(COUNT(*) AS INTEGER) AS calls,
    CAST(COUNT(talk_seconds) AS INTEGER) AS talks,
    CAST(COALESCE(SUM(talk_seconds), 0) AS BIGINT) AS talk_seconds
FROM source
GROUP BY part, entered_date, service, answered, is_open, cause, wait_seconds
