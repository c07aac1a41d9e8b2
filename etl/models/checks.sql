-- One count of bad rows per check, for one segment of calls; each marked fail (nothing is published) or warn.
-- reach: its own month; "outbound" holds the outbound callids of all months at hand.

-- check: every visit belongs to its month of entry | fail
SELECT COUNT(*) FROM :segment.core.queue_visits WHERE entered_epoch < :start OR entered_epoch >= :end;

-- check: every call belongs to its month of entry | fail
SELECT COUNT(*) FROM :segment.core.chained_calls WHERE entered_epoch < :start OR entered_epoch >= :end;

-- check: registered = answered + abandoned by cause | fail
SELECT COUNT(*) FROM :segment.core.queue_visits
WHERE
    (answered AND (is_open OR cause IS NOT NULL))
    OR (is_open AND cause IS NOT NULL)
    OR (NOT is_open AND NOT answered AND cause IS NULL);

-- check: calls: registered = answered + abandoned by cause | fail
SELECT COUNT(*) FROM :segment.core.chained_calls
WHERE
    (answered AND (is_open OR cause IS NOT NULL))
    OR (is_open AND cause IS NOT NULL)
    OR (NOT is_open AND NOT answered AND cause IS NULL);

-- check: a visit is there once | fail
SELECT COUNT(*) - COUNT(DISTINCT pbx || chr(31) || callid || chr(31) || ordinal) FROM :segment.core.queue_visits
WHERE NOT alone;

-- check: durations are never negative | fail
SELECT COUNT(*) FROM :segment.core.queue_visits WHERE wait_seconds < 0 OR talk_seconds < 0;

-- check: an entry line opens one visit | fail
SELECT ABS(
    (SELECT COUNT(*) FROM :segment.core.queue_visits WHERE NOT reconstructed)
    - (
        SELECT COUNT(*) FROM :segment.raw.queue_log AS q
        JOIN files ON files.load = q.load
        WHERE
            q.kind = 1
            AND NOT EXISTS (
                SELECT 1 FROM outbound AS o WHERE o.pbx = files.pbx AND o.callid = q.callid
            )
    )
);
