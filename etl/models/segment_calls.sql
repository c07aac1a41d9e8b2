-- One file per month of calls: raw lines by month of their epoch, visits and calls by month of entry (America/La_Paz).
-- reach: its own month.
CREATE SCHEMA :segment.raw;

CREATE SCHEMA :segment.core;

CREATE SCHEMA :segment.meta;

-- One row per accepted line, its place in its file (the load tells the PBX), its event (a known one, or
-- else its name apart). order_epoch is the running maximum of epoch in the file.
CREATE TABLE :segment.raw.queue_log (
    load INTEGER,
    line INTEGER,
    epoch BIGINT,
    order_epoch BIGINT,
    callid VARCHAR USING COMPRESSION dictionary,
    queue VARCHAR USING COMPRESSION dictionary,
    agent VARCHAR USING COMPRESSION dictionary,
    event :event_type,
    other_event VARCHAR USING COMPRESSION dictionary,
    data VARCHAR USING COMPRESSION fsst,
    kind UTINYINT,
    hold_seconds INTEGER,
    talk_seconds INTEGER
);

-- One row per line that another file already holds; identity is the MD5 of the line with pseudonyms.
CREATE TABLE :segment.raw.duplicates (
    load INTEGER,
    line INTEGER,
    pbx VARCHAR,
    epoch BIGINT,
    order_epoch BIGINT,
    identity VARCHAR
);

-- One row per accepted line of a table that a source of more facts tells too: not counted, and kept for when that
-- source is taken out again. The columns are those of queue_log.
CREATE TABLE :segment.raw.overlaid (
    load INTEGER,
    line INTEGER,
    epoch BIGINT,
    order_epoch BIGINT,
    callid VARCHAR,
    queue VARCHAR,
    agent VARCHAR,
    event :event_type,
    other_event VARCHAR,
    data VARCHAR,
    kind UTINYINT,
    hold_seconds INTEGER,
    talk_seconds INTEGER
);

-- One row per queue visit (callid, queue, n-th entry). alone: the only visit of its callid. What follows from these columns
-- alone (registered, counted, the instants) is added by the readers' view. caller: the beginning of the number's
-- pseudonym, as a number; none where it is unknown or withheld. position, last_position: places in the queue at the entry
-- and at leaving it unanswered. ring_seconds: how long the telephone of who answered rang, where the log tells it.
CREATE TABLE :segment.core.queue_visits (
    pbx VARCHAR USING COMPRESSION dictionary,
    callid VARCHAR USING COMPRESSION dictionary,
    ordinal INTEGER,
    alone BOOLEAN,
    queue VARCHAR USING COMPRESSION dictionary,
    did VARCHAR USING COMPRESSION dictionary,
    agent VARCHAR USING COMPRESSION dictionary,
    person VARCHAR USING COMPRESSION dictionary,
    service VARCHAR USING COMPRESSION dictionary,
    entered_epoch BIGINT,
    entered_date DATE,
    answered BOOLEAN,
    is_open BOOLEAN,
    cause VARCHAR USING COMPRESSION dictionary,
    wait_seconds INTEGER,
    talk_seconds INTEGER,
    outcome_event :event_type,
    ended_epoch BIGINT,
    reconstructed BOOLEAN,
    enter_load INTEGER,
    enter_line INTEGER,
    connect_load INTEGER,
    connect_line INTEGER,
    end_load INTEGER,
    end_line INTEGER,
    caller UBIGINT,
    position USMALLINT,
    last_position USMALLINT,
    transfer_kind VARCHAR USING COMPRESSION dictionary,
    transfer_context VARCHAR USING COMPRESSION dictionary,
    transferred_to VARCHAR USING COMPRESSION dictionary,
    ring_seconds USMALLINT
);

-- One row per line call (unit 'line') or caller's call (unit 'call') of a callid with several visits.
CREATE TABLE :segment.core.chained_calls (
    unit VARCHAR,
    pbx VARCHAR,
    callid VARCHAR,
    ordinal INTEGER,
    service VARCHAR,
    entered_epoch BIGINT,
    entered_date DATE,
    visits INTEGER,
    answered BOOLEAN,
    is_open BOOLEAN,
    cause VARCHAR,
    wait_seconds INTEGER,
    talk_seconds INTEGER,
    outcome_event :event_type,
    ended_epoch BIGINT,
    did VARCHAR,
    caller UBIGINT,
    position USMALLINT,
    transfer_kind VARCHAR,
    transferred_to VARCHAR
);

