-- One row per pause of a person: what overlaps or is repeated is one, with the reason that it began with.
-- reach: 31 days; takes relations of spans (as agent_sessions does) and of the sessions of the same persons.
-- A pause ends with the session that it began in.
WITH parts AS (
    SELECT
        p.person,
        p.reason,
        p.began_epoch,
        LEAST(p.until_epoch, COALESCE(s.until_epoch, p.until_epoch)) AS until_epoch,
        CASE WHEN s.until_epoch < p.until_epoch THEN 'session' ELSE p.ended_by END AS ended_by
    FROM :spans AS p
    LEFT JOIN :sessions AS s
        ON s.agent = p.person AND p.began_epoch >= s.began_epoch AND p.began_epoch < s.until_epoch
    WHERE p.what = 'pause'
),

covered AS (
    SELECT
        *,
        MAX(until_epoch) OVER (
            PARTITION BY person ORDER BY began_epoch, until_epoch, reason, ended_by
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until
    FROM parts
),

islands AS (
    SELECT
        *,
        SUM(CASE WHEN covered_until >= began_epoch THEN 0 ELSE 1 END) OVER (
            PARTITION BY person ORDER BY began_epoch, until_epoch, reason, ended_by
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS island
    FROM covered
),

firsts AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY person, island ORDER BY began_epoch, CASE reason WHEN '' THEN 1 ELSE 0 END, reason
        ) AS place
    FROM islands
)

SELECT
    person AS agent,
    MAX(CASE place WHEN 1 THEN reason END) AS reason,
    MIN(began_epoch) AS began_epoch,
    MAX(until_epoch) AS until_epoch,
    ARG_MAX(
        ended_by,
        until_epoch * 8
        + CASE ended_by
            WHEN 'logged' THEN 6 WHEN 'session' THEN 5 WHEN 'data_end' THEN 4 WHEN 'limit' THEN 3 WHEN 'restart' THEN 2
            ELSE 1
        END
    ) AS ended_by
FROM firsts
GROUP BY person, island
