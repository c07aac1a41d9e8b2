-- One row per session of a person: the union of its logins and of the queues it is a member of, under all its spellings.
-- reach: 31 days; takes a relation of spans, with the person and the instant until which each lasts, where "spans" stands.
-- A new login, or a restart, begins another session where nothing else goes on.
WITH parts AS (
    SELECT
        *,
        until_epoch - CASE WHEN ended_by IN ('replaced', 'restart') THEN 1 ELSE 0 END AS joined_until
    FROM :spans
    WHERE what = 'session'
),

covered AS (
    SELECT
        *,
        MAX(joined_until) OVER (
            PARTITION BY person ORDER BY began_epoch, until_epoch, ended_by
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until
    FROM parts
),

islands AS (
    SELECT
        *,
        SUM(CASE WHEN covered_until >= began_epoch THEN 0 ELSE 1 END) OVER (
            PARTITION BY person ORDER BY began_epoch, until_epoch, ended_by
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS island
    FROM covered
)

SELECT
    person AS agent,
    MIN(began_epoch) AS began_epoch,
    MAX(until_epoch) AS until_epoch,
    ARG_MIN(began_by, began_epoch * 2 + CASE began_by WHEN 'logged' THEN 0 ELSE 1 END) AS began_by,
    -- Of what ends at the same time, what the log tells.
    ARG_MAX(
        ended_by,
        until_epoch * 8
        + CASE ended_by WHEN 'logged' THEN 5 WHEN 'data_end' THEN 4 WHEN 'limit' THEN 3 WHEN 'replaced' THEN 2 ELSE 1 END
    ) AS ended_by,
    CAST(COUNT(*) AS INTEGER) AS spans
FROM islands
GROUP BY person, island
