-- One row per stretch of a session, pause or time after a call that one line of the log opens (or a logoff tells the beginning of).
-- reach: 31 days before and after a line; takes the relation "agent_lines" (the operators' lines and the restarts) and :reach.
-- A stretch is ended by the next line of the same operator and queue, by UNPAUSEALL or by a restart, whichever is first.
WITH ordered AS (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY pbx ORDER BY order_epoch, place, tied_event, line, load) AS seq,
        -- Since 2012 each PAUSEALL comes with a PAUSE for each queue: those tell it, and what ends it.
        MAX(CASE WHEN event = 'PAUSE' THEN 1 ELSE 0 END) OVER (PARTITION BY pbx, agent, epoch) AS paused_by_queue
    FROM agent_lines
),

seen AS (
    SELECT
        *,
        MIN(CASE WHEN event = 'QUEUESTART' THEN seq END) OVER (
            PARTITION BY pbx ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_restart,
        MAX(CASE WHEN event = 'QUEUESTART' THEN seq END) OVER (
            PARTITION BY pbx ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS last_restart,
        MIN(CASE WHEN event = 'UNPAUSEALL' THEN seq END) OVER (
            PARTITION BY pbx, agent ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_unpauseall
    FROM ordered
),

steps AS (
    SELECT
        *,
        'session' AS what,
        CASE
            WHEN event IN ('ADDMEMBER', 'REMOVEMEMBER') THEN 'queue ' || queue
            WHEN event IN ('AGENTLOGIN', 'AGENTLOGOFF') THEN 'login'
            ELSE 'callback'
        END AS part,
        event IN ('ADDMEMBER', 'AGENTLOGIN', 'AGENTCALLBACKLOGIN') AS opens,
        CAST(NULL AS VARCHAR) AS reason
    FROM seen
    WHERE
        event IN (
            'ADDMEMBER', 'REMOVEMEMBER', 'AGENTLOGIN', 'AGENTLOGOFF', 'AGENTCALLBACKLOGIN', 'AGENTCALLBACKLOGOFF'
        )
    UNION ALL
    -- A member comes in unpaused, unless the line says PAUSED, and takes its pause along when it leaves.
    SELECT
        *,
        'pause' AS what,
        CASE WHEN event IN ('PAUSEALL', 'UNPAUSEALL') THEN 'all' ELSE 'queue ' || queue END AS part,
        event IN ('PAUSE', 'PAUSEALL') OR (event = 'ADDMEMBER' AND split_part(data, '|', 1) = 'PAUSED') AS opens,
        CASE WHEN event IN ('PAUSE', 'PAUSEALL') THEN trim(split_part(data, '|', 1)) ELSE '' END AS reason
    FROM seen
    WHERE
        event IN ('PAUSE', 'UNPAUSE', 'UNPAUSEALL', 'ADDMEMBER', 'REMOVEMEMBER')
        OR (event = 'PAUSEALL' AND paused_by_queue = 0)
),

placed AS (
    SELECT
        *,
        LEAD(seq) OVER part_order AS next_seq,
        LAG(seq) OVER part_order AS previous_seq,
        LAG(opens) OVER part_order AS previous_opens,
        LAG(epoch) OVER part_order AS previous_epoch,
        LAG(order_epoch) OVER part_order AS previous_order_epoch
    FROM steps
    WINDOW part_order AS (PARTITION BY pbx, agent, what, part ORDER BY seq)
),

opened AS (
    SELECT
        *,
        LEAST(
            COALESCE(next_seq, 9223372036854775807),
            COALESCE(next_restart, 9223372036854775807),
            COALESCE(CASE WHEN what = 'pause' THEN next_unpauseall END, 9223372036854775807)
        ) AS end_seq
    FROM placed
    WHERE opens
),

ended AS (
    SELECT
        opened.*,
        ends.event AS end_event,
        ends.epoch AS end_epoch,
        ends.load AS end_load,
        ends.line AS end_line,
        COALESCE(ends.order_epoch - opened.order_epoch <= :reach, FALSE) AS is_ended
    FROM opened
    LEFT JOIN ordered AS ends ON ends.pbx = opened.pbx AND ends.seq = opened.end_seq
),

-- A logoff whose login was not logged tells how long the session lasted.
told_by_logoff AS (
    SELECT
        placed.*,
        TRY_CAST(split_part(placed.data, '|', 2) AS BIGINT) AS logged_in_seconds,
        restarts.epoch AS restart_epoch
    FROM placed
    LEFT JOIN ordered AS restarts ON restarts.pbx = placed.pbx AND restarts.seq = placed.last_restart
    WHERE
        placed.event IN ('AGENTLOGOFF', 'AGENTCALLBACKLOGOFF')
        AND NOT COALESCE(
            placed.previous_opens
            AND placed.order_epoch - placed.previous_order_epoch <= :reach
            AND COALESCE(placed.last_restart, 0) < placed.previous_seq,
            FALSE
        )
),

final AS (
    SELECT
        pbx,
        agent,
        CASE WHEN part IN ('login', 'callback', 'all') THEN NULL ELSE queue END AS queue,
        what,
        reason,
        epoch AS began_epoch,
        'logged' AS began_by,
        CASE WHEN is_ended THEN GREATEST(end_epoch, epoch) END AS ended_epoch,
        CASE
            WHEN NOT is_ended THEN NULL
            WHEN end_event = 'QUEUESTART' THEN 'restart'
            WHEN what = 'session' AND end_event IN ('ADDMEMBER', 'AGENTLOGIN', 'AGENTCALLBACKLOGIN') THEN 'replaced'
            WHEN what = 'pause' AND end_event IN ('PAUSE', 'PAUSEALL') THEN 'repeated'
            WHEN what = 'pause' AND end_event IN ('ADDMEMBER', 'REMOVEMEMBER') THEN 'session'
            ELSE 'logged'
        END AS ended_by,
        load,
        line,
        CASE WHEN is_ended THEN end_load END AS end_load,
        CASE WHEN is_ended THEN end_line END AS end_line,
        epoch AS anchor_epoch
    FROM ended
    UNION ALL
    SELECT
        pbx,
        agent,
        NULL AS queue,
        what,
        reason,
        GREATEST(
            epoch - logged_in_seconds,
            CASE WHEN previous_opens THEN epoch - logged_in_seconds ELSE COALESCE(previous_epoch, 0) END,
            COALESCE(restart_epoch, 0)
        ) AS began_epoch,
        'login_time' AS began_by,
        epoch AS ended_epoch,
        'logged' AS ended_by,
        load,
        line,
        load AS end_load,
        line AS end_line,
        epoch AS anchor_epoch
    FROM told_by_logoff
    WHERE logged_in_seconds BETWEEN 0 AND :reach
    UNION ALL
    SELECT
        pbx,
        agent,
        queue,
        'wrapup' AS what,
        NULL AS reason,
        epoch AS began_epoch,
        'logged' AS began_by,
        epoch + TRY_CAST(split_part(data, '|', 1) AS BIGINT) AS ended_epoch,
        'logged' AS ended_by,
        load,
        line,
        load AS end_load,
        line AS end_line,
        epoch AS anchor_epoch
    FROM ordered
    WHERE event = 'WRAPUPSTART' AND TRY_CAST(split_part(data, '|', 1) AS BIGINT) BETWEEN 1 AND :longest_wrapup
)

SELECT * FROM final
