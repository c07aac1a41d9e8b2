-- One row per visit still without an end, with what it stands for by now: restart, given up as unknown, or under way.
-- reach: all visits that wait in the logs; takes "waiting" (core.unsettled_visits), "restarts", "files", "sources".
WITH placed AS (
    SELECT
        waiting.pbx,
        waiting.callid,
        waiting.ordinal,
        waiting.entered_epoch,
        sources.last_epoch,
        MAX(CASE WHEN restarts.load IS NOT NULL THEN 1 ELSE 0 END) AS restarted
    FROM waiting
    JOIN files ON files.load = waiting.last_load
    JOIN sources ON sources.pbx = waiting.pbx
    LEFT JOIN (
        SELECT restarts.*, files.place AS file_place, files.file
        FROM restarts
        JOIN files ON files.load = restarts.load
    ) AS restarts
        ON
            restarts.pbx = waiting.pbx
            AND (
                restarts.order_epoch > waiting.last_order_epoch
                OR (
                    restarts.order_epoch = waiting.last_order_epoch
                    AND (
                        restarts.file_place > files.place
                        OR (restarts.file = files.file AND restarts.line > waiting.last_line)
                    )
                )
            )
    GROUP BY waiting.pbx, waiting.callid, waiting.ordinal, waiting.entered_epoch, sources.last_epoch
)

SELECT
    pbx,
    callid,
    ordinal,
    entered_epoch,
    restarted = 0 AND last_epoch - entered_epoch <= :open_after_seconds AS is_open,
    CASE
        WHEN restarted = 1 THEN 'restart'
        WHEN last_epoch - entered_epoch > :open_after_seconds THEN 'unknown'
    END AS cause
FROM placed
