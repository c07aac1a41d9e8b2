-- One row per leg of a call of the month, however many files and tables tell it.
-- reach: its own month.
WITH source AS (
    SELECT r.*, f.pbx, f.rank, f.place, f.file,
        ROW_NUMBER() OVER (PARTITION BY f.pbx, r.identity, f.file ORDER BY r.load, r.line) AS nth
    FROM :segment.raw.cdr AS r
    JOIN files AS f ON f.load = r.load
),

told AS (
    SELECT *,
        ROW_NUMBER() OVER (PARTITION BY pbx, identity, nth ORDER BY rank, place, load, line) AS copy,
        MAX(linkedid) OVER (PARTITION BY pbx, identity, nth) AS told_linkedid,
        MAX(sequence) OVER (PARTITION BY pbx, identity, nth) AS told_sequence,
        MAX(did_key) OVER (PARTITION BY pbx, identity, nth) AS told_did_key,
        MAX(context) OVER (PARTITION BY pbx, identity, nth) AS told_context
    FROM source
)

SELECT pbx, uniqueid, told_linkedid, told_sequence, started_epoch,
    DATE '1970-01-01' + CAST((started_epoch + (:zone_offset_seconds)) // 86400 AS INTEGER),
    src, src_digits, dst, dst_digits, dst_key, told_did_key, told_context, channel, dst_channel,
    last_app, queue, disposition, duration_seconds, billed_seconds, load, line
FROM told WHERE copy = 1
ORDER BY started_epoch, pbx, uniqueid, load, line
