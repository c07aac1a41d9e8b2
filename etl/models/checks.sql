-- One count of bad rows per check (named as a user reads it), for one segment of calls; each marked fail (nothing is
-- published) or warn.
-- reach: its own month; "outbound" holds the outbound callids of all months at hand.

-- check: cada ingreso a cola está en el mes de su entrada | fail
SELECT COUNT(*) FROM :segment.core.queue_visits WHERE entered_epoch < :start OR entered_epoch >= :end;

-- check: cada llamada está en el mes de su entrada | fail
SELECT COUNT(*) FROM :segment.core.chained_calls WHERE entered_epoch < :start OR entered_epoch >= :end;

-- check: ingresos a cola: registradas = atendidas + abandonadas por causa | fail
SELECT COUNT(*) FROM :segment.core.queue_visits
WHERE
    (answered AND (is_open OR cause IS NOT NULL))
    OR (is_open AND cause IS NOT NULL)
    OR (NOT is_open AND NOT answered AND cause IS NULL);

-- check: llamadas: registradas = atendidas + abandonadas por causa | fail
SELECT COUNT(*) FROM :segment.core.chained_calls
WHERE
    (answered AND (is_open OR cause IS NOT NULL))
    OR (is_open AND cause IS NOT NULL)
    OR (NOT is_open AND NOT answered AND cause IS NULL);

-- check: ningún ingreso a cola está dos veces | fail
SELECT COUNT(*) - COUNT(DISTINCT pbx || chr(31) || callid || chr(31) || ordinal) FROM :segment.core.queue_visits
WHERE NOT alone;

-- check: ninguna duración es negativa | fail
SELECT COUNT(*) FROM :segment.core.queue_visits WHERE wait_seconds < 0 OR talk_seconds < 0;

-- check: cada línea de entrada abre un ingreso a cola | fail
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

-- check: las cuentas por espera suman los ingresos a cola y las llamadas | fail
SELECT ABS(
    (SELECT COALESCE(SUM(calls), 0) FROM :segment.core.counts)
    - (SELECT COUNT(*) FROM :segment.core.queue_visits)
    - (SELECT COUNT(*) FROM :segment.core.chained_calls)
) + ABS(
    (SELECT COALESCE(SUM(wait_seconds * calls), 0) FROM :segment.core.counts WHERE answered)
    - (SELECT COALESCE(SUM(wait_seconds), 0) FROM :segment.core.queue_visits WHERE answered)
    - (SELECT COALESCE(SUM(wait_seconds), 0) FROM :segment.core.chained_calls WHERE answered)
);

-- check: las cuentas por media hora suman las cuentas por espera | fail
SELECT ABS(
    (SELECT COALESCE(SUM(calls), 0) FROM :segment.core.half_hours)
    - (SELECT COALESCE(SUM(calls), 0) FROM :segment.core.counts WHERE NOT is_open)
) + ABS(
    (SELECT COALESCE(SUM(answered_within_20), 0) FROM :segment.core.half_hours)
    - (SELECT COALESCE(SUM(calls), 0) FROM :segment.core.counts WHERE answered AND wait_seconds <= 20)
) + ABS(
    (SELECT COALESCE(SUM(talked_seconds), 0) FROM :segment.core.half_hours)
    - (SELECT COALESCE(SUM(talk_seconds), 0) FROM :segment.core.counts WHERE answered)
);

-- check: cada sesión y cada pausa está en el mes de su inicio | fail
SELECT COUNT(*) FROM :segment.core.agent_spans
WHERE began_epoch < :start OR began_epoch >= :end OR ended_epoch < began_epoch;

-- check: nadie está más de media hora en una media hora | fail
SELECT COUNT(*) FROM (
    SELECT agent FROM :segment.core.agent_half_hours
    GROUP BY on_date, half_hour, agent
    HAVING
        SUM(session_seconds) > 1800
        OR SUM(staffed_seconds) > SUM(session_seconds)
        OR SUM(busy_seconds) > SUM(staffed_seconds)
        OR SUM(with_session + with_activity) > 1
) AS impossible;