-- One row per part, day of entry, line, outcome, cause and second of wait: how many calls, how many of them have a known
-- talk, and its sum. Parts: 'alone' (visits that are their callid's only one, and so its line call and caller's call),
-- 'visit' (the other visits), 'line' and 'call' (those of chained_calls). It says nothing that they do not.
CREATE TABLE :segment.core.counts (
    part VARCHAR,
    entered_date DATE,
    service VARCHAR,
    answered BOOLEAN,
    is_open BOOLEAN,
    cause VARCHAR,
    wait_seconds INTEGER,
    calls INTEGER,
    talks INTEGER,
    talk_seconds BIGINT
);

-- One row per part (as in counts), day, half hour of entry (0 to 47) and line: registered calls, how many were answered,
-- how many answered have a known wait and talk, their sums, the longest wait, and how many were answered within 10, 11
-- ... 60 seconds.
CREATE TABLE :segment.core.half_hours (
    part VARCHAR,
    entered_date DATE,
    half_hour UTINYINT,
    service VARCHAR,
    calls INTEGER,
    answered_calls INTEGER,
    waits INTEGER,
    waited_seconds BIGINT,
    talks INTEGER,
    talked_seconds BIGINT,
    longest_wait INTEGER,
    :within_columns
);

-- One row per visit whose outcome rests on the cut-off or on a restart: the place of its callid's last event.
CREATE TABLE :segment.core.unsettled_visits (
    pbx VARCHAR,
    callid VARCHAR,
    ordinal INTEGER,
    entered_epoch BIGINT,
    last_order_epoch BIGINT,
    last_load INTEGER,
    last_line INTEGER
);

-- One row per hour that the logs cover.
CREATE TABLE :segment.core.log_hours (pbx VARCHAR, hour_local TIMESTAMP, lines BIGINT);

-- One row per day and queue named in the logs.
CREATE TABLE :segment.core.log_queues (pbx VARCHAR, log_date DATE, queue VARCHAR, lines BIGINT);

-- One row per finding: what was counted by a rule for odd data.
CREATE TABLE :segment.meta.findings (
    kind VARCHAR,
    pbx VARCHAR,
    callid VARCHAR,
    queue VARCHAR,
    found_epoch BIGINT,
    load INTEGER,
    line INTEGER
);

-- One row per line that the fold could not place: set aside, kept in raw.queue_log for when its entry arrives.
CREATE TABLE :segment.meta.strays (pbx VARCHAR, callid VARCHAR, epoch BIGINT, load INTEGER, line INTEGER, reason VARCHAR);

-- One row per stretch that the log tells of one operator's spelling: a login or the membership of a queue (what
-- 'session'), a pause of one queue or of all ('pause'), the time after a call ('wrapup'). ended_epoch is NULL where
-- nothing within 31 days ends it. In the month it began; sessions and pauses of persons are put together from these.
CREATE TABLE :segment.core.agent_spans (
    pbx VARCHAR,
    agent VARCHAR,
    queue VARCHAR,
    what VARCHAR,
    reason VARCHAR,
    began_epoch BIGINT,
    began_by VARCHAR,
    ended_epoch BIGINT,
    ended_by VARCHAR,
    load INTEGER,
    line INTEGER,
    end_load INTEGER,
    end_line INTEGER
);

-- One row per day, half hour (0 to 47), person and reason of pause (NULL: not paused): seconds in session, paused,
-- busy and at work (busy or available) in session, talking wherever, calls connected; with_session and with_activity
-- are 1 in one row of each person and half hour.
CREATE TABLE :segment.core.agent_half_hours (
    on_date DATE,
    half_hour UTINYINT,
    agent VARCHAR,
    reason VARCHAR,
    session_seconds INTEGER,
    ruled_seconds INTEGER,
    paused_seconds INTEGER,
    busy_seconds INTEGER,
    staffed_seconds INTEGER,
    talked_seconds INTEGER,
    connected INTEGER,
    with_session UTINYINT,
    with_activity UTINYINT
);

-- One row per day, half hour, queue and operator's spelling: rings without answer, and how long they rang.
CREATE TABLE :segment.core.agent_rings (
    on_date DATE,
    half_hour UTINYINT,
    queue VARCHAR,
    agent VARCHAR,
    rings INTEGER,
    ring_milliseconds BIGINT
);
